/**
 * Whole RDB files beside redis-server: the same keys saved and loaded by both, in MB and keys per second.
 *
 *   bun bench/rdb-file.ts [KEYS]        node bench/rdb-file.ts [KEYS]
 *
 * Ours is the time of the engine and the file, without a server around them; redis-server's is what SAVE takes and what its
 * log says of a load. The fastest of several runs each.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { Prng } from '../src/base/prng.ts';
import { assert } from '../src/base/result.ts';
import { realDisk } from '../src/disk/real-disk.ts';
import { type Database, Encoding, OK } from '../src/engine/database.ts';
import { Shard } from '../src/engine/shard.ts';
import { RdbFileReader } from '../src/rdb/file-reader.ts';
import { RdbFileWriter } from '../src/rdb/file-writer.ts';
import { freePort } from '../test/support/ports.ts';
import { RespClient } from '../test/support/resp-client.ts';

const RUNS = 3;
const KEYS_DEFAULT = 1_000_000;
const VALUE_BYTES = 64;
const GOAL = 0.5;

type Kind = 'noise' | 'text';

interface Figures {
  readonly save_ms: number;
  readonly load_ms: number;
}

function shardOf(): Shard {
  return new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(1, 2) });
}

/** Keys of 16 bytes; values that compress by a third, or not at all. */
function filled(keys: number, kind: Kind): Shard {
  const shard = shardOf();
  const database = shard.realm(0).database(0);
  const prng = new Prng(5);
  const value = new Uint8Array(VALUE_BYTES);
  const words = ['{"name":"', '","id":', ',"ok":true,', '"created":"2026-', '"tags":[1,2],', 'portcullis'];
  for (let i = 0; i < keys; i++) {
    const key = Buffer.from(`key:${String(i).padStart(12, '0')}`);
    if (kind === 'noise') for (let j = 0; j < VALUE_BYTES; j++) value[j] = prng.below(256);
    else {
      let text = '';
      while (text.length < VALUE_BYTES) text += `${words[prng.below(words.length)] ?? ''}${prng.below(1000)}`;
      value.set(Buffer.from(text).subarray(0, VALUE_BYTES));
    }
    const done = database.setString(key, 0, key.length, value, 0, VALUE_BYTES, Encoding.raw, -1);
    assert(done === OK, 'there is room');
  }
  return shard;
}

function save(database: Database, path: string): number {
  realDisk.remove(path);
  const from_ms = performance.now();
  const made = realDisk.create(path);
  assert(made.ok, 'the folder can be written to');
  const file = new RdbFileWriter((bytes, start, end) => made.value.write(bytes, start, end).ok);
  file.begin(10, [['redis-ver', '7.0.15']]);
  file.database(0, database.size(), 0);
  database.forEach((ref) => {
    file.entry(database, ref, undefined);
  });
  assert(file.end(), 'the disk takes everything');
  made.value.syncNow();
  made.value.close();
  return performance.now() - from_ms;
}

function load(path: string, keys: number): number {
  const database = shardOf().realm(0).database(0);
  const from_ms = performance.now();
  const opened = realDisk.open(path);
  assert(opened.ok, 'the file is there');
  const reader = new RdbFileReader(opened.value, { verifyChecksum: true });
  reader.target = database;
  for (let item = reader.next(); item.kind !== 'end'; item = reader.next()) {
    assert(item.kind !== 'fault', 'the file is sound');
    if (item.kind !== 'entry') continue;
    reader.value.store(database, reader.key, reader.keyStart, reader.keyEnd, reader.expireAt_ms);
  }
  opened.value.close();
  const took_ms = performance.now() - from_ms;
  assert(database.size() === keys, 'every key has come');
  return took_ms;
}

function best(run: () => number): number {
  return Math.min(...Array.from({ length: RUNS }, run));
}

async function redisRun(folder: string): Promise<Figures> {
  const port = await freePort();
  const log = join(folder, 'redis.log');
  rmSync(log, { force: true });
  const options = ['--port', `${port}`, '--save', '', '--dir', folder, '--dbfilename', 'dump.rdb', '--logfile', log];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let loaded: RegExpExecArray | null = null;
  while (loaded === null) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    loaded = /DB loaded from disk: ([\d.]+) seconds/.exec(spawnSync('cat', [log], { encoding: 'utf8' }).stdout);
  }
  const client = await RespClient.connect(port);
  const from_ms = performance.now();
  await client.send('SAVE');
  const save_ms = performance.now() - from_ms;
  client.close();
  child.kill('SIGKILL');
  await ended;
  return { save_ms, load_ms: Number(loaded[1]) * 1000 };
}

async function redisFigures(folder: string): Promise<Figures> {
  const runs: Figures[] = [];
  for (let i = 0; i < RUNS; i++) runs.push(await redisRun(folder));
  return {
    save_ms: Math.min(...runs.map(({ save_ms }) => save_ms)),
    load_ms: Math.min(...runs.map(({ load_ms }) => load_ms)),
  };
}

function tell(name: string, { save_ms, load_ms }: Figures, keys: number, bytes: number, beside?: Figures): void {
  const save = `save ${(bytes / 1000 / save_ms).toFixed(0).padStart(5)} MB/s`;
  const each = `load ${(keys / load_ms).toFixed(0).padStart(5)} keys/ms`;
  const ratios =
    beside === undefined
      ? ''
      : [beside.save_ms / save_ms, beside.load_ms / load_ms]
          .map((ratio) => `${ratio.toFixed(2)}${ratio < GOAL ? ` UNDER goal ${GOAL}` : ''}`)
          .join(', ');
  console.log(`  ${name.padEnd(14)} ${save}   ${each}${ratios === '' ? '' : `   beside redis-server: ${ratios}`}`);
}

console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);
const keys = Number(process.argv[2] ?? KEYS_DEFAULT);
const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-rdb-'));
for (const kind of ['noise', 'text'] as const) {
  const path = join(folder, 'dump.rdb');
  const shard = filled(keys, kind);
  const database = shard.realm(0).database(0);
  const save_ms = best(() => save(database, path));
  const ours = { save_ms, load_ms: best(() => load(path, keys)) };
  const bytes = readFileSync(path).length;
  console.log(`${keys} keys of ${VALUE_BYTES} bytes of ${kind}, a file of ${(bytes / 1e6).toFixed(0)} MB`);
  const theirs = spawnSync('redis-server', ['--version']).status === 0 ? await redisFigures(folder) : undefined;
  tell('ours', ours, keys, bytes, theirs);
  if (theirs !== undefined) tell('redis-server', theirs, keys, bytes);
}
rmSync(folder, { recursive: true, force: true });
