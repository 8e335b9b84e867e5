/**
 * Hashes against a model made of Maps: random commands over a few keys, small and large, fields that expire included, while
 * time goes on and the expiry cycle runs. A second engine is told nothing but the effects and must show the same.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import { hasExpiringFields } from '../../../src/engine/entry.ts';
import { LARGE_HEAD_BYTES } from '../../../src/engine/large.ts';
import { Hash, NEVER } from '../../../src/engine/types/hash.ts';
import { LargeHash } from '../../../src/engine/types/hash-large.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../../engine/support.ts';
import { FakeClock, Harness, type HarnessSession } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';
import '../../support/seed.ts';

const STEPS = 120;
const NOW = 1_700_000_000_000;
const LIMITS = { hashMaxListpackEntries: 6, hashMaxListpackValueBytes: 20 };

interface Field {
  value: string;
  /** -1: it does not expire. */
  at_ms: number;
}

class Model {
  readonly keys = new Map<string, Map<string, Field>>();
  now_ms = NOW;

  live(key: string): Map<string, Field> {
    const fields = this.keys.get(key) ?? new Map<string, Field>();
    for (const [name, { at_ms }] of fields) if (at_ms >= 0 && at_ms < this.now_ms) fields.delete(name);
    return fields;
  }

  set(key: string, name: string, value: string, keeps: boolean): boolean {
    const fields = this.live(key);
    const before = fields.get(name);
    fields.set(name, { value, at_ms: keeps ? (before?.at_ms ?? -1) : -1 });
    this.keys.set(key, fields);
    return before === undefined;
  }

  expire(key: string, name: string, at_ms: number, condition: string): number {
    const field = this.live(key).get(name);
    if (field === undefined) return -2;
    const none = field.at_ms < 0;
    if (condition === 'NX' && !none) return 0;
    if ((condition === 'XX' || condition === 'GT') && none) return 0;
    if (condition === 'GT' && at_ms <= field.at_ms) return 0;
    if (condition === 'LT' && !none && at_ms >= field.at_ms) return 0;
    if (at_ms <= this.now_ms) {
      this.live(key).delete(name);
      return 2;
    }
    field.at_ms = at_ms;
    return 1;
  }
}

const key = fc.constantFrom('h', 'h', 'h', 'g', '\0k');
const name = fc.oneof(
  { weight: 4, arbitrary: fc.nat(4).map((n) => `f${n}`) },
  fc.nat(2).map(String),
  fc.constantFrom('', '__proto__', 'n'.repeat(21), '-1', '9223372036854775807'),
);
const value = fc.oneof(
  fc.integer().map(String),
  fc.nat(20).map((n) => 'v'.repeat(n)),
  { weight: 1, arbitrary: fc.nat(200).map((n) => 'w'.repeat(n)) },
);
const names = fc.array(name, { minLength: 1, maxLength: 4 });
const pairs = fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 5 });
const ms = fc.oneof(fc.nat(300), fc.constant(0), fc.constant(100_000));

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key, pairs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, names }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      key,
      names,
      ms,
      condition: fc.constantFrom('', '', '', 'NX', 'XX', 'GT', 'LT'),
      absolute: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('persist' as const), key, names }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('count' as const), key, name, by: fc.integer() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('countFloat' as const), key, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('getdel' as const), key, names }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('getex' as const),
      key,
      names,
      ms: fc.option(ms, { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('setex' as const),
      key,
      pairs,
      ms: fc.option(ms, { nil: undefined }),
      keeps: fc.boolean(),
      condition: fc.constantFrom('', '', 'FNX', 'FXX'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), by_ms: fc.nat(150) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cron' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('copy' as const, 'rename' as const), key, to: key }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('drop' as const, 'overwrite' as const), key }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Two engines with one clock: commands run in the first, their effects in the second. */
class Pair {
  readonly clock = new FakeClock(NOW);
  readonly first = new Harness({ clock: this.clock, debug: true });
  readonly second = new Harness({ clock: this.clock, debug: true });
  readonly one: HarnessSession = this.first.session();
  readonly two: HarnessSession = this.second.session();

  constructor() {
    for (const { shard } of [this.first, this.second]) {
      shard.world.collections = { ...shard.world.collections, ...LIMITS };
    }
  }

  run(...words: string[]): string {
    const reply = rendered(this.one.run(words));
    const { effect } = this.one;
    if (effect.kind !== 'changed') return reply;
    const rows = effect.replay?.map((row) => row.map((word) => (typeof word === 'string' ? word : latin1(word))));
    for (const row of rows ?? [words]) this.two.run(row);
    return reply;
  }
}

function integers(values: readonly number[]): string {
  return [`array of ${values.length}`, ...values.map((each) => `  (integer) ${each}`)].join('\n');
}

function bulks(values: readonly (string | undefined)[]): string {
  const shown = values.map((each) =>
    each === undefined ? '(nil)' : rendered(Buffer.from(`$${each.length}\r\n${each}\r\n`, 'latin1')),
  );
  return [`array of ${values.length}`, ...shown.map((each) => `  ${each}`)].join('\n');
}

/** What a command answers and does, by the model; the reply must be the same. */
function perform(step: Step, model: Model, pair: Pair): void {
  switch (step.kind) {
    case 'set': {
      const created = step.pairs.filter(([field, text]) => model.set(step.key, field, text, false)).length;
      expect(pair.run('HSET', step.key, ...step.pairs.flat())).toBe(`(integer) ${created}`);
      return;
    }
    case 'delete': {
      const gone = step.names.filter((field) => model.live(step.key).delete(field)).length;
      expect(pair.run('HDEL', step.key, ...step.names)).toBe(`(integer) ${gone}`);
      return;
    }
    case 'expire': {
      const at_ms = model.now_ms + step.ms;
      const outcomes = step.names.map((field) => model.expire(step.key, field, at_ms, step.condition));
      const words = step.absolute ? ['HPEXPIREAT', step.key, `${at_ms}`] : ['HPEXPIRE', step.key, `${step.ms}`];
      const options = step.condition === '' ? [] : [step.condition];
      const reply = pair.run(...words, ...options, 'FIELDS', `${step.names.length}`, ...step.names);
      expect(reply).toBe(integers(outcomes));
      return;
    }
    case 'persist': {
      const outcomes = step.names.map((field) => {
        const found = model.live(step.key).get(field);
        if (found === undefined) return -2;
        if (found.at_ms < 0) return -1;
        found.at_ms = -1;
        return 1;
      });
      const reply = pair.run('HPERSIST', step.key, 'FIELDS', `${step.names.length}`, ...step.names);
      expect(reply).toBe(integers(outcomes));
      return;
    }
    default:
      return performMore(step, model, pair);
  }
}

function performMore(step: Step, model: Model, pair: Pair): void {
  switch (step.kind) {
    case 'count': {
      const before = model.live(step.key).get(step.name)?.value ?? '0';
      const isNumber = /^(0|-?[1-9]\d{0,17})$/.test(before);
      const reply = pair.run('HINCRBY', step.key, step.name, `${step.by}`);
      if (!isNumber) return expect(reply).toContain('hash value is not an integer');
      const sum = `${BigInt(before) + BigInt(step.by)}`;
      model.set(step.key, step.name, sum, true);
      expect(reply).toBe(`(integer) ${sum}`);
      return;
    }
    case 'countFloat': {
      const reply = pair.run('HINCRBYFLOAT', step.key, step.name, '0.5');
      if (!reply.startsWith('(error)')) model.set(step.key, step.name, reply.slice(1, -1), true);
      return;
    }
    case 'getdel': {
      const values = step.names.map((field) => {
        const found = model.live(step.key).get(field)?.value;
        model.live(step.key).delete(field);
        return found;
      });
      expect(pair.run('HGETDEL', step.key, 'FIELDS', `${values.length}`, ...step.names)).toBe(bulks(values));
      return;
    }
    case 'getex': {
      const values = step.names.map((field) => {
        const found = model.live(step.key).get(field);
        const { ms: time_ms } = step;
        if (found !== undefined && time_ms === undefined) found.at_ms = -1;
        if (time_ms !== undefined) model.expire(step.key, field, model.now_ms + time_ms, '');
        return found?.value;
      });
      const option = step.ms === undefined ? ['PERSIST'] : ['PX', `${step.ms}`];
      expect(pair.run('HGETEX', step.key, ...option, 'FIELDS', `${values.length}`, ...step.names)).toBe(bulks(values));
      return;
    }
    case 'setex':
      return performSetex(step, model, pair);
    default:
      return performOther(step, model, pair);
  }
}

function performSetex(step: Step & { kind: 'setex' }, model: Model, pair: Pair): void {
  const there = step.pairs.map(([field]) => model.live(step.key).has(field));
  const isAllowed =
    step.condition === '' || (step.condition === 'FXX' ? there.every((each) => each) : !there.some((each) => each));
  const option = step.ms !== undefined ? ['PX', `${step.ms}`] : step.keeps ? ['KEEPTTL'] : [];
  const words = [...(step.condition === '' ? [] : [step.condition]), ...option, 'FIELDS', `${step.pairs.length}`];
  expect(pair.run('HSETEX', step.key, ...words, ...step.pairs.flat())).toBe(`(integer) ${isAllowed ? 1 : 0}`);
  if (!isAllowed) return;
  for (const [field, text] of step.pairs) {
    model.set(step.key, field, text, step.ms !== undefined || step.keeps);
    if (step.ms !== undefined) model.expire(step.key, field, model.now_ms + step.ms, '');
  }
}

function performOther(step: Step, model: Model, pair: Pair): void {
  switch (step.kind) {
    case 'advance':
      model.now_ms += step.by_ms;
      pair.clock.now += step.by_ms;
      return;
    case 'cron':
      while (pair.first.shard.cron()) pair.first.shard.backgroundSlice();
      return;
    case 'copy':
    case 'rename': {
      if (step.key === step.to) return;
      const reply = pair.run(step.kind.toUpperCase(), step.key, step.to, ...(step.kind === 'copy' ? ['REPLACE'] : []));
      if (reply.startsWith('(error)') || reply === '(integer) 0') return;
      const fields = new Map([...model.live(step.key)].map(([field, { value, at_ms }]) => [field, { value, at_ms }]));
      model.keys.set(step.to, fields);
      if (step.kind === 'rename') model.keys.delete(step.key);
      return;
    }
    case 'overwrite':
      pair.run('SET', step.key, 'x'.repeat(40));
      pair.run('DEL', step.key);
      model.keys.delete(step.key);
      return;
    case 'drop':
      pair.run('DEL', step.key);
      model.keys.delete(step.key);
      return;
    default:
      throw new Error(`nobody performs ${step.kind}`);
  }
}

/** What can be seen of a hash, in an order of its own. */
function seen(session: HarnessSession, key: string, fields: readonly string[]): string {
  const all = rendered(session.run(['HGETALL', key]))
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
  const rows = Array.from({ length: all.length / 2 }, (_, i) => `${all[2 * i]}=${all[2 * i + 1]}`).sort();
  const length = rendered(session.run(['HLEN', key]));
  if (fields.length === 0) return `${length} ${rows.join(' ')}`;
  const times = rendered(session.run(['HPEXPIRETIME', key, 'FIELDS', `${fields.length}`, ...fields]));
  return `${length} ${rows.join(' ')} ${times}`;
}

function expected(model: Model, key: string, fields: readonly string[]): string {
  const live = model.live(key);
  const quoted = (text: string) => rendered(Buffer.from(`$${text.length}\r\n${text}\r\n`, 'latin1'));
  const rows = [...live].map(([field, each]) => `${quoted(field)}=${quoted(each.value)}`).sort();
  const length = `(integer) ${live.size}`;
  if (fields.length === 0) return `${length} ${rows.join(' ')}`;
  return `${length} ${rows.join(' ')} ${integers(fields.map((field) => live.get(field)?.at_ms ?? -2))}`;
}

/** Marks, encodings and memory agree with what the hashes hold. */
function checkEngine({ shard }: Harness): void {
  const database = shard.realm(0).database(0);
  const hash = new Hash();
  let marked = 0;
  let heads = 0;
  database.forEach((ref) => {
    hash.open(database, ref, 0);
    const expires = hash.firstEnd() !== NEVER;
    expect(hasExpiringFields(shard.arena, ref)).toBe(expires);
    if (expires) marked++;
    const large = database.largeValue(ref);
    if (!(large instanceof LargeHash)) return;
    heads++;
    large.check();
  });
  expect(database.keys.fieldExpires.size).toBe(marked);
  expect(shard.realm(0).account.usedBytes()).toBe(shard.arena.allocatedBytes + heads * LARGE_HEAD_BYTES);
}

describe('hashes behave as Maps whose fields may expire', () => {
  it('after every command, and so does whoever is told the effects', { timeout: PROPERTY_TIMEOUT_MS }, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: STEPS / 2, maxLength: STEPS }), (steps) => {
        const model = new Model();
        const pair = new Pair();
        for (const each of steps) {
          perform(each, model, pair);
          for (const watched of ['h', 'g', '\0k']) {
            const fields = [...model.live(watched).keys(), 'f1'];
            expect(seen(pair.one, watched, fields)).toBe(expected(model, watched, fields));
            expect(seen(pair.two, watched, fields)).toBe(expected(model, watched, fields));
          }
          checkEngine(pair.first);
        }
        for (const { shard } of [pair.first, pair.second]) {
          shard.realm(0).flushAll(steps.length % 2 === 0);
          while (shard.reclaim(100));
          expect(shard.arena.allocatedBytes).toBe(0);
          expect(shard.realm(0).account.usedBytes()).toBe(0);
          shard.arena.check();
        }
      }),
      { numRuns: runsFor(2 * STEPS) },
    );
  });
});
