import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import {
  mergeConcat,
  mergeInOrder,
  mergeRandom,
  mergeSum,
  nextScanCursor,
  splitScanCursor,
  writeScanReply,
} from '../../src/shards/merge.ts';

function text(write: (out: ReplyWriter) => void): string {
  const out = new ReplyWriter();
  write(out);
  return latin1(out.buffer, 0, out.length);
}

describe('the parts of a reply', () => {
  it('are summed, put behind one another, or put back in the order of the request', () => {
    const numbers = [':2\r\n', ':0\r\n', ':40\r\n'].map(bytesOfLatin1);
    expect(text((out) => mergeSum(numbers, out))).toBe(':42\r\n');
    const lists = ['*2\r\n$1\r\na\r\n$-1\r\n', '*0\r\n', '*1\r\n$1\r\nb\r\n'].map(bytesOfLatin1);
    expect(text((out) => mergeConcat(lists, out))).toBe('*3\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n');
    expect(text((out) => mergeInOrder(lists, [2, 0, 0], out))).toBe('*3\r\n$1\r\nb\r\n$1\r\na\r\n$-1\r\n');
  });

  it('of RANDOMKEY are drawn by the number of keys of their shard, and one that drew nothing is left out', () => {
    const parts = ['$1\r\na\r\n', '$-1\r\n', '$1\r\nb\r\n', '_\r\n'].map(bytesOfLatin1);
    const drawn = (at: number) => text((out) => mergeRandom(parts, [3, 5, 1, 5], () => at, out));
    expect([0, 1, 2, 3].map(drawn)).toEqual(['$1\r\na\r\n', '$1\r\na\r\n', '$1\r\na\r\n', '$1\r\nb\r\n']);
    const bounds: number[] = [];
    text((out) => mergeRandom(parts, [3, 5, 0, 5], (bound) => bounds.push(bound) - 1, out));
    expect(bounds).toEqual([4]);
    const none = ['$-1\r\n', '$-1\r\n'].map(bytesOfLatin1);
    expect(text((out) => mergeRandom(none, [0, 0], () => 0, out))).toBe('$-1\r\n');
  });

  it('of SCAN carry the shard in the cursor, and the cursor leads through every shard once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(4), { minLength: 9, maxLength: 9 }),
        (shards, pages) => {
          const visited: string[] = [];
          let cursor = 0;
          do {
            const asked = splitScanCursor(cursor, shards);
            visited.push(`${asked.shard}:${asked.cursor}`);
            const last = asked.cursor >= (pages[asked.shard] as number);
            cursor = nextScanCursor(last ? 0 : asked.cursor + 1, asked.shard, shards);
          } while (cursor !== 0);
          const expected: string[] = [];
          for (let shard = 0; shard < shards; shard++) {
            for (let page = 0; page <= (pages[shard] as number); page++) expected.push(`${shard}:${page}`);
          }
          expect(visited).toEqual(expected);
        },
      ),
    );
    const part = bytesOfLatin1('*2\r\n$2\r\n17\r\n*1\r\n$1\r\nk\r\n');
    expect(text((out) => writeScanReply(part, 1, 3, out))).toBe('*2\r\n$2\r\n52\r\n*1\r\n$1\r\nk\r\n');
  });

  it('of SCAN end at once for a cursor that nobody gave out', () => {
    for (const cursor of [Number.NaN, -1, 2 ** 63, 2 ** 64]) {
      expect(splitScanCursor(cursor, 3)).toEqual({ shard: 2, cursor: Number.MAX_SAFE_INTEGER });
    }
  });
});
