/**
 * The elements of one large hash, set or sorted set: a block each, found by name through an index of their own.
 *
 * Invariant: every block and every table of the index is charged to the account, once. `bytes` is their sum.
 *
 * Refs of members die when that member is removed, or its value moves; nothing else moves them.
 *
 * Hot path. Budget: a look-up of 16 bytes under 250 ns at 1M members, adding one under 500 ns; guarded by `bench/engine.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import type { Prng } from '../base/prng.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import { MISSING } from './entry.ts';
import { KeyIndex } from './index.ts';
import {
  memberBytes,
  memberValueLengthOf,
  memberValueStartOf,
  nameLengthOf,
  nameStartOf,
  setMemberValueLength,
  writeMember,
} from './member.ts';
import type { Hasher } from './world.ts';

/** What every collection in the arena is made of: memory, who pays for it, and the hash. */
export interface Ground {
  readonly arena: Arena;
  readonly account: Account;
  readonly hash: Hasher;
}

/** A value this much larger than what it holds moves to a smaller block. */
const SHRINK_FACTOR = 2;
const SMALL_BLOCK_BYTES = 64;

export class Members {
  readonly ground: Ground;
  readonly arena: Arena;
  private readonly index: KeyIndex;
  /** Bytes of the blocks; the index counts its own. */
  private blockBytes: number;

  constructor(ground: Ground) {
    this.ground = ground;
    this.arena = ground.arena;
    this.index = new KeyIndex(ground.arena, ground.account, 'members');
    this.blockBytes = 0;
  }

  get size(): number {
    return this.index.size;
  }

  /** Bytes of all blocks and of the index. */
  get bytes(): number {
    return this.blockBytes + this.index.heldBytes();
  }

  hashOf(bytes: Uint8Array, start: number, end: number): number {
    return this.ground.hash.of(bytes, start, end) | 0;
  }

  /** The member of that name, or MISSING. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.index.find(this.hashOf(bytes, start, end), bytes, start, end);
  }

  /**
   * Adds a member whose name is not there yet, with room for a value. The name must not lie in the arena's own blocks, unless nothing
   * of them is freed meanwhile, which adding never does.
   * @returns its ref, value and score not written; MISSING when the arena is full and nothing changed.
   */
  add(kind: number, bytes: Uint8Array, start: number, end: number, valueLength: number): number {
    const { arena } = this;
    const ref = arena.allocate(memberBytes(kind, end - start, valueLength));
    if (ref === MISSING) return MISSING;
    const taken = arena.lastBytes;
    writeMember(arena, ref, kind, bytes, start, end, valueLength);
    if (!this.index.insert(this.hashOf(bytes, start, end), ref)) {
      arena.free(ref);
      return MISSING;
    }
    this.ground.account.charge(taken);
    this.blockBytes += taken;
    return ref;
  }

  /** Whether a member's block will do for a value of this length, wasting no more than half of it. */
  fitsValue(ref: number, kind: number, valueLength: number): boolean {
    const wanted = memberBytes(kind, nameLengthOf(this.arena, ref), valueLength);
    const held = this.arena.blockBytes(ref);
    return wanted <= held && (held <= SMALL_BLOCK_BYTES || wanted * SHRINK_FACTOR > held);
  }

  /**
   * Gives a member another value; bytes of a value must not lie in that member's block.
   * @returns its ref, which changes when the value needs another block; MISSING when the arena is full and nothing changed.
   */
  setValue(ref: number, kind: number, value: Uint8Array, start: number, end: number): number {
    const { arena } = this;
    if (this.fitsValue(ref, kind, end - start)) {
      setMemberValueLength(arena, ref, end - start);
      copyRange(value, start, end, arena.bytesOf(ref), memberValueStartOf(arena, ref));
      return ref;
    }
    const fresh = this.moved(ref, kind, end - start);
    if (fresh !== MISSING) copyRange(value, start, end, arena.bytesOf(fresh), memberValueStartOf(arena, fresh));
    return fresh;
  }

  /**
   * Moves a member into a block of another kind, or for a value of another length; of the value nothing is copied.
   * @returns the new ref, whose score is not written; MISSING when the arena is full and nothing changed.
   */
  moved(ref: number, kind: number, valueLength: number): number {
    const fresh = this.twin(ref, kind, valueLength);
    if (fresh !== MISSING) this.supersede(ref, fresh);
    return fresh;
  }

  /**
   * A block with a member's name, of any kind and for a value of any length, to take its place by `supersede` or to be given up
   * by `discard`: for owners who must do something in between that may fail.
   * @returns its ref, value and score not written; MISSING when the arena is full.
   */
  twin(ref: number, kind: number, valueLength: number): number {
    const { arena } = this;
    const nameLength = nameLengthOf(arena, ref);
    const fresh = arena.allocate(memberBytes(kind, nameLength, valueLength));
    if (fresh === MISSING) return MISSING;
    this.ground.account.charge(arena.lastBytes);
    this.blockBytes += arena.lastBytes;
    const start = nameStartOf(arena, ref);
    writeMember(arena, fresh, kind, arena.bytesOf(ref), start, start + nameLength, valueLength);
    return fresh;
  }

  /** Lets a twin take a member's place. */
  supersede(ref: number, fresh: number): void {
    const { arena } = this;
    const start = nameStartOf(arena, ref);
    this.index.replace(this.hashOf(arena.bytesOf(ref), start, start + nameLengthOf(arena, ref)), ref, fresh);
    this.discard(ref);
  }

  /** Gives up a block that is in no index. */
  discard(ref: number): void {
    const given = this.arena.free(ref);
    this.ground.account.credit(given);
    this.blockBytes -= given;
  }

  /** Removes a member that is there. */
  remove(ref: number): void {
    const { arena } = this;
    const start = nameStartOf(arena, ref);
    this.index.remove(this.hashOf(arena.bytesOf(ref), start, start + nameLengthOf(arena, ref)), ref);
    this.discard(ref);
  }

  /** A random member, each as likely as any other; MISSING when there is none. */
  random(prng: Prng): number {
    return this.index.random(prng);
  }

  /** As `KeyIndex.scan`. `visit` must not change the members. */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    return this.index.scan(cursor, count, visit);
  }

  /** Visits every member in the order of hashes. `visit` must not change the members. */
  forEach(visit: (ref: number) => void): void {
    this.index.forEach(visit);
  }

  /** Copies up to `limit` refs from a position in the hash space on, going round; none twice. @returns how many. */
  collect(position: number, limit: number, hashes: Int32Array, refs: Int32Array): number {
    return this.index.collect(position, limit, hashes, refs);
  }

  /** Adds a copy of every member, with value and score, to an empty table. False when the arena is full: drain the copy. */
  copyInto(target: Members): boolean {
    const { arena } = this;
    let complete = true;
    this.index.forEach((ref) => {
      if (!complete) return;
      const words = arena.wordsOf(ref);
      const at = (ref & 0x1fffff) << 1;
      const first = words[at] as number;
      const start = nameStartOf(arena, ref);
      const end = start + nameLengthOf(arena, ref);
      const kind = first & ~0x1fffffff;
      const valueLength = kind === 0 ? 0 : memberValueLengthOf(arena, ref);
      const fresh = target.add(kind, arena.bytesOf(ref), start, end, valueLength);
      if (fresh === MISSING) {
        complete = false;
        return;
      }
      if (kind === 0) return;
      // Between the header's second word and the name stands the double, if there is one.
      if (start - (at << 2) === 16)
        arena.doublesOf(fresh)[(fresh & 0x1fffff) + 1] = arena.doublesOf(ref)[(ref & 0x1fffff) + 1] as number;
      copyRange(arena.bytesOf(ref), end, end + valueLength, arena.bytesOf(fresh), memberValueStartOf(arena, fresh));
    });
    return complete;
  }

  /** Frees up to about `budget` members; for a table that is no longer in use. @returns how many went. */
  drain(budget: number): number {
    return this.index.drain(budget, this.freeMember);
  }

  /** Throws on a broken invariant. For tests. */
  check(): void {
    this.index.check();
  }

  private readonly freeMember = (ref: number): void => {
    this.discard(ref);
  };
}
