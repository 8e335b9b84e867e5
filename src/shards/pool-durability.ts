/**
 * Durability of a pool: every worker keeps its own shard, in a folder of its own; here they are told what to do together,
 * and their figures become one. Replies that have to wait are held by the link of their worker.
 */
import { join } from 'node:path';
import { failure, type Result, success } from '../base/result.ts';
import {
  backupFileName,
  type Durability,
  type DurabilitySettings,
  type DurabilityStatus,
  type LoadedShard,
  NOTHING_DURABLE,
} from '../command/ports/durability.ts';
import type { FromWorker, PersistOrder, StoreLine, ToWorker } from './protocol.ts';

export interface PoolDurabilityOptions {
  readonly folders: readonly string[];
  readonly settings: DurabilitySettings;
  readonly tenantNumber: (name: string) => number;
  readonly line: (shard: number, line: StoreLine) => void;
}

/** What the pool gives: its links, as far as they are needed here. */
export interface Workers {
  /** False: nobody is there, and nothing will come of it. */
  tell(shard: number, message: ToWorker): boolean;
  /** It is up and has loaded: it takes requests. */
  serves(shard: number): void;
  /** It cannot load: it takes none, and why is told. */
  fails(shard: number, why: string): void;
}

interface Together {
  readonly left: Set<number>;
  readonly done: (result: Result<void>) => void;
  fault: string | undefined;
}

export class PoolDurability implements Durability {
  readonly debt = undefined;
  readonly isDirty = false;
  private readonly options: PoolDurabilityOptions;
  private readonly workers: Workers;
  private readonly statuses: DurabilityStatus[];
  /** Workers that are there and have not loaded, because nobody has said so yet. */
  private readonly idle: Set<number>;
  private mayLoad: boolean;
  private readonly loaded: Map<number, Result<LoadedShard>>;
  private whenLoaded: ((results: Result<readonly LoadedShard[]>) => void) | undefined;
  private settings: DurabilitySettings;
  private readonly together: Map<number, Together>;
  private lastId: number;

  constructor(options: PoolDurabilityOptions, workers: Workers) {
    this.options = options;
    this.workers = workers;
    this.statuses = options.folders.map(() => NOTHING_DURABLE);
    this.idle = new Set();
    this.mayLoad = false;
    this.loaded = new Map();
    this.whenLoaded = undefined;
    this.settings = options.settings;
    this.together = new Map();
    this.lastId = 0;
  }

  /** What a worker is born with. */
  birthOf(shard: number): { readonly folder: string; readonly settings: DurabilitySettings } {
    return { folder: this.options.folders[shard] as string, settings: this.settings };
  }

  // -- Replies wait in the links -------------------------------------------------------------------------------------------

  takeDebt(): undefined {
    return undefined;
  }

  whenKept(_kept: unknown, done: (isKept: boolean) => void): void {
    done(true);
  }

  commit(): void {}

  // -- What workers say ----------------------------------------------------------------------------------------------------

  /** A worker is there. At the start it waits for `load`; one that is born again loads at once. */
  ready(shard: number): void {
    if (this.mayLoad) this.workers.tell(shard, { kind: 'load' });
    else this.idle.add(shard);
  }

  heard(shard: number, message: FromWorker): void {
    if (message.kind === 'durability') this.statuses[shard] = message.status;
    else if (message.kind === 'line') this.options.line(shard, message);
    else if (message.kind === 'persisted') this.ended(shard, message.id, message.result);
    else if (message.kind === 'loaded') this.hasLoaded(shard, message.result);
    else if (message.kind === 'tenant') {
      const number = this.options.tenantNumber(message.name);
      this.workers.tell(shard, { kind: 'tenantNumber', name: message.name, number });
    }
  }

  private hasLoaded(shard: number, result: Result<LoadedShard>): void {
    this.loaded.set(shard, result);
    if (result.ok) this.workers.serves(shard);
    else this.workers.fails(shard, result.fault);
    if (this.loaded.size < this.statuses.length) return;
    const results = Array.from(this.loaded.values());
    const bad = results.find((one) => !one.ok);
    const good = results.filter((one) => one.ok).map(({ value }) => value);
    this.whenLoaded?.(bad === undefined || bad.ok ? success(good) : bad);
    this.whenLoaded = undefined;
  }

  /** A worker is gone, and what it was asked for with it. */
  died(shard: number): void {
    this.statuses[shard] = NOTHING_DURABLE;
    for (const [id, { left }] of this.together) {
      if (left.has(shard)) this.ended(shard, id, failure(`shard ${shard} ended`));
    }
  }

  private ended(shard: number, id: number, result: Result<void>): void {
    const one = this.together.get(id);
    if (one === undefined || !one.left.delete(shard)) return;
    if (!result.ok) one.fault ??= result.fault;
    if (one.left.size > 0) return;
    this.together.delete(id);
    one.done(one.fault === undefined ? success(undefined) : failure(one.fault));
  }

  // -- What is asked for ---------------------------------------------------------------------------------------------------

  load(): Promise<Result<readonly LoadedShard[]>> {
    this.mayLoad = true;
    for (const shard of this.idle) this.workers.tell(shard, { kind: 'load' });
    this.idle.clear();
    return new Promise((resolve) => {
      this.whenLoaded = resolve;
    });
  }

  configure(settings: DurabilitySettings): void {
    this.settings = settings;
    for (const shard of this.statuses.keys()) this.workers.tell(shard, { kind: 'durability', settings });
  }

  save(): Promise<Result<void>> {
    return this.ask(() => 'save');
  }

  rewrite(): Promise<Result<void>> {
    return this.ask(() => 'rewrite');
  }

  backup(folder: string, tenant: string | undefined): Promise<Result<void>> {
    return this.ask((shard) => ({ path: join(folder, backupFileName(shard)), tenant }));
  }

  private ask(what: (shard: number) => PersistOrder): Promise<Result<void>> {
    const id = ++this.lastId;
    return new Promise((done) => {
      this.together.set(id, { left: new Set(this.statuses.keys()), done, fault: undefined });
      for (const shard of this.statuses.keys()) {
        const isTold = this.workers.tell(shard, { kind: 'persist', what: what(shard), id });
        if (!isTold) this.ended(shard, id, failure(`shard ${shard} is down`));
      }
    });
  }

  status(): DurabilityStatus {
    return this.statuses.reduce(together);
  }
}

/** Of all shards: sums, and what is bad of one is bad of all. */
function together(a: DurabilityStatus, b: DurabilityStatus): DurabilityStatus {
  return {
    changesSinceSave: a.changesSinceSave + b.changesSinceSave,
    isSaving: a.isSaving || b.isSaving,
    savingFor_s: Math.max(a.savingFor_s, b.savingFor_s),
    isLastSaveGood: a.isLastSaveGood && b.isLastSaveGood,
    lastSave_ms: Math.min(a.lastSave_ms, b.lastSave_ms),
    lastSaveTook_s: Math.max(a.lastSaveTook_s, b.lastSaveTook_s),
    saves: Math.min(a.saves, b.saves),
    keysVisited: a.keysVisited + b.keysVisited,
    keysTotal: a.keysTotal + b.keysTotal,
    isLogging: a.isLogging || b.isLogging,
    isRewriting: a.isRewriting || b.isRewriting,
    isRewriteScheduled: a.isRewriteScheduled || b.isRewriteScheduled,
    rewritingFor_s: Math.max(a.rewritingFor_s, b.rewritingFor_s),
    isLastRewriteGood: a.isLastRewriteGood && b.isLastRewriteGood,
    lastRewriteTook_s: Math.max(a.lastRewriteTook_s, b.lastRewriteTook_s),
    rewrites: Math.min(a.rewrites, b.rewrites),
    rewriteFailures: a.rewriteFailures + b.rewriteFailures,
    isLastWriteGood: a.isLastWriteGood && b.isLastWriteGood,
    logBytes: a.logBytes + b.logBytes,
    logBaseBytes: a.logBaseBytes + b.logBaseBytes,
    bufferedBytes: a.bufferedBytes + b.bufferedBytes,
    pendingSyncs: a.pendingSyncs + b.pendingSyncs,
    delayedSyncs: a.delayedSyncs + b.delayedSyncs,
    keysLoaded: a.keysLoaded + b.keysLoaded,
    keysExpiredOnLoad: a.keysExpiredOnLoad + b.keysExpiredOnLoad,
    loadedBytes: a.loadedBytes + b.loadedBytes,
    loadTotalBytes: a.loadTotalBytes + b.loadTotalBytes,
  };
}
