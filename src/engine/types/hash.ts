/**
 * Hashes as commands see them, whatever they are kept in: a listpack while small (`hash-small.ts`), fields in blocks of their
 * own beyond the thresholds (`hash-large.ts`), never back again while they live.
 *
 * A {@link Hash} is a handle onto an entry that `open` aims; it follows the entry when its own changes move it, and dies with
 * any other change of the database. A field is named by its **place**, a number that is not MISSING and valid until the next
 * change of the hash. A hash that a removal leaves empty is the caller's to delete.
 *
 * **Time.** `open` is told the time. A field whose time is over is nowhere to be seen, though its memory is held until the
 * expiry cycle, or a write to it, removes it. Invariant: the entry is marked (`Keyspace.markExpiringFields`) exactly while a
 * field has a time.
 *
 * Hot path. Budget: as those of the two encodings; guarded by `bench/hash.ts`.
 */
import type { Prng } from '../../base/prng.ts';
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING, NO_ROOM, OK, type Outcome } from '../database.ts';
import { LARGE_HEAD_BYTES } from '../large.ts';
import { after, end as endOf, first, replaceElement, seek, totalBytes } from '../listpack.ts';
import {
  ElementView,
  elementBytes,
  encodeElement,
  LISTPACK_END_BYTE,
  readElement,
  Scratch,
} from '../listpack-element.ts';
import { fitted, withBlobOf } from './blob-size.ts';
import { LargeHash, NEVER } from './hash-large.ts';
import * as small from './hash-small.ts';
import { PAIR, type Stride, TRIPLET } from './hash-small.ts';

export { NEVER } from './hash-large.ts';

/** What `set` did; NO_ROOM is its third outcome. */
export const CREATED = 1;
export const UPDATED = 2;
export type SetOutcome = typeof CREATED | typeof UPDATED | typeof NO_ROOM;

/** What a field costs beyond its bytes, generously: its block's header and rounding, its share of the index. */
export const FIELD_OVERHEAD_BYTES = 32;
/** What the first time of a hash costs: its place in the index of such hashes, the first node of a tree. */
const TIMES_OVERHEAD_BYTES = 1024;

/** Drawing so small a share of the fields costs less than looking at every one of them. */
const WALK_FACTOR = 3;

const encodedName = new Scratch();
const encoded = new Scratch();
const nameView = new ElementView();
const valueView = new ElementView();

export class Hash {
  private database: Database | undefined;
  private ref: number;
  private large: LargeHash | undefined;
  private stride: Stride;
  private now_ms: number;
  private visitor: (place: number) => void;

  constructor() {
    this.database = undefined;
    this.ref = MISSING;
    this.large = undefined;
    this.stride = PAIR;
    this.now_ms = 0;
    this.visitor = ignore;
  }

  /** Aims at an entry, which must be a hash. */
  open(database: Database, ref: number, now_ms: number): this {
    this.database = database;
    this.ref = ref;
    this.large = largeOf(database, ref);
    this.stride = database.encoding(ref) === Encoding.listpackex ? TRIPLET : PAIR;
    this.now_ms = now_ms;
    return this;
  }

  /** The entry, which may have moved since `open`. */
  get entry(): number {
    return this.ref;
  }

  private get home(): Database {
    const { database } = this;
    assert(database !== undefined, 'a hash is opened before it is used');
    return database;
  }

  private get bytes(): Uint8Array {
    return this.home.valueBytes(this.ref);
  }

  private get at(): number {
    return this.home.valueStart(this.ref);
  }

  // -- Questions -------------------------------------------------------------------------------------------------------

  /** Fields. */
  get size(): number {
    const { large, bytes, at, stride, now_ms } = this;
    if (large !== undefined) return large.size - large.expiredCount(now_ms);
    return small.fieldCount(bytes, at, stride) - small.expiredCount(bytes, at, stride, now_ms);
  }

  /** Whether nothing is left, no field whose time is over either: then the entry must go. */
  get isEmpty(): boolean {
    return this.large === undefined ? first(this.bytes, this.at) < 0 : this.large.size === 0;
  }

  /** The place of a field, or MISSING. */
  find(name: Uint8Array, start: number, end: number): number {
    const place = this.findAny(name, start, end);
    return place === MISSING || this.isOver(place) ? MISSING : place;
  }

  /** The same for fields whose time is over, too. */
  private findAny(name: Uint8Array, start: number, end: number): number {
    if (this.large !== undefined) return this.large.members.find(name, start, end);
    encodeElement(name, start, end, encodedName);
    const { at } = this;
    const field = small.findField(this.bytes, at, this.stride, encodedName);
    return field < 0 ? MISSING : field - at;
  }

  private isOver(place: number): boolean {
    if (this.large !== undefined) return this.large.isOver(place, this.now_ms);
    return this.stride === TRIPLET && small.isOver(small.timeOf(this.bytes, this.at + place, TRIPLET), this.now_ms);
  }

  /** Views die with the next read into them, and with the next change of the database. */
  readName(place: number, view: ElementView): void {
    if (this.large !== undefined) this.large.readName(place, view);
    else readElement(this.bytes, this.at + place, view);
  }

  readValue(place: number, view: ElementView): void {
    if (this.large !== undefined) this.large.readValue(place, view);
    else small.readValue(this.bytes, this.at + place, view);
  }

  /** When the field ends, in milliseconds since the epoch; NEVER when it does not. */
  expiryOf(place: number): number {
    if (this.large !== undefined) return this.large.expiryOf(place);
    const time_ms = small.timeOf(this.bytes, this.at + place, this.stride);
    return time_ms === small.NO_TIME ? NEVER : time_ms;
  }

  /** When the first field ends, or ended; NEVER when none does. */
  firstEnd(): number {
    if (this.large !== undefined) return this.large.firstEnd();
    const { bytes, at } = this;
    return first(bytes, at) < 0 ? NEVER : this.expiryOf(first(bytes, at) - at);
  }

  // -- Walks: `visit` must not change the database -----------------------------------------------------------------------

  walk(visit: (place: number) => void): void {
    if (this.large !== undefined) {
      this.large.members.forEach(this.liveOnly(visit));
      return;
    }
    const { bytes, at, stride } = this;
    let field = this.firstLive();
    while (bytes[field] !== LISTPACK_END_BYTE) {
      visit(field - at);
      field = small.following(bytes, field, stride);
    }
  }

  /** Visits about `count` fields from a cursor on, a small hash as a whole. @returns the next cursor, 0 at the end. */
  scan(cursor: number, count: number, visit: (place: number) => void): number {
    if (this.large !== undefined) return this.large.members.scan(cursor, count, this.liveOnly(visit));
    this.walk(visit);
    return 0;
  }

  /** A random field, each as likely as any other; MISSING when there is none. */
  random(prng: Prng): number {
    if (this.large !== undefined) return this.large.random(prng, this.now_ms);
    const { bytes, at, stride } = this;
    const expired = small.expiredCount(bytes, at, stride, this.now_ms);
    const live = small.fieldCount(bytes, at, stride) - expired;
    return live === 0 ? MISSING : seek(bytes, at, (expired + prng.below(live)) * stride) - at;
  }

  /** The places of so many different fields, fewer than there are, each choice as likely as any other. */
  choose(count: number, prng: Prng): Int32Array {
    const places = new Int32Array(count);
    let chosen = 0;
    let left = this.size;
    if (this.large !== undefined && count * WALK_FACTOR < left) {
      const known = new Set<number>();
      while (chosen < count) {
        const place = this.large.random(prng, this.now_ms);
        if (known.has(place)) continue;
        known.add(place);
        places[chosen++] = place;
      }
      return places;
    }
    this.walk((place) => {
      if (prng.below(left--) < count - chosen) places[chosen++] = place;
    });
    return places;
  }

  /** The first field of a small hash whose time is not over, or the end. */
  private firstLive(): number {
    const { bytes, at, stride, now_ms } = this;
    if (stride === PAIR) return first(bytes, at) < 0 ? endOf(bytes, at) : first(bytes, at);
    const expired = small.expiredCount(bytes, at, stride, now_ms);
    const field = seek(bytes, at, expired * stride);
    return field < 0 ? endOf(bytes, at) : field;
  }

  private liveOnly(visit: (place: number) => void): (place: number) => void {
    if (this.large?.hasExpiring() !== true) return visit;
    this.visitor = visit;
    return this.visitLive;
  }

  private readonly visitLive = (place: number): void => {
    if (!this.isOver(place)) this.visitor(place);
  };

  // -- Changes ---------------------------------------------------------------------------------------------------------

  /** Bytes that setting so many fields may take at most, their names and values being so long, all of them and the longest. */
  growthFor(fields: number, bytes: number, longestBytes: number): number {
    const growth = bytes + fields * FIELD_OVERHEAD_BYTES;
    if (this.large !== undefined) return growth;
    const { hashMaxListpackEntries, hashMaxListpackValueBytes } = this.home.collections;
    const held = small.fieldCount(this.bytes, this.at, this.stride);
    if (held + fields <= hashMaxListpackEntries && longestBytes <= hashMaxListpackValueBytes) return growth;
    return growth + held * FIELD_OVERHEAD_BYTES + LARGE_HEAD_BYTES;
  }

  /** Bytes that letting so many fields expire may take at most. */
  growthForTimes(fields: number): number {
    const held = this.large === undefined ? small.fieldCount(this.bytes, this.at, this.stride) : 0;
    return TIMES_OVERHEAD_BYTES + held * small.NO_TIME_BYTES + fields * FIELD_OVERHEAD_BYTES;
  }

  /**
   * Sets a field; unless `keepsExpiry` it lives for ever then. With NO_ROOM nothing changed. Neither name nor value may lie in
   * the arena.
   */
  set(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    keepsExpiry: boolean,
  ): SetOutcome {
    if (this.large === undefined) {
      const { hashMaxListpackEntries: most, hashMaxListpackValueBytes: longest } = this.home.collections;
      if (nameEnd - nameStart <= longest && valueEnd - valueStart <= longest) {
        const place = this.findAny(name, nameStart, nameEnd);
        if (place !== MISSING) return this.replaceSmall(place, value, valueStart, valueEnd, keepsExpiry);
        if (small.fieldCount(this.bytes, this.at, this.stride) < most) {
          return this.addSmall(name, nameStart, nameEnd, value, valueStart, valueEnd);
        }
      }
      if (!this.enlarge()) return NO_ROOM;
    }
    const { large } = this;
    assert(large !== undefined, 'a hash that is not small is large');
    const ref = large.members.find(name, nameStart, nameEnd);
    if (ref === MISSING) {
      const added = large.add(name, nameStart, nameEnd, value, valueStart, valueEnd);
      return added === MISSING ? NO_ROOM : CREATED;
    }
    const wasOver = large.isOver(ref, this.now_ms);
    if (large.setValue(ref, value, valueStart, valueEnd, keepsExpiry && !wasOver) === MISSING) return NO_ROOM;
    this.mark();
    return wasOver ? CREATED : UPDATED;
  }

  /** Removes the field at a place. */
  remove(place: number): void {
    if (this.large !== undefined) this.large.remove(place);
    else {
      small.removeField(this.bytes, this.at, this.at + place, this.stride);
      this.fit();
    }
    this.mark();
  }

  /** Lets the field at a place live until a time, which must not be negative. With NO_ROOM nothing changed. */
  setExpiry(place: number, at_ms: number): Outcome {
    if (!this.home.keys.markExpiringFields(this.ref, true)) return NO_ROOM;
    const done =
      this.large === undefined ? this.setTimeSmall(place, at_ms) : this.large.setExpiry(place, at_ms) !== MISSING;
    if (!done) this.mark();
    return done ? OK : NO_ROOM;
  }

  /** Lets the field at a place live for ever. @returns whether it would not have. */
  persist(place: number): boolean {
    if (this.expiryOf(place) === NEVER) return false;
    if (this.large !== undefined) this.large.persist(place);
    else this.setTimeSmall(place, small.NO_TIME);
    this.mark();
    return true;
  }

  /**
   * Removes up to `limit` fields whose time is over, the first to end first. `visit` is told of each while it is still there and
   * must not change the database. @returns how many went.
   */
  removeExpired(limit: number, visit: (place: number) => void): number {
    const { large, now_ms } = this;
    if (large !== undefined) {
      const gone = large.removeExpired(now_ms, limit, visit);
      this.mark();
      return gone;
    }
    const { bytes, at, stride } = this;
    const gone = Math.min(limit, small.expiredCount(bytes, at, stride, now_ms));
    for (let i = 0, field = first(bytes, at); i < gone; i++, field = small.following(bytes, field, stride)) {
      visit(field - at);
    }
    for (let i = 0; i < gone; i++) small.removeField(bytes, at, first(bytes, at), stride);
    if (gone > 0) this.fit();
    this.mark();
    return gone;
  }

  /** Lets the mark of the entry say whether fields expire; for changes that can only end such times. */
  private mark(): void {
    const expiring = this.large === undefined ? this.firstEnd() !== NEVER : this.large.hasExpiring();
    this.home.keys.markExpiringFields(this.ref, expiring);
  }

  // -- Small -----------------------------------------------------------------------------------------------------------

  private addSmall(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): SetOutcome {
    encoded.reset();
    small.appendField(name, nameStart, nameEnd, value, valueStart, valueEnd, this.stride, encoded);
    if (!this.grow(encoded.length)) return NO_ROOM;
    const { bytes, at } = this;
    small.insertField(bytes, at, endOf(bytes, at), this.stride, encoded);
    return CREATED;
  }

  private replaceSmall(
    place: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    keepsExpiry: boolean,
  ): SetOutcome {
    const wasOver = this.isOver(place);
    encodeElement(value, valueStart, valueEnd, encoded);
    const held = elementBytes(this.bytes, after(this.bytes, this.at + place));
    if (encoded.length > held && !this.grow(encoded.length - held)) return NO_ROOM;
    const { bytes, at } = this;
    replaceElement(bytes, at, after(bytes, at + place), encoded.bytes, 0, encoded.length);
    if (encoded.length < held) this.fit();
    if (wasOver || !keepsExpiry) this.persist(place);
    return wasOver ? CREATED : UPDATED;
  }

  /** Gives the field at a place another time, and its place in their order. False: no memory; taking a time away needs none. */
  private setTimeSmall(place: number, time_ms: number): boolean {
    const moved = this.stride === TRIPLET ? place : this.withTimes(place);
    if (moved === MISSING) return false;
    const field = this.at + moved;
    const held = small.following(this.bytes, field, TRIPLET) - field;
    small.retimed(this.bytes, field, time_ms, encoded);
    if (encoded.length > held && !this.grow(encoded.length - held)) return false;
    const { bytes, at } = this;
    small.removeField(bytes, at, at + moved, TRIPLET);
    small.insertField(bytes, at, small.placeOf(bytes, at, time_ms), TRIPLET, encoded);
    if (encoded.length < held) this.fit();
    return true;
  }

  /** Gives every field room for a time. @returns where a field is now; MISSING when the arena is full and nothing changed. */
  private withTimes(place: number): number {
    let fieldsBefore = 0;
    for (let field = first(this.bytes, this.at); field < this.at + place; fieldsBefore++) {
      field = small.following(this.bytes, field, PAIR);
    }
    const before = totalBytes(this.bytes, this.at);
    small.withTimes(this.bytes, this.at, encoded);
    if (!this.grow(encoded.length - before)) return MISSING;
    this.bytes.set(encoded.bytes.subarray(0, encoded.length), this.at);
    this.home.setEncoding(this.ref, Encoding.listpackex);
    this.stride = TRIPLET;
    return place + fieldsBefore * small.NO_TIME_BYTES;
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

  /** Turns a small hash into a large one. */
  private enlarge(): boolean {
    const { home } = this;
    const large = new LargeHash(home.ground);
    const complete = this.fill(large);
    const target = complete ? home.enlarge(this.ref, Encoding.hashtable, large) : MISSING;
    if (target === MISSING) {
      large.drain(Number.POSITIVE_INFINITY);
      return false;
    }
    this.ref = target;
    this.large = large;
    return true;
  }

  private fill(large: LargeHash): boolean {
    const { bytes, at, stride } = this;
    for (let field = first(bytes, at); field >= 0 && bytes[field] !== LISTPACK_END_BYTE; ) {
      readElement(bytes, field, nameView);
      small.readValue(bytes, field, valueView);
      const { start, end } = nameView;
      const ref = large.add(nameView.bytes, start, end, valueView.bytes, valueView.start, valueView.end);
      if (ref === MISSING) return false;
      const at_ms = this.expiryOf(field - at);
      if (at_ms !== NEVER && large.setExpiry(ref, at_ms) === MISSING) return false;
      field = small.following(bytes, field, stride);
    }
    return true;
  }
}

function ignore(): void {}

function largeOf(database: Database, ref: number): LargeHash | undefined {
  const value = database.largeValue(ref);
  assert(value === undefined || value instanceof LargeHash, 'the large value of a hash is one');
  return value;
}
