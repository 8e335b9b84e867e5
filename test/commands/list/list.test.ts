import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import type { Effect } from '../../../src/command/effect.ts';
import { Harness } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';
import { wordsOf } from '../../support/words.ts';

const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";
const LIMIT = 1024 * 1024;

function shown(effect: Effect): string {
  if (effect.kind !== 'changed') return 'nothing';
  const events = effect.events.map(({ name, key }) => `${name}@${key}`).join(' ');
  const replay = effect.replay?.map((row) =>
    row.map((word) => (typeof word === 'string' ? word : latin1(word))).join(' '),
  );
  return `${effect.changes}: ${events}${replay === undefined ? '' : ` as ${replay.join('; ')}`}`;
}

function effectOf(...lines: string[]): string {
  const session = new Harness({ debug: true }).session();
  for (const line of lines) session.run(wordsOf(line));
  return shown(session.effect);
}

describe('a command of lists reports what it changed', () => {
  const cases: readonly (readonly [expected: string, ...lines: string[]])[] = [
    ['1: lpush@1', 'LPUSH l a'],
    ['3: rpush@1', 'RPUSH l a b c'],
    ['nothing', 'LPUSHX l a'],
    ['1: lpop@1', 'RPUSH l a b', 'LPOP l'],
    ['1: rpop@1 del@1', 'RPUSH l a', 'RPOP l'],
    ['2: rpop@1', 'RPUSH l a b c', 'RPOP l 2'],
    ['3: lpop@1 del@1', 'RPUSH l a b c', 'LPOP l 9'],
    ['nothing', 'RPUSH l a', 'LPOP l 0'],
    ['nothing', 'LPOP l'],
    ['1: lset@1', 'RPUSH l a', 'LSET l 0 b'],
    ['1: linsert@1', 'RPUSH l a', 'LINSERT l AFTER a b'],
    ['nothing', 'RPUSH l a', 'LINSERT l AFTER x b'],
    ['2: lrem@1', 'RPUSH l a b a', 'LREM l 0 a'],
    ['1: lrem@1 del@1', 'RPUSH l a', 'LREM l 0 a'],
    ['nothing', 'RPUSH l a', 'LREM l 0 x'],
    ['2: ltrim@1', 'RPUSH l a b c', 'LTRIM l 1 1'],
    ['3: ltrim@1 del@1', 'RPUSH l a b c', 'LTRIM l 5 1'],
    ['0: ltrim@1 as ', 'RPUSH l a', 'LTRIM l 0 -1'],
    ['1: rpush@2 lpop@1 as LMOVE a b LEFT RIGHT', 'RPUSH a 1 2', 'LMOVE a b LEFT RIGHT'],
    ['1: lpush@2 rpop@1 del@1 as LMOVE a b RIGHT LEFT', 'RPUSH a 1', 'RPOPLPUSH a b'],
    ['1: lpush@2 rpop@1 as LMOVE a a RIGHT LEFT', 'RPUSH a 1', 'RPOPLPUSH a a'],
    ['1: rpush@2 lpop@1 del@1 as LMOVE a b LEFT RIGHT', 'RPUSH a 1', 'BLMOVE a b LEFT RIGHT 0'],
    ['1: lpop@2 as LPOP b 1', 'RPUSH b 1 2', 'BLPOP a b c 0'],
    ['1: rpop@1 del@1 as RPOP b 1', 'RPUSH b 1', 'BRPOP b a 0'],
    ['nothing', 'BLPOP a b 1'],
    ['2: rpop@3 as RPOP b 2', 'RPUSH b 1 2 3', 'LMPOP 2 a b RIGHT COUNT 2'],
    ['1: lpop@3 del@3 as LPOP b 1', 'RPUSH b 1', 'BLMPOP 0 1 b LEFT'],
    ['2: sortstore@3', 'RPUSH l 2 1', 'SORT l STORE d'],
    ['1: del@3', 'RPUSH d 2 1', 'SORT l STORE d'],
    ['nothing', 'SORT l STORE d'],
    ['nothing', 'RPUSH l 2 1', 'SORT l'],
  ];

  for (const [expected, ...lines] of cases) {
    it(`${lines.join(', ')}: ${expected}`, () => {
      expect(effectOf(...lines)).toBe(expected);
    });
  }
});

function full() {
  const harness = new Harness({ debug: true, limitBytes: LIMIT });
  const session = harness.session();
  return {
    run: (...words: string[]) => rendered(session.run(words)),
    used: () => harness.shard.realm(0).account.usedBytes(),
    arena: harness.shard.arena,
  };
}

describe('a list at the memory limit', () => {
  it('takes elements up to it, is refused more, and goes on when there is room again', () => {
    for (const [push, pop] of [
      ['RPUSH', 'LPOP'],
      ['LPUSH', 'LPOP'],
    ] as const) {
      const { run, used, arena } = full();
      let pushed = 0;
      while (run(push, 'list', 'v'.repeat(100)) !== OOM) pushed++;
      expect(used()).toBeLessThanOrEqual(LIMIT);
      expect(used()).toBeGreaterThan(LIMIT * 0.98);
      expect(run('LLEN', 'list')).toBe(`(integer) ${pushed}`);
      expect(run('LSET', 'list', '0', 'w'.repeat(LIMIT))).toBe(OOM);
      expect(run('LINSERT', 'list', 'BEFORE', 'v'.repeat(100), 'w'.repeat(LIMIT))).toBe(OOM);
      expect(run('LINDEX', 'list', '0')).toBe(`"${'v'.repeat(100)}"`);
      expect(run('SORT', 'list', 'BY', 'nosort', 'STORE', 'list')).toBe(OOM);
      expect(run('LLEN', 'list')).toBe(`(integer) ${pushed}`);
      expect(run(pop, 'list', '100')).toContain('vvv');
      expect(run(push, 'list', 'v'.repeat(100))).toBe(`(integer) ${pushed - 99}`);
      arena.check();
    }
  });

  it('is refused many elements at once as a whole', () => {
    const { run, used } = full();
    const many = Array.from({ length: 2000 }, () => 'x'.repeat(600));
    const before = used();
    expect(run('RPUSH', 'list', ...many)).toBe(OOM);
    expect(run('EXISTS', 'list')).toBe('(integer) 0');
    expect(used()).toBe(before);
    expect(run('RPUSH', 'list', 'a')).toBe('(integer) 1');
    expect(run('LPUSH', 'list', ...many)).toBe(OOM);
    expect(run('LRANGE', 'list', '0', '-1')).toBe('array of 1\n  "a"');
  });

  it('gives an element up to another only when that has room for it', () => {
    const { run } = full();
    expect(run('RPUSH', 'from', 'v'.repeat(LIMIT * 0.6))).toBe('(integer) 1');
    expect(run('LMOVE', 'from', 'to', 'LEFT', 'LEFT')).toBe(OOM);
    expect(run('LLEN', 'from')).toBe('(integer) 1');
    expect(run('EXISTS', 'to')).toBe('(integer) 0');
  });
});

describe('a push', () => {
  it('of many elements keeps their order, however many nodes they need', () => {
    const session = new Harness({ debug: true }).session();
    const elements = Array.from({ length: 5000 }, (_, i) => `element ${i}`);
    const range = () => rendered(session.run(['LRANGE', 'list', '0', '-1']));
    const written = (texts: readonly string[]) =>
      `array of ${texts.length}\n${texts.map((text) => `  "${text}"`).join('\n')}`;
    session.run(['RPUSH', 'list', ...elements]);
    expect(range()).toBe(written(elements));
    session.run(['RPUSH', 'list', ...elements]);
    expect(range()).toBe(written([...elements, ...elements]));
    session.run(['DEL', 'list']);
    session.run(['LPUSH', 'list', ...elements]);
    expect(range()).toBe(written([...elements].reverse()));
    session.run(['LPUSH', 'list', ...elements]);
    expect(range()).toBe(written([...elements].reverse().concat([...elements].reverse())));
  });
});
