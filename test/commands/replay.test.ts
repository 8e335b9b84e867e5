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
});
