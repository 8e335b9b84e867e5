/**
 * The latency monitor: per kind of event the last seconds in which it took at least `latency-monitor-threshold`, and the
 * worst ever. Commands belong to a tenant; what the process does for all belongs to operators.
 *
 * Bounds: LATENCY_SAMPLES of each kind, the kinds are a closed list, and one sample a second, the worst of it.
 */
import { LATENCY_SAMPLES } from '../base/limits.ts';

/**
 * `command` and `fast-command` of a tenant; the others of the process: cycles of expiry and eviction, lazily freed memory,
 * and turns of the event loop that came late.
 */
export const LATENCY_EVENTS = [
  'command',
  'fast-command',
  'expire-cycle',
  'eviction-cycle',
  'lazyfree-cycle',
  'event-loop',
] as const;
export type LatencyEvent = (typeof LATENCY_EVENTS)[number];

export interface LatencySample {
  readonly time_s: number;
  readonly latency_ms: number;
}

export interface LatencySeries {
  readonly event: LatencyEvent;
  /** Oldest first. */
  readonly samples: readonly LatencySample[];
  /** Since the last reset. */
  readonly max_ms: number;
}

interface Series {
  readonly event: LatencyEvent;
  readonly samples: LatencySample[];
  max_ms: number;
}

/** Where the process' own events are kept. */
export const PROCESS = -1;

export class LatencyMonitor {
  /** 0 is off. */
  threshold_ms: number;
  private readonly nowMs: () => number;
  private readonly owners: Map<number, Map<LatencyEvent, Series>>;

  constructor(nowMs: () => number) {
    this.threshold_ms = 0;
    this.nowMs = nowMs;
    this.owners = new Map();
  }

  /** Takes a sample if it is long enough and anybody wants it. */
  add(owner: number, event: LatencyEvent, duration_ms: number): void {
    if (this.threshold_ms === 0 || duration_ms < this.threshold_ms) return;
    const series = this.seriesOf(owner, event);
    const { samples } = series;
    const latency_ms = Math.floor(duration_ms);
    const time_s = Math.floor(this.nowMs() / 1000);
    series.max_ms = Math.max(series.max_ms, latency_ms);
    const last = samples.at(-1);
    if (last !== undefined && last.time_s === time_s) {
      if (latency_ms > last.latency_ms) samples[samples.length - 1] = { time_s, latency_ms };
      return;
    }
    samples.push({ time_s, latency_ms });
    if (samples.length > LATENCY_SAMPLES) samples.shift();
  }

  private seriesOf(owner: number, event: LatencyEvent): Series {
    let events = this.owners.get(owner);
    if (events === undefined) {
      events = new Map();
      this.owners.set(owner, events);
    }
    let series = events.get(event);
    if (series === undefined) {
      series = { event, samples: [], max_ms: 0 };
      events.set(event, series);
    }
    return series;
  }

  /** What an owner sees; undefined is an operator, who sees the worst of every second of everybody. */
  seen(owner: number | undefined): readonly LatencySeries[] {
    if (owner !== undefined) return Array.from(this.owners.get(owner)?.values() ?? []);
    return LATENCY_EVENTS.flatMap((event) => {
      const all = Array.from(this.owners.values(), (events) => events.get(event)).filter((one) => one !== undefined);
      return all.length === 0 ? [] : [merged(event, all)];
    });
  }

  /** The number of series that were dropped. No events named: all. */
  reset(owner: number | undefined, events: readonly string[]): number {
    const dropped = new Set<LatencyEvent>();
    for (const [number, series] of this.owners) {
      if (owner !== undefined && number !== owner) continue;
      for (const event of Array.from(series.keys())) {
        if (events.length > 0 && !events.includes(event)) continue;
        series.delete(event);
        dropped.add(event);
      }
    }
    return dropped.size;
  }
}

function merged(event: LatencyEvent, all: readonly Series[]): LatencySeries {
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only;
  const worst = new Map<number, number>();
  for (const { samples } of all) {
    for (const { time_s, latency_ms } of samples) worst.set(time_s, Math.max(latency_ms, worst.get(time_s) ?? 0));
  }
  const samples = Array.from(worst, ([time_s, latency_ms]) => ({ time_s, latency_ms }))
    .sort((a, b) => a.time_s - b.time_s)
    .slice(-LATENCY_SAMPLES);
  return { event, samples, max_ms: Math.max(...all.map(({ max_ms }) => max_ms)) };
}
