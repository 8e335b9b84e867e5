/**
 * A consumer group: how far it has read, who reads, and what was delivered and not yet acknowledged.
 *
 * Pending entries are kept twice: in the group's tree with the consumer's number, the time and the count of deliveries, and
 * in the consumer's tree by ID alone, so that each can be walked in order.
 *
 * Invariants: an ID is in the group's tree exactly when it is in the tree of the consumer whose number stands there; numbers
 * index `byNumber`; everything is charged to the account, the blocks exactly, the objects as GROUP_BYTES and
 * CONSUMER_BYTES.
 *
 * Hot path: one `deliver` per entry of XREADGROUP, one `acknowledge` per ID of XACK. Budget: XREADGROUP of ten under
 * 2 us per entry, XACK of one under 1.2 us, all in; guarded by `bench/stream.ts`.
 */
import { assert } from '../../base/result.ts';
import { MISSING } from '../entry.ts';
import type { LargeValue } from '../large.ts';
import type { Ground } from '../members.ts';
import { IdPlace, IdTree } from './id-tree.ts';
import { StreamId } from './stream-id.ts';
import { copyName, freeName, indexOf, indexOfName, makeName } from './stream-names.ts';

/** What a group and a consumer take on the JavaScript heap, their blocks left out: 479 and 200 bytes on Bun, of 20,000. */
export const GROUP_BYTES = 512;
export const CONSUMER_BYTES = 240;

const TWO_32 = 4294967296;
/** Words of a pending entry in the group's tree. */
const CONSUMER = 0;
const TIME_HI = 1;
const TIME_LO = 2;
const COUNT_HI = 3;
const COUNT_LO = 4;
const PENDING_WORDS = 5;

/** Of the entries-read counter: nobody knows. */
export const UNKNOWN_READ = -1n;
/** Never yet. */
export const NEVER = -1;

export class Consumer {
  readonly name: number;
  readonly number: number;
  /** IDs delivered to it and not acknowledged. */
  readonly pending: IdTree;
  /** When it last asked, and when it last got something. */
  seen_ms: number;
  active_ms: number;

  constructor(ground: Ground, name: number, number: number, now_ms: number) {
    this.name = name;
    this.number = number;
    this.pending = new IdTree(ground, 0);
    this.seen_ms = now_ms;
    this.active_ms = NEVER;
  }
}

/** Places in the two trees, used within one call each. */
const inGroup = new IdPlace();
const inConsumer = new IdPlace();

export class Group implements LargeValue {
  readonly name: number;
  readonly lastId: StreamId;
  /** Entries ever delivered, as far as that is known; UNKNOWN_READ otherwise. `readSince` are those since it was set. */
  private readBase: bigint;
  private readSince: number;
  readonly pending: IdTree;
  /** In the order of their names. */
  readonly consumers: Consumer[];
  private readonly byNumber: (Consumer | undefined)[];
  private readonly freeNumbers: number[];
  private readonly ground: Ground;
  /** Names and objects. */
  private ownBytes: number;

  /** The name's block becomes the group's. */
  constructor(ground: Ground, name: number, lastId: StreamId, read: bigint) {
    this.name = name;
    this.lastId = new StreamId();
    this.lastId.copyFrom(lastId);
    this.readBase = read;
    this.readSince = 0;
    this.pending = new IdTree(ground, PENDING_WORDS);
    this.consumers = [];
    this.byNumber = [];
    this.freeNumbers = [];
    this.ground = ground;
    this.ownBytes = GROUP_BYTES + ground.arena.blockBytes(name);
    ground.account.charge(GROUP_BYTES);
  }

  // -- Progress --------------------------------------------------------------------------------------------------------

  get entriesRead(): bigint {
    return this.readBase === UNKNOWN_READ ? UNKNOWN_READ : this.readBase + BigInt(this.readSince);
  }

  get isReadKnown(): boolean {
    return this.readBase !== UNKNOWN_READ;
  }

  setEntriesRead(read: bigint): void {
    this.readBase = read;
    this.readSince = 0;
  }

  /** One more; only while it is known. */
  countRead(): void {
    this.readSince++;
  }

  // -- Consumers -------------------------------------------------------------------------------------------------------

  consumer(bytes: Uint8Array, start: number, end: number): Consumer | undefined {
    const index = indexOfName(this.ground.arena, this.consumers, bytes, start, end);
    return index < 0 ? undefined : this.consumers[index];
  }

  /** A consumer of a name that none has; undefined when the arena is full. */
  addConsumer(bytes: Uint8Array, start: number, end: number, now_ms: number): Consumer | undefined {
    const name = makeName(this.ground, bytes, start, end);
    if (name === MISSING) return undefined;
    const number = this.freeNumbers.pop() ?? this.byNumber.length;
    const at = -1 - indexOfName(this.ground.arena, this.consumers, bytes, start, end);
    return this.adopt(new Consumer(this.ground, name, number, now_ms), at);
  }

  private adopt(consumer: Consumer, at: number): Consumer {
    this.consumers.splice(at, 0, consumer);
    this.byNumber[consumer.number] = consumer;
    this.ground.account.charge(CONSUMER_BYTES);
    this.ownBytes += CONSUMER_BYTES + this.ground.arena.blockBytes(consumer.name);
    return consumer;
  }

  /** With all that is pending at it. */
  removeConsumer(consumer: Consumer): void {
    const id = new StreamId();
    for (let there = consumer.pending.first(inConsumer); there; there = consumer.pending.next(inConsumer)) {
      consumer.pending.readId(inConsumer, id);
      assert(this.pending.find(id, inGroup), 'what is pending at a consumer is pending in its group');
      this.pending.remove(inGroup);
    }
    consumer.pending.drain(Number.POSITIVE_INFINITY, undefined);
    this.consumers.splice(indexOf(this.ground.arena, this.consumers, consumer), 1);
    this.byNumber[consumer.number] = undefined;
    this.freeNumbers.push(consumer.number);
    this.freeConsumer(consumer);
  }

  private freeConsumer(consumer: Consumer): void {
    const bytes = CONSUMER_BYTES + this.ground.arena.blockBytes(consumer.name);
    freeName(this.ground, consumer.name);
    this.ground.account.credit(CONSUMER_BYTES);
    this.ownBytes -= bytes;
  }

  // -- Pending entries -------------------------------------------------------------------------------------------------

  consumerAt(place: IdPlace): Consumer {
    const consumer = this.byNumber[this.pending.word(place, CONSUMER)];
    assert(consumer !== undefined, 'a pending entry has a consumer');
    return consumer;
  }

  /** When it was last delivered. */
  timeAt(place: IdPlace): number {
    return this.pending.word(place, TIME_HI) * TWO_32 + (this.pending.word(place, TIME_LO) >>> 0);
  }

  setTimeAt(place: IdPlace, at_ms: number): void {
    this.pending.setWord(place, TIME_HI, Math.floor(at_ms / TWO_32));
    this.pending.setWord(place, TIME_LO, at_ms | 0);
  }

  /** How often it was delivered, as a signed 64-bit number. */
  deliveriesAt(place: IdPlace): number | bigint {
    const hi = this.pending.word(place, COUNT_HI);
    const lo = this.pending.word(place, COUNT_LO) >>> 0;
    return hi === 0 ? lo : (BigInt(hi) << 32n) | BigInt(lo);
  }

  setDeliveriesAt(place: IdPlace, count: bigint): void {
    this.pending.setWord(place, COUNT_HI, Number(count >> 32n) | 0);
    this.pending.setWord(place, COUNT_LO, Number(count & 0xffffffffn) | 0);
  }

  countDeliveryAt(place: IdPlace): void {
    const lo = (this.pending.word(place, COUNT_LO) + 1) | 0;
    this.pending.setWord(place, COUNT_LO, lo);
    if (lo === 0) this.pending.setWord(place, COUNT_HI, (this.pending.word(place, COUNT_HI) + 1) | 0);
  }

  /** Makes an ID pending at a consumer, delivered once and now, wherever it was pending before. False: the arena is full. */
  deliver(id: StreamId, consumer: Consumer, now_ms: number): boolean {
    if (this.pending.find(id, inGroup)) {
      if (!this.giveTo(id, inGroup, consumer)) return false;
    } else if (!this.addPending(id, consumer, inGroup)) return false;
    this.setTimeAt(inGroup, now_ms);
    this.pending.setWord(inGroup, COUNT_HI, 0);
    this.pending.setWord(inGroup, COUNT_LO, 1);
    return true;
  }

  /** Makes an ID pending that is not, its time and count 0, and aims the place at it. False: the arena is full. */
  addPending(id: StreamId, consumer: Consumer, place: IdPlace): boolean {
    if (!this.pending.add(id, place)) return false;
    this.pending.setWord(place, CONSUMER, consumer.number);
    if (consumer.pending.add(id, inConsumer)) return true;
    this.pending.remove(place);
    return false;
  }

  /** Makes a pending entry another consumer's. False: the arena is full and nothing has changed. */
  giveTo(id: StreamId, place: IdPlace, consumer: Consumer): boolean {
    const before = this.consumerAt(place);
    if (before === consumer) return true;
    if (!consumer.pending.add(id, inConsumer)) return false;
    this.takeFrom(before, id);
    this.pending.setWord(place, CONSUMER, consumer.number);
    return true;
  }

  private takeFrom(consumer: Consumer, id: StreamId): void {
    assert(consumer.pending.find(id, inConsumer), 'what is pending in a group is pending at its consumer');
    consumer.pending.remove(inConsumer);
  }

  /** Forgets a pending entry; the place dies. */
  removePending(id: StreamId, place: IdPlace): void {
    this.takeFrom(this.consumerAt(place), id);
    this.pending.remove(place);
  }

  /** @returns whether the ID was pending. */
  acknowledge(id: StreamId): boolean {
    if (!this.pending.find(id, inGroup)) return false;
    this.removePending(id, inGroup);
    return true;
  }

  // -- The whole -------------------------------------------------------------------------------------------------------

  effort(): number {
    return 1 + this.consumers.length + (this.pending.heldBytes >>> 9);
  }

  heldBytes(): number {
    let bytes = this.ownBytes + this.pending.heldBytes;
    for (const { pending } of this.consumers) bytes += pending.heldBytes;
    return bytes;
  }

  copy(): Group | undefined {
    const name = copyName(this.ground, this.name);
    if (name === MISSING) return undefined;
    const copy = new Group(this.ground, name, this.lastId, this.entriesRead);
    if (this.copyInto(copy)) return copy;
    copy.drain(Number.POSITIVE_INFINITY);
    return undefined;
  }

  private copyInto(copy: Group): boolean {
    for (const { name: from, number, seen_ms, active_ms } of this.consumers) {
      const name = copyName(this.ground, from);
      if (name === MISSING) return false;
      const consumer = copy.adopt(new Consumer(this.ground, name, number, seen_ms), copy.consumers.length);
      consumer.active_ms = active_ms;
    }
    for (let i = 0; i < this.byNumber.length; i++) if (this.byNumber[i] === undefined) copy.freeNumbers.push(i);
    const id = new StreamId();
    const place = new IdPlace();
    for (let there = this.pending.first(inGroup); there; there = this.pending.next(inGroup)) {
      this.pending.readId(inGroup, id);
      const consumer = copy.byNumber[this.pending.word(inGroup, CONSUMER)];
      if (consumer === undefined || !copy.addPending(id, consumer, place)) return false;
      for (let word = TIME_HI; word < PENDING_WORDS; word++) {
        copy.pending.setWord(place, word, this.pending.word(inGroup, word));
      }
    }
    return true;
  }

  drain(budget: number): number {
    let gone = this.pending.drain(budget, undefined);
    while (gone < budget) {
      const consumer = this.consumers.at(-1);
      if (consumer === undefined) break;
      gone += consumer.pending.drain(budget - gone, undefined);
      if (gone >= budget) break;
      this.freeConsumer(consumer);
      this.consumers.pop();
      gone++;
    }
    if (gone >= budget || this.ownBytes === 0) return gone;
    freeName(this.ground, this.name);
    this.ground.account.credit(GROUP_BYTES);
    this.ownBytes = 0;
    return gone + 1;
  }

  /** Throws on a broken invariant. For tests. */
  check(): void {
    this.pending.check();
    let pendings = 0;
    const id = new StreamId();
    for (const consumer of this.consumers) {
      const { pending } = consumer;
      pending.check();
      pendings += pending.size;
      assert(this.byNumber[consumer.number] === consumer, 'a consumer is found by its number');
      for (let there = pending.first(inConsumer); there; there = pending.next(inConsumer)) {
        pending.readId(inConsumer, id);
        assert(this.pending.find(id, inGroup), 'what is pending at a consumer is pending in its group');
        assert(this.consumerAt(inGroup) === consumer, 'a pending entry names its consumer');
      }
    }
    assert(pendings === this.pending.size, 'every pending entry is a consumer’s');
  }
}
