import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { type RdbBounds, RdbReader } from '../../src/rdb/reader.ts';
import { RdbWriter } from '../../src/rdb/writer.ts';
import { seed } from '../support/seed.ts';

const FREE: RdbBounds = { bytesMax: 1 << 29, room: () => true };

function readerOf(bytes: Uint8Array, bounds: RdbBounds = FREE): RdbReader {
  const reader = new RdbReader(bounds);
  // Bytes on both sides that would be read if ranges were not honoured.
  const padded = new Uint8Array(bytes.length + 40).fill(0x3f);
  padded.set(bytes, 20);
  reader.open(padded, 20, 20 + bytes.length, bounds);
  return reader;
}

function stringOf(reader: RdbReader): string | undefined {
  return reader.readString() ? latin1(reader.text, reader.textStart, reader.textEnd) : undefined;
}

function bytesOfHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

describe('a length', () => {
  test('is written as short as it can be, and read again', () => {
    const lengths: [length: number, hex: string][] = [
      [0, '00'],
      [63, '3f'],
      [64, '4040'],
      [16383, '7fff'],
      [16384, '8000004000'],
      [4294967295, '80ffffffff'],
      [4294967296, '810000000100000000'],
      [2 ** 53 - 1, '81001fffffffffffff'],
    ];
    for (const [length, hex] of lengths) {
      const writer = new RdbWriter();
      writer.writeLength(length);
      expect(Buffer.from(writer.bytes.subarray(0, writer.length)).toString('hex')).toBe(hex);
      const reader = readerOf(bytesOfHex(hex));
      expect([reader.readLength(), reader.left, reader.failure]).toEqual([length, 0, undefined]);
    }
  });

  test('that is cut off, unknown or a string in disguise is bad data', () => {
    for (const hex of ['', '40', '80000000', '8100000000000000', '82', 'bf', 'c0', 'c3']) {
      const reader = readerOf(bytesOfHex(hex));
      expect([reader.readLength(), reader.failure], hex).toEqual([0, 'bad data']);
    }
  });

  test('counts nothing that the rest cannot hold', () => {
    expect(readerOf(bytesOfHex('02aaaabbbb')).readCount(2)).toBe(2);
    const reader = readerOf(bytesOfHex('03aaaabbbb'));
    expect([reader.readCount(2), reader.failure]).toEqual([0, 'bad data']);
    const huge = readerOf(bytesOfHex('81ffffffffffffffff00'));
    expect([huge.readCount(1), huge.failure]).toEqual([0, 'bad data']);
  });
});

describe('a string', () => {
  test('of any kind comes back as it was', () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => latin1(bytes)),
      fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }).map(String),
      fc
        .tuple(fc.string({ unit: 'binary-ascii', maxLength: 9 }), fc.nat(5000))
        .map(([some, times]) => some.repeat(times)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), (texts) => {
        const writer = new RdbWriter();
        for (const each of texts) {
          const bytes = bytesOfLatin1(`(${each})`);
          writer.writeString(bytes, 1, bytes.length - 1);
        }
        const reader = readerOf(writer.bytes.slice(0, writer.length));
        for (const each of texts) expect(stringOf(reader)).toBe(each);
        expect([reader.left, reader.failure]).toEqual([0, undefined]);
      }),
    );
  });

  test('that is an integer is read with its sign', () => {
    for (const [hex, text] of [
      ['c080', '-128'],
      ['c1ff7f', '32767'],
      ['c10080', '-32768'],
      ['c200000080', '-2147483648'],
      ['c2ffffff7f', '2147483647'],
    ] as const)
      expect(stringOf(readerOf(bytesOfHex(hex)))).toBe(text);
  });

  test('that is cut off anywhere is bad data', () => {
    for (const hex of [
      '',
      'c0',
      'c1ff',
      'c2ffffff',
      '0561626364',
      'c303',
      'c3030461',
      'c30304006161',
      '80ffffffff61',
      'c4',
      'ff',
    ]) {
      const reader = readerOf(bytesOfHex(hex));
      expect([stringOf(reader), reader.failure, reader.left], hex).toEqual([undefined, 'bad data', 0]);
    }
  });

  test('that claims too much costs nothing', () => {
    const asked: number[] = [];
    const bounds: RdbBounds = { bytesMax: 1000, room: (bytes) => asked.push(bytes) < 2 };
    // One that no LZF can hold, whatever is allowed: 3 bytes are never 500 MB.
    const bomb = readerOf(bytesOfHex('c303801dcd650000610000'), bounds);
    expect([stringOf(bomb), bomb.failure, asked]).toEqual([undefined, 'bad data', []]);
    const empty = readerOf(bytesOfHex('c30000'), bounds);
    expect([stringOf(empty), empty.failure]).toEqual([undefined, 'bad data']);
    const long = new RdbWriter();
    long.writeString(new Uint8Array(1001), 0, 1001);
    const reader = readerOf(long.bytes.slice(0, long.length), bounds);
    expect([stringOf(reader), reader.failure, reader.refusedBytes, asked]).toEqual([undefined, 'too long', 1001, []]);
    const short = new RdbWriter();
    short.writeString(new Uint8Array(1000), 0, 1000);
    expect(stringOf(readerOf(short.bytes.slice(0, short.length), bounds))).toBe('\0'.repeat(1000));
    const second = readerOf(short.bytes.slice(0, short.length), bounds);
    expect([stringOf(second), second.failure, asked]).toEqual([undefined, 'no room', [1000, 1000]]);
  });

  test('behind something bad is bad as well', () => {
    const reader = readerOf(bytesOfHex('c40161'));
    expect([stringOf(reader), stringOf(reader), reader.readByte(), reader.readLength()]).toEqual([
      undefined,
      undefined,
      0,
      0,
    ]);
    expect(reader.fail('no room')).toBe(false);
    expect(reader.failure).toBe('bad data');
  });

  test('of noise is read within bounds or not at all', () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 30_000; round++) {
      const bytes = new Uint8Array(prng.below(40)).map(() => prng.below(256));
      if (bytes.length > 0 && prng.below(2) === 0) bytes[0] = 0xc3;
      const reader = readerOf(bytes);
      while (reader.readString() && reader.left > 0);
      expect(reader.at).toBeLessThanOrEqual(reader.end);
    }
  });
});

test('a writer that held much gives it back', () => {
  const writer = new RdbWriter();
  writer.writeString(
    new Uint8Array(4_000_000).map((_, i) => (i * 2654435761) >> 7),
    0,
    4_000_000,
  );
  expect(writer.bytes.length).toBeGreaterThan(3_000_000);
  writer.reset();
  expect(writer.bytes.length).toBeLessThan(1_000_000);
});
