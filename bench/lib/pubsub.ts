/**
 * CPU time per delivered message: one publisher, a thousand subscribers, all over TLS. The publisher is the last of the
 * subscribers too: when its own copy has come, everybody's has been written, and the next messages are sent.
 */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { z } from 'zod';
import { ratio, type Sample, type Samples } from './cpu.ts';
import type { Goal, Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { PASSWORD, USER } from './policy.ts';
import { cpuSeconds } from './processes.ts';
import { certificateAuthority, type Server, type ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { encode } from './wire.ts';

const CHANNEL = 'channel:news';
const CONTENT = 'm'.repeat(64);
const MESSAGE_BYTES = `>3\r\n$7\r\nmessage\r\n$12\r\n${CHANNEL}\r\n$64\r\n${CONTENT}\r\n`.length;
const DEPTHS = [1, 16] as const;
const WARM_UP_MESSAGES = 320;
/** For the last bytes to reach the subscribers, who have the same machine. */
const SETTLE_MS = 500;

export interface PubSubOptions {
  readonly rounds: number;
  readonly subscribers: number;
  /** A multiple of the depths. */
  readonly messages: number;
}

const answerSchema = z.object({ bytes: z.number(), lost: z.number() });

/** Sends so many at a time and waits until the last of them has come back. */
class Publisher {
  private readonly socket: tls.TLSSocket;
  private left = 0;
  private done: (() => void) | undefined;

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      // A content has no line ends, so each message and each reply ends where it says.
      for (const byte of chunk) if (byte === 0x3e) this.left--;
      if (this.left === 0) this.done?.();
    });
  }

  static async connect(server: Server): Promise<Publisher> {
    const ca = readFileSync(certificateAuthority(), 'utf8');
    const socket = tls.connect({ port: server.tlsPort, host: '127.0.0.1', servername: 'localhost', ca });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const publisher = new Publisher(socket);
    socket.write(encode(['HELLO', '3', 'AUTH', USER, PASSWORD]));
    publisher.left = 1;
    await publisher.come(encode(['SUBSCRIBE', CHANNEL]));
    return publisher;
  }

  private come(request: string): Promise<void> {
    return new Promise((resolve) => {
      this.done = resolve;
      this.socket.write(request);
    });
  }

  async publish(messages: number, depth: number): Promise<void> {
    const request = encode(['PUBLISH', CHANNEL, CONTENT]).repeat(depth);
    for (let sent = 0; sent < messages; sent += depth) {
      this.left = depth;
      await this.come(request);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function measureServer(server: Server, options: PubSubOptions): Promise<readonly Sample[]> {
  const { subscribers, messages } = options;
  const task = { port: server.tlsPort, count: subscribers, ca: certificateAuthority(), user: USER, password: PASSWORD };
  const helper = await startHelper(new URL('./subscribers.ts', import.meta.url), { ...task, channel: CHANNEL });
  const publisher = await Publisher.connect(server);
  const samples: Sample[] = [];
  for (const depth of DEPTHS) {
    await publisher.publish(WARM_UP_MESSAGES, depth);
    await pause(SETTLE_MS);
    const before = cpuSeconds(server.pids);
    const from_ms = performance.now();
    await publisher.publish(messages, depth);
    const took_ms = performance.now() - from_ms;
    await pause(SETTLE_MS);
    const delivered = messages * (subscribers + 1);
    const microseconds = ((cpuSeconds(server.pids) - before) / delivered) * 1e6;
    samples.push({ microseconds, requestsPerSecond: (1000 * delivered) / took_ms });
  }
  publisher.close();
  const { bytes, lost } = answerSchema.parse(JSON.parse(await helper.finish()));
  const expected = DEPTHS.length * (messages + WARM_UP_MESSAGES) * subscribers * MESSAGE_BYTES;
  if (lost > 0 || bytes !== expected) {
    throw new Error(`${server.name}: ${bytes} bytes of ${expected} were heard, ${lost} subscribers were lost`);
  }
  return samples;
}

export async function measurePubSub(servers: readonly Server[], options: PubSubOptions): Promise<Section> {
  const measured = new Map(DEPTHS.map((depth) => [depth, new Map<ServerName, Sample[]>()]));
  for (let round = 1; round <= options.rounds; round++) {
    process.stderr.write(`pubsub: round ${round} of ${options.rounds}\n`);
    for (const server of servers) {
      const samples = await measureServer(server, options);
      for (const [i, depth] of DEPTHS.entries()) {
        const of = measured.get(depth);
        const [sample] = samples.slice(i, i + 1);
        if (of !== undefined && sample !== undefined) of.set(server.name, [...(of.get(server.name) ?? []), sample]);
      }
    }
  }
  return sectionOf(measured, options);
}

function sectionOf(measured: ReadonlyMap<number, Samples>, { rounds, subscribers, messages }: PubSubOptions): Section {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [depth, samples] of measured) {
    for (const [server, taken] of samples) {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      const rate = median(taken.map(({ requestsPerSecond }) => requestsPerSecond));
      const against = figure(ratio(samples, 'us', server), 2);
      rows.push([`PUBLISH P${depth}`, server, figure(cost, 2), figure(rate, 0), against]);
    }
    const label = `CPU per delivered message, P${depth}, against redis-server with TLS`;
    goals.push({ goal: label, target: 1, unit: '', measured: ratio(samples, 'us', 'redis') });
  }
  const note =
    `User and system time of the server over messages delivered: ${messages} messages of ${CONTENT.length} bytes to ` +
    `${subscribers} subscribers over TLS, P at a time. Servers alternate; medians of ${rounds} ` +
    `${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round.`;
  const head = ['load', 'server', 'CPU µs/message', 'messages/s', 'us ÷ it'];
  return { tables: [{ title: 'Pub/sub', note, head, rows }], goals };
}
