/**
 * What a full handshake of TLS 1.3 costs the server, and what those who are in feel of many who want in: the server has one
 * core for itself, and whoever loads and measures it the other.
 */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { z } from 'zod';
import type { Goal, Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { PASSWORD, USER } from './policy.ts';
import { apart, cpuSeconds } from './processes.ts';
import { driveWarm } from './redis-benchmark.ts';
import { certificateAuthority, type Server, type ServerName } from './servers.ts';
import { figure, median } from './table.ts';

const AT_ONCE = 8;
const QUIET_MS = 4000;
/** Far beyond what one core does, and 300 a second beyond what redis-server does. */
const OFFERED_PER_SECOND = 1500;

const pingSchema = z.object({ p50_ms: z.number(), p99_ms: z.number(), max_ms: z.number() });
const knocksSchema = z.object({ offeredPerSecond: z.number(), admittedPerSecond: z.number() });

/** ECDSA P-256 and X25519, as the development certificates and both servers have them; no session is resumed. */
async function shakeHands(server: Server, count: number, ca: string): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const options = {
        port: server.tlsPort,
        host: '127.0.0.1',
        servername: 'localhost',
        ca,
        minVersion: 'TLSv1.3',
      } as const;
      const socket = tls.connect(options);
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function perCpuSecond(server: Server, count: number, ca: string): Promise<number> {
  const before = cpuSeconds(server.pids);
  await shakeHands(server, count, ca);
  return count / (cpuSeconds(server.pids) - before);
}

async function waited(server: Server): Promise<z.infer<typeof pingSchema>> {
  const login = { port: server.plainPort, user: USER, password: PASSWORD };
  const ping = await startHelper(new URL('./ping.ts', import.meta.url), login);
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  return pingSchema.parse(JSON.parse(await ping.finish()));
}

interface HandshakeOptions {
  readonly rounds: number;
  readonly count: number;
  /** Of the fifty who are in, each time. */
  readonly requests: number;
}

export function measureHandshakes(servers: readonly Server[], options: HandshakeOptions): Promise<Section> {
  return apart(
    servers.flatMap(({ pids }) => pids),
    (isApart) => measure(servers, options, isApart),
  );
}

/** The p99 of who is in: of one client that asks PING after PING, and of fifty that ask as fast as they are answered. */
interface Waits {
  readonly one_ms: number;
  readonly fifty_ms: number;
}

async function waits(server: Server, requests: number): Promise<Waits> {
  const one = await waited(server);
  const fifty = await driveWarm(server, { transport: 'plain', operation: 'GET', depth: 1, requests });
  return { one_ms: one.p99_ms, fifty_ms: fifty.p99_ms };
}

interface Beside {
  readonly quiet: Waits;
  readonly loud: Waits;
  readonly admittedPerSecond: number;
}

async function beside(server: Server, requests: number): Promise<Beside> {
  const quiet = await waits(server, requests);
  const task = { port: server.tlsPort, ca: certificateAuthority(), user: USER, password: PASSWORD };
  const url = new URL('./knocks.ts', import.meta.url);
  const knocks = await startHelper(url, { ...task, perSecond: OFFERED_PER_SECOND });
  const loud = await waits(server, requests);
  const { admittedPerSecond } = knocksSchema.parse(JSON.parse(await knocks.finish()));
  return { quiet, loud, admittedPerSecond };
}

async function measure(
  servers: readonly Server[],
  { rounds, count, requests }: HandshakeOptions,
  isApart: boolean,
): Promise<Section> {
  const ca = readFileSync(certificateAuthority(), 'utf8');
  const rates = new Map<ServerName, number[]>(servers.map(({ name }) => [name, []]));
  for (const server of servers) await shakeHands(server, count / 4, ca);
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`handshakes: round ${round} of ${rounds}\n`);
    for (const server of servers) rates.get(server.name)?.push(await perCpuSecond(server, count, ca));
  }
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const server of servers) {
    const all: Beside[] = [];
    for (let round = 1; round <= rounds; round++) all.push(await beside(server, requests));
    const middle = (of: (one: Beside) => number): number => median(all.map(of));
    const shown = (of: (one: Beside) => number, digits: number): string => figure(middle(of), digits);
    const one = middle(({ quiet, loud }) => loud.one_ms / quiet.one_ms);
    const fifty = middle(({ quiet, loud }) => loud.fifty_ms / quiet.fifty_ms);
    rows.push([
      server.name,
      figure(median(rates.get(server.name) ?? []), 0),
      shown(({ quiet }) => quiet.one_ms, 2),
      shown(({ loud }) => loud.one_ms, 2),
      figure(one, 2),
      shown(({ quiet }) => quiet.fifty_ms, 2),
      shown(({ loud }) => loud.fifty_ms, 2),
      figure(fifty, 2),
      shown(({ admittedPerSecond }) => admittedPerSecond, 0),
    ]);
    if (server.name !== 'us') continue;
    goals.push({ goal: 'p99 of one client beside handshakes, against quiet', target: 2, unit: '', measured: one });
    goals.push({ goal: 'p99 of fifty clients beside handshakes, against quiet', target: 2, unit: '', measured: fifty });
  }
  const [ours, redis] = [rates.get('us'), rates.get('redis')];
  const measured = ours === undefined || redis === undefined ? undefined : median(ours) / median(redis);
  goals.push({ goal: 'handshakes per CPU second', target: 0.8, atLeast: true, unit: '', measured });
  const note =
    `Full handshakes of TLS 1.3, ECDSA P-256, ${count} at each of ${rounds} rounds; then one client that asks PING after PING, and ` +
    `fifty that ask as fast as they are answered, alone and while ${OFFERED_PER_SECOND} handshakes a second are offered, each with ` +
    `a login. ${isApart ? 'The server has one core, all else the other.' : 'Not pinned to cores.'}`;
  const head = [
    'server',
    'per CPU second',
    'one: quiet p99 ms',
    'p99 ms',
    'p99 ÷ quiet',
    'fifty: quiet p99 ms',
    'p99 ms',
    'p99 ÷ quiet',
    'let in a second',
  ];
  return { tables: [{ title: 'Handshakes', note, head, rows }], goals };
}
