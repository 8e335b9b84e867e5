/**
 * Gives a shard its time in the background: ten rounds a second, and between them slices as long as there is work, at a
 * pace that leaves requests half of the time. What a slice takes is told to whoever watches latency.
 */
import { SHARD_CRON_MS } from '../base/limits.ts';
import { PacedWork } from '../base/paced-work.ts';
import type { Shard } from '../engine/shard.ts';

/** What a slice was for, as the latency monitor names it. */
export type BackgroundEvent = 'expire-cycle' | 'lazyfree-cycle' | 'eviction-cycle';

/** By the number of the kind of work that a shard's last slice did. */
const EVENTS: readonly BackgroundEvent[] = ['expire-cycle', 'lazyfree-cycle', 'eviction-cycle'];

export interface BackgroundWatch {
  /** Runs after each round: statistics are brought up to date there. */
  ticked(): void;
  worked(event: BackgroundEvent, duration_ms: number): void;
}

export class Background {
  private readonly shard: Shard;
  private readonly watch: BackgroundWatch;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly slices: PacedWork;

  constructor(shard: Shard, watch: BackgroundWatch) {
    this.shard = shard;
    this.watch = watch;
    this.slices = new PacedWork(shard.world.clock, () => this.measured(() => this.shard.backgroundSlice()));
    this.timer = setInterval(() => this.round(), SHARD_CRON_MS);
  }

  private round(): void {
    if (this.measured(() => this.shard.cron())) this.wake();
    this.watch.ticked();
  }

  /** Work has come up between rounds: a lazily flushed database, say. */
  wake(): void {
    this.slices.wake();
  }

  private measured(work: () => boolean): boolean {
    const { clock } = this.shard.world;
    const from_ms = clock.monotonicMs();
    const isMore = work();
    const event = EVENTS[this.shard.lastWork];
    if (event !== undefined) this.watch.worked(event, clock.monotonicMs() - from_ms);
    return isMore;
  }

  stop(): void {
    clearInterval(this.timer);
    this.slices.stop();
  }
}
