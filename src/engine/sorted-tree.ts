/**
 * The order of a large sorted set: a counted B+tree over (score, ref), its nodes in the arena and charged to the account.
 * What a ref leads to is the owner's affair; among equal scores a {@link MemberOrder} decides.
 *
 *     root ─┬─ inner: [first element | child | elements below] ...
 *           │    └─ leaf: [score, ref] ...  ⇄  leaf ⇄ ...
 *
 * Invariants (`checkSortedTree` walks them): elements ascend by score, then by the order; all leaves are at one depth and
 * linked in order; no node is empty; a slot of an inner node names the first element below its child and counts them all.
 * Because slots name elements that are there, the owner may free what a ref leads to as soon as it is removed, and not
 * before. NaN is no score; -0 and 0 are the same place.
 *
 * Full leaves share with a neighbour before they split, and a split at either end of the tree leaves the old node full, so
 * that random and ascending filling both use the memory well. Room is made from the top down, one split at a time, each
 * of which leaves a whole tree: an insert that finds no memory changes no element.
 *
 * Hot path. Budget at 1M elements with random scores: insert under 1 us, rank under 1 us, 18 bytes an element; guarded by
 * `bench/sorted-tree.ts`. Among equal scores a search reads some twenty names all over memory: 1.5 to 2.5 us.
 */
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import { MISSING } from './entry.ts';
import type { SortedCursor } from './sorted-cursor.ts';
import {
  childAt,
  copyFirst,
  copySlots,
  countAt,
  elementsOf,
  INNER_CAPACITY,
  INNER_CHILDREN,
  INNER_COUNTS,
  insertElement,
  LEAF_CAPACITY,
  moveElement,
  moveLeft,
  moveRight,
  NODE_BYTES,
  nextOf,
  previousOf,
  refAt,
  removeSlots,
  scoreAt,
  setCount,
  setNext,
  setPrevious,
  setSlots,
  slotsOf,
  writeChild,
} from './sorted-node.ts';
import { addToPath, keepPath, pathNodes, pathSlots, refreshFirst, returnToKeptPath } from './sorted-path.ts';
import {
  countBefore,
  countBelow,
  elementsBefore,
  type MemberOrder,
  type Probe,
  slotInInner,
  slotInLeaf,
  touchLeaf,
} from './sorted-search.ts';

/** A neighbour fuller than this is not worth sharing with. */
const SHARE_SLOTS_MAX: number = LEAF_CAPACITY - 8;
/** A node emptier than a third looks for a neighbour; together they become one node if that leaves it a quarter free. */
const LEAF_SLOTS_MIN: number = Math.floor(LEAF_CAPACITY / 3);
const INNER_SLOTS_MIN: number = Math.floor(INNER_CAPACITY / 3);
const LEAF_MERGED_MAX: number = Math.floor((LEAF_CAPACITY * 3) / 4);
const INNER_MERGED_MAX: number = Math.floor((INNER_CAPACITY * 3) / 4);

export class SortedTree {
  /** Elements. */
  size: number;
  /** Bytes of all nodes. */
  heldBytes: number;
  readonly arena: Arena;
  readonly order: MemberOrder;
  /** For the cursor and the check. */
  root: number;
  /** Levels, leaves included; 0 when empty. */
  height: number;
  private readonly account: Account;

  constructor(arena: Arena, account: Account, order: MemberOrder) {
    this.size = 0;
    this.heldBytes = 0;
    this.arena = arena;
    this.order = order;
    this.root = MISSING;
    this.height = 0;
    this.account = account;
  }

  // -- Changes ---------------------------------------------------------------------------------------------------------

  /** Adds an element that is not there yet. False when there is no memory: then no element has changed. */
  insert(score: number, ref: number): boolean {
    if (this.height === 0 && !this.plant()) return false;
    for (;;) {
      const leaf = this.descend(score, ref);
      const slot = slotInLeaf(this.arena, this.order, leaf, score, ref);
      if (slotsOf(this.arena, leaf) < LEAF_CAPACITY) {
        insertElement(this.arena, leaf, slot, score, ref);
        this.size++;
        const depth = this.height - 1;
        addToPath(this.arena, this.height, 1);
        if (slot === 0) refreshFirst(this.arena, this.height, depth);
        return true;
      }
      if (!this.share() && !this.split(slot)) return false;
    }
  }

  /**
   * Gives an element that is there another score. Where its old leaf and its new one need neither a split nor sharing, each is
   * gone down to once; within one leaf, elements only change places. False when there is no memory: then nothing has changed.
   */
  move(before: number, score: number, ref: number): boolean {
    const { arena, order } = this;
    const old = this.descend(before, ref);
    keepPath(this.height);
    const leaf = this.descend(score, ref);
    touchLeaf(arena, old);
    touchLeaf(arena, leaf);
    const slot = slotInLeaf(arena, order, old, before, ref);
    const target = slotInLeaf(arena, order, leaf, score, ref);
    const depth = this.height - 1;
    if (leaf === old) {
      const last = target > slot ? target - 1 : target;
      moveElement(arena, leaf, slot, last, score);
      if (slot === 0 || last === 0) refreshFirst(this.arena, this.height, depth);
      return true;
    }
    if (slotsOf(arena, leaf) === LEAF_CAPACITY) {
      // Under two scores for a moment, so that a lack of memory is met while nothing has changed.
      return this.insert(score, ref) && this.remove(before, ref);
    }
    insertElement(arena, leaf, target, score, ref);
    this.size++;
    addToPath(this.arena, this.height, 1);
    if (target === 0) refreshFirst(this.arena, this.height, depth);
    returnToKeptPath(this.height);
    this.removeRun(slot, 1);
    return true;
  }

  /** @returns whether the element was there. */
  remove(score: number, ref: number): boolean {
    if (this.height === 0) return false;
    const leaf = this.descend(score, ref);
    const slot = slotInLeaf(this.arena, this.order, leaf, score, ref);
    if (!this.holds(leaf, slot, score, ref)) return false;
    this.removeRun(slot, 1);
    return true;
  }

  /**
   * Removes the elements of ranks `from` to `to - 1`, telling of each in order. `visit` may free what the ref leads to, but
   * not touch the tree.
   */
  removeRange(from: number, to: number, visit: (ref: number, score: number) => void): void {
    let left = Math.min(to, this.size) - from;
    while (left > 0) {
      const slot = this.descendToRank(from);
      const leaf = pathNodes[this.height - 1] as number;
      const count = Math.min(left, slotsOf(this.arena, leaf) - slot);
      for (let i = slot; i < slot + count; i++) visit(refAt(this.arena, leaf, i, true), scoreAt(this.arena, leaf, i));
      this.removeRun(slot, count);
      left -= count;
    }
  }

  /**
   * Frees nodes that hold about so many elements; nothing else may be asked of the tree from then on but this and `size`.
   * @returns how many elements went; the tree is gone when `size` is 0.
   */
  drain(budget: number): number {
    let gone = 0;
    while (gone < budget && this.height > 0) {
      let node = this.root;
      for (let depth = 0; depth < this.height - 1; depth++) {
        pathNodes[depth] = node;
        node = childAt(this.arena, node, slotsOf(this.arena, node) - 1);
      }
      gone += slotsOf(this.arena, node);
      this.size -= slotsOf(this.arena, node);
      this.freeNode(node);
      let depth = this.height - 2;
      for (; depth >= 0; depth--) {
        const inner = pathNodes[depth] as number;
        const slots = slotsOf(this.arena, inner) - 1;
        setSlots(this.arena, inner, slots);
        if (slots > 0) break;
        this.freeNode(inner);
      }
      if (depth < 0) this.height = 0;
    }
    if (this.height === 0) this.root = MISSING;
    return gone;
  }

  // -- Questions -------------------------------------------------------------------------------------------------------

  /** How many elements come before this one; -1 when it is not there. */
  rankOf(score: number, ref: number): number {
    if (this.height === 0) return -1;
    const leaf = this.descend(score, ref);
    const slot = slotInLeaf(this.arena, this.order, leaf, score, ref);
    if (!this.holds(leaf, slot, score, ref)) return -1;
    let rank = slot;
    for (let depth = this.height - 2; depth >= 0; depth--) {
      rank += elementsBefore(this.arena, pathNodes[depth] as number, pathSlots[depth] as number);
    }
    return rank;
  }

  /** How many elements have a score less than this, or with `inclusive` at most this: the rank of the first beyond. */
  countBelow(score: number, inclusive: boolean): number {
    return countBelow(this.arena, this.root, this.height, score, inclusive);
  }

  /** How many elements the probe says yes to, given that they are the first ones. */
  countBefore(probe: Probe): number {
    return countBefore(this.arena, this.root, this.height, probe);
  }

  /** Puts a cursor on the element of that rank; false when there is none. */
  seek(rank: number, cursor: SortedCursor): boolean {
    if (rank < 0 || rank >= this.size) return false;
    const slot = this.descendToRank(rank);
    cursor.place(this.arena, pathNodes[this.height - 1] as number, slot);
    return true;
  }

  // -- Finding the way -------------------------------------------------------------------------------------------------

  /** Goes down to the leaf where the element is or belongs, noting the path. */
  private descend(score: number, ref: number): number {
    const last = this.height - 1;
    let node = this.root;
    for (let depth = 0; depth < last; depth++) {
      const slot = slotInInner(this.arena, this.order, node, score, ref);
      pathNodes[depth] = node;
      pathSlots[depth] = slot;
      node = childAt(this.arena, node, slot);
    }
    pathNodes[last] = node;

    return node;
  }

  private holds(leaf: number, slot: number, score: number, ref: number): boolean {
    const { arena } = this;
    if (slot >= slotsOf(arena, leaf)) return false;
    return refAt(arena, leaf, slot, true) === ref && scoreAt(arena, leaf, slot) === score;
  }

  /** Goes down to a rank that exists, noting the path. @returns the slot in the leaf. */
  private descendToRank(rank: number): number {
    const last = this.height - 1;
    let node = this.root;
    let left = rank;
    for (let depth = 0; depth < last; depth++) {
      const words = this.arena.wordsOf(node);
      const at = (node & 0x1fffff) << 1;
      let slot = 0;
      while (left >= (words[at + INNER_COUNTS + slot] as number)) {
        left -= words[at + INNER_COUNTS + slot] as number;
        slot++;
      }
      pathNodes[depth] = node;
      pathSlots[depth] = slot;
      node = words[at + INNER_CHILDREN + slot] as number;
    }
    pathNodes[last] = node;
    return left;
  }

  // -- Making room -----------------------------------------------------------------------------------------------------

  /** Brings two neighbours of one parent up to date there, after slots moved between them. */
  private refreshPair(parent: number, leftSlot: number, isLeaf: boolean): void {
    const arena = this.arena;
    const right = childAt(arena, parent, leftSlot + 1);
    setCount(arena, parent, leftSlot, elementsOf(arena, childAt(arena, parent, leftSlot), isLeaf));
    setCount(arena, parent, leftSlot + 1, elementsOf(arena, right, isLeaf));
    copyFirst(arena, parent, leftSlot + 1, right, isLeaf);
  }

  /** Moves elements of the path's full leaf to a neighbour with room; false when there is none. */
  private share(): boolean {
    if (this.height < 2) return false;
    const arena = this.arena;
    const parent = pathNodes[this.height - 2] as number;
    const slot = pathSlots[this.height - 2] as number;
    if (slot > 0) {
      const slots = slotsOf(arena, childAt(arena, parent, slot - 1));
      if (slots <= SHARE_SLOTS_MAX) return this.level(parent, slot - 1, true);
    }
    if (slot + 1 < slotsOf(arena, parent)) {
      const slots = slotsOf(arena, childAt(arena, parent, slot + 1));
      if (slots <= SHARE_SLOTS_MAX) return this.level(parent, slot, true);
    }
    return false;
  }

  /** Shares the slots of two neighbours evenly. */
  private level(parent: number, leftSlot: number, isLeaf: boolean): true {
    const arena = this.arena;
    const left = childAt(arena, parent, leftSlot);
    const right = childAt(arena, parent, leftSlot + 1);
    const surplus = slotsOf(arena, left) - slotsOf(arena, right);
    if (surplus > 0) moveRight(arena, left, right, surplus >>> 1, isLeaf);
    else moveLeft(arena, left, right, -surplus >>> 1, isLeaf);
    this.refreshPair(parent, leftSlot, isLeaf);
    return true;
  }

  /**
   * Splits the highest of the full nodes that end in the path's leaf, so that its parent has room; the caller descends anew.
   * @returns false when there is no memory.
   */
  private split(slotInLeaf: number): boolean {
    const arena = this.arena;
    const last = this.height - 1;
    let depth = last;
    while (depth > 0 && slotsOf(arena, pathNodes[depth - 1] as number) === INNER_CAPACITY) depth--;
    const isLeaf = depth === last;
    const node = pathNodes[depth] as number;
    const kept = this.keptSlots(depth, isLeaf ? slotInLeaf : (pathSlots[depth] as number), slotsOf(arena, node));
    const right = this.makeNode();
    if (right === MISSING) return false;
    if (depth === 0 && !this.raise()) {
      this.freeNode(right);
      return false;
    }
    const parent = depth === 0 ? this.root : (pathNodes[depth - 1] as number);
    const slot = depth === 0 ? 0 : (pathSlots[depth - 1] as number);
    const moved = slotsOf(arena, node) - kept;
    copySlots(arena, node, kept, right, 0, moved, isLeaf);
    setSlots(arena, right, moved);
    setSlots(arena, node, kept);
    if (isLeaf) this.linkAfter(node, right);
    const siblings = slotsOf(arena, parent);
    copySlots(arena, parent, slot + 1, parent, slot + 2, siblings - slot - 1, false);
    setSlots(arena, parent, siblings + 1);
    writeChild(arena, parent, slot + 1, right, isLeaf);
    this.refreshPair(parent, slot, isLeaf);
    return true;
  }

  /** How many slots a full node keeps when it is split: half, but at the ends of the tree all on the side away from the end. */
  private keptSlots(depth: number, slot: number, slots: number): number {
    let isFirst = slot === 0;
    let isLast = slot >= slots - 1;
    for (let at = 0; at < depth && (isFirst || isLast); at++) {
      const taken = pathSlots[at] as number;
      if (taken !== 0) isFirst = false;
      if (taken !== slotsOf(this.arena, pathNodes[at] as number) - 1) isLast = false;
    }
    if (isLast) return slots - 1;
    return isFirst ? 1 : slots >>> 1;
  }

  /** Puts a new root above the old one. */
  private raise(): boolean {
    const root = this.makeNode();
    if (root === MISSING) return false;
    setSlots(this.arena, root, 1);
    writeChild(this.arena, root, 0, this.root, this.height === 1);
    this.root = root;
    this.height++;
    return true;
  }

  /** The first leaf of an empty tree. It is empty only until the element that asked for it is in. */
  private plant(): boolean {
    const leaf = this.makeNode();
    if (leaf === MISSING) return false;
    setNext(this.arena, leaf, MISSING);
    setPrevious(this.arena, leaf, MISSING);
    this.root = leaf;
    this.height = 1;
    return true;
  }

  private linkAfter(leaf: number, fresh: number): void {
    const arena = this.arena;
    const next = nextOf(arena, leaf);
    setNext(arena, fresh, next);
    setPrevious(arena, fresh, leaf);
    setNext(arena, leaf, fresh);
    if (next !== MISSING) setPrevious(arena, next, fresh);
  }

  // -- Giving room back ------------------------------------------------------------------------------------------------

  /** Removes elements from the leaf of the path. */
  private removeRun(slot: number, count: number): void {
    const depth = this.height - 1;
    const leaf = pathNodes[depth] as number;
    removeSlots(this.arena, leaf, slot, count, true);
    this.size -= count;
    addToPath(this.arena, this.height, -count);
    const slots = slotsOf(this.arena, leaf);
    if (slot === 0 && slots > 0) refreshFirst(this.arena, this.height, depth);
    if (slots < LEAF_SLOTS_MIN) this.shrink();
  }

  /** Frees, merges or refills the nodes of the path that have become too empty. */
  private shrink(): void {
    const last = this.height - 1;
    for (let depth = last; depth > 0; depth--) {
      const isLeaf = depth === last;
      const node = pathNodes[depth] as number;
      const slots = slotsOf(this.arena, node);
      if (slots >= (isLeaf ? LEAF_SLOTS_MIN : INNER_SLOTS_MIN)) break;
      const parent = pathNodes[depth - 1] as number;
      const slot = pathSlots[depth - 1] as number;
      if (slots === 0) {
        this.removeChild(parent, slot, isLeaf);
        if (slot === 0 && slotsOf(this.arena, parent) > 0) refreshFirst(this.arena, this.height, depth - 1);
      } else if (slotsOf(this.arena, parent) === 1 || !this.merge(parent, slot === 0 ? 0 : slot - 1, isLeaf)) {
        break;
      }
    }
    this.lower();
  }

  /** Makes one node of two neighbours, or shares evenly when that would be too full. @returns whether the parent lost a child. */
  private merge(parent: number, leftSlot: number, isLeaf: boolean): boolean {
    const arena = this.arena;
    const left = childAt(arena, parent, leftSlot);
    const right = childAt(arena, parent, leftSlot + 1);
    const slots = slotsOf(arena, right);
    if (slotsOf(arena, left) + slots > (isLeaf ? LEAF_MERGED_MAX : INNER_MERGED_MAX)) {
      this.level(parent, leftSlot, isLeaf);
      return false;
    }
    moveLeft(arena, left, right, slots, isLeaf);
    setCount(arena, parent, leftSlot, countAt(arena, parent, leftSlot) + countAt(arena, parent, leftSlot + 1));
    this.removeChild(parent, leftSlot + 1, isLeaf);
    return true;
  }

  /** Takes out and frees a child that has become empty. */
  private removeChild(parent: number, slot: number, isLeaf: boolean): void {
    const arena = this.arena;
    const child = childAt(arena, parent, slot);
    if (isLeaf) {
      const next = nextOf(arena, child);
      const previous = previousOf(arena, child);
      if (next !== MISSING) setPrevious(arena, next, previous);
      if (previous !== MISSING) setNext(arena, previous, next);
    }
    this.freeNode(child);
    removeSlots(arena, parent, slot, 1, false);
  }

  /** Takes away roots that have nothing to choose from. */
  private lower(): void {
    while (this.height > 1 && slotsOf(this.arena, this.root) <= 1) {
      const root = this.root;
      this.root = slotsOf(this.arena, root) === 0 ? MISSING : childAt(this.arena, root, 0);
      this.height = this.root === MISSING ? 0 : this.height - 1;
      this.freeNode(root);
    }
    if (this.height === 1 && slotsOf(this.arena, this.root) === 0) {
      this.freeNode(this.root);
      this.root = MISSING;
      this.height = 0;
    }
  }

  // -- Memory ----------------------------------------------------------------------------------------------------------

  private makeNode(): number {
    const node = this.arena.allocate(NODE_BYTES);
    if (node === MISSING) return MISSING;
    this.account.charge(this.arena.lastBytes);
    this.heldBytes += this.arena.lastBytes;
    setSlots(this.arena, node, 0);
    return node;
  }

  private freeNode(node: number): void {
    const bytes = this.arena.free(node);
    this.account.credit(bytes);
    this.heldBytes -= bytes;
  }
}
