/** The arena's invariants as a walk over everything it holds. Only tests and DEBUG run it; it throws on the first breach. */
import { assert } from '../base/result.ts';
import { PAGES_PER_SEGMENT, type Pages, REF_PAGE_SHIFT, SEGMENT_SHIFT } from './pages.ts';
import { CLASS_BYTES, CLASS_COUNT, PAGE_BYTES, SLAB_BLOCKS, SLAB_PAGES } from './size-classes.ts';

/** What freed memory holds in debug mode, and what stands behind each block in use. */
export const POISON_WORD: number = 0xdbdbdbdb | 0;
export const CANARY_WORD = 0x5afec0de;
/** In `slabClass`: the run of pages is one block, and `slabUsed` holds its pages. */
export const RUN = 255;

/** The arena from inside. */
export interface ArenaView {
  readonly debug: boolean;
  readonly pages: Pages;
  readonly pageOwner: Int32Array;
  readonly slabClass: Uint8Array;
  readonly slabUsed: Int32Array;
  readonly slabTouched: Int32Array;
  readonly slabFree: Int32Array;
  readonly open: Int32Array;
  readonly slabNext: Int32Array;
  readonly allocatedBytes: number;
  readonly reserve: number;
}

export function checkArena(view: ArenaView): void {
  const openSlabs = checkOpenLists(view);
  let allocated = 0;
  let free = 0;
  for (let segment = 0; segment < view.pages.count; segment++) {
    if (view.pages.isHuge(segment)) {
      const bytes = (view.pages.bytes[segment] as Uint8Array).length;
      checkCanary(view, segment << SEGMENT_SHIFT, bytes);
      allocated += bytes - view.reserve;
    }
    if (!view.pages.isPaged(segment)) continue;
    const end = (segment + 1) * PAGES_PER_SEGMENT;
    for (let page = segment * PAGES_PER_SEGMENT; page < end; ) {
      const slab = view.pageOwner[page] as number;
      if (slab === 0) {
        assert(page === 0 || view.pages.isFree(page), `page ${page} without owner is free`);
        if (page !== 0) free += PAGE_BYTES;
        page++;
        continue;
      }
      assert(slab === page, `page ${page} starts a slab or run`);
      const isRun = view.slabClass[slab] === RUN;
      const pages = (isRun ? view.slabUsed[slab] : SLAB_PAGES[view.slabClass[slab] as number]) as number;
      for (let i = 0; i < pages; i++) {
        assert(view.pageOwner[slab + i] === slab && !view.pages.isFree(slab + i), `page ${slab + i} is owned`);
      }
      allocated += isRun ? checkRun(view, slab, pages) : checkSlab(view, slab, openSlabs.has(slab));
      page += pages;
    }
  }
  assert(allocated === view.allocatedBytes, `allocated bytes ${view.allocatedBytes} are the sum ${allocated}`);
  assert(free === view.pages.freePageBytes, `free page bytes ${view.pages.freePageBytes} are the sum ${free}`);
}

function checkOpenLists(view: ArenaView): Set<number> {
  const seen = new Set<number>();
  for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) {
    for (let slab = view.open[sizeClass] as number; slab !== 0; slab = view.slabNext[slab] as number) {
      assert(!seen.has(slab), `slab ${slab} is linked once`);
      assert(view.slabClass[slab] === sizeClass, `slab ${slab} is in the list of its class`);
      seen.add(slab);
    }
  }
  return seen;
}

function checkRun(view: ArenaView, slab: number, pages: number): number {
  checkCanary(view, slab << REF_PAGE_SHIFT, pages * PAGE_BYTES);
  return pages * PAGE_BYTES - view.reserve;
}

function checkSlab(view: ArenaView, slab: number, isOpen: boolean): number {
  const sizeClass = view.slabClass[slab] as number;
  const blockBytes = CLASS_BYTES[sizeClass] as number;
  const capacity = SLAB_BLOCKS[sizeClass] as number;
  const used = view.slabUsed[slab] as number;
  const touched = view.slabTouched[slab] as number;
  assert(used > 0 && used <= touched && touched <= capacity, `slab ${slab} counts its blocks`);
  assert(isOpen === used < capacity, `slab ${slab} is listed exactly when it has room`);
  const first = slab << REF_PAGE_SHIFT;
  const words = view.pages.words[first >>> SEGMENT_SHIFT] as Int32Array;
  const freed = new Set<number>();
  for (let ref = view.slabFree[slab] as number; ref !== 0; ref = words[(ref & 0x1fffff) << 1] as number) {
    const offset = ((ref - first) | 0) * 8;
    assert(
      offset >= 0 && offset % blockBytes === 0 && offset < touched * blockBytes,
      `free block ${ref} is of ${slab}`,
    );
    assert(!freed.has(ref), `free block ${ref} is listed once`);
    freed.add(ref);
    if (!view.debug) continue;
    const at = (ref & 0x1fffff) << 1;
    for (let i = 1; i < blockBytes >>> 2; i++) assert(words[at + i] === POISON_WORD, `free block ${ref} is poisoned`);
  }
  assert(freed.size === touched - used, `slab ${slab} lists all its free blocks`);
  for (let i = 0; i < touched; i++) {
    const ref = (first + ((i * blockBytes) >>> 3)) | 0;
    if (!freed.has(ref)) checkCanary(view, ref, blockBytes);
  }
  return used * (blockBytes - view.reserve);
}

function checkCanary(view: ArenaView, ref: number, blockBytes: number): void {
  if (!view.debug) return;
  const words = view.pages.words[ref >>> SEGMENT_SHIFT] as Int32Array;
  const end = ((ref & 0x1fffff) << 1) + (blockBytes >>> 2);
  assert(words[end - 1] === CANARY_WORD && words[end - 2] === CANARY_WORD, `the canary behind block ${ref} is intact`);
}
