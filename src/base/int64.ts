/**
 * Signed 64-bit integers as two 32-bit halves: every bit exact, no BigInt, nothing allocated. Text is as strict as Redis'
 * string2ll: no plus sign, no leading zero, no `-0`, no blanks, nothing outside the range.
 *
 * Invariant of an {@link Int64}: `value` is the nearest double of the halves, exact within 2^53.
 *
 * Hot path. Budget: parsing 19 digits under 80 ns; guarded by `bench/listpack.ts`.
 */
import { writeInteger } from './integer.ts';

/** Longest text: a sign and 19 digits. */
export const INT64_TEXT_BYTES = 20;

const TWO_32 = 4294967296;
const BILLION = 1_000_000_000;
/** Digits that the lower part of a long text has; the upper has at most ten, both are exact as doubles. */
const LOW_DIGITS = 9;
const SHORT_DIGITS = 15;

/** A place for one value, to be reused. */
export class Int64 {
  hi: number;
  lo: number;
  value: number;

  constructor() {
    this.hi = 0;
    this.lo = 0;
    this.value = 0;
  }

  /** Both halves are signed 32-bit numbers. */
  setHalves(hi: number, lo: number): void {
    this.hi = hi;
    this.lo = lo;
    this.value = hi * TWO_32 + (lo >>> 0);
  }

  /** Only for safe integers. */
  setNumber(value: number): void {
    this.hi = Math.floor(value / TWO_32) | 0;
    this.lo = value | 0;
    this.value = value;
  }
}

/** Negative, zero or positive, as a is less than, equal to or greater than b. */
export function compareHalves(aHi: number, aLo: number, bHi: number, bLo: number): number {
  return aHi === bHi ? (aLo >>> 0) - (bLo >>> 0) : aHi - bHi;
}

/** Reads the decimal text of an integer. False, with `into` undefined, when the range is anything else. */
export function parseInt64(bytes: Uint8Array, start: number, end: number, into: Int64): boolean {
  if (start >= end || end - start > INT64_TEXT_BYTES) return false;
  const negative = bytes[start] === 0x2d;
  const from = negative ? start + 1 : start;
  const digits = end - from;
  if (digits === 0 || digits >= INT64_TEXT_BYTES) return false;
  if (bytes[from] === 0x30) {
    if (digits > 1 || negative) return false;
    into.setHalves(0, 0);
    return true;
  }
  if (digits <= SHORT_DIGITS) {
    const value = digitsOf(bytes, from, end);
    if (value < 0) return false;
    into.setNumber(negative ? -value : value);
    return true;
  }
  const upper = digitsOf(bytes, from, end - LOW_DIGITS);
  const lower = digitsOf(bytes, end - LOW_DIGITS, end);
  if (upper < 0 || lower < 0) return false;
  return combine(negative, upper, lower, into);
}

/** The number that up to fifteen digits are, -1 when one of them is none. */
function digitsOf(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** upper * 10^9 + lower in pieces that doubles hold exactly. False when it is out of range. */
function combine(negative: boolean, upper: number, lower: number, into: Int64): boolean {
  // Floor and subtract instead of `%`: the remainder of doubles is a call, ten times the price.
  const upperHalf = Math.floor(upper / 65536);
  const high = upperHalf * BILLION;
  const highQuotient = Math.floor(high / 65536);
  const low = (high - highQuotient * 65536) * 65536 + (upper - upperHalf * 65536) * BILLION + lower;
  const carry = Math.floor(low / TWO_32);
  const lo = low - carry * TWO_32;
  const hi = highQuotient + carry;
  if (hi >= 0x80000000 && !(negative && hi === 0x80000000 && lo === 0)) return false;
  if (!negative) into.setHalves(hi | 0, lo | 0);
  else into.setHalves((~hi + (lo === 0 ? 1 : 0)) | 0, -lo | 0);
  return true;
}

/** Writes the decimal text and returns the position behind it. */
export function writeInt64(into: Uint8Array, at: number, hi: number, lo: number): number {
  const value = hi * TWO_32 + (lo >>> 0);
  if (Number.isSafeInteger(value)) return writeInteger(into, at, value);
  let from = at;
  let upper = hi;
  let lower = lo;
  if (hi < 0) {
    into[from++] = 0x2d;
    upper = ~hi + (lo === 0 ? 1 : 0);
    lower = -lo | 0;
  }
  // Long division by 10^9 in steps of 16 bits; the magnitude of the least value is 2^63, so it counts as unsigned.
  const high = upper >>> 0;
  const first = Math.floor(high / BILLION);
  const middle = (high - first * BILLION) * 65536 + (lower >>> 16);
  const second = Math.floor(middle / BILLION);
  const last = (middle - second * BILLION) * 65536 + (lower & 0xffff);
  const third = Math.floor(last / BILLION);
  const end = writeInteger(into, from, first * TWO_32 + second * 65536 + third) + LOW_DIGITS;
  let rest = last - third * BILLION;
  for (let i = end - 1; i >= end - LOW_DIGITS; i--) {
    const quotient = (rest / 10) | 0;
    into[i] = 0x30 + (rest - quotient * 10);
    rest = quotient;
  }
  return end;
}
