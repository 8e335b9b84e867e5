import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import type { Effect } from '../../src/command/effect.ts';
import { FakeClock, Harness } from '../support/harness.ts';
import { wordsOf } from '../support/words.ts';

const NOW = 1_700_000_000_000;
/** DUMP of the string x. */
const PAYLOAD = String.raw`"\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0"`;

function shownEffect(effect: Effect): string {
  if (effect.kind !== 'changed') return 'nothing';
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
    ['2: zadd@1', 'ZADD z 1 a 2 b'],
    ['1: zadd@1', 'ZADD z 1 a', 'ZADD z CH 2 a'],
    ['nothing', 'ZADD z 1 a', 'ZADD z 1 a'],
    ['nothing', 'ZADD z 1 a', 'ZADD z NX 2 a'],
    ['1: zincr@1', 'ZINCRBY z 1 a'],
    ['nothing', 'ZINCRBY z 1 a', 'ZINCRBY z 0 a'],
    ['1: zrem@1', 'ZADD z 1 a 2 b', 'ZREM z a x'],
    ['2: zrem@1 del@1', 'ZADD z 1 a 2 b', 'ZREM z a b'],
    ['2: zremrangebyrank@1 del@1', 'ZADD z 1 a 2 b', 'ZREMRANGEBYRANK z 0 -1'],
    ['1: zremrangebyscore@1', 'ZADD z 1 a 2 b', 'ZREMRANGEBYSCORE z 2 3'],
    ['1: zremrangebylex@1', 'ZADD z 1 a 1 b', 'ZREMRANGEBYLEX z [b +'],
    ['nothing', 'ZADD z 1 a', 'ZREMRANGEBYSCORE z 2 3'],
    ['1: zpopmin@1 as ZPOPMIN z 1', 'ZADD z 1 a 2 b', 'ZPOPMIN z'],
    ['2: zpopmax@1 del@1 as ZPOPMAX z 2', 'ZADD z 1 a 2 b', 'ZPOPMAX z 5'],
    ['1: zpopmax@3 as ZPOPMAX z 1', 'ZADD z 1 a 2 b', 'ZMPOP 2 x z MAX'],
    ['1: zpopmin@2 del@2 as ZPOPMIN z 1', 'ZADD z 1 a', 'BZPOPMIN x z 0'],
    ['nothing', 'BZPOPMIN x z 0.01'],
    ['1: zrangestore@1', 'ZADD z 1 a', 'ZRANGESTORE d z 0 -1'],
    ['1: del@1', 'SET d v', 'ZRANGESTORE d z 0 -1'],
    ['nothing', 'ZRANGESTORE d z 0 -1'],
    ['1: zunionstore@1', 'ZADD z 1 a 2 b', 'ZUNIONSTORE d 1 z'],
    ['1: del@1', 'ZADD z 1 a', 'ZDIFFSTORE z 2 z z'],
    ['1: zadd@1', 'GEOADD g 1 1 a'],
    ['1: geosearchstore@1', 'GEOADD g 1 1 a', 'GEOSEARCHSTORE d g FROMMEMBER a BYRADIUS 1 m'],
    ['1: georadiusstore@7', 'GEOADD g 1 1 a', 'GEORADIUS g 1 1 10 km STORE d'],
    ['1: del@7', 'SET d v', 'GEORADIUS g 1 1 10 km STORE d'],
    ['nothing', 'GEOADD g 1 1 a', 'GEORADIUS g 1 1 10 km'],
    ['nothing', 'SET k v', 'GET k'],
    ['nothing', 'SET k v', 'DUMP k'],
    ['1: restore@1', `RESTORE k 0 ${PAYLOAD}`],
    ['1: restore@1', 'SET k v', `RESTORE k 0 ${PAYLOAD} REPLACE`],
    ['1: restore@1', `RESTORE k 1700000010000 ${PAYLOAD} ABSTTL`],
    [
      `1: restore@1 as RESTORE k 1700000010000 ${wordsOf(PAYLOAD).join('')} REPLACE FREQ 5 ABSTTL`,
      `RESTORE k 10000 ${PAYLOAD} REPLACE FREQ 5`,
    ],
    ['nothing', `RESTORE k 1 ${PAYLOAD} ABSTTL`],
    ['1: del@1 as DEL k', 'SET k v', `RESTORE k 1 ${PAYLOAD} ABSTTL REPLACE`],
    ['nothing', 'SET k v', 'RESTORE k 0 bad REPLACE'],
    ['1: setbit@1', 'SETBIT k 9 1'],
    ['1: setbit@1', 'SETBIT k 9 0'],
    ['nothing', 'SETBIT k 9 1', 'SETBIT k 9 1'],
    ['1: set@2', 'SET a 1', 'BITOP NOT b a'],
    ['1: del@2', 'SET b 1', 'BITOP AND b none'],
    ['nothing', 'BITOP AND b none'],
    ['nothing', 'BITFIELD k GET u8 0'],
    ['1: setbit@1', 'BITFIELD k SET u8 0 0'],
    ['2: setbit@1', 'BITFIELD k SET u8 0 1 INCRBY u8 0 0 GET u8 0'],
    ['1: setbit@1', 'SET k v', 'BITFIELD k SET u8 0 1 INCRBY u8 0 0'],
    ['nothing', 'SET k v', 'BITFIELD k OVERFLOW FAIL SET u8 0 256'],
    // The string has grown, which Redis does not tell.
    ['1: ', 'BITFIELD k OVERFLOW FAIL SET u8 0 256'],
    ['1: pfadd@1', 'PFADD k'],
    ['3: pfadd@1', 'PFADD k a b'],
    ['nothing', 'PFADD k a b', 'PFADD k b a'],
    // The estimate is kept in the value.
    ['1: ', 'PFADD k a', 'PFCOUNT k'],
    ['nothing', 'PFADD k a', 'PFCOUNT k', 'PFCOUNT k'],
    ['nothing', 'PFADD k a', 'PFCOUNT k b'],
    ['1: pfadd@1', 'PFMERGE k'],
    ['1: ', 'PFADD k a', 'PFDEBUG TODENSE k'],
    ['nothing', 'PFADD k a', 'PFDEBUG ENCODING k'],
    ['2: sadd@1', 'SADD s a b'],
    ['1: sadd@1', 'SADD s a', 'SADD s a b'],
    ['nothing', 'SADD s a', 'SADD s a'],
    ['1: srem@1', 'SADD s a b', 'SREM s a x'],
    ['2: srem@1 del@1', 'SADD s a b', 'SREM s a b'],
    ['nothing', 'SREM s a'],
    ['2: srem@1 sadd@2', 'SADD a x y', 'SMOVE a b x'],
    ['2: srem@1 del@1 sadd@2', 'SADD a x', 'SMOVE a b x'],
    ['1: srem@1 del@1', 'SADD a x', 'SADD b x', 'SMOVE a b x'],
    ['nothing', 'SADD a x', 'SMOVE a a x'],
    ['1: spop@1 del@1 as DEL s', 'SADD s a', 'SPOP s'],
    ['3: spop@1 del@1 as DEL s', 'SADD s a b c', 'SPOP s 5'],
    ['nothing', 'SADD s a', 'SPOP s 0'],
    ['1: sinterstore@1', 'SADD a x', 'SINTERSTORE d a'],
    ['1: del@1', 'SET d v', 'SINTERSTORE d none'],
    ['nothing', 'SUNIONSTORE d none'],
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
