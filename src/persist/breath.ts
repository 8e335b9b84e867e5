/** Long work in slices: whoever shares the thread is not held up. */
import { type Clock, systemClock } from '../base/clock.ts';
import { LOAD_SLICE_MS } from '../base/limits.ts';

/** Lets others work when enough time has gone. */
export class Breath {
  private readonly clock: Clock;
  private at_ms: number;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
    this.at_ms = clock.monotonicMs() + LOAD_SLICE_MS;
  }

  get isDue(): boolean {
    return this.clock.monotonicMs() >= this.at_ms;
  }

  async take(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.at_ms = this.clock.monotonicMs() + LOAD_SLICE_MS;
  }
}
