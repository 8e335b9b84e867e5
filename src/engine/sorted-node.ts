/**
 * How a node of a {@link SortedTree} lies in one block of the arena, and moving slots within and between nodes. Both kinds
 * take the same block, so that the arena keeps one size class for a tree:
 *
 *     word 0   slots in use
 *     word 1   next leaf        (leaves only; MISSING at the end)
 *     word 2   previous leaf    (leaves only)
 *     word 3   unused
 *     leaf     62 scores (doubles), 62 refs
 *     inner    37 scores, 37 refs, 37 children, 37 counts: the first element below each child, the child, and how many
 *              elements are below it
 *
 * Invariant: slots in use are the first ones; nobody reads the others.
 *
 * Hot path. Budget: moving half a leaf by one slot under 60 ns; guarded by `bench/sorted-tree.ts`.
 */
import type { Arena } from './arena.ts';

export const LEAF_CAPACITY = 62;
export const INNER_CAPACITY = 37;
export const NODE_BYTES = 760;

/** Words from the start of the block. */
const NEXT = 1;
const PREVIOUS = 2;
/** Doubles from the start of the block. */
export const SCORES = 2;
export const LEAF_REFS: number = 4 + 2 * LEAF_CAPACITY;
export const INNER_REFS: number = 4 + 2 * INNER_CAPACITY;
export const INNER_CHILDREN: number = INNER_REFS + INNER_CAPACITY;
export const INNER_COUNTS: number = INNER_CHILDREN + INNER_CAPACITY;
const LEAF_END = LEAF_REFS + LEAF_CAPACITY;
const INNER_END = INNER_COUNTS + INNER_CAPACITY;

function wordAt(node: number): number {
  return (node & 0x1fffff) << 1;
}

/** Slots in use: elements of a leaf, children of an inner node. */
export function slotsOf(arena: Arena, node: number): number {
  return arena.wordsOf(node)[wordAt(node)] as number;
}

export function setSlots(arena: Arena, node: number, slots: number): void {
  arena.wordsOf(node)[wordAt(node)] = slots;
}

export function nextOf(arena: Arena, leaf: number): number {
  return arena.wordsOf(leaf)[wordAt(leaf) + NEXT] as number;
}

export function previousOf(arena: Arena, leaf: number): number {
  return arena.wordsOf(leaf)[wordAt(leaf) + PREVIOUS] as number;
}

export function setNext(arena: Arena, leaf: number, next: number): void {
  arena.wordsOf(leaf)[wordAt(leaf) + NEXT] = next;
}

export function setPrevious(arena: Arena, leaf: number, previous: number): void {
  arena.wordsOf(leaf)[wordAt(leaf) + PREVIOUS] = previous;
}

/** In a leaf the score of an element, in an inner node that of the first element below a child. */
export function scoreAt(arena: Arena, node: number, slot: number): number {
  return arena.doublesOf(node)[(node & 0x1fffff) + SCORES + slot] as number;
}

export function refAt(arena: Arena, node: number, slot: number, isLeaf: boolean): number {
  return arena.wordsOf(node)[wordAt(node) + (isLeaf ? LEAF_REFS : INNER_REFS) + slot] as number;
}

export function childAt(arena: Arena, inner: number, slot: number): number {
  return arena.wordsOf(inner)[wordAt(inner) + INNER_CHILDREN + slot] as number;
}

/** Elements below a child. */
export function countAt(arena: Arena, inner: number, slot: number): number {
  return arena.wordsOf(inner)[wordAt(inner) + INNER_COUNTS + slot] as number;
}

export function setCount(arena: Arena, inner: number, slot: number, count: number): void {
  arena.wordsOf(inner)[wordAt(inner) + INNER_COUNTS + slot] = count;
}

/** Elements in or below a node. */
export function elementsOf(arena: Arena, node: number, isLeaf: boolean): number {
  const slots = slotsOf(arena, node);
  if (isLeaf) return slots;
  let elements = 0;
  for (let slot = 0; slot < slots; slot++) elements += countAt(arena, node, slot);
  return elements;
}

/** Makes the slot of an inner node say what the first element below its child is. */
export function copyFirst(arena: Arena, inner: number, slot: number, child: number, childIsLeaf: boolean): void {
  arena.doublesOf(inner)[(inner & 0x1fffff) + SCORES + slot] = scoreAt(arena, child, 0);
  arena.wordsOf(inner)[wordAt(inner) + INNER_REFS + slot] = refAt(arena, child, 0, childIsLeaf);
}

/** Fills a slot of an inner node with a child that is not empty. */
export function writeChild(arena: Arena, inner: number, slot: number, child: number, childIsLeaf: boolean): void {
  copyFirst(arena, inner, slot, child, childIsLeaf);
  arena.wordsOf(inner)[wordAt(inner) + INNER_CHILDREN + slot] = child;
  setCount(arena, inner, slot, elementsOf(arena, child, childIsLeaf));
}

/** Copies slots, within a node or into another of its kind; the ranges may overlap. The counts of slots stay as they are. */
export function copySlots(
  arena: Arena,
  from: number,
  fromSlot: number,
  into: number,
  intoSlot: number,
  slots: number,
  isLeaf: boolean,
): void {
  const scores = (from & 0x1fffff) + SCORES + fromSlot;
  copyDoubles(arena.doublesOf(from), scores, arena.doublesOf(into), (into & 0x1fffff) + SCORES + intoSlot, slots);
  const fromWords = arena.wordsOf(from);
  const intoWords = arena.wordsOf(into);
  const fromAt = wordAt(from) + fromSlot;
  const intoAt = wordAt(into) + intoSlot;
  if (isLeaf) {
    copyWords(fromWords, fromAt + LEAF_REFS, intoWords, intoAt + LEAF_REFS, slots);
    return;
  }
  for (let column = INNER_REFS; column < INNER_END; column += INNER_CAPACITY) {
    copyWords(fromWords, fromAt + column, intoWords, intoAt + column, slots);
  }
}

function copyDoubles(from: Float64Array, fromAt: number, into: Float64Array, intoAt: number, count: number): void {
  // Backwards only matters within one array, and harms nowhere.
  if (intoAt > fromAt) for (let i = count - 1; i >= 0; i--) into[intoAt + i] = from[fromAt + i] as number;
  else for (let i = 0; i < count; i++) into[intoAt + i] = from[fromAt + i] as number;
}

function copyWords(from: Int32Array, fromAt: number, into: Int32Array, intoAt: number, count: number): void {
  if (intoAt > fromAt) for (let i = count - 1; i >= 0; i--) into[intoAt + i] = from[fromAt + i] as number;
  else for (let i = 0; i < count; i++) into[intoAt + i] = from[fromAt + i] as number;
}

/** Puts an element into a leaf that has room. */
export function insertElement(arena: Arena, leaf: number, slot: number, score: number, ref: number): void {
  const words = arena.wordsOf(leaf);
  const doubles = arena.doublesOf(leaf);
  const at = wordAt(leaf);
  const slots = words[at] as number;
  const scores = (leaf & 0x1fffff) + SCORES;
  const refs = at + LEAF_REFS;
  for (let i = slots; i > slot; i--) doubles[scores + i] = doubles[scores + i - 1] as number;
  for (let i = slots; i > slot; i--) words[refs + i] = words[refs + i - 1] as number;
  doubles[scores + slot] = score;
  words[refs + slot] = ref;
  words[at] = slots + 1;
}

/** Lets an element of a leaf change its place and its score; those in between close up. */
export function moveElement(arena: Arena, leaf: number, slot: number, to: number, score: number): void {
  const words = arena.wordsOf(leaf);
  const doubles = arena.doublesOf(leaf);
  const scores = (leaf & 0x1fffff) + SCORES;
  const refs = wordAt(leaf) + LEAF_REFS;
  const ref = words[refs + slot] as number;
  const step = to < slot ? -1 : 1;
  for (let i = slot; i !== to; i += step) {
    doubles[scores + i] = doubles[scores + i + step] as number;
    words[refs + i] = words[refs + i + step] as number;
  }
  doubles[scores + to] = score;
  words[refs + to] = ref;
}

/** Takes slots out of a node. */
export function removeSlots(arena: Arena, node: number, slot: number, count: number, isLeaf: boolean): void {
  const slots = slotsOf(arena, node);
  copySlots(arena, node, slot + count, node, slot, slots - slot - count, isLeaf);
  setSlots(arena, node, slots - count);
}

/** Moves the last slots of a node to the front of the one on its right. */
export function moveRight(arena: Arena, left: number, right: number, count: number, isLeaf: boolean): void {
  const leftSlots = slotsOf(arena, left);
  const rightSlots = slotsOf(arena, right);
  copySlots(arena, right, 0, right, count, rightSlots, isLeaf);
  copySlots(arena, left, leftSlots - count, right, 0, count, isLeaf);
  setSlots(arena, left, leftSlots - count);
  setSlots(arena, right, rightSlots + count);
}

/** Moves the first slots of a node to the end of the one on its left. */
export function moveLeft(arena: Arena, left: number, right: number, count: number, isLeaf: boolean): void {
  const leftSlots = slotsOf(arena, left);
  copySlots(arena, right, 0, left, leftSlots, count, isLeaf);
  setSlots(arena, left, leftSlots + count);
  removeSlots(arena, right, 0, count, isLeaf);
}

/** Words of a node that may hold something: for tests of the layout. */
export const NODE_WORDS: number = Math.max(LEAF_END, INNER_END);
