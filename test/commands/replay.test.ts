/**
 * What the log and replicas will live by: the effects of random commands, played on a second world, make the same state
 * there. The second world has another clock, another seed and other thresholds, so nothing may depend on any of them.
 */
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Effect } from '../../src/command/effect.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { DATABASES, Generator } from '../differential/generate.ts';
import { FakeClock, Harness } from '../support/harness.ts';
import { seed } from '../support/seed.ts';
import { stateOf } from '../support/state.ts';
import { shown, type Words } from '../support/words.ts';

const NOW_MS = 1_700_000_000_000;
const COMMANDS = process.env['PORTCULLIS_LONG'] === '1' ? 200_000 : 20_000;
/** Commands between two comparisons. */
const STRIDE = 500;
const COMPACT_MAX = 4;

function replayed(effect: Effect, words: Words): readonly Words[] {
  if (effect.kind !== 'changed') return [];
  if (effect.replay === undefined) return [words];
  return effect.replay.map((row) => row.map((word) => (typeof word === 'string' ? word : latin1(word))));
}

describe(`effects, seed ${seed}`, () => {
  it('make the same of another world', { timeout: 120_000 }, () => {
    const primary = new Harness({ clock: new FakeClock(NOW_MS), debug: true });
    // Later, as a replica or a log is: what was relative must have become absolute. Keys that ended meanwhile are the test's to avoid.
    const copy = new Harness({ clock: new FakeClock(NOW_MS + 500), debug: true, seed: 99 });
    const { world } = copy.shard;
    world.collections = {
      ...world.collections,
      hashMaxListpackEntries: COMPACT_MAX,
      setMaxIntsetEntries: COMPACT_MAX,
      setMaxListpackEntries: COMPACT_MAX,
      zsetMaxListpackEntries: COMPACT_MAX,
      listMaxListpackSize: COMPACT_MAX,
    };
    const [first, second] = [primary.session(), copy.session()];
    const declared = shardDeclarations.filter(({ name }) => name !== 'DEBUG' && name !== 'PFSELFTEST');
    const generator = new Generator(declared, new Prng(seed), () => NOW_MS);
    const since: string[] = [];
    for (let i = 1; i <= COMMANDS; i++) {
      const words = generator.next();
      first.run(words);
      if (words[0] === 'SELECT') second.run(words);
      for (const again of replayed(first.effect, words)) {
        since.push(shown(again));
        const answer = latin1(second.run(again));
        expect(answer.startsWith('-'), `${shown(words)} replays as ${shown(again)}: ${answer}`).toBe(false);
      }
      if (i % STRIDE !== 0) continue;
      const { databaseNumber } = first;
      const expected = stateOf((each) => first.run(each), DATABASES);
      expect(
        stateOf((each) => second.run(each), DATABASES),
        since.join('\n'),
      ).toEqual(expected);
      first.databaseNumber = databaseNumber;
      second.databaseNumber = databaseNumber;
      since.length = 0;
    }
  });

  it('carry how far a group has read, even past what 64 bits hold', () => {
    const [first, second] = [new Harness({ debug: true }).session(), new Harness({ debug: true, seed: 99 }).session()];
    const both = (...words: string[]) => {
      const answer = latin1(first.run(words));
      expect(answer.startsWith('-'), `${words.join(' ')}: ${answer}`).toBe(false);
      for (const again of replayed(first.effect, words)) expect(latin1(second.run(again))).not.toMatch(/^-/);
    };
    const state = (session: typeof first) => ['GROUPS', 'FULL'].map((kind) => latin1(session.run(info(kind))));
    const info = (kind: string) => (kind === 'FULL' ? ['XINFO', 'STREAM', 's', 'FULL'] : ['XINFO', kind, 's']);
    both('XADD', 's', '1-1', 'f', 'v');
    both('XADD', 's', '1-2', 'f', 'v');
    both('XGROUP', 'CREATE', 's', 'g', '0');
    both('PEXPIREAT', 's', '99999999999999');
    both('XSETID', 's', '1-2', 'ENTRIESADDED', '9223372036854775807');
    both('XADD', 's', '2-1', 'f', 'v');
    both('XADD', 's', '2-2', 'f', 'v');
    both('XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', '3', 'STREAMS', 's', '>');
    expect(state(first)[0]).toContain(':-9223372036854775808\r\n');
    expect(state(second)).toEqual(state(first));
    expect(latin1(second.run(['PEXPIRETIME', 's']))).toBe(':99999999999999\r\n');
    both('XREADGROUP', 'GROUP', 'g', 'bob', 'NOACK', 'STREAMS', 's', '>');
    expect(state(first)[0]).toContain(':-9223372036854775807\r\n');
    both('XCLAIM', 's', 'g', 'bob', '0', '2-1', 'LASTID', '3-0');
    expect(state(second)).toEqual(state(first));
  });
});
