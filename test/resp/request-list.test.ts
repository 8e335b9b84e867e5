/** Requests that are kept come back as they were, in order, however many and however large. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Request } from '../../src/resp/request.ts';
import { RequestList } from '../../src/resp/request-list.ts';
import { runsFor } from '../engine/support.ts';

const word = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(513).fill(9), new Uint8Array(1024).fill(1)) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(5000).fill(7)) },
);
const words = fc.oneof(
  { weight: 8, arbitrary: fc.array(word, { minLength: 1, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.array(fc.uint8Array({ maxLength: 3 }), { minLength: 40, maxLength: 90 }) },
);

function textOf(request: Request): string {
  return Array.from({ length: request.argc }, (_, at) => `${request.length(at)}:${request.text(at)}`).join(' ');
}

/** A request in the middle of other bytes, as the decoder gives it. */
function amidst(parts: readonly Uint8Array[]): Request {
  const plain = Request.of(...parts);
  const request = new Request();
  request.bytes = Buffer.concat([Buffer.from('before'), plain.bytes, Buffer.from('behind')]);
  while (request.offsets.length < 2 * parts.length) request.growOffsets();
  for (let i = 0; i < 2 * parts.length; i++) request.offsets[i] = 6 + (plain.offsets[i] as number);
  request.argc = parts.length;
  return request;
}

describe('a list of requests', () => {
  it('gives back what was put in, again and again', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 60 }), (requests) => {
        const list = new RequestList();
        const expected: string[] = [];
        let bytes = 0;
        for (const parts of requests) {
          const request = amidst(parts);
          bytes += RequestList.bytesOf(request);
          expected.push(textOf(request));
          list.add(request);
          request.bytes.fill(0);
        }
        expect(list.count).toBe(requests.length);
        expect(list.heldBytes).toBeGreaterThanOrEqual(bytes);
        const shared = new Request();
        for (let round = 0; round < 2; round++) {
          const found: string[] = [];
          for (const request of list.each(shared)) {
            found.push(textOf(request));
            expect(request.wireBytes).toBe(request.end(request.argc - 1) - request.start(0));
          }
          expect(found).toEqual(expected);
          shared.release();
        }
      }),
      { numRuns: runsFor(40) },
    );
  });

  it('holds a million small ones in little more than their bytes', () => {
    const list = new RequestList();
    const request = Request.of('SET', 'k', 'v');
    for (let i = 0; i < 1_000_000; i++) list.add(request);
    expect(list.heldBytes).toBeLessThan(2 * 1_000_000 * RequestList.bytesOf(request) + 1024);
    let count = 0;
    for (const each of list.each(new Request())) count += each.argc;
    expect(count).toBe(3_000_000);
  });
});
