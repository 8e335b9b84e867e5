/**
 * Changes sets: those of entries, and new ones that are put together beside the database and then stored whole, so that a
 * command that fails has changed nothing.
 *
 * Forms follow redis-server 7.0: an intset until an element is no integer or there are more than set-max-intset-entries. Where
 * Redis goes on with a hash table we keep a listpack up to set-max-listpack-entries and -value; both are called
 * `hashtable`. No form ever goes back to a simpler one.
 *
 * Invariant: with FAILED nothing has changed. An editor follows its entry when its own changes move it, and dies with
 * any other change of the database. A set that is left empty is the caller's to delete. After a removal the entry may be longer
 * than what is in it, when the arena has no smaller block for it.
 *
 * Hot path. Budget, with finding the key: adding one of 1M elements under 900 ns; guarded by `bench/set.ts`.
 */
import { Int64, parseInt64 } from '../../base/int64.ts';
import { LAZY_FREE_BLOCKS_AT_ONCE } from '../../base/limits.ts';
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING, OK, type Outcome, ValueType } from '../database.ts';
import * as intset from '../intset.ts';
import type { ValueSink } from '../large.ts';
import type { LazyFree } from '../lazy-free.ts';
import * as listpack from '../listpack.ts';
import { appendElement, ElementView, encodedLengthMax, encodeElement, Scratch } from '../listpack-element.ts';
import { withBlobOf } from './blob-size.ts';
import { DraftIndex, INDEXED_FROM } from './draft-index.ts';
import { BLOCK_OVERHEAD_BYTES, LARGE, SetView } from './set.ts';
import { LargeSet } from './set-large.ts';
import {
  firstPlace,
  INTSET,
  LISTPACK,
  NO_PLACE,
  nextPlace,
  readPlace,
  removePlace,
  type SmallForm,
  sizeOf,
  totalBytesOf,
} from './set-small.ts';

export const ADDED = 1;
export const PRESENT = 0;
export const FAILED = -1;
export type Addition = typeof ADDED | typeof PRESENT | typeof FAILED;

/** Digits of any 64-bit integer: if elements may be so long, every integer may become one of a listpack. */
const INTEGER_BYTES_MAX = 20;
/** Of one in an intset. */
const WIDEST_INTEGER_BYTES = 8;
/** The head of a large set and the first table of its index. */
export const LARGE_OVERHEAD_BYTES = 1024;

const wide = new Int64();
const encoded = new Scratch();
const view = new ElementView();
const rebuilt = new Scratch();

export class SetEditor {
  /** The set as it is now. */
  readonly set: SetView;
  private database: Database | undefined;
  /** MISSING while the set is not in the database yet. */
  private ref: number;
  private form: SmallForm | typeof LARGE;
  private large: LargeSet | undefined;
  /** Where a small set lies: in the segment of its entry, or in `draft`. */
  private bytes: Uint8Array;
  private at: number;
  private readonly draft: Scratch;
  /** Where the elements of a draft that is a listpack are, once there are many. */
  private readonly index: DraftIndex;

  constructor() {
    this.set = new SetView();
    this.database = undefined;
    this.ref = MISSING;
    this.form = INTSET;
    this.large = undefined;
    this.draft = new Scratch();
    this.index = new DraftIndex();
    this.bytes = this.draft.bytes;
    this.at = 0;
  }

  /** Aims at an entry, which must be a set. */
  open(database: Database, ref: number): this {
    this.database = database;
    this.ref = ref;
    this.index.reset();
    const value = database.largeValue(ref);
    if (value === undefined) {
      this.large = undefined;
      this.form = database.encoding(ref) === Encoding.intset ? INTSET : LISTPACK;
      this.settle(database.valueBytes(ref), database.valueStart(ref));
    } else {
      assert(value instanceof LargeSet, 'a large set is kept as one');
      this.enlargedTo(value);
    }
    return this;
  }

  /** Begins a set that is not in the database yet: `store` or `discard` ends it. */
  begin(database: Database): this {
    this.database = database;
    this.ref = MISSING;
    this.large = undefined;
    this.form = INTSET;
    this.index.reset();
    this.draft.reset();
    this.draft.length = intset.INTSET_HEADER_BYTES;
    intset.writeEmpty(this.draft.bytes, 0);
    this.settle(this.draft.bytes, 0);
    return this;
  }

  /** The entry, which may have moved since `open`. */
  get entry(): number {
    return this.ref;
  }

  private get home(): Database {
    const { database } = this;
    assert(database !== undefined, 'a set is opened before it is used');
    return database;
  }

  private settle(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.at = at;
    this.set.openSmall(this.form as SmallForm, bytes, at);
  }

  private enlargedTo(large: LargeSet): void {
    this.form = LARGE;
    this.large = large;
    this.set.openLarge(large);
  }

  // -- Adding ----------------------------------------------------------------------------------------------------------

  /** Adds an element. Its bytes must not be in this set's own blob. */
  add(bytes: Uint8Array, start: number, end: number): Addition {
    if (this.large !== undefined) return this.addToLarge(this.large, bytes, start, end);
    return this.form === INTSET ? this.addToIntset(bytes, start, end) : this.addToListpack(bytes, start, end);
  }

  private addToLarge(large: LargeSet, bytes: Uint8Array, start: number, end: number): Addition {
    if (large.members.find(bytes, start, end) !== MISSING) return PRESENT;
    return large.add(bytes, start, end) ? ADDED : FAILED;
  }

  private addToIntset(bytes: Uint8Array, start: number, end: number): Addition {
    if (!parseInt64(bytes, start, end, wide)) return this.leaveIntset(bytes, start, end);
    const index = intset.find(this.bytes, this.at, wide);
    if (index >= 0) return PRESENT;
    if (intset.length(this.bytes, this.at) >= this.home.collections.setMaxIntsetEntries) {
      return this.leaveIntset(bytes, start, end);
    }
    if (!this.resize(intset.bytesAfterInsert(this.bytes, this.at, wide))) return FAILED;
    intset.insertAt(this.bytes, this.at, -index - 1, wide);
    return ADDED;
  }

  private addToListpack(bytes: Uint8Array, start: number, end: number): Addition {
    encodeElement(bytes, start, end, encoded);
    const size = this.smallSize;
    const isIndexed = this.ref === MISSING && size >= INDEXED_FROM;
    const hash = isIndexed ? this.home.ground.hash.of(encoded.bytes, 0, encoded.length) : 0;
    if ((isIndexed ? this.findInDraft(hash) : this.findByWalking()) !== -1) return PRESENT;
    if (!this.mayBeListpack(size + 1, end - start)) return this.enlarge(bytes, start, end);
    const total = listpack.totalBytes(this.bytes, this.at);
    if (!this.resize(total + encoded.length)) return FAILED;
    const terminator = listpack.end(this.bytes, this.at);
    listpack.insertBefore(this.bytes, this.at, terminator, encoded.bytes, 0, encoded.length, 1);
    if (isIndexed) this.index.add(hash, terminator);
    return ADDED;
  }

  /** Elements of a set that is not large; the header of a long listpack does not know them. */
  private get smallSize(): number {
    return this.index.count > 0 ? this.index.count : sizeOf(this.form as SmallForm, this.bytes, this.at);
  }

  private findByWalking(): number {
    return listpack.find(this.bytes, listpack.first(this.bytes, this.at), encoded, 0);
  }

  private findInDraft(hash: number): number {
    const { index, bytes, at } = this;
    if (index.count === 0) {
      for (let p = listpack.first(bytes, at); p !== -1; p = listpack.next(bytes, p)) {
        index.add(this.home.ground.hash.of(bytes, p, listpack.after(bytes, p)), p);
      }
    }
    return index.find(hash, bytes, encoded);
  }

  private mayBeListpack(size: number, elementBytes: number): boolean {
    const { setMaxListpackEntries, setMaxListpackValueBytes } = this.home.collections;
    return size <= setMaxListpackEntries && elementBytes <= setMaxListpackValueBytes;
  }

  /** An intset takes an element that makes it something else. */
  private leaveIntset(bytes: Uint8Array, start: number, end: number): Addition {
    const size = intset.length(this.bytes, this.at) + 1;
    const longest = size === 1 ? end - start : Math.max(INTEGER_BYTES_MAX, end - start);
    if (!this.mayBeListpack(size, longest)) return this.enlarge(bytes, start, end);
    rebuilt.reset();
    rebuilt.length = listpack.LISTPACK_HEADER_BYTES;
    for (let i = 0; i < size - 1; i++) {
      intset.readMember(this.bytes, this.at, i, view);
      appendElement(view.bytes, view.start, view.end, rebuilt);
    }
    appendElement(bytes, start, end, rebuilt);
    const elementsEnd = rebuilt.length;
    if (!this.resize(elementsEnd + 1)) return FAILED;
    listpack.writeEmpty(this.bytes, this.at);
    listpack.insertBefore(
      this.bytes,
      this.at,
      this.at + listpack.LISTPACK_HEADER_BYTES,
      rebuilt.bytes,
      listpack.LISTPACK_HEADER_BYTES,
      elementsEnd - listpack.LISTPACK_HEADER_BYTES,
      size,
    );
    this.form = LISTPACK;
    if (this.ref !== MISSING) this.home.setEncoding(this.ref, Encoding.hashtable);
    this.settle(this.bytes, this.at);
    return ADDED;
  }

  /** A small set takes an element that makes it a large one. */
  private enlarge(bytes: Uint8Array, start: number, end: number): Addition {
    const large = new LargeSet(this.home.ground);
    if (!this.pourInto(large) || !large.add(bytes, start, end) || !this.adopt(large)) {
      large.drain(Number.POSITIVE_INFINITY);
      return FAILED;
    }
    this.enlargedTo(large);
    return ADDED;
  }

  private pourInto(large: LargeSet): boolean {
    const form = this.form as SmallForm;
    let place = firstPlace(form, this.bytes, this.at);
    while (place !== NO_PLACE) {
      readPlace(form, this.bytes, this.at, place, view);
      if (!large.add(view.bytes, view.start, view.end)) return false;
      place = nextPlace(form, this.bytes, this.at, place);
    }
    return true;
  }

  private adopt(large: LargeSet): boolean {
    if (this.ref === MISSING) return true;
    const ref = this.home.enlarge(this.ref, Encoding.hashtable, large);
    if (ref === MISSING) return false;
    this.ref = ref;
    return true;
  }

  /** Makes the blob's room so long; what was in it stays. */
  private resize(length: number): boolean {
    if (this.ref === MISSING) {
      this.draft.reserve(Math.max(0, length - this.draft.length));
      this.draft.length = length;
      this.settle(this.draft.bytes, 0);
      return true;
    }
    const database = this.home;
    const ref = withBlobOf(database, this.ref, length);
    if (ref === MISSING) return false;
    this.ref = ref;
    this.settle(database.valueBytes(ref), database.valueStart(ref));
    return true;
  }

  /**
   * Bytes that adding so many elements may take at the most beyond what they take themselves: those of what is there already, in
   * another form. 0 when it stays as it is.
   * @param longest bytes of the longest of them
   * @param integers whether all of them are integers
   */
  conversionBytes(count: number, longest: number, integers: boolean): number {
    if (this.form === LARGE) return 0;
    const size = this.smallSize;
    const { setMaxIntsetEntries } = this.home.collections;
    if (this.form === LISTPACK) {
      if (this.mayBeListpack(size + count, longest)) return 0;
      return listpack.totalBytes(this.bytes, this.at) + size * BLOCK_OVERHEAD_BYTES + LARGE_OVERHEAD_BYTES;
    }
    if (integers && size + count <= setMaxIntsetEntries) return size * WIDEST_INTEGER_BYTES;
    if (this.mayBeListpack(size + count, Math.max(longest, INTEGER_BYTES_MAX))) {
      return size * encodedLengthMax(INTEGER_BYTES_MAX);
    }
    return size * BLOCK_OVERHEAD_BYTES + LARGE_OVERHEAD_BYTES;
  }

  // -- Removing --------------------------------------------------------------------------------------------------------

  /** @returns whether it was there. */
  remove(bytes: Uint8Array, start: number, end: number): boolean {
    const place = this.set.find(bytes, start, end);
    if (place === NO_PLACE) return false;
    this.removeAt(place);
    this.shrink();
    return true;
  }

  /** Removes the element at a place. */
  removePlace(place: number): void {
    this.removeAt(place);
    this.shrink();
  }

  /** Removes the elements at these places, which rise in a small set. */
  removeAll(places: Int32Array): void {
    // From the last on, so that the places before stay what they are.
    for (let i = places.length - 1; i >= 0; i--) this.removeAt(places[i] as number);
    this.shrink();
  }

  private removeAt(place: number): void {
    this.index.reset();
    if (this.large !== undefined) this.large.members.remove(place);
    else removePlace(this.form as SmallForm, this.bytes, this.at, place);
  }

  /** Gives back what the blob no longer needs. */
  private shrink(): void {
    if (this.large === undefined) this.resize(totalBytesOf(this.form as SmallForm, this.bytes, this.at));
  }

  // -- The end of a new set --------------------------------------------------------------------------------------------

  /**
   * Makes the new set the value of a key, whatever that was. It must not be empty. With NO_ROOM nothing has changed, and the set is still
   * there to discard.
   */
  store(key: Uint8Array, keyStart: number, keyEnd: number, expireAt_ms: number): Outcome {
    const { large, home: database } = this;
    if (large === undefined) {
      const encoding = this.form === INTSET ? Encoding.intset : Encoding.hashtable;
      const total = totalBytesOf(this.form as SmallForm, this.bytes, this.at);
      const { bytes } = this;
      return database.setValue(ValueType.set, encoding, key, keyStart, keyEnd, bytes, 0, total, expireAt_ms);
    }
    const outcome = database.setLarge(ValueType.set, Encoding.hashtable, key, keyStart, keyEnd, large, expireAt_ms);
    if (outcome === OK) this.large = undefined;
    return outcome;
  }

  /** Hands the new set over as it is, ready to become a value if it is not empty; its bytes last until the next set is begun. */
  giveTo(sink: ValueSink): void {
    const { large } = this;
    this.large = undefined;
    if (large !== undefined) {
      sink.setLarge(ValueType.set, Encoding.hashtable, large);
      return;
    }
    const encoding = this.form === INTSET ? Encoding.intset : Encoding.hashtable;
    sink.setBytes(ValueType.set, encoding, this.bytes, 0, totalBytesOf(this.form as SmallForm, this.bytes, this.at));
  }

  /** Lets go of a new set that was not stored: its memory comes back now, or in slices when it is much. */
  discard(lazyFree: LazyFree): void {
    const { large } = this;
    this.large = undefined;
    this.form = INTSET;
    this.set.openNothing();
    if (large === undefined) return;
    if (large.effort() > LAZY_FREE_BLOCKS_AT_ONCE) lazyFree.addValue(large, this.home.ground.account);
    else large.drain(Number.POSITIVE_INFINITY);
  }
}
