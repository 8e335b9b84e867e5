/**
 * When a new handshake may begin. One costs as much as some twenty-five commands, and is done on the thread that serves: those
 * who come are let in at a rate, and that rate follows what the thread can do beside its work. Whoever would have to wait
 * for too long is turned away at once, before any cryptography is done for them.
 *
 * ```
 *   keeps up ─▶ the rate grows      a timer is late by more than a few ms ─▶ it falls, to a trickle
 * ```
 */
import {
  HANDSHAKE_BURST_MAX,
  HANDSHAKE_LAG_MS_MAX,
  HANDSHAKE_PULSE_MS,
  HANDSHAKE_RATE_MAX,
  HANDSHAKE_RATE_MIN,
} from '../base/limits.ts';

/** Of the rate, at each pulse: it falls fast, and comes back within a second. */
const SLOWER = 0.7;
const FASTER = 1.04;
const BURST_MS = 5 * HANDSHAKE_PULSE_MS;
/** Of the time a handshake may take: what waits longer for its turn would hardly be finished. */
const WAIT_SHARE_MAX = 0.4;

export class HandshakeBudget {
  private ratePerSecond: number;
  private tokens: number;
  private seenAt_ms: number;

  constructor(now_ms: number) {
    this.ratePerSecond = HANDSHAKE_RATE_MAX;
    this.tokens = HANDSHAKE_BURST_MAX;
    this.seenAt_ms = now_ms;
  }

  /** One may begin now. */
  take(now_ms: number): boolean {
    this.refill(now_ms);
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  /** Whether it is of any use to wait behind so many others. */
  isWorthWaiting(waiting: number, timeout_ms: number): boolean {
    return (1000 * waiting) / this.ratePerSecond <= timeout_ms * WAIT_SHARE_MAX;
  }

  /** Called every so often while anybody waits or is under way, with how late that call was. */
  pulse(now_ms: number, late_ms: number): void {
    this.refill(now_ms);
    this.turnTo(this.ratePerSecond * (late_ms > HANDSHAKE_LAG_MS_MAX ? SLOWER : FASTER));
  }

  private turnTo(ratePerSecond: number): void {
    this.ratePerSecond = Math.min(HANDSHAKE_RATE_MAX, Math.max(HANDSHAKE_RATE_MIN, ratePerSecond));
    this.tokens = Math.min(this.tokens, this.burst);
  }

  /** What a pulse or a few have room for: a thread that is late looks here late, too. */
  private get burst(): number {
    if (this.ratePerSecond >= HANDSHAKE_RATE_MAX) return HANDSHAKE_BURST_MAX;
    return Math.max(1, (this.ratePerSecond * BURST_MS) / 1000);
  }

  private refill(now_ms: number): void {
    const passed_ms = now_ms - this.seenAt_ms;
    this.seenAt_ms = now_ms;
    // Nobody came for a while: nobody was in the way of anybody.
    if (passed_ms > 20 * HANDSHAKE_PULSE_MS)
      this.turnTo(this.ratePerSecond * FASTER ** (passed_ms / HANDSHAKE_PULSE_MS));
    this.tokens = Math.min(this.burst, this.tokens + (this.ratePerSecond * passed_ms) / 1000);
  }
}
