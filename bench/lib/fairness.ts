/**
 * How long one tenant waits while another takes what it can get: pipelines of ten thousand, values of a megabyte, five hundred
 * connections. redis-server, which has no tenants, beside us.
 */
import { z } from 'zod';
import type { Goal, Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { ABUSER, PASSWORD } from './policy.ts';
import { apart } from './processes.ts';
import { driveWarm, type Outcome } from './redis-benchmark.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';

const KINDS = ['deep', 'large', 'many'] as const;
const NAMES: Readonly<Record<(typeof KINDS)[number], string>> = {
  deep: '50 pipelines of 10,000',
  large: 'values of 1 MB',
  many: '500 connections',
};

const abuseSchema = z.object({ perSecond: z.number() });

interface Taken {
  readonly quiet: Outcome;
  readonly abused: Outcome;
  readonly perSecond: number;
}

export interface FairnessOptions {
  readonly rounds: number;
  /** Of who is measured, each time. */
  readonly requests: number;
}

async function take(server: Server, kind: (typeof KINDS)[number], requests: number): Promise<Taken> {
  const load = { transport: 'plain', operation: 'GET', depth: 1, requests } as const;
  const quiet = await driveWarm(server, load);
  const task = { port: server.plainPort, user: ABUSER, password: PASSWORD, kind };
  const abuse = await startHelper(new URL('./abuse.ts', import.meta.url), task);
  const abused = await driveWarm(server, load);
  const { perSecond } = abuseSchema.parse(JSON.parse(await abuse.finish()));
  return { quiet, abused, perSecond };
}

export function measureFairness(servers: readonly Server[], options: FairnessOptions): Promise<Section> {
  // Whoever asks has one core. A server may have threads beside the one that answers, which must not take turns with it.
  return apart([], (isApart) => measure(servers, options, isApart));
}

async function measure(servers: readonly Server[], options: FairnessOptions, isApart: boolean): Promise<Section> {
  const { rounds, requests } = options;
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const kind of KINDS) {
    const taken = new Map<ServerName, Taken[]>(servers.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`fairness: ${NAMES[kind]}, round ${round} of ${rounds}\n`);
      for (const server of servers) taken.get(server.name)?.push(await take(server, kind, requests));
    }
    for (const [name, all] of taken) {
      const ratio = median(all.map(({ quiet, abused }) => abused.p99_ms / quiet.p99_ms));
      const middle = (of: (one: Taken) => number, digits = 2): string => figure(median(all.map(of)), digits);
      rows.push([
        NAMES[kind],
        name,
        middle(({ quiet }) => quiet.p99_ms),
        middle(({ abused }) => abused.p50_ms),
        middle(({ abused }) => abused.p99_ms),
        middle(({ abused }) => abused.p999_ms),
        figure(ratio, 2),
        middle(({ perSecond }) => perSecond, 0),
      ]);
      if (name === 'us') {
        goals.push({ goal: `p99 beside ${NAMES[kind]}, against quiet`, target: 2, unit: '', measured: ratio });
      }
    }
  }
  const note =
    `redis-benchmark as one tenant, 50 connections that ask as fast as they are answered, ${requests} requests alone and ` +
    `${requests} while another tenant does its worst, each after a run to warm up; who abuses yields its core to who measures. Medians of ${rounds} ` +
    `${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round. ${isApart ? 'Whoever asks has one core.' : 'Not pinned to cores.'}`;
  const head = [
    'abuse',
    'server',
    'quiet p99 ms',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'p99 ÷ quiet',
    'requests/s of the abuse',
  ];
  return { tables: [{ title: 'Fairness', note, head, rows }], goals };
}
