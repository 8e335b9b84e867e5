/**
 * Eviction within one realm: frees the keys that its policy can best do without, until there is room. As in Redis the
 * choice is by sampling: a few entries of every database enter a small pool of the best candidates seen, the best goes.
 *
 * Invariants: only keys of this realm are touched, under a volatile policy only such that expire; one call evicts at
 * most EVICTIONS_MOST keys. A pool entry is a hint: it is used only if the very same entry is still in the index.
 */

import type { EvictionPolicy } from '../base/eviction-policies.ts';
import { EVICTIONS_MOST, EVICTIONS_PER_CALL } from '../base/limits.ts';
import type { Account } from './account.ts';
import type { Database } from './database.ts';
import { expireAtOf } from './entry.ts';
import type { KeyIndex } from './index.ts';
import type { World } from './world.ts';

const POOL_SIZE = 16;
const SAMPLES_MAX = 64;
/** The smallest entry there is, more or less. */
const BYTES_PER_EVICTION = 64;

/** What a policy reads of an entry. */
const BY_IDLE = 0;
const BY_FREQUENCY = 1;
const BY_EXPIRY = 2;
const AT_RANDOM = 3;

export class Evictor {
  /** Whether the last `makeRoom` evicted anything. */
  progressed: boolean;
  private readonly world: World;
  private readonly account: Account;
  private readonly databases: readonly (Database | undefined)[];
  private policy: EvictionPolicy;
  /** The policy, taken apart. */
  private measure: number;
  private onlyExpiring: boolean;
  /** The pool, in columns, best last. */
  private poolCount: number;
  private readonly poolScores: Float64Array;
  private readonly poolDatabases: Int32Array;
  private readonly poolHashes: Int32Array;
  private readonly poolRefs: Int32Array;
  /** Where random policies go on. */
  private turn: number;
  private readonly hashes: Int32Array;
  private readonly refs: Int32Array;

  constructor(world: World, account: Account, databases: readonly (Database | undefined)[]) {
    this.progressed = false;
    this.world = world;
    this.account = account;
    this.databases = databases;
    this.policy = 'noeviction';
    this.measure = AT_RANDOM;
    this.onlyExpiring = false;
    this.poolCount = 0;
    this.poolScores = new Float64Array(POOL_SIZE + 1);
    this.poolDatabases = new Int32Array(POOL_SIZE + 1);
    this.poolHashes = new Int32Array(POOL_SIZE + 1);
    this.poolRefs = new Int32Array(POOL_SIZE + 1);
    this.turn = 0;
    this.hashes = new Int32Array(SAMPLES_MAX);
    this.refs = new Int32Array(SAMPLES_MAX);
  }

  /** Whether there is room for so many bytes after evicting what the policy allows and the bound permits. */
  makeRoom(bytes: number): boolean {
    this.progressed = false;
    const governing = this.account.governing();
    if (governing.policy === 'noeviction') return this.account.room(bytes);
    // More than may ever be held is refused before it costs the realm all its keys.
    if (governing.limitBytes > 0 && bytes > governing.limitBytes) return false;
    if (governing.policy !== this.policy) this.follow(governing.policy);
    // A large value may displace many small ones, but not the tenant's whole cache in one go.
    const most = Math.min(EVICTIONS_MOST, EVICTIONS_PER_CALL + bytes / BYTES_PER_EVICTION);
    for (let evictions = 0; evictions < most; evictions++) {
      if (this.roomAfterReclaim(bytes)) return true;
      if (!(this.measure === AT_RANDOM ? this.evictRandom() : this.evictBest(governing.samples))) return false;
      this.progressed = true;
    }
    return this.roomAfterReclaim(bytes);
  }

  /** What was evicted may be a large value, which is freed no further than is needed now. */
  private roomAfterReclaim(bytes: number): boolean {
    while (!this.account.room(bytes)) if (!this.world.lazyFree.reclaimFor(this.account)) return false;
    return true;
  }

  private follow(policy: EvictionPolicy): void {
    this.policy = policy;
    this.poolCount = 0;
    this.onlyExpiring = policy.startsWith('volatile-');
    if (policy.endsWith('-random')) this.measure = AT_RANDOM;
    else if (policy.endsWith('-lfu')) this.measure = BY_FREQUENCY;
    else this.measure = policy === 'volatile-ttl' ? BY_EXPIRY : BY_IDLE;
  }

  private indexOf(database: Database): KeyIndex {
    return this.onlyExpiring ? database.keys.expires : database.keys.index;
  }

  private evictRandom(): boolean {
    for (let i = 0; i < this.databases.length; i++) {
      this.turn = (this.turn + 1) % this.databases.length;
      const database = this.databases[this.turn];
      if (database === undefined) continue;
      const ref = this.indexOf(database).random(this.world.prng);
      if (ref === 0) continue;
      database.dropEvicted(database.keys.hashOfEntry(ref), ref);
      return true;
    }
    return false;
  }

  private evictBest(samples: number): boolean {
    for (;;) {
      let sampled = 0;
      for (let number = 0; number < this.databases.length; number++) {
        const database = this.databases[number];
        if (database !== undefined) sampled += this.sample(database, number, Math.min(samples, SAMPLES_MAX));
      }
      if (sampled === 0) return false;
      while (this.poolCount > 0) {
        this.poolCount--;
        const database = this.databases[this.poolDatabases[this.poolCount] as number];
        const hash = this.poolHashes[this.poolCount] as number;
        const ref = this.poolRefs[this.poolCount] as number;
        if (database === undefined || !this.indexOf(database).has(hash, ref)) continue;
        database.dropEvicted(hash, ref);
        return true;
      }
      // Everything in the pool was gone. It is empty now, so the next samples all enter it, alive: this ends.
    }
  }

  private sample(database: Database, number: number, samples: number): number {
    const index = this.indexOf(database);
    if (index.size === 0) return 0;
    const count = index.collect(this.world.prng.uint32(), samples, this.hashes, this.refs);
    for (let i = 0; i < count; i++) this.offer(number, this.hashes[i] as number, this.refs[i] as number);
    return count;
  }

  /** Higher is better to evict. */
  private score(ref: number): number {
    if (this.measure === BY_EXPIRY) return -expireAtOf(this.world.arena, ref);
    return this.measure === BY_FREQUENCY ? 255 - this.world.frequency(ref) : this.world.idleSeconds(ref);
  }

  /** Puts an entry into the pool by its score; the worst falls out when it is full. */
  private offer(database: number, hash: number, ref: number): void {
    const score = this.score(ref);
    const scores = this.poolScores;
    const isFull = this.poolCount === POOL_SIZE;
    if (isFull && score <= (scores[0] as number)) return;
    for (let i = 0; i < this.poolCount; i++) {
      if (this.poolRefs[i] === ref && this.poolDatabases[i] === database) return;
    }
    let at = this.poolCount;
    while (at > 0 && (scores[at - 1] as number) > score) at--;
    if (isFull) {
      this.shift(1, at, 0);
      at--;
    } else {
      this.shift(at, this.poolCount, at + 1);
      this.poolCount++;
    }
    scores[at] = score;
    this.poolDatabases[at] = database;
    this.poolHashes[at] = hash;
    this.poolRefs[at] = ref;
  }

  private shift(from: number, to: number, into: number): void {
    this.poolScores.copyWithin(into, from, to);
    this.poolDatabases.copyWithin(into, from, to);
    this.poolHashes.copyWithin(into, from, to);
    this.poolRefs.copyWithin(into, from, to);
  }
}
