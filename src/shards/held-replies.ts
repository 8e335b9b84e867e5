/**
 * Replies of a worker that may not be told before what they tell of is kept: each waits for the ticket of the message that
 * it came in. Tickets are settled in order.
 */
import { copyOf } from '../base/bytes.ts';
import { Queue } from '../base/queue.ts';
import { LOG_FAILED, type Refusal } from '../resp/refusals.ts';

interface Held {
  readonly ticket: number;
  readonly told: (bytes: Uint8Array, start: number, end: number) => void;
  readonly lost: (refusal: Refusal) => void;
  readonly bytes: Uint8Array;
}

export class HeldReplies {
  private readonly queue: Queue<Held> = new Queue();

  /** Copies the range. */
  hold(
    ticket: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    told: (bytes: Uint8Array, start: number, end: number) => void,
    lost: (refusal: Refusal) => void,
  ): void {
    this.queue.push({ ticket, told, lost, bytes: copyOf(bytes, start, end) });
  }

  settled(ticket: number, isKept: boolean): void {
    for (let next = this.queue.peek(); next !== undefined && next.ticket <= ticket; next = this.queue.peek()) {
      this.queue.shift();
      if (isKept) next.told(next.bytes, 0, next.bytes.length);
      else next.lost(LOG_FAILED);
    }
  }

  /** The worker is gone. @returns how many were waiting */
  failAll(refusal: Refusal): number {
    let count = 0;
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      next.lost(refusal);
      count++;
    }
    return count;
  }
}
