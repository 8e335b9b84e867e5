/** RDB files between redis-server 7.0 and us: each reads what the other wrote, and agrees about every key. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Harness } from '../support/harness.ts';
import { loadedFile, MemoryFile, writtenFile } from '../support/rdb-file.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { stateOf } from '../support/state.ts';
import { stateBehind } from '../support/state-behind.ts';
import { FIELD_TIMES, LARGE } from './file-worlds.ts';

const DATABASES = 16;
const LIBRARY = `#!lua name=mylib\nredis.register_function('f', function() return 1 end)\n${'-- padding\n'.repeat(20)}`;

describe.skipIf(!redisServerInstalled)('with redis-server (skipped where it is not installed)', () => {
  let folder: string;
  let server: RedisServer;
  let client: RespClient;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-rdb-'));
    server = await RedisServer.start();
    client = await RespClient.connect(server.port);
  });

  afterAll(() => {
    client?.close();
    server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A redis-server that has loaded the file; it stops with the test. */
  async function loading(bytes: Uint8Array, work: (loaded: RespClient) => Promise<void>): Promise<void> {
    const path = join(folder, 'ours.rdb');
    writeFileSync(path, bytes);
    const loader = await RedisServer.start('--dbfilename', 'ours.rdb', '--dir', folder);
    const loaded = await RespClient.connect(loader.port);
    try {
      await work(loaded);
    } finally {
      loaded.close();
      loader.stop();
    }
  }

  test('our file is loaded there, and redis-check-rdb finds nothing', { timeout: 60_000 }, async () => {
    const harness = new Harness();
    const session = harness.session();
    for (const words of LARGE) session.run(words);
    const bytes = writtenFile(harness.shard, {
      aux: [['redis-ver', '7.0.15']],
      functions: [new Uint8Array(Buffer.from(LIBRARY))],
      access: () => ({ kind: 'idle', seconds: 1000 }),
    });
    const state = stateOf((words) => session.run(words), DATABASES);
    await loading(bytes, async (loaded) => {
      expect(Number(latin1(await loaded.send('OBJECT', 'IDLETIME', 'text')).slice(1))).toBeGreaterThanOrEqual(1000);
      expect(await stateBehind(loaded)).toEqual(state);
      expect(latin1(await loaded.send('FUNCTION', 'LIST'))).toContain('mylib');
    });
    const checked = spawnSync('redis-check-rdb', [join(folder, 'ours.rdb')], { encoding: 'utf8' });
    expect(checked.stdout).toContain('RDB looks OK!');
    expect(checked.status).toBe(0);
  });

  test('its file is read here', { timeout: 60_000 }, async () => {
    await client.send('FLUSHALL');
    for (const words of LARGE) {
      const reply = latin1(await client.send(...words));
      if (reply.startsWith('-')) throw new Error(`${words[0]}: ${reply}`);
    }
    await client.send('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
    for (const maxmemoryPolicy of ['allkeys-lru', 'allkeys-lfu', 'noeviction']) {
      await client.send('CONFIG', 'SET', 'maxmemory-policy', maxmemoryPolicy);
      for (const compression of ['yes', 'no']) {
        await client.send('CONFIG', 'SET', 'rdbcompression', compression);
        expect(latin1(await client.send('SAVE'))).toBe('+OK\r\n');
        const path = join(folder, 'theirs.rdb');
        copyFileSync(join(await configured('dir'), await configured('dbfilename')), path);
        const harness = new Harness({ debug: true });
        let withAccess = 0;
        const loaded = loadedFile(new MemoryFile(readFileSync(path)), harness.shard, (reader) => {
          if (maxmemoryPolicy === 'allkeys-lru' ? reader.idleSeconds >= 0 : reader.frequency >= 0) withAccess++;
        });
        expect(loaded.end).toEqual({ kind: 'end' });
        expect(loaded.reader.checksum).toBe('good');
        expect(withAccess).toBe(maxmemoryPolicy === 'noeviction' ? 0 : loaded.entries);
        const names = loaded.items.map((item) => (item.kind === 'aux' ? item.name : item.kind));
        expect(names).toEqual(expect.arrayContaining(['redis-ver', 'ctime', 'function', 'database']));
        const library = loaded.items.find(({ kind }) => kind === 'function');
        expect(library?.kind === 'function' ? latin1(library.payload) : '').toBe(LIBRARY);
        const session = harness.session();
        expect(stateOf((words) => session.run(words), DATABASES)).toEqual(await stateBehind(client));
        harness.shard.arena.check();
      }
    }
  });

  test('what it can not hold, it refuses', { timeout: 30_000 }, async () => {
    const times = new Harness();
    const session = times.session();
    for (const words of FIELD_TIMES) session.run(words);
    const tenants = new Harness();
    const key = new Uint8Array([107]);
    tenants.shard.realm(0).database(0).setString(key, 0, 1, key, 0, 1, 0, -1);
    tenants.shard.realm(1).database(0).setString(key, 0, 1, key, 0, 1, 0, -1);
    for (const [bytes, why] of [
      [writtenFile(times.shard, { version: 12 }), /Can't handle RDB format version 12/],
      [writtenFile(tenants.shard, { tenants: ['t1'] }), /Invalid object type: 192/],
    ] as const) {
      const path = join(folder, 'refused.rdb');
      writeFileSync(path, bytes);
      const options = [
        '--port',
        '0',
        '--unixsocket',
        join(folder, 's'),
        '--dir',
        folder,
        '--dbfilename',
        'refused.rdb',
      ];
      const { code, output } = await ended('redis-server', [...options, '--save', '']);
      expect([code, output]).toEqual([1, expect.stringMatching(why)]);
      const checked = spawnSync('redis-check-rdb', [path], { encoding: 'utf8' });
      expect(checked.status).toBe(1);
    }
  });

  async function configured(name: string): Promise<string> {
    return latin1(await client.send('CONFIG', 'GET', name)).split('\r\n')[4] ?? '';
  }
});

function ended(program: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args);
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    let output = '';
    child.stdout.on('data', (part) => {
      output += part;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
