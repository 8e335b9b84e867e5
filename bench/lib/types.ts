/**
 * CPU time per request of the types beyond strings, at depth 16 over the plain port: us and redis-server in turn, on
 * collections that are as large as they get in use.
 */
import { ratio, type Sample, type Samples, sample } from './cpu.ts';
import type { Goal, Section } from './goals.ts';
import type { Load } from './redis-benchmark.ts';
import type { Server, ServerName } from './servers.ts';
import { figure, median } from './table.ts';
import { ask } from './wire.ts';

const VALUE = 'v'.repeat(64);
const ELEMENTS_OF_RANGE = 100;
const WARM_UP_TIMES = 2;
/** A reply of a hundred elements is a hundred times the work. */
const LONG_REPLY_DIVISOR = 10;

interface Kind {
  readonly operation: string;
  readonly command: readonly string[];
  readonly divisor?: number;
  /** Keys that are emptied before each run, because they only grow. */
  readonly grows?: readonly string[];
}

/** In this order: what LPOP takes is what LPUSH has put there. */
const KINDS: readonly Kind[] = [
  { operation: 'HSET', command: ['HSET', 'bench:hash', 'element:__rand_int__', VALUE] },
  { operation: 'HGET', command: ['HGET', 'bench:hash', 'element:__rand_int__'] },
  { operation: 'LPUSH', command: ['LPUSH', 'bench:list', VALUE], grows: ['bench:list'] },
  { operation: 'LPOP', command: ['LPOP', 'bench:list'] },
  { operation: 'SADD', command: ['SADD', 'bench:set', 'element:__rand_int__'] },
  { operation: 'ZADD', command: ['ZADD', 'bench:zset', '__rand_int__', 'element:__rand_int__'] },
  { operation: 'XADD', command: ['XADD', 'bench:stream', '*', 'field', VALUE], grows: ['bench:stream'] },
  { operation: 'LRANGE_100', command: ['LRANGE', 'bench:range', '0', '99'], divisor: LONG_REPLY_DIVISOR },
];
const GOAL = 1.3;
const BEARABLE = 1.6;

export async function measureTypes(servers: readonly Server[], rounds: number, requests: number): Promise<Section> {
  const loads = KINDS.map((kind) => ({ kind, load: loadOf(kind, requests), samples: new Map<ServerName, Sample[]>() }));
  for (const server of servers) {
    const range = Array.from({ length: ELEMENTS_OF_RANGE }, () => VALUE);
    await ask(server.plainPort, [
      ['DEL', 'bench:range'],
      ['RPUSH', 'bench:range', ...range],
    ]);
  }
  for (let round = 1 - WARM_UP_TIMES; round <= rounds; round++) {
    process.stderr.write(round < 1 ? 'types: warming up\n' : `types: round ${round} of ${rounds}\n`);
    for (const { kind, load, samples } of loads) {
      for (const server of servers) {
        await ask(
          server.plainPort,
          (kind.grows ?? []).map((key) => ['DEL', key]),
        );
        const taken = await sample(server, load);
        if (round < 1) continue;
        samples.set(server.name, [...(samples.get(server.name) ?? []), taken]);
      }
    }
  }
  const measured = loads.map(({ kind, samples }) => ({ operation: kind.operation, samples }));
  return { tables: [tableOf(measured, rounds, requests)], goals: measured.map(goalOf) };
}

function loadOf({ operation, command, divisor = 1 }: Kind, requests: number): Load {
  return { transport: 'plain', operation, command, depth: 16, requests: Math.ceil(requests / divisor) };
}

interface Measured {
  readonly operation: string;
  readonly samples: Samples;
}

function goalOf({ operation, samples }: Measured): Goal {
  const measured = ratio(samples, 'us', 'redis');
  return {
    goal: `CPU, plain P16 ${operation}, against redis-server`,
    target: GOAL,
    acceptable: BEARABLE,
    unit: '',
    measured,
  };
}

function tableOf(measured: readonly Measured[], rounds: number, requests: number): Section['tables'][number] {
  const rows = measured.flatMap(({ operation, samples }) =>
    Array.from(samples, ([server, taken]) => {
      const cost = median(taken.map(({ microseconds }) => microseconds));
      const rate = median(taken.map(({ requestsPerSecond }) => requestsPerSecond));
      return [operation, server, figure(cost, 2), figure(rate, 0), figure(ratio(samples, 'us', server), 2)];
    }),
  );
  const note =
    `User and system time of the server over ${requests} requests (a tenth for LRANGE_100), redis-benchmark with 50 ` +
    'connections and pipelines of 16 over the plain port; values of 64 bytes, up to 100,000 elements in one hash, set and ' +
    `sorted set, as many as there are requests in the list and the stream. Medians of ${rounds} rounds after ${WARM_UP_TIMES} to warm up.`;
  return {
    title: 'CPU per request, by type',
    note,
    head: ['command', 'server', 'CPU µs/request', 'requests/s', 'us ÷ it'],
    rows,
  };
}
