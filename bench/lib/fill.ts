/**
 * Filling an empty server with small keys over the wire: what a key costs in resident memory, and how long the server's
 * loop is away from everybody else meanwhile.
 */
import net from 'node:net';
import { z } from 'zod';
import type { Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { PASSWORD, USER } from './policy.ts';
import { residentBytes, SETTLE_MS, settle } from './processes.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';

const VALUE_BYTES = 64;
const KEY_DIGITS = 12;
const BATCH_REQUESTS = 500;
const BATCHES_IN_FLIGHT = 2;
/**
 * Before the first look at memory: what a start leaves behind is collected, and what compilers need is there. Over a few
 * keys only, which the fill then overwrites.
 */
const WARM_UP_REQUESTS = 300_000;
const WARM_UP_KEYS = 1_000;
const OK_BYTES = '+OK\r\n'.length;
const ERROR_MARKER = 0x2d;

const pingsSchema = z.object({
  count: z.number(),
  p50_ms: z.number(),
  p99_ms: z.number(),
  p999_ms: z.number(),
  max_ms: z.number(),
});

type Pings = z.output<typeof pingsSchema>;

interface Fill extends Pings {
  /** Resident bytes. */
  readonly before: number;
  readonly after: number;
  readonly bytesPerKey: number;
  readonly keysPerSecond: number;
}

export interface FillOptions {
  readonly rounds: number;
  readonly keys: number;
  readonly wants: { readonly memory: boolean; readonly loop: boolean };
  /** A fresh server for each fill. */
  readonly starts: readonly (() => Promise<Server | undefined>)[];
}

export async function measureFill({ rounds, keys, wants, starts }: FillOptions): Promise<Section> {
  const fills = new Map<ServerName, Fill[]>();
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`memory and loop: round ${round} of ${rounds}\n`);
    for (const start of starts) {
      const server = await start();
      if (server === undefined) continue;
      const taken = fills.get(server.name) ?? [];
      taken.push(await fill(server, keys));
      fills.set(server.name, taken);
      await server.stop();
    }
  }
  const memory = wants.memory ? memorySection(fills, keys) : undefined;
  const loop = wants.loop ? loopSection(fills, keys) : undefined;
  const sections = [memory, loop].filter((section) => section !== undefined);
  return { tables: sections.flatMap(({ tables }) => tables), goals: sections.flatMap(({ goals }) => goals) };
}

async function fill(server: Server, keys: number): Promise<Fill> {
  await insert(server.plainPort, WARM_UP_REQUESTS, WARM_UP_KEYS);
  await settle();
  const before = residentBytes(server.pids);
  const task = { port: server.plainPort, user: USER, password: PASSWORD };
  const helper = await startHelper(new URL('./ping.ts', import.meta.url), task);
  const from = performance.now();
  await insert(server.plainPort, keys, keys);
  const seconds = (performance.now() - from) / 1000;
  const pings = pingsSchema.parse(JSON.parse(await helper.finish()));
  await settle();
  const after = residentBytes(server.pids);
  return { ...pings, before, after, bytesPerKey: (after - before) / keys, keysPerSecond: keys / seconds };
}

/** `SET key:<12 digits> <64 bytes>` again and again, with the digits of each yet to be written. */
class Batch {
  readonly bytes: Buffer;
  private readonly requestBytes: number;
  private readonly keyStart: number;

  constructor() {
    const head = `*3\r\n$3\r\nSET\r\n$${4 + KEY_DIGITS}\r\nkey:`;
    const request = `${head}${'0'.repeat(KEY_DIGITS)}\r\n$${VALUE_BYTES}\r\n${'v'.repeat(VALUE_BYTES)}\r\n`;
    this.bytes = Buffer.from(request.repeat(BATCH_REQUESTS));
    this.requestBytes = request.length;
    this.keyStart = head.length;
  }

  /** The bytes of `count` requests, for the keys from `first` on; behind the last of `keys` the first comes again. */
  number(first: number, count: number, keys: number): Buffer {
    for (let i = 0; i < count; i++) {
      let rest = (first + i) % keys;
      const start = i * this.requestBytes + this.keyStart;
      for (let at = start + KEY_DIGITS - 1; at >= start; at--) {
        this.bytes[at] = 0x30 + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
    return this.bytes.subarray(0, count * this.requestBytes);
  }
}

/** Two batches are on their way at any time: the server always has work, and never more than 100 kB of it. */
export function insert(port: number, requests: number, keys: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const batches = Array.from({ length: BATCHES_IN_FLIGHT }, () => new Batch());
    let sent = 0;
    let answeredBytes = 0;
    let turn = 0;
    const sendMore = (): void => {
      // A batch is written anew only after its answers are here, so its bytes have left.
      while (
        sent < requests &&
        sent - Math.floor(answeredBytes / OK_BYTES) <= (BATCHES_IN_FLIGHT - 1) * BATCH_REQUESTS
      ) {
        const count = Math.min(BATCH_REQUESTS, requests - sent);
        const batch = batches[turn++ % BATCHES_IN_FLIGHT];
        if (batch !== undefined) socket.write(batch.number(sent, count, keys));
        sent += count;
      }
    };
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection that filled it')));
    socket.once('data', () => {
      socket.on('data', (chunk) => {
        if (chunk.includes(ERROR_MARKER)) reject(new Error(`SET was refused: ${chunk.toString().slice(0, 200)}`));
        answeredBytes += chunk.length;
        if (answeredBytes === requests * OK_BYTES) {
          resolve();
          socket.destroy();
        } else sendMore();
      });
      sendMore();
    });
    socket.write(`*3\r\n$4\r\nAUTH\r\n$${USER.length}\r\n${USER}\r\n$${PASSWORD.length}\r\n${PASSWORD}\r\n`);
  });
}

function middle(taken: readonly Fill[] | undefined, key: keyof Fill): number {
  return median((taken ?? []).map((fill) => fill[key]));
}

function memorySection(fills: ReadonlyMap<ServerName, readonly Fill[]>, keys: number): Section {
  const ours = middle(fills.get('us'), 'bytesPerKey');
  const rows = Array.from(fills, ([name, taken]) => {
    const bytes = middle(taken, 'bytesPerKey');
    const megabytes = (['before', 'after'] as const).map((key) => figure(middle(taken, key) / 1e6, 1));
    return [name, figure(bytes, 1), ...megabytes, figure(ours / bytes, 2)];
  });
  const note =
    `Resident memory after, less before, over ${keys} keys of 16 bytes with values of 64 bytes, written over the plain ` +
    `port; both read after ${SETTLE_MS / 1000} seconds of quiet, the first after ${WARM_UP_REQUESTS} writes over ` +
    `${WARM_UP_KEYS} of the keys. 80 of the bytes are the key and the value.`;
  const measured = ours / middle(fills.get('redis'), 'bytesPerKey');
  const goal = { goal: 'memory per key, against redis-server', target: 0.8, unit: '', measured };
  return {
    tables: [
      { title: 'Memory per key', note, head: ['server', 'bytes/key', 'MB before', 'MB after', 'us ÷ it'], rows },
    ],
    goals: [goal],
  };
}

function loopSection(fills: ReadonlyMap<ServerName, readonly Fill[]>, keys: number): Section {
  const columns = ['p50_ms', 'p99_ms', 'p999_ms', 'max_ms'] as const;
  const rows = Array.from(fills, ([name, taken]) => {
    const figures = columns.map((column) => figure(middle(taken, column), 2));
    return [name, ...figures, figure(middle(taken, 'keysPerSecond'), 0)];
  });
  const note =
    `How long PING takes on a second connection, asked one at a time by a process of its own, while ${keys} keys are ` +
    'written as fast as they are taken (500 requests to a batch, two batches on their way). Medians of the rounds; the ' +
    'worst is the worst of a round.';
  const head = ['server', 'p50 ms', 'p99 ms', 'p99.9 ms', 'worst ms', 'keys/s'];
  const measured = middle(fills.get('us'), 'max_ms');
  const goal = { goal: `worst loop delay filling ${keys} keys`, target: 20, unit: ' ms', measured };
  return { tables: [{ title: 'Loop delay while filling', note, head, rows }], goals: [goal] };
}
