import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, latin1 } from '../../src/base/bytes.ts';
import { compareHalves, Int64, parseInt64, writeInt64 } from '../../src/base/int64.ts';
import { INT64_MAX, INT64_MIN } from '../../src/base/integer.ts';

function halvesOf(value: bigint): [hi: number, lo: number] {
  return [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value))];
}

function model(text: string): bigint | undefined {
  if (!/^-?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value.toString() === text && value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

function agrees(text: string): void {
  const bytes = bytesOf(`12${text}34`);
  const into = new Int64();
  const expected = model(text);
  expect(parseInt64(bytes, 2, bytes.length - 2, into), text).toBe(expected !== undefined);
  if (expected === undefined) return;
  const [hi, lo] = halvesOf(expected);
  expect([into.hi, into.lo, into.value], text).toEqual([hi, lo, Number(expected)]);
  const written = new Uint8Array(30);
  const end = writeInt64(written, 4, hi, lo);
  expect(latin1(written, 4, end)).toBe(text);
  expect(written.subarray(end).every((byte) => byte === 0)).toBe(true);
}

const EDGES = [INT64_MAX, INT64_MIN, 2n ** 53n, 2n ** 32n, 2n ** 31n, 10n ** 15n, 10n ** 16n, 10n ** 18n, 10n ** 19n];
const wide = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n });

describe('64-bit integers in halves', () => {
  it('are read and written as BigInt would, over the whole range and past it', () => {
    fc.assert(
      fc.property(wide, fc.integer({ min: 0, max: 64 }), (value, shift) => agrees(`${value >> BigInt(shift)}`)),
      { numRuns: 5000 },
    );
    for (const edge of EDGES.concat(0n)) {
      for (let off = -3n; off <= 3n; off++) {
        agrees(`${edge + off}`);
        agrees(`${-edge + off}`);
      }
    }
  });

  it('have one spelling', () => {
    for (const text of [
      '',
      '-',
      '+1',
      '-0',
      '00',
      '01',
      ' 1',
      '1 ',
      '1e3',
      '1.0',
      '--1',
      '-01',
      '1\0',
      '00000000000000000001',
    ])
      agrees(text);
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'-+0123456789 .e'), maxLength: 22 }), agrees));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789/:'), minLength: 16, maxLength: 21 }), agrees),
    );
  });

  it('take numbers exactly as far as numbers are exact', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const into = new Int64();
        into.setNumber(value);
        expect([into.hi, into.lo]).toEqual(halvesOf(BigInt(value)));
        const again = new Int64();
        again.setHalves(into.hi, into.lo);
        expect(again.value).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('are ordered as numbers', () => {
    const int64 = fc.bigInt({ min: INT64_MIN, max: INT64_MAX });
    fc.assert(
      fc.property(int64, int64, fc.boolean(), (a, other, near) => {
        const b = near ? BigInt.asIntN(64, a + (other % 3n)) : other;
        const [aHi, aLo] = halvesOf(a);
        const [bHi, bLo] = halvesOf(b);
        expect(Math.sign(compareHalves(aHi, aLo, bHi, bLo))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});
