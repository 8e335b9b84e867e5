/** ACL LOG: what was denied, to whom, how often; never a secret. */
import { describe, expect, it } from 'vitest';
import { AclLog, type Denial } from '../../src/acl/log.ts';
import { ACL_LOG_ENTRIES_MAX_DEFAULT, ACL_LOG_GROUPING_MS, ECHOED_BYTES_MAX } from '../../src/base/limits.ts';
import { HUGE, heldBytes, hugeKey } from '../support/held-bytes.ts';
import { AclWorld, OPERATOR } from './support.ts';

const DENIAL: Denial = {
  reason: 'command',
  context: 'toplevel',
  object: 'get',
  userName: 'u',
  tenantName: 't1',
  clientInfo: 'id=1',
};

function counts(log: AclLog): readonly (readonly [string, number])[] {
  return log.newest(1000).map(({ object, count }) => [object, count]);
}

describe('K96: the log of denials', () => {
  it('does not keep the keys of which it shows the beginning', () => {
    const log = new AclLog();
    const before = heldBytes();
    for (let i = 0; i < 32; i++) log.add({ ...DENIAL, object: hugeKey(i), userName: hugeKey(i) }, 0);
    expect(log.newest(1000)).toHaveLength(32);
    expect(heldBytes() - before).toBeLessThan(16 * HUGE);
  });

  it('counts what is alike within a minute of the last time, and moves it to the front', () => {
    const log = new AclLog();
    log.add(DENIAL, 0);
    log.add({ ...DENIAL, object: 'set' }, 1);
    log.add({ ...DENIAL, clientInfo: 'id=2' }, ACL_LOG_GROUPING_MS);
    log.add(DENIAL, 2 * ACL_LOG_GROUPING_MS);
    expect(counts(log)).toEqual([
      ['get', 3],
      ['set', 1],
    ]);
    expect(log.newest(1)[0]).toMatchObject({ createdAt_ms: 0, updatedAt_ms: 2 * ACL_LOG_GROUPING_MS, id: 0 });
    log.add(DENIAL, 3 * ACL_LOG_GROUPING_MS + 1);
    expect(counts(log)).toEqual([
      ['get', 1],
      ['get', 3],
      ['set', 1],
    ]);
    expect(log.newest(1)[0]?.id).toBe(2);
  });

  it('tells apart reason, context, object and user', () => {
    const log = new AclLog();
    const different: Partial<Denial>[] = [
      {},
      { reason: 'key' },
      { context: 'multi' },
      { object: 'x' },
      { userName: 'v' },
    ];
    for (const one of different) log.add({ ...DENIAL, ...one }, 0);
    expect(log.newest(100)).toHaveLength(different.length);
  });

  it('has a bound that can be lowered and raised, down to nothing', () => {
    const log = new AclLog();
    const fill = () => {
      for (let i = 0; i < 300; i++) log.add({ ...DENIAL, object: `${i}` }, i);
    };
    fill();
    expect(log.newest(1000)).toHaveLength(ACL_LOG_ENTRIES_MAX_DEFAULT);
    expect(log.newest(1)[0]?.object).toBe('299');
    log.setMax(3);
    expect(counts(log).map(([object]) => object)).toEqual(['299', '298', '297']);
    log.setMax(5);
    fill();
    expect(log.newest(1000)).toHaveLength(5);
    log.setMax(0);
    fill();
    expect(log.newest(1000)).toEqual([]);
  });

  it('keeps the beginning of a huge name', () => {
    const log = new AclLog();
    log.add({ ...DENIAL, object: 'k'.repeat(100_000) }, 0);
    expect(log.newest(1)[0]?.object).toHaveLength(ECHOED_BYTES_MAX);
  });
});

describe('K96: ACL LOG', () => {
  it('answers every field in order, the age since the last time', () => {
    const world = new AclWorld();
    world.log.add(DENIAL, world.now_ms);
    world.log.add(DENIAL, world.now_ms + 500);
    world.now_ms += 2000;
    const fields = [
      '$5\r\ncount\r\n:2\r\n$6\r\nreason\r\n$7\r\ncommand\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$3\r\nget\r\n',
      '$8\r\nusername\r\n$1\r\nu\r\n$11\r\nage-seconds\r\n$3\r\n1.5\r\n$11\r\nclient-info\r\n$4\r\nid=1\r\n',
      '$8\r\nentry-id\r\n:0\r\n$17\r\ntimestamp-created\r\n:1700000000000\r\n',
      '$22\r\ntimestamp-last-updated\r\n:1700000000500\r\n',
    ].join('');
    expect(world.text(['ACL', 'LOG'])).toBe(`*1\r\n*20\r\n${fields}`);
    expect(world.text(['ACL', 'LOG'], OPERATOR, 3)).toBe(`*1\r\n%10\r\n${fields.replace('$3\r\n1.5', ',1.5')}`);
  });

  it('shows ten unless asked for more or fewer, and forgets on RESET', () => {
    const world = new AclWorld();
    for (let i = 0; i < 20; i++) world.log.add({ ...DENIAL, object: `${i}` }, 0);
    const shown = (...words: string[]) => Number(/^\*(\d+)/.exec(world.text(['ACL', 'LOG', ...words]))?.[1]);
    expect([shown(), shown('3'), shown('100'), shown('0'), shown('-5')]).toEqual([10, 3, 20, 0, 0]);
    expect(world.text(['ACL', 'LOG', 'rEsEt'])).toBe('+OK\r\n');
    expect(shown()).toBe(0);
  });
});
