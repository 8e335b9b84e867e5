/**
 * Work in the background: a slice in a turn of the event loop of its own, for as long as there is some. Between two slices
 * others have as long as the first one took, in as many turns as that needs; only when they have nothing to do it goes on
 * at once. So whoever shares a turn among many in small pieces does not lose it to the background.
 *
 * ```
 *   slice ▶ turn of others ▶ turn of others ▶ slice ▶ turn without others ▶ slice
 *   └─ 0.5 ms ─┘ └──────── 0.5 ms or more ────────┘
 * ```
 */
import type { Clock } from './clock.ts';
import { TURN_IDLE_MS } from './limits.ts';

export class PacedWork {
  private readonly clock: Clock;
  private readonly work: () => boolean;
  private next: ReturnType<typeof setImmediate> | undefined;
  private took_ms: number;
  private endedAt_ms: number;
  /** When it last had the turn, whether or not it worked. */
  private lookedAt_ms: number;

  /** @param work one slice; whether there is more to do */
  constructor(clock: Clock, work: () => boolean) {
    this.clock = clock;
    this.work = work;
    this.next = undefined;
    this.took_ms = 0;
    this.endedAt_ms = Number.NEGATIVE_INFINITY;
    this.lookedAt_ms = Number.NEGATIVE_INFINITY;
  }

  /** There is something to do. */
  wake(): void {
    this.next ??= setImmediate(() => {
      this.next = undefined;
      this.turn();
    });
  }

  private turn(): void {
    const from_ms = this.clock.monotonicMs();
    const isBusy = from_ms - this.lookedAt_ms > TURN_IDLE_MS;
    if (isBusy && from_ms - this.endedAt_ms < this.took_ms) {
      this.lookedAt_ms = from_ms;
      this.wake();
      return;
    }
    const isMore = this.work();
    this.endedAt_ms = this.clock.monotonicMs();
    this.lookedAt_ms = this.endedAt_ms;
    this.took_ms = this.endedAt_ms - from_ms;
    if (isMore) this.wake();
  }

  stop(): void {
    if (this.next !== undefined) clearImmediate(this.next);
    this.next = undefined;
  }
}
