/** Group R, memory: bits far away, collections that nobody reads, that are full, and that go. */
import { type AttackCase, attack, becomes, holds, matches, pause, same } from '../case.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

const MEGABYTE = 1024 * 1024;
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const TOO_FAR = /^-(OOM |ERR bit offset is not an integer or out of range|ERR string exceeds maximum allowed size)/;

/** The last bit of the longest string, of Redis' longest, and of none. */
const FAR_BITS = ['536870911', '4294967295', '4294967296', '9223372036854775807', '68719476735'];

async function farBits(world: World): Promise<void> {
  const before = world.residentBytes();
  const t1 = await world.as('t1');
  await t1.ask('SET', 't1:short', 'v');
  for (const key of ['t1:short', 't1:none']) {
    for (const bit of FAR_BITS) {
      matches(await t1.ask('SETBIT', key, bit, '1'), TOO_FAR, `SETBIT ${bit}`);
      for (const field of [bit, `#${bit}`]) {
        matches(await t1.ask('BITFIELD', key, 'SET', 'u63', field, '1'), TOO_FAR, `BITFIELD SET ${field}`);
        matches(await t1.ask('BITFIELD', key, 'INCRBY', 'i64', field, '1'), TOO_FAR, `BITFIELD INCRBY ${field}`);
        const both = await t1.ask('BITFIELD', key, 'SET', 'u8', '0', '255', 'SET', 'u63', field, '1');
        matches(both, TOO_FAR, `BITFIELD near and at ${field}`);
      }
    }
  }
  same(await t1.ask('GET', 't1:short'), '$1\r\nv\r\n', 'the key that is there');
  same(await t1.ask('EXISTS', 't1:none'), ':0\r\n', 'the key that is not');
  holds(world.residentBytes() - before < 64 * MEGABYTE, 'memory was taken');
  await t1.ask('DEL', 't1:short');
  t1.close();
}

/** With Redis' own limit of a string, only the budget stands in the way. */
async function farBitsAllowed(world: World): Promise<void> {
  const admin = await world.as('admin');
  same(await admin.ask('CONFIG', 'SET', 'proto-max-bulk-len', '512mb'), '+OK\r\n', 'CONFIG SET');
  try {
    const before = world.residentBytes();
    const t1 = await world.as('t1');
    for (let i = 0; i < 20; i++) {
      same(await t1.ask('SETBIT', `t1:far${i}`, '4294967295', '1'), OOM, 'SETBIT');
      same(await t1.ask('BITFIELD', `t1:far${i}`, 'SET', 'u63', '4294967232', '1'), OOM, 'BITFIELD');
      same(await t1.ask('SETRANGE', `t1:far${i}`, '536870911', 'x'), OOM, 'SETRANGE');
    }
    same(await t1.ask('EXISTS', 't1:far0'), ':0\r\n', 'the key');
    holds(world.residentBytes() - before < 64 * MEGABYTE, 'memory was taken');
    t1.close();
  } finally {
    await admin.ask('CONFIG', 'SET', 'proto-max-bulk-len', '64mb');
    admin.close();
  }
}

/** How a collection of a type grows by one element, and how it is read whole. */
interface Growth {
  readonly key: string;
  readonly add: (number: number, bytes: string) => readonly string[];
  readonly read: readonly string[];
  readonly count: readonly string[];
}

const GROWTHS: readonly Growth[] = [
  {
    key: 't1:{g}list',
    add: (_, bytes) => ['RPUSH', 't1:{g}list', bytes],
    read: ['LRANGE', 't1:{g}list', '0', '-1'],
    count: ['LLEN', 't1:{g}list'],
  },
  {
    key: 't1:{g}set',
    add: (number, bytes) => ['SADD', 't1:{g}set', `${number}${bytes}`],
    read: ['SMEMBERS', 't1:{g}set'],
    count: ['SCARD', 't1:{g}set'],
  },
  {
    key: 't1:{g}hash',
    add: (number, bytes) => ['HSET', 't1:{g}hash', `${number}`, bytes],
    read: ['HGETALL', 't1:{g}hash'],
    count: ['HLEN', 't1:{g}hash'],
  },
  {
    key: 't1:{g}zset',
    add: (number, bytes) => ['ZADD', 't1:{g}zset', `${number}`, `${number}${bytes}`],
    read: ['ZRANGE', 't1:{g}zset', '0', '-1', 'WITHSCORES'],
    count: ['ZCARD', 't1:{g}zset'],
  },
  {
    key: 't1:{g}stream',
    add: (number, bytes) => ['XADD', 't1:{g}stream', `${number + 1}-1`, 'f', bytes],
    read: ['XRANGE', 't1:{g}stream', '-', '+'],
    count: ['XLEN', 't1:{g}stream'],
  },
];

async function grow(wire: Wire, growth: Growth, elements: number, bytes: string): Promise<void> {
  for (let from = 0; from < elements; from += 1000) {
    const some = Array.from({ length: Math.min(1000, elements - from) }, (_, i) => growth.add(from + i, bytes));
    wire.send(some.map((words) => encode(...words)).join(''));
    const refused = (await wire.collect(some.length)).find((reply) => reply.startsWith('-'));
    same(refused, undefined, growth.key);
  }
}

async function unreadCollections(world: World): Promise<void> {
  const t1 = await world.as('t1');
  for (const growth of GROWTHS) {
    await grow(t1, growth, 20_000, 'x'.repeat(500));
    const before = world.residentBytes();
    const greedy = await world.as('t1');
    greedy.socket.pause();
    greedy.send(encode(...growth.read).repeat(60));
    for (let i = 0; i < 10; i++) {
      same(await t1.ask('PING'), '+PONG\r\n', 'others are served');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const grown = world.residentBytes() - before;
    holds(grown < 600 * MEGABYTE, `${growth.read[0]}: resident memory grew by ${Math.round(grown / MEGABYTE)} MiB`);
    greedy.close();
    await t1.ask('DEL', growth.key);
  }
  t1.close();
}

const FIELDS = 1_000_000;
const FIELDS_AT_ONCE = 2000;

async function fillHash(wire: Wire, key: string, fields: number): Promise<void> {
  for (let from = 0; from < fields; from += FIELDS_AT_ONCE) {
    const words = Array.from({ length: FIELDS_AT_ONCE }, (_, i) => [`f${from + i}`, 'v']).flat();
    same(await wire.ask('HSET', key, ...words), `:${FIELDS_AT_ONCE}\r\n`, 'HSET');
  }
}

/** Whatever lets go of a large hash. All of it must be free again in time, and nobody wait for it. */
const ENDINGS: readonly (readonly string[])[] = [
  ['UNLINK', '{h}large'],
  ['SET', '{h}large', 'v'],
  ['RENAME', '{h}small', '{h}large'],
  ['PEXPIRE', '{h}large', '-1'],
  ['PEXPIRE', '{h}large', '50'],
  ['HSETEX', '{h}large', 'EX', '100', 'FIELDS', '1', 'f0', 'w'],
  ['COPY', '{h}small', '{h}large', 'REPLACE'],
  ['FLUSHDB', 'ASYNC'],
];

async function largeHashGoes(world: World): Promise<void> {
  const app = await world.as('app');
  const used = () => world.figure('used_memory', 'app');
  const empty = await used();
  await fillHash(app, '{h}large', FIELDS);
  const full = await used();
  holds(full - empty > 20 * FIELDS, `${full - empty} bytes are held`);
  same(await app.ask('DEL', '{h}large'), ':1\r\n', 'DEL');
  same(await app.ask('EXISTS', '{h}large'), ':0\r\n', 'the key after DEL');
  holds(await becomes(async () => (await used()) - empty < MEGABYTE), 'its memory is not given back');
  for (const words of ENDINGS) {
    await app.ask('HSET', '{h}small', 'f', 'v');
    await fillHash(app, '{h}large', 100_000);
    matches(await app.ask(...words), /^[+:]/, words.join(' '));
    if (words[0] === 'PEXPIRE') await pause(200);
    await app.ask('DEL', '{h}large', '{h}small');
    holds(await becomes(async () => (await used()) - empty < MEGABYTE), `memory after ${words.join(' ')}`);
  }
  app.close();
}

/** Fills the budget with strings, until not even a short one fits. */
async function fillBudget(wire: Wire): Promise<void> {
  let number = 0;
  for (const bytes of [MEGABYTE, 10_000, 100, 1]) {
    const value = 'x'.repeat(bytes);
    while ((await wire.ask('SET', `t1:fill:${number}`, value)) === '+OK\r\n') number++;
  }
  holds(number > 60, `${number} strings fitted`);
}

/** Every way to make each type longer; `bytes` is what is added. */
const PUSHES: Readonly<Record<string, readonly ((bytes: string) => readonly string[])[]>> = {
  't1:{g}list': [
    (bytes) => ['RPUSH', 't1:{g}list', bytes],
    (bytes) => ['LPUSH', 't1:{g}list', bytes, bytes],
    (bytes) => ['LPUSHX', 't1:{g}list', bytes],
    (bytes) => ['LINSERT', 't1:{g}list', 'BEFORE', 'pivot', bytes],
    (bytes) => ['LSET', 't1:{g}list', '0', bytes],
  ],
  't1:{g}set': [(bytes) => ['SADD', 't1:{g}set', bytes], () => ['SUNIONSTORE', 't1:{g}copy', 't1:{g}set', 't1:{g}set']],
  't1:{g}hash': [
    (bytes) => ['HSET', 't1:{g}hash', 'small', 'v', 'large', bytes],
    (bytes) => ['HSETNX', 't1:{g}hash', bytes, 'v'],
    (bytes) => ['HINCRBY', 't1:{g}hash', bytes, '1'],
    (bytes) => ['HINCRBYFLOAT', 't1:{g}hash', bytes, '1.5'],
    (bytes) => ['HSETEX', 't1:{g}hash', 'EX', '100', 'FIELDS', '1', bytes, 'v'],
    () => ['COPY', 't1:{g}hash', 't1:{g}copy'],
  ],
  't1:{g}zset': [
    (bytes) => ['ZADD', 't1:{g}zset', '1', 'small', '2', bytes],
    (bytes) => ['ZINCRBY', 't1:{g}zset', '1', bytes],
    (bytes) => ['GEOADD', 't1:{g}zset', '1', '1', bytes],
    () => ['ZRANGESTORE', 't1:{g}copy', 't1:{g}zset', '0', '-1'],
    () => ['ZUNIONSTORE', 't1:{g}copy', '1', 't1:{g}zset'],
    () => ['SORT', 't1:{g}zset', 'ALPHA', 'STORE', 't1:{g}copy'],
  ],
  't1:{g}stream': [
    (bytes) => ['XADD', 't1:{g}stream', '*', 'f', bytes],
    (bytes) => ['XADD', 't1:{g}stream', 'MAXLEN', '1000000', '*', 'f', bytes, 'g', bytes],
    (bytes) => ['XGROUP', 'CREATE', 't1:{g}stream', bytes, '0'],
    (bytes) => ['XGROUP', 'CREATECONSUMER', 't1:{g}stream', 'group', bytes],
  ],
};

async function held(wire: Wire): Promise<string> {
  wire.send(GROWTHS.map(({ read }) => encode(...read)).join('') + encode('XINFO', 'STREAM', 't1:{g}stream', 'FULL'));
  return (await wire.collect(GROWTHS.length + 1)).join('');
}

/** At the limit every type refuses, whatever asks, and nothing is half done; what is there can be read and deleted. */
async function everyTypeFull(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  const limit = 64 * MEGABYTE;
  await t1x.ask('RPUSH', 't1:{g}list', 'pivot');
  for (const growth of GROWTHS) await grow(t1x, growth, 1000, 'x'.repeat(100));
  await t1x.ask('XGROUP', 'CREATE', 't1:{g}stream', 'group', '0');
  await fillBudget(t1x);
  const before = await held(t1x);
  const used = await world.figure('used_memory', 't1x');
  for (const bytes of ['x'.repeat(1000), 'y'.repeat(100_000), 'z'.repeat(5 * MEGABYTE)]) {
    for (const push of Object.values(PUSHES).flat()) {
      const words = push(bytes);
      same(await t1x.ask(...words), OOM, `${words[0]} of ${bytes.length} bytes`);
      same((await held(t1x)) === before, true, `${words[0]} left everything as it was`);
    }
  }
  same(await world.figure('used_memory', 't1x'), used, 'used_memory');
  holds(used <= limit, `${used} bytes are used`);
  same(await t1x.ask('EXISTS', 't1:{g}copy'), ':0\r\n', 'a copy');
  same(await t1x.ask('LPOP', 't1:{g}list'), '$5\r\npivot\r\n', 'LPOP');
  for (const { key, count } of GROWTHS) {
    matches(await t1x.ask(...count), /^:[1-9]/, count.join(' '));
    same(await t1x.ask('DEL', key), ':1\r\n', 'DEL');
  }
  matches(await t1x.ask('RPUSH', 't1:{g}list', 'x'.repeat(1000)), /^:1\r/, 'there is room again');
  await t1x.ask('FLUSHALL');
  t1x.close();
}

export const memoryCases: readonly AttackCase[] = [
  attack('R137', 'bits far behind the end', { none: 'want of memory is no denial' }, farBits),
  attack(
    'R137',
    'bits far behind the end, with strings as long as in Redis',
    { none: 'want of memory is no denial' },
    farBitsAllowed,
  ),
  attack(
    'R140',
    'whole collections again and again, unread',
    { none: 'they are closed before their limit by who opened them' },
    unreadCollections,
  ),
  attack('R151', 'a hash of a million fields goes', { none: 'every request is a valid one' }, largeHashGoes),
  attack('R137', 'every type at the limit of its tenant', { none: 'want of memory is no denial' }, everyTypeFull),
];
