/**
 * A stream: entries in order of their IDs, in blocks (`stream-block.ts`) found by the ID of their first entry, and consumer
 * groups. It may be empty and still be there.
 *
 * A stream is a large value from its first entry on. One with a single short entry takes 770 bytes beside its
 * key's, 640 of them for the objects on the JavaScript heap (measured: 520); redis-server 7.0 takes 4,700, as it reserves a whole
 * node. So a compact form for small streams would save little of what matters.
 *
 * Blocks follow Redis' rules, so that trimming by whole blocks removes the same entries there and here: a block takes no more
 * entry when it has `stream-node-max-entries`, the deleted ones counted, or would pass `stream-node-max-bytes`. The last
 * block grows by doubling; when the next one begins, what it has too much is given back.
 *
 * Invariants: `length` is the number of living entries; `firstId` is the first one's, 0-0 when there is none; all blocks, nodes
 * and groups are charged to the account. A block without a living entry goes, except, as in Redis, one that trimming has
 * left with deleted ones behind the goal.
 *
 * Hot path. Budget: a whole XADD of two pairs with an ID of ours under 1.5 us; guarded by `bench/stream.ts`, measured on Bun:
 * 0.85 us, and 13.6 bytes for such an entry.
 */
import { copyRange } from '../../base/bytes.ts';
import type { CollectionLimits } from '../../base/collection-limits.ts';
import { NO_ROOM, OK, type Outcome } from '../database.ts';
import { MISSING } from '../entry.ts';
import type { LargeValue } from '../large.ts';
import { end, extendBack, totalBytes } from '../listpack.ts';
import { Scratch } from '../listpack-element.ts';
import type { Ground } from '../members.ts';
import { IdPlace, IdTree } from './id-tree.ts';
import {
  type Arguments,
  BLOCK_BYTES_MAX,
  BLOCK_SPARE_BYTES,
  BlockHead,
  blockLength,
  changeCounts,
  encodeBlock,
  encodeEntry,
  entryBytesMax,
  hasFields,
  readHead,
  writeBlock,
} from './stream-block.ts';
import { StreamCursor } from './stream-cursor.ts';
import { Group } from './stream-group.ts';
import { StreamId } from './stream-id.ts';
import { indexOf, indexOfName, makeName } from './stream-names.ts';

/** Rest of a block's growth: an element that counts the entries may become so much longer. */
const COUNT_GROWTH_BYTES = 1;
const FIRST = new StreamId();
const LAST = new StreamId(-1, -1, -1, -1);

const head = new BlockHead();
const master = new StreamId();
const encoded = new Scratch();
/** Stands in a block while an entry is written there. */
const direct = new Scratch();
const tail = new IdPlace();
const cursor = new StreamCursor();

export class Stream implements LargeValue {
  readonly ground: Ground;
  /** Blocks by the ID of their first entry. */
  readonly blocks: IdTree;
  /** In the order of their names. */
  readonly groups: Group[];
  length: number;
  readonly firstId: StreamId;
  readonly lastId: StreamId;
  readonly maxDeletedId: StreamId;
  /** Entries ever added are what was once set and those since. */
  private addedBase: bigint;
  private addedSince: number;
  /** Bytes of the blocks, nodes of the tree left out. */
  private blockBytes: number;

  constructor(ground: Ground) {
    this.ground = ground;
    this.blocks = new IdTree(ground, 1);
    this.groups = [];
    this.length = 0;
    this.firstId = new StreamId();
    this.lastId = new StreamId();
    this.maxDeletedId = new StreamId();
    this.addedBase = 0n;
    this.addedSince = 0;
    this.blockBytes = 0;
  }

  /** Entries ever added, modulo 2^64. */
  get entriesAdded(): bigint {
    return this.addedBase + BigInt(this.addedSince);
  }

  setEntriesAdded(added: bigint): void {
    this.addedBase = added;
    this.addedSince = 0;
  }

  // -- Appending -------------------------------------------------------------------------------------------------------

  /**
   * Adds an entry, whose ID must be greater than the last. The texts of its pairs are `textBytes` long, no more than
   * BLOCK_BYTES_MAX. NO_ROOM: the arena is full and nothing has changed.
   */
  append(
    id: StreamId,
    source: Arguments,
    firstPair: number,
    pairs: number,
    textBytes: number,
    limits: CollectionLimits,
  ): Outcome {
    const fits = (this.blocks.last(tail) && this.hasRoom(tail, textBytes, limits)) || this.isBlock(id);
    const appended = fits
      ? this.appendToBlock(id, source, firstPair, pairs, textBytes, limits)
      : this.appendBlock(id, source, firstPair, pairs);
    if (!appended) return NO_ROOM;
    this.length++;
    this.addedSince++;
    this.lastId.copyFrom(id);
    if (this.length === 1) this.firstId.copyFrom(id);
    return OK;
  }

  private hasRoom(place: IdPlace, textBytes: number, limits: CollectionLimits): boolean {
    const { arena } = this.ground;
    const ref = this.blocks.word(place, 0);
    const bytes = arena.bytesOf(ref);
    const at = arena.offsetOf(ref);
    if (totalBytes(bytes, at) + textBytes >= blockBytesMax(limits)) return false;
    readHead(bytes, at, head);
    const entriesMax = limits.streamNodeMaxEntries;
    return entriesMax === 0 || head.entries + head.deleted < entriesMax;
  }

  /**
   * Whether a block is known by this ID: it began with an entry that was deleted, and XSETID took the last ID back. Then it
   * takes the entry, however full it is, as no other can have its ID.
   */
  private isBlock(id: StreamId): boolean {
    const { arena } = this.ground;
    if (!this.blocks.find(id, tail)) return false;
    const ref = this.blocks.word(tail, 0);
    readHead(arena.bytesOf(ref), arena.offsetOf(ref), head);
    return true;
  }

  /** Into the block at the place `tail`, whose head has just been read. */
  private appendToBlock(
    id: StreamId,
    source: Arguments,
    firstPair: number,
    pairs: number,
    textBytes: number,
    limits: CollectionLimits,
  ): boolean {
    const { arena } = this.ground;
    const ref = this.blocks.word(tail, 0);
    this.blocks.readId(tail, master);
    const bytes = arena.bytesOf(ref);
    const at = arena.offsetOf(ref);
    const total = totalBytes(bytes, at);
    const same = hasFields(bytes, head, source, firstPair, pairs);
    const rest = COUNT_GROWTH_BYTES + BLOCK_SPARE_BYTES;
    if (total + entryBytesMax(pairs, textBytes) + rest <= arena.blockBytes(ref)) {
      direct.aim(bytes, end(bytes, at));
      const elements = encodeEntry(id, master, same, source, firstPair, pairs, direct);
      extendBack(bytes, at, direct.length - end(bytes, at), elements);
      changeCounts(bytes, at, 1, 0);
      return true;
    }
    // How long it is exactly decides about the room.
    encoded.reset();
    const elements = encodeEntry(id, master, same, source, firstPair, pairs, encoded);
    const target = this.withRoom(tail, total, total + encoded.length + rest, limits);
    if (target === MISSING) return false;
    const into = arena.bytesOf(target);
    const there = arena.offsetOf(target);
    copyRange(encoded.bytes, 0, encoded.length, into, extendBack(into, there, encoded.length, elements));
    changeCounts(into, there, 1, 0);
    return true;
  }

  private appendBlock(id: StreamId, source: Arguments, firstPair: number, pairs: number): boolean {
    const { arena } = this.ground;
    const elements = encodeBlock(id, source, firstPair, pairs, encoded);
    if (this.blocks.last(tail)) this.seal(tail);
    const ref = this.addBlock(id, blockLength(encoded));
    if (ref === MISSING) return false;
    writeBlock(arena.bytesOf(ref), arena.offsetOf(ref), encoded, elements);
    return true;
  }

  /** A block behind the others, with room for a listpack of so many bytes, which is the caller's to write; MISSING when the arena is full. */
  private addBlock(id: StreamId, listpackBytes: number): number {
    const { arena, account } = this.ground;
    const ref = arena.allocate(listpackBytes + BLOCK_SPARE_BYTES);
    if (ref === MISSING) return MISSING;
    const taken = arena.lastBytes;
    if (!this.blocks.add(id, tail)) {
      arena.free(ref);
      return MISSING;
    }
    account.charge(taken);
    this.blockBytes += taken;
    this.blocks.setWord(tail, 0, ref);
    return ref;
  }

  /** Sees to it that a block has so many bytes: twice that where it must move, if the budget and the arena allow it. */
  private withRoom(place: IdPlace, total: number, wanted: number, limits: CollectionLimits): number {
    const ref = this.blocks.word(place, 0);
    if (wanted <= this.ground.arena.blockBytes(ref)) return ref;
    const slack = Math.max(0, Math.min(wanted, blockBytesMax(limits) - wanted));
    const roomy = this.ground.account.room(wanted + slack) ? this.moveBlock(place, total, wanted + slack) : MISSING;
    return roomy === MISSING ? this.moveBlock(place, total, wanted) : roomy;
  }

  /** Gives back what a block has too much that nothing will be added to. */
  private seal(place: IdPlace): void {
    const { arena } = this.ground;
    const ref = this.blocks.word(place, 0);
    const total = totalBytes(arena.bytesOf(ref), arena.offsetOf(ref));
    const wanted = total + BLOCK_SPARE_BYTES;
    if (arena.goodSize(wanted) < arena.blockBytes(ref)) this.moveBlock(place, total, wanted);
  }

  private moveBlock(place: IdPlace, total: number, wanted: number): number {
    const { arena, account } = this.ground;
    const ref = this.blocks.word(place, 0);
    const fresh = arena.allocate(wanted);
    if (fresh === MISSING) return MISSING;
    const taken = arena.lastBytes;
    const from = arena.offsetOf(ref);
    copyRange(arena.bytesOf(ref), from, from + total, arena.bytesOf(fresh), arena.offsetOf(fresh));
    const given = arena.free(ref);
    account.charge(taken);
    account.credit(given);
    this.blockBytes += taken - given;
    this.blocks.setWord(place, 0, fresh);
    return fresh;
  }

  /**
   * Takes a copy of a foreign block, which must be valid, come behind the others and hold living entries. For RESTORE and
   * loading; the caller sets the counters and IDs afterwards. False: the arena is full.
   */
  appendForeign(id: StreamId, bytes: Uint8Array, start: number, stop: number): boolean {
    const { arena } = this.ground;
    const ref = this.addBlock(id, stop - start);
    if (ref === MISSING) return false;
    const at = arena.offsetOf(ref);
    copyRange(bytes, start, stop, arena.bytesOf(ref), at);
    readHead(arena.bytesOf(ref), at, head);
    this.length += head.entries;
    return true;
  }

  // -- Removing --------------------------------------------------------------------------------------------------------

  /** Frees a block; the place dies, and lengths and IDs are the caller's to set. */
  removeBlock(place: IdPlace): void {
    this.freeBlock(this.blocks.word(place, 0));
    this.blocks.remove(place);
  }

  private readonly freeBlock = (ref: number): void => {
    const given = this.ground.arena.free(ref);
    this.ground.account.credit(given);
    this.blockBytes -= given;
  };

  // -- Edges -----------------------------------------------------------------------------------------------------------

  /** The ID of the last living entry; false when there is none. */
  readLastLiving(id: StreamId): boolean {
    return this.readEdge(id, true);
  }

  /** Finds the first living entry anew. */
  refreshFirst(): void {
    if (!this.readEdge(this.firstId, false)) this.firstId.setZero();
  }

  private readEdge(id: StreamId, isLast: boolean): boolean {
    cursor.begin(this.blocks, FIRST, LAST, isLast);
    if (!cursor.next()) return false;
    id.copyFrom(cursor.id);
    return true;
  }

  /** Whether there is a living entry of this ID. */
  has(id: StreamId): boolean {
    cursor.begin(this.blocks, id, id, false);
    return cursor.next();
  }

  // -- Groups ----------------------------------------------------------------------------------------------------------

  group(bytes: Uint8Array, start: number, stop: number): Group | undefined {
    const index = indexOfName(this.ground.arena, this.groups, bytes, start, stop);
    return index < 0 ? undefined : this.groups[index];
  }

  /** A group of a name that none has; undefined when the arena is full. */
  addGroup(bytes: Uint8Array, start: number, stop: number, lastId: StreamId, read: bigint): Group | undefined {
    const name = makeName(this.ground, bytes, start, stop);
    if (name === MISSING) return undefined;
    const group = new Group(this.ground, name, lastId, read);
    this.groups.splice(-1 - indexOfName(this.ground.arena, this.groups, bytes, start, stop), 0, group);
    return group;
  }

  /** Takes a group out, which is the caller's to free then. */
  removeGroup(group: Group): void {
    this.groups.splice(indexOf(this.ground.arena, this.groups, group), 1);
  }

  // -- The whole -------------------------------------------------------------------------------------------------------

  effort(): number {
    let effort = 1 + this.blocks.size;
    for (const group of this.groups) effort += group.effort();
    return effort;
  }

  heldBytes(): number {
    let bytes = this.blockBytes + this.blocks.heldBytes;
    for (const group of this.groups) bytes += group.heldBytes();
    return bytes;
  }

  copy(): Stream | undefined {
    const copy = new Stream(this.ground);
    if (!this.copyInto(copy)) {
      copy.drain(Number.POSITIVE_INFINITY);
      return undefined;
    }
    copy.length = this.length;
    copy.firstId.copyFrom(this.firstId);
    copy.lastId.copyFrom(this.lastId);
    copy.maxDeletedId.copyFrom(this.maxDeletedId);
    copy.setEntriesAdded(this.entriesAdded);
    return copy;
  }

  private copyInto(copy: Stream): boolean {
    const { arena } = this.ground;
    const id = new StreamId();
    const place = new IdPlace();
    for (let there = this.blocks.first(place); there; there = this.blocks.next(place)) {
      const ref = this.blocks.word(place, 0);
      const bytes = arena.bytesOf(ref);
      const at = arena.offsetOf(ref);
      this.blocks.readId(place, id);
      if (!copy.appendForeign(id, bytes, at, at + totalBytes(bytes, at))) return false;
    }
    for (const group of this.groups) {
      const fresh = group.copy();
      if (fresh === undefined) return false;
      copy.groups.push(fresh);
    }
    return true;
  }

  drain(budget: number): number {
    let gone = this.blocks.drain(budget, this.freeBlock);
    while (gone < budget) {
      const group = this.groups.at(-1);
      if (group === undefined) break;
      gone += group.drain(budget - gone);
      if (gone < budget) this.groups.pop();
    }
    return gone;
  }
}

function blockBytesMax(limits: CollectionLimits): number {
  const given = limits.streamNodeMaxBytes;
  return given === 0 || given > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : given;
}
