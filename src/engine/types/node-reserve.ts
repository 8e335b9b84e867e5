/**
 * Blocks taken before a change begins that must not stop half-way for want of memory.
 *
 * Invariant: a block in the reserve is charged to nobody; whoever takes it out of the reserve charges it.
 */
import type { Arena } from '../arena.ts';
import { MISSING } from '../entry.ts';

/** A change of a tree takes a node for each level and one more. */
const BLOCKS_MAX = 40;

export class NodeReserve {
  private readonly blocks: Int32Array;
  private count: number;

  constructor() {
    this.blocks = new Int32Array(BLOCKS_MAX);
    this.count = 0;
  }

  /** Takes so many blocks, or none when the arena is full. */
  fill(arena: Arena, blocks: number, bytes: number): boolean {
    for (let i = 0; i < blocks; i++) {
      const ref = arena.allocate(bytes);
      if (ref === MISSING) {
        while (this.count > 0) arena.free(this.take());
        return false;
      }
      this.blocks[this.count++] = ref;
    }
    return true;
  }

  take(): number {
    return this.blocks[--this.count] as number;
  }
}
