/**
 * The backend of `--shards 1`: one shard in the gateway's own thread. Every command answers at once and is atomic over
 * all keys.
 *
 * Hot path. Budget 20 ns beside the executor; guarded by the P16 rows of `npm run bench`.
 */
import { copyOf } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { ALONE_MS, DATABASE_COUNT } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import type { Command, KeyList } from '../command/command.ts';
import {
  type Backend,
  type BackendNews,
  type Caller,
  type DatabaseCounts,
  type EngineMemory,
  type EngineSettings,
  type InlineTransactions,
  type Invalidation,
  type LaterReplies,
  type RealmCounts,
  type RealmSettings,
  unlimitedRealm,
  type WaitingReply,
} from '../command/ports/backend.ts';
import { type Durability, NO_DURABILITY } from '../command/ports/durability.ts';
import type { Realm } from '../engine/realm.ts';
import { LOG_FAILED } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { ShardNews } from './aftermath.ts';
import { Background, type BackgroundEvent } from './background.ts';
import type { SharedBudgets } from './budgets.ts';
import { type DurableOptions, DurableShard } from './durable.ts';
import { Executor } from './executor.ts';
import { InlineDurability } from './inline-durability.ts';
import { ShardWorld } from './world.ts';

export interface InlineOptions {
  readonly budgets: SharedBudgets;
  readonly hashKey: readonly [number, number];
  readonly seed: number;
  readonly engine: EngineSettings;
  /** Background work that took so long: for the latency monitor. */
  readonly worked?: (event: BackgroundEvent, duration_ms: number) => void;
  /** Where and how it is kept; left out, nothing is. */
  readonly durable?: Omit<DurableOptions, 'shard' | 'executor' | 'worked'>;
}

export class InlineBackend implements Backend, ShardNews {
  readonly isInline = true;
  readonly transactions: InlineTransactions = {
    kind: 'inline',
    begin: (caller) => this.begin(caller),
    end: () => {
      this.executor.endGroup();
      this.settle();
    },
  };
  readonly durability: Durability;
  private readonly durable: DurableShard | undefined;
  private readonly options: InlineOptions;
  private readonly world: ShardWorld;
  private readonly executor: Executor;
  private readonly background: Background;
  private readonly realms: Map<number, RealmSettings>;
  /** Whether the shard's time has been taken for this turn. */
  private inTurn: boolean;
  /** The places of clients that wait. */
  private readonly waiting: Map<number, WaitingReply>;
  private listener: BackendNews | undefined;
  private expiryCycle_ms: number;
  private engine: EngineSettings;
  /** Who has run the last command, and since when nobody else has. */
  private readonly clock: Clock;
  private lastCaller: number;
  private callerChangedAt_ms: number;

  constructor(options: InlineOptions) {
    this.options = options;
    this.realms = new Map();
    this.inTurn = false;
    this.waiting = new Map();
    this.listener = undefined;
    this.expiryCycle_ms = 0;
    this.clock = options.durable?.clock ?? systemClock;
    this.lastCaller = 0;
    this.callerChangedAt_ms = 0;
    this.world = new ShardWorld({ number: 0, hashKey: options.hashKey, seed: options.seed, budgets: options.budgets });
    // The tenant that every process has; its account must be a shared one from the start.
    const first = unlimitedRealm(DEFAULT_TENANT);
    this.realms.set(0, first);
    this.world.configureRealm(0, first);
    this.executor = new Executor(this.world.shard, this);
    this.durable = options.durable === undefined ? undefined : this.keep(options.durable);
    this.durable?.nameTenant(0, first.name);
    this.durability =
      this.durable === undefined ? NO_DURABILITY : new InlineDurability(this.durable, () => this.renewLimits());
    this.background = new Background(this.world.shard, {
      ticked: () => this.durable?.tick(),
      worked: (event, duration_ms) => {
        if (event === 'expire-cycle') this.expiryCycle_ms += duration_ms;
        options.worked?.(event, duration_ms);
        this.settle();
        this.durability.commit();
      },
    });
    this.engine = options.engine;
    this.configureEngine(options.engine);
  }

  private keep(durable: NonNullable<InlineOptions['durable']>): DurableShard {
    const { executor } = this;
    const kept = new DurableShard({ ...durable, shard: this.world.shard, executor, worked: () => this.settle() }); // cold: once
    const { shardLog } = kept.store;
    shardLog.log.doAllWait = () => this.isAlone() || shardLog.hasOnlyWriters(this.clock.monotonicMs());
    return kept;
  }

  private isAlone(): boolean {
    return this.clock.monotonicMs() - this.callerChangedAt_ms > ALONE_MS;
  }

  /** What was loaded may be more than is allowed now; what comes may not. */
  private renewLimits(): void {
    for (const [number, settings] of this.realms) this.world.configureRealm(number, settings);
    this.configureEngine(this.engine);
  }

  run(
    command: Command,
    request: Request,
    _keys: KeyList,
    caller: Caller,
    out: ReplyWriter,
    replies: LaterReplies,
  ): boolean {
    this.beginTurn();
    const { executor } = this;
    if (caller.id !== this.lastCaller) this.callerChanged(caller.id);
    const effect = executor.run(command, request, caller, out);
    if (effect.kind === 'waits') {
      this.wait(caller.id, effect.timeout_ms, replies);
      return false;
    }
    if (executor.hasReady && !caller.isInTransaction) executor.serveWaiting();
    return true;
  }

  private callerChanged(id: number): void {
    this.lastCaller = id;
    this.callerChangedAt_ms = this.clock.monotonicMs();
  }

  private beginTurn(): void {
    if (this.inTurn) return;
    this.inTurn = true;
    this.world.shard.beginTurn();
  }

  private wait(client: number, timeout_ms: number, replies: LaterReplies): void {
    const place = replies.block((how) => {
      if (how === 'closed') this.waiting.delete(client);
      this.executor.waiting.cut(client, how);
    });
    this.waiting.set(client, place);
    place.waits(timeout_ms);
  }

  private begin(caller: Caller): boolean {
    this.beginTurn();
    const holds = this.world.shard.realm(caller.tenantNumber).watchHolds(caller.id);
    this.executor.unwatch(caller.id);
    // One that does not run has no end either.
    if (holds) this.executor.beginGroup();
    return holds;
  }

  /** Behind a transaction, and behind background work. */
  private settle(): void {
    if (this.executor.hasReady) this.executor.serveWaiting();
  }

  hasRoom(tenantNumber: number, bytes: number): boolean {
    return this.world.shard.realm(tenantNumber).ensureRoom(bytes);
  }

  broadcast(tenantNumber: number, isWanted: boolean): void {
    this.world.shard.realm(tenantNumber).onlookers.tracking.hasBroadcast = isWanted;
  }

  unwatch(client: number): void {
    this.executor.unwatch(client);
  }

  forget(client: number): void {
    this.executor.forget(client);
  }

  tell(news: BackendNews): void {
    this.listener = news;
  }

  // -- News of the shard -------------------------------------------------------------------------------------------------

  served(client: number, bytes: Uint8Array, start: number, end: number): void {
    const place = this.waiting.get(client);
    this.waiting.delete(client);
    if (place === undefined) return;
    // It was served by a change: as whoever made that, it is told when the change is kept.
    const { debt } = this.durability;
    if (debt === undefined) return place.settleBytes(bytes, start, end);
    const kept = copyOf(bytes, start, end);
    place.served();
    this.durability.whenKept(debt, (isKept) => {
      if (isKept) place.settleBytes(kept, 0, kept.length);
      else place.settle((out) => out.error(LOG_FAILED));
    });
  }

  event(
    tenantNumber: number,
    databaseNumber: number,
    name: string,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void {
    this.listener?.keyspaceEvent(tenantNumber, databaseNumber, name, copyOf(key, keyStart, keyEnd));
  }

  invalidated(tenantNumber: number, key: string, change: Invalidation): void {
    this.listener?.invalidated(tenantNumber, key, change);
  }

  flushed(tenantNumber: number, writer: number): void {
    this.listener?.flushed(tenantNumber, writer);
  }

  bug(thrown: unknown): void {
    const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.listener?.bug(message, stack);
  }

  /** The turn is over: the next command takes the time anew. */
  flush(): void {
    if (!this.inTurn) return;
    this.inTurn = false;
    // Nobody else has anything to add to what this client has changed.
    if (this.durability.isDirty && this.isAlone()) this.durability.commit();
    if (this.world.shard.pendingFrees() > 0) this.background.wake();
  }

  configureRealm(tenantNumber: number, settings: RealmSettings): void {
    this.realms.set(tenantNumber, settings);
    this.durable?.nameTenant(tenantNumber, settings.name);
    this.world.configureRealm(tenantNumber, settings);
  }

  removeRealm(tenantNumber: number): void {
    this.realms.delete(tenantNumber);
    this.executor.removeRealm(tenantNumber);
    this.background.wake();
  }

  configureEngine(settings: EngineSettings): void {
    this.engine = settings;
    this.world.configureEngine(settings, this.realms.keys());
    this.executor.configure(settings);
  }

  realmCounts(tenantNumber: number): RealmCounts {
    const realm = this.world.shard.realm(tenantNumber);
    const { hits, misses, expired, expiredFields, evicted, expireSlicesCut, expiredStalePercent } = realm.statistics;
    return {
      usedBytes: this.options.budgets.usedBytes(tenantNumber),
      limitBytes: this.realms.get(tenantNumber)?.limitBytes ?? 0,
      hits,
      misses,
      expired,
      expiredFields,
      evicted,
      trackedKeys: realm.onlookers.tracking.keyCount,
      trackedItems: realm.onlookers.tracking.itemCount,
      blockingKeys: realm.onlookers.waiters.size,
      blockingKeysOnNoKey: realm.onlookers.waiters.sizeOnNoKey,
      expirySlicesCut: expireSlicesCut,
      expiredStalePercent,
      databases: databaseCounts(realm),
    };
  }

  resetRealmStatistics(tenantNumber: number): void {
    this.world.shard.realm(tenantNumber).statistics.reset();
  }

  memory(): EngineMemory {
    const { arena } = this.world.shard;
    return {
      allocatedBytes: arena.allocatedBytes,
      heldBytes: arena.heldBytes,
      usedBytes: this.options.budgets.totalBytes(),
      pendingFrees: this.world.shard.pendingFrees(),
      expiryCycle_ms: this.expiryCycle_ms,
      shards: 1,
    };
  }

  close(): Promise<void> {
    this.background.stop();
    this.durable?.stop();
    this.durable?.store.close();
    return Promise.resolve();
  }
}

/** The databases of a realm that hold keys. */
export function databaseCounts(realm: Realm): DatabaseCounts[] {
  const counts: DatabaseCounts[] = [];
  for (let databaseNumber = 0; databaseNumber < DATABASE_COUNT; databaseNumber++) {
    const database = realm.databaseIfAny(databaseNumber);
    const keys = database?.size() ?? 0;
    if (database === undefined || keys === 0) continue;
    counts.push({ databaseNumber, keys, expires: database.expiresCount(), averageTtl_ms: database.averageTtl_ms });
  }
  return counts;
}
