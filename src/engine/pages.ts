/**
 * The page pool: 16 MiB segments cut into 16 KiB pages, given out as runs. Pages are numbered through all segments
 * (1,024 per segment), so the page of a ref is `ref >>> 11`.
 *
 * Invariants: a page is free exactly when its bit in `freeBits` is set; a segment whose pages are all free is released to
 * the runtime, but for one spare; page 0 is never given out, so that no ref is 0. Blocks of more than a segment have a
 * buffer of their own under the number of their first segment, and the following numbers stay reserved for it.
 *
 * Called once per slab or large block, not per entry: clarity counts here, the hot path is in arena.ts.
 */
import { ARENA_SEGMENTS_MAX } from '../base/limits.ts';
import { PAGE_BYTES } from './size-classes.ts';

export const SEGMENT_BYTES = 16 * 1024 * 1024;
export const SEGMENT_SHIFT = 21;
export const PAGES_PER_SEGMENT: number = SEGMENT_BYTES / PAGE_BYTES;
/** `ref >>> REF_PAGE_SHIFT` is the page. */
export const REF_PAGE_SHIFT = 11;
/** Answer of `takeRun` when the arena is full. */
export const NO_PAGES = -1;

const BIT_WORDS = PAGES_PER_SEGMENT / 32;
const EMPTY_BUFFER = new ArrayBuffer(0);
const NO_BYTES = new Uint8Array(EMPTY_BUFFER);
const NO_WORDS = new Int32Array(EMPTY_BUFFER);
const NO_DOUBLES = new Float64Array(EMPTY_BUFFER);

/** ES2024, in every runtime we serve on; Node 20, which only runs tests, leaves it to the collector. */
type Detachable = ArrayBuffer & { readonly transfer?: (bytes: number) => ArrayBuffer };

/** What a segment number stands for. */
const ABSENT = 0;
const PAGED = 1;
const HUGE_HEAD = 2;
const HUGE_TAIL = 3;

export class Pages {
  /** The three views of each segment; empty ones where a number is not in use. */
  readonly bytes: Uint8Array[];
  readonly words: Int32Array[];
  readonly doubles: Float64Array[];
  /** Bytes of all buffers held. */
  heldBytes: number;
  /** Bytes of free pages in them. */
  freePageBytes: number;
  private readonly kinds: Uint8Array;
  private readonly freeBits: Uint32Array[];
  private readonly freeCounts: Int32Array;
  /** No free run in the segment is longer than this; made exact by a search that fails. */
  private readonly longestRuns: Int32Array;
  private readonly segmentsMax: number;
  /** Segment numbers ever used. */
  private segmentCount: number;
  private spares: number;

  constructor(segmentsMax: number = ARENA_SEGMENTS_MAX) {
    this.bytes = [];
    this.words = [];
    this.doubles = [];
    this.heldBytes = 0;
    this.freePageBytes = 0;
    this.kinds = new Uint8Array(segmentsMax);
    this.freeBits = [];
    this.freeCounts = new Int32Array(segmentsMax);
    this.longestRuns = new Int32Array(segmentsMax);
    this.segmentsMax = segmentsMax;
    this.segmentCount = 0;
    this.spares = 0;
  }

  /** First page of a run of 1 to 1,024 pages, lowest address first; NO_PAGES when there is no room. */
  takeRun(pages: number): number {
    for (let segment = 0; segment < this.segmentCount; segment++) {
      if ((this.longestRuns[segment] as number) < pages) continue;
      const page = this.takeFrom(segment, pages);
      if (page !== NO_PAGES) return page;
    }
    for (;;) {
      const segment = this.openSegment();
      if (segment < 0) return NO_PAGES;
      const page = this.takeFrom(segment, pages);
      // Only segment 0, which misses page 0, can be too short for a run.
      if (page !== NO_PAGES) return page;
    }
  }

  giveRun(firstPage: number, pages: number): void {
    const segment = (firstPage / PAGES_PER_SEGMENT) | 0;
    const first = firstPage % PAGES_PER_SEGMENT;
    this.mark(segment, first, pages, true);
    // What is freed may join free pages on both sides, so the bound is only an upper one.
    this.longestRuns[segment] = this.freeCounts[segment] as number;
    if ((this.freeCounts[segment] as number) === PAGES_PER_SEGMENT) this.emptied(segment);
  }

  /** A buffer of its own for a block of more than a segment. @returns its first segment, -1 when there is no room. */
  takeHuge(bytes: number): number {
    const count = Math.ceil(bytes / SEGMENT_BYTES);
    const first = this.absentRun(count);
    if (first < 0 || !this.install(first, bytes)) return -1;
    this.kinds[first] = HUGE_HEAD;
    for (let i = 1; i < count; i++) this.kinds[first + i] = HUGE_TAIL;
    return first;
  }

  /** @returns the bytes that were given back. */
  giveHuge(segment: number): number {
    const bytes = (this.bytes[segment] as Uint8Array).length;
    this.uninstall(segment);
    this.kinds[segment] = ABSENT;
    for (let i = segment + 1; i < this.segmentCount && this.kinds[i] === HUGE_TAIL; i++) this.kinds[i] = ABSENT;
    return bytes;
  }

  isHuge(segment: number): boolean {
    return this.kinds[segment] === HUGE_HEAD;
  }

  isPaged(segment: number): boolean {
    return this.kinds[segment] === PAGED;
  }

  isFree(page: number): boolean {
    const bits = this.freeBits[(page / PAGES_PER_SEGMENT) | 0] as Uint32Array;
    const at = page % PAGES_PER_SEGMENT;
    return (((bits[at >>> 5] as number) >>> (at & 31)) & 1) === 1;
  }

  get count(): number {
    return this.segmentCount;
  }

  private takeFrom(segment: number, pages: number): number {
    const bits = this.freeBits[segment] as Uint32Array;
    let run = 0;
    let longest = 0;
    for (let page = 0; page < PAGES_PER_SEGMENT; page++) {
      const word = bits[page >>> 5] as number;
      if (word === 0) {
        run = 0;
        page |= 31;
        continue;
      }
      if (((word >>> (page & 31)) & 1) === 0) {
        run = 0;
        continue;
      }
      run++;
      if (run > longest) longest = run;
      if (run < pages) continue;
      if (this.freeCounts[segment] === PAGES_PER_SEGMENT) this.spares--;
      this.mark(segment, page - pages + 1, pages, false);
      return segment * PAGES_PER_SEGMENT + page - pages + 1;
    }
    this.longestRuns[segment] = longest;
    return NO_PAGES;
  }

  private mark(segment: number, first: number, pages: number, free: boolean): void {
    const bits = this.freeBits[segment] as Uint32Array;
    for (let page = first; page < first + pages; page++) {
      const mask = 1 << (page & 31);
      const word = bits[page >>> 5] as number;
      bits[page >>> 5] = free ? word | mask : word & ~mask;
    }
    const change = free ? pages : -pages;
    this.freeCounts[segment] = (this.freeCounts[segment] as number) + change;
    this.freePageBytes += change * PAGE_BYTES;
  }

  private emptied(segment: number): void {
    this.spares++;
    if (this.spares <= 1) return;
    this.spares--;
    this.uninstall(segment);
    this.kinds[segment] = ABSENT;
    this.freeCounts[segment] = 0;
    this.longestRuns[segment] = 0;
    this.freePageBytes -= SEGMENT_BYTES;
  }

  private openSegment(): number {
    const segment = this.absentRun(1);
    if (segment < 0 || !this.install(segment, SEGMENT_BYTES)) return -1;
    this.kinds[segment] = PAGED;
    const bits = new Uint32Array(BIT_WORDS).fill(0xffffffff);
    this.freeBits[segment] = bits;
    this.freeCounts[segment] = PAGES_PER_SEGMENT;
    this.longestRuns[segment] = PAGES_PER_SEGMENT;
    this.freePageBytes += SEGMENT_BYTES;
    if (segment === 0) this.mark(0, 0, 1, false);
    else this.spares++;
    return segment;
  }

  /** First of so many consecutive numbers that are not in use, or -1. */
  private absentRun(count: number): number {
    let run = 0;
    for (let segment = 0; segment < this.segmentCount; segment++) {
      run = this.kinds[segment] === ABSENT ? run + 1 : 0;
      // A huge block must not start at segment 0: its ref would be 0.
      if (segment === 0 && count > 1) run = 0;
      if (run === count) return segment - count + 1;
    }
    const first = Math.max(this.segmentCount - run, count > 1 ? 1 : 0);
    if (first + count > this.segmentsMax) return -1;
    while (this.segmentCount < first + count) this.appendAbsent();
    return first;
  }

  private appendAbsent(): void {
    this.bytes.push(NO_BYTES);
    this.words.push(NO_WORDS);
    this.doubles.push(NO_DOUBLES);
    this.freeBits.push(new Uint32Array(0));
    this.segmentCount++;
  }

  /** False when the runtime has no memory to give, which is an answer here and not a failure. */
  private install(segment: number, bytes: number): boolean {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(bytes);
    } catch {
      return false;
    }
    this.bytes[segment] = new Uint8Array(buffer);
    this.words[segment] = new Int32Array(buffer);
    this.doubles[segment] = new Float64Array(buffer);
    this.heldBytes += bytes;
    return true;
  }

  /** Detaching gives the memory back now, not at some later collection. */
  private uninstall(segment: number): void {
    const bytes = this.bytes[segment] as Uint8Array;
    this.heldBytes -= bytes.length;
    this.bytes[segment] = NO_BYTES;
    this.words[segment] = NO_WORDS;
    this.doubles[segment] = NO_DOUBLES;
    (bytes.buffer as Detachable).transfer?.(0);
  }
}
