/**
 * What string commands share: reading a value as bytes and writing one within the budget.
 *
 * Invariant: room is asked for before anything is looked up or allocated, as making room may evict any key.
 *
 * Hot path: GET and SET. Guarded by `bench/command.ts`.
 */
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import { type Database, Encoding, MISSING, OK, stringEncoding, ValueType } from '../../engine/database.ts';
import { type Refusal, STRING_TOO_LONG, VALUE_TOO_LARGE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { findForWrite } from '../keys.ts';

export function isString(database: Database, ref: number): boolean {
  return database.valueType(ref) === ValueType.string;
}

/** The value of a string entry as a bulk. */
export function writeValue(database: Database, ref: number, out: ReplyWriter): void {
  const start = database.valueStart(ref);
  out.bulk(database.valueBytes(ref), start, start + database.valueLength(ref));
}

/** Sets a key to an argument's bytes. Room has been asked for. False: the arena is full and nothing changed. */
export function put(call: ShardCall, key: ArgIndex, value: ArgIndex, expireAt_ms: number): boolean {
  const request = call.request;
  const bytes = request.bytes;
  const start = request.start(value);
  const end = request.end(value);
  return (
    call.database.setString(
      bytes,
      request.start(key),
      request.end(key),
      bytes,
      start,
      end,
      stringEncoding(bytes, start, end),
      expireAt_ms,
    ) === OK
  );
}

/** Sets a key to bytes of our own. */
export function putBytes(
  call: ShardCall,
  key: ArgIndex,
  value: Uint8Array,
  length: number,
  encoding: Encoding,
  expireAt_ms: number,
): boolean {
  const request = call.request;
  const start = request.start(key);
  return (
    call.database.setString(request.bytes, start, request.end(key), value, 0, length, encoding, expireAt_ms) === OK
  );
}

/** Why a value may not become so long; undefined when it may. */
export function lengthRefusal(call: ShardCall, bytes: number): Refusal | undefined {
  if (bytes > call.shard.world.valueBytesMax) return STRING_TOO_LONG;
  return bytes > call.realm.valueBytesMax ? VALUE_TOO_LARGE : undefined;
}

/**
 * Lengthens an entry already found to `length` bytes and makes it raw, zeros in what is new, after asking for room. The
 * room may cost any key, this one too, so the entry is looked up again.
 * @returns the entry, or MISSING when there is no room
 */
export function lengthen(call: ShardCall, key: ArgIndex, ref: number, length: number): number {
  const database = call.database;
  const growth = length - database.valueLength(ref);
  let found = ref;
  if (growth > 0 && !call.realm.room(growth)) {
    if (!call.realm.ensureRoom(growth)) return MISSING;
    found = findForWrite(call, key);
    if (found === MISSING) return MISSING;
  }
  const target = growth > 0 ? database.resizeValue(found, length) : found;
  if (target !== MISSING) database.setEncoding(target, Encoding.raw);
  return target;
}
