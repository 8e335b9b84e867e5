/**
 * Hashes without sockets: ns per command, bytes per field, and the longest slice in which a large one is freed or expires.
 *
 *   bun bench/hash.ts [fields] [hashes]        node bench/hash.ts
 *
 * Defaults: one hash of 1,000,000 fields of 16 + 16 bytes, and 1,000,000 hashes of five small fields.
 */
import type { Clock } from '../src/base/clock.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { Prng } from '../src/base/prng.ts';
import { CommandTable } from '../src/command/table.ts';
import { shardDeclarations } from '../src/commands/shard-families.ts';
import { Shard } from '../src/engine/shard.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { Request } from '../src/resp/request.ts';
import { Executor } from '../src/shards/executor.ts';
import { CALLER, SILENT } from '../test/support/caller.ts';

const FIELDS = Number(process.argv[2] ?? 1_000_000);
const HASHES = Number(process.argv[3] ?? 1_000_000);
const OPERATIONS = 300_000;
const VARIANTS = 4096;
const FLUSH_BYTES = 16 * 1024;

class HandClock implements Clock {
  now_ms = 1_700_000_000_000;

  nowMs(): number {
    return this.now_ms;
  }

  monotonicMs(): number {
    return this.now_ms;
  }
}

const clock = new HandClock();
const shard = new Shard({ clock, prng: new Prng(1), hash: new KeyedHash(3, 4) });
const table = new CommandTable(shardDeclarations);
const executor = new Executor(shard, SILENT);
const out = new ReplyWriter(2);
const prng = new Prng(7);

function run(request: Request): void {
  const command = table.resolve(request);
  if (command === undefined || !command.arityHolds(request.argc)) throw new Error('no such command');
  const refusal = command.parse(request);
  if (refusal !== undefined) throw new Error(refusal.text);
  executor.run(command, request, CALLER, out);
  if (out.length > FLUSH_BYTES) out.reset();
}

function print(name: string, figure: string): void {
  console.log(`${name.padEnd(44)}${figure.padStart(14)}`);
}

function measure(name: string, words: (i: number) => string[]): void {
  const requests = Array.from({ length: VARIANTS }, (_, i) => Request.of(...words(i)));
  const round = () => {
    for (const request of requests) run(request);
  };
  for (let i = 0; i < 5; i++) round();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < OPERATIONS / VARIANTS; i++) {
    const from = performance.now();
    round();
    best = Math.min(best, ((performance.now() - from) * 1e6) / VARIANTS);
  }
  print(name, `${Math.round(best)} ns`);
}

function padded(i: number): string {
  return String(i).padStart(10, '0');
}

const field = (): string => `field:${padded(prng.below(FIELDS))}`;
const key = (): string => `user:${padded(prng.below(HASHES))}`;
const SMALL = ['name', 'Jane Doe', 'email', 'jane@example.org', 'age', '42', 'city', 'Lisbon', 'visits', '1234'];

const filling = performance.now();
for (let i = 0; i < FIELDS; i++) run(Request.of('HSET', 'large', `field:${padded(i)}`, `value:${padded(i)}`));
print('HSET of a new field, its request made too', `${Math.round(((performance.now() - filling) * 1e6) / FIELDS)} ns`);
print('bytes per field, 16 + 16', (shard.arena.allocatedBytes / FIELDS).toFixed(1));
measure('HGET, large hash', () => ['HGET', 'large', field()]);
measure('HSET of a field that is there, large hash', () => ['HSET', 'large', field(), `value:${padded(7)}`]);
measure('HRANDFIELD, large hash', () => ['HRANDFIELD', 'large']);

const largeBytes = shard.arena.allocatedBytes;
const building = performance.now();
for (let i = 0; i < HASHES; i++) run(Request.of('HSET', `user:${padded(i)}`, ...SMALL));
print('HSET of five fields, request made too', `${Math.round(((performance.now() - building) * 1e6) / HASHES)} ns`);
print('bytes per hash of five small fields', ((shard.arena.allocatedBytes - largeBytes) / HASHES).toFixed(1));
measure('HGET, small hash', () => ['HGET', key(), 'visits']);
measure('HSET of a field that is there, small hash', () => ['HSET', key(), 'city', 'Madrid']);
measure('HINCRBY, small hash', () => ['HINCRBY', key(), 'visits', '1']);
measure('HGETALL, small hash', () => ['HGETALL', key()]);

const pairs = Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? `f${i}` : `v${i}`));
const wide = performance.now();
run(Request.of('HSET', 'wide', ...pairs));
print('HSET of 100,000 fields at once', `${(performance.now() - wide).toFixed(1)} ms`);

function worstSlice(name: string): void {
  let worst = 0;
  let slices = 0;
  for (let more = true; more; slices++) {
    const from = performance.now();
    more = slices === 0 ? shard.cron() : shard.backgroundSlice();
    worst = Math.max(worst, performance.now() - from);
  }
  print(name, `${worst.toFixed(1)} ms of ${slices}`);
}

const before = shard.arena.allocatedBytes;
const timing = performance.now();
for (let i = 0; i < FIELDS; i++) run(Request.of('HPEXPIRE', 'large', '1000', 'FIELDS', '1', `field:${padded(i)}`));
print('HPEXPIRE of a field, request made too', `${Math.round(((performance.now() - timing) * 1e6) / FIELDS)} ns`);
print('bytes more per field that expires', ((shard.arena.allocatedBytes - before) / FIELDS).toFixed(1));
clock.now_ms += 2000;
shard.beginTurn();
const counted = performance.now();
run(Request.of('HLEN', 'large'));
print('HLEN with every field over', `${((performance.now() - counted) * 1000).toFixed(0)} us`);
worstSlice('expiring every field: worst slice');
const deleting = performance.now();
run(Request.of('DEL', 'wide'));
print('DEL of 100,000 fields', `${(performance.now() - deleting).toFixed(2)} ms`);
worstSlice('freeing them: worst slice');
