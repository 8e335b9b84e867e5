/**
 * One table of an index: a block of slots {place, ref} kept in the order of their places, with gaps.
 *
 *     word 0  depth: how many leading bits all hashes here share
 *     word 1  home slots        word 2  entries        word 3  all slots
 *     slots from word 4 on: the home slots, and behind them a tail for what the last clusters overflow
 *
 * A *place* is a hash with its top bit flipped, so that signed comparison gives the unsigned order. The home of a place
 * is the share of the home slots that its bits after the depth point at, so homes rise with places.
 *
 * Invariants: occupied slots rise in place; none stands before its home; between its home and itself no slot is empty;
 * the last slot is always empty, which ends every probe. Linear probing in order: a search that fails stops at the first
 * larger place, a removal shifts back, so there are no tombstones, and a walk is sorted, which is what SCAN needs.
 *
 * Hot path. Budget: a probe under 30 ns beyond its cache misses; guarded by `bench/engine.ts`.
 */
import type { Arena } from './arena.ts';

export const TABLE_HEAD_WORDS = 4;
const HEAD_BYTES = TABLE_HEAD_WORDS * 4;
const SLOT_BYTES = 8;
/** A full-grown table splits rather than grow. Small enough that a split is 10 us, large enough for a small directory. */
export const TABLE_BYTES_MAX = 8192;
const TABLE_BYTES_MIN = 128;
/** Sixteen bits of a hash choose a home, and products of 31 bits stay integers. */
const HOMES_MAX = 32767;
/** Sign bit: turns a hash into a place and back. */
export const FLIP: number = 0x80000000 | 0;

/** Entries at which a table with so many homes is full. */
export function fullAt(homes: number): number {
  return (homes * 13) >> 4;
}

/** Depth and homes in one word, as the directory keeps them beside the ref: saves a look-up the miss on the header. */
export function shapeOf(words: Int32Array, base: number): number {
  return ((words[base + 1] as number) << 8) | (words[base] as number);
}

/** Word offset, within a table of this shape, of the slot that is home to a place. */
export function homeIn(shape: number, place: number): number {
  // A shift counts modulo 32, and the depth is in the lowest bits.
  return TABLE_HEAD_WORDS + (((((place ^ FLIP) << shape) >>> 16) * (shape >>> 8)) >>> 16) * 2;
}

/** The same from depth and homes. */
export function homeOf(place: number, depth: number, homes: number): number {
  return TABLE_HEAD_WORDS + (((((place ^ FLIP) << depth) >>> 16) * homes) >>> 16) * 2;
}

/** Slots of the tail: clusters at 80 % load are longer than this once in thousands of tables, and then the table grows. */
function tailOf(slots: number): number {
  return 2 + (slots >> 6);
}

/** Where tables are built from: a run of slots in order. Reused, as building allocates nothing else. */
export class Gathered {
  places: Int32Array;
  refs: Int32Array;

  constructor(capacity: number) {
    this.places = new Int32Array(capacity);
    this.refs = new Int32Array(capacity);
  }

  reserve(capacity: number): void {
    if (capacity <= this.places.length) return;
    const { places, refs } = this;
    this.places = new Int32Array(capacity * 2);
    this.refs = new Int32Array(capacity * 2);
    this.places.set(places);
    this.refs.set(refs);
  }
}

/** Copies the slots of a table, in order. @returns how many. */
export function gather(arena: Arena, table: number, into: Gathered, at: number): number {
  const words = arena.wordsOf(table);
  const base = (table & 0x1fffff) << 1;
  const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
  into.reserve(at + (words[base + 2] as number));
  let count = at;
  for (let slot = base + TABLE_HEAD_WORDS; slot < end; slot += 2) {
    const ref = words[slot + 1] as number;
    if (ref === 0) continue;
    into.places[count] = words[slot] as number;
    into.refs[count] = ref;
    count++;
  }
  return count;
}

/** Tail slots that entries [from, to) need behind so many homes, the empty last one included. */
function tailNeeded(entries: Gathered, from: number, to: number, depth: number, homes: number): number {
  let next = 0;
  for (let i = from; i < to; i++) {
    const home = (homeOf(entries.places[i] as number, depth, homes) - TABLE_HEAD_WORDS) >> 1;
    next = Math.max(home, next) + 1;
  }
  return next > homes ? next - homes + 1 : 1;
}

/**
 * Builds a table of entries [from, to), which are in order, with room for `more` to come at under two thirds of the load.
 * @returns the table, 0 when there is no memory. Its size is in `arena.lastBytes`.
 */
export function buildTable(
  arena: Arena,
  entries: Gathered,
  from: number,
  to: number,
  depth: number,
  more: number,
): number {
  const count = to - from;
  let wanted = HEAD_BYTES + Math.ceil((count + more) / 0.62) * SLOT_BYTES;
  if (wanted > TABLE_BYTES_MAX && count + more <= 750) wanted = TABLE_BYTES_MAX;
  let bytes = arena.goodSize(Math.max(wanted, TABLE_BYTES_MIN));
  let slots = Math.floor((bytes - HEAD_BYTES) / SLOT_BYTES);
  const homes = Math.min(slots - tailOf(slots), HOMES_MAX);
  // One more entry moves the end of the last cluster by one slot at most.
  const tail = tailNeeded(entries, from, to, depth, homes) + more;
  if (homes + tail > slots) bytes = arena.goodSize(HEAD_BYTES + (homes + tail + tailOf(slots)) * SLOT_BYTES);
  const table = arena.allocate(bytes);
  if (table === 0) return 0;
  slots = Math.floor((arena.lastBytes - HEAD_BYTES) / SLOT_BYTES);
  const words = arena.wordsOf(table);
  const base = (table & 0x1fffff) << 1;
  words[base] = depth;
  words[base + 1] = homes;
  words[base + 2] = count;
  words[base + 3] = slots;
  words.fill(0, base + TABLE_HEAD_WORDS, base + TABLE_HEAD_WORDS + slots * 2);
  let next = base + TABLE_HEAD_WORDS;
  for (let i = from; i < to; i++) {
    const place = entries.places[i] as number;
    const home = base + homeOf(place, depth, homes);
    if (home > next) next = home;
    words[next] = place;
    words[next + 1] = entries.refs[i] as number;
    next += 2;
  }
  return table;
}

/** Word address of the slot that holds this place and ref, or -1. */
export function slotOf(words: Int32Array, base: number, shape: number, place: number, ref: number): number {
  let slot = base + homeIn(shape, place);
  for (;;) {
    const stored = words[slot + 1] as number;
    if (stored === 0) return -1;
    if (stored === ref && words[slot] === place) return slot;
    if ((words[slot] as number) > place) return -1;
    slot += 2;
  }
}

/** Puts an entry in its order; false when the clusters reach the end of the table. Does not look at the load. */
export function insertSlot(words: Int32Array, base: number, place: number, ref: number): boolean {
  const last = base + TABLE_HEAD_WORDS + ((words[base + 3] as number) - 1) * 2;
  let at = base + homeOf(place, words[base] as number, words[base + 1] as number);
  while (words[at + 1] !== 0 && (words[at] as number) <= place) at += 2;
  let free = at;
  while (words[free + 1] !== 0) free += 2;
  if (free >= last) return false;
  for (let slot = free; slot > at; slot -= 2) {
    words[slot] = words[slot - 2] as number;
    words[slot + 1] = words[slot - 1] as number;
  }
  words[at] = place;
  words[at + 1] = ref;
  words[base + 2] = (words[base + 2] as number) + 1;
  return true;
}

/** Empties a slot and moves back what stands behind it away from home. */
export function removeSlot(words: Int32Array, base: number, slot: number): void {
  const depth = words[base] as number;
  const homes = words[base + 1] as number;
  let hole = slot;
  for (;;) {
    const next = hole + 2;
    const ref = words[next + 1] as number;
    if (ref === 0) break;
    const place = words[next] as number;
    if (base + homeOf(place, depth, homes) === next) break;
    words[hole] = place;
    words[hole + 1] = ref;
    hole = next;
  }
  words[hole + 1] = 0;
  words[base + 2] = (words[base + 2] as number) - 1;
}
