/**
 * Finding one's way in a {@link SortedTree}: within a node by halving, and down from the root where no path need be noted.
 *
 * Hot path. Budget: a search in a node under 40 ns when it is in the cache; guarded by `bench/sorted-tree.ts`.
 */
import type { Arena } from './arena.ts';
import { childAt, INNER_COUNTS, INNER_REFS, LEAF_REFS, refAt, SCORES, slotsOf } from './sorted-node.ts';

/** Decides among equal scores. */
export interface MemberOrder {
  /** Negative, zero or positive; zero only for one and the same ref. */
  compare(a: number, b: number): number;
}

/** For owners to whom any order will do. */
export const refOrder: MemberOrder = { compare: (a, b) => a - b };

/** Says yes up to some element of the order and no from there on. */
export interface Probe {
  isBefore(ref: number): boolean;
}

/** The last child whose first element is not after this one, or the first child. */
export function slotInInner(arena: Arena, order: MemberOrder, node: number, score: number, ref: number): number {
  const words = arena.wordsOf(node);
  const doubles = arena.doublesOf(node);
  const at = (node & 0x1fffff) << 1;
  const scores = (node & 0x1fffff) + SCORES;
  const refs = at + INNER_REFS;
  let low = 0;
  let high = words[at] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = doubles[scores + middle] as number;
    if (there < score) low = middle + 1;
    else if (there > score || order.compare(words[refs + middle] as number, ref) > 0) high = middle;
    else low = middle + 1;
  }
  return low === 0 ? 0 : low - 1;
}

/** Where `touchLeaf` leaves what it read: so that it is read. */
const touched = new Float64Array(1);

/**
 * Reads one value of each part of a leaf that a search may look at, none of which depends on another, so that memory is
 * waited for once and not step by step. For two leaves at a time it takes a sixth off a move among a million elements; behind
 * every single descent it was not worth its while.
 */
export function touchLeaf(arena: Arena, leaf: number): void {
  const doubles = arena.doublesOf(leaf);
  const from = leaf & 0x1fffff;
  touched[0] =
    (doubles[from] as number) +
    (doubles[from + 16] as number) +
    (doubles[from + 32] as number) +
    (doubles[from + 48] as number) +
    (doubles[from + 80] as number);
}

/** The first slot of a leaf whose element is not before this one. */
export function slotInLeaf(arena: Arena, order: MemberOrder, leaf: number, score: number, ref: number): number {
  const words = arena.wordsOf(leaf);
  const doubles = arena.doublesOf(leaf);
  const at = (leaf & 0x1fffff) << 1;
  const scores = (leaf & 0x1fffff) + SCORES;
  const refs = at + LEAF_REFS;
  let low = 0;
  let high = words[at] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = doubles[scores + middle] as number;
    if (there > score) high = middle;
    else if (there < score || order.compare(words[refs + middle] as number, ref) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Elements below the children left of a slot. */
export function elementsBefore(arena: Arena, inner: number, slot: number): number {
  const words = arena.wordsOf(inner);
  const counts = ((inner & 0x1fffff) << 1) + INNER_COUNTS;
  let elements = 0;
  for (let i = 0; i < slot; i++) elements += words[counts + i] as number;
  return elements;
}

function slotsBelow(arena: Arena, node: number, score: number, inclusive: boolean): number {
  const doubles = arena.doublesOf(node);
  const scores = (node & 0x1fffff) + SCORES;
  let low = 0;
  let high = slotsOf(arena, node);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = doubles[scores + middle] as number;
    if (there < score || (inclusive && there === score)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many elements have a score less than this, or with `inclusive` at most this. */
export function countBelow(arena: Arena, root: number, height: number, score: number, inclusive: boolean): number {
  if (height === 0) return 0;
  let node = root;
  let rank = 0;
  for (let depth = 0; depth < height - 1; depth++) {
    const slots = slotsBelow(arena, node, score, inclusive);
    // Nothing is below the first element of all.
    if (slots === 0) return rank;
    rank += elementsBefore(arena, node, slots - 1);
    node = childAt(arena, node, slots - 1);
  }
  return rank + slotsBelow(arena, node, score, inclusive);
}

function slotsBefore(arena: Arena, node: number, probe: Probe, isLeaf: boolean): number {
  let low = 0;
  let high = slotsOf(arena, node);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (probe.isBefore(refAt(arena, node, middle, isLeaf))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many elements the probe says yes to, given that they are the first ones. */
export function countBefore(arena: Arena, root: number, height: number, probe: Probe): number {
  if (height === 0) return 0;
  let node = root;
  let rank = 0;
  for (let depth = 0; depth < height - 1; depth++) {
    const slots = slotsBefore(arena, node, probe, false);
    if (slots === 0) return rank;
    rank += elementsBefore(arena, node, slots - 1);
    node = childAt(arena, node, slots - 1);
  }
  return rank + slotsBefore(arena, node, probe, true);
}
