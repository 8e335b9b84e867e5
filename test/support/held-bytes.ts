/** What is still held once the collector has been, and keys that are large enough to see whether they are. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export const HUGE = 2 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

export function heldBytes(): number {
  // What lies outside of the heap goes with the round after the one that finds it.
  for (let round = 0; round < 3; round++) if (typeof collect === 'function') collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A text of its own, as one that has been read from a request. */
export function hugeKey(number: number): string {
  return Buffer.alloc(HUGE, `${number} `).toString('latin1');
}
