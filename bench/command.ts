/**
 * Cost of commands without sockets: ns per look-up, parse and run of one request over 100,000 keys.
 *
 *   bun bench/command.ts        node bench/command.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time. `bytes` is what the heap grew
 * by per command, on Node only, as Bun tells the size of its heap after a collection and not before.
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

const KEYS = 100_000;
const ROUNDS = 7;
const ROUND_MS = 120;
/** Different requests per row, so that the keys are not all in the nearest cache. */
const VARIANTS = 1024;
/** A turn's output: what stays in the nearest cache. */
const FLUSH_BYTES = 16 * 1024;
const VALUE = 'x'.repeat(64);

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
}

function keyOf(i: number): string {
  return `key:${String(i % KEYS).padStart(12, '0')}`;
}

function measure(name: string, budget: number, words: (i: number) => string[]): void {
  const prng = new Prng(7);
  const requests = Array.from({ length: VARIANTS }, () => Request.of(...words(prng.below(KEYS))));
  const round = () => {
    for (const request of requests) {
      run(request);
      if (out.length > FLUSH_BYTES) out.reset();
    }
  };
  for (let i = 0; i < 50; i++) round();
  let best = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const heapBefore = process.memoryUsage().heapUsed;
    const from = performance.now();
    let rounds = 0;
    while (performance.now() - from < ROUND_MS) {
      round();
      rounds++;
    }
    best = Math.min(best, ((performance.now() - from) * 1e6) / (rounds * VARIANTS));
    bytes = Math.min(bytes, Math.abs(process.memoryUsage().heapUsed - heapBefore) / (rounds * VARIANTS));
  }
  const verdict = best <= budget ? `budget ${budget}` : `OVER budget ${budget}`;
  const heap = 'bun' in process.versions ? '' : `${bytes.toFixed(1).padStart(7)} bytes`;
  console.log(`${name.padEnd(24)} ${best.toFixed(0).padStart(7)} ns${heap}  ${verdict}`);
}

for (let i = 0; i < KEYS; i++) {
  run(Request.of('SET', keyOf(i), VALUE));
  run(Request.of('SET', `n${keyOf(i)}`, `${i}`));
  out.reset();
}
measure('GET', 400, (i) => ['GET', keyOf(i)]);
measure('SET 64 bytes', 600, (i) => ['SET', keyOf(i), VALUE]);
measure('SET EX', 900, (i) => ['SET', keyOf(i), VALUE, 'EX', '1000']);
measure('INCR', 600, (i) => ['INCR', `n${keyOf(i)}`]);
measure('EXISTS', 400, (i) => ['EXISTS', keyOf(i)]);
measure('TTL', 400, (i) => ['TTL', keyOf(i)]);
measure('EXPIRE', 700, (i) => ['EXPIRE', keyOf(i), '1000']);
// Ten keys each make ten thousand different ones: this row pays for memory that no cache holds.
measure('MGET of 10', 7500, (i) => ['MGET', ...Array.from({ length: 10 }, (_, j) => keyOf(i + j * 997))]);
measure('DEL of a missing key', 400, (i) => ['DEL', `no${keyOf(i)}`]);
measure('APPEND of nothing', 500, (i) => ['APPEND', keyOf(i), '']);
