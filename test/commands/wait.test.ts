import { describe, expect, it, vi } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Deadlines } from '../../src/base/deadlines.ts';
import type { WaitCut } from '../../src/command/ports/backend.ts';
import type { SessionCall } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { wait } from '../../src/commands/generic/wait.ts';
import { Wait } from '../../src/gateway/wait.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';

const deadlines = new Deadlines(() => Date.now());
const command = new CommandTable([wait]).named('wait');

/** What stands in the reply at once, and what a place taken for later gets. */
function waiting(...words: string[]) {
  const out = new ReplyWriter(2);
  const later = new ReplyWriter(2);
  const request = Request.of('WAIT', ...words);
  const refusal = command?.parse(request);
  const place = {
    protocol: 2 as const,
    settleBytes: () => {},
    settle: (write: (to: ReplyWriter) => void) => write(later),
  };
  let wait: Wait | undefined;
  const block = (told: (how: WaitCut) => void) => {
    wait = new Wait(place, deadlines, () => Date.now(), told);
    return wait;
  };
  const call = { request, session: { block, isInTransaction: false } } as unknown as SessionCall;
  if (refusal === undefined) command?.runSession?.(call, out);
  else out.error(refusal);
  return { cut: (how: WaitCut) => wait?.cut(how), now: () => latin1(out.take()), later: () => latin1(later.take()) };
}

describe('WAIT, without a replica in the world', () => {
  it('answers at once when none is asked for', () => {
    expect(waiting('0', '0').now()).toBe(':0\r\n');
    expect(waiting('-1', '100').now()).toBe(':0\r\n');
  });

  it('answers 0 when its time is over, and never without a time', () => {
    vi.useFakeTimers();
    const timed = waiting('1', '500');
    const endless = waiting('1', '0');
    vi.advanceTimersByTime(499);
    expect([timed.now(), timed.later()]).toEqual(['', '']);
    vi.advanceTimersByTime(1);
    expect(timed.later()).toBe(':0\r\n');
    vi.advanceTimersByTime(100_000_000);
    expect([endless.now(), endless.later()]).toEqual(['', '']);
    vi.useRealTimers();
  });

  it('ends when CLIENT UNBLOCK says so, and quietly with its connection', () => {
    vi.useFakeTimers();
    const [timeout, error, closed] = [waiting('1', '0'), waiting('1', '500'), waiting('1', '500')];
    timeout.cut('timeout');
    error.cut('error');
    closed.cut('closed');
    expect(timeout.later()).toBe(':0\r\n');
    expect(error.later()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
    vi.advanceTimersByTime(1000);
    expect([timeout.later(), error.later(), closed.later()]).toEqual(['', '', '']);
    vi.useRealTimers();
  });

  it('refuses what redis-server refuses, in its words', () => {
    expect(waiting('x', '1').now()).toBe('-ERR value is not an integer or out of range\r\n');
    expect(waiting('1', 'x').now()).toBe('-ERR timeout is not an integer or out of range\r\n');
    expect(waiting('1', '-1').now()).toBe('-ERR timeout is negative\r\n');
  });
});
