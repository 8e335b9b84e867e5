/** Streams as Redis 7.0 writes them; `stream.ts` and `stream-group.ts` have the layout. */

import { assert } from '../base/result.ts';
import type { Arena } from '../engine/arena.ts';
import type { Database } from '../engine/database.ts';
import { totalBytes } from '../engine/listpack.ts';
import { nameLengthOf, nameStartOf } from '../engine/member.ts';
import { IdPlace, type IdTree } from '../engine/types/id-tree.ts';
import { Stream } from '../engine/types/stream.ts';
import type { Consumer, Group } from '../engine/types/stream-group.ts';
import { StreamId } from '../engine/types/stream-id.ts';
import type { Rest } from './rest.ts';
import { ID_BYTES, writeBig, writeId, writeRawId } from './stream-id.ts';
import type { RdbWriter } from './writer.ts';

/** Read and used between two pauses. */
const id = new StreamId();

export function writeStreamValue(database: Database, ref: number, writer: RdbWriter): Rest {
  const stream = database.largeValue(ref);
  assert(stream instanceof Stream, 'the value of a stream is one');
  return parts(stream, writer);
}

function* parts(stream: Stream, writer: RdbWriter): Generator<void> {
  yield* writeBlocks(stream, writer);
  writer.writeLength(stream.length);
  writeId(stream.lastId, writer);
  writeId(stream.firstId, writer);
  writeId(stream.maxDeletedId, writer);
  writeBig(stream.entriesAdded, writer);
  writer.writeLength(stream.groups.length);
  for (const group of stream.groups) yield* writeGroup(stream.ground.arena, group, writer);
}

function* writeBlocks({ blocks, ground: { arena } }: Stream, writer: RdbWriter): Generator<void> {
  const place = new IdPlace();
  writer.writeLength(blocks.size);
  for (let there = blocks.first(place); there && !writer.overflowed; there = blocks.next(place)) {
    blocks.readId(place, id);
    writer.writeLength(ID_BYTES);
    writeRawId(id, writer);
    const ref = blocks.word(place, 0);
    const bytes = arena.bytesOf(ref);
    const at = arena.offsetOf(ref);
    writer.writeString(bytes, at, at + totalBytes(bytes, at));
    if (writer.length >= writer.dueAt) yield;
  }
}

function* writeGroup(arena: Arena, group: Group, writer: RdbWriter): Generator<void> {
  const place = new IdPlace();
  const { pending, consumers } = group;
  writeName(arena, group.name, writer);
  writeId(group.lastId, writer);
  writeBig(group.entriesRead, writer);
  writer.writeLength(pending.size);
  for (let there = pending.first(place); there && !writer.overflowed; there = pending.next(place)) {
    pending.readId(place, id);
    writeRawId(id, writer);
    writer.writeTime(group.timeAt(place));
    writeBig(BigInt(group.deliveriesAt(place)), writer);
    if (writer.length >= writer.dueAt) yield;
  }
  writer.writeLength(consumers.length);
  for (const consumer of consumers) yield* writeConsumer(arena, consumer, writer);
}

function* writeConsumer(arena: Arena, consumer: Consumer, writer: RdbWriter): Generator<void> {
  writeName(arena, consumer.name, writer);
  writer.writeTime(consumer.seen_ms);
  yield* writeRawIds(consumer.pending, writer);
}

function* writeRawIds(ids: IdTree, writer: RdbWriter): Generator<void> {
  const place = new IdPlace();
  writer.writeLength(ids.size);
  for (let there = ids.first(place); there && !writer.overflowed; there = ids.next(place)) {
    ids.readId(place, id);
    writeRawId(id, writer);
    if (writer.length >= writer.dueAt) yield;
  }
}

function writeName(arena: Arena, name: number, writer: RdbWriter): void {
  const start = nameStartOf(arena, name);
  writer.writeString(arena.bytesOf(name), start, start + nameLengthOf(arena, name));
}
