/** Backups, restores, imports, exports and other numbers of shards, with real processes, over the words of README.md. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { eventually, login, shards } from './support/clients.ts';
import { ROOT, Serve } from './support/serve.ts';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const OTHER_SHARDS = shards === 1 ? 3 : 1;
const SECRET = 'a secret of the default tenant';
const TENANTS = { checkout: { users: [['checkout-app', '~* &* +@all'] as const] } };

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const folders: string[] = [];
const servers: (Serve | RedisServer)[] = [];
const clients: Redis[] = [];

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-backup-'));
  folders.push(folder);
  return folder;
}

async function serving(options: Parameters<typeof Serve.start>[0] = {}): Promise<Serve> {
  const serve = await Serve.start({ tenants: TENANTS, flags: ['--shards', `${shards}`], ...options });
  servers.push(serve);
  return serve;
}

function client(serve: Serve, user = 'app'): Redis {
  const redis = new Redis({ ...login(serve, user), protocol: 2, retryStrategy: () => null });
  clients.push(redis);
  return redis;
}

/** A command line as a person types it behind `npm start --`, where this server's folders are the usual ones. */
function tool(serve: Serve, ...words: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [join(ROOT, 'src/launch.mjs'), 'start', ...words], {
    cwd: serve.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PORTCULLIS_CERTS: join(serve.folder, 'certs'),
      PORTCULLIS_POLICIES: join(serve.folder, 'policies'),
      PORTCULLIS_TLS_PORT: String(serve.tlsPort),
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** The line of README.md that begins so, with other folders in place of those it names. */
function recipe(serve: Serve, begins: string, places: Readonly<Record<string, string>> = {}): Promise<Said> {
  const line = README.split('\n').find((one) => one.startsWith(`npm start -- ${begins}`));
  if (line === undefined) throw new Error(`README.md has no line 'npm start -- ${begins}'`);
  const words = line.replace('npm start -- ', '').split(' ');
  return tool(serve, ...words.map((word) => places[word] ?? word));
}

async function fill(redis: Redis, text: string): Promise<void> {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 200; i++) pipeline.set(`still:string:${i}`, `${text} ${i}`);
  pipeline.call('SET', 'still:later', text, 'PXAT', '9999999999999');
  for (let i = 0; i < 300; i++) pipeline.rpush('still:list', `${i} ${text}`);
  for (let i = 0; i < 700; i++) pipeline.sadd('still:set', `${i} ${text}`);
  for (let i = 0; i < 700; i++) pipeline.hset('still:hash', `field ${i}`, `${i} ${text}`);
  for (let i = 0; i < 300; i++) pipeline.zadd('still:zset', i / 3, `${i} ${text}`);
  for (let i = 1; i < 300; i++) pipeline.xadd('still:stream', `${i}-1`, 'text', `${text} ${i}`);
  pipeline.xgroup('CREATE', 'still:stream', 'group', '7-1');
  pipeline.setbit('still:bits', 12_345, 1);
  pipeline.pfadd('still:hll', 'a', 'b', 'c');
  for (const [error] of (await pipeline.exec()) ?? []) expect(error).toBeNull();
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.getBuffer(key).then((bytes) => bytes?.toString('hex'));
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return (await redis.smembers(key)).sort();
    case 'hash':
      return Object.entries(await redis.hgetall(key)).sort();
    case 'zset':
      return redis.call('ZRANGE', key, '0', '-1', 'WITHSCORES');
    default:
      return [await redis.xrange(key, '-', '+'), await redis.xinfo('GROUPS', key)];
  }
}

/** Every key that stays as it is, with its value and its time. */
async function stillOf(redis: Redis): Promise<string> {
  const lines: string[] = [];
  for (const key of await redis.keys('still:*')) {
    lines.push(JSON.stringify([key, await contentOf(redis, key), await redis.call('PEXPIRETIME', key)]));
  }
  return lines.sort().join('\n');
}

/** Writes all the time; two counters are the same at any moment. */
class Churn {
  private readonly redis: Redis;
  private readonly ended: Promise<void>;
  private isOver = false;
  rounds = 0;

  constructor(redis: Redis) {
    this.redis = redis;
    this.ended = this.run();
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const i = this.rounds++;
      const many = this.redis.pipeline();
      for (let j = 0; j < 20; j++) many.set(`churn:${(i * 20 + j) % 5000}`, `${i} ${'x'.repeat(100)}`);
      many.call('MULTI');
      many.incr('{pair}:a').rpush('{pair}:list', `${i}`).incr('{pair}:b');
      many.call('EXEC');
      await many.exec();
    }
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.ended;
  }
}

afterEach(async () => {
  for (const redis of clients.splice(0)) redis.disconnect();
});

async function disposeAll(): Promise<void> {
  for (const server of servers.splice(0)) {
    if (server instanceof Serve) await server.dispose();
    else await server.stop();
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
afterAll(disposeAll);

describe(`backups over ${shards} shard${shards === 1 ? '' : 's'}`, { timeout: 120_000 }, () => {
  let serve: Serve;
  let stillOfDefault: string;
  let stillOfCheckout: string;
  let backups: string;

  beforeAll(async () => {
    serve = await serving();
    backups = temporary();
    const app = client(serve);
    const checkout = client(serve, 'checkout-app');
    await fill(app, SECRET);
    await fill(checkout, 'of checkout');
    stillOfDefault = await stillOf(app);
    stillOfCheckout = await stillOf(checkout);
  }, 60_000);

  it('of a running server under load hold one moment, and come back over any number of shards', async () => {
    const app = client(serve);
    const churn = new Churn(client(serve));
    await eventually('it churns', () => churn.rounds > 5);
    const taken = await recipe(serve, 'backup --to', { '/var/backups/portcullis': backups });
    const rounds = churn.rounds;
    await eventually('it still churns', () => churn.rounds > rounds);
    await churn.stop();
    expect(taken.stderr).toBe('');
    expect(taken.stdout).toMatch(new RegExp(`^${backups}/[-\\dTZ]+: \\d+ keys, read back\n$`));
    expect(await app.get('{pair}:a')).toBe(String(churn.rounds));
    // It was moved: what is kept is where it was asked for.
    expect(readdirSync(join(serve.folder, 'data', 'backups'))).toEqual([]);

    const drilled = await recipe(serve, 'drill', { '/var/backups/portcullis': backups });
    expect(drilled.stdout).toMatch(/ keys of 2 tenants come back as they were: good\n$/);
    expect(drilled.code).toBe(0);

    for (const wanted of [shards, OTHER_SHARDS]) {
      const folder = temporary();
      const places = {
        '/var/backups/portcullis': backups,
        'data-restored': join(folder, 'data'),
        3: String(wanted),
      };
      const restored = await recipe(serve, 'restore', places);
      expect(restored.stderr).toBe('');
      expect(restored.stdout).toMatch(/ keys of 2 tenants restored from /);
      const again = await recipe(serve, 'restore', places);
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/^portcullis: the tenant '\w+' holds \d+ keys already: a backup is restored where/);
      const back = await serving({ folder, flags: ['--shards', `${wanted}`] });
      const redis = client(back);
      expect(await stillOf(redis)).toBe(stillOfDefault);
      expect(await stillOf(client(back, 'checkout-app'))).toBe(stillOfCheckout);
      const [a, b, length] = await Promise.all([
        redis.get('{pair}:a'),
        redis.get('{pair}:b'),
        redis.llen('{pair}:list'),
      ]);
      expect(Number(a)).toBeGreaterThan(0);
      expect(b).toBe(a);
      expect(String(length)).toBe(a);
      expect(await redis.set('after', '1')).toBe('OK');
      await back.stop();
    }
  });

  it('of one tenant hold nothing of others, and what is backed up next is all there', async () => {
    const folder = temporary();
    const taken = await tool(serve, 'backup', '--tenant', 'checkout', '--to', folder);
    expect(taken.stderr).toBe('');
    const [name = ''] = readdirSync(folder);
    for (const file of readdirSync(join(folder, name))) {
      const bytes = readFileSync(join(folder, name, file), 'latin1');
      expect(bytes).not.toContain(SECRET);
      expect(bytes).not.toContain('default');
      expect(bytes).not.toContain('used-mem');
    }
    const manifest = JSON.parse(readFileSync(join(folder, name, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ shards, tenant: 'checkout', tenants: [{ name: 'checkout' }] });
    const file = await recipe(serve, 'backup --tenant');
    expect(file.stderr).toBe('');
    expect(readFileSync(join(serve.folder, 'checkout.rdb'), 'latin1')).not.toContain(SECRET);

    const data = temporary();
    expect(
      await tool(serve, 'restore', '--from', folder, '--tenant', 'checkout', '--data', join(data, 'data')),
    ).toMatchObject({ code: 0 });
    const back = await serving({ folder: data, flags: [] });
    expect(await client(back).dbsize()).toBe(0);
    expect(await stillOf(client(back, 'checkout-app'))).toBe(stillOfCheckout);
    await back.stop();

    const everybody = temporary();
    expect(await tool(serve, 'backup', '--to', everybody)).toMatchObject({ code: 0 });
    const [whole = ''] = readdirSync(everybody);
    const { tenants } = JSON.parse(readFileSync(join(everybody, whole, 'manifest.json'), 'utf8'));
    const keys = await client(serve).dbsize();
    expect(tenants).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'default', keys })]));
  });

  it('are refused where they would do harm', async () => {
    const admin = client(serve, 'admin');
    const app = client(serve);
    await expect(admin.call('PORTCULLIS.BACKUP', '../elsewhere')).rejects.toThrow('no path');
    await expect(admin.call('PORTCULLIS.BACKUP', 'x', 'TENANT', 'nobody')).rejects.toThrow("No such tenant 'nobody'");
    await expect(app.call('PORTCULLIS.BACKUP', 'x')).rejects.toThrow('NOPERM');
    for (const words of [
      ['export', '--tenant', 'checkout', '--rdb', 'x.rdb'],
      ['import', 'x.rdb', '--tenant', 'checkout'],
      ['restore', '--from', backups],
    ]) {
      const said = await tool(serve, ...words);
      expect(said.code).toBe(1);
      expect(said.stderr).toMatch(
        /^portcullis: the data folder \S+ is in use by process \d+: stop the server first\n$/,
      );
    }
    const damaged = temporary();
    expect(await tool(serve, 'backup', '--to', damaged)).toMatchObject({ code: 0 });
    const [name = ''] = readdirSync(damaged);
    const path = join(damaged, name, 'shard-0.rdb');
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const drilled = await tool(serve, 'drill', '--from', damaged);
    expect(drilled.code).toBe(1);
    expect(drilled.stdout).toMatch(/shard-0\.rdb: is not what was written: its SHA-256 is another\n$/);
    const restored = await tool(serve, 'restore', '--from', damaged, '--data', join(damaged, 'data'));
    expect(restored).toMatchObject({ code: 1, stderr: expect.stringContaining('its SHA-256 is another') });
    expect(existsSync(join(damaged, 'data'))).toBe(false);
  });

  it.skipIf(!redisServerInstalled)('go to redis-server, and what redis-server has comes in', async () => {
    await serve.stop();
    const exported = await recipe(serve, 'export');
    expect(exported.stderr).toBe('');
    expect(exported.stdout).toMatch(/^for-redis\.rdb: \d+ keys of the tenant 'checkout', \d+ bytes, RDB version 10\n$/);
    const redis = await RedisServer.start('--dir', serve.folder, '--dbfilename', 'for-redis.rdb');
    servers.push(redis);
    const peer = new Redis({ port: redis.port, protocol: 2, retryStrategy: () => null });
    clients.push(peer);
    expect(await stillOf(peer)).toBe(stillOfCheckout);

    const home = temporary();
    const origin = await RedisServer.start('--dir', home, '--appendonly', 'yes', '--aof-use-rdb-preamble', 'yes');
    servers.push(origin);
    const theirs = new Redis({ port: origin.port, protocol: 2, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    // Its server is shut down below.
    theirs.on('error', () => {});
    clients.push(theirs);
    await fill(theirs, 'of redis-server');
    await theirs.save();
    await theirs.bgrewriteaof();
    await eventually('the log is rewritten', async () =>
      (await theirs.info('persistence')).includes('aof_rewrite_in_progress:0'),
    );
    await theirs.set('still:behind', 'the base');
    const wanted = await stillOf(theirs);
    await theirs.call('SHUTDOWN', 'NOSAVE').catch(() => undefined);

    const refused = await tool(serve, 'import', home, '--tenant', 'checkout');
    expect(refused.stderr).toMatch(/^portcullis: the tenant 'checkout' holds \d+ keys already: say --replace/);
    const log = await recipe(serve, 'import', { '/var/lib/redis': home });
    expect(log.stderr).toBe('');
    expect(log.stdout).toMatch(/: \d+ keys imported into the tenant 'checkout'\n$/);
    const back = await serving({ folder: serve.folder });
    expect(await stillOf(client(back, 'checkout-app'))).toBe(wanted);
    expect(await stillOf(client(back))).toBe(stillOfDefault);
    await back.stop();
    const dump = await tool(serve, 'import', join(home, 'dump.rdb'), '--tenant', 'checkout', '--replace');
    expect(dump).toMatchObject({ code: 0, stderr: '' });
    const last = await serving({ folder: serve.folder });
    const checkout = client(last, 'checkout-app');
    expect(await checkout.get('still:behind')).toBeNull();
    await checkout.set('still:behind', 'the base');
    expect(await stillOf(checkout)).toBe(wanted);
    await last.stop();
  });
});

describe('backups by the clock', { timeout: 120_000 }, () => {
  it('are taken, counted, and the old ones go', async () => {
    const serve = await serving({ gateway: 'storage:\n  backups: { every: 1, keep: 2 }\n' });
    const admin = client(serve, 'admin');
    await client(serve).set('a', '1');
    await eventually('four were taken', async () => /portcullis_backups:[4-9]/.test(await admin.info('persistence')));
    await eventually('two are left', () => {
      const names = readdirSync(join(serve.folder, 'data', 'backups')).filter((name) => !name.endsWith('.partial'));
      return names.length <= 3 && names.every((name) => name.startsWith('scheduled-'));
    });
    const info = await admin.info('persistence');
    expect(info).toMatch(/portcullis_last_backup_time:[1-9]\d+/);
    expect(info).toContain('portcullis_last_backup_status:ok');
    expect(await client(serve).info('persistence')).not.toContain('portcullis_');
    expect(await tool(serve, 'drill')).toMatchObject({ code: 0 });
    await serve.stop();
  });
});

describe('another number of shards', { timeout: 120_000 }, () => {
  it('holds the same data: 1, 3, 1, with a kill -9 on the way', async () => {
    const folder = temporary();
    mkdirSync(join(folder, 'data'));
    let wanted: string | undefined;
    for (const [count, divided] of [
      [1, 0],
      [3, 1],
      [3, 0],
      [1, 1],
    ] as const) {
      const serve = await serving({ folder, flags: ['--shards', `${count}`], plainPort: await freePort() });
      const redis = client(serve);
      const checkout = client(serve, 'checkout-app');
      if (wanted === undefined) {
        await fill(redis, 'of default');
        await fill(checkout, 'of checkout');
      }
      const found = `${await stillOf(redis)}\n${await stillOf(checkout)}`;
      wanted ??= found;
      expect(found).toBe(wanted);
      const names = readdirSync(join(folder, 'data')).filter((name) => name !== 'portcullis.lock');
      expect(names).toEqual(count === 1 ? ['appendonlydir'] : ['shard-0', 'shard-1', 'shard-2']);
      expect(serve.events('store.redistributed')).toHaveLength(divided);
      process.kill(serve.pid, 'SIGKILL');
      await serve.ended;
    }
  });
});
