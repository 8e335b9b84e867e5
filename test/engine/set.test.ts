import { describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY, NO_ROOM, OK } from '../../src/engine/database.ts';
import { SetView } from '../../src/engine/types/set.ts';
import { ADDED, FAILED, PRESENT, SetEditor } from '../../src/engine/types/set-editor.ts';
import { seed } from '../support/seed.ts';
import { look, runsFor, type TestShard, testShard } from './support.ts';

const EDGES = [
  ...['', '-1', '-0', '01', '+1', ' 1', '127', '128', '-128', '32767', '32768', '-32768', '-32769', '2147483647'],
  ...['2147483648', '-2147483649', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
  ...['9223372036854775808', '\0', '\xff\xfe\r\n', '__proto__', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(5000)],
];

/** Aims an editor at the set of a key, or at a new one that is stored when it gets its first element. */
function add(database: Database, key: string, element: string): number {
  const ref = look(database, 'peek', key);
  const editor = new SetEditor();
  const bytes = bytesOfLatin1(`<${element}>`);
  if (ref !== MISSING) return editor.open(database, ref).add(bytes, 1, bytes.length - 1);
  editor.begin(database);
  expect(editor.add(bytes, 1, bytes.length - 1)).toBe(ADDED);
  const name = bytesOfLatin1(key);
  expect(editor.store(name, 0, name.length, NO_EXPIRY)).toBe(OK);
  return ADDED;
}

function remove(database: Database, key: string, element: string): boolean {
  const ref = look(database, 'peek', key);
  if (ref === MISSING) return false;
  const editor = new SetEditor().open(database, ref);
  const bytes = bytesOfLatin1(element);
  const removed = editor.remove(bytes, 0, bytes.length);
  if (editor.set.size === 0) database.deleteEntry(editor.entry);
  return removed;
}

function view(database: Database, key: string): SetView {
  return new SetView().open(database, look(database, 'peek', key));
}

function elementsOf(set: SetView): string[] {
  const elements: string[] = [];
  set.each((bytes, start, end) => elements.push(latin1(bytes, start, end)) > 0);
  return elements;
}

function lowered(world: TestShard, entries: number): Database {
  const { collections } = world.shard.world;
  world.shard.world.collections = {
    ...collections,
    setMaxIntsetEntries: entries * 2,
    setMaxListpackEntries: entries,
    setMaxListpackValueBytes: 64,
  };
  return world.shard.realm(0).database(0);
}

function drawnElement(prng: Prng, variety: number): string {
  const kind = prng.below(10);
  if (kind < 6) return `${prng.below(variety) - (variety >> 1)}`;
  return kind < 9 ? `e${prng.below(variety)}` : (EDGES[prng.below(EDGES.length)] as string);
}

describe('a set', () => {
  const STEPS = 500;

  test(`is what a plain set of texts is, in every form, seed ${seed}`, () => {
    for (let run = 0; run < runsFor(STEPS); run++) {
      const prng = new Prng(seed + run);
      const world = testShard(undefined, seed + run);
      const database = lowered(world, [4, 16, 128][run % 3] as number);
      const model = new Set<string>();
      for (let step = 0; step < STEPS; step++) {
        const element = drawnElement(prng, [8, 60, 2000][run % 3] as number);
        // Now more comes than goes, now more goes.
        if (prng.below(100) < (step % 200 < 120 ? 75 : 25)) {
          expect(add(database, 'k', element)).toBe(model.has(element) ? PRESENT : ADDED);
          model.add(element);
        } else expect(remove(database, 'k', element)).toBe(model.delete(element));
        const bytes = bytesOfLatin1(element);
        expect(view(database, 'k').has(bytes, 0, bytes.length)).toBe(model.has(element));
        expect(view(database, 'k').size).toBe(model.size);
      }
      expect(elementsOf(view(database, 'k')).sort()).toEqual([...model].sort());
      world.shard.arena.check();
      world.shard.realm(0).flushAll(false);
      while (world.shard.reclaim(1000));
      expect(world.shard.realm(0).account.usedBytes()).toBe(0);
      expect(world.shard.arena.allocatedBytes).toBe(0);
    }
  });

  test('of integers alone is an intset, up to its threshold, and never again after that', () => {
    const world = testShard();
    const database = world.shard.realm(0).database(0);
    const encoding = () => database.encoding(look(database, 'peek', 'k'));
    for (let i = 0; i < 512; i++) add(database, 'k', `${i * 1_000_000_007}`);
    expect(encoding()).toBe(Encoding.intset);
    expect(add(database, 'k', '5')).toBe(ADDED);
    expect(encoding()).toBe(Encoding.hashtable);
    for (let i = 0; i < 512; i++) remove(database, 'k', `${i * 1_000_000_007}`);
    expect(elementsOf(view(database, 'k'))).toEqual(['5']);
    expect(encoding()).toBe(Encoding.hashtable);
  });

  test('of a few texts stays one block, and is a block for each beyond the thresholds', () => {
    const world = testShard();
    const database = world.shard.realm(0).database(0);
    const isLarge = (key: string) => database.largeValue(look(database, 'peek', key)) !== undefined;
    for (let i = 0; i < 128; i++) add(database, 'many', `e${i}`);
    expect(isLarge('many')).toBe(false);
    add(database, 'many', 'e128');
    expect(isLarge('many')).toBe(true);
    add(database, 'long', 'x'.repeat(64));
    expect(isLarge('long')).toBe(false);
    add(database, 'long', 'x'.repeat(65));
    expect(isLarge('long')).toBe(true);
  });

  test('is walked only as far as the visitor wants', () => {
    const world = testShard();
    const database = world.shard.realm(0).database(0);
    for (const [key, count] of [
      ['integers', 100],
      ['large', 3000],
    ] as const) {
      for (let i = 0; i < count; i++) add(database, key, `${i}`);
      let visited = 0;
      view(database, key).each(() => ++visited < 7);
      expect(visited).toBe(7);
    }
  });

  test('changes nothing when the arena is full', () => {
    const world = testShard();
    const database = lowered(world, 8);
    const { arena } = world.shard;
    const { account } = world.shard.realm(0);
    for (let i = 0; i < 16; i++) add(database, 'integers', `${i}`);
    for (let i = 0; i < 8; i++) add(database, 'texts', `e${i}`);
    for (let i = 0; i < 100; i++) add(database, 'large', `e${i}`);
    const keys = ['integers', 'texts', 'large'];
    const before = keys.map((key) => elementsOf(view(database, key)).sort());
    const used = account.usedBytes();
    const allocate = arena.allocate.bind(arena);
    // After each number of blocks that a change may still get.
    for (let blocks = 0; blocks < 12; blocks++) {
      let left = blocks;
      arena.allocate = (bytes) => (left-- > 0 ? allocate(bytes) : MISSING);
      for (const key of keys) {
        for (const element of ['9223372036854775807', '1000', 'new', 'x'.repeat(3000)]) {
          left = blocks;
          const outcome = add(database, key, element);
          arena.allocate = allocate;
          if (outcome === ADDED) remove(database, key, element);
          else expect(outcome).toBe(FAILED);
          arena.allocate = (bytes) => (left-- > 0 ? allocate(bytes) : MISSING);
        }
      }
      arena.allocate = allocate;
      expect(keys.map((key) => elementsOf(view(database, key)).sort())).toEqual(before);
      arena.check();
    }
    for (const key of keys) database.deleteEntry(look(database, 'peek', key));
    expect(used).toBeGreaterThan(0);
    expect(account.usedBytes()).toBe(0);
    expect(arena.allocatedBytes).toBe(0);
  });

  test('that cannot be stored can be let go, and nothing of it is left', () => {
    const world = testShard();
    const database = world.shard.realm(0).database(0);
    const { account } = world.shard.realm(0);
    const { lazyFree } = world.shard.world;
    for (const count of [10, 200, 5000]) {
      const editor = new SetEditor().begin(database);
      for (let i = 0; i < count; i++) {
        const bytes = bytesOfLatin1(`e${i}`);
        editor.add(bytes, 0, bytes.length);
      }
      const key = bytesOfLatin1('k');
      const { arena } = world.shard;
      const allocate = arena.allocate.bind(arena);
      arena.allocate = () => MISSING;
      expect(editor.store(key, 0, 1, NO_EXPIRY)).toBe(NO_ROOM);
      arena.allocate = allocate;
      editor.discard(lazyFree);
      while (lazyFree.reclaim());
      expect(account.usedBytes()).toBe(0);
      arena.check();
    }
  });
});

describe('a random element', () => {
  const forms: readonly (readonly [form: string, size: number, element: (i: number) => string])[] = [
    ['an intset', 40, (i) => `${i * 3}`],
    ['a listpack', 40, (i) => `e${i}`],
    ['a large set', 400, (i) => `e${i}`],
  ];

  for (const [form, size, element] of forms) {
    test(`of ${form} is each as often as any other, seed ${seed}`, () => {
      const database = testShard(undefined, seed).shard.realm(0).database(0);
      for (let i = 0; i < size; i++) add(database, 'k', element(i));
      const set = view(database, 'k');
      const prng = new Prng(seed);
      const met = new Map<string, number>();
      const draws = size * 200;
      for (let i = 0; i < draws; i++) {
        set.read(set.random(prng));
        const text = latin1(set.bytes, set.start, set.end);
        met.set(text, (met.get(text) ?? 0) + 1);
      }
      expectEven(met, size, draws);
    });

    test(`among several of ${form} is each as often as any other, seed ${seed}`, () => {
      const database = testShard(undefined, seed).shard.realm(0).database(0);
      for (let i = 0; i < size; i++) add(database, 'k', element(i));
      const set = view(database, 'k');
      const prng = new Prng(seed);
      for (const count of [1, Math.floor(size / 20), Math.floor(size / 2), size - 1]) {
        const met = new Map<string, number>();
        const rounds = Math.ceil((size * 100) / count);
        for (let round = 0; round < rounds; round++) {
          const places = [...set.choose(count, prng)];
          expect(new Set(places).size).toBe(count);
          for (const place of places) {
            set.read(place);
            const text = latin1(set.bytes, set.start, set.end);
            met.set(text, (met.get(text) ?? 0) + 1);
          }
        }
        expectEven(met, size, rounds * count);
      }
    });
  }

  /** Chi-squared within six deviations of what an even choice gives; choices without repetition only stay nearer. */
  function expectEven(met: ReadonlyMap<string, number>, size: number, draws: number): void {
    const expected = draws / size;
    let squares = (size - met.size) * expected;
    for (const times of met.values()) squares += (times - expected) ** 2 / expected;
    expect(squares).toBeLessThan(size - 1 + 6 * Math.sqrt(2 * (size - 1)));
  }

  test('can be taken out while others stay where they are', () => {
    const database = testShard().shard.realm(0).database(0);
    for (const [, size, element] of forms) {
      for (const count of [1, 7, size - 1]) {
        const names = Array.from({ length: size }, (_, i) => element(i));
        for (const name of names) add(database, 'k', name);
        const editor = new SetEditor().open(database, look(database, 'peek', 'k'));
        const places = editor.set.choose(count, new Prng(count));
        const taken = [...places].map((place) => {
          editor.set.read(place);
          return latin1(editor.set.bytes, editor.set.start, editor.set.end);
        });
        editor.removeAll(places);
        expect([...elementsOf(editor.set), ...taken].sort()).toEqual(names.sort());
        database.deleteEntry(editor.entry);
      }
    }
  });
});
