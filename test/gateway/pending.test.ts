/** The order of replies against a plain list, and what each place may cost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { FLUSH_BYTES, PENDING_PLACES_MAX, WRITE_BACKLOG_BYTES_MAX } from '../../src/base/limits.ts';
import type { LaterReply } from '../../src/command/ports/backend.ts';
import { TenantCounters } from '../../src/gateway/counters.ts';
import { Pending } from '../../src/gateway/pending.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';

function made() {
  const counters = new TenantCounters(4);
  const told = { count: 0 };
  const pending = new Pending(() => told.count++);
  const open = (silent = false, command = 0) => pending.open(2, silent, command, counters);
  return { pending, counters, told, open };
}

/** Everything that may leave, as a connection takes it. */
function drained(pending: Pending): string {
  const out = new ReplyWriter();
  let text = '';
  for (;;) {
    if (pending.length > 1) pending.drainInto(out);
    const whole = out.length > 0 ? undefined : pending.takeWhole();
    if (out.length === 0 && whole === undefined) return text;
    text += Buffer.from(whole ?? out.take()).toString('latin1');
  }
}

type Step =
  | { readonly kind: 'open'; readonly silent: boolean }
  | { readonly kind: 'behind'; readonly size: number }
  | { readonly kind: 'push'; readonly size: number; readonly beforeLast: boolean }
  | { readonly kind: 'settle'; readonly which: number; readonly size: number; readonly written: boolean }
  | { readonly kind: 'drain' };

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.constantFrom(FLUSH_BYTES - 1, FLUSH_BYTES) },
);

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant('open'), silent: fc.boolean() }),
    fc.record({ kind: fc.constant('behind'), size }),
    fc.record({ kind: fc.constant('push'), size, beforeLast: fc.boolean() }),
    fc.record({ kind: fc.constant('settle'), which: fc.nat(), size, written: fc.boolean() }),
    fc.record({ kind: fc.constant('drain') }),
  ),
  { maxLength: 60 },
);

describe('pending replies', () => {
  it('leave in the order of their requests, each once, whenever they come', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const { pending, open } = made();
        const model: { place: LaterReply | undefined; silent: boolean; text: string | undefined }[] = [];
        let left = '';
        let expected = '';
        let number = 0;
        for (const step of sequence) {
          const text = (length: number) => `${number++}:`.padEnd(length, 'x');
          if (step.kind === 'open') model.push({ place: open(step.silent), silent: step.silent, text: undefined });
          if (step.kind === 'behind') {
            const reply = text(step.size);
            model.push({ place: undefined, silent: false, text: reply });
            pending.behind(bytesOf(`__${reply}__`), 2, 2 + reply.length, 2);
          }
          if (step.kind === 'push') {
            const pushed = { place: undefined, silent: false, text: text(step.size) };
            model.splice(step.beforeLast ? Math.max(0, model.length - 1) : model.length, 0, pushed);
            pending.push(bytesOf(pushed.text), step.beforeLast);
          }
          const openPlaces = model.filter((entry) => entry.text === undefined);
          const chosen = step.kind === 'settle' ? openPlaces[step.which % openPlaces.length] : undefined;
          if (step.kind === 'settle' && chosen !== undefined) {
            const reply = text(step.size);
            chosen.text = chosen.silent ? '' : reply;
            if (step.written) chosen.place?.settle((out) => out.raw(bytesOf(reply), 0, reply.length));
            else chosen.place?.settleBytes(bytesOf(`__${reply}__`), 2, 2 + reply.length);
            // Nobody may answer twice.
            chosen.place?.settleBytes(bytesOf('again'), 0, 5);
          }
          if (step.kind === 'drain') left += drained(pending);
          while (step.kind === 'drain' && model[0]?.text !== undefined) expected += model.shift()?.text;
          expect(left).toBe(expected);
          expect(pending.length).toBe(model.length);
          expect(pending.settledBytes).toBe(model.reduce((sum, entry) => sum + (entry.text?.length ?? 0), 0));
          expect(pending.isReady).toBe(model[0]?.text !== undefined);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are copied: whoever gave them may use the memory again', () => {
    const { pending, open } = made();
    const batch = bytesOf('+first\r\n+second\r\n+third and more than the others together\r\n');
    open().settleBytes(batch, 0, 8);
    pending.behind(batch, 8, 17, 2);
    batch.fill(0);
    expect(drained(pending)).toBe('+first\r\n+second\r\n');
  });

  it('tell their owner once per reply, and nobody after the end', () => {
    const { pending, open, told } = made();
    const [first, second] = [open(), open()];
    second.settleBytes(bytesOf('+2'), 0, 2);
    second.settleBytes(bytesOf('+2'), 0, 2);
    expect(told.count).toBe(1);
    pending.close();
    first.settleBytes(bytesOf('+1'), 0, 2);
    first.settle((out) => out.ok());
    expect(told.count).toBe(1);
    expect([pending.length, pending.settledBytes]).toEqual([0, 0]);
    pending.giveUp(bytesOf('-ERR'));
    expect(told.count).toBe(1);
  });

  it('become an error when they are longer than a tenant’s largest, and count as what they would have been', () => {
    const { pending, open, counters } = made();
    pending.replyBytesMax = 4;
    open().settleBytes(bytesOf('+OK\r'), 0, 4);
    open().settleBytes(bytesOf('+OK\r\n'), 0, 5);
    expect(drained(pending)).toBe('+OK\r-ERR reply exceeds the largest reply allowed\r\n');
    open(true, 1).settleBytes(bytesOf('-WRONGTYPE x\r\n'), 0, 14);
    expect(drained(pending)).toBe('');
    expect(counters.failed[1]).toBe(1);
    expect(counters.errors.get('WRONGTYPE')).toBe(1);
  });

  it('given up are answered in their place', () => {
    const { pending, open } = made();
    const first = open();
    open();
    pending.giveUp(bytesOf('-ERR\r\n'));
    expect(drained(pending)).toBe('');
    first.settleBytes(bytesOf('+1\r\n'), 0, 4);
    expect(drained(pending)).toBe('+1\r\n-ERR\r\n');
  });

  it('may be many when they are small and few when they are large, and never more than their memory', () => {
    const { pending, open } = made();
    expect(pending.placesMax * FLUSH_BYTES).toBeLessThanOrEqual(WRITE_BACKLOG_BYTES_MAX);
    for (let i = 0; i < 1000; i++) open().settleBytes(bytesOf('+OK\r\n'), 0, 5);
    expect(pending.placesMax).toBe(PENDING_PLACES_MAX);
    open().settleBytes(new Uint8Array(2 * WRITE_BACKLOG_BYTES_MAX), 0, 2 * WRITE_BACKLOG_BYTES_MAX);
    expect(pending.placesMax).toBe(1);
  });
});
