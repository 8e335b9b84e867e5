/**
 * Members in the order of their names, as memcmp sees them, the shorter first among equals: how a sorted set orders equal
 * scores.
 *
 * Hot path. Budget: a comparison of 16-byte names under 30 ns; guarded by `bench/sorted-tree.ts`.
 */
import type { Arena } from './arena.ts';
import { nameLengthOf, nameStartOf } from './member.ts';
import type { MemberOrder } from './sorted-search.ts';

/** As memcmp; negative, zero or positive. */
export function compareRanges(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const shared = Math.min(aLength, bLength);
  for (let i = 0; i < shared; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

export class NameOrder implements MemberOrder {
  private readonly arena: Arena;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  compare(a: number, b: number): number {
    if (a === b) return 0;
    const { arena } = this;
    const aLength = nameLengthOf(arena, a);
    const bLength = nameLengthOf(arena, b);
    return compareRanges(
      arena.bytesOf(a),
      nameStartOf(arena, a),
      aLength,
      arena.bytesOf(b),
      nameStartOf(arena, b),
      bLength,
    );
  }

  /** The member's name against a range. */
  compareWith(ref: number, bytes: Uint8Array, start: number, end: number): number {
    const { arena } = this;
    const length = nameLengthOf(arena, ref);
    return compareRanges(arena.bytesOf(ref), nameStartOf(arena, ref), length, bytes, start, end - start);
  }
}
