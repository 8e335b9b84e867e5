import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXPIRE_CHECKS_PER_SLICE } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import { type Database, Encoding, MISSING, NO_ROOM, OK } from '../../src/engine/database.ts';
import { LARGE_HEAD_BYTES } from '../../src/engine/large.ts';
import { ElementView } from '../../src/engine/listpack-element.ts';
import { CREATED, Hash, NEVER, UPDATED } from '../../src/engine/types/hash.ts';
import { HashBuilder } from '../../src/engine/types/hash-builder.ts';
import { LargeHash } from '../../src/engine/types/hash-large.ts';
import { bytesOf, look, type TestShard, testShard } from './support.ts';
import '../support/seed.ts';

const view = new ElementView();

function build(database: Database, key: string, fields: Readonly<Record<string, string>>): Hash {
  const builder = new HashBuilder();
  builder.begin(database);
  for (const [name, value] of Object.entries(fields)) {
    const [field, bytes] = [bytesOf(name), bytesOf(value)];
    builder.put(field, 0, field.length, bytes, 0, bytes.length);
  }
  const keyBytes = bytesOf(key);
  expect(builder.finish(keyBytes, 0, keyBytes.length)).toBe(OK);
  return open(database, key);
}

function open(database: Database, key: string, now_ms = 0): Hash {
  return new Hash().open(database, look(database, 'peek', key), now_ms);
}

function put(hash: Hash, name: string, value: string, keeps = false): number {
  const [field, bytes] = [bytesOf(name), bytesOf(value)];
  return hash.set(field, 0, field.length, bytes, 0, bytes.length, keeps);
}

function placeOf(hash: Hash, name: string): number {
  const field = bytesOf(`<${name}>`);
  return hash.find(field, 1, field.length - 1);
}

function text(): string {
  return Buffer.from(view.bytes.subarray(view.start, view.end)).toString();
}

/** Everything in a hash, in an order of its own. */
function content(hash: Hash): string[] {
  const rows: string[] = [];
  hash.walk((place) => {
    hash.readName(place, view);
    const name = text();
    hash.readValue(place, view);
    rows.push(`${name}=${text()}@${hash.expiryOf(place)}`);
  });
  return rows.sort();
}

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`field:${i}`, `value:${i}`]));
}

function usedBytes({ shard }: TestShard): number {
  return shard.realm(0).account.usedBytes();
}

describe('a hash', () => {
  it('is a listpack of pairs while it is small, a table beyond the thresholds, and never small again', () => {
    const database = testShard().shard.realm(0).database(0);
    const hash = build(database, 'h', many(512));
    expect(database.encoding(hash.entry)).toBe(Encoding.listpack);
    expect(put(hash, 'one more', '1')).toBe(CREATED);
    expect(database.encoding(hash.entry)).toBe(Encoding.hashtable);
    expect(content(hash).length).toBe(513);
    for (let i = 0; i < 512; i++) hash.remove(placeOf(hash, `field:${i}`));
    expect(hash.size).toBe(1);
    expect(database.encoding(hash.entry)).toBe(Encoding.hashtable);
    expect(database.encoding(build(database, 'long', { a: 'v'.repeat(65) }).entry)).toBe(Encoding.hashtable);
    expect(database.encoding(build(database, 'name', { ['n'.repeat(65)]: '1' }).entry)).toBe(Encoding.hashtable);
  });

  it('becomes triplets in the order of their ends with the first time that a field gets', () => {
    const database = testShard().shard.realm(0).database(0);
    const hash = build(database, 'h', { a: '1', b: '2', c: '3' });
    expect(hash.setExpiry(placeOf(hash, 'c'), 500)).toBe(OK);
    expect(hash.setExpiry(placeOf(hash, 'b'), 300)).toBe(OK);
    expect(database.encoding(hash.entry)).toBe(Encoding.listpackex);
    const names: string[] = [];
    hash.walk((place) => {
      hash.readName(place, view);
      names.push(text());
    });
    expect(names).toEqual(['b', 'c', 'a']);
    expect(hash.firstEnd()).toBe(300);
  });

  it('shows nothing of fields whose time is over, and takes a write to one for a new field', () => {
    for (const fields of [many(3), many(600)]) {
      const database = testShard().shard.realm(0).database(0);
      const hash = build(database, 'h', fields);
      hash.setExpiry(placeOf(hash, 'field:0'), 100);
      hash.setExpiry(placeOf(hash, 'field:1'), 200);
      const { length } = Object.keys(fields);
      expect(open(database, 'h', 100).size).toBe(length);
      const later = open(database, 'h', 101);
      expect(later.size).toBe(length - 1);
      expect(placeOf(later, 'field:0')).toBe(MISSING);
      expect(content(later).length).toBe(length - 1);
      for (let i = 0; i < 200; i++) {
        later.readName(later.random(database.prng), view);
        expect(text()).not.toBe('field:0');
      }
      expect(put(later, 'field:0', 'again', true)).toBe(CREATED);
      expect(later.expiryOf(placeOf(later, 'field:0'))).toBe(NEVER);
      expect(put(later, 'field:1', 'again', true)).toBe(UPDATED);
      expect(later.expiryOf(placeOf(later, 'field:1'))).toBe(200);
    }
  });

  it('draws fields fairly, from the small and from the large, with and without some that are over', () => {
    for (const [count, over] of [
      [10, 0],
      [10, 4],
      [600, 0],
      [600, 590],
    ] as const) {
      const database = testShard().shard.realm(0).database(0);
      const hash = build(database, 'h', many(count));
      for (let i = 0; i < over; i++) hash.setExpiry(placeOf(hash, `field:${i}`), 1);
      const later = open(database, 'h', 2);
      const prng = new Prng(3);
      const live = count - over;
      const drawn = new Map<number, number>();
      const chosen = new Map<number, number>();
      const draws = live * 200;
      for (let i = 0; i < draws; i++) {
        const place = later.random(prng);
        drawn.set(place, (drawn.get(place) ?? 0) + 1);
      }
      for (let i = 0; i < 400; i++) {
        const places = later.choose(live >> 1, prng);
        expect(new Set(places).size).toBe(live >> 1);
        for (const place of places) chosen.set(place, (chosen.get(place) ?? 0) + 1);
      }
      expect(drawn.size).toBe(live);
      expect(chosen.size).toBe(live);
      for (const times of [...drawn.values(), ...chosen.values()]) {
        expect(times).toBeGreaterThan(120);
        expect(times).toBeLessThan(290);
      }
    }
  });

  it('gives all memory back, large or small, with or without times', () => {
    for (const count of [5, 700]) {
      const world = testShard();
      const database = world.shard.realm(0).database(0);
      const hash = build(database, 'h', many(count));
      for (let i = 0; i < count; i += 2) hash.setExpiry(placeOf(hash, `field:${i}`), 1000 + i);
      for (let i = 0; i < count; i += 3) put(hash, `field:${i}`, 'w'.repeat(i % 50), i % 2 === 0);
      const heads = count > 512 ? LARGE_HEAD_BYTES : 0;
      expect(usedBytes(world)).toBe(world.shard.arena.allocatedBytes + heads);
      for (let i = 0; i < count; i++) hash.remove(placeOf(hash, `field:${i}`));
      expect(hash.isEmpty).toBe(true);
      database.deleteEntry(hash.entry);
      expect(usedBytes(world)).toBe(0);
      expect(database.keys.fieldExpires.size).toBe(0);
      world.shard.arena.check();
    }
  });
});

describe('with the arena full at any moment', () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), name: fc.nat(9), length: fc.nat(90), keeps: fc.boolean() }),
    fc.record({ kind: fc.constant('expire' as const), name: fc.nat(9), at: fc.nat(50) }),
  );

  it('a change is made as a whole or not at all', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 5, maxLength: 12 }), change, fc.boolean(), (before, last, isLarge) => {
        for (let allowed = 0; allowed < 12; allowed++) {
          const world = testShard();
          const database = world.shard.realm(0).database(0);
          const hash = build(database, 'h', { first: isLarge ? 'x'.repeat(70) : 'x' });
          const apply = (each: typeof last): number => {
            if (each.kind === 'set') return put(hash, `f${each.name}`, 'v'.repeat(each.length), each.keeps);
            const place = placeOf(hash, `f${each.name}`);
            return place === MISSING ? OK : hash.setExpiry(place, each.at + 1);
          };
          for (const each of before) apply(each);
          const was = content(hash);
          const { arena } = world.shard;
          const allocate = arena.allocate.bind(arena);
          let left = allowed;
          arena.allocate = (bytes) => (left-- > 0 ? allocate(bytes) : 0);
          const outcome = apply(last);
          arena.allocate = allocate;
          if (outcome === NO_ROOM) expect(content(hash)).toEqual(was);
          const large = database.largeValue(hash.entry);
          if (large instanceof LargeHash) large.check();
          const heads = large === undefined ? 0 : LARGE_HEAD_BYTES;
          expect(usedBytes(world)).toBe(arena.allocatedBytes + heads);
          expect(database.keys.fieldExpires.size).toBe(hash.firstEnd() === NEVER ? 0 : 1);
          if (outcome !== NO_ROOM) break;
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('the expiry cycle', () => {
  it('clears away fields in slices, tells of each, and of the key with the last', () => {
    const world = testShard();
    const { shard } = world;
    const told: string[] = [];
    const decode = (bytes: Uint8Array, start: number, end: number) =>
      Buffer.from(bytes.subarray(start, end)).toString();
    shard.world.listener = {
      expired() {},
      evicted() {},
      fieldExpired: (_realm, _database, bytes, start, end, field, from, to) =>
        told.push(`${decode(bytes, start, end)}.${decode(field, from, to)}`),
      emptied: (_realm, _database, bytes, start, end) => told.push(decode(bytes, start, end)),
    };
    const database = shard.realm(0).database(0);
    const count = 10_000;
    const hash = build(database, 'large', many(count));
    for (let i = 0; i < count; i++) hash.setExpiry(placeOf(hash, `field:${i}`), shard.now_ms + 50 + (i % 7));
    const half = build(database, 'half', { a: '1', b: '2' });
    half.setExpiry(placeOf(half, 'b'), shard.now_ms + 50);
    const kept = build(database, 'kept', { a: '1' });
    kept.setExpiry(placeOf(kept, 'a'), shard.now_ms + 1_000_000);
    world.advance(100);
    expect(open(database, 'large', shard.now_ms).size).toBe(0);
    let before = told.length;
    let more = shard.cron();
    for (let slices = 0; more && slices < 100; slices++) {
      expect(told.length - before).toBeLessThanOrEqual(EXPIRE_CHECKS_PER_SLICE);
      before = told.length;
      more = shard.backgroundSlice();
    }
    expect(more).toBe(false);
    expect(told.length).toBe(count + 2);
    expect(told).toContain('half.b');
    expect(told.filter((each) => each === 'large').length).toBe(1);
    expect(told.indexOf('large')).toBeGreaterThan(told.lastIndexOf('large.field:9999'));
    expect(look(database, 'peek', 'large')).toBe(MISSING);
    expect(content(open(database, 'half'))).toEqual([`a=1@${NEVER}`]);
    expect(database.keys.fieldExpires.size).toBe(1);
    expect(shard.realm(0).statistics.expiredFields).toBe(count + 1);
    world.shard.arena.check();
  });

  it('leaves hashes alone that were flushed, moved or overwritten meanwhile', () => {
    const world = testShard();
    const { shard } = world;
    const realm = shard.realm(0);
    const database = realm.database(0);
    for (const key of ['flushed', 'moved', 'overwritten', 'renamed']) {
      const hash = build(database, key, key === 'moved' ? many(600) : { a: '1', b: '2' });
      hash.setExpiry(placeOf(hash, key === 'moved' ? 'field:1' : 'a'), shard.now_ms + 10);
    }
    const [moved, overwritten, renamed, to] = ['moved', 'overwritten', 'renamed', 'new name'].map(bytesOf) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(database.moveTo(realm.database(1), moved, 0, moved.length)).toBe(OK);
    expect(database.setString(overwritten, 0, overwritten.length, moved, 0, 5, Encoding.embstr, -1)).toBe(OK);
    expect(database.rename(renamed, 0, renamed.length, to, 0, to.length)).toBe(OK);
    expect(database.keys.fieldExpires.size).toBe(2);
    expect(realm.database(1).keys.fieldExpires.size).toBe(1);
    world.advance(20);
    for (let more = shard.cron(); more; ) more = shard.backgroundSlice();
    expect(content(open(database, 'new name'))).toEqual([`b=2@${NEVER}`]);
    expect(open(realm.database(1), 'moved').size).toBe(599);
    expect(database.keys.fieldExpires.size).toBe(0);
    realm.flushAll(true);
    while (shard.reclaim(1000));
    expect(usedBytes(world)).toBe(0);
    shard.arena.check();
  });
});
