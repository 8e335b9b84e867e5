/** `instantaneous_*` of INFO: a counter's growth per second over the last samples, as redis computes it. */

import type { QuickFigures } from '../figures.ts';

/** STATS_METRIC_SAMPLES of redis: at ten samples a second, the mean of 1.6 seconds. */
const SAMPLES = 16;

export class Rate {
  private readonly samples: number[];
  private at: number;
  private lastValue: number;
  private lastTime_ms: number;

  constructor(value: number, now_ms: number) {
    this.samples = [];
    this.at = 0;
    this.lastValue = value;
    this.lastTime_ms = now_ms;
  }

  /** `now_ms` of a clock that never runs backwards. A counter that was reset counts from nothing. */
  sample(value: number, now_ms: number): void {
    const elapsed_ms = now_ms - this.lastTime_ms;
    if (elapsed_ms <= 0) return;
    this.samples[this.at] = (Math.max(0, value - this.lastValue) * 1000) / elapsed_ms;
    this.at = (this.at + 1) % SAMPLES;
    this.lastValue = value;
    this.lastTime_ms = now_ms;
  }

  get perSecond(): number {
    if (this.samples.length === 0) return 0;
    return this.samples.reduce((sum, sample) => sum + sample, 0) / this.samples.length;
  }
}

/** What passes in a second, of the process or of a tenant. */
export class TrafficRates {
  readonly commands: Rate;
  readonly bytesIn: Rate;
  readonly bytesOut: Rate;

  constructor(now_ms: number) {
    this.commands = new Rate(0, now_ms);
    this.bytesIn = new Rate(0, now_ms);
    this.bytesOut = new Rate(0, now_ms);
  }

  sample({ commandsProcessed, bytesIn, bytesOut }: QuickFigures, now_ms: number): void {
    this.commands.sample(commandsProcessed, now_ms);
    this.bytesIn.sample(bytesIn, now_ms);
    this.bytesOut.sample(bytesOut, now_ms);
  }
}
