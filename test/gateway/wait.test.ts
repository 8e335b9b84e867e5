/** The answer that a connection waits for: it comes once, the end of the wait is told once, and no time is left behind. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from '../../src/base/deadlines.ts';
import type { WaitCut } from '../../src/command/ports/backend.ts';
import { Wait } from '../../src/gateway/wait.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => vi.useRealTimers());

function waiting(mayBeCut = true) {
  const deadlines = new Deadlines(() => Date.now());
  const answers: string[] = [];
  const told: WaitCut[] = [];
  const place = {
    protocol: 3 as const,
    settleBytes: (bytes: Uint8Array, start: number, end: number) => {
      answers.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'));
    },
    settle: (write: (out: ReplyWriter) => void) => {
      const out = new ReplyWriter(3);
      write(out);
      answers.push(Buffer.from(out.take()).toString('latin1'));
    },
  };
  const cut = mayBeCut ? (how: WaitCut) => void told.push(how) : undefined;
  return { wait: new Wait(place, deadlines, () => Date.now(), cut), answers, told, deadlines };
}

describe('a wait', () => {
  it('is cut by its time, and is still a wait until somebody answers', () => {
    const { wait, told, answers, deadlines } = waiting();
    expect(wait.waits(100)).toBe(true);
    expect([wait.hasDeadline, wait.isBlocked]).toEqual([true, true]);
    vi.advanceTimersByTime(100);
    expect([told, wait.isBlocked, wait.hasDeadline]).toEqual([['timeout'], true, false]);
    expect(wait.cut('error')).toBe(false);
    wait.settle((out) => out.nullArray());
    expect([answers, wait.isOver, wait.isBlocked, deadlines.size]).toEqual([['_\r\n'], true, false, 0]);
    expect(wait.cut('closed')).toBe(false);
    expect(told).toEqual(['timeout']);
  });

  it('that is answered before is not cut any more', () => {
    const { wait, told, deadlines } = waiting();
    wait.waits(100);
    wait.settleBytes(Buffer.from('+OK\r\n'), 0, 5);
    expect([wait.cut('timeout'), deadlines.size]).toEqual([false, 0]);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
  });

  it('of a connection that has gone is none: whoever hears so late keeps nothing', () => {
    const { wait, told, deadlines } = waiting();
    expect(wait.cut('closed')).toBe(true);
    expect([wait.waits(100), wait.isBlocked, deadlines.size]).toEqual([false, false, 0]);
    expect(told).toEqual(['closed']);
  });

  it('that was cut before anybody said it waits, gets no time', () => {
    const { wait, told, deadlines } = waiting();
    wait.cut('error');
    expect(wait.waits(100)).toBe(true);
    vi.advanceTimersByTime(1000);
    expect([told, deadlines.size]).toEqual([['error'], 0]);
  });

  it('for work that is done elsewhere is not cut by anything, and nobody calls it blocked', () => {
    const { wait, answers } = waiting(false);
    expect([wait.isBlocked, wait.cut('timeout'), wait.cut('closed')]).toEqual([false, false, false]);
    wait.settleBytes(Buffer.from('x*0\r\n'), 1, 5);
    expect(answers).toEqual(['*0\r\n']);
  });

  it('is told of one end at the most, whatever happens in whatever order', () => {
    const act = fc.constantFrom('waits', 'timeout', 'error', 'revoked', 'closed', 'pass', 'answer');
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
        const { wait, told, deadlines } = waiting();
        let isAnswered = false;
        for (const one of acts) {
          const before = told.length;
          if (one === 'waits') {
            if (!wait.hasDeadline) wait.waits(50);
          } else if (one === 'pass') vi.advanceTimersByTime(60);
          else if (one === 'answer') {
            wait.settleBytes(Buffer.from('+OK\r\n'), 0, 5);
            isAnswered = true;
          } else wait.cut(one as WaitCut);
          if (isAnswered) expect(told.length).toBe(before);
        }
        expect(told.length).toBeLessThanOrEqual(1);
        if (isAnswered || told.length > 0) expect(deadlines.size).toBe(0);
        deadlines.close();
      }),
      { numRuns: 500 },
    );
  });
});
