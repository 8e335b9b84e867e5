import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePlainDecimal } from '../../src/base/decimal.ts';

function parsed(text: string): number {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  return parsePlainDecimal(bytes, 1, bytes.length - 1);
}

test('short decimals are the doubles that JavaScript reads', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[+-]?[0-9]{0,8}\.?[0-9]{0,7}$/), (text) => {
      const isNumber = /[0-9]/.test(text);
      expect(parsed(text)).toBe(isNumber ? Number(text) : Number.NaN);
    }),
    { numRuns: 5000 },
  );
});

test('signs, points and zeros stand where they may', () => {
  expect(parsed('-0')).toBe(-0);
  expect(parsed('1.')).toBe(1);
  expect(parsed('.5')).toBe(0.5);
  expect(parsed('+12.25')).toBe(12.25);
  for (const text of ['', '-', '.', '1e3', ' 1', '1 ', '--1', '1.2.3', 'inf', '0x1', '1234567890123456']) {
    expect(parsed(text)).toBeNaN();
  }
});
