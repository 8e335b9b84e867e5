/**
 * Clients that wait, against a plain model: lists are arrays and clients stand in one queue. Each is answered once, in the
 * order in which they came, and every element is in one place at any time.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { key } from '../../src/command/args.ts';
import type { WaitCut } from '../../src/command/ports/backend.ts';
import { shardCommand } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { waitFor } from '../../src/commands/waiting.ts';
import type { Shard } from '../../src/engine/shard.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { Executor } from '../../src/shards/executor.ts';
import { PROPERTY_TIMEOUT_MS, runsFor, testShard } from '../engine/support.ts';
import { CALLER, SILENT } from '../support/caller.ts';

const table = new CommandTable(shardDeclarations);

/** A shard whose clients may wait: `run` gives a reply, or undefined when the client waits. */
class Room {
  readonly shard: Shard;
  readonly executor: Executor;
  /** What clients that waited were told. */
  readonly served = new Map<number, string[]>();
  readonly bugs: string[] = [];
  private readonly table: CommandTable;

  constructor(commands = table) {
    this.table = commands;
    this.shard = testShard().shard;
    this.executor = new Executor(this.shard, {
      ...SILENT,
      served: (client, bytes, start, end) => {
        const answers = this.served.get(client) ?? [];
        this.served.set(client, answers);
        answers.push(latin1(bytes, start, end));
      },
      bug: (thrown) => this.bugs.push(String(thrown)),
    });
  }

  get usedBytes(): number {
    return this.shard.realm(0).account.usedBytes();
  }

  run(id: number, ...words: readonly string[]): string | undefined {
    const reply = this.only(id, false, words);
    this.executor.serveWaiting();
    return reply;
  }

  /** All of them, and then whoever waits is served. */
  transact(id: number, ...commands: readonly (readonly string[])[]): void {
    for (const words of commands) this.only(id, true, words);
    this.executor.serveWaiting();
  }

  private only(id: number, isInTransaction: boolean, words: readonly string[]): string | undefined {
    const request = Request.of(...words);
    const command = this.table.resolve(request);
    if (command === undefined) throw new Error(`unknown: ${words.join(' ')}`);
    const out = new ReplyWriter(2);
    const refusal = command.parse(request);
    if (refusal !== undefined) return latin1(refusal.bytes);
    const effect = this.executor.run(command, request, { ...CALLER, id, isInTransaction }, out);
    return effect.kind === 'waits' ? undefined : latin1(out.take());
  }

  cut(id: number, how: WaitCut): boolean {
    const isCut = this.executor.waiting.cut(id, how);
    this.executor.serveWaiting();
    return isCut;
  }

  /** What a client has been told since the last time. */
  heard(id: number): readonly string[] {
    const answers = this.served.get(id) ?? [];
    this.served.delete(id);
    return answers;
  }
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function pair(name: string, element: string): string {
  return `*2\r\n${bulk(name)}${bulk(element)}`;
}

// -- Lists, exactly --------------------------------------------------------------------------------------------------------

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
        fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), (steps) => {
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
        { numRuns: runsFor(50) },
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

// -- Sorted sets and streams -------------------------------------------------------------------------------------------------

function elements(reply: Reply | undefined): string[] {
  if (reply === undefined) return [];
  if ('items' in reply) return reply.items.flatMap(elements);
  return 'bytes' in reply ? [latin1(reply.bytes)] : [];
}

function wordsIn(text: string | undefined): string[] {
  return text === undefined ? [] : elements(parseReply(Buffer.from(text, 'latin1'))?.value);
}

const mixed = fc.oneof(
  fc.tuple(fc.constant('BZPOPMIN'), client),
  fc.tuple(fc.constant('BZMPOP'), client),
  fc.tuple(fc.constant('XREADGROUP'), client),
  fc.tuple(fc.constant('ZADD'), fc.integer({ min: 1, max: 3 })),
  fc.tuple(fc.constant('XADD'), fc.integer({ min: 1, max: 3 })),
  fc.tuple(fc.constant('DELZ'), client),
  fc.tuple(fc.constant('cut'), client),
);

function words(what: string, id: number): string[] {
  if (what === 'BZPOPMIN') return ['BZPOPMIN', 'z', '0'];
  if (what === 'BZMPOP') return ['BZMPOP', '0', '1', 'z', 'MAX', 'COUNT', '2'];
  return ['XREADGROUP', 'GROUP', 'g', `c${id}`, 'COUNT', '1', 'BLOCK', '0', 'STREAMS', 's', '>'];
}

describe('clients that wait for sorted sets and streams', () => {
  it(
    'never share an element, lose one, or hear twice',
    () => {
      fc.assert(
        fc.property(fc.array(mixed, { minLength: 40, maxLength: 80 }), (steps) => {
          const room = new Room();
          const waiting = new Map<number, string>();
          const got: string[] = [];
          let added: string[] = [];
          let last = 0;
          room.run(99, 'XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM');
          const collect = () => {
            for (const [id, answers] of room.served) {
              expect(answers, `client ${id}`).toHaveLength(1);
              expect(waiting.has(id)).toBe(true);
              waiting.delete(id);
              got.push(...wordsIn(answers[0]).filter((word) => word.startsWith('e')));
            }
            room.served.clear();
          };
          for (const [what, number] of steps) {
            if (what === 'cut') {
              expect(room.cut(number, 'closed')).toBe(waiting.delete(number));
            } else if (what === 'ZADD' || what === 'XADD') {
              for (let i = 0; i < number; i++) {
                const element = `e${++last}`;
                added.push(element);
                if (what === 'ZADD') room.run(99, 'ZADD', 'z', `${last}`, element);
                else room.run(99, 'XADD', 's', '*', 'f', element);
                collect();
              }
            } else if (what === 'DELZ') {
              const left = new Set(wordsIn(room.run(99, 'ZRANGE', 'z', '0', '-1')));
              added = added.filter((element) => !left.has(element));
              room.run(99, 'DEL', 'z');
            } else if (!waiting.has(number)) {
              const reply = room.run(number, ...words(what, number));
              if (reply === undefined) waiting.set(number, what);
              else got.push(...wordsIn(reply).filter((word) => word.startsWith('e')));
            }
            collect();
          }
          const inSet = wordsIn(room.run(99, 'ZRANGE', 'z', '0', '-1'));
          const unread = wordsIn(room.run(99, 'XREADGROUP', 'GROUP', 'g', 'last', 'STREAMS', 's', '>'));
          const everywhere = [...got, ...inSet, ...unread.filter((word) => word.startsWith('e'))];
          expect(everywhere.toSorted()).toEqual(added.toSorted());
          expect(room.executor.waiting.size).toBe(waiting.size);
        }),
        { numRuns: runsFor(60) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  it('of a group are told when it goes: with the group, with its key, with a flush, by another type', () => {
    for (const ending of [['XGROUP', 'DESTROY', 's', 'g'], ['DEL', 's'], ['FLUSHALL'], ['SET', 's', 'v']]) {
      const room = new Room();
      room.run(9, 'XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM');
      expect(room.run(1, ...words('XREADGROUP', 1))).toBeUndefined();
      room.run(9, ...ending);
      const [answer = ''] = room.heard(1);
      expect(answer, ending.join(' ')).toMatch(/^-(NOGROUP|UNBLOCKED|WRONGTYPE)/);
      expect(room.executor.waiting.size).toBe(0);
    }
  });
});

// -- What ends them ----------------------------------------------------------------------------------------------------------

describe('a client that waits', () => {
  it('and is forgotten takes nothing, and leaves nothing', () => {
    const room = new Room();
    room.run(9, 'GET', 'l');
    const before = room.usedBytes;
    room.run(1, 'BLPOP', 'l', 'm', '0');
    expect(room.usedBytes).toBeGreaterThan(before + 1024);
    room.executor.forget(1);
    expect(room.usedBytes).toBe(before);
    room.run(9, 'RPUSH', 'l', 'x');
    expect(room.run(9, 'LLEN', 'l')).toBe(':1\r\n');
    expect(room.heard(1)).toEqual([]);
  });

  it('in a namespace that goes is told, and its place is not paid for by the next owner of the number', () => {
    const room = new Room();
    const caller = { ...CALLER, id: 1, tenantNumber: 3 };
    const request = Request.of('BLPOP', 'l', '0');
    const command = table.resolve(request);
    command?.parse(request);
    const realm = room.shard.realm(3);
    if (command !== undefined) room.executor.run(command, request, caller, new ReplyWriter(2));
    const watch = Request.of('WATCH', 'k');
    const watching = table.resolve(watch);
    watching?.parse(watch);
    if (watching !== undefined) room.executor.run(watching, watch, caller, new ReplyWriter(2));
    expect(realm.account.usedBytes()).toBeGreaterThan(0);
    room.executor.removeRealm(3);
    expect(room.heard(1)).toEqual(['-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n']);
    room.executor.forget(1);
    while (room.shard.backgroundSlice());
    expect([realm.account.usedBytes(), room.shard.realmIfAny(3)]).toEqual([0, undefined]);
  });

  it('and meets a bug gets an error of its own; who pushed, and who waits behind it, are served', () => {
    let isBroken = true;
    const broken = shardCommand({
      name: 'BBROKEN',
      summary: 'For this test.',
      since: '1.0.0',
      group: 'list',
      flags: ['blocking'],
      args: { key: key('RW', 'access') },
      run: ({ key: at }, call) => {
        if (call.onlyKey === 0) return waitFor('list', at, 1, 0);
        if (isBroken) throw new Error('oh no');
        throw new Error('invariant broken: oh no');
      },
    });
    const room = new Room(new CommandTable([...shardDeclarations, broken]));
    expect(room.run(1, 'BBROKEN', 'l')).toBeUndefined();
    expect(room.run(2, 'BLPOP', 'l', '0')).toBeUndefined();
    expect(room.run(3, 'BLPOP', 'other', '0')).toBeUndefined();
    room.transact(9, ['RPUSH', 'l', 'x'], ['RPUSH', 'other', 'y']);
    expect(room.heard(1)[0]).toMatch(/^-ERR /);
    expect([room.heard(2), room.heard(3)]).toEqual([[pair('l', 'x')], [pair('other', 'y')]]);
    expect(room.bugs).toEqual(['Error: oh no']);
    isBroken = false;
    room.run(1, 'BBROKEN', 'l');
    expect(() => room.run(9, 'RPUSH', 'l', 'x')).toThrow('invariant broken');
  });
});
