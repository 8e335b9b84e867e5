/**
 * Clients that wait for lists, against a plain model: lists are arrays and clients stand in one queue. Each is answered
 * once, in the order in which they came, and every element is in one place at any time.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WaitCut } from '../../src/command/ports/backend.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../engine/support.ts';
import { bulk, pair, Room } from './room.ts';

interface Waiter {
  readonly id: number;
  readonly keys: readonly string[];
  readonly end: 'LEFT' | 'RIGHT';
  readonly to: string | undefined;
}

class Model {
  readonly lists = new Map<string, string[]>();
  /** Keys that hold a string. */
  readonly strings = new Set<string>();
  waiters: Waiter[] = [];
  readonly answers = new Map<number, string>();
  private ready: string[] = [];

  push(name: string, end: 'LEFT' | 'RIGHT', elements: readonly string[]): boolean {
    if (this.strings.has(name)) return false;
    const list = this.lists.get(name) ?? [];
    this.lists.set(name, list);
    for (const element of elements) {
      if (end === 'LEFT') list.unshift(element);
      else list.push(element);
    }
    this.touched(name);
    return true;
  }

  touched(name: string): void {
    if (this.waiters.some(({ keys }) => keys.includes(name)) && !this.ready.includes(name)) this.ready.push(name);
  }

  take(name: string, end: 'LEFT' | 'RIGHT'): string | undefined {
    const list = this.lists.get(name);
    const element = end === 'LEFT' ? list?.shift() : list?.pop();
    if (list?.length === 0) this.lists.delete(name);
    return element;
  }

  /** The answer, when it can be had from this key. */
  tryOne({ id, end, to }: Waiter, name: string): boolean {
    if (!this.lists.has(name)) return false;
    if (to !== undefined && this.strings.has(to)) {
      this.answers.set(id, WRONGTYPE);
      return true;
    }
    const element = this.take(name, end) as string;
    if (to === undefined) this.answers.set(id, pair(name, element));
    else {
      this.push(to, 'RIGHT', [element]);
      this.answers.set(id, bulk(element));
    }
    return true;
  }

  serve(): void {
    while (this.ready.length > 0) {
      const { ready } = this;
      this.ready = [];
      for (const name of ready) {
        for (const waiter of this.waiters.filter(({ keys }) => keys.includes(name))) {
          if (!this.tryOne(waiter, name)) break;
          this.waiters = this.waiters.filter((other) => other !== waiter);
        }
      }
    }
  }
}

const WRONGTYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
const name = fc.constantFrom('a', 'b', 'c');
const end = fc.constantFrom('LEFT' as const, 'RIGHT' as const);
const client = fc.integer({ min: 1, max: 7 });
const write = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('push' as const), name, end, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('del' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('string' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename' as const), name, to: name }) },
);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('pop' as const),
      id: client,
      keys: fc.array(name, { minLength: 1, maxLength: 3 }),
      end,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('move' as const), id: client, name, end, to: name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      writes: fc.array(write, { minLength: 2, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      id: client,
      how: fc.constantFrom<WaitCut>('timeout', 'error', 'revoked', 'closed'),
    }),
  },
);

const CUT_ANSWERS: Readonly<Record<WaitCut, RegExp | undefined>> = {
  timeout: /^\*-1\r\n$/,
  error: /^-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n$/,
  revoked: /^-NOPERM /,
  ending: undefined,
  closed: undefined,
};

class Play {
  readonly room = new Room();
  readonly model = new Model();
  private readonly writer = 99;
  private last = 0;

  private isWaiting(id: number): boolean {
    return this.model.waiters.some((waiter) => waiter.id === id);
  }

  blocks(waiter: Waiter, words: readonly string[]): void {
    if (this.isWaiting(waiter.id)) return;
    const { model, room } = this;
    const reply = room.run(waiter.id, ...words);
    const wrong = waiter.keys.find((key) => model.strings.has(key) || model.lists.has(key));
    if (wrong !== undefined && model.strings.has(wrong)) {
      expect(reply).toBe(WRONGTYPE);
    } else if (wrong !== undefined) {
      model.tryOne(waiter, wrong);
      expect(reply).toBe(model.answers.get(waiter.id));
      model.answers.delete(waiter.id);
      model.serve();
    } else {
      expect(reply).toBeUndefined();
      model.waiters.push(waiter);
    }
  }

  writes(writes: readonly (typeof write extends fc.Arbitrary<infer Write> ? Write : never)[]): void {
    const { model, room } = this;
    const commands: string[][] = [];
    for (const one of writes) {
      if (one.kind === 'push') {
        const elements = Array.from({ length: one.count }, () => `${++this.last}`);
        commands.push([one.end === 'LEFT' ? 'LPUSH' : 'RPUSH', one.name, ...elements]);
        model.push(one.name, one.end, elements);
      } else if (one.kind === 'del') {
        commands.push(['DEL', one.name]);
        const [wasList, wasString] = [model.lists.delete(one.name), model.strings.delete(one.name)];
        if (wasList || wasString) model.touched(one.name);
      } else if (one.kind === 'string') {
        commands.push(['SET', one.name, 'string']);
        model.lists.delete(one.name);
        model.strings.add(one.name);
        model.touched(one.name);
      } else {
        commands.push(['RENAME', one.name, one.to]);
        this.renames(one.name, one.to);
      }
    }
    const [only] = commands;
    if (commands.length === 1 && only !== undefined) room.run(this.writer, ...only);
    else room.transact(this.writer, ...commands);
    model.serve();
  }

  private renames(from: string, to: string): void {
    const { lists, strings } = this.model;
    const list = lists.get(from);
    if (from === to || (list === undefined && !strings.has(from))) return;
    lists.delete(to);
    strings.delete(to);
    if (list !== undefined) lists.set(to, list);
    else strings.add(to);
    lists.delete(from);
    strings.delete(from);
    this.model.touched(from);
    this.model.touched(to);
  }

  cuts(id: number, how: WaitCut): void {
    const { model, room } = this;
    const expected = this.isWaiting(id);
    expect(room.cut(id, how)).toBe(expected);
    model.waiters = model.waiters.filter((waiter) => waiter.id !== id);
    const wanted = expected ? CUT_ANSWERS[how] : undefined;
    const heard = room.heard(id);
    expect(heard.length).toBe(wanted === undefined ? 0 : 1);
    if (wanted !== undefined) expect(heard[0]).toMatch(wanted);
  }

  /** Everybody has been told what the model says, once, and nobody else anything. */
  agree(): void {
    const { model, room } = this;
    expect(Object.fromEntries(room.served)).toEqual(
      Object.fromEntries(Array.from(model.answers, ([id, answer]) => [id, [answer]])),
    );
    room.served.clear();
    model.answers.clear();
    expect(room.executor.waiting.size).toBe(model.waiters.length);
    for (const key of ['a', 'b', 'c']) {
      const list = model.lists.get(key) ?? [];
      const expected = model.strings.has(key) ? WRONGTYPE : `*${list.length}\r\n${list.map(bulk).join('')}`;
      expect(room.run(this.writer, 'LRANGE', key, '0', '-1'), key).toBe(expected);
    }
  }
}

describe('clients that wait for lists', () => {
  it(
    'are served in order, once each, with what a plain model gives them, and cost nothing afterwards',
    () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 100, maxLength: 200 }), (steps) => {
          const play = new Play();
          const { room, model } = play;
          room.run(99, 'SET', 'a', 'v');
          room.run(99, 'DEL', 'a');
          const before = room.usedBytes;
          for (const one of steps) {
            if (one.kind === 'pop') {
              const { id, keys, end: from } = one;
              const words = [from === 'LEFT' ? 'BLPOP' : 'BRPOP', ...keys, '0'];
              play.blocks({ id, keys, end: from, to: undefined }, words);
            } else if (one.kind === 'move') {
              const { id, name: from, end: side, to } = one;
              play.blocks({ id, keys: [from], end: side, to }, ['BLMOVE', from, to, side, 'RIGHT', '0']);
            } else if (one.kind === 'write') play.writes(one.writes);
            else play.cuts(one.id, one.how);
            play.agree();
          }
          for (const { id } of model.waiters.slice()) play.cuts(id, 'closed');
          room.run(99, 'DEL', 'a', 'b', 'c');
          const { waiters } = room.shard.realm(0).onlookers;
          expect([room.usedBytes, waiters.size, room.shard.world.readyKeys.isEmpty]).toEqual([before, 0, true]);
        }),
        { numRuns: runsFor(150) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  it('hand an element along a chain of moves to who waits at its end', () => {
    const room = new Room();
    expect(room.run(1, 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0')).toBeUndefined();
    expect(room.run(2, 'BLMOVE', 'b', 'c', 'LEFT', 'RIGHT', '0')).toBeUndefined();
    expect(room.run(3, 'BLPOP', 'c', '0')).toBeUndefined();
    expect(room.run(9, 'RPUSH', 'a', 'x')).toBe(':1\r\n');
    expect([room.heard(1), room.heard(2), room.heard(3)]).toEqual([[bulk('x')], [bulk('x')], [pair('c', 'x')]]);
    expect(room.run(9, 'EXISTS', 'a', 'b', 'c')).toBe(':0\r\n');
  });

  it('who move in a circle are served and stop', () => {
    const room = new Room();
    room.run(1, 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0');
    room.run(2, 'BLMOVE', 'b', 'a', 'LEFT', 'RIGHT', '0');
    room.run(9, 'RPUSH', 'a', 'x');
    expect([room.heard(1), room.heard(2)]).toEqual([[bulk('x')], [bulk('x')]]);
    expect(room.run(9, 'LRANGE', 'a', '0', '-1')).toBe(`*1\r\n${bulk('x')}`);
  });

  it('wait for the right database alone, and for what SWAPDB puts there', () => {
    const room = new Room();
    room.run(1, 'BLPOP', 'a', '0');
    room.run(9, 'MOVE', 'a', '1');
    room.run(9, 'RPUSH', 'b', 'x');
    room.run(9, 'MOVE', 'b', '1');
    expect(room.heard(1)).toEqual([]);
    room.run(9, 'RPUSH', 'other', 'y');
    room.run(9, 'SWAPDB', '0', '1');
    room.run(2, 'BLPOP', 'c', 'b', '0');
    expect(room.heard(1)).toEqual([]);
    expect(room.run(9, 'COPY', 'missing', 'a')).toBe(':0\r\n');
    room.run(9, 'RPUSH', 'src', 'z');
    room.run(9, 'COPY', 'src', 'a');
    expect(room.heard(1)).toEqual([pair('a', 'z')]);
  });
});
