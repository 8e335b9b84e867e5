/** Values for RESTORE that are right in everything but one thing, of every type that can be written to a file. */
import { double, intset, length, listpack, little, text } from '../payload.ts';

const [LIST, SET, ZSET_TEXTS, HASH, ZSET, ZIPMAP, LIST_ZIPLIST] = [1, 2, 3, 4, 5, 9, 10];
const [INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, QUICKLIST_OF_ZIPLISTS, STREAM] = [11, 12, 13, 14, 15];
const [HASH_LISTPACK, ZSET_LISTPACK, QUICKLIST, STREAM_2, SET_LISTPACK, STREAM_3] = [16, 17, 18, 19, 20, 21];
const [HASH_METADATA, HASH_LISTPACK_EX] = [24, 25];

/** An element of a ziplist, behind how long the one before it is. */
function entry(before: number, bytes: string): string {
  return String.fromCharCode(before, bytes.length) + bytes;
}

function ziplist(entries: string, count: number, tail: number, bytes = 10 + entries.length + 1): string {
  return `${little(bytes, 4)}${little(tail, 4)}${little(count, 2)}${entries}\xff`;
}

/** One block of a stream that holds entry 1-1 with field f and value v, as its parts, of which one can be changed. */
function block(
  parts: {
    count?: number;
    deleted?: number;
    flags?: number;
    fields?: number;
    tail?: number;
    end?: (string | number)[];
  } = {},
): string {
  const { count = 1, deleted = 0, flags = 2, fields = 1, tail = 4, end = [] } = parts;
  return listpack([count, deleted, fields, 'f', 0, flags, 0, 0, 'v', tail, ...end]);
}

function id(time: number, sequence: number): string {
  return '\0'.repeat(7) + String.fromCharCode(time) + '\0'.repeat(7) + String.fromCharCode(sequence);
}

/** A stream around blocks: their first ids, then length, last id, first id, largest deleted id, entries ever added, groups. */
function stream(
  blocks: readonly (readonly [first: string, block: string])[],
  rest: { length?: number; last?: string; groups?: string } = {},
): string {
  const { length: entries = 1, last = `${length(1)}${length(1)}`, groups = length(0) } = rest;
  const written = blocks.map(([first, bytes]) => text(first) + text(bytes)).join('');
  return `${length(blocks.length)}${written}${length(entries)}${last}${length(1)}${length(1)}${length(0)}${length(0)}${length(entries)}${groups}`;
}

/** The same as the block is good. */
function group(pending: string, consumers: string): string {
  return `${length(1)}${text('g')}${length(1)}${length(1)}${length(1)}${pending}${consumers}`;
}

const TIME = '\0'.repeat(8);
const GOOD_BLOCK = [id(1, 1), block()] as const;
const PENDING = id(1, 1) + TIME + length(1);
const CONSUMER = text('c') + TIME;

/** What the cases below would be without their mistake; they are accepted, or the table would prove nothing. */
export const WHOLE: readonly (readonly [what: string, type: number, value: string])[] = [
  ['list', LIST, length(2) + text('a') + text('b')],
  ['set', SET, length(2) + text('a') + text('b')],
  ['zset in texts', ZSET_TEXTS, `${length(1)}${text('a')}\x011`],
  ['hash', HASH, length(1) + text('f') + text('v')],
  ['zset', ZSET, length(2) + text('a') + double(1) + text('b') + double(2)],
  ['zipmap', ZIPMAP, text('\x01\x01f\x01\0v\xff')],
  ['ziplist', LIST_ZIPLIST, text(ziplist(entry(0, 'a') + entry(3, 'b'), 2, 13))],
  ['intset', INTSET, text(intset(2, [1, 2, 3]))],
  ['zset ziplist', ZSET_ZIPLIST, text(ziplist(entry(0, 'a') + entry(3, '1'), 2, 13))],
  ['hash ziplist', HASH_ZIPLIST, text(ziplist(entry(0, 'f') + entry(3, 'v'), 2, 13))],
  ['quicklist of ziplists', QUICKLIST_OF_ZIPLISTS, length(1) + text(ziplist(entry(0, 'a'), 1, 10))],
  ['hash listpack', HASH_LISTPACK, text(listpack(['f', 'v']))],
  ['zset listpack', ZSET_LISTPACK, text(listpack(['a', 1, 'b', 2]))],
  ['quicklist', QUICKLIST, `${length(1)}${length(2)}${text(listpack(['a']))}`],
  ['quicklist with a plain node', QUICKLIST, length(1) + length(1) + text('a')],
  ['set listpack', SET_LISTPACK, text(listpack(['a', 'b']))],
  ['hash with times', HASH_METADATA, TIME + length(1) + length(0) + text('f') + text('v')],
  ['hash listpack with times', HASH_LISTPACK_EX, TIME + text(listpack(['f', 'v', 0]))],
  ['stream', STREAM_2, stream([GOOD_BLOCK])],
  [
    'stream with a group',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: group(length(1) + PENDING, length(1) + CONSUMER + length(1) + id(1, 1)) }),
  ],
];

const LISTS: typeof WHOLE = [
  ['a list of nothing', LIST, length(0)],
  ['a list of more than there is', LIST, length(3) + text('a') + text('b')],
  ['a quicklist of nothing', QUICKLIST, length(0)],
  ['a quicklist of an empty node', QUICKLIST, `${length(1)}${length(2)}${text(listpack([]))}`],
  ['a quicklist of a container that is none', QUICKLIST, `${length(1)}${length(3)}${text(listpack(['a']))}`],
  ['a node that says it is longer', QUICKLIST, `${length(1)}${length(2)}${text(listpack(['a'], { bytes: 1000 }))}`],
  ['a node that says it is shorter', QUICKLIST, `${length(1)}${length(2)}${text(listpack(['a', 'b'], { bytes: 10 }))}`],
  ['a node of more elements than it has', QUICKLIST, `${length(1)}${length(2)}${text(listpack(['a'], { count: 2 }))}`],
  [
    'a node of fewer elements than it has',
    QUICKLIST,
    `${length(1)}${length(2)}${text(listpack(['a', 'b'], { count: 1 }))}`,
  ],
  ['a node without an end', QUICKLIST, `${length(1)}${length(2)}${text(listpack(['a']).slice(0, -1))}`],
  [
    'a node with an element past its end',
    QUICKLIST,
    `${length(1)}${length(2)}${text(listpack(['a']).replace('\x81a', '\xbfa'))}`,
  ],
  [
    'a node with a wrong way back',
    QUICKLIST,
    `${length(1)}${length(2)}${text(listpack(['a']).replace('a\x02', 'a\x05'))}`,
  ],
  [
    'a node with an encoding that is none',
    QUICKLIST,
    `${length(1)}${length(2)}${text(listpack(['a']).replace('\x81a', '\xf5a'))}`,
  ],
  [
    'a node of four gigabytes within',
    QUICKLIST,
    `${length(1)}${length(2)}${text(`${little(19, 4)}${little(1, 2)}\xf0\xff\xff\xff\xffabcdef\x05\xff`)}`,
  ],
  ['a node of no bytes', QUICKLIST, `${length(1)}${length(2)}${text('')}`],
  ['a ziplist that says it is longer', LIST_ZIPLIST, text(ziplist(entry(0, 'a'), 1, 10, 1000))],
  ['a ziplist whose tail is outside', LIST_ZIPLIST, text(ziplist(entry(0, 'a'), 1, 1000))],
  ['a ziplist with an element past its end', LIST_ZIPLIST, text(ziplist('\x00\x3fa', 1, 10))],
  ['a ziplist with a wrong way back', LIST_ZIPLIST, text(ziplist(entry(0, 'a') + entry(9, 'b'), 2, 13))],
  ['a ziplist of more elements than it has', LIST_ZIPLIST, text(ziplist(entry(0, 'a'), 2, 10))],
  ['a ziplist of nothing', QUICKLIST_OF_ZIPLISTS, length(1) + text(ziplist('', 0, 10))],
];

const SETS: typeof WHOLE = [
  ['a set of nothing', SET, length(0)],
  ['a set of one member twice', SET, length(2) + text('a') + text('a')],
  ['a set of one number twice, in two forms', SET, `${length(2)}${text('7')}\xc0\x07`],
  ['a set listpack of one member twice', SET_LISTPACK, text(listpack(['a', 'a']))],
  ['a set listpack of nothing', SET_LISTPACK, text(listpack([]))],
  ['an intset of nothing', INTSET, text(intset(2, []))],
  ['an intset out of order', INTSET, text(intset(2, [3, 1, 2]))],
  ['an intset of one number twice', INTSET, text(intset(2, [1, 1]))],
  ['an intset of a width that is none', INTSET, text(intset(3, [1]))],
  ['an intset of more than it has', INTSET, text(intset(2, [1, 2], 3))],
  ['an intset of fewer than it has', INTSET, text(intset(2, [1, 2], 1))],
  ['an intset of four thousand million', INTSET, text(intset(8, [1], 0xffffffff))],
  ['an intset whose size overflows', INTSET, text(intset(8, [], 0x20000000))],
  ['an intset of a few bytes', INTSET, text('\x02\0\0')],
];

const HASHES: typeof WHOLE = [
  ['a hash of nothing', HASH, length(0)],
  ['a hash of one field twice', HASH, length(2) + text('f') + text('v') + text('f') + text('w')],
  ['a hash that ends with a field', HASH, length(1) + text('f')],
  ['a hash listpack of three', HASH_LISTPACK, text(listpack(['f', 'v', 'g']))],
  ['a hash listpack of one field twice', HASH_LISTPACK, text(listpack(['f', 'v', 'f', 'w']))],
  ['a hash listpack of nothing', HASH_LISTPACK, text(listpack([]))],
  ['a hash ziplist of three', HASH_ZIPLIST, text(ziplist(entry(0, 'f') + entry(3, 'v') + entry(3, 'g'), 3, 16))],
  ['a zipmap whose field is longer than it', ZIPMAP, text('\x01\xfdf\x01\0v\xff')],
  ['a zipmap of four gigabytes', ZIPMAP, text('\x01\xfe\xff\xff\xff\xfff\x01\0v\xff')],
  ['a zipmap of one field twice', ZIPMAP, text('\x02\x01f\x01\0v\x01f\x01\0w\xff')],
  ['a zipmap without an end', ZIPMAP, text('\x01\x01f\x01\0v')],
  ['a zipmap of nothing', ZIPMAP, text('\0\xff')],
  ['a hash with times and nothing else', HASH_METADATA, TIME + length(0)],
  ['a hash with times cut short', HASH_METADATA, TIME + length(2) + length(0) + text('f')],
  ['fields with times, of two', HASH_LISTPACK_EX, TIME + text(listpack(['f', 'v']))],
  ['fields with times that are none', HASH_LISTPACK_EX, TIME + text(listpack(['f', 'v', 'x']))],
  ['fields with times, one twice', HASH_LISTPACK_EX, TIME + text(listpack(['f', 'v', 0, 'f', 'w', 0]))],
];

const ZSETS: typeof WHOLE = [
  ['a zset of nothing', ZSET, length(0)],
  ['a zset of no number', ZSET, length(1) + text('a') + double(Number.NaN)],
  ['a zset of no number among others', ZSET, length(2) + text('b') + double(1) + text('a') + double(Number.NaN)],
  ['a zset of one member twice', ZSET, length(2) + text('a') + double(1) + text('a') + double(2)],
  ['a zset in texts of no number', ZSET_TEXTS, `${length(1)}${text('a')}\xfd`],
  ['a zset in texts that spell none', ZSET_TEXTS, `${length(1)}${text('a')}\x03abc`],
  ['a zset in texts past the end', ZSET_TEXTS, `${length(1)}${text('a')}\xfc1`],
  ['a zset listpack of no number', ZSET_LISTPACK, text(listpack(['a', 'nan']))],
  ['a zset listpack of no score', ZSET_LISTPACK, text(listpack(['a', 'x']))],
  ['a zset listpack of three', ZSET_LISTPACK, text(listpack(['a', 1, 'b']))],
  ['a zset listpack of one member twice', ZSET_LISTPACK, text(listpack(['a', 1, 'a', 2]))],
  ['a zset listpack of nothing', ZSET_LISTPACK, text(listpack([]))],
  ['a zset ziplist of no number', ZSET_ZIPLIST, text(ziplist(entry(0, 'a') + entry(3, 'nan'), 2, 13))],
];

const STREAMS: typeof WHOLE = [
  ['a stream of fewer entries than it says', STREAM_2, stream([GOOD_BLOCK], { length: 2 })],
  ['a stream of entries without blocks', STREAM_2, stream([], { length: 1 })],
  ['a stream whose first id is short', STREAM_2, stream([['\0'.repeat(15), block()]])],
  ['a stream block of nothing', STREAM_2, stream([[id(1, 1), listpack([])]])],
  ['a stream block that counts wrong', STREAM_2, stream([[id(1, 1), block({ count: 2 })]])],
  ['a stream block that counts deleted ones wrong', STREAM_2, stream([[id(1, 1), block({ deleted: 1 })]])],
  ['a stream block of more fields than it has', STREAM_2, stream([[id(1, 1), block({ fields: 9 })]])],
  ['a stream entry with a wrong way back', STREAM_2, stream([[id(1, 1), block({ tail: 9 })]])],
  ['a stream block with something behind', STREAM_2, stream([[id(1, 1), block({ end: ['x'] })]])],
  ['a stream block with a broken node', STREAM_2, stream([[id(1, 1), block().slice(0, -1)]])],
  ['a stream of one block twice', STREAM_2, stream([GOOD_BLOCK, GOOD_BLOCK], { length: 2 })],
  ['a stream out of order', STREAM_2, stream([[id(2, 1), block()], GOOD_BLOCK], { length: 2 })],
  ['a stream that ended before its last entry', STREAM_2, stream([GOOD_BLOCK], { last: length(0) + length(1) })],
  ['a stream of a million blocks', STREAM_2, stream([GOOD_BLOCK]).replace(length(1), length(1_000_000))],
  [
    'a group twice',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: length(2) + group(length(0), length(0)).slice(1).repeat(2) }),
  ],
  ['a pending entry of nobody', STREAM_2, stream([GOOD_BLOCK], { groups: group(length(1) + PENDING, length(0)) })],
  [
    'a consumer of what is not pending',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: group(length(0), length(1) + CONSUMER + length(1) + id(1, 1)) }),
  ],
  [
    'a pending entry twice',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: group(length(2) + PENDING.repeat(2), length(1) + CONSUMER + length(1) + id(1, 1)) }),
  ],
  [
    'a consumer twice',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: group(length(0), length(2) + (CONSUMER + length(0)).repeat(2)) }),
  ],
  [
    'a million pending entries',
    STREAM_2,
    stream([GOOD_BLOCK], { groups: group(length(1_000_000) + PENDING, length(0)) }),
  ],
  ['an old stream cut short', STREAM, `${length(1)}${text(id(1, 1))}${text(block())}${length(1)}`],
  ['a new stream cut short', STREAM_3, `${length(1)}${text(id(1, 1))}${text(block())}${length(1)}`],
];

const OTHERS: typeof WHOLE = [
  ...[6, 7, 8, 22, 23, 26, 99, 127, 128, 200, 244, 247, 250, 252, 254, 255].map(
    (type) => [`type ${type}`, type, text('abc')] as const,
  ),
  ['a string of an encoding that is none', 0, '\xc4abc'],
  ['a string of a length that is none', 0, '\x82abcdefgh'],
  ['a string that is not there', 0, ''],
  ['a string shorter than it says', 0, `${length(10)}abc`],
  ['a number cut short', 0, '\xc2\x01\x02'],
];

/** All of them bad, the whole of them refused. */
export const BROKEN: typeof WHOLE = [...OTHERS, ...LISTS, ...SETS, ...HASHES, ...ZSETS, ...STREAMS];
