/** Bits of strings against a plain list of bits, at every alignment. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countBits, findBit } from '../../../src/commands/bitmap/bits.ts';
import { BitTarget, type Operation } from '../../../src/commands/bitmap/combine.ts';
import { type FieldType, fitted, readField, writeField } from '../../../src/commands/bitmap/field.ts';

/** Memory in which a value lies somewhere, noise around it. */
function placed(value: Uint8Array, start: number): { bytes: Uint8Array; words: Int32Array } {
  const words = new Int32Array((start + value.length + 11) >>> 2).fill(0x5a5aa5a5);
  const bytes = new Uint8Array(words.buffer);
  bytes.set(value, start);
  return { bytes, words };
}

function bitsOf(value: Uint8Array): number[] {
  return [...value].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1));
}

/** Mostly 0 or mostly 255, so that runs are long. */
const value = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0, 255) }, { weight: 1, arbitrary: fc.nat(255) }), {
    minLength: 1,
    maxLength: 200,
  })
  .map((bytes) => Uint8Array.from(bytes));
const start = fc.nat(16);

describe('bits', () => {
  it('of any range are counted and found as in a list of bits', () => {
    const cases = fc.record({ value, start, a: fc.nat(1599), b: fc.nat(1599) });
    fc.assert(
      fc.property(cases, ({ value: chosen, start: at, a, b }) => {
        const bits = bitsOf(chosen);
        const [first, last] = [Math.min(a, b) % bits.length, Math.max(a, b) % bits.length].sort((x, y) => x - y);
        const { bytes, words } = placed(chosen, at);
        const range = bits.slice(first, (last ?? 0) + 1);
        expect(countBits(bytes, words, at, first ?? 0, last ?? 0)).toBe(range.filter((bit) => bit === 1).length);
        for (const bit of [0, 1]) {
          const index = range.indexOf(bit);
          const expected = index < 0 ? -1 : index + (first ?? 0);
          expect(findBit(bytes, words, at, first ?? 0, last ?? 0, bit)).toBe(expected);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  it('of several strings are combined as lists of bits are', () => {
    const sources = fc.array(fc.record({ value, start }), { minLength: 1, maxLength: 4 });
    const operation = fc.constantFrom<Operation>('AND', 'OR', 'XOR', 'NOT');
    fc.assert(
      fc.property(sources, operation, (all, chosen) => {
        const used = chosen === 'NOT' ? all.slice(0, 1) : all;
        const length = Math.max(...used.map(({ value: each }) => each.length));
        const target = new BitTarget(length);
        for (const [i, source] of used.entries()) {
          const { bytes, words } = placed(source.value, source.start);
          if (i === 0) target.begin(chosen, bytes, source.start, source.value.length);
          else target.add(chosen, bytes, words, source.start, source.value.length);
        }
        const expected = Uint8Array.from({ length }, (_, i) => {
          const column = used.map(({ value: each }) => each[i] ?? 0);
          if (chosen === 'NOT') return ~(column[0] ?? 0) & 255;
          return column.reduce((x, y) => (chosen === 'AND' ? x & y : chosen === 'OR' ? x | y : x ^ y));
        });
        expect([...target.bytes]).toEqual([...expected]);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a field', () => {
  const types = fc.oneof(
    fc.record({ isSigned: fc.constant(true), bits: fc.integer({ min: 1, max: 64 }) }),
    fc.record({ isSigned: fc.constant(false), bits: fc.integer({ min: 1, max: 63 }) }),
  );
  const spot = fc.record({ type: types, offset: fc.nat(200), start });

  /** What a field of this type makes of 64 bits. */
  function cut({ isSigned, bits }: FieldType, number: bigint): bigint {
    return isSigned ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number);
  }

  it('reads back what was written and leaves its neighbours alone', () => {
    const cases = fc.record({ spot, number: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) });
    fc.assert(
      fc.property(cases, ({ spot: { type, offset, start: at }, number }) => {
        const length = 40;
        const bytes = Uint8Array.from({ length: at + length }, (_, i) => (i * 37) & 255);
        const before = bitsOf(bytes);
        const kept = type.bits <= 32 ? Number(cut(type, number)) : cut(type, number);
        writeField(bytes, at, offset, type, kept);
        expect(readField(bytes, at, at + length, offset, type)).toBe(kept);
        const from = at * 8 + offset;
        const after = bitsOf(bytes);
        expect([...after.slice(0, from), ...after.slice(from + type.bits)]).toEqual([
          ...before.slice(0, from),
          ...before.slice(from + type.bits),
        ]);
      }),
      { numRuns: 10_000 },
    );
  });

  it('beyond the end reads as zeros', () => {
    const bytes = new Uint8Array(12).fill(255);
    expect(readField(bytes, 0, 4, 28, { isSigned: false, bits: 8 })).toBe(0xf0);
    expect(readField(bytes, 0, 4, 30, { isSigned: true, bits: 64 })).toBe(-(2n ** 62n));
    expect(readField(bytes, 0, 4, 4_294_967_290, { isSigned: false, bits: 63 })).toBe(0n);
  });

  it('wraps, stops at its ends or fails as integers without bounds say', () => {
    const operand = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -300n, max: 300n }),
      fc.constantFrom(2n ** 53n, -(2n ** 53n), 2n ** 31n, -(2n ** 31n), 2n ** 63n - 1n, -(2n ** 63n)),
    );
    const cases = fc.record({ type: types, value: operand, increment: operand });
    const narrow = (number: bigint) =>
      number >= -(2n ** 53n) && number <= 2n ** 53n && Number.isSafeInteger(Number(number)) ? Number(number) : number;
    fc.assert(
      fc.property(cases, ({ type, value: any, increment }) => {
        const before = cut(type, any);
        const max = type.isSigned ? 2n ** BigInt(type.bits - 1) - 1n : 2n ** BigInt(type.bits) - 1n;
        const min = type.isSigned ? -max - 1n : 0n;
        const sum = before + increment;
        const given = type.bits <= 32 ? Number(before) : before;
        const by = (overflow: 'WRAP' | 'SAT' | 'FAIL') => {
          const result = fitted(given, narrow(increment), type, overflow);
          return result === undefined ? undefined : BigInt(result);
        };
        expect(by('WRAP')).toBe(cut(type, sum));
        expect(by('SAT')).toBe(sum > max ? max : sum < min ? min : sum);
        expect(by('FAIL')).toBe(sum > max || sum < min ? undefined : sum);
      }),
      { numRuns: 10_000 },
    );
  });
});
