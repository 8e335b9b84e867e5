/**
 * Signs of attack: what happens too often from one source within a window raises an alert, at most one a minute of a cause
 * and source. It only counts; what an alert leads to is for whoever hears of it.
 *
 * Bound: ALERT_SOURCES_MAX pairs at a time. When all are taken those whose window is over give way, and if there are none
 * the newcomers of a cause share one entry, so that a crowd of sources cannot hide by being many. Of names and objects,
 * which may be as large as a request, the beginning is kept.
 */
import { headOf } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { ALERT_INTERVAL_MS, ALERT_SOURCES_MAX, REMEMBERED_TEXT_BYTES_MAX } from '../base/limits.ts';

export const ALERT_CAUSES = ['guessing', 'scanning', 'denied', 'oversized', 'handshakes', 'flooding'] as const;
export type AlertCause = (typeof ALERT_CAUSES)[number];

export interface AlertTerms {
  readonly windowSeconds: number;
  /** Events of one source within the window that raise an alert; 0: none does. */
  readonly thresholds: Readonly<Record<AlertCause, number>>;
}

export interface Alert {
  readonly cause: AlertCause;
  readonly severity: 'high' | 'medium';
  /** `address` or `user`, and which; undefined where sources share an entry. */
  readonly sourceKind: 'address' | 'user' | 'many';
  readonly source: string;
  /** Events so far in the window. */
  readonly count: number;
  readonly windowSeconds: number;
}

interface Watched {
  from_ms: number;
  count: number;
  /** What the last event was about: a client that repeats one mistake is no scan. */
  object: string | undefined;
  alertedAt_ms: number;
}

const SEVERITIES: Readonly<Record<AlertCause, Alert['severity']>> = {
  guessing: 'high',
  scanning: 'medium',
  denied: 'high',
  oversized: 'medium',
  handshakes: 'medium',
  flooding: 'medium',
};
/** Looking for room costs a walk over all: no more often. */
const SWEEP_INTERVAL_MS = 1000;

export class Alerts {
  private readonly clock: Clock;
  private readonly raise: (alert: Alert) => void;
  private readonly watched: Map<string, Watched>;
  private terms: AlertTerms;
  private sweptAt_ms: number;

  constructor(terms: AlertTerms, clock: Clock, raise: (alert: Alert) => void) {
    this.terms = terms;
    this.clock = clock;
    this.raise = raise;
    this.watched = new Map();
    this.sweptAt_ms = Number.NEGATIVE_INFINITY;
  }

  adopt(terms: AlertTerms): void {
    this.terms = terms;
  }

  /** @param wholeObject where only different ones are a sign: several in a row about the same count once */
  count(cause: AlertCause, sourceKind: 'address' | 'user', whole: string, wholeObject?: string): void {
    const threshold = this.terms.thresholds[cause];
    if (threshold === 0) return;
    const source = headOf(whole, REMEMBERED_TEXT_BYTES_MAX);
    const object = wholeObject === undefined ? undefined : headOf(wholeObject, REMEMBERED_TEXT_BYTES_MAX);
    const now_ms = this.clock.monotonicMs();
    const wanted = `${cause} ${sourceKind} ${source}`;
    const isKnown = this.watched.has(wanted) || this.hasRoom(now_ms);
    const entry = this.entryOf(isKnown ? wanted : `${cause} many`, now_ms);
    if (now_ms - entry.from_ms > 1000 * this.terms.windowSeconds) {
      entry.from_ms = now_ms;
      entry.count = 0;
      entry.object = undefined;
    }
    if (object !== undefined && object === entry.object) return;
    entry.object = object;
    entry.count++;
    if (entry.count < threshold || now_ms - entry.alertedAt_ms < ALERT_INTERVAL_MS) return;
    entry.alertedAt_ms = now_ms;
    const { windowSeconds } = this.terms;
    const where = isKnown ? ({ sourceKind, source } as const) : ({ sourceKind: 'many', source: '' } as const);
    this.raise({ cause, severity: SEVERITIES[cause], ...where, count: entry.count, windowSeconds });
  }

  private entryOf(key: string, now_ms: number): Watched {
    const known = this.watched.get(key);
    if (known !== undefined) return known;
    const made = { from_ms: now_ms, count: 0, object: undefined, alertedAt_ms: Number.NEGATIVE_INFINITY };
    this.watched.set(key, made);
    return made;
  }

  private hasRoom(now_ms: number): boolean {
    if (this.watched.size < ALERT_SOURCES_MAX) return true;
    if (now_ms - this.sweptAt_ms < SWEEP_INTERVAL_MS) return false;
    this.sweptAt_ms = now_ms;
    const window_ms = 1000 * this.terms.windowSeconds;
    for (const [key, { from_ms, alertedAt_ms }] of this.watched) {
      const isOver = now_ms - from_ms > window_ms && now_ms - alertedAt_ms >= ALERT_INTERVAL_MS;
      if (isOver) this.watched.delete(key);
    }
    return this.watched.size < ALERT_SOURCES_MAX;
  }
}

export const ALERT_TERMS: AlertTerms = {
  windowSeconds: 60,
  thresholds: { guessing: 20, scanning: 30, denied: 100, oversized: 10, handshakes: 50, flooding: 1000 },
};
