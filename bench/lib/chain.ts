/** What the whole chain of policy costs a request over TLS: us with everything on, beside us with one user and no limits. */
import { ratio, type Sample, sample } from './cpu.ts';
import type { Section } from './goals.ts';
import type { Operation } from './redis-benchmark.ts';
import { type Runtime, type ServerName, startUs } from './servers.ts';
import { figure, median } from './table.ts';

const OPERATIONS: readonly Operation[] = ['SET', 'GET'];

export async function measureChain(runtime: Runtime, rounds: number, requests: number): Promise<Section> {
  const on = await startUs(runtime, undefined, 'everything, audited');
  const off = { ...(await startUs(runtime, undefined, 'one user')), name: 'us without policy' } as const;
  const rows: string[][] = [];
  const goals = [];
  for (const operation of OPERATIONS) {
    const load = { transport: 'TLS', operation, depth: 1, requests } as const;
    const samples = new Map<ServerName, Sample[]>([
      [on.name, []],
      [off.name, []],
    ]);
    for (const server of [on, off]) await sample(server, load);
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`chain: ${operation}, round ${round} of ${rounds}\n`);
      for (const server of [on, off]) samples.get(server.name)?.push(await sample(server, load));
    }
    const measured = ratio(samples, on.name, off.name);
    for (const [name, taken] of samples) {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      rows.push([`TLS P1 ${operation}`, name, figure(cost, 2), name === on.name ? figure(measured, 2) : '']);
    }
    goals.push({ goal: `CPU, TLS P1 ${operation}, policy on against off`, target: 1.15, unit: '', measured });
  }
  await on.stop();
  await off.stop();
  const note =
    'On: 10,000 networks in the allowlist, 50 of the user, key patterns and command rules, budgets and rates of tenant and ' +
    'user, none of them binding, and a record of every write in the audit file. Off: one user who may do everything. CPU time ' +
    'divided by requests, as above. That a token has run out is looked at in either.';
  const head = ['load', 'server', 'CPU µs/request', 'on ÷ off'];
  return { tables: [{ title: 'The chain of policy', note, head, rows }], goals };
}
