/** HSETEX: setting fields under conditions, with a time to live for all of them if wanted. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgDoc, type ArgIndex, key } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_ROOM } from '../../engine/database.ts';
import {
  FIELD_TIME_CONFLICT,
  FIELD_TIME_MISSING,
  FXX_FNX_CONFLICT,
  NUMFIELDS_INVALID,
  OOM,
  type Refusal,
  unknownArgument,
  wrongArity,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { isWord } from '../words.ts';
import { expirationDoc, TIME_OPTIONS } from './exchange.ts';
import { fieldTime, rest } from './fields.ts';
import {
  DEL_EVENT,
  dropIfEmpty,
  hash,
  NOT_THERE,
  OPENED,
  type Opened,
  openToWrite,
  placeOf,
  REFUSED,
} from './value.ts';
import { SET_REFUSED, setFields, setInPart } from './write.ts';

const KEEPTTL = bytesOfLatin1('KEEPTTL');
const FXX = bytesOfLatin1('FXX');
const FNX = bytesOfLatin1('FNX');
const FIELDS = bytesOfLatin1('FIELDS');
const NUMFIELDS_MAX = 0x7fffffff;
/** What a field with a time takes beyond its bytes, and the first time of a hash. */
const TIMED_FIELD_BYTES = 96;
const TIMES_OVERHEAD_BYTES = 1024;

const HSET_EVENT: KeyEvent = { eventClass: 'hash', name: 'hset', key: 1 };
const HDEL_EVENT: KeyEvent = { eventClass: 'hash', name: 'hdel', key: 1 };
const HEXPIRE_EVENT: KeyEvent = { eventClass: 'hash', name: 'hexpire', key: 1 };

interface Options {
  readonly condition: 'fxx' | 'fnx' | undefined;
  readonly keepsExpiry: boolean;
  /** When the fields end; undefined when no time is given. */
  readonly at_ms: number | undefined;
  /** The first field. */
  readonly first: ArgIndex;
}

/** The first field behind `FIELDS numfields` at an argument. */
function pairsFrom(call: ShardCall, at: ArgIndex): ArgIndex | Refusal {
  const { request } = call;
  if (at + 3 >= request.argc) return wrongArity('hsetex');
  const count = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
  if (!(count >= 1 && count <= NUMFIELDS_MAX)) return NUMFIELDS_INVALID;
  return request.argc - at - 2 === 2 * count ? at + 2 : wrongArity('hsetex');
}

/** Reads the options in their order; the first that is wrong decides. */
function optionsFrom(call: ShardCall, from: ArgIndex): Options | Refusal {
  const { request } = call;
  let condition: Options['condition'];
  let keepsExpiry = false;
  let at_ms: number | undefined;
  for (let at = from; at < request.argc; at++) {
    if (isWord(request, at, FIELDS)) {
      const first = pairsFrom(call, at);
      return typeof first === 'number' ? { condition, keepsExpiry, at_ms, first } : first;
    }
    const option = TIME_OPTIONS.find(({ word }) => isWord(request, at, word));
    if (option !== undefined || isWord(request, at, KEEPTTL)) {
      if (keepsExpiry || at_ms !== undefined) return FIELD_TIME_CONFLICT;
      if (option === undefined) {
        keepsExpiry = true;
        continue;
      }
      if (at + 1 >= request.argc) return FIELD_TIME_MISSING;
      const time = fieldTime(request, ++at, option.unit, call.now_ms, 'hsetex');
      if (typeof time !== 'number') return time;
      at_ms = time;
    } else if (isWord(request, at, FXX) || isWord(request, at, FNX)) {
      if (condition !== undefined) return FXX_FNX_CONFLICT;
      condition = isWord(request, at, FXX) ? 'fxx' : 'fnx';
    } else return unknownArgument(request.text(at));
  }
  // Redis finds FIELDS in every request long enough for its arity, or refuses an argument before.
  return wrongArity('hsetex');
}

function isAllowed(call: ShardCall, opened: Opened, { condition, first }: Options): boolean {
  if (condition === undefined) return true;
  const wanted = condition === 'fxx';
  for (let at = first; at < call.request.argc; at += 2) {
    const isThere = opened === OPENED && placeOf(call, at) !== MISSING;
    if (isThere !== wanted) return false;
  }
  return true;
}

/** The time is past: whatever the fields were, they are no more. */
function deleteAll(call: ShardCall, opened: Opened, first: ArgIndex): Effect {
  const { request } = call;
  const row: (Uint8Array | string)[] = ['HDEL', viewOf(request, 1)];
  for (let at = first; at < request.argc; at += 2) {
    row.push(viewOf(request, at));
    const place = opened === OPENED ? placeOf(call, at) : MISSING;
    if (place !== MISSING) hash.remove(place);
  }
  const isGone = opened === NOT_THERE || dropIfEmpty(call);
  const count = (request.argc - first) >>> 1;
  return changes(count, isGone ? [HSET_EVENT, HDEL_EVENT, DEL_EVENT] : [HSET_EVENT, HDEL_EVENT], [row]);
}

/** Gives the fields, which are there, their time. @returns the argument that the arena had no more room for; 0 when all went well. */
function expireAll(call: ShardCall, first: ArgIndex, at_ms: number): ArgIndex {
  for (let at = first; at < call.request.argc; at += 2) {
    if (hash.setExpiry(placeOf(call, at), at_ms) === NO_ROOM) return at;
  }
  return 0;
}

/** The same as one command, with a time that does not depend on when it runs. */
function timedRow(call: ShardCall, first: ArgIndex, end: ArgIndex, time: readonly string[]): (Uint8Array | string)[] {
  const { request } = call;
  const row: (Uint8Array | string)[] = ['HSETEX', viewOf(request, 1), ...time, 'FIELDS', `${(end - first) >>> 1}`];
  for (let at = first; at < end; at++) row.push(viewOf(request, at));
  return row;
}

function setAll(call: ShardCall, key: ArgIndex, options: Options, out: ReplyWriter): Effect {
  const { first, at_ms, keepsExpiry } = options;
  const { argc } = call.request;
  const count = (argc - first) >>> 1;
  const keeps = keepsExpiry || at_ms !== undefined;
  if (setFields(call, key, first, keeps, out) === SET_REFUSED) return setInPart(call, first, keeps);
  if (at_ms === undefined) {
    out.integer(1);
    return changes(count, [HSET_EVENT], keepsExpiry ? undefined : [timedRow(call, first, argc, [])]);
  }
  openToWrite(call, key, out);
  const failedAt = expireAll(call, first, at_ms);
  if (failedAt === 0) {
    out.integer(1);
    return changes(count, [HSET_EVENT, HEXPIRE_EVENT], [timedRow(call, first, argc, ['PXAT', at_ms.toFixed(0)])]);
  }
  // All values are set, but the arena was too full for all the times: copies are told just that.
  out.error(OOM);
  const rows = [timedRow(call, first, argc, ['KEEPTTL'])];
  if (failedAt > first) rows.push(timedRow(call, first, failedAt, ['PXAT', at_ms.toFixed(0)]));
  return changes(count, [HSET_EVENT], rows);
}

const CONDITION_DOC: ArgDoc = {
  name: 'condition',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'fnx', type: 'pure-token', token: 'FNX', flags: [] },
    { name: 'fxx', type: 'pure-token', token: 'FXX', flags: [] },
  ],
};
const PAIRS_DOC: ArgDoc = {
  name: 'fields',
  type: 'block',
  token: 'FIELDS',
  flags: [],
  arguments: [
    { name: 'numfields', type: 'integer', flags: [] },
    {
      name: 'data',
      type: 'block',
      flags: ['multiple'],
      arguments: [
        { name: 'field', type: 'string', flags: [] },
        { name: 'value', type: 'string', flags: [] },
      ],
    },
  ],
};

export const hsetex = shardCommand({
  name: 'HSETEX',
  summary: 'Sets fields of a hash, with conditions and a time to live if wanted.',
  since: '8.0.0',
  complexity: 'O(N), N being the number of fields.',
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'update'), options: rest(4, [CONDITION_DOC, expirationDoc('KEEPTTL'), PAIRS_DOC]) },
  run({ key, options: given }, call, out) {
    const options = optionsFrom(call, given.value);
    if ('text' in options) return refused(out, options);
    const { request } = call;
    const count = (request.argc - options.first) >>> 1;
    if (options.at_ms !== undefined && !call.realm.ensureRoom(TIMES_OVERHEAD_BYTES + count * TIMED_FIELD_BYTES)) {
      return refused(out, OOM);
    }
    const opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    if (!isAllowed(call, opened, options)) {
      out.integer(0);
      return UNCHANGED;
    }
    if (options.at_ms === undefined || options.at_ms > call.now_ms) return setAll(call, key, options, out);
    out.integer(1);
    return deleteAll(call, opened, options.first);
  },
});
