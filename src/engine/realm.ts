/**
 * One tenant's namespace in this shard: up to 16 databases, made when first used, its memory account and its statistics.
 *
 * Invariant: database i of the array has number i.
 */

import type { EvictionPolicy } from '../base/eviction-policies.ts';
import { DATABASE_COUNT, STRING_BYTES_MAX } from '../base/limits.ts';
import type { Account } from './account.ts';
import { Database, MISSING } from './database.ts';
import { Evictor } from './eviction.ts';
import type { LazyFree } from './lazy-free.ts';
import { databaseOfName, keyOfName } from './names.ts';
import { Onlookers } from './onlookers.ts';
import { PAGE_BYTES } from './size-classes.ts';
import { RealmContext, type Statistics } from './statistics.ts';
import type { World } from './world.ts';

/**
 * A block is larger than what it was asked for by an eighth at the most, or by a page (`size-classes.ts`); and a write may
 * let a table and a directory of an index grow. Where nothing is evicted room is asked for both, so that no write passes
 * the limit; of a small limit the second is less than one per cent. Where keys are evicted the next write evicts what this
 * one was over.
 */
const ROUNDING_BYTES_MAX = PAGE_BYTES;
const INDEX_GROWTH_BYTES_MAX = 16 * 1024;
const LIMIT_PER_HEADROOM = 128;

export class Realm {
  readonly number: number;
  readonly account: Account;
  readonly statistics: Statistics;
  readonly onlookers: Onlookers;
  /** How long a value of this tenant may become. */
  valueBytesMax: number;
  /** Kept free for what a write makes its indexes grow by; 0 where keys are evicted. */
  private headroomBytes: number;
  private readonly context: RealmContext;
  private readonly world: World;
  private readonly lazyFree: LazyFree;
  private readonly evictor: Evictor;
  private readonly databases: (Database | undefined)[];

  constructor(number: number, world: World, account: Account, lazyFree: LazyFree) {
    this.number = number;
    this.account = account;
    this.context = new RealmContext(number);
    this.statistics = this.context.statistics;
    this.valueBytesMax = STRING_BYTES_MAX;
    this.onlookers = new Onlookers(number, account, world);
    this.world = world;
    this.lazyFree = lazyFree;
    this.databases = [];
    for (let i = 0; i < DATABASE_COUNT; i++) this.databases.push(undefined);
    this.headroomBytes = 0;
    this.evictor = new Evictor(world, account, this.databases);
  }

  /** The database of that number, 0 to 15. */
  database(number: number): Database {
    const existing = this.databases[number];
    if (existing !== undefined) return existing;
    const made = new Database(number, this.world, this.context, this.account);
    this.databases[number] = made;
    return made;
  }

  /** The same, but undefined when it was never used. */
  databaseIfAny(number: number): Database | undefined {
    return this.databases[number];
  }

  /** Visits the databases that were ever used. */
  eachDatabase(visit: (database: Database) => void): void {
    for (const database of this.databases) if (database !== undefined) visit(database);
  }

  /** Whether any hash has fields that expire of their own. */
  hasExpiringFields(): boolean {
    return this.databases.some((database) => database !== undefined && database.keys.fieldExpires.size > 0);
  }

  /** Whether so many bytes may be written without evicting anything. */
  room(bytes: number): boolean {
    return this.account.room(this.claim(bytes));
  }

  /**
   * Whether so many bytes may be written, after evicting what the policy allows. False: answer OOM; no key was changed
   * except by eviction. May evict any key of the realm, so call it before looking anything up.
   */
  ensureRoom(bytes: number): boolean {
    // What was acknowledged once is loaded whatever the limit is by now.
    if (this.world.isLoading) return true;
    const claimed = this.claim(bytes);
    return this.account.room(claimed) || this.makeRoom(claimed);
  }

  /** What must be free for so many bytes to be written; 0 asks whether the limit is kept now. */
  private claim(bytes: number): number {
    if (bytes === 0 || this.headroomBytes === 0) return bytes;
    return bytes + Math.min(bytes >>> 3, ROUNDING_BYTES_MAX) + this.headroomBytes;
  }

  private makeRoom(bytes: number): boolean {
    // What was flushed is the tenant's to use again at once; freeing it costs less than evicting.
    while (this.lazyFree.reclaimFor(this.account)) if (this.account.room(bytes)) return true;
    return this.evictor.makeRoom(bytes);
  }

  /** Whether the account is over its limit and the policy allows to do something about it. */
  canEvict(): boolean {
    return !this.account.room(0) && this.effectivePolicy() !== 'noeviction';
  }

  /** Evicts in the background while the account is over its limit; false when there is nothing more to do. */
  evictSlice(): boolean {
    return !this.account.room(0) && !this.evictor.makeRoom(0) && this.evictor.progressed;
  }

  /** To be called when the policy or limit of the account, or of an account above it, has changed. */
  policyChanged(): void {
    this.context.usesLfu = this.effectivePolicy().endsWith('-lfu');
    const refuses = this.effectivePolicy() === 'noeviction';
    this.headroomBytes = refuses
      ? Math.min(Math.floor(this.account.governing().limitBytes / LIMIT_PER_HEADROOM), INDEX_GROWTH_BYTES_MAX)
      : 0;
  }

  /** The policy by which this realm's keys would be evicted now: its own, or that of the process when it has no limit. */
  effectivePolicy(): EvictionPolicy {
    return this.account.governing().policy;
  }

  /** Whether a client's transaction may still run. Keys whose time is over count as changed, though nobody looked. */
  watchHolds(client: number): boolean {
    for (const name of this.onlookers.watches.namesOf(client)) {
      const database = this.databases[databaseOfName(name)];
      if (database !== undefined) holds(database, name);
    }
    return !this.onlookers.watches.isBroken(client);
  }

  usesLfu(): boolean {
    return this.context.usesLfu;
  }

  /** SWAPDB. */
  swap(a: number, b: number): void {
    if (a === b) return;
    const first = this.database(a);
    const second = this.database(b);
    if (this.onlookers.isAwake) {
      const inEither = (name: string) => holds(first, name) || holds(second, name);
      this.onlookers.databaseChanged(a, inEither);
      this.onlookers.databaseChanged(b, inEither);
    }
    first.number = b;
    second.number = a;
    this.databases[a] = second;
    this.databases[b] = first;
  }

  flushDatabase(number: number, lazily: boolean): void {
    this.empty(number, lazily);
    this.world.listener.flushed?.(this.number);
  }

  private empty(number: number, lazily: boolean): void {
    const database = this.databases[number];
    if (database === undefined) return;
    if (this.onlookers.isAwake) this.onlookers.databaseChanged(number, (name) => holds(database, name));
    if (this.world.snapshot?.takesOver(database) === true) return;
    if (lazily) this.lazyFree.add(database.detachForLazyFree());
    else database.clear();
  }

  flushAll(lazily: boolean): void {
    for (let i = 0; i < DATABASE_COUNT; i++) this.empty(i, lazily);
    this.world.listener.flushed?.(this.number);
  }
}

/** Whether the key of that name lives in this database, whatever its number. */
function holds(database: Database, name: string): boolean {
  const key = keyOfName(name);
  return database.peek(key, 0, key.length) !== MISSING;
}
