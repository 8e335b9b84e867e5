/**
 * Finds elements of a listpack that is being put together: walking all that is there for each that comes would take the square
 * of its length, and how long it may become is for whoever configures it to say. Short ones are walked all the same.
 *
 * Invariant: what is indexed are offsets in the listpack, by the keyed hash of the element's bytes. Nothing but additions behind
 * the last element may happen to it; whatever else does, `reset` has to follow.
 *
 * Bound: 8 bytes a slot, two to four slots an element, of which no more than SLOTS_KEPT stay when it is done.
 */
import { equalsEncoded } from '../listpack.ts';
import type { Scratch } from '../listpack-element.ts';

/** From so many elements on an index is worth its while. */
export const INDEXED_FROM = 48;
const SLOTS_AT_FIRST = 256;
const SLOTS_KEPT = 8192;
const NONE = -1;

export class DraftIndex {
  /** Elements indexed. */
  count: number;
  /** By slot: the offset, NONE in a free one, and the hash. */
  private offsets: Int32Array;
  private hashes: Int32Array;

  constructor() {
    this.count = 0;
    this.offsets = new Int32Array(SLOTS_AT_FIRST).fill(NONE);
    this.hashes = new Int32Array(SLOTS_AT_FIRST);
  }

  /** Empties it. */
  reset(): void {
    if (this.count === 0) return;
    this.count = 0;
    if (this.offsets.length > SLOTS_KEPT) this.widen(SLOTS_AT_FIRST);
    else this.offsets.fill(NONE);
  }

  /** The offset of an encoded element, or -1. */
  find(hash: number, bytes: Uint8Array, encoded: Scratch): number {
    const { offsets, hashes } = this;
    const mask = offsets.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const offset = offsets[slot] as number;
      if (offset === NONE) return NONE;
      if (hashes[slot] === (hash | 0) && equalsEncoded(bytes, offset, encoded.bytes, 0, encoded.length)) return offset;
    }
  }

  add(hash: number, offset: number): void {
    if (2 * (this.count + 1) > this.offsets.length) this.grow();
    this.put(hash | 0, offset);
    this.count++;
  }

  private put(hash: number, offset: number): void {
    const mask = this.offsets.length - 1;
    let slot = hash & mask;
    while (this.offsets[slot] !== NONE) slot = (slot + 1) & mask;
    this.offsets[slot] = offset;
    this.hashes[slot] = hash;
  }

  private grow(): void {
    const { offsets, hashes } = this;
    this.widen(offsets.length * 2);
    for (let slot = 0; slot < offsets.length; slot++) {
      const offset = offsets[slot] as number;
      if (offset !== NONE) this.put(hashes[slot] as number, offset);
    }
  }

  private widen(slots: number): void {
    this.offsets = new Int32Array(slots).fill(NONE);
    this.hashes = new Int32Array(slots);
  }
}
