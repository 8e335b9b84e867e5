/**
 * How a node of an {@link IdTree} lies in one block of the arena:
 *
 *     word 0   records in use
 *     word 1   next leaf        (leaves only; MISSING at the end)
 *     word 2   previous leaf    (leaves only)
 *     word 3   unused
 *     records  four words of ID each, and behind them a leaf's payload, or an inner node's child
 *
 * In an inner node the ID is a bound: nothing below the child comes before it, nothing below the child in front reaches it;
 * the bound of the first child is not looked at.
 *
 * Invariant: records in use are the first ones, in the order of their IDs; nobody reads the others.
 *
 * Hot path. Budget: a binary search through 60 records under 50 ns; guarded by `bench/stream.ts`.
 */
import type { Arena } from '../arena.ts';
import { compareWords, type StreamId } from './stream-id.ts';

/** Words of an ID, and where those of a record begin behind it. */
export const ID_WORDS = 4;
/** Words of a record of an inner node: an ID and a child. */
export const INNER_WIDTH: number = ID_WORDS + 1;
export const NODE_BYTES = 1024;

const HEAD_WORDS = 4;
const NEXT = 1;
const PREVIOUS = 2;

/** Records that a block of so many bytes holds. */
export function capacityOf(bytes: number, width: number): number {
  return Math.floor((bytes - HEAD_WORDS * 4) / (width * 4));
}

/** Bytes of a block for so many records. */
export function bytesFor(records: number, width: number): number {
  return (HEAD_WORDS + records * width) * 4;
}

function wordAt(node: number): number {
  return (node & 0x1fffff) << 1;
}

export function recordsOf(arena: Arena, node: number): number {
  return arena.wordsOf(node)[wordAt(node)] as number;
}

export function setRecords(arena: Arena, node: number, records: number): void {
  arena.wordsOf(node)[wordAt(node)] = records;
}

export function nextOf(arena: Arena, leaf: number): number {
  return arena.wordsOf(leaf)[wordAt(leaf) + NEXT] as number;
}

export function setNext(arena: Arena, leaf: number, next: number): void {
  arena.wordsOf(leaf)[wordAt(leaf) + NEXT] = next;
}

export function previousOf(arena: Arena, leaf: number): number {
  return arena.wordsOf(leaf)[wordAt(leaf) + PREVIOUS] as number;
}

export function setPrevious(arena: Arena, leaf: number, previous: number): void {
  arena.wordsOf(leaf)[wordAt(leaf) + PREVIOUS] = previous;
}

/** Where a record begins among the words of the segment. */
export function recordAt(node: number, slot: number, width: number): number {
  return ((node & 0x1fffff) << 1) + HEAD_WORDS + slot * width;
}

export function childAt(arena: Arena, inner: number, slot: number): number {
  return arena.wordsOf(inner)[recordAt(inner, slot, INNER_WIDTH) + ID_WORDS] as number;
}

export function writeId(words: Int32Array, at: number, id: StreamId): void {
  words[at] = id.msHi;
  words[at + 1] = id.msLo;
  words[at + 2] = id.seqHi;
  words[at + 3] = id.seqLo;
}

/** The ID of a node's first record. */
export function readId(arena: Arena, node: number, width: number, into: StreamId): void {
  const words = arena.wordsOf(node);
  const at = recordAt(node, 0, width);
  into.set(words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);
}

/** Gives the first record of an inner node the bound by which its parent knows the node. */
export function copyBound(arena: Arena, parent: number, slot: number, node: number): void {
  const from = arena.wordsOf(parent);
  const into = arena.wordsOf(node);
  const source = recordAt(parent, slot, INNER_WIDTH);
  const target = recordAt(node, 0, INNER_WIDTH);
  for (let i = 0; i < ID_WORDS; i++) into[target + i] = from[source + i] as number;
}

/** How an ID compares with that of a record. */
export function compareWith(id: StreamId, words: Int32Array, at: number): number {
  return compareWords(
    id,
    words[at] as number,
    words[at + 1] as number,
    words[at + 2] as number,
    words[at + 3] as number,
  );
}

/** The first record whose ID is not less; the number of records when there is none. */
export function lowerBound(arena: Arena, node: number, width: number, id: StreamId): number {
  const words = arena.wordsOf(node);
  const first = recordAt(node, 0, width);
  let low = 0;
  let high = words[wordAt(node)] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareWith(id, words, first + middle * width) > 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child below which an ID belongs. */
export function childSlot(arena: Arena, inner: number, id: StreamId): number {
  const slot = lowerBound(arena, inner, INNER_WIDTH, id);
  const isBound =
    slot < recordsOf(arena, inner) && compareWith(id, arena.wordsOf(inner), recordAt(inner, slot, INNER_WIDTH)) === 0;
  if (isBound) return slot;
  return slot === 0 ? 0 : slot - 1;
}

/** Makes a gap of one record, which the caller fills; there must be room. @returns where it begins. */
export function openRecord(arena: Arena, node: number, slot: number, width: number): number {
  const words = arena.wordsOf(node);
  const at = recordAt(node, slot, width);
  const records = words[wordAt(node)] as number;
  if (slot < records) words.copyWithin(at + width, at, at + (records - slot) * width);
  words[wordAt(node)] = records + 1;
  return at;
}

export function closeRecord(arena: Arena, node: number, slot: number, width: number): void {
  const words = arena.wordsOf(node);
  const at = recordAt(node, slot, width);
  const records = words[wordAt(node)] as number;
  if (slot + 1 < records) words.copyWithin(at, at + width, at + (records - slot) * width);
  words[wordAt(node)] = records - 1;
}

/** Moves the last records of a node behind those of another, which has room. */
export function moveRecords(arena: Arena, from: number, count: number, into: number, width: number): void {
  const source = arena.wordsOf(from);
  const target = arena.wordsOf(into);
  const left = recordsOf(arena, from) - count;
  const start = recordAt(from, left, width);
  const held = recordsOf(arena, into);
  const at = recordAt(into, held, width);
  for (let i = 0; i < count * width; i++) target[at + i] = source[start + i] as number;
  setRecords(arena, from, left);
  setRecords(arena, into, held + count);
}
