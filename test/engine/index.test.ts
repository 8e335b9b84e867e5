import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedHash } from '../../src/base/hash.ts';
import { Prng } from '../../src/base/prng.ts';
import { Account } from '../../src/engine/account.ts';
import { Arena } from '../../src/engine/arena.ts';
import { Keyspace } from '../../src/engine/keyspace.ts';
import { LargeValues } from '../../src/engine/large.ts';
import { LazyFree } from '../../src/engine/lazy-free.ts';
import type { Hasher } from '../../src/engine/world.ts';
import { bytesOf, PROPERTY_TIMEOUT_MS, runsFor } from './support.ts';

/** Hashes by number, so that tests choose where keys stand: the key is the number in decimal digits. */
function numbered(hash: (number: number) => number): Hasher {
  return { of: (bytes, start, end) => hash(Number(Buffer.from(bytes.subarray(start, end)).toString())) };
}

const hashers: readonly (readonly [name: string, hasher: Hasher])[] = [
  ['the keyed hash', new KeyedHash(5, 6)],
  ['one hash for all', numbered(() => 0xdeadbeef)],
  ['the largest hash for all', numbered(() => 0xffffffff)],
  ['four hashes', numbered((number) => (number & 3) * 0x40000001)],
  ['small numbers', numbered((number) => number)],
  ['neighbours at the top', numbered((number) => 0xffffffff - number)],
  ['few leading bits', numbered((number) => Math.imul(number, 0x9e3779b1) & 0x00ffffff)],
];

class Model {
  readonly arena = new Arena(true);
  readonly account = new Account();
  readonly keys: Keyspace;
  readonly refs = new Map<string, number>();

  constructor(hash: Hasher) {
    this.keys = new Keyspace(this.arena, this.account, hash, new LargeValues(new LazyFree()));
  }

  find(name: string): number {
    const bytes = bytesOf(name);
    return this.keys.index.find(this.keys.hashOf(bytes, 0, bytes.length), bytes, 0, bytes.length);
  }

  add(name: string): void {
    if (this.refs.has(name)) return;
    const bytes = bytesOf(name);
    const ref = this.keys.make(0, bytes.length, 0, -1, 0);
    this.arena.bytesOf(ref).set(bytes, this.arena.offsetOf(ref) + 16);
    expect(this.keys.link(this.keys.hashOf(bytes, 0, bytes.length), ref)).toBe(true);
    this.refs.set(name, ref);
  }

  remove(name: string): void {
    const ref = this.refs.get(name);
    if (ref === undefined) return;
    this.keys.drop(this.keys.hashOfEntry(ref), ref);
    this.refs.delete(name);
  }

  nameOf(ref: number): string {
    const at = this.arena.offsetOf(ref) + 16;
    const length = this.arena.wordsOf(ref)[((ref & 0x1fffff) << 1) + 2] as number;
    return Buffer.from(this.arena.bytesOf(ref).subarray(at, at + length)).toString();
  }

  verify(): void {
    this.arena.check();
    this.keys.index.check();
    expect(this.keys.index.size).toBe(this.refs.size);
    expect(this.account.usedBytes()).toBe(
      this.keys.index.heldBytes() + [...this.refs.values()].reduce((sum, ref) => sum + this.arena.blockBytes(ref), 0),
    );
    const seen: string[] = [];
    this.keys.index.forEach((ref) => {
      seen.push(this.nameOf(ref));
    });
    expect(seen.sort()).toEqual([...this.refs.keys()].sort());
  }
}

const names = fc.nat(3000).map(String);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), name: names }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('remove' as const), name: names }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('find' as const), name: names }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      from: fc.nat(2500),
      count: fc.nat(400),
      add: fc.boolean(),
    }),
  },
);

describe.each(hashers)('the index under %s', (_name, hash) => {
  test(
    'agrees with a Map through splits and merges, and is charged exactly',
    () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 50, maxLength: 150, size: 'max' }), (script) => {
          const model = new Model(hash);
          for (const at of script) {
            if (at.kind === 'add') model.add(at.name);
            else if (at.kind === 'remove') model.remove(at.name);
            else if (at.kind === 'find') expect(model.find(at.name)).toBe(model.refs.get(at.name) ?? 0);
            else for (let i = at.from; i < at.from + at.count; i++) at.add ? model.add(`${i}`) : model.remove(`${i}`);
          }
          model.verify();
          for (const [name, ref] of model.refs) expect(model.find(name)).toBe(ref);
          for (const name of [...model.refs.keys()]) model.remove(name);
          model.verify();
          expect(model.account.usedBytes()).toBe(0);
        }),
        { numRuns: Math.ceil(runsFor(1500)) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test(
    'SCAN returns every key that is there throughout, whatever else comes and goes',
    () => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 50 }), (seed, count) => {
          const prng = new Prng(seed);
          const model = new Model(hash);
          for (let i = 0; i < 400; i++) model.add(`${i}`);
          const seen = new Set<string>();
          let cursor = 0;
          let calls = 0;
          do {
            cursor = model.keys.index.scan(cursor, count, (ref) => seen.add(model.nameOf(ref)));
            // Waves of strangers force splits and merges under the walk.
            const wave = 400 + prng.below(3) * 400;
            const grows = prng.below(2) === 0;
            for (let i = 0; i < 60; i++) {
              const name = `${wave + prng.below(400)}`;
              if (grows) model.add(name);
              else model.remove(name);
            }
            calls++;
          } while (cursor !== 0 && calls < 100_000);
          expect(cursor).toBe(0);
          for (let i = 0; i < 400; i++) expect(seen.has(`${i}`)).toBe(true);
          model.verify();
        }),
        { numRuns: Math.ceil(runsFor(4000)) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );
});

describe('the index', () => {
  test('goes back to nothing after a hundred thousand keys', () => {
    const model = new Model(new KeyedHash(1, 2));
    for (let i = 0; i < 100_000; i++) model.add(`${i}`);
    expect(model.keys.index.bytesPerEntry()).toBeLessThan(16);
    model.keys.index.check();
    for (let i = 0; i < 100_000; i++) if (i % 1000 !== 0) model.remove(`${i}`);
    expect(model.keys.index.heldBytes()).toBeLessThan(8192);
    model.verify();
    for (let i = 0; i < 100_000; i += 1000) model.remove(`${i}`);
    expect(model.account.usedBytes()).toBe(0);
  });

  test('SCAN keeps to about its COUNT and never returns a key twice while nothing changes', () => {
    const model = new Model(new KeyedHash(1, 2));
    for (let i = 0; i < 20_000; i++) model.add(`${i}`);
    const seen = new Set<number>();
    let cursor = 0;
    let calls = 0;
    do {
      let visited = 0;
      cursor = model.keys.index.scan(cursor, 10, (ref) => {
        visited++;
        expect(seen.has(ref)).toBe(false);
        seen.add(ref);
      });
      expect(visited).toBeLessThanOrEqual(12);
      calls++;
    } while (cursor !== 0);
    expect(seen.size).toBe(20_000);
    expect(calls).toBeLessThan(2100);
  });

  test('SCAN takes any number for a cursor', () => {
    const model = new Model(new KeyedHash(1, 2));
    for (let i = 0; i < 3000; i++) model.add(`${i}`);
    for (const cursor of [
      -1,
      0.5,
      1e300,
      2 ** 32,
      2 ** 32 - 1,
      2 ** 53,
      2 ** 64,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]) {
      const next = model.keys.index.scan(cursor, 10, () => {});
      expect(next >= 0 && next < 2 ** 32).toBe(true);
    }
    expect(model.keys.index.scan(2 ** 53, 10, () => {})).toBe(0);
  });

  test('returns all entries of one hash together', () => {
    const model = new Model(numbered((number) => (number % 7) * 1000));
    for (let i = 0; i < 70; i++) model.add(`${i}`);
    const sizes: number[] = [];
    let cursor = 0;
    do {
      let visited = 0;
      cursor = model.keys.index.scan(cursor, 3, () => visited++);
      sizes.push(visited);
    } while (cursor !== 0);
    expect(sizes.filter((size) => size > 0)).toEqual([10, 10, 10, 10, 10, 10, 10]);
  });

  test('chooses at random without favour', () => {
    const model = new Model(new KeyedHash(1, 2));
    const prng = new Prng(9);
    // 900 keys: one table has split and another not, so tables differ in size and depth.
    for (let i = 0; i < 900; i++) model.add(`${i}`);
    const counts = new Map<number, number>();
    const draws = 900 * 200;
    for (let i = 0; i < draws; i++) {
      const ref = model.keys.index.random(prng);
      counts.set(ref, (counts.get(ref) ?? 0) + 1);
    }
    expect(counts.size).toBe(900);
    let chiSquare = 0;
    for (const count of counts.values()) chiSquare += (count - 200) ** 2 / 200;
    // 899 degrees of freedom: mean 899, deviation 42.
    expect(chiSquare).toBeLessThan(899 + 6 * 42);
  });

  test('refuses an entry cleanly when the arena is full', () => {
    const model = new Model(new KeyedHash(1, 2));
    const { index } = model.keys;
    const refs: number[] = [];
    for (let i = 0; i < 2000; i++) refs.push(model.arena.allocate(24));
    const allocate = model.arena.allocate.bind(model.arena);
    let inserted = 0;
    model.arena.allocate = (bytes) => (inserted > 500 ? 0 : allocate(bytes));
    for (const [i, ref] of refs.entries()) {
      if (!index.insert(Math.imul(i, 0x9e3779b1), ref)) break;
      inserted++;
    }
    expect(inserted).toBeGreaterThan(500);
    expect(inserted).toBeLessThan(2000);
    expect(index.size).toBe(inserted);
    index.check();
  });
});
