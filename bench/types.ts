/**
 * Cost of the commands over collections without sockets: ns per look-up, parse and run of one request.
 *
 *   bun bench/types.ts [elements]        node bench/types.ts [elements]
 *
 * The large hash, set and sorted set have as many elements as asked for (1,000,000). Each row is the fastest of several
 * rounds. Rows named "engine" have a budget that the project holds itself to: 2 µs per operation on a sorted set of 1M.
 */
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { Prng } from '../src/base/prng.ts';
import { CommandTable } from '../src/command/table.ts';
import { shardDeclarations } from '../src/commands/shard-families.ts';
import { Shard } from '../src/engine/shard.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { Request } from '../src/resp/request.ts';
import { Executor } from '../src/shards/executor.ts';
import { CALLER, SILENT } from '../test/support/caller.ts';

const ELEMENTS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = 7;
const ROUND_MS = 120;
const VARIANTS = 8192;
const FLUSH_BYTES = 16 * 1024;
const VALUE = 'v'.repeat(64);

const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(3, 4) });
const table = new CommandTable(shardDeclarations);
const executor = new Executor(shard, SILENT);
const out = new ReplyWriter(2);

function run(request: Request): void {
  const command = table.resolve(request);
  if (command === undefined || !command.arityHolds(request.argc)) throw new Error('no such command');
  const refusal = command.parse(request);
  if (refusal !== undefined) throw new Error(refusal.text);
  executor.run(command, request, CALLER, out);
  if (out.length > FLUSH_BYTES) out.reset();
}

function element(i: number): string {
  return `element:${String(i).padStart(12, '0')}`;
}

function measure(name: string, budget: number, words: (i: number) => string[]): void {
  const prng = new Prng(7);
  const requests = Array.from({ length: VARIANTS }, () => Request.of(...words(prng.below(ELEMENTS))));
  const round = () => {
    for (const request of requests) run(request);
  };
  for (let i = 0; i < 5; i++) round();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    let rounds = 0;
    while (performance.now() - from < ROUND_MS) {
      round();
      rounds++;
    }
    best = Math.min(best, ((performance.now() - from) * 1e6) / (rounds * VARIANTS));
  }
  const verdict = best <= budget ? `budget ${budget}` : `OVER budget ${budget}`;
  console.log(`${name.padEnd(36)} ${best.toFixed(0).padStart(7)} ns  ${verdict}`);
}

for (let i = 0; i < ELEMENTS; i++) {
  run(Request.of('HSET', 'hash', element(i), VALUE));
  run(Request.of('SADD', 'set', element(i)));
  run(Request.of('ZADD', 'zset', String(Math.imul(i, 0x9e3779b1) >>> 0), element(i)));
}
for (let i = 0; i < 100; i++) run(Request.of('RPUSH', 'range', VALUE));
for (let i = 0; i < 100_000; i++) {
  run(Request.of('RPUSH', 'list', VALUE));
  run(Request.of('HSET', `small:${i}`, 'a', '1', 'b', '2', 'c', '3', 'd', '4', 'e', '5'));
}

measure('HSET, large', 1500, (i) => ['HSET', 'hash', element(i), VALUE]);
measure('HGET, large', 1000, (i) => ['HGET', 'hash', element(i)]);
measure('HSET, one of 5 fields', 1000, (i) => ['HSET', `small:${i % 100_000}`, 'c', String(i % 1000)]);
measure('HGET, one of 5 fields', 800, (i) => ['HGET', `small:${i % 100_000}`, 'e']);
measure('SADD, there already', 1000, (i) => ['SADD', 'set', element(i)]);
measure('SISMEMBER', 1000, (i) => ['SISMEMBER', 'set', element(i)]);
measure('ZADD of another score (engine)', 2000, (i) => ['ZADD', 'zset', String(i * 7919), element(i)]);
measure('ZINCRBY (engine)', 2000, (i) => ['ZINCRBY', 'zset', '1000', element(i)]);
measure('ZSCORE', 1000, (i) => ['ZSCORE', 'zset', element(i)]);
measure('ZRANK (engine)', 2000, (i) => ['ZRANK', 'zset', element(i)]);
measure('ZRANGE of 10 (engine)', 4000, (i) => [
  'ZRANGE',
  'zset',
  String(i % (ELEMENTS - 10)),
  String((i % (ELEMENTS - 10)) + 9),
]);
measure('LPUSH', 800, () => ['LPUSH', 'list', VALUE]);
measure('LPOP', 800, () => ['LPOP', 'list']);
measure('LRANGE of 100', 8000, () => ['LRANGE', 'range', '0', '99']);
measure('XADD', 1500, () => ['XADD', 'stream', '*', 'field', VALUE]);
