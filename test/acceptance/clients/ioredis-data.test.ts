/** ioredis in both protocols and iovalkey: data types, binary values and streams with consumer groups, over TLS. */
import { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, login } from '../support/clients.ts';
import { type IoRedisOptions, ioredisLibraries } from '../support/ioredis.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

const open: IoRedis[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});

type Entries = [key: string, entries: [id: string, fields: string[]][]][];

describe.each(ioredisLibraries)('%s', (name, connect) => {
  const client = (options: IoRedisOptions = {}): IoRedis => {
    const made = connect(serve, options);
    open.push(made);
    return made;
  };
  const tag = `{${name.replaceAll(' ', '-')}}`;

  it('keeps every type as it was written', async () => {
    const redis = client();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await redis.set(`${tag}:bytes`, bytes);
    expect(await redis.getBuffer(`${tag}:bytes`)).toEqual(bytes);
    await redis.hset(`${tag}:hash`, { a: 1, b: 'two', empty: '' });
    expect(await redis.hgetall(`${tag}:hash`)).toEqual({ a: '1', b: 'two', empty: '' });
    await redis.zadd(`${tag}:zset`, '1', 'one', '+inf', 'all', '0.25', 'quarter');
    await redis.zadd(`${tag}:zset`, '1', 'one', '+inf', 'all', '0.25', 'quarter');
    expect(await redis.zscore(`${tag}:zset`, 'quarter')).toBe('0.25');
    await redis.sadd(`${tag}:set`, 'x', 'y');
    expect((await redis.smembers(`${tag}:set`)).toSorted()).toEqual(['x', 'y']);
    await redis.geoadd(`${tag}:geo`, 13.361389, 38.115556, 'Palermo');
    expect(Number((await redis.geopos(`${tag}:geo`, 'Palermo'))[0]?.[0])).toBeCloseTo(13.361389, 4);
    await redis.pfadd(`${tag}:visitors`, 'a', 'b', 'a');
    expect(await redis.pfcount(`${tag}:visitors`)).toBe(2);
    await redis.setbit(`${tag}:bits`, 7, 1);
    expect(await redis.bitcount(`${tag}:bits`)).toBe(1);
  });

  it('adds keyPrefix to keys and to what transactions touch', async () => {
    const redis = client({ keyPrefix: `${tag}:prefixed:` });
    await redis.multi().set('a', '1').mset('b', '2', 'c', '3').exec();
    expect(await redis.mget('a', 'b', 'c')).toEqual(['1', '2', '3']);
    expect(await client().get(`${tag}:prefixed:c`)).toBe('3');
  });

  it('walks keys and collections in streams and sees all of them', async () => {
    const redis = client();
    const pipeline = redis.pipeline();
    for (let i = 0; i < 2000; i++) pipeline.set(`${name} walked ${i}`, 'x');
    for (let i = 0; i < 2000; i++) pipeline.hset(`${tag}:large`, `field ${i}`, i);
    await pipeline.exec();
    const keys = new Set<string>();
    for await (const found of redis.scanStream({ match: `${name} walked *`, count: 200 })) {
      for (const key of found) keys.add(key);
    }
    expect(keys.size).toBe(2000);
    const fields = new Set<string>();
    for await (const found of redis.hscanStream(`${tag}:large`, { count: 200 })) {
      for (let i = 0; i < found.length; i += 2) fields.add(found[i]);
    }
    expect(fields.size).toBe(2000);
  });

  it('a consumer group gives each entry to one of its blocked readers', async () => {
    const key = `${tag}:events`;
    const producer = client();
    await producer.xgroup('CREATE', key, 'workers', '$', 'MKSTREAM');
    const seen: string[] = [];
    const work = async (consumer: string): Promise<void> => {
      const redis = client();
      for (;;) {
        const read = (await redis.xreadgroup(
          'GROUP',
          'workers',
          consumer,
          'COUNT',
          1,
          'BLOCK',
          0,
          'STREAMS',
          key,
          '>',
        )) as Entries;
        const [id, fields] = read[0]?.[1][0] ?? ['', []];
        if (fields[1] === 'stop') return;
        seen.push(String(fields[1]));
        await redis.xack(key, 'workers', id);
      }
    };
    const workers = ['one', 'two', 'three'].map(work);
    const sent = Array.from({ length: 50 }, (_, i) => `job ${i}`);
    for (const job of sent) await producer.xadd(key, '*', 'job', job);
    for (const _ of workers) await producer.xadd(key, '*', 'job', 'stop');
    await Promise.all(workers);
    expect(seen.toSorted()).toEqual(sent.toSorted());
    // Nobody acknowledged the words that ended them: another consumer takes them over.
    const pending = (await producer.xpending(key, 'workers')) as [number, string, string, unknown[]];
    expect(pending[0]).toBe(3);
    const [, claimed] = (await producer.xautoclaim(key, 'workers', 'rescuer', 0, '0')) as [string, unknown[]];
    expect(claimed).toHaveLength(3);
  });

  it('XREAD BLOCK hears from $ on, and gives up in time', async () => {
    const key = `${tag}:feed`;
    const [reader, writer] = [client(), client()];
    await writer.xadd(key, '*', 'before', '1');
    const reading = reader.xread('BLOCK', 0, 'STREAMS', key, '$');
    await eventually('it is blocked', async () => /blocked_clients:[1-9]/.test(await writer.info('clients')));
    const id = await writer.xadd(key, '*', 'after', '2');
    expect(await reading).toEqual([[key, [[id, ['after', '2']]]]]);
    expect(await reader.xread('BLOCK', 20, 'STREAMS', key, '$')).toBeNull();
  });

  it('a script is refused in one answer and the connection goes on', async () => {
    const redis = client();
    redis.defineCommand('double', { numberOfKeys: 1, lua: 'return redis.call("GET", KEYS[1]) * 2' });
    await expect(redis.call('EVAL', 'return 1', '0')).rejects.toThrow("unknown command 'EVAL'");
    expect(await redis.ping()).toBe('PONG');
  });
});

describe('only ioredis 6', () => {
  it('maps are objects and doubles numbers when replies are mapped as RESP3', async () => {
    const redis = new IoRedis({ ...login(serve), replyMapping: 'resp3' });
    open.push(redis);
    await redis.zadd('mapped', 1.5, 'a');
    expect(await redis.zscore('mapped', 'a')).toBe(1.5);
    await redis.hset('mapped:hash', 'a', '1');
    expect({ ...((await redis.hgetall('mapped:hash')) as object) }).toEqual({ a: '1' });
    const config = await redis.config('GET', 'maxmemory*');
    expect(config).not.toBeInstanceOf(Array);
  });
});
