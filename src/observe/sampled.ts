/**
 * A log for events that strangers can cause by the thousand: of each kind a few lines a second are written, the others
 * are counted, and the count is written with the next line of that kind or, at the latest, by `sweep`.
 *
 * Invariant: lines per second ≤ kinds x SAMPLED_LINES_PER_SECOND, and no event goes uncounted. Kinds past the bound share one.
 */
import type { Clock } from '../base/clock.ts';
import { SAMPLED_KINDS_MAX, SAMPLED_LINES_PER_SECOND } from '../base/limits.ts';
import type { Level, Log, LogFields } from './log.ts';

const WINDOW_MS = 1000;
const OTHER = 'other';

interface Kind {
  readonly level: Level;
  readonly event: string;
  windowFrom_ms: number;
  written: number;
  suppressed: number;
}

export class SampledLog {
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly kinds: Map<string, Kind>;

  constructor(log: Log, clock: Clock) {
    this.log = log;
    this.clock = clock;
    this.kinds = new Map();
  }

  /** `reason` is one of ours, never a text from outside. */
  write(level: Level, event: string, reason: string, fields: LogFields): void {
    const kind = this.kindOf(level, event, reason);
    const now_ms = this.clock.monotonicMs();
    if (now_ms - kind.windowFrom_ms >= WINDOW_MS) {
      kind.windowFrom_ms = now_ms;
      kind.written = 0;
    }
    if (kind.written >= SAMPLED_LINES_PER_SECOND) {
      kind.suppressed++;
      return;
    }
    kind.written++;
    const { suppressed } = kind;
    kind.suppressed = 0;
    this.log.write(level, event, reason, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  /** Once a second or so: writes what was counted and not written. */
  sweep(): void {
    const now_ms = this.clock.monotonicMs();
    for (const [key, kind] of this.kinds) {
      if (now_ms - kind.windowFrom_ms < WINDOW_MS) continue;
      if (kind.suppressed > 0) {
        this.log.write(kind.level, kind.event, 'more of the same', { kind: key, suppressed: kind.suppressed });
        kind.suppressed = 0;
      }
      this.kinds.delete(key);
    }
  }

  private kindOf(level: Level, event: string, reason: string): Kind {
    const wanted = `${event} ${reason}`;
    const key = this.kinds.has(wanted) || this.kinds.size < SAMPLED_KINDS_MAX ? wanted : OTHER;
    const existing = this.kinds.get(key);
    if (existing !== undefined) return existing;
    const made: Kind = { level, event, windowFrom_ms: this.clock.monotonicMs(), written: 0, suppressed: 0 };
    this.kinds.set(key, made);
    return made;
  }
}
