/**
 * One shard's world: the memory, the time, and the namespaces of all tenants as far as this shard holds them.
 * Synchronous; whoever owns a shard calls `beginTurn` before a batch of commands and `cron` ten times a second, and
 * `backgroundSlice` again soon whenever that says there is work left.
 */
import type { Clock } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import { Account } from './account.ts';
import { Arena } from './arena.ts';
import { ExpiryCycle } from './expiry.ts';
import type { LazyFree } from './lazy-free.ts';
import { Realm } from './realm.ts';
import { type EngineListener, type Hasher, World } from './world.ts';

export interface ShardOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly hash: Hasher;
  /** The process-wide maxmemory account as this shard sees it. Accounts of realms should have it as parent. */
  readonly processAccount?: Account;
  readonly listener?: EngineListener;
  /** Poison freed blocks and check canaries: tests. */
  readonly debug?: boolean;
}

export class Shard {
  readonly world: World;
  readonly arena: Arena;
  /** maxmemory of the process; every realm's account should be its child. */
  readonly processAccount: Account;
  private readonly realms: (Realm | undefined)[];
  private readonly lazyFree: LazyFree;
  private readonly expiry: ExpiryCycle;
  private evicting: boolean;
  /** Which kind of background work had the last slice. */
  private turn: number;
  /** The kind of work that the last slice did: 0 expiry, 1 lazy freeing, 2 eviction; -1 when there was none. */
  lastWork: number;

  constructor(options: ShardOptions) {
    this.arena = new Arena(options.debug === true);
    this.world = new World(this.arena, options.clock, options.prng, options.hash);
    if (options.listener !== undefined) this.world.listener = options.listener;
    this.processAccount = options.processAccount ?? new Account();
    this.realms = [];
    this.lazyFree = this.world.lazyFree;
    this.expiry = new ExpiryCycle(this.world, this.realms);
    this.evicting = false;
    this.turn = 2;
    this.lastWork = -1;
  }

  /** Wall clock of this turn. */
  get now_ms(): number {
    return this.world.now_ms;
  }

  /** Takes the time for the commands that follow. Cheap; once per turn of the event loop is enough. */
  beginTurn(): void {
    this.world.refresh();
  }

  /** CLIENT NO-TOUCH of the caller whose command runs next. */
  setNoTouch(on: boolean): void {
    this.world.noTouch = on;
  }

  /** A tenant's namespace; made with an account of its own under the process account when there is none yet. */
  realm(number: number): Realm {
    const existing = this.realms[number];
    if (existing !== undefined) return existing;
    return this.addRealm(number, new Account(undefined, 0, this.processAccount));
  }

  eachRealm(visit: (realm: Realm) => void): void {
    for (const realm of this.realms) if (realm !== undefined) visit(realm);
  }

  realmIfAny(number: number): Realm | undefined {
    return this.realms[number];
  }

  /** Makes a namespace with a given account (one whose cells are shared with other shards, say). */
  addRealm(number: number, account: Account): Realm {
    const realm = new Realm(number, this.world, account, this.lazyFree);
    while (this.realms.length <= number) this.realms.push(undefined);
    this.realms[number] = realm;
    realm.policyChanged();
    return realm;
  }

  /** Drops a tenant's namespace; its memory comes back in slices. */
  removeRealm(number: number): void {
    const realm = this.realms[number];
    if (realm === undefined) return;
    realm.flushAll(true);
    realm.onlookers.clear();
    this.realms[number] = undefined;
  }

  /** active-expire-effort, 1 to 10. */
  setExpireEffort(effort: number): void {
    this.expiry.effort = effort;
  }

  /** Whether expired keys are looked for; those that are asked for go in any case. */
  setActiveExpire(on: boolean): void {
    this.expiry.isActive = on;
  }

  /** lfu-log-factor and lfu-decay-time. */
  setLfu(logFactor: number, decayMinutes: number): void {
    this.world.lfuLogFactor = logFactor;
    this.world.lfuDecayMinutes = decayMinutes;
  }

  /** To be called when limits or policies of accounts have changed. */
  policyChanged(): void {
    for (const realm of this.realms) realm?.policyChanged();
  }

  /** Ten times a second: starts an expiry round and whatever else is due. True when `backgroundSlice` should follow soon. */
  cron(): boolean {
    this.world.refresh();
    this.expiry.begin();
    this.evicting = this.realms.some((realm) => realm?.canEvict() === true);
    return this.backgroundSlice();
  }

  /**
   * One slice (2 to 5 ms) of one kind of background work, the kinds in turn. True when there is work left: call it again
   * after serving whoever waits.
   */
  backgroundSlice(): boolean {
    this.world.refresh();
    this.lastWork = -1;
    for (let tries = 0; tries < 3; tries++) {
      this.turn = (this.turn + 1) % 3;
      if (this.turn === 0 && this.expiry.isDue()) this.expiry.slice();
      else if (this.turn === 1 && this.lazyFree.isDue()) this.lazyFree.reclaim();
      else if (this.turn === 2 && this.evicting) this.evicting = this.evictSlice();
      else continue;
      this.lastWork = this.turn;
      break;
    }
    return this.expiry.isDue() || this.lazyFree.isDue() || this.evicting;
  }

  /** Frees memory of flushed databases, up to so many entries; false when nothing is left. */
  reclaim(entries: number): boolean {
    return this.lazyFree.reclaim(entries);
  }

  /** Entries still waiting to be freed: lazyfree_pending_objects. */
  pendingFrees(): number {
    return this.lazyFree.pending();
  }

  private evictSlice(): boolean {
    let more = false;
    for (const realm of this.realms) if (realm?.evictSlice()) more = true;
    return more;
  }
}
