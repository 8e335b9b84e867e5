import { spawnSync } from 'node:child_process';
import { Redis as IoRedis } from 'ioredis';
import { Redis as IoValkey } from 'iovalkey';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisServerInstalled } from '../wire/redis-server.ts';
import { Serve } from './support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

function options() {
  return {
    host: '127.0.0.1',
    port: serve.tlsPort,
    username: 'app',
    password: serve.password('app'),
    tls: { ca: serve.ca, servername: 'localhost' },
  };
}

/** What the two relatives have in common here. */
async function worksLikeIoredis(client: IoRedis | IoValkey, prefix: string): Promise<void> {
  expect(await client.ping()).toBe('PONG');
  expect(await client.set(`${prefix}:a`, 'ü€\u0000', 'EX', 100)).toBe('OK');
  expect(await client.get(`${prefix}:a`)).toBe('ü€\u0000');
  expect(await client.ttl(`${prefix}:a`)).toBeGreaterThan(90);
  expect(await client.get(`${prefix}:none`)).toBeNull();
  const pipeline = client.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`${prefix}:${i}`, `value ${i}`);
  for (let i = 0; i < 1000; i++) pipeline.get(`${prefix}:${i}`);
  const answers = await pipeline.exec();
  expect(answers?.slice(1000).map(([, value]) => value)).toEqual(Array.from({ length: 1000 }, (_, i) => `value ${i}`));
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}:*`, 'COUNT', 100);
    for (const key of keys) seen.add(key);
    cursor = next;
  } while (cursor !== '0');
  expect(seen.size).toBe(1001);
  expect(await client.client('SETNAME', prefix)).toBe('OK');
  expect(String(await client.client('LIST'))).toContain(`name=${prefix}`);
  expect(await client.info('server')).toContain('redis_version:7.2.0');
  await expect(client.call('NOSUCH')).rejects.toThrow("unknown command 'NOSUCH'");
  await expect(client.call('CONFIG', 'SET', 'maxmemory', '1')).rejects.toThrow('NOPERM');
}

describe('over TLS with user and password', () => {
  it('ioredis works', async () => {
    const client = new IoRedis(options());
    await worksLikeIoredis(client, 'ioredis');
    await client.quit();
  });

  it('iovalkey works', async () => {
    const client = new IoValkey(options());
    await worksLikeIoredis(client, 'iovalkey');
    await client.quit();
  });

  it.each([2, 3] as const)('node-redis works in RESP%i', async (RESP) => {
    const { host, port, username, password, tls } = options();
    const client = createClient({ RESP, username, password, socket: { host, port, tls: true, ...tls } });
    await client.connect();
    expect(await client.ping()).toBe('PONG');
    expect(await client.set('node-redis', 'x')).toBe('OK');
    expect(await client.get('node-redis')).toBe('x');
    const many = await Promise.all(
      Array.from({ length: 500 }, (_, i) => client.incr(`node-redis:counter:${RESP}`).then((n) => n === i + 1)),
    );
    expect(many.every(Boolean)).toBe(true);
    const found: string[] = [];
    for await (const keys of client.scanIterator({ MATCH: 'node-redis*', COUNT: 1000 })) found.push(...keys);
    expect(found).toContain('node-redis');
    expect(await client.info()).toContain('portcullis_version');
    await client.close();
  });

  it('a wrong password is refused', async () => {
    const client = new IoRedis({ ...options(), password: 'wrong', retryStrategy: null, lazyConnect: true });
    client.on('error', () => {});
    await expect(client.connect().then(() => client.ping())).rejects.toThrow();
    client.disconnect();
  });

  it.skipIf(!redisServerInstalled)('redis-benchmark works (skipped without redis tools)', () => {
    const login = ['--user', 'app', '-a', serve.password('app'), '--tls', '--cacert', `${serve.folder}/certs/ca.pem`];
    const where = ['-h', '127.0.0.1', '-p', String(serve.tlsPort)];
    for (const pipeline of ['1', '16']) {
      const load = ['-t', 'set,get,incr,mset', '-n', '5000', '-c', '20', '-P', pipeline, '-q', '--csv'];
      const ended = spawnSync('redis-benchmark', [...where, ...login, ...load], { encoding: 'utf8' });
      expect(ended.status, ended.stderr + ended.stdout).toBe(0);
      expect(ended.stdout).toMatch(/"SET"/);
      expect(ended.stdout + ended.stderr).not.toMatch(/error/i);
    }
  });
});
