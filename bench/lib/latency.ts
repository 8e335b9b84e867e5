/** How long a request takes over TLS while fifty connections ask as fast as they are answered. */
import type { Section } from './goals.ts';
import { drive, type Operation, type Outcome } from './redis-benchmark.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';

const OPERATIONS: readonly Operation[] = ['SET', 'GET'];

export async function measureLatency(servers: readonly Server[], rounds: number, requests: number): Promise<Section> {
  const rows: string[][] = [];
  for (const operation of OPERATIONS) {
    const outcomes = new Map<ServerName, Outcome[]>(servers.map(({ name }) => [name, []]));
    const load = { transport: 'TLS', operation, depth: 1, requests } as const;
    for (const server of servers) await drive(server, load);
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) outcomes.get(server.name)?.push(await drive(server, load));
    }
    for (const [name, taken] of outcomes) {
      const middle = (key: keyof Outcome): string => figure(median(taken.map((outcome) => outcome[key])), 2);
      rows.push([`TLS P1 ${operation}`, name, middle('p50_ms'), middle('p99_ms'), middle('p999_ms'), middle('max_ms')]);
    }
  }
  const note =
    `redis-benchmark, TLS, 50 connections, one request at a time each, ${requests} requests; medians of ${rounds} ` +
    `${rounds === 1 ? 'round' : 'rounds'}. p99.9 is the first step of its distribution at or above 99.9 %.`;
  const head = ['load', 'server', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'];
  return { tables: [{ title: 'Latency', note, head, rows }], goals: [] };
}
