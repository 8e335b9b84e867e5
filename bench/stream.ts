/**
 * Streams without sockets: ns per command and per entry, bytes per entry, per small stream, group, consumer and pending entry,
 * and the longest slice in which a large stream is freed.
 *
 *   bun --expose-gc bench/stream.ts [entries]        node --expose-gc bench/stream.ts [entries]
 *
 * Default: one stream of 1,000,000 entries of two pairs.
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

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const SMALL = 20_000;
const OPERATIONS = 200_000;
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
const account = shard.realm(0).account;

function run(request: Request): void {
  const command = table.resolve(request);
  if (command === undefined || !command.arityHolds(request.argc)) throw new Error('no such command');
  const refusal = command.parse(request);
  if (refusal !== undefined) throw new Error(refusal.text);
  executor.run(command, request, CALLER, out);
  if (out.length > FLUSH_BYTES) out.reset();
}

function say(...words: string[]): void {
  run(Request.of(...words));
}

function print(name: string, figure: string): void {
  console.log(`${name.padEnd(52)}${figure.padStart(14)}`);
}

function measure(name: string, per: number, count: number, words: (i: number) => string[]): void {
  const requests = Array.from({ length: Math.min(count, 4096) }, (_, i) => Request.of(...words(i)));
  // Processor time, as the machine may be busy with others.
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    if ((i & 63) === 0) {
      clock.now_ms++;
      shard.beginTurn();
    }
    run(requests[i % requests.length] as Request);
  }
  const { user, system } = process.cpuUsage(before);
  print(name, `${(((user + system) * 1e3) / count / per).toFixed(0)} ns`);
}

function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void; Bun?: unknown }).gc;
  for (let i = 0; i < 4; i++) collect?.();
  return process.memoryUsage().heapUsed;
}

const ADD = ['XADD', 's', '*', 'temperature', '21', 'humidity', '48'];
measure('XADD *, two pairs, first round', 1, OPERATIONS, () => ADD);
measure(`XADD *, two pairs, up to ${ENTRIES}`, 1, ENTRIES - OPERATIONS, () => ADD);
print('bytes per entry', (account.usedBytes() / ENTRIES).toFixed(1));
measure('XADD MAXLEN ~ 1000 *', 1, OPERATIONS, () => ['XADD', 't', 'MAXLEN', '~', '1000', '*', 'f', 'value']);
measure('XADD MAXLEN 1000 *', 1, OPERATIONS, () => ['XADD', 't', 'MAXLEN', '1000', '*', 'f', 'value']);
const at = () => `${1_700_000_000_000 + prng.below(ENTRIES >> 6)}`;
measure('XRANGE of 100 from anywhere, per entry', 100, OPERATIONS / 20, () => [
  'XRANGE',
  's',
  at(),
  '+',
  'COUNT',
  '100',
]);
measure('XREVRANGE of 100 from anywhere, per entry', 100, OPERATIONS / 20, () => [
  'XREVRANGE',
  's',
  at(),
  '-',
  'COUNT',
  '100',
]);
measure('XRANGE of one', 1, OPERATIONS, () => ['XRANGE', 's', at(), '+', 'COUNT', '1']);
measure('XREAD of one', 1, OPERATIONS, () => ['XREAD', 'COUNT', '1', 'STREAMS', 's', at()]);
measure('XLEN', 1, OPERATIONS, () => ['XLEN', 's']);
say('XGROUP', 'CREATE', 's', 'g', '0');
const beforePending = account.usedBytes();
measure('XREADGROUP of 10, per entry', 10, OPERATIONS / 10, () => [
  'XREADGROUP',
  'GROUP',
  'g',
  'c',
  'COUNT',
  '10',
  'STREAMS',
  's',
  '>',
]);
print('bytes per pending entry', ((account.usedBytes() - beforePending) / OPERATIONS).toFixed(1));
measure('XAUTOCLAIM of 10 from anywhere, per entry', 10, OPERATIONS / 20, () => [
  'XAUTOCLAIM',
  's',
  'g',
  'd',
  '0',
  `${1_700_000_000_000 + prng.below(OPERATIONS >> 6)}`,
  'COUNT',
  '10',
]);
measure('XACK', 1, OPERATIONS, () => [
  'XACK',
  's',
  'g',
  `${1_700_000_000_000 + prng.below(OPERATIONS >> 6)}-${prng.below(64)}`,
]);
measure('XDEL', 1, OPERATIONS, () => ['XDEL', 's', `${at()}-${prng.below(64)}`]);

let longest = 0;
const startedFreeing = performance.now();
say('DEL', 's');
longest = performance.now() - startedFreeing;
while (shard.pendingFrees() > 0) {
  const started = performance.now();
  shard.reclaim(8192);
  longest = Math.max(longest, performance.now() - started);
}
print(`freeing it, longest slice`, `${longest.toFixed(1)} ms`);

function perThing(name: string, count: number, make: (i: number) => void): void {
  const heap = heapBytes();
  const used = account.usedBytes();
  for (let i = 0; i < count; i++) make(i);
  print(`${name}, charged`, `${((account.usedBytes() - used) / count).toFixed(0)} bytes`);
  print(`${name}, on the heap`, `${((heapBytes() - heap) / count).toFixed(0)} bytes`);
}

perThing('a stream of one entry', SMALL, (i) => say('XADD', `small:${i}`, '*', 'f', 'v'));
perThing('a group', SMALL, (i) => say('XGROUP', 'CREATE', 'small:1', `group:${i}`, '0'));
perThing('a consumer', SMALL, (i) => say('XGROUP', 'CREATECONSUMER', 'small:1', 'group:1', `consumer:${i}`));
