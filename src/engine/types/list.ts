/**
 * Lists as commands see them, whatever they are kept in: a listpack while it is no larger than a node may be, a chain of
 * nodes (`list-large.ts`) beyond that, and a listpack again when little is left. OBJECT ENCODING says `quicklist` of both.
 *
 * A {@link List} is a handle onto an entry that `open` aims; it follows the entry when its own changes move it, and dies with
 * any other change of the database. A removal that leaves nothing deletes the entry: `size` is 0 then, `entry` MISSING.
 *
 * Hot path. Budget: pushing 20 bytes to a list of 100 under 400 ns; guarded by `bench/list.ts`.
 */
import { copyOf } from '../../base/bytes.ts';
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY, NO_ROOM, OK, type Outcome, ValueType } from '../database.ts';
import { LARGE_HEAD_BYTES } from '../large.ts';
import {
  after,
  count,
  end,
  insertBefore,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  last,
  removeRange,
  replaceElement,
  seek,
  totalBytes,
} from '../listpack.ts';
import { elementBytes, mayBeInteger, type Scratch } from '../listpack-element.ts';
import { fitted, withBlobOf } from './blob-size.ts';
import { NODE_HEAD_BYTES } from './list-chain.ts';
import type { ListCursor } from './list-cursor.ts';
import { removeEqualFrom } from './list-equal.ts';
import { LargeList } from './list-large.ts';
import { nodeBytesMax, nodeElementsMax } from './list-limits.ts';
import { ElementRun } from './list-run.ts';

/** A list of one node that fills less than this share of what it may is small again. */
const SMALL_AGAIN_SHARE = 4;

const single = new ElementRun();

/** What bytes of elements a run may have to be pushed at once, an element larger than that alone. */
export function runBytesMax(database: Database): number {
  return nodeBytesMax(database.collections.listMaxListpackSize) - LISTPACK_EMPTY_BYTES;
}

/** Whether a list of so many bytes and elements is one listpack. */
export function isSmall(database: Database, listpackBytes: number, elements: number): boolean {
  const { listMaxListpackSize } = database.collections;
  if (elements === 1) return true;
  return listpackBytes <= nodeBytesMax(listMaxListpackSize) && elements <= nodeElementsMax(listMaxListpackSize);
}

/** Sets a key to a list of a run's elements, whatever it was. */
export function createList(
  database: Database,
  key: Uint8Array,
  start: number,
  stop: number,
  run: ElementRun,
  expireAt_ms: number = NO_EXPIRY,
): Outcome {
  const total = run.length + LISTPACK_EMPTY_BYTES;
  const { list } = ValueType;
  if (isSmall(database, total, run.count)) {
    run.seal();
    return database.setValue(list, Encoding.quicklist, key, start, stop, run.bytes, 0, total, expireAt_ms);
  }
  const large = new LargeList(database.ground, database.collections.listMaxListpackSize);
  if (large.push(run, false)) {
    if (database.setLarge(list, Encoding.quicklist, key, start, stop, large, expireAt_ms) === OK) return OK;
  }
  large.drain(Number.POSITIVE_INFINITY);
  return NO_ROOM;
}

export class List {
  private database: Database | undefined;
  private ref: number;
  private large: LargeList | undefined;

  constructor() {
    this.database = undefined;
    this.ref = MISSING;
    this.large = undefined;
  }

  /** Aims at an entry, which must be a list. */
  open(database: Database, ref: number): this {
    this.database = database;
    this.ref = ref;
    const value = database.largeValue(ref);
    assert(value === undefined || value instanceof LargeList, 'the large value of a list is one');
    this.large = value;
    return this;
  }

  /** The entry, which may have moved since `open`; MISSING when it is gone. */
  get entry(): number {
    return this.ref;
  }

  get isLarge(): boolean {
    return this.large !== undefined;
  }

  get size(): number {
    if (this.large !== undefined) return this.large.size;
    return this.ref === MISSING ? 0 : count(this.bytes, this.at);
  }

  private get home(): Database {
    const { database } = this;
    assert(database !== undefined, 'a list is opened before it is used');
    return database;
  }

  private get bytes(): Uint8Array {
    return this.home.valueBytes(this.ref);
  }

  private get at(): number {
    return this.home.valueStart(this.ref);
  }

  /** Places a cursor on the element of that index, negative from the end; false when there is none. */
  seek(index: number, cursor: ListCursor): boolean {
    const { large, size } = this;
    const forward = index < 0 ? size + index : index;
    if (forward < 0 || forward >= size) return false;
    if (large === undefined) cursor.placeSmall(this.bytes, this.at, forward);
    else cursor.placeLarge(large, forward);
    return true;
  }

  /** What adding so many bytes would cost beyond them, because a small list becomes large. */
  conversionBytes(bytes: number): number {
    if (this.large !== undefined) return 0;
    return isSmall(this.home, totalBytes(this.bytes, this.at) + bytes, this.size + 1)
      ? 0
      : LARGE_HEAD_BYTES + NODE_HEAD_BYTES;
  }

  // -- Additions: with NO_ROOM nothing changed ---------------------------------------------------------------------------

  /** Adds a run in front of all elements, or behind them. */
  push(run: ElementRun, atHead: boolean): Outcome {
    if (this.large === undefined) {
      const total = totalBytes(this.bytes, this.at);
      if (isSmall(this.home, total + run.length, this.size + run.count)) {
        if (!this.resize(total + run.length)) return NO_ROOM;
        const { bytes, at } = this;
        const p = atHead ? at + LISTPACK_HEADER_BYTES : end(bytes, at);
        insertBefore(bytes, at, p, run.bytes, LISTPACK_HEADER_BYTES, run.length, run.count);
        return OK;
      }
    }
    return this.enlarged()?.push(run, atHead) ? OK : NO_ROOM;
  }

  /** Adds one element in front of all, or behind them. */
  pushOne(source: Uint8Array, start: number, stop: number, atHead: boolean): Outcome {
    const { large } = this;
    if (large === undefined || mayBeInteger(source, start, stop)) {
      return this.push(single.begin().add(source, start, stop), atHead);
    }
    return large.pushText(source, start, stop, atHead) ? OK : NO_ROOM;
  }

  /** Puts one encoded element in front of the cursor's or behind it. */
  insert(cursor: ListCursor, behind: boolean, encoded: Scratch): Outcome {
    const p = behind ? after(cursor.segment, cursor.p) : cursor.p;
    const { large } = this;
    if (large !== undefined) return large.insert(cursor.node, p, encoded) ? OK : NO_ROOM;
    const distance = p - cursor.at;
    const total = totalBytes(cursor.segment, cursor.at) + encoded.length;
    if (isSmall(this.home, total, this.size + 1)) {
      if (!this.resize(total)) return NO_ROOM;
      const { bytes, at } = this;
      insertBefore(bytes, at, at + distance, encoded.bytes, 0, encoded.length, 1);
      return OK;
    }
    const grown = this.enlarged();
    if (grown === undefined) return NO_ROOM;
    const { chain } = grown;
    const node = chain.first;
    return grown.insert(node, chain.listpackOf(node) + distance, encoded) ? OK : NO_ROOM;
  }

  /** Puts one encoded element in place of the cursor's. */
  replace(cursor: ListCursor, encoded: Scratch): Outcome {
    const { large } = this;
    if (large !== undefined) return large.replace(cursor.node, cursor.p, encoded) ? OK : NO_ROOM;
    const distance = cursor.p - cursor.at;
    const growth = encoded.length - elementBytes(cursor.segment, cursor.p);
    const total = totalBytes(cursor.segment, cursor.at) + growth;
    if (growth <= 0 || isSmall(this.home, total, this.size)) {
      if (growth > 0 && !this.resize(total)) return NO_ROOM;
      const { bytes, at } = this;
      replaceElement(bytes, at, at + distance, encoded.bytes, 0, encoded.length);
      if (growth < 0) this.fit();
      return OK;
    }
    const grown = this.enlarged();
    if (grown === undefined) return NO_ROOM;
    const { chain } = grown;
    const node = chain.first;
    return grown.replace(node, chain.listpackOf(node) + distance, encoded) ? OK : NO_ROOM;
  }

  // -- Removals --------------------------------------------------------------------------------------------------------

  /** Takes out the first or the last element. */
  pop(atHead: boolean): void {
    const { large } = this;
    if (this.size === 1) return this.remove();
    if (large !== undefined) {
      large.pop(atHead);
      return this.shrink(large);
    }
    const { bytes, at } = this;
    removeRange(bytes, at, atHead ? at + LISTPACK_HEADER_BYTES : last(bytes, at), 1);
    this.fit();
  }

  /** Takes out `elements` elements from an index on; they must be there. */
  removeRange(index: number, elements: number): void {
    if (elements === 0) return;
    const { large } = this;
    if (elements === this.size) return this.remove();
    if (large !== undefined) {
      large.removeRange(index, elements);
      return this.shrink(large);
    }
    const { bytes, at } = this;
    removeRange(bytes, at, seek(bytes, at, index), elements);
    this.fit();
  }

  /** Takes out up to `limit` elements equal to the encoded one, the last first when `backward`. @returns how many. */
  removeEqual(encoded: Scratch, limit: number, backward: boolean): number {
    const { large } = this;
    const removed =
      large === undefined
        ? removeEqualFrom(this.bytes, this.at, encoded, limit, backward)
        : large.removeEqual(encoded, limit, backward);
    if (removed === 0) return 0;
    if (this.size === 0) this.remove();
    else if (large === undefined) this.fit();
    else this.shrink(large);
    return removed;
  }

  private remove(): void {
    this.home.deleteEntry(this.ref);
    this.ref = MISSING;
    this.large = undefined;
  }

  // -- Small and large -------------------------------------------------------------------------------------------------

  /** Gives a small list a value of so many bytes. */
  private resize(bytes: number): boolean {
    const target = withBlobOf(this.home, this.ref, bytes);
    if (target === MISSING) return false;
    this.ref = target;
    return true;
  }

  /** Lets the value be as long as its listpack is now. */
  private fit(): void {
    this.ref = fitted(this.home, this.ref);
  }

  /** The large list that this is or becomes, its elements in one node; undefined when the arena is full. */
  private enlarged(): LargeList | undefined {
    if (this.large !== undefined) return this.large;
    const { home } = this;
    const large = new LargeList(home.ground, home.collections.listMaxListpackSize);
    const target = large.adopt(this.bytes, this.at) ? home.enlarge(this.ref, Encoding.quicklist, large) : MISSING;
    if (target === MISSING) {
      large.drain(Number.POSITIVE_INFINITY);
      return undefined;
    }
    this.ref = target;
    this.large = large;
    return large;
  }

  /** Makes a large list small again that has become so. */
  private shrink(large: LargeList): void {
    const { chain } = large;
    if (chain.nodes !== 1 || chain.bytesIn(chain.first) * SMALL_AGAIN_SHARE > large.bytesMax) return;
    const { home } = this;
    const at = chain.listpackOf(chain.first);
    const value = copyOf(chain.arena.bytesOf(chain.first), at, at + chain.bytesIn(chain.first));
    const keyStart = home.keyStart(this.ref);
    const key = copyOf(home.valueBytes(this.ref), keyStart, keyStart + home.keyLength(this.ref));
    if (home.replaceValue(this.ref, value, 0, value.length, Encoding.quicklist) !== OK) return;
    this.ref = home.peek(key, 0, key.length);
    this.large = undefined;
  }
}
