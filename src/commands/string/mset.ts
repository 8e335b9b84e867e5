/** Commands that set several strings. */
import { bytes, key, rows } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { OOM } from '../../resp/refusals.ts';
import { ENTRY_OVERHEAD_BYTES, findForWrite } from '../keys.ts';
import { put } from './value.ts';

/** Room for all pairs at once: either all are set or none is. */
function roomForAll(call: ShardCall, first: number): boolean {
  const { request } = call;
  let wanted = 0;
  for (let at = first; at < request.argc; at++) wanted += request.length(at) + ENTRY_OVERHEAD_BYTES / 2;
  return call.realm.ensureRoom(wanted);
}

/** The effect; undefined when the arena itself was full, which nothing but a bug in sizing can make it after the check. */
function putAll(call: ShardCall, first: number): Effect | undefined {
  const events: KeyEvent[] = [];
  for (let at = first; at < call.request.argc; at += 2) {
    if (!put(call, at, at + 1, NO_EXPIRY)) return undefined;
    events.push({ eventClass: 'string', name: 'set', key: at });
  }
  return changes(events.length, events);
}

export const mset = shardCommand({
  name: 'MSET',
  summary: 'Sets several keys to strings.',
  since: '1.0.1',
  complexity: 'O(N), N being the number of keys.',
  group: 'string',
  flags: ['write', 'denyoom'],
  tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
  fanout: { split: 'keys', merge: 'ok' },
  args: { pairs: rows({ key: key('OW', 'update'), value: bytes }) },
  run({ pairs }, call, out) {
    const effect = roomForAll(call, pairs) ? putAll(call, pairs) : undefined;
    if (effect === undefined) out.error(OOM);
    else out.ok();
    return effect ?? UNCHANGED;
  },
});

export const msetnx = shardCommand({
  name: 'MSETNX',
  summary: 'Sets several keys to strings only if none of them exists.',
  since: '1.0.1',
  complexity: 'O(N), N being the number of keys.',
  group: 'string',
  flags: ['write', 'denyoom'],
  tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
  args: { pairs: rows({ key: key('OW', 'insert'), value: bytes }) },
  run({ pairs }, call, out) {
    if (!roomForAll(call, pairs)) {
      out.error(OOM);
      return UNCHANGED;
    }
    for (let at = pairs; at < call.request.argc; at += 2) {
      if (findForWrite(call, at) === MISSING) continue;
      out.integer(0);
      return UNCHANGED;
    }
    const effect = putAll(call, pairs);
    if (effect === undefined) out.error(OOM);
    else out.integer(1);
    return effect ?? UNCHANGED;
  },
});
