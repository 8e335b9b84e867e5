/** Client-side caching as a session asks for it: CLIENT TRACKING. The gateway implements it. */
import type { Refusal } from '../../resp/refusals.ts';

export interface TrackingOptions {
  /** To hear of every change of keys that begin with one of the prefixes, whatever was read. */
  readonly bcast: boolean;
  /** One character per byte; with BCAST only. */
  readonly prefixes: readonly string[];
  readonly optin: boolean;
  readonly optout: boolean;
  /** Not to hear of what the connection itself writes. */
  readonly noloop: boolean;
  /** The connection that is told instead; 0 for none. */
  readonly redirect: number;
}

/** CLIENT TRACKINGINFO. */
export interface TrackingInfo {
  readonly flags: readonly string[];
  /** -1 while nothing is tracked, 0 without redirection. */
  readonly redirect: number;
  readonly prefixes: readonly string[];
}

export interface TrackingPort {
  /** Whether there is such a connection that the session may know of. */
  knowsClient(id: number): boolean;
  start(options: TrackingOptions): Refusal | undefined;
  stop(): void;
  /** CLIENT CACHING, for the next command. */
  setCaching(isWanted: boolean): Refusal | undefined;
  info(): TrackingInfo;
}
