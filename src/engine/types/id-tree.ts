/**
 * A B+tree from stream IDs to a few words each, its nodes in the arena and charged to the account: the blocks of a stream,
 * the pending entries of a group and of a consumer.
 *
 * It is made for what streams do: IDs come in rising order and go in about that order. Adding the largest looks at the last
 * leaf alone and leaves full leaves behind; walking follows the chain of leaves. A tree of one leaf grows with what it
 * holds, so that a consumer with one pending entry pays for one. Leaves and inner nodes that became a quarter full join a
 * neighbour that has room.
 *
 * An {@link IdPlace} says where a record is. It dies when the tree changes, except by `setWord`.
 *
 * Hot path. Budget: adding the largest ID under 70 ns, finding one among a million under 300 ns; guarded by
 * `bench/stream.ts`.
 */
import { assert } from '../../base/result.ts';
import { MISSING } from '../entry.ts';
import type { Ground } from '../members.ts';
import {
  bytesFor,
  capacityOf,
  childAt,
  childSlot,
  closeRecord,
  compareWith,
  copyBound,
  ID_WORDS,
  INNER_WIDTH,
  lowerBound,
  moveRecords,
  NODE_BYTES,
  nextOf,
  openRecord,
  previousOf,
  readId,
  recordAt,
  recordsOf,
  setNext,
  setPrevious,
  setRecords,
  writeId,
} from './id-node.ts';
import { checkIdTree } from './id-tree-check.ts';
import { NodeReserve } from './node-reserve.ts';
import { StreamId } from './stream-id.ts';

const INNER_CAPACITY = capacityOf(NODE_BYTES, INNER_WIDTH);
/** Levels: with a fan-out of two where everything went wrong, 32 bits of records. */
const LEVELS_MAX = 32;

/** The way from the root to a leaf, by level: 1 is the leaf's. Of the last descent only. */
const pathNode = new Int32Array(LEVELS_MAX);
const pathSlot = new Int32Array(LEVELS_MAX);
const reserve = new NodeReserve();
const bound = new StreamId();

/** A record: a leaf and a slot in it; no leaf (MISSING) is behind the end. */
export class IdPlace {
  leaf: number;
  slot: number;

  constructor() {
    this.leaf = MISSING;
    this.slot = 0;
  }
}

export class IdTree {
  readonly ground: Ground;
  /** Records. */
  size: number;
  /** Bytes of all nodes. */
  heldBytes: number;
  /** Words of a leaf's record. */
  private readonly width: number;
  private root: number;
  /** Levels: 0 when empty, 1 when the root is a leaf. */
  private height: number;
  private firstLeaf: number;
  private lastLeaf: number;
  /** Records that fit a leaf that is the root; all other leaves hold as many as a node can. */
  private rootCapacity: number;

  /** @param payloadWords words that each record holds beside its ID */
  constructor(ground: Ground, payloadWords: number) {
    this.ground = ground;
    this.size = 0;
    this.heldBytes = 0;
    this.width = ID_WORDS + payloadWords;
    this.root = MISSING;
    this.height = 0;
    this.firstLeaf = MISSING;
    this.lastLeaf = MISSING;
    this.rootCapacity = 0;
  }

  // -- Finding ---------------------------------------------------------------------------------------------------------

  first(place: IdPlace): boolean {
    place.leaf = this.firstLeaf;
    place.slot = 0;
    return place.leaf !== MISSING;
  }

  last(place: IdPlace): boolean {
    place.leaf = this.lastLeaf;
    if (place.leaf === MISSING) return false;
    place.slot = recordsOf(this.ground.arena, place.leaf) - 1;
    return true;
  }

  /** The record of exactly this ID. */
  find(id: StreamId, place: IdPlace): boolean {
    if (!this.seek(id, place)) return false;
    return compareWith(id, this.words(place), this.at(place)) === 0;
  }

  /** The first record whose ID is not less. */
  seek(id: StreamId, place: IdPlace): boolean {
    if (this.root === MISSING) {
      place.leaf = MISSING;
      return false;
    }
    const { arena } = this.ground;
    place.leaf = this.leafOf(id);
    place.slot = lowerBound(arena, place.leaf, this.width, id);
    if (place.slot < recordsOf(arena, place.leaf)) return true;
    place.leaf = nextOf(arena, place.leaf);
    place.slot = 0;
    return place.leaf !== MISSING;
  }

  /** The last record whose ID is not greater. */
  floor(id: StreamId, place: IdPlace): boolean {
    if (!this.seek(id, place)) return this.last(place);
    return compareWith(id, this.words(place), this.at(place)) === 0 || this.previous(place);
  }

  next(place: IdPlace): boolean {
    const { arena } = this.ground;
    if (++place.slot < recordsOf(arena, place.leaf)) return true;
    place.leaf = nextOf(arena, place.leaf);
    place.slot = 0;
    return place.leaf !== MISSING;
  }

  previous(place: IdPlace): boolean {
    const { arena } = this.ground;
    if (--place.slot >= 0) return true;
    place.leaf = previousOf(arena, place.leaf);
    if (place.leaf === MISSING) return false;
    place.slot = recordsOf(arena, place.leaf) - 1;
    return true;
  }

  // -- A record --------------------------------------------------------------------------------------------------------

  readId(place: IdPlace, id: StreamId): void {
    const words = this.words(place);
    const at = this.at(place);
    id.set(words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);
  }

  /** A word of the payload. */
  word(place: IdPlace, number: number): number {
    return this.words(place)[this.at(place) + ID_WORDS + number] as number;
  }

  setWord(place: IdPlace, number: number, value: number): void {
    this.words(place)[this.at(place) + ID_WORDS + number] = value;
  }

  private words(place: IdPlace): Int32Array {
    return this.ground.arena.wordsOf(place.leaf);
  }

  private at(place: IdPlace): number {
    return recordAt(place.leaf, place.slot, this.width);
  }

  // -- Adding ----------------------------------------------------------------------------------------------------------

  /** Adds a record that is not there yet, its payload zero. False when the arena is full, and then nothing has changed. */
  add(id: StreamId, place: IdPlace): boolean {
    if (!this.makeRoom(id, place)) return false;
    const { arena } = this.ground;
    const at = openRecord(arena, place.leaf, place.slot, this.width);
    const words = arena.wordsOf(place.leaf);
    writeId(words, at, id);
    for (let i = ID_WORDS; i < this.width; i++) words[at + i] = 0;
    this.size++;
    return true;
  }

  /** Finds the leaf and slot where an ID belongs, and sees to it that the leaf has room for one more. */
  private makeRoom(id: StreamId, place: IdPlace): boolean {
    const { arena } = this.ground;
    if (this.root === MISSING) {
      place.leaf = MISSING;
      place.slot = 0;
      return this.growRoot(place);
    }
    const capacity = this.height === 1 ? this.rootCapacity : this.leafCapacity();
    const lastCount = recordsOf(arena, this.lastLeaf);
    const lastAt = recordAt(this.lastLeaf, lastCount - 1, this.width);
    const isLargest = compareWith(id, arena.wordsOf(this.lastLeaf), lastAt) > 0;
    if (isLargest && lastCount < capacity) {
      place.leaf = this.lastLeaf;
      place.slot = lastCount;
      return true;
    }
    place.leaf = this.leafOf(id);
    place.slot = lowerBound(arena, place.leaf, this.width, id);
    if (recordsOf(arena, place.leaf) < capacity) return true;
    if (this.height === 1 && capacity < this.leafCapacity()) return this.growRoot(place);
    return this.split(id, place, isLargest);
  }

  private leafCapacity(): number {
    return capacityOf(NODE_BYTES, this.width);
  }

  /** Makes the only leaf twice as large, or the first one. */
  private growRoot(place: IdPlace): boolean {
    const { arena } = this.ground;
    const capacity = Math.min(Math.max(1, this.rootCapacity * 2), this.leafCapacity());
    const leaf = arena.allocate(capacity === this.leafCapacity() ? NODE_BYTES : bytesFor(capacity, this.width));
    if (leaf === MISSING) return false;
    this.charge(arena.lastBytes);
    setRecords(arena, leaf, 0);
    setNext(arena, leaf, MISSING);
    setPrevious(arena, leaf, MISSING);
    if (this.root !== MISSING) {
      moveRecords(arena, this.root, recordsOf(arena, this.root), leaf, this.width);
      this.free(this.root);
    }
    this.root = leaf;
    this.height = 1;
    this.firstLeaf = leaf;
    this.lastLeaf = leaf;
    this.rootCapacity = capacity;
    place.leaf = leaf;
    return true;
  }

  /** Parts a full leaf, at the end of the way that was just gone, and aims the place at the half that it belongs to. */
  private split(id: StreamId, place: IdPlace, isLargest: boolean): boolean {
    const { arena } = this.ground;
    if (!this.takeForSplit()) return false;
    const left = place.leaf;
    const right = this.useTaken();
    const next = nextOf(arena, left);
    setNext(arena, right, next);
    setPrevious(arena, right, left);
    setNext(arena, left, right);
    if (next === MISSING) this.lastLeaf = right;
    else setPrevious(arena, next, right);
    // The largest of all begins a leaf of its own: what lies in front of it is not added to any more.
    if (!isLargest) moveRecords(arena, left, recordsOf(arena, left) >> 1, right, this.width);
    const kept = recordsOf(arena, left);
    if (isLargest || place.slot > kept) {
      place.leaf = right;
      place.slot -= kept;
    }
    // What is moved begins the right half: the new record is put in front of it nowhere.
    if (!isLargest) readId(arena, right, this.width, bound);
    this.addChild(2, right, isLargest ? id : bound, isLargest);
    return true;
  }

  /** Puts a child behind the one that the way leads through. */
  private addChild(level: number, child: number, first: StreamId, isLargest: boolean): void {
    const { arena } = this.ground;
    if (level > this.height) this.addRoot(level);
    let node = pathNode[level] as number;
    let slot = (pathSlot[level] as number) + 1;
    if (recordsOf(arena, node) === INNER_CAPACITY) {
      const right = this.useTaken();
      const rightFirst = new StreamId();
      if (isLargest) rightFirst.copyFrom(first);
      else {
        moveRecords(arena, node, INNER_CAPACITY >> 1, right, INNER_WIDTH);
        readId(arena, right, INNER_WIDTH, rightFirst);
      }
      const kept = recordsOf(arena, node);
      this.addChild(level + 1, right, rightFirst, isLargest);
      if (isLargest || slot > kept) {
        node = right;
        slot -= kept;
      }
    }
    const at = openRecord(arena, node, slot, INNER_WIDTH);
    const words = arena.wordsOf(node);
    writeId(words, at, first);
    words[at + ID_WORDS] = child;
  }

  /** A root above the root. Its first bound is not looked at. */
  private addRoot(level: number): void {
    const { arena } = this.ground;
    const root = this.useTaken();
    const at = openRecord(arena, root, 0, INNER_WIDTH);
    const words = arena.wordsOf(root);
    words.fill(0, at, at + ID_WORDS);
    words[at + ID_WORDS] = this.root;
    this.root = root;
    this.height = level;
    assert(level < LEVELS_MAX, 'a tree of IDs has few levels');
    pathNode[level] = root;
    pathSlot[level] = 0;
  }

  /** Allocates every node that parting the leaf at the end of the way will need. */
  private takeForSplit(): boolean {
    const { arena } = this.ground;
    let wanted = 1;
    let level = 2;
    while (level <= this.height && recordsOf(arena, pathNode[level] as number) === INNER_CAPACITY) {
      wanted++;
      level++;
    }
    if (level > this.height) wanted++;
    return reserve.fill(arena, wanted, NODE_BYTES);
  }

  private useTaken(): number {
    const { arena } = this.ground;
    const node = reserve.take();
    this.charge(arena.blockBytes(node));
    setRecords(arena, node, 0);
    return node;
  }

  /** Removes a record. Every place dies. */
  remove(place: IdPlace): void {
    const { arena } = this.ground;
    const { leaf } = place;
    const left = recordsOf(arena, leaf) - 1;
    const joins = this.height > 1 && left <= this.leafCapacity() >> 2 && (left & (left - 1)) === 0;
    // The way is needed, and only an ID of the leaf shows it. Looking at every power of two is often enough.
    if (joins) {
      readId(arena, leaf, this.width, bound);
      this.leafOf(bound);
    }
    closeRecord(arena, leaf, place.slot, this.width);
    this.size--;
    place.leaf = MISSING;
    if (left === 0) this.removeLeaf(leaf);
    else if (joins) this.join(1);
    this.lower();
  }

  private removeLeaf(leaf: number): void {
    this.unlink(leaf);
    this.free(leaf);
    if (this.height === 1) this.root = MISSING;
    else this.removeChild(2);
  }

  /** Takes the child at which the way goes on out of its parent. */
  private removeChild(level: number): void {
    const { arena } = this.ground;
    const node = pathNode[level] as number;
    closeRecord(arena, node, pathSlot[level] as number, INNER_WIDTH);
    const left = recordsOf(arena, node);
    if (left === 0 && level < this.height) {
      this.free(node);
      this.removeChild(level + 1);
    } else if (left <= INNER_CAPACITY >> 2 && level < this.height) this.join(level);
  }

  /** Lets the node of a level take in its neighbour, or be taken in, when both together leave room. */
  private join(level: number): void {
    const slot = pathSlot[level + 1] as number;
    if (!this.joinAt(level, slot)) this.joinAt(level, slot - 1);
  }

  /** The same with the node that the parent has in a slot, and the one behind it. */
  private joinAt(level: number, slot: number): boolean {
    const { arena } = this.ground;
    const parent = pathNode[level + 1] as number;
    if (slot < 0 || slot + 1 >= recordsOf(arena, parent)) return false;
    const left = childAt(arena, parent, slot);
    const right = childAt(arena, parent, slot + 1);
    const count = recordsOf(arena, right);
    const width = level === 1 ? this.width : INNER_WIDTH;
    if ((recordsOf(arena, left) + count) * 4 > capacityOf(NODE_BYTES, width) * 3) return false;
    // The bound of a first child is not looked at, but here it is a first child no more.
    if (level > 1) copyBound(arena, parent, slot + 1, right);
    moveRecords(arena, right, count, left, width);
    if (level === 1) this.unlink(right);
    this.free(right);
    pathSlot[level + 1] = slot + 1;
    this.removeChild(level + 1);
    return true;
  }

  private unlink(leaf: number): void {
    const { arena } = this.ground;
    const next = nextOf(arena, leaf);
    const previous = previousOf(arena, leaf);
    if (next === MISSING) this.lastLeaf = previous;
    else setPrevious(arena, next, previous);
    if (previous === MISSING) this.firstLeaf = next;
    else setNext(arena, previous, next);
  }

  /** Takes away roots that have nothing to choose from. */
  private lower(): void {
    const { arena } = this.ground;
    while (this.root !== MISSING && this.height > 1 && recordsOf(arena, this.root) <= 1) {
      const root = this.root;
      this.root = recordsOf(arena, root) === 0 ? MISSING : childAt(arena, root, 0);
      this.height--;
      this.free(root);
    }
    if (this.root !== MISSING) return;
    this.height = 0;
    this.rootCapacity = 0;
  }

  // -- The whole -------------------------------------------------------------------------------------------------------

  /**
   * Frees up to about so many records of a tree that is no longer in use, telling of the first payload word of each.
   * @returns how many went: fewer than `budget` only when nothing is left.
   */
  drain(budget: number, release: ((word: number) => void) | undefined): number {
    const { arena } = this.ground;
    if (this.height > 1) this.freeInner(this.root, this.height);
    this.height = 0;
    this.root = MISSING;
    let gone = 0;
    while (this.firstLeaf !== MISSING && gone < budget) {
      const leaf = this.firstLeaf;
      const records = recordsOf(arena, leaf);
      if (release !== undefined) {
        const words = arena.wordsOf(leaf);
        for (let slot = 0; slot < records; slot++) {
          release(words[recordAt(leaf, slot, this.width) + ID_WORDS] as number);
        }
      }
      gone += release === undefined ? 1 : records;
      this.size -= records;
      this.firstLeaf = nextOf(arena, leaf);
      this.free(leaf);
    }
    if (this.firstLeaf === MISSING) this.lastLeaf = MISSING;
    return gone;
  }

  /** Inner nodes are a fiftieth of the leaves: they go first, so that the chain of leaves is all there is to drain. */
  private freeInner(node: number, level: number): void {
    const { arena } = this.ground;
    if (level > 2) {
      const records = recordsOf(arena, node);
      for (let slot = 0; slot < records; slot++) this.freeInner(childAt(arena, node, slot), level - 1);
    }
    this.free(node);
  }

  private leafOf(id: StreamId): number {
    const { arena } = this.ground;
    let node = this.root;
    for (let level = this.height; level > 1; level--) {
      const slot = childSlot(arena, node, id);
      pathNode[level] = node;
      pathSlot[level] = slot;
      node = childAt(arena, node, slot);
    }
    return node;
  }

  private charge(bytes: number): void {
    this.ground.account.charge(bytes);
    this.heldBytes += bytes;
  }

  private free(node: number): void {
    const bytes = this.ground.arena.free(node);
    this.ground.account.credit(bytes);
    this.heldBytes -= bytes;
  }

  /** Throws on a broken invariant. For tests. */
  check(): void {
    checkIdTree({
      arena: this.ground.arena,
      width: this.width,
      size: this.size,
      heldBytes: this.heldBytes,
      root: this.root,
      height: this.height,
      firstLeaf: this.firstLeaf,
      lastLeaf: this.lastLeaf,
    });
  }
}
