/**
 * The durable side of one shard: what it has on the disk, the log that grows, and the snapshots that are taken, one at a
 * time. Lives in the shard's own thread.
 *
 * ```
 *   open (load, then log) ──▶ serving ──▶ close
 *                              │  save: a dump beside the log
 *                              │  rewrite: a new base, and records behind it in a new increment
 *                              └  a log switched on: the same, from nothing
 * ```
 */
import { LOG_SUM_RESUME_BYTES_MAX } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { DurabilitySettings, DurabilityStatus } from '../command/ports/durability.ts';
import type { DiskFault, DiskResult } from '../disk/disk.ts';
import { MISCONF_SNAPSHOT } from '../resp/refusals.ts';
import { AppendLog } from './append-log.ts';
import { Journal } from './journal.ts';
import { type Loaded, load, type ReplayPort } from './load.ts';
import { LogFiles, tailOf } from './log-files.ts';
import { auxOf } from './rdb-target.ts';
import { RewriteSchedule } from './rewrite-schedule.ts';
import { cleanShardFolder, makeShardFolder } from './shard-folder.ts';
import { ShardLog } from './shard-log.ts';
import { SnapshotJob, type SnapshotOutcome } from './snapshot-job.ts';
import { firstFacts, type StoreFacts } from './store-facts.ts';
import type { Backup, Ended, ShardStoreOptions } from './store-options.ts';

interface Running {
  readonly kind: 'save' | 'rewrite' | 'setup' | 'backup';
  readonly job: SnapshotJob;
  readonly changes: number;
}

export class ShardStore {
  readonly shardLog: ShardLog;
  private readonly options: ShardStoreOptions;
  private readonly log: AppendLog;
  private readonly journal: Journal;
  private readonly logFiles: LogFiles;
  private settings: DurabilitySettings;
  private running: Running | undefined;
  /** Who waits for the next save to end, and for the next rewrite. */
  private saveWanted: Ended[];
  private rewriteWanted: Ended[];
  private runningEnded: Ended[];
  private readonly backupsWanted: Backup[];
  private functions: readonly Uint8Array[];
  private state: 'loading' | 'open' | 'closed';
  /** Whether the log that is written on is the one that the next start loads. */
  private isLogNamed: boolean;
  /** Bytes of the log's files before the one that is written on. */
  private earlierBytes: number;
  private readonly schedule: RewriteSchedule;
  private facts: StoreFacts;

  constructor(options: ShardStoreOptions) {
    const { clock, report, settings, disk, files } = options;
    this.options = options;
    this.settings = settings;
    this.log = new AppendLog(settings.appendfsync, clock, {
      writeFailed: (fault) => report.event('error', 'log.write_failed', fault.message, { code: fault.code }),
      writeRecovered: () => report.event('info', 'log.recovered', 'the log is written again', {}),
      syncFailed: (fault) =>
        report.event('error', 'log.sync_failed', `${fault.message}: no write is acknowledged until a restart`, {
          code: fault.code,
        }),
      settled: options.settled,
      syncDelayed: () => report.event('warn', 'log.sync_delayed', 'the disk is slow: writes wait for it', {}),
    });
    this.journal = new Journal(this.log, options.tenantName);
    this.shardLog = new ShardLog(this.log, this.journal, options.shard.world.hash);
    this.logFiles = new LogFiles(disk, files);
    this.running = undefined;
    this.saveWanted = [];
    this.rewriteWanted = [];
    this.runningEnded = [];
    this.backupsWanted = [];
    this.functions = [];
    this.state = 'loading';
    this.isLogNamed = false;
    this.earlierBytes = 0;
    this.schedule = new RewriteSchedule(clock);
    this.facts = firstFacts(clock.nowMs());
  }

  // -- Beginning ---------------------------------------------------------------------------------------------------------

  /**
   * Loads what is there, then begins to log. A fault is one line, and nothing has been touched.
   * @param isThere told when all is loaded: what changes from then on is to be written down, also while a first log begins
   */
  async open(port: ReplayPort, isThere: () => void): Promise<Result<Loaded>> {
    const { disk, clock, files, report } = this.options;
    const made = makeShardFolder(disk, files);
    if (!made.ok) return failure(made.fault.message);
    const found = this.logFiles.find();
    if (!found.ok) return found;
    const { logLoadTruncated: acceptsTruncated } = this.settings;
    const progress = (loadedBytes: number, loadTotalBytes: number) => {
      this.facts = { ...this.facts, loadedBytes, loadTotalBytes };
    };
    const loaded = await load(files, this.logFiles, found.value, { disk, clock, port, acceptsTruncated, progress });
    if (!loaded.ok) return loaded;
    // The process before may have been killed with writes that the system alone has: what is shown from now on stays.
    const synced = found.value ? this.logFiles.sync() : success(undefined);
    if (!synced.ok) return failure(synced.fault.message);
    for (const warning of loaded.value.warnings) report.event('warn', 'store.load_warning', warning, {});
    this.functions = loaded.value.functions;
    this.facts = { ...this.facts, keysLoaded: loaded.value.keys, keysExpiredOnLoad: loaded.value.expired };
    this.cleanFolders();
    isThere();
    const begun = found.value && this.settings.appendonly ? this.goOn(loaded.value) : await this.begin();
    if (!begun.ok) return begun;
    this.state = 'open';
    this.startNext();
    return loaded;
  }

  /** What a crash has left of snapshots that have no name. */
  private cleanFolders(): void {
    const { disk, files, report } = this.options;
    const cleaned = this.logFiles.clean();
    if (!cleaned.ok) report.event('warn', 'store.clean_failed', cleaned.fault.message, { code: cleaned.fault.code });
    cleanShardFolder(disk, files);
  }

  /** Writes on behind the last record. */
  private goOn({ lastRealm, uncoveredBytes }: Loaded): Result<void> {
    const { disk, files } = this.options;
    const last = this.logFiles.manifest.increments.at(-1);
    // Much without a checksum was written by somebody else; behind it a file of its own begins.
    const goesOn = last !== undefined && uncoveredBytes <= LOG_SUM_RESUME_BYTES_MAX;
    const file = goesOn ? disk.append(files.logPath(last.name)) : this.logFiles.rotate();
    if (!file.ok) return failure(file.fault.message);
    const tail = goesOn ? tailOf(disk, file.value.path, uncoveredBytes) : success(undefined);
    if (!tail.ok) return failure(tail.fault.message);
    this.log.open(file.value, tail.value);
    this.isLogNamed = true;
    this.journal.fileChanged(goesOn ? lastRealm : undefined);
    this.earlierBytes = 0;
    const { base, increments } = this.logFiles.manifest;
    for (const part of base === undefined ? increments.slice(0, -1) : [base, ...increments.slice(0, -1)]) {
      const status = disk.status(files.logPath(part.name));
      if (status.ok) this.earlierBytes += status.value?.length ?? 0;
    }
    this.schedule.baseBytes = this.logBytes;
    return success(undefined);
  }

  /** A log from nothing, or none at all. */
  private async begin(): Promise<Result<void>> {
    if (!this.settings.appendonly) return success(undefined);
    return new Promise((resolve) => this.switchOn(resolve));
  }

  // -- Commands ----------------------------------------------------------------------------------------------------------

  configure(settings: DurabilitySettings): void {
    this.settings = settings;
    if (settings.appendfsync === 'always' && this.log.policy !== 'always') this.shardLog.followFromNow();
    this.log.policy = settings.appendfsync;
    this.blockIfSavesFail();
    this.startNext();
  }

  /** Writes a dump of the state of now, or of when the snapshot under way has ended. */
  save(ended: Ended): void {
    if (this.state !== 'open') return ended(failure('the data is not there to be saved'));
    this.saveWanted.push(ended);
    this.startNext();
  }

  /** Writes the log anew. */
  rewrite(ended: Ended): void {
    if (this.state !== 'open') return ended(failure('the data is not there to be written'));
    this.rewriteWanted.push(ended);
    this.startNext();
  }

  /** Writes the state of now, or of when the snapshot under way has ended, to a file of its own. */
  backup(path: string, tenant: string | undefined, ended: Ended): void {
    this.backupsWanted.push({ path, tenant, ended });
    this.startNext();
  }

  /** Now and then: syncs, retries, a log that has grown too long. */
  tick(): void {
    this.log.tick();
    if (this.log.isDirty) this.log.commit();
    if (this.running === undefined && this.state === 'open' && this.hasGrown()) {
      this.options.report.event('info', 'log.rewrite_due', 'the log has grown and is written anew', {
        bytes: this.logBytes,
        baseBytes: this.schedule.baseBytes,
      });
      this.rewrite(() => {});
    }
    if (this.isDue) this.options.wake();
  }

  private get logBytes(): number {
    return this.earlierBytes + this.log.fileBytes;
  }

  private hasGrown(): boolean {
    const isAble = this.log.isOpen && this.log.syncFault === undefined && this.log.writeFault === undefined;
    return isAble && this.schedule.isDue(this.settings, this.logBytes);
  }

  /** Whether `slice` has something to do now. */
  get isDue(): boolean {
    return this.running === undefined ? this.hasWanted : this.running.job.isDue;
  }

  slice(duration_ms?: number): void {
    this.startNext();
    this.running?.job.slice(duration_ms);
  }

  // -- Snapshots ---------------------------------------------------------------------------------------------------------

  private get isSwitchWanted(): boolean {
    const { isOpen, syncFault } = this.log;
    // One that could not be switched on is tried again by who switches it off and on, and it is off at once.
    return this.settings.appendonly ? !isOpen && syncFault === undefined : isOpen || syncFault !== undefined;
  }

  private get hasWanted(): boolean {
    if (this.state !== 'open') return false;
    const { rewriteWanted, saveWanted, backupsWanted } = this;
    return this.isSwitchWanted || rewriteWanted.length + saveWanted.length + backupsWanted.length > 0;
  }

  /**
   * One thing at a time: what a snapshot is for, and what the log holds beside it, must not change while it is written. And
   * nothing within a transaction, whose records belong together.
   */
  private startNext(): void {
    if (this.running !== undefined || !this.hasWanted) return;
    if (this.journal.isInGroup) this.options.wake();
    else if (this.isSwitchWanted && this.settings.appendonly) this.switchOn(() => {});
    else if (this.isSwitchWanted) this.switchOff();
    else if (this.rewriteWanted.length > 0) this.startRewrite();
    else if (this.saveWanted.length > 0) this.startSave();
    else this.startBackup();
  }

  private startBackup(): void {
    const wanted = this.backupsWanted.shift();
    if (wanted === undefined) return;
    this.runningEnded = [wanted.ended];
    this.start('backup', wanted.path, wanted.tenant);
  }

  private startSave(): void {
    this.runningEnded = this.saveWanted;
    this.saveWanted = [];
    this.start('save', this.options.files.temporaryDump);
  }

  private startRewrite(): void {
    this.runningEnded = this.rewriteWanted;
    this.rewriteWanted = [];
    this.schedule.begun();
    const begun = this.log.isOpen ? this.rotate() : this.logFiles.makeFolder();
    if (begun.ok) this.start('rewrite', this.options.files.temporaryBase);
    else this.rewriteEnded({ ok: false, fault: begun.fault });
  }

  /** What is logged from now on is what happens behind the snapshot. */
  private rotate(): DiskResult<void> {
    const { log, logFiles } = this;
    log.commitLast();
    if (log.writeFault !== undefined) return failure(log.writeFault);
    // Else a power cut could leave the records behind it without those before.
    const synced = log.policy === 'no' ? success(undefined) : log.syncNow();
    const fault = synced.ok ? log.syncFault : synced.fault;
    if (fault !== undefined) return failure(fault);
    const before = log.fileBytes;
    const file = logFiles.rotate();
    if (!file.ok) {
      if (logFiles.isUncertain) log.giveUp(file.fault);
      return file;
    }
    log.open(file.value);
    this.earlierBytes += before;
    this.journal.fileChanged();
    return success(undefined);
  }

  private switchOn(ended: Ended): void {
    this.runningEnded = [ended];
    const { disk, files } = this.options;
    const begun = this.logFiles.beginSetUp();
    const file = begun.ok ? disk.create(files.temporaryIncrement) : begun;
    if (!file.ok) return this.setUpEnded({ ok: false, fault: file.fault });
    this.log.open(file.value);
    this.isLogNamed = false;
    this.journal.fileChanged();
    this.earlierBytes = 0;
    this.start('setup', files.temporaryBase);
  }

  private switchOff(): void {
    const closed = this.log.close();
    if (!closed.ok) this.options.report.event('error', 'log.write_failed', closed.fault.message, {});
    this.startNext();
  }

  /** Of one tenant nothing is written that others could be known by. */
  private start(kind: Running['kind'], path: string, tenant?: string): void {
    const { shard, disk, clock, tenantName } = this.options;
    disk.remove(path);
    const isBase = kind === 'rewrite' || kind === 'setup';
    const job = new SnapshotJob({
      shard,
      disk,
      clock,
      path,
      tenantName,
      aux: auxOf(clock.nowMs(), tenant === undefined ? shard.arena.allocatedBytes : undefined, isBase),
      functions: tenant === undefined || tenant === DEFAULT_TENANT ? this.functions : [],
      ...(tenant === undefined ? {} : { onlyRealm: this.realmOf(tenant) }),
      wake: this.options.wake,
      ended: (outcome) => this.ended(kind, outcome),
    });
    this.running = { kind, job, changes: this.journal.changes };
    this.options.wake();
  }

  /** A number that no realm has where the tenant has nothing here. */
  private realmOf(tenant: string): number {
    let found = -1;
    this.options.shard.eachRealm(({ number }) => {
      if (this.options.tenantName(number) === tenant) found = number;
    });
    return found;
  }

  private ended(kind: Running['kind'], outcome: SnapshotOutcome): void {
    if (this.state === 'closed') return;
    if (kind === 'save') this.saveEnded(outcome);
    else if (kind === 'rewrite') this.rewriteEnded(this.adopted(outcome));
    else if (kind === 'backup') this.finish(outcome.ok ? success(undefined) : failure(outcome.fault.message));
    else this.setUpEnded(this.setUp(outcome));
  }

  private adopted(outcome: SnapshotOutcome): SnapshotOutcome {
    if (!outcome.ok) return outcome;
    const adopted = this.logFiles.adoptBase(this.log.isOpen);
    if (!adopted.ok) {
      if (this.logFiles.isUncertain) this.log.giveUp(adopted.fault);
      return adopted;
    }
    this.earlierBytes = outcome.bytes;
    return outcome;
  }

  private setUp(outcome: SnapshotOutcome): SnapshotOutcome {
    if (!outcome.ok) return outcome;
    const finished = this.logFiles.finishSetUp(true);
    if (!finished.ok) return finished;
    this.isLogNamed = true;
    this.earlierBytes = outcome.bytes;
    return outcome;
  }

  private saveEnded(outcome: SnapshotOutcome): void {
    const { disk, files, clock, report } = this.options;
    const { running } = this;
    const took_s = Math.floor((clock.monotonicMs() - (running?.job.startedAt_ms ?? 0)) / 1000);
    const named = outcome.ok ? disk.rename(files.temporaryDump, files.dumpPath) : outcome;
    const synced = named.ok ? disk.syncFolder(files.folder) : named;
    const isGood = synced.ok;
    this.facts = {
      ...this.facts,
      isLastSaveGood: isGood,
      lastSaveTook_s: took_s,
      lastSave_ms: isGood ? clock.nowMs() : this.facts.lastSave_ms,
      saves: this.facts.saves + (isGood ? 1 : 0),
    };
    if (isGood) this.journal.changes -= running?.changes ?? 0;
    this.blockIfSavesFail();
    if (outcome.ok && isGood) {
      const { keys, bytes, version } = outcome;
      report.event('info', 'store.saved', 'a dump has been written', { path: files.dumpPath, keys, bytes, version });
      // A log that is switched off, or could not be switched on, holds less than the dump: the dump must count.
      const retired = this.log.isOpen && this.isLogNamed ? outcome : this.logFiles.retire();
      if (!retired.ok) {
        report.event('error', 'store.save_failed', `the old log still counts: ${retired.fault.message}`, {});
      }
    } else if (!synced.ok)
      report.event('error', 'store.save_failed', synced.fault.message, { code: synced.fault.code });
    this.finish(synced.ok ? success(undefined) : failure(synced.fault.message));
  }

  private rewriteEnded(outcome: SnapshotOutcome): void {
    const { report } = this.options;
    const { ok } = outcome;
    this.facts = {
      ...this.facts,
      isLastRewriteGood: ok,
      lastRewriteTook_s: this.schedule.ended(ok),
      rewrites: this.facts.rewrites + (ok ? 1 : 0),
      rewriteFailures: this.facts.rewriteFailures + (ok ? 0 : 1),
    };
    if (outcome.ok) {
      this.schedule.baseBytes = this.logBytes;
      report.event('info', 'log.rewritten', 'the log has been written anew', {
        bytes: this.logBytes,
        keys: outcome.keys,
      });
    } else report.event('error', 'log.rewrite_failed', outcome.fault.message, { code: outcome.fault.code });
    this.finish(ok ? success(undefined) : failure(outcome.fault.message));
  }

  private setUpEnded(outcome: SnapshotOutcome): void {
    if (!outcome.ok) {
      this.log.giveUp(outcome.fault);
      this.options.report.event('error', 'log.setup_failed', outcome.fault.message, { code: outcome.fault.code });
    } else this.schedule.baseBytes = this.logBytes;
    this.finish(outcome.ok ? success(undefined) : failure(outcome.fault.message));
  }

  private finish(result: Result<void>): void {
    this.running = undefined;
    const ended = this.runningEnded;
    this.runningEnded = [];
    for (const each of ended) each(result);
    this.startNext();
  }

  private blockIfSavesFail(): void {
    const isBlocked = this.settings.stopsWritesOnSaveError && !this.facts.isLastSaveGood;
    this.shardLog.snapshotRefusal = isBlocked ? MISCONF_SNAPSHOT : undefined;
  }

  // -- Figures, and the end ----------------------------------------------------------------------------------------------

  status(): DurabilityStatus {
    const { running, log } = this;
    const runs_s =
      running === undefined ? -1 : Math.floor((this.options.clock.monotonicMs() - running.job.startedAt_ms) / 1000);
    const isRewriting = running?.kind === 'rewrite' || running?.kind === 'setup';
    return {
      ...this.facts,
      changesSinceSave: this.journal.changes,
      isSaving: running?.kind === 'save',
      savingFor_s: running?.kind === 'save' ? runs_s : -1,
      keysVisited: running?.job.keysVisited ?? 0,
      keysTotal: running?.job.keysTotal ?? 0,
      isLogging: log.isOpen,
      isRewriting,
      isRewriteScheduled: this.rewriteWanted.length > 0,
      rewritingFor_s: isRewriting ? runs_s : -1,
      isLastWriteGood: log.writeFault === undefined && log.syncFault === undefined,
      logBytes: this.logBytes,
      logBaseBytes: this.schedule.baseBytes,
      bufferedBytes: log.buffer.length,
      pendingSyncs: log.isSyncInProgress ? 1 : 0,
      delayedSyncs: log.delayedSyncs,
    };
  }

  /** Brings the log to the disk. A snapshot under way is given up. */
  close(): DiskResult<void> {
    const { disk, files } = this.options;
    this.state = 'closed';
    const closed = this.log.close();
    // Whoever ends the process goes on ending it: this line is all there is to see of it.
    if (!closed.ok)
      this.options.report.event('error', 'log.close_failed', closed.fault.message, { code: closed.fault.code });
    if (this.running !== undefined) {
      disk.remove(files.temporaryDump);
      disk.remove(files.temporaryBase);
    }
    return closed;
  }

  /** Of the last fault that keeps acknowledgements back. */
  get fault(): DiskFault | undefined {
    return this.log.writeFault ?? this.log.syncFault;
  }
}
