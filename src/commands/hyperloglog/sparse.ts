/**
 * Registers as runs, for those that are mostly zero:
 *
 *     00xxxxxx            x+1 registers of zero
 *     01xxxxxx yyyyyyyy   xy+1 registers of zero
 *     1vvvvvxx            x+1 registers of value v+1
 *
 * Invariant: nothing is read outside the range given, whatever the bytes say; runs that do not add up to exactly 16384
 * registers are told as corrupt.
 *
 * Hot path: over all runs once per estimate. Guarded by `bench/hyperloglog.ts`.
 */
import { REGISTERS } from './layout.ts';

/** What fits the opcodes. */
export const VALUE_MAX = 32;
export const VALUE_RUN_MAX = 4;
export const SHORT_ZEROS_MAX = 64;

/** Bytes of the run that begins with this byte. */
export function widthOf(first: number): number {
  return (first & 0xc0) === 0x40 ? 2 : 1;
}

/** Registers of the run at `at`; 0 when it is cut short by the end. */
export function runOf(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  if (first >= 0x80) return (first & 3) + 1;
  if (first < 0x40) return first + 1;
  return at + 1 < end ? (((first & 63) << 8) | (bytes[at + 1] as number)) + 1 : 0;
}

/** Value of the registers in the run that begins with this byte. */
export function rankOf(first: number): number {
  return first >= 0x80 ? ((first >>> 2) & 31) + 1 : 0;
}

/** Adds to `histogram` how many registers have each value. False: corrupt. */
export function countSparse(bytes: Uint8Array, start: number, end: number, histogram: Int32Array): boolean {
  let index = 0;
  for (let at = start; at < end; ) {
    const first = bytes[at] as number;
    const run = runOf(bytes, at, end);
    if (run === 0 || index + run > REGISTERS) return false;
    index += run;
    const value = rankOf(first);
    histogram[value] = (histogram[value] as number) + run;
    at += widthOf(first);
  }
  return index === REGISTERS;
}

/** Raises each of `registers`, one byte each, to its value here. False: corrupt, and some may have been raised. */
export function mergeSparse(bytes: Uint8Array, start: number, end: number, registers: Uint8Array): boolean {
  let index = 0;
  for (let at = start; at < end; ) {
    const first = bytes[at] as number;
    const run = runOf(bytes, at, end);
    if (run === 0 || index + run > REGISTERS) return false;
    const value = rankOf(first);
    if (value > 0) {
      for (let i = index; i < index + run; i++) if (value > (registers[i] as number)) registers[i] = value;
    }
    index += run;
    at += widthOf(first);
  }
  return index === REGISTERS;
}
