/** The stores behind SLOWLOG, LATENCY and the histograms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LATENCY_SAMPLES, SLOWLOG_ENTRIES_MAX } from '../../src/base/limits.ts';
import { addInto, bucketOf, callsIn, cumulative, newHistogram, percentile_us } from '../../src/observe/histogram.ts';
import { LatencyMonitor, PROCESS } from '../../src/observe/latency.ts';
import { SlowLog } from '../../src/observe/slowlog.ts';

function histogramOf(durations_us: readonly number[]) {
  const histogram = newHistogram();
  for (const duration_us of durations_us) {
    const bucket = bucketOf(duration_us / 1000);
    histogram[bucket] = (histogram[bucket] ?? Number.NaN) + 1;
  }
  return histogram;
}

describe('a histogram', () => {
  it('knows every percentile to about six percent, up to a second', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1_000_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (durations_us, percent) => {
          const sorted = durations_us.toSorted((a, b) => a - b);
          const rank = Math.max(1, Math.ceil((sorted.length * percent) / 100 - 1e-9));
          const exact_us = sorted[rank - 1] ?? 0;
          const told_us = percentile_us(histogramOf(durations_us), percent);
          expect(told_us).toBeGreaterThanOrEqual(Math.floor(exact_us * 1000) / 1000 - 1e-6);
          expect(told_us).toBeLessThanOrEqual(exact_us * 1.07 + 0.001);
        },
      ),
    );
  });

  it('counts what took longer than a second as the longest, and nothing as nothing', () => {
    const histogram = histogramOf([5_000_000, 60_000_000, 0]);
    expect(callsIn(histogram)).toBe(3);
    expect(percentile_us(histogram, 100)).toBeCloseTo(1_073_741.823);
    expect(percentile_us(histogram, 1)).toBe(0);
    expect(percentile_us(newHistogram(), 50)).toBe(0);
  });

  it('is shown by the powers of two that redis-server names', () => {
    // Asked of redis-server 7.0.15, which prints 1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, … 270532, 541065.
    const bounds = cumulative(histogramOf([0.5, 1.5, 3, 5, 10, 20, 40, 100, 200, 400, 1000, 2000, 200_000, 400_000]));
    expect(bounds.map(([bound_us]) => bound_us)).toEqual([
      1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 270_532, 541_065,
    ]);
    expect(bounds.map(([, calls]) => calls)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  it('adds another one up', () => {
    const sum = histogramOf([1, 2]);
    addInto(sum, histogramOf([2, 3]));
    expect(callsIn(sum)).toBe(4);
  });
});

function entry(tenant: number, words: readonly string[] = ['GET', 'a']) {
  return { tenant, time_s: 1, duration_us: 2, words, address: '10.0.0.7:1', clientName: '' };
}

describe('the slow log', () => {
  it('is one log a tenant: a noisy one pushes out nobody else', () => {
    const log = new SlowLog(3);
    log.add(entry(1, ['first']));
    for (let i = 0; i < 10; i++) log.add(entry(2, [`noise ${i}`]));
    expect(log.newest(1, 10).map(({ words }) => words[0])).toEqual(['first']);
    expect(log.newest(2, 2).map(({ words, ownId }) => [words[0], ownId])).toEqual([
      ['noise 9', 9],
      ['noise 8', 8],
    ]);
    expect(log.length(2)).toBe(3);
    expect(log.length(undefined)).toBe(4);
    expect(log.newest(undefined, 10).map(({ id }) => id)).toEqual([10, 9, 8, 0]);
    expect(log.newest(7, 10)).toEqual([]);
  });

  it('is emptied for one or for all, and goes on counting', () => {
    const log = new SlowLog(3);
    for (const tenant of [1, 2]) log.add(entry(tenant));
    log.reset(1);
    expect([log.length(1), log.length(2), log.length(undefined)]).toEqual([0, 1, 1]);
    log.reset(undefined);
    log.add(entry(1));
    expect(log.newest(1, 1)).toMatchObject([{ ownId: 1, id: 2 }]);
  });

  it('follows slowlog-max-len, down to none at all', () => {
    const log = new SlowLog(3);
    for (let i = 0; i < 3; i++) log.add(entry(1));
    log.setMax(2);
    log.add(entry(1));
    expect(log.length(1)).toBe(2);
    log.setMax(0);
    log.add(entry(1));
    expect([log.length(1), log.length(undefined)]).toEqual([0, 0]);
  });

  it('holds no more than the process should, and takes it from the longest', () => {
    const log = new SlowLog(SLOWLOG_ENTRIES_MAX);
    log.add(entry(2));
    for (let i = 0; i < SLOWLOG_ENTRIES_MAX + 10; i++) log.add(entry(1));
    expect(log.length(undefined)).toBe(SLOWLOG_ENTRIES_MAX);
    expect(log.length(2)).toBe(1);
  });
});

describe('the latency monitor', () => {
  it('keeps the worst of each second, and the worst of all', () => {
    let now_ms = 5_000;
    const monitor = new LatencyMonitor(() => now_ms);
    monitor.add(1, 'command', 500);
    expect(monitor.seen(1)).toEqual([]);
    monitor.threshold_ms = 10;
    for (const duration_ms of [9.9, 12.7, 30, 20]) monitor.add(1, 'command', duration_ms);
    now_ms = 6_000;
    monitor.add(1, 'command', 10);
    expect(monitor.seen(1)).toEqual([
      {
        event: 'command',
        max_ms: 30,
        samples: [
          { time_s: 5, latency_ms: 30 },
          { time_s: 6, latency_ms: 10 },
        ],
      },
    ]);
  });

  it('forgets what is older than it has room for, but not the worst', () => {
    let now_ms = 0;
    const monitor = new LatencyMonitor(() => now_ms);
    monitor.threshold_ms = 1;
    for (let i = 0; i < LATENCY_SAMPLES + 5; i++) {
      monitor.add(1, 'command', i === 0 ? 900 : 5);
      now_ms += 1000;
    }
    const [series] = monitor.seen(1);
    expect(series?.samples).toHaveLength(LATENCY_SAMPLES);
    expect(series?.samples[0]).toEqual({ time_s: 5, latency_ms: 5 });
    expect(series?.max_ms).toBe(900);
  });

  it('shows operators the worst of every second of everybody, and tenants their own', () => {
    const monitor = new LatencyMonitor(() => 7_000);
    monitor.threshold_ms = 1;
    monitor.add(1, 'command', 5);
    monitor.add(2, 'command', 8);
    monitor.add(PROCESS, 'expire-cycle', 3);
    expect(monitor.seen(1)).toMatchObject([{ event: 'command', max_ms: 5 }]);
    expect(monitor.seen(3)).toEqual([]);
    expect(monitor.seen(undefined)).toMatchObject([
      { event: 'command', max_ms: 8, samples: [{ time_s: 7, latency_ms: 8 }] },
      { event: 'expire-cycle', max_ms: 3 },
    ]);
    expect(monitor.reset(1, ['command', 'nosuch'])).toBe(1);
    expect(monitor.seen(undefined)[0]?.max_ms).toBe(8);
    expect(monitor.reset(undefined, [])).toBe(2);
    expect(monitor.reset(undefined, [])).toBe(0);
  });
});
