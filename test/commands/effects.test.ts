import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import type { Effect } from '../../src/command/effect.ts';
import { FakeClock, Harness } from '../support/harness.ts';
import { wordsOf } from '../support/words.ts';

const NOW = 1_700_000_000_000;

function shownEffect(effect: Effect): string {
  if (effect.kind === 'unchanged') return 'nothing';
  const events = effect.events.map(
    ({ name, key, databaseNumber }) => `${name}@${key}${databaseNumber === undefined ? '' : `/${databaseNumber}`}`,
  );
  const replay = effect.replay?.map((row) =>
    row.map((word) => (typeof word === 'string' ? word : latin1(word))).join(' '),
  );
  return `${effect.changes}: ${events.join(' ')}${replay === undefined ? '' : ` as ${replay.join('; ')}`}`;
}

/** What the last of these commands reports. */
function effectOf(...lines: string[]): string {
  const session = new Harness({ clock: new FakeClock(NOW), debug: true }).session();
  for (const line of lines) session.run(wordsOf(line));
  return shownEffect(session.effect);
}

describe('a command reports what it changed', () => {
  const cases: readonly (readonly [expected: string, ...lines: string[]])[] = [
    ['1: set@1', 'SET k v'],
    ['1: set@1 expire@1 as SET k v PXAT 1700000010000', 'SET k v EX 10'],
    ['1: set@1 expire@1 as SET k v PXAT 1700000010000', 'SETEX k 10 v'],
    ['1: set@1 expire@1 as SET k v PXAT 1700000000010', 'PSETEX k 10 v'],
    ['nothing', 'SET k v XX'],
    ['nothing', 'SET k v', 'SET k v NX GET'],
    ['1: set@1', 'SET k v EX 10', 'SET k w KEEPTTL'],
    ['nothing', 'SET k v EX 0'],
    ['nothing', 'SET k v', 'SETNX k w'],
    ['2: set@1 set@3', 'MSET a 1 b 2'],
    ['nothing', 'SET a 1', 'MSETNX a 1 b 2'],
    ['1: set@1 as SET k w', 'GETSET k w'],
    ['1: del@1 as DEL k', 'SET k v', 'GETDEL k'],
    ['nothing', 'GETDEL k'],
    ['nothing', 'SET k v', 'GETEX k'],
    ['1: expire@1 as PEXPIREAT k 1700000010000', 'SET k v', 'GETEX k EX 10'],
    ['1: persist@1 as PERSIST k', 'SET k v EX 10', 'GETEX k PERSIST'],
    ['nothing', 'SET k v', 'GETEX k PERSIST'],
    ['1: del@1 as DEL k', 'SET k v', 'GETEX k PXAT 1'],
    ['1: append@1', 'APPEND k v'],
    ['1: setrange@1', 'SETRANGE k 5 v'],
    ['nothing', 'SETRANGE k 5 ""'],
    ['1: incrby@1', 'INCR k'],
    ['1: incrby@1', 'DECRBY k 9223372036854775807'],
    ['nothing', 'SET k 9223372036854775807', 'INCR k'],
    ['1: incrbyfloat@1 as SET k 0.3 KEEPTTL', 'SET k 0.1', 'INCRBYFLOAT k 0.2'],
    ['2: del@1 del@3', 'MSET a 1 b 2', 'DEL a x b'],
    ['nothing', 'UNLINK x y'],
    ['1: expire@1 as PEXPIREAT k 1700000100000', 'SET k v', 'EXPIRE k 100'],
    ['1: expire@1 as PEXPIREAT k 1800000000000', 'SET k v', 'EXPIREAT k 1800000000'],
    ['nothing', 'SET k v', 'EXPIRE k 100 XX'],
    ['1: del@1 as DEL k', 'SET k v', 'EXPIRE k -1'],
    ['1: persist@1', 'SET k v EX 10', 'PERSIST k'],
    ['nothing', 'SET k v', 'PERSIST k'],
    ['1: rename_from@1 rename_to@2', 'SET a 1', 'RENAME a b'],
    ['nothing', 'SET a 1', 'RENAME a a'],
    ['1: copy_to@2/3', 'SET a 1', 'COPY a b DB 3'],
    ['nothing', 'COPY a b'],
    ['1: move_from@1 move_to@1/3', 'SET a 1', 'MOVE a 3'],
    ['1: ', 'FLUSHDB'],
    ['1: ', 'SWAPDB 0 1'],
    ['nothing', 'SET k v', 'GET k'],
  ];
  for (const [expected, ...lines] of cases) {
    it(`${lines.join(', ')}: ${expected}`, () => expect(effectOf(...lines)).toBe(expected));
  }

  it('a time that comes to its end takes the key along', () => {
    const clock = new FakeClock(NOW);
    const session = new Harness({ clock, debug: true }).session();
    session.run(['SET', 'k', 'v', 'PX', '10']);
    clock.now += 10;
    expect(latin1(session.run(['EXISTS', 'k']))).toBe(':1\r\n');
    clock.now += 1;
    expect(latin1(session.run(['EXISTS', 'k']))).toBe(':0\r\n');
    expect(latin1(session.run(['TTL', 'k']))).toBe(':-2\r\n');
  });
});
