import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { compress, decompress, LZF_RATIO_MAX } from '../../src/rdb/lzf.ts';
import { RdbWriter } from '../../src/rdb/writer.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { seed } from '../support/seed.ts';

const PAYLOAD_FOOTER_BYTES = 10;
const WORDS = ['hello ', 'world ', 'portcullis ', '{"id":', '"name":"', 'the quick '];

/** Text of every kind: noise, few letters, repetitions near and far, words. */
function someText(prng: Prng, length: number): string {
  const kind = prng.below(4);
  let text = '';
  while (text.length < length) {
    if (kind === 0) text += String.fromCharCode(prng.below(256));
    else if (kind === 1) text += String.fromCharCode(97 + prng.below(3));
    else if (kind === 2 && text.length > 8 && prng.below(3) > 0) {
      const from = prng.below(text.length);
      text += text.slice(from, from + 1 + prng.below(400));
    } else text += `${WORDS[prng.below(WORDS.length)] ?? ''}${prng.below(5) === 0 ? prng.below(1000) : ''}`;
  }
  return text.slice(0, length);
}

function someLength(prng: Prng): number {
  return 1 + prng.below([30, 60, 300, 3000, 20_000][prng.below(5)] ?? 30);
}

/** Compresses inside of larger arrays whose other bytes must not change. */
function compressed(text: string, room: number): Uint8Array {
  const source = bytesOfLatin1(`<<${text}>>`);
  const into = new Uint8Array(room + 20).fill(0xa5);
  const held = compress(source, 2, source.length - 2, into, 10, room);
  expect(held).toBeLessThanOrEqual(room);
  expect(into.subarray(0, 10).every((byte) => byte === 0xa5)).toBe(true);
  expect(into.subarray(10 + room).every((byte) => byte === 0xa5)).toBe(true);
  return into.slice(10, 10 + held);
}

function decompressed(bytes: Uint8Array, length: number): string | undefined {
  const into = new Uint8Array(length + 20).fill(0xa5);
  const fits = decompress(bytes, 0, bytes.length, into, 10, length);
  expect(into.subarray(0, 10).every((byte) => byte === 0xa5)).toBe(true);
  expect(into.subarray(10 + length).every((byte) => byte === 0xa5)).toBe(true);
  return fits ? latin1(into, 10, 10 + length) : undefined;
}

describe('LZF', () => {
  test('gives back what it was given, or says that the room does not suffice', () => {
    const prng = new Prng(seed);
    let helped = 0;
    for (let round = 0; round < 1500; round++) {
      const text = someText(prng, someLength(prng));
      const bytes = compressed(text, Math.max(0, text.length - 4 - prng.below(3) * prng.below(40)));
      if (bytes.length === 0) continue;
      helped++;
      expect(text.length).toBeLessThanOrEqual(bytes.length * LZF_RATIO_MAX);
      expect(decompressed(bytes, text.length) === text).toBe(true);
      expect(decompressed(bytes, text.length - 1)).toBeUndefined();
      expect(decompressed(bytes, text.length + 1)).toBeUndefined();
      expect(decompressed(bytes.subarray(0, bytes.length - 1), text.length)).toBeUndefined();
    }
    expect(helped).toBeGreaterThan(500);
  });

  test('finds repetitions up to 8192 bytes back, and as long as can be written', () => {
    const prng = new Prng(seed);
    const noise = Array.from({ length: 8300 }, () => String.fromCharCode(prng.below(256))).join('');
    for (const distance of [1, 2, 31, 8190, 8191, 8192, 8193, 8194]) {
      const text = `x${noise.slice(0, distance)}${noise.slice(0, 120)}`;
      const bytes = compressed(text, text.length + 400);
      expect(decompressed(bytes, text.length) === text).toBe(true);
    }
    const run = 'a'.repeat(264 * 50);
    expect(compressed(run, run.length).length).toBeLessThan(3 * 52 + 10);
  });

  test('of any bytes decompresses within its bounds or not at all', () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(prng.below(30)).map(() => prng.below(prng.below(2) === 0 ? 256 : 40));
      decompressed(bytes, prng.below(600));
    }
    for (let round = 0; round < 3000; round++) {
      const text = someText(prng, 300);
      const bytes = compressed(text, 320);
      for (let i = prng.below(3); i >= 0; i--) bytes[prng.below(bytes.length)] = prng.below(256);
      decompressed(bytes, 300);
    }
  });

  test('refuses what refers to what is not there', () => {
    expect(decompressed(Uint8Array.of(0x20, 0x00), 3)).toBeUndefined();
    expect(decompressed(Uint8Array.of(0x00, 0x61, 0x20, 0x00), 4)).toBe('aaaa');
    expect(decompressed(Uint8Array.of(0x00, 0x61, 0x20, 0x01), 4)).toBeUndefined();
    expect(decompressed(Uint8Array.of(0x00, 0x61, 0xe0), 4)).toBeUndefined();
    expect(decompressed(Uint8Array.of(0x00, 0x61, 0xe0, 0xff), 265)).toBeUndefined();
    expect(decompressed(Uint8Array.of(0x1f, 0x61), 32)).toBeUndefined();
    expect(decompressed(new Uint8Array(0), 0)).toBe('');
  });
});

describe.skipIf(!redisServerInstalled)(
  'strings as redis-server writes them (skipped where it is not installed)',
  () => {
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

    test('are the same bytes, compressed or not', async () => {
      const prng = new Prng(seed);
      const writer = new RdbWriter();
      const numbers = [
        '0',
        '-1',
        '127',
        '128',
        '-128',
        '-129',
        '32767',
        '32768',
        '2147483647',
        '-2147483648',
        '2147483648',
        '01',
      ];
      const texts = numbers.concat(Array.from({ length: 1500 }, () => someText(prng, someLength(prng))));
      const replies = await client.pipeline(
        texts.flatMap((text) => [
          ['SET', 'k', text],
          ['DUMP', 'k'],
        ]),
      );
      const different: string[] = [];
      for (const [index, text] of texts.entries()) {
        const reply = parseReply(replies[index * 2 + 1] ?? new Uint8Array(0))?.value;
        const theirs =
          reply !== undefined && 'bytes' in reply ? latin1(reply.bytes).slice(1, -PAYLOAD_FOOTER_BYTES) : '';
        const source = bytesOfLatin1(text);
        writer.reset();
        writer.writeString(source, 0, source.length);
        const ours = latin1(writer.bytes, 0, writer.length);
        if (ours !== theirs) different.push(`${text.length} bytes: ${ours.length} and ${theirs.length}`);
      }
      expect(different).toEqual([]);
    });
  },
);
