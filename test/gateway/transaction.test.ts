/** MULTI, EXEC, DISCARD and WATCH on one connection and between several: nothing of them outlives what ends it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TRANSACTION_BYTES_MAX } from '../../src/base/limits.ts';
import { bulk, fieldOf, heardBy } from './messages.ts';
import { type Client, LaterBackend, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';
const ALL = ['on', '>pw', '~*', '&*', '+@all'] as const;

/** Sends all of them in one piece. */
function pipeline(client: Client, ...requests: readonly (readonly string[])[]): string {
  client.socket.deliver(Buffer.concat(requests.map((words) => wire(...words))));
  return heardBy(world, client);
}

function queued(count: number): string {
  return `+OK\r\n${'+QUEUED\r\n'.repeat(count)}`;
}

function connectionsOf(name: string): number | undefined {
  return world.tenants.get(name)?.connections;
}

function queuedBytesOf(name: string): number | undefined {
  return world.tenants.get(name)?.queuedBytes;
}

describe('a transaction', () => {
  it('runs as one, with errors inside where they belong', () => {
    world = new World().open();
    const client = world.connect();
    const reply = pipeline(client, ['MULTI'], ['SET', 'a', 'x'], ['INCR', 'a'], ['GET', 'a'], ['EXEC'], ['PING']);
    expect(reply).toBe(
      `${queued(3)}*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n${bulk('x')}+PONG\r\n`,
    );
  });

  it('is given up as a whole when one command cannot be', () => {
    world = new World().open();
    const client = world.connect();
    for (const wrong of [['NOSUCH'], ['GET'], ['CONFIG', 'NOSUCH']]) {
      const reply = pipeline(client, ['MULTI'], ['SET', 'a', 'x'], wrong, ['SET', 'a', 'y'], ['EXEC'], ['GET', 'a']);
      const [refusal = ''] = reply.slice(queued(1).length).split('\r\n');
      expect(refusal).toMatch(/^-ERR/);
      expect(reply).toBe(`${queued(1)}${refusal}\r\n+QUEUED\r\n${ABORTED}$-1\r\n`);
    }
  });

  it('that will not run holds nothing more', () => {
    world = new World().people();
    const ann = world.login('ann');
    pipeline(ann, ['MULTI'], ['SET', 'a', 'x'], ['NOSUCH']);
    const held = queuedBytesOf('t1');
    expect(held).toBeGreaterThan(0);
    expect(pipeline(ann, ['SET', 'a', 'v'.repeat(100_000)], ['SET', 'b', 'w'])).toBe('+QUEUED\r\n+QUEUED\r\n');
    expect(queuedBytesOf('t1')).toBe(held);
    expect(world.ask(ann, 'EXEC')).toBe(ABORTED);
    expect(queuedBytesOf('t1')).toBe(0);
  });

  const endings: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ['EXEC', [['EXEC']]],
    ['DISCARD', [['DISCARD']]],
    ['RESET', [['RESET']]],
    ['QUIT', [['QUIT']]],
    ['a kill', [['CLIENT', 'KILL', 'ID', '1', 'SKIPME', 'no'], ['EXEC']]],
    ['an EXEC that aborts', [['NOSUCH'], ['EXEC']]],
    ['another login that is queued', [['AUTH', 'bob', 'pw'], ['GET', 'a'], ['EXEC']]],
  ];

  for (const [what, requests] of endings) {
    it(`and ${what}: what was queued is given back, and what was watched is watched no more`, () => {
      world = new World().people();
      const ann = world.login('ann');
      const other = world.login('ann');
      pipeline(ann, ['WATCH', 'a', 'b'], ['MULTI'], ['SET', 'a', 'v'.repeat(1000)]);
      expect(queuedBytesOf('t1')).toBeGreaterThan(1000);
      pipeline(ann, ...requests);
      expect(queuedBytesOf('t1')).toBe(0);
      expect(fieldOf(world, ann, 'multi')).toBe('-1');
      world.ask(other, 'DEL', 'a', 'b');
      ann.socket.hangUp();
      other.socket.hangUp();
      const { usedBytes } = world.backend.realmCounts(world.tenants.get('t1')?.number ?? 0);
      const { usedBytes: fresh } = world.backend.realmCounts(world.tenants.get('t2')?.number ?? 0);
      expect([connectionsOf('t1'), connectionsOf('t2')]).toEqual([0, 0]);
      // Both namespaces have had a database by now, or none; what is left over is what was watched.
      expect(usedBytes - fresh === 0 || fresh === 0).toBe(true);
    });
  }

  it('ends with a connection that is cut, half-closed or broken', () => {
    world = new World().people();
    for (const end of ['hangUp', 'finish', 'fail'] as const) {
      const ann = world.login('ann');
      pipeline(ann, ['WATCH', 'a'], ['MULTI'], ['SET', 'a', 'never']);
      ann.socket[end]();
      world.turn(ann);
      expect([queuedBytesOf('t1'), connectionsOf('t1')]).toEqual([0, 0]);
    }
    expect(world.ask(world.login('ann'), 'GET', 'a')).toBe('$-1\r\n');
  });

  it('runs when its client closes its half behind EXEC', () => {
    world = new World().people();
    const ann = world.login('ann');
    ann.socket.deliver(Buffer.concat([wire('MULTI'), wire('SET', 'a', '1'), wire('INCR', 'a'), wire('EXEC')]));
    ann.socket.finish();
    expect(heardBy(world, ann)).toBe(`${queued(2)}*2\r\n+OK\r\n:2\r\n`);
    expect(ann.socket.isEnded).toBe(true);
  });

  it('is judged anew at EXEC, command by command', () => {
    world = new World().people();
    const ann = world.login('ann');
    pipeline(ann, ['MULTI'], ['GET', 'a'], ['SET', 'b', '1'], ['PUBLISH', 'c', 'x'], ['PING']);
    const rules = ['on', '>pw', '~b', 'resetchannels', '&d', '+@all'];
    world.enter(world.user('ann', 't1', ...rules), world.user('admin', 'system', ...ALL));
    const reply = world.ask(ann, 'EXEC');
    expect(reply.split('\r\n')).toHaveLength(6);
    expect(reply).toMatch(
      /^\*4\r\n-NOPERM [^\r]*touch the specified keys[^\r]*\r\n\+OK\r\n-NOPERM [^\r]*channels[^\r]*\r\n\+PONG\r\n$/,
    );
  });

  it('of a user who is gone does not run', () => {
    world = new World().people();
    const ann = world.login('ann');
    pipeline(ann, ['MULTI'], ['SET', 'a', '1']);
    world.enter(world.user('admin', 'system', ...ALL), world.user('eve', 't1', ...ALL));
    world.send(ann, 'EXEC');
    expect([heardBy(world, ann), queuedBytesOf('t1')]).toEqual(['', 0]);
    expect(world.ask(world.login('eve'), 'GET', 'a')).toBe('$-1\r\n');
  });

  it('changes protocol, database, user and tenant for what is queued behind that', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    world.ask(bob, 'SET', 'whose', 'of bob');
    pipeline(
      ann,
      ['SET', 'whose', 'of ann'],
      ['MULTI'],
      ['GET', 'whose'],
      ['GET', 'no'],
      ['HELLO', '3', 'AUTH', 'bob', 'pw'],
    );
    const reply = pipeline(ann, ['GET', 'whose'], ['GET', 'no'], ['EXEC'], ['GET', 'whose']);
    expect(reply.startsWith('+QUEUED\r\n+QUEUED\r\n*5\r\n$6\r\nof ann\r\n$-1\r\n%')).toBe(true);
    expect(reply.endsWith('$6\r\nof bob\r\n_\r\n$6\r\nof bob\r\n')).toBe(true);
    expect([connectionsOf('t1'), connectionsOf('t2')]).toEqual([0, 2]);
  });

  it('stays within its bound, and what it holds is the tenant’s', () => {
    world = new World().people();
    const ann = world.login('ann');
    const value = 'v'.repeat(1024 * 1024);
    world.ask(ann, 'MULTI');
    let count = 0;
    while (world.ask(ann, 'SET', 'a', value) === '+QUEUED\r\n' && count < 100) count++;
    expect(count).toBe(63);
    expect(queuedBytesOf('t1')).toBeLessThanOrEqual(TRANSACTION_BYTES_MAX);
    expect(Number(fieldOf(world, ann, 'multi-mem'))).toBe(queuedBytesOf('t1'));
    expect(world.ask(ann, 'EXEC')).toBe(ABORTED);
  });

  it('may not queue more than the tenant has left, together with those of its other connections', () => {
    world = new World().people();
    const t1 = world.tenant('t1');
    world.backend.configureRealm(t1.number, {
      name: 't1',
      limitBytes: 300_000,
      policy: 'noeviction',
      valueBytesMax: 0,
    });
    const clients = [world.login('ann'), world.login('ann')];
    const value = 'v'.repeat(50_000);
    let refused = 0;
    for (const client of clients) world.ask(client, 'MULTI');
    for (let i = 0; i < 8; i++) {
      for (const client of clients) if (world.ask(client, 'ECHO', value).startsWith('-OOM')) refused++;
    }
    expect(queuedBytesOf('t1')).toBeLessThan(300_000);
    expect(refused).toBeGreaterThan(0);
    for (const client of clients) expect(world.ask(client, 'EXEC')).toBe(ABORTED);
  });

  it('is put off as a whole by a pause of writes, when it would write', () => {
    world = new World().people();
    const ann = world.login('ann');
    const reader = world.login('ann');
    pipeline(ann, ['MULTI'], ['SET', 'a', '1'], ['GET', 'a']);
    pipeline(reader, ['MULTI'], ['GET', 'a']);
    world.core.clients.startPause(1000, true);
    world.send(ann, 'EXEC');
    expect(heardBy(world, ann)).toBe('');
    expect(world.ask(reader, 'EXEC')).toBe('*1\r\n$-1\r\n');
    world.pass(1100);
    expect(heardBy(world, ann)).toBe(`*2\r\n+OK\r\n${bulk('1')}`);
  });

  it('keeps its replies in step with CLIENT REPLY', () => {
    world = new World().open();
    const client = world.connect();
    const reply = pipeline(
      client,
      ['CLIENT', 'REPLY', 'OFF'],
      ['MULTI'],
      ['SET', 'a', '1'],
      ['EXEC'],
      ['CLIENT', 'REPLY', 'ON'],
      ['MULTI'],
      ['INCR', 'a'],
      ['CLIENT', 'REPLY', 'SKIP'],
      ['EXEC'],
      ['PING'],
      ['PING', 'x'],
    );
    expect(reply.startsWith(`+OK\r\n${queued(2)}`)).toBe(true);
    expect(reply.endsWith(bulk('x'))).toBe(true);
  });

  it('and a bug in one of its commands ends its connection, and nobody else hears of it', () => {
    world = new World().open();
    const [client, other] = [world.connect(), world.connect()];
    const echo = world.core.table.named('echo');
    const run = vi.spyOn(echo as { runSession: (...rest: never[]) => void }, 'runSession').mockImplementation(() => {
      throw new Error('oh no');
    });
    const reply = pipeline(client, ['MULTI'], ['SET', 'a', '1'], ['ECHO', 'x'], ['EXEC'], ['PING']);
    run.mockRestore();
    expect(reply).toMatch(/^\+OK\r\n\+QUEUED\r\n\+QUEUED\r\n-ERR [^\r]*\r\n$/);
    expect(world.closings().get(client.connection.id)).toEqual(['internal_error']);
    expect(client.connection.session.isInTransaction).toBe(false);
    expect(world.ask(other, 'PING')).toBe('+PONG\r\n');
  });
});

describe('a transaction during which its connection must be closed', () => {
  it('runs to its end, and then it is closed, and no login of it counts for ever', () => {
    world = new World(undefined, {
      outputLimits: {
        normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
        pubsub: { hardBytes: 300_000, softBytes: 0, softSeconds: 0 },
        replica: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
      },
    }).people();
    const ann = world.login('ann');
    world.ask(ann, 'HELLO', '3');
    world.ask(ann, 'SUBSCRIBE', 'c');
    const loud = ['PUBLISH', 'c', 'x'.repeat(200_000)];
    const quiet = Array.from({ length: 5 }, () => loud);
    pipeline(
      ann,
      ['MULTI'],
      ['SET', 'before', '1'],
      ...quiet,
      ['AUTH', 'ann', 'pw'],
      ['SUBSCRIBE', 'd'],
      ['SET', 'after', '1'],
    );
    world.send(ann, 'EXEC');
    world.turn(ann);
    expect(world.closings().get(ann.connection.id)).toEqual(['output_buffer_limit']);
    expect(connectionsOf('t1')).toBe(0);
    expect(ann.socket.misuse).toEqual([]);
    const again = world.login('ann');
    expect(world.ask(again, 'MGET', 'before', 'after')).toBe(`*2\r\n${bulk('1')}${bulk('1')}`);
    expect(world.ask(again, 'PUBLISH', 'd', 'x')).toBe(':0\r\n');
  });
});

describe('watched keys', () => {
  const changes: readonly (readonly string[])[] = [
    ['SET', 'w', '2'],
    ['DEL', 'w'],
    ['FLUSHALL'],
    ['FLUSHDB', 'ASYNC'],
    ['SWAPDB', '0', '1'],
    ['EXPIRE', 'w', '0'],
    ['PEXPIRE', 'w', '100'],
    ['RENAME', 'w', 'v'],
    ['MOVE', 'w', '1'],
  ];
  for (const change of changes) {
    it(`that meet ${change.join(' ')} let the transaction not run, and the next one does`, () => {
      world = new World().open();
      const [client, other] = [world.connect(), world.connect()];
      pipeline(client, ['SET', 'w', '1'], ['WATCH', 'w'], ['MULTI'], ['SET', 'mine', '1']);
      world.ask(other, ...change);
      expect(world.ask(client, 'EXEC')).toBe('*-1\r\n');
      expect(pipeline(client, ['MULTI'], ['EXISTS', 'mine'], ['EXEC'])).toBe(`${queued(1)}*1\r\n:0\r\n`);
    });
  }

  it('whose time is over by EXEC have changed, though nobody has looked', () => {
    world = new World().open();
    const client = world.connect();
    // The shard's clock is the machine's.
    pipeline(client, ['SET', 'w', '1', 'PXAT', `${Date.now() + 3}`], ['WATCH', 'w'], ['MULTI'], ['PING']);
    const until_ms = Date.now() + 10;
    while (Date.now() < until_ms);
    expect(world.ask(client, 'EXEC')).toBe('*-1\r\n');
  });

  it('that were written and are read only, or changed by nobody, do no harm', () => {
    world = new World().open();
    const [client, other] = [world.connect(), world.connect()];
    pipeline(client, ['SET', 'w', '1'], ['WATCH', 'w', 'none'], ['MULTI'], ['PING']);
    for (const words of [
      ['GET', 'w'],
      ['DEL', 'none'],
      ['SETNX', 'w', '2'],
      ['TOUCH', 'w'],
      ['SWAPDB', '3', '4'],
    ]) {
      world.ask(other, ...words);
    }
    expect(world.ask(client, 'EXEC')).toBe('*1\r\n+PONG\r\n');
  });

  it('of another tenant are none of this one’s business', () => {
    world = new World().people();
    const [ann, bob] = [world.login('ann'), world.login('bob')];
    pipeline(ann, ['WATCH', 'w'], ['MULTI'], ['PING']);
    pipeline(bob, ['SET', 'w', '1'], ['FLUSHALL']);
    expect(world.ask(ann, 'EXEC')).toBe('*1\r\n+PONG\r\n');
    pipeline(ann, ['WATCH', 'w'], ['AUTH', 'bob', 'pw'], ['MULTI'], ['PING']);
    world.ask(bob, 'SET', 'w', '2');
    expect(world.ask(ann, 'EXEC')).toBe('*1\r\n+PONG\r\n');
  });
});

describe('a transaction in a pool', () => {
  function pooled(): { backend: LaterBackend; client: Client } {
    const backend = new LaterBackend();
    world = new World(backend).people();
    return { backend, client: world.login('ann') };
  }

  function answered(backend: LaterBackend, client: Client): string {
    backend.answerAll();
    return heardBy(world, client);
  }

  it('weaves what runs here into what the shard has answered', () => {
    const { backend, client } = pooled();
    const other = world.login('ann');
    world.ask(other, 'SUBSCRIBE', 'c');
    pipeline(
      client,
      ['MULTI'],
      ['PING'],
      ['SET', 'a', '1'],
      ['ECHO', 'x'],
      ['PUBLISH', 'c', 'm'],
      ['GET', 'a'],
      ['GET', 'n'],
    );
    expect(pipeline(client, ['EXEC'], ['PING', 'behind'])).toBe('+QUEUED\r\n'.repeat(0));
    expect(heardBy(world, other)).toBe('');
    expect(answered(backend, client)).toBe(
      `*6\r\n+PONG\r\n+OK\r\n${bulk('x')}:1\r\n${bulk('1')}$-1\r\n${bulk('behind')}`,
    );
    expect(heardBy(world, other)).toContain('message');
  });

  it('reads the number behind SELECT as SELECT does', () => {
    const { backend, client } = pooled();
    for (const number of ['0x1', ' 1', '1e0', '+1', '01', '', '16', '-1']) {
      pipeline(client, ['MULTI'], ['SELECT', number], ['SET', 'where', 'here'], ['EXEC']);
      expect(answered(backend, client), number).toMatch(/^\*2\r\n-ERR [^\r]*\r\n\+OK\r\n$/);
      world.send(client, 'DEL', 'where');
      expect(answered(backend, client), number).toBe(':1\r\n');
    }
    pipeline(client, ['MULTI'], ['SELECT', '1'], ['SET', 'where', 'there'], ['EXEC'], ['GET', 'where']);
    backend.answerAll();
    world.turn(client);
    expect(answered(backend, client)).toBe(`*2\r\n+OK\r\n+OK\r\n${bulk('there')}`);
  });

  it('refuses what would change who asks, and runs the rest', () => {
    const { backend, client } = pooled();
    for (const words of [
      ['AUTH', 'bob', 'pw'],
      ['HELLO', '3'],
      ['CLIENT', 'TRACKING', 'ON'],
    ]) {
      pipeline(client, ['MULTI'], words, ['SET', 'a', '1'], ['EXEC']);
      expect(answered(backend, client)).toMatch(/^\*2\r\n-ERR [^\r]*\r\n\+OK\r\n$/);
    }
    expect(connectionsOf('t1')).toBe(1);
  });

  it('holds what it queued until the shard has answered, and not longer', () => {
    const { backend, client } = pooled();
    pipeline(client, ['MULTI'], ['SET', 'a', 'v'.repeat(10_000)], ['EXEC']);
    expect(queuedBytesOf('t1')).toBeGreaterThan(10_000);
    client.socket.hangUp();
    backend.answerAll();
    world.turn();
    expect([queuedBytesOf('t1'), connectionsOf('t1')]).toEqual([0, 0]);
    expect(client.socket.misuse).toEqual([]);
  });

  it('is waited for by who closes its half, and by RESET behind it', () => {
    const { backend, client } = pooled();
    client.socket.deliver(Buffer.concat([wire('MULTI'), wire('SET', 'a', '1'), wire('EXEC'), wire('RESET')]));
    client.socket.finish();
    expect(heardBy(world, client)).toBe(queued(1));
    expect(answered(backend, client)).toBe('*1\r\n+OK\r\n+RESET\r\n');
    expect(client.socket.isEnded).toBe(true);
  });

  it('is not blocked: nobody unblocks it', () => {
    const { backend, client } = pooled();
    const other = world.login('ann');
    pipeline(client, ['MULTI'], ['SET', 'a', '1'], ['EXEC']);
    expect(world.ask(other, 'CLIENT', 'UNBLOCK', `${client.connection.id}`)).toBe(':0\r\n');
    expect(answered(backend, client)).toBe('*1\r\n+OK\r\n');
  });

  it('and a bug in what runs here ends one connection; others in the same batch are answered', () => {
    const { backend, client } = pooled();
    const other = world.login('ann');
    pipeline(client, ['MULTI'], ['SET', 'a', '1'], ['ECHO', 'x'], ['EXEC']);
    world.send(other, 'GET', 'a');
    const echo = world.core.table.named('echo');
    const run = vi.spyOn(echo as { runSession: (...rest: never[]) => void }, 'runSession').mockImplementation(() => {
      throw new Error('oh no');
    });
    backend.answerAll();
    run.mockRestore();
    expect(heardBy(world, client)).toMatch(/^-ERR [^\r]*\r\n$/);
    expect(heardBy(world, other)).toBe(bulk('1'));
    expect([world.core.counters.bugs, client.connection.session.isInTransaction]).toEqual([1, false]);
    expect(world.closings().get(client.connection.id)).toEqual(['internal_error']);
  });

  it('of a hundred thousand commands is made of little more than their bytes', () => {
    const { backend, client } = pooled();
    const count = 100_000;
    client.socket.deliver(
      Buffer.concat([wire('MULTI'), ...Array.from({ length: count }, () => wire('PING')), wire('EXEC')]),
    );
    const reply = answered(backend, client);
    expect(reply.length).toBe(queued(count).length + `*${count}\r\n`.length + count * '+PONG\r\n'.length);
  });
});
