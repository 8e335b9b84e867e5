/**
 * Tenant two at its steady work: what an attack must not disturb. It lives on a thread of its own, so that a case that
 * keeps the main thread busy is not mistaken for a server that answers late.
 *
 * Every error it sees counts. Of its times it takes away by how much its own thread was late.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PASSWORD } from './password.ts';
import { type Where, Wire } from './wire.ts';

const PAUSE_MS = 5;
const KEYS = 100;
/** A case shorter than this is watched for a moment longer: what nobody looked at has not been proven. */
const TURNS_MIN = 5;

export interface Seen {
  readonly errors: number;
  readonly p99_ms: number;
  /** The longest that the process let a request wait. */
  readonly longest_ms: number;
}

/** On the main thread. What is seen is counted from one `take` to the next. */
export class Canary {
  private readonly worker: Worker;

  private constructor(worker: Worker) {
    this.worker = worker;
  }

  static async start(where: Where): Promise<Canary> {
    const canary = new Canary(new Worker(new URL(import.meta.url), { workerData: where }));
    await canary.take();
    return canary;
  }

  /** What it has seen since the last time it was asked. */
  take(): Promise<Seen> {
    return new Promise((resolve, reject) => {
      this.worker.once('error', reject);
      this.worker.once('message', (seen: Seen) => {
        this.worker.off('error', reject);
        resolve(seen);
      });
      this.worker.postMessage('take');
    });
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}

class Work {
  private readonly wire: Wire;
  private errors = 0;
  private times_ms: number[] = [];

  constructor(wire: Wire) {
    this.wire = wire;
  }

  /** One write and the reading of it. */
  async turn(number: number): Promise<void> {
    const started_ms = performance.now();
    const [key, value] = [`canary:${number % KEYS}`, String(number)];
    if ((await this.wire.ask('SET', key, value)) !== '+OK\r\n') this.errors++;
    if ((await this.wire.ask('GET', key)) !== `$${value.length}\r\n${value}\r\n`) this.errors++;
    const slept_ms = performance.now();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const late_ms = Math.max(0, performance.now() - slept_ms - PAUSE_MS);
    this.times_ms.push(Math.max(0, slept_ms - started_ms - late_ms));
  }

  /** There is something to tell. */
  get isTelling(): boolean {
    return this.times_ms.length >= TURNS_MIN || this.errors > 0;
  }

  take(): Seen {
    const sorted = this.times_ms.sort((a, b) => a - b);
    const { errors } = this;
    this.times_ms = [];
    this.errors = 0;
    return {
      errors,
      p99_ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      longest_ms: sorted.at(-1) ?? 0,
    };
  }
}

async function live(where: Where): Promise<void> {
  const wire = await Wire.connect(where);
  if ((await wire.ask('AUTH', 't2', PASSWORD)) !== '+OK\r\n') throw new Error('the canary cannot log in');
  const work = new Work(wire);
  let isAsked = false;
  parentPort?.on('message', () => {
    isAsked = true;
  });
  for (let number = 0; ; number++) {
    await work.turn(number);
    if (!isAsked || !work.isTelling) continue;
    isAsked = false;
    parentPort?.postMessage(work.take());
  }
}

if (!isMainThread) await live(workerData);
