/**
 * A command whose answer is waited for: nothing behind it runs on its connection. Either it waits for data, and can be cut
 * short, or its work is done elsewhere and it cannot.
 *
 * Invariant: it is over once its place is filled, and only then does the connection go on; or once the connection is gone.
 */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import type { LaterReply, WaitCut, WaitingReply } from '../command/ports/backend.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';

export class Wait implements WaitingReply {
  readonly protocol: 2 | 3;
  isOver: boolean;
  /** There was no answer, and none may be taken for it: the connection ends. */
  isUnanswered: boolean;
  /** There is an answer, which may not be told yet. */
  private isServed: boolean;
  private readonly place: LaterReply;
  private readonly deadlines: Deadlines;
  private readonly now_ms: () => number;
  private cutShort: ((how: WaitCut) => void) | undefined;
  private readonly mayBeCut: boolean;
  private deadline: Deadline | undefined;

  constructor(
    place: LaterReply,
    deadlines: Deadlines,
    now_ms: () => number,
    cutShort: ((how: WaitCut) => void) | undefined,
  ) {
    this.protocol = place.protocol;
    this.isOver = false;
    this.isUnanswered = false;
    this.isServed = false;
    this.place = place;
    this.deadlines = deadlines;
    this.now_ms = now_ms;
    this.cutShort = cutShort;
    this.mayBeCut = cutShort !== undefined;
    this.deadline = undefined;
  }

  /** Whether the client is blocked, as Redis calls it. */
  get isBlocked(): boolean {
    return this.mayBeCut && this.isOpen;
  }

  /** Whether there is no answer yet. */
  get isOpen(): boolean {
    return !this.isOver && !this.isServed;
  }

  get hasDeadline(): boolean {
    return this.deadline !== undefined;
  }

  waits(timeout_ms: number): boolean {
    // What was cut meanwhile is answered by who has been told, or by nobody.
    if (timeout_ms > 0 && this.cutShort !== undefined) {
      this.deadline = this.deadlines.add(this.now_ms() + timeout_ms, () => this.cut('timeout'));
    }
    return !this.isOver;
  }

  served(): void {
    this.isServed = true;
    this.cutShort = undefined;
    this.forgetDeadline();
  }

  /** Ends the wait by something else than data; false when that is not to be had, or has been done. */
  cut(how: WaitCut): boolean {
    const { cutShort } = this;
    this.cutShort = undefined;
    this.forgetDeadline();
    if (how === 'closed') this.isOver = true;
    cutShort?.(how);
    return cutShort !== undefined;
  }

  settleBytes(bytes: Uint8Array, start: number, end: number, ran_ms = 0): void {
    this.over();
    this.isUnanswered = start === end;
    this.place.settleBytes(bytes, start, end, ran_ms);
  }

  settle(write: (out: ReplyWriter) => void, ran_ms = 0): void {
    this.over();
    this.place.settle(write, ran_ms);
  }

  private over(): void {
    this.isOver = true;
    this.cutShort = undefined;
    this.forgetDeadline();
  }

  private forgetDeadline(): void {
    if (this.deadline !== undefined) this.deadlines.remove(this.deadline);
    this.deadline = undefined;
  }
}
