/** HEXPIRE and its kin: giving fields of a hash a time to live, or taking it away. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgDoc, type ArgIndex, integerText, key, unixTimeText } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_ROOM } from '../../engine/database.ts';
import { NEVER } from '../../engine/types/hash.ts';
import { NUMFIELDS_NOT_POSITIVE, NUMFIELDS_TOO_SMALL, OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { MILLISECONDS, SECONDS, type TimeUnit, UNIX_MILLISECONDS, UNIX_SECONDS } from '../times.ts';
import { isWord } from '../words.ts';
import { FIELDS_DOC, fieldsFrom, fieldTime, rest, TimedFields } from './fields.ts';
import { dropIfEmpty, hash, NOT_THERE, OPENED, openToWrite, placeOf, REFUSED, roomAnew } from './value.ts';

/** What happened to a field. */
const NO_FIELD = -2;
const NO_TIME = -1;
const NOT_MET = 0;
const DONE = 1;
const DELETED = 2;

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;
const NO_CONDITION = 0;
const CONDITIONS = ['NX', 'XX', 'GT', 'LT'].map((word, index) => ({ word: bytesOfLatin1(word), bit: 1 << index }));

const CONDITION_DOC: ArgDoc = {
  name: 'condition',
  type: 'oneof',
  flags: ['optional'],
  arguments: ['NX', 'XX', 'GT', 'LT'].map((word) => ({
    name: word.toLowerCase(),
    type: 'pure-token',
    token: word,
    flags: [],
  })),
};

const timed = new TimedFields();
const PERSISTED = changed('hash', 'hpersist');

/** A field without a time counts as one without end. */
function isMet(condition: number, current_ms: number, at_ms: number): boolean {
  if (current_ms === NEVER) return condition !== XX && condition !== GT;
  if (condition === GT) return at_ms > current_ms;
  return condition === LT ? at_ms < current_ms : condition !== NX;
}

/** Lets one field end at a time, or now if that is past. @returns what happened, NaN when the arena is full and nothing did. */
function expireField(call: ShardCall, field: ArgIndex, at_ms: number, condition: number): number {
  const place = placeOf(call, field);
  if (place === MISSING) return NO_FIELD;
  if (!isMet(condition, hash.expiryOf(place), at_ms)) return NOT_MET;
  if (at_ms <= call.now_ms) {
    hash.remove(place);
    return DELETED;
  }
  return hash.setExpiry(place, at_ms) === NO_ROOM ? Number.NaN : DONE;
}

function expireFields(
  call: ShardCall,
  key: ArgIndex,
  time: ArgIndex,
  options: ArgIndex,
  unit: TimeUnit,
  command: string,
  out: ReplyWriter,
): Effect {
  const { request } = call;
  let opened = openToWrite(call, key, out);
  if (opened === REFUSED) return UNCHANGED;
  const at_ms = fieldTime(request, time, unit, call.now_ms, command);
  if (typeof at_ms !== 'number') return refused(out, at_ms);
  const condition = CONDITIONS.find(({ word }) => isWord(request, options, word))?.bit ?? NO_CONDITION;
  const first = fieldsFrom(request, condition === NO_CONDITION ? options : options + 1, NUMFIELDS_TOO_SMALL);
  if (typeof first !== 'number') return refused(out, first);
  if (opened === OPENED && at_ms > call.now_ms) {
    const again = roomAnew(call, key, hash.growthForTimes(request.argc - first), out);
    if (again === undefined) return refused(out, OOM);
    opened = again;
  }
  const before = out.length;
  out.array(request.argc - first);
  timed.begin(request, at_ms);
  for (let at = first; at < request.argc; at++) {
    const outcome = opened === OPENED ? expireField(call, at, at_ms, condition) : NO_FIELD;
    if (Number.isNaN(outcome)) {
      out.truncate(before);
      out.error(OOM);
      break;
    }
    out.integer(outcome);
    if (outcome === DONE || outcome === DELETED) timed.add(at);
  }
  if (timed.changes === 0) return UNCHANGED;
  return at_ms > call.now_ms ? timed.expired() : timed.deleted(dropIfEmpty(call));
}

const SHARED = {
  since: '7.4.0',
  complexity: 'O(N), N being the number of fields named.',
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
} as const;
const OPTIONS = rest(3, [CONDITION_DOC, FIELDS_DOC]);

export const hexpire = shardCommand({
  ...SHARED,
  name: 'HEXPIRE',
  summary: 'Gives fields of a hash a time to live in seconds.',
  args: { key: key('RW', 'update'), seconds: integerText, options: OPTIONS },
  run: ({ key, seconds, options }, call, out) =>
    expireFields(call, key, seconds, options.value, SECONDS, 'hexpire', out),
});

export const hpexpire = shardCommand({
  ...SHARED,
  name: 'HPEXPIRE',
  summary: 'Gives fields of a hash a time to live in milliseconds.',
  args: { key: key('RW', 'update'), milliseconds: integerText, options: OPTIONS },
  run: ({ key, milliseconds, options }, call, out) =>
    expireFields(call, key, milliseconds, options.value, MILLISECONDS, 'hpexpire', out),
});

export const hexpireat = shardCommand({
  ...SHARED,
  name: 'HEXPIREAT',
  summary: 'Lets fields of a hash live until a Unix time in seconds.',
  args: { key: key('RW', 'update'), unixTimeSeconds: unixTimeText, options: OPTIONS },
  run: ({ key, unixTimeSeconds, options }, call, out) =>
    expireFields(call, key, unixTimeSeconds, options.value, UNIX_SECONDS, 'hexpireat', out),
});

export const hpexpireat = shardCommand({
  ...SHARED,
  name: 'HPEXPIREAT',
  summary: 'Lets fields of a hash live until a Unix time in milliseconds.',
  args: { key: key('RW', 'update'), unixTimeMilliseconds: unixTimeText, options: OPTIONS },
  run: ({ key, unixTimeMilliseconds, options }, call, out) =>
    expireFields(call, key, unixTimeMilliseconds, options.value, UNIX_MILLISECONDS, 'hpexpireat', out),
});

export const hpersist = shardCommand({
  name: 'HPERSIST',
  summary: 'Takes away the time to live of fields of a hash.',
  since: '7.4.0',
  complexity: 'O(N), N being the number of fields named.',
  group: 'hash',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'update'), fields: rest(3, [FIELDS_DOC]) },
  run({ key, fields }, call, out) {
    const opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const { request } = call;
    const first = fieldsFrom(request, fields.value, NUMFIELDS_NOT_POSITIVE);
    if (typeof first !== 'number') return refused(out, first);
    let persisted = false;
    out.array(request.argc - first);
    for (let at = first; at < request.argc; at++) {
      const place = opened === NOT_THERE ? MISSING : placeOf(call, at);
      if (place === MISSING) out.integer(NO_FIELD);
      else if (hash.persist(place)) {
        persisted = true;
        out.integer(DONE);
      } else out.integer(NO_TIME);
    }
    return persisted ? PERSISTED : UNCHANGED;
  },
});
