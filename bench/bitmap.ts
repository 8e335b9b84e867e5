/**
 * Cost of bitmap commands without sockets: throughput over long strings, ns for single bits and fields.
 *
 *   bun bench/bitmap.ts        node bench/bitmap.ts
 */
import { systemClock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { Prng } from '../src/base/prng.ts';
import { CommandTable } from '../src/command/table.ts';
import { bitmapDeclarations } from '../src/commands/bitmap/family.ts';
import { set } from '../src/commands/string/set.ts';
import { Shard } from '../src/engine/shard.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { Request } from '../src/resp/request.ts';
import { Executor } from '../src/shards/executor.ts';
import { CALLER, SILENT } from '../test/support/caller.ts';
import { fastest } from './lib/fastest.ts';

const LENGTH = 4 * 1024 * 1024;
/** Calls per round over strings of this length. */
const LONG_CALLS = 20;

const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(3, 4) });
const table = new CommandTable([set, ...bitmapDeclarations]);
const executor = new Executor(shard, SILENT);
const out = new ReplyWriter(2);

function command(...words: (string | Uint8Array)[]): () => number {
  const request = Request.of(...words);
  const found = table.resolve(request);
  if (found === undefined) throw new Error('no such command');
  return () => {
    out.mark();
    if (found.parse(request) !== undefined) return -1;
    executor.run(found, request, CALLER, out);
    const { length } = out;
    out.reset();
    return length;
  };
}

function throughput(name: string, budget: number, bytes: number, ...words: string[]): void {
  const took_ns = fastest(command(...words), LONG_CALLS);
  console.log(`${name.padEnd(34)} ${(bytes / took_ns).toFixed(2).padStart(7)} GB/s at least ${budget}`);
}

function single(name: string, budget_ns: number, ...words: string[]): void {
  console.log(
    `${name.padEnd(34)} ${fastest(command(...words))
      .toFixed(0)
      .padStart(7)} ns   budget ${budget_ns}`,
  );
}

const chance = new Prng(5);
for (const key of ['a', 'bb', 'ccc']) {
  command(
    'SET',
    key,
    Uint8Array.from({ length: LENGTH }, () => chance.below(256)),
  )();
}
command('SET', 'zeros', new Uint8Array(LENGTH))();
command('SET', 'small', 'x'.repeat(64))();

throughput('BITCOUNT', 2, LENGTH, 'BITCOUNT', 'a');
throughput('BITCOUNT of bits', 2, LENGTH, 'BITCOUNT', 'bb', '3', '-3', 'BIT');
throughput('BITPOS through zeros', 2, LENGTH, 'BITPOS', 'zeros', '1');
throughput('BITOP NOT', 0.5, LENGTH, 'BITOP', 'NOT', 't', 'a');
throughput('BITOP AND of two, per source', 0.5, 2 * LENGTH, 'BITOP', 'AND', 't', 'a', 'bb');
throughput('BITOP XOR of three, per source', 0.5, 3 * LENGTH, 'BITOP', 'XOR', 't', 'a', 'bb', 'ccc');
single('BITCOUNT of 64 bytes', 300, 'BITCOUNT', 'small');
single('SETBIT', 300, 'SETBIT', 'small', '77', '1');
single('GETBIT', 250, 'GETBIT', 'small', '77');
single('BITFIELD INCRBY u8', 800, 'BITFIELD', 'small', 'INCRBY', 'u8', '#3', '1');
single('BITFIELD GET i64', 1200, 'BITFIELD', 'small', 'GET', 'i64', '5');
