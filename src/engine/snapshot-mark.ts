/**
 * Which entries a snapshot has yet to see: one bit of each entry (SAVED_FLAG), compared with this. Between two snapshots
 * all entries have the same bit; a snapshot begins by turning the meaning of the bit over, so that all of them count as
 * unsaved in no time, and entries made from then on as saved.
 */
import type { Arena } from './arena.ts';
import { flagsOf, SAVED_FLAG, setFlags } from './entry.ts';

export class SnapshotMark {
  /** The value of SAVED_FLAG in entries that the snapshot under way has seen, or need not see. */
  saved: number;

  constructor() {
    this.saved = 0;
  }

  turn(): void {
    this.saved ^= SAVED_FLAG;
  }

  isSaved(arena: Arena, ref: number): boolean {
    return (flagsOf(arena, ref) & SAVED_FLAG) === this.saved;
  }

  setSaved(arena: Arena, ref: number): void {
    setFlags(arena, ref, (flagsOf(arena, ref) & ~SAVED_FLAG) | this.saved);
  }
}
