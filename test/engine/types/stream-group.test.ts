import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedHash } from '../../../src/base/hash.ts';
import { Prng } from '../../../src/base/prng.ts';
import { Account } from '../../../src/engine/account.ts';
import { Arena } from '../../../src/engine/arena.ts';
import { IdPlace } from '../../../src/engine/types/id-tree.ts';
import { type Consumer, Group, UNKNOWN_READ } from '../../../src/engine/types/stream-group.ts';
import { StreamId } from '../../../src/engine/types/stream-id.ts';
import { makeName } from '../../../src/engine/types/stream-names.ts';
import { seed } from '../../support/seed.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../support.ts';
import { bigOf, idOfBig } from './stream-support.ts';

interface Pending {
  consumer: string;
  time_ms: number;
  count: bigint;
}

/** A group beside a map of what is pending. */
class Pair {
  readonly account = new Account();
  readonly arena: Arena;
  readonly group: Group;
  readonly model = new Map<bigint, Pending>();
  readonly place = new IdPlace();

  constructor(arena = new Arena(true)) {
    this.arena = arena;
    const ground = { arena, account: this.account, hash: new KeyedHash(1, 2) };
    this.group = new Group(ground, makeName(ground, Buffer.from('group'), 0, 5), new StreamId(), UNKNOWN_READ);
  }

  consumer(name: string): Consumer {
    const bytes = Buffer.from(name, 'latin1');
    const found =
      this.group.consumer(bytes, 0, bytes.length) ?? this.group.addConsumer(bytes, 0, bytes.length, 1_700_000_000_000);
    if (found === undefined) throw new Error('there is memory enough');
    return found;
  }

  deliver(id: bigint, name: string, time_ms: number): void {
    expect(this.group.deliver(idOfBig(id), this.consumer(name), time_ms)).toBe(true);
    this.model.set(id, { consumer: name, time_ms, count: 1n });
  }

  claim(id: bigint, name: string, time_ms: number, count: bigint): void {
    const consumer = this.consumer(name);
    const pending = this.model.get(id);
    expect(this.group.pending.find(idOfBig(id), this.place)).toBe(pending !== undefined);
    if (pending === undefined) return;
    expect(this.group.giveTo(idOfBig(id), this.place, consumer)).toBe(true);
    this.group.setTimeAt(this.place, time_ms);
    if (count > 0n) this.group.setDeliveriesAt(this.place, count);
    else this.group.countDeliveryAt(this.place);
    this.model.set(id, { consumer: name, time_ms, count: count > 0n ? count : BigInt.asIntN(64, pending.count + 1n) });
  }

  acknowledge(id: bigint): void {
    expect(this.group.acknowledge(idOfBig(id))).toBe(this.model.delete(id));
  }

  removeConsumer(name: string): void {
    this.group.removeConsumer(this.consumer(name));
    for (const [id, { consumer }] of this.model) if (consumer === name) this.model.delete(id);
  }

  verify(group: Group = this.group): void {
    group.check();
    const { place } = this;
    const id = new StreamId();
    const found: [bigint, Pending][] = [];
    for (let there = group.pending.first(place); there; there = group.pending.next(place)) {
      group.pending.readId(place, id);
      const consumer = group.consumers.find((each) => each === group.consumerAt(place));
      const name = [...this.names()].find(
        (each) => group.consumer(Buffer.from(each, 'latin1'), 0, each.length) === consumer,
      );
      const count = BigInt(group.deliveriesAt(place));
      found.push([bigOf(id), { consumer: name ?? '?', time_ms: group.timeAt(place), count }]);
    }
    expect(found).toEqual([...this.model].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  names(): string[] {
    return NAMES;
  }

  drainAll(): void {
    while (this.group.drain(3) >= 3);
    expect(this.arena.allocatedBytes).toBe(0);
    expect(this.account.usedBytes()).toBe(0);
  }
}

const NAMES = ['alice', 'bob', '', '\0', '\xff\xfe', 'carol', 'a'];
const STEPS = 300;

function step(pair: Pair, prng: Prng): void {
  const name = NAMES[prng.below(NAMES.length)] as string;
  const id = BigInt(prng.below(400)) + (prng.below(20) === 0 ? 1n << 127n : 0n);
  const kind = prng.below(100);
  const time_ms = prng.below(3) === 0 ? 0 : 1_700_000_000_000 + prng.below(1000);
  if (kind < 60) pair.deliver(id, name, time_ms);
  else if (kind < 75) pair.claim(id, name, time_ms, prng.below(4) === 0 ? 2n ** 63n - 1n : BigInt(prng.below(3)));
  else if (kind < 98) pair.acknowledge(id);
  else pair.removeConsumer(name);
}

describe('a consumer group', () => {
  test('knows what is pending, whatever is delivered, claimed and acknowledged', {
    timeout: PROPERTY_TIMEOUT_MS,
  }, () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        const prng = new Prng(number);
        const pair = new Pair();
        for (let i = 0; i < STEPS; i++) {
          step(pair, prng);
          expect(pair.account.usedBytes()).toBe(pair.group.heldBytes());
        }
        pair.verify();
        const copy = pair.group.copy();
        if (copy === undefined) throw new Error('there is memory enough');
        pair.verify(copy);
        while (copy.drain(50) >= 50);
        pair.verify();
        pair.drainAll();
      }),
      { numRuns: runsFor(STEPS) },
    );
  });

  test('lists its consumers by their bytes', () => {
    const pair = new Pair();
    for (const name of NAMES) pair.consumer(name);
    const sorted = [...NAMES].sort();
    expect(pair.group.consumers).toEqual(sorted.map((name) => pair.consumer(name)));
  });

  test('that gets no memory stays as it was', () => {
    const prng = new Prng(seed);
    const pair = new Pair();
    const { arena } = pair;
    const allocate = arena.allocate.bind(arena);
    const consumers = NAMES.map((name) => pair.consumer(name));
    for (let i = 0; i < 3000; i++) {
      const id = BigInt(prng.below(2000));
      const number = prng.below(NAMES.length);
      const allowed = prng.below(2);
      let calls = 0;
      arena.allocate = (bytes) => (calls++ < allowed ? allocate(bytes) : 0);
      const delivered = pair.group.deliver(idOfBig(id), consumers[number] as Consumer, i);
      arena.allocate = allocate;
      if (delivered) pair.model.set(id, { consumer: NAMES[number] as string, time_ms: i, count: 1n });
      if (prng.below(3) === 0) pair.acknowledge(BigInt(prng.below(2000)));
      if (i % 200 === 0) pair.verify();
    }
    pair.verify();
    pair.drainAll();
  });
});
