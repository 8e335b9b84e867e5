/** Every way a connection ends: why, that it is told once, and that nothing of it is left. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { User } from '../../src/acl/user.ts';
import { Allowlist } from '../../src/base/cidr.ts';
import { LINGER_MS_MAX } from '../../src/base/limits.ts';
import type { Backend } from '../../src/command/ports/backend.ts';
import { type Client, LaterBackend, VIEW, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

/** Logged once, counted once, off every list, its socket released once. */
function expectEnded(client: Client, reason: Parameters<World['closed']>[0]): void {
  expect(world.closings().get(client.connection.id)).toEqual([reason]);
  expect(world.closed(reason)).toBe(1);
  expect(Array.from(world.core.counters.closed.values()).reduce((sum, count) => sum + count)).toBe(1);
  expect(Array.from(world.core.clients.all())).not.toContain(client.connection);
  expect(world.core.clients.fromAddress(client.connection.address)).toBe(0);
  expect(client.socket.misuse).toEqual([]);
  expect(client.connection.session.tenant).toBeUndefined();
  for (const tenant of world.tenants.all()) expect(tenant.connections).toBe(0);
}

describe('a connection ends once', () => {
  const endings: readonly [Parameters<World['closed']>[0], (client: Client) => void][] = [
    ['client_closed', ({ socket }) => socket.finish()],
    ['client_closed', ({ socket }) => socket.hangUp()],
    ['socket_error', ({ socket }) => socket.fail()],
    ['client_quit', (client) => world.send(client, 'QUIT')],
    ['killed', (client) => world.send(client, 'CLIENT', 'KILL', 'ID', String(client.connection.id), 'SKIPME', 'no')],
    ['protocol_error', ({ socket }) => socket.deliver(Buffer.from('*1\r\n!'))],
    ['cross_protocol', ({ socket }) => socket.deliver(Buffer.from('POST / HTTP/1.1\r\n'))],
    ['tls_on_plain_port', ({ socket }) => socket.deliver(Buffer.from([0x16, 0x03, 0x01, 0x00]))],
    ['user_removed', () => world.enter()],
    ['shutdown', () => world.gateway.cut()],
  ];
  it.each(endings)('as %s', (reason, end) => {
    world = new World().open();
    const client = world.connect();
    end(client);
    world.turn(client);
    // Whatever else may happen to a socket happens too, and is not told again.
    client.socket.emit('end');
    client.socket.emit('error', new Error('EPIPE'));
    client.socket.hangUp();
    client.socket.emit('data', wire('PING'));
    client.socket.emit('drain');
    client.connection.close('internal_error');
    client.connection.finish('internal_error');
    world.turn(client);
    world.gateway.cut();
    expectEnded(client, reason);
  });

  it('as query_buffer_limit, for a request without end', () => {
    world = new World(undefined, { queryBufferBytesMax: 10_000 }).open();
    const client = world.connect();
    client.socket.deliver(Buffer.from(`*2\r\n$4\r\nECHO\r\n$100000\r\n`));
    client.socket.deliver(Buffer.alloc(20_000));
    expectEnded(client, 'query_buffer_limit');
  });

  it('and a client that keeps its half open is let go after a while, with no timer left', () => {
    world = new World().open();
    const [quits, stays] = [world.connect(), world.connect()];
    const before = vi.getTimerCount();
    for (const client of [quits, stays]) world.send(client, 'QUIT');
    world.turn(quits, stays);
    expect([quits, stays].map(({ socket }) => socket.text())).toEqual(['+OK\r\n', '+OK\r\n']);
    quits.socket.finish();
    expect(vi.getTimerCount()).toBe(before + 1);
    expect(stays.socket.isDestroyed).toBe(false);
    world.pass(LINGER_MS_MAX);
    expect(stays.socket.isDestroyed).toBe(true);
    expect(vi.getTimerCount()).toBe(before);
  });

  it('and is read to its end even if it was held before, so that no reset takes the last reply away', () => {
    world = new World().open();
    const client = world.connect();
    world.core.clients.startPause(1000, false);
    client.socket.deliver(Buffer.concat([wire('PING'), wire('QUIT'), wire('PING')]));
    expect(client.socket.isPaused).toBe(true);
    world.core.clients.endPause();
    world.turn(client);
    expect(client.socket.text()).toBe('+PONG\r\n+OK\r\n');
    expect(client.socket.isPaused).toBe(false);
    client.socket.finish();
    expect(client.socket.isDestroyed).toBe(true);
  });
});

describe('time', () => {
  it('ends who does not say who they are', () => {
    world = new World(undefined, { authenticationTimeoutSeconds: 3 }).people();
    const stranger = world.connect();
    world.ask(stranger, 'AUTH', 'ann', 'wrong');
    const ann = world.login('ann', '10.0.0.8');
    world.pass(2900);
    expect(stranger.connection.state).toBe('open');
    world.pass(700);
    expect(world.closings().get(stranger.connection.id)).toEqual(['authentication_timeout']);
    expect(ann.connection.state).toBe('open');
  });

  it('begins anew with RESET, but not with every RESET of a stranger', () => {
    world = new World(undefined, { authenticationTimeoutSeconds: 3 }).people();
    const ann = world.login('ann');
    world.pass(60_000);
    world.ask(ann, 'RESET');
    world.pass(2000);
    expect(ann.connection.state).toBe('open');
    world.ask(ann, 'RESET');
    world.pass(1600);
    expect(world.closings().get(ann.connection.id)).toEqual(['authentication_timeout']);
  });

  it('ends who says nothing, from the last word or reply on', () => {
    world = new World(undefined, { timeoutSeconds: 2 }).people();
    const ann = world.login('ann');
    world.pass(1500);
    world.ask(ann, 'PING');
    world.pass(1900);
    expect(ann.connection.state).toBe('open');
    world.pass(700);
    expect(world.closings().get(ann.connection.id)).toEqual(['idle_timeout']);
  });

  it('is no end where it is 0', () => {
    world = new World(undefined, { timeoutSeconds: 0, authenticationTimeoutSeconds: 0 }).people();
    const ann = world.login('ann');
    const stranger = world.connect();
    world.pass(100_000);
    expect([ann, stranger].map(({ connection }) => connection.state)).toEqual(['open', 'open']);
  });
});

describe('a change of users', () => {
  it('ends the connections of who is gone, off, moved or shut out, at once', () => {
    world = new World().people();
    const { gateway } = world;
    const users = Array.from(world.acl.roster.users());
    const others = users.filter(({ name }) => name !== 'ann');
    const ends: readonly (() => void)[] = [
      () => world.enter(...others),
      () => world.enter(...others, world.user('ann', 't1', 'off', '>pw')),
      () => world.enter(...others, world.user('ann', 't1', 'on', '>other')),
      () => world.enter(...others, world.user('ann', 't2', 'on', '>pw', '+@all')),
      () => gateway.reconfigure({ ...VIEW, userAddresses: only('ann', '192.168.0.0/16') }, EVERYWHERE, EVERYWHERE),
    ];
    for (const [index, end] of ends.entries()) {
      world.enter(...users);
      gateway.reconfigure(VIEW, EVERYWHERE, EVERYWHERE);
      const [ann, bob] = [world.login('ann'), world.login('bob')];
      end();
      expect(world.closings().get(ann.connection.id), `way ${index}`).toEqual(['user_removed']);
      expect(bob.connection.state).toBe('open');
      bob.connection.close('killed');
    }
  });

  it('of permissions acts at the next command, behind those that are under way', () => {
    world = new World().people();
    const ann = world.login('ann');
    expect(world.ask(ann, 'SET', 'a', '1')).toBe('+OK\r\n');
    const users = Array.from(world.acl.roster.users()).filter(({ name }) => name !== 'ann');
    world.enter(...users, world.user('ann', 't1', 'on', '>pw', '~b*', '+get'));
    expect(world.ask(ann, 'SET', 'a', '1')).toMatch(/^-NOPERM.*'set'/);
    expect(world.ask(ann, 'GET', 'a')).toMatch(/^-NOPERM.*keys/);
    expect(world.ask(ann, 'GET', 'b')).toBe('$-1\r\n');
    expect(world.core.counters.of(world.tenants.get('t1')?.number ?? 0)).toMatchObject({
      deniedCommand: 1,
      deniedKey: 1,
    });
  });

  it('made by ACL SETUSER does not end who is logged in', () => {
    world = new World().people();
    const runtime = (...rules: string[]): User => ({
      ...world.user('eve', 't1', '+@all', '~*', ...rules),
      origin: 'runtime',
    });
    const users = Array.from(world.acl.roster.users());
    world.enter(...users, runtime('on', '>pw'));
    const eve = world.login('eve');
    world.enter(...users, runtime('off', '>pw'));
    expect(world.ask(eve, 'PING')).toBe('+PONG\r\n');
    expect(world.ask(world.connect(), 'AUTH', 'eve', 'pw')).toMatch(/^-WRONGPASS/);
  });

  it('that suspends a tenant ends everybody of it and nobody else', () => {
    world = new World().people();
    const [ann, bob, admin] = [world.login('ann'), world.login('bob'), world.login('admin')];
    world.tenant('t1', {}, true);
    world.gateway.reconfigure(VIEW, EVERYWHERE, EVERYWHERE);
    expect(world.closings().get(ann.connection.id)).toEqual(['user_removed']);
    expect([bob, admin].map(({ connection }) => connection.state)).toEqual(['open', 'open']);
    expect(world.ask(world.connect(), 'AUTH', 'ann', 'pw')).toMatch(/^-WRONGPASS/);
    world.tenant('t1');
    expect(world.login('ann').connection.state).toBe('open');
  });
});

const EVERYWHERE = { tls: undefined, plain: undefined };

function only(name: string, ...rules: string[]): typeof VIEW.userAddresses {
  const list = Allowlist.parse(rules);
  if (!list.ok) throw new Error('no allowlist');
  return new Map([[name, list.value]]);
}

describe('the end of the process', () => {
  it('answers all that was received, counts why, and takes no longer than it may', async () => {
    const backend = new LaterBackend();
    world = new World(backend, { drainTimeoutSeconds: 2 }).open();
    const [idle, late, stuck, quitting] = [world.connect(), world.connect(), world.connect(), world.connect()];
    late.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('GET', 'a'), wire('ECHO', 'x')]));
    stuck.socket.isSlow = true;
    world.send(stuck, 'GET', 'a');
    const drained = world.gateway.drain();
    let isOver = false;
    void drained.then(() => {
      isOver = true;
    });
    await world.passAsync(300);
    expect(idle.socket.isEnded).toBe(true);
    expect(late.socket.isEnded).toBe(false);
    backend.answer();
    backend.answer();
    await world.passAsync(100);
    world.turn(late);
    expect(late.socket.text()).toBe('+OK\r\n$1\r\n1\r\n$1\r\nx\r\n');
    expect(late.socket.isEnded).toBe(true);
    quitting.socket.hangUp();
    await world.passAsync(1000);
    expect(isOver).toBe(false);
    await world.passAsync(1000);
    expect(isOver).toBe(true);
    expect(stuck.socket.isDestroyed).toBe(true);
    expect(world.core.clients.count).toBe(0);
    expect(world.closed('shutdown')).toBe(4);
    expect(Array.from(world.closings().values())).toEqual([['shutdown'], ['shutdown'], ['shutdown'], ['shutdown']]);
  });

  it('answers no client that waits for data, as its time is not over, and runs nothing behind', async () => {
    world = new World().open();
    const [blocked, timed, pipelined, other] = [world.connect(), world.connect(), world.connect(), world.connect()];
    world.send(blocked, 'BLPOP', 'list', '0');
    world.send(timed, 'XREAD', 'BLOCK', '100000', 'STREAMS', 'stream', '$');
    pipelined.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('BZPOPMIN', 'z', '0'), wire('SET', 'a', '2')]));
    world.send(other, 'GET', 'a');
    const drained = world.gateway.drain();
    await world.passAsync(500);
    await drained;
    expect(blocked.socket.text()).toBe('');
    expect(timed.socket.text()).toBe('');
    expect(pipelined.socket.text()).toBe('+OK\r\n');
    expect(other.socket.text()).toBe('$1\r\n1\r\n');
    expect(Array.from(world.closings().values())).toEqual([['shutdown'], ['shutdown'], ['shutdown'], ['shutdown']]);
  });

  it('gives a client that waited what came for it before its wait was ended', async () => {
    world = new World().open();
    const [blocked, other] = [world.connect(), world.connect()];
    world.send(blocked, 'BLPOP', 'list', '0');
    const drained = world.gateway.drain();
    world.send(other, 'RPUSH', 'list', 'job');
    await world.passAsync(500);
    await drained;
    expect(blocked.socket.text()).toBe('*2\r\n$4\r\nlist\r\n$3\r\njob\r\n');
  });

  it('runs a command that would wait for data, received before the end and begun after, without an answer', async () => {
    world = new World().open();
    const client = world.connect();
    world.core.clients.startPause(100_000, false);
    client.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('BLPOP', 'list', '0'), wire('GET', 'a')]));
    const drained = world.gateway.drain();
    await world.passAsync(500);
    await drained;
    expect(client.socket.text()).toBe('+OK\r\n');
  });

  it('does not wait when there is nothing to wait for, and lets no pause delay it', async () => {
    world = new World().open();
    const client = world.connect();
    const timers = vi.getTimerCount();
    world.core.clients.startPause(100_000, false);
    world.send(client, 'SET', 'a', '1');
    const drained = world.gateway.drain();
    await world.passAsync(200);
    await drained;
    expect(client.socket.text()).toBe('+OK\r\n');
    // The ticker is gone, and the client may linger.
    expect(vi.getTimerCount()).toBe(timers);
    world.pass(LINGER_MS_MAX);
    expect(vi.getTimerCount()).toBe(timers - 1);
  });
});

/** A backend whose commands fail in a way nobody has thought of. */
function failing(backend: LaterBackend, fail: (replies: Parameters<Backend['run']>[5]) => void): Backend {
  const run = backend.run.bind(backend);
  backend.run = (command, request, keys, caller, out, replies) => {
    if (request.text(1) !== 'bad') return run(command, request, keys, caller, out, replies);
    out.simple('half of a reply');
    fail(replies);
    return true;
  };
  return backend;
}

describe('a bug in a command', () => {
  it('ends one connection with an error, in its place among the replies, and is counted', () => {
    const backend = new LaterBackend();
    failing(backend, () => {
      throw new TypeError('nobody thought of this');
    });
    world = new World(backend).open();
    const [client, other] = [world.connect(), world.connect()];
    client.socket.deliver(Buffer.concat([wire('SET', 'a', '1'), wire('GET', 'bad'), wire('SET', 'a', '2')]));
    backend.answerAll();
    world.turn(client);
    expect(client.socket.text()).toMatch(/^\+OK\r\n-ERR internal error[^\r]*\r\n$/);
    expect(client.socket.isEnded).toBe(true);
    expect(world.closings().get(client.connection.id)).toEqual(['internal_error']);
    expect(world.core.counters.bugs).toBe(1);
    expect(world.lines.filter(({ event }) => event === 'gateway.bug')).toHaveLength(1);
    world.send(other, 'GET', 'a');
    backend.answerAll();
    world.turn(other);
    expect(other.socket.text()).toBe('$1\r\n1\r\n');
  });

  it('after a place was taken leaves no connection that waits for ever', () => {
    const backend = new LaterBackend();
    failing(backend, (replies) => {
      replies.later();
      throw new TypeError('nobody thought of this either');
    });
    world = new World(backend).open();
    const client = world.connect();
    world.send(client, 'GET', 'bad');
    world.turn(client);
    expect(client.socket.text()).toMatch(/^-ERR internal error[^\r]*\r\n$/);
    expect(client.socket.isEnded).toBe(true);
  });

  it('that breaks an invariant is not survived', () => {
    const backend = new LaterBackend();
    failing(backend, () => {
      throw new Error('invariant broken: two entries in one place');
    });
    world = new World(backend).open();
    const client = world.connect();
    expect(() => world.send(client, 'GET', 'bad')).toThrow('invariant broken');
  });
});
