import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, latin1 } from '../../src/base/bytes.ts';
import {
  INT64_MAX,
  INT64_MIN,
  integerLength,
  isInteger,
  parseBigInteger,
  parseInteger,
  writeInteger,
} from '../../src/base/integer.ts';

/** The rule in one line: what a 64-bit integer prints as, and nothing else. */
function model(text: string): bigint | undefined {
  if (!/^-?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value.toString() === text && value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

function agrees(text: string): void {
  const bytes = bytesOf(`xx${text}yy`);
  const end = bytes.length - 2;
  const expected = model(text);
  expect(parseBigInteger(bytes, 2, end), text).toBe(expected);
  expect(isInteger(bytes, 2, end), text).toBe(expected !== undefined);
  expect(parseInteger(bytes, 2, end), text).toBe(expected === undefined ? Number.NaN : Number(expected));
}

describe('integers', () => {
  it('are parsed as BigInt would, over 64 bits and past them', () => {
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (value) => agrees(`${value}`)));
    for (const edge of [INT64_MAX, INT64_MIN, 2n ** 53n, 10n ** 15n, 10n ** 18n, 10n ** 19n, 0n]) {
      for (let off = -3n; off <= 3n; off++) agrees(`${edge + off}`);
    }
  });

  it('have one spelling', () => {
    for (const text of ['', '-', '+1', '-0', '00', '01', ' 1', '1 ', '1e3', '0x10', '1.0', '--1', '1\0', '٣', '-01'])
      agrees(text);
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'-+0123456789 .e'), maxLength: 22 }), agrees));
  });

  it('are written as they print', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -200, max: 200 })), (value) => {
        const into = new Uint8Array(30);
        const end = writeInteger(into, 3, value);
        expect(latin1(into, 3, end)).toBe(`${value === 0 ? 0 : value}`);
        expect(integerLength(value)).toBe(end - 3);
        expect(into.subarray(end).every((byte) => byte === 0)).toBe(true);
      }),
    );
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const value of [power - 1, power, power + 1, -power]) {
        const into = new Uint8Array(20);
        expect(latin1(into, 0, writeInteger(into, 0, value))).toBe(`${value}`);
      }
    }
  });
});
