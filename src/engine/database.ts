/**
 * One logical database as commands see it: keys that live, values as byte ranges, times to live, access clocks and the
 * statistics that follow from them.
 *
 * **Refs.** A look-up answers a ref, a signed 32-bit number, or MISSING (0): compare with MISSING, never with `> 0`. A ref,
 * and every offset or segment got from it, is valid until the next call that may change the database: setString,
 * setValue, replaceValue, resizeValue, setExpiry, delete, rename, copyTo, moveTo, clear, any look-up of an expired key
 * (a look-up may expire *its own* key only), `realm.ensureRoom` and the cycles. Never keep one across such a call, unless the call returns it.
 *
 * Nothing here checks a budget: commands call `realm.ensureRoom` first. NO_ROOM means that the arena itself is full; then
 * nothing has changed.
 *
 * Hot path. Budget: find of a 16-byte key under 250 ns, setString of 64 bytes under 400 ns, both at 1M keys; guarded by
 * `bench/engine.ts`.
 */
import { equalRanges } from '../base/bytes.ts';
import type { CollectionLimits } from '../base/collection-limits.ts';
import type { Prng } from '../base/prng.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import {
  type Encoding,
  encodingOf,
  expireAtOf,
  hasExpiringFields,
  isLarge,
  keyLengthOf,
  keyStartOf,
  LARGE_NUMBER_BYTES,
  largeNumberOf,
  MISSING,
  setEncoding,
  typeOf,
  ValueType,
  valueLengthOf,
  valueStartOf,
} from './entry.ts';
import { KeyIndex } from './index.ts';
import { Keyspace } from './keyspace.ts';
import { LARGE_HEAD_BYTES, type LargeValue } from './large.ts';
import type { Detached } from './lazy-free.ts';
import type { Ground } from './members.ts';
import type { RealmContext } from './statistics.ts';
import type { World } from './world.ts';

export { Encoding, MISSING, stringEncoding, ValueType } from './entry.ts';

/** Outcomes of writes. */
export const OK = 1;
export const NO_ROOM = 0;
export const NOT_FOUND = -1;
export const EXISTS = -2;
export type Outcome = typeof OK | typeof NO_ROOM;

/** Expiry arguments: an absolute time in milliseconds, or one of these. */
export const NO_EXPIRY = -1;
export { KEEP_TTL } from './keyspace.ts';

/** Strings grow by their own length up to this, then by an eighth: 10^6 appends copy each byte a bounded number of times. */
const GREEDY_BYTES_MAX = 1024 * 1024;
/** Stands where the number of a large value will be written. */
const NO_NUMBER = new Uint8Array(LARGE_NUMBER_BYTES);

export class Database {
  /** Changed by SWAPDB only. */
  number: number;
  /** Milliseconds left on average, as the expiry cycle saw it. */
  averageTtl_ms: number;
  /** Where the expiry cycle goes on: a position in the hash space. */
  expiryCursor: number;
  /** The same for hashes of which fields expire. */
  fieldExpiryCursor: number;
  /** For the engine's own files; commands have the methods below. */
  readonly keys: Keyspace;
  private readonly world: World;
  private readonly realm: RealmContext;
  private readonly arena: Arena;

  constructor(number: number, world: World, realm: RealmContext, account: Account) {
    this.number = number;
    this.averageTtl_ms = 0;
    this.expiryCursor = 0;
    this.fieldExpiryCursor = 0;
    this.keys = new Keyspace(world.arena, account, world.hash, world.large, world.mark);
    this.world = world;
    this.realm = realm;
    this.arena = world.arena;
  }

  // -- Look-ups --------------------------------------------------------------------------------------------------------

  /** For commands that read: counts a hit or a miss and touches the access clock. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.keys.hash.of(bytes, start, end) | 0;
    const ref = this.live(hash, this.keys.index.find(hash, bytes, start, end));
    if (ref === MISSING) {
      this.missed(bytes, start, end);
      return MISSING;
    }
    this.realm.statistics.hits++;
    if (!this.world.noTouch) this.world.touch(ref, this.realm.usesLfu);
    return ref;
  }

  private missed(bytes: Uint8Array, start: number, end: number): void {
    const { realm, world } = this;
    realm.statistics.misses++;
    if (world.tellsMisses) world.listener.missed?.(realm.number, this.number, bytes, start, end);
  }

  private created(bytes: Uint8Array, start: number, end: number): void {
    this.world.listener.created?.(this.realm.number, this.number, bytes, start, end);
  }

  /** For commands that read about a key, not its value (EXISTS, TTL, TYPE, OBJECT): counted, not touched. */
  findUntouched(bytes: Uint8Array, start: number, end: number): number {
    const ref = this.peek(bytes, start, end);
    if (ref === MISSING) this.missed(bytes, start, end);
    else this.realm.statistics.hits++;
    return ref;
  }

  /** For commands that write: touched, not counted. */
  findForWrite(bytes: Uint8Array, start: number, end: number): number {
    const ref = this.peek(bytes, start, end);
    if (ref !== MISSING && !this.world.noTouch) this.world.touch(ref, this.realm.usesLfu);
    return ref;
  }

  /** Neither counted nor touched. Still never an expired key. */
  peek(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.keys.hash.of(bytes, start, end) | 0;
    return this.live(hash, this.keys.index.find(hash, bytes, start, end));
  }

  private live(hash: number, ref: number): number {
    if (ref === MISSING) return MISSING;
    const expireAt_ms = expireAtOf(this.arena, ref);
    if (expireAt_ms < 0 || this.world.now_ms <= expireAt_ms) return ref;
    this.dropExpired(hash, ref);
    return MISSING;
  }

  /** Removes an entry whose time is over and says so. For look-ups and the expiry cycle. */
  dropExpired(hash: number, ref: number): void {
    this.realm.statistics.expired++;
    const start = keyStartOf(this.arena, ref);
    const end = start + keyLengthOf(this.arena, ref);
    this.world.listener.expired(this.realm.number, this.number, this.arena.bytesOf(ref), start, end);
    this.keys.drop(hash, ref);
  }

  /** Removes an entry to make room and says so. */
  dropEvicted(hash: number, ref: number): void {
    this.realm.statistics.evicted++;
    const start = keyStartOf(this.arena, ref);
    const end = start + keyLengthOf(this.arena, ref);
    this.world.listener.evicted(this.realm.number, this.number, this.arena.bytesOf(ref), start, end);
    this.keys.drop(hash, ref);
  }

  isExpired(ref: number): boolean {
    const expireAt_ms = expireAtOf(this.arena, ref);
    return expireAt_ms >= 0 && this.world.now_ms > expireAt_ms;
  }

  // -- What a ref leads to ---------------------------------------------------------------------------------------------

  valueType(ref: number): ValueType {
    return typeOf(this.arena, ref);
  }

  encoding(ref: number): Encoding {
    return encodingOf(this.arena, ref);
  }

  setEncoding(ref: number, encoding: Encoding): void {
    setEncoding(this.arena, ref, encoding);
  }

  /** The bytes in which key and value stand: a whole segment, to be read from valueStart or keyStart. */
  valueBytes(ref: number): Uint8Array {
    return this.arena.bytesOf(ref);
  }

  /** The value of an entry that is too large for one block; undefined when its bytes are the value. */
  largeValue(ref: number): LargeValue | undefined {
    return isLarge(this.arena, ref) ? this.keys.large.get(largeNumberOf(this.arena, ref)) : undefined;
  }

  /** What the collections of this database are built on. */
  get ground(): Ground {
    return this.keys;
  }

  /** Up to which size collections stay compact. */
  get collections(): CollectionLimits {
    return this.world.collections;
  }

  get prng(): Prng {
    return this.world.prng;
  }

  valueStart(ref: number): number {
    return valueStartOf(this.arena, ref);
  }

  valueLength(ref: number): number {
    return valueLengthOf(this.arena, ref);
  }

  keyStart(ref: number): number {
    return keyStartOf(this.arena, ref);
  }

  keyLength(ref: number): number {
    return keyLengthOf(this.arena, ref);
  }

  /** Milliseconds since the epoch, or -1. */
  expireAt(ref: number): number {
    return expireAtOf(this.arena, ref);
  }

  idleSeconds(ref: number): number {
    return this.world.idleSeconds(ref);
  }

  frequency(ref: number): number {
    return this.world.frequency(ref);
  }

  /** Bytes of the block and its share of the index: MEMORY USAGE. */
  memoryUsage(ref: number): number {
    let bytes = this.arena.blockBytes(ref) + this.keys.index.bytesPerEntry();
    const large = this.largeValue(ref);
    if (large !== undefined) bytes += large.heldBytes() + LARGE_HEAD_BYTES;
    if (expireAtOf(this.arena, ref) >= 0) bytes += this.keys.expires.bytesPerEntry();
    if (hasExpiringFields(this.arena, ref)) bytes += this.keys.fieldExpires.bytesPerEntry();
    return Math.round(bytes);
  }

  // -- Writes ----------------------------------------------------------------------------------------------------------

  /**
   * Sets a key to a string, whatever it was. The value must not lie in the arena. `expireAt_ms` may be NO_EXPIRY or
   * KEEP_TTL; a time already past is stored as it is, and the next look-up expires it.
   */
  setString(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    encoding: Encoding,
    expireAt_ms: number,
  ): Outcome {
    return this.setValue(ValueType.string, encoding, key, keyStart, keyEnd, value, valueStart, valueEnd, expireAt_ms);
  }

  /** The same for any type that keeps its value as bytes. */
  setValue(
    type: ValueType,
    encoding: Encoding,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expireAt_ms: number,
  ): Outcome {
    const ref = this.place(type, encoding, key, keyStart, keyEnd, value, valueStart, valueEnd, expireAt_ms);
    return ref === MISSING ? NO_ROOM : OK;
  }

  /** The same with a large value, which is the database's from then on; with NO_ROOM it stays the caller's. */
  setLarge(
    type: ValueType,
    encoding: Encoding,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: LargeValue,
    expireAt_ms: number,
  ): Outcome {
    const end = LARGE_NUMBER_BYTES;
    const ref = this.place(type, encoding, key, keyStart, keyEnd, NO_NUMBER, 0, end, expireAt_ms);
    if (ref === MISSING) return NO_ROOM;
    this.keys.adoptLarge(ref, value);
    return OK;
  }

  /**
   * Lets a large value take the place of an entry's bytes: a small collection that has grown. Type and time to live stay.
   * @returns the entry's ref, which may have changed; MISSING when the arena is full, nothing changed and the value is the caller's.
   */
  enlarge(ref: number, encoding: Encoding, value: LargeValue): number {
    const target = this.keys.resizeValue(ref, LARGE_NUMBER_BYTES, 0);
    if (target === MISSING) return MISSING;
    setEncoding(this.arena, target, encoding);
    this.keys.adoptLarge(target, value);
    return target;
  }

  /** As `setValue`. @returns the entry; MISSING when the arena is full and nothing changed. */
  private place(
    type: ValueType,
    encoding: Encoding,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expireAt_ms: number,
  ): number {
    const { keys, world } = this;
    const hash = keys.hash.of(key, keyStart, keyEnd) | 0;
    const kind = type | (encoding << 4);
    const old = this.live(hash, keys.index.find(hash, key, keyStart, keyEnd));
    if (old === MISSING) {
      const first = kind | (world.initialClock(this.realm.usesLfu) << 8);
      const ref = keys.insert(hash, first, key, keyStart, keyEnd, value, valueStart, valueEnd, expireAt_ms);
      if (ref !== MISSING && world.tellsNew) this.created(key, keyStart, keyEnd);
      return ref;
    }
    const ref = keys.overwrite(hash, old, kind, value, valueStart, valueEnd, expireAt_ms);
    if (ref !== MISSING && !world.noTouch) world.touch(ref, this.realm.usesLfu);
    return ref;
  }

  /** A new value for an entry already found; type and time to live stay. For INCR, GETSET and their like. */
  replaceValue(ref: number, value: Uint8Array, valueStart: number, valueEnd: number, encoding: Encoding): Outcome {
    return this.keys.replaceValue(ref, value, valueStart, valueEnd, encoding) === MISSING ? NO_ROOM : OK;
  }

  /**
   * Makes the value longer (new bytes are zero) or shorter, with slack behind it when it has to move, so that appending
   * again is cheap. The caller writes at `valueStart` of what is returned and sets the encoding. Not for large values.
   * @returns the entry's ref, which may have changed; MISSING when the arena is full and nothing changed.
   */
  resizeValue(ref: number, newLength: number, slack: number = slackFor(newLength)): number {
    return this.keys.resizeValue(ref, newLength, slack);
  }

  /** @returns whether there was a live key. */
  delete(bytes: Uint8Array, start: number, end: number): boolean {
    const hash = this.keys.hash.of(bytes, start, end) | 0;
    const ref = this.live(hash, this.keys.index.find(hash, bytes, start, end));
    if (ref === MISSING) return false;
    this.keys.drop(hash, ref);
    return true;
  }

  /** Deletes an entry already found. */
  deleteEntry(ref: number): void {
    this.keys.drop(this.keys.hashOfEntry(ref), ref);
  }

  /**
   * Gives an entry a time to live; `expireAt_ms` must not be negative. The ref is no longer valid. A time already past
   * deletes at the next look-up: commands that must delete at once do it themselves.
   */
  setExpiry(ref: number, expireAt_ms: number): Outcome {
    return this.keys.expireEntry(this.keys.hashOfEntry(ref), ref, expireAt_ms) === MISSING ? NO_ROOM : OK;
  }

  /** @returns whether the entry had a time to live. The ref stays valid. */
  persist(ref: number): boolean {
    if (expireAtOf(this.arena, ref) < 0) return false;
    this.keys.expireEntry(this.keys.hashOfEntry(ref), ref, NO_EXPIRY);
    return true;
  }

  /**
   * Gives the value another key, with its time to live; whatever that key was goes.
   * @returns OK, NO_ROOM, or NOT_FOUND when there is no such key. Renaming a key to itself is OK and changes nothing.
   */
  rename(
    bytes: Uint8Array,
    start: number,
    end: number,
    newBytes: Uint8Array,
    newStart: number,
    newEnd: number,
  ): Outcome | typeof NOT_FOUND {
    const ref = this.peek(bytes, start, end);
    if (ref === MISSING) return NOT_FOUND;
    if (end - start === newEnd - newStart && equalRanges(bytes, start, newBytes, newStart, end - start)) return OK;
    const outcome = this.keys.copyInto(this.keys, ref, newBytes, newStart, newEnd, true) ? OK : NO_ROOM;
    if (outcome !== OK) return NO_ROOM;
    this.deleteEntry(this.peek(bytes, start, end));
    if (this.world.tellsNew) this.created(newBytes, newStart, newEnd);
    return OK;
  }

  /**
   * Copies key and time to live, within this database or into another of the realm.
   * @returns OK, NO_ROOM, NOT_FOUND, or EXISTS when the target exists and `replace` is false. Source and target must differ.
   */
  copyTo(
    target: Database,
    bytes: Uint8Array,
    start: number,
    end: number,
    newBytes: Uint8Array,
    newStart: number,
    newEnd: number,
    replace: boolean,
  ): Outcome | typeof NOT_FOUND | typeof EXISTS {
    const ref = this.peek(bytes, start, end);
    if (ref === MISSING) return NOT_FOUND;
    if (!replace && target.peek(newBytes, newStart, newEnd) !== MISSING) return EXISTS;
    if (!this.keys.copyInto(target.keys, ref, newBytes, newStart, newEnd, false)) return NO_ROOM;
    if (this.world.tellsNew) target.created(newBytes, newStart, newEnd);
    return OK;
  }

  /** @returns OK, NO_ROOM, NOT_FOUND, or EXISTS when the other database has such a key. */
  moveTo(target: Database, bytes: Uint8Array, start: number, end: number): Outcome | typeof NOT_FOUND | typeof EXISTS {
    const ref = this.peek(bytes, start, end);
    if (ref === MISSING) return NOT_FOUND;
    if (target.peek(bytes, start, end) !== MISSING) return EXISTS;
    if (!this.keys.copyInto(target.keys, ref, bytes, start, end, true)) return NO_ROOM;
    if (this.world.tellsNew) target.created(bytes, start, end);
    this.deleteEntry(this.peek(bytes, start, end));
    return OK;
  }

  // -- The whole -------------------------------------------------------------------------------------------------------

  size(): number {
    return this.keys.index.size;
  }

  /** Keys with a time to live. */
  expiresCount(): number {
    return this.keys.expires.size;
  }

  /**
   * Visits about `count` live entries from a cursor on, and all that share a hash with one of them. A key that is there from
   * the first call to the one that returns 0 is visited, whatever happens in between. Any number is a safe cursor. `visit` must not change
   * the database; expired entries are skipped.
   * @returns the next cursor: 0 at the end, else 1 to 2^32 - 1.
   */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    return this.keys.index.scan(cursor, count, (ref) => {
      if (!this.isExpired(ref)) visit(ref);
    });
  }

  /** Visits every live entry. `visit` must not change the database. */
  forEach(visit: (ref: number) => void): void {
    this.keys.index.forEach((ref) => {
      if (!this.isExpired(ref)) visit(ref);
    });
  }

  /** A random live entry, each as likely as any other; MISSING when there is none. Removes expired ones it meets. */
  randomEntry(): number {
    for (let tries = 0; tries < 100 && this.size() > 0; tries++) {
      const ref = this.keys.index.random(this.world.prng);
      if (!this.isExpired(ref)) return ref;
      this.dropExpired(this.keys.hashOfEntry(ref), ref);
    }
    return MISSING;
  }

  /** Empties the database at once. */
  clear(): void {
    const detached = this.detachForLazyFree();
    detached.expires.drain(Number.POSITIVE_INFINITY, undefined);
    detached.fieldExpires.drain(Number.POSITIVE_INFINITY, undefined);
    detached.index.drain(Number.POSITIVE_INFINITY, detached.free);
  }

  /** Empties the database in no time; the memory stays charged until the shard's `reclaim` has worked it off. */
  detachForLazyFree(): Detached {
    const keys = this.keys;
    const free = (ref: number) => keys.discard(ref);
    const { account, index, expires, fieldExpires } = keys;
    keys.index = new KeyIndex(keys.arena, account);
    keys.expires = new KeyIndex(keys.arena, account);
    keys.fieldExpires = new KeyIndex(keys.arena, account);
    this.averageTtl_ms = 0;
    this.expiryCursor = 0;
    this.fieldExpiryCursor = 0;
    return { account, index, expires, fieldExpires, free };
  }
}

function slackFor(length: number): number {
  return length < GREEDY_BYTES_MAX ? length : Math.max(GREEDY_BYTES_MAX, length >>> 3);
}
