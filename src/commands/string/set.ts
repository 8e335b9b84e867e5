/**
 * SET with all its options, and the older commands that are one of them each.
 *
 * Hot path: a SET without options allocates nothing. Guarded by `bench/command.ts`.
 */

import {
  type ArgIndex,
  after,
  atMostOne,
  bytes,
  integerText,
  key,
  READS,
  token,
  unixTimeText,
  WRITES,
} from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { KEEP_TTL, MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { OOM, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { refused } from '../refused.ts';
import { RewrittenEffect, viewOf } from '../replay.ts';
import {
  MILLISECONDS,
  optionTime,
  SECONDS,
  type TimeUnit,
  timeText,
  UNIX_MILLISECONDS,
  UNIX_SECONDS,
} from '../times.ts';
import { answerValue } from './get.ts';
import { put } from './value.ts';

const WRITTEN = changed('string', 'set');
const SET_AND_EXPIRE = [
  { eventClass: 'string', name: 'set', key: 1 },
  { eventClass: 'generic', name: 'expire', key: 1 },
] as const;

function timed(value: ArgIndex): RewrittenEffect {
  return new RewrittenEffect(SET_AND_EXPIRE, (request, at_ms) => [
    ['SET', viewOf(request, 1), viewOf(request, value), 'PXAT', timeText(at_ms)],
  ]);
}

const SET_WITH_TIME = timed(2);
const SETEX_WITH_TIME = timed(3);

/** The options of SET and GETEX that give a time. */
export type TimeOption =
  | { readonly kind: 'seconds' | 'milliseconds' | 'unixTimeSeconds' | 'unixTimeMilliseconds'; readonly value: ArgIndex }
  | { readonly kind: 'keepttl'; readonly value: boolean }
  | { readonly kind: 'persist'; readonly value: boolean };

const UNITS: Readonly<Record<'seconds' | 'milliseconds' | 'unixTimeSeconds' | 'unixTimeMilliseconds', TimeUnit>> = {
  seconds: SECONDS,
  milliseconds: MILLISECONDS,
  unixTimeSeconds: UNIX_SECONDS,
  unixTimeMilliseconds: UNIX_MILLISECONDS,
};

/** The absolute time an option means, NO_EXPIRY without one, KEEP_TTL, or why it is refused. */
export function timeOf(option: TimeOption | undefined, call: ShardCall, command: string): number | Refusal {
  if (option === undefined || option.kind === 'persist') return NO_EXPIRY;
  if (option.kind === 'keepttl') return KEEP_TTL;
  return optionTime(call.request, option.value, UNITS[option.kind], call.now_ms, command);
}

export const set = shardCommand({
  name: 'SET',
  summary: 'Makes a key a string, whatever it was, with conditions and a time to live if wanted.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom'],
  history: [
    ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
    ['6.0.0', 'Added the `KEEPTTL` option.'],
    ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
    ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
  ],
  args: {
    key: key('RW', 'access', 'update', 'variable_flags'),
    value: bytes,
    condition: atMostOne({ nx: token('NX'), xx: token('XX') }),
    get: token('GET'),
    expiration: atMostOne({
      seconds: after('EX', integerText),
      milliseconds: after('PX', integerText),
      unixTimeSeconds: after('EXAT', unixTimeText),
      unixTimeMilliseconds: after('PXAT', unixTimeText),
      keepttl: token('KEEPTTL'),
    }),
  },
  keyAccess: ({ get }) => (get ? READS | WRITES : WRITES),
  run({ key, value, condition, get, expiration }, call, out) {
    if (!roomFor(call, key, call.request.length(value))) return refused(out, OOM);
    const at_ms = timeOf(expiration, call, 'set');
    if (typeof at_ms !== 'number') return refused(out, at_ms);
    if (get || condition !== undefined) return conditional(call, key, value, condition?.kind, get, at_ms, out);
    if (!put(call, key, value, at_ms)) return refused(out, OOM);
    out.ok();
    return at_ms < 0 ? WRITTEN : SET_WITH_TIME.of(call.request, at_ms);
  },
});

function conditional(
  call: ShardCall,
  key: ArgIndex,
  value: ArgIndex,
  condition: 'nx' | 'xx' | undefined,
  get: boolean,
  at_ms: number,
  out: ReplyWriter,
): Effect {
  const before = out.length;
  const { request, database } = call;
  const found = get ? database.find(request.bytes, request.start(key), request.end(key)) : findForWrite(call, key);
  if (get && !answerValue(call, found, out)) return UNCHANGED;
  if ((condition === 'nx' && found !== MISSING) || (condition === 'xx' && found === MISSING)) {
    if (!get) out.null();
    return UNCHANGED;
  }
  if (!put(call, key, value, at_ms)) {
    out.truncate(before);
    return refused(out, OOM);
  }
  if (!get) out.ok();
  return at_ms < 0 ? WRITTEN : SET_WITH_TIME.of(request, at_ms);
}

export const setnx = shardCommand({
  name: 'SETNX',
  summary: 'Makes a key a string only if there is no such key.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('OW', 'insert'), value: bytes },
  run({ key, value }, call, out) {
    if (!roomFor(call, key, call.request.length(value))) return refused(out, OOM);
    if (findForWrite(call, key) !== MISSING) {
      out.integer(0);
      return UNCHANGED;
    }
    if (!put(call, key, value, NO_EXPIRY)) return refused(out, OOM);
    out.integer(1);
    return WRITTEN;
  },
});

function setWithTime(
  call: ShardCall,
  key: ArgIndex,
  time: ArgIndex,
  value: ArgIndex,
  unit: TimeUnit,
  command: string,
  out: ReplyWriter,
): Effect {
  if (!roomFor(call, key, call.request.length(value))) return refused(out, OOM);
  const at_ms = optionTime(call.request, time, unit, call.now_ms, command);
  if (typeof at_ms !== 'number') return refused(out, at_ms);
  if (!put(call, key, value, at_ms)) return refused(out, OOM);
  out.ok();
  return SETEX_WITH_TIME.of(call.request, at_ms);
}

export const setex = shardCommand({
  name: 'SETEX',
  summary: 'Makes a key a string with a time to live in seconds.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom'],
  args: { key: key('OW', 'update'), seconds: integerText, value: bytes },
  run: ({ key, seconds, value }, call, out) => setWithTime(call, key, seconds, value, SECONDS, 'setex', out),
});

export const psetex = shardCommand({
  name: 'PSETEX',
  summary: 'Makes a key a string with a time to live in milliseconds.',
  since: '2.6.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom'],
  args: { key: key('OW', 'update'), milliseconds: integerText, value: bytes },
  run: ({ key, milliseconds, value }, call, out) =>
    setWithTime(call, key, milliseconds, value, MILLISECONDS, 'psetex', out),
});
