/**
 * CPU time per request: user and system time of every process of a server, over the requests it answered. The servers
 * alternate for each load, so that a slow spell of the machine hits all of them and the ratios stand.
 */
import type { Goal, Section } from './goals.ts';
import { cpuSeconds } from './processes.ts';
import { drive, type Load, type Operation, type Transport } from './redis-benchmark.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median, type Table } from './table.ts';

const TRANSPORTS: readonly Transport[] = ['plain', 'TLS'];
const OPERATIONS: readonly Operation[] = ['SET', 'GET'];
const WARM_UP_TIMES = 3;

export interface CpuOptions {
  readonly rounds: number;
  /** Requests of a load, by depth. */
  readonly requests: Readonly<Record<1 | 16, number>>;
  /** Peers that are not there. */
  readonly missing: readonly ServerName[];
}

export interface Sample {
  readonly microseconds: number;
  readonly requestsPerSecond: number;
}

/** Samples of one load, by server: one for each round. */
export type Samples = ReadonlyMap<ServerName, Sample[]>;

export async function measureCpu(servers: readonly Server[], options: CpuOptions): Promise<Section> {
  await warmUp(servers, options.requests[16]);
  const measured = new Map(loadsOf(options.requests).map((load) => [load, new Map<ServerName, Sample[]>()]));
  for (let round = 1; round <= options.rounds; round++) {
    process.stderr.write(`cpu: round ${round} of ${options.rounds}\n`);
    for (const [load, samples] of measured) {
      for (const server of servers.filter((each) => serves(each, load))) {
        const taken = samples.get(server.name) ?? [];
        taken.push(await sample(server, load));
        samples.set(server.name, taken);
      }
    }
  }
  return { tables: [tableOf(measured, options)], goals: goalsOf(measured) };
}

function loadsOf(requests: CpuOptions['requests']): Load[] {
  const depths = [1, 16] as const;
  return TRANSPORTS.flatMap((transport) =>
    depths.flatMap((depth) =>
      OPERATIONS.map((operation) => ({ transport, operation, depth, requests: requests[depth] })),
    ),
  );
}

function serves(server: Server, { transport }: Load): boolean {
  return (transport === 'TLS' ? server.tlsPort : server.plainPort) !== 0;
}

/** Compilers of JavaScript need to have seen the code run. */
async function warmUp(servers: readonly Server[], requests: number): Promise<void> {
  process.stderr.write('cpu: warming up\n');
  for (const server of servers) {
    for (const transport of TRANSPORTS) {
      for (const operation of OPERATIONS) {
        const load = { transport, operation, depth: 16, requests: WARM_UP_TIMES * requests };
        if (serves(server, load)) await drive(server, load);
      }
    }
  }
}

export async function sample(server: Server, load: Load): Promise<Sample> {
  const before = cpuSeconds(server.pids);
  const { requestsPerSecond } = await drive(server, load);
  const microseconds = ((cpuSeconds(server.pids) - before) / load.requests) * 1e6;
  return { microseconds, requestsPerSecond };
}

/** The ratio within each round, and of these the one in the middle. */
export function ratio(samples: Samples, from: ServerName, to: ServerName): number | undefined {
  const [ours, theirs] = [samples.get(from), samples.get(to)];
  if (ours === undefined || theirs === undefined) return undefined;
  return median(ours.map(({ microseconds }, round) => microseconds / (theirs[round]?.microseconds ?? Number.NaN)));
}

function nameOf({ transport, depth, operation }: Load): string {
  return `${transport} P${depth} ${operation}`;
}

function tableOf(measured: ReadonlyMap<Load, Samples>, { rounds, requests, missing }: CpuOptions): Table {
  const hasNode = Array.from(measured.values()).some((samples) => samples.has('us on Node'));
  const head = ['load', 'server', 'CPU µs/request', 'requests/s', 'us ÷ it', ...(hasNode ? ['us on Node ÷ it'] : [])];
  const rows: string[][] = [];
  for (const [load, samples] of measured) {
    for (const [server, taken] of samples) {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      const rate = median(taken.map(({ requestsPerSecond }) => requestsPerSecond));
      const row = [nameOf(load), server, figure(cost, 2), figure(rate, 0), figure(ratio(samples, 'us', server), 2)];
      rows.push(hasNode ? [...row, figure(ratio(samples, 'us on Node', server), 2)] : row);
    }
  }
  for (const server of missing) rows.push(['all', server, ...head.slice(2).map(() => 'not installed')]);
  const note =
    'User and system time of all processes of a server, divided by requests. redis-benchmark with 50 connections, ' +
    `64-byte values, 100,000 keys; P is the pipeline depth; ${requests[1]} requests for P1 and ${requests[16]} for P16. ` +
    `The 50 handshakes of a run count, which weighs most on few requests over TLS. ` +
    `Servers alternate; medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round.`;
  return { title: 'CPU per request', note, head, rows };
}

function goalsOf(measured: ReadonlyMap<Load, Samples>): Goal[] {
  const find = (wanted: string, peer: ServerName): number | undefined => {
    const found = Array.from(measured).find(([load]) => nameOf(load) === wanted);
    return found === undefined ? undefined : ratio(found[1], 'us', peer);
  };
  const goal = (load: string, peer: ServerName, label: string, target: number, acceptable?: number): Goal[] =>
    OPERATIONS.map((operation) => ({
      goal: `CPU, ${load} ${operation}, against ${label}`,
      target,
      ...(acceptable === undefined ? {} : { acceptable }),
      unit: '',
      measured: find(`${load} ${operation}`, peer),
    }));
  return [
    ...goal('TLS P1', 'redis', 'redis-server with TLS', 1, 1.1),
    ...goal('TLS P16', 'redis', 'redis-server with TLS', 1.1),
    ...goal('TLS P1', 'haproxy+redis', 'HAProxy and redis-server', 0.6),
    ...goal('TLS P1', 'stunnel+redis', 'stunnel and redis-server', 0.25),
    ...goal('plain P16', 'redis', 'redis-server', 1.2),
  ];
}
