/** The invariants of a sorted tree as a walk over all of it. Only tests run it; it throws on the first breach. */
import { assert } from '../base/result.ts';
import { MISSING } from './entry.ts';
import {
  childAt,
  countAt,
  elementsOf,
  INNER_CAPACITY,
  LEAF_CAPACITY,
  nextOf,
  previousOf,
  refAt,
  scoreAt,
  slotsOf,
} from './sorted-node.ts';
import type { SortedTree } from './sorted-tree.ts';

export interface TreeShape {
  leaves: number;
  inners: number;
}

class Walk {
  readonly shape: TreeShape = { leaves: 0, inners: 0 };
  elements = 0;
  bytes = 0;
  lastLeaf = MISSING;
  private readonly tree: SortedTree;
  private lastScore = Number.NEGATIVE_INFINITY;
  private lastRef = MISSING;

  constructor(tree: SortedTree) {
    this.tree = tree;
  }

  visit(node: number, depth: number): void {
    const { arena, height } = this.tree;
    const isLeaf = depth === height - 1;
    const slots = slotsOf(arena, node);
    assert(slots > 0 && slots <= (isLeaf ? LEAF_CAPACITY : INNER_CAPACITY), `node ${node} has ${slots} slots`);
    this.bytes += arena.blockBytes(node);
    if (isLeaf) return this.visitLeaf(node, slots);
    this.shape.inners++;
    for (let slot = 0; slot < slots; slot++) {
      const child = childAt(arena, node, slot);
      const below = depth + 1 === height - 1;
      assert(scoreAt(arena, node, slot) === scoreAt(arena, child, 0), 'a slot names the first score below');
      assert(refAt(arena, node, slot, false) === refAt(arena, child, 0, below), 'a slot names the first ref below');
      assert(countAt(arena, node, slot) === elementsOf(arena, child, below), 'a slot counts what is below');
      this.visit(child, depth + 1);
    }
  }

  private visitLeaf(leaf: number, slots: number): void {
    const { arena, order } = this.tree;
    this.shape.leaves++;
    assert(previousOf(arena, leaf) === this.lastLeaf, 'a leaf knows the one before');
    if (this.lastLeaf !== MISSING) assert(nextOf(arena, this.lastLeaf) === leaf, 'a leaf knows the one after');
    this.lastLeaf = leaf;
    for (let slot = 0; slot < slots; slot++) {
      const score = scoreAt(arena, leaf, slot);
      const ref = refAt(arena, leaf, slot, true);
      assert(
        this.elements === 0 ||
          score > this.lastScore ||
          (score === this.lastScore && order.compare(this.lastRef, ref) < 0),
        'elements ascend',
      );
      this.lastScore = score;
      this.lastRef = ref;
      this.elements++;
    }
  }
}

/** @returns how many nodes of each kind there are. */
export function checkSortedTree(tree: SortedTree): TreeShape {
  const walk = new Walk(tree);
  assert((tree.height === 0) === (tree.size === 0), 'a tree has levels exactly when it has elements');
  if (tree.height > 0) walk.visit(tree.root, 0);
  if (tree.height > 1) assert(slotsOf(tree.arena, tree.root) > 1, 'a root has something to choose from');
  if (walk.lastLeaf !== MISSING) assert(nextOf(tree.arena, walk.lastLeaf) === MISSING, 'the last leaf is the last');
  assert(walk.elements === tree.size, `size ${tree.size} is the number of elements ${walk.elements}`);
  assert(walk.bytes === tree.heldBytes, `heldBytes ${tree.heldBytes} is the sum ${walk.bytes}`);
  return walk.shape;
}
