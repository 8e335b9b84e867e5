/** What may stand in a payload for a collection, form by form, and what must not. */

import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { RdbType } from '../../src/rdb/format.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { CALLER } from '../support/caller.ts';
import { Harness, requestOf } from '../support/harness.ts';
import { body, sealed, writeText } from '../support/payload.ts';
import { rendered } from '../support/render.ts';
import type { Words } from '../support/words.ts';
import { blobBody, listBody, listpack, quicklistBody, ziplist, zipmap, zsetBody } from './forerunners.ts';
import { samples } from './samples.ts';

const BAD_DATA = '(error) ERR Bad data format';
const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";
const WORDS = [
  'a',
  '',
  '0',
  '12',
  '13',
  '-128',
  '-129',
  '32768',
  '-8388609',
  '2147483648',
  'x'.repeat(64),
  'y'.repeat(17_000),
];

function world(limitBytes?: number) {
  const harness = new Harness({ debug: true, ...(limitBytes === undefined ? {} : { limitBytes }) });
  const session = harness.session();
  const texts = (...words: string[]): string[] => {
    const reply = parseReply(session.run(words))?.value;
    if (reply?.kind !== 'array') throw new Error(`${words.join(' ')} answers no array`);
    return reply.items.map((item) => (item.kind === 'bulk' ? latin1(item.bytes) : item.kind));
  };
  return { harness, session, texts, run: (...words: string[]) => rendered(session.run(words)) };
}

function restored(text: string, version?: number) {
  const made = world();
  return { ...made, reply: made.run('RESTORE', 'k', '0', sealed(text, version)) };
}

describe('forms that are no longer written', () => {
  test.each([
    ['elements', listBody(WORDS)],
    ['a ziplist', blobBody(RdbType.listZiplist, ziplist(WORDS))],
    ['ziplists, an empty one among them', quicklistBody([WORDS.slice(0, 3), [], WORDS.slice(3)])],
  ])('make a list of %s', (_name, text) => {
    const { reply, texts } = restored(text);
    expect(reply).toBe('OK');
    expect(texts('LRANGE', 'k', '0', '-1')).toEqual(WORDS);
  });

  test.each([
    ['a ziplist', blobBody(RdbType.hashZiplist, ziplist(WORDS))],
    ['a zipmap', blobBody(RdbType.hashZipmap, zipmap(pairsOf(WORDS)))],
    ['a zipmap with unused bytes', blobBody(RdbType.hashZipmap, zipmap(pairsOf(WORDS), 7))],
  ])('make a hash of %s', (_name, text) => {
    const { reply, texts, run } = restored(text);
    expect(reply).toBe('OK');
    expect(Object.fromEntries(pairsOf(texts('HGETALL', 'k')))).toEqual(Object.fromEntries(pairsOf(WORDS)));
    expect(run('OBJECT', 'ENCODING', 'k')).toBe('"hashtable"');
  });

  test('make a sorted set', () => {
    const scored = ['b', '-inf', 'c', '-1.5', '1', '0', 'a', '2', 'd', '2', 'e', '3.3', 'f', '1e300', 'z', 'inf'];
    const told = ['b', '-inf', 'c', '-1.5', '1', '0', 'a', '2', 'd', '2', 'e', '3.2999999999999998'];
    for (const text of [
      blobBody(RdbType.zsetZiplist, ziplist(scored)),
      blobBody(RdbType.zsetListpack, listpack(scored)),
      zsetBody(pairsOf(scored).map(([name, score]) => [name, score.replace('-inf', '\xff').replace('inf', '\xfe')])),
    ]) {
      const { reply, texts } = restored(text);
      expect(reply).toBe('OK');
      expect(texts('ZRANGE', 'k', '0', '5', 'WITHSCORES')).toEqual(told);
      expect(texts('ZRANGE', 'k', '-1', '-1', 'WITHSCORES')).toEqual(['z', 'inf']);
    }
  });

  test('of later versions make a set', () => {
    expect(
      restored(blobBody(RdbType.setListpack, listpack(WORDS)))
        .texts('SMEMBERS', 'k')
        .sort(),
    ).toEqual([...WORDS].sort());
    expect(restored(blobBody(RdbType.setListpack, listpack(['1', '2']))).run('OBJECT', 'ENCODING', 'k')).toBe(
      '"intset"',
    );
  });
});

function pairsOf(texts: readonly string[]): [string, string][] {
  return Array.from({ length: texts.length / 2 }, (_, i) => [texts[2 * i] ?? '', texts[2 * i + 1] ?? '']);
}

function counted(type: number, count: number, ...texts: string[]): string {
  return body(type, (writer) => {
    writer.writeLength(count);
    for (const text of texts) writeText(writer, text);
  });
}

function scored(...pairs: [string, number][]): string {
  return body(RdbType.zset, (writer) => {
    writer.writeLength(pairs.length);
    for (const [member, score] of pairs) {
      writeText(writer, member);
      writer.writeDouble(score);
    }
  });
}

function intset(width: number, count: number, content: string): string {
  return blobBody(
    RdbType.setIntset,
    `${String.fromCharCode(width)}\0\0\0${String.fromCharCode(count)}\0\0\0${content}`,
  );
}

const { hash, hashListpack, hashListpackEx, hashMetadata, hashZiplist, hashZipmap, list, listZiplist } = RdbType;
const { set, setListpack, zset, zsetListpack, zsetZiplist } = RdbType;
const LATER = '\0\0\0\0\x01\0\0\0';

const BAD: readonly (readonly [string, string])[] = [
  ...Object.entries({ list, set, zset, hash, 'sorted set of texts': 3, quicklist: 14, 'list of nodes': 18 }).map(
    ([name, type]) => [`an empty ${name}`, `${String.fromCharCode(type)}\0`] as const,
  ),
  ['an empty ziplist', blobBody(listZiplist, ziplist([]))],
  ['a list of nothing but empty nodes', quicklistBody([[], []])],
  ['an empty listpack of a hash', blobBody(hashListpack, listpack([]))],
  ['an empty listpack of a sorted set', blobBody(zsetListpack, listpack([]))],
  ['an empty listpack of a set', blobBody(setListpack, listpack([]))],
  ['an empty zipmap', blobBody(hashZipmap, zipmap([]))],
  ['an empty intset', intset(2, 0, '')],
  ['more elements than bytes', counted(list, 2 ** 40, 'x')],
  ['more members than there are', counted(set, 3, 'a', 'b')],
  ['an odd number of fields and values', counted(hash, 1, 'a')],
  ['a member twice', counted(set, 2, 'a', 'a')],
  ['an integer twice, written in two ways', `${counted(set, 2, '1')}\x011`],
  ['a field twice', counted(hash, 2, 'a', '1', 'a', '2')],
  ['a field twice in a listpack', blobBody(hashListpack, listpack(['a', '1', 'a', '2']))],
  ['a field twice in a ziplist', blobBody(hashZiplist, ziplist(['a', '1', 'a', '2']))],
  [
    'a field twice in a zipmap',
    blobBody(
      hashZipmap,
      zipmap([
        ['a', '1'],
        ['a', '2'],
      ]),
    ),
  ],
  ['a member twice in a listpack', blobBody(setListpack, listpack(['a', 'b', 'a']))],
  ['a member twice in a sorted set', scored(['a', 1], ['a', 2])],
  ['a member twice in a listpack of a sorted set', blobBody(zsetListpack, listpack(['a', '1', 'a', '2']))],
  ['a field without value', blobBody(hashListpack, listpack(['a', '1', 'b']))],
  ['a member without score', blobBody(zsetZiplist, ziplist(['a', '1', 'b']))],
  ['a score that is no number', scored(['a', Number.NaN])],
  ['a score that is no number, as text', zsetBody([['a', '\xfd']])],
  ['a score that is text', zsetBody([['a', 'abc']])],
  ['a score that is nan', blobBody(zsetListpack, listpack(['a', 'nan']))],
  ['a score that is nothing', blobBody(zsetListpack, listpack(['a', '']))],
  ['scores out of order', blobBody(zsetListpack, listpack(['a', '2', 'b', '1']))],
  ['members out of order', blobBody(zsetListpack, listpack(['b', '1', 'a', '1']))],
  ['integers out of order', intset(2, 2, '\x02\0\x01\0')],
  ['integers twice', intset(2, 2, '\x01\0\x01\0')],
  ['integers of three bytes', intset(3, 1, '\x01\0\0')],
  ['an intset longer than it says', intset(2, 1, '\x01\0\x02\0')],
  ['a node of no kind', '\x12\x01\x03\x01x'],
  ['a plain node of nothing', '\x12\x01\x01\0'],
  ['a listpack that ends early', blobBody(hashListpack, listpack(['a', '1']).slice(0, -1))],
  ['a ziplist that ends early', blobBody(hashZiplist, ziplist(['a', '1']).slice(0, -1))],
  ['a ziplist whose last element is elsewhere', blobBody(listZiplist, ziplist(['a', 'b']).replace('\x0d', '\x0a'))],
  ['a zipmap that counts wrong', blobBody(hashZipmap, `\x02${zipmap([['a', '1']]).slice(1)}`)],
  ['times of a beta', `\x16\x01\0\x01a\x01b`],
  ['a listpack with times of a beta', blobBody(23, listpack(['a', 'b', '0']))],
  [
    'a field without time',
    `${String.fromCharCode(hashListpackEx)}${LATER}${blobBody(0, listpack(['a', '1'])).slice(1)}`,
  ],
  [
    'a time that is text',
    `${String.fromCharCode(hashListpackEx)}${LATER}${blobBody(0, listpack(['a', '1', 'x'])).slice(1)}`,
  ],
  [
    'a time before the epoch',
    `${String.fromCharCode(hashListpackEx)}${LATER}${blobBody(0, listpack(['a', '1', '-5'])).slice(1)}`,
  ],
  [
    'a time too late',
    `${String.fromCharCode(hashListpackEx)}${LATER}${blobBody(0, listpack(['a', '1', '281474976710655'])).slice(1)}`,
  ],
  ['a first time too late', `${String.fromCharCode(hashMetadata)}\0\0\0\0\0\0\x01\0\x01\x01\x01a\x01b`],
];

describe('bad data', () => {
  test.each(BAD)('is %s', (_name, text) => {
    const { harness, reply, run } = restored(text, 12);
    expect(reply).toBe(BAD_DATA);
    expect(run('EXISTS', 'k')).toBe('(integer) 0');
    expect(harness.shard.realm(0).account.usedBytes()).toBe(world().harness.shard.realm(0).account.usedBytes());
    harness.shard.arena.check();
  });

  test('is any payload that ends early', () => {
    const { harness, session, run } = world();
    for (const { bodies } of samples(session)) {
      session.run(['FLUSHALL']);
      while (harness.shard.reclaim(1000));
      const before = harness.shard.realm(0).account.usedBytes();
      for (const text of bodies) {
        const stride = 1 + Math.floor(text.length / 200);
        for (let length = 1; length < text.length; length += stride) {
          expect(run('RESTORE', 'k', '0', sealed(text.slice(0, length), 12))).toBe(BAD_DATA);
        }
      }
      expect(harness.shard.realm(0).account.usedBytes()).toBe(before);
    }
  });
});

describe('streams', () => {
  const ROWS: readonly Words[] = [
    ['XADD', 'k', '5-1', 'a', 'b'],
    ['XADD', 'k', '5-2', 'a', 'c'],
    ['XGROUP', 'CREATE', 'k', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '1', 'STREAMS', 'k', '>'],
    ['XREADGROUP', 'GROUP', 'g', 'two', 'STREAMS', 'k', '>'],
  ];

  function payload(): string {
    const { session } = world();
    for (const row of ROWS) session.run(row);
    const reply = parseReply(session.run(['DUMP', 'k']))?.value;
    if (reply === undefined || !('bytes' in reply)) throw new Error('no payload');
    return latin1(reply.bytes).slice(0, -10);
  }

  const ID = (sequence: number) => `${'\0'.repeat(7)}\x05${'\0'.repeat(7)}${String.fromCharCode(sequence)}`;

  function replaced(from: string, to: string, last = false): string {
    const text = payload();
    const at = last ? text.lastIndexOf(from) : text.indexOf(from);
    expect(at).toBeGreaterThan(0);
    return text.slice(0, at) + to + text.slice(at + from.length);
  }

  test.each([
    ['an entry is pending at two consumers', () => replaced(ID(2), ID(1), true)],
    ['an entry is pending at a consumer alone', () => replaced(ID(2), ID(3), true)],
    ['two consumers have one name', () => replaced('\x03two', '\x03one')],
    ['consumers are out of order', () => replaced('\x03two', '\x03abc')],
    ['a block is known by a later ID than its first', () => replaced(ID(1), ID(2))],
    ['there are fewer entries than it says', () => replaced('\x02\x05\x02\x05\x01', '\x03\x05\x02\x05\x01')],
    ['the last ID is not the last', () => replaced('\x02\x05\x02\x05\x01', '\x02\x05\x01\x05\x01')],
    ['more are left than were ever added', () => replaced('\0\0\x02\x01\x01g', '\0\0\x01\x01\x01g')],
    ['an entry of a block counts its elements wrong', () => replaced('\x04\x01\xff', '\x05\x01\xff')],
    ['a block counts more entries than it has', () => replaced('\x02\x01\0\x01\x01\x01', '\x03\x01\0\x01\x01\x01')],
  ])('are bad data when %s', (_name, made) => {
    const { harness, run } = world();
    const before = harness.shard.realm(0).account.usedBytes();
    expect(run('RESTORE', 'k', '0', sealed(payload()))).toBe('OK');
    run('DEL', 'k');
    expect(run('RESTORE', 'k', '0', sealed(made()))).toBe(BAD_DATA);
    expect(harness.shard.realm(0).account.usedBytes()).toBe(before);
  });
});

describe('hashes of which fields expire', () => {
  const AT = ['1800000000000', '1900000000000'] as const;

  test.each([3, 600])('come back with their times, having %i fields', (fields) => {
    const { harness, session, texts, run } = world();
    run('HSET', 'k', ...Array.from({ length: fields }, (_, i) => [`f${i}`, `v${i}`]).flat());
    run('HPEXPIREAT', 'k', AT[1], 'FIELDS', '1', 'f1');
    run('HPEXPIREAT', 'k', AT[0], 'FIELDS', '1', 'f2');
    const dumped = parseReply(session.run(['DUMP', 'k']))?.value;
    const payload = dumped !== undefined && 'bytes' in dumped ? latin1(dumped.bytes) : '';
    expect(payload.charCodeAt(0)).toBe(fields > 512 ? hashMetadata : hashListpackEx);
    expect(payload.charCodeAt(payload.length - 10)).toBe(12);
    run('SET', 'copy', 'old');
    expect(run('RESTORE', 'copy', '0', payload, 'REPLACE')).toBe('OK');
    expect(texts('HGETALL', 'copy').sort()).toEqual(texts('HGETALL', 'k').sort());
    expect(run('HPEXPIRETIME', 'copy', 'FIELDS', '3', 'f0', 'f1', 'f2')).toBe(
      run('HPEXPIRETIME', 'k', 'FIELDS', '3', 'f0', 'f1', 'f2'),
    );
    expect(run('OBJECT', 'ENCODING', 'copy')).toBe(run('OBJECT', 'ENCODING', 'k'));
    expect(run('DBSIZE')).toBe('(integer) 2');
    expect(harness.shard.realm(0).database(0).keys.fieldExpires.size).toBe(2);
    run('DEL', 'copy');
    expect(harness.shard.realm(0).database(0).keys.fieldExpires.size).toBe(1);
  });

  test('are written in the older form once none does', () => {
    const { session, run } = world();
    run('HSET', 'k', 'a', '1', 'b', '2');
    const plain = latin1(session.run(['DUMP', 'k']));
    run('HPEXPIREAT', 'k', AT[0], 'FIELDS', '1', 'a');
    run('HPERSIST', 'k', 'FIELDS', '1', 'a');
    expect(latin1(session.run(['DUMP', 'k'])).length).toBe(plain.length);
    expect(latin1(session.run(['DUMP', 'k'])).charCodeAt(plain.indexOf('\n') + 1)).toBe(hashListpack);
  });
});

describe('budgets', () => {
  test('refuse what does not fit before it is built, and leave the old value alone', () => {
    const large = world();
    const members = Array.from({ length: 20_000 }, (_, i) => `member ${i}`);
    large.run('SADD', 'set', ...members);
    large.run('RPUSH', 'list', ...members);
    large.run('HSET', 'hash', ...members.flatMap((member) => [member, 'value']));
    large.run('ZADD', 'zset', ...members.flatMap((member, i) => [`${i}`, member]));
    for (let i = 0; i < 2000; i++) large.run('XADD', 'stream', `1-${i + 1}`, 'field', members[i] ?? '');
    const small = world(20 * 1024);
    small.run('SET', 'k', 'old');
    const before = small.harness.shard.realm(0).account.usedBytes();
    for (const key of ['set', 'list', 'hash', 'zset', 'stream']) {
      const reply = parseReply(large.session.run(['DUMP', key]))?.value;
      const payload = reply !== undefined && 'bytes' in reply ? latin1(reply.bytes) : '';
      expect(small.run('RESTORE', 'k', '0', payload, 'REPLACE')).toBe(OOM);
      expect(small.run('GET', 'k')).toBe('"old"');
      expect(small.harness.shard.realm(0).account.usedBytes()).toBe(before);
    }
    expect(small.harness.shard.arena.peakAllocatedBytes).toBeLessThan(64 * 1024);
  });

  test('bound what DUMP answers', () => {
    const { harness, session, run } = world();
    run('RPUSH', 'k', ...Array.from({ length: 5000 }, (_, i) => `element ${i * 7919}`));
    const command = harness.table.lookup(new Uint8Array([0x44, 0x55, 0x4d, 0x50]), 0, 4);
    if (command === undefined) throw new Error('there is no DUMP');
    const request = requestOf('DUMP', 'k');
    command.parse(request);
    const { out } = session;
    for (const [bytesMax, overflows] of [
      [10_000, true],
      [100_000, false],
    ] as const) {
      out.reset();
      out.mark();
      out.replyBytesMax = bytesMax;
      harness.executor.run(command, request, CALLER, out);
      expect(out.overflowed).toBe(overflows);
    }
  });
});
