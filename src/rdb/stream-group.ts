/**
 * Consumer groups in RDB content:
 *
 *     name | last ID | [2: entries read] | pending | ID, time, deliveries … | consumers | consumer …
 *     consumer: name | seen | [3: active] | pending | ID …
 *
 * IDs of pending entries are 16 bytes, times 8. Each pending entry of the group must be exactly one consumer's. Redis writes
 * IDs and names in order; what does not come in order is bad data here, so that nothing costs more to put in its place than
 * it is long.
 */
import { Int64 } from '../base/int64.ts';
import type { Arena } from '../engine/arena.ts';
import { nameLengthOf, nameStartOf } from '../engine/member.ts';
import { compareRanges } from '../engine/name-order.ts';
import { IdPlace } from '../engine/types/id-tree.ts';
import type { Stream } from '../engine/types/stream.ts';
import { CONSUMER_BYTES, type Consumer, GROUP_BYTES, type Group, NEVER } from '../engine/types/stream-group.ts';
import { StreamId } from '../engine/types/stream-id.ts';
import type { Named } from '../engine/types/stream-names.ts';
import { addedUpTo } from '../engine/types/stream-progress.ts';
import type { RdbReader } from './reader.ts';
import { ID_BYTES, readBig, readId, readRawId } from './stream-id.ts';

/** How much a form tells: 2 and 3 know more IDs and counters, 3 also when a consumer last got something. */
export type StreamForm = 1 | 2 | 3;

/** The least bytes of what is counted: ID, time and deliveries; name, time and count. */
const PENDING_BYTES_MIN = 25;
const CONSUMER_BYTES_MIN = 10;
/** What a pending entry takes in the two trees, generously. */
const PENDING_COST_BYTES = 96;

const id = new StreamId();
const before = new StreamId();
const time = new Int64();
const place = new IdPlace();

/** Whether the text just read comes behind the name of the last of a sorted list. */
function isBehind(reader: RdbReader, arena: Arena, list: readonly Named[]): boolean {
  const last = list.at(-1);
  if (last === undefined) return true;
  const { text, textStart, textEnd } = reader;
  const start = nameStartOf(arena, last.name);
  const length = nameLengthOf(arena, last.name);
  return compareRanges(arena.bytesOf(last.name), start, length, text, textStart, textEnd - textStart) < 0;
}

/** Milliseconds since the epoch; -1, which is never, only where that makes sense. */
function readTime(reader: RdbReader, least: number): number {
  if (!reader.readInt64(time)) return 0;
  if (time.value < least || !Number.isSafeInteger(time.value)) reader.fail('bad data');
  return time.value;
}

/** Reads a group into a stream, which has all its entries. */
export function readGroup(reader: RdbReader, stream: Stream, form: StreamForm): boolean {
  const { arena } = stream.ground;
  if (!reader.readString() || !reader.room(GROUP_BYTES)) return false;
  if (!isBehind(reader, arena, stream.groups)) return reader.fail('bad data');
  const { text, textStart, textEnd } = reader;
  if (!readId(reader, id)) return false;
  // Counting on from the greatest number makes it negative, in Redis as well.
  const read = form === 1 ? addedUpTo(stream, id) : BigInt.asIntN(64, readBig(reader));
  const group = stream.addGroup(text, textStart, textEnd, id, read);
  if (group === undefined) return reader.fail('no room');
  const pending = reader.readCount(PENDING_BYTES_MIN);
  // Consumers come later, and only then can entries be put in: walk by, and come back.
  reader.held = reader.at;
  if (!skipPending(reader, pending)) return false;
  for (let left = reader.readCount(CONSUMER_BYTES_MIN); left > 0; left--) {
    if (!readConsumer(reader, arena, group, form)) return false;
  }
  const end = reader.at;
  if (reader.failure !== undefined || group.pending.size !== pending) return reader.fail('bad data');
  reader.at = reader.held;
  if (!fillPending(reader, group, pending)) return false;
  reader.at = end;
  reader.held = -1;
  return true;
}

/** Whether there are so many pending entries, their IDs rising. */
function skipPending(reader: RdbReader, count: number): boolean {
  for (let i = 0; i < count; i++) {
    if (!readRawId(reader, id)) return false;
    if (i > 0 && id.compare(before) <= 0) return reader.fail('bad data');
    before.copyFrom(id);
    readTime(reader, 0);
    readBig(reader);
  }
  return reader.failure === undefined;
}

/** Gives time and deliveries to entries that consumers have brought; there are as many as are read, so none may be missing. */
function fillPending(reader: RdbReader, group: Group, count: number): boolean {
  for (let i = 0; i < count; i++) {
    if (!readRawId(reader, id)) return false;
    if (!group.pending.find(id, place)) return reader.fail('bad data');
    group.setTimeAt(place, readTime(reader, 0));
    group.setDeliveriesAt(place, readBig(reader));
  }
  return reader.failure === undefined;
}

function readConsumer(reader: RdbReader, arena: Arena, group: Group, form: StreamForm): boolean {
  if (!reader.readString() || !reader.room(CONSUMER_BYTES)) return false;
  if (!isBehind(reader, arena, group.consumers)) return reader.fail('bad data');
  const consumer = group.addConsumer(reader.text, reader.textStart, reader.textEnd, 0);
  if (consumer === undefined) return reader.fail('no room');
  consumer.seen_ms = readTime(reader, 0);
  // Of the older forms it is the best guess.
  consumer.active_ms = form === 3 ? readTime(reader, NEVER) : consumer.seen_ms;
  return readOwn(reader, group, consumer);
}

/** The IDs that are pending at a consumer. */
function readOwn(reader: RdbReader, group: Group, consumer: Consumer): boolean {
  for (let left = reader.readCount(ID_BYTES); left > 0; left--) {
    if (!readRawId(reader, id)) return false;
    if (group.pending.find(id, place)) return reader.fail('bad data');
    if (!reader.room(PENDING_COST_BYTES)) return false;
    if (!group.addPending(id, consumer, place)) return reader.fail('no room');
  }
  return reader.failure === undefined;
}
