/** Signs of attack: what raises an alert, how often, and in how much memory. */
import { describe, expect, it } from 'vitest';
import { ALERT_INTERVAL_MS, ALERT_SOURCES_MAX, AUDIT_BURST_KINDS_MAX } from '../../src/base/limits.ts';
import { ALERT_TERMS, type Alert, Alerts } from '../../src/observe/alerts.ts';
import { Bursts } from '../../src/observe/bursts.ts';
import { FakeClock } from '../support/harness.ts';
import { HUGE, heldBytes, hugeKey } from '../support/held-bytes.ts';

function watch(guessing = 3) {
  const clock = new FakeClock();
  const raised: Alert[] = [];
  const terms = { windowSeconds: 10, thresholds: { ...ALERT_TERMS.thresholds, guessing } };
  return { clock, raised, alerts: new Alerts(terms, clock, (alert) => raised.push(alert)) };
}

describe('alerts', () => {
  it('are raised at the threshold within the window, of one source', () => {
    const { clock, raised, alerts } = watch();
    for (let i = 0; i < 2; i++) alerts.count('guessing', 'address', 'a');
    for (let i = 0; i < 2; i++) alerts.count('guessing', 'address', 'b');
    clock.now += 11_000;
    for (let i = 0; i < 2; i++) alerts.count('guessing', 'address', 'a');
    expect(raised).toEqual([]);
    alerts.count('guessing', 'address', 'a');
    expect(raised).toMatchObject([{ cause: 'guessing', source: 'a', count: 3, severity: 'high' }]);
  });

  it('come once a minute at the most', () => {
    const { clock, raised, alerts } = watch();
    for (let i = 0; i < 100; i++) alerts.count('guessing', 'address', 'a');
    expect(raised).toHaveLength(1);
    clock.now += ALERT_INTERVAL_MS;
    for (let i = 0; i < 100; i++) alerts.count('guessing', 'address', 'a');
    expect(raised).toHaveLength(2);
  });

  it('do not come of one mistake that is repeated, nor when they are off', () => {
    const { raised, alerts } = watch(0);
    for (let i = 0; i < 1000; i++) alerts.count('denied', 'user', 'u', 'the same key');
    for (let i = 0; i < 1000; i++) alerts.count('guessing', 'address', 'a');
    expect(raised).toEqual([]);
  });

  it('do not keep what strangers and users have sent, however large', () => {
    const { raised, alerts } = watch(0);
    const before = heldBytes();
    for (let i = 0; i < 32; i++) alerts.count('denied', 'user', hugeKey(i), hugeKey(i));
    expect(heldBytes() - before).toBeLessThan(16 * HUGE);
    const long = 'k'.repeat(200);
    for (let i = 0; i < 100; i++) alerts.count('denied', 'user', 'u', `${long}${i}`);
    expect(raised).toMatchObject([{ cause: 'denied', source: 'u' }]);
  });

  it('do not miss a crowd of sources, and remember no more than so many', () => {
    const { clock, raised, alerts } = watch();
    for (let i = 0; i < 3 * ALERT_SOURCES_MAX; i++) alerts.count('guessing', 'address', `a${i}`);
    expect(raised).toMatchObject([{ sourceKind: 'many' }]);
    clock.now += ALERT_INTERVAL_MS + 1;
    for (let i = 0; i < 3; i++) alerts.count('guessing', 'address', 'new');
    expect(raised[1]).toMatchObject({ sourceKind: 'address', source: 'new' });
  });
});

describe('bursts', () => {
  it('lose nothing: what was let through and what was counted is what happened', () => {
    const bursts = new Bursts<string>();
    let through = 0;
    let counted = 0;
    let told = 0;
    for (let i = 0; i < 50_000; i++) if (bursts.take('login', `address-${i % 7000}`, 'kind')) through++;
    bursts.flush((_kind, _source, count) => {
      counted += count;
      told++;
    });
    expect(through + counted).toBe(50_000);
    expect(told).toBeLessThanOrEqual(AUDIT_BURST_KINDS_MAX + 1);
  });
});
