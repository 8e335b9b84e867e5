/**
 * Rates over monotonic time: how many commands may pass, and how long bytes have to wait. No timers: a bucket fills when
 * it is looked at.
 *
 * Invariant: a bucket never holds more than its burst, and time that stands still or runs back adds nothing.
 *
 * Hot path: one `take` per command of a tenant with a rate, budget 10 ns. Guarded by `bench/cidr.ts`.
 */
import { RATE_WAIT_MS_MAX } from '../base/limits.ts';

/**
 * So many per second, in bursts of what comes in so many seconds, but one at least. Either `take` what is there or be
 * refused, or `spend` what has passed already, or will once it has waited, and wait until the debt is paid. Who spends in
 * advance is served in that order. A rate of 0 is no limit.
 */
export class TokenBucket {
  private perSecond: number;
  /** Below zero: debt. */
  private tokens: number;
  private tokensMax: number;
  private filledAt_ms: number;

  /** Starts full. Times are monotonic milliseconds; that of the turn will do. */
  constructor(perSecond: number, now_ms: number, burstSeconds = 1) {
    this.perSecond = perSecond;
    this.tokensMax = burstOf(perSecond, burstSeconds);
    this.tokens = this.tokensMax;
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

  /** What was taken has not been used after all. */
  giveBack(count: number): void {
    if (this.perSecond !== 0) this.tokens = Math.min(this.tokens + count, this.tokensMax);
  }

  /** Milliseconds until `count` are there, if nobody else takes them; 0: they are. */
  wait_ms(count: number, now_ms: number): number {
    if (this.perSecond === 0) return 0;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    return Math.max(0, Math.ceil(((count - this.tokens) * 1000) / this.perSecond));
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
  setRate(perSecond: number, now_ms: number, burstSeconds = 1): void {
    const tokensMax = burstOf(perSecond, burstSeconds);
    if (perSecond === this.perSecond && tokensMax === this.tokensMax) return;
    if (now_ms > this.filledAt_ms) this.fill(now_ms);
    this.tokens = this.perSecond === 0 ? tokensMax : Math.min(this.tokens, tokensMax);
    this.perSecond = perSecond;
    this.tokensMax = tokensMax;
    this.filledAt_ms = Math.max(this.filledAt_ms, now_ms);
  }

  private fill(now_ms: number): void {
    const filled = this.tokens + ((now_ms - this.filledAt_ms) * this.perSecond) / 1000;
    this.tokens = Math.min(filled, this.tokensMax);
    this.filledAt_ms = now_ms;
  }
}

/** Less than one would never let anything pass. */
function burstOf(perSecond: number, burstSeconds: number): number {
  return perSecond === 0 ? 0 : Math.max(1, perSecond * burstSeconds);
}

/** How fast somebody may be: a user, a tenant, an address. 0 is no limit. */
export interface RateTerms {
  readonly commandsPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  /** New ones. */
  readonly connectionsPerSecond: number;
  /** A burst is what comes in so many seconds. */
  readonly burstSeconds: number;
  /** What happens to a command over the rate: it is refused, or it waits. */
  readonly mode: 'refuse' | 'delay';
}

export const NO_RATES: RateTerms = {
  commandsPerSecond: 0,
  bytesInPerSecond: 0,
  bytesOutPerSecond: 0,
  connectionsPerSecond: 0,
  burstSeconds: 1,
  mode: 'refuse',
};

/** The buckets of one of them, shared by all its connections. */
export class Rates {
  readonly commands: TokenBucket;
  readonly bytesIn: TokenBucket;
  readonly bytesOut: TokenBucket;
  readonly connections: TokenBucket;
  mode: RateTerms['mode'];

  constructor(terms: RateTerms, now_ms: number) {
    this.commands = new TokenBucket(terms.commandsPerSecond, now_ms, terms.burstSeconds);
    this.bytesIn = new TokenBucket(terms.bytesInPerSecond, now_ms, terms.burstSeconds);
    this.bytesOut = new TokenBucket(terms.bytesOutPerSecond, now_ms, terms.burstSeconds);
    this.connections = new TokenBucket(terms.connectionsPerSecond, now_ms, terms.burstSeconds);
    this.mode = terms.mode;
  }

  adopt(terms: RateTerms, now_ms: number): void {
    this.commands.setRate(terms.commandsPerSecond, now_ms, terms.burstSeconds);
    this.bytesIn.setRate(terms.bytesInPerSecond, now_ms, terms.burstSeconds);
    this.bytesOut.setRate(terms.bytesOutPerSecond, now_ms, terms.burstSeconds);
    this.connections.setRate(terms.connectionsPerSecond, now_ms, terms.burstSeconds);
    this.mode = terms.mode;
  }

  get limitsBytes(): boolean {
    return this.bytesIn.rate > 0 || this.bytesOut.rate > 0;
  }
}
