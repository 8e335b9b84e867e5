/**
 * A large hash: fields in blocks of their own, found by name through an index, and a tree of those that expire, in the order
 * of their ends.
 *
 * Invariant: a field whose block says when it expires is in the tree under exactly that time, and nothing else is. A block
 * that once had a time keeps the room for it, so that taking it away never needs memory.
 *
 * Hot path. Budget at 1M fields: reading one under 300 ns, adding one under 600; guarded by `bench/hash.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import type { Prng } from '../../base/prng.ts';
import { assert } from '../../base/result.ts';
import type { Arena } from '../arena.ts';
import { MISSING } from '../entry.ts';
import type { LargeValue } from '../large.ts';
import type { ElementView } from '../listpack-element.ts';
import {
  kindOf,
  memberValueLengthOf,
  memberValueStartOf,
  nameLengthOf,
  nameStartOf,
  SCORED,
  scoreOf,
  setMemberValueLength,
  setScore,
  VALUED,
} from '../member.ts';
import { type Ground, Members } from '../members.ts';
import { checkSortedTree } from '../sorted-check.ts';
import { SortedCursor } from '../sorted-cursor.ts';
import { refOrder } from '../sorted-search.ts';
import { SortedTree } from '../sorted-tree.ts';

/** The time of a field that does not expire. */
export const NEVER = -1;

/** Elements to a node of the tree, about: what draining it counts by. */
const ELEMENTS_PER_NODE = 32;
/** Fields drawn in vain, all of them expired, before they are counted instead. */
const DRAWS_MAX = 64;

const cursor = new SortedCursor();

export class LargeHash implements LargeValue {
  readonly members: Members;
  readonly arena: Arena;
  private readonly ground: Ground;
  /** Made when the first field gets a time. */
  private tree: SortedTree | undefined;

  constructor(ground: Ground) {
    this.ground = ground;
    this.arena = ground.arena;
    this.members = new Members(ground);
    this.tree = undefined;
  }

  /** Fields, those whose time is over among them. */
  get size(): number {
    return this.members.size;
  }

  /** Fields whose time is over. */
  expiredCount(now_ms: number): number {
    return this.tree === undefined ? 0 : this.tree.countBelow(now_ms, false);
  }

  hasExpiring(): boolean {
    return this.tree !== undefined && this.tree.size > 0;
  }

  /** When the first field ends; NEVER when none does. */
  firstEnd(): number {
    return this.tree?.seek(0, cursor) === true ? cursor.score : NEVER;
  }

  // -- One field -------------------------------------------------------------------------------------------------------

  expiryOf(ref: number): number {
    return kindOf(this.arena, ref) === SCORED ? scoreOf(this.arena, ref) : NEVER;
  }

  isOver(ref: number, now_ms: number): boolean {
    const at_ms = this.expiryOf(ref);
    return at_ms !== NEVER && at_ms < now_ms;
  }

  readName(ref: number, view: ElementView): void {
    const start = nameStartOf(this.arena, ref);
    view.setText(this.arena.bytesOf(ref), start, start + nameLengthOf(this.arena, ref));
  }

  readValue(ref: number, view: ElementView): void {
    const start = memberValueStartOf(this.arena, ref);
    view.setText(this.arena.bytesOf(ref), start, start + memberValueLengthOf(this.arena, ref));
  }

  /** Adds a field that is not there yet. @returns its ref; MISSING when the arena is full and nothing changed. */
  add(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const ref = this.members.add(VALUED, name, nameStart, nameEnd, valueEnd - valueStart);
    if (ref === MISSING) return MISSING;
    copyRange(value, valueStart, valueEnd, this.arena.bytesOf(ref), memberValueStartOf(this.arena, ref));
    return ref;
  }

  /**
   * Gives a field another value, and with `keepsExpiry` leaves its time to live. The value must not lie in the field's block.
   * @returns its ref, which may have changed; MISSING when the arena is full and nothing changed.
   */
  setValue(ref: number, value: Uint8Array, start: number, end: number, keepsExpiry: boolean): number {
    const { members, arena } = this;
    const kind = kindOf(arena, ref);
    if (kind === VALUED) return members.setValue(ref, VALUED, value, start, end);
    const at_ms = scoreOf(arena, ref);
    const kept_ms = keepsExpiry ? at_ms : NEVER;
    if (members.fitsValue(ref, SCORED, end - start)) {
      setMemberValueLength(arena, ref, end - start);
      if (kept_ms === NEVER) this.persist(ref);
      copyRange(value, start, end, arena.bytesOf(ref), memberValueStartOf(arena, ref));
      return ref;
    }
    const fresh = members.twin(ref, kept_ms === NEVER ? VALUED : SCORED, end - start);
    if (fresh === MISSING) return MISSING;
    if (kept_ms !== NEVER) {
      // In the tree twice for a moment, so that a lack of memory is met while nothing has changed.
      if (!this.enterTree(kept_ms, fresh)) {
        members.discard(fresh);
        return MISSING;
      }
      setScore(arena, fresh, kept_ms);
    }
    this.leaveTree(at_ms, ref);
    members.supersede(ref, fresh);
    copyRange(value, start, end, arena.bytesOf(fresh), memberValueStartOf(arena, fresh));
    return fresh;
  }

  /** Lets a field expire. @returns its ref, which may have changed; MISSING when the arena is full and nothing changed. */
  setExpiry(ref: number, at_ms: number): number {
    const { members, arena } = this;
    const before_ms = this.expiryOf(ref);
    if (before_ms === at_ms) return ref;
    if (kindOf(arena, ref) === SCORED) {
      if (!this.enterTree(at_ms, ref)) return MISSING;
      this.leaveTree(before_ms, ref);
      setScore(arena, ref, at_ms);
      return ref;
    }
    const length = memberValueLengthOf(arena, ref);
    const fresh = members.twin(ref, SCORED, length);
    if (fresh === MISSING) return MISSING;
    if (!this.enterTree(at_ms, fresh)) {
      members.discard(fresh);
      return MISSING;
    }
    const start = memberValueStartOf(arena, ref);
    copyRange(arena.bytesOf(ref), start, start + length, arena.bytesOf(fresh), memberValueStartOf(arena, fresh));
    setScore(arena, fresh, at_ms);
    members.supersede(ref, fresh);
    return fresh;
  }

  /** Lets a field live on. */
  persist(ref: number): void {
    const at_ms = this.expiryOf(ref);
    if (at_ms === NEVER) return;
    this.leaveTree(at_ms, ref);
    setScore(this.arena, ref, NEVER);
  }

  remove(ref: number): void {
    this.leaveTree(this.expiryOf(ref), ref);
    this.members.remove(ref);
  }

  /** Removes up to `limit` fields whose time is over, the first to end first. `visit` is told of each while it is still there. */
  removeExpired(now_ms: number, limit: number, visit: (ref: number) => void): number {
    if (this.tree === undefined) return 0;
    const count = Math.min(limit, this.expiredCount(now_ms));
    this.tree.removeRange(0, count, (ref) => {
      visit(ref);
      this.members.remove(ref);
    });
    return count;
  }

  /** A random field of those whose time is not over, each as likely as any other; MISSING when there is none. */
  random(prng: Prng, now_ms: number): number {
    const live = this.size - this.expiredCount(now_ms);
    if (live === 0) return MISSING;
    for (let draws = 0; draws < DRAWS_MAX; draws++) {
      const ref = this.members.random(prng);
      if (!this.isOver(ref, now_ms)) return ref;
    }
    // Most of the hash has expired at once and is still to be cleared away.
    let skipped = prng.below(live);
    let chosen = MISSING;
    this.members.forEach((ref) => {
      if (!this.isOver(ref, now_ms) && skipped-- === 0) chosen = ref;
    });
    return chosen;
  }

  private enterTree(at_ms: number, ref: number): boolean {
    this.tree ??= new SortedTree(this.arena, this.ground.account, refOrder);
    return this.tree.insert(at_ms, ref);
  }

  private leaveTree(at_ms: number, ref: number): void {
    if (at_ms !== NEVER) this.tree?.remove(at_ms, ref);
  }

  // -- As a large value ------------------------------------------------------------------------------------------------

  effort(): number {
    return this.members.size;
  }

  heldBytes(): number {
    return this.members.bytes + (this.tree?.heldBytes ?? 0);
  }

  copy(): LargeHash | undefined {
    const copy = new LargeHash(this.ground);
    let complete = this.members.copyInto(copy.members);
    if (complete && this.hasExpiring()) {
      copy.members.forEach((ref) => {
        const at_ms = copy.expiryOf(ref);
        if (complete && at_ms !== NEVER) complete = copy.enterTree(at_ms, ref);
      });
    }
    if (complete) return copy;
    copy.drain(Number.POSITIVE_INFINITY);
    return undefined;
  }

  drain(budget: number): number {
    const { tree } = this;
    let gone = 0;
    if (tree !== undefined && tree.size > 0) {
      gone = Math.ceil(tree.drain(budget * ELEMENTS_PER_NODE) / ELEMENTS_PER_NODE);
    }
    if (gone < budget) gone += this.members.drain(budget - gone);
    return gone;
  }

  /** Throws on a broken invariant. For tests. */
  check(): void {
    this.members.check();
    if (this.tree !== undefined) checkSortedTree(this.tree);
    let expiring = 0;
    this.members.forEach((ref) => {
      const at_ms = this.expiryOf(ref);
      if (at_ms === NEVER) return;
      expiring++;
      assert((this.tree?.rankOf(at_ms, ref) ?? -1) >= 0, 'a field that expires is in the tree under its time');
    });
    assert(expiring === (this.tree?.size ?? 0), 'the tree holds nothing but fields that expire');
  }
}
