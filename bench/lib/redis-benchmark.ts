/** redis-benchmark as the driver: how it is called, and what it says. */
import { execFile } from 'node:child_process';
import { PASSWORD, USER } from './policy.ts';
import { findProgram } from './processes.ts';
import { certificateAuthority, type Server } from './servers.ts';

const CONNECTIONS = 50;
const VALUE_BYTES = 64;
const KEYS = 100_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** It has been seen to spin for ever on a server that was not there. */
const RUN_MS_MAX = 180_000;
/** Of a percentile distribution, which has no row of exactly 99.9. */
const TAIL_PERCENT = 99.9;

export type Transport = 'plain' | 'TLS';
export type Operation = 'SET' | 'GET';

/** What is asked for: one of redis-benchmark's own tests, or a command whose `__rand_int__` it replaces. */
export interface Load {
  readonly transport: Transport;
  readonly operation: Operation | string;
  readonly command?: readonly string[];
  /** Requests of one connection that are on their way together. */
  readonly depth: number;
  readonly requests: number;
  /** 50 unless told; and how many keys there are. */
  readonly connections?: number;
  readonly keys?: number;
}

export interface Outcome {
  readonly requestsPerSecond: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
}

function argumentsOf(server: Server, load: Load): string[] {
  const words: Record<string, string | number> = {
    '-p': load.transport === 'TLS' ? server.tlsPort : server.plainPort,
    '-n': load.requests,
    '-d': VALUE_BYTES,
    '-r': load.keys ?? KEYS,
    '-c': load.connections ?? CONNECTIONS,
    '-P': load.depth,
    '--user': USER,
    '-a': PASSWORD,
  };
  const tls = load.transport === 'TLS' ? ['--tls', '--cacert', certificateAuthority()] : [];
  return Object.entries(words)
    .flatMap(([flag, value]) => [flag, String(value)])
    .concat(tls)
    .concat(load.command ?? ['-t', load.operation.toLowerCase()]);
}

/** Fails when the server answered with errors, which would be cheap and not what is measured. */
export async function drive(server: Server, load: Load): Promise<Outcome> {
  const program = findProgram('redis-benchmark');
  if (program === undefined) throw new Error('redis-benchmark is not installed: it comes with redis-tools');
  const what = `${server.name}, ${load.transport} P${load.depth} ${load.operation}`;
  const { failed, said } = await run(program, argumentsOf(server, load));
  const [reason] = /Error from server.*|^(?:WRONGPASS|NOAUTH|NOPERM|-?ERR) .*|Could not connect.*/m.exec(said) ?? [];
  if (failed || reason !== undefined) throw new Error(`redis-benchmark failed, ${what}: ${reason ?? 'no reason told'}`);
  const outcome = parse(said);
  if (outcome === undefined) throw new Error(`redis-benchmark said nothing that can be read: ${what}`);
  return outcome;
}

/** The second of two runs: in the first a process that compiles as it goes is busy with that. */
export async function driveWarm(server: Server, load: Load): Promise<Outcome> {
  await drive(server, load);
  return drive(server, load);
}

/** The error of a failed run repeats the command line, and with it the password: only that it failed is kept. */
function run(program: string, args: readonly string[]): Promise<{ failed: boolean; said: string }> {
  return new Promise((resolve) => {
    const limits = { maxBuffer: OUTPUT_BYTES_MAX, timeout: RUN_MS_MAX };
    execFile(program, args, limits, (error, stdout, stderr) => {
      resolve({ failed: error !== null, said: `${stdout}\n${stderr}`.replaceAll('\r', '\n') });
    });
  });
}

function parse(said: string): Outcome | undefined {
  const rate = /throughput summary: ([\d.]+)/.exec(said);
  const summary = /avg +min +p50 +p95 +p99 +max\s+([\d. ]+)/.exec(said);
  const figures = summary?.[1]?.trim().split(/ +/).map(Number) ?? [];
  const [, , p50_ms, , p99_ms, max_ms] = figures;
  const [, distribution = ''] = /percentile distribution:([\s\S]*?)\n\s*\n/.exec(said) ?? [];
  const rows = Array.from(distribution.matchAll(/([\d.]+)% <= ([\d.]+) milliseconds/g), ([, percent, milliseconds]) => {
    return { percent: Number(percent), milliseconds: Number(milliseconds) };
  });
  const tail = rows.find(({ percent }) => percent >= TAIL_PERCENT);
  if (rate?.[1] === undefined || p50_ms === undefined || p99_ms === undefined || max_ms === undefined) return undefined;
  return { requestsPerSecond: Number(rate[1]), p50_ms, p99_ms, p999_ms: tail?.milliseconds ?? max_ms, max_ms };
}
