/**
 * Makes one reply of the parts that several shards gave. A part that is an error is the answer as a whole: what other
 * shards did by then stays done, as the fanned-out commands promise no more.
 */
import { parseInteger, writeInteger } from '../base/integer.ts';
import { skipReply } from '../resp/reply-reader.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';

const MINUS = 0x2d;
const CR = 0x0d;
const UNDERSCORE = 0x5f;

/** Position behind the header line that starts at `at`. */
function lineEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] !== CR) end++;
  return end + 2;
}

/** The number in a header line such as `:12`, `*3` or `~3`. */
function headerNumber(bytes: Uint8Array, at: number): number {
  return parseInteger(bytes, at + 1, lineEnd(bytes, at) - 2);
}

/** The first part that is an error, or undefined. */
export function firstError(parts: readonly Uint8Array[]): Uint8Array | undefined {
  return parts.find((part) => part[0] === MINUS);
}

export function mergeSum(parts: readonly Uint8Array[], out: ReplyWriter): void {
  let sum = 0;
  for (const part of parts) sum += headerNumber(part, 0);
  out.integer(sum);
}

/**
 * RANDOMKEY: one of the keys that the shards drew, each as likely as its shard has keys.
 * @param weights keys of each shard; a shard that drew nothing does not count
 * @param random a uniform number in [0, bound)
 */
export function mergeRandom(
  parts: readonly Uint8Array[],
  weights: readonly number[],
  random: (bound: number) => number,
  out: ReplyWriter,
): void {
  const drawn = parts.map((part, shard) => (isNull(part) ? 0 : Math.max(1, weights[shard] ?? 1)));
  let left = random(
    Math.max(
      1,
      drawn.reduce((sum, weight) => sum + weight, 0),
    ),
  );
  const chosen = drawn.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  const part = parts[Math.max(0, chosen)] as Uint8Array;
  out.raw(part, 0, part.length);
}

/** `$-1` of RESP2 and `_` of RESP3. */
function isNull(part: Uint8Array): boolean {
  return part[0] === UNDERSCORE || part[1] === MINUS;
}

/** Arrays one behind the other. */
export function mergeConcat(parts: readonly Uint8Array[], out: ReplyWriter): void {
  let count = 0;
  for (const part of parts) count += headerNumber(part, 0);
  out.array(count);
  for (const part of parts) out.raw(part, lineEnd(part, 0), part.length);
}

/**
 * Arrays back into the order of the request.
 * @param owners for each element of the answer, which part holds it; within a part the order is kept
 */
export function mergeInOrder(parts: readonly Uint8Array[], owners: readonly number[], out: ReplyWriter): void {
  const positions = parts.map((part) => lineEnd(part, 0));
  out.array(owners.length);
  for (const owner of owners) {
    const part = parts[owner] as Uint8Array;
    const start = positions[owner] as number;
    const end = skipReply(part, start);
    out.raw(part, start, end);
    positions[owner] = end;
  }
}

/**
 * SCAN over shards, one after the other: the shard's number is the remainder of the cursor that the client holds.
 * @param part the shard's own reply: `[cursor, elements]`
 */
export function writeScanReply(part: Uint8Array, shard: number, shards: number, out: ReplyWriter): void {
  const cursorHeader = lineEnd(part, 0);
  const cursorStart = lineEnd(part, cursorHeader);
  const cursorEnd = lineEnd(part, cursorStart) - 2;
  const cursor = parseInteger(part, cursorStart, cursorEnd);
  out.array(2);
  out.bulkText(String(nextScanCursor(cursor, shard, shards)));
  out.raw(part, cursorEnd + 2, part.length);
}

/** The cursor for the client behind a shard's own one; 0 from the last shard ends the iteration. */
export function nextScanCursor(cursor: number, shard: number, shards: number): number {
  if (cursor !== 0) return cursor * shards + shard;
  return shard + 1 < shards ? shard + 1 : 0;
}

/** What a client's cursor means: which shard to ask, and with which cursor. Any number is safe. */
export function splitScanCursor(cursor: number, shards: number): { shard: number; cursor: number } {
  if (!Number.isSafeInteger(cursor) || cursor < 0) return { shard: shards - 1, cursor: Number.MAX_SAFE_INTEGER };
  const shard = cursor % shards;
  return { shard, cursor: (cursor - shard) / shards };
}

/** Decimal digits of a cursor as the bytes of an argument. */
export function cursorBytes(cursor: number): Uint8Array {
  const digits = new Uint8Array(20);
  return digits.subarray(0, writeInteger(digits, 0, cursor));
}
