/** Keys of every type and encoding, for files of them. */
import type { Words } from '../support/words.ts';

/** Whoever runs commands: the harness, or a connection. */
export interface Runs {
  run(words: Words): unknown;
}

const TIME_MS = '1900000000000';
const LONG = 'long '.repeat(30);
/** Text that no compression shortens much. */
export function noise(i: number, length: number): string {
  let state = (i * 2_654_435_761) >>> 0;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCharCode(state >>> 24);
  }).join('');
}

function many(count: number, item: (i: number) => readonly string[]): string[] {
  return Array.from({ length: count }, (_, i) => item(i)).flat();
}

/** What redis-server 7.0 can hold as well. */
export const SMALL: readonly Words[] = [
  ['SET', 'integer', '12'],
  ['SET', 'negative', '-70000'],
  ['SET', 'big', '9223372036854775807'],
  ['SET', 'empty', ''],
  ['SET', 'text', 'hello'],
  ['SET', 'compressible', LONG],
  ['SET', 'noise', noise(7, 300)],
  ['SET', '', 'the empty key'],
  ['SET', '17', 'a key that is a number'],
  ['SET', 'key '.repeat(20), 'a key that is compressed'],
  ['SET', '\0\xff\r\n', '\xfe\xff'],
  ['SET', 'with time', 'v', 'PXAT', TIME_MS],
  ['RPUSH', 'list', 'a', '1', '-5000', '', LONG],
  ['SADD', 'intset 16', '1', '5', '-7'],
  ['SADD', 'intset 64', '1', '5000000000'],
  ['SADD', 'set', 'a', 'b', '3', ''],
  ['HSET', 'hash', 'f', 'v', '1', '2', '', LONG.slice(0, 60)],
  ['ZADD', 'zset', '1', 'a', '-inf', 'b', '2.5', 'c', '3.2999999999999998', 'd', 'inf', 'e'],
  ['XADD', 'stream', '5-1', 'f', 'v', 'g', 'w'],
  ['XADD', 'stream', '5-2', 'other', '1'],
  ['XADD', 'stream', '7-0', 'f', '2', 'g', LONG],
  ['XDEL', 'stream', '5-2'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XGROUP', 'CREATE', 'stream', 'h', '$'],
  ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['XADD', 'emptied stream', '9-9', 'f', 'v'],
  ['XDEL', 'emptied stream', '9-9'],
  ['PEXPIREAT', 'stream', TIME_MS],
  ['PEXPIREAT', 'zset', TIME_MS],
  ['SELECT', '3'],
  ['SET', 'integer', '13'],
  ['SADD', 'set', 'elsewhere'],
  ['SELECT', '15'],
  ['HSET', 'hash', 'of', '15'],
  ['SELECT', '0'],
];

const ENTRIES: readonly Words[] = Array.from({ length: 1500 }, (_, i) => [
  ...['XADD', 'large stream', `${1000 + (i >> 2)}-${i}`],
  ...(i % 7 === 0 ? ['only', `${i}`] : ['field', noise(i, 20), 'other', 'v']),
]);

/** The same, and far past every threshold. */
export const LARGE: readonly Words[] = [
  ...SMALL,
  ['RPUSH', 'large list', ...many(4000, (i) => [i % 9 === 0 ? `${i}` : noise(i, 30)])],
  ['RPUSH', 'list of long ones', ...many(4, (i) => [noise(i, 9000)])],
  ['SADD', 'large set', ...many(4000, (i) => [noise(i, 18)])],
  ['SADD', 'large intset', ...many(2000, (i) => [`${i * 17}`])],
  ['HSET', 'large hash', ...many(3000, (i) => [`field ${i}`, noise(i, 25)])],
  ['HSET', 'hash of a long one', 'f', 'x'.repeat(100)],
  ['ZADD', 'large zset', ...many(4000, (i) => [`${(i * 37) % 1000}.5`, noise(i, 16)])],
  ['ZADD', 'zset of a long one', '1', LONG],
  ...ENTRIES,
  ...['a', 'b', 'c', 'd'].map((group) => ['XGROUP', 'CREATE', 'large stream', group, '0']),
  ...many(40, (i) => [`consumer ${i}`]).map((consumer) => [
    ...['XREADGROUP', 'GROUP', 'c', consumer, 'COUNT', '20', 'STREAMS', 'large stream', '>'],
  ]),
  ['SET', 'large stream groups', 'placeholder'],
  ['DEL', 'large stream groups'],
  ...Array.from({ length: 1500 }, (_, i) => ['XADD', 'large stream groups', `${i + 1}-1`, 'f', '1']),
  ['XGROUP', 'CREATE', 'large stream groups', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'one', 'STREAMS', 'large stream groups', '>'],
  ['PEXPIREAT', 'large hash', TIME_MS],
  ['SET', 'large text', 'text and '.repeat(40_000)],
  ['SET', 'large noise', noise(1, 200_000)],
];

/** What needs Redis 7.4: times of fields. */
export const FIELD_TIMES: readonly Words[] = [
  ['HSET', 'hash times', 'a', '1', 'b', '2', 'c', '3'],
  ['HPEXPIREAT', 'hash times', TIME_MS, 'FIELDS', '2', 'a', 'c'],
  ['HSET', 'large hash times', ...many(3000, (i) => [`field ${i}`, noise(i, 25)])],
  ['HPEXPIREAT', 'large hash times', TIME_MS, 'FIELDS', '500', ...many(500, (i) => [`field ${i * 3}`])],
];

export function fillSmall(session: Runs): void {
  for (const words of SMALL) session.run(words);
}

export function fillLarge(session: Runs): void {
  for (const words of [...LARGE, ...FIELD_TIMES]) session.run(words);
}
