/** The invariants of an index and its tables as a walk over all of them. Only tests run it; it throws on the first breach. */
import { assert } from '../base/result.ts';
import type { Arena } from './arena.ts';
import { FLIP, homeOf, shapeOf, TABLE_HEAD_WORDS } from './table.ts';

export function checkIndex(
  arena: Arena,
  directory: Int32Array,
  bits: number,
  size: number,
  tables: number,
  bytes: number,
): void {
  let entries = 0;
  let seen = 0;
  let held = bits === 1 ? 0 : directory.byteLength;
  for (let cell = 0; cell < 2 ** bits; ) {
    const table = directory[cell << 1] as number;
    if (table === 0) {
      assert(size === 0, 'an index with entries has a table everywhere');
      cell++;
      continue;
    }
    const words = arena.wordsOf(table);
    const base = (table & 0x1fffff) << 1;
    const cells = 2 ** (bits - (words[base] as number));
    assert(cell % cells === 0, `the cells of table ${table} are aligned`);
    for (let i = cell; i < cell + cells; i++) {
      assert(directory[i << 1] === table, `cell ${i} leads to table ${table}`);
      assert(directory[(i << 1) + 1] === shapeOf(words, base), `cell ${i} knows the shape of table ${table}`);
    }
    entries += checkTable(words, base, cell / cells);
    held += arena.blockBytes(table);
    seen++;
    cell += cells;
  }
  assert(entries === size, `size ${size} is the sum of entries ${entries}`);
  assert(seen === tables, `${tables} tables are ${seen}`);
  assert(held === bytes, `bytes ${bytes} are the sum ${held}`);
}

function checkTable(words: Int32Array, base: number, prefix: number): number {
  const depth = words[base] as number;
  const homes = words[base + 1] as number;
  const end = base + TABLE_HEAD_WORDS + (words[base + 3] as number) * 2;
  let count = 0;
  let previous = FLIP;
  let gapBefore = base + TABLE_HEAD_WORDS;
  assert(words[end - 1] === 0, 'the last slot is empty');
  for (let slot = base + TABLE_HEAD_WORDS; slot < end; slot += 2) {
    if (words[slot + 1] === 0) {
      gapBefore = slot + 2;
      continue;
    }
    const place = words[slot] as number;
    const home = base + homeOf(place, depth, homes);
    assert(place >= previous, 'places rise');
    assert(home <= slot && home >= gapBefore, 'no gap stands between an entry and its home');
    assert(depth === 0 || (place ^ FLIP) >>> (32 - depth) === prefix, 'an entry is in the table of its prefix');
    previous = place;
    count++;
  }
  assert(count === words[base + 2], 'a table counts its entries');
  return count;
}
