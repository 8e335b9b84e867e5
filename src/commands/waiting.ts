/** What blocking commands answer when there is nothing to take: that they wait, or, where they may not, that there is nothing. */
import type { ArgIndex } from '../command/args.ts';
import type { Effect } from '../command/effect.ts';
import { UNCHANGED, type Waits } from '../command/effect.ts';
import type { ShardCall } from '../command/spec.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';

/** The client waits for one of so many keys to become a value of that type. */
export function waitFor(
  valueType: Waits['valueType'],
  first: ArgIndex,
  keys: number,
  timeout_ms: number,
  more: Partial<Pick<Waits, 'endsWithKey' | 'instead'>> = {},
): Waits {
  return { kind: 'waits', valueType, first, keys, timeout_ms, endsWithKey: false, instead: undefined, ...more };
}

/** The same for a command whose other answer is a null array. */
export function waitOrNothing(call: ShardCall, out: ReplyWriter, waits: () => Waits): Effect {
  if (call.mayWait) return waits();
  out.nullArray();
  return UNCHANGED;
}

/** Whether a command may look at a key now: when it waited, only at the one that has changed. */
export function mayLookAt(call: ShardCall, key: ArgIndex): boolean {
  return call.onlyKey === 0 || call.onlyKey === key;
}
