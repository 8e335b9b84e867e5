/** Commands that give a copy of a group the state that the group has: what Redis hands on, and the counter besides. */

import { copyOf } from '../../base/bytes.ts';
import { INT64_MAX } from '../../base/integer.ts';
import { STRING_BYTES_MAX } from '../../base/limits.ts';
import { type Database, MISSING } from '../../engine/database.ts';
import { nameLengthOf, nameStartOf } from '../../engine/member.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { type Consumer, type Group, UNKNOWN_READ } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { dumpPayload } from '../../rdb/payload.ts';
import { RdbWriter } from '../../rdb/writer.ts';
import { idBytes } from './value.ts';

export type Row = readonly (Uint8Array | string)[];

/** Key and name of a group as they stand in a request, and where the key is. */
export interface GroupWords {
  readonly database: Database;
  readonly key: Uint8Array;
  readonly group: Uint8Array;
}

const place = new IdPlace();

/** A copy of a name, as effects may be kept. */
function nameBytes(stream: Stream, thing: { readonly name: number }): Uint8Array {
  const { arena } = stream.ground;
  const start = nameStartOf(arena, thing.name);
  return arena.bytesOf(thing.name).slice(start, start + nameLengthOf(arena, thing.name));
}

/** The pending entry of an ID, if its entry is still there: XCLAIM removes others. */
export function claimRow(words: GroupWords, stream: Stream, group: Group, id: StreamId): Row | undefined {
  if (!group.pending.find(id, place) || !stream.has(id)) return undefined;
  const options = ['TIME', `${group.timeAt(place)}`, 'RETRYCOUNT', `${group.deliveriesAt(place)}`];
  const consumer = nameBytes(stream, group.consumerAt(place));
  const head: Row = ['XCLAIM', words.key, words.group, consumer, '0', idBytes(id)];
  return [...head, ...options, 'FORCE', 'JUSTID', 'LASTID', idBytes(group.lastId)];
}

/** All that is pending at a consumer from one ID to another. */
export function claimRows(
  words: GroupWords,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  first: StreamId,
  last: StreamId,
): Row[] {
  const rows: Row[] = [];
  const at = new IdPlace();
  const id = new StreamId();
  for (let there = consumer.pending.seek(first, at); there; there = consumer.pending.next(at)) {
    consumer.pending.readId(at, id);
    if (id.compare(last) > 0) break;
    const row = claimRow(words, stream, group, id);
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

export function progressRow(words: GroupWords, group: Group): Row {
  const read = group.entriesRead;
  const row: Row = ['XGROUP', 'SETID', words.key, words.group, idBytes(group.lastId)];
  if (read === UNKNOWN_READ) return row;
  if (read >= 0n && read <= INT64_MAX) return [...row, 'ENTRIESREAD', `${read}`];
  // XSETID has set the counter of entries to its end, and beyond that no option says how many were read. A payload does.
  return wholeRow(words) ?? row;
}

/** The command that makes the key what it is; undefined when no command can carry that much. */
function wholeRow({ database, key }: GroupWords): Row | undefined {
  const ref = database.peek(key, 0, key.length);
  const writer = new RdbWriter();
  if (ref === MISSING || !dumpPayload(database, ref, writer, STRING_BYTES_MAX)) return undefined;
  const expireAt_ms = Math.max(0, database.expireAt(ref));
  return ['RESTORE', key, `${expireAt_ms}`, copyOf(writer.bytes, 0, writer.length), 'REPLACE', 'ABSTTL'];
}

export function consumerRow(words: GroupWords, stream: Stream, consumer: Consumer): Row {
  return ['XGROUP', 'CREATECONSUMER', words.key, words.group, nameBytes(stream, consumer)];
}
