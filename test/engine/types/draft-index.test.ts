import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import { COLLECTION_LIMITS_DEFAULT } from '../../../src/base/collection-limits.ts';
import { Prng } from '../../../src/base/prng.ts';
import { Encoding } from '../../../src/engine/database.ts';
import { LazyFree } from '../../../src/engine/lazy-free.ts';
import { ElementView, encodeElement, Scratch } from '../../../src/engine/listpack-element.ts';
import { DraftIndex, INDEXED_FROM } from '../../../src/engine/types/draft-index.ts';
import { CREATED, Hash, UPDATED } from '../../../src/engine/types/hash.ts';
import { HashBuilder } from '../../../src/engine/types/hash-builder.ts';
import { ADDED, PRESENT, SetEditor } from '../../../src/engine/types/set-editor.ts';
import { Harness } from '../../support/harness.ts';
import { seed } from '../../support/seed.ts';
import { bytesOf, look, testShard } from '../support.ts';

/** Everything falls on a few places. */
const narrow = { of: (bytes: Uint8Array, start: number) => (bytes[start] as number) % 3 };

function database(most: number, hash?: typeof narrow) {
  const { shard } = testShard(hash);
  shard.world.collections = {
    ...COLLECTION_LIMITS_DEFAULT,
    hashMaxListpackEntries: most,
    setMaxIntsetEntries: 4,
    setMaxListpackEntries: most,
  };
  return shard.realm(0).database(0);
}

/** Numbers, words, and words that look like numbers. */
function nameFrom(prng: Prng): string {
  const number = prng.below(600);
  return [`${number - 300}`, `field ${number}`, `0${number}`][prng.below(3)] as string;
}

describe.each([
  ['a hash that spreads', undefined],
  ['one that collides', narrow],
] as const)(`what is put together with an index, seed ${seed}, by %s`, (_name, hasher) => {
  it.each([1_000_000, INDEXED_FROM + 100])('is the hash that a map says, compact up to %d fields', (most) => {
    const prng = new Prng(seed);
    const home = database(most, hasher);
    const builder = new HashBuilder();
    for (let round = 0; round < 3; round++) {
      const model = new Map<string, string>();
      builder.begin(home);
      for (let i = 0; i < 1200; i++) {
        const [name, value] = [nameFrom(prng), `${prng.below(3) === 0 ? i : 'x'.repeat(prng.below(5))}`];
        const [field, bytes] = [bytesOf(name), bytesOf(value)];
        const outcome = builder.put(field, 0, field.length, bytes, 0, bytes.length);
        expect(outcome, name).toBe(model.has(name) ? UPDATED : CREATED);
        model.set(name, value);
        expect(builder.size).toBe(model.size);
      }
      builder.finish(bytesOf('h'), 0, 1);
      const ref = look(home, 'peek', 'h');
      expect(home.encoding(ref)).toBe(model.size <= most ? Encoding.listpack : Encoding.hashtable);
      const hash = new Hash().open(home, ref, 0);
      const [view, found] = [new ElementView(), new Map<string, string>()];
      hash.walk((place) => {
        hash.readName(place, view);
        const name = latin1(view.bytes, view.start, view.end);
        hash.readValue(place, view);
        found.set(name, latin1(view.bytes, view.start, view.end));
      });
      expect(new Map([...found].sort())).toEqual(new Map([...model].sort()));
    }
  });

  it.each([1_000_000, INDEXED_FROM + 100])('is the set that a set says, compact up to %d elements', (most) => {
    const prng = new Prng(seed);
    const home = database(most, hasher);
    const editor = new SetEditor();
    for (let round = 0; round < 3; round++) {
      const model = new Set<string>();
      editor.begin(home);
      for (let i = 0; i < 1200; i++) {
        const name = nameFrom(prng);
        const bytes = bytesOf(name);
        if (prng.below(10) === 0) {
          expect(editor.remove(bytes, 0, bytes.length)).toBe(model.delete(name));
          continue;
        }
        expect(editor.add(bytes, 0, bytes.length), name).toBe(model.has(name) ? PRESENT : ADDED);
        model.add(name);
      }
      const found: string[] = [];
      editor.set.each((bytes, start, end) => found.push(latin1(bytes, start, end)) > 0);
      expect(found.sort()).toEqual([...model].sort());
      editor.discard(new LazyFree());
    }
  });
});

it('an index that was made large is small again when it is emptied, and finds nothing', () => {
  const index = new DraftIndex();
  const word = new Scratch();
  encodeElement(bytesOf('word'), 0, 4, word);
  for (let i = 0; i < 50_000; i++) index.add(i * 7919, 0);
  expect(index.count).toBe(50_000);
  expect(index.find(7919, word.bytes, word)).toBe(0);
  expect(index.find(7919, bytesOf('other'), word)).toBe(-1);
  index.reset();
  expect(index.find(7919, word.bytes, word)).toBe(-1);
});

it('a payload of 100,000 fields or words is taken or refused in one pass where the thresholds allow it to be compact', () => {
  const harness = new Harness();
  const { world } = harness.shard;
  const most = 1_000_000;
  world.collections = { ...world.collections, hashMaxListpackEntries: most, setMaxListpackEntries: most };
  const session = harness.session();
  const words = Array.from({ length: 100_000 }, (_, i) => `word ${i}`);
  session.run(['HSET', 'hash', ...words]);
  session.run(['SADD', 'set', 'w', ...words]);
  for (const key of ['hash', 'set']) {
    const payload = latin1(session.run(['DUMP', key]))
      .replace(/^\$\d+\r\n/, '')
      .slice(0, -2);
    expect(latin1(session.run(['RESTORE', `${key} again`, '0', payload]))).toBe('+OK\r\n');
    expect(latin1(session.run(['DUMP', `${key} again`]))).toBe(latin1(session.run(['DUMP', key])));
  }
  expect(latin1(session.run(['HLEN', 'hash again']))).toBe(':50000\r\n');
});
