/** How long fields of a hash live, and until when. */

import { type ArgIndex, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { NEVER } from '../../engine/types/hash.ts';
import { NUMFIELDS_NOT_POSITIVE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { FIELDS_DOC, fieldsFrom, rest } from './fields.ts';
import { hash, OPENED, openToRead, placeOf, REFUSED } from './value.ts';

const NO_FIELD = -2;
const NO_TIME = -1;
const MS_PER_SECOND = 1000;

/** Begun seconds count as whole ones, as in Redis; times of keys are rounded to the nearest. */
function inUnit(time_ms: number, unit_ms: number): number {
  return unit_ms === 1 ? time_ms : Math.ceil(time_ms / unit_ms);
}

function answer(
  call: ShardCall,
  key: ArgIndex,
  fields: ArgIndex,
  unit_ms: number,
  from_ms: number,
  out: ReplyWriter,
): Effect {
  const opened = openToRead(call, key, out);
  if (opened === REFUSED) return UNCHANGED;
  const { request } = call;
  const first = fieldsFrom(request, fields, NUMFIELDS_NOT_POSITIVE);
  if (typeof first !== 'number') return refused(out, first);
  out.array(request.argc - first);
  for (let at = first; at < request.argc; at++) {
    const place = opened === OPENED ? placeOf(call, at) : MISSING;
    const at_ms = place === MISSING ? NEVER : hash.expiryOf(place);
    if (place === MISSING) out.integer(NO_FIELD);
    else out.integer(at_ms === NEVER ? NO_TIME : inUnit(at_ms - from_ms, unit_ms));
  }
  return UNCHANGED;
}

const SHARED = {
  since: '7.4.0',
  complexity: 'O(N), N being the number of fields named.',
  group: 'hash',
  flags: ['readonly', 'fast'],
} as const;
const LEFT = { ...SHARED, tips: ['nondeterministic_output'] } as const;
const ARGS = { key: key('RO', 'access'), fields: rest(3, [FIELDS_DOC]) } as const;

export const httl = shardCommand({
  ...LEFT,
  name: 'HTTL',
  summary: 'Seconds that fields of a hash have left; -1 without a time to live, -2 without the field.',
  args: ARGS,
  run: ({ key, fields }, call, out) => answer(call, key, fields.value, MS_PER_SECOND, call.now_ms, out),
});

export const hpttl = shardCommand({
  ...LEFT,
  name: 'HPTTL',
  summary: 'Milliseconds that fields of a hash have left; -1 without a time to live, -2 without the field.',
  args: ARGS,
  run: ({ key, fields }, call, out) => answer(call, key, fields.value, 1, call.now_ms, out),
});

export const hexpiretime = shardCommand({
  ...SHARED,
  name: 'HEXPIRETIME',
  summary: 'Unix times in seconds at which fields of a hash end; -1 without one, -2 without the field.',
  args: ARGS,
  run: ({ key, fields }, call, out) => answer(call, key, fields.value, MS_PER_SECOND, 0, out),
});

export const hpexpiretime = shardCommand({
  ...SHARED,
  name: 'HPEXPIRETIME',
  summary: 'Unix times in milliseconds at which fields of a hash end; -1 without one, -2 without the field.',
  args: ARGS,
  run: ({ key, fields }, call, out) => answer(call, key, fields.value, 1, 0, out),
});
