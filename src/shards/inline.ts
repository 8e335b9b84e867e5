/**
 * The backend of `--shards 1`: one shard in the gateway's own thread. Every command answers at once and is atomic over
 * all keys.
 *
 * Hot path. Budget 20 ns beside the executor; guarded by the P16 rows of `npm run bench`.
 */
import { copyOf } from '../base/bytes.ts';
import { DATABASE_COUNT } from '../base/limits.ts';
import type { Command, KeyList } from '../command/command.ts';
import type {
  Backend,
  BackendNews,
  Caller,
  DatabaseCounts,
  EngineMemory,
  EngineSettings,
  InlineTransactions,
  Invalidation,
  LaterReplies,
  RealmCounts,
  RealmSettings,
  WaitingReply,
} from '../command/ports/backend.ts';
import type { Realm } from '../engine/realm.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { ShardNews } from './aftermath.ts';
import { Background, type BackgroundEvent } from './background.ts';
import type { SharedBudgets } from './budgets.ts';
import { Executor } from './executor.ts';
import { ShardWorld } from './world.ts';

export interface InlineOptions {
  readonly budgets: SharedBudgets;
  readonly hashKey: readonly [number, number];
  readonly seed: number;
  readonly engine: EngineSettings;
  /** Background work that took so long: for the latency monitor. */
  readonly worked?: (event: BackgroundEvent, duration_ms: number) => void;
}

export class InlineBackend implements Backend, ShardNews {
  readonly isInline = true;
  readonly transactions: InlineTransactions = {
    kind: 'inline',
    begin: (caller) => this.begin(caller),
    end: () => this.settle(),
  };
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

  constructor(options: InlineOptions) {
    this.options = options;
    this.realms = new Map();
    this.inTurn = false;
    this.waiting = new Map();
    this.listener = undefined;
    this.expiryCycle_ms = 0;
    this.world = new ShardWorld({ number: 0, hashKey: options.hashKey, seed: options.seed, budgets: options.budgets });
    // The tenant that every process has; its account must be a shared one from the start.
    this.configureRealm(0, { limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 });
    this.executor = new Executor(this.world.shard, this);
    this.background = new Background(this.world.shard, {
      ticked() {},
      worked: (event, duration_ms) => {
        if (event === 'expire-cycle') this.expiryCycle_ms += duration_ms;
        options.worked?.(event, duration_ms);
        this.settle();
      },
    });
    this.configureEngine(options.engine);
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
    const effect = executor.run(command, request, caller, out);
    if (effect.kind === 'waits') {
      this.wait(caller.id, effect.timeout_ms, replies);
      return false;
    }
    if (executor.hasReady && !caller.isInTransaction) executor.serveWaiting();
    return true;
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
    place?.settleBytes(bytes, start, end);
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
    if (this.world.shard.pendingFrees() > 0) this.background.wake();
  }

  configureRealm(tenantNumber: number, settings: RealmSettings): void {
    this.realms.set(tenantNumber, settings);
    this.world.configureRealm(tenantNumber, settings);
  }

  removeRealm(tenantNumber: number): void {
    this.realms.delete(tenantNumber);
    this.executor.removeRealm(tenantNumber);
    this.background.wake();
  }

  configureEngine(settings: EngineSettings): void {
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
