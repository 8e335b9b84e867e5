/**
 * Files of each version from 1 to 12, put together byte by byte from the published layout, in the forms of the servers that wrote
 * that version.
 */
import { describe, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { loadedFile, MemoryFile } from '../support/rdb-file.ts';
import { rendered } from '../support/render.ts';
import { stateOf } from '../support/state.ts';
import type { Words } from '../support/words.ts';
import { bigEndian, bytes, entry, file, length, littleEndian, select, string, strings } from './file-bytes.ts';
import { listpack, ziplist, zipmap } from './forerunners.ts';

const LATER_S = 1_900_000_000;
const LATER_MS = LATER_S * 1000;
const LONG = 'x'.repeat(100);
const YEAR_2100_MS = 4_102_444_800_000;

/** A block of a stream: entries of one field, which is the block's own. */
function block(field: string, entries: readonly (readonly [ms: number, sequence: number, value: string])[]): string {
  const head = [`${entries.length}`, '0', '1', field, '0'];
  const SAME_FIELDS = '2';
  return listpack([
    ...head,
    ...entries.flatMap(([ms, sequence, value]) => [SAME_FIELDS, `${ms}`, `${sequence}`, value, '4']),
  ]);
}

function rawId(ms: number, sequence: number): string {
  return bigEndian(ms, 8) + bigEndian(sequence, 8);
}

/** 5-1 and 6-1, one block. */
const BLOCKS = `\x01${string(rawId(5, 1))}${string(
  block('f', [
    [0, 0, 'a'],
    [1, 0, 'b'],
  ]),
)}`;
const LENGTH_AND_LAST = bytes(2, 6, 1);
const FIRST_DELETED_ADDED = bytes(5, 1, 0, 0, 2);
const SEEN_MS = 1_600_000_000_000;

/** A group whose consumer has read 5-1, a minute before it was seen last. */
function group(form: 1 | 2 | 3): string {
  const pending = `\x01${rawId(5, 1)}${littleEndian(SEEN_MS - 60_000, 8)}\x03`;
  const active = form === 3 ? littleEndian(SEEN_MS - 60_000, 8) : '';
  const consumer = `${string('one')}${littleEndian(SEEN_MS, 8)}${active}\x01${rawId(5, 1)}`;
  return `\x01${string('g')}\x05\x01${form === 1 ? '' : '\x01'}${pending}\x01${consumer}`;
}

function stream(form: 1 | 2 | 3): string {
  const type = form === 1 ? 15 : form === 2 ? 19 : 21;
  return `${bytes(type)}${BLOCKS}${LENGTH_AND_LAST}${form === 1 ? '' : FIRST_DELETED_ADDED}${group(form)}`;
}

/** The same by commands. */
const STREAM: readonly Words[] = [
  ['XADD', 'stream', '5-1', 'f', 'a'],
  ['XADD', 'stream', '6-1', 'f', 'b'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['XCLAIM', 'stream', 'g', 'one', '0', '5-1', 'TIME', String(SEEN_MS - 60_000), 'RETRYCOUNT', '3'],
];

const AUX = `\xfa${string('redis-ver')}${string('9.9')}\xfa${string('redis-bits')}\xc0\x40`;
const RESIZE = '\xfb\x40\xff\x05';

interface Layout {
  readonly version: number;
  readonly of: string;
  readonly items: readonly string[];
  readonly commands: readonly Words[];
}

const LAYOUTS: readonly Layout[] = [
  {
    version: 1,
    of: 'Redis 1 and 2: collections as their elements, times in seconds, numbers and compressed strings',
    items: [
      select(0),
      entry('string', `\0${string('text')}`),
      entry('8 bits', '\0\xc0\xfe'),
      entry('16 bits', '\0\xc1\x2c\x01'),
      entry('32 bits', '\0\xc2\x40\xe2\x01\x00'),
      // Two bytes as they are, then 9 + 21 again from one back.
      entry('lzf', `\0\xc3\x06\x20${bytes(1, 0x61, 0x61, 0xe0, 21, 0)}`),
      `\xfd${littleEndian(LATER_S, 4)}${entry('time', `\0${string('v')}`)}`,
      entry('list', `\x01${strings('a', 'b', 'a')}`),
      entry('set', `\x02${strings('a', '1', '')}`),
      entry('zset', `\x03\x04${string('a')}\x031.5${string('b')}\xfe${string('c')}\xff${string('d')}\x05-3e10`),
      entry('hash', `\x04\x02${string('f')}${string('v')}${string(LONG)}${string('')}`),
      select(9),
      entry('string', `\0\x40\x64${LONG}`),
      entry('length of 32 bits', `\0\x80${bigEndian(3, 4)}abc`),
    ],
    commands: [
      ['SET', 'string', 'text'],
      ['SET', '8 bits', '-2'],
      ['SET', '16 bits', '300'],
      ['SET', '32 bits', '123456'],
      ['SET', 'lzf', 'a'.repeat(32)],
      ['SET', 'time', 'v', 'PXAT', `${LATER_MS}`],
      ['RPUSH', 'list', 'a', 'b', 'a'],
      ['SADD', 'set', 'a', '1', ''],
      ['ZADD', 'zset', '1.5', 'a', 'inf', 'b', '-inf', 'c', '-3e10', 'd'],
      ['HSET', 'hash', 'f', 'v', LONG, ''],
      ['SELECT', '9'],
      ['SET', 'string', LONG],
      ['SET', 'length of 32 bits', 'abc'],
    ],
  },
  {
    version: 2,
    of: 'Redis 2.4: zipmaps, ziplists, intsets',
    items: [
      select(0),
      entry(
        'zipmap',
        `\x09${string(
          zipmap(
            [
              ['f', 'v'],
              ['', LONG],
            ],
            2,
          ),
        )}`,
      ),
      entry('list', `\x0a${string(ziplist(['a', '12', '-4097', LONG]))}`),
      entry(
        'intset 16',
        `\x0b${string(`${littleEndian(2, 4)}${littleEndian(2, 4)}${littleEndian(-5, 2)}${littleEndian(7, 2)}`)}`,
      ),
      entry('intset 64', `\x0b${string(`${littleEndian(8, 4)}${littleEndian(1, 4)}${littleEndian(2n ** 40n, 8)}`)}`),
      entry('zset', `\x0c${string(ziplist(['b', '-1.5', 'a', '2']))}`),
    ],
    commands: [
      ['HSET', 'zipmap', 'f', 'v', '', LONG],
      ['RPUSH', 'list', 'a', '12', '-4097', LONG],
      ['SADD', 'intset 16', '-5', '7'],
      ['SADD', 'intset 64', `${2n ** 40n}`],
      ['ZADD', 'zset', '-1.5', 'b', '2', 'a'],
    ],
  },
  {
    version: 3,
    of: 'Redis 2.6: times in milliseconds',
    items: [select(0), `\xfc${littleEndian(LATER_MS + 7, 8)}${entry('time', `\0${string('v')}`)}`],
    commands: [['SET', 'time', 'v', 'PXAT', `${LATER_MS + 7}`]],
  },
  {
    version: 4,
    of: 'Redis 2.6: hashes of ziplists',
    items: [select(0), entry('hash', `\x0d${string(ziplist(['f', 'v', 'g', '300']))}`)],
    commands: [['HSET', 'hash', 'f', 'v', 'g', '300']],
  },
  ...[5, 6].map((version) => ({
    version,
    of: 'Redis 2.8 and 3.0: a checksum',
    items: [select(0), entry('k', `\0${string('v')}`)],
    commands: [['SET', 'k', 'v']],
  })),
  {
    version: 7,
    of: 'Redis 3.2: information, sizes, quicklists',
    items: [
      AUX,
      select(0),
      RESIZE,
      entry('list', `\x0e\x02${string(ziplist(['a', LONG]))}${string(ziplist(['1', '2']))}`),
    ],
    commands: [['RPUSH', 'list', 'a', LONG, '1', '2']],
  },
  {
    version: 8,
    of: 'Redis 4.0: scores as doubles, lengths of 64 bits',
    items: [
      AUX,
      select(0),
      RESIZE,
      entry(
        'zset',
        `\x05\x02${string('b')}${bytes(0, 0, 0, 0, 0, 0, 0xf8, 0x3f)}${string('a')}${bytes(0, 0, 0, 0, 0, 0, 0xf0, 0xff)}`,
      ),
      entry('length of 64 bits', `\0\x81${bigEndian(3, 8)}abc`),
    ],
    commands: [
      ['ZADD', 'zset', '1.5', 'b', '-inf', 'a'],
      ['SET', 'length of 64 bits', 'abc'],
    ],
  },
  {
    version: 9,
    of: 'Redis 5 and 6: streams, access',
    items: [
      AUX,
      select(0),
      RESIZE,
      `\xf8\x40\x64${entry('stream', stream(1))}`,
      `\xf9\x07${entry('k', `\0${string('v')}`)}`,
    ],
    commands: [...STREAM, ['SET', 'k', 'v']],
  },
  {
    version: 10,
    of: 'Redis 7.0: listpacks, the second form of streams, functions',
    items: [
      AUX,
      `\xf5${string('#!lua name=x\n')}`,
      select(0),
      RESIZE,
      entry('hash', `\x10${string(listpack(['f', 'v', 'g', '300']))}`),
      entry('zset', `\x11${string(listpack(['b', '-1.5', 'a', '2']))}`),
      entry('list', `\x12\x02\x02${string(listpack(['a', '1']))}\x01${string(LONG)}`),
      entry('stream', stream(2)),
    ],
    commands: [
      ['HSET', 'hash', 'f', 'v', 'g', '300'],
      ['ZADD', 'zset', '-1.5', 'b', '2', 'a'],
      ['RPUSH', 'list', 'a', '1', LONG],
      ...STREAM,
    ],
  },
  {
    version: 11,
    of: 'Redis 7.2 and Valkey 8: sets of listpacks, the third form of streams, sizes of slots',
    items: [
      `\xfa${string('valkey-ver')}${string('8.0.1')}`,
      select(0),
      RESIZE,
      `\xf4${length(12_182)}\x02\x00`,
      entry('set', `\x14${string(listpack(['a', '1', '']))}`),
      entry('stream', stream(3)),
    ],
    commands: [['SADD', 'set', 'a', '1', ''], ...STREAM],
  },
  {
    version: 12,
    of: 'Redis 7.4 and 8: times of fields',
    items: [
      AUX,
      select(0),
      RESIZE,
      `\xf4\x00\x02\x00`,
      entry('hash', `\x19${littleEndian(LATER_MS, 8)}${string(listpack(['f', 'v', `${LATER_MS}`, 'g', 'w', '0']))}`),
      entry(
        'large',
        `\x18${littleEndian(LATER_MS, 8)}\x03\x01${string('f')}${string(LONG)}\x00${string('g')}${string('w')}${length(1001)}${string('h')}${string('x')}`,
      ),
    ],
    commands: [
      ['HSET', 'hash', 'f', 'v', 'g', 'w'],
      ['HPEXPIREAT', 'hash', `${LATER_MS}`, 'FIELDS', '1', 'f'],
      ['HSET', 'large', 'f', LONG, 'g', 'w', 'h', 'x'],
      ['HPEXPIREAT', 'large', `${LATER_MS}`, 'FIELDS', '1', 'f'],
      ['HPEXPIREAT', 'large', `${LATER_MS + 1000}`, 'FIELDS', '1', 'h'],
    ],
  },
];

function stateIn(harness: Harness): string[] {
  const session = harness.session();
  const state = stateOf((words) => session.run(words), 16);
  session.run(['SELECT', '0']);
  for (const key of ['hash', 'large']) {
    state.push(rendered(session.run(['HPEXPIRETIME', key, 'FIELDS', '3', 'f', 'g', 'h'])));
  }
  state.push(rendered(session.run(['XPENDING', 'stream', 'g', '-', '+', '10'])));
  return state;
}

describe('a file of version', () => {
  test.each(LAYOUTS)('$version, $of', ({ version, items, commands }) => {
    const asked = new Harness();
    const session = asked.session();
    for (const words of commands) expect(rendered(session.run(words))).not.toContain('(error)');
    const built = file(version, ...items);
    for (const pieceBytes of [1, 7, built.length]) {
      const harness = new Harness({ debug: true });
      const { end, reader } = loadedFile(new MemoryFile(built, pieceBytes), harness.shard);
      expect(end).toEqual({ kind: 'end' });
      expect([reader.version, reader.position]).toEqual([version, built.length]);
      expect(reader.checksum).toBe(version < 5 ? 'none' : 'good');
      expect(stateIn(harness)).toEqual(stateIn(asked));
      harness.shard.arena.check();
    }
  });

  test('12 may hold everything that came before', () => {
    const items = LAYOUTS.flatMap((layout, i) => [
      select(i),
      ...layout.items.filter((item) => !item.startsWith('\xfe')),
    ]);
    const { end, entries } = loadedFile(new MemoryFile(file(12, ...items)), undefined);
    expect(end).toEqual({ kind: 'end' });
    expect(entries).toBeGreaterThan(30);
  });
});

describe('a file with', () => {
  const key = entry('k', `\0${string('v')}`);

  test('a checksum of zeros is not checked', () => {
    const built = file(10, key);
    built.fill(0, built.length - 8);
    const { end, reader } = loadedFile(new MemoryFile(built), undefined);
    expect([end, reader.checksum]).toEqual([{ kind: 'end' }, 'none']);
  });

  test('times that are over, negative or none tells them', () => {
    const seen: number[] = [];
    const times = [-1, -5, 0, 1000, YEAR_2100_MS].map((at_ms) => `\xfc${littleEndian(at_ms, 8)}${key}`);
    const built = file(10, ...times, `\xfd${littleEndian(-1, 4)}${key}`, key);
    expect(loadedFile(new MemoryFile(built), undefined, ({ expireAt_ms }) => seen.push(expireAt_ms)).end).toEqual({
      kind: 'end',
    });
    expect(seen).toEqual([-1, 0, 0, 1000, YEAR_2100_MS, 0, -1]);
  });

  test('collections without elements passes them over', () => {
    const bodies = [
      '\x01\0',
      '\x02\0',
      '\x03\0',
      '\x04\0',
      '\x05\0',
      '\x0e\0',
      '\x12\0',
      `\x12\x01\x02${string(listpack([]))}`,
    ];
    bodies.push(...[16, 17, 20].map((type) => bytes(type) + string(listpack([]))));
    bodies.push(...[10, 12, 13].map((type) => bytes(type) + string(ziplist([]))));
    const harness = new Harness();
    const before = harness.shard.realm(0).account.usedBytes();
    const { end, entries, reader } = loadedFile(
      new MemoryFile(file(12, ...bodies.map((body) => entry('e', body)))),
      harness.shard,
    );
    expect([end, entries, reader.emptyKeys]).toEqual([{ kind: 'end' }, 0, bodies.length]);
    expect(harness.shard.realm(0).account.usedBytes()).toBe(before);
  });

  test('something behind it leaves that alone', () => {
    const built = file(10, key);
    const longer = new Uint8Array(built.length + 5);
    longer.set(built);
    expect(loadedFile(new MemoryFile(longer), undefined).reader.position).toBe(built.length);
  });
});
