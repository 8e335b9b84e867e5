/**
 * Replies of a worker that may not be told before what they tell of is kept: each waits for the ticket of the message that
 * it came in. Tickets are settled in any order: what has to be written only may be kept before what has to be synced.
 */
import { copyOf } from '../base/bytes.ts';
import { LOG_FAILED, type Refusal } from '../resp/refusals.ts';

interface Held {
  readonly told: (bytes: Uint8Array, start: number, end: number) => void;
  readonly lost: (refusal: Refusal) => void;
  readonly bytes: Uint8Array;
}

export class HeldReplies {
  private readonly byTicket: Map<number, Held[]> = new Map();

  /** Copies the range. */
  hold(
    ticket: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    told: (bytes: Uint8Array, start: number, end: number) => void,
    lost: (refusal: Refusal) => void,
  ): void {
    const held: Held = { told, lost, bytes: copyOf(bytes, start, end) };
    const others = this.byTicket.get(ticket);
    if (others === undefined) this.byTicket.set(ticket, [held]);
    else others.push(held);
  }

  settled(ticket: number, isKept: boolean): void {
    const settled = this.byTicket.get(ticket) ?? [];
    this.byTicket.delete(ticket);
    for (const { told, lost, bytes } of settled) {
      if (isKept) told(bytes, 0, bytes.length);
      else lost(LOG_FAILED);
    }
  }

  /** The worker is gone. @returns how many were waiting */
  failAll(refusal: Refusal): number {
    const all = Array.from(this.byTicket.values()).flat();
    this.byTicket.clear();
    for (const { lost } of all) lost(refusal);
    return all.length;
  }
}
