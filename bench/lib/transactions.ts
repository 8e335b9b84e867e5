/**
 * CPU time per transaction: MULTI, ten SETs and EXEC over TLS, fifty connections, each with one transaction at a time. Once
 * as client libraries send it, all of it in one write, and once command by command, each after the reply before.
 */
import { Client } from './client.ts';
import { ratio, type Sample, type Samples } from './cpu.ts';
import type { Goal, Section } from './goals.ts';
import { cpuSeconds } from './processes.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { encode } from './wire.ts';

const CONNECTIONS = 50;
const SETS = 10;
const KEYS = 100_000;
const VALUE = 'v'.repeat(64);
const WARM_UP_TIMES = 2;
const GOAL = 1.1;
/** A transaction in pieces costs twelve round trips. */
const PIECES_DIVISOR = 4;

const OK = '+OK\r\n'.length;
const QUEUED = '+QUEUED\r\n'.length;
const ANSWER_BYTES = OK + SETS * QUEUED + `*${SETS}\r\n`.length + SETS * OK;

const WAYS = ['in one write', 'command by command'] as const;
type Way = (typeof WAYS)[number];

let nextKey = 0;

function setText(): string {
  // Steps over all keys before it comes to one again, and not in their order.
  nextKey = (nextKey + 7_919) % KEYS;
  return encode(['SET', `key:${String(nextKey).padStart(12, '0')}`, VALUE]);
}

const MULTI = encode(['MULTI']);
const EXEC = encode(['EXEC']);

async function transact(client: Client, way: Way): Promise<void> {
  if (way === 'in one write') {
    let text = MULTI;
    for (let i = 0; i < SETS; i++) text += setText();
    return client.ask(text + EXEC, ANSWER_BYTES);
  }
  await client.ask(MULTI, OK);
  for (let i = 0; i < SETS; i++) await client.ask(setText(), QUEUED);
  return client.ask(EXEC, `*${SETS}\r\n`.length + SETS * OK);
}

async function measureServer(server: Server, way: Way, transactions: number): Promise<Sample> {
  const clients = await Client.many(server, 'TLS', CONNECTIONS);
  const each = Math.ceil(transactions / CONNECTIONS);
  const before = cpuSeconds(server.pids);
  const from_ms = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < each; i++) await transact(client, way);
    }),
  );
  const took_ms = performance.now() - from_ms;
  const count = each * CONNECTIONS;
  const microseconds = ((cpuSeconds(server.pids) - before) / count) * 1e6;
  for (const client of clients) {
    if (client.surplusBytes !== 0) throw new Error(`${server.name}: answers are longer than they may be`);
    client.close();
  }
  return { microseconds, requestsPerSecond: (1000 * count) / took_ms };
}

export async function measureTransactions(
  servers: readonly Server[],
  rounds: number,
  transactions: number,
): Promise<Section> {
  const measured = new Map(WAYS.map((way) => [way, new Map<ServerName, Sample[]>()]));
  for (let round = 1 - WARM_UP_TIMES; round <= rounds; round++) {
    process.stderr.write(round < 1 ? 'transactions: warming up\n' : `transactions: round ${round} of ${rounds}\n`);
    for (const [way, samples] of measured) {
      const count = way === 'in one write' ? transactions : transactions / PIECES_DIVISOR;
      for (const server of servers) {
        const sample = await measureServer(server, way, count);
        if (round >= 1) samples.set(server.name, [...(samples.get(server.name) ?? []), sample]);
      }
    }
  }
  return sectionOf(measured, rounds, transactions);
}

function sectionOf(measured: ReadonlyMap<Way, Samples>, rounds: number, transactions: number): Section {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [way, samples] of measured) {
    for (const [server, taken] of samples) {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      const rate = median(taken.map(({ requestsPerSecond }) => requestsPerSecond));
      rows.push([way, server, figure(cost, 2), figure(rate, 0), figure(ratio(samples, 'us', server), 2)]);
    }
    const goal = `CPU per transaction of ${SETS} SET over TLS, ${way}, against redis-server with TLS`;
    goals.push({ goal, target: GOAL, unit: '', measured: ratio(samples, 'us', 'redis') });
  }
  const note =
    `User and system time of the server over transactions of MULTI, ${SETS} SET of 64 bytes and EXEC over TLS, ` +
    `${CONNECTIONS} connections with one transaction at a time each: ${transactions}, or a quarter of that command by ` +
    `command. Servers alternate; medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round.`;
  const head = ['sent', 'server', 'CPU µs/transaction', 'transactions/s', 'us ÷ it'];
  return { tables: [{ title: 'Transactions', note, head, rows }], goals };
}
