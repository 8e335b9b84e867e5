/**
 * A list too large for one node: a chain of them (`list-chain.ts`), an element larger than a node may be alone in one.
 *
 * Invariants: `size` is the sum of the nodes' counts; nothing makes a node of several elements pass `bytesMax` or `elementsMax`.
 * Every change that finds the arena full leaves the elements as they were, if perhaps in other nodes.
 *
 * Elements are named by their node and `p`, their offset in its segment; both die with the next change.
 *
 * Hot path. Budget: pushing 20 bytes under 150 ns, popping under 80; guarded by `bench/list.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import { MISSING } from '../entry.ts';
import type { LargeValue } from '../large.ts';
import {
  after,
  count,
  dropLast,
  end,
  extendBack,
  insertBefore,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  previous,
  removeRange,
  replaceElement,
  seek,
  totalBytes,
} from '../listpack.ts';
import { elementBytes, encodedLengthMax, LISTPACK_END_BYTE, type Scratch, writeText } from '../listpack-element.ts';
import type { Ground } from '../members.ts';
import { ListChain } from './list-chain.ts';
import { removeEqualFrom } from './list-equal.ts';
import { nodeBytesMax, nodeElementsMax } from './list-limits.ts';
import type { ElementRun } from './list-run.ts';

/** A node that a removal leaves with less than this share of its block is moved to a smaller one. */
const POPPED_SHARE = 4;
/** Elements popped from a node between two looks at that. */
const POPS_BETWEEN_LOOKS = 16;
const THINNED_SHARE = 2;
/** What part of a list's bytes may be free in the node at its end. */
const SPARE_SHIFT = 5;
/** Neighbours become one node when that is no fuller than this share, so that it does not soon have to be split again. */
const MERGED_SHARE = 2;

export class LargeList implements LargeValue {
  readonly chain: ListChain;
  size: number;
  /** Where in the node that `nodeAt` answered last the element is. */
  indexInNode: number;
  readonly bytesMax: number;
  private readonly elementsMax: number;
  private readonly setting: number;

  /** @param setting `list-max-listpack-size` as it is when the list becomes large */
  constructor(ground: Ground, setting: number) {
    this.chain = new ListChain(ground);
    this.size = 0;
    this.indexInNode = 0;
    this.setting = setting;
    this.bytesMax = nodeBytesMax(setting);
    this.elementsMax = nodeElementsMax(setting);
  }

  // -- Life ------------------------------------------------------------------------------------------------------------

  effort(): number {
    return this.chain.nodes;
  }

  heldBytes(): number {
    return this.chain.bytes;
  }

  copy(): LargeList | undefined {
    const { chain } = this;
    const copy = new LargeList(chain.ground, this.setting);
    for (let node = chain.first; node !== MISSING; node = chain.nextOf(node)) {
      if (copy.adopt(chain.arena.bytesOf(node), chain.listpackOf(node))) continue;
      copy.drain(Number.POSITIVE_INFINITY);
      return undefined;
    }
    return copy;
  }

  drain(budget: number): number {
    const { chain } = this;
    let freed = 0;
    for (; freed < budget && chain.first !== MISSING; freed++) chain.drop(chain.first);
    return freed;
  }

  /** Adds a copy of a whole listpack, which must not be empty, as the last node. False when the arena is full. */
  adopt(bytes: Uint8Array, at: number): boolean {
    const { chain } = this;
    const total = totalBytes(bytes, at);
    const node = chain.add(chain.last, total);
    if (node === MISSING) return false;
    copyRange(bytes, at, at + total, chain.arena.bytesOf(node), chain.listpackOf(node));
    this.size += count(bytes, at);
    return true;
  }

  // -- Ends ------------------------------------------------------------------------------------------------------------

  /** Adds one element, a text that is no integer, in front of all or behind them. */
  pushText(source: Uint8Array, start: number, stop: number, atHead: boolean): boolean {
    const { chain } = this;
    const length = encodedLengthMax(stop - start);
    let node = this.nodeTaking(atHead, length);
    if (node === MISSING) node = this.endNode(atHead, length);
    else node = chain.withRoom(node, chain.bytesIn(node) + length, this.bytesMax, atHead);
    if (node === MISSING) return false;
    writeText(source, start, stop, chain.arena.bytesOf(node), this.extended(node, atHead, length, 1));
    return true;
  }

  /** Lets a node that has room hold so many bytes of elements more at an end. @returns where they are to be written. */
  private extended(node: number, atHead: boolean, length: number, elements: number): number {
    const { chain } = this;
    this.size += elements;
    if (atHead) return chain.extendFront(node, length, elements) + LISTPACK_HEADER_BYTES;
    return extendBack(chain.arena.bytesOf(node), chain.listpackOf(node), length, elements);
  }

  /** Adds a run in front of all elements or behind them. */
  push(run: ElementRun, atHead: boolean): boolean {
    const node = this.nodeTaking(atHead, run.length, run.count);
    if (node !== MISSING) {
      return this.pushInto(node, atHead, run.bytes, LISTPACK_HEADER_BYTES, run.length, run.count);
    }
    const before = this.size;
    if (atHead ? this.pushFront(run) : this.pushBack(run)) return true;
    const pushed = this.size - before;
    this.removeRange(atHead ? 0 : before, pushed);
    return false;
  }

  private pushBack(run: ElementRun): boolean {
    const { bytes } = run;
    for (let start = LISTPACK_HEADER_BYTES; start < run.end; ) {
      let stop = start + elementBytes(bytes, start);
      let elements = 1;
      const node = this.nodeTaking(false, stop - start);
      for (; stop < run.end; elements++) {
        const next = stop + elementBytes(bytes, stop);
        if (!this.takes(node, next - start, elements + 1)) break;
        stop = next;
      }
      if (!this.pushPiece(node, false, bytes, start, stop, elements)) return false;
      start = stop;
    }
    return true;
  }

  private pushFront(run: ElementRun): boolean {
    const { bytes } = run;
    for (let stop = run.end; stop > LISTPACK_HEADER_BYTES; ) {
      let start = previous(bytes, 0, stop);
      let elements = 1;
      const node = this.nodeTaking(true, stop - start);
      for (; start > LISTPACK_HEADER_BYTES; elements++) {
        const next = previous(bytes, 0, start);
        if (!this.takes(node, stop - next, elements + 1)) break;
        start = next;
      }
      if (!this.pushPiece(node, true, bytes, start, stop, elements)) return false;
      stop = start;
    }
    return true;
  }

  /** The node at an end if it takes elements of so many bytes, else MISSING: a new one is needed. */
  private nodeTaking(atHead: boolean, length: number, elements = 1): number {
    const { chain } = this;
    const node = atHead ? chain.first : chain.last;
    return node !== MISSING && this.takes(node, length, elements) ? node : MISSING;
  }

  private pushPiece(
    node: number,
    atHead: boolean,
    bytes: Uint8Array,
    start: number,
    stop: number,
    elements: number,
  ): boolean {
    const target = node === MISSING ? this.endNode(atHead, stop - start) : node;
    return target !== MISSING && this.pushInto(target, atHead, bytes, start, stop - start, elements);
  }

  /** Adds encoded elements to a node at an end, which takes them. */
  private pushInto(
    node: number,
    atHead: boolean,
    encoded: Uint8Array,
    from: number,
    length: number,
    elements: number,
  ): boolean {
    const { chain } = this;
    const target = chain.withRoom(node, chain.bytesIn(node) + length, this.bytesMax, atHead);
    if (target === MISSING) return false;
    const bytes = chain.arena.bytesOf(target);
    copyRange(encoded, from, from + length, bytes, this.extended(target, atHead, length, elements));
    return true;
  }

  /**
   * A new node at an end, empty, with room for so many bytes of elements. What has become long will become longer: the room is
   * a thirty-second of all that is there, up to a whole node, so that it need not be found step by step.
   */
  private endNode(atHead: boolean, length: number): number {
    const { chain } = this;
    const full = atHead ? chain.first : chain.last;
    if (full !== MISSING) chain.trimmed(full);
    const wanted = length + LISTPACK_EMPTY_BYTES;
    const generous = Math.max(wanted, Math.min(this.bytesMax, chain.bytes >>> SPARE_SHIFT));
    const behind = atHead ? MISSING : chain.last;
    const roomy = chain.ground.account.room(generous) ? chain.add(behind, generous, atHead) : MISSING;
    return roomy === MISSING ? chain.add(behind, wanted, atHead) : roomy;
  }

  // -- Insertion -------------------------------------------------------------------------------------------------------

  /** Whether a node, or with MISSING a new one, may hold so many bytes of elements more. */
  private takes(node: number, length: number, elements: number): boolean {
    if (node === MISSING) return length + LISTPACK_EMPTY_BYTES <= this.bytesMax && elements <= this.elementsMax;
    const { chain } = this;
    return chain.bytesIn(node) + length <= this.bytesMax && chain.countIn(node) + elements <= this.elementsMax;
  }

  /** @returns the node's ref, which may have changed; MISSING when the arena is full. */
  private insertInto(
    node: number,
    p: number,
    encoded: Uint8Array,
    from: number,
    length: number,
    elements: number,
  ): number {
    const { chain } = this;
    const distance = p - chain.listpackOf(node);
    const target = chain.withRoom(node, chain.bytesIn(node) + length, this.bytesMax);
    if (target === MISSING) return MISSING;
    const at = chain.listpackOf(target);
    insertBefore(chain.arena.bytesOf(target), at, at + distance, encoded, from, length, elements);
    this.size += elements;
    return target;
  }

  private addNode(behind: number, encoded: Uint8Array, from: number, length: number, elements: number): number {
    const node = this.madeNode(behind, encoded, from, length, elements);
    if (node !== MISSING) this.size += elements;
    return node;
  }

  /** A new node of encoded elements, which `size` does not count yet. */
  private madeNode(behind: number, encoded: Uint8Array, from: number, length: number, elements: number): number {
    const { chain } = this;
    const node = chain.add(behind, length + LISTPACK_EMPTY_BYTES);
    if (node === MISSING) return MISSING;
    const bytes = chain.arena.bytesOf(node);
    const at = chain.listpackOf(node);
    insertBefore(bytes, at, at + LISTPACK_HEADER_BYTES, encoded, from, length, elements);
    return node;
  }

  /** Puts one encoded element in front of the one at `p`, or of the terminator. */
  insert(node: number, p: number, encoded: Scratch): boolean {
    const { chain } = this;
    const { bytes, length } = encoded;
    if (this.takes(node, length, 1)) return this.insertInto(node, p, bytes, 0, length, 1) !== MISSING;
    const isFirst = p === chain.listpackOf(node) + LISTPACK_HEADER_BYTES;
    const isBehindLast = chain.arena.bytesOf(node)[p] === LISTPACK_END_BYTE;
    let left = isFirst ? chain.previousOf(node) : node;
    if (!(isFirst || isBehindLast)) {
      left = this.split(node, p);
      if (left === MISSING) return false;
    }
    const right = left === MISSING ? chain.first : chain.nextOf(left);
    const home = this.insertBetween(left, right, encoded);
    if (home === MISSING) return false;
    // What a split left behind becomes one node again with its neighbours where that goes.
    this.mergedAround(home, 1);
    return true;
  }

  /** @returns the node that the element is in; MISSING when the arena is full. */
  private insertBetween(left: number, right: number, encoded: Scratch): number {
    const { chain } = this;
    const { bytes, length } = encoded;
    if (left !== MISSING && this.takes(left, length, 1)) {
      return this.insertInto(left, end(chain.arena.bytesOf(left), chain.listpackOf(left)), bytes, 0, length, 1);
    }
    if (right !== MISSING && this.takes(right, length, 1)) {
      return this.insertInto(right, chain.listpackOf(right) + LISTPACK_HEADER_BYTES, bytes, 0, length, 1);
    }
    return this.addNode(left, bytes, 0, length, 1);
  }

  /** Puts one encoded element in place of the one at `p`. */
  replace(node: number, p: number, encoded: Scratch): boolean {
    const { chain } = this;
    const { arena } = chain;
    const wanted = chain.bytesIn(node) - elementBytes(arena.bytesOf(node), p) + encoded.length;
    if (wanted <= this.bytesMax || chain.countIn(node) === 1) {
      return this.replaceIn(node, p, encoded, wanted) !== MISSING;
    }
    const alone = this.isolated(node, p);
    if (alone === MISSING) return false;
    const first = chain.listpackOf(alone) + LISTPACK_HEADER_BYTES;
    const target = this.replaceIn(alone, first, encoded, encoded.length + LISTPACK_EMPTY_BYTES);
    if (target === MISSING) return false;
    this.mergedAround(target, 1);
    return true;
  }

  /** @returns the node's ref, which may have changed; MISSING when the arena is full. */
  private replaceIn(node: number, p: number, encoded: Scratch, wanted: number): number {
    const { chain } = this;
    const distance = p - chain.listpackOf(node);
    const target = chain.withRoom(node, wanted, this.bytesMax);
    if (target === MISSING) return MISSING;
    const at = chain.listpackOf(target);
    replaceElement(chain.arena.bytesOf(target), at, at + distance, encoded.bytes, 0, encoded.length);
    return this.thinned(target, THINNED_SHARE);
  }

  // -- Splitting and merging -------------------------------------------------------------------------------------------

  /** Parts a node in front of the element at `p`, which is not its first. @returns the left part, or MISSING. */
  private split(node: number, p: number): number {
    const { chain } = this;
    const bytes = chain.arena.bytesOf(node);
    const at = chain.listpackOf(node);
    let left = 0;
    for (let q = at + LISTPACK_HEADER_BYTES; q < p; q = after(bytes, q)) left++;
    const right = count(bytes, at) - left;
    if (this.madeNode(node, bytes, p, end(bytes, at) - p, right) === MISSING) return MISSING;
    removeRange(bytes, at, p, right);
    return chain.trimmed(node);
  }

  /** Gives an element a node of its own. @returns that node, or MISSING. */
  private isolated(node: number, p: number): number {
    const { chain } = this;
    let own = node;
    let start = p;
    if (p > chain.listpackOf(node) + LISTPACK_HEADER_BYTES) {
      const left = this.split(node, p);
      if (left === MISSING) return MISSING;
      own = chain.nextOf(left);
      start = chain.listpackOf(own) + LISTPACK_HEADER_BYTES;
    }
    const bytes = chain.arena.bytesOf(own);
    const behind = after(bytes, start);
    return bytes[behind] === LISTPACK_END_BYTE ? own : this.split(own, behind);
  }

  /** Whether a node and the one behind it may be one, filling no more than a share of it. */
  private mergeable(node: number, share: number): boolean {
    const { chain } = this;
    const behind = node === MISSING ? MISSING : chain.nextOf(node);
    if (behind === MISSING) return false;
    const total = chain.bytesIn(node) + chain.bytesIn(behind) - LISTPACK_EMPTY_BYTES;
    return total * share <= this.bytesMax && chain.countIn(node) + chain.countIn(behind) <= this.elementsMax;
  }

  /** Merges a node with the one in front and the one behind where that goes. @returns where its elements are now. */
  private mergedAround(node: number, share: number): number {
    const { chain } = this;
    let target = node;
    const previousNode = chain.previousOf(node);
    if (this.mergeable(previousNode, share)) {
      const merged = chain.merged(previousNode);
      if (merged === MISSING) return target;
      target = merged;
    }
    if (!this.mergeable(target, share)) return target;
    const merged = chain.merged(target);
    return merged === MISSING ? target : merged;
  }

  /** Trims a node whose elements fill less than a share of its block. @returns the node's ref. */
  private thinned(node: number, share: number): number {
    const { chain } = this;
    return chain.bytesIn(node) * share <= chain.capacityOf(node) ? chain.trimmed(node) : node;
  }

  // -- Removal ---------------------------------------------------------------------------------------------------------

  /** Takes out the first or the last element. */
  pop(atHead: boolean): void {
    const { chain } = this;
    const node = atHead ? chain.first : chain.last;
    this.size--;
    const bytes = chain.arena.bytesOf(node);
    const at = chain.listpackOf(node);
    const held = count(bytes, at);
    if (held === 1) {
      chain.drop(node);
      return;
    }
    if (atHead) chain.extendFront(node, -elementBytes(bytes, at + LISTPACK_HEADER_BYTES), -1);
    else dropLast(bytes, at);
    if (held % POPS_BETWEEN_LOOKS === 0) this.thinned(node, POPPED_SHARE);
  }

  /** Takes out `elements` elements from an index on; they must be there. */
  removeRange(index: number, elements: number): void {
    const { chain } = this;
    let node = this.nodeAt(index);
    let skip = this.indexInNode;
    let edited: number = MISSING;
    for (let left = elements; left > 0; skip = 0) {
      const held = chain.countIn(node);
      const taken = Math.min(left, held - skip);
      const behind = chain.nextOf(node);
      if (taken === held) chain.drop(node);
      else {
        const bytes = chain.arena.bytesOf(node);
        const at = chain.listpackOf(node);
        removeRange(bytes, at, seek(bytes, at, skip), taken);
        edited = node;
      }
      left -= taken;
      this.size -= taken;
      node = behind;
    }
    if (edited === MISSING) return;
    const settled = this.settled(edited);
    const inFront = chain.previousOf(settled);
    if (inFront !== MISSING) this.thinned(inFront, THINNED_SHARE);
  }

  /** Merges or trims a node that has lost elements. */
  private settled(node: number): number {
    return this.thinned(this.mergedAround(node, MERGED_SHARE), THINNED_SHARE);
  }

  /** Takes out up to `limit` elements equal to the encoded one, the last first when `backward`. @returns how many. */
  removeEqual(encoded: Scratch, limit: number, backward: boolean): number {
    const { chain } = this;
    let removed = 0;
    for (let node = backward ? chain.last : chain.first; node !== MISSING && removed < limit; ) {
      const beyond = backward ? chain.previousOf(node) : chain.nextOf(node);
      const held = chain.countIn(node);
      const bytes = chain.arena.bytesOf(node);
      const taken = removeEqualFrom(bytes, chain.listpackOf(node), encoded, limit - removed, backward);
      removed += taken;
      this.size -= taken;
      if (taken === held) chain.drop(node);
      else if (taken > 0) this.settledBehindUs(node, backward);
      node = beyond;
    }
    return removed;
  }

  /** As `settled`, leaving the node alone that the walk goes on with. */
  private settledBehindUs(node: number, backward: boolean): void {
    const { chain } = this;
    const left = backward ? node : chain.previousOf(node);
    const merged = this.mergeable(left, MERGED_SHARE) ? chain.merged(left) : MISSING;
    this.thinned(merged === MISSING ? node : merged, THINNED_SHARE);
  }

  // -- Places ----------------------------------------------------------------------------------------------------------

  /** The node of the element at an index that is there, walking from the nearer end. */
  nodeAt(index: number): number {
    const { chain, size } = this;
    if (index < size >> 1) {
      let left = index;
      let node = chain.first;
      for (let held = chain.countIn(node); left >= held; held = chain.countIn(node)) {
        left -= held;
        node = chain.nextOf(node);
      }
      this.indexInNode = left;
      return node;
    }
    let left = size - 1 - index;
    let node = chain.last;
    let held = chain.countIn(node);
    for (; left >= held; held = chain.countIn(node)) {
      left -= held;
      node = chain.previousOf(node);
    }
    this.indexInNode = held - 1 - left;
    return node;
  }
}
