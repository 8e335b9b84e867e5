/**
 * A place in a {@link SortedTree} from which to walk either way. Reusable; valid until the next change of the tree.
 *
 * Hot path. Budget: a step under 25 ns; guarded by `bench/sorted-tree.ts`.
 */
import type { Arena } from './arena.ts';
import { MISSING } from './entry.ts';
import { nextOf, previousOf, refAt, scoreAt, slotsOf } from './sorted-node.ts';

export class SortedCursor {
  score: number;
  ref: number;
  private arena: Arena | undefined;
  private leaf: number;
  private slot: number;

  constructor() {
    this.score = 0;
    this.ref = MISSING;
    this.arena = undefined;
    this.leaf = MISSING;
    this.slot = 0;
  }

  /** For the tree. */
  place(arena: Arena, leaf: number, slot: number): void {
    this.arena = arena;
    this.leaf = leaf;
    this.slot = slot;
    this.score = scoreAt(arena, leaf, slot);
    this.ref = refAt(arena, leaf, slot, true);
  }

  /** False at the end; the cursor stays where it is. */
  next(): boolean {
    const arena = this.arena;
    if (arena === undefined) return false;
    if (this.slot + 1 < slotsOf(arena, this.leaf)) {
      this.place(arena, this.leaf, this.slot + 1);
      return true;
    }
    const next = nextOf(arena, this.leaf);
    if (next === MISSING) return false;
    this.place(arena, next, 0);
    return true;
  }

  /** False at the beginning; the cursor stays where it is. */
  previous(): boolean {
    const arena = this.arena;
    if (arena === undefined) return false;
    if (this.slot > 0) {
      this.place(arena, this.leaf, this.slot - 1);
      return true;
    }
    const previous = previousOf(arena, this.leaf);
    if (previous === MISSING) return false;
    this.place(arena, previous, slotsOf(arena, previous) - 1);
    return true;
  }
}
