/**
 * When a log is written anew of its own accord: once it is large, and has grown by so much since it last was. After
 * failures there are pauses, each twice as long as the one before.
 */
import type { Clock } from '../base/clock.ts';
import { REWRITE_PAUSE_MS, REWRITE_PAUSE_MS_MAX } from '../base/limits.ts';
import type { DurabilitySettings } from '../command/ports/durability.ts';

export class RewriteSchedule {
  /** Bytes of the log when it was last written anew. */
  baseBytes: number;
  private readonly clock: Clock;
  private begun_ms: number;
  private failures: number;

  constructor(clock: Clock) {
    this.baseBytes = 0;
    this.clock = clock;
    this.begun_ms = 0;
    this.failures = 0;
  }

  isDue({ logRewritePercent, logRewriteMinBytes }: DurabilitySettings, logBytes: number): boolean {
    if (logRewritePercent === 0 || logBytes < logRewriteMinBytes) return false;
    if (this.failures > 0) {
      const pause_ms = Math.min(REWRITE_PAUSE_MS * 2 ** (this.failures - 1), REWRITE_PAUSE_MS_MAX);
      if (this.clock.monotonicMs() - this.begun_ms < pause_ms) return false;
    }
    return logBytes * 100 >= Math.max(1, this.baseBytes) * (100 + logRewritePercent);
  }

  begun(): void {
    this.begun_ms = this.clock.monotonicMs();
  }

  /** @returns how long it took */
  ended(isGood: boolean): number {
    this.failures = isGood ? 0 : this.failures + 1;
    return Math.floor((this.clock.monotonicMs() - this.begun_ms) / 1000);
  }
}
