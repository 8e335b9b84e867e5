/**
 * A shard in a thread of its own: reads a batch of requests, runs them in order, answers with one batch of replies. It
 * builds the same command table as the gateway from the same list, so ids mean the same on both sides.
 *
 * A bug in one command answers that request with an error; a broken invariant of the arena ends the thread, and the pool
 * says what was lost.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { parseInteger } from '../base/integer.ts';
import { DATABASE_COUNT, REPLY_BATCH_BYTES, REPLY_BYTES_AHEAD_MAX } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { Queue } from '../base/queue.ts';
import type { Command } from '../command/command.ts';
import { type EngineSettings, type RealmSettings, unlimitedRealm } from '../command/ports/backend.ts';
import { CommandTable } from '../command/table.ts';
import { shardDeclarations } from '../commands/shard-families.ts';
import type { Realm } from '../engine/realm.ts';
import { Statistics } from '../engine/statistics.ts';
import { INTERNAL_ERROR } from '../resp/refusals.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import { Request } from '../resp/request.ts';
import { isBrokenInvariant } from './aftermath.ts';
import { Background } from './background.ts';
import { SharedBudgets } from './budgets.ts';
import { Executor } from './executor.ts';
import { databaseCounts } from './inline.ts';
import { DEBT_NONE, type Debt, ReplyBatchWriter, RequestBatchReader, TRANSACTION_ID } from './mailbox.ts';
import { NewsDesk } from './news-desk.ts';
import type { FromWorker, Owed, ToWorker, WorkerBirth } from './protocol.ts';
import { ShardStatistics } from './statistics.ts';
import { Stopwatch } from './stopwatch.ts';
import { writeWaiting } from './waiting-mark.ts';
import { WorkerKeeper } from './worker-keeper.ts';
import { ShardWorld } from './world.ts';

class Worker {
  private readonly table: CommandTable = new CommandTable(shardDeclarations);
  private readonly world: ShardWorld;
  private readonly executor: Executor;
  private readonly background: Background;
  private readonly news: NewsDesk;
  private readonly statistics: ShardStatistics;
  private readonly realms: Map<number, RealmSettings> = new Map();
  private readonly keeper: WorkerKeeper | undefined;
  private engine: EngineSettings;
  private debt: Debt = DEBT_NONE;
  private readonly request: Request = new Request();
  private readonly reader: RequestBatchReader = new RequestBatchReader();
  private readonly replies: ReplyBatchWriter = new ReplyBatchWriter();
  private readonly out: ReplyWriter = new ReplyWriter();
  private readonly stopwatch: Stopwatch;
  /** Tenants whose figures this batch may have changed. */
  private readonly touched: Set<number> = new Set();
  /** Messages behind a batch that waits. */
  private readonly inbox: Queue<ToWorker | ArrayBuffer> = new Queue();
  private readonly post: (message: FromWorker | ArrayBuffer) => void;
  private isMidBatch = false;
  /** Bytes of large batches of replies that the gateway has not taken yet. */
  private bytesAhead = 0;

  constructor(birth: WorkerBirth, post: (message: FromWorker | ArrayBuffer) => void) {
    this.post = post;
    this.stopwatch = new Stopwatch(this.replies, (slow) => this.post({ kind: 'slow', ...slow }));
    this.stopwatch.configure(birth.engine);
    const budgets = new SharedBudgets(birth.shards, birth.usedUnits);
    this.statistics = new ShardStatistics(birth.statistics);
    this.world = new ShardWorld({ number: birth.shard, hashKey: birth.hashKey, seed: birth.seed, budgets });
    this.realm(0, unlimitedRealm(DEFAULT_TENANT));
    for (const [tenantNumber, settings] of birth.realms) this.realm(tenantNumber, settings);
    this.world.configureEngine(birth.engine, this.realms.keys());
    this.engine = birth.engine;
    this.news = new NewsDesk(() => this.noted(this.keeper?.debt ?? DEBT_NONE));
    this.executor = new Executor(this.world.shard, this.news);
    this.executor.configure(birth.engine);
    this.keeper = birth.durable === undefined ? undefined : this.keep(birth.durable);
    this.background = new Background(this.world.shard, {
      ticked: () => {
        this.keeper?.tick();
        this.publishAll();
        this.out.reset();
      },
      worked: (event, duration_ms) => {
        if (event === 'expire-cycle') this.statistics.addExpiryCycle(duration_ms);
        if (this.stopwatch.isStall(duration_ms)) this.post({ kind: 'stalled', event, duration_ms });
        this.settle();
      },
    });
    this.publishAll();
  }

  private keep(durable: NonNullable<WorkerBirth['durable']>): WorkerKeeper {
    const { executor, table } = this;
    return new WorkerKeeper(durable, this.world.shard, executor, table, {
      post: this.post,
      worked: () => this.settle(),
      loaded: () => this.renewLimits(),
    });
  }

  /** What was loaded may be more than is allowed now; what comes may not. */
  private renewLimits(): void {
    for (const [tenantNumber, settings] of this.realms) this.world.configureRealm(tenantNumber, settings);
    this.world.configureEngine(this.engine, this.realms.keys());
    this.publishAll();
  }

  /** The highest debt of what leaves next. */
  private noted(debt: Debt): Debt {
    if (debt > this.debt) this.debt = debt;
    return debt;
  }

  /** What is about to leave: what it tells of is written first. */
  private owed(): Owed | undefined {
    const { debt } = this;
    this.debt = DEBT_NONE;
    return debt === DEBT_NONE ? undefined : this.keeper?.owed(debt);
  }

  private realm(tenantNumber: number, settings: RealmSettings): void {
    this.realms.set(tenantNumber, settings);
    this.keeper?.nameTenant(tenantNumber, settings.name);
    this.world.configureRealm(tenantNumber, settings);
  }

  /** Takes what the gateway sends, in order. While the gateway is behind with replies, it waits here. */
  received(message: ToWorker | ArrayBuffer): void {
    if (!(message instanceof ArrayBuffer) && message.kind === 'taken') this.bytesAhead -= message.bytes;
    else this.inbox.push(message);
    this.goOn();
  }

  private goOn(): void {
    for (;;) {
      if (this.isMidBatch) {
        if (this.bytesAhead >= REPLY_BYTES_AHEAD_MAX) return;
        this.isMidBatch = !this.batch();
        continue;
      }
      const next = this.inbox.shift();
      if (next === undefined) return;
      if (next instanceof ArrayBuffer) {
        this.reader.open(next);
        this.isMidBatch = true;
      } else {
        const answer = this.control(next);
        if (answer !== undefined) this.post(answer);
      }
    }
  }

  /** Runs requests until their replies are worth sending. True at the end of the batch. */
  private batch(): boolean {
    const { reader, request, out, replies } = this;
    this.world.shard.beginTurn();
    this.stopwatch.begin();
    let isEnd = false;
    while (replies.bytes < REPLY_BATCH_BYTES) {
      if (!reader.next(request)) {
        isEnd = true;
        break;
      }
      out.reset();
      out.protocol = reader.protocol;
      const command = this.table.all[reader.commandId];
      const isAlone = this.stopwatch.beforeCommand(command, request);
      this.touched.add(reader.tenantNumber);
      if (reader.commandId === TRANSACTION_ID) this.transact();
      else this.runSafely(command);
      if (this.executor.hasReady) this.executor.serveWaiting();
      const debt = this.noted(this.keeper?.takeDebt() ?? DEBT_NONE);
      if (out.length >= REPLY_BATCH_BYTES) {
        this.sendLarge(this.stopwatch.afterLarge(command, reader, request));
        break;
      }
      const at = replies.add(out.buffer, 0, out.length, debt);
      this.stopwatch.afterCommand(at, isAlone, command, reader, request, out.length);
    }
    this.stopwatch.settle();
    for (const tenantNumber of this.touched) this.publish(tenantNumber);
    this.touched.clear();
    this.publishMemory();
    if (this.world.shard.pendingFrees() > 0) this.background.wake();
    request.release();
    if (replies.bytes > 0) this.send(replies.take());
    this.sendNews();
    return isEnd;
  }

  /** A bug in one command is one error, and no half of a reply. */
  private runSafely(command: Command | undefined): void {
    const { out } = this;
    const mark = out.mark();
    try {
      this.run(command);
    } catch (bug) {
      if (isBrokenInvariant(bug)) throw bug;
      this.news.bug(bug);
      out.truncate(mark);
      out.error(INTERNAL_ERROR);
    }
  }

  /** All commands of a transaction, in one reply; or none, when a key has changed that the client watches. */
  private transact(): void {
    const { reader, request, out, executor } = this;
    const count = parseInteger(request.bytes, request.start(0), request.end(0));
    const client = reader.id;
    const isWatching = request.argc > 1;
    const holds = !isWatching || this.world.shard.realm(reader.tenantNumber).watchHolds(client);
    if (isWatching) executor.unwatch(client);
    executor.beginGroup();
    if (holds) out.array(count);
    else out.nullArray();
    for (let i = 0; i < count; i++) {
      reader.next(request);
      if (!holds) continue;
      const command = this.table.all[reader.commandId];
      this.runSafely(command);
      this.stopwatch.insideTransaction(command, reader, request);
    }
    executor.endGroup();
  }

  /** What background work has made ready, or has to tell. */
  private settle(): void {
    if (this.executor.hasReady) this.executor.serveWaiting();
    this.sendNews();
    this.keeper?.commit();
  }

  /** A reply that would only be copied twice more in a batch; those before it leave first. */
  private sendLarge(ran_ms: number): void {
    const { replies, out } = this;
    // News wait for it: what is said of a change must not come before the reply that was read before the change.
    const owed = this.owed();
    if (replies.bytes > 0) this.sendReplies(replies.take(), owed);
    const bytes = out.handOver();
    this.bytesAhead += bytes.length;
    this.post({ kind: 'reply', bytes, ran_ms, owed });
  }

  private send(replies: ArrayBuffer): void {
    this.countAhead(replies);
    const items = this.news.take() ?? [];
    const owed = this.owed();
    this.post(items.length === 0 && owed === undefined ? replies : { kind: 'batch', replies, items, owed });
  }

  private sendReplies(replies: ArrayBuffer, owed: Owed | undefined): void {
    this.countAhead(replies);
    this.post(owed === undefined ? replies : { kind: 'batch', replies, items: [], owed });
  }

  /** Small ones are bounded by the requests that may be on their way; asking back for each would cost a message. */
  private countAhead(replies: ArrayBuffer): void {
    if (replies.byteLength >= REPLY_BATCH_BYTES) this.bytesAhead += replies.byteLength;
  }

  /** What has to be said without a reply. */
  private sendNews(): void {
    const items = this.news.take();
    const owed = this.owed();
    if (items !== undefined) this.post({ kind: 'news', items, owed });
  }

  private run(command: Command | undefined): void {
    const { reader, request, out } = this;
    if (command === undefined) throw new Error(`no command has id ${reader.commandId}`);
    const refusal = command.parse(request);
    if (refusal !== undefined) out.error(refusal);
    else {
      const effect = this.executor.run(command, request, reader, out);
      if (effect.kind === 'waits') writeWaiting(out, effect.timeout_ms);
    }
  }

  private control(message: ToWorker): FromWorker | undefined {
    switch (message.kind) {
      case 'realm':
        this.realm(message.tenantNumber, message.settings);
        return undefined;
      case 'removeRealm':
        this.realms.delete(message.tenantNumber);
        this.executor.removeRealm(message.tenantNumber);
        this.sendNews();
        this.background.wake();
        this.publish(message.tenantNumber);
        return undefined;
      case 'engine':
        this.engine = message.settings;
        this.world.configureEngine(message.settings, this.realms.keys());
        this.executor.configure(message.settings);
        this.stopwatch.configure(message.settings);
        return undefined;
      case 'resetStatistics':
        this.world.shard.realmIfAny(message.tenantNumber)?.statistics.reset();
        this.publish(message.tenantNumber);
        return undefined;
      case 'cut':
        this.executor.waiting.cut(message.client, message.how);
        this.sendNews();
        return undefined;
      case 'unwatch':
        this.executor.unwatch(message.client);
        return undefined;
      case 'forget':
        this.executor.forget(message.client);
        return undefined;
      case 'broadcast':
        this.world.shard.realm(message.tenantNumber).onlookers.tracking.hasBroadcast = message.isWanted;
        return undefined;
      case 'taken':
        return undefined;
      case 'load':
        this.keeper?.load();
        return undefined;
      case 'tenantNumber':
        this.keeper?.tenantFound(message.name, message.number);
        return undefined;
      case 'durability':
        this.keeper?.configure(message.settings);
        return undefined;
      case 'persist':
        this.keeper?.persist(message.what, message.id);
        return undefined;
      case 'close':
        this.background.stop();
        this.keeper?.close();
        // Behind what the end of the log has settled.
        queueMicrotask(() => this.post({ kind: 'closed' }));
        return undefined;
    }
  }

  private publishAll(): void {
    for (const tenantNumber of this.realms.keys()) this.publish(tenantNumber);
    this.publishMemory();
  }

  private publishMemory(): void {
    const { arena } = this.world.shard;
    this.statistics.setMemory(arena.allocatedBytes, arena.heldBytes, this.world.shard.pendingFrees());
  }

  private publish(tenantNumber: number): void {
    const realm: Realm | undefined = this.world.shard.realmIfAny(tenantNumber);
    this.statistics.setRealm(tenantNumber, realm?.statistics ?? new Statistics());
    if (realm !== undefined) this.statistics.setOnlookers(tenantNumber, realm.onlookers);
    const counts = realm === undefined ? [] : databaseCounts(realm);
    for (let databaseNumber = 0; databaseNumber < DATABASE_COUNT; databaseNumber++) {
      const found = counts.find((count) => count.databaseNumber === databaseNumber);
      this.statistics.setDatabase(tenantNumber, found ?? { databaseNumber, keys: 0, expires: 0, averageTtl_ms: 0 });
    }
  }
}

/** What is handed over and not copied. */
function movedWith(message: FromWorker | ArrayBuffer): ArrayBuffer[] {
  if (message instanceof ArrayBuffer) return [message];
  if (message.kind === 'batch') return [message.replies];
  return message.kind === 'reply' ? [message.bytes.buffer] : [];
}

const port = parentPort;
if (port !== null) {
  const worker = new Worker(workerData as WorkerBirth, (message) => {
    port.postMessage(message, movedWith(message));
  });
  const ready: FromWorker = { kind: 'ready' };
  port.on('message', (message: ToWorker | ArrayBuffer) => worker.received(message));
  port.postMessage(ready);
}
