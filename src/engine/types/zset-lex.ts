/**
 * Ranges of names (`ZRANGEBYLEX`): bounds, and the elements of a set between two of them. They make sense among equal
 * scores only. Where scores differ, what Redis answers for a listpack depends on the end it walks from, and so does ours.
 */
import { after, count, first } from '../listpack.ts';
import { compareRanges, type NameOrder } from '../name-order.ts';
import type { Probe } from '../sorted-search.ts';
import { compareName, memberAt } from './zset-small.ts';

const BELOW_ALL = 0;
const NAMED = 1;
const ABOVE_ALL = 2;
const NO_BYTES = new Uint8Array(0);

/** One end of a range: `-`, `+`, or a name that is within (`[`) or without (`(`). Reusable. */
export class LexBound {
  private kind: typeof BELOW_ALL | typeof NAMED | typeof ABOVE_ALL;
  private bytes: Uint8Array;
  private start: number;
  private end: number;
  private exclusive: boolean;

  constructor() {
    this.kind = BELOW_ALL;
    this.bytes = NO_BYTES;
    this.start = 0;
    this.end = 0;
    this.exclusive = false;
  }

  setBelowAll(): void {
    this.kind = BELOW_ALL;
    this.exclusive = true;
  }

  setAboveAll(): void {
    this.kind = ABOVE_ALL;
    this.exclusive = true;
  }

  setName(bytes: Uint8Array, start: number, end: number, exclusive: boolean): void {
    this.kind = NAMED;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.exclusive = exclusive;
  }

  /** Whether a member of a large set is on the right side of this bound as the lower one. */
  isFromMember(order: NameOrder, ref: number): boolean {
    if (this.kind !== NAMED) return this.kind === BELOW_ALL;
    return this.isFrom(order.compareWith(ref, this.bytes, this.start, this.end));
  }

  /** The same as the upper bound. */
  isToMember(order: NameOrder, ref: number): boolean {
    if (this.kind !== NAMED) return this.kind === ABOVE_ALL;
    return this.isTo(order.compareWith(ref, this.bytes, this.start, this.end));
  }

  /** The same for a member of a small set. */
  isFromSmall(blob: Uint8Array, p: number): boolean {
    if (this.kind !== NAMED) return this.kind === BELOW_ALL;
    return this.isFrom(compareName(blob, p, this.bytes, this.start, this.end));
  }

  isToSmall(blob: Uint8Array, p: number): boolean {
    if (this.kind !== NAMED) return this.kind === ABOVE_ALL;
    return this.isTo(compareName(blob, p, this.bytes, this.start, this.end));
  }

  private isFrom(difference: number): boolean {
    return this.exclusive ? difference > 0 : difference >= 0;
  }

  private isTo(difference: number): boolean {
    return this.exclusive ? difference < 0 : difference <= 0;
  }

  /** Whether nothing can be between this lower bound and that upper one. */
  excludesAll(max: LexBound): boolean {
    if (this.kind === NAMED && max.kind === NAMED) {
      const length = this.end - this.start;
      const difference = compareRanges(this.bytes, this.start, length, max.bytes, max.start, max.end - max.start);
      return difference > 0 || (difference === 0 && (this.exclusive || max.exclusive));
    }
    return this.kind === ABOVE_ALL || max.kind === BELOW_ALL;
  }
}

/** Says yes to members before the range, or, as `upTo`, to those before its end. */
export class LexProbe implements Probe {
  private readonly order: NameOrder;
  private readonly bound: LexBound;
  private readonly upTo: boolean;

  constructor(order: NameOrder, bound: LexBound, upTo: boolean) {
    this.order = order;
    this.bound = bound;
    this.upTo = upTo;
  }

  isBefore(ref: number): boolean {
    return this.upTo ? this.bound.isToMember(this.order, ref) : !this.bound.isFromMember(this.order, ref);
  }
}

/** Ranks [from, to); empty when they are equal. */
export interface RankRange {
  readonly from: number;
  readonly to: number;
}

const NOTHING: RankRange = { from: 0, to: 0 };

/** The elements of a small set within bounds, `skipped` of them passed over unseen, as by LIMIT. */
export function lexRangeOfSmall(
  blob: Uint8Array,
  at: number,
  min: LexBound,
  max: LexBound,
  backward: boolean,
  skipped: number,
): RankRange {
  const size = count(blob, at) >>> 1;
  if (size === 0 || min.excludesAll(max)) return NOTHING;
  if (!min.isFromSmall(blob, memberAt(blob, at, -1)) || !max.isToSmall(blob, first(blob, at))) return NOTHING;
  return backward ? lastRun(blob, at, min, max, size, skipped) : firstRun(blob, at, min, max, size, skipped);
}

function firstRun(
  blob: Uint8Array,
  at: number,
  min: LexBound,
  max: LexBound,
  size: number,
  skipped: number,
): RankRange {
  let from = 0;
  while (from < size && !min.isFromSmall(blob, memberAt(blob, at, from))) from++;
  if (from === size || !max.isToSmall(blob, memberAt(blob, at, from))) return NOTHING;
  from += skipped;
  if (from >= size) return NOTHING;
  let to = from;
  for (let p = memberAt(blob, at, from); to < size && max.isToSmall(blob, p); to++) p = after(blob, after(blob, p));
  return { from, to };
}

function lastRun(blob: Uint8Array, at: number, min: LexBound, max: LexBound, size: number, skipped: number): RankRange {
  let to = size;
  while (to > 0 && !max.isToSmall(blob, memberAt(blob, at, to - 1))) to--;
  if (to === 0 || !min.isFromSmall(blob, memberAt(blob, at, to - 1))) return NOTHING;
  to = Math.max(0, to - skipped);
  let from = to;
  while (from > 0 && min.isFromSmall(blob, memberAt(blob, at, from - 1))) from--;
  return { from, to };
}
