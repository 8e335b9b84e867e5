/** Guessing passwords gets slow, for who guesses, and for nobody else. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AUTH_BACKOFF_MS,
  AUTH_BACKOFF_MS_MAX,
  AUTH_FAILURES_FREE,
  AUTH_FAILURES_FREE_ADDRESS,
  AUTH_FAILURES_WINDOW_MS,
  BACKOFF_RECORDS_MAX,
} from '../../src/base/limits.ts';
import { Backoff } from '../../src/gateway/backoff.ts';
import { World } from './world.ts';

/** The rule as told, over the whole history of one key: slow and plain. */
function heldUntil(failures: readonly number[], free: number): number {
  let count = 0;
  let since_ms = 0;
  let until_ms = 0;
  let pauses = 0;
  for (const at_ms of failures) {
    if (count === 0 || at_ms - Math.max(since_ms, until_ms) > AUTH_FAILURES_WINDOW_MS) {
      [count, since_ms, until_ms, pauses] = [0, at_ms, 0, 0];
    }
    count++;
    if (count < free) continue;
    until_ms = at_ms + Math.min(AUTH_BACKOFF_MS * 2 ** pauses, AUTH_BACKOFF_MS_MAX);
    pauses++;
  }
  return until_ms;
}

describe('back-off', () => {
  it('follows its rule for every address and every user, whoever fails when', () => {
    const who = fc.record({
      address: fc.constantFrom('1.1.1.1', '2.2.2.2'),
      user: fc.constantFrom('ann', 'bob', 'a b', ''),
      wait_ms: fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(30_000)),
      times: fc.constantFrom(1, 1, 5, 40),
    });
    fc.assert(
      fc.property(fc.array(who, { maxLength: 40 }), (attempts) => {
        const backoff = new Backoff();
        const byUser = new Map<string, number[]>();
        const byAddress = new Map<string, number[]>();
        let now_ms = 1;
        for (const { address, user, wait_ms, times } of attempts) {
          now_ms += wait_ms;
          const pair = `${address}/${user}`;
          const ofUser = byUser.get(pair) ?? [];
          const ofAddress = byAddress.get(address) ?? [];
          byUser.set(pair, ofUser);
          byAddress.set(address, ofAddress);
          for (let i = 0; i < times; i++) {
            const expected =
              now_ms < heldUntil(ofUser, AUTH_FAILURES_FREE) ||
              now_ms < heldUntil(ofAddress, AUTH_FAILURES_FREE_ADDRESS);
            expect(backoff.holds(address, user, now_ms)).toBe(expected);
            if (expected) break;
            backoff.failed(address, user, now_ms);
            ofUser.push(now_ms);
            ofAddress.push(now_ms);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('waits twice as long each time, up to its maximum, and forgives after its window', () => {
    const backoff = new Backoff();
    let now_ms = 1;
    for (let i = 1; i < AUTH_FAILURES_FREE; i++) {
      backoff.failed('1.1.1.1', 'ann', now_ms);
      expect(backoff.holds('1.1.1.1', 'ann', now_ms)).toBe(false);
    }
    for (const pause_ms of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      backoff.failed('1.1.1.1', 'ann', now_ms);
      expect(backoff.holds('1.1.1.1', 'ann', now_ms + pause_ms - 1)).toBe(true);
      now_ms += pause_ms;
      expect(backoff.holds('1.1.1.1', 'ann', now_ms)).toBe(false);
    }
    now_ms += AUTH_FAILURES_WINDOW_MS + 1;
    backoff.failed('1.1.1.1', 'ann', now_ms);
    expect(backoff.holds('1.1.1.1', 'ann', now_ms)).toBe(false);
  });

  it('remembers a bounded number, of names of a bounded length', () => {
    const backoff = new Backoff();
    const { records } = backoff as unknown as { records: ReadonlyMap<string, unknown> };
    for (let i = 0; i < 2 * BACKOFF_RECORDS_MAX; i++) backoff.failed(`2001:db8::${i.toString(16)}`, `user ${i}`, 1);
    expect(records.size).toBe(BACKOFF_RECORDS_MAX);
    backoff.failed('1.1.1.1', 'n'.repeat(1_000_000), 1);
    expect(records.size).toBe(BACKOFF_RECORDS_MAX);
    for (const key of records.keys()) expect(key.length).toBeLessThan(200);
  });
});

describe('AUTH', () => {
  let world: World;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    world.end();
    vi.useRealTimers();
  });

  it('of one user from one address is put off, right or wrong, but not that of others or from elsewhere', () => {
    world = new World().people();
    const guesser = world.connect('10.0.0.1');
    for (let i = 0; i < AUTH_FAILURES_FREE; i++) {
      expect(world.ask(guesser, 'AUTH', 'ann', `guess ${i}`)).toMatch(/^-WRONGPASS/);
    }
    expect(world.ask(guesser, 'AUTH', 'ann', 'pw')).toMatch(/^-BUSY too many failed/);
    expect(world.ask(guesser, 'HELLO', '3', 'AUTH', 'ann', 'pw')).toMatch(/^-BUSY too many failed/);
    expect(world.login('bob', '10.0.0.1').connection.state).toBe('open');
    expect(world.login('ann', '10.0.0.2').connection.state).toBe('open');
    world.clock.now += AUTH_BACKOFF_MS;
    expect(world.ask(guesser, 'AUTH', 'ann', 'pw')).toBe('+OK\r\n');
  });

  it('that succeeds wipes nothing out', () => {
    world = new World().people();
    const guesser = world.connect('10.0.0.1');
    for (let i = 0; i < AUTH_FAILURES_FREE; i++) {
      world.ask(guesser, 'AUTH', 'bob', `guess ${i}`);
      if (i < AUTH_FAILURES_FREE - 1) expect(world.ask(guesser, 'AUTH', 'ann', 'pw')).toBe('+OK\r\n');
    }
    expect(world.ask(guesser, 'AUTH', 'bob', 'pw')).toMatch(/^-BUSY/);
  });

  it('answers alike for every cause, and keeps who the connection was', () => {
    world = new World().people();
    world.tenant('t2', {}, true);
    const ann = world.login('ann');
    const wrong = world.ask(ann, 'AUTH', 'admin', 'wrong');
    for (const [name, password] of [
      ['nobody', 'pw'],
      ['default', 'pw'],
      ['bob', 'pw'],
      ['__proto__', 'pw'],
      ['ANN', 'pw'],
      ['ann', ''],
    ] as const) {
      expect(world.ask(ann, 'AUTH', name, password)).toBe(wrong);
    }
    expect(world.ask(ann, 'ACL', 'WHOAMI')).toBe('$3\r\nann\r\n');
    expect(world.core.counters.of(world.tenants.get('t1')?.number ?? 0).deniedAuth).toBe(7);
  });
});
