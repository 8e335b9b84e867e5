/**
 * The number of different elements behind a histogram of register values: Otmar Ertl, "New cardinality estimation
 * algorithms for HyperLogLog sketches" (2017), in the same order of operations as Redis, so that the numbers are the same.
 */
import { REGISTERS } from './layout.ts';

/** Bits of a hash beside those that choose the register. */
const RANK_BITS = 50;
/** 1 / (2 ln 2) */
const ALPHA = 0.7213475204444817;
/** What the C library makes of what does not fit 64 bits. */
const UNREPRESENTABLE = -(2 ** 63);
export const HISTOGRAM_LENGTH = 64;

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let x = share;
  let y = 1;
  let z = share;
  for (;;) {
    x *= x;
    const before = z;
    z += x * y;
    y += y;
    if (before === z) return z;
  }
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - share;
  for (;;) {
    x = Math.sqrt(x);
    const before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
    if (before === z) return z / 3;
  }
}

/** An integer. Registers that hashing never gives, written by hand, can make it -2^63. */
export function estimate(histogram: Int32Array): number {
  const m = REGISTERS;
  let z = m * tau((m - (histogram[RANK_BITS + 1] as number)) / m);
  for (let rank = RANK_BITS; rank >= 1; rank--) {
    z += histogram[rank] as number;
    z *= 0.5;
  }
  z += m * sigma((histogram[0] as number) / m);
  const count = Math.round((ALPHA * m * m) / z);
  return count < 2 ** 63 ? count : UNREPRESENTABLE;
}
