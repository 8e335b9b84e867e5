/**
 * Rates over monotonic time: how many commands may pass, and how long bytes have to wait. No timers: a bucket fills when
 * it is looked at.
 *
 * Invariant: a bucket never holds more than one second's worth, and time that stands still or runs back adds nothing.
 *
 * Hot path: one `take` per command of a tenant with a rate, budget 10 ns. Guarded by `bench/cidr.ts`.
 */
import { RATE_WAIT_MS_MAX } from '../base/limits.ts';

/**
 * So many per second, in bursts of up to one second's worth. Either `take` what is there or be refused (commands), or
 * `spend` what has passed already and wait until the debt is paid (bytes). A rate of 0 is no limit.
 */
export class TokenBucket {
  private perSecond: number;
  /** Below zero: debt. */
  private tokens: number;
  private filledAt_ms: number;

  /** Starts full. Times are monotonic milliseconds; that of the turn will do. */
  constructor(perSecond: number, now_ms: number) {
    this.perSecond = perSecond;
    this.tokens = perSecond;
    this.filledAt_ms = now_ms;
  }

  get rate(): number {
    return this.perSecond;
  }

  /** Takes `count` if they are there, else nothing. */
  take(count: number, now_ms: number): boolean {
    if (this.perSecond === 0) return true;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    if (this.tokens < count) return false;
    this.tokens -= count;
    return true;
  }

  /** Counts what has passed, be it there or not. */
  spend(count: number, now_ms: number): void {
    if (this.perSecond === 0) return;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    this.tokens -= count;
  }

  /** Milliseconds until the debt is paid, 0 without debt. At most {@link RATE_WAIT_MS_MAX}: then ask again. */
  delay_ms(now_ms: number): number {
    if (this.perSecond === 0) return 0;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    if (this.tokens >= 0) return 0;
    return Math.min(RATE_WAIT_MS_MAX, Math.ceil((-this.tokens * 1000) / this.perSecond));
  }

  /** A new rate. What was used stays used and debt stays debt: a reload is no way to a fresh burst. */
  setRate(perSecond: number, now_ms: number): void {
    if (perSecond === this.perSecond) return;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    this.tokens = this.perSecond === 0 ? perSecond : Math.min(this.tokens, perSecond);
    this.perSecond = perSecond;
    this.filledAt_ms = Math.max(this.filledAt_ms, now_ms);
  }

  private fill(now_ms: number): void {
    const filled = this.tokens + ((now_ms - this.filledAt_ms) * this.perSecond) / 1000;
    this.tokens = Math.min(filled, this.perSecond);
    this.filledAt_ms = now_ms;
  }
}
