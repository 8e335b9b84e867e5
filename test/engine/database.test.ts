import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Database,
  Encoding,
  EXISTS,
  KEEP_TTL,
  MISSING,
  NO_EXPIRY,
  NO_ROOM,
  NOT_FOUND,
  OK,
  stringEncoding,
} from '../../src/engine/database.ts';
import type { Realm } from '../../src/engine/realm.ts';
import {
  bytesOf,
  get,
  keyOf,
  keysOf,
  look,
  PROPERTY_TIMEOUT_MS,
  remove,
  runsFor,
  set,
  type TestShard,
  testShard,
  textOf,
} from './support.ts';

interface Item {
  value: string;
  expireAt_ms: number;
}

const DATABASES = 3;

/** The plainest possible engine. */
class Model {
  databases: Map<string, Item>[] = Array.from({ length: DATABASES }, () => new Map());
  now_ms: number;

  constructor(now_ms: number) {
    this.now_ms = now_ms;
  }

  live(database: number, key: string): Item | undefined {
    const items = this.databases[database] as Map<string, Item>;
    const item = items.get(key);
    if (item === undefined || item.expireAt_ms < 0 || this.now_ms <= item.expireAt_ms) return item;
    items.delete(key);
    return undefined;
  }

  of(database: number): Map<string, Item> {
    return this.databases[database] as Map<string, Item>;
  }

  keys(database: number): string[] {
    return [...this.of(database).keys()].filter((key) => this.live(database, key) !== undefined).sort();
  }
}

const database = fc.nat(DATABASES - 1);
const key = fc.oneof(
  fc.nat(40).map((n) => `k${n}`),
  fc.constant(''),
  fc.constant('__proto__'),
  fc.constant('x'.repeat(300)),
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.nat(120).map((n) => 'v'.repeat(n)) },
  { weight: 2, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.nat(40_000).map((n) => 'w'.repeat(n)) },
);
const life = fc.oneof(fc.constant(NO_EXPIRY), fc.constant(KEEP_TTL), fc.integer({ min: -10, max: 5000 }));

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set' as const), database, key, value, life }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), database, key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), database, key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('expire' as const), database, key, in_ms: fc.nat(5000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('persist' as const), database, key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), database, key, to: key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      database,
      key,
      other: database,
      to: key,
      replace: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), database, key, other: database }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('resize' as const), database, key, length: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), database, key, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('swap' as const), database, other: database }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const), by_ms: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cron' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('random' as const), database }) },
);
const flush = fc.record({ kind: fc.constant('flush' as const), database, lazily: fc.boolean() });
type Step =
  | (typeof step extends fc.Arbitrary<infer T> ? T : never)
  | { kind: 'flush'; database: number; lazily: boolean };

function absolute(life_ms: number, now_ms: number): number {
  return life_ms === NO_EXPIRY || life_ms === KEEP_TTL ? life_ms : now_ms + life_ms;
}

function expireKey(target: Database, name: string, at_ms: number): void {
  const ref = look(target, 'peek', name);
  if (ref !== MISSING) expect(target.setExpiry(ref, at_ms)).toBe(OK);
}

class World {
  readonly test: TestShard = testShard();
  readonly realm: Realm = this.test.shard.realm(0);
  readonly model = new Model(this.test.clock.time_ms);

  run(at: Step): void {
    const { realm, model } = this;
    switch (at.kind) {
      case 'advance':
        model.now_ms += at.by_ms;
        return this.test.advance(at.by_ms);
      case 'cron':
        while (this.test.shard.cron());
        return;
      case 'swap': {
        realm.swap(at.database, at.other);
        const kept = model.of(at.database);
        model.databases[at.database] = model.of(at.other);
        model.databases[at.other] = kept;
        return;
      }
      case 'flush':
        realm.flushDatabase(at.database, at.lazily);
        return model.of(at.database).clear();
      case 'random': {
        const ref = realm.database(at.database).randomEntry();
        if (ref === MISSING) return expect(model.keys(at.database)).toEqual([]);
        return expect(model.keys(at.database)).toContain(keyOf(realm.database(at.database), ref));
      }
      case 'rename':
      case 'copy':
      case 'move':
        return this.transfer(at);
      default:
        return this.single(at);
    }
  }

  private transfer(at: Extract<Step, { kind: 'rename' | 'copy' | 'move' }>): void {
    const { realm, model } = this;
    const source = realm.database(at.database);
    const from = bytesOf(at.key);
    const item = model.live(at.database, at.key);
    if (at.kind === 'rename') {
      const to = bytesOf(at.to);
      expect(source.rename(from, 0, from.length, to, 0, to.length)).toBe(item === undefined ? NOT_FOUND : OK);
      if (item === undefined || at.to === at.key) return;
      model.of(at.database).delete(at.key);
      model.of(at.database).set(at.to, item);
      return;
    }
    const to = at.kind === 'copy' ? at.to : at.key;
    const toBytes = bytesOf(to);
    if (at.database === at.other && at.key === to) return;
    const target = realm.database(at.other);
    const exists = model.live(at.other, to) !== undefined && !(at.kind === 'copy' && at.replace);
    const outcome =
      at.kind === 'copy'
        ? source.copyTo(target, from, 0, from.length, toBytes, 0, toBytes.length, at.replace)
        : source.moveTo(target, from, 0, from.length);
    expect(outcome).toBe(item === undefined ? NOT_FOUND : exists ? EXISTS : OK);
    if (item === undefined || exists) return;
    model.of(at.other).set(to, { ...item });
    if (at.kind === 'move') model.of(at.database).delete(at.key);
  }

  private single(
    at: Extract<Step, { kind: 'set' | 'get' | 'delete' | 'expire' | 'persist' | 'resize' | 'replace' }>,
  ): void {
    const { model } = this;
    const target = this.realm.database(at.database);
    const item = model.live(at.database, at.key);
    switch (at.kind) {
      case 'set': {
        const expireAt_ms = absolute(at.life, model.now_ms);
        expect(set(target, at.key, at.value, expireAt_ms)).toBe(OK);
        const after_ms = expireAt_ms === KEEP_TTL ? (item?.expireAt_ms ?? -1) : expireAt_ms;
        model.of(at.database).set(at.key, { value: at.value, expireAt_ms: after_ms });
        return;
      }
      case 'get':
        return expect(get(target, at.key)).toBe(item?.value);
      case 'delete':
        expect(remove(target, at.key)).toBe(item !== undefined);
        model.of(at.database).delete(at.key);
        return;
      case 'expire':
        expireKey(target, at.key, model.now_ms + at.in_ms);
        if (item !== undefined) item.expireAt_ms = model.now_ms + at.in_ms;
        return;
      case 'persist': {
        const ref = look(target, 'peek', at.key);
        expect(ref !== MISSING).toBe(item !== undefined);
        if (item === undefined) return;
        expect(target.persist(ref)).toBe(item.expireAt_ms >= 0);
        item.expireAt_ms = -1;
        return;
      }
      case 'resize': {
        const ref = look(target, 'findForWrite', at.key);
        if (item === undefined) return;
        const moved = target.resizeValue(ref, at.length);
        item.value = item.value.slice(0, at.length).padEnd(at.length, '\0');
        return expect(textOf(target, moved)).toBe(item.value);
      }
      case 'replace': {
        const ref = look(target, 'findForWrite', at.key);
        if (item === undefined) return;
        const bytes = bytesOf(at.value);
        expect(target.replaceValue(ref, bytes, 0, bytes.length, stringEncoding(bytes, 0, bytes.length))).toBe(OK);
        item.value = at.value;
        return;
      }
    }
  }

  /** Every key, value and expiry, and every byte of the account. */
  verify(): void {
    const { realm, model, test: world } = this;
    world.shard.arena.check();
    let charged = 0;
    for (let number = 0; number < DATABASES; number++) {
      const target = realm.database(number);
      const { index, expires } = target.keys;
      index.check();
      expires.check();
      expect(target.number).toBe(number);
      let expiring = 0;
      index.forEach((ref) => {
        charged += world.shard.arena.blockBytes(ref);
        if (target.expireAt(ref) >= 0) expiring++;
      });
      charged += index.heldBytes() + expires.heldBytes();
      expect(expires.size).toBe(expiring);
      expect(keysOf(target)).toEqual(model.keys(number));
      for (const [name, item] of model.of(number)) {
        const ref = look(target, 'peek', name);
        expect(textOf(target, ref)).toBe(item.value);
        expect(target.expireAt(ref)).toBe(item.expireAt_ms < 0 ? -1 : item.expireAt_ms);
        expect(keyOf(target, ref)).toBe(name);
      }
    }
    expect(realm.account.usedBytes()).toBe(charged);
    expect(world.shard.processAccount.usedBytes()).toBe(charged);
  }
}

describe('a database', () => {
  test(
    'agrees with a plain model, and its account with its blocks',
    () => {
      const script = fc.array(fc.oneof({ weight: 38, arbitrary: step }, { weight: 1, arbitrary: flush }), {
        minLength: 100,
        maxLength: 500,
        size: 'max',
      });
      fc.assert(
        fc.property(script, (steps) => {
          const world = new World();
          for (const at of steps) world.run(at);
          while (world.test.shard.reclaim(3));
          world.verify();
          world.realm.flushAll(true);
          while (world.test.shard.reclaim(5));
          expect(world.realm.account.usedBytes()).toBe(0);
          expect(world.test.shard.arena.allocatedBytes).toBe(0);
          world.test.shard.arena.check();
        }),
        { numRuns: runsFor(300) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('counts hits and misses of reads, not of writes', () => {
    const { shard } = testShard();
    const { statistics } = shard.realm(0);
    const target = shard.realm(0).database(0);
    set(target, 'a', '1');
    look(target, 'find', 'a');
    look(target, 'findUntouched', 'a');
    look(target, 'find', 'b');
    look(target, 'findForWrite', 'a');
    look(target, 'findForWrite', 'b');
    look(target, 'peek', 'b');
    expect([statistics.hits, statistics.misses]).toEqual([2, 1]);
  });

  test('keeps a key through the last millisecond of its life and reports its end', () => {
    const { shard, advance } = testShard();
    const gone: string[] = [];
    shard.world.listener = {
      expired: (realm, number, bytes, start, end) => {
        gone.push(`${realm} ${number} ${Buffer.from(bytes.subarray(start, end)).toString()}`);
      },
      evicted: () => {},
    };
    const target = shard.realm(4).database(2);
    set(target, 'a', '1', shard.now_ms + 100);
    advance(100);
    expect(get(target, 'a')).toBe('1');
    advance(1);
    expect(get(target, 'a')).toBe(undefined);
    expect(gone).toEqual(['4 2 a']);
    expect(target.size()).toBe(0);
    expect(shard.realm(4).statistics.expired).toBe(1);
  });

  test('keeps recency on reads, leaves it alone for the untouched ones and under NO-TOUCH', () => {
    const { shard, advance } = testShard();
    const target = shard.realm(0).database(0);
    set(target, 'a', '1');
    advance(10_000);
    expect(target.idleSeconds(look(target, 'peek', 'a'))).toBe(10);
    expect(target.idleSeconds(look(target, 'findUntouched', 'a'))).toBe(10);
    shard.setNoTouch(true);
    expect(target.idleSeconds(look(target, 'find', 'a'))).toBe(10);
    shard.setNoTouch(false);
    expect(target.idleSeconds(look(target, 'find', 'a'))).toBe(0);
    advance(5_000);
    expect(target.idleSeconds(look(target, 'findForWrite', 'a'))).toBe(0);
  });

  test('counts frequency logarithmically and lets it decay, under an LFU policy', () => {
    const { shard, advance } = testShard();
    const realm = shard.realm(0);
    realm.account.policy = 'allkeys-lfu';
    realm.account.limitBytes = 1_000_000;
    realm.policyChanged();
    const target = realm.database(0);
    set(target, 'a', '1');
    expect(target.frequency(look(target, 'peek', 'a'))).toBe(5);
    for (let i = 0; i < 1000; i++) look(target, 'find', 'a');
    const after = target.frequency(look(target, 'peek', 'a'));
    expect(after).toBeGreaterThan(12);
    expect(after).toBeLessThan(40);
    advance(3 * 60_000);
    expect(target.frequency(look(target, 'peek', 'a'))).toBe(after - 3);
    advance(600 * 60_000);
    expect(target.frequency(look(target, 'peek', 'a'))).toBe(0);
  });

  test('costs 96 bytes and a slot for a key of 16 and a value of 64', () => {
    const { shard } = testShard();
    const target = shard.realm(0).database(0);
    set(target, 'k'.repeat(16), 'v'.repeat(64));
    expect(shard.arena.blockBytes(look(target, 'peek', 'k'.repeat(16)))).toBe(96);
  });

  test('appends a million times without copying everything each time', () => {
    const { shard } = testShard();
    const target = shard.realm(0).database(0);
    set(target, 'log', '');
    let moves = 0;
    let ref = look(target, 'peek', 'log');
    for (let length = 4; length <= 4_000_000; length += 4) {
      const before = ref;
      ref = target.resizeValue(ref, length);
      if (ref !== before) moves++;
    }
    expect(moves).toBeLessThan(40);
    expect(target.valueLength(look(target, 'peek', 'log'))).toBe(4_000_000);
  });

  test('gives no slack that the budget has no room for', () => {
    const { shard } = testShard();
    const realm = shard.realm(0);
    const target = realm.database(0);
    set(target, 'log', 'v'.repeat(500_000));
    realm.account.limitBytes = 1_200_000;
    target.resizeValue(look(target, 'peek', 'log'), 600_000);
    expect(realm.account.usedBytes()).toBeLessThan(700_000);
  });

  test('gives back the memory of a value that was replaced by a much shorter one', () => {
    const { shard } = testShard();
    const realm = shard.realm(0);
    const target = realm.database(0);
    set(target, 'a', 'v'.repeat(1_000_000));
    set(target, 'a', '1');
    expect(realm.account.usedBytes()).toBeLessThan(1000);
    set(target, 'a', 'v'.repeat(1_000_000));
    target.resizeValue(look(target, 'peek', 'a'), 10);
    expect(realm.account.usedBytes()).toBeLessThan(1000);
  });

  test('changes nothing when the arena is full', () => {
    const { shard } = testShard();
    const realm = shard.realm(0);
    const target = realm.database(0);
    set(target, 'a', 'before', shard.now_ms + 5000);
    set(target, 'b', '2');
    const used = realm.account.usedBytes();
    const { arena } = shard;
    const allocate = arena.allocate.bind(arena);
    arena.allocate = () => 0;
    expect(set(target, 'a', 'v'.repeat(5000))).toBe(NO_ROOM);
    expect(set(target, 'c', '3')).toBe(NO_ROOM);
    expect(target.resizeValue(look(target, 'peek', 'a'), 5000)).toBe(MISSING);
    expect(target.setExpiry(look(target, 'peek', 'b'), shard.now_ms + 1)).toBe(NO_ROOM);
    const [a, c] = [bytesOf('a'), bytesOf('c')];
    expect(target.rename(a, 0, 1, c, 0, 1)).toBe(NO_ROOM);
    expect(target.copyTo(realm.database(1), a, 0, 1, a, 0, 1, false)).toBe(NO_ROOM);
    expect(target.moveTo(realm.database(1), a, 0, 1)).toBe(NO_ROOM);
    arena.allocate = allocate;
    expect(keysOf(target)).toEqual(['a', 'b']);
    expect(get(target, 'a')).toBe('before');
    expect(target.expireAt(look(target, 'peek', 'a'))).toBe(shard.now_ms + 5000);
    expect(realm.account.usedBytes()).toBe(used);
    target.keys.index.check();
    target.keys.expires.check();
  });

  test('says how a string is encoded as Redis does', () => {
    const encodingOf = (text: string) => stringEncoding(bytesOf(text), 0, bytesOf(text).length);
    for (const text of ['0', '-1', '9223372036854775807', '-9223372036854775808'])
      expect(encodingOf(text)).toBe(Encoding.int);
    for (const text of ['', '01', '-0', '+1', ' 1', '1.5', '9223372036854775808', 'x'.repeat(44)]) {
      expect(encodingOf(text)).toBe(Encoding.embstr);
    }
    expect(encodingOf('x'.repeat(45))).toBe(Encoding.raw);
  });

  test('estimates the memory of an entry with its share of the index', () => {
    const { shard } = testShard();
    const target = shard.realm(0).database(0);
    for (let i = 0; i < 1000; i++) set(target, `key:${i}`, 'v'.repeat(100));
    const bytes = target.memoryUsage(look(target, 'peek', 'key:1'));
    expect(bytes).toBeGreaterThan(120);
    expect(bytes).toBeLessThan(170);
  });
});

describe('a realm', () => {
  test('sees nothing of another one', () => {
    const { shard } = testShard();
    set(shard.realm(0).database(0), 'a', '1');
    set(shard.realm(1).database(0), 'a', '2');
    expect(get(shard.realm(0).database(0), 'a')).toBe('1');
    shard.realm(0).flushAll(false);
    expect(keysOf(shard.realm(1).database(0))).toEqual(['a']);
    expect(shard.realm(0).account.usedBytes()).toBe(0);
    expect(shard.realm(1).account.usedBytes()).toBeGreaterThan(0);
  });

  test('is removed in slices, without a trace', () => {
    const { shard } = testShard();
    const { account } = shard.realm(3);
    for (let i = 0; i < 20_000; i++) set(shard.realm(3).database(i & 1), `${i}`, 'value');
    shard.removeRealm(3);
    expect(shard.realmIfAny(3)).toBe(undefined);
    expect(account.usedBytes()).toBeGreaterThan(0);
    expect(shard.pendingFrees()).toBe(20_000);
    let slices = 0;
    while (shard.reclaim(1000)) slices++;
    expect(slices).toBeGreaterThan(10);
    expect(account.usedBytes()).toBe(0);
    expect(shard.arena.allocatedBytes).toBe(0);
  });
});
