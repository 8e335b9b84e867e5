import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedHash } from '../../../src/base/hash.ts';
import { Prng } from '../../../src/base/prng.ts';
import { Account } from '../../../src/engine/account.ts';
import { Arena } from '../../../src/engine/arena.ts';
import { IdPlace, IdTree } from '../../../src/engine/types/id-tree.ts';
import { StreamId } from '../../../src/engine/types/stream-id.ts';
import { seed } from '../../support/seed.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../support.ts';
import { bigOf, idOfBig } from './stream-support.ts';

/** A tree beside a plain map, sorted when somebody looks. */
class Pair {
  readonly account = new Account();
  readonly arena: Arena;
  readonly tree: IdTree;
  readonly model = new Map<bigint, number>();
  readonly place = new IdPlace();
  private next = 1;

  constructor(payloadWords: number, arena = new Arena(true)) {
    this.arena = arena;
    this.tree = new IdTree({ arena, account: this.account, hash: new KeyedHash(1, 2) }, payloadWords);
  }

  add(id: bigint): void {
    if (this.model.has(id)) return;
    expect(this.tree.add(idOfBig(id), this.place)).toBe(true);
    const mark = this.next++;
    this.tree.setWord(this.place, 0, mark);
    this.model.set(id, mark);
  }

  remove(id: bigint): void {
    expect(this.tree.find(idOfBig(id), this.place)).toBe(this.model.has(id));
    if (this.model.delete(id)) this.tree.remove(this.place);
  }

  ids(): bigint[] {
    return [...this.model.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** What the place names. */
  here(there: boolean): bigint | undefined {
    if (!there) return undefined;
    const id = new StreamId();
    this.tree.readId(this.place, id);
    expect(this.tree.word(this.place, 0)).toBe(this.model.get(bigOf(id)));
    return bigOf(id);
  }

  verify(): void {
    this.tree.check();
    expect(this.account.usedBytes()).toBe(this.tree.heldBytes);
    const ids = this.ids();
    const forth: (bigint | undefined)[] = [];
    for (let there = this.tree.first(this.place); there; there = this.tree.next(this.place))
      forth.push(this.here(true));
    expect(forth).toEqual(ids);
    const back: (bigint | undefined)[] = [];
    for (let there = this.tree.last(this.place); there; there = this.tree.previous(this.place)) {
      back.push(this.here(true));
    }
    expect(back).toEqual([...ids].reverse());
  }

  verifySearches(probe: bigint): void {
    const ids = this.ids();
    expect(this.here(this.tree.seek(idOfBig(probe), this.place))).toBe(ids.find((id) => id >= probe));
    expect(this.here(this.tree.floor(idOfBig(probe), this.place))).toBe(ids.findLast((id) => id <= probe));
  }
}

const STEPS = 500;
type Habit = 'rising' | 'anywhere' | 'queue' | 'holes';

function play(pair: Pair, prng: Prng, habit: Habit): void {
  let top = 1000n;
  for (let step = 0; step < STEPS; step++) {
    const anywhere = (BigInt(prng.below(4)) << 96n) + BigInt(prng.below(2000));
    const ids = pair.model.size > 0 && prng.below(3) === 0 ? pair.ids() : [];
    const some = ids[habit === 'queue' ? 0 : prng.below(Math.max(1, ids.length))];
    if (some !== undefined && habit !== 'rising') pair.remove(some);
    else if (habit === 'anywhere') pair.add(anywhere);
    else {
      top += BigInt(1 + prng.below(3));
      pair.add(top);
    }
    if (habit === 'holes' && step % 200 === 199) for (const [i, id] of pair.ids().entries()) if (i % 9) pair.remove(id);
  }
}

describe('a tree of IDs', () => {
  test('holds what a sorted map holds, whatever is added and removed', { timeout: PROPERTY_TIMEOUT_MS }, () => {
    const habits = fc.constantFrom<Habit>('rising', 'anywhere', 'queue', 'holes');
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(1, 5), habits, habits, (number, payload, first, second) => {
        const prng = new Prng(number);
        const pair = new Pair(payload);
        for (const habit of [first, second]) {
          play(pair, prng, habit);
          pair.verify();
          for (let i = 0; i < 20; i++) pair.verifySearches((BigInt(prng.below(4)) << 96n) + BigInt(prng.below(2500)));
        }
        for (const id of pair.ids()) pair.remove(id);
        pair.verify();
        expect(pair.arena.allocatedBytes).toBe(0);
        pair.arena.check();
      }),
      { numRuns: runsFor(2 * STEPS) },
    );
  });

  test('of a hundred thousand stays one when nine in ten go, and gives their memory back', () => {
    const pair = new Pair(1, new Arena(false));
    for (let i = 0n; i < 100_000n; i++) pair.add(i * 7n);
    const full = pair.tree.heldBytes;
    // Leaves that were filled in order are full: 50 records of 20 bytes in 1 KiB.
    expect(full).toBeLessThan(100_000 * 22);
    for (let i = 0n; i < 100_000n; i++) if (i % 10n !== 0n) pair.remove(i * 7n);
    pair.verify();
    expect(pair.tree.heldBytes).toBeLessThan(full / 2);
  });

  test('with one record takes a block for one', () => {
    const pair = new Pair(1, new Arena(false));
    pair.add(5n);
    expect(pair.tree.heldBytes).toBe(40);
  });

  test('that gets no memory says so and stays as it was', () => {
    const prng = new Prng(seed);
    const pair = new Pair(1);
    const { arena } = pair;
    const allocate = arena.allocate.bind(arena);
    for (let i = 0; i < 3000; i++) pair.add(BigInt(prng.below(1_000_000)));
    for (let i = 0; i < 3000; i++) {
      const id = BigInt(prng.below(1_000_000));
      if (pair.model.has(id)) continue;
      const allowed = prng.below(3);
      let calls = 0;
      arena.allocate = (bytes) => (calls++ < allowed ? allocate(bytes) : 0);
      const added = pair.tree.add(idOfBig(id), pair.place);
      arena.allocate = allocate;
      if (added) pair.tree.setWord(pair.place, 0, i);
      if (added) pair.model.set(id, i);
      else if (i % 50 === 0) pair.verify();
    }
    pair.verify();
    expect(arena.allocatedBytes).toBe(pair.tree.heldBytes);
  });

  test('is drained in slices, each record told of once', () => {
    const pair = new Pair(1);
    for (let i = 0; i < 5000; i++) pair.add(BigInt(i * 3));
    const told: number[] = [];
    let slices = 0;
    while (pair.tree.drain(100, (word) => told.push(word)) >= 100) slices++;
    expect(slices).toBeGreaterThan(40);
    expect(told).toEqual([...pair.model.values()]);
    expect(pair.arena.allocatedBytes).toBe(0);
    expect(pair.account.usedBytes()).toBe(0);
  });
});
