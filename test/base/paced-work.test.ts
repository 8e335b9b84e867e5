/** Background work beside others: who gets how much of the time, and that all of it is done. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TURN_IDLE_MS } from '../../src/base/limits.ts';
import { PacedWork } from '../../src/base/paced-work.ts';
import { FakeClock } from '../support/harness.ts';

const SLICES = 20;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Spent {
  readonly turns: number;
  readonly work_ms: number;
  readonly others_ms: number;
}

/** So many slices, each of which takes so long, beside others who take so long in each turn. */
function run(slice_ms: number, turn_ms: number): Spent {
  const clock = new FakeClock(0);
  let [slices, turns] = [0, 0];
  const paced = new PacedWork(clock, () => {
    clock.now += slice_ms;
    return ++slices < SLICES;
  });
  paced.wake();
  while (vi.getTimerCount() > 0) {
    if (++turns > 10_000) throw new Error('it never ends');
    clock.now += turn_ms;
    vi.runOnlyPendingTimers();
  }
  expect(slices).toBe(SLICES);
  return { turns, work_ms: slices * slice_ms, others_ms: turns * turn_ms };
}

it('leaves others at least as long as it takes itself, however short their turns are, and takes the rest', () => {
  const time = (min: number) => fc.double({ min, max: 3, noNaN: true });
  fc.assert(
    fc.property(time(0.1), time(2 * TURN_IDLE_MS), (slice_ms, turn_ms) => {
      const { work_ms, others_ms } = run(slice_ms, turn_ms);
      expect(others_ms).toBeGreaterThanOrEqual(work_ms - slice_ms - 1e-6);
      expect(others_ms).toBeLessThanOrEqual((work_ms + SLICES * turn_ms) * (1 + 1e-6));
    }),
  );
});

it('goes on in every turn while nobody else has anything to do', () => {
  expect(run(0.5, TURN_IDLE_MS / 2).turns).toBe(SLICES);
});

it('does nothing any more once it is stopped', () => {
  let slices = 0;
  const paced = new PacedWork(new FakeClock(0), () => ++slices > 0);
  paced.wake();
  vi.runOnlyPendingTimers();
  paced.stop();
  vi.runOnlyPendingTimers();
  expect(slices).toBe(1);
});
