/**
 * The bare container of one database: entries in the arena, an index over all of them and two, mostly small ones over those
 * that expire and over hashes of which fields do. Knows nothing of time, statistics or who asks; `Database` does.
 *
 * Invariants: an entry is in `expires` exactly when `expireAtOf` is not negative, and in `fieldExpires` exactly when its
 * EXPIRING_FIELDS_FLAG is set, under the same hash and ref as in `index`; every entry and every table of the indexes is
 * charged to the account, once.
 *
 * Hot path. Budget: replacing a value that fits under 60 ns, making an entry under 200 ns; guarded by `bench/engine.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import {
  ENTRY_HEADER_BYTES,
  type Encoding,
  EXPIRING_FIELDS_FLAG,
  EXPIRY_BYTES,
  expireAtOf,
  hasExpiringFields,
  hasSlot,
  isLarge,
  keyLengthOf,
  keyStartOf,
  LARGE_FLAG,
  LARGE_NUMBER_BYTES,
  largeNumberOf,
  MISSING,
  SLOT_FLAG,
  setEncoding,
  setExpiringFields,
  setLarge,
  setValueLength,
  typeOf,
  valueLengthOf,
  valueStartOf,
  writeExpireAt,
  writeHeader,
} from './entry.ts';
import { KeyIndex } from './index.ts';
import type { LargeValue, LargeValues } from './large.ts';
import { SnapshotMark } from './snapshot-mark.ts';
import type { Hasher } from './world.ts';

/** Instead of a time to live: the one it has. */
export const KEEP_TTL = -2;
/** A block this small is kept whatever it holds. */
const SMALL_BLOCK_BYTES = 64;

export class Keyspace {
  readonly arena: Arena;
  readonly account: Account;
  readonly hash: Hasher;
  readonly large: LargeValues;
  readonly mark: SnapshotMark;
  index: KeyIndex;
  expires: KeyIndex;
  fieldExpires: KeyIndex;

  constructor(
    arena: Arena,
    account: Account,
    hash: Hasher,
    large: LargeValues,
    mark: SnapshotMark = new SnapshotMark(),
  ) {
    this.arena = arena;
    this.account = account;
    this.hash = hash;
    this.large = large;
    this.mark = mark;
    this.index = new KeyIndex(arena, account);
    this.expires = new KeyIndex(arena, account);
    this.fieldExpires = new KeyIndex(arena, account);
  }

  hashOf(bytes: Uint8Array, start: number, end: number): number {
    return this.hash.of(bytes, start, end) | 0;
  }

  /** The hash of an entry's own key. */
  hashOfEntry(ref: number): number {
    const start = keyStartOf(this.arena, ref);
    return this.hash.of(this.arena.bytesOf(ref), start, start + keyLengthOf(this.arena, ref)) | 0;
  }

  /** A block for an entry, charged, header written, key and value not yet. MISSING when the arena is full. */
  make(first: number, keyLength: number, valueLength: number, expireAt_ms: number, slack: number): number {
    const withSlot = expireAt_ms >= 0;
    const bytes = ENTRY_HEADER_BYTES + (withSlot ? EXPIRY_BYTES : 0) + keyLength + valueLength + slack;
    const ref = this.arena.allocate(bytes);
    if (ref === MISSING) return MISSING;
    this.account.charge(this.arena.lastBytes);
    writeHeader(this.arena, ref, first, (withSlot ? SLOT_FLAG : 0) | this.mark.saved, keyLength, valueLength);
    if (withSlot) writeExpireAt(this.arena, ref, expireAt_ms);
    return ref;
  }

  /** Gives a block back that is in no index, and the large value that it leads to. */
  discard(ref: number): void {
    if (isLarge(this.arena, ref)) this.releaseLarge(ref);
    this.account.credit(this.arena.free(ref));
  }

  /** Puts a new entry into the indexes. On false nothing changed and the block is still the caller's. */
  link(hash: number, ref: number): boolean {
    if (!this.index.insert(hash, ref)) return false;
    const expires = expireAtOf(this.arena, ref) >= 0;
    if (!expires || this.expires.insert(hash, ref)) {
      if (!hasExpiringFields(this.arena, ref) || this.fieldExpires.insert(hash, ref)) return true;
      if (expires) this.expires.remove(hash, ref);
    }
    this.index.remove(hash, ref);
    return false;
  }

  /** Puts `fresh` where `old` was and frees `old`. On false nothing changed and `fresh` is still the caller's. */
  supersede(hash: number, old: number, fresh: number): boolean {
    const oldExpires = expireAtOf(this.arena, old) >= 0;
    const freshExpires = expireAtOf(this.arena, fresh) >= 0;
    if (!this.followFields(hash, old, fresh)) return false;
    if (freshExpires) {
      if (oldExpires) this.expires.replace(hash, old, fresh);
      else if (!this.expires.insert(hash, fresh)) {
        if (hasExpiringFields(this.arena, fresh)) this.unfollowFields(hash, old, fresh);
        return false;
      }
    } else if (oldExpires) this.expires.remove(hash, old);
    if (hasExpiringFields(this.arena, old) && !hasExpiringFields(this.arena, fresh))
      this.fieldExpires.remove(hash, old);
    this.index.replace(hash, old, fresh);
    this.discard(old);
    return true;
  }

  /** Lets the index of hashes whose fields expire lead to `fresh` if it is one. False: no memory, nothing changed. */
  private followFields(hash: number, old: number, fresh: number): boolean {
    if (!hasExpiringFields(this.arena, fresh)) return true;
    if (!hasExpiringFields(this.arena, old)) return this.fieldExpires.insert(hash, fresh);
    this.fieldExpires.replace(hash, old, fresh);
    return true;
  }

  private unfollowFields(hash: number, old: number, fresh: number): void {
    if (hasExpiringFields(this.arena, old)) this.fieldExpires.replace(hash, fresh, old);
    else this.fieldExpires.remove(hash, fresh);
  }

  /** Says whether fields of a hash expire. @returns false when the arena is full and nothing changed. */
  markExpiringFields(ref: number, expiring: boolean): boolean {
    if (hasExpiringFields(this.arena, ref) === expiring) return true;
    const hash = this.hashOfEntry(ref);
    if (!expiring) this.fieldExpires.remove(hash, ref);
    else if (!this.fieldExpires.insert(hash, ref)) return false;
    setExpiringFields(this.arena, ref, expiring);
    return true;
  }

  /** Takes an entry out of the indexes and frees it. */
  drop(hash: number, ref: number): void {
    this.index.remove(hash, ref);
    if (expireAtOf(this.arena, ref) >= 0) this.expires.remove(hash, ref);
    if (hasExpiringFields(this.arena, ref)) this.fieldExpires.remove(hash, ref);
    this.discard(ref);
  }

  /** A new entry, linked. @returns it; MISSING when the arena is full. */
  insert(
    hash: number,
    first: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expireAt_ms: number,
  ): number {
    const ref = this.make(first, keyEnd - keyStart, valueEnd - valueStart, expireAt_ms, 0);
    if (ref === MISSING) return MISSING;
    const bytes = this.arena.bytesOf(ref);
    const at = keyStartOf(this.arena, ref);
    copyRange(key, keyStart, keyEnd, bytes, at);
    copyRange(value, valueStart, valueEnd, bytes, at + keyEnd - keyStart);
    if (this.link(hash, ref)) return ref;
    this.discard(ref);
    return MISSING;
  }

  /**
   * Gives an entry a new value, type, encoding (`kind`) and time to live; the key and the access clock stay.
   * @returns the entry's ref, which may have changed; MISSING when the arena is full and nothing changed.
   */
  overwrite(
    hash: number,
    old: number,
    kind: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expireAt_ms: number,
  ): number {
    const arena = this.arena;
    const length = valueEnd - valueStart;
    const keyLength = keyLengthOf(arena, old);
    const words = arena.wordsOf(old);
    const at = (old & 0x1fffff) << 1;
    const before_ms = expireAtOf(arena, old);
    const after_ms = expireAt_ms === KEEP_TTL ? before_ms : expireAt_ms;
    const hadSlot = ((words[at + 1] as number) & SLOT_FLAG) !== 0;
    const wanted = ENTRY_HEADER_BYTES + (hadSlot || after_ms >= 0 ? EXPIRY_BYTES : 0) + keyLength + length;
    const first = kind | ((words[at] as number) & ~0xff);
    if ((hadSlot || after_ms < 0) && this.fits(old, wanted)) {
      if (after_ms >= 0 && before_ms < 0 && !this.expires.insert(hash, old)) return MISSING;
      if (after_ms < 0 && before_ms >= 0) this.expires.remove(hash, old);
      if (((words[at + 1] as number) & LARGE_FLAG) !== 0) this.releaseLarge(old);
      if (((words[at + 1] as number) & EXPIRING_FIELDS_FLAG) !== 0) this.markExpiringFields(old, false);
      words[at] = first;
      words[at + 3] = length;
      if (hadSlot) writeExpireAt(arena, old, after_ms);
      copyRange(value, valueStart, valueEnd, arena.bytesOf(old), valueStartOf(arena, old));
      return old;
    }
    const fresh = this.make(first, keyLength, length, after_ms, 0);
    if (fresh === MISSING) return MISSING;
    const bytes = arena.bytesOf(fresh);
    const keyAt = keyStartOf(arena, fresh);
    copyRange(arena.bytesOf(old), keyStartOf(arena, old), keyStartOf(arena, old) + keyLength, bytes, keyAt);
    copyRange(value, valueStart, valueEnd, bytes, keyAt + keyLength);
    if (this.supersede(hash, old, fresh)) return fresh;
    this.discard(fresh);
    return MISSING;
  }

  /** A new value for an entry; type and time to live stay. @returns as `overwrite`. */
  replaceValue(ref: number, value: Uint8Array, valueStart: number, valueEnd: number, encoding: Encoding): number {
    const arena = this.arena;
    const length = valueEnd - valueStart;
    const valueAt = valueStartOf(arena, ref);
    if (!isLarge(arena, ref) && this.fits(ref, valueAt - ((ref & 0x1fffff) << 3) + length)) {
      setEncoding(arena, ref, encoding);
      setValueLength(arena, ref, length);
      copyRange(value, valueStart, valueEnd, arena.bytesOf(ref), valueAt);
      return ref;
    }
    const kind = typeOf(arena, ref) | (encoding << 4);
    return this.overwrite(this.hashOfEntry(ref), ref, kind, value, valueStart, valueEnd, KEEP_TTL);
  }

  /** See `Database.resizeValue`. */
  resizeValue(ref: number, newLength: number, slack: number): number {
    const arena = this.arena;
    const length = valueLengthOf(arena, ref);
    const headLength = valueStartOf(arena, ref) - ((ref & 0x1fffff) << 3);
    let target = ref;
    const capacity = arena.blockBytes(ref);
    if (headLength + newLength > capacity || (newLength < length && !this.fits(ref, headLength + newLength))) {
      target = this.moveResized(ref, newLength, newLength > length ? slack : 0);
      if (target === MISSING) return MISSING;
    }
    if (newLength > length) {
      const at = valueStartOf(arena, target);
      arena.bytesOf(target).fill(0, at + length, at + newLength);
    }
    setValueLength(arena, target, newLength);
    return target;
  }

  /** Whether so many bytes go into the block without wasting more than half of it. */
  private fits(ref: number, wanted: number): boolean {
    const bytes = this.arena.blockBytes(ref);
    return wanted <= bytes && (bytes <= SMALL_BLOCK_BYTES || wanted * 2 > bytes);
  }

  /** Makes a large value the entry's, whose value has LARGE_NUMBER_BYTES. */
  adoptLarge(ref: number, value: LargeValue): void {
    const number = this.large.add(value, this.account);
    const bytes = this.arena.bytesOf(ref);
    const at = valueStartOf(this.arena, ref);
    for (let i = 0; i < LARGE_NUMBER_BYTES; i++) bytes[at + i] = number >>> (8 * i);
    setLarge(this.arena, ref, true);
  }

  private releaseLarge(ref: number): void {
    setLarge(this.arena, ref, false);
    this.large.release(largeNumberOf(this.arena, ref), this.account);
  }

  /** Copies key and value of one entry behind the header of another. */
  copyContent(from: number, to: number): void {
    const source = this.arena.bytesOf(from);
    const keyStart = keyStartOf(this.arena, from);
    const end = valueStartOf(this.arena, from) + valueLengthOf(this.arena, from);
    copyRange(source, keyStart, end, this.arena.bytesOf(to), keyStartOf(this.arena, to));
  }

  /**
   * Sets (or with a negative number clears) the expiry.
   * @returns the entry's ref, which changes when its block had no room for an expiry; MISSING when the arena is full.
   */
  expireEntry(hash: number, ref: number, expireAt_ms: number): number {
    const before_ms = expireAtOf(this.arena, ref);
    if (expireAt_ms < 0) {
      if (before_ms >= 0) {
        this.expires.remove(hash, ref);
        writeExpireAt(this.arena, ref, -1);
      }
      return ref;
    }
    if (hasSlot(this.arena, ref)) {
      if (before_ms < 0 && !this.expires.insert(hash, ref)) return MISSING;
      writeExpireAt(this.arena, ref, expireAt_ms);
      return ref;
    }
    return this.widen(hash, ref, expireAt_ms);
  }

  /** Makes room for an expiry in an entry that has none: by moving the content up, or into a new block. */
  private widen(hash: number, ref: number, expireAt_ms: number): number {
    const arena = this.arena;
    const words = arena.wordsOf(ref);
    const at = (ref & 0x1fffff) << 1;
    const keyLength = keyLengthOf(arena, ref);
    const valueLength = valueLengthOf(arena, ref);
    const content = keyLength + valueLength;
    if (ENTRY_HEADER_BYTES + EXPIRY_BYTES + content <= arena.blockBytes(ref)) {
      if (!this.expires.insert(hash, ref)) return MISSING;
      const start = keyStartOf(arena, ref);
      arena.bytesOf(ref).copyWithin(start + EXPIRY_BYTES, start, start + content);
      words[at + 1] = (words[at + 1] as number) | SLOT_FLAG;
      writeExpireAt(arena, ref, expireAt_ms);
      return ref;
    }
    const fresh = this.make(words[at] as number, keyLength, valueLength, expireAt_ms, 0);
    if (fresh === MISSING) return MISSING;
    this.copyContent(ref, fresh);
    return this.takeOver(hash, ref, fresh);
  }

  /**
   * Moves an entry to a block for a value of another length, with slack behind it if there is memory and budget for that.
   * @returns the new ref; MISSING when the arena is full.
   */
  moveResized(ref: number, newLength: number, slack: number): number {
    const arena = this.arena;
    const keyLength = keyLengthOf(arena, ref);
    const kept = Math.min(newLength, valueLengthOf(arena, ref));
    const first = arena.wordsOf(ref)[(ref & 0x1fffff) << 1] as number;
    // Slack is a courtesy: it must not carry the account over its limit.
    const affordable = this.account.room(newLength - kept + slack) ? slack : 0;
    let fresh = this.make(first, keyLength, newLength, expireAtOf(arena, ref), affordable);
    if (fresh === MISSING) fresh = this.make(first, keyLength, newLength, expireAtOf(arena, ref), 0);
    if (fresh === MISSING) return MISSING;
    const from = keyStartOf(arena, ref);
    copyRange(arena.bytesOf(ref), from, from + keyLength + kept, arena.bytesOf(fresh), keyStartOf(arena, fresh));
    return this.takeOver(this.hashOfEntry(ref), ref, fresh);
  }

  /**
   * Lets `fresh`, a copy of `old` in another block, be the entry; a large value goes over to it.
   * @returns `fresh`; MISSING when the arena is full and nothing changed.
   */
  private takeOver(hash: number, old: number, fresh: number): number {
    const large = isLarge(this.arena, old);
    if (hasExpiringFields(this.arena, old)) setExpiringFields(this.arena, fresh, true);
    // Whoever bears the flag when it is discarded takes the large value along.
    if (large) setLarge(this.arena, old, false);
    if (this.supersede(hash, old, fresh)) {
      if (large) setLarge(this.arena, fresh, true);
      return fresh;
    }
    if (large) setLarge(this.arena, old, true);
    this.discard(fresh);
    return MISSING;
  }

  /**
   * Puts an entry under a new key into this or another keyspace of the realm, in place of what that key was: a copy, or, to
   * spare the copying of a large value, what is left when `moving` is for the caller to drop.
   * @returns false when the arena is full and nothing changed.
   */
  copyInto(target: Keyspace, ref: number, key: Uint8Array, keyStart: number, keyEnd: number, moving: boolean): boolean {
    const arena = this.arena;
    const length = valueLengthOf(arena, ref);
    const first = arena.wordsOf(ref)[(ref & 0x1fffff) << 1] as number;
    const fresh = target.make(first, keyEnd - keyStart, length, expireAtOf(arena, ref), 0);
    if (fresh === MISSING) return false;
    const bytes = arena.bytesOf(fresh);
    const at = keyStartOf(arena, fresh);
    const from = valueStartOf(arena, ref);
    copyRange(key, keyStart, keyEnd, bytes, at);
    copyRange(arena.bytesOf(ref), from, from + length, bytes, at + keyEnd - keyStart);
    if (hasExpiringFields(arena, ref)) setExpiringFields(arena, fresh, true);
    if (isLarge(arena, ref) && !moving && !this.copyLarge(ref, fresh)) {
      target.discard(fresh);
      return false;
    }
    const hash = target.hashOf(key, keyStart, keyEnd);
    const old = target.index.find(hash, key, keyStart, keyEnd);
    if (old === MISSING ? target.link(hash, fresh) : target.supersede(hash, old, fresh)) {
      if (isLarge(arena, ref) && moving) {
        setLarge(arena, fresh, true);
        setLarge(arena, ref, false);
      }
      return true;
    }
    target.discard(fresh);
    return false;
  }

  /** Gives `fresh` a copy of the large value of `ref`. */
  private copyLarge(ref: number, fresh: number): boolean {
    const copy = this.large.get(largeNumberOf(this.arena, ref)).copy();
    if (copy === undefined) return false;
    this.adoptLarge(fresh, copy);
    return true;
  }
}
