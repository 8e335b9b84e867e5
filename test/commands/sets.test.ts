/** What transcripts cannot say of sets: chance, budgets and bounds. */
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { RANDOM_REPEATS_MAX } from '../../src/base/limits.ts';
import { Harness, type HarnessSession } from '../support/harness.ts';
import { rendered } from '../support/render.ts';

const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";

function world(limitBytes = 0) {
  const harness = new Harness({ debug: true, limitBytes });
  const session = harness.session();
  const run = (...words: string[]) => rendered(session.run(words));
  const used = () => harness.shard.realm(0).account.usedBytes();
  return { harness, session, run, used };
}

function fill(session: HarnessSession, key: string, from: number, to: number, element = (i: number) => `element:${i}`) {
  const elements: string[] = [];
  for (let i = from; i < to; i++) elements.push(element(i));
  return latin1(session.run(['SADD', key, ...elements]));
}

function elementsOf(text: string): string[] {
  return text.split('\n').slice(1).sort();
}

describe('SPOP', () => {
  for (const [form, element] of [
    ['an intset', (i: number) => `${i}`],
    ['a listpack', (i: number) => `e${i}`],
    ['a large set', (i: number) => `element ${'x'.repeat(70)}:${i}`],
  ] as const) {
    it(`takes away just what it answers, from ${form}, and replays as its removal`, () => {
      for (const count of [undefined, 1, 7, 90]) {
        const { session, run } = world();
        fill(session, 's', 0, 100, element);
        const before = elementsOf(run('SMEMBERS', 's'));
        const answer = run('SPOP', 's', ...(count === undefined ? [] : [`${count}`]));
        const popped = count === undefined ? [`  ${answer}`] : elementsOf(answer);
        expect(popped.length).toBe(count ?? 1);
        const { effect } = session;
        if (effect.kind !== 'changed') throw new Error('something was taken');
        expect(effect.changes).toBe(count ?? 1);
        const [row, ...more] = effect.replay ?? [];
        expect(more).toEqual([]);
        const replayed = (row ?? []).map((word) => (typeof word === 'string' ? word : latin1(word)));
        expect(replayed.slice(0, 2)).toEqual(['SREM', 's']);
        expect(replayed.slice(2).sort()).toEqual(popped.map((line) => line.trim().slice(1, -1)).sort());
        expect([...elementsOf(run('SMEMBERS', 's')), ...popped].sort()).toEqual(before);
      }
    });
  }

  it('of thousands replays in rows of a bounded length', () => {
    const { session } = world();
    fill(session, 's', 0, 5000);
    session.run(['SPOP', 's', '3000']);
    if (session.effect.kind !== 'changed') throw new Error('something was taken');
    const rows = session.effect.replay ?? [];
    expect(rows.map((row) => row.length - 2)).toEqual([1024, 1024, 952]);
  });

  it('takes nothing away that it cannot answer', () => {
    for (const count of ['900', '1000']) {
      const { session, run } = world();
      fill(session, 's', 0, 1000);
      session.out.replyBytesMax = 5000;
      session.out.mark();
      session.run(['SPOP', 's', count]);
      expect(session.effect.kind).toBe('unchanged');
      expect(run('SCARD', 's')).toBe('(integer) 1000');
    }
  });
});

describe('SRANDMEMBER', () => {
  it('answers elements of the set, different ones unless the count is negative', () => {
    for (const size of [50, 1000]) {
      const { session, run } = world();
      fill(session, 's', 0, size);
      const all = new Set(elementsOf(run('SMEMBERS', 's')));
      for (const count of [1, 10, size >> 1, size - 1, size, size * 2]) {
        const answer = elementsOf(run('SRANDMEMBER', 's', `${count}`));
        expect(answer.length).toBe(Math.min(count, size));
        expect(new Set(answer).size).toBe(answer.length);
        expect(answer.every((each) => all.has(each))).toBe(true);
        const repeated = elementsOf(run('SRANDMEMBER', 's', `-${count}`));
        expect(repeated.length).toBe(count);
        expect(repeated.every((each) => all.has(each))).toBe(true);
      }
    }
  });

  it('refuses to repeat a few elements without end', () => {
    const { run } = world();
    run('SADD', 's', 'a');
    expect(run('SRANDMEMBER', 's', `-${RANDOM_REPEATS_MAX + 1}`)).toMatch(/ERR reply exceeds/);
    expect(run('SRANDMEMBER', 's', '-9223372036854775807')).toMatch(/ERR reply exceeds/);
    expect(run('SRANDMEMBER', 'none', '-9223372036854775807')).toBe('array of 0');
  });
});

describe('SSCAN', () => {
  it('meets every element that stays, while others come and go', () => {
    const { session, run } = world();
    fill(session, 's', 0, 3000, (i) => `stays:${i}`);
    const met = new Set<string>();
    let cursor = '0';
    let round = 0;
    do {
      const [, next = '', , ...found] = run('SSCAN', 's', cursor, 'COUNT', '50', 'MATCH', 'stays:*').split('\n');
      for (const line of found) met.add(line.trim());
      cursor = next.trim().replaceAll('"', '');
      fill(session, 's', round * 100, round * 100 + 100, (i) => `comes:${i}`);
      if (round > 2)
        session.run(['SREM', 's', ...Array.from({ length: 100 }, (_, i) => `comes:${(round - 3) * 100 + i}`)]);
      round++;
    } while (cursor !== '0');
    expect(met.size).toBe(3000);
    expect(round).toBeGreaterThan(10);
  });
});

describe('a tenant at its memory limit', () => {
  const LIMIT = 1024 * 1024;

  it('adds to sets until it is full, and not beyond, in every form', () => {
    for (const element of [
      (i: number) => `${i}`,
      (i: number) => `e${i}`,
      (i: number) => `element ${'x'.repeat(70)}:${i}`,
    ]) {
      const { session, run, used, harness } = world(LIMIT);
      let refused = false;
      // Sets of 1 to 200 elements: every form, and every step from one to the next.
      for (let set = 0; !refused && set < 10_000; set++) {
        for (let i = 0; i < 1 + (set % 200) && !refused; i += 1 + (i % 7)) {
          refused = fill(session, `s:${set}`, i, i + 1 + (i % 7), element).startsWith('-OOM');
          expect(used()).toBeLessThanOrEqual(LIMIT);
        }
      }
      expect(refused).toBe(true);
      expect(used()).toBeGreaterThan(LIMIT * 0.95);
      expect(run('SREM', 's:1', element(0))).toBe('(integer) 1');
      harness.shard.arena.check();
    }
  });

  it('is refused what cannot be stored, and keeps what was there', () => {
    const { harness, session, run, used } = world(LIMIT);
    for (let i = 0; i < 10_000; i += 1000) fill(session, 'a', i, i + 1000);
    for (let i = 9900; i < 19_900; i += 1000) fill(session, 'b', i, i + 1000);
    run('SET', 'd', 'kept');
    const before = used();
    expect(run('SUNIONSTORE', 'd', 'a', 'b')).toBe(OOM);
    expect(run('SDIFFSTORE', 'd', 'a', 'b')).toMatch(/OOM|integer/);
    expect(run('GET', 'd')).toMatch(/kept|WRONGTYPE/);
    expect(used()).toBeLessThanOrEqual(LIMIT);
    // What two large sets have in common may be little.
    run('SET', 'd', 'kept');
    while (harness.shard.reclaim(1000));
    expect(run('SINTERSTORE', 'd', 'a', 'b')).toBe('(integer) 100');
    expect(used()).toBeLessThan(before + 20_000);
    expect(run('SMOVE', 'a', 'd', 'element:1')).toBe('(integer) 1');
  });

  it('loses other keys to a set where its policy evicts, or the set itself', () => {
    const { harness, session, run, used } = world(LIMIT);
    harness.shard.realm(0).account.policy = 'allkeys-random';
    harness.shard.policyChanged();
    for (let i = 0; i < 60_000; i += 40) {
      expect(fill(session, `s:${i % 7}`, i, i + 40)).toMatch(/^:/);
      expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    }
    for (let i = 0; i < 200; i++) {
      expect(run('SUNIONSTORE', `d:${i}`, `s:${i % 7}`, `s:${(i + 1) % 7}`)).toMatch(/integer|OOM/);
      expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    }
    harness.shard.arena.check();
  });
});
