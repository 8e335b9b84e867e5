/** Clients that wait for sorted sets and streams, and what ends a wait: no element is shared, lost or given to who has gone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { key } from '../../src/command/args.ts';
import { shardCommand } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { waitFor } from '../../src/commands/waiting.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../engine/support.ts';
import { CALLER } from '../support/caller.ts';
import { pair, Room, table } from './room.ts';

const client = fc.integer({ min: 1, max: 7 });

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
        fc.property(fc.array(mixed, { minLength: 200, maxLength: 300 }), (steps) => {
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
        { numRuns: runsFor(250) },
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

  it('for few keys may always wait, and for many as long as its tenant has room for them', () => {
    const room = new Room();
    const { account } = room.shard.realm(0);
    const keys = Array.from({ length: 5000 }, (_, i) => `key ${i}`);
    expect(room.run(1, 'BLPOP', ...keys, '0')).toBeUndefined();
    room.executor.forget(1);
    account.limitBytes = room.usedBytes + 100_000;
    expect(room.run(1, 'BLPOP', ...keys, '0')).toMatch(/^-OOM /);
    expect([room.executor.waiting.size, room.cut(1, 'timeout')]).toEqual([0, false]);
    account.limitBytes = 1;
    expect(room.run(1, 'BLPOP', ...keys.slice(0, 20), '0')).toBeUndefined();
    expect(room.cut(1, 'timeout')).toBe(true);
    expect(room.heard(1)).toEqual(['*-1\r\n']);
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
