/** Values of every type and encoding, carried between redis-server and us by DUMP and RESTORE, both ways. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { Harness, type HarnessSession } from '../support/harness.ts';
import { shownPayload } from '../support/payload.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { rendered } from '../support/render.ts';
import { RespClient } from '../support/resp-client.ts';
import { stateOf } from '../support/state.ts';
import { shown, type Words } from '../support/words.ts';

interface Case {
  readonly name: string;
  readonly commands: readonly Words[];
  /** Redis decides by chance in which order it writes, or by sizes of its own what goes together. */
  readonly varies?: true;
}

const BINARY = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
const NUMBERS = [
  ...['0', '127', '128', '-1', '4095', '4096', '-4097', '32768', '-32769', '8388608', '2147483648', '-2147483649'],
  ...['9223372036854775807', '-9223372036854775808', '9223372036854775808', '01', '-0', '1.5', ''],
];

function many<Item>(count: number, item: (i: number) => Item): Item[] {
  return Array.from({ length: count }, (_, i) => item(i));
}

function pairs(count: number, name: string, value: (i: number) => string): string[] {
  return many(count, (i) => i).flatMap((i) => [`${name}${i}`, value(i)]);
}

const LISTS: readonly Case[] = [
  { name: 'a list of one', commands: [['RPUSH', 'k', 'x']] },
  { name: 'a list of numbers', commands: [['RPUSH', 'k', ...NUMBERS]] },
  { name: 'a list of bytes', commands: [['RPUSH', 'k', BINARY, BINARY.slice(128), '\0']] },
  { name: 'a list of repetitions', commands: [['RPUSH', 'k', ...many(200, () => 'repeated, repeated')]] },
  { name: 'a long list', commands: [['RPUSH', 'k', ...many(5000, (i) => `element ${i * 7919}`)]], varies: true },
  { name: 'a list of long elements', commands: [['RPUSH', 'k', ...many(6, (i) => `${i}`.repeat(5000))]], varies: true },
  { name: 'a list of one huge element', commands: [['RPUSH', 'k', BINARY.repeat(200)]] },
];

const SETS: readonly Case[] = [
  { name: 'a set of small integers', commands: [['SADD', 'k', '3', '1', '-32768', '32767']] },
  { name: 'a set of middling integers', commands: [['SADD', 'k', '3', '1', '2147483647', '-5']] },
  {
    name: 'a set of great integers',
    commands: [['SADD', 'k', '3', '1', '9223372036854775807', '-9223372036854775808']],
  },
  { name: 'a set of 512 integers', commands: [['SADD', 'k', ...many(512, (i) => `${i * 37}`)]] },
  { name: 'a set of 513 integers', commands: [['SADD', 'k', ...many(513, (i) => `${i * 37}`)]], varies: true },
  {
    name: 'a set that was wider',
    commands: [
      ['SADD', 'k', '3', '5000000000'],
      ['SREM', 'k', '5000000000'],
    ],
  },
  { name: 'a set of words', commands: [['SADD', 'k', 'a', 'b', '\0', '', '1']], varies: true },
  { name: 'a set of one word', commands: [['SADD', 'k', 'word']] },
  { name: 'a set of 128 words', commands: [['SADD', 'k', ...many(128, (i) => `w${i}`)]], varies: true },
  { name: 'a set of 2000 words', commands: [['SADD', 'k', ...many(2000, (i) => `w${i}`)]], varies: true },
  { name: 'a set of long words', commands: [['SADD', 'k', 'l'.repeat(64), 'm'.repeat(65), BINARY]], varies: true },
];

const SORTED_SETS: readonly Case[] = [
  { name: 'a sorted set of one', commands: [['ZADD', 'k', '1', 'x']] },
  {
    name: 'a sorted set of odd scores',
    commands: [
      ['ZADD', 'k', 'inf', 'a', '-inf', 'b', '1.5', 'c', '3.3', 'd', '1e300', 'e', '-1e-300', 'f', '5e-324', 'g'],
      ['ZADD', 'k', '9007199254740993', 'h', '4611686018427387904', 'i', '1e18', 'j', '-0', 'l', '0.1', '12'],
    ],
  },
  {
    name: 'a sorted set of equal scores',
    commands: [['ZADD', 'k', ...many(50, (i) => ['7', `${i}`]).flat()]],
  },
  {
    name: 'a sorted set of 128',
    commands: [['ZADD', 'k', ...many(128, (i) => i).flatMap((i) => [`${i / 8}`, `m${i}`])]],
  },
  {
    name: 'a sorted set of 129',
    commands: [['ZADD', 'k', ...many(129, (i) => i).flatMap((i) => [`${i / 8}`, `m${i}`])]],
  },
  {
    name: 'a sorted set of 3000',
    commands: [['ZADD', 'k', ...many(3000, (i) => i).flatMap((i) => [`${i % 97}`, `m${i}`])]],
  },
  {
    name: 'a large sorted set of odd scores',
    commands: [['ZADD', 'k', 'inf', 'm'.repeat(65), '-inf', BINARY, '-0', 'c', '3.3', 'd', '5e-324', 'g']],
  },
];

const HASHES: readonly Case[] = [
  { name: 'a hash of one', commands: [['HSET', 'k', 'f', 'v']] },
  { name: 'a hash of numbers', commands: [['HSET', 'k', ...NUMBERS.flatMap((text) => [text, `${text}${text}`])]] },
  { name: 'a hash of bytes', commands: [['HSET', 'k', BINARY.slice(0, 64), BINARY.slice(128, 192), '', '']] },
  { name: 'a hash of 512 fields', commands: [['HSET', 'k', ...pairs(512, 'f', (i) => `v${i}`)]] },
  { name: 'a hash of 513 fields', commands: [['HSET', 'k', ...pairs(513, 'f', (i) => `${i * i}`)]], varies: true },
  { name: 'a hash of a long value', commands: [['HSET', 'k', 'f', 'v'.repeat(65), 'g', '1']], varies: true },
  { name: 'a hash of a long field', commands: [['HSET', 'k', BINARY, 'v'.repeat(5000)]] },
  {
    name: 'a hash that was changed',
    commands: [
      ['HSET', 'k', ...pairs(9, 'f', (i) => `v${i}`)],
      ['HDEL', 'k', 'f3'],
      ['HSET', 'k', 'f1', '7'],
    ],
  },
];

const ENTRIES: readonly Words[] = many(250, (i) => i).map((i) => [
  'XADD',
  'k',
  `${1000 + (i >> 2)}-${i + 1}`,
  'field',
  `${i}`,
  'other',
  `v${i}`,
]);
const STREAMS: readonly Case[] = [
  { name: 'a stream of one', commands: [['XADD', 'k', '5-1', 'a', 'b']] },
  { name: 'a stream of blocks', commands: ENTRIES },
  {
    name: 'a stream of different fields',
    commands: [
      ['XADD', 'k', '1-1', 'a', 'b'],
      ['XADD', 'k', '1-2', 'a', 'c', 'd', '12'],
      ['XADD', 'k', '2-0', '1', BINARY],
    ],
  },
  {
    name: 'a stream of the greatest ID',
    commands: [
      ['XADD', 'k', '1-1', 'a', 'b'],
      ['XADD', 'k', '18446744073709551615-18446744073709551615', 'a', 'b'],
    ],
  },
  {
    name: 'a stream with holes',
    commands: [...ENTRIES, ['XDEL', 'k', '1000-1', '1003-13', '1062-250'], ['XTRIM', 'k', 'MAXLEN', '120']],
  },
  {
    name: 'an empty stream',
    commands: [
      ['XADD', 'k', '7-7', 'a', 'b'],
      ['XDEL', 'k', '7-7'],
    ],
  },
  {
    name: 'a stream set ahead',
    commands: [
      ['XADD', 'k', '1-1', 'a', 'b'],
      ['XSETID', 'k', '99-9', 'ENTRIESADDED', '5000000000', 'MAXDELETEDID', '98-1'],
    ],
  },
  {
    name: 'a stream set back behind what was deleted',
    commands: [
      ['XADD', 'k', '5-1', 'a', 'b'],
      ['XADD', 'k', '9-1', 'a', 'b'],
      ['XDEL', 'k', '9-1'],
      ['XSETID', 'k', '6-0', 'ENTRIESADDED', '2', 'MAXDELETEDID', '1-0'],
    ],
  },
  {
    name: 'a stream that has gone on behind what was deleted',
    commands: [
      ...ENTRIES,
      ['XADD', 'k', '99999-1', 'a', 'b'],
      ['XDEL', 'k', '99999-1'],
      ['XSETID', 'k', '2000-0', 'ENTRIESADDED', '9999', 'MAXDELETEDID', '1-0'],
      ...ENTRIES.map(([command = '', key = '', , ...rest], index) => [command, key, `${3000 + index}-1`, ...rest]),
      ['XDEL', 'k', '3000-1'],
    ],
  },
  {
    name: 'a stream with groups',
    commands: [
      ['XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM'],
      ['XGROUP', 'CREATE', 'k', '', '0', 'ENTRIESREAD', '77'],
      ['XGROUP', 'CREATECONSUMER', 'k', 'g', 'nobody'],
    ],
  },
  {
    name: 'a stream with pending entries',
    commands: [
      ...ENTRIES,
      ['XGROUP', 'CREATE', 'k', 'g', '0'],
      ['XGROUP', 'CREATE', 'k', 'h', '1010-40'],
      ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '30', 'STREAMS', 'k', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'two', 'COUNT', '30', 'STREAMS', 'k', '>'],
      ['XREADGROUP', 'GROUP', 'h', '\0', 'COUNT', '5', 'STREAMS', 'k', '>'],
      ['XACK', 'k', 'g', '1000-3', '1009-38'],
      ['XCLAIM', 'k', 'g', 'three', '0', '1001-5', '1001-6', 'RETRYCOUNT', '3000000000', 'TIME', '1234567890123'],
      ['XDEL', 'k', '1002-9'],
    ],
  },
];

const CASES = [...LISTS, ...SETS, ...SORTED_SETS, ...HASHES, ...STREAMS];

function payloadOf(reply: Uint8Array): Uint8Array {
  const value = parseReply(reply)?.value;
  if (value === undefined || !('bytes' in value)) throw new Error(`no payload but ${rendered(reply)}`);
  return value.bytes;
}

function expectSamePayload(ours: Uint8Array, theirs: Uint8Array, varies: boolean): void {
  if (varies) expect(shownPayload(ours)).toBe(shownPayload(theirs));
  else expect(latin1(ours)).toBe(latin1(theirs));
}

describe.skipIf(!redisServerInstalled)('carried to and from redis-server (skipped where it is not installed)', () => {
  let server: RedisServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await RedisServer.start();
    client = await RespClient.connect(server.port);
  });

  afterAll(() => {
    client?.close();
    server?.stop();
  });

  function world(): { readonly harness: Harness; readonly session: HarnessSession } {
    const harness = new Harness({ debug: true, clock: systemClock });
    return { harness, session: harness.session() };
  }

  async function run(commands: readonly Words[]): Promise<void> {
    const replies = await client.pipeline([['FLUSHALL'], ...commands]);
    expect(replies.map((reply) => latin1(reply)).filter((reply) => reply.startsWith('-'))).toEqual([]);
  }

  /** Asks redis-server everything that was asked of us, and reads the same state out of it. */
  async function expectSameState(session: HarnessSession): Promise<void> {
    const asked: Words[] = [];
    const ours = stateOf((words) => {
      asked.push(words);
      return session.run(words);
    }, 1);
    const replies = await client.pipeline(asked);
    const known = new Map(asked.map((words, i) => [shown(words), replies[i] as Uint8Array]));
    expect(ours).toEqual(stateOf((words) => known.get(shown(words)) as Uint8Array, 1));
    const encodings = await client.send('OBJECT', 'ENCODING', 'k');
    expect(rendered(session.run(['OBJECT', 'ENCODING', 'k']))).toBe(rendered(encodings));
  }

  test.each(CASES)('$name comes here', async ({ commands, varies }) => {
    await run(commands);
    const theirs = payloadOf(await client.send('DUMP', 'k'));
    const { harness, session } = world();
    expect(rendered(session.run(['RESTORE', 'k', '0', latin1(theirs)]))).toBe('OK');
    harness.shard.arena.check();
    await expectSameState(session);
    expectSamePayload(payloadOf(session.run(['DUMP', 'k'])), theirs, varies ?? false);
  });

  test.each(CASES)('$name goes there', async ({ commands, varies }) => {
    const { session } = world();
    for (const words of commands) expect(rendered(session.run(words))).not.toMatch(/^\(error\)/);
    const ours = payloadOf(session.run(['DUMP', 'k']));
    await run([['RESTORE', 'k', '0', latin1(ours)]]);
    await expectSameState(session);
    expectSamePayload(ours, payloadOf(await client.send('DUMP', 'k')), varies ?? false);
    await run(commands);
    expect(shownPayload(ours)).toBe(shownPayload(payloadOf(await client.send('DUMP', 'k'))));
  });
});
