import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COLLECTION_LIMITS_DEFAULT, type CollectionLimits } from '../../../src/base/collection-limits.ts';
import { KeyedHash } from '../../../src/base/hash.ts';
import { Prng } from '../../../src/base/prng.ts';
import { Account } from '../../../src/engine/account.ts';
import { Arena } from '../../../src/engine/arena.ts';
import { NO_ROOM, OK } from '../../../src/engine/database.ts';
import { totalBytes } from '../../../src/engine/listpack.ts';
import { isValid } from '../../../src/engine/listpack-check.ts';
import { ElementView } from '../../../src/engine/listpack-element.ts';
import { IdPlace } from '../../../src/engine/types/id-tree.ts';
import { Stream } from '../../../src/engine/types/stream.ts';
import { StreamCursor } from '../../../src/engine/types/stream-cursor.ts';
import { deleteEntry, trim } from '../../../src/engine/types/stream-edit.ts';
import { Request } from '../../../src/resp/request.ts';
import { seed } from '../../support/seed.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../support.ts';
import { bigOf, idOfBig } from './stream-support.ts';

interface Entry {
  readonly id: bigint;
  readonly pairs: readonly string[];
}

const LAST = 2n ** 128n - 1n;
const FIELDS = ['f', 'g', '12', '-1', 'temperature'];
const VALUES = ['v', '', '0', '127', '-4097', '9223372036854775807', '01', '\0\xff', 'w'.repeat(70), 'w'.repeat(900)];

/** A stream beside a plain array of its entries. */
class Pair {
  readonly account = new Account();
  readonly arena: Arena;
  readonly stream: Stream;
  readonly limits: CollectionLimits;
  model: Entry[] = [];
  last = 0n;
  private readonly cursor = new StreamCursor();
  private readonly field = new ElementView();
  private readonly value = new ElementView();

  constructor(entries = 10, bytes = 4096, arena = new Arena(true)) {
    this.arena = arena;
    this.limits = { ...COLLECTION_LIMITS_DEFAULT, streamNodeMaxEntries: entries, streamNodeMaxBytes: bytes };
    this.stream = new Stream({ arena, account: this.account, hash: new KeyedHash(1, 2) });
  }

  append(id: bigint, pairs: readonly string[]): number {
    const request = Request.of(...pairs);
    const bytes = pairs.reduce((sum, word) => sum + word.length, 0);
    const outcome = this.stream.append(idOfBig(id), request, 0, pairs.length / 2, bytes, this.limits);
    if (outcome !== OK) return outcome;
    this.model.push({ id, pairs });
    this.last = id;
    return OK;
  }

  delete(id: bigint): void {
    expect(deleteEntry(this.stream, idOfBig(id))).toBe(this.model.some((entry) => entry.id === id));
    this.model = this.model.filter((entry) => entry.id !== id);
  }

  range(stream: Stream, start: bigint, end: bigint, isReverse: boolean): Entry[] {
    const { cursor, field, value } = this;
    const found: Entry[] = [];
    const text = (view: ElementView) => Buffer.from(view.bytes.subarray(view.start, view.end)).toString('latin1');
    cursor.begin(stream.blocks, idOfBig(start), idOfBig(end), isReverse);
    while (cursor.next()) {
      const pairs: string[] = [];
      for (let i = 0; i < cursor.fields; i++) {
        cursor.readField(field, value);
        pairs.push(text(field), text(value));
      }
      found.push({ id: bigOf(cursor.id), pairs });
    }
    return found;
  }

  verify(stream: Stream = this.stream): void {
    stream.blocks.check();
    expect(stream.length).toBe(this.model.length);
    expect(this.range(stream, 0n, LAST, false)).toEqual(this.model);
    expect(this.range(stream, 0n, LAST, true)).toEqual([...this.model].reverse());
    expect(bigOf(stream.firstId)).toBe(this.model[0]?.id ?? 0n);
    expect(bigOf(stream.lastId)).toBe(this.last);
    const place = new IdPlace();
    for (let there = stream.blocks.first(place); there; there = stream.blocks.next(place)) {
      const ref = stream.blocks.word(place, 0);
      const bytes = this.arena.bytesOf(ref);
      const at = this.arena.offsetOf(ref);
      expect(isValid(bytes, at, totalBytes(bytes, at), true)).toBe(true);
    }
  }

  verifyRange(a: bigint, b: bigint): void {
    const inside = this.model.filter(({ id }) => id >= a && id <= b);
    expect(this.range(this.stream, a, b, false)).toEqual(inside);
    expect(this.range(this.stream, a, b, true)).toEqual(inside.reverse());
    const { cursor } = this;
    for (const id of [a, b, ...inside.slice(0, 5).map((entry) => entry.id)]) {
      const there = this.model.some((entry) => entry.id === id);
      expect(this.stream.has(idOfBig(id))).toBe(there);
      expect(cursor.moveTo(this.stream.blocks, idOfBig(id))).toBe(there);
    }
  }

  drainAll(): void {
    while (this.stream.drain(7) >= 7);
    expect(this.arena.allocatedBytes).toBe(0);
    expect(this.account.usedBytes()).toBe(0);
    this.arena.check();
  }
}

/** Mostly a little behind the last, sometimes across the halves of a number, sometimes far. */
function nextId(prng: Prng, last: bigint): bigint {
  const kind = prng.below(40);
  if (kind === 0) return last + (1n << 64n) - 3n;
  if (kind === 1) return ((last >> 64n) + 1n) << 64n;
  if (kind === 2) return last + 2n ** 32n;
  return last + BigInt(1 + prng.below(5));
}

function somePairs(prng: Prng): string[] {
  const one = (words: readonly string[]) => words[prng.below(words.length)] as string;
  const count = prng.below(10) === 0 ? 1 + prng.below(6) : 2;
  return Array.from({ length: count }, (_, i) => [
    prng.below(5) === 0 ? one(FIELDS) : (FIELDS[i % 5] as string),
    one(VALUES),
  ]).flat();
}

function trimmed(pair: Pair, prng: Prng): void {
  const byLength = prng.below(2) === 0;
  const length = prng.below(pair.model.length + 3);
  const at = pair.model[prng.below(Math.max(1, pair.model.length))]?.id ?? 5n;
  const goal = byLength ? ({ kind: 'length', length } as const) : ({ kind: 'from', id: idOfBig(at) } as const);
  const isApproximate = prng.below(3) === 0;
  const gone = trim(pair.stream, { goal, isApproximate, limit: isApproximate ? prng.below(30) : 0 });
  const wanted = byLength ? Math.max(0, pair.model.length - length) : pair.model.filter(({ id }) => id < at).length;
  if (isApproximate) expect(gone).toBeLessThanOrEqual(wanted);
  else expect(gone).toBe(wanted);
  pair.model = pair.model.slice(gone);
}

const STEPS = 250;

describe('a stream', () => {
  test('holds what a sorted array holds, whatever is appended, deleted and trimmed', {
    timeout: PROPERTY_TIMEOUT_MS,
  }, () => {
    const entries = fc.constantFrom(0, 1, 3, 10, 100);
    fc.assert(
      fc.property(fc.nat(), entries, fc.constantFrom(0, 64, 700, 4096), (number, entriesMax, bytesMax) => {
        const prng = new Prng(number);
        const pair = new Pair(entriesMax, bytesMax);
        for (let step = 0; step < STEPS; step++) {
          const kind = prng.below(100);
          if (kind < 70) expect(pair.append(nextId(prng, pair.last), somePairs(prng))).toBe(OK);
          else if (kind < 90) pair.delete(pair.model[prng.below(Math.max(1, pair.model.length))]?.id ?? 3n);
          else trimmed(pair, prng);
          expect(pair.account.usedBytes()).toBe(pair.stream.heldBytes());
        }
        pair.verify();
        for (let i = 0; i < 5; i++) {
          const [a, b] = [pair.last / BigInt(1 + prng.below(4)), pair.last - BigInt(prng.below(100))];
          pair.verifyRange(a < 0n ? 0n : a, b < 0n ? 0n : b);
        }
        pair.drainAll();
      }),
      { numRuns: runsFor(STEPS) },
    );
  });

  test('is copied whole, and the copy has a life of its own', () => {
    const prng = new Prng(seed);
    const pair = new Pair();
    for (let i = 0; i < 300; i++) pair.append(nextId(prng, pair.last), somePairs(prng));
    for (let i = 0; i < 60; i++) pair.delete(pair.model[prng.below(pair.model.length)]?.id ?? 0n);
    const group = pair.stream.addGroup(Buffer.from('g'), 0, 1, idOfBig(5n), 7n);
    const alice = group?.addConsumer(Buffer.from('alice'), 0, 5, 1000);
    for (const { id } of pair.model) if (alice !== undefined) group?.deliver(idOfBig(id), alice, 2000);
    const copy = pair.stream.copy();
    if (copy === undefined) throw new Error('there is memory enough');
    pair.verify(copy);
    expect(copy.heldBytes()).toBeLessThanOrEqual(pair.stream.heldBytes());
    expect(copy.groups[0]?.pending.size).toBe(pair.model.length);
    copy.groups[0]?.check();
    for (const { id } of pair.model) deleteEntry(copy, idOfBig(id));
    expect(copy.length).toBe(0);
    pair.verify();
    while (copy.drain(10) >= 10);
    expect(pair.account.usedBytes()).toBe(pair.stream.heldBytes());
    pair.drainAll();
  });

  test('that gets no memory stays as it was, in whatever step that happens', () => {
    const prng = new Prng(seed);
    const pair = new Pair(4, 500);
    const { arena } = pair;
    const allocate = arena.allocate.bind(arena);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const allowed = prng.below(3);
      let calls = 0;
      arena.allocate = (bytes) => (calls++ < allowed ? allocate(bytes) : 0);
      if (pair.append(nextId(prng, pair.last), somePairs(prng)) === NO_ROOM) refused++;
      if (i % 100 === 99) expect(pair.stream.copy() === undefined).toBe(true);
      arena.allocate = allocate;
      if (prng.below(3) === 0) pair.delete(pair.model[prng.below(Math.max(1, pair.model.length))]?.id ?? 3n);
      expect(pair.account.usedBytes()).toBe(pair.stream.heldBytes());
      expect(arena.allocatedBytes).toBe(pair.stream.heldBytes());
      if (i % 50 === 0) pair.verify();
    }
    expect(refused).toBeGreaterThan(100);
    pair.verify();
    pair.drainAll();
  });

  test('counts thousands of deleted entries in one block without needing memory', () => {
    const pair = new Pair(0, 0);
    for (let i = 1; i <= 6000; i++) pair.append(BigInt(i), ['f', 'v']);
    expect(pair.stream.blocks.size).toBe(1);
    pair.arena.allocate = () => 0;
    for (const left of [5990, 5873, 5872, 1905, 1904, 6]) {
      trim(pair.stream, { goal: { kind: 'length', length: left }, isApproximate: false, limit: 0 });
      pair.model = pair.model.slice(-left);
      pair.verify();
    }
    for (let i = 5995; i < 6000; i++) pair.delete(BigInt(i));
    pair.verify();
  });

  test('bears an ID that an emptied block began with, when the last ID was taken back', () => {
    const pair = new Pair(3);
    for (const id of [10n, 11n, 12n]) pair.append(id, ['f', 'v']);
    // Only entries in front of the goal go: the block stays, without a living one.
    pair.delete(12n);
    trim(pair.stream, { goal: { kind: 'from', id: idOfBig(12n) }, isApproximate: false, limit: 0 });
    pair.model = [];
    expect(pair.stream.blocks.size).toBe(1);
    pair.stream.lastId.copyFrom(idOfBig(2n));
    for (const id of [3n, 10n, 13n, 14n]) expect(pair.append(id, ['g', `${id}`])).toBe(OK);
    expect(pair.range(pair.stream, 0n, LAST, false).map(({ id }) => id)).toEqual([3n, 10n, 13n, 14n]);
    pair.stream.blocks.check();
    for (const id of [3n, 10n, 13n, 14n]) pair.delete(id);
    pair.drainAll();
  });

  test('gives back what its last block has too much when the next one begins', () => {
    const pair = new Pair(100, 4096, new Arena(false));
    for (let i = 1; i <= 10_000; i++) pair.append(BigInt(i), ['temperature', '21', 'humidity', '48']);
    // Flags, two differences, two values and the count: two bytes each.
    expect(pair.stream.heldBytes() / 10_000).toBeLessThan(14);
  });
});
