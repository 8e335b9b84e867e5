/**
 * Groups R and N: numbers at the edges, the same key several times, and values that lie about themselves. What is to be
 * answered stands in the transcripts that redis-server is held to as well; here a whole process must answer it.
 */
import { bytesOfLatin1 } from '../../../src/base/bytes.ts';
import { RANDOM_REPEATS_MAX } from '../../../src/base/limits.ts';
import { transcripts } from '../../commands/transcript.ts';
import { rendered } from '../../support/render.ts';
import { type AttackCase, attack, CaseFailed, holds, matches, same } from '../case.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

const MEGABYTE = 1024 * 1024;

async function play(world: World, name: string): Promise<void> {
  const transcript = transcripts().find((each) => each.name === name);
  if (transcript === undefined) throw new CaseFailed(`there is no transcript ${name}`);
  const wire = await world.as('t1x');
  for (const { words, command, line, reply } of transcript.exchanges) {
    same(rendered(bytesOfLatin1(await wire.ask(...words))), reply, `line ${line}, ${command.slice(0, 80)}`);
  }
  wire.close();
}

/** So many runs of empty registers that their sum passes 32 bits, and a value behind them. */
function overflowing(runs: number): string {
  return `HYLL\x01${'\0'.repeat(10)}\x80${'\x7f\xff'.repeat(runs)}\x80`;
}

async function registersPastTheEnd(world: World): Promise<void> {
  const t1 = await world.as('t1');
  const key = 't1:{p}long';
  for (const runs of [2, 1000, 131_072, 262_145]) {
    const value = overflowing(runs);
    same(await t1.ask('SET', key, value), '+OK\r\n', 'SET');
    // Short enough to be worked on in place, it is only looked at up to the register in question, as by Redis.
    const added = runs > 1000 ? [['PFADD', key, 'x', 'y', 'z']] : [];
    for (const words of [
      ...added,
      ['PFCOUNT', key],
      ['PFMERGE', 't1:{p}into', key],
      ['PFMERGE', key, key],
      ['PFCOUNT', key, key],
    ]) {
      matches(await t1.ask(...words), /^-(INVALIDOBJ|WRONGTYPE) /, `${words[0]} after ${runs} runs`);
    }
    same(await t1.ask('STRLEN', key), `:${value.length}\r\n`, 'the value is as it was');
    same(await t1.ask('EXISTS', 't1:{p}into'), ':0\r\n', 'what PFMERGE made');
  }
  await t1.ask('DEL', key);
  t1.close();
}

/** More ids, fields or members than there are, all at once. */
async function moreThanThereAre(wire: Wire): Promise<void> {
  const ids = Array.from({ length: 5000 }, (_, i) => `${i}-1`);
  await wire.ask('XADD', 't1:s', '1-1', 'f', 'v');
  await wire.ask('XADD', 't1:s', '2-1', 'f', 'v');
  await wire.ask('XGROUP', 'CREATE', 't1:s', 'g', '0');
  await wire.ask('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 't1:s', '>');
  same(await wire.ask('XCLAIM', 't1:s', 'g', 'd', '0', ...ids, 'JUSTID'), '*2\r\n$3\r\n1-1\r\n$3\r\n2-1\r\n', 'XCLAIM');
  same(await wire.ask('XACK', 't1:s', 'g', ...ids, ...ids), ':2\r\n', 'XACK');
  same(await wire.ask('XDEL', 't1:s', ...ids, ...ids), ':2\r\n', 'XDEL');
  const words = Array.from({ length: 5000 }, (_, i) => `w${i}`);
  for (const [add, remove, ...pair] of [
    ['SADD', 'SREM'],
    ['HSET', 'HDEL', 'v'],
    ['ZADD', 'ZREM', '1'],
  ] as const) {
    const key = `t1:${add}`;
    // A score stands before its member, a value behind its field.
    const one = add === 'ZADD' ? ['1', 'w5'] : ['w5', ...pair];
    same(await wire.ask(add, key, ...one), ':1\r\n', add);
    same(await wire.ask(remove, key, ...words, ...words), ':1\r\n', `${remove} of more than there are`);
    same(await wire.ask('EXISTS', key), ':0\r\n', `${key} afterwards`);
  }
  const keys = words.map(() => 't1:{n}none');
  same(await wire.ask('SUNIONSTORE', 't1:{n}into', ...keys), ':0\r\n', 'SUNIONSTORE of five thousand keys');
  same(await wire.ask('ZUNION', String(keys.length), ...keys), '*0\r\n', 'ZUNION of five thousand keys');
  same(await wire.ask('PFMERGE', 't1:{n}into', ...keys), '+OK\r\n', 'PFMERGE of five thousand keys');
  same(await wire.ask('BITOP', 'OR', 't1:{n}into', ...keys), ':0\r\n', 'BITOP of five thousand keys');
  await wire.ask('DEL', 't1:s', 't1:{n}into');
}

const SLOW_PATTERNS = ['['.repeat(65_535), 'a\\', '*a'.repeat(1000), `${'*a'.repeat(1000)}b`, `${'a*'.repeat(1000)}?`];

/** Elements that nearly match patterns built to be slow. */
async function slowPatterns(world: World): Promise<void> {
  const t1 = await world.as('t1');
  const long = 'a'.repeat(2000);
  for (let i = 0; i < 50; i++) {
    t1.send(
      encode('SADD', 't1:s', `${long}${i}`) +
        encode('HSET', 't1:h', `${long}${i}`, 'v') +
        encode('ZADD', 't1:z', '1', `${long}${i}`),
    );
  }
  await t1.collect(150);
  for (const pattern of SLOW_PATTERNS) {
    for (const [name, key] of [
      ['SSCAN', 't1:s'],
      ['HSCAN', 't1:h'],
      ['ZSCAN', 't1:z'],
    ] as const) {
      const reply = await t1.ask(name, key, '0', 'MATCH', pattern, 'COUNT', '1000');
      same(reply.slice(0, 4), '*2\r\n', `${name} MATCH ${pattern.slice(0, 10)}`);
    }
    const found = await t1.ask('SCAN', '0', 'MATCH', `t1:${pattern}`, 'COUNT', '1000');
    same(found.slice(0, 4), '*2\r\n', `SCAN MATCH ${pattern.slice(0, 10)}`);
  }
  await t1.ask('DEL', 't1:s', 't1:h', 't1:z');
  t1.close();
}

const KILOBYTES_16 = 16 * 1024;

/** Pattern and element both long: every place of the one may be tried against all of the other. */
async function longPatterns(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  const long = 'a'.repeat(KILOBYTES_16);
  await t1x.ask('HSET', 't1:h', long, 'v');
  await t1x.ask('SET', `t1:${long}`, 'v');
  for (const pattern of [`*${'['.repeat(KILOBYTES_16)}`, `*${'a'.repeat(KILOBYTES_16 / 2)}b`]) {
    same(await t1x.ask('HSCAN', 't1:h', '0', 'MATCH', pattern), '*2\r\n$1\r\n0\r\n*0\r\n', 'HSCAN');
    same(await t1x.ask('KEYS', pattern), '*0\r\n', 'KEYS');
  }
  await t1x.ask('DEL', 't1:h', `t1:${long}`);
  t1x.close();
}

/** The most that one request may be answered with, of the shortest. */
async function mostAtOnce(world: World): Promise<void> {
  const t1 = await world.as('t1');
  await t1.ask('HSET', 't1:h', 'f', 'v');
  await t1.ask('ZADD', 't1:z', '1', 'm');
  await t1.ask('SADD', 't1:s', 'm');
  for (const words of [
    ['SRANDMEMBER', 't1:s', `-${RANDOM_REPEATS_MAX}`],
    ['HRANDFIELD', 't1:h', `-${RANDOM_REPEATS_MAX}`, 'WITHVALUES'],
    ['ZRANDMEMBER', 't1:z', `-${RANDOM_REPEATS_MAX}`, 'WITHSCORES'],
  ]) {
    const reply = await t1.ask(...words);
    matches(reply.slice(0, 60), /^\*\d{7}\r|^-ERR reply exceeds/, words.join(' '));
  }
  await t1.ask('DEL', 't1:h', 't1:z', 't1:s');
  t1.close();
}

/** Random elements by the hundred thousand, asked for by who does not read them. */
async function randomUnread(world: World): Promise<void> {
  const t1 = await world.as('t1');
  await t1.ask('SADD', 't1:s', 'x'.repeat(60));
  const greedy = await world.as('t1');
  greedy.socket.pause();
  const before = world.residentBytes();
  for (let i = 0; i < 20; i++) greedy.send(encode('SRANDMEMBER', 't1:s', '-200000'));
  for (let i = 0; i < 20; i++) {
    same(await t1.ask('PING'), '+PONG\r\n', 'others are served');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const grown = world.residentBytes() - before;
  holds(grown < 600 * MEGABYTE, `resident memory grew by ${Math.round(grown / MEGABYTE)} MiB`);
  greedy.close();
  await t1.ask('DEL', 't1:s');
  t1.close();
}

export const edgeCases: readonly AttackCase[] = [
  attack('R142', 'counts that no collection has', { none: 'mistakes, and nothing that was not allowed' }, (world) =>
    play(world, 'edges-counts'),
  ),
  attack(
    'R142',
    'random elements without end, and fields that end at the end of time',
    { none: 'mistakes, and nothing that was not allowed' },
    (world) => play(world, 'edges-ours'),
  ),
  attack(
    'R142',
    'as many random elements as one request may ask for',
    { none: 'every request is a valid one' },
    mostAtOnce,
  ),
  attack(
    'R142',
    'many random elements again and again, unread',
    { none: 'every request is a valid one' },
    randomUnread,
  ),
  attack('R144', 'patterns built to be slow, over elements', { none: 'every request is a valid one' }, slowPatterns),
  attack('R144', 'patterns and elements of sixteen kilobytes', { none: 'every request is a valid one' }, longPatterns),
  attack(
    'R152',
    'sums, times and indexes at the edges',
    { none: 'mistakes, and nothing that was not allowed' },
    (world) => play(world, 'edges-arithmetic'),
  ),
  attack('R154', 'one key as source and destination', { none: 'mistakes, and nothing that was not allowed' }, (world) =>
    play(world, 'edges-same-key'),
  ),
  attack('R154', 'strings that are no HyperLogLog', { none: 'mistakes, and nothing that was not allowed' }, (world) =>
    play(world, 'edges-hyperloglog'),
  ),
  attack(
    'R154',
    'a HyperLogLog of more registers than numbers go',
    { none: 'mistakes, and nothing that was not allowed' },
    registersPastTheEnd,
  ),
  attack(
    'R154',
    'more ids, fields and members than there are',
    { none: 'every request is a valid one' },
    async (world) => {
      const t1 = await world.as('t1');
      await moreThanThereAre(t1);
      t1.close();
    },
  ),
];
