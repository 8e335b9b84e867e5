/**
 * The nodes of a large list: blocks linked both ways, each with a listpack.
 *
 *     word 0   ref of the node in front, MISSING for none
 *     word 1   ref of the node behind
 *     word 2   bytes free in front of the listpack
 *     free bytes, listpack, slack up to the end of the block
 *
 * A listpack wanders in its block, so that both ends of a list cost the same: what is taken from its head leaves room in
 * front of it, and what is put there uses that room. Nothing but the six bytes of the header moves then.
 *
 * Invariants: no node is empty; every block is charged to the account, once; `bytes` is their sum. A ref of a node dies when
 * that node moves, which only methods that answer its new ref do, or goes; the offset of its listpack dies with any change.
 *
 * Hot path. Budget: making room that is there under 15 ns; guarded by `bench/list.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import type { Arena } from '../arena.ts';
import { MISSING } from '../entry.ts';
import {
  count,
  end,
  insertBefore,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  moveStart,
  totalBytes,
  writeEmpty,
} from '../listpack.ts';
import type { Ground } from '../members.ts';

export const NODE_HEAD_BYTES = 12;
/** A block is worth moving out of when the one it moves to is smaller by an eighth. */
const TRIM_SHARE = 7 / 8;

function wordAt(ref: number): number {
  return (ref & 0x1fffff) << 1;
}

/** Where the space of a node for its listpack begins in the bytes of its segment. */
function spaceOf(ref: number): number {
  return ((ref & 0x1fffff) << 3) + NODE_HEAD_BYTES;
}

export class ListChain {
  readonly ground: Ground;
  readonly arena: Arena;
  first: number;
  last: number;
  nodes: number;
  /** Of all blocks. */
  bytes: number;

  constructor(ground: Ground) {
    this.ground = ground;
    this.arena = ground.arena;
    this.first = MISSING;
    this.last = MISSING;
    this.nodes = 0;
    this.bytes = 0;
  }

  // -- Questions -------------------------------------------------------------------------------------------------------

  previousOf(ref: number): number {
    return this.arena.wordsOf(ref)[wordAt(ref)] as number;
  }

  nextOf(ref: number): number {
    return this.arena.wordsOf(ref)[wordAt(ref) + 1] as number;
  }

  /** Offset of a node's listpack in the bytes of its segment. */
  listpackOf(ref: number): number {
    return spaceOf(ref) + this.freeInFront(ref);
  }

  /** Bytes of a node's listpack. */
  bytesIn(ref: number): number {
    return totalBytes(this.arena.bytesOf(ref), this.listpackOf(ref));
  }

  /** Elements of a node. */
  countIn(ref: number): number {
    return count(this.arena.bytesOf(ref), this.listpackOf(ref));
  }

  private freeInFront(ref: number): number {
    return this.arena.wordsOf(ref)[wordAt(ref) + 2] as number;
  }

  /** Bytes of listpack that a node's block has room for. */
  capacityOf(ref: number): number {
    return this.arena.blockBytes(ref) - NODE_HEAD_BYTES;
  }

  // -- Nodes -----------------------------------------------------------------------------------------------------------

  /**
   * A node behind another, or with MISSING in front of all, with an empty listpack and room for one of so many bytes, all of it
   * behind what is there or all in front. @returns it; MISSING when the arena is full.
   */
  add(behind: number, listpackBytes: number, inFront = false): number {
    const ref = this.take(listpackBytes);
    if (ref === MISSING) return MISSING;
    const free = inFront ? this.capacityOf(ref) - LISTPACK_EMPTY_BYTES : 0;
    this.arena.wordsOf(ref)[wordAt(ref) + 2] = free;
    writeEmpty(this.arena.bytesOf(ref), spaceOf(ref) + free);
    this.link(ref, behind, behind === MISSING ? this.first : this.nextOf(behind));
    this.nodes++;
    return ref;
  }

  /**
   * Room in a node for a listpack of so many bytes, all of it behind what is there or all in front, with slack up to `most` if
   * the budget has it.
   * @returns the node's ref, which may have changed; MISSING when the arena is full and nothing changed.
   */
  withRoom(ref: number, listpackBytes: number, most: number, inFront = false): number {
    const held = this.bytesIn(ref);
    const free = this.freeInFront(ref);
    if (inFront && held + free >= listpackBytes) return ref;
    const capacity = this.capacityOf(ref);
    if (!inFront && free + listpackBytes <= capacity) return ref;
    if (listpackBytes <= capacity) {
      this.slide(ref, held, this.freeWanted(ref, capacity - listpackBytes, listpackBytes - held, inFront));
      return ref;
    }
    const generous = Math.max(listpackBytes, Math.min(most, listpackBytes * 2));
    // Slack is a courtesy: it must not carry the account over its limit.
    const affordable = this.ground.account.room(generous) ? generous : listpackBytes;
    const fresh = this.moved(ref, affordable, listpackBytes - held, inFront);
    return fresh === MISSING && affordable > listpackBytes
      ? this.moved(ref, listpackBytes, listpackBytes - held, inFront)
      : fresh;
  }

  /**
   * How far from the start of its space a listpack is to lie that grows by `growth`, with `spare` bytes besides: only a list
   * of one node is added to at both ends, and there the ends share what is free.
   */
  private freeWanted(ref: number, spare: number, growth: number, inFront: boolean): number {
    if (!inFront) return 0;
    return growth + (ref === this.last ? spare >>> 1 : spare);
  }

  /** Moves a listpack within its block. */
  private slide(ref: number, held: number, free: number): void {
    const from = this.listpackOf(ref);
    this.arena.bytesOf(ref).copyWithin(spaceOf(ref) + free, from, from + held);
    this.arena.wordsOf(ref)[wordAt(ref) + 2] = free;
  }

  /**
   * Lets the listpack of a node begin so many bytes earlier, with so many elements more, which are the caller's to write; there
   * must be that room in front of it. Or, both negative, later and with fewer. @returns where the listpack is now.
   */
  extendFront(ref: number, length: number, elements: number): number {
    const { arena } = this;
    const words = arena.wordsOf(ref);
    const word = wordAt(ref) + 2;
    const free = words[word] as number;
    words[word] = free - length;
    return moveStart(arena.bytesOf(ref), spaceOf(ref) + free, -length, elements);
  }

  /** Gives back what a node does not use, if that is worth moving it. @returns the node's ref, which may have changed. */
  trimmed(ref: number): number {
    const used = this.bytesIn(ref);
    const held = this.arena.blockBytes(ref);
    if (this.arena.goodSize(NODE_HEAD_BYTES + used) > held * TRIM_SHARE) return ref;
    const fresh = this.moved(ref, used, 0, false);
    // A courtesy that a full arena cannot grant.
    return fresh === MISSING ? ref : fresh;
  }

  /** Appends the elements of the node behind `ref` to it, and drops that node. @returns as `withRoom`. */
  merged(ref: number): number {
    const behind = this.nextOf(ref);
    const more = this.bytesIn(behind) - LISTPACK_EMPTY_BYTES;
    const wanted = this.bytesIn(ref) + more;
    const target = this.withRoom(ref, wanted, wanted);
    if (target === MISSING) return MISSING;
    const { arena } = this;
    const bytes = arena.bytesOf(target);
    const at = this.listpackOf(target);
    const from = this.listpackOf(behind) + LISTPACK_HEADER_BYTES;
    insertBefore(bytes, at, end(bytes, at), arena.bytesOf(behind), from, more, this.countIn(behind));
    this.drop(behind);
    return target;
  }

  drop(ref: number): void {
    const previous = this.previousOf(ref);
    const next = this.nextOf(ref);
    if (previous === MISSING) this.first = next;
    else this.setNext(previous, next);
    if (next === MISSING) this.last = previous;
    else this.setPrevious(next, previous);
    this.nodes--;
    this.give(ref);
  }

  // -- Blocks ----------------------------------------------------------------------------------------------------------

  private take(listpackBytes: number): number {
    const { arena } = this;
    const ref = arena.allocate(NODE_HEAD_BYTES + listpackBytes);
    if (ref === MISSING) return MISSING;
    this.ground.account.charge(arena.lastBytes);
    this.bytes += arena.lastBytes;
    return ref;
  }

  private give(ref: number): void {
    const given = this.arena.free(ref);
    this.ground.account.credit(given);
    this.bytes -= given;
  }

  /** Moves a node into a block for a listpack of so many bytes, of which `growth` are to come. */
  private moved(ref: number, listpackBytes: number, growth: number, inFront: boolean): number {
    const { arena } = this;
    const fresh = this.take(listpackBytes);
    if (fresh === MISSING) return MISSING;
    const held = this.bytesIn(ref);
    const free = this.freeWanted(ref, this.capacityOf(fresh) - held - growth, growth, inFront);
    const from = this.listpackOf(ref);
    copyRange(arena.bytesOf(ref), from, from + held, arena.bytesOf(fresh), spaceOf(fresh) + free);
    arena.wordsOf(fresh)[wordAt(fresh) + 2] = free;
    this.link(fresh, this.previousOf(ref), this.nextOf(ref));
    this.give(ref);
    return fresh;
  }

  private link(ref: number, previous: number, next: number): void {
    const words = this.arena.wordsOf(ref);
    words[wordAt(ref)] = previous;
    words[wordAt(ref) + 1] = next;
    if (previous === MISSING) this.first = ref;
    else this.setNext(previous, ref);
    if (next === MISSING) this.last = ref;
    else this.setPrevious(next, ref);
  }

  private setPrevious(ref: number, previous: number): void {
    this.arena.wordsOf(ref)[wordAt(ref)] = previous;
  }

  private setNext(ref: number, next: number): void {
    this.arena.wordsOf(ref)[wordAt(ref) + 1] = next;
  }
}
