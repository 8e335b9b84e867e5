/**
 * Which sizes the arena hands out. Steps of 8 bytes up to 128, then eight steps per doubling up to 128 KiB, so that past
 * 64 bytes a block is never more than 12.5 % larger than what was asked for. Larger blocks are whole pages.
 *
 * Invariant: `CLASS_BYTES` rises, every entry is a multiple of 8, and `classOf(n)` is the first class that holds n.
 *
 * Hot path. Budget: a class look-up under 3 ns; guarded by `bench/engine.ts`.
 */

/** Unit of the page pool: large enough to amortise a slab, small enough that a half-used slab costs little. */
export const PAGE_BYTES = 16 * 1024;
export const PAGE_SHIFT = 14;
/** Past eight pages the rounding to whole pages wastes less than 12.5 %. */
export const SMALL_BYTES_MAX = 8 * PAGE_BYTES;

const FIRST_BYTES = 16;
const FINE_BYTES_MAX = 128;
const FINE_CLASSES = (FINE_BYTES_MAX - FIRST_BYTES) / 8 + 1;
const STEPS_PER_DOUBLING = 8;
/** 2^7 = 128 is where the coarse classes begin, 2^17 = 128 KiB where they end. */
export const CLASS_COUNT: number = FINE_CLASSES + (17 - 7) * STEPS_PER_DOUBLING;

/** Bytes of a block of each class. */
export const CLASS_BYTES: Int32Array = new Int32Array(CLASS_COUNT);
/** Pages of one slab of each class. */
export const SLAB_PAGES: Int32Array = new Int32Array(CLASS_COUNT);
/** Blocks that one slab of each class holds. */
export const SLAB_BLOCKS: Int32Array = new Int32Array(CLASS_COUNT);

/** Class by units of 8 bytes, up to 1 KiB: what almost every entry needs. */
const TABLE_BYTES_MAX = 1024;
const classByUnits = new Uint8Array(TABLE_BYTES_MAX / 8 + 1);

/** The class of the smallest block that holds so many bytes; `bytes` must be at most SMALL_BYTES_MAX. */
export function classOf(bytes: number): number {
  return bytes <= TABLE_BYTES_MAX ? (classByUnits[(bytes + 7) >>> 3] as number) : coarseClassOf(bytes);
}

function coarseClassOf(bytes: number): number {
  const last = bytes - 1;
  const exponent = 31 - Math.clz32(last);
  return FINE_CLASSES + (exponent - 7) * STEPS_PER_DOUBLING + (last >>> (exponent - 3)) - STEPS_PER_DOUBLING;
}

/** The fewest pages whose unused tail is under a sixteenth; the largest classes are whole pages or nearly so. */
function slabPagesOf(blockBytes: number): number {
  let best = 1;
  let bestWaste = 1;
  for (let pages = 1; pages <= 16; pages++) {
    const bytes = pages * PAGE_BYTES;
    if (bytes < blockBytes) continue;
    const waste = (bytes % blockBytes) / bytes;
    if (waste < 1 / 16) return pages;
    if (waste < bestWaste) {
      best = pages;
      bestWaste = waste;
    }
  }
  return best;
}

for (let index = 0; index < CLASS_COUNT; index++) {
  let bytes = FIRST_BYTES + index * 8;
  if (index >= FINE_CLASSES) {
    const step = index - FINE_CLASSES;
    const power = 7 + Math.floor(step / STEPS_PER_DOUBLING);
    bytes = 2 ** power + ((step % STEPS_PER_DOUBLING) + 1) * 2 ** (power - 3);
  }
  CLASS_BYTES[index] = bytes;
  SLAB_PAGES[index] = slabPagesOf(bytes);
  SLAB_BLOCKS[index] = Math.floor(((SLAB_PAGES[index] as number) * PAGE_BYTES) / bytes);
}
for (let units = 0, index = 0; units < classByUnits.length; units++) {
  while ((CLASS_BYTES[index] as number) < units * 8) index++;
  classByUnits[units] = index;
}
