/** Hashes at the edges: memory limits, effects, replies too large, sizes. */
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import type { Effect } from '../../../src/command/effect.ts';
import { FakeClock, Harness } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';
import { wordsOf } from '../../support/words.ts';

const NOW = 1_700_000_000_000;
const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";
const LIMIT = 1024 * 1024;
const LONG = 'x'.repeat(65);

function shownEffect(effect: Effect): string {
  if (effect.kind !== 'changed') return 'nothing';
  const rows = effect.replay?.map((row) =>
    row.map((word) => (typeof word === 'string' ? word : latin1(word))).join(' '),
  );
  const events = effect.events.map(({ name }) => name).join(' ');
  return `${effect.changes}: ${events}${rows === undefined ? '' : ` as ${rows.join('; ')}`}`;
}

function effectOf(...lines: string[]): string {
  const session = new Harness({ clock: new FakeClock(NOW), debug: true }).session();
  for (const line of lines) session.run(wordsOf(line));
  return shownEffect(session.effect);
}

describe('a command on a hash reports what it changed', () => {
  const cases: readonly (readonly [expected: string, ...lines: string[]])[] = [
    ['1: hset', 'HSET h a 1'],
    ['3: hset', 'HSET h a 1 a 2 b 3'],
    ['2: hset', 'HMSET h a 1 b 2'],
    ['1: hset', 'HSETNX h a 1'],
    ['nothing', 'HSET h a 1', 'HSETNX h a 2'],
    ['1: hdel', 'HSET h a 1 b 2', 'HDEL h a x'],
    ['2: hdel del', 'HSET h a 1 b 2', 'HDEL h a x b'],
    ['1: hdel del', 'HSET h a 1', 'HDEL h a'],
    ['nothing', 'HSET h a 1', 'HDEL h x'],
    ['1: hincrby', 'HINCRBY h a 1'],
    ['nothing', 'HSET h a x', 'HINCRBY h a 1'],
    ['1: hincrbyfloat as HSET h a 0.3', 'HSET h a 0.1', 'HINCRBYFLOAT h a 0.2'],
    [
      '1: hincrbyfloat as HSETEX h KEEPTTL FIELDS 1 a 0.3',
      'HSET h a 0.1',
      'HEXPIRE h 9 FIELDS 1 a',
      'HINCRBYFLOAT h a 0.2',
    ],
    ['2: hexpire as HPEXPIREAT h 1700000010000 FIELDS 2 a b', 'HSET h a 1 b 2 c 3', 'HEXPIRE h 10 FIELDS 3 a x b'],
    ['nothing', 'HSET h a 1', 'HEXPIRE h 10 XX FIELDS 1 a'],
    ['nothing', 'HEXPIRE h 10 FIELDS 1 a'],
    ['1: hdel as HDEL h b', 'HSET h a 1 b 2', 'HPEXPIREAT h 5 FIELDS 2 b x'],
    ['2: hdel del as HDEL h a b', 'HSET h a 1 b 2', 'HEXPIRE h 0 FIELDS 2 a b'],
    ['1: hpersist', 'HSET h a 1', 'HEXPIRE h 10 FIELDS 1 a', 'HPERSIST h FIELDS 1 a'],
    ['nothing', 'HSET h a 1', 'HPERSIST h FIELDS 1 a'],
    ['1: hdel as HDEL h a', 'HSET h a 1 b 2', 'HGETDEL h FIELDS 3 a x a'],
    ['1: hdel del as HDEL h a', 'HSET h a 1', 'HGETDEL h FIELDS 1 a'],
    ['nothing', 'HSET h a 1', 'HGETEX h FIELDS 1 a'],
    ['1: hexpire as HPEXPIREAT h 1700000010000 FIELDS 1 a', 'HSET h a 1', 'HGETEX h EX 10 FIELDS 2 a x'],
    ['1: hpersist as HPERSIST h FIELDS 1 a', 'HSETEX h EX 9 FIELDS 1 a 1', 'HGETEX h PERSIST FIELDS 1 a'],
    ['1: hdel del as HDEL h a', 'HSET h a 1', 'HGETEX h PX 0 FIELDS 1 a'],
    ['2: hset as HSETEX h FIELDS 2 a 1 b 2', 'HSETEX h FNX FIELDS 2 a 1 b 2'],
    ['1: hset', 'HSETEX h KEEPTTL FIELDS 1 a 1'],
    ['1: hset hexpire as HSETEX h PXAT 1700000010000 FIELDS 1 a 1', 'HSETEX h EX 10 FIELDS 1 a 1'],
    ['1: hset hdel as HDEL h a', 'HSET h b 1', 'HSETEX h PXAT 1 FIELDS 1 a 1'],
    ['nothing', 'HSETEX h FXX FIELDS 1 a 1'],
    ['nothing', 'HSET h a 1', 'HGETALL h'],
  ];
  for (const [expected, ...lines] of cases) {
    it(`${lines.join(', ')}: ${expected}`, () => expect(effectOf(...lines)).toBe(expected));
  }
});

function full() {
  const harness = new Harness({ debug: true, limitBytes: LIMIT });
  const session = harness.session();
  const { account } = harness.shard.realm(0);
  return { harness, account, run: (...words: string[]) => rendered(session.run(words)) };
}

describe('a tenant at its memory limit', () => {
  it('is refused within two per cent of it when one hash grows, and never before', () => {
    const { account, run } = full();
    let fields = 0;
    while (run('HSET', 'h', `field:${fields}`, 'v'.repeat(50)) === '(integer) 1') fields++;
    expect(run('HLEN', 'h')).toBe(`(integer) ${fields}`);
    expect(account.usedBytes()).toBeLessThanOrEqual(LIMIT);
    expect(account.usedBytes()).toBeGreaterThan(LIMIT * 0.98);
    const huge = 'v'.repeat(LIMIT * 0.03);
    expect(run('HSET', 'h', 'new', huge)).toBe(OOM);
    expect(run('HSET', 'h', 'new', '1', 'new2', huge)).toBe(OOM);
    expect(run('HSETNX', 'h', 'new', huge)).toBe(OOM);
    expect(run('HSET', 'other', 'new', '1', 'new2', huge)).toBe(OOM);
    expect(run('HSETEX', 'h', 'EX', '10', 'FIELDS', '1', 'new', huge)).toBe(OOM);
    expect(run('HEXISTS', 'h', 'new')).toBe('(integer) 0');
    expect(run('EXISTS', 'other')).toBe('(integer) 0');
  });

  it('is refused a hash that would grow large beyond it, and keeps the small one', () => {
    const { account, run } = full();
    for (let i = 0; i < 500; i++) run('HSET', 'h', `f${i}`, 'v'.repeat(20));
    let fillers = 0;
    while (run('SET', `filler:${fillers}`, 'x'.repeat(1000)) === 'OK') fillers++;
    for (let i = 0; i < 8; i++) run('DEL', `filler:${i}`);
    expect(run('HSET', 'h', 'long', LONG)).toBe(OOM);
    expect(run('SET', 'filler:0', 'x'.repeat(1000))).toBe('OK');
    expect(run('OBJECT', 'ENCODING', 'h')).toBe('"listpack"');
    expect(run('HLEN', 'h')).toBe('(integer) 500');
    for (let i = 0; i < 80; i++) run('DEL', `filler:${i}`);
    expect(run('HSET', 'h', 'long', LONG)).toBe('(integer) 1');
    expect(account.usedBytes()).toBeLessThanOrEqual(LIMIT);
  });

  it('is refused more times to live than it can hold', () => {
    const { account, run } = full();
    let fields = 0;
    while (run('HSET', 'h', `field:${fields}`, LONG) === '(integer) 1') fields++;
    let expiring = 0;
    while (expiring < fields && run('HEXPIRE', 'h', '100', 'FIELDS', '1', `field:${expiring}`) !== OOM) expiring++;
    expect(expiring).toBeLessThan(fields);
    expect(account.usedBytes()).toBeLessThanOrEqual(LIMIT * 1.002);
    expect(run('HLEN', 'h')).toBe(`(integer) ${fields}`);
  });

  it('may lose the very hash that it writes to where its policy evicts', () => {
    const { harness, account, run } = full();
    harness.shard.realm(0).account.policy = 'allkeys-random';
    harness.shard.policyChanged();
    for (let i = 0; i < 6000; i++) {
      expect(run('HSET', `h${i % 7}`, `field:${i}`, 'v'.repeat(300))).toBe('(integer) 1');
      if (i % 5 === 0) run('HEXPIRE', `h${i % 7}`, '100', 'FIELDS', '1', `field:${i}`);
      if (i % 11 === 0) run('HINCRBY', `h${i % 7}`, 'n', '1');
    }
    expect(account.usedBytes()).toBeLessThanOrEqual(LIMIT * 1.01);
    expect(harness.shard.realm(0).statistics.evicted).toBeGreaterThan(0);
    harness.shard.arena.check();
  });
});

describe('a reply that is too large', () => {
  it('costs no field', () => {
    const session = new Harness({ debug: true }).session();
    session.run(['HSET', 'h', 'a', 'v'.repeat(5000), 'b', '1']);
    session.out.replyBytesMax = 1000;
    session.run(['HGETDEL', 'h', 'FIELDS', '2', 'a', 'b']);
    expect(shownEffect(session.effect)).toBe('nothing');
    session.run(['HGETEX', 'h', 'PX', '0', 'FIELDS', '2', 'a', 'b']);
    expect(shownEffect(session.effect)).toBe('nothing');
    session.out.replyBytesMax = 1_000_000;
    expect(rendered(session.run(['HLEN', 'h']))).toBe('(integer) 2');
  });
});

describe('a walk by HSCAN', () => {
  it('meets every field that is there all the time, while others come and go', () => {
    const session = new Harness({ debug: true }).session();
    const run = (...words: string[]) => rendered(session.run(words));
    for (let i = 0; i < 3000; i++) run('HSET', 'h', `stays:${i}`, '1');
    const met = new Set<string>();
    let cursor = '0';
    let steps = 0;
    do {
      const lines = run('HSCAN', 'h', cursor, 'COUNT', '50', 'NOVALUES').split('\n');
      cursor = (lines[1] ?? '').trim().slice(1, -1);
      for (const line of lines.slice(3)) met.add(line.trim().slice(1, -1));
      for (let i = 0; i < 40; i++) run('HSET', 'h', `comes:${steps}:${i}`, '1');
      if (steps > 2) for (let i = 0; i < 40; i++) run('HDEL', 'h', `comes:${steps - 2}:${i}`);
      steps++;
    } while (cursor !== '0' && steps < 1000);
    expect(steps).toBeLessThan(1000);
    for (let i = 0; i < 3000; i++) expect(met.has(`stays:${i}`)).toBe(true);
  });
});
