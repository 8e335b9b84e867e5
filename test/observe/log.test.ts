import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/observe/log.ts';
import { SampledLog } from '../../src/observe/sampled.ts';

function recorded() {
  const lines: string[] = [];
  const log = createLog({ level: 'info', to: { write: (line: string) => lines.push(line) } });
  return { log, lines };
}

describe('a log line', () => {
  it('is one JSON object with the stable name of the event', () => {
    const { log, lines } = recorded();
    log.write('info', 'server.ready', 'READY', { port: 6380 });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      event: 'server.ready',
      msg: 'READY',
      port: 6380,
    });
  });

  it('G204: stays one line whatever a stranger calls himself', () => {
    const { log, lines } = recorded();
    const name = 'a\r\nb\u001b[31m\u2028\u2029\u0085","log.level":"fatal';
    log.write('warn', 'auth.failed', 'wrong password', { user: name });
    expect(lines).toHaveLength(1);
    const codes = Array.from(lines[0]?.trimEnd() ?? '', (character) => character.charCodeAt(0));
    for (const code of [13, 10, 27, 0x2028, 0x2029, 0x85]) expect(codes).not.toContain(code);
    expect(JSON.parse(lines[0] ?? '').user).toContain('","log.level":"fatal');
    expect(JSON.parse(lines[0] ?? '').level).toBe('warn');
  });

  it('is bounded in length and holds no secret even by mistake', () => {
    const { log, lines } = recorded();
    log.write('warn', 'x', 'y'.repeat(100_000), { user: 'z'.repeat(100_000), password: 'hunter2' });
    expect(lines[0]?.length).toBeLessThan(1000);
    expect(lines[0]).not.toContain('hunter2');
  });

  it('is written from its level on', () => {
    const { log, lines } = recorded();
    log.write('debug', 'x', 'y');
    expect(lines).toEqual([]);
  });
});

describe('events that strangers cause by the thousand', () => {
  it('G209: are written by the handful and counted exactly', () => {
    const { log, lines } = recorded();
    let now_ms = 0;
    const sampled = new SampledLog(log, { nowMs: () => 0, monotonicMs: () => now_ms });
    for (let i = 0; i < 50_000; i++) {
      now_ms = i / 50;
      sampled.write('warn', 'auth.failed', 'wrong password', { user: 'x' });
    }
    now_ms = 2000;
    sampled.sweep();
    const written = lines.map((line) => JSON.parse(line));
    expect(written.length).toBeLessThan(30);
    const total = written.reduce(
      (sum, line) => sum + (line.suppressed ?? 0) + (line.msg === 'more of the same' ? 0 : 1),
      0,
    );
    expect(total).toBe(50_000);
  });

  it('share one kind once there are too many kinds', () => {
    const { log, lines } = recorded();
    const sampled = new SampledLog(log, { nowMs: () => 0, monotonicMs: () => 0 });
    for (let i = 0; i < 10_000; i++) sampled.write('warn', 'denied', `reason ${i}`, {});
    expect(lines.length).toBeLessThanOrEqual(65 * 10);
  });
});
