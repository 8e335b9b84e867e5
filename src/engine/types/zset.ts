/**
 * Sorted sets as commands see them, whatever they are kept in: a listpack while small (`zset-small.ts`), members and a tree
 * beyond the thresholds (`zset-large.ts`), never back again while they live.
 *
 * A {@link SortedSet} is a handle onto an entry that `open` aims; it follows the entry when its own changes move it, and
 * dies with any other change of the database. A set that a removal leaves empty is the caller's to delete.
 *
 * Ranks count from 0, lowest first. A missing score is NaN, which no element has.
 *
 * Hot path. Budget: as those of the two encodings; guarded by `bench/zset.ts`.
 */
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING, NO_ROOM, OK, type Outcome } from '../database.ts';
import { count, totalBytes } from '../listpack.ts';
import { encodeElement, Scratch } from '../listpack-element.ts';
import { fitted, withBlobOf } from './blob-size.ts';
import { ZsetCursor } from './zset-cursor.ts';
import { LargeSortedSet } from './zset-large.ts';
import { type LexBound, LexProbe, lexRangeOfSmall } from './zset-lex.ts';
import * as small from './zset-small.ts';

const encodedName = new Scratch();
const pair = new Scratch();
const enlarging = new ZsetCursor();

export class SortedSet {
  /** Ranks [from, to) that the last `lexRange` found. */
  from: number;
  to: number;
  private database: Database | undefined;
  private ref: number;
  private large: LargeSortedSet | undefined;

  constructor() {
    this.from = 0;
    this.to = 0;
    this.database = undefined;
    this.ref = MISSING;
    this.large = undefined;
  }

  /** Aims at an entry, which must be a sorted set. */
  open(database: Database, ref: number): this {
    this.database = database;
    this.ref = ref;
    this.large = largeOf(database, ref);
    return this;
  }

  /** The entry, which may have moved since `open`. */
  get entry(): number {
    return this.ref;
  }

  get isLarge(): boolean {
    return this.large !== undefined;
  }

  private get home(): Database {
    const { database } = this;
    assert(database !== undefined, 'a sorted set is opened before it is used');
    return database;
  }

  private get bytes(): Uint8Array {
    return this.home.valueBytes(this.ref);
  }

  private get at(): number {
    return this.home.valueStart(this.ref);
  }

  // -- Questions -------------------------------------------------------------------------------------------------------

  get size(): number {
    if (this.large !== undefined) return this.large.size;
    return count(this.bytes, this.at) >>> 1;
  }

  /** Bytes that the elements take, about. */
  get heldBytes(): number {
    return this.large === undefined ? totalBytes(this.bytes, this.at) : this.large.heldBytes();
  }

  /** NaN when there is no such member. */
  scoreOf(name: Uint8Array, start: number, end: number): number {
    const { large } = this;
    if (large !== undefined) {
      const ref = large.members.find(name, start, end);
      return ref === MISSING ? Number.NaN : large.scoreOf(ref);
    }
    const p = this.findSmall(name, start, end);
    return p < 0 ? Number.NaN : small.scoreBehind(this.bytes, p);
  }

  /** How many elements come before this one; -1 when there is no such member. */
  rankOf(name: Uint8Array, start: number, end: number): number {
    const { large } = this;
    if (large !== undefined) {
      const ref = large.members.find(name, start, end);
      return ref === MISSING ? -1 : large.tree.rankOf(large.scoreOf(ref), ref);
    }
    const p = this.findSmall(name, start, end);
    return p < 0 ? -1 : small.rankOf(this.bytes, this.at, p);
  }

  /** How many elements have a score less than this, or with `inclusive` at most this. */
  countBelow(score: number, inclusive: boolean): number {
    if (this.large !== undefined) return this.large.tree.countBelow(score, inclusive);
    return small.countBelow(this.bytes, this.at, score, inclusive);
  }

  /**
   * Finds the ranks whose names are within bounds, given that all scores are equal, into `from` and `to`; `skipped` of
   * them, counted from where a walk begins, are left out. Where scores differ, a small set answers what Redis does.
   */
  lexRange(min: LexBound, max: LexBound, backward: boolean, skipped: number): void {
    const { large } = this;
    if (large === undefined) {
      const found = lexRangeOfSmall(this.bytes, this.at, min, max, backward, skipped);
      this.from = found.from;
      this.to = found.to;
      return;
    }
    this.from = large.tree.countBefore(new LexProbe(large.order, min, false));
    this.to = large.tree.countBefore(new LexProbe(large.order, max, true));
    if (backward) this.to = Math.max(this.from, this.to - skipped);
    else this.from += skipped;
    if (this.from > this.to) this.from = this.to;
  }

  /** Puts a cursor on the element of that rank; false when there is none. */
  seek(rank: number, cursor: ZsetCursor): boolean {
    if (this.large !== undefined) return cursor.placeLarge(this.large.tree, rank);
    const p = rank < 0 ? -1 : small.memberAt(this.bytes, this.at, rank);
    if (p < 0) return false;
    cursor.placeSmall(this.bytes, this.at, p);
    return true;
  }

  /** The members of a large set, for walks in no order. */
  get largeValue(): LargeSortedSet | undefined {
    return this.large;
  }

  // -- Changes ---------------------------------------------------------------------------------------------------------

  /** Adds a member, or gives it another score. With NO_ROOM nothing changed. The name must not lie in a listpack. */
  set(name: Uint8Array, start: number, end: number, score: number): Outcome {
    if (this.large === undefined) {
      const p = this.findSmall(name, start, end);
      if (p >= 0) return this.moveSmall(p, name, start, end, score);
      const { zsetMaxListpackEntries, zsetMaxListpackValueBytes } = this.home.collections;
      if (this.size < zsetMaxListpackEntries && end - start <= zsetMaxListpackValueBytes) {
        return this.addSmall(name, start, end, score);
      }
      if (!this.enlarge()) return NO_ROOM;
    }
    const { large } = this;
    assert(large !== undefined, 'a set that is not small is large');
    const ref = large.members.find(name, start, end);
    const done = ref === MISSING ? large.add(name, start, end, score) : large.move(ref, score);
    return done ? OK : NO_ROOM;
  }

  /** @returns whether there was such a member. */
  remove(name: Uint8Array, start: number, end: number): boolean {
    const { large } = this;
    if (large !== undefined) {
      const ref = large.members.find(name, start, end);
      if (ref === MISSING) return false;
      large.remove(ref);
      return true;
    }
    const p = this.findSmall(name, start, end);
    if (p < 0) return false;
    small.removePairs(this.bytes, this.at, p, 1);
    this.fit();
    return true;
  }

  /** Removes the elements of ranks `from` to `to - 1`. */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    if (this.large !== undefined) {
      this.large.removeRange(from, to);
      return;
    }
    const p = small.memberAt(this.bytes, this.at, from);
    if (p < 0) return;
    small.removePairs(this.bytes, this.at, p, to - from);
    this.fit();
  }

  // -- Small -----------------------------------------------------------------------------------------------------------

  private findSmall(name: Uint8Array, start: number, end: number): number {
    encodeElement(name, start, end, encodedName);
    return small.findMember(this.bytes, this.at, encodedName);
  }

  private addSmall(name: Uint8Array, start: number, end: number, score: number): Outcome {
    pair.reset();
    small.appendPair(name, start, end, score, pair);
    if (!this.grow(pair.length)) return NO_ROOM;
    const { bytes, at } = this;
    small.insertPair(bytes, at, small.placeOf(bytes, at, score, name, start, end), pair);
    return OK;
  }

  private moveSmall(member: number, name: Uint8Array, start: number, end: number, score: number): Outcome {
    const offset = member - this.at;
    if (small.scoreBehind(this.bytes, member) === score) return OK;
    pair.reset();
    small.appendPair(name, start, end, score, pair);
    const growth = pair.length - small.pairBytes(this.bytes, member);
    if (growth > 0 && !this.grow(growth)) return NO_ROOM;
    const { bytes, at } = this;
    small.removePairs(bytes, at, at + offset, 1);
    small.insertPair(bytes, at, small.placeOf(bytes, at, score, name, start, end), pair);
    if (growth < 0) this.fit();
    return OK;
  }

  /** Makes room for so many bytes more. */
  private grow(bytes: number): boolean {
    const target = withBlobOf(this.home, this.ref, totalBytes(this.bytes, this.at) + bytes);
    if (target === MISSING) return false;
    this.ref = target;
    return true;
  }

  /** Lets the value be as long as its listpack is now. */
  private fit(): void {
    this.ref = fitted(this.home, this.ref);
  }

  /** Turns a small set into a large one. */
  private enlarge(): boolean {
    const { home } = this;
    const large = new LargeSortedSet(home.ground);
    const cursor = enlarging;
    let complete = true;
    for (let there = this.seek(0, cursor); there && complete; there = cursor.next()) {
      complete = large.add(cursor.bytes, cursor.start, cursor.end, cursor.score);
    }
    const target = complete ? home.enlarge(this.ref, Encoding.skiplist, large) : MISSING;
    if (target === MISSING) {
      large.drain(Number.POSITIVE_INFINITY);
      return false;
    }
    this.ref = target;
    this.large = large;
    return true;
  }
}

function largeOf(database: Database, ref: number): LargeSortedSet | undefined {
  const value = database.largeValue(ref);
  assert(value === undefined || value instanceof LargeSortedSet, 'the large value of a sorted set is one');
  return value;
}
