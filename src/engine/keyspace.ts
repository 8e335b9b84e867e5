/**
 * The bare container of one database: entries in the arena, an index over all of them and a second, small one over those
 * that expire. Knows nothing of time, statistics or who asks; `Database` does.
 *
 * Invariants: an entry is in `expires` exactly when `expireAtOf` is not negative, under the same hash and ref as in
 * `index`; every entry and every table of both indexes is charged to the account, once.
 *
 * Hot path. Budget: replacing a value that fits under 60 ns, making an entry under 200 ns; guarded by `bench/engine.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import {
  ENTRY_HEADER_BYTES,
  EXPIRY_BYTES,
  expireAtOf,
  hasSlot,
  keyLengthOf,
  keyStartOf,
  MISSING,
  SLOT_FLAG,
  valueLengthOf,
  valueStartOf,
  writeExpireAt,
  writeHeader,
} from './entry.ts';
import { KeyIndex } from './index.ts';
import type { Hasher } from './world.ts';

export class Keyspace {
  readonly arena: Arena;
  readonly account: Account;
  readonly hash: Hasher;
  index: KeyIndex;
  expires: KeyIndex;

  constructor(arena: Arena, account: Account, hash: Hasher) {
    this.arena = arena;
    this.account = account;
    this.hash = hash;
    this.index = new KeyIndex(arena, account);
    this.expires = new KeyIndex(arena, account);
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
    writeHeader(this.arena, ref, first, withSlot ? SLOT_FLAG : 0, keyLength, valueLength);
    if (withSlot) writeExpireAt(this.arena, ref, expireAt_ms);
    return ref;
  }

  /** Gives a block back that is in no index. */
  discard(ref: number): void {
    this.account.credit(this.arena.free(ref));
  }

  /** Puts a new entry into the indexes. On false nothing changed and the block is still the caller's. */
  link(hash: number, ref: number): boolean {
    if (!this.index.insert(hash, ref)) return false;
    if (expireAtOf(this.arena, ref) < 0 || this.expires.insert(hash, ref)) return true;
    this.index.remove(hash, ref);
    return false;
  }

  /** Puts `fresh` where `old` was and frees `old`. On false nothing changed and `fresh` is still the caller's. */
  supersede(hash: number, old: number, fresh: number): boolean {
    const oldExpires = expireAtOf(this.arena, old) >= 0;
    const freshExpires = expireAtOf(this.arena, fresh) >= 0;
    if (freshExpires) {
      if (oldExpires) this.expires.replace(hash, old, fresh);
      else if (!this.expires.insert(hash, fresh)) return false;
    } else if (oldExpires) this.expires.remove(hash, old);
    this.index.replace(hash, old, fresh);
    this.discard(old);
    return true;
  }

  /** Takes an entry out of the indexes and frees it. */
  drop(hash: number, ref: number): void {
    this.index.remove(hash, ref);
    if (expireAtOf(this.arena, ref) >= 0) this.expires.remove(hash, ref);
    this.discard(ref);
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
    if (this.supersede(hash, ref, fresh)) return fresh;
    this.discard(fresh);
    return MISSING;
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
    if (this.supersede(this.hashOfEntry(ref), ref, fresh)) return fresh;
    this.discard(fresh);
    return MISSING;
  }

  /** Copies an entry under a new key into this or another keyspace, in place of what that key was. False without memory. */
  copyInto(target: Keyspace, ref: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
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
    const hash = target.hashOf(key, keyStart, keyEnd);
    const old = target.index.find(hash, key, keyStart, keyEnd);
    if (old === MISSING ? target.link(hash, fresh) : target.supersede(hash, old, fresh)) return true;
    target.discard(fresh);
    return false;
  }
}
