import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { COLLECTION_LIMITS_DEFAULT } from '../../../src/base/collection-limits.ts';
import { Encoding, MISSING, NO_ROOM, OK } from '../../../src/engine/database.ts';
import { SortedSet } from '../../../src/engine/types/zset.ts';
import { createSortedSet, SortedSetBuilder } from '../../../src/engine/types/zset-builder.ts';
import { ZsetCursor } from '../../../src/engine/types/zset-cursor.ts';
import { LexBound } from '../../../src/engine/types/zset-lex.ts';
import { PROPERTY_TIMEOUT_MS, runsFor, testShard } from '../support.ts';

const KEY = new TextEncoder().encode('key');

function latin(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(`<${text}>`, 'latin1'));
}

/** A sorted set beside a map that says what it should hold. */
class Pair {
  readonly world = testShard();
  readonly realm = this.world.shard.realm(0);
  readonly database = this.realm.database(0);
  readonly zset = new SortedSet();
  readonly model = new Map<string, number>();
  readonly emptyBytes = this.realm.account.usedBytes();

  constructor(entries: number, valueBytes: number) {
    this.world.shard.world.collections = {
      ...COLLECTION_LIMITS_DEFAULT,
      zsetMaxListpackEntries: entries,
      zsetMaxListpackValueBytes: valueBytes,
    };
  }

  open(): boolean {
    const ref = this.database.peek(KEY, 0, KEY.length);
    if (ref !== MISSING) this.zset.open(this.database, ref);
    return ref !== MISSING;
  }

  /** @returns whether there was room. */
  set(name: string, score: number): boolean {
    const bytes = latin(name);
    const end = bytes.length - 1;
    const outcome = this.open()
      ? this.zset.set(bytes, 1, end, score)
      : createSortedSet(this.database, KEY, 0, KEY.length, bytes, 1, end, score);
    if (outcome === OK && !(this.model.get(name) === score)) this.model.set(name, score);
    return outcome === OK;
  }

  remove(name: string): void {
    const bytes = latin(name);
    if (this.open()) expect(this.zset.remove(bytes, 1, bytes.length - 1)).toBe(this.model.delete(name));
    this.dropIfEmpty();
  }

  removeRange(from: number, to: number): void {
    if (!this.open()) return;
    const gone = this.sorted().slice(from, to);
    this.zset.removeRange(from, Math.min(to, this.zset.size));
    for (const [name] of gone) this.model.delete(name);
    this.dropIfEmpty();
  }

  private dropIfEmpty(): void {
    if (this.open() && this.zset.size === 0) this.database.deleteEntry(this.zset.entry);
  }

  sorted(): [string, number][] {
    return [...this.model].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1));
  }

  /** Elements forth, and back again, as the cursor tells them. */
  walked(): [string, number][] {
    const cursor = new ZsetCursor();
    const read = (): [string, number] => [
      Buffer.from(cursor.bytes.subarray(cursor.start, cursor.end)).toString('latin1'),
      cursor.score,
    ];
    const forth: [string, number][] = [];
    if (!this.open()) return forth;
    for (let there = this.zset.seek(0, cursor); there; there = cursor.next()) forth.push(read());
    const back: [string, number][] = [];
    for (let there = this.zset.seek(this.zset.size - 1, cursor); there; there = cursor.previous()) back.push(read());
    expect(back.reverse()).toEqual(forth);
    return forth;
  }

  verify(): void {
    const expected = this.sorted();
    // A listpack keeps no sign of zero, and a text shows none.
    const plain = (rows: [string, number][]) => rows.map(([name, score]) => `${score} ${JSON.stringify(name)}`);
    expect(plain(this.walked())).toEqual(plain(expected));
    if (!this.open()) return;
    this.zset.largeValue?.check();
    expect(this.zset.size).toBe(expected.length);
    const asked = Math.floor(expected.length / 2);
    const [name, score] = expected[asked] as [string, number];
    const bytes = latin(name);
    expect(this.zset.rankOf(bytes, 1, bytes.length - 1)).toBe(asked);
    expect(this.zset.scoreOf(bytes, 1, bytes.length - 1) === score).toBe(true);
    expect(this.zset.countBelow(score, false)).toBe(expected.filter(([, other]) => other < score).length);
    expect(this.zset.countBelow(score, true)).toBe(expected.filter(([, other]) => other <= score).length);
    const missing = latin('nobody at all');
    expect(this.zset.rankOf(missing, 1, 10)).toBe(-1);
    expect(this.zset.scoreOf(missing, 1, 10)).toBeNaN();
  }

  dispose(): void {
    this.database.delete(KEY, 0, KEY.length);
    while (this.world.shard.reclaim(1000));
    // Tables of keys stay; what the set took does not.
    this.database.clear();
    expect(this.realm.account.usedBytes()).toBe(this.emptyBytes);
    this.world.shard.arena.check();
  }
}

const names = fc.oneof(
  fc.integer({ min: -300, max: 300 }).map(String),
  fc.integer({ min: 0, max: 300 }).map((n) => `m${n}`),
  fc.string({ unit: fc.constantFrom('\0', '\x7f', '\x80', '\xff', '1'), maxLength: 12 }),
  fc.integer({ min: 20, max: 70 }).map((n) => 'l'.repeat(n)),
);
const scores = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(-0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 2 ** 62, 2 ** 63, -(2 ** 62)),
  fc.double({ noNaN: true }),
);
const steps = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('set' as const), name: names, score: scores }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), name: names }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('removeAt' as const), rank: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      from: fc.nat({ max: 50 }),
      count: fc.nat({ max: 20 }),
    }),
  },
);

describe('a sorted set', () => {
  test.each([
    ['small', 1000, 1000],
    ['large', 0, 64],
    ['growing past the count', 20, 64],
    ['growing past the length', 1000, 30],
  ])(
    '%s does what a map does',
    (_name, entries, valueBytes) => {
      fc.assert(
        fc.property(fc.array(steps, { minLength: 50, maxLength: 200, size: 'max' }), (script) => {
          const pair = new Pair(entries, valueBytes);
          for (const step of script) {
            if (step.kind === 'set') expect(pair.set(step.name, step.score)).toBe(true);
            else if (step.kind === 'remove') pair.remove(step.name);
            else if (step.kind === 'range') pair.removeRange(step.from, step.from + step.count);
            else pair.removeRange(step.rank % (pair.model.size + 1), (step.rank % (pair.model.size + 1)) + 1);
          }
          pair.verify();
          pair.dispose();
        }),
        { numRuns: runsFor(500) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('keeps what it has whenever memory ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, scores, fc.nat({ max: 4 })), { minLength: 100, maxLength: 200, size: 'max' }),
        (script) => {
          const pair = new Pair(12, 64);
          const { arena } = pair.world.shard;
          const allocate = arena.allocate.bind(arena);
          let left = Number.POSITIVE_INFINITY;
          const spy = vi.spyOn(arena, 'allocate').mockImplementation((bytes) => (left-- > 0 ? allocate(bytes) : 0));
          let refused = 0;
          for (const [name, score, room] of script) {
            left = room;
            if (!pair.set(name, score)) refused++;
            left = Number.POSITIVE_INFINITY;
            if (refused % 8 === 0) pair.verify();
          }
          spy.mockRestore();
          pair.verify();
          pair.dispose();
        },
      ),
      { numRuns: runsFor(1000) },
    );
  });

  test('finds names between bounds in either form', () => {
    for (const entries of [1000, 0]) {
      const pair = new Pair(entries, 64);
      for (const name of ['', 'a', 'aa', 'b', '1', '12', '\xff']) pair.set(name, 0);
      pair.open();
      const min = new LexBound();
      const max = new LexBound();
      const ordered = pair.sorted().map(([name]) => name);
      for (const low of ['', '0', '1', 'a', 'ab', 'z', '\xff']) {
        for (const high of ['', '12', 'aa', 'b', '\xff', '\xff\xff']) {
          for (const [openLow, openHigh, backward] of [
            [true, false, false],
            [false, true, true],
            [false, false, true],
            [true, true, false],
          ] as const) {
            min.setName(latin(low), 1, low.length + 1, openLow);
            max.setName(latin(high), 1, high.length + 1, openHigh);
            pair.zset.lexRange(min, max, backward, 0);
            const expected = ordered.filter(
              (name) => (openLow ? name > low : name >= low) && (openHigh ? name < high : name <= high),
            );
            expect(ordered.slice(pair.zset.from, pair.zset.to)).toEqual(expected);
          }
        }
      }
      min.setBelowAll();
      max.setAboveAll();
      pair.zset.lexRange(min, max, false, 2);
      expect([pair.zset.from, pair.zset.to]).toEqual([2, ordered.length]);
      pair.zset.lexRange(min, max, true, 2);
      expect([pair.zset.from, pair.zset.to]).toEqual([0, ordered.length - 2]);
      pair.zset.lexRange(max, min, false, 0);
      expect(pair.zset.to - pair.zset.from).toBe(0);
    }
  });
});

describe('a sorted set put together', () => {
  test.each([
    [3, 'x', Encoding.listpack],
    [129, 'x', Encoding.skiplist],
    [3, 'l'.repeat(65), Encoding.skiplist],
  ])('of %s elements takes the encoding that they ask for', (count, last, encoding) => {
    const pair = new Pair(128, 64);
    const builder = new SortedSetBuilder(pair.database.ground);
    for (let i = count; i > 0; i--) {
      const bytes = latin(i === count ? last : `m${i}`);
      expect(builder.add(bytes, 1, bytes.length - 1, i)).toBe(true);
      pair.model.set(i === count ? last : `m${i}`, i);
    }
    expect(builder.arrange()).toBe(true);
    pair.set('old', 1);
    pair.model.delete('old');
    expect(builder.storeInto(pair.database, KEY, 0, KEY.length)).toBe(OK);
    pair.verify();
    expect(pair.database.encoding(pair.database.peek(KEY, 0, KEY.length))).toBe(encoding);
    pair.dispose();
  });

  test('leaves the old value and nothing else when memory ends', () => {
    const pair = new Pair(128, 64);
    pair.set('old', 1);
    const before = pair.realm.account.usedBytes();
    const builder = new SortedSetBuilder(pair.database.ground);
    for (let i = 0; i < 300; i++) {
      const bytes = latin(`m${i}`);
      builder.add(bytes, 1, bytes.length - 1, i);
    }
    builder.arrange();
    const spy = vi.spyOn(pair.world.shard.arena, 'allocate').mockReturnValue(0);
    pair.database.setExpiry(pair.database.peek(KEY, 0, KEY.length), 1e15);
    const outcome = builder.storeInto(pair.database, KEY, 0, KEY.length);
    spy.mockRestore();
    if (outcome === NO_ROOM) {
      expect(pair.realm.account.usedBytes()).toBe(before);
      pair.verify();
    } else expect(outcome).toBe(OK);
    pair.dispose();
  });
});
