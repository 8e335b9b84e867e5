/**
 * 16384 registers of 6 bits, lowest bits first. `at` is where they begin in `bytes`.
 *
 * Hot path: once per element of PFADD, and over all registers for an estimate. Guarded by `bench/hyperloglog.ts`.
 */
import { REGISTERS } from './layout.ts';

export function denseRegister(bytes: Uint8Array, at: number, index: number): number {
  const bit = index * 6;
  const byte = at + (bit >>> 3);
  const shift = bit & 7;
  const low = (bytes[byte] as number) >>> shift;
  // The last register ends with the last byte: there is nothing behind it to be read.
  return shift <= 2 ? low & 63 : (low | ((bytes[byte + 1] as number) << (8 - shift))) & 63;
}

/** Raises a register. @returns whether it was lower. */
export function raiseDense(bytes: Uint8Array, at: number, index: number, rank: number): boolean {
  if (denseRegister(bytes, at, index) >= rank) return false;
  const bit = index * 6;
  const byte = at + (bit >>> 3);
  const shift = bit & 7;
  bytes[byte] = ((bytes[byte] as number) & ~(63 << shift)) | (rank << shift);
  if (shift > 2) {
    bytes[byte + 1] = ((bytes[byte + 1] as number) & ~(63 >>> (8 - shift))) | (rank >>> (8 - shift));
  }
  return true;
}

/** Adds to `histogram` how many registers have each value. */
export function countDense(bytes: Uint8Array, at: number, histogram: Int32Array): void {
  const end = at + (REGISTERS * 6) / 8;
  for (let i = at; i < end; i += 3) {
    const word = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16);
    const first = word & 63;
    const second = (word >>> 6) & 63;
    const third = (word >>> 12) & 63;
    const fourth = word >>> 18;
    histogram[first] = (histogram[first] as number) + 1;
    histogram[second] = (histogram[second] as number) + 1;
    histogram[third] = (histogram[third] as number) + 1;
    histogram[fourth] = (histogram[fourth] as number) + 1;
  }
}

/** Raises each of `registers`, one byte each, to its value here. */
export function mergeDense(bytes: Uint8Array, at: number, registers: Uint8Array): void {
  let from = at;
  for (let i = 0; i < REGISTERS; i += 4) {
    const word = (bytes[from] as number) | ((bytes[from + 1] as number) << 8) | ((bytes[from + 2] as number) << 16);
    if ((word & 63) > (registers[i] as number)) registers[i] = word & 63;
    if (((word >>> 6) & 63) > (registers[i + 1] as number)) registers[i + 1] = (word >>> 6) & 63;
    if (((word >>> 12) & 63) > (registers[i + 2] as number)) registers[i + 2] = (word >>> 12) & 63;
    if (word >>> 18 > (registers[i + 3] as number)) registers[i + 3] = word >>> 18;
    from += 3;
  }
}
