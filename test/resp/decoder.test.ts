import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CUT_REQUEST_BYTES_KEPT, REQUEST_ARGUMENTS_KEPT } from '../../src/base/limits.ts';
import { Decoder, NEED_MORE, PROTOCOL_ERROR, REQUEST } from '../../src/resp/decoder.ts';
import { Request } from '../../src/resp/request.ts';
import { REDIS_LIMITS, STRANGER_LIMITS } from '../../src/resp/wire-limits.ts';
import { chunked, cutPoints, encoded, encodedText, requestWords } from './encode.ts';

type ParserClass = new (options: {
  returnReply: (reply: unknown) => void;
  returnError: (error: Error) => void;
  returnFatalError: (error: Error) => void;
  returnBuffers: boolean;
}) => { execute: (bytes: Buffer) => void };

// It has no types of its own; the oracle needs no more than this.
const RedisParser = createRequire(import.meta.url)('redis-parser') as ParserClass;

/** All requests in these chunks, as lists of words. */
function decoded(chunks: readonly Uint8Array[]): string[][] {
  const decoder = new Decoder(REDIS_LIMITS);
  const requests: string[][] = [];
  let wireBytes = 0;
  for (const chunk of chunks) {
    decoder.feed(chunk);
    while (decoder.next() === REQUEST) {
      const words: string[] = [];
      for (let i = 0; i < decoder.request.argc; i++) words.push(decoder.request.text(i));
      requests.push(words);
      wireBytes += decoder.request.wireBytes;
    }
    decoder.settle();
  }
  expect(decoder.error).toBeUndefined();
  expect(decoder.bufferedBytes).toBe(0);
  expect(wireBytes).toBe(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  return requests;
}

const asText = (words: readonly Uint8Array[]) => words.map((word) => Buffer.from(word).toString('latin1'));

describe('decoder', () => {
  it('gives back every list of requests, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(requestWords, { maxLength: 12 }), cutPoints, (requests, cuts) => {
        const bytes = Buffer.concat(requests.map(encoded));
        expect(decoded(chunked(bytes, cuts))).toEqual(requests.map(asText));
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with redis-parser on valid requests', () => {
    fc.assert(
      fc.property(fc.array(requestWords, { minLength: 1, maxLength: 12 }), cutPoints, (requests, cuts) => {
        const bytes = Buffer.concat(requests.map(encoded));
        const theirs: string[][] = [];
        const parser = new RedisParser({
          returnReply: (reply) => theirs.push(asText(reply as Buffer[])),
          returnError: () => {},
          returnFatalError: (error) => {
            throw error;
          },
          returnBuffers: true,
        });
        const chunks = chunked(bytes, cuts);
        for (const chunk of chunks) parser.execute(Buffer.from(chunk));
        expect(decoded(chunks)).toEqual(theirs);
      }),
      { numRuns: 300 },
    );
  });

  it('survives any bytes at all and ends the same way however they are cut', () => {
    const junk = fc.array(
      fc.oneof(
        fc.constantFrom('*', '$', '1', '\r\n', '\r', '\n', '"', "'", '\\x', ' ', '-1', '*1\r\n', '$3\r\n', '\0', 'GET'),
        fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      ),
      { maxLength: 40 },
    );
    const story = (chunks: readonly Uint8Array[]) => {
      const decoder = new Decoder(REDIS_LIMITS);
      const lines: string[] = [];
      for (const chunk of chunks) {
        decoder.feed(chunk);
        let status = decoder.next();
        for (; status === REQUEST; status = decoder.next()) {
          lines.push(Array.from({ length: decoder.request.argc }, (_, i) => decoder.request.text(i)).join('|'));
        }
        decoder.settle();
        if (status !== NEED_MORE) return [...lines, `${status} ${decoder.error?.text}`];
      }
      return [...lines, `${decoder.bufferedBytes}`];
    };
    fc.assert(
      fc.property(junk, cutPoints, (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1');
        expect(story(chunked(bytes, cuts))).toEqual(story([bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it('scans a whole request in place', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    const chunk = encodedText('SET', 'key', 'value');
    decoder.feed(chunk);
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.bytes).toBe(chunk);
    expect(decoder.heldBytes).toBe(0);
    const value = decoder.request.copy(2);
    chunk.fill(0);
    expect(Buffer.from(value).toString()).toBe('value');
  });

  it('holds nothing of a chunk after settle', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    decoder.feed(encodedText('PING'));
    decoder.next();
    decoder.settle();
    expect(decoder.request.bytes.length).toBe(0);
    expect(decoder.heldBytes).toBe(0);
  });

  it('allocates for what came, not for what was declared', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    decoder.feed(Buffer.from('*2147483647\r\n$536870912\r\n'));
    expect(decoder.next()).toBe(NEED_MORE);
    decoder.settle();
    expect(decoder.heldBytes).toBeLessThanOrEqual(512);
    expect(decoder.request.offsets.length).toBeLessThan(100);
    for (let i = 0; i < 100; i++) {
      decoder.feed(new Uint8Array(10_000));
      expect(decoder.next()).toBe(NEED_MORE);
      decoder.settle();
      expect(decoder.heldBytes).toBeLessThanOrEqual(2 * decoder.bufferedBytes + 512);
    }
  });

  it('takes no more of a chunk than the cut request needs', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    const first = encodedText('SET', 'key', 'value');
    const rest = Buffer.concat([first.subarray(20), encodedText('GET', 'key'), encodedText('PING')]);
    decoder.feed(first.subarray(0, 20));
    expect(decoder.next()).toBe(NEED_MORE);
    decoder.settle();
    decoder.feed(rest);
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.bytes).not.toBe(rest);
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.bytes).toBe(rest);
    expect(decoder.request.text(0)).toBe('GET');
    decoder.settle();
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.text(0)).toBe('PING');
  });

  it('stays linear with one byte per segment (P11)', () => {
    const pipeline = Buffer.concat([
      encodedText(...Array.from({ length: 20_000 }, (_, i) => `argument ${i}`)),
      encodedText('SET', 'key', 'x'.repeat(300_000)),
    ]);
    const decoder = new Decoder(REDIS_LIMITS);
    let requests = 0;
    const from = performance.now();
    for (let at = 0; at < pipeline.length; at++) {
      decoder.feed(pipeline.subarray(at, at + 1));
      while (decoder.next() === REQUEST) requests++;
      decoder.settle();
    }
    expect(requests).toBe(2);
    // Rescanning from the start would take hours.
    expect(performance.now() - from).toBeLessThan(5000);
  });

  it('keeps the beginning of a cut request however many arguments it has', () => {
    const words = ['DEL', ...Array.from({ length: 2 * REQUEST_ARGUMENTS_KEPT }, (_, i) => `key ${i}`)];
    const bytes = encodedText(...words);
    for (const cut of [bytes.length - 1, bytes.length >> 1, 100]) {
      expect(decoded(chunked(bytes, [cut]))).toEqual([words]);
    }
  });

  it('gives memory back after a spike', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    const huge = encodedText(...Array.from({ length: 50_000 }, (_, i) => `${i}`));
    for (const chunk of [huge.subarray(0, 100_000), huge.subarray(100_000)]) {
      decoder.feed(chunk);
      decoder.next();
      if (chunk.length === 100_000) decoder.settle();
    }
    expect(decoder.request.argc).toBe(50_000);
    expect(decoder.request.text(49_999)).toBe('49999');
    decoder.settle();
    expect(decoder.request.offsets.length).toBeLessThanOrEqual(2 * REQUEST_ARGUMENTS_KEPT);
    expect(decoder.heldBytes).toBeLessThanOrEqual(CUT_REQUEST_BYTES_KEPT);
  });

  it('applies new limits to the next header, in the middle of a request too', () => {
    const decoder = new Decoder(STRANGER_LIMITS);
    decoder.feed(Buffer.from('*2\r\n$4\r\nECHO\r\n'));
    expect(decoder.next()).toBe(NEED_MORE);
    decoder.settle();
    decoder.setLimits(REDIS_LIMITS);
    decoder.feed(Buffer.from(`$20000\r\n${'x'.repeat(20_000)}\r\n`));
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.length(1)).toBe(20_000);
  });

  it('stays ended after an error, whatever comes', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    decoder.feed(Buffer.from('*x\r\n*1\r\n$4\r\nPING\r\n'));
    expect(decoder.next()).toBe(PROTOCOL_ERROR);
    expect(decoder.next()).toBe(PROTOCOL_ERROR);
    decoder.settle();
    decoder.feed(encodedText('PING'));
    expect(decoder.next()).toBe(PROTOCOL_ERROR);
    expect(decoder.error?.code).toBe('ERR');
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('decodes a hundred thousand empty lines and requests without recursion', () => {
    const decoder = new Decoder(REDIS_LIMITS);
    decoder.feed(Buffer.from('\r\n*0\r\n'.repeat(100_000)));
    expect(decoder.next()).toBe(NEED_MORE);
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('takes a bulk of 64 MB with memory of about twice that', () => {
    const size = 64 * 1024 * 1024;
    const decoder = new Decoder(REDIS_LIMITS);
    decoder.feed(Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${size}\r\n`));
    expect(decoder.next()).toBe(NEED_MORE);
    decoder.settle();
    const piece = Buffer.alloc(65_536, 0x61);
    for (let sent = 0; sent < size; sent += piece.length) {
      decoder.feed(piece);
      expect(decoder.next()).toBe(NEED_MORE);
      decoder.settle();
    }
    expect(decoder.heldBytes).toBeLessThan(size + 100);
    decoder.feed(Buffer.from('\r\n'));
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.length(2)).toBe(size);
    decoder.settle();
    expect(decoder.heldBytes).toBe(0);
  });
});

describe('request', () => {
  it('can be made of words', () => {
    const request = Request.of('SET', Uint8Array.of(0, 255), '');
    expect(request.argc).toBe(3);
    expect(request.text(0)).toBe('SET');
    expect([...request.copy(1)]).toEqual([0, 255]);
    expect(request.length(2)).toBe(0);
    expect(request.end(1) - request.start(1)).toBe(2);
  });
});
