/**
 * Two servers of socket.io behind one gateway, over TLS, with each of its three adapters: pub/sub, sharded pub/sub and
 * streams. Whatever one server does has to reach the clients of the other.
 */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io, Manager, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, login, nodeRedisLogin } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

type Adapter = ReturnType<typeof createAdapter | typeof createShardedAdapter | typeof createStreamsAdapter>;
/** What a server of socket.io needs of Redis, and how to let go of it once all that was sent is answered. */
interface Backing {
  readonly adapter: Adapter;
  /** Where rooms have channels of their own: whether somebody listens to that of this one. A socket has joined before. */
  readonly isHeard?: (room: string) => Promise<boolean>;
  readonly close: () => Promise<unknown>;
}

function ioredisPair(): [Redis, Redis] {
  const publisher = new Redis(login(serve));
  return [publisher, publisher.duplicate()];
}

async function nodeRedisPair() {
  const publisher = createClient(nodeRedisLogin(serve));
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return [publisher, subscriber] as const;
}

const adapters: readonly (readonly [name: string, back: () => Promise<Backing>])[] = [
  [
    'pub/sub through ioredis',
    async () => {
      const [publisher, subscriber] = ioredisPair();
      return {
        adapter: createAdapter(publisher, subscriber),
        close: () => Promise.all([publisher.quit(), subscriber.quit()]),
      };
    },
  ],
  [
    'pub/sub through node-redis',
    async () => {
      const [publisher, subscriber] = await nodeRedisPair();
      const close = () => Promise.all([publisher.close(), subscriber.close()]);
      return { adapter: createAdapter(publisher, subscriber), close };
    },
  ],
  [
    'sharded pub/sub through ioredis',
    async () => {
      const [publisher, subscriber] = ioredisPair();
      const adapter = createShardedAdapter(publisher, subscriber, { subscriptionMode: 'dynamic' });
      const isHeard = async (room: string) => {
        const [, count] = (await publisher.call('PUBSUB', 'SHARDNUMSUB', `socket.io#/#${room}#`)) as [string, number];
        return count === 1;
      };
      return { adapter, isHeard, close: () => Promise.all([publisher.quit(), subscriber.quit()]) };
    },
  ],
  [
    'streams through ioredis',
    async () => {
      const redis = new Redis(login(serve));
      // It ends its own two duplicates when the last namespace closes, after the wait of XREAD that is running.
      return { adapter: createStreamsAdapter(redis, { blockTimeInMs: 200 }), close: () => redis.quit() };
    },
  ],
];

describe.each(adapters)('%s', (_name, back) => {
  let servers: { readonly io: Server; readonly http: HttpServer; readonly backing: Backing; readonly url: string }[];
  let clients: Socket[];

  beforeEach(async () => {
    servers = await Promise.all([startServer(), startServer()]);
    clients = [];
    await eventually('the servers see each other', async () => {
      const counts = await Promise.all(servers.map(({ io }) => io.of('/').adapter.serverCount()));
      return counts.every((count) => count === 2);
    });
  });
  afterEach(async () => {
    for (const client of clients) client.disconnect();
    for (const { io } of servers) await io.close();
    for (const { backing } of servers) await backing.close();
  });

  async function startServer() {
    const backing = await back();
    const http = createServer();
    const server = new Server(http, { adapter: backing.adapter, transports: ['websocket'] });
    server.on('connection', (socket) => {
      socket.on('join', async (room: string, done: () => void) => {
        await socket.join(room);
        done();
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return { io: server, http, backing, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
  }

  async function connect(server: 0 | 1): Promise<{ socket: Socket; heard: unknown[] }> {
    const socket = io(servers[server]?.url ?? '', { transports: ['websocket'], forceNew: true, reconnection: false });
    clients.push(socket);
    const heard: unknown[] = [];
    socket.on('news', (...news: unknown[]) => heard.push(...news));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return { socket, heard };
  }

  it('a broadcast reaches the clients of both servers, a room only those in it, bytes as bytes', async () => {
    const [one, other] = [await connect(0), await connect(1)];
    await other.socket.emitWithAck('join', 'room');
    await eventually('the room is heard', async () => (await servers[1]?.backing.isHeard?.('room')) !== false);
    servers[0]?.io.emit('news', 'to all', Buffer.from([0, 255]));
    servers[0]?.io.to('room').emit('news', 'to the room');
    servers[1]?.io.except('room').emit('news', 'to the others');
    await eventually('all was heard', () => one.heard.length === 3 && other.heard.length === 3);
    // What one server says arrives in its order; between two servers there is none.
    expect(one.heard.filter((word) => word !== 'to the others')).toEqual(['to all', Buffer.from([0, 255])]);
    expect(one.heard).toContain('to the others');
    expect(other.heard).toEqual(['to all', Buffer.from([0, 255]), 'to the room']);
  });

  it('a broadcast with acknowledgement gathers the answers of both servers', async () => {
    const [one, other] = [await connect(0), await connect(1)];
    one.socket.on('ask', (answer: (word: string) => void) => answer('one'));
    other.socket.on('ask', (answer: (word: string) => void) => answer('other'));
    const answers = await servers[0]?.io.timeout(15_000).emitWithAck('ask');
    expect((answers as string[]).toSorted()).toEqual(['one', 'other']);
  });

  it('sockets of the other server can be fetched, put into rooms and disconnected', async () => {
    const [one, other] = [await connect(0), await connect(1)];
    const here = servers[0]?.io;
    if (here === undefined) return expect.fail('two servers');
    const all = await here.fetchSockets();
    expect(all.map(({ id }) => id).toSorted()).toEqual([one.socket.id, other.socket.id].toSorted());
    here.in(String(other.socket.id)).socketsJoin('moved');
    await eventually('it is in the room', async () => (await here.in('moved').fetchSockets()).length === 1);
    here.in('moved').disconnectSockets(true);
    await eventually('it is disconnected', () => other.socket.disconnected);
    expect(one.socket.connected).toBe(true);
    await eventually('one is left', async () => (await here.fetchSockets()).length === 1);
  });

  it('servers talk among themselves', async () => {
    servers[1]?.io.on('question', (word: string, answer: (reply: string) => void) => answer(`${word}!`));
    expect(await servers[0]?.io.serverSideEmitWithAck('question', 'well')).toEqual(['well!']);
  });
});

describe('connection state recovery, which the streams adapter has', () => {
  it('a client that comes back at the other server gets what it missed', async () => {
    const clients = [new Redis(login(serve)), new Redis(login(serve))];
    const servers = clients.map((redis) => {
      const adapter = createStreamsAdapter(redis, { streamName: 'recovered', blockTimeInMs: 200 });
      const http = createServer().listen(0, '127.0.0.1');
      const connectionStateRecovery = { maxDisconnectionDuration: 60_000 };
      return { http, io: new Server(http, { adapter, connectionStateRecovery, transports: ['websocket'] }) };
    });
    const [first, second] = servers;
    if (first === undefined || second === undefined) return expect.fail('two servers');
    await eventually('the servers see each other', async () => (await first.io.of('/').adapter.serverCount()) === 2);
    const urlOf = ({ http }: typeof first) => `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const manager = new Manager(urlOf(first), { transports: ['websocket'], reconnection: false });
    const socket = manager.socket('/');
    const heard: unknown[] = [];
    socket.on('news', (word: unknown) => heard.push(word));
    await eventually('it is connected', () => socket.connected);
    first.io.emit('news', 'heard');
    await eventually('it heard', () => heard.length === 1);
    manager.engine.close();
    await eventually('it is gone', async () => (await second.io.fetchSockets()).length === 0);
    second.io.emit('news', 'missed');
    first.io.emit('news', Buffer.from('missed too'));
    await eventually('both are in the stream', async () => ((await clients[0]?.xlen('recovered')) ?? 0) >= 3);
    Object.assign(manager, { uri: urlOf(second) });
    socket.connect();
    await eventually('it heard what it missed', () => heard.length === 3);
    expect(socket.recovered).toBe(true);
    expect(heard.map(String).toSorted()).toEqual(['heard', 'missed', 'missed too']);
    socket.disconnect();
    for (const { io } of servers) await io.close();
    for (const redis of clients) await redis.quit();
  });
});
