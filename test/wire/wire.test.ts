import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/resp/decoder.ts';
import { drain, eventsOf, limitsOf, type WireCase, wireCases } from './case.ts';

/** Every split of a short case; of a long one its ends, where the structure is, and a sample between them. */
function splits(length: number): number[] {
  const points: number[] = [];
  for (let at = 0; at <= length; at++) {
    if (length <= 1000 || at < 40 || at > length - 40 || at % 4093 === 0 || Math.abs(at - 65537) < 3) points.push(at);
  }
  return points;
}

function inOrder(test: WireCase): void {
  const limits = limitsOf(test.flags);
  expect(eventsOf([test.bytes], limits), 'whole').toEqual(test.events);
  for (const at of splits(test.bytes.length)) {
    const halves = [test.bytes.subarray(0, at), test.bytes.subarray(at)];
    expect(eventsOf(halves, limits), `cut at ${at}`).toEqual(test.events);
  }
  const single = Array.from(test.bytes, (byte) => Uint8Array.of(byte));
  expect(eventsOf(single, limits), 'one byte at a time').toEqual(test.events);
}

/** A connection that waits (a blocking command) keeps receiving; everything is decoded when it goes on. */
function afterWaiting(test: WireCase, size: number): void {
  const decoder = new Decoder(limitsOf(test.flags));
  for (let at = 0; at < test.bytes.length; at += size) {
    decoder.feed(test.bytes.slice(at, at + size));
    if (at % 3 === 0) decoder.settle();
  }
  const events: string[] = [];
  if (drain(decoder, events) && decoder.bufferedBytes > 0) events.push(`left ${decoder.bufferedBytes}`);
  expect(events, `waiting, ${size} at a time`).toEqual(test.events);
}

const cases = wireCases();

describe.each([...new Set(cases.map((test) => test.file))])('%s', (file) => {
  for (const test of cases.filter((other) => other.file === file)) {
    it(test.title, () => {
      inOrder(test);
      for (const size of [1, 7, 64, 4096]) afterWaiting(test, size);
    });
  }
});
