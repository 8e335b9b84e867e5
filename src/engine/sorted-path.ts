/**
 * The way from the root of a {@link SortedTree} to the leaf of its last descent, and keeping the nodes on it right when the leaf
 * has changed. There is one for all trees: it lasts until the next descent in any of them.
 *
 * Hot path: once per change. Guarded by `bench/sorted-tree.ts`.
 */
import type { Arena } from './arena.ts';
import { copyFirst, INNER_COUNTS } from './sorted-node.ts';

/** Twelve levels hold 2^38. */
const DEPTH_MAX = 16;
/** Nodes by depth, and the slot taken in each. */
export const pathNodes: Int32Array = new Int32Array(DEPTH_MAX);
export const pathSlots: Int32Array = new Int32Array(DEPTH_MAX);
const keptNodes = new Int32Array(DEPTH_MAX);
const keptSlots = new Int32Array(DEPTH_MAX);

/** Remembers the path while another way is gone. */
export function keepPath(height: number): void {
  for (let depth = 0; depth < height; depth++) {
    keptNodes[depth] = pathNodes[depth] as number;
    keptSlots[depth] = pathSlots[depth] as number;
  }
}

/** The path is again what it was; no node may have come or gone meanwhile. */
export function returnToKeptPath(height: number): void {
  for (let depth = 0; depth < height; depth++) {
    pathNodes[depth] = keptNodes[depth] as number;
    pathSlots[depth] = keptSlots[depth] as number;
  }
}

/** The leaf of the path has so many elements more. */
export function addToPath(arena: Arena, height: number, elements: number): void {
  for (let depth = height - 2; depth >= 0; depth--) {
    const inner = pathNodes[depth] as number;
    const at = ((inner & 0x1fffff) << 1) + INNER_COUNTS + (pathSlots[depth] as number);
    const words = arena.wordsOf(inner);
    words[at] = (words[at] as number) + elements;
  }
}

/** The node at this depth of the path begins with another element. */
export function refreshFirst(arena: Arena, height: number, depth: number): void {
  for (let at = depth - 1; at >= 0; at--) {
    const slot = pathSlots[at] as number;
    const child = pathNodes[at + 1] as number;
    copyFirst(arena, pathNodes[at] as number, slot, child, at + 1 === height - 1);
    if (slot !== 0) return;
  }
}
