/**
 * The audit trail as the rest of the process knows it: records go into one buffer, and what came together is sealed and
 * written together. Nobody waits for a record but who asks for it to be synced.
 *
 *   record ─▶ buffer ──100 ms, or 64 KiB, or sync──▶ seal ─▶ sink ──sync──▶ whoever waits
 *
 * Invariants: numbers have no gaps, as what is lost never had one; what is lost is counted, and the count is the next
 * record; while the sink fails no more than AUDIT_QUEUE_BYTES_MAX wait, and those are written first once it works again.
 *
 * Hot path: `begin` and `end`, once per audited command. Guarded by `bench/audit.ts`.
 */
import type { Clock } from '../base/clock.ts';
import { AUDIT_BATCH_BYTES, AUDIT_QUEUE_BYTES_MAX, AUDIT_SYNC_MS, AUDIT_WAITING_MAX } from '../base/limits.ts';
import { Chain } from './audit-chain.ts';
import {
  type AuditEvent,
  type AuditOutcome,
  type AuditValue,
  type AuditWho,
  writeEvent,
  writeMore,
  writeOutcome,
  writeWhat,
  writeWho,
} from './audit-event.ts';
import { LineWriter } from './audit-line.ts';
import type { AuditSink } from './audit-sink.ts';

export interface AuditJournalParts {
  readonly sink: AuditSink;
  readonly clock: Clock;
  /** Which node of many this is. */
  readonly nodeName: string;
  /** HMAC instead of plain hashes. */
  readonly key: Uint8Array | undefined;
  /** What happens to commands while the sink fails. */
  readonly onFailure: 'deny' | 'drop';
  /** The sink has begun to fail, with why in one line, or works again. */
  readonly changed: (fault: string | undefined) => void;
}

export interface AuditFigures {
  readonly records: number;
  readonly dropped: number;
  readonly isFailing: boolean;
  /** Number and hash of the last seal: what to keep elsewhere, to prove later that nothing was cut off. */
  readonly lastSeal: string;
}

type Waiter = (isSafe: boolean) => void;

const SEAL = { kind: 'event', category: 'process', type: 'info', action: 'audit-seal' } as const;
const WRITER_BYTES = 2 * AUDIT_BATCH_BYTES;
const NO_BYTES = new Uint8Array(0);

export class AuditJournal {
  readonly line: LineWriter;
  readonly onFailure: 'deny' | 'drop';
  /** The sink took nothing when it was last tried. */
  isFailing: boolean;
  private readonly parts: AuditJournalParts;
  private readonly chain: Chain;
  private readonly fixed: Uint8Array;
  private readonly scratch: LineWriter;
  /** Of the last record. */
  private sequence: number;
  /** Records in the buffer. */
  private waiting: number;
  /** What a process before this one left without a seal. */
  private unsealed: Uint8Array;
  private unsealedLines: number;
  private records: number;
  private dropped: number;
  /** … of which no record tells yet. */
  private untold: number;
  private stampAt_ms: number;
  private stamp: Uint8Array;
  private lastSeal: string;
  private isUnsynced: boolean;
  private isSyncing: boolean;
  private syncedAt_ms: number;
  private waiters: Waiter[];
  private isClosed: boolean;

  constructor(parts: AuditJournalParts) {
    const { continuation } = parts.sink;
    this.parts = parts;
    this.onFailure = parts.onFailure;
    this.line = new LineWriter(WRITER_BYTES);
    this.scratch = new LineWriter(1024);
    this.chain = new Chain(continuation.previous, parts.key);
    this.sequence = continuation.sequence;
    this.unsealed = continuation.unsealed;
    this.unsealedLines = continuation.unsealedLines;
    this.isFailing = false;
    this.waiting = 0;
    this.records = 0;
    this.dropped = 0;
    this.untold = 0;
    this.stampAt_ms = -1;
    this.stamp = NO_BYTES;
    this.lastSeal = `${continuation.sequence}:${continuation.previous}`;
    this.isUnsynced = false;
    this.isSyncing = false;
    this.syncedAt_ms = parts.clock.monotonicMs();
    this.waiters = [];
    this.isClosed = false;
    this.fixed = this.fixedFields();
    this.tellOfBeginning();
  }

  private fixedFields(): Uint8Array {
    this.scratch.reset();
    this.scratch.word(',"ecs.version":"9.5.0","event.module":"portcullis","event.dataset":"portcullis.audit"');
    this.scratch.word(',"service.node.name":');
    this.scratch.text(this.parts.nodeName, 64);
    return Uint8Array.from(this.scratch.bytes.subarray(0, this.scratch.length));
  }

  private tellOfBeginning(): void {
    const { cutBytes, isBroken } = this.parts.sink.continuation;
    const { algorithm } = this.chain;
    this.tell('audit-opened', 'success', undefined, [['portcullis.seal.algorithm', algorithm]]);
    if (isBroken) this.tell('audit-restarted', 'failure', 'the_file_ended_without_a_chain', []);
    else if (cutBytes > 0 || this.unsealedLines > 0) {
      this.tell('audit-recovered', 'success', 'the_last_batch_was_not_whole', [
        ['portcullis.cut_bytes', cutBytes],
        ['portcullis.unsealed_lines', this.unsealedLines],
      ]);
    }
  }

  /** A record about the trail itself. */
  private tell(
    action: string,
    outcome: AuditOutcome,
    reason: string | undefined,
    more: readonly (readonly [string, AuditValue])[],
  ): void {
    if (!this.begin()) return;
    writeWhat(this.line, {
      kind: 'event',
      category: 'process',
      type: outcome === 'success' ? 'info' : 'error',
      action,
    });
    writeOutcome(this.line, outcome, reason);
    writeMore(this.line, more);
    this.end();
  }

  get figures(): AuditFigures {
    const { records, dropped, isFailing, lastSeal } = this;
    return { records, dropped, isFailing, lastSeal };
  }

  /** Commands that have to be recorded are not to be run now. */
  get isRefusing(): boolean {
    return this.isFailing && this.onFailure === 'deny';
  }

  // -- Records ---------------------------------------------------------------------------------------------------------

  /** Begins a record in `line`; false when there is no room for it, and it is lost. */
  begin(): boolean {
    const { line } = this;
    if (line.length >= AUDIT_QUEUE_BYTES_MAX || this.isClosed) {
      this.dropped++;
      this.untold++;
      return false;
    }
    if (this.untold > 0 && !this.isFailing) this.tellOfLost();
    this.sequence++;
    this.head(this.sequence);
    return true;
  }

  private head(sequence: number): void {
    const { line } = this;
    const now_ms = this.parts.clock.nowMs();
    if (now_ms !== this.stampAt_ms) {
      this.stampAt_ms = now_ms;
      this.stamp = Buffer.from(`{"@timestamp":"${new Date(now_ms).toISOString()}","event.sequence":`, 'latin1');
    }
    line.raw(this.stamp);
    line.integer(sequence);
    line.raw(this.fixed);
  }

  /** The record in `line` is whole. */
  end(): void {
    this.line.word('}\n');
    this.waiting++;
    this.records++;
    if (this.line.length >= AUDIT_BATCH_BYTES && !this.isFailing) this.flush();
  }

  record(event: AuditEvent): void {
    if (!this.begin()) return;
    writeEvent(this.line, event);
    this.end();
  }

  /** The fields of who it was, for `AuditEvent.who`. */
  who(who: AuditWho): Uint8Array {
    this.scratch.reset();
    writeWho(this.scratch, who);
    return Uint8Array.from(this.scratch.bytes.subarray(0, this.scratch.length));
  }

  /** The fields of what it is, for who writes them often. */
  what(what: Pick<AuditEvent, 'kind' | 'category' | 'type' | 'action'>): Uint8Array {
    this.scratch.reset();
    writeWhat(this.scratch, what);
    return Uint8Array.from(this.scratch.bytes.subarray(0, this.scratch.length));
  }

  private tellOfLost(): void {
    const { untold } = this;
    this.untold = 0;
    this.tell('audit-lost', 'failure', undefined, [['portcullis.count', untold]]);
  }

  // -- To the sink -----------------------------------------------------------------------------------------------------

  /** Seals and writes what waits; false when the sink does not take it. */
  flush(): boolean {
    if (this.waiting === 0 && this.unsealedLines === 0) return !this.isFailing;
    const { line, chain } = this;
    const { sink } = this.parts;
    const end = line.length;
    this.head(this.sequence + 1);
    writeWhat(line, SEAL);
    line.word(',"event.outcome":"success"');
    const records = line.bytes.subarray(0, end);
    const head = line.bytes.toString('latin1', end, line.length);
    const sealed = chain.seal([this.unsealed, records], this.unsealedLines + this.waiting, head);
    line.word(sealed.rest);
    const written = sink.write(line.bytes, 0, line.length);
    line.length = end;
    if (!written.ok) {
      this.failed(written.fault);
      return false;
    }
    this.sequence++;
    chain.advance(sealed.hash);
    this.lastSeal = `${this.sequence}:${sealed.hash}`;
    this.unsealed = NO_BYTES;
    this.unsealedLines = 0;
    this.waiting = 0;
    line.shrink(WRITER_BYTES);
    this.isUnsynced = true;
    if (this.isFailing) {
      this.isFailing = false;
      this.parts.changed(undefined);
    }
    sink.batchWritten(this.sequence + 1);
    return true;
  }

  private failed(fault: string): void {
    if (this.isFailing) return;
    this.isFailing = true;
    this.parts.changed(fault);
  }

  /** Ten times a second or so. */
  tick(): void {
    if (this.isClosed) return;
    if (this.flush() && this.untold > 0) this.tellOfLost();
    const now_ms = this.parts.clock.monotonicMs();
    if (this.isUnsynced && !this.isSyncing && now_ms - this.syncedAt_ms >= AUDIT_SYNC_MS) this.startSync();
  }

  /** `done` is told once what is recorded so far is safe, or that it may not be. */
  sync(done: Waiter): void {
    if (!this.flush() || this.waiters.length >= AUDIT_WAITING_MAX) return done(false);
    this.waiters.push(done);
    if (!this.isSyncing) this.startSync();
  }

  /** The same, waiting for it. */
  syncNow(): boolean {
    if (!this.flush()) return false;
    const synced = this.parts.sink.syncNow();
    if (!synced.ok) this.syncFailed(synced.fault);
    return synced.ok;
  }

  /** One at a time: whoever comes while one is under way waits for the next. */
  private startSync(): void {
    const { waiters } = this;
    this.waiters = [];
    this.isSyncing = true;
    this.isUnsynced = false;
    this.syncedAt_ms = this.parts.clock.monotonicMs();
    this.parts.sink.sync((fault) => {
      this.isSyncing = false;
      if (fault !== undefined) this.syncFailed(fault);
      for (const waiter of waiters) waiter(fault === undefined);
      if (this.waiters.length > 0) this.startSync();
    });
  }

  private syncFailed(fault: string): void {
    this.failed(fault);
    this.tell('audit-sync-failed', 'failure', 'what_was_written_before_may_be_lost_in_a_power_cut', []);
  }

  /** The last record, and everything on the disk. */
  close(reason: string): void {
    if (this.isClosed) return;
    this.tell('audit-closed', 'success', reason, []);
    this.syncNow();
    this.isClosed = true;
    this.parts.sink.close();
  }
}
