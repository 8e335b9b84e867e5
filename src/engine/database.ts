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
import { copyRange, equalRanges } from '../base/bytes.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import {
  ENTRY_HEADER_BYTES,
  type Encoding,
  EXPIRY_BYTES,
  encodingOf,
  expireAtOf,
  keyLengthOf,
  keyStartOf,
  MISSING,
  SLOT_FLAG,
  setEncoding,
  setValueLength,
  typeOf,
  ValueType,
  valueLengthOf,
  valueStartOf,
  writeExpireAt,
} from './entry.ts';
import { KeyIndex } from './index.ts';
import { Keyspace } from './keyspace.ts';
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
export const KEEP_TTL = -2;

/** Strings grow by their own length up to this, then by an eighth: 10^6 appends copy each byte a bounded number of times. */
const GREEDY_BYTES_MAX = 1024 * 1024;
/** A block this small is kept whatever it holds. */
const SMALL_BLOCK_BYTES = 64;

/** Memory of a detached database, waiting to be freed in slices. */
export interface Detached {
  readonly account: Account;
  readonly index: KeyIndex;
  readonly expires: KeyIndex;
}

export class Database {
  /** Changed by SWAPDB only. */
  number: number;
  /** Milliseconds left on average, as the expiry cycle saw it. */
  averageTtl_ms: number;
  /** Where the expiry cycle goes on: a position in the hash space. */
  expiryCursor: number;
  /** For the engine's own files; commands have the methods below. */
  readonly keys: Keyspace;
  private readonly world: World;
  private readonly realm: RealmContext;
  private readonly arena: Arena;

  constructor(number: number, world: World, realm: RealmContext, account: Account) {
    this.number = number;
    this.averageTtl_ms = 0;
    this.expiryCursor = 0;
    this.keys = new Keyspace(world.arena, account, world.hash);
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
      this.realm.statistics.misses++;
      return MISSING;
    }
    this.realm.statistics.hits++;
    if (!this.world.noTouch) this.world.touch(ref, this.realm.usesLfu);
    return ref;
  }

  /** For commands that read about a key, not its value (EXISTS, TTL, TYPE, OBJECT): counted, not touched. */
  findUntouched(bytes: Uint8Array, start: number, end: number): number {
    const ref = this.peek(bytes, start, end);
    if (ref === MISSING) this.realm.statistics.misses++;
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
    if (expireAtOf(this.arena, ref) >= 0) bytes += this.keys.expires.bytesPerEntry();
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
    const keys = this.keys;
    const hash = keys.hash.of(key, keyStart, keyEnd) | 0;
    const old = this.live(hash, keys.index.find(hash, key, keyStart, keyEnd));
    if (old !== MISSING) {
      return this.overwrite(hash, old, type, encoding, value, valueStart, valueEnd, expireAt_ms);
    }
    const first = type | (encoding << 4) | (this.world.initialClock(this.realm.usesLfu) << 8);
    const ref = keys.make(first, keyEnd - keyStart, valueEnd - valueStart, expireAt_ms, 0);
    if (ref === MISSING) return NO_ROOM;
    const bytes = this.arena.bytesOf(ref);
    const at = keyStartOf(this.arena, ref);
    copyRange(key, keyStart, keyEnd, bytes, at);
    copyRange(value, valueStart, valueEnd, bytes, at + keyEnd - keyStart);
    if (keys.link(hash, ref)) return OK;
    keys.discard(ref);
    return NO_ROOM;
  }

  private overwrite(
    hash: number,
    old: number,
    type: ValueType,
    encoding: Encoding,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expireAt_ms: number,
  ): Outcome {
    const keys = this.keys;
    const arena = this.arena;
    const length = valueEnd - valueStart;
    const keyLength = keyLengthOf(arena, old);
    const words = arena.wordsOf(old);
    const at = (old & 0x1fffff) << 1;
    const before_ms = expireAtOf(arena, old);
    const after_ms = expireAt_ms === KEEP_TTL ? before_ms : expireAt_ms;
    const hasSlot = ((words[at + 1] as number) & SLOT_FLAG) !== 0;
    const wanted = ENTRY_HEADER_BYTES + (hasSlot || after_ms >= 0 ? EXPIRY_BYTES : 0) + keyLength + length;
    const first = type | (encoding << 4) | ((words[at] as number) & ~0xff);
    if ((hasSlot || after_ms < 0) && this.fits(old, wanted)) {
      if (after_ms >= 0 && before_ms < 0 && !keys.expires.insert(hash, old)) return NO_ROOM;
      if (after_ms < 0 && before_ms >= 0) keys.expires.remove(hash, old);
      words[at] = first;
      words[at + 3] = length;
      if (hasSlot) writeExpireAt(arena, old, after_ms);
      copyRange(value, valueStart, valueEnd, arena.bytesOf(old), valueStartOf(arena, old));
      if (!this.world.noTouch) this.world.touch(old, this.realm.usesLfu);
      return OK;
    }
    const fresh = keys.make(first, keyLength, length, after_ms, 0);
    if (fresh === MISSING) return NO_ROOM;
    const bytes = arena.bytesOf(fresh);
    const keyAt = keyStartOf(arena, fresh);
    copyRange(arena.bytesOf(old), keyStartOf(arena, old), keyStartOf(arena, old) + keyLength, bytes, keyAt);
    copyRange(value, valueStart, valueEnd, bytes, keyAt + keyLength);
    if (!keys.supersede(hash, old, fresh)) {
      keys.discard(fresh);
      return NO_ROOM;
    }
    if (!this.world.noTouch) this.world.touch(fresh, this.realm.usesLfu);
    return OK;
  }

  /** Whether so many bytes go into the block without wasting more than half of it. */
  private fits(ref: number, wanted: number): boolean {
    const bytes = this.arena.blockBytes(ref);
    return wanted <= bytes && (bytes <= SMALL_BLOCK_BYTES || wanted * 2 > bytes);
  }

  /** A new value for an entry already found; type and time to live stay. For INCR, GETSET and their like. */
  replaceValue(ref: number, value: Uint8Array, valueStart: number, valueEnd: number, encoding: Encoding): Outcome {
    const arena = this.arena;
    const length = valueEnd - valueStart;
    const valueAt = valueStartOf(arena, ref);
    if (this.fits(ref, valueAt - ((ref & 0x1fffff) << 3) + length)) {
      setEncoding(arena, ref, encoding);
      setValueLength(arena, ref, length);
      copyRange(value, valueStart, valueEnd, arena.bytesOf(ref), valueAt);
      return OK;
    }
    const type = typeOf(arena, ref);
    const hash = this.keys.hashOfEntry(ref);
    return this.overwrite(hash, ref, type, encoding, value, valueStart, valueEnd, KEEP_TTL);
  }

  /**
   * Makes the value longer (new bytes are zero) or shorter, with slack behind it when it has to move, so that appending
   * again is cheap. The caller writes at `valueStart` of what is returned and sets the encoding.
   * @returns the entry's ref, which may have changed; MISSING when the arena is full and nothing changed.
   */
  resizeValue(ref: number, newLength: number): number {
    const arena = this.arena;
    const length = valueLengthOf(arena, ref);
    const headBytes = valueStartOf(arena, ref) - ((ref & 0x1fffff) << 3);
    let target = ref;
    const capacity = arena.blockBytes(ref);
    if (headBytes + newLength > capacity || (newLength < length && !this.fits(ref, headBytes + newLength))) {
      target = this.keys.moveResized(ref, newLength, newLength > length ? slackFor(newLength) : 0);
      if (target === MISSING) return MISSING;
    }
    if (newLength > length) {
      const at = valueStartOf(arena, target);
      arena.bytesOf(target).fill(0, at + length, at + newLength);
    }
    setValueLength(arena, target, newLength);
    return target;
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
    const outcome = this.keys.copyInto(this.keys, ref, newBytes, newStart, newEnd) ? OK : NO_ROOM;
    if (outcome === OK) this.deleteEntry(this.peek(bytes, start, end));
    return outcome;
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
    return this.keys.copyInto(target.keys, ref, newBytes, newStart, newEnd) ? OK : NO_ROOM;
  }

  /** @returns OK, NO_ROOM, NOT_FOUND, or EXISTS when the other database has such a key. */
  moveTo(target: Database, bytes: Uint8Array, start: number, end: number): Outcome | typeof NOT_FOUND | typeof EXISTS {
    const outcome = this.copyTo(target, bytes, start, end, bytes, start, end, false);
    if (outcome === OK) this.deleteEntry(this.peek(bytes, start, end));
    return outcome;
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
    detached.expires.drain(Number.POSITIVE_INFINITY, false);
    detached.index.drain(Number.POSITIVE_INFINITY, true);
  }

  /** Empties the database in no time; the memory stays charged until the shard's `reclaim` has worked it off. */
  detachForLazyFree(): Detached {
    const keys = this.keys;
    const detached = { account: keys.account, index: keys.index, expires: keys.expires };
    keys.index = new KeyIndex(keys.arena, keys.account);
    keys.expires = new KeyIndex(keys.arena, keys.account);
    this.averageTtl_ms = 0;
    this.expiryCursor = 0;
    return detached;
  }
}

function slackFor(length: number): number {
  return length < GREEDY_BYTES_MAX ? length : Math.max(GREEDY_BYTES_MAX, length >>> 3);
}
