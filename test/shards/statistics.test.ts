import { expect, it } from 'vitest';
import { ShardStatistics } from '../../src/shards/statistics.ts';

it('what shards say of a tenant is one sum, each figure in a place of its own', () => {
  const [first, second] = [new ShardStatistics(), new ShardStatistics()];
  first.setRealm(3, {
    hits: 1,
    misses: 2,
    expired: 3,
    expiredFields: 4,
    evicted: 5,
    expireSlicesCut: 0,
    expiredStalePercent: 0,
  });
  second.setRealm(3, {
    hits: 10,
    misses: 20,
    expired: 30,
    expiredFields: 40,
    evicted: 50,
    expireSlicesCut: 0,
    expiredStalePercent: 0,
  });
  second.setRealm(4, {
    hits: 7,
    misses: 7,
    expired: 7,
    expiredFields: 7,
    evicted: 7,
    expireSlicesCut: 0,
    expiredStalePercent: 0,
  });
  first.setDatabase(3, { databaseNumber: 0, keys: 6, expires: 1, averageTtl_ms: 100 });
  second.setDatabase(3, { databaseNumber: 0, keys: 60, expires: 3, averageTtl_ms: 200 });
  second.setDatabase(3, { databaseNumber: 15, keys: 8, expires: 0, averageTtl_ms: 0 });
  expect(ShardStatistics.realmCounts([first, new ShardStatistics(second.shared)], 3, 900, 1000)).toEqual({
    usedBytes: 900,
    limitBytes: 1000,
    hits: 11,
    misses: 22,
    expired: 33,
    expiredFields: 44,
    evicted: 55,
    expirySlicesCut: 0,
    expiredStalePercent: 0,
    trackedKeys: 0,
    trackedItems: 0,
    blockingKeys: 0,
    blockingKeysOnNoKey: 0,
    databases: [
      { databaseNumber: 0, keys: 66, expires: 4, averageTtl_ms: 175 },
      { databaseNumber: 15, keys: 8, expires: 0, averageTtl_ms: 0 },
    ],
  });
  second.clear();
  expect(ShardStatistics.realmCounts([second], 3, 0, 0)).toMatchObject({ hits: 0, expiredFields: 0, databases: [] });
});
