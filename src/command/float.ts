/**
 * Doubles on the wire. What is a score is as strict as redis-server 7.0.15: no blanks, no empty text, no NaN, nothing that
 * no double comes near; `inf`, `+inf`, `-infinity` in any case and C's decimal and hexadecimal forms as strtod reads them.
 * What bounds a range of scores is whatever strtod reads, to the end of the text or to a NUL.
 *
 * Hot path: every score of ZADD. Guarded by `bench/zset.ts`.
 */
import { latin1 } from '../base/bytes.ts';
import { parsePlainDecimal } from '../base/decimal.ts';

// cold: built once per process
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
// cold: built once per process
const INFINITE = /^[+-]?inf(?:inity)?$/i;
// cold: built once per process
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
// cold: built once per process
const BLANKS = /^[ \t\n\v\f\r]+/;
/** A digit other than 0 in front of an exponent: such a number is not zero, whatever it is rounded to. */
// cold: built once per process
const NOT_ZERO = /^[+-]?(?:0x[0.]*[1-9a-f]|[0.]*[1-9])/i;
/** MAX_LONG_DOUBLE_CHARS of Redis: longer texts are refused unread. */
const FLOAT_TEXT_MAX = 5 * 1024;

/** The value, or NaN where Redis answers `value is not a valid float`. What is too large or too small is refused too. */
export function parseFloatStrictly(bytes: Uint8Array, start: number, end: number): number {
  const plain = parsePlainDecimal(bytes, start, end);
  if (!Number.isNaN(plain)) return plain;
  if (start === end || end - start > FLOAT_TEXT_MAX) return Number.NaN;
  const text = latin1(bytes, start, end);
  const value = doubleOf(text);
  if (!Number.isFinite(value)) return INFINITE.test(text) ? value : Number.NaN;
  return value === 0 && NOT_ZERO.test(text) ? Number.NaN : value;
}

/** What strtod makes of the whole text up to a NUL, NaN where it leaves something over: the empty text is 0. */
export function parseFloatLoosely(bytes: Uint8Array, start: number, end: number): number {
  const plain = parsePlainDecimal(bytes, start, end);
  if (!Number.isNaN(plain)) return plain;
  if (end - start > FLOAT_TEXT_MAX) return Number.NaN;
  const text = latin1(bytes, start, end);
  const nul = text.indexOf('\0');
  const read = nul < 0 ? text : text.slice(0, nul);
  return read === '' ? 0 : doubleOf(read.replace(BLANKS, ''));
}

/** The nearest double of a number in C's notation, infinite when it is too large; NaN when the text is none. */
function doubleOf(text: string): number {
  if (DECIMAL.test(text)) return Number(text);
  if (INFINITE.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return parseHexadecimal(text);
}

function parseHexadecimal(text: string): number {
  const parts = HEXADECIMAL.exec(text);
  if (parts === null) return Number.NaN;
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts;
  if (whole === '' && fraction === '') return Number.NaN;
  let value = 0;
  for (const digit of whole + fraction) value = value * 16 + Number.parseInt(digit, 16);
  value *= 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -value : value;
}
