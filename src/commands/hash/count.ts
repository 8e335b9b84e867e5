/**
 * Commands that count in a field: integers of 64 bits, exact in every bit, and decimal numbers as `long double` adds them.
 *
 * Hot path: HINCRBY allocates nothing. Guarded by `bench/hash.ts`.
 */

import { INT64_MAX, INT64_MIN, parseBigInteger, parseInteger, writeInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, floatText, integerText, key } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { NEVER } from '../../engine/types/hash.ts';
import {
  HASH_VALUE_NOT_A_FLOAT,
  HASH_VALUE_NOT_AN_INTEGER,
  INCREMENT_NOT_FINITE,
  INCREMENT_OVERFLOW,
  NOT_A_FLOAT,
  NOT_AN_INTEGER,
  NOT_FINITE,
  OOM,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { roomFor } from '../keys.ts';
import { refused } from '../refused.ts';
import { RewrittenEffect, viewOf } from '../replay.ts';
import { addLongDoubles, isInfinite, longDoubleText, parseLongDouble, ZERO } from '../string/long-double.ts';
import { hash, NOT_THERE, OPENED, type Opened, openToWrite, placeOf, REFUSED, roomAnew, valueView } from './value.ts';
import { setField } from './write.ts';

const COUNTED = changed('hash', 'hincrby');
const COUNTED_FLOAT = [{ eventClass: 'hash', name: 'hincrbyfloat', key: 1 }] as const;
/** Digits of a 64-bit integer with its sign. */
const DIGITS_MAX = 20;
/** Digits of most decimal numbers; the longest have 5,000. */
const FLOAT_TEXT_BYTES = 64;
const digits = new Uint8Array(DIGITS_MAX + 4);

/** Opens the hash at a key once there is room for another field; undefined without room. */
function openWithRoom(
  call: ShardCall,
  key: ArgIndex,
  field: ArgIndex,
  valueBytes: number,
  out: ReplyWriter,
): Opened | undefined {
  const opened = openToWrite(call, key, out);
  const length = call.request.length(field);
  if (opened === NOT_THERE) return roomFor(call, key, length + valueBytes) ? opened : undefined;
  if (opened === REFUSED) return opened;
  return roomAnew(call, key, hash.growthFor(1, length + valueBytes, Math.max(length, valueBytes)), out);
}

export const hincrby = shardCommand({
  name: 'HINCRBY',
  summary: 'Adds an integer to the one in a field of a hash; a missing field counts as 0.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), field: bytes, increment: integerText },
  run({ key, field, increment }, call, out) {
    const { request } = call;
    const step = parseInteger(request.bytes, request.start(increment), request.end(increment));
    if (Number.isNaN(step)) return refused(out, NOT_AN_INTEGER);
    const opened = openWithRoom(call, key, field, DIGITS_MAX, out);
    if (opened === undefined) return refused(out, OOM);
    if (opened === REFUSED) return UNCHANGED;
    const place = opened === OPENED ? placeOf(call, field) : MISSING;
    let value = 0;
    if (place !== MISSING) {
      hash.readValue(place, valueView);
      value = parseInteger(valueView.bytes, valueView.start, valueView.end);
      if (Number.isNaN(value)) return refused(out, HASH_VALUE_NOT_AN_INTEGER);
    }
    const sum = value + step;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(step) || !Number.isSafeInteger(sum)) {
      return countExactly(call, key, opened, field, increment, place, out);
    }
    if (!setField(call, key, opened, field, digits, writeInteger(digits, 0, sum))) return refused(out, OOM);
    out.integer(sum);
    return COUNTED;
  },
});

function countExactly(
  call: ShardCall,
  key: ArgIndex,
  opened: Opened,
  field: ArgIndex,
  increment: ArgIndex,
  place: number,
  out: ReplyWriter,
): Effect {
  const { request } = call;
  const step = parseBigInteger(request.bytes, request.start(increment), request.end(increment)) ?? 0n;
  const isThere = place !== MISSING;
  const value = isThere ? (parseBigInteger(valueView.bytes, valueView.start, valueView.end) ?? 0n) : 0n;
  const sum = value + step;
  if (sum > INT64_MAX || sum < INT64_MIN) return refused(out, INCREMENT_OVERFLOW);
  const text = sum.toString();
  for (let i = 0; i < text.length; i++) digits[i] = text.charCodeAt(i);
  if (!setField(call, key, opened, field, digits, text.length)) return refused(out, OOM);
  out.integer(sum);
  return COUNTED;
}

/** As in Redis, the outcome is logged, so that no other arithmetic can lead to another one. */
let lastSum: Uint8Array = new Uint8Array(0);
const STORED_SUM = new RewrittenEffect(COUNTED_FLOAT, (request) => [
  ['HSET', viewOf(request, 1), viewOf(request, 2), lastSum],
]);
const STORED_SUM_OF_LIMITED_LIFE = new RewrittenEffect(COUNTED_FLOAT, (request) => [
  ['HSETEX', viewOf(request, 1), 'KEEPTTL', 'FIELDS', '1', viewOf(request, 2), lastSum],
]);

export const hincrbyfloat = shardCommand({
  name: 'HINCRBYFLOAT',
  summary: 'Adds a decimal number to the one in a field of a hash; a missing field counts as 0.',
  since: '2.6.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), field: bytes, increment: floatText },
  run({ key, field, increment }, call, out) {
    const { request } = call;
    const step = parseLongDouble(request.bytes, request.start(increment), request.end(increment));
    if (step === undefined) return refused(out, NOT_A_FLOAT);
    if (isInfinite(step)) return refused(out, NOT_FINITE);
    const opened = openWithRoom(call, key, field, request.length(increment) + FLOAT_TEXT_BYTES, out);
    if (opened === undefined) return refused(out, OOM);
    if (opened === REFUSED) return UNCHANGED;
    const place = opened === OPENED ? placeOf(call, field) : MISSING;
    let value = ZERO;
    let expires = false;
    if (place !== MISSING) {
      hash.readValue(place, valueView);
      const parsed = parseLongDouble(valueView.bytes, valueView.start, valueView.end);
      if (parsed === undefined) return refused(out, HASH_VALUE_NOT_A_FLOAT);
      value = parsed;
      expires = hash.expiryOf(place) !== NEVER;
    }
    const sum = addLongDoubles(value, step);
    if (sum === undefined || isInfinite(sum)) return refused(out, INCREMENT_NOT_FINITE);
    const text = Buffer.from(longDoubleText(sum), 'latin1');
    if (!setField(call, key, opened, field, text, text.length)) return refused(out, OOM);
    out.bulk(text, 0, text.length);
    lastSum = text;
    return (expires ? STORED_SUM_OF_LIMITED_LIFE : STORED_SUM).of(request, NO_EXPIRY);
  },
});
