/**
 * redis-commander, started against the gateway over TLS and used as its web page uses it: over HTTP.
 *
 * It is fetched by this test (redis-commander@0.9.0, some 190 packages and 24 MB); without the registry these tests are skipped.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../support/ports.ts';
import { eventually, login } from '../support/clients.ts';
import { fetchedPackage } from '../support/fetched.ts';
import { Serve } from '../support/serve.ts';

const FETCHED_AND_STARTED_MS_MAX = 180_000;

/** A browser of keys and what its HTTP API answers. */
class Commander {
  private readonly child: ChildProcess;
  private readonly url: string;
  private readonly connection: string;

  private constructor(child: ChildProcess, port: number, connection: string) {
    this.child = child;
    this.url = `http://127.0.0.1:${port}/apiv2`;
    this.connection = encodeURIComponent(connection);
  }

  static async start(folder: string, serve: Serve, flags: readonly string[] = []): Promise<Commander> {
    const { host, port, username, password, tls } = login(serve);
    const httpPort = await freePort();
    const redis = ['--redis-host', host, '--redis-port', String(port), '--redis-username', username];
    redis.push('--redis-password', password, '--redis-tls', '--redis-tls-server-name', tls.servername);
    redis.push('--redis-tls-ca-cert-file', join(serve.folder, 'certs', 'ca.pem'));
    const own = ['--address', '127.0.0.1', '--port', String(httpPort), '--noload', '--nosave', ...flags];
    const child = spawn(process.execPath, [join(folder, 'bin', 'redis-commander.js'), ...redis, ...own], {
      cwd: folder,
      stdio: 'ignore',
      // In development its error pages show the error.
      env: { ...process.env, NODE_ENV: 'development' },
    });
    const commander = new Commander(child, httpPort, `R:${host}:${port}:0`);
    await eventually('redis-commander is connected', async () => {
      if (child.exitCode !== null) throw new Error(`redis-commander ended with ${child.exitCode}`);
      const answer = await fetch(`${commander.url}/server/info`).catch(() => undefined);
      return answer?.ok === true && (await answer.text()).includes('Redis version');
    });
    return commander;
  }

  async get(path: string): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(`${this.url}/${path.replace('ID', this.connection)}`);
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  async run(command: string): Promise<unknown> {
    const answer = await fetch(`${this.url}/exec/${this.connection}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ cmd: command }),
    });
    return ((await answer.json()) as { data: unknown }).data;
  }

  stop(): void {
    this.child.kill();
  }
}

describe('redis-commander (skipped where the registry is not reached)', () => {
  let serve: Serve;
  let fetched: Awaited<ReturnType<typeof fetchedPackage>>;
  let commander: Commander | undefined;
  let redis: Redis;

  beforeAll(async () => {
    serve = await Serve.start();
    redis = new Redis(login(serve));
    fetched = await fetchedPackage('redis-commander', '0.9.0');
    if ('folder' in fetched) commander = await Commander.start(fetched.folder, serve);
    await redis.set('shop:greeting', 'ü€');
    await redis.rpush('shop:list', 'a', 'b', 'c');
    await redis.hset('shop:hash', { field: 'value', empty: '' });
    await redis.sadd('shop:set', 'member');
    await redis.zadd('shop:zset', 1.5, 'scored');
    await redis.xadd('shop:stream', '1-1', 'field', 'value');
    await redis.set('shop:passing', 'x', 'EX', 1000);
    const pipeline = redis.pipeline();
    for (let i = 0; i < 500; i++) pipeline.set(`many:${i}`, 'x');
    await pipeline.exec();
  }, FETCHED_AND_STARTED_MS_MAX);
  afterAll(async () => {
    commander?.stop();
    redis?.disconnect();
    await serve?.dispose();
  });

  /** The running one; without it the test is skipped, and says why. */
  function running(skip: (why: string) => never): Commander {
    if (commander === undefined) return skip('missing' in fetched ? fetched.missing : 'not started');
    return commander;
  }

  it('shows the tree of keys of all shards', async ({ skip }) => {
    const { body } = await running(skip).get('keystree/ID/');
    const { data } = body as { data: { keyName: string; count: number }[] };
    expect(data.map(({ keyName, count }) => [keyName, count]).toSorted()).toEqual([
      ['many:', 500],
      ['shop:', 7],
    ]);
    const found = (await running(skip).get('keys/ID/shop:*')).body as { data: string[] };
    expect(found.data).toHaveLength(7);
  });

  it.for([
    ['shop:greeting', { type: 'string', value: 'ü€', ttl: -1 }],
    ['shop:list', { type: 'list', length: 3, items: ['a', 'b', 'c'].map((value, number) => ({ number, value })) }],
    ['shop:hash', { type: 'hash', data: { field: 'value', empty: '' } }],
    ['shop:set', { type: 'set', members: ['member'] }],
    ['shop:zset', { type: 'zset', length: 1, items: [{ number: 0, score: '1.5', value: 'scored' }] }],
    [
      'shop:stream',
      { type: 'stream', length: 1, items: [{ timestamp: '1-1', field: 'field', value: 'value', number: 1 }] },
    ],
    ['shop:none', { type: 'none' }],
  ] as const)('shows %s', async ([key, shown], { skip }) => {
    const { status, body } = await running(skip).get(`key/ID/${key}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ key, ...shown });
  });

  it('shows times to live, and INFO', async ({ skip }) => {
    const { body } = await running(skip).get('key/ID/shop:passing');
    expect((body as { ttl: number }).ttl).toBeGreaterThan(900);
    const info = (await running(skip).get('server/ID/info')).body as { data: { info: { key: string }[] }[] };
    expect(info.data[0]?.info.map(({ key }) => key)).toContain('Used memory human');
  });

  it('runs commands typed in, errors and scripts included', async ({ skip }) => {
    expect(await running(skip).run('SET typed "two words"')).toBe('OK');
    expect(await redis.get('typed')).toBe('two words');
    expect(await running(skip).run('INCR typed')).toContain('ERR value is not an integer or out of range');
    expect(await running(skip).run('EVAL "return 1" 0')).toContain("unknown command 'eval'");
    expect(await running(skip).run('HGETALL shop:hash')).toEqual({ field: 'value', empty: '' });
  });

  it('told to look at the length of hash fields first, which takes a script, it shows an error and goes on', async ({
    skip,
  }) => {
    running(skip);
    if (!('folder' in fetched)) return skip(fetched.missing);
    const careful = await Commander.start(fetched.folder, serve, ['--max-hash-field-size', '100']);
    try {
      const { status, body } = await careful.get('key/ID/shop:hash');
      expect(status).toBe(500);
      expect(body).toContain('unknown command');
      expect((await careful.get('key/ID/shop:greeting')).body).toMatchObject({ value: 'ü€' });
    } finally {
      careful.stop();
    }
  });
});
