/**
 * Events that strangers can cause by the thousand, for a log that must have each of them: of one kind and source a few lines
 * a second are written, the others are counted, and the count is a line of its own at the end of the second.
 *
 * Invariant: what was let through and what was counted add up to what happened. Sources past the bound share one.
 */
import {
  AUDIT_BURST_ALL_LINES_PER_SECOND,
  AUDIT_BURST_KINDS_MAX,
  AUDIT_BURST_LINES_PER_SECOND,
} from '../base/limits.ts';

const WINDOW_MS = 1000;

interface Burst<Kind> {
  readonly kind: Kind;
  /** Undefined: of many. */
  readonly source: string | undefined;
  written: number;
  counted: number;
}

export class Bursts<Kind> {
  private readonly bursts: Map<string, Burst<Kind>>;
  private from_ms: number;
  private written: number;

  constructor() {
    this.bursts = new Map();
    this.from_ms = Number.NEGATIVE_INFINITY;
    this.written = 0;
  }

  /**
   * Whether the event gets a line of its own.
   * @param name tells one kind from another
   * @param kind what to hand over when those that were counted are told
   */
  take(name: string, source: string, kind: Kind): boolean {
    const burst = this.burstOf(name, source, kind);
    if (burst.written < AUDIT_BURST_LINES_PER_SECOND && this.written < AUDIT_BURST_ALL_LINES_PER_SECOND) {
      burst.written++;
      this.written++;
      return true;
    }
    burst.counted++;
    return false;
  }

  /** Now and then: tells of what was counted and not written, once a second has passed. */
  sweep(now_ms: number, tell: (kind: Kind, source: string | undefined, count: number) => void): void {
    if (now_ms - this.from_ms < WINDOW_MS) return;
    this.from_ms = now_ms;
    this.flush(tell);
  }

  /** The same at once. */
  flush(tell: (kind: Kind, source: string | undefined, count: number) => void): void {
    for (const { kind, source, counted } of this.bursts.values()) if (counted > 0) tell(kind, source, counted);
    this.bursts.clear();
    this.written = 0;
  }

  private burstOf(name: string, source: string, kind: Kind): Burst<Kind> {
    const wanted = `${name} ${source}`;
    const known = this.bursts.get(wanted);
    if (known !== undefined) return known;
    const isFull = this.bursts.size >= AUDIT_BURST_KINDS_MAX;
    const key = isFull ? name : wanted;
    const shared = isFull ? this.bursts.get(key) : undefined;
    if (shared !== undefined) return shared;
    // Kinds are words of the program: there are few of them to share.
    const made: Burst<Kind> = { kind, source: isFull ? undefined : source, written: 0, counted: 0 };
    this.bursts.set(key, made);
    return made;
  }
}
