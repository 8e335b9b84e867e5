/** What the process can be asked about itself: how long commands took, and where memory goes. Each session sees its share. */
import type { SessionPort } from './session.ts';

/** One entry of the slow log. */
export interface SlowEntryView {
  readonly id: number;
  readonly time_s: number;
  readonly duration_us: number;
  /** Without secrets; one character per byte. */
  readonly words: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

export interface LatencySampleView {
  readonly time_s: number;
  readonly latency_ms: number;
}

/** One kind of latency event, with at least one sample, oldest first. */
export interface LatencyView {
  readonly event: string;
  readonly samples: readonly LatencySampleView[];
  readonly max_ms: number;
}

/** How many calls of a command were done within so many microseconds, bound after bound. */
export interface HistogramView {
  /** `get`, `config|get`. */
  readonly name: string;
  readonly calls: number;
  readonly rows: readonly (readonly [bound_us: number, calls: number])[];
}

/** MEMORY STATS: shares and ratios are doubles, everything else counts. */
export type MemoryFact = readonly [name: string, value: number, kind: 'integer' | 'double'];

export interface InsightPort {
  /** Newest first. */
  slowlog(count: number, session: SessionPort): readonly SlowEntryView[];
  slowlogLength(session: SessionPort): number;
  slowlogReset(session: SessionPort): void;
  /** Whether anything is watched for at all: `latency-monitor-threshold`. */
  readonly latencyThreshold_ms: number;
  latency(session: SessionPort): readonly LatencyView[];
  /** The number of kinds that were forgotten; no names: all. */
  latencyReset(events: readonly string[], session: SessionPort): number;
  /** Of every command that was timed. */
  histograms(session: SessionPort): readonly HistogramView[];
  memory(session: SessionPort): readonly MemoryFact[];
  /** What an operator should look at, or that nothing is wrong. */
  memoryAdvice(session: SessionPort): string;
  /** The engine's allocator in words. */
  allocatorReport(session: SessionPort): string;
}
