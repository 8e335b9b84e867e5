/**
 * CPU time per write while clients cache what they have read: a hundred of them hold a thousand keys each, one more writes
 * every key once, and each write is told to the client that holds the key. Between two passes the keys are read again, which
 * is not counted. Beside it the same writes while nobody caches anything.
 */
import { Client } from './client.ts';
import { ratio, type Sample, type Samples } from './cpu.ts';
import type { Goal, Section } from './goals.ts';
import { PASSWORD, USER } from './policy.ts';
import { cpuSeconds } from './processes.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { encode } from './wire.ts';

const VALUE = 'v'.repeat(64);
const CLIENTS = 100;
const READS_AT_ONCE = 500;
const DEPTHS = [1, 16] as const;
const WARM_UP_ROUNDS = 4;
const GOAL = 1.3;
/** Writes one at a time take longer, and no more of them are needed. */
const WRITTEN_AT_DEPTH_1 = 4;
/** For the last messages to arrive. */
const SETTLE_MS = 300;
const OK_BYTES = '+OK\r\n'.length;
const READ_BYTES = `$${VALUE.length}\r\n${VALUE}\r\n`.length;

export interface TrackingOptions {
  readonly rounds: number;
  /** A multiple of a hundred times the reads at once. */
  readonly keys: number;
}

function keyAt(i: number): string {
  return `key:${String(i).padStart(12, '0')}`;
}

const MESSAGE_BYTES = `>2\r\n$10\r\ninvalidate\r\n${encode([keyAt(0)])}`.length;

class Crowd {
  private readonly server: Server;
  private readonly clients: readonly Client[];
  private readonly writer: Client;
  private readonly keys: number;

  private constructor(server: Server, clients: readonly Client[], writer: Client, keys: number) {
    this.server = server;
    this.clients = clients;
    this.writer = writer;
    this.keys = keys;
  }

  static async open(server: Server, keys: number): Promise<Crowd> {
    const clients = await Client.many(server, 'plain', CLIENTS);
    return new Crowd(server, clients, await Client.connect(server, 'plain'), keys);
  }

  async track(): Promise<void> {
    for (const client of this.clients) {
      let greeted: () => void = () => undefined;
      const said = new Promise<void>((resolve) => {
        greeted = resolve;
      });
      // HELLO answers with the version of the server, and so with some number of bytes.
      let text = '';
      client.heard = (chunk) => {
        text += Buffer.from(chunk).toString('latin1');
        if (text.endsWith('\r\n+OK\r\n')) greeted();
      };
      client.send(encode(['HELLO', '3', 'AUTH', USER, PASSWORD]) + encode(['CLIENT', 'TRACKING', 'ON']));
      await said;
      client.heard = undefined;
      client.forgetSurplus();
    }
  }

  /** Each client reads its share. */
  async read(): Promise<void> {
    const share = this.keys / CLIENTS;
    await Promise.all(
      this.clients.map(async (client, number) => {
        for (let first = 0; first < share; first += READS_AT_ONCE) {
          let text = '';
          for (let i = first; i < first + READS_AT_ONCE; i++) text += encode(['GET', keyAt(number * share + i)]);
          await client.ask(text, READS_AT_ONCE * READ_BYTES);
        }
      }),
    );
  }

  /** Neighbours in time belong to different clients. */
  async write(keys: number, depth: number): Promise<Sample> {
    const share = this.keys / CLIENTS;
    const before = cpuSeconds(this.server.pids);
    const from_ms = performance.now();
    for (let written = 0; written < keys; written += depth) {
      let text = '';
      for (let i = written; i < written + depth; i++) {
        text += encode(['SET', keyAt((i % CLIENTS) * share + Math.floor(i / CLIENTS)), VALUE]);
      }
      await this.writer.ask(text, depth * OK_BYTES);
    }
    const took_ms = performance.now() - from_ms;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const microseconds = ((cpuSeconds(this.server.pids) - before) / keys) * 1e6;
    return { microseconds, requestsPerSecond: (1000 * keys) / took_ms };
  }

  /** Each write is told once, to one. */
  expectMessages(writes: number): void {
    let bytes = 0;
    for (const client of this.clients) {
      bytes += client.surplusBytes;
      client.forgetSurplus();
    }
    if (bytes !== writes * MESSAGE_BYTES) {
      throw new Error(`${this.server.name}: ${bytes} bytes of ${writes * MESSAGE_BYTES} told of what has changed`);
    }
  }

  close(): void {
    this.writer.close();
    for (const client of this.clients) client.close();
  }
}

type Load = `${'cached' | 'not cached'}, P${(typeof DEPTHS)[number]}`;

function loadOf(depth: (typeof DEPTHS)[number], isCached: boolean): Load {
  return isCached ? `cached, P${depth}` : `not cached, P${depth}`;
}

async function measureServer(server: Server, keys: number): Promise<ReadonlyMap<Load, Sample>> {
  const samples = new Map<Load, Sample>();
  const crowd = await Crowd.open(server, keys);
  await crowd.write(keys, 16);
  for (const isCached of [false, true]) {
    if (isCached) await crowd.track();
    for (const depth of DEPTHS) {
      const writes = depth === 1 ? keys / WRITTEN_AT_DEPTH_1 : keys;
      if (isCached) await crowd.read();
      samples.set(loadOf(depth, isCached), await crowd.write(writes, depth));
      crowd.expectMessages(isCached ? writes : 0);
    }
  }
  crowd.close();
  return samples;
}

export async function measureTracking(servers: readonly Server[], { rounds, keys }: TrackingOptions): Promise<Section> {
  const loads = [false, true].flatMap((isCached) => DEPTHS.map((depth) => loadOf(depth, isCached)));
  const measured = new Map(loads.map((load) => [load, new Map<ServerName, Sample[]>()]));
  for (let round = 1 - WARM_UP_ROUNDS; round <= rounds; round++) {
    process.stderr.write(round < 1 ? 'tracking: warming up\n' : `tracking: round ${round} of ${rounds}\n`);
    for (const server of servers) {
      const samples = await measureServer(server, keys);
      if (round < 1) continue;
      for (const [load, sample] of samples) {
        const of = measured.get(load);
        of?.set(server.name, [...(of.get(server.name) ?? []), sample]);
      }
    }
  }
  return sectionOf(measured, rounds, keys);
}

function sectionOf(measured: ReadonlyMap<Load, Samples>, rounds: number, keys: number): Section {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [load, samples] of measured) {
    for (const [server, taken] of samples) {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      const rate = median(taken.map(({ requestsPerSecond }) => requestsPerSecond));
      rows.push([load, server, figure(cost, 2), figure(rate, 0), figure(ratio(samples, 'us', server), 2)]);
    }
    if (load.startsWith('not')) continue;
    const goal = `CPU per write, ${keys} keys cached by ${CLIENTS} clients, ${load.slice(load.indexOf('P'))}`;
    goals.push({ goal, target: GOAL, unit: '', measured: ratio(samples, 'us', 'redis') });
  }
  const note =
    `User and system time of the server over SETs of 64 bytes by one client over a plain socket, P at a time: ${keys}, of ` +
    `which a quarter at P1. Cached: each key has been read by one of ${CLIENTS} clients that track, who is told of the write. ` +
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round.`;
  const head = ['keys', 'server', 'CPU µs/write', 'writes/s', 'us ÷ it'];
  return { tables: [{ title: 'Tracking', note, head, rows }], goals };
}
