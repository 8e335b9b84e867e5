/** express-session with connect-redis over TLS: a session from its first request to its last. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { createClient } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeRedisLogin } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
let client: ReturnType<typeof make>;
let store: RedisStore;
let application: Server;
let url: string;

declare module 'express-session' {
  interface SessionData {
    visits: number;
  }
}

function make() {
  return createClient(nodeRedisLogin(serve));
}

beforeAll(async () => {
  serve = await Serve.start();
  client = make();
  await client.connect();
  store = new RedisStore({ client, prefix: 'web:', ttl: 1000 });
  application = createServer(visited()).listen(0, '127.0.0.1');
  await new Promise((resolve) => application.once('listening', resolve));
  url = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
});
afterAll(async () => {
  application.close();
  client.destroy();
  await serve.dispose();
});

/** Counts visits; `/read` leaves the session as it is, `/leave` ends it. */
function visited() {
  const withSession = session({ store, secret: 'of the test', resave: false, saveUninitialized: false });
  return (request: IncomingMessage, response: ServerResponse): void => {
    // It asks for what express makes of a request, and uses of it what node:http has.
    const incoming = request as Parameters<typeof withSession>[0];
    withSession(incoming, response as Parameters<typeof withSession>[1], (error) => {
      const end = (failed?: unknown) => {
        if (failed) response.statusCode = 500;
        response.end(JSON.stringify({ id: incoming.sessionID, visits: incoming.session?.visits ?? 0 }));
      };
      if (error) return end(error);
      if (request.url === '/leave') return incoming.session.destroy(end);
      if (request.url !== '/read') incoming.session.visits = (incoming.session.visits ?? 0) + 1;
      end();
    });
  };
}

async function visit(path: string, cookie?: string) {
  const response = await fetch(url + path, cookie === undefined ? {} : { headers: { cookie } });
  expect(response.status).toBe(200);
  const given = response.headers.get('set-cookie')?.split(';')[0];
  return { cookie: given ?? cookie ?? '', ...((await response.json()) as { id: string; visits: number }) };
}

it('a session is saved, read, touched and destroyed', async () => {
  const first = await visit('/');
  expect(first.visits).toBe(1);
  expect(first.cookie).toContain('connect.sid');
  const key = `web:${first.id}`;
  expect(JSON.parse((await client.get(key)) ?? '')).toMatchObject({ visits: 1 });
  expect(await client.ttl(key)).toBeGreaterThan(990);

  const second = await visit('/', first.cookie);
  expect(second).toMatchObject({ id: first.id, visits: 2 });

  // A request that changes nothing only renews the time to live.
  await client.expire(key, 100);
  expect((await visit('/read', first.cookie)).visits).toBe(2);
  expect(await client.ttl(key)).toBeGreaterThan(990);

  await visit('/leave', first.cookie);
  expect(await client.exists(key)).toBe(0);
  const afterwards = await visit('/', first.cookie);
  expect(afterwards.visits).toBe(1);
  expect(afterwards.id).not.toBe(first.id);
});

it('visitors do not mix, and a session whose time is over is gone', async () => {
  const visitors = await Promise.all(Array.from({ length: 20 }, () => visit('/')));
  expect(new Set(visitors.map(({ id }) => id)).size).toBe(20);
  const [one, other] = visitors;
  if (one === undefined || other === undefined) return expect.fail('twenty visitors');
  await client.pExpire(`web:${one.id}`, 0);
  expect((await visit('/', one.cookie)).visits).toBe(1);
  expect((await visit('/', other.cookie)).visits).toBe(2);
});

it('counts, lists and clears all sessions, of all shards', async () => {
  await store.clear();
  await client.set('not a session', 'x');
  for (let i = 0; i < 30; i++) await visit('/');
  expect(await store.length()).toBe(30);
  expect(((await store.ids()) as string[]).length).toBe(30);
  expect(((await store.all()) as { visits: number }[]).map(({ visits }) => visits)).toEqual(new Array(30).fill(1));
  await store.clear();
  expect(await store.length()).toBe(0);
  expect(await client.get('not a session')).toBe('x');
});
