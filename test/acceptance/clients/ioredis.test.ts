/** ioredis in both protocols and iovalkey, its fork: what applications do with them, over TLS. */
import { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, login, shards } from '../support/clients.ts';
import { type IoRedisOptions, ioredisLibraries } from '../support/ioredis.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
  const admin = new IoRedis(login(serve, 'admin'));
  await admin.config('SET', 'notify-keyspace-events', 'KEA');
  await admin.quit();
});
afterAll(() => serve.dispose());

const open: IoRedis[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});

describe.each(ioredisLibraries)('%s', (name, connect) => {
  const client = (options: IoRedisOptions = {}): IoRedis => {
    const made = connect(serve, options);
    open.push(made);
    return made;
  };
  /** All keys of a scenario share a slot. */
  const tag = `{${name.replaceAll(' ', '-')}}`;

  it('answers the commands of a pipeline in order, errors in their places', async () => {
    const redis = client();
    const pipeline = redis.pipeline();
    for (let i = 0; i < 500; i++) pipeline.set(`pipeline:${i}`, `value ${i}`);
    pipeline.lpush('pipeline:0', 'not a list');
    for (let i = 0; i < 500; i++) pipeline.get(`pipeline:${i}`);
    const answers = (await pipeline.exec()) ?? [];
    expect(answers).toHaveLength(1001);
    expect(String(answers[500]?.[0])).toContain('WRONGTYPE');
    expect(answers.slice(501).map(([, value]) => value)).toEqual(Array.from({ length: 500 }, (_, i) => `value ${i}`));
  });

  it('gathers the commands of a turn by itself with enableAutoPipelining', async () => {
    const redis = client({ enableAutoPipelining: true });
    const written = Array.from({ length: 300 }, (_, i) => redis.set(`auto:${i}`, String(i)));
    expect(await Promise.all(written)).toEqual(new Array(300).fill('OK'));
    const sum = await Promise.all(Array.from({ length: 300 }, (_, i) => redis.get(`auto:${i}`)));
    expect(sum.map(Number).reduce((total, one) => total + one, 0)).toBe((299 * 300) / 2);
  });

  it('runs MULTI/EXEC whole, pipelined and command by command', async () => {
    const redis = client();
    const key = `${tag}:multi`;
    expect(await redis.multi().set(key, '1').incr(key).lpush(key, 'x').get(key).exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [expect.objectContaining({ message: expect.stringContaining('WRONGTYPE') })],
      [null, '2'],
    ]);
    await redis.multi({ pipeline: false });
    expect(await redis.incr(key)).toBe('QUEUED');
    expect(await redis.exec()).toEqual([[null, 3]]);
    await redis.multi({ pipeline: false });
    expect(await redis.set(key, 'gone')).toBe('QUEUED');
    expect(await redis.discard()).toBe('OK');
    expect(await redis.get(key)).toBe('3');
    await expect(redis.multi().set(key, '4').call('NOSUCH').exec()).rejects.toThrow('EXECABORT');
    expect(await redis.get(key)).toBe('3');
  });

  it('a WATCH that lost makes EXEC answer null and write nothing; tried again it goes through', async () => {
    const [redis, other] = [client(), client()];
    const key = `${tag}:watched`;
    await redis.set(key, '10');
    await redis.watch(key);
    await other.incr(key);
    expect(await redis.multi().set(key, 'lost').exec()).toBeNull();
    expect(await redis.get(key)).toBe('11');
    await redis.watch(key);
    expect(await redis.multi().incrby(key, 5).exec()).toEqual([[null, 16]]);
    await redis.watch(key);
    await redis.unwatch();
    await other.incr(key);
    expect(await redis.multi().get(key).exec()).toEqual([[null, '17']]);
  });

  it('a hundred optimistic increments of ten clients are a hundred', async () => {
    const key = `${tag}:contended`;
    const increment = async (redis: IoRedis): Promise<void> => {
      for (let done = 0; done < 10; ) {
        await redis.watch(key);
        const next = Number(await redis.get(key)) + 1;
        if ((await redis.multi().set(key, next).exec()) !== null) done++;
      }
    };
    await Promise.all(Array.from({ length: 10 }, () => increment(client())));
    expect(await client().get(key)).toBe('100');
  });

  it('a transaction over keys of several slots runs inline and is refused whole over several shards', async () => {
    const redis = client();
    const running = redis.multi().set('apart:a', '1').set('apart:b', '2').set('apart:c', '3').exec();
    if (shards === 1) return expect(await running).toHaveLength(3);
    await expect(running).rejects.toThrow(/EXECABORT|CROSSSLOT/);
    expect(await redis.exists('apart:a', 'apart:b', 'apart:c')).toBe(0);
  });

  it('serves blocked consumers in the order in which they came, each job once', async () => {
    const key = `${tag}:jobs`;
    const consumers = [client(), client(), client()];
    const producer = client();
    const taken = [];
    for (const [at, consumer] of consumers.entries()) {
      taken.push(consumer.blpop(key, 0));
      await eventually('the consumer is blocked', async () => {
        return Number(/blocked_clients:(\d+)/.exec(await producer.info('clients'))?.[1]) === at + 1;
      });
    }
    await producer.rpush(key, 'first', 'second', 'third');
    expect(await Promise.all(taken)).toEqual([
      [key, 'first'],
      [key, 'second'],
      [key, 'third'],
    ]);
    expect(await producer.exists(key)).toBe(0);
  });

  it('moves, pops from sorted sets and gives up in time while blocked', async () => {
    const [worker, producer] = [client(), client()];
    const moved = worker.blmove(`${tag}:from`, `${tag}:to`, 'LEFT', 'RIGHT', 0);
    await producer.rpush(`${tag}:from`, 'job');
    expect(await moved).toBe('job');
    expect(await producer.lrange(`${tag}:to`, 0, -1)).toEqual(['job']);
    const popped = worker.bzpopmin(`${tag}:empty`, `${tag}:scores`, 0);
    await producer.zadd(`${tag}:scores`, 2.5, 'b', 1.5, 'a');
    expect(await popped).toEqual([`${tag}:scores`, 'a', '1.5']);
    expect(await worker.brpop(`${tag}:nothing`, 0.05)).toBeNull();
    expect(await worker.blmpop(0.05, 1, `${tag}:nothing`, 'LEFT')).toBeNull();
  });

  it('hears channels and patterns, unsubscribes, and goes on with commands', async () => {
    const [subscriber, publisher] = [client(), client()];
    const heard: string[] = [];
    subscriber.on('message', (channel: string, text: string) => heard.push(`${channel}=${text}`));
    subscriber.on('pmessage', (pattern: string, channel: string, text: string) => {
      heard.push(`${pattern}>${channel}=${text}`);
    });
    expect(await subscriber.subscribe(`${tag}:news`, `${tag}:weather`)).toBe(2);
    expect(await subscriber.psubscribe(`*${name.replaceAll(' ', '-')}}:we?ther`)).toBe(3);
    expect(await publisher.publish(`${tag}:news`, 'ü€')).toBe(1);
    expect(await publisher.publish(`${tag}:weather`, 'rain')).toBe(2);
    await eventually('three messages', () => heard.length === 3);
    expect(heard.toSorted()).toEqual([
      `*${name.replaceAll(' ', '-')}}:we?ther>${tag}:weather=rain`,
      `${tag}:news=ü€`,
      `${tag}:weather=rain`,
    ]);
    expect(await publisher.pubsub('NUMSUB', `${tag}:news`)).toEqual([`${tag}:news`, 1]);
    // By name: without names ioredis waits for the end of all subscriptions, patterns too, here as with redis-server.
    await subscriber.unsubscribe(`${tag}:news`, `${tag}:weather`);
    await subscriber.punsubscribe(`*${name.replaceAll(' ', '-')}}:we?ther`);
    expect(await publisher.publish(`${tag}:news`, 'nobody')).toBe(0);
    expect(await subscriber.set(`${tag}:after`, 'x')).toBe('OK');
  });

  it('hears sharded channels', async () => {
    const [subscriber, publisher] = [client(), client()];
    const heard: string[] = [];
    subscriber.on('smessage', (channel: string, text: string) => heard.push(`${channel}=${text}`));
    await subscriber.ssubscribe(`${tag}:shard-news`);
    expect(await publisher.spublish(`${tag}:shard-news`, 'x')).toBe(1);
    await eventually('the message', () => heard.length === 1);
    expect(heard).toEqual([`${tag}:shard-news=x`]);
  });

  it('hears what happens to keys, and that they expire', async () => {
    const [subscriber, writer] = [client(), client()];
    const heard: string[] = [];
    subscriber.on('pmessage', (_pattern: string, channel: string, text: string) => heard.push(`${channel} ${text}`));
    await subscriber.psubscribe(`__key*__:*`);
    const key = `${tag}:eventful`;
    await writer.set(key, 'x', 'PX', 30);
    await eventually('the key expired', () => heard.includes(`__keyevent@0__:expired ${key}`));
    expect(heard.filter((line) => line.includes(key))).toEqual([
      `__keyspace@0__:${key} set`,
      `__keyevent@0__:set ${key}`,
      `__keyspace@0__:${key} expire`,
      `__keyevent@0__:expire ${key}`,
      `__keyspace@0__:${key} expired`,
      `__keyevent@0__:expired ${key}`,
    ]);
  });

  it('a duplicate is a connection of its own with the same login', async () => {
    const redis = client({ connectionName: 'original', db: 3 });
    const copy = redis.duplicate();
    open.push(copy);
    const ids = await Promise.all([redis.client('ID'), copy.client('ID')]);
    expect(ids[0]).not.toBe(ids[1]);
    await redis.set(`${tag}:in-three`, 'x');
    expect(await copy.get(`${tag}:in-three`)).toBe('x');
    expect(await copy.acl('WHOAMI')).toBe('app');
  });

  it('comes back after CLIENT KILL: database, name and subscriptions as before', async () => {
    const admin = new IoRedis(login(serve, 'admin'));
    open.push(admin);
    const kill = async (id: number): Promise<void> => expect(await admin.client('KILL', 'ID', id)).toBe(1);
    const redis = client({ connectionName: 'phoenix', db: 5 });
    const subscriber = client();
    const heard: string[] = [];
    subscriber.on('message', (_channel: string, text: string) => heard.push(text));
    const listening = Number(await subscriber.client('ID'));
    await subscriber.subscribe(`${tag}:phoenix`);
    await redis.set(`${tag}:kept`, 'x');
    const id = Number(await redis.client('ID'));
    await kill(id);
    await kill(listening);
    await eventually('the client is another', async () => Number(await redis.client('ID')) !== id);
    expect(await redis.get(`${tag}:kept`)).toBe('x');
    expect(await redis.client('GETNAME')).toBe('phoenix');
    await eventually('it is subscribed again', async () => (await redis.publish(`${tag}:phoenix`, 'back')) === 1);
    await eventually('it heard', () => heard.includes('back'));
  });

  it('a blocked client that is killed takes no job with it', async () => {
    const admin = new IoRedis(login(serve, 'admin'));
    open.push(admin);
    const worker = client({ retryStrategy: null });
    worker.on('error', () => {});
    const id = Number(await worker.client('ID'));
    const lost = worker.blpop(`${tag}:precious`, 0).then(
      () => 'answered',
      () => 'closed',
    );
    const redis = client();
    await eventually('it is blocked', async () => /blocked_clients:[1-9]/.test(await redis.info('clients')));
    expect(await admin.client('KILL', 'ID', id)).toBe(1);
    expect(await lost).toBe('closed');
    await redis.rpush(`${tag}:precious`, 'job');
    expect(await redis.lpop(`${tag}:precious`)).toBe('job');
  });
});
