/** Client-side caching of one connection: what it asked for, and whether the next command's keys are remembered. */
import { TRACKING_PREFIX_BYTES_MAX, TRACKING_PREFIXES_MAX } from '../base/limits.ts';
import type { TrackingInfo, TrackingOptions, TrackingPort } from '../command/ports/tracking.ts';
import type { Refusal } from '../resp/refusals.ts';
import {
  CACHING_NO_NEEDS_OPTOUT,
  CACHING_NOT_TRACKING,
  CACHING_YES_NEEDS_OPTIN,
  prefixesOverlap,
  TRACKING_BCAST_OPT,
  TRACKING_OPTIN_OPTOUT,
  TRACKING_PREFIX_NEEDS_BCAST,
  TRACKING_SWITCH_BCAST,
  TRACKING_SWITCH_OPT,
  TRACKING_TOO_MANY_PREFIXES,
} from '../resp/session-refusals.ts';
import type { Connection } from './connection.ts';
import type { Tracking } from './tracking.ts';

const NOT_TRACKING = -1;

/** What is in force on a connection that tracks. */
export interface Tracker {
  readonly options: TrackingOptions;
  /** Whose keys it is about. */
  readonly tenantNumber: number;
  /** The connection that was to be told is gone. */
  isBroken: boolean;
}

export class SessionTracking implements TrackingPort {
  private readonly tracking: Tracking;
  private readonly connection: Connection;

  constructor(tracking: Tracking, connection: Connection) {
    this.tracking = tracking;
    this.connection = connection;
  }

  knowsClient(id: number): boolean {
    return this.tracking.earOf(this.connection, id) !== undefined;
  }

  start(options: TrackingOptions): Refusal | undefined {
    const before = this.connection.session.tracker?.options;
    const refusal = contradiction(options, before) ?? overlap(options.prefixes, before?.prefixes ?? []);
    if (refusal !== undefined) return refusal;
    const prefixes = options.bcast ? prefixesOf(options, before) : [];
    if (isTooMuch(prefixes)) return TRACKING_TOO_MANY_PREFIXES;
    this.tracking.start(this.connection, { ...options, prefixes });
    return undefined;
  }

  stop(): void {
    this.tracking.stop(this.connection);
  }

  setCaching(isWanted: boolean): Refusal | undefined {
    const { session } = this.connection;
    const options = session.tracker?.options;
    if (options === undefined) return CACHING_NOT_TRACKING;
    if (isWanted && !options.optin) return CACHING_YES_NEEDS_OPTIN;
    if (!isWanted && !options.optout) return CACHING_NO_NEEDS_OPTOUT;
    session.setCaching(isWanted);
    return undefined;
  }

  info(): TrackingInfo {
    const { tracker, caching } = this.connection.session;
    if (tracker === undefined) return { flags: ['off'], redirect: NOT_TRACKING, prefixes: [] };
    const { options, isBroken } = tracker;
    const flags = ['on'];
    if (options.bcast) flags.push('bcast');
    if (options.optin) flags.push('optin');
    if (options.optin && caching === true) flags.push('caching-yes');
    if (options.optout) flags.push('optout');
    if (options.optout && caching === false) flags.push('caching-no');
    if (options.noloop) flags.push('noloop');
    if (isBroken) flags.push('broken_redirect');
    return { flags, redirect: options.redirect, prefixes: options.prefixes };
  }
}

/** Options that do not go with each other, or with what is in force; in the order in which redis-server looks. */
function contradiction(options: TrackingOptions, before: TrackingOptions | undefined): Refusal | undefined {
  if (!options.bcast && options.prefixes.length > 0) return TRACKING_PREFIX_NEEDS_BCAST;
  if (before !== undefined && before.bcast !== options.bcast) return TRACKING_SWITCH_BCAST;
  if (options.bcast && (options.optin || options.optout)) return TRACKING_BCAST_OPT;
  if (options.optin && options.optout) return TRACKING_OPTIN_OPTOUT;
  const switches = (options.optin && before?.optout === true) || (options.optout && before?.optin === true);
  return switches ? TRACKING_SWITCH_OPT : undefined;
}

function overlap(prefixes: readonly string[], before: readonly string[]): Refusal | undefined {
  for (const [i, prefix] of prefixes.entries()) {
    for (const other of before) {
      if (overlaps(prefix, other)) return prefixesOverlap(prefix, other, 'an existing');
    }
    for (const other of prefixes.slice(i + 1)) {
      if (overlaps(prefix, other)) return prefixesOverlap(prefix, other, 'another provided');
    }
  }
  return undefined;
}

function overlaps(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function isTooMuch(prefixes: readonly string[]): boolean {
  const bytes = prefixes.reduce((sum, { length }) => sum + length, 0);
  return prefixes.length > TRACKING_PREFIXES_MAX || bytes > TRACKING_PREFIX_BYTES_MAX;
}

/** Those of before stay; who names none means every key. In order, as redis-server tells them. */
function prefixesOf(options: TrackingOptions, before: TrackingOptions | undefined): readonly string[] {
  const wanted = options.prefixes.length === 0 ? [''] : options.prefixes;
  return Array.from(new Set((before?.prefixes ?? []).concat(wanted))).toSorted();
}
