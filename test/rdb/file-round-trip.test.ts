/** Whole RDB files: what is written is read again as it was, in one piece or in slices, on a disk that fails or does not. */
import { describe, expect, test } from 'vitest';
import { bytesOf, latin1 } from '../../src/base/bytes.ts';
import { RDB_PIECE_BYTES, RDB_WINDOW_BYTES } from '../../src/base/limits.ts';
import { MISSING } from '../../src/engine/database.ts';
import type { RdbFileReader } from '../../src/rdb/file-reader.ts';
import { type EntryAccess, RdbFileWriter } from '../../src/rdb/file-writer.ts';
import { Harness, type HarnessSession } from '../support/harness.ts';
import { Collected, loadedFile, MemoryFile, writtenFile } from '../support/rdb-file.ts';
import { rendered } from '../support/render.ts';
import { stateOf } from '../support/state.ts';
import { fillLarge, fillSmall, noise } from './file-worlds.ts';

const DATABASES = 16;

function stateIn(session: HarnessSession): string[] {
  const state = stateOf((words) => session.run(words), DATABASES);
  session.run(['SELECT', '0']);
  for (const key of ['hash times', 'large hash times']) {
    const fields = ['a', 'b', 'c', ...Array.from({ length: 3000 }, (_, i) => `field ${i}`)];
    state.push(rendered(session.run(['HPEXPIRETIME', key, 'FIELDS', `${fields.length}`, ...fields])));
  }
  return state;
}

/** The state of a world that has read the file, which must be whole. */
function reread(bytes: Uint8Array, pieceBytesMax?: number): string[] {
  const harness = new Harness({ debug: true });
  const loaded = loadedFile(new MemoryFile(bytes, pieceBytesMax), harness.shard);
  expect(loaded.end).toEqual({ kind: 'end' });
  expect(loaded.reader.checksum).toBe('good');
  expect(loaded.reader.position).toBe(bytes.length);
  harness.shard.arena.check();
  return stateIn(harness.session());
}

describe('a file', () => {
  test('without anything is one', () => {
    const bytes = writtenFile(new Harness().shard);
    expect(latin1(bytes, 0, 10)).toBe('REDIS0010\xff');
    expect(reread(bytes)).toHaveLength(2);
  });

  test.each([
    ['small', 10, fillSmall],
    ['large', 12, fillLarge],
  ] as const)('of %s values of every type, with times, in several databases, comes back', (_name, version, fill) => {
    const harness = new Harness();
    const session = harness.session();
    fill(session);
    const state = stateIn(session);
    expect(state.length).toBeGreaterThan(20);
    const bytes = writtenFile(harness.shard, { version });
    expect(reread(bytes)).toEqual(state);
    expect(reread(bytes, 1000)).toEqual(state);
    expect(writtenFile(harness.shard, { version })).toEqual(bytes);
  });

  test('keeps information, functions, tenants, access and numbers of databases', () => {
    const harness = new Harness();
    const session = harness.session();
    for (const database of ['0', '15']) {
      session.run(['SELECT', database]);
      session.run(['SET', 'idle', database, 'PX', '5000']);
    }
    for (const realm of [1, 2]) {
      const key = bytesOf(`of ${realm}`);
      harness.shard.realm(realm).database(3).setString(key, 0, key.length, key, 0, key.length, 0, -1);
    }
    const library = bytesOf(`#!lua name=x\n${'-'.repeat(100)}`);
    const idle: EntryAccess = { kind: 'idle', seconds: 70_000 };
    const bytes = writtenFile(harness.shard, {
      aux: [
        ['redis-ver', '7.0.15'],
        ['used-mem', '123456'],
      ],
      functions: [library],
      tenants: ['t1', 'zwei ü'],
      access: ({ number }) => (number === 3 ? { kind: 'freq', counter: 200 } : idle),
    });
    const other = new Harness();
    const seen: unknown[] = [];
    const { end, items } = loadedFile(new MemoryFile(bytes), other.shard, (reader) => seen.push(shown(reader)));
    expect(end).toEqual({ kind: 'end' });
    expect(items).toEqual([
      { kind: 'aux', name: 'redis-ver', value: '7.0.15' },
      { kind: 'aux', name: 'used-mem', value: '123456' },
      { kind: 'function', payload: library },
      { kind: 'database', number: 0 },
      { kind: 'database', number: 15 },
      { kind: 'tenant', name: 't1' },
      { kind: 'database', number: 3 },
      { kind: 'tenant', name: 'zwei ü' },
      { kind: 'database', number: 3 },
    ]);
    const at_ms = harness.clock.nowMs() + 5000;
    expect(seen).toEqual([
      ['idle', at_ms, 70_000, -1],
      ['idle', at_ms, 70_000, -1],
      ['of 1', -1, -1, 200],
      ['of 2', -1, -1, 200],
    ]);
    expect(stateIn(other.session())).toEqual(stateIn(session));
    const key = bytesOf('of 2');
    expect(other.shard.realm(2).database(3).peek(key, 0, key.length)).not.toBe(MISSING);
    expect(other.shard.realm(1).database(3).size()).toBe(1);
  });

  test('may be the preamble of something else', () => {
    const harness = new Harness();
    fillSmall(harness.session());
    const bytes = writtenFile(harness.shard);
    const around = new Uint8Array(Buffer.concat([bytesOf('before'), bytes, bytesOf('*1\r\n$4\r\nPING\r\n')]));
    const other = new Harness();
    const { end, reader } = loadedFile(new MemoryFile(around), other.shard, undefined, 6);
    expect(end).toEqual({ kind: 'end' });
    expect(reader.position).toBe(6 + bytes.length);
    expect(stateIn(other.session())).toEqual(stateIn(harness.session()));
  });

  test('is checked without a target as with one', () => {
    const harness = new Harness();
    fillLarge(harness.session());
    const bytes = writtenFile(harness.shard, { version: 12 });
    const { end, entries } = loadedFile(new MemoryFile(bytes), undefined);
    expect(end).toEqual({ kind: 'end' });
    let keys = 0;
    harness.shard.realm(0).eachDatabase((database) => {
      keys += database.size();
    });
    expect(entries).toBe(keys);
  });

  test('is read through a window', () => {
    const harness = new Harness();
    const session = harness.session();
    for (let i = 0; i < 6000; i++) session.run(['SET', `k${i}`, `${i}`.repeat(500)]);
    session.run(['RPUSH', 'list', ...Array.from({ length: 3000 }, (_, i) => `${i} `.repeat(400))]);
    const bytes = writtenFile(harness.shard);
    const file = new MemoryFile(bytes);
    expect(loadedFile(file, new Harness().shard).end).toEqual({ kind: 'end' });
    expect(file.askedBytesMax).toBeLessThanOrEqual(RDB_WINDOW_BYTES);
  });

  test('may have a group of consumers, or one string, that is longer than the window', { timeout: 60_000 }, () => {
    const harness = new Harness();
    const session = harness.session();
    // Twice 1.5 MB of what is pending, which is come back to when the consumers are known.
    for (let i = 1; i <= 60_000; i++) session.run(['XADD', 'stream', `${i}-1`, 'f', '1']);
    for (const group of ['g', 'h']) {
      session.run(['XGROUP', 'CREATE', 'stream', group, '0']);
      for (const consumer of ['one', 'two', 'three']) {
        session.run(['XREADGROUP', 'GROUP', group, consumer, 'COUNT', '20000', 'STREAMS', 'stream', '>']);
      }
    }
    session.run(['SET', 'after', 'v']);
    session.run(['SET', 'string', 'compressible '.repeat(400_000)]);
    session.run(['SET', 'noise', noise(3, 3_000_000)]);
    session.run(['RPUSH', 'list', noise(4, 3_000_000), 'x']);
    const state = stateIn(session);
    const bytes = writtenFile(harness.shard);
    expect(reread(bytes)).toEqual(state);
    expect(reread(writtenFile(harness.shard, { bytesPerPart: 100_000 }))).toEqual(state);
  });

  test('that the disk does not give is a fault', () => {
    const harness = new Harness();
    fillLarge(harness.session());
    const file = new MemoryFile(writtenFile(harness.shard, { version: 12 }), 10_000);
    file.brokenFrom = 50_000;
    expect(loadedFile(file, new Harness().shard).end).toMatchObject({
      kind: 'fault',
      message: expect.stringMatching(/^EIO: i\/o error, read '\/memory.rdb', in /),
    });
  });

  test('that the disk does not take stops', () => {
    const harness = new Harness();
    const session = harness.session();
    fillLarge(session);
    let calls = 0;
    const file = new RdbFileWriter(() => {
      calls++;
      return false;
    });
    file.begin(12, []);
    const database = harness.shard.realm(0).database(0);
    database.forEach((ref) => {
      file.entry(database, ref, undefined);
      for (const _ of file.entryParts(database, ref, undefined, 1000));
    });
    expect(file.failed).toBe(true);
    expect(file.end()).toBe(false);
    expect(calls).toBe(1);
  });
});

describe('slices', () => {
  test('make the same bytes and stop in the middle of huge collections', () => {
    const harness = new Harness();
    const session = harness.session();
    fillLarge(session);
    const whole = writtenFile(harness.shard, { version: 12 });
    let paused = 0;
    for (const bytesPerPart of [1, 10_000, 1_000_000]) {
      const bytes = writtenFile(harness.shard, { version: 12, bytesPerPart, paused: (times) => (paused += times) });
      expect(Buffer.compare(bytes, whole)).toBe(0);
    }
    expect(paused).toBeGreaterThan(100);
  });

  test.each(['list', 'set', 'hash', 'hash times', 'zset', 'stream', 'stream groups'])(
    'of a %s are as long as asked for',
    (name) => {
      const harness = new Harness();
      fillLarge(harness.session());
      const database = harness.shard.realm(0).database(0);
      const key = bytesOf(`large ${name}`);
      const ref = database.peek(key, 0, key.length);
      const collected = new Collected();
      const file = new RdbFileWriter(collected.sink);
      let before = 0;
      const lengths: number[] = [];
      for (const _ of file.entryParts(database, ref, undefined, 5000)) {
        lengths.push(file.bytesWritten - before);
        before = file.bytesWritten;
      }
      expect(file.end()).toBe(true);
      expect(lengths.length).toBeGreaterThan(5);
      expect(Math.min(...lengths)).toBeGreaterThanOrEqual(5000);
      expect(Math.max(...lengths)).toBeLessThan(15_000);
    },
  );

  test('may have others written between them', () => {
    const harness = new Harness();
    fillLarge(harness.session());
    const database = harness.shard.realm(0).database(0);
    const alone: Uint8Array[] = [];
    const refs: number[] = [];
    database.forEach((ref) => {
      const collected = new Collected();
      const file = new RdbFileWriter(collected.sink);
      file.entry(database, ref, undefined);
      file.end();
      refs.push(ref);
      alone.push(collected.bytes);
    });
    const together = refs.map((ref) => {
      const collected = new Collected();
      const file = new RdbFileWriter(collected.sink);
      return { collected, file, parts: file.entryParts(database, ref, undefined, 700) };
    });
    let left = together.slice();
    while (left.length > 0) left = left.filter(({ parts }) => parts.next().done !== true);
    together.forEach(({ collected, file }, i) => {
      file.end();
      expect(Buffer.compare(collected.bytes, alone[i] as Uint8Array)).toBe(0);
    });
  });

  test('are handed on in pieces', () => {
    const harness = new Harness();
    fillLarge(harness.session());
    const collected = new Collected();
    const file = new RdbFileWriter(collected.sink);
    const database = harness.shard.realm(0).database(0);
    database.forEach((ref) => {
      file.entry(database, ref, undefined);
    });
    file.end();
    const lengths = collected.pieces.map(({ length }) => length);
    expect(lengths.length).toBeGreaterThan(3);
    expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThanOrEqual(RDB_PIECE_BYTES);
    expect(Math.max(...lengths)).toBeLessThan(2 * RDB_PIECE_BYTES);
  });
});

function shown(reader: RdbFileReader): unknown {
  const { key, keyStart, keyEnd, expireAt_ms, idleSeconds, frequency } = reader;
  return [latin1(key, keyStart, keyEnd), expireAt_ms, idleSeconds, frequency];
}
