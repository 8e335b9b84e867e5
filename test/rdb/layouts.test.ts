/** The blobs of small collections as redis-server makes them: taken out of DUMP payloads, read, and built again by us. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Int64, parseInt64 } from '../../src/base/int64.ts';
import { Prng } from '../../src/base/prng.ts';
import * as intset from '../../src/engine/intset.ts';
import * as listpack from '../../src/engine/listpack.ts';
import { isCanonical, isValid } from '../../src/engine/listpack-check.ts';
import { appendElement, ElementView, readElement, Scratch } from '../../src/engine/listpack-element.ts';
import { RdbReader } from '../../src/rdb/reader.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { seed } from '../support/seed.ts';

const FOOTER_BYTES = 10;
/** Type bytes of Redis 7.0. */
const SET_INTSET = 11;
const HASH_LISTPACK = 16;
const ZSET_LISTPACK = 17;
const LIST_QUICKLIST = 18;
const PACKED_NODE = 2;

const view = new ElementView();

function textsOf(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  for (let p = listpack.first(bytes, 0); p !== -1; p = listpack.next(bytes, p)) {
    readElement(bytes, p, view);
    texts.push(latin1(view.bytes, view.start, view.end));
  }
  return texts;
}

function built(texts: readonly string[]): Uint8Array {
  const run = new Scratch();
  for (const text of texts) {
    const bytes = bytesOfLatin1(text);
    appendElement(bytes, 0, bytes.length, run);
  }
  const bytes = new Uint8Array(run.length + listpack.LISTPACK_EMPTY_BYTES);
  listpack.writeEmpty(bytes, 0);
  listpack.insertBefore(bytes, 0, listpack.end(bytes, 0), run.bytes, 0, run.length, texts.length);
  return bytes;
}

/** A thousand times as fast as toEqual, which looks at one byte after the other. */
function expectSame(ours: Uint8Array, theirs: Uint8Array): void {
  if (Buffer.compare(ours, theirs) !== 0) expect(latin1(ours)).toBe(latin1(theirs));
}

const LENGTHS = [0, 1, 62, 63, 64, 125, 126, 127, 300, 4094, 4095, 4096, 16_370, 16_376, 16_377, 16_378, 16_390];
const NUMBERS = [
  ...['0', '1', '127', '128', '-1', '4095', '4096', '-4096', '-4097', '32767', '32768', '-32768', '-32769', '8388607'],
  ...['8388608', '-8388608', '-8388609', '2147483647', '2147483648', '-2147483648', '-2147483649', '9007199254740993'],
  ...['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-0', '01', '+1', ' 1', '1.5', ''],
];

function someTexts(prng: Prng, count: number): string[] {
  return Array.from({ length: count }, () => {
    if (prng.below(2) === 0) return NUMBERS[prng.below(NUMBERS.length)] ?? '';
    const length = prng.below(4) === 0 ? (LENGTHS[prng.below(LENGTHS.length)] ?? 0) : prng.below(70);
    return Array.from({ length }, () => String.fromCharCode(prng.below(256))).join('');
  });
}

describe.skipIf(!redisServerInstalled)('redis-server keeps (skipped where it is not installed)', () => {
  let server: RedisServer;
  let client: RespClient;
  const reader = new RdbReader({ bytesMax: 1 << 29, room: () => true });

  beforeAll(async () => {
    const limits = ['--hash-max-listpack-value', '100000', '--zset-max-listpack-value', '100000'];
    server = await RedisServer.start(...limits, '--list-max-listpack-size', '1000000');
    client = await RespClient.connect(server.port);
  });

  afterAll(() => {
    client?.close();
    server?.stop();
  });

  /** Opens the payload of a key behind its type byte. */
  async function open(type: number): Promise<void> {
    const reply = parseReply(await client.send('DUMP', 'k'))?.value;
    if (reply === undefined || !('bytes' in reply)) throw new Error('no payload');
    reader.open(reply.bytes, 0, reply.bytes.length - FOOTER_BYTES, { bytesMax: 1 << 29, room: () => true });
    expect(reader.readByte()).toBe(type);
  }

  function blob(): Uint8Array {
    expect(reader.readString()).toBe(true);
    return reader.text.slice(reader.textStart, reader.textEnd);
  }

  async function make(...words: string[]): Promise<void> {
    await client.send('DEL', 'k');
    expect(latin1(await client.send(...words))[0]).not.toBe('-');
  }

  test('small hashes as we do', async () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 60; round++) {
      const pairs = new Map(someTexts(prng, 1 + prng.below(20)).map((field) => [field, someTexts(prng, 1)[0] ?? '']));
      const texts = [...pairs].flat();
      await make('HSET', 'k', ...texts);
      await open(HASH_LISTPACK);
      const bytes = blob();
      expect([isValid(bytes, 0, bytes.length, true), isCanonical(bytes, 0)]).toEqual([true, true]);
      expect(textsOf(bytes).join() === texts.join()).toBe(true);
      expectSame(built(texts), bytes);
    }
  });

  test('lists as we do', async () => {
    const prng = new Prng(seed + 1);
    for (let round = 0; round < 60; round++) {
      const texts = someTexts(prng, 1 + prng.below(200));
      await make('RPUSH', 'k', ...texts);
      await open(LIST_QUICKLIST);
      const found: string[] = [];
      for (let nodes = reader.readCount(2); nodes > 0; nodes--) {
        const kind = reader.readLength();
        const bytes = blob();
        if (kind !== PACKED_NODE) {
          found.push(latin1(bytes));
          continue;
        }
        expect(isValid(bytes, 0, bytes.length, true)).toBe(true);
        expectSame(built(textsOf(bytes)), bytes);
        found.push(...textsOf(bytes));
      }
      expect(found.join() === texts.join()).toBe(true);
    }
  });

  test('small sorted sets as we do', async () => {
    const prng = new Prng(seed + 2);
    for (let round = 0; round < 60; round++) {
      const members = new Set(someTexts(prng, 1 + prng.below(20)));
      await make('ZADD', 'k', ...[...members].flatMap((member) => [`${prng.below(1000) / 8 - 60}`, member]));
      await open(ZSET_LISTPACK);
      const bytes = blob();
      expect([isValid(bytes, 0, bytes.length, true), isCanonical(bytes, 0)]).toEqual([true, true]);
      const texts = textsOf(bytes);
      expect(new Set(texts.filter((_, index) => index % 2 === 0))).toEqual(members);
      expectSame(built(texts), bytes);
    }
  });

  test('sets of integers as we do', async () => {
    const prng = new Prng(seed + 3);
    const member = new Int64();
    const numbers = NUMBERS.filter((text) => /^(?:0|-?[1-9][0-9]*)$/.test(text) && text !== '9223372036854775808');
    for (let round = 0; round < 60; round++) {
      const texts = Array.from({ length: 1 + prng.below(30) }, () => numbers[prng.below(numbers.length)] ?? '0');
      await make('SADD', 'k', ...texts);
      await open(SET_INTSET);
      const bytes = blob();
      expect(intset.isValid(bytes, 0, bytes.length, true)).toBe(true);
      const ours = new Uint8Array(8 + 8 * texts.length);
      intset.writeEmpty(ours, 0);
      for (const text of texts) {
        const source = bytesOfLatin1(text);
        expect(parseInt64(source, 0, source.length, member)).toBe(true);
        const index = intset.find(ours, 0, member);
        if (index < 0) intset.insertAt(ours, 0, -index - 1, member);
      }
      expectSame(ours.subarray(0, intset.totalBytes(ours, 0)), bytes);
    }
  });
});
