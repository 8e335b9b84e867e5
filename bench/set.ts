/**
 * Sets inside the engine: ns per operation in each form, bytes per element, and how long the longest slice of freeing a
 * large one takes.
 *
 *   bun bench/set.ts [elements…]        node bench/set.ts [elements…]
 */
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { writeInteger } from '../src/base/integer.ts';
import { Prng } from '../src/base/prng.ts';
import { type Database, MISSING, NO_EXPIRY } from '../src/engine/database.ts';
import { Shard } from '../src/engine/shard.ts';
import { SetView } from '../src/engine/types/set.ts';
import { SetEditor } from '../src/engine/types/set-editor.ts';

const KEY = new Uint8Array([0x6b]);
const ELEMENT_BYTES = 16;
const ROUND = 200_000;

/** Keeps results in use, so that nothing is optimised away. */
let checksum = 0;

function row(name: string, operations: number, budget_ns: number | undefined, run: (i: number) => number): void {
  const from_ms = performance.now();
  for (let i = 0; i < operations; i++) checksum += run(i);
  const each_ns = ((performance.now() - from_ms) * 1e6) / operations;
  const verdict =
    budget_ns === undefined ? '' : each_ns <= budget_ns ? `  budget ${budget_ns}` : `  OVER budget ${budget_ns}`;
  console.log(`  ${name.padEnd(36)}${each_ns.toFixed(0).padStart(8)} ns${verdict}`);
}

const element = new Uint8Array(32);

/** Writes element `i` of a set of `count`. @returns where it ends */
type Maker = (i: number, count: number) => number;

const text: Maker = (i, count) => {
  element.fill(0x6d, 0, ELEMENT_BYTES);
  writeInteger(element, 6, 1_000_000_000 + ((i * 7919) % count));
  return ELEMENT_BYTES;
};
const integer: Maker = (i, count) => writeInteger(element, 0, ((i * 7919) % count) * 1000);

function find(database: Database): number {
  return database.peek(KEY, 0, 1);
}

function measure(count: number, kind: string, make: Maker, budgets: readonly (number | undefined)[]): void {
  const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(1, 2) });
  const realm = shard.realm(0);
  const database = realm.database(0);
  const editor = new SetEditor().begin(database);
  editor.add(element, 0, make(0, count));
  editor.store(KEY, 0, 1, NO_EXPIRY);
  console.log(`${count} elements, ${kind}`);
  row('add', count, budgets[0], (i) => editor.open(database, find(database)).add(element, 0, make(i, count)));
  const bytes = realm.account.usedBytes();
  console.log(`  ${'bytes an element'.padEnd(36)}${(bytes / count).toFixed(1).padStart(8)}`);
  const view = new SetView();
  const prng = new Prng(5);
  row('contains', ROUND, budgets[1], () => {
    const end = make(prng.below(count), count);
    return view.open(database, find(database)).has(element, 0, end) ? 1 : 0;
  });
  row('random element', ROUND, budgets[2], () => {
    view.open(database, find(database));
    view.read(view.random(prng));
    return view.end;
  });
  const from_ms = performance.now();
  view.open(database, find(database)).each((_bytes, start, end) => {
    checksum += end - start;
    return true;
  });
  const each_ns = ((performance.now() - from_ms) * 1e6) / count;
  console.log(`  ${'walk, per element'.padEnd(36)}${each_ns.toFixed(0).padStart(8)} ns`);
  row('remove and add', ROUND, undefined, () => {
    const end = make(prng.below(count), count);
    editor.open(database, find(database));
    return editor.remove(element, 0, end) ? editor.add(element, 0, end) : 0;
  });
  let worst_ms = 0;
  const timed = (run: () => boolean): boolean => {
    const from_ms = performance.now();
    const more = run();
    worst_ms = Math.max(worst_ms, performance.now() - from_ms);
    return more;
  };
  timed(() => database.delete(KEY, 0, 1));
  const delete_ms = worst_ms;
  while (timed(() => shard.backgroundSlice()));
  if (realm.account.usedBytes() !== 0 || find(database) !== MISSING) throw new Error('a deleted set holds nothing');
  console.log(`  DEL took ${delete_ms.toFixed(2)} ms, the longest slice after it ${worst_ms.toFixed(2)} ms`);
}

const wanted = process.argv.slice(2).map(Number);
measure(100, 'a listpack of texts', text, [undefined, 1000, 500]);
measure(500, 'an intset', integer, [undefined, 500, 300]);
for (const count of wanted.length > 0 ? wanted : [100_000, 1_000_000]) measure(count, 'texts', text, [900, 700, 700]);
if (Number.isNaN(checksum)) throw new Error('an operation answered no number');
