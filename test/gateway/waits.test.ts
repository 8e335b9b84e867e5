/** Connections whose command waits for data: whoever ends the wait, it is answered once, and nothing is lost. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bulk, heardBy, message } from './messages.ts';
import { type Client, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  world = new World().people();
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

const ALL = ['on', '>pw', '~*', '&*', '+@all'] as const;

function popped(key: string, element: string): string {
  return `*2\r\n${bulk(key)}${bulk(element)}`;
}

function blockedIn(tenant: string): number {
  return world.core.clients.blockedOf(world.tenants.get(tenant));
}

/** Keys that are waited for, and bytes that are used. */
function traces(tenant: string): readonly number[] {
  const { blockingKeys, trackedItems } = world.backend.realmCounts(world.tenants.get(tenant)?.number ?? 0);
  return [blockingKeys, trackedItems, blockedIn(tenant)];
}

function pipeline(client: Client, ...requests: readonly (readonly string[])[]): string {
  client.socket.deliver(Buffer.concat(requests.map((words) => wire(...words))));
  return heardBy(world, client);
}

describe('a client that waits', () => {
  it('is served by whoever pushes, in the order in which it came, and goes on with its pipeline', () => {
    const [first, second, pusher] = [world.login('ann'), world.login('ann'), world.login('ann')];
    expect(pipeline(first, ['BLPOP', 'l', '0'], ['PING', 'first'], ['LLEN', 'l'])).toBe('');
    expect(pipeline(second, ['BLPOP', 'l', '0'], ['PING', 'second'])).toBe('');
    expect(pipeline(pusher, ['RPUSH', 'l', 'a', 'b', 'c'], ['LLEN', 'l'])).toBe(':3\r\n:1\r\n');
    expect(heardBy(world, first)).toBe(`${popped('l', 'a')}${bulk('first')}:1\r\n`);
    expect(heardBy(world, second)).toBe(`${popped('l', 'b')}${bulk('second')}`);
    expect(traces('t1')).toEqual([0, 0, 0]);
  });

  it('hears nothing from a transaction before it is over', () => {
    const [waits, pusher] = [world.login('ann'), world.login('ann')];
    pipeline(waits, ['BLPOP', 'l', '0']);
    const reply = pipeline(pusher, ['MULTI'], ['RPUSH', 'l', 'a'], ['LPOP', 'l'], ['RPUSH', 'l', 'b'], ['EXEC']);
    expect(reply.endsWith(`*3\r\n:1\r\n${bulk('a')}:1\r\n`)).toBe(true);
    expect(heardBy(world, waits)).toBe(popped('l', 'b'));
  });

  it('does not wait in a transaction', () => {
    const client = world.login('ann');
    const reply = pipeline(
      client,
      ['MULTI'],
      ['BLPOP', 'l', '0'],
      ['BLMOVE', 'l', 'm', 'LEFT', 'LEFT', '0'],
      ['WAIT', '1', '0'],
      ['EXEC'],
    );
    expect(reply.endsWith('*3\r\n*-1\r\n$-1\r\n:0\r\n')).toBe(true);
  });

  const ends: readonly (readonly [string, (client: Client, admin: Client) => void])[] = [
    ['is killed', (client, admin) => void world.ask(admin, 'CLIENT', 'KILL', 'ID', `${client.connection.id}`)],
    ['hangs up', (client) => client.socket.hangUp()],
    ['closes its half', (client) => client.socket.finish()],
    ['breaks', (client) => client.socket.fail()],
    ['loses its user', () => world.enter(world.user('admin', 'system', ...ALL), world.user('eve', 't1', ...ALL))],
    [
      'loses its tenant',
      () => {
        world.tenant('t1', {}, true);
        world.enter(world.user('admin', 'system', ...ALL), world.user('eve', 't2', ...ALL));
      },
    ],
  ];
  for (const [how, end] of ends) {
    it(`and ${how} takes no element and leaves no trace`, () => {
      const [client, admin] = [world.login('ann'), world.login('admin')];
      for (const words of [
        ['CLIENT', 'TRACKING', 'ON', 'BCAST'],
        ['WATCH', 'w'],
        ['BLPOP', 'l', 'm', '5'],
      ]) {
        expect(world.ask(client, ...words)).toBe(words[0] === 'BLPOP' ? '' : '+OK\r\n');
      }
      end(client, admin);
      world.turn(client);
      expect(client.socket.isDestroyed || client.socket.isEnded).toBe(true);
      expect(traces('t1')).toEqual([0, 0, 0]);
      expect(world.core.deadlines.size).toBe(0);
      world.tenant('t1');
      world.enter(world.user('admin', 'system', ...ALL), world.user('ann', 't1', ...ALL));
      const after = world.login('ann');
      expect(pipeline(after, ['RPUSH', 'l', 'x'], ['LRANGE', 'l', '0', '-1'])).toBe(`:1\r\n*1\r\n${bulk('x')}`);
      world.pass(6000);
      expect(client.socket.misuse).toEqual([]);
    });
  }

  it('and may not any more is told so; what was given back may be waited for', () => {
    const client = world.login('ann');
    expect(pipeline(client, ['BLPOP', 'l', '0'], ['PING'])).toBe('');
    world.enter(world.user('ann', 't1', 'on', '>pw', '~other', '+@all'), world.user('bob', 't2', ...ALL));
    expect(heardBy(world, client)).toMatch(/^-NOPERM [^\r]*\r\n\+PONG\r\n$/);
    expect(traces('t1')).toEqual([0, 0, 0]);
  });

  it('and may still is not disturbed by other rules', () => {
    const [client, pusher] = [world.login('ann'), world.login('ann')];
    pipeline(client, ['BLPOP', 'l', '0']);
    world.enter(world.user('ann', 't1', 'on', '>pw', '~l', '+@all'));
    expect(heardBy(world, client)).toBe('');
    world.ask(pusher, 'RPUSH', 'l', 'x');
    expect(heardBy(world, client)).toBe(popped('l', 'x'));
  });

  it('waits as long as it said, and one timer is enough', () => {
    const clients = Array.from({ length: 20 }, () => world.login('ann'));
    const timers = vi.getTimerCount();
    for (const [i, client] of clients.entries()) pipeline(client, ['BLPOP', 'l', `${(i + 1) / 10}`]);
    expect([world.core.deadlines.size, vi.getTimerCount()]).toEqual([20, timers + 1]);
    for (const [i, client] of clients.entries()) {
      world.pass(99);
      expect(heardBy(world, client), `client ${i}`).toBe('');
      world.pass(1);
      expect(heardBy(world, client), `client ${i}`).toBe('*-1\r\n');
    }
    expect(traces('t1')).toEqual([0, 0, 0]);
  });

  it('is unblocked by its own tenant and operators, and by nobody else', () => {
    const [client, ann, bob, admin] = ['ann', 'ann', 'bob', 'admin'].map((name) => world.login(name)) as [
      Client,
      Client,
      Client,
      Client,
    ];
    const id = `${client.connection.id}`;
    pipeline(client, ['BLPOP', 'l', '0']);
    expect(world.ask(bob, 'CLIENT', 'UNBLOCK', id)).toBe(':0\r\n');
    expect(world.ask(ann, 'CLIENT', 'UNBLOCK', id)).toBe(':1\r\n');
    expect(heardBy(world, client)).toBe('*-1\r\n');
    expect(world.ask(ann, 'CLIENT', 'UNBLOCK', id)).toBe(':0\r\n');
    pipeline(client, ['BLPOP', 'l', '0']);
    expect(world.ask(admin, 'CLIENT', 'UNBLOCK', id, 'ERROR')).toBe(':1\r\n');
    expect(heardBy(world, client)).toMatch(/^-UNBLOCKED/);
  });

  it('hears messages meanwhile, and its answer behind them', () => {
    const [client, other] = [world.login('ann'), world.login('ann')];
    pipeline(client, ['HELLO', '3'], ['SUBSCRIBE', 'c'], ['CLIENT', 'TRACKING', 'ON', 'BCAST']);
    expect(pipeline(client, ['BLPOP', 'l', '0'])).toBe('');
    world.ask(other, 'PUBLISH', 'c', 'm');
    expect(heardBy(world, client)).toBe(message('c', 'm', '>'));
    world.ask(other, 'RPUSH', 'l', 'x');
    const heard = heardBy(world, client);
    expect(heard.startsWith(popped('l', 'x'))).toBe(true);
    expect(heard).toContain(bulk('invalidate'));
  });

  it('that shows no replies is silent when it is served, and in step afterwards', () => {
    const [client, pusher] = [world.login('ann'), world.login('ann')];
    pipeline(client, ['CLIENT', 'REPLY', 'SKIP'], ['BLPOP', 'l', '0'], ['PING', 'x']);
    world.ask(pusher, 'RPUSH', 'l', 'a');
    expect(heardBy(world, client)).toBe(bulk('x'));
    pipeline(client, ['CLIENT', 'REPLY', 'OFF'], ['BLPOP', 'l', '0'], ['CLIENT', 'REPLY', 'ON']);
    world.ask(pusher, 'RPUSH', 'l', 'a');
    expect(heardBy(world, client)).toBe('+OK\r\n');
  });

  it('is let go at the end of the process with what it has sent behind the wait unrun', async () => {
    const client = world.login('ann');
    pipeline(client, ['BLPOP', 'l', '0']);
    const drained = world.gateway.drain();
    await world.passAsync(500);
    await drained;
    expect(client.socket.isEnded || client.socket.isDestroyed).toBe(true);
    expect(client.socket.misuse).toEqual([]);
    expect(traces('t1')).toEqual([0, 0, 0]);
  });
});
