/**
 * What bitmap commands share: bit offsets as Redis reads them, and a string that is long enough to write a bit to.
 *
 * Hot path: once per SETBIT, GETBIT or BITFIELD. Guarded by `bench/bitmap.ts`.
 */
import { parseBigInteger, parseInteger } from '../../base/integer.ts';
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { lengthen, putBytes } from '../string/value.ts';

const HASH_SIGN = 0x23;
/** New strings up to this are made in one piece without slack; longer ones grow in place, as zeros outside cost memory too. */
const DIRECT_BYTES_MAX = 1024 * 1024;
const NOTHING = new Uint8Array(0);

/** The words in which a value's bytes lie. */
export function wordsOf(call: ShardCall, ref: number): Int32Array {
  return call.shard.world.arena.wordsOf(ref);
}

/**
 * A bit offset, or NaN when it is none or beyond the longest string. With `fieldBits` not 0 it may be `#n`, the n-th
 * field of that width; Redis multiplies in 64 bits and goes on with what is left of an overflow.
 */
export function bitOffset(call: ShardCall, at: ArgIndex, fieldBits: number): number {
  const { bytes } = call.request;
  const start = call.request.start(at);
  const end = call.request.end(at);
  const counted = fieldBits > 0 && start < end && bytes[start] === HASH_SIGN;
  let offset = parseInteger(bytes, counted ? start + 1 : start, end);
  if (counted) {
    offset *= fieldBits;
    if (!Number.isSafeInteger(offset)) {
      const exact = parseBigInteger(bytes, start + 1, end);
      offset = exact === undefined ? Number.NaN : Number(BigInt.asIntN(64, exact * BigInt(fieldBits)));
    }
  }
  return offset >= 0 && Math.floor(offset / 8) < call.shard.world.valueBytesMax ? offset : Number.NaN;
}

/**
 * The string at a key, raw and at least `length` bytes long, with zeros in what is new. `ref` is what the key was found
 * to be, a string or MISSING.
 * @returns the entry, or MISSING when there is no room and nothing changed
 */
export function stringOfLength(call: ShardCall, key: ArgIndex, ref: number, length: number): number {
  if (ref === MISSING) return zeros(call, key, length);
  return lengthen(call, key, ref, Math.max(length, call.database.valueLength(ref)));
}

function zeros(call: ShardCall, key: ArgIndex, length: number): number {
  if (!roomFor(call, key, length)) return MISSING;
  const direct = length <= DIRECT_BYTES_MAX;
  const value = direct ? new Uint8Array(length) : NOTHING;
  if (!putBytes(call, key, value, value.length, Encoding.raw, NO_EXPIRY)) return MISSING;
  const made = findForWrite(call, key);
  return direct || made === MISSING ? made : grown(call.database, made, length);
}

function grown(database: Database, made: number, length: number): number {
  const target = database.resizeValue(made, length);
  if (target === MISSING) database.deleteEntry(made);
  return target;
}
