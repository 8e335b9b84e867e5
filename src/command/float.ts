/**
 * Doubles on the wire, as strict as redis-server 7.0.15: no blanks, no empty text, no NaN; `inf`, `+inf`, `-infinity` in
 * any case and C's decimal and hexadecimal forms as strtod reads them.
 */
import { latin1 } from '../base/bytes.ts';

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
/** MAX_LONG_DOUBLE_CHARS of Redis: longer texts are refused unread. */
const FLOAT_TEXT_MAX = 5 * 1024;

/** The value, or NaN where Redis answers `value is not a valid float`. Overflow of a finite text is refused too. */
export function parseFloatStrictly(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || end - start > FLOAT_TEXT_MAX) return Number.NaN;
  const text = latin1(bytes, start, end);
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : Number.NaN;
  }
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
  if (!Number.isFinite(value)) return Number.NaN;
  return sign === '-' ? -value : value;
}
