/** Deadlines against a plain list that is sorted anew each time: what is due runs, in order, once, and behind one timer. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Deadline, Deadlines } from '../../src/base/deadlines.ts';
import { DEADLINE_MS_MAX } from '../../src/base/limits.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from '../engine/support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => vi.useRealTimers());

interface Known {
  readonly number: number;
  readonly at_ms: number;
  readonly entry: Deadline;
}

const STEPS = 200;
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), in_ms: fc.integer({ min: -5, max: 300 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), time_ms: fc.nat(80) }) },
);

describe('deadlines', () => {
  it(
    'run when they are due and in their order, unless they were taken out',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 2 * STEPS, minLength: STEPS }), (steps) => {
          const deadlines = new Deadlines(() => Date.now());
          const ran: number[] = [];
          let model: Known[] = [];
          const removed: Deadline[] = [];
          let last = 0;
          for (const one of steps) {
            if (one.kind === 'add') {
              const number = ++last;
              const at_ms = Date.now() + one.in_ms;
              const entry = deadlines.add(at_ms, () => ran.push(number));
              model.push({ number, at_ms, entry });
            } else if (one.kind === 'remove' && model.length > 0) {
              const [known] = model.splice(one.which % model.length, 1);
              if (known === undefined) continue;
              deadlines.remove(known.entry);
              removed.push(known.entry);
            } else if (one.kind === 'again' && removed.length > 0) {
              deadlines.remove(removed[one.which % removed.length] as Deadline);
            } else if (one.kind === 'pass') {
              const until_ms = Date.now() + one.time_ms;
              const due = model.filter(({ at_ms }) => at_ms <= until_ms);
              model = model.filter(({ at_ms }) => at_ms > until_ms);
              const before = ran.length;
              vi.advanceTimersByTime(one.time_ms);
              // A timer that was set for now runs in the next moment.
              if (due.length > ran.length - before) vi.advanceTimersByTime(0);
              const now = ran.slice(before);
              expect(now.toSorted((a, b) => a - b)).toEqual(due.map(({ number }) => number));
              removed.push(...due.map(({ entry }) => entry));
            }
            expect(deadlines.size).toBe(model.length);
            expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
          }
          expect(new Set(ran).size).toBe(ran.length);
          deadlines.close();
          for (const { entry } of model) deadlines.remove(entry);
          vi.advanceTimersByTime(1000);
          expect(ran.some((number) => model.some((known) => known.number === number))).toBe(false);
          expect(vi.getTimerCount()).toBe(0);
        }),
        { numRuns: runsFor(STEPS) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  it('that are due together run in the order of their times, also those that come meanwhile', () => {
    const deadlines = new Deadlines(() => Date.now());
    const ran: string[] = [];
    const start_ms = Date.now();
    for (const in_ms of [30, 10, 20, 10]) deadlines.add(start_ms + in_ms, () => ran.push(`${in_ms}`));
    deadlines.add(start_ms + 15, () => {
      ran.push('15');
      deadlines.add(start_ms, () => ran.push('late'));
    });
    vi.setSystemTime(start_ms + 100);
    deadlines.check();
    expect(ran).toEqual(['10', '10', '15', 'late', '20', '30']);
    deadlines.close();
  });

  it('may be taken out by another that is due at the same time', () => {
    const deadlines = new Deadlines(() => Date.now());
    const ran: string[] = [];
    const at_ms = Date.now() + 10;
    deadlines.add(at_ms, () => {
      ran.push('first');
      deadlines.remove(second);
    });
    const second = deadlines.add(at_ms + 1, () => ran.push('second'));
    vi.advanceTimersByTime(50);
    expect(ran).toEqual(['first']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('further away than a timer can be set are waited for all the same', () => {
    const deadlines = new Deadlines(() => Date.now());
    let ran = 0;
    deadlines.add(Date.now() + 2 * DEADLINE_MS_MAX + 5, () => ran++);
    vi.advanceTimersByTime(2 * DEADLINE_MS_MAX);
    expect([ran, vi.getTimerCount()]).toEqual([0, 1]);
    vi.advanceTimersByTime(5);
    expect([ran, vi.getTimerCount()]).toEqual([1, 0]);
  });
});
