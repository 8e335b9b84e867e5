/**
 * XINFO STREAM tells how many nodes the radix tree of a stream's blocks has. There is none here, but clients may compare:
 * this is how many Redis' tree would have, as the IDs alone decide that.
 */
import { IdPlace } from './id-tree.ts';
import type { Stream } from './stream.ts';
import { StreamId } from './stream-id.ts';

/** Blocks looked at; of a stream with more the others are taken to be alike. */
const BLOCKS_MAX = 16_384;
/** Bytes of a key. */
const KEY_BYTES = 16;

/** Bytes that two different keys have in common from the left. */
function sharedBytes(a: StreamId, b: StreamId): number {
  const words = [a.msHi ^ b.msHi, a.msLo ^ b.msLo, a.seqHi ^ b.seqHi, a.seqLo ^ b.seqLo];
  const differing = words.findIndex((word) => word !== 0);
  return differing * 4 + (Math.clz32(words[differing] as number) >> 3);
}

/** A run of bytes without a fork is one node, if it is there. */
function runNodes(from: number, to: number): number {
  return to > from ? 1 : 0;
}

/** Keys come in order, so only the forks on the way to the last one matter: `forks` are their depths, rising. */
export function radixNodes(stream: Stream): number {
  const { blocks } = stream;
  const place = new IdPlace();
  if (!blocks.first(place)) return 1;
  const last = new StreamId();
  const id = new StreamId();
  const forks: number[] = [];
  blocks.readId(place, last);
  // The first key: its bytes and the leaf.
  let nodes = 2;
  let looked = 1;
  for (; looked < BLOCKS_MAX && blocks.next(place); looked++) {
    blocks.readId(place, id);
    const depth = sharedBytes(last, id);
    let below = KEY_BYTES;
    while (forks.length > 0 && (forks.at(-1) as number) > depth) below = forks.pop() as number;
    if (forks.at(-1) !== depth) {
      const above = (forks.at(-1) ?? -1) + 1;
      // A run is cut in two by the new fork.
      nodes += runNodes(above, depth) + 1 + runNodes(depth + 1, below) - runNodes(above, below);
      forks.push(depth);
    }
    nodes += runNodes(depth + 1, KEY_BYTES) + 1;
    last.copyFrom(id);
  }
  return looked < blocks.size ? Math.round((nodes / looked) * blocks.size) : nodes;
}
