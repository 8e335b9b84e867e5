/**
 * Commands that read strings.
 *
 * Hot path: GET and MGET allocate nothing. Guarded by `bench/command.ts`.
 */
import { INT64_MAX, parseBigInteger } from '../../base/integer.ts';
import { integer, key, many } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find } from '../keys.ts';
import { isString, writeValue } from './value.ts';

/** Answers the value of a string or null; false when the key holds something else, which is answered too. */
export function answerValue(call: ShardCall, ref: number, out: ReplyWriter): boolean {
  if (ref === MISSING) out.null();
  else if (isString(call.database, ref)) writeValue(call.database, ref, out);
  else {
    out.error(WRONG_TYPE);
    return false;
  }
  return true;
}

export const get = shardCommand({
  name: 'GET',
  summary: 'Reads the string at a key.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access') },
  run({ key }, call, out) {
    answerValue(call, find(call, key), out);
    return UNCHANGED;
  },
});

export const mget = shardCommand({
  name: 'MGET',
  summary: 'Reads the strings at several keys; null for those that hold none.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'string',
  flags: ['readonly', 'fast'],
  tips: ['request_policy:multi_shard'],
  fanout: { split: 'keys', merge: 'inOrder' },
  args: { keys: many(key('RO', 'access')) },
  run({ keys }, call, out) {
    const { request, database } = call;
    out.array(request.argc - keys);
    for (let at = keys; at < request.argc; at++) {
      const ref = find(call, at);
      if (ref === MISSING || !isString(database, ref)) out.null();
      else writeValue(database, ref, out);
    }
    return UNCHANGED;
  },
});

export const strlen = shardCommand({
  name: 'STRLEN',
  summary: 'Counts the bytes of the string at a key.',
  since: '2.2.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    const ref = find(call, key);
    if (ref === MISSING) out.integer(0);
    else if (isString(call.database, ref)) out.integer(call.database.valueLength(ref));
    else out.error(WRONG_TYPE);
    return UNCHANGED;
  },
});

/** Two negative positions past 2^53 may be equal as doubles and yet be in the wrong order. */
function inWrongOrder(call: ShardCall, first: number, last: number, start: number, end: number): boolean {
  if (start > end) return true;
  if (start !== end || Number.isSafeInteger(start)) return false;
  const { request } = call;
  const exactStart = parseBigInteger(request.bytes, request.start(first), request.end(first)) ?? 0n;
  return exactStart > (parseBigInteger(request.bytes, request.start(last), request.end(last)) ?? INT64_MAX);
}

function answerRange(key: number, start: number, end: number, call: ShardCall, out: ReplyWriter): void {
  const database = call.database;
  const ref = find(call, key);
  if (ref === MISSING) return out.bulkText('');
  if (!isString(database, ref)) return out.error(WRONG_TYPE);
  const length = database.valueLength(ref);
  if (start < 0 && end < 0 && inWrongOrder(call, key + 1, key + 2, start, end)) return out.bulkText('');
  let from = start < 0 ? length + start : start;
  let to = end < 0 ? length + end : end;
  if (from < 0) from = 0;
  if (to < 0) to = 0;
  if (to >= length) to = length - 1;
  if (from > to || length === 0) return out.bulkText('');
  const at = database.valueStart(ref);
  out.bulk(database.valueBytes(ref), at + from, at + to + 1);
}

const RANGE_ARGS = { key: key('RO', 'access'), start: integer(), end: integer() };

export const getrange = shardCommand({
  name: 'GETRANGE',
  summary: 'Reads a part of the string at a key, by positions that may count from the end.',
  since: '2.4.0',
  complexity: 'O(N), N being the length of the part read.',
  group: 'string',
  flags: ['readonly'],
  args: RANGE_ARGS,
  run({ key, start, end }, call, out) {
    answerRange(key, start, end, call, out);
    return UNCHANGED;
  },
});

export const substr = shardCommand({
  name: 'SUBSTR',
  summary: 'The old name of GETRANGE.',
  since: '1.0.0',
  complexity: 'O(N), N being the length of the part read.',
  group: 'string',
  flags: ['readonly'],
  deprecated: { since: '2.0.0', replacedBy: '`GETRANGE`' },
  args: RANGE_ARGS,
  run({ key, start, end }, call, out) {
    answerRange(key, start, end, call, out);
    return UNCHANGED;
  },
});
