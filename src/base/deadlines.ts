/**
 * Many deadlines behind one timer: a binary heap by time, in which every entry knows its place, so that taking one out
 * before it is due costs as little as putting it in.
 *
 * Invariant: no entry is due before its parent, and `heap[entry.place] === entry`.
 */
import { DEADLINE_MS_MAX } from './limits.ts';

export interface Deadline {
  readonly at_ms: number;
  readonly due: () => void;
  /** In the heap; -1 once it is out. */
  place: number;
}

export class Deadlines {
  private readonly now_ms: () => number;
  private readonly heap: Deadline[];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerAt_ms: number;

  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
    this.heap = [];
    this.timer = undefined;
    this.timerAt_ms = 0;
  }

  get size(): number {
    return this.heap.length;
  }

  add(at_ms: number, due: () => void): Deadline {
    const entry: Deadline = { at_ms, due, place: this.heap.length };
    this.heap.push(entry);
    this.rise(entry);
    this.arm();
    return entry;
  }

  remove(entry: Deadline): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const last = this.heap.pop() as Deadline;
    if (last === entry) return;
    last.place = place;
    this.heap[place] = last;
    this.rise(last);
    this.sink(last);
  }

  /** Runs what is due. The timer calls it; tests may. */
  check(): void {
    const now_ms = this.now_ms();
    for (let first = this.heap[0]; first !== undefined && first.at_ms <= now_ms; first = this.heap[0]) {
      this.remove(first);
      first.due();
    }
    this.arm();
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const entry of this.heap) entry.place = -1;
    this.heap.length = 0;
  }

  /** One timer for the earliest. One that is set for earlier stays: it finds nothing due and is set anew. */
  private arm(): void {
    const first = this.heap[0];
    if (first === undefined || (this.timer !== undefined && this.timerAt_ms <= first.at_ms)) return;
    clearTimeout(this.timer);
    this.timerAt_ms = first.at_ms;
    const wait_ms = Math.min(Math.max(0, Math.ceil(first.at_ms - this.now_ms())), DEADLINE_MS_MAX);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.check();
    }, wait_ms);
    this.timer.unref();
  }

  private rise(entry: Deadline): void {
    const { heap } = this;
    while (entry.place > 0) {
      const parent = heap[(entry.place - 1) >> 1] as Deadline;
      if (parent.at_ms <= entry.at_ms) return;
      this.swap(parent, entry);
    }
  }

  private sink(entry: Deadline): void {
    const { heap } = this;
    for (;;) {
      const left = heap[2 * entry.place + 1];
      const right = heap[2 * entry.place + 2];
      const least = right !== undefined && left !== undefined && right.at_ms < left.at_ms ? right : left;
      if (least === undefined || entry.at_ms <= least.at_ms) return;
      this.swap(entry, least);
    }
  }

  private swap(above: Deadline, below: Deadline): void {
    const { place } = above;
    above.place = below.place;
    below.place = place;
    this.heap[above.place] = above;
    this.heap[below.place] = below;
  }
}
