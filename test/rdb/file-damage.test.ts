/**
 * Files that are cut, flipped or made up: a fault that says where, or a load of sound values; never more, and no more memory than
 * the file has bytes. PORTCULLIS_LONG=1 flips 2,000 files of each kind.
 */
import { describe, expect, test } from 'vitest';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import { RDB_WINDOW_BYTES } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import type { RdbItem } from '../../src/rdb/file-reader.ts';
import { Harness } from '../support/harness.ts';
import { loadedFile, MemoryFile, writtenFile } from '../support/rdb-file.ts';
import { seed } from '../support/seed.ts';
import { stateOf } from '../support/state.ts';
import { bigEndian, bytes, entry, file, littleEndian, resummed, select, shown, string } from './file-bytes.ts';
import { FIELD_TIMES, SMALL } from './file-worlds.ts';
import { samples } from './samples.ts';

const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const FLIPPED = IS_LONG ? 2000 : 200;
/** The larger file is cut at every so many bytes. */
const CUT_STRIDE = IS_LONG ? 1 : 7;

/** Small values of every type and form, those among them that we do not write. */
function everything(): Uint8Array {
  const session = new Harness().session();
  const entries = samples(session).flatMap(({ name, bodies }) =>
    bodies.filter((body) => body.length < 2000).map((body, i) => entry(`${name} ${i}`, body)),
  );
  const times = entries.map((each, i) => (i % 3 === 0 ? `\xfc${littleEndian(1_900_000_000_000, 8)}${each}` : each));
  const access = times.map((each, i) => (i % 4 === 0 ? `\xf8\x40\x64${each}` : i % 4 === 1 ? `\xf9\x05${each}` : each));
  const aux = `\xfa${string('redis-ver')}${string('7.4.0')}`;
  return file(
    12,
    aux,
    `\xf5${string('#!lua name=x\n')}`,
    select(0),
    '\xfb\x20\x07',
    ...access,
    `\xc0${string('t1')}`,
    select(1),
    ...entries,
  );
}

/** What we write, in full. */
function written(): Uint8Array {
  const harness = new Harness();
  const session = harness.session();
  for (const words of [...SMALL, ...FIELD_TIMES.slice(0, 2)]) session.run(words);
  return writtenFile(harness.shard, { version: 12, aux: [['redis-ver', '7.0.15']] });
}

function faultOf(content: Uint8Array): { message: string; offset: number } {
  return asFault(loadedFile(new MemoryFile(content), undefined).end, content);
}

function asFault(end: RdbItem, content: Uint8Array): { message: string; offset: number } {
  if (end.kind !== 'fault') throw new Error(`no fault in ${shown(content)}`);
  return end;
}

describe('a file that is cut', () => {
  test.each([
    ['of ours', written, 1],
    ['of every form', everything, CUT_STRIDE],
  ] as const)('at any byte %s is a fault there', { timeout: 600_000 }, (_name, make, stride) => {
    const whole = make();
    const { shard } = new Harness();
    for (let length = 0; length < whole.length; length += stride) {
      const { end } = loadedFile(new MemoryFile(whole.subarray(0, length)), shard);
      for (const realm of [0, 1]) shard.realm(realm).flushAll(false);
      const { message, offset } = asFault(end, whole);
      expect(message).toMatch(/^the file ends too early, in /);
      expect(offset).toBeLessThanOrEqual(length);
    }
  });
});

/** One to three bits are others. */
function flipped(prng: Prng, whole: Uint8Array): Uint8Array {
  const copy = whole.slice();
  for (let i = prng.below(3); i >= 0; i--) {
    const at = prng.below(copy.length);
    copy[at] = (copy[at] as number) ^ (1 << prng.below(8));
  }
  return copy;
}

/** Some bytes are others, gone or there twice. */
function mangled(prng: Prng, whole: Uint8Array): Uint8Array {
  const at = prng.below(whole.length);
  const length = 1 + prng.below(8);
  const front = whole.subarray(0, at);
  switch (prng.below(3)) {
    case 0:
      return new Uint8Array(Buffer.concat([front, whole.subarray(at + length)]));
    case 1:
      return new Uint8Array(Buffer.concat([front, whole.subarray(at, at + length), whole.subarray(at)]));
    default: {
      const edges = [0, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xf0, 0xff];
      const copy = whole.slice();
      copy[at] = edges[prng.below(edges.length)] as number;
      return copy;
    }
  }
}

describe(`files changed at random, seed ${seed}`, () => {
  test.each([
    ['of ours', written],
    ['of every form', everything],
  ])('%s', { timeout: 600_000 }, (_name, make) => {
    const whole = make();
    const prng = new Prng(seed);
    const harness = new Harness({ debug: true });
    const session = harness.session();
    const { shard } = harness;
    const used = (): number => shard.realm(0).account.usedBytes() + shard.realm(1).account.usedBytes();
    const before = used();
    let loads = 0;
    for (let i = 0; i < FLIPPED; i++) {
      const changed = prng.below(4) === 0 ? mangled(prng, whole) : flipped(prng, whole);
      const isSealed = i % 2 === 0;
      const content = isSealed ? resummed(changed) : changed;
      const memory = new MemoryFile(content, 1 + prng.below(5000));
      const { end, reader } = loadedFile(memory, shard);
      // Without a sum to match, only a change that makes the header one of a version without sums goes unseen.
      if (!isSealed && end.kind === 'end' && reader.version >= 5 && Buffer.compare(changed, whole) !== 0) {
        throw new Error(`taken for whole: ${shown(content)}`);
      }
      if (end.kind === 'fault') {
        expect(end.offset).toBeLessThanOrEqual(content.length);
        expect(end.message).not.toBe('');
      } else if (isSealed) loads++;
      expect(memory.askedBytesMax).toBeLessThanOrEqual(content.length);
      if (i % 20 === 0) stateOf((words) => session.run(words), 16);
      for (const realm of [0, 1]) shard.realm(realm).flushAll(false);
      while (shard.reclaim(1000));
      if (used() !== before) throw new Error(`${used() - before} bytes are left of ${shown(content)}`);
      if (i % 20 === 0) shard.arena.check();
    }
    shard.arena.check();
    expect(loads).toBeGreaterThan(0);
    expect(loads).toBeLessThan(FLIPPED / 2);
  });
});

describe('what no server writes is refused:', () => {
  const key = string('key');
  const ID = 'ABCDEFG-x';
  const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const moduleId = [...ID].reduce((id, letter) => (id << 6n) | BigInt(LETTERS.indexOf(letter)), 0n) << 10n;
  const id = `\x81${bigEndian(moduleId | 3n, 8)}`;

  test.each([
    ['an empty file', bytesOfLatin1(''), 'the file ends too early, in the header', 0],
    ['another kind of file', bytesOfLatin1('*1\r\n$4\r\nPING\r\n'), /^this is no RDB file/, 0],
    ['a version that is no number', bytesOfLatin1('REDIS00x1\xff'), /^this is no RDB file/, 0],
    ['version 0', file('0000'), /^this is no RDB file/, 0],
    ['version 13', file(13), 'RDB version 13 is not known: 1 to 12 are', 0],
    ['version 80', file(80), 'RDB version 80 is not known: 1 to 12 are', 0],
    ['a wrong checksum', file(10).fill(7, 10), 'the checksum is wrong: the file was damaged', 10],
    ['an opcode of nobody', file(12, '\xc1'), 'opcode 193 is not known', 9],
    ['a type of nobody', file(12, `\x1a${key}`), 'type 26 is not known', 9],
    ['a hash of a beta', file(12, `\x16${key}`), /^type 22, .* betas of Redis 7.4 .* cannot be loaded/, 9],
    [
      'a hash of a beta, as a listpack',
      file(12, `\x17${key}`),
      /^type 23, .* betas of Redis 7.4 .* cannot be loaded/,
      9,
    ],
    [
      'a tenant of a name that none has',
      file(10, `\xc0${string('t'.repeat(65))}`),
      'bad data in the name of a tenant',
      77,
    ],
    ['a database too many', file(10, select(16)), 'database 16 is out of range: there are 16', 9],
    [
      'a value of a module',
      file(10, `\x07${key}${id}`),
      /^module type 'ABCDEFG-x', the value of key "key", cannot be/,
      9,
    ],
    [
      'a value of an old module',
      file(10, `\x06${key}${id}`),
      /^module type 'ABCDEFG-x', the value of key "key", cannot/,
      9,
    ],
    ['data of a module', file(10, `\xf7${id}\x02\x01`), /^module type 'ABCDEFG-x' cannot be loaded/, 9],
    ['a function of a beta', file(10, '\xf6'), /^a function library in the form of release candidates/, 9],
    [
      'a string longer than the file',
      file(10, `\0${key}\x80${bigEndian(2 ** 32 - 1, 4)}abc`),
      /^the file ends too early/,
      19,
    ],
    ['a string of 2^63', file(10, `\0${key}\x81${bigEndian(2n ** 63n, 8)}abc`), /^the file ends too early/, 23],
    [
      'a string of 2^64 - 1',
      file(10, `\0${key}\x81${bigEndian(2n ** 64n - 1n, 8)}abc`),
      /^the file ends too early/,
      23,
    ],
    [
      'a bomb',
      file(10, `\0${key}\xc3\x04\x80${bigEndian(500_000_000, 4)}abcd`),
      /^bad data in the value of key "key"/,
      21,
    ],
    [
      'a list of 2^40',
      file(10, `\x01${key}\x81${bigEndian(2n ** 40n, 8)}`),
      /^the file ends too early, in the value of key "key" \(a list/,
      23,
    ],
    ['a stream of 2^32 - 1', file(10, `\x13${key}\x80${bigEndian(2 ** 32 - 1, 4)}`), /^the file ends too early/, 19],
    ['a key of 2^40', file(10, `\0\x81${bigEndian(2n ** 40n, 8)}`), 'the file ends too early, in a key', 19],
    ['a length that is none', file(10, `\0${key}\x82`), /^bad data in the value of key "key" \(a string\)/, 15],
    ['an element that is there twice', file(10, `\x02${key}\x02\x01a\x01a`), /^bad data in the value of key "key"/, 19],
  ])('%s', (_name, content, message, offset) => {
    const fault = faultOf(content);
    expect(fault.message).toMatch(
      message instanceof RegExp ? message : new RegExp(`^${message.replace(/[.*]/g, '\\$&')}$`),
    );
    expect(fault.offset).toBe(offset);
  });

  test('lengths in a large file fetch no more of it than a window', () => {
    const rest = bytes(...Array.from({ length: 4096 }, () => 0)).repeat(2000);
    for (const [front, message] of [
      [`\0${key}\xc3\x80${bigEndian(8_000_000, 4)}\x80${bigEndian(2 ** 32 - 1, 4)}`, /bad data/],
      [`\0${key}\xc3\x80${bigEndian(7_000_000, 4)}\x80${bigEndian(600_000_000, 4)}`, /is too long/],
      [`\x01${key}\x80${bigEndian(8_000_000, 4)}\x02`, /bad data|too early/],
      [`\x02${key}\x80${bigEndian(8_000_000, 4)}`, /bad data/],
    ] as const) {
      const memory = new MemoryFile(file(10, front, rest));
      const { end } = loadedFile(memory, undefined);
      expect(end).toMatchObject({ kind: 'fault', message: expect.stringMatching(message) });
      expect(memory.askedBytesMax).toBeLessThanOrEqual(RDB_WINDOW_BYTES);
    }
  });

  test('a disk that becomes shorter', () => {
    const memory = new MemoryFile(written());
    Object.defineProperty(memory, 'length', { value: memory.bytes.length + 100 });
    const { end } = loadedFile(memory, undefined);
    expect(end).toMatchObject({ kind: 'fault', message: expect.stringContaining('became shorter') });
  });
});
