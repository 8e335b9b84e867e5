/**
 * Sorted sets and places without sockets: ns per look-up, parse and run of one request, over one set of a million members
 * and over a thousand sets of thirty-two.
 *
 *   bun bench/zset.ts [members]        node bench/zset.ts [members]
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

const MEMBERS = Number(process.argv[2] ?? 1_000_000);
const SMALL_SETS = 1000;
const SMALL_MEMBERS = 32;
/** Requests of one row: made beforehand, in slices, so that making them is not measured and memory is bounded. */
const SLICE = 20_000;
const ROW = 200_000;
const FLUSH_BYTES = 16 * 1024;

const shard = new Shard({ clock: systemClock, prng: new Prng(1), hash: new KeyedHash(3, 4) });
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

function measure(name: string, budget_ns: number | undefined, words: (i: number) => string[], count = ROW): void {
  let spent_ms = 0;
  for (let at = 0; at < count; at += SLICE) {
    const length = Math.min(SLICE, count - at);
    const requests = Array.from({ length }, (_, i) => Request.of(...words(at + i)));
    const from_ms = performance.now();
    for (const request of requests) run(request);
    spent_ms += performance.now() - from_ms;
  }
  const each_ns = (spent_ms * 1e6) / count;
  const verdict =
    budget_ns === undefined ? '' : each_ns <= budget_ns ? `budget ${budget_ns}` : `OVER budget ${budget_ns}`;
  console.log(`${name.padEnd(34)} ${each_ns.toFixed(0).padStart(7)} ns  ${verdict}`);
}

const memberOf = (i: number) => `member:${String(i).padStart(9, '0')}`;
const any = () => memberOf(prng.below(MEMBERS));
const anySmall = () => `small:${prng.below(SMALL_SETS)}`;
const anyOfSmall = () => memberOf(prng.below(SMALL_MEMBERS));
const score = () => `${prng.below(1_000_000) / 100}`;

console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);
measure('warm-up', undefined, (i) => ['ZADD', 'warm', score(), memberOf(i % 5000)]);
const before = shard.processAccount.usedBytes();
measure(`ZADD, filling ${MEMBERS}`, 2000, (i) => ['ZADD', 'z', score(), memberOf(i)], MEMBERS);
console.log(
  `${'bytes a member of 16 bytes'.padEnd(34)} ${((shard.processAccount.usedBytes() - before) / MEMBERS).toFixed(1).padStart(7)}`,
);
measure('ZADD, another score', 3000, () => ['ZADD', 'z', score(), any()]);
measure('ZINCRBY', 4000, () => ['ZINCRBY', 'z', '0.25', any()]);
measure('ZSCORE', 1500, () => ['ZSCORE', 'z', any()]);
measure('ZRANK', 2000, () => ['ZRANK', 'z', any()]);
measure('ZCOUNT', 2000, () => ['ZCOUNT', 'z', score(), score()]);
measure('ZRANGE of 10 with scores', 10_000, () => {
  const from = prng.below(MEMBERS - 10);
  return ['ZRANGE', 'z', `${from}`, `${from + 9}`, 'WITHSCORES'];
});
measure('ZPOPMIN and ZADD', undefined, (i) => (i % 2 === 0 ? ['ZPOPMIN', 'z'] : ['ZADD', 'z', score(), memberOf(i)]));
measure('ZREM and ZADD', undefined, (i) =>
  i % 2 === 0 ? ['ZREM', 'z', memberOf(i)] : ['ZADD', 'z', score(), memberOf(i - 1)],
);

measure('ZADD, small sets of 32', undefined, (i) => [
  'ZADD',
  `small:${i % SMALL_SETS}`,
  score(),
  memberOf(Math.floor(i / SMALL_SETS) % SMALL_MEMBERS),
]);
measure('ZSCORE, small', 1500, () => ['ZSCORE', anySmall(), anyOfSmall()]);
measure('ZRANK, small', undefined, () => ['ZRANK', anySmall(), anyOfSmall()]);

const longitude = () => `${13 + prng.unit()}`;
const latitude = () => `${52 + prng.unit()}`;
measure('GEOADD', 3000, (i) => ['GEOADD', 'geo', longitude(), latitude(), memberOf(i)]);
measure('GEOPOS', undefined, () => ['GEOPOS', 'geo', memberOf(prng.below(ROW))]);
measure(
  'GEOSEARCH, some 60 of 200,000',
  undefined,
  () => ['GEOSEARCH', 'geo', 'FROMLONLAT', longitude(), latitude(), 'BYRADIUS', '1', 'km', 'ASC'],
  SLICE,
);
