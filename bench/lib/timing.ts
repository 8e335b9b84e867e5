/**
 * What histograms and the slow log cost, which are always on: one of our servers with them and without them in turn, at
 * depth 16 over the plain port. The order changes with every round, so that what drifts does not favour either.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Sample, sample } from './cpu.ts';
import type { Section } from './goals.ts';
import { certificateAuthority, type Server } from './servers.ts';
import { figure, median } from './table.ts';
import { ask } from './wire.ts';

const OPERATIONS = ['GET', 'SET'] as const;
const WARM_UP_TIMES = 2;
const GOAL = 1.02;
/** CPU time is told in steps of 10 ms, and two percent are wanted: each sample takes seconds. */
const REQUESTS_TIMES = 4;

type Way = 'on' | 'off';

const OPTIONS: Readonly<Record<Way, readonly string[]>> = {
  on: ['latency-tracking', 'yes', 'slowlog-log-slower-than', '10000'],
  off: ['latency-tracking', 'no', 'slowlog-log-slower-than', '-1'],
};

async function configure(server: Server, way: Way): Promise<void> {
  const password = readFileSync(join(dirname(certificateAuthority()), 'admin.password'), 'utf8').trim();
  await ask(server.plainPort, [
    ['AUTH', 'admin', password],
    ['CONFIG', 'SET', ...OPTIONS[way]],
  ]);
}

export async function measureTiming(server: Server, rounds: number, requestsOfOthers: number): Promise<Section> {
  const requests = REQUESTS_TIMES * requestsOfOthers;
  const taken = OPERATIONS.map((operation) => ({ operation, on: [] as Sample[], off: [] as Sample[] }));
  for (let round = 1 - WARM_UP_TIMES; round <= rounds; round++) {
    process.stderr.write(round < 1 ? 'timing: warming up\n' : `timing: round ${round} of ${rounds}\n`);
    for (const of of taken) {
      for (const way of round % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
        await configure(server, way);
        const measured = await sample(server, { transport: 'plain', operation: of.operation, depth: 16, requests });
        if (round >= 1) of[way].push(measured);
      }
    }
  }
  const cost = (samples: readonly Sample[]) => median(samples.map(({ microseconds }) => microseconds));
  // Of two samples that stand next to each other: what else the machine does hits both.
  const ratio = (on: readonly Sample[], off: readonly Sample[]) =>
    median(on.map(({ microseconds }, round) => microseconds / (off[round]?.microseconds ?? Number.NaN)));
  const rows = taken.map(({ operation, on, off }) => [
    operation,
    figure(cost(on), 3),
    figure(cost(off), 3),
    figure(ratio(on, off), 3),
  ]);
  const note =
    `User and system time of one server over ${requests} requests, redis-benchmark with 50 connections and pipelines of 16 ` +
    `over the plain port, 64-byte values. Medians of ${rounds} rounds, with and without in turn; the ratio is the median of those within a round.`;
  const head = ['command', 'CPU µs/request with', 'without', 'with ÷ without'];
  return {
    tables: [{ title: 'Histograms and slow log', note, head, rows }],
    goals: taken.map(({ operation, on, off }) => ({
      goal: `CPU, plain P16 ${operation}, histograms and slow log on against off`,
      target: GOAL,
      unit: '',
      measured: ratio(on, off),
    })),
  };
}
