/** LATENCY's reports for people: a graph of one kind of event, and what may be behind those that were seen. */
import type { LatencySampleView, LatencyView } from '../../command/ports/insight.ts';

const COLUMNS = 80;
const ROWS = 4;
/** From nothing to full, within one row. */
const FILLS = ['_', 'o', '#'];

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** How long ago, in as few characters as a column has. */
function age(seconds: number): string {
  if (seconds < MINUTE_S) return `${seconds}s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)}m`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)}h`;
  return `${Math.floor(seconds / DAY_S)}d`;
}

/** One character of the graph: `level` steps of FILLS have been climbed, `row` counts from the top. */
function cell(level: number, row: number): string {
  const above = level - (ROWS - row - 1) * FILLS.length;
  if (above < 0) return ' ';
  return FILLS[above] ?? '|';
}

/** Levels next to each other, an empty line, and below each column its age from top to bottom. */
function block(samples: readonly LatencySampleView[], min_ms: number, max_ms: number, now_s: number): string {
  const steps = FILLS.length * ROWS;
  const span_ms = max_ms === min_ms ? 1 : max_ms - min_ms;
  const levels = samples.map(({ latency_ms }) =>
    Math.min(steps - 1, Math.floor(((latency_ms - min_ms) * steps) / span_ms)),
  );
  const labels = samples.map(({ time_s }) => age(now_s - time_s));
  const lines: string[] = [];
  for (let row = 0; row < ROWS; row++) lines.push(levels.map((level) => cell(level, row)).join(''));
  lines.push(' '.repeat(samples.length));
  const height = Math.max(...labels.map(({ length }) => length));
  for (let row = 0; row < height; row++) lines.push(labels.map((label) => label[row] ?? ' ').join(''));
  return lines.map((line) => `${line}\n`).join('');
}

export function latencyGraph({ event, samples, max_ms }: LatencyView, now_s: number): string {
  const values = samples.map(({ latency_ms }) => latency_ms);
  const high_ms = Math.max(...values);
  const low_ms = Math.min(...values);
  let text = `${event} - high ${high_ms} ms, low ${low_ms} ms (all time high ${max_ms} ms)\n${'-'.repeat(COLUMNS)}\n`;
  for (let from = 0; from < samples.length; from += COLUMNS) {
    if (from > 0) text += '\n';
    text += block(samples.slice(from, from + COLUMNS), low_ms, high_ms, now_s);
  }
  return text;
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'command',
    'SLOWLOG GET names the commands. Those whose cost grows with the data (KEYS, SORT, large ranges, unions of large sets) are better cut in pieces: SCAN, ranges of a page, COUNT.',
  ],
  [
    'fast-command',
    'Commands that touch one element rarely take this long by themselves: large values, eviction to make room, or a machine that is busy with something else do it.',
  ],
  ['expire-cycle', 'Many keys reached the end of their time together. Spread their times to live.'],
  ['eviction-cycle', 'Memory is at its limit and keys give way in the background. Raise maxmemory or store less.'],
  ['lazyfree-cycle', 'Large values or whole databases were dropped and are being freed in slices.'],
  [
    'event-loop',
    'The process came late to its own timer: another program takes the processor, memory is being swapped, or a single command ran long (see command).',
  ],
]);

/** Average, mean deviation, mean time between samples. */
function described({ event, samples, max_ms }: LatencyView): string {
  const count = samples.length;
  const average_ms = Math.floor(samples.reduce((sum, { latency_ms }) => sum + latency_ms, 0) / count);
  const deviation_ms = Math.floor(
    samples.reduce((sum, { latency_ms }) => sum + Math.abs(latency_ms - average_ms), 0) / count,
  );
  const first_s = samples[0]?.time_s ?? 0;
  const last_s = samples.at(-1)?.time_s ?? 0;
  const period_s = ((last_s - first_s) / count).toFixed(2);
  return `${event}: ${count} latency spikes (average ${average_ms}ms, mean deviation ${deviation_ms}ms, period ${period_s} sec). Worst all time event ${max_ms}ms.`;
}

export function latencyAdvice(seen: readonly LatencyView[], threshold_ms: number): string {
  if (threshold_ms === 0 && seen.length === 0) {
    return 'Latency is not being watched. CONFIG SET latency-monitor-threshold <milliseconds> begins to.\n';
  }
  if (seen.length === 0) return `Nothing has taken ${threshold_ms} ms or more since the last reset.\n`;
  const found = seen.map((series, i) => `${i + 1}. ${described(series)}\n`).join('');
  const advice = seen.flatMap(({ event }) => ADVICE.get(event) ?? []).map((text) => `- ${text}\n`);
  return `Spikes of latency were seen:\n\n${found}\nWhat may be behind them:\n\n${advice.join('')}`;
}
