/** Error texts of logins, of transactions and of client-side caching, as redis-server writes them. */
import { CLIENT_TEXT_BYTES_MAX } from '../base/limits.ts';
import { type Refusal, refusal } from './refusals.ts';

/** Not of Redis: whose token ran out says who they are again, with a new one. */
export const TOKEN_EXPIRED = refusal('NOAUTH token expired, authenticate again');
export const LOGINS_BUSY = refusal('BUSY too many logins are being checked, try again later');
export const TRACKING_ONE_REDIRECT = refusal('ERR A client can only redirect to a single other client');
export const TRACKING_REDIRECT_UNKNOWN = refusal('ERR The client ID you want redirect to does not exist');
export const TRACKING_PREFIX_NEEDS_BCAST = refusal('ERR PREFIX option requires BCAST mode to be enabled');
export const TRACKING_SWITCH_BCAST = refusal(
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
);
export const TRACKING_BCAST_OPT = refusal('ERR OPTIN and OPTOUT are not compatible with BCAST');
export const TRACKING_OPTIN_OPTOUT = refusal("ERR You can't specify both OPTIN mode and OPTOUT mode");
export const TRACKING_SWITCH_OPT = refusal(
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
);
export const TRACKING_TOO_MANY_PREFIXES = refusal('ERR too many prefixes');
export const CACHING_NOT_TRACKING = refusal(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
);
export const CACHING_YES_NEEDS_OPTIN = refusal(
  'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.',
);
export const CACHING_NO_NEEDS_OPTOUT = refusal(
  'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.',
);

/** @param which `an existing` or `another provided` */
export function prefixesOverlap(prefix: string, other: string, which: string): Refusal {
  return refusal(
    `ERR Prefix '${prefix}' overlaps with ${which} prefix '${other}'. Prefixes for a single client must not overlap.`,
  );
}

/** Commands that have to be recorded, while nothing can be. */
export const AUDIT_UNAVAILABLE = refusal(
  'MISCONF The audit trail cannot be written: commands that have to be recorded are refused until it can',
);
export const AUDIT_NOT_WRITTEN = refusal('MISCONF The command has run, but the audit trail could not be written');

/** Redis has no such bound; what it is told stays in memory and in records of others. */
export const CLIENT_NAME_TOO_LONG = refusal(`ERR Client names cannot be longer than ${CLIENT_TEXT_BYTES_MAX} bytes.`);

export function clientAttributeTooLong(attribute: string): Refusal {
  return refusal(`ERR ${attribute} cannot be longer than ${CLIENT_TEXT_BYTES_MAX} bytes.`);
}
