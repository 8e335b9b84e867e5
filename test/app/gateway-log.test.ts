/** What strangers can cause is sampled in the log; what only we can cause is always written. */
import { describe, expect, it } from 'vitest';
import { GatewayLines } from '../../src/app/gateway-log.ts';
import { SAMPLED_LINES_PER_SECOND } from '../../src/base/limits.ts';
import type { Log } from '../../src/observe/log.ts';
import { FakeClock } from '../support/harness.ts';

function made() {
  const written: string[] = [];
  const log: Log = {
    write: (_level, event, message, fields) =>
      written.push(`${event} ${message} ${fields?.['suppressed'] ?? ''}`.trim()),
    flush: () => undefined,
    setLevel: () => undefined,
  };
  const clock = new FakeClock();
  return { written, clock, lines: new GatewayLines(log, clock) };
}

describe('lines of the gateway', () => {
  it('that strangers cause are bounded, and those left out are told as a number', () => {
    const { written, clock, lines } = made();
    for (let i = 0; i < 1000; i++) lines.event('info', 'connection.refused', 'address_denied', { address: `${i}` });
    expect(written).toHaveLength(SAMPLED_LINES_PER_SECOND);
    clock.now += 1000;
    lines.sweep();
    expect(written.at(-1)).toContain(`more of the same ${1000 - SAMPLED_LINES_PER_SECOND}`);
    lines.sweep();
    expect(written).toHaveLength(SAMPLED_LINES_PER_SECOND + 1);
  });

  it('of one kind do not push out those of another', () => {
    const { written, lines } = made();
    for (let i = 0; i < 1000; i++) lines.event('warn', 'access.denied', 'auth', {});
    lines.event('info', 'connection.closed', 'killed', {});
    expect(written.at(-1)).toBe('connection.closed killed');
  });

  it('about a listener are all written', () => {
    const { written, lines } = made();
    for (let i = 0; i < 100; i++) lines.event('error', 'listener.error', 'EMFILE', { port: 1 });
    expect(written).toHaveLength(100);
  });
});
