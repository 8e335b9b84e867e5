/** Caches at clients, as connections see them: who is told of what, when, and when no more. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TRACKING_PREFIX_BYTES_MAX, TRACKING_PREFIXES_MAX } from '../../src/base/limits.ts';
import { bulk, fieldOf, heardBy } from './messages.ts';
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
const FLUSHED = `>2\r\n${bulk('invalidate')}_\r\n`;

function told(...keys: readonly string[]): string {
  return `>2\r\n${bulk('invalidate')}*${keys.length}\r\n${keys.map(bulk).join('')}`;
}

function cache(...options: readonly string[]): Client {
  const client = world.login('ann');
  world.ask(client, 'HELLO', '3');
  expect(world.ask(client, 'CLIENT', 'TRACKING', 'ON', ...options)).toBe('+OK\r\n');
  return client;
}

function pipeline(client: Client, ...requests: readonly (readonly string[])[]): string {
  client.socket.deliver(Buffer.concat(requests.map((words) => wire(...words))));
  return heardBy(world, client);
}

function tracked(): readonly number[] {
  const { trackedKeys, trackedItems } = world.backend.realmCounts(world.tenants.get('t1')?.number ?? 0);
  return [trackedKeys, trackedItems];
}

function usedBytes(): number {
  return world.backend.realmCounts(world.tenants.get('t1')?.number ?? 0).usedBytes;
}

describe('a client that caches', () => {
  it('is told once of each key that it has read, and of no other', () => {
    const [client, writer] = [cache(), world.login('ann')];
    pipeline(client, ['GET', 'a'], ['MGET', 'b', 'c'], ['GET', 'a']);
    expect(tracked()).toEqual([3, 3]);
    pipeline(
      writer,
      ['SET', 'a', '1'],
      ['SET', 'a', '2'],
      ['SET', 'other', '1'],
      ['DEL', 'missing'],
      ['SET', 'c', '1'],
    );
    expect(heardBy(world, client)).toBe(told('a') + told('c'));
    expect(tracked()).toEqual([1, 1]);
    world.ask(writer, 'FLUSHDB');
    expect(heardBy(world, client)).toBe(FLUSHED);
  });

  it('is told behind the reply of its own command, and behind the whole of its transaction', () => {
    const client = cache();
    expect(pipeline(client, ['GET', 'a'], ['SET', 'a', '1'], ['PING'])).toBe(`_\r\n+OK\r\n${told('a')}+PONG\r\n`);
    const reply = pipeline(client, ['MULTI'], ['GET', 'a'], ['SET', 'a', '2'], ['GET', 'a'], ['EXEC']);
    expect(reply.endsWith(`*3\r\n${bulk('1')}+OK\r\n${bulk('2')}${told('a')}`)).toBe(true);
  });

  it('is told behind the reply that it waited for of what that made it write, and before it of what others wrote', () => {
    const [client, writer] = [cache(), world.login('ann')];
    pipeline(client, ['GET', 'a'], ['EXISTS', 'taken'], ['BLMOVE', 'given', 'taken', 'LEFT', 'LEFT', '0']);
    world.ask(writer, 'SET', 'a', '1');
    expect(heardBy(world, client)).toBe(told('a'));
    world.ask(writer, 'RPUSH', 'given', 'x');
    expect(heardBy(world, client)).toBe(bulk('x') + told('taken'));
  });

  it('is told in a transaction of others once it is over', () => {
    const [client, writer] = [cache(), world.login('ann')];
    pipeline(client, ['GET', 'a'], ['GET', 'b']);
    pipeline(writer, ['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '1']);
    expect(heardBy(world, client)).toBe('');
    world.ask(writer, 'EXEC');
    expect(heardBy(world, client)).toBe(told('a') + told('b'));
  });

  it('by choice is told of what it has chosen', () => {
    const [client, writer] = [cache('OPTIN'), world.login('ann')];
    pipeline(client, ['GET', 'a'], ['CLIENT', 'CACHING', 'YES'], ['GET', 'b'], ['GET', 'c']);
    pipeline(client, ['CLIENT', 'CACHING', 'YES'], ['MULTI'], ['GET', 'd'], ['GET', 'e'], ['EXEC'], ['GET', 'f']);
    pipeline(writer, ['MSET', 'a', '1', 'b', '1', 'c', '1', 'd', '1', 'e', '1', 'f', '1']);
    expect(heardBy(world, client)).toBe(told('b') + told('d') + told('e'));
  });

  it('by prefix is told of all that it may read, in one message a turn', () => {
    const writer = world.login('ann');
    const all = cache('BCAST');
    const some = cache('BCAST', 'PREFIX', 'a', 'PREFIX', 'b:');
    world.enter(world.user('ann', 't1', ...ALL), world.user('few', 't1', 'on', '>pw', '%R~a1', '%W~a2', '+@all'));
    const few = world.login('few');
    pipeline(few, ['HELLO', '3'], ['CLIENT', 'TRACKING', 'ON', 'BCAST']);
    pipeline(writer, ['SET', 'a1', '1'], ['SET', 'a2', '1'], ['SET', 'b', '1'], ['SET', 'a1', '2']);
    expect(heardBy(world, all)).toBe(told('a1', 'a2', 'b'));
    expect(heardBy(world, some)).toBe(told('a1', 'a2'));
    expect(heardBy(world, few)).toBe(told('a1'));
  });

  it('that has gone, reset, switched off or logged in elsewhere is remembered by nobody', () => {
    const before = usedBytes();
    const ends: readonly ((client: Client) => void)[] = [
      (client) => client.socket.hangUp(),
      (client) => void world.ask(client, 'RESET'),
      (client) => void world.ask(client, 'CLIENT', 'TRACKING', 'OFF'),
      (client) => void world.ask(client, 'AUTH', 'bob', 'pw'),
      (client) => void world.ask(client, 'QUIT'),
    ];
    const writer = world.login('ann');
    for (let round = 0; round < 20; round++) {
      for (const end of ends) {
        const client = cache();
        pipeline(client, ['GET', 'a'], ['GET', 'b']);
        end(client);
        client.socket.read();
        if (round === 0) {
          world.ask(writer, 'SET', 'b', '1');
          expect(heardBy(world, client)).toBe('');
        }
        client.socket.hangUp();
      }
    }
    // Each that went has paid for a look at those before it.
    for (let i = 0; i < 3; i++) cache().socket.hangUp();
    expect(tracked()).toEqual([0, 0]);
    world.ask(writer, 'DEL', 'b');
    expect(usedBytes() - before).toBeLessThan(10_000);
    expect(world.core.tracking.figures(undefined)).toEqual({ clients: 0, prefixes: 0 });
  });

  it('of another tenant hears nothing, whatever it is called', () => {
    const client = cache('BCAST');
    const reader = cache();
    pipeline(reader, ['GET', 'a']);
    const bob = world.login('bob');
    pipeline(bob, ['SET', 'a', '1'], ['FLUSHALL']);
    expect([heardBy(world, client), heardBy(world, reader)]).toEqual(['', '']);
    expect(world.ask(bob, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', `${client.connection.id}`)).toMatch(/^-ERR/);
  });

  it('and lets another hear is told when that one is gone', () => {
    const writer = world.login('ann');
    const ear = world.login('ann');
    world.ask(ear, 'SUBSCRIBE', '__redis__:invalidate');
    const client = cache('REDIRECT', `${ear.connection.id}`);
    world.ask(client, 'GET', 'a');
    world.ask(writer, 'SET', 'a', '1');
    expect(heardBy(world, ear)).toBe(`*3\r\n${bulk('message')}${bulk('__redis__:invalidate')}*1\r\n${bulk('a')}`);
    world.ask(client, 'GET', 'a');
    ear.socket.hangUp();
    world.ask(writer, 'SET', 'a', '2');
    expect(heardBy(world, client)).toBe(`>2\r\n${bulk('tracking-redir-broken')}:${ear.connection.id}\r\n`);
    expect(fieldOf(world, client, 'flags')).toContain('R');
  });

  it('and whose ear has become somebody of another tenant is heard there no more', () => {
    const writer = world.login('ann');
    const ear = world.login('ann');
    world.ask(ear, 'HELLO', '3');
    const client = cache('REDIRECT', `${ear.connection.id}`);
    world.ask(client, 'GET', 'a');
    world.ask(ear, 'AUTH', 'bob', 'pw');
    world.ask(writer, 'SET', 'a', '1');
    expect(heardBy(world, ear)).toBe('');
    expect(heardBy(world, client)).toContain('tracking-redir-broken');
  });

  it('lets nobody hear who is another user, be they of the same tenant or an operator', () => {
    const people = ['ann', 'eve'].map((name) => world.user(name, 't1', ...ALL));
    world.enter(...people, world.user('bob', 't2', ...ALL), world.user('admin', 'system', ...ALL));
    const ears = ['eve', 'bob', 'admin'].map((name) => world.login(name));
    for (const ear of ears) world.ask(ear, 'HELLO', '3');
    const ann = world.login('ann');
    const unknown = world.ask(ann, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', '999999');
    expect(unknown).toBe('-ERR The client ID you want redirect to does not exist\r\n');
    for (const ear of ears) {
      expect(world.ask(ann, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', `${ear.connection.id}`)).toBe(unknown);
      expect(world.ask(ann, 'CLIENT', 'TRACKING', 'ON', 'BCAST', 'REDIRECT', `${ear.connection.id}`)).toBe(unknown);
    }
    const [, , operator] = ears;
    world.ask(operator as Client, 'TENANT', 'USE', 't1');
    const redirect = world.ask(operator as Client, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', `${ann.connection.id}`);
    expect(redirect).toBe(unknown);
  });

  it('and whose ear has become another user of the tenant is heard there no more, nor by whoever it becomes itself', () => {
    world.enter(
      world.user('ann', 't1', ...ALL),
      world.user('eve', 't1', 'on', '>pw', '~e:*', '&*', '+@all'),
      world.user('default', 'default', 'off'),
    );
    for (const which of ['ear', 'reader']) {
      const writer = world.login('ann');
      const ear = world.login('ann');
      world.ask(ear, 'HELLO', '3');
      for (const options of [[], ['BCAST']]) {
        const client = cache(...options, 'REDIRECT', `${ear.connection.id}`);
        world.ask(client, 'GET', 'secret');
        world.ask(which === 'ear' ? ear : client, 'AUTH', 'eve', 'pw');
        world.ask(writer, 'SET', 'secret', which);
        world.ask(writer, 'FLUSHALL');
        expect([which, options, heardBy(world, ear)]).toEqual([which, options, '']);
        expect(heardBy(world, client)).toContain('tracking-redir-broken');
        world.ask(ear, 'AUTH', 'ann', 'pw');
      }
    }
  });

  it('hears although it shows no replies', () => {
    const [client, writer] = [cache(), world.login('ann')];
    pipeline(client, ['CLIENT', 'REPLY', 'OFF'], ['GET', 'a'], ['NOSUCH']);
    world.ask(writer, 'SET', 'a', '1');
    expect(heardBy(world, client)).toBe(told('a'));
    expect(pipeline(client, ['GET', 'a'], ['SET', 'a', '2'])).toBe(told('a'));
    expect(world.ask(client, 'CLIENT', 'REPLY', 'ON')).toBe('+OK\r\n');
  });
});

describe('prefixes', () => {
  it('are as many as may be, together with those that were there', () => {
    const client = world.login('ann');
    const prefixes = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ['PREFIX', `p${from + i}:`]).flat();
    const ask = (from: number, count: number) =>
      world.ask(client, 'CLIENT', 'TRACKING', 'ON', 'BCAST', ...prefixes(from, count));
    expect(ask(0, TRACKING_PREFIXES_MAX)).toBe('+OK\r\n');
    expect(ask(5000, 1)).toBe('-ERR too many prefixes\r\n');
    expect(world.core.tracking.figures(undefined).prefixes).toBe(TRACKING_PREFIXES_MAX);
    world.ask(client, 'CLIENT', 'TRACKING', 'OFF');
    expect(ask(0, TRACKING_PREFIXES_MAX + 1)).toBe('-ERR too many prefixes\r\n');
    expect(world.core.tracking.figures(undefined)).toEqual({ clients: 0, prefixes: 0 });
  });

  it('are not longer than may be, one by one and all together', () => {
    const client = world.login('ann');
    const half = (letter: string) => letter.repeat(TRACKING_PREFIX_BYTES_MAX / 2);
    const ask = (...prefixes: readonly string[]) =>
      world.ask(client, 'CLIENT', 'TRACKING', 'ON', 'BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix]));
    expect(ask(half('a') + half('a') + half('a'))).toBe('-ERR too many prefixes\r\n');
    expect(ask(half('a'))).toBe('+OK\r\n');
    expect(ask(half('b'))).toBe('+OK\r\n');
    expect(ask('c')).toBe('-ERR too many prefixes\r\n');
  });
});
