/** What commands over streams refuse with: the texts of redis-server 7.0.15, told by the transcripts of streams. */
import { ECHOED_BYTES_MAX } from '../base/limits.ts';
import { type Refusal, refusal } from './refusals.ts';

export const INVALID_STREAM_ID = refusal('ERR Invalid stream ID specified as stream command argument');
export const INVALID_START_ID = refusal('ERR invalid start ID for the interval');
export const INVALID_END_ID = refusal('ERR invalid end ID for the interval');

export const TRIM_STRATEGIES_CONFLICT = refusal(
  'ERR syntax error, MAXLEN and MINID options at the same time are not compatible',
);
export const TRIM_LENGTH_NEGATIVE = refusal('ERR The MAXLEN argument must be >= 0.');
export const TRIM_LIMIT_NEGATIVE = refusal('ERR The LIMIT argument must be >= 0.');
export const TRIM_LIMIT_ALONE = refusal(
  'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy',
);
export const TRIM_LIMIT_EXACT = refusal('ERR syntax error, LIMIT cannot be used without the special ~ option');
export const TRIM_STRATEGY_MISSING = refusal('ERR syntax error, XTRIM must be called with a trimming strategy');

export const XADD_ID_ZERO = refusal('ERR The ID specified in XADD must be greater than 0-0');
export const XADD_ID_TOO_SMALL = refusal(
  'ERR The ID specified in XADD is equal or smaller than the target stream top item',
);
export const STREAM_EXHAUSTED = refusal('ERR The stream has exhausted the last possible ID, unable to add more items');
export const ELEMENTS_TOO_LARGE = refusal('ERR Elements are too large to be stored');

export const XSETID_BELOW_TOP = refusal('ERR The ID specified in XSETID is smaller than the target stream top item');
export const XSETID_BELOW_GIVEN_DELETED = refusal(
  'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
);
export const XSETID_ADDED_NEGATIVE = refusal('ERR entries_added must be positive');
export const XSETID_ADDED_BELOW_LENGTH = refusal(
  'ERR The entries_added specified in XSETID is smaller than the target stream length',
);

export const XREAD_UNBALANCED = refusal(
  "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
);
export const XREAD_GROUP = refusal('ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.');
export const XREAD_NOACK = refusal('ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.');
export const XREAD_NEW = refusal(
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
);
export const XREADGROUP_LAST = refusal(
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
);
export const XREADGROUP_WITHOUT_GROUP = refusal('ERR Missing GROUP option for XREADGROUP');

export const XGROUP_KEY_MISSING = refusal(
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
);
export const GROUP_EXISTS = refusal('BUSYGROUP Consumer Group name already exists');
export const ENTRIES_READ_NEGATIVE = refusal('ERR value for ENTRIESREAD must be positive or -1');

export const XCLAIM_MIN_IDLE = refusal('ERR Invalid min-idle-time argument for XCLAIM');
export const XCLAIM_IDLE = refusal('ERR Invalid IDLE option argument for XCLAIM');
export const XCLAIM_TIME = refusal('ERR Invalid TIME option argument for XCLAIM');
export const XCLAIM_RETRY_COUNT = refusal('ERR Invalid RETRYCOUNT option argument for XCLAIM');
export const XAUTOCLAIM_MIN_IDLE = refusal('ERR Invalid min-idle-time argument for XAUTOCLAIM');
export const XAUTOCLAIM_COUNT = refusal('ERR COUNT must be > 0');

/** Redis prints with `%s`, which ends at a NUL. */
function echoed(text: string): string {
  const nul = text.indexOf('\0');
  return (nul < 0 ? text : text.slice(0, nul)).slice(0, ECHOED_BYTES_MAX);
}

export function noSuchKeyOrGroup(key: string, group: string): Refusal {
  return refusal(`NOGROUP No such key '${echoed(key)}' or consumer group '${echoed(group)}'`);
}

export function noSuchKeyOrGroupToRead(key: string, group: string): Refusal {
  return refusal(
    `NOGROUP No such key '${echoed(key)}' or consumer group '${echoed(group)}' in XREADGROUP with GROUP option`,
  );
}

export function noSuchGroup(group: string, key: string): Refusal {
  return refusal(`NOGROUP No such consumer group '${echoed(group)}' for key name '${echoed(key)}'`);
}

export function unrecognizedClaimOption(option: string): Refusal {
  return refusal(`ERR Unrecognized XCLAIM option '${echoed(option)}'`);
}

/** Told to who waits in XREADGROUP. */
export const STREAM_GONE = refusal('UNBLOCKED the stream key no longer exists');
export const GROUP_GONE = refusal('NOGROUP the consumer group this client was blocked on no longer exists');
