import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena } from '../../src/engine/arena.ts';
import { Pages, SEGMENT_BYTES } from '../../src/engine/pages.ts';
import {
  CLASS_BYTES,
  CLASS_COUNT,
  classOf,
  PAGE_BYTES,
  SLAB_PAGES,
  SMALL_BYTES_MAX,
} from '../../src/engine/size-classes.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from './support.ts';

describe('size classes', () => {
  test('every size gets the smallest class that holds it', () => {
    let expected = 0;
    for (let bytes = 1; bytes <= SMALL_BYTES_MAX; bytes++) {
      while ((CLASS_BYTES[expected] as number) < bytes) expected++;
      if (classOf(bytes) !== expected) throw new Error(`class of ${bytes}: ${classOf(bytes)} instead of ${expected}`);
    }
    expect(CLASS_BYTES[CLASS_COUNT - 1]).toBe(SMALL_BYTES_MAX);
  });

  test('no block past 64 bytes wastes more than an eighth, and no slab tail more than an eighth', () => {
    for (let index = 1; index < CLASS_COUNT; index++) {
      const bytes = CLASS_BYTES[index] as number;
      const smallest = (CLASS_BYTES[index - 1] as number) + 1;
      expect(bytes % 8).toBe(0);
      if (smallest > 64) expect((bytes - smallest) / bytes).toBeLessThanOrEqual(0.125);
      const slabBytes = (SLAB_PAGES[index] as number) * PAGE_BYTES;
      expect((slabBytes % bytes) / slabBytes).toBeLessThanOrEqual(0.125);
    }
  });
});

interface Block {
  readonly ref: number;
  readonly bytes: number;
  readonly mark: number;
}

const MIB = 1024 * 1024;
const sizes = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 4, arbitrary: fc.integer({ min: 300, max: 20_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 20_000, max: 600_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(SMALL_BYTES_MAX, SMALL_BYTES_MAX + 1, SEGMENT_BYTES - 8, 2 * MIB) },
);
const steps = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('allocate' as const), bytes: sizes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), which: fc.nat() }) },
);

/** Fills the block's ends and a few places between; whoever else writes there is caught. */
function write(arena: Arena, block: Block): void {
  const at = arena.offsetOf(block.ref);
  arena.bytesOf(block.ref).fill(block.mark, at, at + block.bytes);
}

function verify(arena: Arena, block: Block): void {
  const bytes = arena.bytesOf(block.ref);
  const at = arena.offsetOf(block.ref);
  const stride = Math.max(1, Math.floor(block.bytes / 64));
  for (let i = 0; i < block.bytes; i += stride) {
    if (bytes[at + i] !== block.mark) throw new Error(`block ${block.ref} was written to by somebody else`);
  }
  if (bytes[at + block.bytes - 1] !== block.mark) throw new Error(`the end of block ${block.ref} was written to`);
}

describe('the arena', () => {
  test.each([true, false])(
    'keeps every block apart from every other and counts exactly (debug %s)',
    (debug) => {
      fc.assert(
        fc.property(fc.array(steps, { minLength: 100, maxLength: 500, size: 'max' }), (script) => {
          const arena = new Arena(debug);
          const blocks: Block[] = [];
          let counted = 0;
          for (const [i, step] of script.entries()) {
            if (step.kind === 'allocate') {
              const ref = arena.allocate(step.bytes);
              expect(ref).not.toBe(0);
              expect(arena.lastBytes).toBeGreaterThanOrEqual(step.bytes);
              expect(arena.blockBytes(ref)).toBe(arena.lastBytes);
              expect(arena.goodSize(step.bytes)).toBe(arena.lastBytes);
              const block = { ref, bytes: step.bytes, mark: 1 + (i % 200) };
              write(arena, block);
              blocks.push(block);
              counted += arena.lastBytes;
            } else if (blocks.length > 0) {
              const [block] = blocks.splice(step.which % blocks.length, 1);
              if (block === undefined) continue;
              verify(arena, block);
              counted -= arena.free(block.ref);
            }
            expect(arena.allocatedBytes).toBe(counted);
          }
          for (const block of blocks) verify(arena, block);
          arena.check();
          for (const block of blocks) arena.free(block.ref);
          arena.check();
          expect(arena.allocatedBytes).toBe(0);
          expect(arena.heldBytes).toBeLessThanOrEqual(2 * SEGMENT_BYTES);
          expect(arena.pages.freePageBytes).toBe(
            arena.heldBytes - (arena.heldBytes > 0 && script.length > 0 ? PAGE_BYTES : 0),
          );
        }),
        { numRuns: runsFor(300) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('serves one size from the memory that another gave back', () => {
    const arena = new Arena(true);
    const small: number[] = [];
    for (let i = 0; i < 400_000; i++) small.push(arena.allocate(40));
    const held = arena.heldBytes;
    for (const ref of small) arena.free(ref);
    let large = 0;
    for (let i = 0; i < 150; i++) if (arena.allocate(100_000) !== 0) large++;
    expect(large).toBe(150);
    expect(arena.heldBytes).toBeLessThanOrEqual(held);
    arena.check();
  });

  test('gives emptied segments back to the runtime but for one spare', () => {
    const arena = new Arena(false);
    const refs: number[] = [];
    for (let i = 0; i < 20; i++) refs.push(arena.allocate(8 * MIB));
    expect(arena.heldBytes).toBeGreaterThanOrEqual(160 * MIB);
    for (const ref of refs) arena.free(ref);
    expect(arena.heldBytes).toBeLessThanOrEqual(2 * SEGMENT_BYTES);
    arena.check();
  });

  test('gives blocks of more than a segment a buffer of their own', () => {
    const arena = new Arena(true);
    const first = arena.allocate(40 * MIB);
    const second = arena.allocate(17 * MIB);
    const small = arena.allocate(100);
    for (const [ref, bytes] of [
      [first, 40 * MIB],
      [second, 17 * MIB],
      [small, 100],
    ] as const) {
      expect(arena.blockBytes(ref)).toBeGreaterThanOrEqual(bytes);
      write(arena, { ref, bytes, mark: 7 });
    }
    arena.check();
    arena.free(first);
    const third = arena.allocate(30 * MIB);
    expect(third).toBe(first);
    arena.check();
    for (const ref of [second, small, third]) arena.free(ref);
    arena.check();
    expect(arena.allocatedBytes).toBe(0);
  });

  test('answers 0 when full, whatever the size, and goes on when something is freed', () => {
    const arena = new Arena(true, new Pages(3));
    expect(arena.allocate(100 * MIB)).toBe(0);
    const refs: number[] = [];
    for (let ref = arena.allocate(MIB); ref !== 0; ref = arena.allocate(MIB)) refs.push(ref);
    expect(refs.length).toBeGreaterThan(40);
    let tiny = 0;
    while (arena.allocate(1000) !== 0) tiny++;
    expect(tiny).toBeGreaterThan(0);
    arena.check();
    arena.free(refs.pop() as number);
    expect(arena.allocate(MIB)).not.toBe(0);
    arena.check();
  });

  test('reaches refs past 2^31 without a wrap', () => {
    const arena = new Arena(false);
    // Seventeen lazily backed buffers of 64 segment numbers each: only what is written becomes resident.
    const refs: number[] = [];
    for (let i = 0; i < 17; i++) refs.push(arena.allocate(1024 * MIB));
    expect(arena.blockBytes(refs[16] as number)).toBe(1024 * MIB);
    const small: Block[] = [];
    for (let i = 0; i < 5000; i++) small.push({ ref: arena.allocate(10_000), bytes: 10_000, mark: i & 255 });
    for (const block of small) write(arena, block);
    expect(small.some((block) => block.ref < 0)).toBe(true);
    expect(new Set(small.map((block) => block.ref)).size).toBe(5000);
    for (const block of small) verify(arena, block);
    arena.check();
    for (const block of small) arena.free(block.ref);
    for (const ref of refs) arena.free(ref);
    arena.check();
    expect(arena.allocatedBytes).toBe(0);
  });

  test('notices a write past the end of a block', () => {
    const arena = new Arena(true);
    const ref = arena.allocate(50);
    arena.bytesOf(ref)[arena.offsetOf(ref) + arena.blockBytes(ref)] = 1;
    expect(() => arena.check()).toThrow('canary');
    expect(() => arena.free(ref)).toThrow('canary');
  });

  test('notices a write to a freed block', () => {
    const arena = new Arena(true);
    const kept = arena.allocate(50);
    const ref = arena.allocate(50);
    arena.free(ref);
    arena.bytesOf(ref)[arena.offsetOf(ref) + 20] = 1;
    expect(() => arena.check()).toThrow('poisoned');
    expect(() => arena.allocate(50)).toThrow('freed block');
    expect(kept).not.toBe(ref);
  });
});
