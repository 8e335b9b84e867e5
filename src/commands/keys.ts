/**
 * What commands of every type share: finding the entry of a key, asking for room, refusing the wrong type.
 *
 * Invariant: room is asked for before anything is looked up or allocated, as making room may evict any key.
 *
 * Hot path: once or twice per command. Guarded by `bench/command.ts`.
 */
import type { ArgIndex } from '../command/args.ts';
import type { ShardCall } from '../command/spec.ts';
import { MISSING, type ValueType } from '../engine/database.ts';
import { WRONG_TYPE } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';

/** Header, expiry, index slots and rounding of one entry, generously: what a key costs beyond its bytes. */
export const ENTRY_OVERHEAD_BYTES = 64;

export function find(call: ShardCall, key: ArgIndex): number {
  return call.database.find(call.request.bytes, call.request.start(key), call.request.end(key));
}

export function findForWrite(call: ShardCall, key: ArgIndex): number {
  return call.database.findForWrite(call.request.bytes, call.request.start(key), call.request.end(key));
}

/** Whether the budget has room for an entry of this key and so many bytes of value. False: answer OOM. */
export function roomFor(call: ShardCall, key: ArgIndex, valueBytes: number): boolean {
  return call.realm.ensureRoom(call.request.length(key) + valueBytes + ENTRY_OVERHEAD_BYTES);
}

/** Whether an entry holds something other than this type, which is answered then. */
export function isOther(call: ShardCall, ref: number, type: ValueType, out: ReplyWriter): boolean {
  if (ref === MISSING || call.database.valueType(ref) === type) return false;
  out.error(WRONG_TYPE);
  return true;
}
