import { describe, expect, test } from 'vitest';
import { EVICTION_POLICIES, type EvictionPolicy } from '../../src/base/eviction-policies.ts';
import { EVICTIONS_PER_CALL } from '../../src/base/limits.ts';
import { Account, accountCells } from '../../src/engine/account.ts';
import type { Realm } from '../../src/engine/realm.ts';
import { get, keysOf, look, set, type TestShard, testShard } from './support.ts';

const KIB = 1024;

function limited(test: TestShard, number: number, policy: EvictionPolicy, limitBytes: number): Realm {
  const realm = test.shard.realm(number);
  realm.account.policy = policy;
  realm.account.limitBytes = limitBytes;
  realm.policyChanged();
  return realm;
}

/** As a command would: room first, then the write. */
function write(realm: Realm, key: string, value: string, expireAt_ms = -1): boolean {
  if (!realm.ensureRoom(key.length + value.length + 64)) return false;
  set(realm.database(0), key, value, expireAt_ms);
  return true;
}

function survivors(realm: Realm, prefix: string): number {
  return keysOf(realm.database(0)).filter((key) => key.startsWith(prefix)).length;
}

describe('accounts', () => {
  test('count over all shards that share their cells, and hold the limits of both account and parent', () => {
    const cells = accountCells(3, true);
    const process = new Account(accountCells(3, true), 0);
    const shards = [0, 1, 2].map((shard) => new Account(cells, shard, process));
    shards[0]?.charge(800);
    shards[2]?.charge(1600);
    shards[2]?.credit(400);
    for (const account of shards) expect(account.usedBytes()).toBe(2000);
    expect(shards[2]?.usedHereBytes()).toBe(1200);
    expect(process.usedBytes()).toBe(2000);
    const account = shards[1] as Account;
    expect(account.room(1e12)).toBe(true);
    account.limitBytes = 2100;
    expect(account.room(100)).toBe(true);
    expect(account.room(101)).toBe(false);
    process.limitBytes = 2050;
    expect(account.room(51)).toBe(false);
    expect(account.room(50)).toBe(true);
  });

  test('count past 2^31 bytes', () => {
    const account = new Account();
    for (let i = 0; i < 30; i++) account.charge(2 ** 30);
    expect(account.usedBytes()).toBe(30 * 2 ** 30);
    for (let i = 0; i < 30; i++) account.credit(2 ** 30);
    expect(account.usedBytes()).toBe(0);
  });
});

describe('eviction', () => {
  test('refuses under noeviction, within one percent of the budget, and changes nothing', () => {
    const world = testShard();
    const limit = 512 * KIB;
    const realm = limited(world, 0, 'noeviction', limit);
    let keys = 0;
    while (write(realm, `key:${keys}`, 'v'.repeat(64))) keys++;
    expect(realm.account.usedBytes()).toBeGreaterThan(limit * 0.98);
    expect(realm.account.usedBytes()).toBeLessThanOrEqual(limit + 9 * KIB);
    expect(realm.database(0).size()).toBe(keys);
    expect(realm.statistics.evicted).toBe(0);
    expect(get(realm.database(0), 'key:0')).toBe('v'.repeat(64));
  });

  test.each(EVICTION_POLICIES.filter((policy) => policy !== 'noeviction'))(
    '%s keeps within the budget and to its own keys',
    (policy) => {
      const world = testShard();
      const realm = limited(world, 0, policy, 256 * KIB);
      const other = world.shard.realm(1);
      for (let i = 0; i < 1000; i++) set(other.database(0), `other:${i}`, 'v', world.shard.now_ms + 1e6);
      const evicted: number[] = [];
      world.shard.world.listener = { expired: () => {}, evicted: (number) => void evicted.push(number) };
      const isVolatile = policy.startsWith('volatile-');
      for (let i = 0; i < 200; i++) write(realm, `forever:${i}`, 'v'.repeat(64));
      for (let i = 0; i < 8000; i++) {
        expect(write(realm, `key:${i}`, 'v'.repeat(64), world.shard.now_ms + 1e6 + i)).toBe(true);
        expect(realm.account.usedBytes()).toBeLessThanOrEqual(256 * KIB + 9 * KIB);
      }
      expect(other.database(0).size()).toBe(1000);
      expect(evicted.length).toBe(realm.statistics.evicted);
      expect(evicted.every((number) => number === 0)).toBe(true);
      expect(realm.database(0).size()).toBe(8200 - evicted.length);
      if (isVolatile) expect(survivors(realm, 'forever:')).toBe(200);
      world.shard.arena.check();
      realm.flushAll(false);
      expect(realm.account.usedBytes()).toBe(0);
    },
  );

  test('a volatile policy without expiring keys refuses', () => {
    const realm = limited(testShard(), 0, 'volatile-lru', 64 * KIB);
    let keys = 0;
    while (write(realm, `key:${keys}`, 'v'.repeat(64))) keys++;
    expect(realm.database(0).size()).toBe(keys);
  });

  test('LRU keeps what was read', () => {
    const world = testShard();
    const realm = limited(world, 0, 'allkeys-lru', 256 * KIB);
    for (let i = 0; i < 500; i++) write(realm, `hot:${i}`, 'v'.repeat(64));
    for (let i = 0; i < 10_000; i++) {
      write(realm, `cold:${i}`, 'v'.repeat(64));
      if (i % 100 !== 0) continue;
      world.advance(1000);
      for (let k = 0; k < 500; k++) look(realm.database(0), 'find', `hot:${k}`);
    }
    expect(survivors(realm, 'hot:')).toBeGreaterThan(475);
  });

  test('LFU keeps what is read often over what was read last', () => {
    const world = testShard();
    const realm = limited(world, 0, 'allkeys-lfu', 256 * KIB);
    for (let i = 0; i < 500; i++) {
      write(realm, `hot:${i}`, 'v'.repeat(64));
      for (let k = 0; k < 100; k++) look(realm.database(0), 'find', `hot:${i}`);
    }
    for (let i = 0; i < 10_000; i++) write(realm, `once:${i}`, 'v'.repeat(64));
    expect(survivors(realm, 'hot:')).toBeGreaterThan(475);
  });

  test('volatile-ttl takes what would end soonest', () => {
    const world = testShard();
    const realm = limited(world, 0, 'volatile-ttl', 256 * KIB);
    const now_ms = world.shard.now_ms;
    for (let i = 0; i < 500; i++) write(realm, `late:${i}`, 'v'.repeat(64), now_ms + 1e9 + i);
    for (let i = 0; i < 10_000; i++) write(realm, `soon:${i}`, 'v'.repeat(64), now_ms + 1e6 + (i % 1000));
    expect(survivors(realm, 'late:')).toBeGreaterThan(475);
  });

  test('random policies spare nobody in particular', () => {
    const realm = limited(testShard(), 0, 'allkeys-random', 256 * KIB);
    for (let i = 0; i < 1000; i++) write(realm, `a:${i}`, 'v'.repeat(64));
    for (let i = 0; i < 1000; i++) write(realm, `b:${i}`, 'v'.repeat(64));
    for (let i = 0; i < 2000; i++) write(realm, `c:${i}`, 'v'.repeat(64));
    const early = survivors(realm, 'a:');
    expect(early).toBeGreaterThan(200);
    expect(early).toBeLessThan(700);
  });

  test('evicts a bounded number for one write and goes on in the background', () => {
    const world = testShard();
    const realm = limited(world, 0, 'allkeys-lru', 0);
    for (let i = 0; i < 20_000; i++) set(realm.database(i % 3), `${i}`, 'v'.repeat(64));
    realm.account.limitBytes = 100 * KIB;
    expect(realm.ensureRoom(0)).toBe(false);
    expect(realm.statistics.evicted).toBe(EVICTIONS_PER_CALL);
    let slices = 0;
    for (let more = world.shard.cron(); more; slices++) more = world.shard.backgroundSlice();
    expect(slices).toBeGreaterThan(5);
    expect(realm.account.usedBytes()).toBeLessThanOrEqual(100 * KIB);
    expect(realm.ensureRoom(0)).toBe(true);
  });

  test('lets a large value displace many small ones', () => {
    const realm = limited(testShard(), 0, 'allkeys-lru', 1024 * KIB);
    for (let i = 0; i < 12_000; i++) write(realm, `${i}`, 'v'.repeat(64));
    expect(write(realm, 'large', 'v'.repeat(700 * KIB))).toBe(true);
    expect(realm.account.usedBytes()).toBeLessThanOrEqual(1050 * KIB);
  });

  test('refuses what could never fit without evicting anything', () => {
    const realm = limited(testShard(), 0, 'allkeys-lru', 100 * KIB);
    for (let i = 0; i < 100; i++) write(realm, `${i}`, 'v');
    expect(realm.ensureRoom(200 * KIB)).toBe(false);
    expect(realm.database(0).size()).toBe(100);
  });

  test('the limit of the process is kept by its policy where a tenant has none of its own, over the writer’s keys only', () => {
    const world = testShard();
    const { processAccount } = world.shard;
    for (let i = 0; i < 1000; i++) set(world.shard.realm(1).database(0), `${i}`, 'v'.repeat(64));
    processAccount.limitBytes = 400 * KIB;
    processAccount.policy = 'allkeys-lru';
    world.shard.policyChanged();
    const realm = world.shard.realm(0);
    for (let i = 0; i < 8000; i++) expect(write(realm, `${i}`, 'v'.repeat(64))).toBe(true);
    expect(processAccount.usedBytes()).toBeLessThanOrEqual(409 * KIB);
    expect(world.shard.realm(1).database(0).size()).toBe(1000);
    expect(realm.statistics.evicted).toBeGreaterThan(1000);
  });

  test('what was flushed lazily is room at once', () => {
    const world = testShard();
    const realm = limited(world, 0, 'noeviction', 1024 * KIB);
    let keys = 0;
    while (write(realm, `key:${keys}`, 'v'.repeat(64))) keys++;
    realm.flushAll(true);
    expect(write(realm, 'a', 'v'.repeat(64))).toBe(true);
    expect(keysOf(realm.database(0))).toEqual(['a']);
  });
});
