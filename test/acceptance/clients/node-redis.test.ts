/** node-redis (the package `redis`, version 6): client-side caching, pools, sharded pub/sub and the rest, over TLS. */
import { BasicClientSideCache, BasicPooledClientSideCache, createClient, createClientPool, WatchError } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nodeRedisLogin, shards } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

type Protocol = 2 | 3;

/** A client for the time of one scenario. */
async function connected<T>(RESP: Protocol, scenario: (client: Client) => Promise<T>): Promise<T> {
  const client = make(RESP);
  client.on('error', () => {});
  await client.connect();
  try {
    return await scenario(client);
  } finally {
    client.destroy();
  }
}

function make(RESP: Protocol) {
  return createClient({ RESP, ...nodeRedisLogin(serve) });
}
type Client = ReturnType<typeof make>;

describe.each([2, 3] as const)('node-redis in RESP%i', (RESP) => {
  const tag = `{node-redis-${RESP}}`;

  it('runs MULTI/EXEC whole, with what failed in its place', () =>
    connected(RESP, async (client) => {
      const key = `${tag}:multi`;
      expect(await client.multi().set(key, '1').incrBy(key, 4).get(key).exec()).toEqual(['OK', 5, '5']);
      const failed = client.multi().set(key, '1').lPush(key, 'x').exec();
      await expect(failed).rejects.toThrow('1 commands failed');
      expect(await client.get(key)).toBe('1');
      const apart = client.multi().set('apart:a', '1').set('apart:b', '2').set('apart:c', '3').exec();
      if (shards === 1) expect(await apart).toEqual(['OK', 'OK', 'OK']);
      else await expect(apart).rejects.toThrow(/EXECABORT|CROSSSLOT/);
    }));

  it('WATCH throws WatchError when somebody else was faster', () =>
    connected(RESP, async (client) => {
      const key = `${tag}:watched`;
      const other = await client.duplicate().connect();
      await client.watch(key);
      await other.set(key, 'other');
      await expect(client.multi().set(key, 'mine').exec()).rejects.toThrow(WatchError);
      await client.watch(key);
      expect(await client.multi().set(key, 'mine').exec()).toEqual(['OK']);
      expect(await other.get(key)).toBe('mine');
      other.destroy();
    }));

  it('a pool runs blocking commands beside others, and transactions on a client of their own', async () => {
    const pool = createClientPool({ RESP, ...nodeRedisLogin(serve) }, { minimum: 1, maximum: 4 });
    pool.on('error', () => {});
    await pool.connect();
    const popped = pool.execute((client) => client.blPop(`${tag}:jobs`, 0));
    expect(await pool.set(`${tag}:beside`, 'x')).toBe('OK');
    await pool.rPush(`${tag}:jobs`, 'job');
    expect(await popped).toEqual({ key: `${tag}:jobs`, element: 'job' });
    const counted = await pool.execute(async (client) => {
      await client.watch(`${tag}:counter`);
      return client.multi().incr(`${tag}:counter`).exec();
    });
    expect(counted).toEqual([1]);
    pool.destroy();
  });

  it('hears channels, patterns and sharded channels, while commands go on', () =>
    connected(RESP, async (publisher) => {
      const subscriber = await publisher.duplicate().connect();
      const heard: string[] = [];
      const listener = (text: string, channel: string) => void heard.push(`${channel}=${text}`);
      await subscriber.subscribe([`${tag}:a`, `${tag}:b`], listener);
      await subscriber.pSubscribe('node-pattern:?', listener);
      await subscriber.sSubscribe(`${tag}:shard`, listener);
      expect(await publisher.publish(`${tag}:b`, '1')).toBe(1);
      expect(await publisher.publish('node-pattern:x', '2')).toBe(1);
      expect(await publisher.sPublish(`${tag}:shard`, '3')).toBe(1);
      await eventually('all three were heard', () => heard.length === 3);
      expect(heard.toSorted()).toEqual([`node-pattern:x=2`, `${tag}:b=1`, `${tag}:shard=3`].toSorted());
      // In RESP3 the same connection goes on with commands; in RESP2 nothing but PING may run on it.
      if (RESP === 3) expect(await subscriber.incr(`${tag}:while-subscribed`)).toBe(1);
      expect(await publisher.pubSubShardNumSub(`${tag}:shard`)).toEqual({ [`${tag}:shard`]: 1 });
      await subscriber.unsubscribe();
      await subscriber.pUnsubscribe();
      await subscriber.sUnsubscribe();
      expect(await publisher.publish(`${tag}:a`, 'nobody')).toBe(0);
      // A client of RESP2 that was subscribed gives buffers from then on, here as with redis-server.
      expect(String(await subscriber.set(`${tag}:afterwards`, 'x'))).toBe('OK');
      subscriber.destroy();
    }));

  it('walks keys, hashes, sets and sorted sets with iterators', () =>
    connected(RESP, async (client) => {
      await Promise.all(Array.from({ length: 1500 }, (_, i) => client.set(`walk-${RESP}:${i}`, 'x')));
      const keys = new Set<string>();
      for await (const found of client.scanIterator({ MATCH: `walk-${RESP}:*`, COUNT: 100, TYPE: 'string' })) {
        for (const key of found) keys.add(key);
      }
      expect(keys.size).toBe(1500);
      await client.hSet(`${tag}:hash`, Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`f${i}`, String(i)])));
      let sum = 0;
      for await (const entries of client.hScanIterator(`${tag}:hash`)) {
        for (const { value } of entries) sum += Number(value);
      }
      expect(sum).toBe((699 * 700) / 2);
      await client.zAdd(`${tag}:zset`, [
        { score: 1, value: 'a' },
        { score: 2.5, value: 'b' },
      ]);
      const scores: unknown[] = [];
      for await (const members of client.zScanIterator(`${tag}:zset`)) scores.push(...members);
      expect(scores).toEqual([
        { value: 'a', score: 1 },
        { value: 'b', score: 2.5 },
      ]);
    }));

  it('reads streams in groups, blocked until there is an entry', () =>
    connected(RESP, async (producer) => {
      const key = `${tag}:stream`;
      await producer.xGroupCreate(key, 'group', '$', { MKSTREAM: true });
      const consumer = await producer.duplicate().connect();
      const reading = consumer.xReadGroup('group', 'me', { key, id: '>' }, { BLOCK: 0, COUNT: 10 });
      const id = await producer.xAdd(key, '*', { field: 'value' });
      const [stream] = (await reading) as unknown as [{ name: string; messages: { id: string; message: object }[] }];
      expect(stream.name).toBe(key);
      expect(stream.messages.map(({ id, message }) => ({ id, ...message }))).toEqual([{ id, field: 'value' }]);
      expect((await producer.xPending(key, 'group')).pending).toBe(1);
      expect(await consumer.xAck(key, 'group', id)).toBe(1);
      expect((await producer.xInfoGroups(key))[0]).toMatchObject({ name: 'group', pending: 0 });
      consumer.destroy();
    }));

  it('connects again after CLIENT KILL, subscriptions included', () =>
    connected(RESP, async (client) => {
      const admin = createClient({ RESP, ...nodeRedisLogin(serve, 'admin') });
      await admin.connect();
      const subscriber = client.duplicate();
      subscriber.on('error', () => {});
      await subscriber.connect();
      const id = await subscriber.clientId();
      const heard: string[] = [];
      await subscriber.subscribe(`${tag}:again`, (text) => void heard.push(text));
      await admin.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]);
      await eventually('it is subscribed again', async () => (await client.publish(`${tag}:again`, 'back')) === 1);
      await eventually('it heard', () => heard.includes('back'));
      subscriber.destroy();
      admin.destroy();
    }));
});

describe('client-side caching, which needs RESP3', () => {
  async function caching() {
    const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU', recordStats: true });
    const client = createClient({ RESP: 3, ...nodeRedisLogin(serve), clientSideCache: cache });
    client.on('error', () => {});
    await client.connect();
    return { cache, client };
  }

  it('reads a key once, and again after somebody else wrote, deleted or let it expire', () =>
    connected(3, async (writer) => {
      const { cache, client } = await caching();
      await writer.set('cached', '1');
      const read = async (value: string | null) => expect(await client.get('cached')).toBe(value);
      await read('1');
      const hits = cache.stats().hitCount;
      await read('1');
      expect(cache.stats().hitCount).toBe(hits + 1);
      const changes: readonly (readonly [value: string | null, change: () => Promise<unknown>])[] = [
        ['2', () => writer.set('cached', '2')],
        [null, () => writer.del('cached')],
        ['3', () => writer.set('cached', '3', { expiration: { type: 'PX', value: 40 } })],
      ];
      for (const [value, change] of changes) {
        await change();
        await eventually(`it reads ${value}`, async () => (await client.get('cached')) === value);
      }
      await eventually('the time of the key is over', async () => (await client.get('cached')) === null);
      client.destroy();
    }));

  it('keys of all shards are invalidated, also by MSET, a transaction and FLUSHALL', () =>
    connected(3, async (writer) => {
      const { client } = await caching();
      const keys = Array.from({ length: 60 }, (_, i) => `many:${i}`);
      const allAre = async (value: string | null) =>
        (await Promise.all(keys.map((key) => client.get(key)))).every((found) => found === value);
      await writer.mSet(keys.map((key): [string, string] => [key, 'a']));
      expect(await allAre('a')).toBe(true);
      await writer.mSet(keys.map((key): [string, string] => [key, 'b']));
      await eventually('all are b', () => allAre('b'));
      await writer.multi().set('many:7', 'c').exec();
      await eventually('the one is c', async () => (await client.get('many:7')) === 'c');
      const admin = await createClient({ RESP: 3, ...nodeRedisLogin(serve, 'admin') }).connect();
      await admin.flushAll();
      await eventually('all are gone', () => allAre(null));
      admin.destroy();
      client.destroy();
    }));

  it('a pool shares one cache among its connections', () =>
    connected(3, async (writer) => {
      const cache = new BasicPooledClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU', recordStats: true });
      const options = { minimum: 2, maximum: 4, clientSideCache: cache };
      const pool = createClientPool({ RESP: 3, ...nodeRedisLogin(serve) }, options);
      pool.on('error', () => {});
      await pool.connect();
      await writer.set('pooled', '1');
      expect(await Promise.all(Array.from({ length: 10 }, () => pool.get('pooled')))).toEqual(new Array(10).fill('1'));
      const misses = cache.stats().missCount;
      expect(await pool.get('pooled')).toBe('1');
      expect(cache.stats().missCount).toBe(misses);
      await writer.set('pooled', '2');
      await eventually('it reads 2', async () => (await pool.get('pooled')) === '2');
      pool.destroy();
    }));

  it('what it cached is forgotten when the connection is lost', () =>
    connected(3, async (writer) => {
      const { client } = await caching();
      await writer.set('kept', 'old');
      expect(await client.get('kept')).toBe('old');
      const admin = await createClient({ RESP: 3, ...nodeRedisLogin(serve, 'admin') }).connect();
      await admin.sendCommand(['CLIENT', 'KILL', 'ID', String(await client.clientId())]);
      await writer.set('kept', 'new');
      await eventually('it reads the new value', async () => (await client.get('kept').catch(() => '')) === 'new');
      expect(await client.sendCommand(['CLIENT', 'TRACKINGINFO'])).toMatchObject({ flags: ['on'] });
      admin.destroy();
      client.destroy();
    }));
});
