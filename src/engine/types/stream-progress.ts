/**
 * How far a group has read, in entries: Redis' rules for a counter that is exact while nobody deletes in the middle, is
 * guessed anew where that is safe, and is unknown otherwise.
 */

import type { Stream } from './stream.ts';
import { type Group, UNKNOWN_READ } from './stream-group.ts';
import type { StreamId } from './stream-id.ts';

/** Whether an entry of that ID or a later one, among those that are left, was deleted, as far as the last of them tells. */
function hasTombstones(stream: Stream, from: StreamId): boolean {
  if (stream.length === 0 || stream.maxDeletedId.isZero()) return false;
  if (stream.firstId.compare(stream.maxDeletedId) > 0) return false;
  return from.compare(stream.maxDeletedId) <= 0;
}

/** Entries ever added up to an ID; UNKNOWN_READ when that cannot be told. */
export function addedUpTo(stream: Stream, id: StreamId): bigint {
  const added = stream.entriesAdded;
  if (added === 0n) return 0n;
  const toLast = id.compare(stream.lastId);
  if (stream.length === 0 && toLast <= 0) return added;
  if (toLast === 0) return added;
  if (toLast > 0) return UNKNOWN_READ;
  const { maxDeletedId, firstId } = stream;
  if (!maxDeletedId.isZero() && maxDeletedId.compare(firstId) >= 0) return UNKNOWN_READ;
  const toFirst = id.compare(firstId);
  if (toFirst < 0) return added - BigInt(stream.length);
  return toFirst === 0 ? added - BigInt(stream.length) + 1n : UNKNOWN_READ;
}

/** A group has been given the entry of this ID, which lies behind its last one. */
export function advance(stream: Stream, group: Group, id: StreamId): void {
  if (group.isReadKnown && !hasTombstones(stream, id)) group.countRead();
  else if (stream.entriesAdded !== 0n) group.setEntriesRead(addedUpTo(stream, id));
  group.lastId.copyFrom(id);
}

/** Entries that a group has yet to be given; undefined when that cannot be told. */
export function lagOf(stream: Stream, group: Group): bigint | undefined {
  const added = stream.entriesAdded;
  if (added === 0n) return 0n;
  if (group.isReadKnown && !hasTombstones(stream, group.lastId)) return added - group.entriesRead;
  const read = addedUpTo(stream, group.lastId);
  return read === UNKNOWN_READ ? undefined : added - read;
}
