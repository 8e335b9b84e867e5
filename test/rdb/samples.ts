/** Bodies of payloads of every type that is read, to be changed at random. */
import { latin1 } from '../../src/base/bytes.ts';
import { RdbType } from '../../src/rdb/format.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import type { HarnessSession } from '../support/harness.ts';
import { bodyOf } from '../support/payload.ts';
import type { Words } from '../support/words.ts';
import { blobBody, listBody, listpack, quicklistBody, ziplist, zipmap, zsetBody } from './forerunners.ts';

const LONG = 'l'.repeat(70);
const WORDS = ['a', 'b', '12', '-4097', '', '\0\xff', '9223372036854775807', 'w'.repeat(64), LONG, '300', '-1'];
const PAIRS = [
  ['a', '1'],
  ['b', '2.5'],
  ['', 'x'],
  ['12', LONG],
] as const;
const SCORED = ['b', '-inf', 'c', '-1.5', '1', '0', 'a', '2', 'd', '2', LONG, '3.2999999999999998', 'z', 'inf'];

function many(count: number, item: (i: number) => readonly string[]): string[] {
  return Array.from({ length: count }, (_, i) => item(i)).flat();
}

/** Payloads of what commands have made. */
function made(session: HarnessSession, ...rows: readonly Words[]): string {
  session.run(['DEL', 'k']);
  for (const row of rows) session.run(row);
  const reply = parseReply(session.run(['DUMP', 'k']))?.value;
  if (reply === undefined || !('bytes' in reply)) throw new Error(`no payload of ${rows[0]?.join(' ')}`);
  return bodyOf(latin1(reply.bytes));
}

const ENTRIES: readonly Words[] = Array.from({ length: 120 }, (_, i) => [
  ...['XADD', 'k', `${10 + (i >> 2)}-${i + 1}`],
  ...(i % 7 === 0 ? ['only', `${i}`] : ['field', `${i}`, 'other', 'v']),
]);
const GROUPS: readonly Words[] = [
  ['XGROUP', 'CREATE', 'k', 'g', '0'],
  ['XGROUP', 'CREATE', 'k', 'h', '20-41'],
  ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '5', 'STREAMS', 'k', '>'],
  ['XREADGROUP', 'GROUP', 'g', 'two', 'COUNT', '3', 'STREAMS', 'k', '>'],
  ['XACK', 'k', 'g', '10-2'],
];
/** Few enough that every byte is hit often. */
const SHORT: readonly Words[] = [...ENTRIES.slice(0, 9), ['XDEL', 'k', '11-5'], ...GROUPS];

/** A stream of form 2 as one of form 1: what that does not tell is left out. Only for one whose numbers are short. */
function withType(body: string, type: number): string {
  return String.fromCharCode(type) + body.slice(1);
}

export interface Sample {
  readonly name: string;
  /** Whose commands a restored value is tried with. */
  readonly group: 'list' | 'set' | 'sorted-set' | 'hash' | 'stream';
  readonly bodies: readonly string[];
}

export function samples(session: HarnessSession): readonly Sample[] {
  const run = (...rows: readonly Words[]) => made(session, ...rows);
  const fields = ['HSET', 'k', ...many(20, (i) => [`f${i}`, `v${i}`])];
  const expire = ['HPEXPIREAT', 'k', '1800000000000', 'FIELDS', '2', 'f1', 'f3'];
  const later = ['HPEXPIREAT', 'k', '1900000000000', 'FIELDS', '1', 'f2'];
  const long = ['HSET', 'k', 'long', LONG];
  const stream = run(...SHORT);
  return [
    { name: 'list', group: 'list', bodies: [listBody(WORDS)] },
    { name: 'list of a ziplist', group: 'list', bodies: [blobBody(RdbType.listZiplist, ziplist(WORDS))] },
    { name: 'list of ziplists', group: 'list', bodies: [quicklistBody([WORDS, ['x'], WORDS])] },
    {
      name: 'list of listpacks',
      group: 'list',
      bodies: [
        run(['RPUSH', 'k', ...WORDS]),
        run(['RPUSH', 'k', ...many(3000, (i) => [`${i * 7919}`])]),
        `\x12\x02\x01\x05plain\x02${blobBody(0, listpack(['a', '1'])).slice(1)}`,
      ],
    },
    {
      name: 'set',
      group: 'set',
      bodies: [run(['SADD', 'k', ...WORDS]), run(['SADD', 'k', ...many(300, (i) => [`w${i}`])])],
    },
    {
      name: 'set of integers',
      group: 'set',
      bodies: [
        run(['SADD', 'k', '1', '5', '-7']),
        run(['SADD', 'k', '1', '70000']),
        run(['SADD', 'k', '1', '-7000000000']),
      ],
    },
    { name: 'set of a listpack', group: 'set', bodies: [blobBody(RdbType.setListpack, listpack(WORDS))] },
    {
      name: 'sorted set of texts',
      group: 'sorted-set',
      bodies: [
        zsetBody([
          ['a', '1.5'],
          ['b', '\xff'],
          ['c', '\xfe'],
          ['d', '-3e10'],
          [LONG, '0'],
        ]),
      ],
    },
    {
      name: 'sorted set',
      group: 'sorted-set',
      bodies: [
        run(['ZADD', 'k', '1', LONG, '2', 'b', '-inf', 'c', '2', 'd']),
        run(['ZADD', 'k', ...many(200, (i) => [`${i % 9}`, `m${i}`])]),
      ],
    },
    { name: 'sorted set of a ziplist', group: 'sorted-set', bodies: [blobBody(RdbType.zsetZiplist, ziplist(SCORED))] },
    {
      name: 'sorted set of a listpack',
      group: 'sorted-set',
      bodies: [blobBody(RdbType.zsetListpack, listpack(SCORED))],
    },
    {
      name: 'hash',
      group: 'hash',
      bodies: [run(fields, long), run(['HSET', 'k', ...many(600, (i) => [`f${i}`, `${i}`])])],
    },
    { name: 'hash of a zipmap', group: 'hash', bodies: [blobBody(RdbType.hashZipmap, zipmap(PAIRS, 3))] },
    { name: 'hash of a ziplist', group: 'hash', bodies: [blobBody(RdbType.hashZiplist, ziplist(PAIRS.flat()))] },
    {
      name: 'hash of a listpack',
      group: 'hash',
      bodies: [run(fields), blobBody(RdbType.hashListpack, listpack(PAIRS.flat()))],
    },
    { name: 'hash with times', group: 'hash', bodies: [run(fields, long, expire, later)] },
    { name: 'hash of a listpack with times', group: 'hash', bodies: [run(fields, expire, later)] },
    { name: 'stream', group: 'stream', bodies: [stream, run(...ENTRIES, ...GROUPS)] },
    { name: 'stream of the first form', group: 'stream', bodies: [firstForm(SHORT.slice(0, 9), run)] },
    {
      name: 'stream of the third form',
      group: 'stream',
      bodies: [withType(run(...SHORT.slice(0, 10)), RdbType.stream3)],
    },
  ];
}

/** Without groups, the form of Redis 5 lacks nothing but two IDs and a counter, of a byte for each small number. */
function firstForm(rows: readonly Words[], run: (...rows: readonly Words[]) => string): string {
  return `${withType(run(...rows), RdbType.stream).slice(0, -6)}\0`;
}
