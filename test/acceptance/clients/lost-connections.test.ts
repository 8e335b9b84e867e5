/**
 * What the clients do when their connection is lost, over TLS: killed while blocked, let go while blocked, and the gateway
 * stopped and started again under all of them.
 */
import { Redis as IoRedis } from 'ioredis';
import { Redis as IoValkey } from 'iovalkey';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, login, nodeRedisLogin } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

const open: { disconnect(): unknown }[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});

type Options = Record<string, unknown>;
const libraries: readonly (readonly [name: string, connect: (options: Options) => IoRedis])[] = [
  ['ioredis in RESP3', (options) => new IoRedis({ ...login(serve), ...options })],
  ['ioredis in RESP2', (options) => new IoRedis({ ...login(serve), protocol: 2, ...options })],
  // Where both have a method it is the same method, which the two type declarations cannot know of each other.
  ['iovalkey', (options) => new IoValkey({ ...login(serve), ...options }) as unknown as IoRedis],
];

function opened<T extends { disconnect(): unknown }>(client: T): T {
  open.push(client);
  return client;
}

async function blocked(observer: IoRedis): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(await observer.info('clients'))?.[1]);
}

describe.each(libraries)('%s', (name, connect) => {
  const client = (options: Options = {}): IoRedis => {
    const made = opened(connect(options));
    made.on('error', () => {});
    return made;
  };
  const key = (word: string): string => `{${name.replaceAll(' ', '-')}}:${word}`;

  it('a worker killed while blocked connects again and asks again, and gets the next job once', async () => {
    const admin = opened(new IoRedis(login(serve, 'admin')));
    const [worker, producer] = [client(), client()];
    const id = await worker.client('ID');
    const job = worker.blpop(key('jobs'), 0);
    await eventually('it is blocked', async () => (await blocked(producer)) === 1);
    expect(await admin.client('KILL', 'ID', id)).toBe(1);
    await eventually('another connection is blocked', async () => {
      const list = String(await producer.client('LIST'));
      return /cmd=blpop/.test(list) && !new RegExp(`^id=${id} `, 'm').test(list);
    });
    await producer.rpush(key('jobs'), 'first', 'second');
    expect(await job).toEqual([key('jobs'), 'first']);
    expect(await producer.lrange(key('jobs'), 0, -1)).toEqual(['second']);
  });

  it('a worker that goes while blocked takes nothing with it', async () => {
    const [going, staying, producer] = [client(), client(), client()];
    const lost = going.blmove(key('from'), key('to'), 'LEFT', 'RIGHT', 0).catch((error: Error) => error.message);
    await eventually('the first is blocked', async () => (await blocked(producer)) === 1);
    const job = staying.blmove(key('from'), key('to'), 'LEFT', 'RIGHT', 0);
    await eventually('both are blocked', async () => (await blocked(producer)) === 2);
    going.disconnect();
    expect(await lost).toBe('Connection is closed.');
    await eventually('one is left', async () => (await blocked(producer)) === 1);
    await producer.rpush(key('from'), 'job');
    expect(await job).toBe('job');
    expect(await producer.lrange(key('to'), 0, -1)).toEqual(['job']);
  });

  it('CLIENT UNBLOCK ends a wait, with an error if asked for', async () => {
    const [worker, observer] = [client(), client()];
    const id = Number(await worker.client('ID'));
    const waiting = worker.bzpopmax(key('scores'), 0);
    await eventually('it is blocked', async () => (await blocked(observer)) === 1);
    expect(await observer.client('UNBLOCK', id)).toBe(1);
    expect(await waiting).toBeNull();
    const refused = worker.xread('BLOCK', 0, 'STREAMS', key('stream'), '$').catch((error: Error) => error.message);
    await eventually('it is blocked again', async () => (await blocked(observer)) === 1);
    expect(await observer.client('UNBLOCK', id, 'ERROR')).toBe(1);
    expect(await refused).toBe('UNBLOCKED client unblocked via CLIENT UNBLOCK');
  });

  it('a transaction whose connection was lost did nothing', async () => {
    const admin = opened(new IoRedis(login(serve, 'admin')));
    const [redis, observer] = [client({ autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }), client()];
    await redis.multi({ pipeline: false });
    expect(await redis.set(key('half'), 'x')).toBe('QUEUED');
    const [, id] = /^id=(\d+) .* multi=1 /m.exec(String(await observer.client('LIST'))) ?? [];
    expect(await admin.client('KILL', 'ID', Number(id))).toBe(1);
    await eventually('it is connected again', () => redis.ping().then(Boolean, () => false));
    await expect(redis.exec()).rejects.toThrow('EXEC without MULTI');
    expect(await observer.exists(key('half'))).toBe(0);
  });
});

it('all clients outlive a restart of the gateway: queued commands, subscriptions and waits', async () => {
  const clients = libraries.map(([, connect]) => ({
    commands: opened(connect({ maxRetriesPerRequest: null })),
    subscriber: opened(connect({})),
    worker: opened(connect({ maxRetriesPerRequest: null })),
    heard: [] as string[],
  }));
  for (const [at, { commands, subscriber, worker, heard }] of clients.entries()) {
    for (const client of [commands, subscriber, worker]) client.on('error', () => {});
    subscriber.on('message', (_channel: string, text: string) => heard.push(text));
    await subscriber.subscribe(`restart:${at}`);
  }
  const nodeRedis = createClient(nodeRedisLogin(serve));
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
  const nodeHeard: string[] = [];
  await nodeRedis.subscribe('restart:node', (text) => void nodeHeard.push(text));
  const jobs = clients.map(({ worker }, at) => worker.blpop(`restart:jobs:${at}`, 0));

  const { folder, tlsPort } = serve;
  expect(await serve.stop()).toEqual({ code: 0, signal: null });
  const meanwhile = clients.map(({ commands }, at) => commands.set(`restart:${at}`, 'queued'));
  serve = await Serve.start({ folder, tlsPort });

  expect(await Promise.all(meanwhile)).toEqual(clients.map(() => 'OK'));
  for (const [at, { commands, heard }] of clients.entries()) {
    await eventually('it is subscribed again', async () => (await commands.publish(`restart:${at}`, 'back')) === 1);
    await eventually('it heard', () => heard.includes('back'));
    await commands.rpush(`restart:jobs:${at}`, 'job');
    expect(await jobs[at]).toEqual([`restart:jobs:${at}`, 'job']);
  }
  const [first] = clients;
  await eventually(
    'node-redis is subscribed',
    async () => (await first?.commands.publish('restart:node', 'back')) === 1,
  );
  await eventually('node-redis heard', () => nodeHeard.includes('back'));
  nodeRedis.destroy();
});
