/**
 * How long commands take in a worker thread, written beside their replies. As `gateway/timing.ts` does it for commands of
 * the gateway's thread: those whose work is bounded share one look at the clock, the others are timed alone, and those
 * that were slow are told with their words, which nobody else has any more.
 *
 * Invariant: a group is settled before the batch that its replies lie in is taken.
 *
 * Hot path in pool mode. Budget 10 ns per command in batches of 16; guarded by the pool rows of `npm run bench`.
 */
import { TIMED_ALONE_BELOW_US, TIMED_ALONE_BYTES, TIMED_TOGETHER_MAX } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import type { EngineSettings } from '../command/ports/backend.ts';
import { recordedWords } from '../command/recorded.ts';
import type { Request } from '../resp/request.ts';
import type { ReplyBatchWriter, RequestBatchReader } from './mailbox.ts';
import type { SlowCommand } from './protocol.ts';

/** What a command of bounded work takes. */
const USUAL_MS = 0.0005;

export class Stopwatch {
  private readonly replies: ReplyBatchWriter;
  private readonly slow: (command: SlowCommand) => void;
  private readonly places: Int32Array;
  private count: number;
  private readAt_ms: number;
  /** When the last command inside of a transaction was done. */
  private insideAt_ms: number;
  private slowerThan_us: number;
  private threshold_ms: number;
  private everyAlone: boolean;

  constructor(replies: ReplyBatchWriter, slow: (command: SlowCommand) => void) {
    this.replies = replies;
    this.slow = slow;
    this.places = new Int32Array(TIMED_TOGETHER_MAX);
    this.count = 0;
    this.readAt_ms = 0;
    this.insideAt_ms = 0;
    this.slowerThan_us = -1;
    this.threshold_ms = 0;
    this.everyAlone = false;
  }

  configure({ slowlogSlowerThan_us, latencyThreshold_ms }: EngineSettings): void {
    this.slowerThan_us = slowlogSlowerThan_us;
    this.threshold_ms = latencyThreshold_ms;
    this.everyAlone = slowlogSlowerThan_us >= 0 && slowlogSlowerThan_us < TIMED_ALONE_BELOW_US;
  }

  /** Whether the latency monitor wants to know. */
  isStall(duration_ms: number): boolean {
    return this.threshold_ms > 0 && duration_ms >= this.threshold_ms;
  }

  begin(): void {
    this.readAt_ms = performance.now();
  }

  /** @returns whether the command is timed alone */
  beforeCommand(command: Command | undefined, request: Request): boolean {
    const isAlone = this.everyAlone || command?.isSteady !== true || request.wireBytes > TIMED_ALONE_BYTES;
    if (isAlone) this.settle();
    this.insideAt_ms = this.readAt_ms;
    return isAlone;
  }

  /** @param at where the reply says how long its command ran */
  afterCommand(
    at: number,
    isAlone: boolean,
    command: Command | undefined,
    reader: RequestBatchReader,
    request: Request,
    replyBytes: number,
  ): void {
    const isLarge = replyBytes > TIMED_ALONE_BYTES;
    if (!isAlone && !isLarge) {
      this.places[this.count++] = at;
      if (this.count === TIMED_TOGETHER_MAX) this.settle();
      return;
    }
    const duration_ms = this.lapAfterOthers();
    this.replies.ran(at, duration_ms);
    this.judge(command, reader, request, duration_ms);
  }

  /** A command of a transaction has run: the time of the whole is that of the transaction, but each may have been slow. */
  insideTransaction(command: Command | undefined, reader: RequestBatchReader, request: Request): void {
    const now_ms = performance.now();
    this.judge(command, reader, request, now_ms - this.insideAt_ms);
    this.insideAt_ms = now_ms;
  }

  /** The reply leaves on its own. @returns how long its command ran */
  afterLarge(command: Command | undefined, reader: RequestBatchReader, request: Request): number {
    const duration_ms = this.lapAfterOthers();
    this.judge(command, reader, request, duration_ms);
    return duration_ms;
  }

  /** The time since the last look belongs to the command that has just run, but for the usual of those gathered before. */
  private lapAfterOthers(): number {
    const { count } = this;
    const duration_ms = this.lap();
    this.count = 0;
    if (count === 0) return duration_ms;
    const share_ms = Math.min(USUAL_MS, duration_ms / (count + 1));
    for (let i = 0; i < count; i++) this.replies.ran(this.places[i] as number, share_ms);
    return duration_ms - count * share_ms;
  }

  settle(): void {
    const { count } = this;
    if (count === 0) return;
    this.count = 0;
    const share_ms = this.lap() / count;
    for (let i = 0; i < count; i++) this.replies.ran(this.places[i] as number, share_ms);
  }

  private lap(): number {
    const now_ms = performance.now();
    const duration_ms = now_ms - this.readAt_ms;
    this.readAt_ms = now_ms;
    return duration_ms;
  }

  private judge(command: Command | undefined, reader: RequestBatchReader, request: Request, duration_ms: number): void {
    if (command === undefined) return;
    const isSlow = this.slowerThan_us >= 0 && duration_ms * 1000 >= this.slowerThan_us;
    if (!isSlow && !this.isStall(duration_ms)) return;
    if (command.flags.includes('skip_slowlog')) return;
    this.slow({
      connection: reader.id,
      tenant: reader.tenantNumber,
      command: command.id,
      duration_us: Math.round(duration_ms * 1000),
      words: recordedWords(command, request),
    });
  }
}
