/**
 * What it costs to know how long commands take, without anything else: ns per command, for pipelines of 1 and of 16.
 *
 *   bun bench/timing.ts        node bench/timing.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { tableAlone } from '../src/app/table.ts';
import { systemClock } from '../src/base/clock.ts';
import type { Connection } from '../src/gateway/connection.ts';
import type { Core } from '../src/gateway/core.ts';
import { Counters } from '../src/gateway/counters.ts';
import { Timing } from '../src/gateway/timing.ts';
import type { TimingView } from '../src/gateway/view.ts';
import { bucketOf } from '../src/observe/histogram.ts';
import { Request } from '../src/resp/request.ts';
import { fastest } from './lib/fastest.ts';

const table = tableAlone();
const command = table.named('get');
if (command === undefined) throw new Error('there is no GET');
const request = Request.of('GET', 'key');
const counters = new Counters(table);
const core = { table, counters, clock: systemClock, backend: { isInline: true } } as unknown as Core;
const timing = new Timing(core);
const own = counters.of(0);
const decoder = { bufferedBytes: 0 };
const connection = { decoder, isWaiting: false } as unknown as Connection;

const ON: TimingView = {
  slowlogSlowerThan_us: 10_000,
  slowlogMaxLength: 128,
  latencyTracking: true,
  latencyThreshold_ms: 0,
};

/** Two looks at the clock, as there were before there were histograms. */
function chunk(depth: number): number {
  timing.begin(systemClock.monotonicMs());
  for (let left = depth - 1; left >= 0; left--) {
    decoder.bufferedBytes = left;
    if (command !== undefined) timing.share(connection, command, request, own, 7);
  }
  return timing.readAt_ms;
}

/** `commands` of them are in one call. */
function row(name: string, budget: number, commands: number, run: () => number): void {
  const ns = fastest(run) / commands;
  const verdict = ns <= budget ? `budget ${budget}` : `OVER budget ${budget}`;
  console.log(`${name.padEnd(44)} ${ns.toFixed(1).padStart(6)} ns  ${verdict}`);
}

row('a look at the clock', 60, 1, () => systemClock.monotonicMs());
row('the bucket of a time', 5, 1, () => bucketOf(0.0007));
for (const [name, view] of [
  ['on', ON],
  ['off', { ...ON, latencyTracking: false, slowlogSlowerThan_us: -1 }],
] as const) {
  timing.adopt(view);
  row(`a command of a pipeline of 16, ${name}`, 10, 16, () => chunk(16));
  row(`a command alone in its chunk, ${name}`, 150, 1, () => chunk(1));
}
