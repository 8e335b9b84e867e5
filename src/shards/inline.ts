/**
 * The backend of `--shards 1`: one shard in the gateway's own thread. Every command answers at once and is atomic over
 * all keys.
 *
 * Hot path. Budget 20 ns beside the executor; guarded by the P16 rows of `npm run bench`.
 */
import { DATABASE_COUNT } from '../base/limits.ts';
import type { Command, KeyList } from '../command/command.ts';
import type {
  Backend,
  Caller,
  DatabaseCounts,
  EngineMemory,
  EngineSettings,
  LaterReplies,
  RealmCounts,
  RealmSettings,
} from '../command/ports/backend.ts';
import type { Realm } from '../engine/realm.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import { Background } from './background.ts';
import type { SharedBudgets } from './budgets.ts';
import { Executor } from './executor.ts';
import { ShardWorld } from './world.ts';

export interface InlineOptions {
  readonly budgets: SharedBudgets;
  readonly hashKey: readonly [number, number];
  readonly seed: number;
  readonly engine: EngineSettings;
}

export class InlineBackend implements Backend {
  readonly isInline = true;
  private readonly options: InlineOptions;
  private readonly world: ShardWorld;
  private readonly executor: Executor;
  private readonly background: Background;
  private readonly realms: Map<number, RealmSettings>;
  /** Whether the shard's time has been taken for this turn. */
  private inTurn: boolean;

  constructor(options: InlineOptions) {
    this.options = options;
    this.realms = new Map();
    this.inTurn = false;
    this.world = new ShardWorld({ number: 0, hashKey: options.hashKey, seed: options.seed, budgets: options.budgets });
    // The tenant that every process has; its account must be a shared one from the start.
    this.configureRealm(0, { limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 });
    this.executor = new Executor(this.world.shard);
    this.background = new Background(this.world.shard, () => {});
    this.configureEngine(options.engine);
  }

  run(
    command: Command,
    request: Request,
    _keys: KeyList,
    caller: Caller,
    out: ReplyWriter,
    _replies: LaterReplies,
  ): boolean {
    if (!this.inTurn) {
      this.inTurn = true;
      this.world.shard.beginTurn();
    }
    this.executor.run(command, request, caller.tenantNumber, caller.databaseNumber, caller.noTouch, out);
    return true;
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
    this.world.shard.removeRealm(tenantNumber);
    this.background.wake();
  }

  configureEngine(settings: EngineSettings): void {
    this.world.configureEngine(settings, this.realms.keys());
  }

  realmCounts(tenantNumber: number): RealmCounts {
    const realm = this.world.shard.realm(tenantNumber);
    const { hits, misses, expired, expiredFields, evicted } = realm.statistics;
    return {
      usedBytes: this.options.budgets.usedBytes(tenantNumber),
      limitBytes: this.realms.get(tenantNumber)?.limitBytes ?? 0,
      hits,
      misses,
      expired,
      expiredFields,
      evicted,
      databases: databaseCounts(realm),
    };
  }

  resetRealmStatistics(tenantNumber: number): void {
    this.world.shard.realm(tenantNumber).statistics.reset();
  }

  memory(): EngineMemory {
    const { arena } = this.world.shard;
    return { allocatedBytes: arena.allocatedBytes, heldBytes: arena.heldBytes, shards: 1 };
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
