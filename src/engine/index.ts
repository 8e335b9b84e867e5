/**
 * Extendible hashing over bytes: a directory by leading hash bits leads to tables (`table.ts`) of up to 8 KiB, which grow
 * in steps, split when full and merge when emptied, so that no operation ever touches more than one or two of them.
 *
 *     directory (2^bits)      0 → A    1 → A    2 → B    3 → C        A has depth 1, B and C depth 2
 *
 * A directory cell is two words: the table's ref, and its depth and homes, so that a look-up misses the cache twice, in the
 * slot and in the entry, and not a third time in the table's header.
 *
 * Invariants: all 2^(bits - depth) directory cells of a table lead to it; the hashes in it share its depth's leading bits;
 * tables and directory are charged to the account; an empty index holds no table. Positions in the hash space rise from
 * 0 to 2^32 - 1 through the directory, so a position is a cursor that no split or merge can confuse.
 *
 * Hot path. Budget: a look-up of 16 bytes under 60 ns beyond its cache misses; guarded by `bench/engine.ts`.
 */
import type { Prng } from '../base/prng.ts';
import { assert } from '../base/result.ts';
import type { Account } from './account.ts';
import type { Arena } from './arena.ts';
import { keyMatches } from './entry.ts';
import { checkIndex } from './index-check.ts';
import { memberMatches } from './member.ts';
import {
  buildTable,
  FLIP,
  fullAt,
  Gathered,
  gather,
  homeIn,
  homeOf,
  insertSlot,
  removeSlot,
  shapeOf,
  slotOf,
  TABLE_BYTES_MAX,
  TABLE_HEAD_WORDS,
} from './table.ts';

/** The directory never has less: a shift by 32 would be a shift by 0. */
const BITS_MIN = 1;
const BITS_MAX = 26;
/** Directory cells per table beyond which skewed hashes let a table grow instead: the directory stays in proportion. */
const CELLS_PER_TABLE_MAX = 16;
/** Two neighbours merge when they hold no more than this together: half of what makes a table split. */
const MERGED_ENTRIES_MAX = 400;
/** A table that is nearly as large as any is not worth enlarging once more before its split. */
const LARGE_ENTRIES = 650;
const POSITIONS = 0x100000000;
/** Scratch of all indexes of the process; building is synchronous and never nested. */
const gathered = new Gathered(2048);

export class KeyIndex {
  size: number;
  private readonly arena: Arena;
  private readonly account: Account;
  /** What the refs lead to decides where a key lies. */
  private readonly ofMembers: boolean;
  private directory: Int32Array;
  private bits: number;
  private tables: number;
  /** Bytes of tables and directory, all charged. */
  private bytes: number;
  /** Tables of each depth, to know when the directory can halve. */
  private readonly tablesAtDepth: Int32Array;
  /** Slots of the largest table so far: what a fair random choice is measured by. */
  private slotsMax: number;
  /** Where `drain` goes on. */
  private drained: number;

  constructor(arena: Arena, account: Account, of: 'entries' | 'members' = 'entries') {
    this.size = 0;
    this.arena = arena;
    this.account = account;
    this.ofMembers = of === 'members';
    this.directory = new Int32Array(2 << BITS_MIN);
    this.bits = BITS_MIN;
    this.tables = 0;
    this.bytes = 0;
    this.tablesAtDepth = new Int32Array(BITS_MAX + 1);
    this.slotsMax = 0;
    this.drained = 0;
  }

  /** The entry with this key, or 0. `hash` must be the 32-bit hash of the range, as a signed number. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const cell = (hash >>> (32 - this.bits)) << 1;
    const table = this.directory[cell] as number;
    if (table === 0) return 0;
    const words = this.arena.wordsOf(table);
    const place = hash ^ FLIP;
    let slot = ((table & 0x1fffff) << 1) + homeIn(this.directory[cell + 1] as number, place);
    for (;;) {
      const ref = words[slot + 1] as number;
      if (ref === 0) return 0;
      const found = words[slot] as number;
      if (found >= place) {
        if (found > place) return 0;
        if (this.ofMembers) {
          if (memberMatches(this.arena, ref, bytes, start, end - start)) return ref;
        } else if (keyMatches(this.arena, ref, bytes, start, end - start)) return ref;
      }
      slot += 2;
    }
  }

  /** Whether this very entry is in the index. */
  has(hash: number, ref: number): boolean {
    return this.slotOf(hash, ref) >= 0;
  }

  /** Adds an entry that is not in the index. False when there is no memory; then nothing changed. */
  insert(hash: number, ref: number): boolean {
    for (;;) {
      const table = this.directory[(hash >>> (32 - this.bits)) << 1] as number;
      if (table === 0) {
        if (!this.begin()) return false;
        continue;
      }
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const full = (words[base + 2] as number) >= fullAt(words[base + 1] as number);
      if (!full && insertSlot(words, base, hash ^ FLIP, ref)) break;
      if (this.enlarge(table)) continue;
      // Without memory for a better table, any gap in this one will do.
      if (full && insertSlot(words, base, hash ^ FLIP, ref)) break;
      return false;
    }
    this.size++;
    return true;
  }

  /** Removes an entry that is in the index. */
  remove(hash: number, ref: number): void {
    const slot = this.slotOf(hash, ref);
    assert(slot >= 0, 'what is removed is in the index');
    const table = this.directory[(hash >>> (32 - this.bits)) << 1] as number;
    const words = this.arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    removeSlot(words, base, slot);
    this.size--;
    if (this.size === 0) this.end();
    else if ((words[base + 2] as number) * 4 < (words[base + 1] as number)) this.reduce(hash, table);
  }

  /** Lets the slot of one entry lead to another with the same key. */
  replace(hash: number, old: number, fresh: number): void {
    const slot = this.slotOf(hash, old);
    assert(slot >= 0, 'what is replaced is in the index');
    const table = this.directory[(hash >>> (32 - this.bits)) << 1] as number;
    this.arena.wordsOf(table)[slot + 1] = fresh;
  }

  /** Word address, in the table that the hash leads to, of the slot of this very entry; -1 when it is not there. */
  private slotOf(hash: number, ref: number): number {
    const cell = (hash >>> (32 - this.bits)) << 1;
    const table = this.directory[cell] as number;
    if (table === 0) return -1;
    const shape = this.directory[cell + 1] as number;
    return slotOf(this.arena.wordsOf(table), (table & 0x1fffff) << 1, shape, hash ^ FLIP, ref);
  }

  /** What an entry costs here on average: its slot and its share of the gaps and the directory. */
  bytesPerEntry(): number {
    return this.size === 0 ? 0 : this.bytes / this.size;
  }

  heldBytes(): number {
    return this.bytes;
  }

  // -- Walks -----------------------------------------------------------------------------------------------------------

  /** See `Database.scan`. */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    if (!(cursor >= 0 && cursor < POSITIONS) || this.size === 0) return 0;
    let position = Math.floor(cursor);
    let left = Math.max(1, count);
    // Empty stretches are worked off by further calls, not in one.
    let steps = Math.max(1, count) * 10 + 64;
    while (steps > 0) {
      const table = this.directory[(position >>> (32 - this.bits)) << 1] as number;
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
      const from = (position ^ FLIP) | 0;
      let visited = FLIP;
      let slot = base + homeOf(from, words[base] as number, words[base + 1] as number);
      for (; slot < end; slot += 2, steps--) {
        const ref = words[slot + 1] as number;
        const place = words[slot] as number;
        if (ref === 0 || place < from) continue;
        if (left <= 0 && place !== visited) return (place ^ FLIP) >>> 0;
        visit(ref);
        visited = place;
        left--;
      }
      position = this.endOf(position, words[base] as number);
      if (position >= POSITIONS) return 0;
      if (left <= 0) break;
    }
    return position;
  }

  /** Visits every entry in the order of hashes. */
  forEach(visit: (ref: number) => void): void {
    for (let position = 0; position < POSITIONS && this.size > 0; ) {
      const table = this.directory[(position >>> (32 - this.bits)) << 1] as number;
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
      for (let slot = base + TABLE_HEAD_WORDS; slot < end; slot += 2) {
        const ref = words[slot + 1] as number;
        if (ref !== 0) visit(ref);
      }
      position = this.endOf(position, words[base] as number);
    }
  }

  /**
   * Copies up to `limit` entries from a position on, going round at the end, with their hashes.
   * @returns how many; at most all there are, and none twice.
   */
  collect(position: number, limit: number, hashes: Int32Array, refs: Int32Array): number {
    const wanted = Math.min(limit, this.size);
    let at = position;
    let count = 0;
    // The first table is entered in the middle, so its beginning may be due once more at the end.
    for (let visitedTables = 0; count < wanted && visitedTables <= this.tables; visitedTables++) {
      const table = this.directory[(at >>> (32 - this.bits)) << 1] as number;
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
      const from = (at ^ FLIP) | 0;
      let slot = base + homeOf(from, words[base] as number, words[base + 1] as number);
      for (; slot < end && count < wanted; slot += 2) {
        const ref = words[slot + 1] as number;
        const place = words[slot] as number;
        if (ref === 0 || place < from) continue;
        hashes[count] = place ^ FLIP;
        refs[count] = ref;
        count++;
      }
      at = this.endOf(at, words[base] as number);
      if (at >= POSITIONS) at = 0;
    }
    return count;
  }

  /**
   * A random entry, each as likely as any other; 0 when empty. A table is chosen by its share of the hash space and a slot by
   * its share of the largest table's slots, which together is the same for every slot there is; empty ones are tried again.
   */
  random(prng: Prng): number {
    if (this.size === 0) return 0;
    for (let tries = 0; tries < 256; tries++) {
      const table = this.directory[prng.below(2 ** this.bits) << 1] as number;
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const cells = 2 ** (this.bits - (words[base] as number));
      const slot = prng.below(this.slotsMax * cells);
      if (slot >= (words[base + 3] as number)) continue;
      const ref = words[base + TABLE_HEAD_WORDS + slot * 2 + 1] as number;
      if (ref !== 0) return ref;
    }
    // So unlucky only where hashes are skewed: any entry is better than none.
    const hashes = new Int32Array(1);
    const refs = new Int32Array(1);
    this.collect(prng.uint32(), 1, hashes, refs);
    return refs[0] as number;
  }

  /** Throws on a broken invariant. For tests. */
  check(): void {
    checkIndex(this.arena, this.directory, this.bits, this.size, this.tables, this.bytes);
  }

  // -- The life of tables ----------------------------------------------------------------------------------------------

  /**
   * Frees the tables, and with `free` the entries in them, up to about `budget` entries; for an index that is no longer in
   * use. `size` falls to 0. @returns how many entries went: fewer than `budget` only when none is left.
   */
  drain(budget: number, free: ((ref: number) => void) | undefined): number {
    let gone = 0;
    while (this.size > 0 && gone < budget) {
      const table = this.directory[this.drained << 1] as number;
      const words = this.arena.wordsOf(table);
      const base = (table & 0x1fffff) << 1;
      const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
      const cells = 2 ** (this.bits - (words[base] as number));
      const count = words[base + 2] as number;
      if (free !== undefined) {
        for (let slot = base + TABLE_HEAD_WORDS; slot < end; slot += 2) {
          const ref = words[slot + 1] as number;
          if (ref !== 0) free(ref);
        }
      }
      this.directory.fill(0, this.drained << 1, (this.drained + cells) << 1);
      this.release(table);
      this.drained += cells;
      this.size -= count;
      gone += count + 1;
    }
    if (this.size === 0) {
      this.end();
      this.drained = 0;
    }
    return gone;
  }

  /** First table of an empty index. */
  private begin(): boolean {
    const table = buildTable(this.arena, gathered, 0, 0, 0, 1);
    if (table === 0) return false;
    this.adopt(table);
    this.lead(0, 2 ** this.bits, table);
    return true;
  }

  /** The last entry is gone: so are all tables and the directory. */
  private end(): void {
    let cell = 0;
    while (cell < 2 ** this.bits) {
      const table = this.directory[cell << 1] as number;
      if (table === 0) {
        cell++;
        continue;
      }
      cell += 2 ** (this.bits - (this.arena.wordsOf(table)[(table & 0x1fffff) << 1] as number));
      this.release(table);
    }
    this.setDirectory(new Int32Array(2 << BITS_MIN), BITS_MIN);
    this.slotsMax = 0;
  }

  private adopt(table: number): void {
    const bytes = this.arena.blockBytes(table);
    const words = this.arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    const depth = words[base] as number;
    this.account.charge(bytes);
    this.bytes += bytes;
    this.tables++;
    this.tablesAtDepth[depth] = (this.tablesAtDepth[depth] as number) + 1;
    if ((words[base + 3] as number) > this.slotsMax) this.slotsMax = words[base + 3] as number;
  }

  private release(table: number): void {
    const depth = this.arena.wordsOf(table)[(table & 0x1fffff) << 1] as number;
    const bytes = this.arena.free(table);
    this.account.credit(bytes);
    this.bytes -= bytes;
    this.tables--;
    this.tablesAtDepth[depth] = (this.tablesAtDepth[depth] as number) - 1;
  }

  /** The position behind the last one of the table at a position. */
  private endOf(position: number, depth: number): number {
    const width = 2 ** (32 - depth);
    return (Math.floor(position / width) + 1) * width;
  }

  /** Makes room around a full table, by a larger one or by two. */
  private enlarge(table: number): boolean {
    const words = this.arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    const count = gather(this.arena, table, gathered, 0);
    const isLarge = this.arena.blockBytes(table) >= TABLE_BYTES_MAX || count >= LARGE_ENTRIES;
    if (isLarge && this.canSplit(words[base] as number, count)) {
      return this.split(table, count);
    }
    return this.rebuild(table, count, 1 + (count >> 3));
  }

  private canSplit(depth: number, count: number): boolean {
    // Entries that all share one hash can't be parted.
    if (gathered.places[0] === gathered.places[count - 1]) return false;
    if (depth < this.bits) return true;
    return this.bits < BITS_MAX && 2 ** (this.bits + 1) <= (this.tables + 1) * CELLS_PER_TABLE_MAX;
  }

  /** Replaces a table by one of another size. */
  private rebuild(table: number, count: number, more: number): boolean {
    const depth = this.arena.wordsOf(table)[(table & 0x1fffff) << 1] as number;
    const fresh = buildTable(this.arena, gathered, 0, count, depth, more);
    if (fresh === 0) return false;
    const first = this.firstCell((gathered.places[0] as number) ^ FLIP, depth);
    this.adopt(fresh);
    this.lead(first, 2 ** (this.bits - depth), fresh);
    this.release(table);
    return true;
  }

  private split(table: number, count: number): boolean {
    const depth = this.arena.wordsOf(table)[(table & 0x1fffff) << 1] as number;
    const bit = 1 << (31 - depth);
    let middle = 0;
    while (middle < count && (((gathered.places[middle] as number) ^ FLIP) & bit) === 0) middle++;
    const low = buildTable(this.arena, gathered, 0, middle, depth + 1, 1);
    if (low === 0) return false;
    const high = buildTable(this.arena, gathered, middle, count, depth + 1, 1);
    if (high === 0) {
      this.arena.free(low);
      return false;
    }
    const hash = (gathered.places[0] as number) ^ FLIP;
    if (depth === this.bits) this.doubleDirectory();
    const first = this.firstCell(hash, depth);
    const half = 2 ** (this.bits - depth - 1);
    this.adopt(low);
    this.adopt(high);
    this.lead(first, half, low);
    this.lead(first + half, half, high);
    this.release(table);
    return true;
  }

  /** A table has become sparse: joins it with its neighbours as far as they fit, or else makes it smaller. */
  private reduce(hash: number, sparse: number): void {
    let table = sparse;
    for (;;) {
      const merged = this.merge(hash, table);
      if (merged === 0) break;
      table = merged;
    }
    while (this.bits > BITS_MIN && this.tablesAtDepth[this.bits] === 0) this.halveDirectory();
    const words = this.arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    const count = words[base + 2] as number;
    if (count === 0 || count * 4 >= (words[base + 1] as number)) return;
    const slots = Math.ceil((count + 1) / 0.62);
    if (this.arena.goodSize(slots * 8 + 64) >= this.arena.blockBytes(table)) return;
    this.rebuild(table, gather(this.arena, table, gathered, 0), 1);
  }

  /** @returns the table that now holds both halves, 0 when there is nothing to join with or no memory. */
  private merge(hash: number, table: number): number {
    const words = this.arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    const depth = words[base] as number;
    if (depth === 0) return 0;
    const buddyHash = hash ^ (1 << (32 - depth));
    const buddy = this.directory[(buddyHash >>> (32 - this.bits)) << 1] as number;
    const buddyWords = this.arena.wordsOf(buddy);
    const buddyBase = (buddy & 0x1fffff) << 1;
    if (buddyWords[buddyBase] !== depth) return 0;
    const together = (words[base + 2] as number) + (buddyWords[buddyBase + 2] as number);
    if (together > MERGED_ENTRIES_MAX) return 0;
    const isLow = ((hash >>> (32 - depth)) & 1) === 0;
    const half = gather(this.arena, isLow ? table : buddy, gathered, 0);
    const count = gather(this.arena, isLow ? buddy : table, gathered, half);
    const merged = buildTable(this.arena, gathered, 0, count, depth - 1, 1);
    if (merged === 0) return 0;
    this.adopt(merged);
    const first = this.firstCell(hash, depth - 1);
    this.lead(first, 2 ** (this.bits - depth + 1), merged);
    this.release(table);
    this.release(buddy);
    return merged;
  }

  /** First directory cell of the table of that depth which a hash falls into. */
  private firstCell(hash: number, depth: number): number {
    const cell = hash >>> (32 - this.bits);
    const cells = 2 ** (this.bits - depth);
    return cell - (cell % cells);
  }

  /** Lets so many directory cells lead to a table. */
  private lead(first: number, cells: number, table: number): void {
    const shape = shapeOf(this.arena.wordsOf(table), (table & 0x1fffff) << 1);
    for (let at = first << 1; at < (first + cells) << 1; at += 2) {
      this.directory[at] = table;
      this.directory[at + 1] = shape;
    }
  }

  private doubleDirectory(): void {
    const wider = new Int32Array(this.directory.length * 2);
    for (let at = 0; at < wider.length; at++) wider[at] = this.directory[((at >> 2) << 1) | (at & 1)] as number;
    this.setDirectory(wider, this.bits + 1);
  }

  private halveDirectory(): void {
    const narrower = new Int32Array(this.directory.length / 2);
    for (let at = 0; at < narrower.length; at++) narrower[at] = this.directory[((at >> 1) << 2) | (at & 1)] as number;
    this.setDirectory(narrower, this.bits - 1);
  }

  /** The smallest directory is part of the object and not charged. */
  private setDirectory(directory: Int32Array, bits: number): void {
    const before = this.bits === BITS_MIN ? 0 : this.directory.byteLength;
    const after = bits === BITS_MIN ? 0 : directory.byteLength;
    this.account.credit(before);
    this.account.charge(after);
    this.bytes += after - before;
    this.directory = directory;
    this.bits = bits;
  }
}
