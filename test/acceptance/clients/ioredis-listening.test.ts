/** What ioredis and iovalkey can listen to besides channels, over TLS: invalidations of what they read, and MONITOR. */
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/clients.ts';
import { type IoRedisOptions, ioredisLibraries } from '../support/ioredis.ts';
import { Serve } from '../support/serve.ts';

const MEGABYTE = 1024 * 1024;

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start({ tenants: { other: { users: [['other-app', '~* &* +@all']] } } });
});
afterAll(() => serve.dispose());

const open: IoRedis[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});

describe.each(ioredisLibraries)('%s', (name, connect) => {
  const client = (user = 'app', options: IoRedisOptions = {}): IoRedis => {
    const made = connect(serve, options, user);
    made.on('error', () => {});
    open.push(made);
    return made;
  };
  /** In RESP3 ioredis keeps invalidations to itself; in RESP2 they are messages, which it shows as text: keys and commas. */
  const invalidations = async (): Promise<{ id: number; stale: string[] }> => {
    const listener = client('app', { protocol: 2 });
    const stale: string[] = [];
    listener.on('message', (_channel: string, keys: string) => stale.push(...String(keys).split(',')));
    const id = Number(await listener.client('ID'));
    await listener.subscribe('__redis__:invalidate');
    return { id, stale };
  };
  const key = (word: string): string => `{${name.replaceAll(' ', '-')}}:${word}`;

  it('invalidations of a connection are redirected to one that is subscribed to them', async () => {
    const [reader, writer] = [client(), client()];
    const { id, stale } = await invalidations();
    expect(await reader.client('TRACKING', 'ON', 'REDIRECT', id)).toBe('OK');
    await writer.set(key('read'), '1');
    await writer.set(key('unread'), '1');
    expect(await reader.get(key('read'))).toBe('1');
    await writer.multi().set(key('unread'), '2').set(key('read'), '2').exec();
    await eventually('it was told', () => stale.length > 0);
    expect(stale).toEqual([key('read')]);
    // Told once: nobody has read it since.
    await writer.set(key('read'), '3');
    expect(await reader.get(key('read'))).toBe('3');
    await writer.del(key('read'));
    await eventually('it was told again', () => stale.length === 2);
    expect(await reader.client('GETREDIR')).toBe(id);
    expect(await reader.client('TRACKING', 'OFF')).toBe('OK');
  });

  it('everything under a prefix is told by BCAST, but not what the connection wrote itself', async () => {
    const [reader, writer] = [client(), client()];
    const { id, stale } = await invalidations();
    await reader.client('TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', key('user:'), 'NOLOOP');
    await reader.set(key('user:mine'), '1');
    await writer.set(key('other'), '1');
    await writer.hset(key('user:theirs'), { a: 1 });
    await eventually('it was told', () => stale.length > 0);
    expect(stale).toEqual([key('user:theirs')]);
  });

  it('monitor sees the commands of its own tenant, secrets left out, and ends', async () => {
    const [watched, stranger] = [client(), client('other-app')];
    const monitor = await client().monitor();
    open.push(monitor);
    const seen: string[][] = [];
    monitor.on('monitor', (_time: string, words: string[]) => seen.push(words));
    await stranger.set(key('hidden'), 'x');
    await watched.set(key('seen'), 'a "quoted" value');
    await watched.call('AUTH', 'app', serve.password('app'));
    await watched.get(key('last'));
    await eventually('the last is seen', () => seen.some((words) => words.includes(key('last'))));
    const commands = seen.filter(([command]) => /^(set|get|auth)$/i.test(command ?? ''));
    expect(commands).toContainEqual(['set', key('seen'), 'a "quoted" value']);
    expect(JSON.stringify(seen)).not.toContain('hidden');
    expect(JSON.stringify(seen)).not.toContain(serve.password('app'));
  });

  it('values of megabytes come back as they went, beside small ones', async () => {
    const redis = client();
    const large = Buffer.alloc(3 * MEGABYTE, 'some text that compresses and repeats ');
    const written = [
      redis.set(key('large'), large),
      ...Array.from({ length: 50 }, (_, i) => redis.set(key(`small${i}`), i)),
    ];
    await Promise.all(written);
    const read = await Promise.all([
      ...Array.from({ length: 4 }, () => redis.getBuffer(key('large'))),
      redis.get(key('small49')),
    ]);
    expect(read.slice(0, 4).every((bytes) => large.equals(bytes as Buffer))).toBe(true);
    expect(read[4]).toBe('49');
    const elements = Array.from({ length: 50_000 }, (_, i) => String(i));
    await redis.rpush(key('long'), ...elements);
    expect(await redis.lrange(key('long'), 0, -1)).toEqual(elements);
  });
});
