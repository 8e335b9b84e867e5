/** Walks a tree of IDs and throws on a broken invariant. For tests. */
import { assert } from '../../base/result.ts';
import type { Arena } from '../arena.ts';
import { MISSING } from '../entry.ts';
import { childAt, compareWith, INNER_WIDTH, nextOf, previousOf, recordAt, recordsOf } from './id-node.ts';
import { StreamId } from './stream-id.ts';

export interface IdTreeParts {
  readonly arena: Arena;
  readonly width: number;
  readonly size: number;
  readonly heldBytes: number;
  readonly root: number;
  readonly height: number;
  readonly firstLeaf: number;
  readonly lastLeaf: number;
}

function idAt(arena: Arena, node: number, slot: number, width: number): StreamId {
  const words = arena.wordsOf(node);
  const at = recordAt(node, slot, width);
  return new StreamId(words[at], words[at + 1], words[at + 2], words[at + 3]);
}

export function checkIdTree(tree: IdTreeParts): void {
  const { arena, width } = tree;
  const leaves: number[] = [];
  let bytes = 0;
  const visit = (node: number, level: number, low: StreamId | undefined, high: StreamId | undefined): void => {
    bytes += arena.blockBytes(node);
    const records = recordsOf(arena, node);
    assert(records > 0, 'a node of a tree has records');
    const step = level === 1 ? width : INNER_WIDTH;
    for (let slot = 0; slot < records; slot++) {
      const id = idAt(arena, node, slot, step);
      const counts = level === 1 || slot > 0;
      if (counts && low !== undefined) assert(id.compare(low) >= 0, 'an ID is not below its bound');
      if (counts && high !== undefined) assert(id.compare(high) < 0, 'an ID is below the next bound');
      if (slot > (level === 1 ? 0 : 1)) {
        assert(compareWith(id, arena.wordsOf(node), recordAt(node, slot - 1, step)) > 0, 'IDs rise');
      }
      if (level === 1) continue;
      const next = slot + 1 < records ? idAt(arena, node, slot + 1, step) : high;
      visit(childAt(arena, node, slot), level - 1, slot === 0 ? low : id, next);
    }
    if (level === 1) leaves.push(node);
  };
  assert((tree.root === MISSING) === (tree.height === 0), 'a tree with a root has a height');
  if (tree.root !== MISSING) visit(tree.root, tree.height, undefined, undefined);
  assert(bytes === tree.heldBytes, 'a tree holds the bytes of its nodes');
  let count = 0;
  let previous: number = MISSING;
  let leaf = tree.firstLeaf;
  for (const expected of leaves) {
    assert(leaf === expected && previousOf(arena, leaf) === previous, 'leaves are chained in order');
    count += recordsOf(arena, leaf);
    previous = leaf;
    leaf = nextOf(arena, leaf);
  }
  assert(leaf === MISSING && previous === tree.lastLeaf, 'the chain of leaves ends with the last');
  assert(count === tree.size, 'a tree counts its records');
}
