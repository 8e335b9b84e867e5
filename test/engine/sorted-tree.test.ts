import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { Account } from '../../src/engine/account.ts';
import { Arena } from '../../src/engine/arena.ts';
import { memberBytes, nameLengthOf, nameStartOf, SCORED, writeMember } from '../../src/engine/member.ts';
import { NameOrder } from '../../src/engine/name-order.ts';
import { checkSortedTree } from '../../src/engine/sorted-check.ts';
import { SortedCursor } from '../../src/engine/sorted-cursor.ts';
import { LEAF_CAPACITY, NODE_BYTES, NODE_WORDS } from '../../src/engine/sorted-node.ts';
import { refOrder } from '../../src/engine/sorted-search.ts';
import { SortedTree } from '../../src/engine/sorted-tree.ts';
import { seed } from '../support/seed.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from './support.ts';

interface Element {
  readonly score: number;
  readonly name: string;
  readonly ref: number;
}

/** A tree beside a plain sorted array that says what it should hold. */
class Pair {
  readonly arena: Arena;
  readonly account = new Account();
  readonly tree: SortedTree;
  readonly model: Element[] = [];

  constructor(arena: Arena = new Arena(true), byName = true) {
    this.arena = arena;
    this.tree = new SortedTree(this.arena, this.account, byName ? new NameOrder(this.arena) : refOrder);
  }

  place(score: number, name: string): number {
    const at = this.model.findIndex((e) => e.score > score || (e.score === score && e.name > name));
    return at === -1 ? this.model.length : at;
  }

  add(score: number, name: string): boolean {
    if (this.model.some((e) => e.name === name)) return false;
    const bytes = Buffer.from(name, 'latin1');
    const ref = this.arena.allocate(memberBytes(SCORED, bytes.length, 0));
    writeMember(this.arena, ref, SCORED, bytes, 0, bytes.length, 0);
    if (!this.tree.insert(score, ref)) {
      this.arena.free(ref);
      return false;
    }
    this.model.splice(this.place(score, name), 0, { score, name, ref });
    return true;
  }

  removeAt(rank: number): void {
    const [gone] = this.model.splice(rank, 1);
    if (gone === undefined) return;
    expect(this.tree.remove(gone.score, gone.ref)).toBe(true);
    this.arena.free(gone.ref);
  }

  /** Gives the element of a rank another score; false when there is no memory. */
  moveAt(rank: number, score: number): boolean {
    const element = this.model[rank];
    if (element === undefined || element.score === score) return true;
    if (!this.tree.move(element.score, score, element.ref)) return false;
    this.model.splice(rank, 1);
    this.model.splice(this.place(score, element.name), 0, { ...element, score });
    return true;
  }

  nameOf(ref: number): string {
    const start = nameStartOf(this.arena, ref);
    return Buffer.from(this.arena.bytesOf(ref).subarray(start, start + nameLengthOf(this.arena, ref))).toString(
      'latin1',
    );
  }

  /** Everything from front to back, and back again. */
  verify(): void {
    checkSortedTree(this.tree);
    expect(this.account.usedBytes()).toBe(this.tree.heldBytes);
    expect(this.tree.size).toBe(this.model.length);
    const cursor = new SortedCursor();
    const forth: string[] = [];
    for (let there = this.tree.seek(0, cursor); there; there = cursor.next()) {
      forth.push(`${cursor.score} ${this.nameOf(cursor.ref)}`);
    }
    const expected = this.model.map((e) => `${e.score} ${e.name}`);
    expect(forth).toEqual(expected);
    const back: string[] = [];
    for (let there = this.tree.seek(this.tree.size - 1, cursor); there; there = cursor.previous()) {
      back.push(`${cursor.score} ${this.nameOf(cursor.ref)}`);
    }
    expect(back.reverse()).toEqual(expected);
  }

  /** Ranks and bounds at one element, and around it. */
  verifyAt(rank: number): void {
    const element = this.model[rank];
    if (element === undefined) return;
    const { tree, model } = this;
    expect(tree.rankOf(element.score, element.ref)).toBe(rank);
    const cursor = new SortedCursor();
    expect(tree.seek(rank, cursor)).toBe(true);
    expect(cursor.ref).toBe(element.ref);
    for (const score of [element.score, element.score + 0.25, element.score - 0.25]) {
      expect(tree.countBelow(score, false)).toBe(model.filter((e) => e.score < score).length);
      expect(tree.countBelow(score, true)).toBe(model.filter((e) => e.score <= score).length);
    }
  }

  dispose(): void {
    for (const { ref } of this.model) this.arena.free(ref);
    this.tree.drain(Number.POSITIVE_INFINITY);
    expect(this.tree.heldBytes).toBe(0);
    expect(this.account.usedBytes()).toBe(0);
    expect(this.arena.allocatedBytes).toBe(0);
    this.arena.check();
  }
}

const scores = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -6, max: 6 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
  { weight: 2, arbitrary: fc.double({ noNaN: true }) },
);
const names = fc.oneof(
  fc.integer({ min: 0, max: 400 }).map((n) => `m${n}`),
  fc.string({ unit: fc.constantFrom('\0', '\x7f', '\x80', '\xff', 'a'), maxLength: 5 }),
);
const steps = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('add' as const), score: scores, name: names }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('move' as const), which: fc.nat(), score: scores }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      which: fc.nat(),
      count: fc.integer({ min: 0, max: 90 }),
    }),
  },
);

describe('a sorted tree', () => {
  test(
    'does what a sorted array does',
    () => {
      fc.assert(
        fc.property(fc.array(steps, { minLength: 200, maxLength: 600, size: 'max' }), (script) => {
          const pair = new Pair();
          for (const step of script) {
            if (step.kind === 'add') pair.add(step.score, step.name);
            else if (pair.model.length === 0) continue;
            else if (step.kind === 'remove') pair.removeAt(step.which % pair.model.length);
            else if (step.kind === 'move') pair.moveAt(step.which % pair.model.length, step.score);
            else if (step.kind === 'ask') pair.verifyAt(step.which % pair.model.length);
            else {
              const from = step.which % pair.model.length;
              const gone = pair.model.splice(from, step.count);
              const seen: number[] = [];
              pair.tree.removeRange(from, from + step.count, (ref) => {
                seen.push(ref);
                pair.arena.free(ref);
              });
              expect(seen).toEqual(gone.map((e) => e.ref));
            }
            checkSortedTree(pair.tree);
          }
          pair.verify();
          pair.dispose();
        }),
        { numRuns: runsFor(400) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('stays whole and well filled while 5000 elements come and go', () => {
    const prng = new Prng(seed);
    const pair = new Pair();
    for (let i = 0; i < 5000; i++) pair.add(prng.below(50), `member ${prng.below(1e9)}`);
    pair.verify();
    const full = checkSortedTree(pair.tree);
    expect(pair.tree.size / (full.leaves * LEAF_CAPACITY)).toBeGreaterThan(0.7);
    for (let i = 0; i < 4500; i++) {
      pair.removeAt(prng.below(pair.model.length));
      if (i % 500 === 0) pair.verifyAt(prng.below(pair.model.length));
    }
    pair.verify();
    const emptied = checkSortedTree(pair.tree);
    expect(pair.tree.size / (emptied.leaves * LEAF_CAPACITY)).toBeGreaterThan(0.33);
    while (pair.model.length > 0) pair.removeAt(pair.model.length - 1);
    expect(pair.tree.height).toBe(0);
    pair.dispose();
  });

  test('moves elements near and far, within a leaf and between them', () => {
    const prng = new Prng(seed);
    const pair = new Pair();
    for (let i = 0; i < 3000; i++) pair.add(prng.below(2000), `member ${prng.below(1e9)}`);
    for (let i = 0; i < 4000; i++) {
      const rank = prng.below(pair.model.length);
      const { score } = pair.model[rank] as Element;
      pair.moveAt(rank, i % 3 === 0 ? prng.below(2000) : score + prng.below(21) - 10);
      if (i % 250 === 0) checkSortedTree(pair.tree);
    }
    pair.verify();
    pair.dispose();
  });

  test.each([1, -1])('filled in order (%s) wastes next to nothing', (direction) => {
    const arena = new Arena(true);
    const tree = new SortedTree(arena, new Account(), refOrder);
    for (let i = 1; i <= 20_000; i++) expect(tree.insert(i * direction, i)).toBe(true);
    const { leaves } = checkSortedTree(tree);
    expect(tree.size / (leaves * LEAF_CAPACITY)).toBeGreaterThan(0.97);
  });

  test('removes ranges that cross many nodes, wherever they begin', () => {
    const arena = new Arena(true);
    const account = new Account();
    for (const [from, to] of [
      [0, 9_000],
      [1_000, 10_000],
      [500, 9_500],
      [0, 10_000],
      [9_999, 20_000],
      [5_000, 5_001],
    ] as const) {
      const tree = new SortedTree(arena, account, refOrder);
      for (let i = 0; i < 10_000; i++) tree.insert(i >> 3, i + 1);
      const gone: number[] = [];
      tree.removeRange(from, to, (ref) => gone.push(ref));
      expect(gone).toEqual(Array.from({ length: Math.min(to, 10_000) - from }, (_, i) => from + i + 1));
      checkSortedTree(tree);
      tree.drain(Number.POSITIVE_INFINITY);
      expect(arena.allocatedBytes).toBe(0);
    }
  });

  test('keeps minus zero as it came and in the place of zero', () => {
    const pair = new Pair();
    pair.add(0, 'a');
    pair.add(-0, 'b');
    pair.add(0, 'c');
    const cursor = new SortedCursor();
    pair.tree.seek(1, cursor);
    expect(Object.is(cursor.score, -0)).toBe(true);
    expect(pair.tree.countBelow(0, false)).toBe(0);
    expect(pair.tree.countBelow(-0, true)).toBe(3);
    expect(pair.tree.remove(0, (pair.model[1] as Element).ref)).toBe(true);
  });

  test('does not find what is not there', () => {
    const pair = new Pair();
    expect(pair.tree.rankOf(1, 8)).toBe(-1);
    expect(pair.tree.remove(1, 8)).toBe(false);
    expect(pair.tree.seek(0, new SortedCursor())).toBe(false);
    expect(pair.tree.countBelow(Number.POSITIVE_INFINITY, true)).toBe(0);
    for (let i = 0; i < 200; i++) pair.add(i, `m${i}`);
    const { ref } = pair.model[50] as Element;
    expect(pair.tree.rankOf(51, ref)).toBe(-1);
    expect(pair.tree.remove(49, ref)).toBe(false);
    expect(pair.tree.seek(-1, new SortedCursor())).toBe(false);
    expect(pair.tree.seek(200, new SortedCursor())).toBe(false);
  });

  test('counts what a probe says yes to', () => {
    const pair = new Pair();
    for (let i = 0; i < 3000; i++) pair.add(0, `m${String(i).padStart(4, '0')}`);
    for (const limit of ['', 'm', 'm0000', 'm1499', 'm1499x', 'm2999', 'n']) {
      const expected = pair.model.filter((e) => e.name < limit).length;
      expect(pair.tree.countBefore({ isBefore: (ref) => pair.nameOf(ref) < limit })).toBe(expected);
    }
  });
});

/** An arena that says no after so many allocations. */
class StingyArena extends Arena {
  left = Number.POSITIVE_INFINITY;

  override allocate(bytes: number): number {
    if (this.left <= 0) return 0;
    this.left--;
    return super.allocate(bytes);
  }
}

describe('a sorted tree without memory', () => {
  test('refuses what needs a node and keeps what it has', () => {
    const arena = new StingyArena(true);
    const tree = new SortedTree(arena, new Account(), refOrder);
    arena.left = 0;
    expect(tree.insert(1, 1)).toBe(false);
    expect(tree.size).toBe(0);
    checkSortedTree(tree);
    const prng = new Prng(seed);
    const cursor = new SortedCursor();
    let refused = 0;
    for (let ref = 1; ref <= 20_000; ref++) {
      arena.left = prng.below(3);
      const score = prng.below(1000);
      const before = tree.size;
      const done = tree.insert(score, ref);
      expect(tree.size).toBe(done ? before + 1 : before);
      if (done) continue;
      refused++;
      if (refused % 50 === 0) checkSortedTree(tree);
      expect(tree.rankOf(score, ref)).toBe(-1);
      arena.left = Number.POSITIVE_INFINITY;
      expect(tree.insert(score, ref)).toBe(true);
    }
    expect(refused).toBeGreaterThan(100);
    checkSortedTree(tree);
    arena.left = 0;
    let moved = 0;
    for (let rank = 0; rank < tree.size; rank += 7) {
      tree.seek(rank, cursor);
      const { ref, score } = cursor;
      if (tree.move(score, (score + 500.5) % 1000, ref)) moved++;
      else expect(tree.rankOf(score, ref)).toBe(rank);
    }
    expect(moved).toBeGreaterThan(1000);
    expect(moved).toBeLessThan(tree.size / 7);
    expect(tree.size).toBe(20_000);
    checkSortedTree(tree);
    tree.drain(Number.POSITIVE_INFINITY);
    expect(arena.allocatedBytes).toBe(0);
  });
});

describe('draining a sorted tree', () => {
  test.each([1, 10, 1000, 1e9])('frees about %s elements at a time until nothing is left', (budget) => {
    const arena = new Arena(true);
    const account = new Account();
    const tree = new SortedTree(arena, account, refOrder);
    for (let i = 1; i <= 5000; i++) tree.insert((i * 7919) % 5003, i);
    let gone = 0;
    while (tree.size > 0) {
      const slice = tree.drain(budget);
      expect(slice).toBeGreaterThan(0);
      expect(slice).toBeLessThan(budget + LEAF_CAPACITY);
      gone += slice;
      expect(account.usedBytes()).toBe(tree.heldBytes);
    }
    expect(gone).toBe(5000);
    expect(arena.allocatedBytes).toBe(0);
    expect(tree.drain(10)).toBe(0);
    arena.check();
  });
});

test('the layout of a node fits its block', () => {
  expect(NODE_WORDS * 4).toBe(NODE_BYTES);
});
