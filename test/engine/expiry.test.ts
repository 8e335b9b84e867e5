import { describe, expect, test } from 'vitest';
import { KeyedHash } from '../../src/base/hash.ts';
import { EXPIRE_CHECKS_PER_SLICE } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import { NO_EXPIRY } from '../../src/engine/database.ts';
import { Shard } from '../../src/engine/shard.ts';
import { FakeClock, get, keysOf, set, testShard } from './support.ts';

describe('the expiry cycle', () => {
  test('works off a million keys that expire in one millisecond in bounded slices, and then all memory is back', () => {
    const clock = new FakeClock();
    // Without debug mode, which would make a million canaries the subject.
    const shard = new Shard({ clock, prng: new Prng(1), hash: new KeyedHash(1, 2) });
    const realm = shard.realm(0);
    for (let i = 0; i < 1_000_000; i++) set(realm.database(0), `key:${i}`, 'v', clock.time_ms + 1000);
    set(realm.database(0), 'stays', 'v');
    let expired = 0;
    let largest = 0;
    shard.world.listener = { expired: () => void expired++, evicted: () => {} };
    clock.time_ms += 1001;
    shard.cron();
    let slices = 1;
    for (let before = expired; realm.database(0).expiresCount() > 0; before = expired) {
      if (!shard.backgroundSlice()) shard.cron();
      largest = Math.max(largest, expired - before);
      slices++;
    }
    expect(expired).toBe(1_000_000);
    expect(largest).toBeLessThanOrEqual(EXPIRE_CHECKS_PER_SLICE);
    expect(slices).toBeLessThan(600);
    expect(keysOf(realm.database(0))).toEqual(['stays']);
    expect(realm.account.usedBytes()).toBeLessThan(1000);
    expect(realm.statistics.expired).toBe(1_000_000);
  });

  test('looks at little when little expires', () => {
    const { shard, advance } = testShard();
    const target = shard.realm(0).database(0);
    for (let i = 0; i < 5000; i++) set(target, `long:${i}`, 'v', shard.now_ms + 1_000_000);
    for (let i = 0; i < 5000; i++) set(target, `forever:${i}`, 'v', NO_EXPIRY);
    advance(10);
    expect(shard.cron()).toBe(false);
    expect(target.size()).toBe(10_000);
    expect(target.averageTtl_ms).toBe(1_000_000 - 10);
  });

  test('leaves expired keys alone while it is switched off', () => {
    const { shard, advance } = testShard();
    const target = shard.realm(0).database(0);
    for (let i = 0; i < 100; i++) set(target, `${i}`, 'v', shard.now_ms + 1);
    shard.setActiveExpire(false);
    advance(10);
    for (let i = 0; i < 10; i++) shard.cron();
    expect(target.size()).toBe(100);
    expect(get(target, '7')).toBeUndefined();
    shard.setActiveExpire(true);
    for (let i = 0; i < 10; i++) shard.cron();
    expect(target.size()).toBe(0);
  });

  test('finds every expired key in time though nobody asks, and few stay unseen', () => {
    const { shard, advance } = testShard();
    const target = shard.realm(0).database(0);
    for (let i = 0; i < 10_000; i++) set(target, `${i}`, 'v', shard.now_ms + 1 + i);
    for (let tick = 0; tick < 110; tick++) {
      advance(100);
      for (let more = shard.cron(); more; ) more = shard.backgroundSlice();
      const alive = Math.max(0, 10_000 - (tick + 1) * 100);
      expect(target.expiresCount()).toBeLessThan(alive * 1.35 + 600);
    }
    for (let i = 0; i < 100; i++) shard.cron();
    expect(target.size()).toBe(0);
    expect(shard.realm(0).account.usedBytes()).toBe(0);
  });

  test('takes databases and tenants in turn, so that one full of expired keys does not hold up another', () => {
    const { shard, advance } = testShard();
    for (let i = 0; i < 50_000; i++) set(shard.realm(0).database(0), `${i}`, 'v', shard.now_ms + 1);
    for (let i = 0; i < 200; i++) set(shard.realm(1).database(5), `${i}`, 'v', shard.now_ms + 1);
    advance(10);
    shard.cron();
    expect(shard.realm(1).database(5).size()).toBe(0);
    expect(shard.realm(0).database(0).size()).toBeGreaterThan(40_000);
  });

  test('goes on undisturbed when databases are swapped, flushed or removed between slices', () => {
    const { shard, advance } = testShard();
    const realm = shard.realm(0);
    for (let i = 0; i < 10_000; i++) {
      set(realm.database(0), `${i}`, 'v', shard.now_ms + 1);
      set(realm.database(1), `${i}`, 'v', shard.now_ms + 1);
      set(shard.realm(1).database(0), `${i}`, 'v', shard.now_ms + 1);
    }
    advance(10);
    shard.cron();
    realm.swap(0, 1);
    realm.flushDatabase(1, true);
    shard.removeRealm(1);
    set(realm.database(1), 'new', 'v', shard.now_ms + 1000);
    for (let i = 0; i < 200; i++) if (!shard.backgroundSlice()) shard.cron();
    expect(realm.database(0).size()).toBe(0);
    expect(get(realm.database(1), 'new')).toBe('v');
    shard.arena.check();
    realm.flushAll(false);
    expect(shard.arena.allocatedBytes).toBe(0);
  });
});
