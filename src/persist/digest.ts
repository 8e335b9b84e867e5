/**
 * A digest of content: the same for the same keys, values and times, in whatever order they are found and in whichever
 * encoding they are kept, and over however many files they are spread.
 *
 * Of each key a SHA-256 is taken over its database, name, time and value; of a collection without order over the sum of the
 * digests of its elements. Digests are added, as eight numbers of 32 bits each, so that order plays no part.
 */
import { createHash } from 'node:crypto';
import { assert } from '../base/result.ts';
import { type Database, ValueType } from '../engine/database.ts';
import { ElementView } from '../engine/listpack-element.ts';
import { nameLengthOf, nameStartOf } from '../engine/member.ts';
import { Hash } from '../engine/types/hash.ts';
import { IdPlace } from '../engine/types/id-tree.ts';
import { List } from '../engine/types/list.ts';
import { ListCursor } from '../engine/types/list-cursor.ts';
import { SetView } from '../engine/types/set.ts';
import { Stream } from '../engine/types/stream.ts';
import { StreamCursor } from '../engine/types/stream-cursor.ts';
import type { Group } from '../engine/types/stream-group.ts';
import { StreamId } from '../engine/types/stream-id.ts';
import { SortedSet } from '../engine/types/zset.ts';
import { ZsetCursor } from '../engine/types/zset-cursor.ts';

const WORDS = 8;
const DIGEST_BYTES = 32;
const FRAME_BYTES = 4096;
/** What one frame holds is of: parts of different kinds never look alike. */
const KEY = 1;
const ELEMENT = 2;
const STREAM_ENTRY = 3;
const STREAM_HEAD = 4;
const GROUP = 5;
const CONSUMER = 6;
const PENDING = 7;

const FIRST_ID = new StreamId();
const LAST_ID = new StreamId(-1, -1, -1, -1);

/** Parts, each with its length in front, as they are digested together. */
class Frame {
  private bytes: Uint8Array;
  private view: DataView;
  private length: number;

  constructor() {
    this.bytes = new Uint8Array(FRAME_BYTES);
    this.view = new DataView(this.bytes.buffer);
    this.length = 0;
  }

  begin(kind: number): this {
    this.length = 0;
    return this.number(kind);
  }

  number(value: number): this {
    this.reserve(8);
    this.view.setFloat64(this.length, value === 0 ? 0 : value);
    this.length += 8;
    return this;
  }

  big(value: bigint): this {
    this.reserve(8);
    this.view.setBigUint64(this.length, BigInt.asUintN(64, value));
    this.length += 8;
    return this;
  }

  range(bytes: Uint8Array, start: number, end: number): this {
    this.number(end - start);
    this.reserve(end - start);
    this.bytes.set(bytes.subarray(start, end), this.length);
    this.length += end - start;
    return this;
  }

  id({ msHi, msLo, seqHi, seqLo }: StreamId): this {
    this.reserve(16);
    for (const word of [msHi, msLo, seqHi, seqLo]) {
      this.view.setInt32(this.length, word);
      this.length += 4;
    }
    return this;
  }

  digest(): Uint8Array {
    const digest = createHash('sha256').update(this.bytes.subarray(0, this.length)).digest();
    if (this.bytes.length > 16 * FRAME_BYTES) this.resize(FRAME_BYTES, 0);
    return digest;
  }

  private reserve(more: number): void {
    const wanted = this.length + more;
    if (wanted > this.bytes.length) this.resize(Math.max(wanted, 2 * this.bytes.length), this.length);
  }

  private resize(bytes: number, kept: number): void {
    const resized = new Uint8Array(bytes);
    resized.set(this.bytes.subarray(0, kept));
    this.bytes = resized;
    this.view = new DataView(resized.buffer);
  }
}

class Sum {
  private readonly words: Uint32Array;

  constructor() {
    this.words = new Uint32Array(WORDS);
  }

  clear(): void {
    this.words.fill(0);
  }

  add(digest: Uint8Array): void {
    const view = new DataView(digest.buffer, digest.byteOffset, DIGEST_BYTES);
    for (let i = 0; i < WORDS; i++) this.words[i] = (this.words[i] as number) + view.getUint32(4 * i);
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(DIGEST_BYTES);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < WORDS; i++) view.setUint32(4 * i, this.words[i] as number);
    return bytes;
  }
}

const frame = new Frame();
const elements = new Sum();
const name = new ElementView();
const text = new ElementView();
const hash = new Hash();
const list = new List();
const set = new SetView();
const sorted = new SortedSet();
const listCursor = new ListCursor();
const sortedCursor = new ZsetCursor();
const streamCursor = new StreamCursor();
const id = new StreamId();

/** Of one tenant, say: keys are added one by one. */
export class ContentDigest {
  keys: number;
  private readonly sum: Sum;

  constructor() {
    this.keys = 0;
    this.sum = new Sum();
  }

  /** An entry as it is, also one whose time is over. */
  add(database: Database, databaseNumber: number, ref: number): void {
    elements.clear();
    if (database.valueType(ref) !== ValueType.string) addElements(database, ref);
    const start = database.keyStart(ref);
    frame.begin(KEY).number(databaseNumber).number(database.expireAt(ref)).number(database.valueType(ref));
    frame.range(database.valueBytes(ref), start, start + database.keyLength(ref));
    if (database.valueType(ref) === ValueType.string) {
      const at = database.valueStart(ref);
      frame.range(database.valueBytes(ref), at, at + database.valueLength(ref));
    } else frame.range(elements.bytes(), 0, DIGEST_BYTES);
    this.sum.add(frame.digest());
    this.keys++;
  }

  /** What another part of the same content came to. */
  merge(keys: number, hex: string): void {
    this.sum.add(Uint8Array.from(Buffer.from(hex, 'hex')));
    this.keys += keys;
  }

  hex(): string {
    return Buffer.from(this.sum.bytes()).toString('hex');
  }
}

function addElements(database: Database, ref: number): void {
  switch (database.valueType(ref)) {
    case ValueType.hash:
      return addFields(database, ref);
    case ValueType.list:
      return addListElements(database, ref);
    case ValueType.set:
      return set.open(database, ref).each((bytes, start, end) => {
        elements.add(frame.begin(ELEMENT).range(bytes, start, end).digest());
        return true;
      });
    case ValueType.zset:
      return addMembers(database, ref);
    case ValueType.stream: {
      const stream = database.largeValue(ref);
      assert(stream instanceof Stream, 'the value of a stream is one');
      return addStream(stream);
    }
  }
}

function addFields(database: Database, ref: number): void {
  // At the time 0 no field is over.
  hash.open(database, ref, 0).walk((place) => {
    hash.readName(place, name);
    hash.readValue(place, text);
    frame.begin(ELEMENT).range(name.bytes, name.start, name.end).range(text.bytes, text.start, text.end);
    elements.add(frame.number(hash.expiryOf(place)).digest());
  });
}

function addListElements(database: Database, ref: number): void {
  let at = 0;
  for (let there = list.open(database, ref).seek(0, listCursor); there; there = listCursor.next()) {
    const { bytes, start, end } = listCursor.read();
    elements.add(frame.begin(ELEMENT).number(at++).range(bytes, start, end).digest());
  }
}

function addMembers(database: Database, ref: number): void {
  for (let there = sorted.open(database, ref).seek(0, sortedCursor); there; there = sortedCursor.next()) {
    const { bytes, start, end, score } = sortedCursor;
    elements.add(frame.begin(ELEMENT).number(score).range(bytes, start, end).digest());
  }
}

function addStream(stream: Stream): void {
  frame.begin(STREAM_HEAD).id(stream.lastId).id(stream.maxDeletedId).big(stream.entriesAdded);
  elements.add(frame.digest());
  streamCursor.begin(stream.blocks, FIRST_ID, LAST_ID, false);
  while (streamCursor.next()) {
    frame.begin(STREAM_ENTRY).id(streamCursor.id);
    for (let left = streamCursor.fields; left > 0; left--) {
      streamCursor.readField(name, text);
      frame.range(name.bytes, name.start, name.end).range(text.bytes, text.start, text.end);
    }
    elements.add(frame.digest());
  }
  for (const group of stream.groups) addGroup(stream, group);
}

function addGroup({ ground: { arena } }: Stream, group: Group): void {
  const named = (kind: number, ...names: readonly number[]) => {
    frame.begin(kind);
    for (const ref of names) {
      const start = nameStartOf(arena, ref);
      frame.range(arena.bytesOf(ref), start, start + nameLengthOf(arena, ref));
    }
    return frame;
  };
  elements.add(named(GROUP, group.name).id(group.lastId).big(group.entriesRead).digest());
  for (const consumer of group.consumers) {
    elements.add(named(CONSUMER, group.name, consumer.name).number(consumer.seen_ms).digest());
  }
  const place = new IdPlace();
  for (let there = group.pending.first(place); there; there = group.pending.next(place)) {
    group.pending.readId(place, id);
    named(PENDING, group.name, group.consumerAt(place).name).id(id).number(group.timeAt(place));
    elements.add(frame.big(BigInt(group.deliveriesAt(place))).digest());
  }
}
