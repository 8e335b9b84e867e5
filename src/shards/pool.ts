/**
 * The backend of `--shards N`: worker threads, each with one range of slots. Requests of a turn leave as one message per
 * shard, replies come back as one message and find their places by order.
 *
 * A command over several shards is decided as a whole before any part is sent: its keys by the gates, its budget here.
 * Other clients may see its parts land one after the other.
 */
import type { Command, KeyList } from '../command/command.ts';
import type {
  Backend,
  BackendNews,
  Caller,
  EngineMemory,
  EngineSettings,
  LaterReplies,
  LaterReply,
  PooledTransactions,
  RealmCounts,
  RealmSettings,
} from '../command/ports/backend.ts';
import { type Durability, NO_DURABILITY } from '../command/ports/durability.ts';
import { CROSSSLOT, OOM, sortDeniedInPool } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { Request } from '../resp/request.ts';
import type { SharedBudgets } from './budgets.ts';
import { Gather, type Merge, ScanReply, WholeReply } from './gather.ts';
import { type LinkEvents, ShardLink, type Spawn } from './link.ts';
import { type Envelope, RequestBatchWriter } from './mailbox.ts';
import { type Plan, planOf } from './plan.ts';
import { PoolDurability, type PoolDurabilityOptions, type Workers } from './pool-durability.ts';
import type { NewsItem, WorkerBirth } from './protocol.ts';
import { shardOfKey } from './slots.ts';
import { ShardStatistics } from './statistics.ts';
import { PoolTransaction, WatchedShards } from './transaction.ts';

export interface PoolOptions {
  readonly shards: number;
  readonly budgets: SharedBudgets;
  readonly hashKey: readonly [number, number];
  readonly engine: EngineSettings;
  readonly spawn: (birth: WorkerBirth, ...rest: Parameters<Spawn>) => ReturnType<Spawn>;
  readonly now_ms: () => number;
  /** A uniform number in [0, bound). */
  readonly random: (bound: number) => number;
  readonly events: Omit<LinkEvents, 'news' | 'ready' | 'kept'>;
  /** Where and how it is kept; left out, nothing is. */
  readonly durable?: PoolDurabilityOptions;
}

const NOBODY = 0;

/** Reused for every request: the batch writer copies from it at once. */
class MutableEnvelope implements Envelope {
  commandId = 0;
  tenantNumber = 0;
  databaseNumber = 0;
  protocol: 2 | 3 = 2;
  noTouch = false;
  id = 0;
  isInTransaction = false;
  tracks = false;
}

export class PoolBackend implements Backend {
  readonly isInline = false;
  readonly durability: Durability;
  private readonly keeper: PoolDurability | undefined;
  private readonly options: PoolOptions;
  private readonly links: readonly ShardLink[];
  private readonly statistics: readonly ShardStatistics[];
  private readonly realms: Map<number, RealmSettings> = new Map();
  private readonly envelope: MutableEnvelope = new MutableEnvelope();
  readonly transactions: PooledTransactions;
  /** Commands of the transaction that is being made; there is one at a time. */
  private readonly asked: RequestBatchWriter = new RequestBatchWriter();
  private readonly watched: WatchedShards = new WatchedShards();
  /** Tenants of whom somebody wants to hear of every change: a worker that is born again must be told. */
  private readonly broadcasting: Set<number> = new Set();
  private engine: EngineSettings;
  private listener: BackendNews | undefined;

  constructor(options: PoolOptions) {
    this.options = options;
    this.engine = options.engine;
    this.listener = undefined;
    this.transactions = {
      kind: 'pooled',
      open: (caller, protocol) =>
        new PoolTransaction(
          caller,
          protocol,
          options.shards,
          this.watched.take(caller.id),
          (shard) => this.link(shard),
          this.asked,
        ),
    };
    this.statistics = Array.from({ length: options.shards }, () => new ShardStatistics());
    this.keeper = options.durable === undefined ? undefined : new PoolDurability(options.durable, this.workers());
    this.durability = this.keeper ?? NO_DURABILITY;
    const events: LinkEvents = {
      ...options.events,
      ready: (shard) => {
        this.keeper?.ready(shard);
        return this.keeper === undefined;
      },
      kept: (shard, message) => this.keeper?.heard(shard, message),
      news: (item) => this.heard(item),
      died: (shard, reason, lost) => {
        options.budgets.forget(shard);
        this.statistics[shard]?.clear();
        this.watched.lost(shard);
        this.keeper?.died(shard);
        options.events.died(shard, reason, lost);
        // Its keys are gone: nothing is what anybody has read of them.
        for (const tenantNumber of this.realms.keys()) this.listener?.flushed(tenantNumber, NOBODY);
      },
      up: (shard) => {
        for (const tenantNumber of this.broadcasting) {
          this.link(shard).control({ kind: 'broadcast', tenantNumber, isWanted: true });
        }
        options.events.up(shard);
      },
    };
    this.links = this.statistics.map(
      (_block, shard) =>
        new ShardLink(shard, (number, life) => options.spawn(this.birth(number), number, life), events, options.now_ms),
    );
  }

  private workers(): Workers {
    return {
      tell: (shard, message) => this.link(shard).control(message),
      serves: (shard) => this.link(shard).serve(),
      fails: (shard, message) =>
        this.options.durable?.line(shard, { level: 'error', event: 'store.load_failed', message, fields: {} }),
    };
  }

  private birth(shard: number): WorkerBirth {
    return {
      shard,
      shards: this.options.shards,
      hashKey: this.options.hashKey,
      seed: this.options.random(0x7fffffff),
      statistics: (this.statistics[shard] as ShardStatistics).shared,
      usedUnits: this.options.budgets.shared,
      engine: this.engine,
      realms: Array.from(this.realms),
      durable: this.keeper?.birthOf(shard),
    };
  }

  /** True once every thread has started. */
  get hasStarted(): boolean {
    return this.links.every(({ state }) => state === 'up' || state === 'loading');
  }

  run(
    command: Command,
    request: Request,
    keys: KeyList,
    caller: Caller,
    out: ReplyWriter,
    replies: LaterReplies,
  ): boolean {
    const envelope = this.envelope;
    envelope.commandId = command.id;
    envelope.tenantNumber = caller.tenantNumber;
    envelope.databaseNumber = caller.databaseNumber;
    envelope.protocol = out.protocol;
    envelope.noTouch = caller.noTouch;
    envelope.id = caller.id;
    envelope.tracks = caller.tracks;
    const fixed = command.fixedKey;
    if (fixed > 0 && !command.isBlocking) {
      const shard = shardOfKey(request.bytes, request.start(fixed), request.end(fixed), this.options.shards);
      this.link(shard).ask(envelope, request, new WholeReply(replies.later()));
      return false;
    }
    const plan = planOf(command, request, keys, this.options.shards);
    if (plan.kind === 'crossSlot') {
      out.error(CROSSSLOT);
      return true;
    }
    if (plan.kind === 'everyKey') {
      out.error(sortDeniedInPool(request.text(plan.position - 1).toUpperCase()));
      return true;
    }
    if (plan.kind === 'parts' && command.isDenyOom && !this.hasRoom(caller.tenantNumber, request.wireBytes)) {
      out.error(OOM);
      return true;
    }
    if (command.traces !== undefined) this.watched.noted(command.traces, caller.id, plan);
    if (command.isBlocking && plan.kind === 'one') {
      const link = this.link(plan.shard);
      link.askWaiting(
        envelope,
        request,
        replies.block((how) => link.cut(caller.id, how)),
      );
      return false;
    }
    this.send(plan, request, replies.later());
    return false;
  }

  private link(shard: number): ShardLink {
    return this.links[shard] as ShardLink;
  }

  /** With an evicting policy each shard makes its own room. */
  hasRoom(tenantNumber: number, bytes: number): boolean {
    const realm = this.realms.get(tenantNumber);
    const { budgets } = this.options;
    const own = realm?.limitBytes ?? 0;
    if (own > 0 && realm?.policy === 'noeviction' && budgets.usedBytes(tenantNumber) + bytes > own) return false;
    const { maxmemoryBytes, maxmemoryPolicy } = this.engine;
    return !(maxmemoryBytes > 0 && maxmemoryPolicy === 'noeviction' && budgets.totalBytes() + bytes > maxmemoryBytes);
  }

  private send(plan: Exclude<Plan, { kind: 'crossSlot' | 'everyKey' }>, request: Request, place: LaterReply): void {
    const envelope = this.envelope;
    switch (plan.kind) {
      case 'one':
        return this.link(plan.shard).ask(envelope, request, new WholeReply(place));
      case 'random':
        return this.askEvery(request, new Gather(place, this.randomMerge(), this.links.length));
      case 'cursor':
        return this.link(plan.shard).ask(
          envelope,
          withArgument(request, plan.position, plan.cursor),
          new ScanReply(place, plan.shard, this.options.shards),
        );
      case 'every':
        return this.askEvery(request, new Gather(place, { kind: plan.merge }, this.links.length));
      case 'parts': {
        const merge = plan.merge === 'inOrder' ? { kind: plan.merge, owners: plan.owners } : { kind: plan.merge };
        const gather = new Gather(place, merge, plan.parts.length);
        for (const [index, part] of plan.parts.entries()) {
          this.link(part.shard).askPart(envelope, request, part.positions, gather.part(index));
        }
      }
    }
  }

  private askEvery(request: Request, gather: Gather): void {
    for (const link of this.links) link.ask(this.envelope, request, gather.part(link.shard));
  }

  /** Weighed by the numbers of keys as they are when the shards have answered, not as they were when they were asked. */
  private randomMerge(): Merge {
    const { tenantNumber, databaseNumber } = this.envelope;
    const weights = () => this.statistics.map((block) => block.keysIn(tenantNumber, databaseNumber));
    return { kind: 'random', weights, random: this.options.random };
  }

  unwatch(client: number): void {
    for (const shard of this.watched.take(client)) this.links[shard]?.control({ kind: 'unwatch', client });
  }

  forget(client: number): void {
    this.watched.take(client);
    for (const link of this.links) link.control({ kind: 'forget', client });
  }

  broadcast(tenantNumber: number, isWanted: boolean): void {
    if (isWanted) this.broadcasting.add(tenantNumber);
    else this.broadcasting.delete(tenantNumber);
    for (const link of this.links) link.control({ kind: 'broadcast', tenantNumber, isWanted });
  }

  tell(news: BackendNews): void {
    this.listener = news;
  }

  private heard(item: NewsItem): void {
    const { listener } = this;
    if (listener === undefined) return;
    if (item.kind === 'event') listener.keyspaceEvent(item.tenantNumber, item.databaseNumber, item.name, item.key);
    else if (item.kind === 'invalidated') listener.invalidated(item.tenantNumber, item.key, item.change);
    else if (item.kind === 'flushed') listener.flushed(item.tenantNumber, item.writer);
    else if (item.kind === 'bug') listener.bug(item.message, item.stack);
  }

  flush(): void {
    for (const link of this.links) link.flush();
  }

  configureRealm(tenantNumber: number, settings: RealmSettings): void {
    this.realms.set(tenantNumber, settings);
    for (const link of this.links) link.control({ kind: 'realm', tenantNumber, settings });
  }

  removeRealm(tenantNumber: number): void {
    this.realms.delete(tenantNumber);
    for (const link of this.links) link.control({ kind: 'removeRealm', tenantNumber });
  }

  configureEngine(settings: EngineSettings): void {
    this.engine = settings;
    for (const link of this.links) link.control({ kind: 'engine', settings });
  }

  realmCounts(tenantNumber: number): RealmCounts {
    const limitBytes = this.realms.get(tenantNumber)?.limitBytes ?? 0;
    const usedBytes = this.options.budgets.usedBytes(tenantNumber);
    return ShardStatistics.realmCounts(this.statistics, tenantNumber, usedBytes, limitBytes);
  }

  resetRealmStatistics(tenantNumber: number): void {
    for (const link of this.links) link.control({ kind: 'resetStatistics', tenantNumber });
  }

  memory(): EngineMemory {
    let allocatedBytes = 0;
    let heldBytes = 0;
    let pendingFrees = 0;
    let expiryCycle_ms = 0;
    for (const block of this.statistics) {
      allocatedBytes += block.allocatedBytes;
      heldBytes += block.heldBytes;
      pendingFrees += block.pendingFrees;
      expiryCycle_ms += block.expiryCycle_ms;
    }
    const usedBytes = this.options.budgets.totalBytes();
    return { allocatedBytes, heldBytes, usedBytes, pendingFrees, expiryCycle_ms, shards: this.links.length };
  }

  async close(): Promise<void> {
    await Promise.all(this.links.map((link) => link.close()));
  }
}

/** The same request with one argument replaced. */
function withArgument(request: Request, position: number, value: Uint8Array): Request {
  const words: Uint8Array[] = [];
  for (let i = 0; i < request.argc; i++) words.push(i === position ? value : request.copy(i));
  return Request.of(...words);
}
