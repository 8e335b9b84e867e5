import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf, latin1 } from '../../src/base/bytes.ts';
import { Int64, parseInt64 } from '../../src/base/int64.ts';
import { INT64_MAX, INT64_MIN } from '../../src/base/integer.ts';
import { Prng } from '../../src/base/prng.ts';
import * as intset from '../../src/engine/intset.ts';
import { ElementView } from '../../src/engine/listpack-element.ts';
import { seed } from '../support/seed.ts';
import { PoisonedSegment } from './blob.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from './support.ts';

const ROOM = 8 + 8 * 80;
const member = new Int64();
const view = new ElementView();

function int64(value: bigint): Int64 {
  const bytes = bytesOf(`${value}`);
  expect(parseInt64(bytes, 0, bytes.length, member)).toBe(true);
  return member;
}

function membersOf(bytes: Uint8Array, at: number): bigint[] {
  return Array.from({ length: intset.length(bytes, at) }, (_, index) => {
    intset.readMember(bytes, at, index, view);
    return BigInt(latin1(view.bytes, view.start, view.end));
  });
}

/** A set in a poisoned segment beside the sorted array that it should be. */
class Pair {
  readonly segment = new PoisonedSegment(ROOM);
  readonly bytes = this.segment.bytes;
  readonly at = this.segment.at;
  model: bigint[] = [];
  width = 2;

  constructor() {
    intset.writeEmpty(this.bytes, this.at);
  }

  add(value: bigint): void {
    const index = intset.find(this.bytes, this.at, int64(value));
    const place = this.model.findIndex((each) => each >= value);
    const where = place === -1 ? this.model.length : place;
    const held = this.model[where] === value;
    expect(index).toBe(held ? where : -where - 1);
    if (held) return;
    const wanted = intset.bytesAfterInsert(this.bytes, this.at, int64(value));
    if (wanted > ROOM) return;
    intset.insertAt(this.bytes, this.at, -index - 1, int64(value));
    expect(intset.totalBytes(this.bytes, this.at)).toBe(wanted);
    this.model.splice(where, 0, value);
    const [small, middle] = [value === BigInt.asIntN(16, value), value === BigInt.asIntN(32, value)];
    this.width = Math.max(this.width, small ? 2 : middle ? 4 : 8);
  }

  removeAt(index: number): void {
    if (index >= this.model.length) return;
    const before = intset.totalBytes(this.bytes, this.at);
    const went = intset.removeAt(this.bytes, this.at, index);
    expect(intset.totalBytes(this.bytes, this.at)).toBe(before - went);
    this.model.splice(index, 1);
  }

  check(): void {
    const { bytes, at, model } = this;
    this.segment.expectUntouched();
    expect(membersOf(bytes, at)).toEqual(model);
    expect(intset.widthOf(bytes, at)).toBe(this.width);
    expect(intset.isValid(bytes, at, intset.totalBytes(bytes, at), true)).toBe(model.length > 0);
    for (const [index, value] of model.entries()) {
      expect(intset.valueAt(bytes, at, index)).toBe(Number(value));
      intset.memberAt(bytes, at, index, member);
      expect((BigInt(member.hi) << 32n) + BigInt(member.lo >>> 0)).toBe(value);
      expect(intset.find(bytes, at, member)).toBe(index);
    }
  }
}

const EDGES = [0n, 32767n, 32768n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, INT64_MAX].flatMap((value) => [
  value,
  value > 0n ? value - 1n : value,
  -value,
  value > 0n ? -value - 1n : value,
]);
const anyMember = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.bigInt({ min: -40n, max: 40n }),
  fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
  fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
);

describe('a set of integers', () => {
  test(
    'is what a sorted array is, over every edit and width',
    () => {
      const step = fc.record({ remove: fc.integer({ min: 0, max: 3 }), index: fc.nat(100), value: anyMember });
      const widths = fc.constantFrom(16, 32, 64);
      fc.assert(
        fc.property(widths, fc.array(step, { minLength: 40, maxLength: 120 }), (bits, steps) => {
          const pair = new Pair();
          for (const { remove, index, value } of steps) {
            if (remove === 0) pair.removeAt(index % (pair.model.length + 1));
            else pair.add(BigInt.asIntN(bits, value));
          }
          pair.check();
        }),
        { numRuns: runsFor(80) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('widens from any width to any wider, at both ends', () => {
    for (const narrow of [
      [-5n, 0n, 7n],
      [-40_000n, -1n, 40_000n],
    ]) {
      for (const wide of [40_001n, -40_001n, 2n ** 31n, -(2n ** 31n) - 1n, INT64_MAX, INT64_MIN]) {
        const pair = new Pair();
        for (const value of narrow) pair.add(value);
        pair.add(wide);
        pair.check();
      }
    }
  });

  test('tells neighbours beyond 2^53 apart', () => {
    const pair = new Pair();
    for (let off = 0n; off < 16n; off++) {
      pair.add(INT64_MAX - off);
      pair.add(INT64_MIN + off);
      pair.add(2n ** 53n + off);
      pair.add(2n ** 62n - 8n + off);
    }
    pair.check();
    expect(intset.find(pair.bytes, pair.at, int64(2n ** 53n + 16n))).toBe(-33);
  });
});

describe('a foreign set of integers', () => {
  test('is refused when it is empty, out of order or not of its size', () => {
    const pair = new Pair();
    for (const value of [3n, 1n, 2n]) pair.add(value);
    const good = pair.segment.tight(14);
    expect(intset.isValid(good, 0, 14, true)).toBe(true);
    for (const [at, size] of [
      [0, 13],
      [0, 15],
      [1, 14],
      [-1, 14],
      [0, 7],
      [0, 0],
    ] as const)
      expect(intset.isValid(good, at, size, true)).toBe(false);
    const swapped = good.slice();
    swapped.set([9, 0], 8);
    expect([intset.isValid(swapped, 0, 14, true), intset.isValid(swapped, 0, 14, false)]).toEqual([false, true]);
    const twice = good.slice();
    twice.set([2, 0], 8);
    expect(intset.isValid(twice, 0, 14, true)).toBe(false);
    for (const width of [0, 1, 3, 16, 255]) {
      const other = good.slice();
      other[0] = width;
      expect(intset.isValid(other, 0, 14, true)).toBe(false);
    }
    expect(intset.isValid(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), 0, 8, true)).toBe(false);
    expect(intset.isValid(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0x20), 0, 8, true)).toBe(false);
  });

  test('with any bytes changed is refused, or is in order and within its bounds', () => {
    const prng = new Prng(seed);
    let accepted = 0;
    for (let round = 0; round < 4_000; round++) {
      const pair = new Pair();
      for (let i = prng.below(6); i >= 0; i--) pair.add(EDGES[prng.below(EDGES.length)] ?? 0n);
      const bytes = pair.segment.tight(intset.totalBytes(pair.bytes, pair.at));
      for (let i = prng.below(3); i >= 0; i--) bytes[prng.below(bytes.length)] = prng.below(256);
      if (!intset.isValid(bytes, 0, bytes.length, true)) continue;
      accepted++;
      const members = membersOf(bytes, 0);
      expect(members).toEqual([...new Set(members)].sort((a, b) => (a < b ? -1 : 1)));
    }
    expect(accepted).toBeGreaterThan(200);
  });
});
