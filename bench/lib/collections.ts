/**
 * Collections as they are kept: the resident memory of five kinds of them, and how long the server's loop is away when a
 * huge one is deleted. A fresh server for each.
 */
import { z } from 'zod';
import type { Goal, Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { PASSWORD, USER } from './policy.ts';
import { residentBytes, settle } from './processes.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { ask, send, type Words } from './wire.ts';

const WARM_UP_REQUESTS = 100_000;
const WARM_UP_KEYS = 1_000;
const FIELDS_OF_SMALL_HASH = 5;
const ELEMENTS_OF_LIST = 20;
/** After DEL has been answered: what is freed behind it may hold others up as well. */
const AFTER_DELETION_MS = 1_500;
const MEMORY_GOAL = 0.9;
const STALL_GOAL_MS = 10;

interface Shape {
  readonly title: string;
  readonly requests: (elements: number) => number;
  readonly replyLines: number;
  readonly request: (i: number) => Words;
}

function digits(number: number): string {
  return String(number).padStart(8, '0');
}

const SHAPES: readonly Shape[] = [
  {
    title: 'hashes of 5 small fields, one per element',
    requests: (elements) => elements,
    replyLines: 1,
    request: (i) => [
      'HSET',
      `key:${digits(i)}`,
      ...Array.from({ length: FIELDS_OF_SMALL_HASH }, (_, field) => [`field${field}`, `value-${i}-${field}`]).flat(),
    ],
  },
  {
    title: 'one hash, a field per element',
    requests: (elements) => elements,
    replyLines: 1,
    request: (i) => ['HSET', 'bench:hash', `field:${digits(i)}`, `value:${digits(i)}`],
  },
  {
    title: 'one sorted set',
    requests: (elements) => elements,
    replyLines: 1,
    request: (i) => ['ZADD', 'bench:zset', String(Math.imul(i, 0x9e3779b1) >>> 0), `member:${digits(i)}`],
  },
  {
    title: 'lists of 20 elements, one per ten elements',
    requests: (elements) => elements / 10,
    replyLines: 1,
    request: (i) => [
      'RPUSH',
      `key:${digits(i)}`,
      ...Array.from({ length: ELEMENTS_OF_LIST }, (_, element) => `element-${i}-${element}`),
    ],
  },
  {
    title: 'one stream',
    requests: (elements) => elements,
    replyLines: 2,
    request: (i) => ['XADD', 'bench:stream', '*', 'sensor', digits(i % 1000), 'value', digits(i)],
  },
];

export interface CollectionOptions {
  readonly rounds: number;
  readonly elements: number;
  readonly starts: readonly (() => Promise<Server | undefined>)[];
}

export async function measureCollections(options: CollectionOptions): Promise<Section> {
  const memory = await measureMemory(options);
  const stalls = await measureStalls(options);
  return { tables: [...memory.tables, ...stalls.tables], goals: [...memory.goals, ...stalls.goals] };
}

async function measureMemory({ rounds, elements, starts }: CollectionOptions): Promise<Section> {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const shape of SHAPES) {
    const taken = new Map<ServerName, number[]>();
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`collections: ${shape.title}, round ${round} of ${rounds}\n`);
      for (const start of starts) {
        const server = await start();
        if (server === undefined) continue;
        taken.set(server.name, [...(taken.get(server.name) ?? []), await grownBytes(server, shape, elements)]);
        await server.stop();
      }
    }
    const ours = median(taken.get('us') ?? []);
    for (const [name, bytes] of taken) {
      rows.push([shape.title, name, figure(median(bytes) / 1e6, 1), figure(ours / median(bytes), 2)]);
    }
    const measured = ours / median(taken.get('redis') ?? []);
    goals.push({ goal: `memory, ${shape.title}, against redis-server`, target: MEMORY_GOAL, unit: '', measured });
  }
  const note =
    `Resident memory after, less before, ${elements} elements written over the plain port; both read after 15 seconds of quiet, ` +
    `the first after ${WARM_UP_REQUESTS} writes of the kind, deleted again each ${WARM_UP_KEYS}. Medians of ${rounds} rounds.`;
  return { tables: [{ title: 'Memory of collections', note, head: ['what', 'server', 'MB', 'us ÷ it'], rows }], goals };
}

async function grownBytes(server: Server, shape: Shape, elements: number): Promise<number> {
  const port = server.plainPort;
  // The same requests over a few keys, so that compilers have what they need. These keys go again and again: what they leave
  // free must not be room for what is measured.
  const keys = new Set(Array.from({ length: WARM_UP_KEYS }, (_, i) => shape.request(i)[1] ?? ''));
  for (let sent = 0; sent < WARM_UP_REQUESTS; sent += WARM_UP_KEYS) {
    await send(port, WARM_UP_KEYS, shape.replyLines, shape.request);
    await ask(port, [['UNLINK', ...keys]]);
  }
  await settle();
  const before = residentBytes(server.pids);
  await send(port, shape.requests(elements), shape.replyLines, shape.request);
  await settle();
  return residentBytes(server.pids) - before;
}

const pingsSchema = z.object({ max_ms: z.number() });

async function measureStalls({ rounds, elements, starts }: CollectionOptions): Promise<Section> {
  const taken = new Map<ServerName, number[]>();
  const shape = SHAPES[1];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`collections: DEL, round ${round} of ${rounds}\n`);
    for (const start of starts) {
      const server = await start();
      if (server === undefined || shape === undefined) continue;
      taken.set(server.name, [...(taken.get(server.name) ?? []), await stallOf(server, shape, elements)]);
      await server.stop();
    }
  }
  const rows = Array.from(taken, ([name, worst]) => [name, figure(median(worst), 2)]);
  const note = `The longest PING on a second connection while DEL takes away a hash of ${elements} fields, and for ${AFTER_DELETION_MS / 1000} seconds after. Medians of ${rounds} rounds.`;
  const measured = median(taken.get('us') ?? []);
  return {
    tables: [{ title: 'Loop delay of a huge DEL', note, head: ['server', 'worst ms'], rows }],
    goals: [{ goal: `worst loop delay, DEL of ${elements} fields`, target: STALL_GOAL_MS, unit: ' ms', measured }],
  };
}

async function stallOf(server: Server, shape: Shape, elements: number): Promise<number> {
  const port = server.plainPort;
  await send(port, elements, shape.replyLines, shape.request);
  const helper = await startHelper(new URL('./ping.ts', import.meta.url), { port, user: USER, password: PASSWORD });
  await ask(port, [['DEL', shape.request(0)[1] ?? '']]);
  await new Promise((resolve) => setTimeout(resolve, AFTER_DELETION_MS));
  return pingsSchema.parse(JSON.parse(await helper.finish())).max_ms;
}
