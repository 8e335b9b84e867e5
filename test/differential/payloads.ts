/** What RESTORE is given: payloads of every type that redis-server 7.0 reads, in every form, some spoiled. */
import { latin1 } from '../../src/base/bytes.ts';
import type { Prng } from '../../src/base/prng.ts';
import { RdbType } from '../../src/rdb/format.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { blobBody, listBody, listpack, quicklistBody, ziplist, zipmap, zsetBody } from '../rdb/forerunners.ts';
import { Harness } from '../support/harness.ts';
import { body, bodyOf, sealed, writeText } from '../support/payload.ts';
import type { Words } from '../support/words.ts';

function ofText(text: string): string {
  return body(RdbType.string, (writer) => writeText(writer, text));
}

function ofTexts(type: number, texts: readonly string[], each = 1): string {
  return body(type, (writer) => {
    writer.writeLength(texts.length / each);
    for (const text of texts) writeText(writer, text);
  });
}

function ofScores(pairs: readonly (readonly [string, number])[]): string {
  return body(RdbType.zset, (writer) => {
    writer.writeLength(pairs.length);
    for (const [member, score] of pairs) {
      writeText(writer, member);
      writer.writeDouble(score);
    }
  });
}

function made(...rows: readonly Words[]): string {
  const session = new Harness().session();
  for (const row of rows) session.run(row);
  const reply = parseReply(session.run(['DUMP', 'k']))?.value;
  if (reply === undefined || !('bytes' in reply)) throw new Error(`no payload of ${rows[0]?.join(' ')}`);
  return bodyOf(latin1(reply.bytes));
}

/** Short enough for the lowest thresholds: redis-server leaves a listpack with longer ones as it is, we do not. */
const WORDS = ['a', '', '12', '-4097', 'm1', '\0\xff', '300000'];
const PAIRS = [
  ['m1', '1'],
  ['a', '-4097'],
  ['', 'x'],
  ['12', 'l'.repeat(8)],
] as const;
const SCORED = ['b', '-inf', 'c', '-1.5', '1', '0', 'a', '2', 'd', '2', 'm2', '3.2999999999999998', 'z', 'inf'];
const LONG = ['l'.repeat(9), 'l'.repeat(65), 'l'.repeat(5000), 'x'];
const NUMBERS = Array.from({ length: 20 }, (_, i) => `${i * 3}`);
const STREAM: readonly Words[] = [
  ['XADD', 'k', '5-1', 'a', 'b'],
  ['XADD', 'k', '5-2', 'a', 'c'],
  ['XADD', 'k', '6-0', 'temperature', '7', 'g', ''],
  ['XDEL', 'k', '5-2'],
];
const GROUPS: readonly Words[] = [
  ['XGROUP', 'CREATE', 'k', 'g', '0'],
  ['XGROUP', 'CREATE', 'k', 'nosuch', '$'],
  ['XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', '1', 'STREAMS', 'k', '>'],
  ['XREADGROUP', 'GROUP', 'g', 'bob', 'STREAMS', 'k', '>'],
];

const TEXTS = [
  '',
  'x',
  '0',
  '-1',
  '127',
  '-32768',
  '2147483648',
  '01',
  'hello world',
  'ab'.repeat(11),
  'v'.repeat(200),
];
const GOOD = [
  ...TEXTS.map(ofText),
  ...[listBody(WORDS), listBody(LONG), blobBody(RdbType.listZiplist, ziplist(WORDS)), quicklistBody([WORDS, [], LONG])],
  ...[
    ofTexts(RdbType.set, WORDS),
    ofTexts(RdbType.set, LONG),
    ofTexts(RdbType.set, NUMBERS),
    made(['SADD', 'k', '1', '2']),
  ],
  zsetBody([
    ['a', '1.5'],
    ['b', '\xff'],
    ['c', '\xfe'],
    ['d', '-3e10'],
  ]),
  ...[
    ofScores([
      ['a', 1.5],
      ['b', Number.NEGATIVE_INFINITY],
      ['12', 3.3],
    ]),
    ofScores(LONG.map((member, i) => [member, 9 - i])),
  ],
  ...[blobBody(RdbType.zsetZiplist, ziplist(SCORED)), blobBody(RdbType.zsetListpack, listpack(SCORED))],
  ...[ofTexts(RdbType.hash, PAIRS.flat(), 2), ofTexts(RdbType.hash, LONG, 2), ofTexts(RdbType.hash, NUMBERS, 2)],
  ...[blobBody(RdbType.hashZipmap, zipmap(PAIRS, 2)), blobBody(RdbType.hashZiplist, ziplist(PAIRS.flat()))],
  blobBody(RdbType.hashListpack, listpack(PAIRS.flat())),
  ...[made(...STREAM), made(...STREAM, ...GROUPS), made(['XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM'])],
].map((each) => sealed(each));

const BAD = [
  ...['', 'x', ...GOOD.slice(0, 3).map((good) => `${good.slice(0, -1)}\0`), sealed(ofText('x'), 200)],
  ...[
    // A string longer than the rest, an encoding that is none, a reference to what is not there.
    ...[body(RdbType.string, (writer) => writer.writeLength(5000)), '\0\xc7', '\0\xc3\x02\x03\x20\x09'],
    // Nothing in it, something twice, nothing to sort by, nothing that is known.
    ...[1, 2, 3, 4, 5, 14, 18].map((type) => `${String.fromCharCode(type)}\0`),
    ...[
      listBody([]),
      quicklistBody([[]]),
      blobBody(RdbType.hashListpack, listpack([])),
      ofTexts(RdbType.set, ['a', 'a']),
    ],
    ...[
      ofTexts(RdbType.hash, ['a', '1', 'a', '2'], 2),
      ofScores([['a', Number.NaN]]),
      ofTexts(9, WORDS),
      '\x12\x01\x03\x01x',
    ],
    blobBody(RdbType.zsetListpack, listpack(['a'])).slice(0, -1),
  ].map((each) => sealed(each)),
];

/** A word for an argument of RESTORE; undefined for those that are like other commands'. */
export function restoreWord(prng: Prng, name: string, duration: () => string): string | undefined {
  if (name === 'ttl') return prng.below(3) > 0 ? '0' : duration();
  if (name === 'frequency') return `${prng.below(270) - 5}`;
  if (name !== 'serializedValue') return undefined;
  const from = prng.below(6) > 0 ? GOOD : BAD;
  return from[prng.below(from.length)];
}
