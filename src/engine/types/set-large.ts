/** A set too large for one block: a member block for each element, found by name. */
import { MISSING } from '../entry.ts';
import type { LargeValue } from '../large.ts';
import { PLAIN } from '../member.ts';
import { type Ground, Members } from '../members.ts';

export class LargeSet implements LargeValue {
  readonly members: Members;

  constructor(ground: Ground) {
    this.members = new Members(ground);
  }

  effort(): number {
    return this.members.size;
  }

  heldBytes(): number {
    return this.members.bytes;
  }

  copy(): LargeSet | undefined {
    const copy = new LargeSet(this.members.ground);
    if (this.members.copyInto(copy.members)) return copy;
    copy.drain(Number.POSITIVE_INFINITY);
    return undefined;
  }

  drain(budget: number): number {
    return this.members.drain(budget);
  }

  /** Adds an element that is not there yet. False when the arena is full and nothing changed. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    return this.members.add(PLAIN, bytes, start, end, 0) !== MISSING;
  }
}
