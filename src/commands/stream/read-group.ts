/**
 * XREADGROUP. With BLOCK the client waits when there is nothing, and is told when the stream or the group it waits for goes.
 *
 * What is delivered is told: a reply that would outgrow its bound, or a budget that has no room for another pending entry,
 * ends it early, with what was delivered until then; the rest stays new.
 */

import type { ArgIndex } from '../../command/args.ts';
import { type Changed, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import type { Consumer, Group } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { advance } from '../../engine/types/stream-progress.ts';
import { OOM, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import {
  GROUP_GONE,
  INVALID_STREAM_ID,
  noSuchKeyOrGroupToRead,
  STREAM_GONE,
  XREADGROUP_LAST,
} from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { mayLookAt, waitFor, waitOrNothing } from '../waiting.ts';
import { type ReadOptions, readOptions } from './read-options.ts';
import { claimRows, consumerRow, type GroupWords, progressRow, type Row } from './replay.ts';
import {
  CONSUMER_ROOM_BYTES,
  entryReplyBytesMax,
  isRefusal,
  isSign,
  PENDING_ROOM_BYTES,
  readId,
  replyHasRoom,
  streamToRead,
  writeEntry,
  writeId,
} from './value.ts';

const DOLLAR = 0x24;
const GREATER = 0x3e;
const LAST = new StreamId(-1, -1, -1, -1);

const cursor = new StreamCursor();
const place = new IdPlace();

/** One stream of the command: what is wanted, and what came of it. */
interface Reading {
  readonly key: ArgIndex;
  readonly stream: Stream;
  readonly group: Group;
  /** Behind this; undefined for what is new. */
  readonly after: StreamId | undefined;
  consumer: Consumer | undefined;
  isConsumerNew: boolean;
  isServed: boolean;
  hasAdvanced: boolean;
  /** The first and the last ID that were given. */
  readonly first: StreamId;
  readonly last: StreamId;
  given: number;
}

function readingsOf(call: ShardCall, options: ReadOptions): Reading[] | Refusal {
  const { request } = call;
  const { keys, streams, group: name } = options;
  const readings: Reading[] = [];
  for (let i = 0; i < streams; i++) {
    const key = keys + i;
    if (!mayLookAt(call, key)) continue;
    const stream = streamToRead(call, key);
    const isServed = call.onlyKey !== 0;
    if (isServed && (stream === undefined || isRefusal(stream))) return STREAM_GONE;
    if (isRefusal(stream)) return stream;
    const group = stream?.group(request.bytes, request.start(name), request.end(name));
    if (isServed && group === undefined) return GROUP_GONE;
    if (stream === undefined || group === undefined) {
      return noSuchKeyOrGroupToRead(request.text(key), request.text(name));
    }
    const at = keys + streams + i;
    if (isSign(request, at, DOLLAR)) return XREADGROUP_LAST;
    const after = new StreamId(-1, -1, -1, -1);
    if (!isSign(request, at, GREATER) && !readId(request, at, after)) return INVALID_STREAM_ID;
    readings.push({
      key,
      stream,
      group,
      after: after.isMax() ? undefined : after,
      consumer: undefined,
      isConsumerNew: false,
      isServed: false,
      hasAdvanced: false,
      first: new StreamId(),
      last: new StreamId(),
      given: 0,
    });
  }
  return readings;
}

/** Finds the consumer, or makes it. False: the arena is full. */
function findConsumer(call: ShardCall, options: ReadOptions, reading: Reading): boolean {
  const { request, now_ms } = call;
  const { group } = reading;
  const name = options.group + 1;
  const start = request.start(name);
  const end = request.end(name);
  reading.consumer = group.consumer(request.bytes, start, end);
  if (reading.consumer === undefined) {
    reading.consumer = group.addConsumer(request.bytes, start, end, now_ms);
    reading.isConsumerNew = true;
  }
  if (reading.consumer === undefined) return false;
  reading.consumer.seen_ms = now_ms;
  return true;
}

function note(reading: Reading, id: StreamId): void {
  if (reading.given === 0) reading.first.copyFrom(id);
  reading.last.copyFrom(id);
  reading.given++;
}

/** Gives the consumer what the group has not been given yet. */
function giveNew(
  call: ShardCall,
  { count, noack }: ReadOptions,
  reading: Reading,
  consumer: Consumer,
  from: number,
  out: ReplyWriter,
): void {
  const { stream, group } = reading;
  const handle = out.beginArray();
  const { realm } = call;
  do {
    const { id } = cursor;
    if (reading.given > 0 && !replyHasRoom(out, from, entryReplyBytesMax(cursor))) break;
    if (!noack) {
      if (reading.given > 0 && !realm.room(PENDING_ROOM_BYTES)) break;
      if (!group.deliver(id, consumer, call.now_ms)) break;
      consumer.active_ms = call.now_ms;
    }
    if (id.compare(group.lastId) > 0) {
      advance(stream, group, id);
      reading.hasAdvanced = true;
    }
    note(reading, id);
    writeEntry(out, cursor);
  } while (reading.given !== count && cursor.next());
  out.endArray(handle, reading.given);
}

/** Gives the consumer again what is pending at it. */
function giveHistory(
  call: ShardCall,
  count: number,
  reading: Reading,
  consumer: Consumer,
  start: StreamId,
  out: ReplyWriter,
): void {
  const { stream, group } = reading;
  const handle = out.beginArray();
  const id = new StreamId();
  const inGroup = new IdPlace();
  const history = new StreamCursor();
  for (let there = consumer.pending.seek(start, place); there; there = consumer.pending.next(place)) {
    consumer.pending.readId(place, id);
    note(reading, id);
    if (!history.moveTo(stream.blocks, id)) {
      out.array(2);
      writeId(out, id);
      out.nullArray();
    } else {
      writeEntry(out, history);
      if (out.overflowed) break;
      group.pending.find(id, inGroup);
      group.setTimeAt(inGroup, call.now_ms);
      group.countDeliveryAt(inGroup);
    }
    if (reading.given === count) break;
  }
  out.endArray(handle, reading.given);
}

/** Whether there is something to answer of a stream; aims the cursor at it. */
function hasSomething({ stream, group, after }: Reading): boolean {
  if (after !== undefined) return true;
  const start = new StreamId();
  start.copyFrom(group.lastId);
  if (stream.length === 0 || !start.increment() || start.compare(stream.lastId) > 0) return false;
  cursor.begin(stream.blocks, start, LAST, false);
  return cursor.next();
}

function give(call: ShardCall, options: ReadOptions, reading: Reading, from: number, out: ReplyWriter): void {
  const { request } = call;
  const { key, after, consumer } = reading;
  if (consumer === undefined) return;
  if (out.protocol === 2) out.array(2);
  out.bulk(request.bytes, request.start(key), request.end(key));
  if (after === undefined) giveNew(call, options, reading, consumer, from, out);
  else {
    after.increment();
    giveHistory(call, options.count, reading, consumer, after, out);
  }
}

function readAll(call: ShardCall, options: ReadOptions, readings: readonly Reading[], out: ReplyWriter): Effect {
  const from = out.length;
  let handle = -1;
  let served = 0;
  for (const reading of readings) {
    // Who asks and gets nothing is not made a consumer: as redis-server 7.0.
    if (!hasSomething(reading)) continue;
    if (!findConsumer(call, options, reading)) break;
    if (served === 0) handle = out.beginArray();
    served++;
    reading.isServed = true;
    give(call, options, reading, from, out);
  }
  if (served === 0) return nothing(call, options, out);
  if (out.protocol === 2) out.endArray(handle, served);
  else out.endMap(handle, served);
  return effectOf(call, options, readings);
}

function nothing(call: ShardCall, { keys, streams, block_ms }: ReadOptions, out: ReplyWriter): Effect {
  if (block_ms !== undefined) {
    return waitOrNothing(call, out, () => waitFor('stream', keys, streams, block_ms, { endsWithKey: true }));
  }
  out.nullArray();
  return UNCHANGED;
}

function effectOf(call: ShardCall, { group, noack }: ReadOptions, readings: readonly Reading[]): Effect {
  const { request, database } = call;
  const events: KeyEvent[] = [];
  let changes = 0;
  for (const { key, isConsumerNew, consumer, isServed } of readings) {
    if (isServed) changes++;
    if (!isConsumerNew || consumer === undefined) continue;
    changes++;
    events.push({ eventClass: 'stream', name: 'xgroup-createconsumer', key, besides: true });
  }
  if (changes === 0) return UNCHANGED;
  const effect: Changed = {
    kind: 'changed',
    changes,
    events,
    get replay() {
      return readings.flatMap((reading) =>
        rowsOf({ database, key: viewOf(request, reading.key), group: viewOf(request, group) }, reading, noack),
      );
    },
  };
  return effect;
}

function rowsOf(words: GroupWords, reading: Reading, noack: boolean): readonly Row[] {
  const { stream, group, consumer, first, last } = reading;
  if (consumer === undefined) return [];
  const rows: Row[] = [];
  if (reading.isConsumerNew) rows.push(consumerRow(words, stream, consumer));
  if (reading.given > 0 && (!noack || reading.after !== undefined)) {
    for (const row of claimRows(words, stream, group, consumer, first, last)) rows.push(row);
  }
  if (reading.hasAdvanced) rows.push(progressRow(words, group));
  return rows;
}

export const xreadgroup = shardCommand({
  name: 'XREADGROUP',
  summary: 'Gives a consumer the entries that its group has not been given yet, or again what is pending at it.',
  since: '5.0.0',
  complexity:
    'For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).',
  group: 'stream',
  flags: ['write', 'blocking'],
  args: { options: readOptions(true) },
  run({ options }, call, out) {
    const { streams, group } = options.value;
    const bytes = streams * (CONSUMER_ROOM_BYTES + PENDING_ROOM_BYTES + call.request.length(group + 1));
    if (!call.realm.ensureRoom(bytes)) return refused(out, OOM);
    const readings = readingsOf(call, options.value);
    return isRefusal(readings) ? refused(out, readings) : readAll(call, options.value, readings, out);
  },
});
