/** A connection that has to wait: for a pause, for bandwidth, for places, for its own command. Nothing overtakes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BACKLOG_BYTES_MAX, PENDING_PLACES_MAX, WRITE_BACKLOG_BYTES_MAX } from '../../src/base/limits.ts';
import { LaterBackend, World, warmUp, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

describe('a long turn', () => {
  it('of expensive commands ends after a while, others are served, and then it goes on in order', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    let cost_ms = 0;
    const { monotonicMs } = world.clock;
    // Every look at the clock finds that time has passed.
    vi.spyOn(world.clock, 'monotonicMs').mockImplementation(() => {
      world.clock.now += cost_ms;
      return monotonicMs.call(world.clock);
    });
    cost_ms = 2;
    ann.socket.deliver(Buffer.concat(Array.from({ length: 20 }, (_, i) => wire('ECHO', `ann ${i}`))));
    const atFirst = ann.socket.text();
    expect(atFirst).toContain('ann 0');
    expect(atFirst).not.toContain('ann 19');
    bob.socket.deliver(wire('ECHO', 'bob'));
    expect(bob.socket.text()).toBe('$3\r\nbob\r\n');
    let rest = '';
    for (let turn = 0; turn < 20; turn++) {
      world.turn(ann);
      rest += ann.socket.text();
    }
    const answers = Array.from((atFirst + rest).matchAll(/ann \d+/g), ([answer]) => answer);
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `ann ${i}`));
    expect(ann.socket.isPaused).toBe(false);
  });
});

describe('CLIENT PAUSE', () => {
  it('ALL holds every command, and what is behind it, until its time is over', () => {
    world = new World().people();
    const ann = world.login('ann');
    const admin = world.login('admin');
    expect(world.ask(admin, 'CLIENT', 'PAUSE', '1000')).toBe('+OK\r\n');
    ann.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('INCR', 'a'), wire('PING')]));
    world.send(ann, 'INCR', 'a');
    world.pass(900);
    world.turn(ann);
    expect(ann.socket.text()).toBe('');
    expect(ann.socket.isPaused).toBe(true);
    world.pass(200);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+OK\r\n:2\r\n+PONG\r\n:3\r\n');
    expect(ann.socket.isPaused).toBe(false);
  });

  it('WRITE lets reads go on, up to the first write', () => {
    world = new World().people();
    const ann = world.login('ann');
    const admin = world.login('admin');
    world.ask(admin, 'CLIENT', 'PAUSE', '1000', 'WRITE');
    ann.socket.deliver(Buffer.concat([wire('GET', 'a'), wire('SET', 'a', '1'), wire('GET', 'a')]));
    world.turn(ann);
    expect(ann.socket.text()).toBe('$-1\r\n');
    expect(world.ask(admin, 'CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    world.turn(ann);
    expect(ann.socket.text()).toBe('+OK\r\n$1\r\n1\r\n');
  });

  it('that ends inside a pipeline neither takes away nor gives away replies', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    const admin = world.login('admin');
    world.ask(admin, 'CLIENT', 'PAUSE', '1000');
    world.send(ann, 'ECHO', 'of ann');
    world.send(bob, 'ECHO', 'of bob');
    admin.socket.deliver(
      Buffer.concat([wire('CLIENT', 'ID'), wire('CLIENT', 'UNPAUSE'), wire('ECHO', 'of the operator')]),
    );
    world.turn(admin, ann, bob);
    expect(admin.socket.text()).toBe(`:${admin.connection.id}\r\n+OK\r\n$15\r\nof the operator\r\n`);
    expect(ann.socket.text()).toBe('$6\r\nof ann\r\n');
    expect(bob.socket.text()).toBe('$6\r\nof bob\r\n');
  });

  it('that is over is noticed by whoever comes first, without harm to their pipeline', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    world.core.clients.startPause(50, false);
    world.send(ann, 'ECHO', 'of ann');
    world.clock.now += 60;
    bob.socket.deliver(Buffer.concat([wire('AUTH', 'bob', 'pw'), wire('ECHO', 'of bob')]));
    world.turn(ann, bob);
    expect(bob.socket.text()).toBe('+OK\r\n$6\r\nof bob\r\n');
    expect(ann.socket.text()).toBe('$6\r\nof ann\r\n');
  });

  it('uses up neither CLIENT REPLY SKIP nor a token of the rate', () => {
    world = new World().people();
    world.tenant('t1', { commandsPerSecond: 4 });
    const ann = world.login('ann');
    world.pass(1000);
    expect(world.ask(ann, 'CLIENT', 'REPLY', 'SKIP')).toBe('');
    world.core.clients.startPause(100, false);
    world.send(ann, 'ECHO', 'skipped');
    world.core.clients.endPause();
    world.turn(ann);
    expect(ann.socket.text()).toBe('');
    for (let left = 2; left > 0; left--) expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
    expect(world.ask(ann, 'PING')).toMatch(
      /^-BUSY command rate limit of your tenant exceeded, retry after \d+ ms\r\n$/,
    );
  });

  it('is felt again by what was held, when the next one begins before it runs', () => {
    world = new World().people();
    const ann = world.login('ann');
    world.core.clients.startPause(1000, false);
    world.send(ann, 'PING');
    world.core.clients.endPause();
    world.core.clients.startPause(1000, false);
    world.turn(ann);
    expect(ann.socket.text()).toBe('');
    world.pass(1100);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
  });

  it('holds nobody who closes meanwhile', () => {
    world = new World().people();
    const ann = world.login('ann');
    world.core.clients.startPause(1000, false);
    world.send(ann, 'SET', 'a', '1');
    ann.socket.hangUp();
    world.core.clients.endPause();
    world.turn(ann);
    const again = world.login('ann');
    expect(world.ask(again, 'GET', 'a')).toBe('$-1\r\n');
    expect(world.closings().get(ann.connection.id)).toEqual(['client_closed']);
  });

  it('answers what was received before the client closed its half', () => {
    world = new World().people();
    const ann = world.login('ann');
    world.core.clients.startPause(1000, false);
    ann.socket.eagerChunks = 1;
    world.send(ann, 'SET', 'a', '1');
    world.send(ann, 'GET', 'a');
    world.send(ann, 'PING');
    ann.socket.finish();
    expect(ann.socket.isEnded).toBe(false);
    world.core.clients.endPause();
    world.turn(ann);
    expect(ann.socket.text()).toBe('+OK\r\n$1\r\n1\r\n+PONG\r\n');
    expect(ann.socket.isEnded).toBe(true);
    expect(world.closings().get(ann.connection.id)).toEqual(['client_closed']);
  });

  it('idles nobody away', () => {
    world = new World(undefined, { timeoutSeconds: 1 }).people();
    const ann = world.login('ann');
    world.core.clients.startPause(10_000, false);
    world.send(ann, 'PING');
    world.pass(5000);
    expect(ann.connection.state).toBe('open');
    world.core.clients.endPause();
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
    world.pass(900);
    expect(ann.connection.state).toBe('open');
    world.pass(1100);
    expect(world.closings().get(ann.connection.id)).toEqual(['idle_timeout']);
  });
});

describe('bandwidth', () => {
  it('of replies is paid back before anything more is read, however long that takes', () => {
    world = new World().people();
    world.tenant('t1', { bytesOutPerSecond: 1000 });
    const ann = world.login('ann');
    world.ask(ann, 'SET', 'a', 'v'.repeat(5000));
    world.ask(ann, 'GET', 'a');
    world.send(ann, 'PING');
    world.pass(3500);
    world.turn(ann);
    expect(ann.socket.text()).toBe('');
    world.pass(1500);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
  });

  it('of requests holds the next chunk, and a budget that is lifted lets go within a second', () => {
    world = new World().people();
    world.tenant('t1', { bytesInPerSecond: 1000 });
    const ann = world.login('ann');
    expect(world.ask(ann, 'SET', 'a', 'v'.repeat(60_000))).toBe('+OK\r\n');
    world.send(ann, 'PING');
    world.pass(5000);
    expect(ann.socket.text()).toBe('');
    world.tenant('t1');
    world.pass(1100);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
  });

  it('is nothing that the neighbours pay for', () => {
    world = new World().people();
    world.tenant('t1', { bytesInPerSecond: 1000 });
    const ann = world.login('ann');
    const bob = world.login('bob');
    world.ask(ann, 'SET', 'a', 'v'.repeat(60_000));
    expect(world.ask(bob, 'PING')).toBe('+PONG\r\n');
    expect(bob.socket.isPaused).toBe(false);
  });
});

describe('places', () => {
  it('are bounded: past them the socket is not read, and nothing is lost', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    const count = 3 * PENDING_PLACES_MAX;
    client.socket.deliver(Buffer.concat(Array.from({ length: count }, () => wire('INCR', 'n'))));
    expect(client.connection.waitingReplies).toBeLessThanOrEqual(PENDING_PLACES_MAX + 1);
    expect(client.socket.isPaused).toBe(true);
    for (let round = 0; backend.owed.length > 0 && round < count; round++) {
      backend.answerAll();
      world.turn(client);
    }
    const replies = client.socket.text().split('\r\n');
    expect(replies.slice(0, 3)).toEqual([':1', ':2', ':3']);
    expect(replies.at(-2)).toBe(`:${count}`);
    expect(client.socket.isPaused).toBe(false);
  });

  it('do not let large replies pile up behind one that is late', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    // As small replies came before, thousands of places may be open.
    warmUp(world, client, backend);
    const value = 'v'.repeat(100_000);
    const requests = [wire('GET', 'late'), ...Array.from({ length: 200 }, () => wire('ECHO', value))];
    client.socket.deliver(Buffer.concat(requests));
    expect(client.connection.outputBytes).toBeLessThan(WRITE_BACKLOG_BYTES_MAX + 200_000);
    expect(client.socket.isPaused).toBe(true);
    backend.answerAll();
    world.turn(client);
    expect(client.socket.read().length).toBe(5 + 200 * (value.length + 11));
    expect(client.socket.isPaused).toBe(false);
  });

  it('that leave together are whole, whatever the largest reply of some tenant is', () => {
    const backend = new LaterBackend();
    world = new World(backend).people();
    world.tenant('t1', { largestReplyBytes: 100 });
    const ann = world.login('ann');
    const bob = world.login('bob');
    warmUp(world, bob, backend);
    warmUp(world, ann, backend);
    world.send(bob, 'SET', 'a', 'v'.repeat(50_000));
    bob.socket.deliver(Buffer.concat(Array.from({ length: 4 }, () => wire('GET', 'a'))));
    // The one who ran last has left its bound in the writer that all share.
    expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
    backend.answerAll();
    world.turn(bob);
    expect(bob.socket.read().length).toBe(5 + 4 * (8 + 50_000 + 2));
    const many = Array.from({ length: 3000 }, () => wire('ECHO', 'x'.repeat(40)));
    ann.socket.deliver(Buffer.concat([wire('GET', 'late'), ...many]));
    backend.answerAll();
    world.turn(ann);
    expect(ann.socket.read().length).toBe(5 + 3000 * 47);
  });

  it('hold a reply to the bound of its tenant, from the request behind AUTH on', () => {
    world = new World().people();
    world.tenant('t1', { largestReplyBytes: 100 });
    const ann = world.connect();
    ann.socket.deliver(Buffer.concat([wire('AUTH', 'ann', 'pw'), wire('ECHO', 'v'.repeat(200)), wire('PING')]));
    world.turn(ann);
    expect(ann.socket.text()).toBe('+OK\r\n-ERR reply exceeds the largest reply allowed\r\n+PONG\r\n');
  });
});

describe('a command that waits', () => {
  it('lets nothing pass, and keeps what comes in bounds', () => {
    world = new World().open();
    const client = world.connect();
    client.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('WAIT', '1', '5000'), wire('INCR', 'a')]));
    const chunk = wire('ECHO', 'x'.repeat(10_000));
    for (let i = 0; i < 100; i++) client.socket.deliver(chunk);
    world.turn(client);
    expect(client.socket.text()).toBe('+OK\r\n');
    expect(client.connection.queryBytes).toBeGreaterThan(BACKLOG_BYTES_MAX);
    expect(client.connection.queryBytes).toBeLessThan(BACKLOG_BYTES_MAX + 2 * chunk.length);
    expect(client.socket.unreadChunks).toBeGreaterThan(90);
    world.pass(5000);
    world.turn(client);
    const replies = client.socket.text();
    expect(replies.startsWith(':0\r\n:2\r\n$10000\r\n')).toBe(true);
    expect(replies.length).toBe(8 + 100 * (10_000 + 10));
  });

  it('is answered at the end of the process, and so is everything behind it', async () => {
    world = new World().open();
    const client = world.connect();
    world.send(client, 'WAIT', '1', '0');
    world.send(client, 'SET', 'a', '1');
    world.send(client, 'WAIT', '1', '0');
    world.send(client, 'GET', 'a');
    const drained = world.gateway.drain();
    await world.passAsync(500);
    await drained;
    expect(client.socket.text()).toBe(':0\r\n+OK\r\n:0\r\n$1\r\n1\r\n');
    expect(world.closings().get(client.connection.id)).toEqual(['shutdown']);
  });

  it('is not idle', () => {
    world = new World(undefined, { timeoutSeconds: 1 }).open();
    const client = world.connect();
    world.send(client, 'WAIT', '1', '0');
    world.pass(5000);
    expect(client.connection.state).toBe('open');
  });

  it('ends with its client, and its place is nobody’s', () => {
    world = new World().open();
    const client = world.connect();
    world.send(client, 'WAIT', '1', '1000');
    client.socket.finish();
    expect(client.socket.isDestroyed).toBe(true);
    world.pass(2000);
    world.turn(client);
    expect(client.socket.misuse).toEqual([]);
    expect(client.socket.text()).toBe('');
  });
});
