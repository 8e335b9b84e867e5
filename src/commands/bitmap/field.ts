/**
 * One field of BITFIELD: any number of bits up to 64 anywhere in a string. What is beyond the string's end reads as zeros.
 * Up to 32 bits everything is a number; wider fields are two numbers, or a bigint.
 *
 * Hot path: once per operation. Guarded by `bench/bitmap.ts`.
 */

/** The type of a field: `i8`, `u63`. */
export interface FieldType {
  readonly isSigned: boolean;
  readonly bits: number;
}

/** What happens to a value that does not fit. */
export type Overflow = 'WRAP' | 'SAT' | 'FAIL';

/** Fields up to this wide are numbers. */
const NUMBER_BITS_MAX = 32;
/** Operands up to this are added to such a field without a loss. */
const EXACT_MAX = 2 ** 52;

/** Up to 32 bits from bit `offset` on, unsigned; `start` and `end` bound the string. */
export function readBits(bytes: Uint8Array, start: number, end: number, offset: number, bits: number): number {
  const first = start + Math.floor(offset / 8);
  const skipped = offset % 8;
  const count = (skipped + bits + 7) >>> 3;
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + (first + i < end ? (bytes[first + i] as number) : 0);
  return Math.floor(value / 2 ** (count * 8 - skipped - bits)) % 2 ** bits;
}

/** Writes up to 32 bits of an unsigned number; the string must be long enough. */
export function writeBits(bytes: Uint8Array, start: number, offset: number, bits: number, value: number): void {
  let rest = value;
  let left = bits;
  let at = start + Math.floor((offset + bits - 1) / 8);
  let shift = 7 - ((offset + bits - 1) % 8);
  while (left > 0) {
    const taken = Math.min(left, 8 - shift);
    const mask = ((1 << taken) - 1) << shift;
    bytes[at] = ((bytes[at] as number) & ~mask) | (((rest % 256) << shift) & mask);
    rest = Math.floor(rest / 2 ** taken);
    left -= taken;
    shift = 0;
    at--;
  }
}

/** The value of a field: a bigint beyond 32 bits. */
export function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  type: FieldType,
): number | bigint {
  const { bits, isSigned } = type;
  if (bits <= NUMBER_BITS_MAX) {
    const value = readBits(bytes, start, end, offset, bits);
    return isSigned && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
  const high = readBits(bytes, start, end, offset, bits - NUMBER_BITS_MAX);
  const low = readBits(bytes, start, end, offset + bits - NUMBER_BITS_MAX, NUMBER_BITS_MAX);
  const value = (BigInt(high) << 32n) | BigInt(low);
  return isSigned ? BigInt.asIntN(bits, value) : value;
}

export function writeField(
  bytes: Uint8Array,
  start: number,
  offset: number,
  type: FieldType,
  value: number | bigint,
): void {
  const { bits } = type;
  if (typeof value === 'number') {
    writeBits(bytes, start, offset, bits, value < 0 ? value + 2 ** bits : value);
    return;
  }
  const unsigned = BigInt.asUintN(bits, value);
  writeBits(bytes, start, offset, bits - NUMBER_BITS_MAX, Number(unsigned >> 32n));
  writeBits(bytes, start, offset + bits - NUMBER_BITS_MAX, NUMBER_BITS_MAX, Number(unsigned & 0xffffffffn));
}

/**
 * What a field becomes when `increment` is added to `value`; undefined when it does not fit and must not change. For SET
 * the value is the new one and the increment 0. The type of the result is that of readField.
 */
export function fitted(
  value: number | bigint,
  increment: number | bigint,
  type: FieldType,
  overflow: Overflow,
): number | bigint | undefined {
  const isSmall = typeof value === 'number' && typeof increment === 'number' && type.bits <= NUMBER_BITS_MAX;
  if (isSmall && Math.abs(value) <= EXACT_MAX && Math.abs(increment) <= EXACT_MAX) {
    return fittedNumber(value, increment, type, overflow);
  }
  const exact = type.isSigned
    ? fittedSigned(BigInt(value), BigInt(increment), BigInt(type.bits), overflow)
    : fittedUnsigned(BigInt.asUintN(64, BigInt(value)), BigInt(increment), BigInt(type.bits), overflow);
  return exact === undefined || type.bits > NUMBER_BITS_MAX ? exact : Number(exact);
}

function fittedNumber(value: number, increment: number, type: FieldType, overflow: Overflow): number | undefined {
  const { bits, isSigned } = type;
  const size = 2 ** bits;
  const max = isSigned ? size / 2 - 1 : size - 1;
  const min = isSigned ? -size / 2 : 0;
  const sum = value + increment;
  if (sum >= min && sum <= max) return sum;
  if (overflow === 'FAIL') return undefined;
  // A negative value set in an unsigned field is one of the largest there are, as Redis sees it.
  if (overflow === 'SAT') return sum > max || (!isSigned && value < 0) ? max : min;
  const wrapped = ((sum % size) + size) % size;
  return wrapped > max ? wrapped - size : wrapped;
}

/** Redis computes the room above and below in 64 bits that wrap, which shows when a field is set to a value far outside. */
function fittedSigned(value: bigint, increment: bigint, bits: bigint, overflow: Overflow): bigint | undefined {
  const max = (1n << (bits - 1n)) - 1n;
  const min = -max - 1n;
  const above = BigInt.asIntN(64, max - value);
  const below = BigInt.asIntN(64, min - value);
  const isHigh =
    value > max || (bits !== 64n && increment > above) || (value >= 0n && increment > 0n && increment > above);
  const isLow =
    value < min || (bits !== 64n && increment < below) || (value < 0n && increment < 0n && increment < below);
  if (!isHigh && !isLow) return value + increment;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'SAT') return isHigh ? max : min;
  return BigInt.asIntN(Number(bits), value + increment);
}

function fittedUnsigned(value: bigint, increment: bigint, bits: bigint, overflow: Overflow): bigint | undefined {
  const max = (1n << bits) - 1n;
  const isHigh = value > max || increment > max - value;
  const isLow = increment < 0n && -increment > value;
  if (!isHigh && !isLow) return value + increment;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'SAT') return isHigh ? max : 0n;
  return BigInt.asUintN(Number(bits), value + increment);
}
