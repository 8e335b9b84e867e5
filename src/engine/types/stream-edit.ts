/**
 * Taking entries out of a stream: one by its ID, or the oldest by Redis' rules of trimming. Entries are marked in their
 * block; a block goes as a whole with its last living entry, or when all of it is to be trimmed.
 *
 * Nothing here needs memory, so nothing can fail.
 */
import { IdPlace } from './id-tree.ts';
import type { Stream } from './stream.ts';
import { BlockHead, changeCounts, markDeleted, readHead, readLastId } from './stream-block.ts';
import { StreamCursor } from './stream-cursor.ts';
import { StreamId } from './stream-id.ts';

/** What is to be left. */
type TrimGoal = { readonly kind: 'length'; readonly length: number } | { readonly kind: 'from'; readonly id: StreamId };

export interface Trim {
  readonly goal: TrimGoal;
  /** Whole blocks only, so that some more may be left. */
  readonly isApproximate: boolean;
  /** Entries removed at the most; 0 = no limit. */
  readonly limit: number;
}

const FIRST = new StreamId();
const LAST = new StreamId(-1, -1, -1, -1);

const cursor = new StreamCursor();
const place = new IdPlace();
const head = new BlockHead();
const master = new StreamId();
const lastId = new StreamId();

/** @returns whether there was such an entry. */
export function deleteEntry(stream: Stream, id: StreamId): boolean {
  cursor.begin(stream.blocks, id, id, false);
  if (!cursor.next()) return false;
  const { bytes, at } = cursor;
  readHead(bytes, at, head);
  if (head.entries === 1) stream.removeBlock(cursor.place);
  else {
    markDeleted(bytes, at, cursor.entry);
    changeCounts(bytes, at, -1, 1);
  }
  stream.length--;
  if (id.compare(stream.maxDeletedId) > 0) stream.maxDeletedId.copyFrom(id);
  if (id.compare(stream.firstId) === 0) stream.refreshFirst();
  return true;
}

/** @returns how many entries went. */
export function trim(stream: Stream, { goal, isApproximate, limit }: Trim): number {
  const { blocks, ground } = stream;
  let trimmed = 0;
  while (blocks.first(place) && !isReached(stream, goal)) {
    const ref = blocks.word(place, 0);
    readHead(ground.arena.bytesOf(ref), ground.arena.offsetOf(ref), head);
    const { entries } = head;
    if (limit > 0 && trimmed + entries > limit) break;
    if (goesWhole(stream, ref, entries, goal)) {
      stream.removeBlock(place);
      stream.length -= entries;
      trimmed += entries;
      continue;
    }
    const marked = isApproximate ? 0 : trimFirstBlock(stream, goal);
    // That has found the new first entry already.
    if (marked > 0) return trimmed + marked;
    break;
  }
  if (trimmed > 0) stream.refreshFirst();
  return trimmed;
}

function isReached(stream: Stream, goal: TrimGoal): boolean {
  return goal.kind === 'length' && stream.length <= goal.length;
}

/** Whether nothing of the first block is to be left. */
function goesWhole(stream: Stream, ref: number, entries: number, goal: TrimGoal): boolean {
  if (goal.kind === 'length') return stream.length - entries >= goal.length;
  const { arena } = stream.ground;
  stream.blocks.readId(place, master);
  readLastId(arena.bytesOf(ref), arena.offsetOf(ref), master, lastId);
  return lastId.compare(goal.id) < 0;
}

/**
 * Marks the entries of the first block up to the goal, and, if there were any, finds the first that is left. A deleted one may
 * end the walk as well: where XSETID took the last ID back, it may come before entries with smaller IDs.
 */
function trimFirstBlock(stream: Stream, goal: TrimGoal): number {
  let marked = 0;
  let isAtFirst = false;
  cursor.begin(stream.blocks, FIRST, LAST, false);
  while (!isReached(stream, goal) && cursor.nextInBlock()) {
    if (goal.kind === 'from' && cursor.id.compare(goal.id) >= 0) {
      isAtFirst = !cursor.isDeleted;
      break;
    }
    if (cursor.isDeleted) continue;
    // Flags take one element of the same length with the mark and without: the walk goes on undisturbed.
    markDeleted(cursor.bytes, cursor.at, cursor.entry);
    stream.length--;
    marked++;
  }
  if (marked === 0) return 0;
  if (isAtFirst || cursor.next()) stream.firstId.copyFrom(cursor.id);
  else stream.firstId.setZero();
  stream.blocks.first(place);
  const ref = stream.blocks.word(place, 0);
  const { arena } = stream.ground;
  changeCounts(arena.bytesOf(ref), arena.offsetOf(ref), -marked, marked);
  return marked;
}
