/**
 * Lists inside the engine: ns per operation on a small and on a large list, bytes per element, memory of many short lists,
 * and how long freeing a large one holds up anybody.
 *
 *   bun bench/list.ts [elements]        node bench/list.ts [elements]
 */
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { writeInteger } from '../src/base/integer.ts';
import { Prng } from '../src/base/prng.ts';
import { type Database, OK } from '../src/engine/database.ts';
import { Shard } from '../src/engine/shard.ts';
import { createList, List } from '../src/engine/types/list.ts';
import { ListCursor } from '../src/engine/types/list-cursor.ts';
import { ElementRun } from '../src/engine/types/list-run.ts';
import { fastest } from './lib/fastest.ts';

const ELEMENT_BYTES = 20;
const LISTS = 100_000;

const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(1, 2) });
const database: Database = shard.realm(0).database(0);
const list = new List();
const cursor = new ListCursor();
const run = new ElementRun();
const element = new Uint8Array(ELEMENT_BYTES).fill(0x6d);
const key = new Uint8Array(16);

function used(): number {
  return shard.realm(0).account.usedBytes();
}

function row(name: string, budget_ns: number | undefined, call: () => number, calls?: number): void {
  const each_ns = fastest(call, calls);
  const verdict =
    budget_ns === undefined ? '' : each_ns <= budget_ns ? `  budget ${budget_ns}` : `  OVER budget ${budget_ns}`;
  console.log(`  ${name.padEnd(44)}${each_ns.toFixed(0).padStart(8)} ns${verdict}`);
}

/** The next element, in the run. */
let written = 0;
function next(): ElementRun {
  writeInteger(element, 6, 1_000_000_000 + (written++ % 1_000_000));
  return run.begin().add(element, 0, ELEMENT_BYTES);
}

function opened(length: number): List {
  return list.open(database, database.findForWrite(key, 0, length));
}

/** A list of so many elements at a key. */
function make(number: number, elements: number): number {
  const end = writeInteger(key, 0, number);
  if (createList(database, key, 0, end, next()) !== OK) throw new Error('there is memory');
  for (let i = 1; i < elements; i++) opened(end).push(next(), false);
  return end;
}

function readHundred(from: number, end: number): number {
  let bytes = 0;
  opened(end).seek(from, cursor);
  for (let i = 0; i < 100; i++) {
    if (i > 0) cursor.next();
    const view = cursor.read();
    bytes += view.end - view.start;
  }
  return bytes;
}

function measure(elements: number, budgets: readonly (number | undefined)[]): void {
  const before = used();
  const from_ms = performance.now();
  const end = make(-1, elements);
  const push_ns = ((performance.now() - from_ms) * 1e6) / elements;
  console.log(`a list of ${elements} elements of ${ELEMENT_BYTES} bytes`);
  console.log(`  ${'made, per element'.padEnd(44)}${push_ns.toFixed(0).padStart(8)} ns`);
  console.log(`  ${'bytes per element'.padEnd(44)}${((used() - before) / elements).toFixed(1).padStart(8)}`);
  row('push to the end and pop from it', budgets[0], () => {
    opened(end).push(next(), false);
    opened(end).pop(false);
    return 1;
  });
  row('push to the head and pop from the end', budgets[1], () => {
    opened(end).push(next(), true);
    opened(end).pop(false);
    return 1;
  });
  row('the first hundred', budgets[2], () => readHundred(0, end), 20_000);
  row('one in the middle', undefined, () => (opened(end).seek(elements >> 1, cursor) ? cursor.p : 0), 5000);
  let worst_ms = 0;
  const timed = (work: () => boolean): boolean => {
    const begun_ms = performance.now();
    const more = work();
    worst_ms = Math.max(worst_ms, performance.now() - begun_ms);
    return more;
  };
  timed(() => database.delete(key, 0, end));
  while (timed(() => shard.backgroundSlice()));
  console.log(`  ${'freeing it, the longest turn'.padEnd(44)}${worst_ms.toFixed(2).padStart(8)} ms`);
  if (used() !== before) throw new Error('a deleted list holds nothing');
}

console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);
measure(100, [900, 1000, 5000]);
measure(Number(process.argv[2] ?? 1_000_000), [700, 800, 5000]);
const before = used();
for (let i = 0; i < LISTS; i++) make(i, 10);
console.log(
  `${LISTS} lists of 10 elements of ${ELEMENT_BYTES} bytes: ${((used() - before) / LISTS).toFixed(0)} bytes each`,
);
