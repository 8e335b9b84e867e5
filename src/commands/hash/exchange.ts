/** HGETDEL and HGETEX: reading fields and deleting them, or changing their times to live, in the same step. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgDoc, type ArgIndex, key } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_ROOM } from '../../engine/database.ts';
import { NUMFIELDS_NOT_POSITIVE, OOM, REPLY_TOO_LARGE, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { MILLISECONDS, SECONDS, type TimeUnit, UNIX_MILLISECONDS, UNIX_SECONDS } from '../times.ts';
import { isWord } from '../words.ts';
import { FIELDS_DOC, fieldsFrom, fieldTime, rest, TimedFields } from './fields.ts';
import {
  dropIfEmpty,
  hash,
  OPENED,
  type Opened,
  openToWrite,
  placeOf,
  REFUSED,
  roomAnew,
  valueView,
  writeValue,
} from './value.ts';

const PERSIST = bytesOfLatin1('PERSIST');
/** Options that give a time, as HGETEX and HSETEX have them. */
export const TIME_OPTIONS: readonly { readonly word: Uint8Array; readonly unit: TimeUnit }[] = [
  { word: bytesOfLatin1('EX'), unit: SECONDS },
  { word: bytesOfLatin1('PX'), unit: MILLISECONDS },
  { word: bytesOfLatin1('EXAT'), unit: UNIX_SECONDS },
  { word: bytesOfLatin1('PXAT'), unit: UNIX_MILLISECONDS },
];

/** The options of which one may be given: those that give a time, and one that says what else to do. */
export function expirationDoc(other: string): ArgDoc {
  return {
    name: 'expiration',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'seconds', type: 'integer', token: 'EX', flags: [] },
      { name: 'milliseconds', type: 'integer', token: 'PX', flags: [] },
      { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT', flags: [] },
      { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT', flags: [] },
      { name: other.toLowerCase(), type: 'pure-token', token: other, flags: [] },
    ],
  };
}

const HPERSIST_EVENT: KeyEvent = { eventClass: 'hash', name: 'hpersist', key: 1 };

const timed = new TimedFields();

/** Bytes of a value in a reply, beyond its own. */
const REPLY_OVERHEAD_BYTES = 32;

/** Whether the reply can hold the values: what cannot be answered must not be deleted. */
function canAnswer(call: ShardCall, opened: Opened, first: ArgIndex, out: ReplyWriter): boolean {
  let bytes = REPLY_OVERHEAD_BYTES;
  for (let at = first; at < call.request.argc; at++) {
    bytes += REPLY_OVERHEAD_BYTES;
    const place = opened === OPENED ? placeOf(call, at) : MISSING;
    if (place === MISSING) continue;
    hash.readValue(place, valueView);
    bytes += valueView.end - valueView.start;
  }
  return bytes <= out.replyBytesMax;
}

/** Answers a field's value or null. @returns its place, or MISSING. */
function answerField(call: ShardCall, opened: Opened, field: ArgIndex, out: ReplyWriter): number {
  const place = opened === OPENED ? placeOf(call, field) : MISSING;
  if (place === MISSING) out.null();
  else writeValue(place, out);
  return place;
}

export const hgetdel = shardCommand({
  name: 'HGETDEL',
  summary: 'Reads fields of a hash and deletes them; the last one takes the key along.',
  since: '8.0.0',
  complexity: 'O(N), N being the number of fields named.',
  group: 'hash',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'access', 'delete'), fields: rest(3, [FIELDS_DOC]) },
  run({ key, fields }, call, out) {
    const opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const { request } = call;
    const first = fieldsFrom(request, fields.value, NUMFIELDS_NOT_POSITIVE);
    if (typeof first !== 'number') return refused(out, first);
    if (!canAnswer(call, opened, first, out)) return refused(out, REPLY_TOO_LARGE);
    out.array(request.argc - first);
    timed.begin(request, 0);
    for (let at = first; at < request.argc; at++) {
      const place = answerField(call, opened, at, out);
      if (place === MISSING) continue;
      hash.remove(place);
      timed.add(at);
    }
    return timed.changes === 0 ? UNCHANGED : timed.deleted(dropIfEmpty(call));
  },
});

/** What HGETEX is to do besides reading. */
type Wish =
  | { readonly kind: 'read' | 'persist'; readonly fieldsAt: ArgIndex }
  | { readonly kind: 'expire'; readonly fieldsAt: ArgIndex; readonly at_ms: number };

function wishFrom(call: ShardCall, at: ArgIndex): Wish | Refusal {
  const { request } = call;
  if (isWord(request, at, PERSIST)) return { kind: 'persist', fieldsAt: at + 1 };
  const option = TIME_OPTIONS.find(({ word }) => isWord(request, at, word));
  if (option === undefined) return { kind: 'read', fieldsAt: at };
  const at_ms = fieldTime(request, at + 1, option.unit, call.now_ms, 'hgetex');
  return typeof at_ms === 'number' ? { kind: 'expire', fieldsAt: at + 2, at_ms } : at_ms;
}

/** Does to a field that has been answered what is wished. @returns whether it changed; undefined when the arena is full. */
function grant(call: ShardCall, place: number, wish: Wish): boolean | undefined {
  if (wish.kind !== 'expire') return wish.kind === 'persist' && hash.persist(place);
  if (wish.at_ms > call.now_ms) return hash.setExpiry(place, wish.at_ms) === NO_ROOM ? undefined : true;
  hash.remove(place);
  return true;
}

function effectOf(call: ShardCall, wish: Wish, first: ArgIndex): Effect {
  const count = timed.changes;
  if (count === 0) return UNCHANGED;
  if (wish.kind === 'expire') return wish.at_ms > call.now_ms ? timed.expired() : timed.deleted(dropIfEmpty(call));
  const { request } = call;
  const names: Uint8Array[] = [];
  for (let at = first; at < request.argc; at++) names.push(viewOf(request, at));
  return changes(count, [HPERSIST_EVENT], [['HPERSIST', viewOf(request, 1), 'FIELDS', `${names.length}`, ...names]]);
}

export const hgetex = shardCommand({
  name: 'HGETEX',
  summary: 'Reads fields of a hash and may give them a new time to live, or none.',
  since: '8.0.0',
  complexity: 'O(N), N being the number of fields named.',
  group: 'hash',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'access', 'update'), fields: rest(3, [expirationDoc('PERSIST'), FIELDS_DOC]) },
  run({ key, fields }, call, out) {
    let opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const { request } = call;
    const wish = wishFrom(call, fields.value);
    if ('text' in wish) return refused(out, wish);
    const first = fieldsFrom(request, wish.fieldsAt, NUMFIELDS_NOT_POSITIVE);
    if (typeof first !== 'number') return refused(out, first);
    if (opened === OPENED && wish.kind === 'expire' && wish.at_ms > call.now_ms) {
      const again = roomAnew(call, key, hash.growthForTimes(request.argc - first), out);
      if (again === undefined) return refused(out, OOM);
      opened = again;
    }
    if (!canAnswer(call, opened, first, out)) return refused(out, REPLY_TOO_LARGE);
    const before = out.length;
    out.array(request.argc - first);
    timed.begin(request, wish.kind === 'expire' ? wish.at_ms : 0);
    for (let at = first; at < request.argc; at++) {
      const place = answerField(call, opened, at, out);
      const isChanged = place === MISSING ? false : grant(call, place, wish);
      if (isChanged === true) timed.add(at);
      if (isChanged !== undefined) continue;
      out.truncate(before);
      out.error(OOM);
      break;
    }
    return effectOf(call, wish, first);
  },
});
