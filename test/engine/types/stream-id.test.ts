import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ID_ANY_SEQUENCE,
  ID_INVALID,
  ID_WHOLE,
  ID_WITHOUT_SEQUENCE,
  parseStreamId,
  STREAM_ID_TEXT_BYTES,
  StreamId,
} from '../../../src/engine/types/stream-id.ts';
import { bigOf, idOf, textOf } from './stream-support.ts';

const MAX = 2n ** 64n - 1n;
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX }),
  fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, MAX - 1n, MAX),
);

function parsed(text: string): string {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  const id = new StreamId(7, 7, 7, 7);
  const form = parseStreamId(bytes, 1, bytes.length - 1, id);
  return form === ID_INVALID ? 'invalid' : `${form}:${textOf(id)}`;
}

describe('a stream ID', () => {
  test('is read and written exactly, up to the last', () => {
    fc.assert(
      fc.property(number, number, (ms, seq) => {
        expect(parsed(`${ms}-${seq}`)).toBe(`${ID_WHOLE}:${ms}-${seq}`);
        expect(parsed(`${ms}`)).toBe(`${ID_WITHOUT_SEQUENCE}:${ms}-0`);
        expect(parsed(`${ms}-*`)).toBe(`${ID_ANY_SEQUENCE}:${ms}-0`);
        expect(bigOf(idOf(`${ms}-${seq}`))).toBe((ms << 64n) | seq);
      }),
    );
  });

  test('is ordered as the 128 bits it is', () => {
    fc.assert(
      fc.property(number, number, number, number, (aMs, aSeq, bMs, bSeq) => {
        const a = (aMs << 64n) | aSeq;
        const b = (bMs << 64n) | bSeq;
        const compared = idOf(`${aMs}-${aSeq}`).compare(idOf(`${bMs}-${bSeq}`));
        expect(Math.sign(compared)).toBe(a === b ? 0 : a < b ? -1 : 1);
      }),
    );
  });

  test('has one before and one after it, but for the ends', () => {
    fc.assert(
      fc.property(number, number, (ms, seq) => {
        const whole = (ms << 64n) | seq;
        const after = idOf(`${ms}-${seq}`);
        const before = idOf(`${ms}-${seq}`);
        expect(after.increment()).toBe(whole < 2n ** 128n - 1n);
        expect(before.decrement()).toBe(whole > 0n);
        expect(bigOf(after)).toBe(whole < 2n ** 128n - 1n ? whole + 1n : whole);
        expect(bigOf(before)).toBe(whole > 0n ? whole - 1n : whole);
      }),
    );
  });

  test('may be written as strtoull takes it', () => {
    expect(parsed('01-007')).toBe('1:1-7');
    expect(parsed(' +1-\t 2')).toBe('1:1-2');
    expect(parsed('1-+5')).toBe('1:1-5');
    expect(parsed('1- -5')).toBe(`1:1-${MAX - 4n}`);
    expect(parsed('1--05')).toBe(`1:1-${MAX - 4n}`);
    expect(parsed('1--0')).toBe('1:1-0');
    expect(parsed(`1--${2n ** 63n + 1n}`)).toBe(`1:1-${2n ** 63n - 1n}`);
    expect(parsed('1-2\0-3')).toBe('1:1-2');
  });

  test('is nothing else', () => {
    const none = ['', '-', '1-', '-1', '1--5', '1-x', 'x-1', '1-2-3', '1 -1', '1-1 ', '1e3', '0x10', '1.0', '+', '(1'];
    for (const text of [...none, `${MAX + 1n}`, `1-${MAX + 1n}`, `1-${'0'.repeat(126)}`, '1-**', '*', '\x001', '1- ']) {
      expect(parsed(text), JSON.stringify(text)).toBe('invalid');
    }
    expect(parsed(`1-${'0'.repeat(125)}`)).toBe('1:1-0');
  });

  test('fits the bytes that are kept for its text', () => {
    const id = new StreamId();
    id.setMax();
    expect(textOf(id)).toHaveLength(STREAM_ID_TEXT_BYTES);
    id.setTime(1_700_000_000_123);
    expect(textOf(id)).toBe('1700000000123-0');
  });
});
