/**
 * How long commands take that run in this thread: statistics and histograms for all, the slow log and the latency monitor
 * for those that took long. What worker threads measure comes here with their replies.
 *
 * A look at the clock costs as much as a small command. So commands whose work is bounded (`isSteady`) share one: they
 * are gathered until the chunk is over, or there are TIMED_TOGETHER_MAX of them, and get an even share each. Whatever may
 * take long is timed alone: everything else, requests and replies of some size, a chunk's only command, and all of them
 * once the thresholds are so low that a share would decide what is logged. A reply that turns out large gets all that its
 * group took beyond the usual.
 *
 * Invariant: the commands of a group belong to one tenant, as whatever changes identity is timed alone.
 *
 * Hot path. Budget 10 ns per command at depth 16; guarded by `bench/timing.ts` and the P16 rows of `npm run bench`.
 */
import { SLOWLOG_ENTRIES_MAX, TIMED_ALONE_BELOW_US, TIMED_ALONE_BYTES, TIMED_TOGETHER_MAX } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import { recordedWords } from '../command/recorded.ts';
import { LatencyMonitor } from '../observe/latency.ts';
import { SlowLog } from '../observe/slowlog.ts';
import type { Request } from '../resp/request.ts';
import { bracketed } from './clients.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { TenantCounters } from './counters.ts';
import type { TimingView } from './view.ts';

/** What a steady command takes, before any has been measured. */
const USUAL_MS_AT_FIRST = 0.0005;

/** Commands that take little, between two looks at the clock: one behind each would cost as much as a small one. */
const QUICK_COMMANDS = 16;

/** A command that was slow in a worker thread. */
export interface SlowElsewhere {
  readonly connection: number;
  readonly tenant: number;
  readonly command: number;
  readonly duration_us: number;
  readonly words: readonly string[];
}

export class Timing {
  readonly slowlog: SlowLog;
  readonly latency: LatencyMonitor;
  /** Every command is timed alone. */
  everyAlone: boolean;
  /** The clock has been read since the last command began. */
  isFresh: boolean;
  /** When it was read last. */
  readAt_ms: number;
  private readonly core: Core;
  private readonly ids: Int32Array;
  private count: number;
  private counters: TenantCounters;
  private usual_ms: number;
  private slowerThan_us: number;

  constructor(core: Core) {
    this.core = core;
    this.slowlog = new SlowLog(SLOWLOG_ENTRIES_MAX);
    this.latency = new LatencyMonitor(() => core.clock.nowMs());
    this.everyAlone = false;
    this.isFresh = false;
    this.readAt_ms = 0;
    this.ids = new Int32Array(TIMED_TOGETHER_MAX);
    this.count = 0;
    this.counters = core.counters.strangers;
    this.usual_ms = USUAL_MS_AT_FIRST;
    this.slowerThan_us = -1;
  }

  adopt(view: TimingView): void {
    this.slowerThan_us = view.slowlogSlowerThan_us;
    this.slowlog.setMax(view.slowlogMaxLength);
    this.latency.threshold_ms = view.latencyThreshold_ms;
    this.core.counters.tracking.isOn = view.latencyTracking;
    const threshold_us = view.latencyThreshold_ms * 1000;
    this.everyAlone =
      (this.slowerThan_us >= 0 && this.slowerThan_us < TIMED_ALONE_BELOW_US) ||
      (threshold_us > 0 && threshold_us < TIMED_ALONE_BELOW_US);
  }

  /** Whether to look at the clock behind this command, the `ran`th of its chunk; somebody may have done so anyway. */
  isWorthALook(ran: number, commandId: number): boolean {
    return this.isFresh || ran % QUICK_COMMANDS === 0 || this.core.table.all[commandId]?.mayTakeLong === true;
  }

  // -- Around commands -------------------------------------------------------------------------------------------------

  /** A turn begins: the clock has just been read. */
  begin(now_ms: number): void {
    this.settle();
    this.readAt_ms = now_ms;
    this.isFresh = true;
  }

  /** A command that is timed alone is about to run. @returns since when its time counts */
  beginAlone(): number {
    if (this.count > 0) this.settle();
    // What the gateway did for requests that run elsewhere is not this command's.
    else if (!this.core.backend.isInline) this.readAt_ms = this.core.clock.monotonicMs();
    return this.readAt_ms;
  }

  /** It has run, and so have those that ran inside of it, if it was EXEC. */
  endAlone(
    connection: Connection,
    command: Command,
    request: Request,
    counters: TenantCounters,
    from_ms: number,
  ): void {
    if (this.count > 0) this.settle();
    this.lap();
    const duration_ms = this.readAt_ms - from_ms;
    counters.took(command.id, duration_ms);
    this.judge(connection, command, request, counters, duration_ms);
  }

  /** A steady command has run. */
  share(
    connection: Connection,
    command: Command,
    request: Request,
    counters: TenantCounters,
    replyBytes: number,
  ): void {
    this.counters = counters;
    this.ids[this.count++] = command.id;
    const isLarge = replyBytes > TIMED_ALONE_BYTES;
    if (!isLarge && this.count < TIMED_TOGETHER_MAX && connection.decoder.bufferedBytes > 0) return;
    if (this.count === 1) {
      this.count = 0;
      this.endAlone(connection, command, request, counters, this.readAt_ms);
    } else if (isLarge) {
      this.count--;
      const duration_ms = this.lap();
      const others_ms = this.count * Math.min(this.usual_ms, duration_ms / (this.count + 1));
      this.book(others_ms);
      counters.took(command.id, duration_ms - others_ms);
      this.judge(connection, command, request, counters, duration_ms - others_ms);
    } else {
      this.settle();
    }
  }

  /** Whoever shares the time since the last look at the clock gets it now. */
  settle(): void {
    if (this.count === 0) return;
    const duration_ms = this.lap();
    this.usual_ms = this.usual_ms * 0.9 + (duration_ms / this.count) * 0.1;
    this.book(duration_ms);
    // Which of them it was nobody knows; that somebody waited so long is worth telling.
    if (this.latency.threshold_ms > 0) this.latency.add(this.counters.tenant, 'fast-command', duration_ms);
  }

  private lap(): number {
    const now_ms = this.core.clock.monotonicMs();
    const duration_ms = now_ms - this.readAt_ms;
    this.readAt_ms = now_ms;
    this.isFresh = true;
    return duration_ms;
  }

  private book(duration_ms: number): void {
    const { ids, count } = this;
    if (count === 0) return;
    this.count = 0;
    this.counters.tookTogether(ids, count, duration_ms / count);
  }

  // -- What took long --------------------------------------------------------------------------------------------------

  private judge(
    connection: Connection,
    command: Command,
    request: Request,
    counters: TenantCounters,
    duration_ms: number,
  ): void {
    if (this.latency.threshold_ms > 0) {
      this.latency.add(counters.tenant, command.isFast ? 'fast-command' : 'command', duration_ms);
    }
    const { slowerThan_us } = this;
    if (slowerThan_us < 0 || duration_ms * 1000 < slowerThan_us) return;
    // What waits is not slow; who is answered by another's push is not, either.
    if (command.flags.includes('skip_slowlog') || connection.isWaiting) return;
    this.record(connection, counters.tenant, Math.round(duration_ms * 1000), recordedWords(command, request));
  }

  /** A worker thread found a command slow: by the slow log's measure, or by that of the latency monitor. */
  slowElsewhere({ connection, tenant, command, duration_us, words }: SlowElsewhere): void {
    const found = this.core.clients.find(connection);
    // The worker knows whose data it was; it is told to those whose command it was.
    const owner = found === undefined ? tenant : found.counters.tenant;
    const isFast = this.core.table.all[command]?.isFast === true;
    this.latency.add(owner, isFast ? 'fast-command' : 'command', duration_us / 1000);
    if (this.slowerThan_us >= 0 && duration_us >= this.slowerThan_us) this.record(found, owner, duration_us, words);
  }

  private record(
    connection: Connection | undefined,
    tenant: number,
    duration_us: number,
    words: readonly string[],
  ): void {
    this.slowlog.add({
      tenant,
      time_s: Math.floor(this.core.clock.nowMs() / 1000),
      duration_us,
      words,
      address: connection === undefined ? '' : `${bracketed(connection.addressText)}:${connection.peer.port}`,
      clientName: connection?.session.name ?? '',
    });
  }
}
