/**
 * Wire integers: signed 64-bit decimals, parsed as strictly as Redis' string2ll (no plus sign, no leading zero, no `-0`,
 * no blanks) and written without allocating. Values past 2^53 go through BigInt, nothing else does.
 *
 * Hot path. Guarded by the P16 rows of `npm run bench`.
 */

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;
const SAFE_DIGITS = 15;

/** Whether the range is a canonical signed 64-bit decimal. */
export function isInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length === 0 || length > 20) return false;
  let at = start;
  if (bytes[at] === 0x2d) {
    at++;
    if (at === end) return false;
  }
  const first = bytes[at] as number;
  if (first === 0x30) return length === 1;
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  const digits = end - at;
  if (digits < 19) return true;
  if (digits > 19) return false;
  const value = digitsToBigInt(bytes, start, end);
  return value >= INT64_MIN && value <= INT64_MAX;
}

function digitsToBigInt(bytes: Uint8Array, start: number, end: number): bigint {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number);
  return BigInt(text);
}

/**
 * The value, or NaN when the range is not a canonical 64-bit integer. Past 2^53 the nearest double is returned: callers
 * that need every bit use {@link parseBigInteger}.
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 0x2d && end > start;
  const from = negative ? start + 1 : start;
  const digits = end - from;
  if (digits === 0) return Number.NaN;
  if (digits > SAFE_DIGITS) {
    if (!isInteger(bytes, start, end)) return Number.NaN;
    return Number(digitsToBigInt(bytes, start, end));
  }
  const first = bytes[from] as number;
  if (first === 0x30) return digits === 1 && !negative ? 0 : Number.NaN;
  let value = 0;
  for (let i = from; i < end; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** The exact value, or undefined when the range is not a canonical 64-bit integer. */
export function parseBigInteger(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  return isInteger(bytes, start, end) ? digitsToBigInt(bytes, start, end) : undefined;
}

/** The digits of 0 to 99. */
const TENS = Uint8Array.from({ length: 100 }, (_, i) => 0x30 + Math.floor(i / 10));
const ONES = Uint8Array.from({ length: 100 }, (_, i) => 0x30 + (i % 10));
const BILLION = 1_000_000_000;

/** Decimal digits that a safe integer needs, sign included. */
export function integerLength(value: number): number {
  let length = value < 0 ? 2 : 1;
  const size = Math.abs(value);
  // Multiplying a bound is several times cheaper than dividing the value, and exact up to 10^22.
  for (let bound = 10; size >= bound; bound *= 10) length++;
  return length;
}

/** Writes a safe integer as decimal digits and returns the position behind it. */
export function writeInteger(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let from = at;
  if (rest < 0) {
    into[from++] = 0x2d;
    rest = -rest;
  }
  if (rest < 10) {
    into[from] = 0x30 + rest;
    return from + 1;
  }
  const end = from + integerLength(rest);
  let position = end;
  if (rest >= BILLION) {
    // Doubles are divided once; what is left are halves that 32 bits hold.
    const upper = Math.floor(rest / BILLION);
    let lower = (rest - upper * BILLION) | 0;
    for (let pair = 0; pair < 4; pair++) {
      const quotient = (lower / 100) | 0;
      position -= 2;
      writePair(into, position, lower - quotient * 100);
      lower = quotient;
    }
    into[--position] = 0x30 + lower;
    rest = upper;
  }
  while (rest >= 100) {
    const quotient = (rest / 100) | 0;
    position -= 2;
    writePair(into, position, rest - quotient * 100);
    rest = quotient;
  }
  if (rest >= 10) writePair(into, from, rest);
  else into[from] = 0x30 + rest;
  return end;
}

function writePair(into: Uint8Array, at: number, pair: number): void {
  into[at] = TENS[pair] as number;
  into[at + 1] = ONES[pair] as number;
}
