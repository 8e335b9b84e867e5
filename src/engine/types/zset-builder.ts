/**
 * New sorted sets: of one element, or put together from many beside what they will replace. In the encoding that their
 * number and length of elements ask for.
 *
 * Invariant: what a {@link SortedSetBuilder} holds is charged to the account until it is stored or discarded.
 */
import type { CollectionLimits } from '../../base/collection-limits.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY, NO_ROOM, OK, type Outcome, ValueType } from '../database.ts';
import type { ValueSink } from '../large.ts';
import { end as endOf, LISTPACK_EMPTY_BYTES, totalBytes, writeEmpty } from '../listpack.ts';
import { Scratch } from '../listpack-element.ts';
import { SCORED, setScore } from '../member.ts';
import type { Ground } from '../members.ts';
import { ZsetCursor } from './zset-cursor.ts';
import { LargeSortedSet } from './zset-large.ts';
import { appendPair, insertPair } from './zset-small.ts';

const pair = new Scratch();
const blob = new Scratch();
const cursor = new ZsetCursor();

function beginBlob(): void {
  blob.reset();
  blob.reserve(LISTPACK_EMPTY_BYTES);
  writeEmpty(blob.bytes, 0);
  blob.length = LISTPACK_EMPTY_BYTES;
}

function appendToBlob(name: Uint8Array, start: number, end: number, score: number): void {
  pair.reset();
  appendPair(name, start, end, score, pair);
  blob.reserve(pair.length);
  insertPair(blob.bytes, 0, endOf(blob.bytes, 0), pair);
  blob.length = totalBytes(blob.bytes, 0);
}

function setBlob(database: Database, key: Uint8Array, keyStart: number, keyEnd: number): Outcome {
  const { zset } = ValueType;
  return database.setValue(
    zset,
    Encoding.listpack,
    key,
    keyStart,
    keyEnd,
    blob.bytes,
    0,
    totalBytes(blob.bytes, 0),
    NO_EXPIRY,
  );
}

/** The value is drained when it cannot be set. */
function setLarge(
  database: Database,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  value: LargeSortedSet,
): Outcome {
  const outcome = database.setLarge(ValueType.zset, Encoding.skiplist, key, keyStart, keyEnd, value, NO_EXPIRY);
  if (outcome !== OK) value.drain(Number.POSITIVE_INFINITY);
  return outcome;
}

/** Makes a key a sorted set of one element. With NO_ROOM nothing changed. */
export function createSortedSet(
  database: Database,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  name: Uint8Array,
  start: number,
  end: number,
  score: number,
): Outcome {
  const { zsetMaxListpackEntries, zsetMaxListpackValueBytes } = database.collections;
  if (zsetMaxListpackEntries > 0 && end - start <= zsetMaxListpackValueBytes) {
    beginBlob();
    appendToBlob(name, start, end, score);
    return setBlob(database, key, keyStart, keyEnd);
  }
  const large = new LargeSortedSet(database.ground);
  if (!large.add(name, start, end, score)) return NO_ROOM;
  return setLarge(database, key, keyStart, keyEnd, large);
}

/** Members first, in any order and with scores that may still change; their order once, by `arrange`. */
export class SortedSetBuilder {
  private readonly value: LargeSortedSet;
  private longestBytes: number;

  constructor(ground: Ground) {
    this.value = new LargeSortedSet(ground);
    this.longestBytes = 0;
  }

  get size(): number {
    return this.value.size;
  }

  /** The member of that name, or MISSING. */
  find(name: Uint8Array, start: number, end: number): number {
    return this.value.members.find(name, start, end);
  }

  scoreOf(ref: number): number {
    return this.value.scoreOf(ref);
  }

  setScore(ref: number, score: number): void {
    setScore(this.value.members.arena, ref, score);
  }

  /** Adds a member that is not there yet; its name may lie in another collection. False when the arena is full. */
  add(name: Uint8Array, start: number, end: number, score: number): boolean {
    const ref = this.value.members.add(SCORED, name, start, end, 0);
    if (ref === MISSING) return false;
    this.setScore(ref, score);
    if (end - start > this.longestBytes) this.longestBytes = end - start;
    return true;
  }

  /** Puts the members in order: once, when all are there. False when the arena is full. */
  arrange(): boolean {
    const { tree, members } = this.value;
    let complete = true;
    members.forEach((ref) => {
      if (complete) complete = tree.insert(this.scoreOf(ref), ref);
    });
    return complete;
  }

  /** Puts a cursor on the element of that rank, once they are in order. */
  seek(rank: number, target: ZsetCursor): boolean {
    return target.placeLarge(this.value.tree, rank);
  }

  /** Makes a key this set, which has elements in order, whatever the key was; nothing is left here. With NO_ROOM nothing changed. */
  storeInto(database: Database, key: Uint8Array, keyStart: number, keyEnd: number): Outcome {
    if (!this.isSmall(database.collections)) return setLarge(database, key, keyStart, keyEnd, this.value);
    this.pour();
    return setBlob(database, key, keyStart, keyEnd);
  }

  /** Hands the set over, whose elements are in order; its bytes last until the next set is made. Nothing is left here. */
  giveTo(sink: ValueSink, limits: CollectionLimits): void {
    if (!this.isSmall(limits)) {
      sink.setLarge(ValueType.zset, Encoding.skiplist, this.value);
      return;
    }
    this.pour();
    sink.setBytes(ValueType.zset, Encoding.listpack, blob.bytes, 0, totalBytes(blob.bytes, 0));
  }

  private isSmall({ zsetMaxListpackEntries, zsetMaxListpackValueBytes }: CollectionLimits): boolean {
    return this.size <= zsetMaxListpackEntries && this.longestBytes <= zsetMaxListpackValueBytes;
  }

  /** Puts all elements into the blob and frees everything. */
  private pour(): void {
    beginBlob();
    for (let there = this.seek(0, cursor); there; there = cursor.next()) {
      appendToBlob(cursor.bytes, cursor.start, cursor.end, cursor.score);
    }
    this.discard();
  }

  /** Frees everything. */
  discard(): void {
    this.value.drain(Number.POSITIVE_INFINITY);
  }
}
