/**
 * What keeping data costs: acknowledgements that wait for the disk, the log beside no log, a snapshot under load, and how
 * long saving and loading take. The servers alternate, and each is given a fresh folder on the same disk.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from './client.ts';
import { sample } from './cpu.ts';
import { insert } from './fill.ts';
import type { Goal, Section } from './goals.ts';
import { OPERATOR } from './policy.ts';
import { isListening, residentBytes } from './processes.ts';
import { drive, type Load, type Outcome } from './redis-benchmark.ts';
import { type Keeping, type Runtime, type Server, startRedis, startUs } from './servers.ts';
import { figure, median, type Table } from './table.ts';
import { encode } from './wire.ts';

export interface DurabilityOptions {
  readonly rounds: number;
  /** Of the snapshot. */
  readonly keys: number;
  /** Of a load with many connections. */
  readonly requests: number;
}

type Start = (keeping: Keeping) => Promise<Server | undefined>;

const NOTHING: Keeping = { appendonly: false, appendfsync: 'everysec' };
const OK_BYTES = '+OK\r\n'.length;
const WATCH_MS = 20;
const SAVE_PAUSE_MS = 50;
const ONE_CLIENT_SHARE = 6;

export async function measureDurability(runtime: Runtime, options: DurabilityOptions): Promise<Section> {
  const us: Start = (keeping) => startUs(runtime, keeping);
  const parts = [
    await acknowledged(us, options),
    await beside(us, options),
    await snapshots([us, startRedis], options),
  ];
  return { tables: parts.flatMap(({ tables }) => tables), goals: parts.flatMap(({ goals }) => goals) };
}

async function stopAll(servers: readonly (Server | undefined)[]): Promise<void> {
  for (const server of servers) await server?.stop();
}

// -- appendfsync always --------------------------------------------------------------------------------------------------

async function acknowledged(us: Start, { rounds, requests }: DurabilityOptions): Promise<Section> {
  process.stderr.write('durability: appendfsync always\n');
  const keeping: Keeping = { appendonly: true, appendfsync: 'always' };
  const ours = await us(keeping);
  const redis = await startRedis(keeping);
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [connections, target] of [
    [50, 1],
    [1, 0.9],
  ] as const) {
    const count = connections === 1 ? Math.floor(requests / ONE_CLIENT_SHARE) : requests;
    const load: Load = { transport: 'TLS', operation: 'SET', depth: 1, requests: count, connections };
    const taken: { us: Outcome[]; redis: Outcome[] } = { us: [], redis: [] };
    if (ours !== undefined) await drive(ours, load);
    for (let round = 0; round < rounds; round++) {
      if (ours !== undefined) taken.us.push(await drive(ours, load));
      if (redis !== undefined) taken.redis.push(await drive(redis, load));
    }
    const rate = (outcomes: readonly Outcome[]) => median(outcomes.map(({ requestsPerSecond }) => requestsPerSecond));
    const name = `${connections} ${connections === 1 ? 'client' : 'clients'}`;
    for (const [server, outcomes] of Object.entries(taken)) {
      if (outcomes.length === 0) continue;
      const p99 = figure(median(outcomes.map(({ p99_ms }) => p99_ms)), 2);
      rows.push([name, server, figure(rate(outcomes), 0), p99]);
    }
    const measured = taken.redis.length === 0 ? undefined : rate(taken.us) / rate(taken.redis);
    goals.push({ goal: `SET/s, appendfsync always, TLS P1, ${name}`, target, atLeast: true, unit: '', measured });
  }
  await stopAll([ours, redis]);
  const head = ['load', 'server', 'SET/s', 'p99 ms'];
  const note = `redis-benchmark, TLS, one request at a time each, 64-byte values; medians of ${rounds} rounds.`;
  return { tables: [{ title: 'appendfsync always', note, head, rows }], goals };
}

// -- everysec beside nothing ---------------------------------------------------------------------------------------------

async function beside(us: Start, { rounds, requests }: DurabilityOptions): Promise<Section> {
  process.stderr.write('durability: everysec beside no log\n');
  const kinds: readonly (readonly [string, Keeping])[] = [
    ['no log', NOTHING],
    ['everysec', { appendonly: true, appendfsync: 'everysec' }],
  ];
  const servers = new Map<string, Server>();
  for (const [name, keeping] of kinds) {
    const [ours, redis] = [await us(keeping), await startRedis(keeping)];
    if (ours !== undefined) servers.set(`us, ${name}`, ours);
    if (redis !== undefined) servers.set(`redis, ${name}`, redis);
  }
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const transport of ['plain', 'TLS'] as const) {
    const load: Load = { transport, operation: 'SET', depth: 1, requests };
    const taken = new Map<string, number[]>();
    for (const server of servers.values()) await drive(server, load);
    for (let round = 0; round < rounds; round++) {
      for (const [name, server] of servers) {
        const { microseconds } = await sample(server, load);
        taken.set(name, [...(taken.get(name) ?? []), microseconds]);
      }
    }
    for (const [name, costs] of taken) rows.push([`${transport} P1 SET`, name, figure(median(costs), 2)]);
    const ratios = (who: string) => {
      const without = taken.get(`${who}, no log`) ?? [];
      const ours = taken.get(`${who}, everysec`) ?? [];
      return ours.length === 0 ? undefined : median(ours.map((cost, round) => cost / (without[round] as number)));
    };
    goals.push({
      goal: `CPU, everysec against no log, ${transport} P1 SET`,
      target: 1.15,
      unit: '',
      measured: ratios('us'),
    });
    rows.push([`${transport} P1 SET`, 'redis, ratio', figure(ratios('redis'), 2)]);
  }
  await stopAll(Array.from(servers.values()));
  const note = `CPU time per request with the log and without; 50 connections; medians of ${rounds} rounds.`;
  return { tables: [{ title: 'The log', note, head: ['load', 'server', 'CPU µs/request'], rows }], goals };
}

// -- A snapshot under load -----------------------------------------------------------------------------------------------

interface Snapshot {
  readonly quiet: Outcome;
  readonly loud: Outcome;
  readonly saves: number;
  readonly beforeBytes: number;
  readonly peakBytes: number;
  readonly saveBytesPerSecond: number;
  readonly loadedKeysPerSecond: number;
}

async function snapshots(starts: readonly Start[], options: DurabilityOptions): Promise<Section> {
  const taken = new Map<string, Snapshot>();
  for (const start of starts) {
    const server = await start(NOTHING);
    if (server === undefined) continue;
    process.stderr.write(`durability: a snapshot of ${options.keys} keys, ${server.name}\n`);
    taken.set(server.name, await snapshot(server, start, options));
  }
  return { tables: [snapshotTable(taken, options)], goals: snapshotGoals(taken) };
}

async function snapshot(server: Server, start: Start, { keys, requests }: DurabilityOptions): Promise<Snapshot> {
  await insert(server.plainPort, keys, keys);
  const operator = await Client.connect(server, 'plain', OPERATOR);
  const load: Load = { transport: 'TLS', operation: 'SET', depth: 1, requests: 4 * requests, keys };
  await drive(server, { ...load, requests });
  const quiet = await drive(server, load);
  const beforeBytes = residentBytes(server.pids);
  let peakBytes = beforeBytes;
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(server.pids));
  }, WATCH_MS);
  const saving = saveAgainAndAgain(operator);
  const loud = await drive(server, load);
  const saves = await saving.stop();
  clearInterval(watch);
  const from = performance.now();
  await operator.ask(encode(['SAVE']), OK_BYTES);
  const saved_s = (performance.now() - from) / 1000;
  operator.close();
  const folder = join(server.folder ?? '', server.name === 'redis' ? '.' : 'data');
  const { size } = statSync(join(folder, 'dump.rdb'));
  await server.stop();
  const loadedKeysPerSecond = keys / (await loadSeconds(start, server.folder ?? ''));
  return { quiet, loud, saves, beforeBytes, peakBytes, saveBytesPerSecond: size / saved_s, loadedKeysPerSecond };
}

/** BGSAVE as soon as the one before has ended, so that the whole load has one beside it. */
function saveAgainAndAgain(operator: Client): { stop(): Promise<number> } {
  let isOver = false;
  let saves = 0;
  const work = async (): Promise<void> => {
    while (!isOver) {
      let said = '';
      operator.heard = (chunk) => {
        said += Buffer.from(chunk).toString('latin1');
      };
      operator.send(encode(['INFO', 'persistence']));
      await pause(SAVE_PAUSE_MS);
      if (/rdb_bgsave_in_progress:0/.test(said)) {
        operator.send(encode(['BGSAVE']));
        saves++;
        await pause(SAVE_PAUSE_MS);
      }
    }
    // Until the last one has ended SAVE would be refused.
    for (let said = ''; !said.includes('rdb_bgsave_in_progress:0'); ) {
      operator.heard = (chunk) => {
        said += Buffer.from(chunk).toString('latin1');
      };
      operator.send(encode(['INFO', 'persistence']));
      await pause(5 * SAVE_PAUSE_MS);
    }
    operator.heard = undefined;
    operator.forgetSurplus();
  };
  const done = work();
  return {
    async stop() {
      isOver = true;
      await done;
      return saves;
    },
  };
}

/** From the start of the process until it answers, less what a start with nothing takes. */
async function loadSeconds(start: Start, folder: string): Promise<number> {
  const took = async (keeping: Keeping): Promise<number> => {
    const from = performance.now();
    const server = await start(keeping);
    if (server === undefined) return Number.NaN;
    while (!(await isListening(server.plainPort))) await pause(5);
    let client: Client | undefined;
    while (client === undefined) client = await Client.connect(server, 'plain', OPERATOR).catch(() => undefined);
    for (;;) {
      let said = '';
      client.heard = (chunk) => {
        said += Buffer.from(chunk).toString('latin1');
      };
      client.send(encode(['INFO', 'persistence']));
      await pause(10);
      // Not that of async_loading.
      if (said.includes('\nloading:0')) break;
    }
    const seconds = (performance.now() - from) / 1000;
    client.close();
    await server.stop();
    return seconds;
  };
  const empty_s = await took(NOTHING);
  return (await took({ ...NOTHING, folder })) - empty_s;
}

function snapshotTable(taken: ReadonlyMap<string, Snapshot>, { keys, requests }: DurabilityOptions): Table {
  const rows = Array.from(taken, ([name, one]) => [
    name,
    figure(one.quiet.p999_ms, 2),
    figure(one.loud.p999_ms, 2),
    figure(one.loud.max_ms, 1),
    String(one.saves),
    figure(one.peakBytes / one.beforeBytes, 2),
    figure(one.saveBytesPerSecond / 1e6, 0),
    figure(one.loadedKeysPerSecond / 1000, 0),
  ]);
  const head = [
    'server',
    'p99.9 ms',
    'during BGSAVE',
    'max ms',
    'saves',
    'peak ÷ memory before',
    'SAVE MB/s',
    'keys loaded/ms',
  ];
  const note =
    `${keys} keys of 16 and 64 bytes; ${4 * requests} SETs of all of them over TLS, 50 connections, without a snapshot ` +
    'and with one after the other; then SAVE, and a start from that file.';
  return { title: 'Snapshots', note, head, rows };
}

function snapshotGoals(taken: ReadonlyMap<string, Snapshot>): Goal[] {
  const [ours, redis] = [taken.get('us'), taken.get('redis')];
  const than = (of: (one: Snapshot) => number) => (ours && redis ? of(ours) / of(redis) : undefined);
  return [
    {
      goal: 'p99.9 during BGSAVE against without',
      target: 3,
      unit: '',
      measured: ours && ours.loud.p999_ms / ours.quiet.p999_ms,
    },
    {
      goal: 'p99.9 during BGSAVE against redis-server',
      target: 1,
      unit: '',
      measured: than(({ loud }) => loud.p999_ms),
    },
    {
      goal: 'peak memory during BGSAVE against before',
      target: 1.2,
      unit: '',
      measured: ours && ours.peakBytes / ours.beforeBytes,
    },
    {
      goal: 'SAVE, MB/s against redis-server',
      target: 0.5,
      atLeast: true,
      unit: '',
      measured: than(({ saveBytesPerSecond }) => saveBytesPerSecond),
    },
    {
      goal: 'loading a dump, keys/s against redis-server',
      target: 0.5,
      atLeast: true,
      unit: '',
      measured: than(({ loadedKeysPerSecond }) => loadedKeysPerSecond),
    },
  ];
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
