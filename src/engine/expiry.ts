/**
 * The active expiry cycle: removes keys, and fields of hashes, whose time is over though nobody asks for them.
 *
 * Ten times a second a round begins over the databases that have such keys. Each looks at a batch of its expiry index,
 * from where it stopped last time; a database in which more than a tenth of the batch had expired is looked at again in
 * the same round, in turn with the others, until less is found. So few expired keys cost little, a million that expire in
 * one millisecond are worked off at full speed, and at most about a tenth of the expiring keys are dead weight.
 *
 * Databases with hashes of which fields expire are due a second time, for those (`field-expiry.ts`).
 *
 * Invariant: one slice looks at no more than EXPIRE_CHECKS_PER_SLICE entries, and removes no more fields.
 */
import { EXPIRE_CHECKS_PER_SLICE } from '../base/limits.ts';
import type { Database } from './database.ts';
import { expireAtOf } from './entry.ts';
import { FieldExpiry } from './field-expiry.ts';
import type { Realm } from './realm.ts';
import type { World } from './world.ts';

const BATCH_MAX = 256;
const BATCH_MIN = 20;
const CHECKS_PER_ROUND_SHARED = 8192;

interface Due {
  readonly database: Database;
  readonly realm: Realm;
  /** Whether it is the fields of hashes that are due, or the keys. */
  readonly fields: boolean;
}

export class ExpiryCycle {
  /** active-expire-effort, 1 to 10: one percent fewer stale keys each. */
  effort: number;
  /** Off for tests that look at keys whose time is over. */
  isActive: boolean;
  /** Entries that the last slice looked at. */
  lastChecks: number;
  private readonly world: World;
  private readonly realms: readonly (Realm | undefined)[];
  /** Databases still due in this round. */
  private due: Due[];
  private turn: number;
  private batch: number;
  private readonly hashes: Int32Array;
  private readonly refs: Int32Array;
  private readonly fieldExpiry: FieldExpiry;

  constructor(world: World, realms: readonly (Realm | undefined)[]) {
    this.effort = 1;
    this.isActive = true;
    this.lastChecks = 0;
    this.world = world;
    this.realms = realms;
    this.due = [];
    this.turn = 0;
    this.batch = BATCH_MAX;
    this.hashes = new Int32Array(BATCH_MAX);
    this.refs = new Int32Array(BATCH_MAX);
    this.fieldExpiry = new FieldExpiry(world, BATCH_MAX);
  }

  /** Starts a round, unless the last one is still at work. */
  begin(): void {
    if (this.due.length > 0 || !this.isActive) return;
    for (const realm of this.realms) realm?.eachDatabase((database) => this.enlist(realm, database));
    this.batch = Math.max(BATCH_MIN, Math.min(BATCH_MAX, Math.floor(CHECKS_PER_ROUND_SHARED / (this.due.length + 1))));
  }

  /** Whether a round is under way. */
  isDue(): boolean {
    return this.due.length > 0;
  }

  /** Works for one slice. True when the round is not over. */
  slice(): boolean {
    let budget = EXPIRE_CHECKS_PER_SLICE;
    while (this.due.length > 0 && budget >= this.batch) {
      this.turn = (this.turn + 1) % this.due.length;
      const next = this.due[this.turn];
      if (next === undefined) break;
      const expired = next.fields
        ? this.fieldExpiry.expireBatch(next.realm, next.database, this.batch)
        : this.expireBatch(next.realm, next.database);
      budget -= this.batch;
      if (expired * 100 > this.batch * (11 - this.effort)) continue;
      const last = this.due.pop();
      if (last !== undefined && this.turn < this.due.length) this.due[this.turn] = last;
    }
    this.lastChecks = EXPIRE_CHECKS_PER_SLICE - budget;
    if (this.due.length > 0) for (const { realm } of this.due) realm.statistics.expireSlicesCut++;
    return this.due.length > 0;
  }

  private enlist(realm: Realm, database: Database): void {
    if (database.expiresCount() > 0) this.due.push({ database, realm, fields: false });
    if (database.keys.fieldExpires.size > 0) this.due.push({ database, realm, fields: true });
  }

  /** @returns how many of the batch had expired. */
  private expireBatch(realm: Realm, database: Database): number {
    const { hashes, refs, world } = this;
    const count = database.keys.expires.collect(database.expiryCursor, this.batch, hashes, refs);
    let expired = 0;
    let left_ms = 0;
    for (let i = 0; i < count; i++) {
      const ref = refs[i] as number;
      const ttl_ms = expireAtOf(world.arena, ref) - world.now_ms;
      if (ttl_ms >= 0) {
        left_ms += ttl_ms;
        continue;
      }
      database.dropExpired(hashes[i] as number, ref);
      expired++;
    }
    if (count > 0) {
      database.expiryCursor = ((hashes[count - 1] as number) + 1) >>> 0;
      const { statistics } = realm;
      statistics.expiredStalePercent = statistics.expiredStalePercent * 0.95 + (expired / count) * 5;
    }
    if (count > expired) {
      const mean_ms = left_ms / (count - expired);
      const before_ms = database.averageTtl_ms;
      database.averageTtl_ms = before_ms === 0 ? mean_ms : (before_ms / 50) * 49 + mean_ms / 50;
    } else if (database.expiresCount() === 0) database.averageTtl_ms = 0;
    return expired;
  }
}
