/**
 * Gives a shard its time in the background: ten rounds a second, and between them slices as long as there is work, each
 * in a turn of its own so that requests come in between.
 */
import { SHARD_CRON_MS } from '../base/limits.ts';
import type { Shard } from '../engine/shard.ts';

export class Background {
  private readonly shard: Shard;
  private readonly worked: () => void;
  private readonly ticked: () => void;
  private readonly timer: ReturnType<typeof setInterval>;
  private slice: ReturnType<typeof setImmediate> | undefined;

  /**
   * @param worked runs after each slice: keys may have expired for which somebody waits
   * @param ticked runs after each round: statistics are brought up to date there
   */
  constructor(shard: Shard, worked: () => void, ticked: () => void) {
    this.shard = shard;
    this.worked = worked;
    this.ticked = ticked;
    this.slice = undefined;
    this.timer = setInterval(() => this.round(), SHARD_CRON_MS);
  }

  private round(): void {
    if (this.shard.cron()) this.later();
    this.worked();
    this.ticked();
  }

  /** Work has come up between rounds: a lazily flushed database, say. */
  wake(): void {
    this.later();
  }

  private later(): void {
    if (this.slice !== undefined) return;
    this.slice = setImmediate(() => {
      this.slice = undefined;
      if (this.shard.backgroundSlice()) this.later();
      this.worked();
    });
  }

  stop(): void {
    clearInterval(this.timer);
    if (this.slice !== undefined) clearImmediate(this.slice);
    this.slice = undefined;
  }
}
