/**
 * What the commands of sorted sets share: the set at a key, options read one after the other, members and scores in
 * replies.
 *
 * Hot path. Guarded by `bench/zset.ts`.
 */

import { upper } from '../../base/ascii.ts';
import { parseInteger } from '../../base/integer.ts';
import type { ArgIndex } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, OK, ValueType } from '../../engine/database.ts';
import type { SortedSet } from '../../engine/types/zset.ts';
import type { SortedSetBuilder } from '../../engine/types/zset-builder.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import { OOM, WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { find, findForWrite, roomFor } from '../keys.ts';
import { refused } from '../refused.ts';

/** What a member takes beyond its name: its block, the index, the tree and their slack, generously. */
export const MEMBER_OVERHEAD_BYTES = 72;

/** Outcomes of `open`: something else at the key has been refused already. */
export const OPENED = 1;
export const NOT_THERE = 0;
export const REFUSED = -1;
export type Opened = typeof OPENED | typeof NOT_THERE | typeof REFUSED;

/** Aims at the sorted set of a key, to read it. */
export function openToRead(call: ShardCall, key: ArgIndex, zset: SortedSet, out: ReplyWriter): Opened {
  return aim(call, find(call, key), zset, out);
}

/** The same to change it. */
export function openToWrite(call: ShardCall, key: ArgIndex, zset: SortedSet, out: ReplyWriter): Opened {
  return aim(call, findForWrite(call, key), zset, out);
}

function aim(call: ShardCall, ref: number, zset: SortedSet, out: ReplyWriter): Opened {
  if (ref === MISSING) return NOT_THERE;
  if (call.database.valueType(ref) !== ValueType.zset) {
    out.error(WRONG_TYPE);
    return REFUSED;
  }
  zset.open(call.database, ref);
  return OPENED;
}

/** What a set of so many elements takes, whose names and scores lie in so many bytes now. */
export function roomForResult(call: ShardCall, key: ArgIndex, elements: number, sourceBytes: number): boolean {
  return roomFor(call, key, elements * MEMBER_OVERHEAD_BYTES + Math.min(sourceBytes, elements * 2 ** 20));
}

/** Makes a key what was built, whatever it was, or nothing when that is empty; answers the size. */
export function storeResult(
  call: ShardCall,
  key: ArgIndex,
  builder: SortedSetBuilder,
  written: Effect,
  out: ReplyWriter,
): Effect {
  const { request, database } = call;
  const start = request.start(key);
  const end = request.end(key);
  const { size } = builder;
  if (size === 0) {
    builder.discard();
    out.integer(0);
    return database.delete(request.bytes, start, end) ? changes(1, [deletedAt(key)]) : UNCHANGED;
  }
  if (builder.storeInto(database, request.bytes, start, end) !== OK) return refused(out, OOM);
  out.integer(size);
  return written;
}

function deletedAt(key: ArgIndex): KeyEvent {
  return { eventClass: 'generic', name: 'del', key };
}

/** Whether an argument is this word, letters in any case; `word` in upper case. */
export function isWord(request: Request, at: ArgIndex, word: string): boolean {
  const start = request.start(at);
  if (request.end(at) - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    if (upper[request.bytes[start + i] as number] !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** An argument as a 64-bit integer, NaN when it is none. */
export function integerAt(request: Request, at: ArgIndex): number {
  return parseInteger(request.bytes, request.start(at), request.end(at));
}

// -- Replies -----------------------------------------------------------------------------------------------------------

/** Opens an array of elements: in RESP3 those with scores are pairs, in RESP2 all stand in one row. */
export function beginElements(out: ReplyWriter, count: number, withScores: boolean): void {
  out.array(withScores && out.protocol === 2 ? count * 2 : count);
}

/** One element of such an array. */
export function writeElement(out: ReplyWriter, cursor: ZsetCursor, withScores: boolean): void {
  if (withScores && out.protocol === 3) out.array(2);
  out.bulk(cursor.bytes, cursor.start, cursor.end);
  if (withScores) out.double(cursor.score);
}

/** Writes `count` elements from a rank on, downwards when `backward`. */
export function writeElements(
  out: ReplyWriter,
  seek: (rank: number, cursor: ZsetCursor) => boolean,
  rank: number,
  count: number,
  backward: boolean,
  withScores: boolean,
): void {
  beginElements(out, count, withScores);
  if (count <= 0 || !seek(rank, walking)) return;
  for (let i = 0; i < count && !out.overflowed; i++) {
    if (i > 0) backward ? walking.previous() : walking.next();
    writeElement(out, walking, withScores);
  }
}

const walking = new ZsetCursor();

// -- Effects -----------------------------------------------------------------------------------------------------------

/** So many elements gone from the set of the first key, and `del` told when the set is no more. */
export function shrunk(name: string, removed: number, isGone: boolean): Effect {
  const event: KeyEvent = { eventClass: 'zset', name, key: 1 };
  return removed === 0 ? UNCHANGED : changes(removed, isGone ? [event, DELETED] : [event]);
}

const DELETED: KeyEvent = deletedAt(1);

/** Deletes the entry of a set that has become empty. @returns whether it had. */
export function dropIfEmpty(call: ShardCall, zset: SortedSet): boolean {
  if (zset.size > 0) return false;
  call.database.deleteEntry(zset.entry);
  return true;
}
