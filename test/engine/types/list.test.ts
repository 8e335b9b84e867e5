import { describe, expect, it } from 'vitest';
import { COLLECTION_LIMITS_DEFAULT } from '../../../src/base/collection-limits.ts';
import { Prng } from '../../../src/base/prng.ts';
import { type Database, MISSING, OK, type Outcome } from '../../../src/engine/database.ts';
import { encodeElement, Scratch } from '../../../src/engine/listpack-element.ts';
import { createList, List } from '../../../src/engine/types/list.ts';
import { NODE_HEAD_BYTES } from '../../../src/engine/types/list-chain.ts';
import { ListCursor } from '../../../src/engine/types/list-cursor.ts';
import { LargeList } from '../../../src/engine/types/list-large.ts';
import { nodeBytesMax, nodeElementsMax } from '../../../src/engine/types/list-limits.ts';
import { ElementRun } from '../../../src/engine/types/list-run.ts';
import { seed } from '../../support/seed.ts';
import { bytesOf, look, PROPERTY_TIMEOUT_MS, remove, runsFor, testShard } from '../support.ts';

const OPERATIONS = 200;

function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function runOf(...elements: string[]): ElementRun {
  const run = new ElementRun();
  for (const element of elements) run.add(latin(element), 0, element.length);
  return run;
}

function encoded(element: string): Scratch {
  const scratch = new Scratch();
  encodeElement(latin(element), 0, element.length, scratch);
  return scratch;
}

/** Links, counts and bounds of every node, and that no byte is charged twice or forgotten. */
function checkChain(large: LargeList): void {
  const { chain } = large;
  let nodes = 0;
  let elements = 0;
  let bytes = 0;
  let before: number = MISSING;
  for (let node = chain.first; node !== MISSING; node = chain.nextOf(node)) {
    expect(chain.previousOf(node)).toBe(before);
    expect(chain.countIn(node)).toBeGreaterThan(0);
    expect(chain.bytesIn(node)).toBeLessThanOrEqual(chain.capacityOf(node));
    const at = chain.listpackOf(node);
    const space = chain.arena.offsetOf(node) + NODE_HEAD_BYTES;
    expect(at).toBeGreaterThanOrEqual(space);
    expect(at + chain.bytesIn(node)).toBeLessThanOrEqual(space + chain.capacityOf(node));
    expect(chain.arena.bytesOf(node)[at + chain.bytesIn(node) - 1]).toBe(0xff);
    nodes++;
    elements += chain.countIn(node);
    bytes += chain.arena.blockBytes(node);
    before = node;
  }
  expect(chain.last).toBe(before);
  expect(nodes).toBe(chain.nodes);
  expect(elements).toBe(large.size);
  expect(bytes).toBe(large.heldBytes());
}

/** A list at a key beside an array that says what it should hold. */
class Pair {
  readonly world = testShard();
  readonly database: Database;
  readonly model: string[] = [];
  private readonly list = new List();
  private readonly cursor = new ListCursor();

  constructor(setting: number) {
    this.world.shard.world.collections = { ...COLLECTION_LIMITS_DEFAULT, listMaxListpackSize: setting };
    this.database = this.world.shard.realm(0).database(0);
  }

  get used(): number {
    return this.world.shard.realm(0).account.usedBytes();
  }

  /** The list, aimed anew as every command does. */
  get opened(): List {
    return this.list.open(this.database, look(this.database, 'findForWrite', 'list'));
  }

  get large(): LargeList | undefined {
    if (this.model.length === 0) return undefined;
    const value = this.database.largeValue(this.opened.entry);
    return value instanceof LargeList ? value : undefined;
  }

  push(atHead: boolean, ...elements: string[]): boolean {
    const run = runOf(...elements);
    const key = bytesOf('list');
    let outcome: Outcome;
    const [only = ''] = elements;
    if (this.model.length === 0) outcome = createList(this.database, key, 0, key.length, run);
    else if (elements.length > 1) outcome = this.opened.push(run, atHead);
    else outcome = this.opened.pushOne(latin(only), 0, only.length, atHead);
    if (outcome === OK) this.model.splice(atHead ? 0 : this.model.length, 0, ...elements);
    return outcome === OK;
  }

  insert(index: number, behind: boolean, element: string): void {
    const list = this.opened;
    expect(list.seek(index, this.cursor)).toBe(true);
    if (list.insert(this.cursor, behind, encoded(element)) === OK) {
      this.model.splice(behind ? index + 1 : index, 0, element);
    }
  }

  replace(index: number, element: string): void {
    const list = this.opened;
    expect(list.seek(index - this.model.length, this.cursor)).toBe(true);
    if (list.replace(this.cursor, encoded(element)) === OK) this.model[index] = element;
  }

  pop(atHead: boolean): void {
    this.opened.pop(atHead);
    if (atHead) this.model.shift();
    else this.model.pop();
  }

  removeRange(index: number, count: number): void {
    this.opened.removeRange(index, count);
    this.model.splice(index, count);
  }

  removeEqual(element: string, limit: number, backward: boolean): void {
    let expected = 0;
    while (expected < limit) {
      const at = backward ? this.model.lastIndexOf(element) : this.model.indexOf(element);
      if (at < 0) break;
      this.model.splice(at, 1);
      expected++;
    }
    expect(this.opened.removeEqual(encoded(element), limit, backward)).toBe(expected);
  }

  /** What is long goes in slices. */
  remove(): void {
    remove(this.database, 'list');
    while (this.world.shard.reclaim(1000));
  }

  /** Everything forth and back, and single elements from both ends. */
  verify(): void {
    const ref = look(this.database, 'peek', 'list');
    expect(ref !== MISSING).toBe(this.model.length > 0);
    if (ref === MISSING) return;
    const list = this.opened;
    expect(list.size).toBe(this.model.length);
    expect(this.walked(0, 'next')).toEqual(this.model);
    expect(this.walked(-1, 'previous').reverse()).toEqual(this.model);
    for (let index = 0; index < this.model.length; index += 1 + (this.model.length >> 4)) {
      expect(list.seek(index, this.cursor)).toBe(true);
      expect(this.text()).toBe(this.model[index]);
    }
    expect(list.seek(this.model.length, this.cursor)).toBe(false);
    expect(list.seek(-this.model.length - 1, this.cursor)).toBe(false);
    if (this.large !== undefined) checkChain(this.large);
    this.world.shard.arena.check();
  }

  private walked(from: number, step: 'next' | 'previous'): string[] {
    const texts: string[] = [];
    for (let there = this.opened.seek(from, this.cursor); there; there = this.cursor[step]()) texts.push(this.text());
    return texts;
  }

  private text(): string {
    const { bytes, start, end } = this.cursor.read();
    return Buffer.from(bytes.subarray(start, end)).toString('latin1');
  }
}

/** Short and long, text and integers of every width, a few of them over and over. */
function element(prng: Prng, longest: number): string {
  const kind = prng.below(8);
  if (kind < 3) return `${prng.below(5)}`;
  if (kind === 3) return `${(prng.below(2) * 2 - 1) * 2 ** prng.below(53)}`;
  if (kind === 4) return ['-9223372036854775808', '9223372036854775807', '', '\0\xff'][prng.below(4)] ?? '';
  if (kind === 5) return String.fromCharCode(prng.below(256)).repeat(prng.below(longest));
  return `element:${prng.below(50)}`;
}

function operate(pair: Pair, prng: Prng, longest: number, growing: boolean): void {
  const { model } = pair;
  const fresh = () => element(prng, longest);
  const index = prng.below(Math.max(1, model.length));
  const chosen = prng.below(growing ? 9 : 14);
  if (model.length === 0 || chosen < 2) pair.push(prng.below(2) === 0, fresh());
  else if (chosen < 4) pair.push(prng.below(2) === 0, ...Array.from({ length: 1 + prng.below(40) }, fresh));
  else if (chosen === 4) pair.insert(index, prng.below(2) === 0, fresh());
  else if (chosen === 5) pair.replace(index, fresh());
  else if (chosen === 6) pair.pop(prng.below(2) === 0);
  else if (chosen === 7) pair.removeEqual(model[index] ?? '', 1 + prng.below(4), prng.below(2) === 0);
  else if (chosen === 8) pair.insert(index, true, model[index] ?? '');
  else if (chosen === 9) pair.removeRange(index, 1 + prng.below(model.length - index));
  else if (chosen === 10) pair.removeEqual(`${prng.below(5)}`, Number.POSITIVE_INFINITY, prng.below(2) === 0);
  else pair.pop(prng.below(2) === 0);
}

describe('a list behaves as an array does', () => {
  for (const setting of [-1, -2, 1, 3, 128]) {
    it(`with list-max-listpack-size ${setting}, and gives back every byte`, { timeout: PROPERTY_TIMEOUT_MS }, () => {
      const prng = new Prng(seed + setting);
      for (let round = 0; round < runsFor(OPERATIONS * 3); round++) {
        const pair = new Pair(setting);
        const before = pair.used;
        const longest = [10, 100, 3000, 20_000][round % 4] ?? 10;
        for (let i = 0; i < OPERATIONS; i++) {
          operate(pair, prng, longest, i < OPERATIONS / 2);
          if (i % 40 === 0) pair.verify();
        }
        pair.verify();
        pair.remove();
        expect(pair.used).toBe(before);
        expect(pair.world.shard.arena.allocatedBytes).toBe(pair.used);
      }
    });
  }
});

describe('a list', () => {
  it('has small nodes whatever is done in its middle', () => {
    const pair = new Pair(-1);
    const prng = new Prng(seed);
    for (let i = 0; i < 400; i++) pair.push(false, `${'x'.repeat(50)}${i}`);
    for (let i = 0; i < 400; i++) pair.insert(prng.below(pair.model.length), true, 'y'.repeat(prng.below(300)));
    for (let i = 0; i < 400; i++) pair.replace(prng.below(pair.model.length), 'z'.repeat(prng.below(300)));
    pair.verify();
    const { large } = pair;
    if (large === undefined) throw new Error('the list is large');
    for (let node = large.chain.first; node !== MISSING; node = large.chain.nextOf(node)) {
      expect(large.chain.bytesIn(node)).toBeLessThanOrEqual(nodeBytesMax(-1));
    }
    const payload = pair.model.reduce((sum, each) => sum + each.length + 3, 0);
    expect(large.heldBytes()).toBeLessThan(payload * 1.5);
  });

  it('keeps its nodes full when it grows at an end, one element at a time or many', () => {
    for (const atHead of [true, false]) {
      for (const together of [1, 100]) {
        const pair = new Pair(-2);
        const elements = Array.from({ length: together }, (_, i) => `element number ${i}`);
        for (let i = 0; i < 5000; i += together) pair.push(atHead, ...elements);
        const payload = pair.model.reduce((sum, each) => sum + each.length + 2, 0);
        expect(pair.large?.heldBytes()).toBeLessThan(payload * 1.2);
        pair.verify();
      }
    }
  });

  it('gives memory back when its elements become few, and is small again at last', () => {
    const pair = new Pair(-2);
    for (let i = 0; i < 5000; i++) pair.push(false, `element number ${i}`);
    const full = pair.used;
    while (pair.model.length > 500) pair.removeRange(pair.model.length >> 1, 1);
    pair.verify();
    expect(pair.used).toBeLessThan(full / 4);
    while (pair.model.length > 10) pair.pop(true);
    expect(pair.opened.isLarge).toBe(false);
    pair.verify();
    pair.push(false, ...Array.from({ length: 3000 }, (_, i) => `again ${i}`));
    expect(pair.opened.isLarge).toBe(true);
    pair.verify();
  });

  it('of elements larger than a node has each of them alone', () => {
    const pair = new Pair(-1);
    for (let i = 0; i < 6; i++) pair.push(i % 2 === 0, `${i}`.repeat(10_000));
    pair.insert(3, false, 'between');
    pair.replace(2, 'short');
    pair.replace(4, 'w'.repeat(30_000));
    pair.verify();
    const { large } = pair;
    expect(large?.chain.nodes).toBe(7);
    while (pair.model.length > 0) pair.pop(pair.model.length % 2 === 0);
    pair.verify();
    expect(pair.world.shard.arena.allocatedBytes).toBe(pair.used);
  });

  it('is copied as it is, and the copy is another', () => {
    const pair = new Pair(3);
    pair.push(false, ...Array.from({ length: 100 }, (_, i) => `${i}`));
    const { large } = pair;
    const before = pair.used;
    const copy = large?.copy();
    if (copy === undefined) throw new Error('there is memory');
    checkChain(copy);
    expect(copy.size).toBe(100);
    pair.removeRange(0, 50);
    expect(copy.size).toBe(100);
    copy.drain(10);
    expect(copy.effort()).toBeGreaterThan(0);
    while (copy.drain(10) === 10);
    expect(copy.effort()).toBe(0);
    expect(copy.heldBytes()).toBe(0);
    pair.push(false, ...Array.from({ length: 50 }, (_, i) => `${i}`));
    expect(pair.used).toBeLessThanOrEqual(before * 1.1);
  });

  it('loses nothing when the arena is full in the midst of a change', { timeout: PROPERTY_TIMEOUT_MS }, () => {
    const prng = new Prng(seed);
    for (const setting of [-1, 4]) {
      const pair = new Pair(setting);
      const before = pair.used;
      const { arena } = pair.world.shard;
      const allocate = arena.allocate.bind(arena);
      let failing = 0;
      arena.allocate = (bytes) => (failing > 0 && prng.below(failing) === 0 ? MISSING : allocate(bytes));
      for (let i = 0; i < 3000; i++) {
        failing = i % 100 < 20 ? 0 : 1 + prng.below(3);
        operate(pair, prng, i % 3 === 0 ? 6000 : 100, i % 600 < 400);
        if (i % 20 === 0) pair.verify();
      }
      failing = 0;
      pair.verify();
      pair.remove();
      expect(pair.used).toBe(before);
      expect(arena.allocatedBytes).toBe(pair.used);
    }
  });
});

describe('list-max-listpack-size', () => {
  it('is read as redis-server reads it', () => {
    expect([-1, -2, -3, -4, -5, -9].map((setting) => nodeBytesMax(setting) + NODE_HEAD_BYTES)).toEqual([
      4096, 8192, 16_384, 32_768, 65_536, 65_536,
    ]);
    expect([0, 1, 128, 40_000].map(nodeElementsMax)).toEqual([1, 1, 128, 32_767]);
    expect(nodeBytesMax(128) + NODE_HEAD_BYTES).toBe(8192);
  });
});
