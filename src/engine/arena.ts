/**
 * Memory for entries and index tables, off the JavaScript heap. A ref is a signed 32-bit number in units of 8 bytes:
 *
 *     ref   | segment (11 bits) | unit in the segment (21 bits) |
 *
 * Blocks up to 128 KiB come from slabs: runs of pages cut into blocks of one size class. A slab keeps its freed blocks in
 * a list through their first words, hands out the others in order, and goes back to the page pool when its last block is
 * freed, so that memory freed in one size serves every other. Slabs with room are linked per class. Larger blocks are
 * runs of pages, and beyond 16 MiB buffers of their own.
 *
 * Invariants: `allocatedBytes` is the sum of `blockBytes` of all blocks handed out; every page of a slab knows its slab; a
 * slab is in the list of its class exactly when it has a block to give. With `debug`, freed blocks hold 0xDB and every
 * block ends in a canary, both checked when it is freed or handed out again and by `check`.
 *
 * Hot path. Budget: allocate and free under 40 ns each; guarded by `bench/engine.ts`.
 */
import { assert } from '../base/result.ts';
import { CANARY_WORD, checkArena, POISON_WORD, RUN } from './arena-check.ts';
import { NO_PAGES, PAGES_PER_SEGMENT, Pages, REF_PAGE_SHIFT, SEGMENT_BYTES, SEGMENT_SHIFT } from './pages.ts';
import {
  CLASS_BYTES,
  CLASS_COUNT,
  classOf,
  PAGE_BYTES,
  PAGE_SHIFT,
  SLAB_BLOCKS,
  SLAB_PAGES,
  SMALL_BYTES_MAX,
} from './size-classes.ts';

/** In `pageOwner`: the page belongs to no slab. Slabs are numbered by their first page, which is never 0. */
const NO_SLAB = 0;
const CANARY_BYTES = 8;

export class Arena {
  /** Bytes of the block that the last `allocate` handed out. */
  lastBytes: number;
  /** Bytes of all blocks handed out. */
  allocatedBytes: number;
  /** Largest value of it so far. */
  peakAllocatedBytes: number;
  readonly pages: Pages;
  readonly debug: boolean;
  private readonly bytes: Uint8Array[];
  private readonly words: Int32Array[];
  private readonly doubles: Float64Array[];
  /** First slab with room of each class. */
  private readonly open: Int32Array;
  /** Per page: the first page of the slab it is part of. */
  private pageOwner: Int32Array;
  /** Per first page of a slab: class, blocks in use, blocks handed out at least once, list of freed blocks, neighbours. */
  private slabClass: Uint8Array;
  private slabUsed: Int32Array;
  private slabTouched: Int32Array;
  private slabFree: Int32Array;
  private slabNext: Int32Array;
  private slabPrevious: Int32Array;
  private readonly reserve: number;

  constructor(debug = false, pages: Pages = new Pages()) {
    this.lastBytes = 0;
    this.allocatedBytes = 0;
    this.peakAllocatedBytes = 0;
    this.pages = pages;
    this.debug = debug;
    this.bytes = pages.bytes;
    this.words = pages.words;
    this.doubles = pages.doubles;
    this.open = new Int32Array(CLASS_COUNT);
    this.pageOwner = new Int32Array(0);
    this.slabClass = new Uint8Array(0);
    this.slabUsed = new Int32Array(0);
    this.slabTouched = new Int32Array(0);
    this.slabFree = new Int32Array(0);
    this.slabNext = new Int32Array(0);
    this.slabPrevious = new Int32Array(0);
    this.reserve = debug ? CANARY_BYTES : 0;
  }

  /** The segment of a ref as bytes; the block starts at `offsetOf(ref)`. */
  bytesOf(ref: number): Uint8Array {
    return this.bytes[ref >>> SEGMENT_SHIFT] as Uint8Array;
  }

  /** The segment as 32-bit words; the block starts at `(ref & 0x1fffff) << 1`. */
  wordsOf(ref: number): Int32Array {
    return this.words[ref >>> SEGMENT_SHIFT] as Int32Array;
  }

  /** The segment as doubles; the block starts at `ref & 0x1fffff`. */
  doublesOf(ref: number): Float64Array {
    return this.doubles[ref >>> SEGMENT_SHIFT] as Float64Array;
  }

  offsetOf(ref: number): number {
    return (ref & 0x1fffff) << 3;
  }

  /** A block of at least so many bytes, contents undefined; 0 when there is no memory. Its size is in `lastBytes`. */
  allocate(bytes: number): number {
    const wanted = bytes + this.reserve;
    if (wanted > SMALL_BYTES_MAX) return this.allocateLarge(wanted);
    const sizeClass = classOf(wanted);
    let slab = this.open[sizeClass] as number;
    if (slab === NO_SLAB) {
      slab = this.openSlab(sizeClass);
      if (slab === NO_SLAB) return 0;
    }
    let ref = this.slabFree[slab] as number;
    const blockBytes = CLASS_BYTES[sizeClass] as number;
    if (ref !== 0) {
      const at = (ref & 0x1fffff) << 1;
      const words = this.words[ref >>> SEGMENT_SHIFT] as Int32Array;
      this.slabFree[slab] = words[at] as number;
      if (this.debug) this.checkPoison(ref, blockBytes);
    } else {
      const touched = this.slabTouched[slab] as number;
      this.slabTouched[slab] = touched + 1;
      ref = ((slab << REF_PAGE_SHIFT) + ((touched * blockBytes) >>> 3)) | 0;
    }
    const used = (this.slabUsed[slab] as number) + 1;
    this.slabUsed[slab] = used;
    if (used === SLAB_BLOCKS[sizeClass]) this.unlinkOpen(slab, sizeClass);
    this.handedOut(ref, blockBytes - this.reserve);
    return ref;
  }

  /** Gives a block back. @returns its bytes, as `lastBytes` was when it was handed out. */
  free(ref: number): number {
    const slab = this.pageOwner[ref >>> REF_PAGE_SHIFT] as number;
    if (slab === NO_SLAB || this.slabClass[slab] === RUN) return this.freeLarge(ref, slab);
    const sizeClass = this.slabClass[slab] as number;
    const blockBytes = CLASS_BYTES[sizeClass] as number;
    if (this.debug) this.poison(ref, blockBytes);
    const used = (this.slabUsed[slab] as number) - 1;
    this.slabUsed[slab] = used;
    const usable = blockBytes - this.reserve;
    this.allocatedBytes -= usable;
    if (used + 1 === SLAB_BLOCKS[sizeClass]) this.linkOpen(slab, sizeClass);
    if (used === 0) {
      this.unlinkOpen(slab, sizeClass);
      this.closeSlab(slab, SLAB_PAGES[sizeClass] as number);
      return usable;
    }
    (this.words[ref >>> SEGMENT_SHIFT] as Int32Array)[(ref & 0x1fffff) << 1] = this.slabFree[slab] as number;
    this.slabFree[slab] = ref;
    return usable;
  }

  /** Bytes that the block holds, at least what was asked for. */
  blockBytes(ref: number): number {
    const slab = this.pageOwner[ref >>> REF_PAGE_SHIFT] as number;
    const sizeClass = this.slabClass[slab] as number;
    if (slab !== NO_SLAB && sizeClass !== RUN) return (CLASS_BYTES[sizeClass] as number) - this.reserve;
    return this.largeBytes(ref, slab) - this.reserve;
  }

  /** What `blockBytes` of a block of so many bytes would be. */
  goodSize(bytes: number): number {
    const wanted = bytes + this.reserve;
    if (wanted <= SMALL_BYTES_MAX) return (CLASS_BYTES[classOf(wanted)] as number) - this.reserve;
    return Math.ceil(wanted / PAGE_BYTES) * PAGE_BYTES - this.reserve;
  }

  /** Bytes of all segments and buffers held, used or not. */
  get heldBytes(): number {
    return this.pages.heldBytes;
  }

  /** Bytes held of which no block consists: free pages, free blocks in slabs, slab tails. */
  get freeBytes(): number {
    return this.pages.heldBytes - this.allocatedBytes;
  }

  /** Bytes held per byte handed out; 1 for an empty arena. */
  get fragmentation(): number {
    return this.allocatedBytes === 0 ? 1 : this.pages.heldBytes / this.allocatedBytes;
  }

  /** Walks everything and throws on a broken invariant. For tests. */
  check(): void {
    checkArena({
      debug: this.debug,
      pages: this.pages,
      pageOwner: this.pageOwner,
      slabClass: this.slabClass,
      slabUsed: this.slabUsed,
      slabTouched: this.slabTouched,
      slabFree: this.slabFree,
      open: this.open,
      slabNext: this.slabNext,
      allocatedBytes: this.allocatedBytes,
      reserve: this.reserve,
    });
  }

  private handedOut(ref: number, usable: number): void {
    this.lastBytes = usable;
    this.allocatedBytes += usable;
    if (this.allocatedBytes > this.peakAllocatedBytes) this.peakAllocatedBytes = this.allocatedBytes;
    if (this.debug) {
      const words = this.wordsOf(ref);
      const canary = (((ref & 0x1fffff) << 3) + usable) >>> 2;
      words[canary] = CANARY_WORD;
      words[canary + 1] = CANARY_WORD;
    }
  }

  private openSlab(sizeClass: number): number {
    const count = SLAB_PAGES[sizeClass] as number;
    const first = this.pages.takeRun(count);
    if (first === NO_PAGES) return NO_SLAB;
    this.coverPages();
    for (let page = first; page < first + count; page++) this.pageOwner[page] = first;
    this.slabClass[first] = sizeClass;
    this.slabUsed[first] = 0;
    this.slabTouched[first] = 0;
    this.slabFree[first] = 0;
    this.linkOpen(first, sizeClass);
    return first;
  }

  private closeSlab(slab: number, pages: number): void {
    for (let page = slab; page < slab + pages; page++) this.pageOwner[page] = NO_SLAB;
    this.pages.giveRun(slab, pages);
  }

  private linkOpen(slab: number, sizeClass: number): void {
    const next = this.open[sizeClass] as number;
    this.slabNext[slab] = next;
    this.slabPrevious[slab] = NO_SLAB;
    if (next !== NO_SLAB) this.slabPrevious[next] = slab;
    this.open[sizeClass] = slab;
  }

  private unlinkOpen(slab: number, sizeClass: number): void {
    const next = this.slabNext[slab] as number;
    const previous = this.slabPrevious[slab] as number;
    if (previous === NO_SLAB) this.open[sizeClass] = next;
    else this.slabNext[previous] = next;
    if (next !== NO_SLAB) this.slabPrevious[next] = previous;
  }

  private allocateLarge(wanted: number): number {
    const count = Math.ceil(wanted / PAGE_BYTES);
    const bytes = count * PAGE_BYTES;
    let ref = 0;
    if (bytes > SEGMENT_BYTES) {
      const segment = this.pages.takeHuge(bytes);
      if (segment < 0) return 0;
      this.coverPages();
      ref = (segment << SEGMENT_SHIFT) | 0;
    } else {
      const first = this.pages.takeRun(count);
      if (first === NO_PAGES) return 0;
      this.coverPages();
      for (let page = first; page < first + count; page++) this.pageOwner[page] = first;
      this.slabClass[first] = RUN;
      this.slabUsed[first] = count;
      ref = (first << REF_PAGE_SHIFT) | 0;
    }
    this.handedOut(ref, bytes - this.reserve);
    return ref;
  }

  private freeLarge(ref: number, slab: number): number {
    const bytes = this.largeBytes(ref, slab);
    if (this.debug) this.poison(ref, bytes);
    if (slab === NO_SLAB) this.pages.giveHuge(ref >>> SEGMENT_SHIFT);
    else this.closeSlab(slab, this.slabUsed[slab] as number);
    this.allocatedBytes -= bytes - this.reserve;
    return bytes - this.reserve;
  }

  private largeBytes(ref: number, slab: number): number {
    if (slab !== NO_SLAB) return (this.slabUsed[slab] as number) << PAGE_SHIFT;
    assert(this.pages.isHuge(ref >>> SEGMENT_SHIFT) && (ref & 0x1fffff) === 0, 'a ref leads to a block');
    return this.bytesOf(ref).length;
  }

  /** Grows the per-page tables to cover every page there is. */
  private coverPages(): void {
    const wanted = this.pages.count * PAGES_PER_SEGMENT;
    if (this.pageOwner.length >= wanted) return;
    const length = Math.max(wanted, this.pageOwner.length * 2, 4 * PAGES_PER_SEGMENT);
    this.pageOwner = widened(this.pageOwner, length);
    this.slabUsed = widened(this.slabUsed, length);
    this.slabTouched = widened(this.slabTouched, length);
    this.slabFree = widened(this.slabFree, length);
    this.slabNext = widened(this.slabNext, length);
    this.slabPrevious = widened(this.slabPrevious, length);
    const classes = new Uint8Array(length);
    classes.set(this.slabClass);
    this.slabClass = classes;
  }

  // -- Debug -----------------------------------------------------------------------------------------------------------

  private poison(ref: number, blockBytes: number): void {
    const words = this.wordsOf(ref);
    const from = (ref & 0x1fffff) << 1;
    const end = from + (blockBytes >>> 2);
    assert(
      words[end - 1] === CANARY_WORD && words[end - 2] === CANARY_WORD,
      `the canary behind block ${ref} is intact`,
    );
    words.fill(POISON_WORD, from, end);
  }

  private checkPoison(ref: number, blockBytes: number): void {
    const words = this.wordsOf(ref);
    const from = (ref & 0x1fffff) << 1;
    const end = from + (blockBytes >>> 2);
    for (let at = from + 1; at < end; at++) assert(words[at] === POISON_WORD, `freed block ${ref} was not written to`);
  }
}

function widened(table: Int32Array, length: number): Int32Array {
  const wider = new Int32Array(length);
  wider.set(table);
  return wider;
}
