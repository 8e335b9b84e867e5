/** LATENCY: what took long, and how long everything takes. A user of a tenant sees what that tenant's commands did. */
import { asciiLower } from '../../base/ascii.ts';
import { bytes, many } from '../../command/args.ts';
import type { LatencyView } from '../../command/ports/insight.ts';
import { type CommandFlag, container, type SessionCall, sessionCommand } from '../../command/spec.ts';
import { noLatencySamples } from '../../resp/refusals.ts';
import { helpCommand } from './help.ts';
import { latencyAdvice, latencyGraph } from './latency-report.ts';

const FACTS = {
  group: 'server',
  flags: ['admin', 'noscript', 'loading', 'stale'] satisfies readonly CommandFlag[],
  tips: ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'],
} as const;
const SINCE = '2.8.13';

function wordsFrom({ request }: SessionCall, first: number): string[] {
  const words: string[] = [];
  for (let i = first; i < request.argc; i++) words.push(request.text(i));
  return words;
}

function seriesOf({ server, session, request }: SessionCall, position: number): LatencyView | undefined {
  const event = request.text(position);
  return server.insight.latency(session).find((series) => series.event === event);
}

const latest = sessionCommand({
  ...FACTS,
  name: 'LATEST',
  summary: 'Shows of every kind of event the latest sample and the worst.',
  since: SINCE,
  complexity: 'O(1)',
  args: {},
  run(_args, { server, session }, out) {
    const seen = server.insight.latency(session);
    out.array(seen.length);
    for (const { event, samples, max_ms } of seen) {
      const last = samples.at(-1);
      out.array(4);
      out.bulkText(event);
      out.integer(last?.time_s ?? 0);
      out.integer(last?.latency_ms ?? 0);
      out.integer(max_ms);
    }
  },
});

const history = sessionCommand({
  ...FACTS,
  name: 'HISTORY',
  summary: 'Shows the samples of one kind of event.',
  since: SINCE,
  complexity: 'O(1)',
  args: { event: bytes },
  run({ event }, call, out) {
    const samples = seriesOf(call, event)?.samples ?? [];
    out.array(samples.length);
    for (const { time_s, latency_ms } of samples) {
      out.array(2);
      out.integer(time_s);
      out.integer(latency_ms);
    }
  },
});

const graph = sessionCommand({
  ...FACTS,
  name: 'GRAPH',
  summary: 'Draws the samples of one kind of event.',
  since: SINCE,
  complexity: 'O(1)',
  args: { event: bytes },
  run({ event }, call, out) {
    const series = seriesOf(call, event);
    if (series === undefined) out.error(noLatencySamples(call.request.text(event)));
    else out.verbatim('txt', latencyGraph(series, Math.floor(call.server.nowMs() / 1000)));
  },
});

const doctor = sessionCommand({
  ...FACTS,
  name: 'DOCTOR',
  summary: 'Says what may be behind the latency that was seen.',
  since: SINCE,
  complexity: 'O(1)',
  args: {},
  run(_args, { server: { insight }, session }, out) {
    out.verbatim('txt', latencyAdvice(insight.latency(session), insight.latencyThreshold_ms));
  },
});

const reset = sessionCommand({
  ...FACTS,
  name: 'RESET',
  summary: 'Forgets the samples of some kinds of events, or of all.',
  since: SINCE,
  complexity: 'O(1)',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  args: { event: many(bytes, 0) },
  run: ({ event }, call, out) => out.integer(call.server.insight.latencyReset(wordsFrom(call, event), call.session)),
});

const histogram = sessionCommand({
  ...FACTS,
  name: 'HISTOGRAM',
  summary: 'Shows how many calls of commands were done within which time.',
  since: '7.0.0',
  complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
  args: { command: many(bytes, 0) },
  run({ command }, call, out) {
    const all = call.server.insight.histograms(call.session);
    const wanted = wordsFrom(call, command).map(asciiLower);
    // The name of a container stands for all its subcommands.
    const isWanted = (name: string) => wanted.some((word) => word === name || name.startsWith(`${word}|`));
    const shown = wanted.length === 0 ? all : all.filter(({ name }) => isWanted(name));
    out.map(shown.length);
    for (const { name, calls, rows } of shown) {
      out.bulkText(name);
      out.map(2);
      out.bulkText('calls');
      out.integer(calls);
      out.bulkText('histogram_usec');
      out.map(rows.length);
      for (const [bound_us, count] of rows) {
        out.integer(bound_us);
        out.integer(count);
      }
    }
  },
});

const help = helpCommand({
  container: 'LATENCY',
  since: SINCE,
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'DOCTOR',
    '    Return a human readable latency analysis report.',
    'GRAPH <event>',
    '    Return an ASCII latency graph for the <event> class.',
    'HISTORY <event>',
    '    Return time-latency samples for the <event> class.',
    'LATEST',
    '    Return the latest latency samples for all events.',
    'RESET [<event> ...]',
    '    Reset latency data of one or more <event> classes.',
    '    (default: reset all data for all event classes)',
    'HISTOGRAM [COMMAND ...]',
    '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
    '    If no commands are specified then all histograms are replied.',
  ],
});

export const latency = container({
  name: 'LATENCY',
  summary: 'Leads to what can be asked about latency.',
  since: SINCE,
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [doctor, graph, help, histogram, history, latest, reset],
});
