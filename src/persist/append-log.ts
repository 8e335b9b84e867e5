/**
 * The file that grows: records are gathered over a turn of the event loop, written with one call before anything of that
 * turn is acknowledged, and brought to the disk itself by fdatasync in another thread, one at a time.
 *
 * ```
 *   appended ──commit──▶ written ──sync──▶ synced          positions in the life of this log, not in one file
 *                           │                  │
 *                  survives kill -9    survives a power cut
 * ```
 *
 * Invariants: positions only grow; a file never holds anything behind a record that is cut off; after a sync that failed
 * nothing counts as synced any more, whatever later calls say, because the system may have dropped what it could not write.
 *
 * Hot path: `commit` once per turn. Guarded by `npm run bench -- --only durability`.
 */
import type { Clock } from '../base/clock.ts';
import { LOG_SYNC_AT_ONCE_MS_MAX, LOG_SYNC_AT_ONCE_PAUSES, LOG_SYNC_LATE_MS, LOG_SYNC_MS } from '../base/limits.ts';
import { Queue } from '../base/queue.ts';
import type { Kept, SyncPolicy } from '../command/ports/durability.ts';
import type { DiskFault, DiskResult, DiskWriter } from '../disk/disk.ts';
import { diskFull } from '../disk/whole-write.ts';
import { hasHole, LogSum } from './log-sums.ts';
import { RecordBuffer } from './record-buffer.ts';

export interface LogReport {
  /** The log could not be written on: nothing is acknowledged until it can. Told once, until it has recovered. */
  writeFailed(fault: DiskFault): void;
  writeRecovered(): void;
  /** Nothing will be acknowledged any more. */
  syncFailed(fault: DiskFault): void;
  /** A sync takes so long that acknowledgements have to wait for it. */
  syncDelayed(): void;
  /** Whoever has waited for a sync has been told: what they have to say may leave. */
  settled(): void;
}

interface Waiting {
  readonly position: number;
  readonly done: (isKept: boolean) => void;
}

const NOTHING = new Uint8Array(0);

export class AppendLog {
  readonly buffer: RecordBuffer;
  private currentPolicy: SyncPolicy;
  /** `aof_delayed_fsync`. */
  delayedSyncs: number;
  /** Why the last write failed; undefined when it did not. */
  writeFault: DiskFault | undefined;
  /** Why a sync failed, for good. */
  syncFault: DiskFault | undefined;
  /** Told right before a sync covers what was written so far, and when it has. */
  onSyncing: (() => void) | undefined;
  onSynced: (() => void) | undefined;
  /**
   * Whether all who are there wait for the disk: then it is synced at once, as going through another thread takes longer
   * and there is nobody who gains by it.
   */
  doAllWait: () => boolean;
  /** From when on that may be: a disk that was slow is left to the other thread for a while. */
  private syncsAtOnceFrom_ms: number;
  private readonly clock: Clock;
  private readonly report: LogReport;
  private file: DiskWriter | undefined;
  /** Files before it, of which the end is not synced yet; and those, in order, that the sync under way covers. */
  private previous: DiskWriter[];
  private syncingFiles: DiskWriter[];
  /** Counts what ends the sync under way without its completion. */
  private syncsGivenUp: number;
  /** How often it has been closed: what began before is of another life. */
  private closings: number;
  private writtenBytes: number;
  private syncedBytes: number;
  private isSyncing: boolean;
  private lastSync_ms: number;
  /** When the oldest byte was written that no sync covers yet, and that the sync under way covers; 0 for none. */
  private uncoveredSince_ms: number;
  private coveredSince_ms: number;
  private isLate: boolean;
  /** Where the file has to be cut before anything may be written behind; -1 when it need not be. */
  private cutAt: number;
  /** Of what was appended to this file since its last line; and how much of the buffer it covers. */
  private readonly sum: LogSum;
  private summed: number;
  /** The position at which this file begins. */
  private fileBase: number;
  private readonly forWrite: Queue<Waiting>;
  private readonly forSync: Queue<Waiting>;

  constructor(policy: SyncPolicy, clock: Clock, report: LogReport) {
    this.buffer = new RecordBuffer();
    this.currentPolicy = policy;
    this.delayedSyncs = 0;
    this.writeFault = undefined;
    this.syncFault = undefined;
    this.onSyncing = undefined;
    this.onSynced = undefined;
    this.doAllWait = () => false;
    this.syncsAtOnceFrom_ms = 0;
    this.clock = clock;
    this.report = report;
    this.file = undefined;
    this.previous = [];
    this.syncingFiles = [];
    this.syncsGivenUp = 0;
    this.closings = 0;
    this.writtenBytes = 0;
    this.syncedBytes = 0;
    this.isSyncing = false;
    this.lastSync_ms = clock.monotonicMs();
    this.uncoveredSince_ms = 0;
    this.coveredSince_ms = 0;
    this.isLate = false;
    this.cutAt = -1;
    this.sum = new LogSum();
    this.summed = 0;
    this.fileBase = 0;
    this.forWrite = new Queue();
    this.forSync = new Queue();
  }

  get policy(): SyncPolicy {
    return this.currentPolicy;
  }

  set policy(policy: SyncPolicy) {
    this.currentPolicy = policy;
    // Whoever waits for a sync was promised one.
    if (this.forSync.length > 0 && this.buffer.length === 0) this.startSync();
  }

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** Whether records wait to be written. */
  get isDirty(): boolean {
    return this.buffer.length > 0;
  }

  get hasUnsynced(): boolean {
    return this.syncedBytes < this.writtenBytes + this.buffer.length;
  }

  get isSyncInProgress(): boolean {
    return this.isSyncing;
  }

  /** How far an acknowledgement of a write has to wait now. */
  get promised(): Kept {
    return this.policy === 'always' || (this.policy === 'everysec' && this.isLate) ? 'synced' : 'written';
  }

  /** Bytes of the file that is written on. */
  get fileBytes(): number {
    return this.file?.length ?? 0;
  }

  /**
   * From now on records go to this file; what was appended before must have been committed.
   * @param uncovered what stands at its end and no sum covers yet
   */
  open(file: DiskWriter, uncovered: Uint8Array = NOTHING): void {
    if (this.file !== undefined) this.previous.push(this.file);
    // Of what could not be synced when it was closed everybody has been told.
    else this.syncedBytes = this.writtenBytes;
    this.file = file;
    this.cutAt = -1;
    this.sum.reset();
    this.sum.add(uncovered, 0, uncovered.length);
    this.summed = 0;
    this.fileBase = this.writtenBytes - file.length;
    if (this.syncedBytes < this.writtenBytes) this.startSync();
    else this.closePrevious();
  }

  private closePrevious(): void {
    for (const file of this.previous) file.close();
    this.previous = [];
  }

  /** `done` is told when what was appended so far is kept, or with false that nobody will ever know. Maybe at once. */
  whenKept(kept: Kept, done: (isKept: boolean) => void): void {
    const position = this.writtenBytes + this.buffer.length;
    if (kept === 'written') {
      if (position <= this.writtenBytes) done(true);
      else this.forWrite.push({ position, done });
    } else if (this.syncFault !== undefined) done(false);
    else if (position <= this.syncedBytes) done(true);
    else if (this.file === undefined) done(false);
    else {
      this.forSync.push({ position, done });
      if (this.buffer.length === 0) this.startSync();
    }
  }

  /** Writes what was appended. */
  commit(): void {
    if (this.buffer.length === 0 || this.file === undefined) return;
    const isSyncNext = !this.isSyncing && (this.policy === 'always' || this.forSync.length > 0);
    if (!this.write(isSyncNext)) return;
    if (this.policy !== 'always' && this.forSync.length === 0) this.tick();
    else if (!this.doAllWait() || !this.syncAtOnce()) this.startSync();
  }

  /** Writes what was appended, and the sum of it: nothing more will be appended to this file. */
  commitLast(): void {
    this.write(true);
  }

  /**
   * @param isClosing a sum is to cover all there is. So it must be before a sync: what was synced is always covered, and a
   * damaged range that a sum covers was never promised to anybody.
   */
  private write(isClosing: boolean): boolean {
    const { buffer, file } = this;
    if (file === undefined) return false;
    this.sumUp(isClosing);
    if (buffer.length === 0) return true;
    const written = this.writeAll(file);
    if (!written.ok) {
      this.failed(written.fault);
      return false;
    }
    if (this.writeFault !== undefined) {
      this.writeFault = undefined;
      this.report.writeRecovered();
    }
    this.writtenBytes += buffer.length;
    buffer.drop(buffer.length);
    this.summed = 0;
    if (this.uncoveredSince_ms === 0) this.uncoveredSince_ms = this.clock.monotonicMs();
    settle(this.forWrite, this.writtenBytes, true);
    return true;
  }

  /** Takes what was appended into the sum, and says the sum when it is time. */
  private sumUp(isClosing: boolean): void {
    const { buffer, sum } = this;
    sum.add(buffer.bytes, this.summed, buffer.length);
    // What looks like a hole would be taken for one, also after the death of the process alone.
    const isDue = sum.isDue || isClosing || hasHole(buffer.bytes, this.summed, buffer.length);
    if (isDue && sum.bytes > 0) {
      buffer.addLine(sum.line(Math.max(0, this.syncedBytes - this.fileBase)));
    }
    this.summed = buffer.length;
  }

  /** False: not now. */
  private syncAtOnce(): boolean {
    const from_ms = this.clock.monotonicMs();
    const isLeft = this.isSyncing || this.previous.length > 0 || from_ms < this.syncsAtOnceFrom_ms;
    if (isLeft || this.syncFault !== undefined) return false;
    this.onSyncing?.();
    this.syncNow();
    const took_ms = this.clock.monotonicMs() - from_ms;
    if (took_ms > LOG_SYNC_AT_ONCE_MS_MAX) this.syncsAtOnceFrom_ms = from_ms + took_ms * LOG_SYNC_AT_ONCE_PAUSES;
    return true;
  }

  /** All of it or nothing: what the disk took of a record that it did not take whole is cut off again. */
  private writeAll(file: DiskWriter): DiskResult<void> {
    if (this.cutAt >= 0) {
      const cut = file.truncate(this.cutAt);
      if (!cut.ok) return cut;
      this.cutAt = -1;
    }
    const before = file.length;
    const { bytes, length } = this.buffer;
    const written = file.write(bytes, 0, length);
    if (written.ok && written.value === length) return { ok: true, value: undefined };
    if (file.length > before || !written.ok) {
      this.cutAt = before;
      if (file.truncate(before).ok) this.cutAt = -1;
    }
    if (!written.ok) return written;
    return { ok: false, fault: diskFull(file.path) };
  }

  private failed(fault: DiskFault): void {
    const isNews = this.writeFault === undefined;
    this.writeFault = fault;
    if (isNews) this.report.writeFailed(fault);
  }

  /** To be called now and then: tries again what failed, and syncs what is due. */
  tick(): void {
    if (this.writeFault !== undefined && this.buffer.length > 0) this.commit();
    if (this.policy !== 'everysec') return;
    const now_ms = this.clock.monotonicMs();
    if (this.uncoveredSince_ms !== 0 && now_ms - this.lastSync_ms >= LOG_SYNC_MS) this.startSync();
    const oldest_ms = this.coveredSince_ms !== 0 ? this.coveredSince_ms : this.uncoveredSince_ms;
    const isLate = oldest_ms !== 0 && now_ms - oldest_ms > LOG_SYNC_LATE_MS;
    if (isLate && !this.isLate) {
      this.delayedSyncs++;
      this.report.syncDelayed();
    }
    this.isLate = isLate;
  }

  /** Brings what was written to the disk, unless that is on its way. */
  startSync(): void {
    const { file } = this;
    if (this.isSyncing || this.syncFault !== undefined || file === undefined) return;
    if (this.syncedBytes >= this.writtenBytes || !this.write(true)) return;
    this.isSyncing = true;
    this.lastSync_ms = this.clock.monotonicMs();
    this.coveredSince_ms = this.uncoveredSince_ms;
    this.uncoveredSince_ms = 0;
    // What is appended and not written is not covered: then nothing counts as covered that is not known to be.
    if (this.buffer.length === 0) this.onSyncing?.();
    this.syncingFiles = [...this.previous, file]; // cold: once per sync
    this.previous = [];
    this.syncNext(this.writtenBytes);
  }

  private syncNext(target: number): void {
    const [first] = this.syncingFiles;
    if (first === undefined) return this.synced(target);
    const { syncsGivenUp, closings } = this;
    first.sync((fault) => {
      if (closings !== this.closings) return;
      if (syncsGivenUp !== this.syncsGivenUp) {
        // The system tells of a fault once: whoever synced the same file meanwhile may not have heard of it.
        if (fault !== undefined) this.neverSynced(fault);
        return;
      }
      if (fault !== undefined) return this.neverSynced(fault);
      this.syncingFiles.shift();
      if (first !== this.file && !this.previous.includes(first)) first.close();
      this.syncNext(target);
    });
  }

  private synced(target: number): void {
    this.isSyncing = false;
    this.coveredSince_ms = 0;
    this.syncedBytes = Math.max(this.syncedBytes, target);
    this.onSynced?.();
    // The disk first: it works while those are told whom it has served.
    const isWanted = this.policy === 'always' || this.previous.length > 0;
    if (this.policy === 'always' && this.buffer.length > 0) this.commit();
    else if (isWanted) this.startSync();
    settle(this.forSync, this.syncedBytes, true);
    if (this.forSync.length > 0) this.startSync();
    else if (!isWanted) this.tick();
    this.report.settled();
  }

  /** Brings what was written to the disk and waits for it: for the rare moments when what follows must not come before it. */
  syncNow(): DiskResult<void> {
    if (this.syncFault !== undefined) return { ok: false, fault: this.syncFault };
    for (const file of this.openFiles()) {
      const synced = file.syncNow();
      if (synced.ok) continue;
      this.neverSynced(synced.fault);
      return synced;
    }
    this.giveUpSync();
    this.closePrevious();
    this.uncoveredSince_ms = 0;
    this.syncedBytes = this.writtenBytes;
    this.onSynced?.();
    settle(this.forSync, this.syncedBytes, true);
    return { ok: true, value: undefined };
  }

  /** Nothing waits for the sync under way any more. */
  private giveUpSync(): void {
    for (const file of this.syncingFiles) if (file !== this.file) this.previous.push(file);
    this.syncingFiles = [];
    this.syncsGivenUp++;
    this.isSyncing = false;
    this.coveredSince_ms = 0;
  }

  /** Those that may hold what is not synced, oldest first. */
  private openFiles(): DiskWriter[] {
    const files = new Set(this.syncingFiles.concat(this.previous));
    if (this.file !== undefined) files.add(this.file);
    return Array.from(files);
  }

  /** What is on the disk is not known any more. */
  giveUp(fault: DiskFault): void {
    this.neverSynced(fault);
  }

  private neverSynced(fault: DiskFault): void {
    this.isSyncing = false;
    this.syncsGivenUp++;
    if (this.syncFault !== undefined) return;
    this.syncFault = fault;
    this.report.syncFailed(fault);
    settle(this.forSync, Number.POSITIVE_INFINITY, false);
    this.report.settled();
  }

  /**
   * Writes and syncs all there is, waiting for it, and lets go of the file. What failed before is over then: a log that is
   * opened again begins with all there is.
   */
  close(): DiskResult<void> {
    this.commitLast();
    const fault = this.writeFault ?? this.syncFault;
    let ended: DiskResult<void> = fault === undefined ? { ok: true, value: undefined } : { ok: false, fault };
    for (const file of this.openFiles()) {
      const synced = file.syncNow();
      if (!synced.ok && ended.ok) ended = synced;
      file.close();
    }
    this.giveUpSync();
    this.closings++;
    this.previous = [];
    this.file = undefined;
    if (ended.ok) this.syncedBytes = this.writtenBytes;
    settle(this.forWrite, this.writtenBytes, true);
    settle(this.forSync, this.syncedBytes, true);
    settle(this.forWrite, Number.POSITIVE_INFINITY, false);
    settle(this.forSync, Number.POSITIVE_INFINITY, false);
    this.buffer.drop(this.buffer.length);
    this.writeFault = undefined;
    this.syncFault = undefined;
    this.uncoveredSince_ms = 0;
    this.isLate = false;
    return ended;
  }
}

function settle(queue: Queue<Waiting>, position: number, isKept: boolean): void {
  for (;;) {
    const next = queue.peek();
    if (next === undefined || next.position > position) return;
    queue.shift();
    next.done(isKept);
  }
}
