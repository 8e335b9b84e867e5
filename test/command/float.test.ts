import { describe, expect, it } from 'vitest';
import { parseFloatLoosely, parseFloatStrictly } from '../../src/command/float.ts';

function read(parse: typeof parseFloatLoosely, text: string): number {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  return parse(bytes, 1, bytes.length - 1);
}

describe('a score', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['1', 1],
    ['-1.5', -1.5],
    ['1e3', 1000],
    ['0x10', 16],
    ['0x1p-3', 0.125],
    ['inf', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['0.30000000000000004', 0.30000000000000004],
    ['4.9e-324', 5e-324],
    ['0e-999', 0],
  ];
  for (const [text, value] of cases)
    it(`${text} is ${value}`, () => expect(read(parseFloatStrictly, text)).toBe(value));
  for (const text of [
    '',
    ' 1',
    '1 ',
    'nan',
    '1e400',
    '-1e400',
    '1e-400',
    '0x',
    '0x1p',
    '1e',
    'e1',
    '1\0',
    '1_0',
    '0x1p9999',
  ]) {
    it(`${JSON.stringify(text)} is refused`, () => expect(read(parseFloatStrictly, text)).toBeNaN());
  }
});

describe('a bound of scores', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', 0],
    [' 1', 1],
    ['\t-2', -2],
    ['1e400', Number.POSITIVE_INFINITY],
    ['1e-400', 0],
    ['1\0x', 1],
    ['\0', 0],
    ['+inf', Number.POSITIVE_INFINITY],
  ];
  for (const [text, value] of cases) {
    it(`${JSON.stringify(text)} is ${value}`, () => expect(read(parseFloatLoosely, text)).toBe(value));
  }
  for (const text of [' ', '1 ', 'nan', 'x', '0x', '1e']) {
    it(`${JSON.stringify(text)} is refused`, () => expect(read(parseFloatLoosely, text)).toBeNaN());
  }
});
