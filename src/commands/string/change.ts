/** Commands that change a part of a string: APPEND and SETRANGE. Both leave it raw, as Redis does. */

import { copyRange } from '../../base/bytes.ts';
import { type ArgIndex, bytes, integer, key } from '../../command/args.ts';
import { changed, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { OFFSET_OUT_OF_RANGE, OOM, WRONG_TYPE } from '../../resp/refusals.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { refused } from '../refused.ts';
import { isString, lengthen, lengthRefusal, put, putBytes } from './value.ts';

const APPENDED = changed('string', 'append');
const OVERWRITTEN = changed('string', 'setrange');
const NOTHING = new Uint8Array(0);

/** Copies an argument over the value of an entry that is long enough. */
function overwrite(call: ShardCall, ref: number, offset: number, value: ArgIndex): void {
  const { request, database } = call;
  const at = database.valueStart(ref) + offset;
  copyRange(request.bytes, request.start(value), request.end(value), database.valueBytes(ref), at);
}

export const append = shardCommand({
  name: 'APPEND',
  summary: 'Adds bytes to the end of the string at a key; a missing key is set.',
  since: '2.0.0',
  complexity: 'O(1), amortized: a string that grows gets room to grow further.',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'insert'), value: bytes },
  run({ key, value }, call, out) {
    const { request, database } = call;
    const added = request.length(value);
    const ref = findForWrite(call, key);
    if (ref === MISSING) {
      if (!roomFor(call, key, added) || !put(call, key, value, NO_EXPIRY)) return refused(out, OOM);
      out.integer(added);
      return APPENDED;
    }
    if (!isString(database, ref)) return refused(out, WRONG_TYPE);
    const length = database.valueLength(ref);
    const tooLong = lengthRefusal(call, length + added);
    if (tooLong !== undefined) return refused(out, tooLong);
    const grown = lengthen(call, key, ref, length + added);
    if (grown === MISSING) return refused(out, OOM);
    overwrite(call, grown, length, value);
    out.integer(length + added);
    return APPENDED;
  },
});

export const setrange = shardCommand({
  name: 'SETRANGE',
  summary: 'Overwrites the string at a key from an offset on; what lies before is filled with zeros.',
  since: '2.2.0',
  complexity: 'O(1) for values that fit into what is there, else O(N), N being the new length.',
  group: 'string',
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'update'), offset: integer(), value: bytes },
  run({ key, offset, value }, call, out) {
    const { request, database } = call;
    if (offset < 0) return refused(out, OFFSET_OUT_OF_RANGE);
    const ref = findForWrite(call, key);
    if (ref !== MISSING && !isString(database, ref)) return refused(out, WRONG_TYPE);
    const length = ref === MISSING ? 0 : database.valueLength(ref);
    if (request.length(value) === 0) {
      out.integer(length);
      return UNCHANGED;
    }
    const end = offset + request.length(value);
    const tooLong = lengthRefusal(call, end);
    if (tooLong !== undefined) return refused(out, tooLong);
    const target = ref === MISSING ? zeros(call, key, end) : lengthen(call, key, ref, Math.max(length, end));
    if (target === MISSING) return refused(out, OOM);
    overwrite(call, target, offset, value);
    out.integer(Math.max(length, end));
    return OVERWRITTEN;
  },
});

/** A new string of zeros, or MISSING when there is no room. */
function zeros(call: ShardCall, key: ArgIndex, length: number): number {
  if (!roomFor(call, key, length) || !putBytes(call, key, NOTHING, 0, Encoding.raw, NO_EXPIRY)) return MISSING;
  const { request, database } = call;
  const ref = findForWrite(call, key);
  const target = ref === MISSING ? MISSING : database.resizeValue(ref, length);
  if (target === MISSING) database.delete(request.bytes, request.start(key), request.end(key));
  return target;
}
