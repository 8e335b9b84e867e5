/**
 * `npm run bench`: starts us and the peers, alternates them, and prints what each of them costs side by side. Ratios of one
 * run are the figures to quote.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureBlocking } from './lib/blocking.ts';
import { measureChain } from './lib/chain.ts';
import { measureCollections } from './lib/collections.ts';
import { measureCpu } from './lib/cpu.ts';
import { measureDurability } from './lib/durability.ts';
import { measureFairness } from './lib/fairness.ts';
import { measureFill } from './lib/fill.ts';
import { goalsTable, type Section } from './lib/goals.ts';
import { measureHandshakes } from './lib/handshakes.ts';
import { measureIdle } from './lib/idle.ts';
import { measureLatency } from './lib/latency.ts';
import { HELP, type Options, parseOptions, type SectionName } from './lib/options.ts';
import { endEverything, findProgram } from './lib/processes.ts';
import { measurePubSub } from './lib/pubsub.ts';
import { saveReport } from './lib/report.ts';
import {
  bunRuntime,
  nodeRuntime,
  type Runtime,
  type Server,
  type ServerName,
  startHaproxy,
  startRedis,
  startStunnel,
  startUs,
} from './lib/servers.ts';
import { asText } from './lib/table.ts';
import { measureTiming } from './lib/timing.ts';
import { measureTracking } from './lib/tracking.ts';
import { measureTransactions } from './lib/transactions.ts';
import { measureTypes } from './lib/types.ts';

const FULL = {
  requests: { 1: 60_000, 16: 600_000 },
  keys: 3_000_000,
  connections: 10_000,
  collectionElements: 1_000_000,
  messages: 480,
  transactions: 30_000,
  pushes: 40_000,
  trackedKeys: 100_000,
} as const;
const QUICK = {
  requests: { 1: 20_000, 16: 200_000 },
  keys: 300_000,
  connections: 1_000,
  collectionElements: 100_000,
  messages: 160,
  transactions: 8_000,
  pushes: 16_000,
  trackedKeys: 50_000,
} as const;

/** Each section is shown as soon as it is there: a run takes minutes. */
function show(section: Section): Section {
  for (const table of section.tables) process.stdout.write(asText(table));
  return section;
}

async function withDriver(options: Options, runtimes: readonly Runtime[]): Promise<Section[]> {
  const { requests } = options.quick ? QUICK : FULL;
  const sections: Section[] = [];
  const ours: Server[] = [];
  for (const runtime of runtimes) ours.push(await startUs(runtime));
  const redis = await startRedis();
  const direct = redis === undefined ? ours : [redis, ...ours];
  if (options.sections.has('cpu')) {
    const haproxy = redis === undefined ? undefined : await startHaproxy(redis);
    const stunnel = redis === undefined ? undefined : await startStunnel(redis);
    const servers = [...direct, haproxy, stunnel].filter((server) => server !== undefined);
    const peers: readonly ServerName[] = ['redis', 'haproxy+redis', 'stunnel+redis'];
    const missing = peers.filter((peer) => !servers.some(({ name }) => name === peer));
    sections.push(show(await measureCpu(servers, { rounds: options.rounds, requests, missing })));
    await haproxy?.stop();
    await stunnel?.stop();
  }
  if (options.sections.has('types')) {
    sections.push(show(await measureTypes(direct, options.rounds, requests[16])));
  }
  const [first] = ours;
  if (options.sections.has('timing') && first !== undefined) {
    sections.push(show(await measureTiming(first, options.rounds, requests[16])));
  }
  if (options.sections.has('latency')) {
    process.stderr.write('latency\n');
    sections.push(show(await measureLatency(direct, options.rounds, requests[1])));
  }
  for (const server of direct) await server.stop();
  return sections;
}

/** Servers of their own: clients by the thousand leave their traces in memory. */
async function withServers(
  runtimes: readonly Runtime[],
  measured: (servers: readonly Server[]) => Promise<Section>,
): Promise<Section> {
  const ours: Server[] = [];
  for (const runtime of runtimes) ours.push(await startUs(runtime));
  const redis = await startRedis();
  const servers = redis === undefined ? ours : [redis, ...ours];
  const section = show(await measured(servers));
  for (const server of servers) await server.stop();
  return section;
}

/** What sessions do beyond one request and its reply. */
async function withSessions(options: Options, runtimes: readonly Runtime[]): Promise<Section[]> {
  const { rounds, sections: wanted, quick } = options;
  const { transactions, pushes, messages, trackedKeys } = quick ? QUICK : FULL;
  const requests = (quick ? QUICK : FULL).requests[16] / 2;
  const kinds: readonly [SectionName, (servers: readonly Server[]) => Promise<Section>][] = [
    ['fairness', (servers) => measureFairness(servers, { rounds, requests })],
    ['handshakes', (servers) => measureHandshakes(servers, { rounds, count: quick ? 400 : 2000, requests })],
    ['transactions', (servers) => measureTransactions(servers, rounds, transactions)],
    ['blocking', (servers) => measureBlocking(servers, { rounds, clients: 1000, pushes })],
    ['pubsub', (servers) => measurePubSub(servers, { rounds, subscribers: 1000, messages })],
    ['tracking', (servers) => measureTracking(servers, { rounds, keys: trackedKeys })],
  ];
  const sections: Section[] = [];
  for (const [name, measured] of kinds) if (wanted.has(name)) sections.push(await withServers(runtimes, measured));
  return sections;
}

async function measure(options: Options, runtimes: readonly Runtime[]): Promise<Section[]> {
  const { keys, connections, collectionElements } = options.quick ? QUICK : FULL;
  const sections: Section[] = [];
  const wants = (name: SectionName): boolean => options.sections.has(name);
  if (wants('cpu') || wants('types') || wants('timing') || wants('latency')) {
    if (findProgram('redis-benchmark') === undefined) process.stdout.write('redis-benchmark: not installed\n');
    else sections.push(...(await withDriver(options, runtimes)));
  }
  sections.push(...(await withSessions(options, runtimes)));
  // We come first: our first start makes the certificates that the others use.
  const starts = [...runtimes.map((runtime) => () => startUs(runtime)), startRedis];
  if (wants('memory') || wants('loop')) {
    const wanted = { memory: wants('memory'), loop: wants('loop') };
    sections.push(show(await measureFill({ rounds: options.rounds, keys, wants: wanted, starts })));
  }
  if (wants('collections')) {
    sections.push(show(await measureCollections({ rounds: options.rounds, elements: collectionElements, starts })));
  }
  const [runtime] = runtimes;
  if (wants('chain') && runtime !== undefined && findProgram('redis-benchmark') !== undefined) {
    sections.push(show(await measureChain(runtime, options.rounds, (options.quick ? QUICK : FULL).requests[1])));
  }
  if (wants('durability') && runtime !== undefined) {
    sections.push(
      show(
        await measureDurability(runtime, { rounds: options.rounds, keys, requests: options.quick ? 20_000 : 60_000 }),
      ),
    );
  }
  if (wants('idle')) sections.push(show(await measureIdle(starts, connections)));
  return sections;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const profileFolder = options.profile ? mkdtempSync(join(tmpdir(), 'portcullis-profile-')) : undefined;
  const runtimes = [bunRuntime(profileFolder), ...(options.node === undefined ? [] : [nodeRuntime(options.node)])];
  const sections = await measure(options, runtimes);
  const goals = sections.flatMap((section) => section.goals);
  if (goals.length > 0) process.stdout.write(asText(goalsTable(goals)));
  if (profileFolder !== undefined) process.stdout.write(`\nCPU profiles: ${profileFolder}\n`);
  if (options.save) {
    // Where Node lies is nobody's business.
    const said = args.map((word) => (word === options.node ? 'FILE' : word.replace(/^(--node=).*/, '$1FILE')));
    const command = ['npm run bench', ...(said.length === 0 ? [] : ['--', ...said])].join(' ');
    process.stdout.write(`\nwritten: ${saveReport(sections, command, options.node)}\n`);
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    endEverything();
    process.exit(code);
  });
}
process.on('exit', endEverything);

try {
  await main(process.argv.slice(2));
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
