import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RATE_WAIT_MS_MAX } from '../../src/base/limits.ts';
import { TokenBucket } from '../../src/tenancy/rate.ts';

/** One thing asked of a bucket, so much later than the one before; clocks stand still, and some run back. */
const STEP = fc.record({
  elapsed_ms: fc.oneof(
    fc.constant(0),
    fc.double({ min: 0, max: 3000, noNaN: true }),
    fc.integer({ min: -500, max: -1 }),
  ),
  count: fc.integer({ min: 1, max: 40 }),
});
const RATE = fc.integer({ min: 1, max: 100 });

/** Rounding of doubles over some hundred steps. */
const ROUNDING = 1e-6;

describe('a bucket', () => {
  it('never lets more pass in any stretch of time than its rate and one burst', () => {
    fc.assert(
      fc.property(RATE, fc.array(STEP, { maxLength: 200 }), (rate, steps) => {
        const bucket = new TokenBucket(rate, 0);
        const passed: { readonly at_ms: number; readonly count: number }[] = [];
        let now_ms = 0;
        let latest_ms = 0;
        for (const { elapsed_ms, count } of steps) {
          now_ms = Math.max(0, now_ms + elapsed_ms);
          latest_ms = Math.max(latest_ms, now_ms);
          if (bucket.take(count, now_ms)) passed.push({ at_ms: latest_ms, count });
        }
        for (const [i, first] of passed.entries()) {
          let sum = 0;
          for (const { at_ms, count } of passed.slice(i)) {
            sum += count;
            expect(sum).toBeLessThanOrEqual(rate + ((at_ms - first.at_ms) * rate) / 1000 + ROUNDING);
          }
        }
      }),
    );
  });

  it('lets pass what a plain account of the same tokens does', () => {
    fc.assert(
      fc.property(RATE, fc.array(STEP, { maxLength: 100 }), (rate, steps) => {
        const bucket = new TokenBucket(rate, 1000);
        let tokens = rate;
        let latest_ms = 1000;
        let now_ms = 1000;
        for (const { elapsed_ms, count } of steps) {
          now_ms += elapsed_ms;
          const gained = (Math.max(0, now_ms - latest_ms) * rate) / 1000;
          latest_ms = Math.max(latest_ms, now_ms);
          tokens = Math.min(rate, tokens + gained);
          if (Math.abs(tokens - count) < ROUNDING) return;
          const expected = tokens >= count;
          if (expected) tokens -= count;
          expect(bucket.take(count, now_ms)).toBe(expected);
        }
      }),
    );
  });

  it('of rate 0 has no limit', () => {
    const bucket = new TokenBucket(0, 0);
    for (let i = 0; i < 1000; i++) expect(bucket.take(1e9, 0)).toBe(true);
    bucket.spend(1e12, 0);
    expect(bucket.delay_ms(0)).toBe(0);
  });

  it('gives a burst of one second, then one by one, and never more than a second after a long pause', () => {
    const bucket = new TokenBucket(10, 0);
    const taken = (now_ms: number) => {
      let count = 0;
      while (count < 1000 && bucket.take(1, now_ms)) count++;
      return count;
    };
    expect([taken(0), taken(0), taken(99), taken(100), taken(350), taken(1e9), taken(0)]).toEqual([
      10, 0, 0, 1, 2, 10, 0,
    ]);
  });

  it('makes who spends wait until the debt is paid, and no longer', () => {
    fc.assert(
      fc.property(RATE, fc.array(STEP, { minLength: 1, maxLength: 50 }), (rate, steps) => {
        const bucket = new TokenBucket(rate, 0);
        let now_ms = 0;
        let spent = 0;
        for (const { elapsed_ms, count } of steps) {
          now_ms = Math.max(now_ms, now_ms + elapsed_ms);
          let waits = 0;
          for (let delay_ms = bucket.delay_ms(now_ms); delay_ms > 0; delay_ms = bucket.delay_ms(now_ms)) {
            expect(delay_ms).toBeLessThanOrEqual(RATE_WAIT_MS_MAX);
            expect(++waits).toBeLessThan(100);
            now_ms += delay_ms;
          }
          bucket.spend(count, now_ms);
          spent += count;
          // Only the last one may be beyond the burst, as it is counted after it has passed.
          expect(spent - count).toBeLessThanOrEqual(rate + (now_ms * rate) / 1000 + ROUNDING);
        }
      }),
    );
  });
});

describe('a burst', () => {
  const BURST = fc.double({ min: 0.01, max: 20, noNaN: true });

  it('bounds what passes in any stretch of time, taken or spent in advance', () => {
    fc.assert(
      fc.property(RATE, BURST, fc.array(STEP, { maxLength: 100 }), (rate, burstSeconds, steps) => {
        const bucket = new TokenBucket(rate, 0, burstSeconds);
        const burst = Math.max(1, rate * burstSeconds);
        const passed: { readonly at_ms: number; readonly count: number }[] = [];
        let now_ms = 0;
        for (const { elapsed_ms } of steps) {
          now_ms += Math.max(0, elapsed_ms);
          // Who does not find what is needed waits for it, as a delayed command does.
          const wait_ms = bucket.wait_ms(1, now_ms);
          bucket.spend(1, now_ms);
          passed.push({ at_ms: now_ms + wait_ms, count: 1 });
        }
        for (const [i, first] of passed.entries()) {
          for (const [more, { at_ms }] of passed.slice(i).entries()) {
            expect(more + 1).toBeLessThanOrEqual(burst + ((at_ms - first.at_ms + 1) * rate) / 1000 + ROUNDING);
          }
        }
      }),
    );
  });

  it('is one command at least, or nothing would ever pass; what is given back is there again, and no more', () => {
    const bucket = new TokenBucket(10, 0, 0.01);
    expect([bucket.take(1, 0), bucket.take(1, 0), bucket.wait_ms(1, 0)]).toEqual([true, false, 100]);
    bucket.giveBack(1);
    bucket.giveBack(5);
    expect([bucket.take(1, 0), bucket.take(1, 0)]).toEqual([true, false]);
    bucket.setRate(10, 0, 2);
    expect(bucket.take(1, 0)).toBe(false);
  });

  it('never starves who waits: the wait named is long enough', () => {
    fc.assert(
      fc.property(RATE, BURST, fc.integer({ min: 1, max: 200 }), (rate, burstSeconds, spent) => {
        const bucket = new TokenBucket(rate, 0, burstSeconds);
        bucket.spend(spent, 0);
        const wait_ms = bucket.wait_ms(1, 0);
        expect(bucket.take(1, wait_ms + 1)).toBe(true);
      }),
    );
  });
});

describe('a new rate', () => {
  it('is no way to a fresh burst, and forgives no debt', () => {
    const bucket = new TokenBucket(10, 0);
    expect(bucket.take(10, 0)).toBe(true);
    for (const rate of [20, 10, 30, 5, 10]) {
      bucket.setRate(rate, 0);
      expect(bucket.rate).toBe(rate);
      expect(bucket.take(1, 0)).toBe(false);
    }
    bucket.spend(100, 0);
    bucket.setRate(100, 0);
    expect(bucket.delay_ms(0)).toBe(1000);
    expect(bucket.take(1, 900)).toBe(false);
    expect(bucket.take(1, 1020)).toBe(true);
  });

  it('lower than what is left takes the rest away; from none to some starts with a burst', () => {
    const bucket = new TokenBucket(100, 0);
    bucket.setRate(5, 0);
    expect([bucket.take(6, 0), bucket.take(5, 0)]).toEqual([false, true]);
    bucket.setRate(0, 0);
    expect(bucket.take(1000, 0)).toBe(true);
    bucket.setRate(7, 5000);
    expect([bucket.take(8, 5000), bucket.take(7, 5000)]).toEqual([false, true]);
  });

  it('holds back no less than the higher of two rates, however often it is set', () => {
    const CHANGE = fc.record({
      elapsed_ms: fc.integer({ min: -100, max: 500 }),
      rate: RATE,
      count: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(CHANGE, { minLength: 1, maxLength: 100 }), (changes) => {
        const highest = Math.max(...changes.map(({ rate }) => rate), 1);
        const bucket = new TokenBucket(1, 0);
        let now_ms = 0;
        let latest_ms = 0;
        let passed = 0;
        for (const { elapsed_ms, rate, count } of changes) {
          now_ms = Math.max(0, now_ms + elapsed_ms);
          latest_ms = Math.max(latest_ms, now_ms);
          bucket.setRate(rate, now_ms);
          if (bucket.take(count, now_ms)) passed += count;
          expect(passed).toBeLessThanOrEqual(1 + (latest_ms * highest) / 1000 + ROUNDING);
        }
      }),
    );
  });
});
