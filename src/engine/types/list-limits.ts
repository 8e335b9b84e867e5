/** What one node of a list may hold: `list-max-listpack-size`, read as redis-server does. */
import { NODE_HEAD_BYTES } from './list-chain.ts';

/** -1 is 4 KiB, each step below doubles it. */
const LEAST_BYTES = 2048;
const STEPS_MAX = 5;
/** However many elements are allowed: a node must stay cheap to edit. */
const COUNTED_BYTES_MAX = 8192;
const ELEMENTS_MAX = 32767;

/** Bytes of a node's listpack. The head goes off, so that a full node fills a block of a round size. */
export function nodeBytesMax(listMaxListpackSize: number): number {
  if (listMaxListpackSize >= 0) return COUNTED_BYTES_MAX - NODE_HEAD_BYTES;
  return (LEAST_BYTES << Math.min(STEPS_MAX, -listMaxListpackSize)) - NODE_HEAD_BYTES;
}

/** Elements of a node. Few enough that the listpack's header always knows them. */
export function nodeElementsMax(listMaxListpackSize: number): number {
  if (listMaxListpackSize < 0) return ELEMENTS_MAX;
  return Math.max(1, Math.min(ELEMENTS_MAX, listMaxListpackSize));
}
