/**
 * Commands that count: integers of 64 bits, exact in every bit. What fits a double runs on doubles, the rest on BigInt.
 *
 * Hot path: INCR allocates nothing. Guarded by `bench/command.ts`.
 */

import { INT64_MAX, INT64_MIN, parseBigInteger, parseInteger, writeInteger } from '../../base/integer.ts';
import { type ArgIndex, floatText, integerText, key } from '../../command/args.ts';
import { changed, type Effect } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING, NO_EXPIRY, OK } from '../../engine/database.ts';
import {
  DECREMENT_OVERFLOW,
  INCREMENT_NOT_FINITE,
  INCREMENT_OVERFLOW,
  NOT_A_FLOAT,
  NOT_AN_INTEGER,
  OOM,
  WRONG_TYPE,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { refused } from '../refused.ts';
import { RewrittenEffect, viewOf } from '../replay.ts';
import { addLongDoubles, isInfinite, longDoubleText, parseLongDouble, ZERO } from './long-double.ts';
import { isString, putBytes } from './value.ts';

const COUNTED = changed('string', 'incrby');
const COUNTED_FLOAT = [{ eventClass: 'string', name: 'incrbyfloat', key: 1 }] as const;
/** Digits of a 64-bit integer with its sign. */
const DIGITS_MAX = 20;
const digits = new Uint8Array(DIGITS_MAX + 4);

/** Adds to the integer at a key; `exact` gives the same step as a bigint when doubles do not do. */
function count(call: ShardCall, key: ArgIndex, step: number, exact: bigint | undefined, out: ReplyWriter): Effect {
  if (!roomFor(call, key, DIGITS_MAX)) return refused(out, OOM);
  const database = call.database;
  const ref = findForWrite(call, key);
  let value = 0;
  if (ref !== MISSING) {
    if (!isString(database, ref)) return refused(out, WRONG_TYPE);
    const start = database.valueStart(ref);
    value = parseInteger(database.valueBytes(ref), start, start + database.valueLength(ref));
    if (Number.isNaN(value)) return refused(out, NOT_AN_INTEGER);
  }
  const sum = value + step;
  if (exact !== undefined || !Number.isSafeInteger(value) || !Number.isSafeInteger(sum)) {
    return countExactly(call, key, ref, exact ?? BigInt(step), out);
  }
  if (!store(call, key, ref, writeInteger(digits, 0, sum))) return refused(out, OOM);
  out.integer(sum);
  return COUNTED;
}

function countExactly(call: ShardCall, key: ArgIndex, ref: number, step: bigint, out: ReplyWriter): Effect {
  const database = call.database;
  let value = 0n;
  if (ref !== MISSING) {
    const start = database.valueStart(ref);
    value = parseBigInteger(database.valueBytes(ref), start, start + database.valueLength(ref)) ?? 0n;
  }
  const sum = value + step;
  if (sum > INT64_MAX || sum < INT64_MIN) return refused(out, INCREMENT_OVERFLOW);
  const text = sum.toString();
  for (let i = 0; i < text.length; i++) digits[i] = text.charCodeAt(i);
  if (!store(call, key, ref, text.length)) return refused(out, OOM);
  out.integer(sum);
  return COUNTED;
}

/** Puts the first `length` of `digits` at the key, whose time to live stays. */
function store(call: ShardCall, key: ArgIndex, ref: number, length: number): boolean {
  if (ref === MISSING) return putBytes(call, key, digits, length, Encoding.int, NO_EXPIRY);
  return call.database.replaceValue(ref, digits, 0, length, Encoding.int) === OK;
}

export const incr = shardCommand({
  name: 'INCR',
  summary: 'Adds one to the integer at a key; a missing key counts as 0.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update') },
  run: ({ key }, call, out) => count(call, key, 1, undefined, out),
});

export const decr = shardCommand({
  name: 'DECR',
  summary: 'Takes one from the integer at a key; a missing key counts as 0.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update') },
  run: ({ key }, call, out) => count(call, key, -1, undefined, out),
});

function countBy(call: ShardCall, key: ArgIndex, by: ArgIndex, negated: boolean, out: ReplyWriter): Effect {
  const { request } = call;
  const start = request.start(by);
  const end = request.end(by);
  const step = parseInteger(request.bytes, start, end);
  if (Number.isNaN(step)) return refused(out, NOT_AN_INTEGER);
  if (Number.isSafeInteger(step)) return count(call, key, negated ? -step : step, undefined, out);
  const exact = parseBigInteger(request.bytes, start, end) ?? 0n;
  if (!negated) return count(call, key, step, exact, out);
  if (exact === INT64_MIN) return refused(out, DECREMENT_OVERFLOW);
  return count(call, key, -step, -exact, out);
}

export const incrby = shardCommand({
  name: 'INCRBY',
  summary: 'Adds an integer to the one at a key; a missing key counts as 0.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), increment: integerText },
  run: ({ key, increment }, call, out) => countBy(call, key, increment, false, out),
});

export const decrby = shardCommand({
  name: 'DECRBY',
  summary: 'Takes an integer from the one at a key; a missing key counts as 0.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), decrement: integerText },
  run: ({ key, decrement }, call, out) => countBy(call, key, decrement, true, out),
});

/** As in Redis, the outcome is logged, so that no other arithmetic can lead to another one. */
let lastSum: Uint8Array = new Uint8Array(0);
const STORED_SUM = new RewrittenEffect(COUNTED_FLOAT, (request) => [['SET', viewOf(request, 1), lastSum, 'KEEPTTL']]);
/** Longest string that is called `embstr`. */
const EMBEDDED_BYTES_MAX = 44;

export const incrbyfloat = shardCommand({
  name: 'INCRBYFLOAT',
  summary: 'Adds a decimal number to the one at a key; a missing key counts as 0.',
  since: '2.6.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), increment: floatText },
  run({ key, increment }, call, out) {
    const { request, database } = call;
    if (!roomFor(call, key, request.length(increment))) return refused(out, OOM);
    const ref = findForWrite(call, key);
    let value = ZERO;
    if (ref !== MISSING) {
      if (!isString(database, ref)) return refused(out, WRONG_TYPE);
      const start = database.valueStart(ref);
      const parsed = parseLongDouble(database.valueBytes(ref), start, start + database.valueLength(ref));
      if (parsed === undefined) return refused(out, NOT_A_FLOAT);
      value = parsed;
    }
    const step = parseLongDouble(request.bytes, request.start(increment), request.end(increment));
    if (step === undefined) return refused(out, NOT_A_FLOAT);
    const sum = addLongDoubles(value, step);
    if (sum === undefined || isInfinite(sum)) return refused(out, INCREMENT_NOT_FINITE);
    const text = Buffer.from(longDoubleText(sum), 'latin1');
    const encoding = text.length > EMBEDDED_BYTES_MAX ? Encoding.raw : Encoding.embstr;
    const stored =
      ref === MISSING
        ? putBytes(call, key, text, text.length, encoding, NO_EXPIRY)
        : database.replaceValue(ref, text, 0, text.length, encoding) === OK;
    if (!stored) return refused(out, OOM);
    out.bulk(text, 0, text.length);
    lastSum = text;
    return STORED_SUM.of(request, NO_EXPIRY);
  },
});
