/** The budget of handshakes against a thread that keeps up, and one that does not. */
import { describe, expect, it } from 'vitest';
import { HANDSHAKE_BURST_MAX, HANDSHAKE_PULSE_MS, HANDSHAKE_RATE_MIN } from '../../src/base/limits.ts';
import { HandshakeBudget } from '../../src/gateway/handshake-budget.ts';

class Thread {
  readonly budget = new HandshakeBudget(0);
  now_ms = 0;

  /** How many begin within this time, if as many come as may. */
  run(duration_ms: number, late_ms: number): number {
    let begun = 0;
    for (const end_ms = this.now_ms + duration_ms; this.now_ms < end_ms; ) {
      this.now_ms += HANDSHAKE_PULSE_MS + late_ms;
      this.budget.pulse(this.now_ms, late_ms);
      while (this.budget.take(this.now_ms)) begun++;
    }
    return begun;
  }
}

describe('the budget of handshakes', () => {
  it('lets a pool of clients in at once', () => {
    const budget = new HandshakeBudget(0);
    let begun = 0;
    while (budget.take(0)) begun++;
    expect(begun).toBe(HANDSHAKE_BURST_MAX);
  });

  it('comes down to a trickle when the thread is late, and never stops', () => {
    const thread = new Thread();
    thread.run(1000, 30);
    const perSecond = thread.run(2000, 30) / 2;
    expect(perSecond).toBeGreaterThan(0);
    expect(perSecond).toBeLessThanOrEqual(HANDSHAKE_RATE_MIN);
  });

  it('turns away whoever would wait too long, and nobody while it keeps up', () => {
    const thread = new Thread();
    expect(thread.budget.isWorthWaiting(4000, 10_000)).toBe(true);
    thread.run(1000, 30);
    expect(thread.budget.isWorthWaiting(300, 10_000)).toBe(true);
    expect(thread.budget.isWorthWaiting(500, 10_000)).toBe(false);
  });

  it('comes back when the thread keeps up again, and when nobody comes', () => {
    const thread = new Thread();
    thread.run(1000, 30);
    const trickle = thread.run(500, 0);
    expect(thread.run(1500, 0)).toBeGreaterThan(10 * trickle);
    thread.run(1000, 30);
    thread.now_ms += 5000;
    let begun = 0;
    while (thread.budget.take(thread.now_ms)) begun++;
    expect(begun).toBe(HANDSHAKE_BURST_MAX);
  });
});
