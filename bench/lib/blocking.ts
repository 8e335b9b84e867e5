/**
 * A thousand clients that wait in BLPOP and come again as soon as they are served: how many pushes are served in a second
 * while a window of them is on its way, and how long one push takes to its client when it is the only one. Pusher and
 * clients are one process, so that one clock sees both ends.
 */
import { Client } from './client.ts';
import type { Goal, Section } from './goals.ts';
import { cpuSeconds } from './processes.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { encode } from './wire.ts';

const VALUE = 'v'.repeat(64);
/** Long enough never to come, and all the same a deadline that has to be kept. */
const TIMEOUT_S = '300';
const WINDOW = 64;
const WARM_UP_PUSHES = 4_000;
const SINGLE_DIVISOR = 8;
const RATE_GOAL = 0.9;
const WAKE_GOAL = 1.2;

const WAYS = ['one list', 'a list each'] as const;
type Way = (typeof WAYS)[number];

export interface BlockingOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly pushes: number;
}

interface Served {
  readonly pushesPerSecond: number;
  readonly microseconds: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** The clients that wait, and the one that pushes. */
class Queue {
  private readonly pusher: Client;
  private readonly waiting: readonly Client[];
  private readonly pushes: readonly string[];
  private served: () => void;
  private next: number;

  private constructor(pusher: Client, waiting: readonly Client[], way: Way) {
    this.pusher = pusher;
    this.waiting = waiting;
    // Names of the same length: every answer has the same number of bytes.
    const names = waiting.map((_, i) => `bench:queue:${way === 'one list' ? '000000' : String(i).padStart(6, '0')}`);
    this.pushes = names.map((name) => encode(['RPUSH', name, VALUE]));
    this.served = () => undefined;
    this.next = 0;
    for (const [i, client] of waiting.entries()) {
      const name = names[i] ?? '';
      const answerBytes = encode([name, VALUE]).length;
      const request = Buffer.from(encode(['BLPOP', name, TIMEOUT_S]));
      let heard = 0;
      client.heard = (chunk) => {
        heard += chunk.length;
        if (heard < answerBytes) return;
        heard -= answerBytes;
        client.send(request);
        this.served();
      };
      client.send(request);
    }
  }

  static async open(server: Server, way: Way, clients: number): Promise<Queue> {
    const waiting = await Client.many(server, 'plain', clients);
    return new Queue(await Client.connect(server, 'plain'), waiting, way);
  }

  private push(): void {
    this.pusher.send(this.pushes[this.next++ % this.pushes.length] ?? '');
  }

  /** Each is pushed when one before it has been served, so that `window` are on their way. @returns durations */
  run(pushes: number, window: number): Promise<Float64Array> {
    const durations_ms = new Float64Array(pushes);
    const pushedAt_ms = new Float64Array(pushes);
    let pushed = 0;
    let served = 0;
    return new Promise((resolve) => {
      const push = (): void => {
        pushedAt_ms[pushed++] = performance.now();
        this.push();
      };
      this.served = () => {
        durations_ms[served] = performance.now() - (pushedAt_ms[served] ?? 0);
        served++;
        if (served === pushes) resolve(durations_ms);
        else if (pushed < pushes) push();
      };
      while (pushed < Math.min(window, pushes)) push();
    });
  }

  close(): void {
    this.pusher.close();
    for (const client of this.waiting) client.close();
  }
}

async function measureServer(server: Server, way: Way, { clients, pushes }: BlockingOptions): Promise<Served> {
  const queue = await Queue.open(server, way, clients);
  await queue.run(WARM_UP_PUSHES, WINDOW);
  const before = cpuSeconds(server.pids);
  const from_ms = performance.now();
  await queue.run(pushes, WINDOW);
  const took_ms = performance.now() - from_ms;
  const microseconds = ((cpuSeconds(server.pids) - before) / pushes) * 1e6;
  const durations_ms = (await queue.run(pushes / SINGLE_DIVISOR, 1)).sort();
  queue.close();
  const at = (part: number): number => durations_ms[Math.floor(durations_ms.length * part)] ?? Number.NaN;
  return { pushesPerSecond: (1000 * pushes) / took_ms, microseconds, p50_ms: at(0.5), p99_ms: at(0.99) };
}

type Measured = ReadonlyMap<Way, Map<ServerName, Served[]>>;

export async function measureBlocking(servers: readonly Server[], options: BlockingOptions): Promise<Section> {
  const measured: Measured = new Map(WAYS.map((way) => [way, new Map<ServerName, Served[]>()]));
  for (let round = 0; round <= options.rounds; round++) {
    process.stderr.write(round < 1 ? 'blocking: warming up\n' : `blocking: round ${round} of ${options.rounds}\n`);
    for (const [way, samples] of measured) {
      for (const server of servers) {
        const sample = await measureServer(server, way, options);
        if (round >= 1) samples.set(server.name, [...(samples.get(server.name) ?? []), sample]);
      }
    }
  }
  return sectionOf(measured, options);
}

/** Of two that were measured one after the other; of these the one in the middle. */
function ratio(samples: ReadonlyMap<ServerName, readonly Served[]>, key: keyof Served, to: ServerName): number {
  const theirs = samples.get(to) ?? [];
  return median((samples.get('us') ?? []).map((ours, round) => ours[key] / (theirs[round]?.[key] ?? Number.NaN)));
}

function sectionOf(measured: Measured, { rounds, clients, pushes }: BlockingOptions): Section {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [way, samples] of measured) {
    for (const [server, taken] of samples) {
      const middle = (key: keyof Served, digits: number): string =>
        figure(median(taken.map((each) => each[key])), digits);
      const figures = [
        middle('pushesPerSecond', 0),
        middle('microseconds', 2),
        middle('p50_ms', 3),
        middle('p99_ms', 3),
      ];
      const ratios = (['pushesPerSecond', 'microseconds', 'p99_ms'] as const).map((key) => ratio(samples, key, server));
      rows.push([way, server, ...figures, ...ratios.map((each) => figure(each, 2))]);
    }
    const label = `${clients} clients in BLPOP, ${way}`;
    const rate = ratio(samples, 'pushesPerSecond', 'redis');
    goals.push({ goal: `${label}: pushes served/s`, target: RATE_GOAL, atLeast: true, unit: '', measured: rate });
    const wake = ratio(samples, 'p99_ms', 'redis');
    goals.push({ goal: `${label}: p99 of a wake-up`, target: WAKE_GOAL, unit: '', measured: wake });
  }
  const note =
    `${clients} clients in BLPOP over plain sockets, who come again once served; RPUSH of 64 bytes by one more. ${pushes} ` +
    `pushes with ${WINDOW} on their way for the rate and the CPU time of the server, an eighth of that one at a time for ` +
    `the time from push to client. Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ratios taken within a round.`;
  const head = ['clients wait for', 'server', 'pushes/s', 'CPU µs/push', 'p50 ms', 'p99 ms'];
  return {
    tables: [{ title: 'Blocking', note, head: [...head, 'us ÷ it, pushes/s', 'CPU', 'p99'], rows }],
    goals,
  };
}
