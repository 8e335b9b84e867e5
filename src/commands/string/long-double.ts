/**
 * The 80-bit floating point numbers of x86 (`long double`: 64 bits of mantissa), in which Redis adds what INCRBYFLOAT is
 * given: read from decimal and hexadecimal text as strtold does, added with one rounding to even, written as `%.17Lf`
 * without trailing zeros. Exact integers all the way, so every answer is that of redis-server, digit by digit.
 *
 * Invariant: a finite number is sign, mantissa < 2^64 and exponent ≥ -16445; zero has mantissa 0 and keeps its sign.
 */
import { latin1 } from '../../base/bytes.ts';

const MANTISSA_BITS = 64;
/** Exponent of the last mantissa bit: of the smallest number, and of the largest. */
const EXPONENT_MIN = -16445;
const EXPONENT_MAX = 16384 - MANTISSA_BITS;
/** MAX_LONG_DOUBLE_CHARS of Redis: longer texts are refused unread. */
const TEXT_MAX = 5 * 1024;
const PLACES = 17;

/** `(negative ? -1 : 1) · mantissa · 2^exponent`; `infinite` stands above all. */
export interface LongDouble {
  readonly negative: boolean;
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
}

export const ZERO: LongDouble = { negative: false, mantissa: 0n, exponent: EXPONENT_MIN, infinite: false };

export function isInfinite(value: LongDouble): boolean {
  return value.infinite;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(16).length * 4 - leadingZeros(value);
}

function leadingZeros(value: bigint): number {
  const first = Number.parseInt(value.toString(16).charAt(0), 16);
  return first >= 8 ? 0 : first >= 4 ? 1 : first >= 2 ? 2 : 3;
}

/** The number nearest to `numerator / denominator · 2^scale`, ties to even. */
function rounded(negative: boolean, numerator: bigint, denominator: bigint, scale: number): LongDouble {
  if (numerator === 0n) return { ...ZERO, negative };
  // A shift that leaves 64 or 65 bits of quotient; the one too many is settled below.
  let shift = MANTISSA_BITS - (bitLength(numerator) - bitLength(denominator));
  let exponent = scale - shift;
  if (exponent < EXPONENT_MIN) {
    shift -= EXPONENT_MIN - exponent;
    exponent = EXPONENT_MIN;
  }
  let top = shift > 0 ? numerator << BigInt(shift) : numerator;
  let bottom = shift < 0 ? denominator << BigInt(-shift) : denominator;
  if (top >= bottom << BigInt(MANTISSA_BITS)) {
    bottom <<= 1n;
    exponent++;
  }
  let mantissa = top / bottom;
  top -= mantissa * bottom;
  const twice = top << 1n;
  if (twice > bottom || (twice === bottom && (mantissa & 1n) === 1n)) mantissa++;
  if (mantissa === 1n << BigInt(MANTISSA_BITS)) {
    mantissa >>= 1n;
    exponent++;
  }
  if (mantissa === 0n) return { ...ZERO, negative };
  if (exponent > EXPONENT_MAX) return { ...ZERO, negative, infinite: true };
  return { negative, mantissa, exponent, infinite: false };
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
/** Exponents past this are infinite or zero whatever stands before them, as no text has so many digits. */
const WRITTEN_EXPONENT_MAX = 100_000;

function clampedExponent(text: string | undefined): number {
  const value = Number(text ?? '0');
  return Math.max(-WRITTEN_EXPONENT_MAX, Math.min(WRITTEN_EXPONENT_MAX, value));
}

/** The number a text spells; undefined where Redis answers `value is not a valid float`: NaN, overflow, underflow to 0, anything else. */
export function parseLongDouble(bytes: Uint8Array, start: number, end: number): LongDouble | undefined {
  if (start === end || end - start >= TEXT_MAX) return undefined;
  const text = latin1(bytes, start, end);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return { ...ZERO, negative: infinite[1] === '-', infinite: true };
  const parts = DECIMAL.exec(text) ?? HEXADECIMAL.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = '', written] = parts;
  const digits = whole + fraction;
  if (digits === '') return undefined;
  const negative = sign === '-';
  const isHexadecimal = /x/i.test(text);
  const significant = BigInt(isHexadecimal ? `0x${digits}` : digits);
  if (significant === 0n) return { ...ZERO, negative };
  const exponent = clampedExponent(written);
  const value = isHexadecimal
    ? rounded(negative, significant, 1n, exponent - 4 * fraction.length)
    : fromDecimal(negative, significant, exponent - fraction.length);
  return value.infinite || value.mantissa === 0n ? undefined : value;
}

function fromDecimal(negative: boolean, significant: bigint, exponent: number): LongDouble {
  // Neither end of the range is near: no need to raise ten to such a power.
  const magnitude = exponent + significant.toString().length;
  if (magnitude > 5000) return { ...ZERO, negative, infinite: true };
  if (magnitude < -5000) return { ...ZERO, negative };
  if (exponent >= 0) return rounded(negative, significant * 10n ** BigInt(exponent), 1n, 0);
  return rounded(negative, significant, 10n ** BigInt(-exponent), 0);
}

/** The sum, rounded once; undefined when it is no number (∞ − ∞). */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | undefined {
  if (a.infinite || b.infinite) {
    if (a.infinite && b.infinite && a.negative !== b.negative) return undefined;
    return a.infinite ? a : b;
  }
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = signed(a, exponent) + signed(b, exponent);
  if (sum === 0n) return { ...ZERO, negative: a.negative && b.negative };
  return rounded(sum < 0n, sum < 0n ? -sum : sum, 1n, exponent);
}

function signed(value: LongDouble, exponent: number): bigint {
  const magnitude = value.mantissa << BigInt(value.exponent - exponent);
  return value.negative ? -magnitude : magnitude;
}

/** `%.17Lf` without trailing zeros, and `0` for `-0`, as Redis' ld2string writes for people. */
export function longDoubleText(value: LongDouble): string {
  const scaled = value.mantissa * 10n ** BigInt(PLACES);
  const whole = value.exponent >= 0 ? scaled << BigInt(value.exponent) : halfToEven(scaled, BigInt(-value.exponent));
  const digits = whole.toString().padStart(PLACES + 1, '0');
  const point = digits.length - PLACES;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === 0x30) end--;
  const fraction = end > point ? `.${digits.slice(point, end)}` : '';
  const text = digits.slice(0, point) + fraction;
  return value.negative && text !== '0' ? `-${text}` : text;
}

function halfToEven(value: bigint, bits: bigint): bigint {
  const quotient = value >> bits;
  const rest = value - (quotient << bits);
  const half = 1n << (bits - 1n);
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}
