/**
 * Cost of HyperLogLogs: ns per hash, element and estimate.
 *
 *   bun bench/hyperloglog.ts        node bench/hyperloglog.ts
 */
import { bytesOfLatin1 } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { Prng } from '../src/base/prng.ts';
import { CommandTable } from '../src/command/table.ts';
import { hyperloglogDeclarations } from '../src/commands/hyperloglog/family.ts';
import { MurmurHash64A } from '../src/commands/hyperloglog/murmur.ts';
import { Shard } from '../src/engine/shard.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { Request } from '../src/resp/request.ts';
import { Executor } from '../src/shards/executor.ts';
import { CALLER, SILENT } from '../test/support/caller.ts';
import { fastest } from './lib/fastest.ts';

/** Different elements, so that registers differ. */
const VARIANTS = 4096;

const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(3, 4) });
const table = new CommandTable(hyperloglogDeclarations);
const executor = new Executor(shard, SILENT);
const out = new ReplyWriter(2);

function run(request: Request): number {
  const command = table.resolve(request);
  if (command === undefined || command.parse(request) !== undefined) throw new Error('no such command');
  out.mark();
  executor.run(command, request, CALLER, out);
  const { length } = out;
  out.reset();
  return length;
}

function measure(name: string, budget_ns: number, body: () => number, calls?: number): void {
  console.log(`${name.padEnd(34)} ${fastest(body, calls).toFixed(0).padStart(7)} ns   budget ${budget_ns}`);
}

const murmur = new MurmurHash64A(1);
for (const length of [16, 64]) {
  const bytes = bytesOfLatin1('element:'.repeat(length / 8));
  measure(`hash of ${length} bytes`, length === 16 ? 60 : 150, () => {
    murmur.hash(bytes, 0, length);
    return murmur.low;
  });
}

function adds(key: string, from: number): () => number {
  const requests = Array.from({ length: VARIANTS }, (_, i) => Request.of('PFADD', key, `element:${from + i}`));
  let next = 0;
  return () => run(requests[next++ & (VARIANTS - 1)] as Request);
}

for (let i = 0; i < 300; i++) run(Request.of('PFADD', 'sparse', `element:${i % 100}`));
measure('PFADD, 100 elements, nothing new', 2000, () => run(Request.of('PFADD', 'sparse', 'element:50')));
run(Request.of('PFADD', 'dense', ...Array.from({ length: 100_000 }, (_, i) => `element:${i}`)));
measure('PFADD, dense, mostly nothing new', 1500, adds('dense', 50_000));
measure('PFCOUNT, kept', 600, () => run(Request.of('PFCOUNT', 'sparse')));
measure('PFCOUNT of two, dense', 80_000, () => run(Request.of('PFCOUNT', 'dense', 'sparse')), 500);
measure('PFMERGE, dense', 200_000, () => run(Request.of('PFMERGE', 'into', 'dense', 'sparse')), 500);
