/**
 * How long the value of a small collection is: the blob that it is, with slack behind it where it had to move to grow, so that
 * the next elements fit.
 *
 * Hot path: once per element added to a small collection. Guarded by `bench/hash.ts`, `bench/list.ts` and `bench/zset.ts`.
 */
import { type Database, MISSING } from '../database.ts';
import { totalBytes } from '../listpack.ts';

/** No slack below this, an eighth above. */
const SLACK_FROM_BYTES = 256;
const SLACK_SHIFT = 3;

/** Makes room for a blob of so many bytes. @returns the entry, which may have moved; MISSING when the arena is full. */
export function withBlobOf(database: Database, ref: number, bytes: number): number {
  return database.resizeValue(ref, bytes, bytes < SLACK_FROM_BYTES ? 0 : bytes >>> SLACK_SHIFT);
}

/** Lets the value be as long as the listpack that it is. @returns the entry, which may have moved. */
export function fitted(database: Database, ref: number): number {
  const target = database.resizeValue(ref, totalBytes(database.valueBytes(ref), database.valueStart(ref)), 0);
  // Moving to a smaller block is a courtesy that a full arena cannot grant.
  return target === MISSING ? ref : target;
}
