/**
 * How many new handshakes are begun. One costs as much as hundreds of commands, and is done on the thread that serves: when
 * that thread falls behind while handshakes are under way, fewer are let in, and those that could not be finished in time
 * are turned away before any cryptography is done for them.
 *
 * ```
 *   keeps up ─▶ rate grows, to what the machine can do      late by more than a few ms ─▶ rate falls, to a trickle
 * ```
 */
import {
  HANDSHAKE_BURST_MAX,
  HANDSHAKE_LAG_MS_MAX,
  HANDSHAKE_PULSE_MS,
  HANDSHAKE_RATE_MAX,
  HANDSHAKE_RATE_MIN,
} from '../base/limits.ts';

/** Of the rate, each time: falls fast and comes back within a second or two. */
const SLOWER = 0.6;
const FASTER = 1.05;
/** A trickle comes one by one, not in the burst of a second. */
const BURST_SECONDS = 0.1;
/** Of the time a handshake may take: what waits longer for its turn will hardly be finished. */
const WAIT_SHARE_MAX = 0.5;

export class HandshakeBudget {
  private ratePerSecond: number;
  private tokens: number;
  private seenAt_ms: number;
  private finishedPerSecond: number;
  private finished: number;
  private countedFrom_ms: number;

  constructor(now_ms: number) {
    this.ratePerSecond = HANDSHAKE_RATE_MAX;
    this.tokens = HANDSHAKE_BURST_MAX;
    this.seenAt_ms = now_ms;
    this.finishedPerSecond = HANDSHAKE_RATE_MAX;
    this.finished = 0;
    this.countedFrom_ms = now_ms;
  }

  /** Whether one more may begin, while so many are under way. */
  admits(now_ms: number, underWay: number, timeout_ms: number): boolean {
    this.refill(now_ms);
    const wait_ms = (1000 * underWay) / Math.max(1, this.finishedPerSecond);
    if (underWay > HANDSHAKE_BURST_MAX && wait_ms > timeout_ms * WAIT_SHARE_MAX) return false;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  /** One has come to its end. */
  done(): void {
    this.finished++;
  }

  /** Called every so often while handshakes are under way, with how late that call was. */
  pulse(now_ms: number, late_ms: number): void {
    this.refill(now_ms);
    const factor = late_ms > HANDSHAKE_LAG_MS_MAX ? SLOWER : FASTER;
    this.ratePerSecond = Math.min(HANDSHAKE_RATE_MAX, Math.max(HANDSHAKE_RATE_MIN, this.ratePerSecond * factor));
    this.tokens = Math.min(this.tokens, this.burst);
    const counted_ms = now_ms - this.countedFrom_ms;
    if (counted_ms < 1000) return;
    this.finishedPerSecond = (1000 * this.finished) / counted_ms;
    this.finished = 0;
    this.countedFrom_ms = now_ms;
  }

  private get burst(): number {
    if (this.ratePerSecond >= HANDSHAKE_RATE_MAX) return HANDSHAKE_BURST_MAX;
    return Math.max(1, Math.min(HANDSHAKE_BURST_MAX, this.ratePerSecond * BURST_SECONDS));
  }

  private refill(now_ms: number): void {
    const passed_ms = now_ms - this.seenAt_ms;
    this.seenAt_ms = now_ms;
    // Nothing was under way meanwhile: nobody was in anybody's way.
    if (passed_ms > 20 * HANDSHAKE_PULSE_MS)
      this.ratePerSecond = Math.min(HANDSHAKE_RATE_MAX, this.ratePerSecond * (1 + passed_ms / 1000));
    this.tokens = Math.min(this.burst, this.tokens + (this.ratePerSecond * passed_ms) / 1000);
  }
}
