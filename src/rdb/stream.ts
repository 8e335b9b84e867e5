/**
 * Streams in RDB content, the three forms in which Redis has written them:
 *
 *     blocks | ID, listpack … | entries | last ID | [2: first ID, greatest deleted ID, entries added] | groups | group …
 *
 * IDs in front of blocks are strings of 16 bytes, others two lengths. What is read is believed only as far as the blocks bear
 * it out: the first ID is looked up, and numbers that contradict them are bad data.
 */
import { type Database, Encoding, ValueType } from '../engine/database.ts';
import { LARGE_HEAD_BYTES } from '../engine/large.ts';
import { canonicalise, isCanonical } from '../engine/listpack-check.ts';
import { Scratch } from '../engine/listpack-element.ts';
import { Stream } from '../engine/types/stream.ts';
import { BLOCK_BYTES_MAX, BLOCK_SPARE_BYTES } from '../engine/types/stream-block.ts';
import { StreamId } from '../engine/types/stream-id.ts';
import { Pack, readListpack } from './pack.ts';
import type { RdbReader } from './reader.ts';
import { BlockCheck } from './stream-block.ts';
import { readGroup, type StreamForm } from './stream-group.ts';
import { ID_BYTES, idFrom, readBig, readId } from './stream-id.ts';
import type { LoadedValue } from './value.ts';

/** Bytes of the smallest block, its ID included, and of the smallest group. */
const BLOCK_BYTES_MIN = 20;
const GROUP_BYTES_MIN = 5;
/** A block's place in the tree. */
const PLACE_BYTES = 64;

const pack = new Pack();
const rewritten = new Scratch();
const check = new BlockCheck();
const master = new StreamId();

export function readStreamValue(reader: RdbReader, into: LoadedValue, database: Database, form: StreamForm): boolean {
  if (!reader.room(LARGE_HEAD_BYTES)) return false;
  const stream = new Stream(database.ground);
  into.setLarge(ValueType.stream, Encoding.stream, stream);
  /** The last living entry's. */
  const lastEntry = new StreamId();
  if (!readBlocks(reader, stream, lastEntry) || !readHead(reader, stream, lastEntry, form)) return false;
  for (let left = reader.readCount(GROUP_BYTES_MIN); left > 0; left--) {
    if (!readGroup(reader, stream, form)) return false;
  }
  return reader.failure === undefined;
}

function readBlocks(reader: RdbReader, stream: Stream, last: StreamId): boolean {
  const before = new StreamId();
  const blocks = reader.readCount(BLOCK_BYTES_MIN);
  for (let left = blocks; left > 0; left--) {
    if (!reader.readString()) return false;
    const { text, textStart, textEnd } = reader;
    if (textEnd - textStart !== ID_BYTES) return reader.fail('bad data');
    before.copyFrom(master);
    idFrom(text, textStart, master);
    if (left < blocks && master.compare(before) <= 0) return reader.fail('bad data');
    if (!readListpack(reader, pack)) return false;
    canonicalisePack();
    if (pack.end - pack.at > BLOCK_BYTES_MAX || !check.holds(pack, master, last)) return reader.fail('bad data');
    if (!reader.room(pack.end - pack.at + BLOCK_SPARE_BYTES + PLACE_BYTES)) return false;
    if (!stream.appendForeign(master, pack.bytes, pack.at, pack.end)) return reader.fail('no room');
  }
  return reader.failure === undefined;
}

/** Flags and counts are changed in place, which only works where they are written as we do. */
function canonicalisePack(): void {
  if (isCanonical(pack.bytes, pack.at)) return;
  canonicalise(pack.bytes, pack.at, rewritten);
  pack.set(rewritten.bytes, 0, rewritten.length);
}

/** What stands between the blocks and the groups. */
function readHead(reader: RdbReader, stream: Stream, lastEntry: StreamId, form: StreamForm): boolean {
  const length = reader.readLength();
  if (!readId(reader, stream.lastId)) return false;
  if (length !== stream.length || stream.lastId.compare(lastEntry) < 0) return reader.fail('bad data');
  stream.refreshFirst();
  if (form === 1) {
    stream.setEntriesAdded(BigInt(length));
    return true;
  }
  const { maxDeletedId } = stream;
  // The first ID is what has just been found.
  if (!readId(reader, maxDeletedId) || !readId(reader, maxDeletedId)) return false;
  const added = readBig(reader);
  stream.setEntriesAdded(added);
  return reader.failure === undefined && (added >= BigInt(length) || reader.fail('bad data'));
}
