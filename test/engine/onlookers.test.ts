/** Who watches, waits for and has read which keys: against plain models, and paid for to the byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Account } from '../../src/engine/account.ts';
import { nameOf } from '../../src/engine/names.ts';
import { TrackingTable } from '../../src/engine/tracking.ts';
import { ReadyKeys, Waiters } from '../../src/engine/waiters.ts';
import { Watches } from '../../src/engine/watches.ts';
import { PROPERTY_TIMEOUT_MS, runsFor, testShard } from './support.ts';

const STEPS = 150;

function name(databaseNumber: number, key: string): string {
  const bytes = Buffer.from(key);
  return nameOf(databaseNumber, bytes, 0, bytes.length);
}

const client = fc.integer({ min: 1, max: 8 });
const database = fc.constantFrom(0, 1, 15);
const key = fc.constantFrom('', 'a', 'b', 'c', '__proto__', 'k'.repeat(300));

describe('watched keys', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.constant('watch' as const), client, database, key) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('change' as const), client, database, key) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('flush' as const), client, database, key) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('forget' as const), client, database, key) },
  );

  it(
    'break exactly the transactions of those who watch them, and cost nothing once all are forgotten',
    () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: STEPS, maxLength: 2 * STEPS }), (steps) => {
          const account = new Account();
          const watches = new Watches(account);
          const model = new Map<number, { names: Set<string>; isBroken: boolean }>();
          for (const [kind, id, number, text] of steps) {
            const at = name(number, text);
            if (kind === 'watch') {
              watches.add(id, at);
              const known = model.get(id) ?? { names: new Set(), isBroken: false };
              model.set(id, known);
              known.names.add(at);
            } else if (kind === 'change') {
              watches.keyChanged(at);
              for (const known of model.values()) known.isBroken ||= known.names.has(at);
            } else if (kind === 'flush') {
              const isThere = (other: string) => other.length % 2 === 0;
              watches.databaseChanged(number, isThere);
              for (const known of model.values()) {
                known.isBroken ||= [...known.names].some((one) => one.charCodeAt(0) === number && isThere(one));
              }
            } else {
              watches.forget(id);
              model.delete(id);
            }
            let bytes = 0;
            for (const known of model.values()) for (const one of known.names) bytes += Watches.bytesOf(one);
            expect(account.usedBytes()).toBe(bytes);
            expect(watches.size).toBe(model.size);
          }
          for (let id = 1; id <= 8; id++) {
            expect(watches.isBroken(id)).toBe(model.get(id)?.isBroken === true);
            expect(new Set(watches.namesOf(id))).toEqual(model.get(id)?.names ?? new Set());
          }
          watches.clear();
          expect([account.usedBytes(), watches.size]).toEqual([0, 0]);
        }),
        { numRuns: runsFor(STEPS) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );
});

describe('clients that wait', () => {
  const names = fc.array(fc.tuple(database, key), { minLength: 1, maxLength: 4 });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('come' as const), client, names, fc.boolean()) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('go' as const), client, names, fc.boolean()) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('change' as const), client, names, fc.boolean()) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('flush' as const), client, names, fc.boolean()) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('look' as const), client, names, fc.boolean()) },
  );

  it(
    'stand in the order in which they came, and keys that somebody waits for are ready once, in their order',
    () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: STEPS, maxLength: 2 * STEPS }), (steps) => {
          const ready = new ReadyKeys();
          const waiters = new Waiters(3, ready);
          let model: { id: number; names: string[]; ends: boolean }[] = [];
          let changed: string[] = [];
          const awaited = (at: string) => model.some((one) => one.names.includes(at));
          const note = (at: string) => {
            if (awaited(at) && !changed.includes(at)) changed.push(at);
          };
          for (const [kind, id, pairs, ends] of steps) {
            const all = pairs.map(([number, text]) => name(number, text));
            const known = model.find((one) => one.id === id);
            if (kind === 'come' && known === undefined) {
              waiters.add(id, all, ends);
              model.push({ id, names: all, ends });
            } else if (kind === 'go' && known !== undefined) {
              waiters.remove(id, known.names, known.ends);
              model = model.filter((one) => one !== known);
            } else if (kind === 'change') {
              for (const at of all) {
                waiters.keyChanged(at);
                note(at);
              }
            } else if (kind === 'flush') {
              const number = pairs[0]?.[0] ?? 0;
              const before = new Set(changed);
              waiters.databaseChanged(number);
              for (const at of new Set(model.flatMap((one) => one.names))) if (at.charCodeAt(0) === number) note(at);
              // A flush has no order of its own.
              if (changed.length > before.size + 1) changed = [];
              if (changed.length === 0) ready.take();
            } else if (kind === 'look') {
              expect(ready.isEmpty).toBe(changed.length === 0);
              // Twice is once: who left and came again in between has a queue of their own.
              expect([...new Set(ready.take().map((one) => one.name))]).toEqual(changed);
              changed = [];
            }
            const everyName = new Set(model.flatMap((one) => one.names));
            expect(waiters.size).toBe(everyName.size);
            const ending = new Set(model.filter((one) => one.ends).flatMap((one) => one.names));
            expect(waiters.sizeOnNoKey).toBe(ending.size);
            for (const at of all) {
              const queue = model.filter((one) => one.names.includes(at)).map((one) => one.id);
              expect([...waiters.of(at)]).toEqual(queue);
            }
          }
        }),
        { numRuns: runsFor(STEPS) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );
});

/** The table of a realm that may hold so many keys, or bytes; 0 is no limit. */
function trackingTable(keysMax = 0, limitBytes = 0) {
  const { shard } = testShard();
  shard.world.trackingKeysMax = keysMax;
  const account = new Account();
  account.limitBytes = limitBytes;
  const told: [string, number[]][] = [];
  const table = new TrackingTable(account, shard.world);
  const read = (id: number, at: string) => table.remember(id, at, (gone, ids) => told.push([gone, [...ids]]));
  return { table, account, read, told, world: shard.world };
}

describe('keys that clients have read', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant('read' as const), fc.integer({ min: 1, max: 60 }), key) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('change' as const), client, key) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('goes' as const), fc.integer({ min: 1, max: 60 }), key) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('limit' as const), fc.integer({ min: 0, max: 5 }), key) },
  );

  it(
    'are told to each of them once, to nobody else, and to those first who have to make room',
    () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: STEPS, maxLength: 3 * STEPS }), (steps) => {
          const { table, account, told, world } = trackingTable();
          const model = new Map<string, Set<number>>();
          const gone = new Set<number>();
          for (const [kind, number, text] of steps) {
            if (kind === 'read') {
              if (gone.has(number)) continue;
              const known = model.get(text) ?? new Set();
              model.set(text, known);
              known.add(number);
              const before = told.length;
              const keysBefore = table.keyCount;
              table.remember(number, text, (evicted, ids) => {
                told.push([evicted, [...ids]]);
                const owed = model.get(evicted) ?? new Set<number>();
                const heard = new Set(ids);
                for (const one of owed) if (!gone.has(one)) expect(heard.has(one), `${one} of ${evicted}`).toBe(true);
                for (const one of heard) expect(owed.has(one)).toBe(true);
                model.delete(evicted);
              });
              if (world.trackingKeysMax === 0) expect(told.length).toBe(before);
              else expect(table.keyCount).toBeLessThanOrEqual(Math.max(world.trackingKeysMax, keysBefore));
            } else if (kind === 'change') {
              const heard = new Set(table.take(text));
              const owed = model.get(text) ?? new Set<number>();
              for (const one of owed) if (!gone.has(one)) expect(heard.has(one)).toBe(true);
              for (const one of heard) expect(owed.has(one)).toBe(true);
              model.delete(text);
            } else if (kind === 'goes') {
              table.forget(number);
              gone.add(number);
            } else world.trackingKeysMax = number;
            let items = 0;
            for (const owed of model.values()) items += [...owed].filter((one) => !gone.has(one)).length;
            expect(table.itemCount).toBeGreaterThanOrEqual(items);
          }
          for (const text of Array.from(model.keys())) table.take(text);
          expect([table.keyCount, table.itemCount, account.usedBytes()]).toEqual([0, 0, 0]);
        }),
        { numRuns: runsFor(STEPS) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  it('are as many as may be, and the oldest goes', () => {
    const { table, read, told } = trackingTable(3);
    for (const at of ['a', 'b', 'c']) for (const id of [1, 2]) read(id, at);
    expect([table.keyCount, table.itemCount, told]).toEqual([3, 6, []]);
    read(1, 'd');
    expect(told).toEqual([['a', [1, 2]]]);
    read(2, 'd');
    expect([table.keyCount, told.length]).toEqual([3, 1]);
  });

  it('are let go in slices when there may be fewer, and whoever reads meanwhile is not left to trust', () => {
    const { table, read, told, world } = trackingTable();
    for (let i = 0; i < 1000; i++) read(1, `k${i}`);
    world.trackingKeysMax = 10;
    read(2, 'new');
    expect(told.length).toBeLessThan(20);
    expect(told.at(-1)).toEqual(['new', [2]]);
    for (let i = 0; i < 100; i++) read(2, `new ${i}`);
    expect(table.keyCount).toBeLessThanOrEqual(10);
    const heard = new Set(told.map(([at]) => at));
    for (let i = 0; i < 1000; i++) expect(heard.has(`k${i}`)).toBe(true);
  });

  it('never take more than the tenant has, however many read one key', () => {
    const { table, account, read, told } = trackingTable(0, 2000);
    for (let id = 1; id <= 1000; id++) read(id, 'k');
    expect(account.usedBytes()).toBeLessThanOrEqual(2000);
    const remembered = new Set(table.take('k'));
    const heard = new Set(told.flatMap(([, ids]) => ids));
    for (let id = 1; id <= 1000; id++) expect(remembered.has(id) || heard.has(id), `client ${id}`).toBe(true);
    expect(account.usedBytes()).toBe(0);
  });

  it('are not remembered at all while the data take everything, but told as changed', () => {
    const { table, account, read, told } = trackingTable(0, 1000);
    account.charge(1000);
    read(1, 'k');
    expect([table.keyCount, told]).toEqual([0, [['k', [1]]]]);
  });

  it('of many clients are found as quickly, and each once, when the list has become a set', () => {
    const { table, account, read } = trackingTable();
    for (let round = 0; round < 2; round++) for (let id = 1; id <= 100; id++) read(id, 'k');
    expect(table.itemCount).toBe(100);
    const clients = [...(table.take('k') ?? [])];
    expect(clients).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(account.usedBytes()).toBe(0);
  });

  it('of clients that are gone are swept while others read', () => {
    const { table, account, read } = trackingTable();
    for (let id = 1; id <= 40; id++) for (let i = 0; i < 50; i++) read(id, `k${i}`);
    for (let id = 1; id <= 39; id++) table.forget(id);
    for (let i = 0; i < 100; i++) read(40, 'k0');
    expect([table.keyCount, table.itemCount]).toEqual([50, 50]);
    for (let i = 0; i < 50; i++) table.take(`k${i}`);
    expect(account.usedBytes()).toBe(0);
  });

  it('are swept while clients come and go, though nobody reads: those who are gone are not kept for ever', () => {
    const { table, read } = trackingTable();
    for (let i = 0; i < 50; i++) read(1, `k${i}`);
    for (let id = 1; id <= 100; id++) table.forget(id);
    expect([table.keyCount, table.itemCount]).toEqual([0, 0]);
    read(200, 'k');
    for (let id = 1000; id < 200_000; id++) table.forget(id);
    const { gone, goneSince } = table as unknown as { gone: Set<number>; goneSince: Set<number> };
    expect(gone.size + goneSince.size).toBeLessThan(10);
  });

  it('are all forgotten at once by a flush', () => {
    const { table, account, read } = trackingTable();
    for (let id = 1; id <= 40; id++) for (let i = 0; i < 50; i++) read(id, `k${i}`);
    table.forget(3);
    table.clear();
    expect([table.keyCount, table.itemCount, account.usedBytes(), table.isAwake]).toEqual([0, 0, 0, false]);
    read(5, 'k1');
    expect([...(table.take('k1') ?? [])]).toEqual([5]);
  });
});
