/**
 * The order of a large sorted set alone: ns per operation and bytes per element.
 *
 *   bun bench/sorted-tree.ts [elements…]        node bench/sorted-tree.ts [elements…]
 */
import { writeInteger } from '../src/base/integer.ts';
import { Prng } from '../src/base/prng.ts';
import { Account } from '../src/engine/account.ts';
import { Arena } from '../src/engine/arena.ts';
import { memberBytes, SCORED, writeMember } from '../src/engine/member.ts';
import { NameOrder } from '../src/engine/name-order.ts';
import { checkSortedTree } from '../src/engine/sorted-check.ts';
import { SortedCursor } from '../src/engine/sorted-cursor.ts';
import { SortedTree } from '../src/engine/sorted-tree.ts';

const MEMBER_BYTES = 16;
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

function total(name: string, elements: number, run: () => void): void {
  const from_ms = performance.now();
  run();
  const each_ns = ((performance.now() - from_ms) * 1e6) / elements;
  console.log(`  ${`${name}, per element`.padEnd(36)}${each_ns.toFixed(0).padStart(8)} ns`);
}

/** Blocks as a sorted set has them: 16-byte names behind a head. */
function members(arena: Arena, count: number): Int32Array {
  const name = new Uint8Array(32).fill(0x6d);
  const refs = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    name.fill(0x6d, 0, MEMBER_BYTES);
    writeInteger(name, 6, 1_000_000_000 + ((i * 7919) % count));
    const ref = arena.allocate(memberBytes(SCORED, MEMBER_BYTES, 0));
    writeMember(arena, ref, SCORED, name, 0, MEMBER_BYTES, 0);
    refs[i] = ref;
  }
  return refs;
}

/** Budgets hold for random scores; among equal ones every step of a search reads a name somewhere in memory. */
function measure(count: number, kind: string, budget_ns: number | undefined, scoreOf: (i: number) => number): void {
  const arena = new Arena();
  const tree = new SortedTree(arena, new Account(), new NameOrder(arena));
  const cursor = new SortedCursor();
  const refs = members(arena, count);
  const scores = new Float64Array(count);
  for (let i = 0; i < count; i++) scores[i] = scoreOf(i);
  const chosen = new Int32Array(ROUND);
  const prng = new Prng(5);
  for (let i = 0; i < ROUND; i++) chosen[i] = prng.below(count);
  const scoreAt = (i: number) => scores[i] as number;
  const refAt = (i: number) => refs[i] as number;
  console.log(`${count} elements, ${kind}`);
  row('insert', count, budget_ns, (i) => (tree.insert(scoreAt(i), refAt(i)) ? 1 : 0));
  const { leaves, inners } = checkSortedTree(tree);
  const each = tree.heldBytes / count;
  console.log(
    `  ${'bytes an element'.padEnd(36)}${each.toFixed(2).padStart(8)}     ${leaves} leaves, ${inners} inner nodes`,
  );
  const at = (i: number) => chosen[i % ROUND] as number;
  row('rank', ROUND, budget_ns, (i) => tree.rankOf(scoreAt(at(i)), refAt(at(i))));
  row('count below a score', ROUND, undefined, (i) => tree.countBelow(scoreAt(at(i)), true));
  row('element at a rank', ROUND, undefined, (i) => (tree.seek(at(i), cursor) ? cursor.score : 0));
  tree.seek(0, cursor);
  row('step of a cursor', count - 1, 25, () => (cursor.next() ? 1 : 0));
  row('remove and insert', ROUND, undefined, (i) => {
    const n = at(i);
    const gone = tree.remove(scoreAt(n), refAt(n)) ? 1 : 0;
    return tree.insert(scoreAt(n), refAt(n)) ? gone : 0;
  });
  row('remove', Math.floor(count / 2), budget_ns, (i) => (tree.remove(scoreAt(i * 2), refAt(i * 2)) ? 1 : 0));
  total('remove a range', tree.size >> 1, () =>
    tree.removeRange(0, tree.size >> 1, (ref) => {
      checksum += ref & 1;
    }),
  );
  total('drain', tree.size, () => tree.drain(Number.POSITIVE_INFINITY));
  if (tree.heldBytes !== 0) throw new Error('a drained tree holds nothing');
}

const given = process.argv.slice(2).map(Number);
console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);
const prng = new Prng(11);
measure(100_000, 'random scores (warm-up)', undefined, () => prng.unit());
for (const count of given.length > 0 ? given : [100_000, 1_000_000]) {
  measure(count, 'random scores', 1000, () => prng.unit());
  measure(count, 'ascending scores', 1000, (i) => i);
  measure(count, 'all scores equal', undefined, () => 7);
  measure(count, '1000 different scores', undefined, () => prng.below(1000));
}
if (Number.isNaN(checksum)) console.log('checksum lost');
