/**
 * Figures of a shard that other threads read: memory, and per tenant the counters and key counts of INFO. A worker
 * writes its own block after each batch, before the replies leave, so whoever saw a reply sees its effect here.
 *
 * Every value is one aligned 64-bit float, so a reader never sees half of one.
 */
import { DATABASE_COUNT, TENANTS_MAX } from '../base/limits.ts';
import type { DatabaseCounts, RealmCounts } from '../command/ports/backend.ts';
import type { Onlookers } from '../engine/onlookers.ts';

const ALLOCATED = 0;
const HELD = 1;
const PENDING_FREES = 2;
const EXPIRY_MS = 3;
const HEADER = 4;

const HITS = 0;
const MISSES = 1;
const EXPIRED = 2;
const EXPIRED_FIELDS = 3;
const EVICTED = 4;
const SLICES_CUT = 5;
const STALE_PERCENT = 6;
const TRACKED_KEYS = 7;
const TRACKED_ITEMS = 8;
const BLOCKING_KEYS = 9;
const BLOCKING_KEYS_ON_NO_KEY = 10;
const COUNTERS = 11;
const PER_DATABASE = 3;
const ROW = COUNTERS + DATABASE_COUNT * PER_DATABASE;

/** What a shard says of one tenant. */
export interface RealmFigures {
  readonly hits: number;
  readonly misses: number;
  readonly expired: number;
  readonly expiredFields: number;
  readonly evicted: number;
  readonly expireSlicesCut: number;
  readonly expiredStalePercent: number;
}

export class ShardStatistics {
  readonly shared: SharedArrayBuffer;
  private readonly values: Float64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8 * (HEADER + TENANTS_MAX * ROW))) {
    this.shared = shared;
    this.values = new Float64Array(shared);
  }

  /** The shard's thread is gone, and its keys with it. */
  clear(): void {
    this.values.fill(0);
  }

  setMemory(allocatedBytes: number, heldBytes: number, pendingFrees: number): void {
    this.values[ALLOCATED] = allocatedBytes;
    this.values[HELD] = heldBytes;
    this.values[PENDING_FREES] = pendingFrees;
  }

  addExpiryCycle(duration_ms: number): void {
    this.values[EXPIRY_MS] = this.expiryCycle_ms + duration_ms;
  }

  get expiryCycle_ms(): number {
    return this.values[EXPIRY_MS] as number;
  }

  get pendingFrees(): number {
    return this.values[PENDING_FREES] as number;
  }

  get allocatedBytes(): number {
    return this.values[ALLOCATED] as number;
  }

  get heldBytes(): number {
    return this.values[HELD] as number;
  }

  setRealm(tenantNumber: number, figures: RealmFigures): void {
    const row = HEADER + tenantNumber * ROW;
    this.values[row + HITS] = figures.hits;
    this.values[row + MISSES] = figures.misses;
    this.values[row + EXPIRED] = figures.expired;
    this.values[row + EXPIRED_FIELDS] = figures.expiredFields;
    this.values[row + EVICTED] = figures.evicted;
    this.values[row + SLICES_CUT] = figures.expireSlicesCut;
    this.values[row + STALE_PERCENT] = figures.expiredStalePercent;
  }

  setOnlookers(tenantNumber: number, { tracking, waiters }: Onlookers): void {
    const row = HEADER + tenantNumber * ROW;
    this.values[row + TRACKED_KEYS] = tracking.keyCount;
    this.values[row + TRACKED_ITEMS] = tracking.itemCount;
    this.values[row + BLOCKING_KEYS] = waiters.size;
    this.values[row + BLOCKING_KEYS_ON_NO_KEY] = waiters.sizeOnNoKey;
  }

  setDatabase(tenantNumber: number, counts: DatabaseCounts): void {
    const at = HEADER + tenantNumber * ROW + COUNTERS + counts.databaseNumber * PER_DATABASE;
    this.values[at] = counts.keys;
    this.values[at + 1] = counts.expires;
    this.values[at + 2] = counts.averageTtl_ms;
  }

  keysIn(tenantNumber: number, databaseNumber: number): number {
    return this.values[HEADER + tenantNumber * ROW + COUNTERS + databaseNumber * PER_DATABASE] as number;
  }

  /** The rows of one tenant over several shards as one. */
  static realmCounts(
    blocks: readonly ShardStatistics[],
    tenantNumber: number,
    usedBytes: number,
    limitBytes: number,
  ): RealmCounts {
    const row = HEADER + tenantNumber * ROW;
    const sum = (at: number) => blocks.reduce((total, block) => total + (block.values[at] as number), 0);
    const databases: DatabaseCounts[] = [];
    for (let databaseNumber = 0; databaseNumber < DATABASE_COUNT; databaseNumber++) {
      const at = row + COUNTERS + databaseNumber * PER_DATABASE;
      const keys = sum(at);
      if (keys === 0) continue;
      const expires = sum(at + 1);
      // The mean over shards, each weighted by the keys it speaks for.
      const weighted = blocks.reduce(
        (total, b) => total + (b.values[at + 1] as number) * (b.values[at + 2] as number),
        0,
      );
      databases.push({
        databaseNumber,
        keys,
        expires,
        averageTtl_ms: expires === 0 ? 0 : Math.round(weighted / expires),
      });
    }
    return {
      usedBytes,
      limitBytes,
      hits: sum(row + HITS),
      misses: sum(row + MISSES),
      expired: sum(row + EXPIRED),
      expiredFields: sum(row + EXPIRED_FIELDS),
      evicted: sum(row + EVICTED),
      trackedKeys: sum(row + TRACKED_KEYS),
      trackedItems: sum(row + TRACKED_ITEMS),
      blockingKeys: sum(row + BLOCKING_KEYS),
      blockingKeysOnNoKey: sum(row + BLOCKING_KEYS_ON_NO_KEY),
      expirySlicesCut: sum(row + SLICES_CUT),
      expiredStalePercent: sum(row + STALE_PERCENT) / blocks.length,
      databases,
    };
  }
}
