/** Commands that take members out of one sorted set. */

import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { LEX_RANGE_INVALID, NOT_AN_INTEGER, SCORE_RANGE_INVALID } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { LexRange, ScoreRange } from './bounds.ts';
import { dropIfEmpty, integerAt, NOT_THERE, openToWrite, REFUSED, shrunk } from './value.ts';

const zset = new SortedSet();
const scoreRange = new ScoreRange();
const lexRange = new LexRange();

export const zrem = shardCommand({
  name: 'ZREM',
  summary: 'Takes members out of a sorted set; the last one takes the key along.',
  since: '1.2.0',
  complexity: 'O(M*log(N)), N being the size of the sorted set and M the number of members taken out.',
  group: 'sorted-set',
  flags: ['write', 'fast'],
  history: [['2.4.0', 'Accepts multiple elements.']],
  args: { key: key('RW', 'delete'), member: many(bytes) },
  run({ key, member }, call, out) {
    const { request } = call;
    const opened = openToWrite(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === NOT_THERE) {
      out.integer(0);
      return UNCHANGED;
    }
    let removed = 0;
    let isGone = false;
    for (let at = member; at < request.argc && !isGone; at++) {
      if (!zset.remove(request.bytes, request.start(at), request.end(at))) continue;
      removed++;
      isGone = dropIfEmpty(call, zset);
    }
    out.integer(removed);
    return shrunk('zrem', removed, isGone);
  },
});

/** Removes the ranks that `locate` finds in the set of a key. */
function removeRange(
  call: ShardCall,
  key: ArgIndex,
  event: string,
  locate: () => { readonly from: number; readonly to: number },
  out: ReplyWriter,
): Effect {
  const opened = openToWrite(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  if (opened === NOT_THERE) {
    out.integer(0);
    return UNCHANGED;
  }
  const { from, to } = locate();
  const removed = Math.max(0, to - from);
  zset.removeRange(from, to);
  const isGone = removed > 0 && dropIfEmpty(call, zset);
  out.integer(removed);
  return shrunk(event, removed, isGone);
}

export const zremrangebyrank = shardCommand({
  name: 'ZREMRANGEBYRANK',
  summary: 'Takes the members in a range of ranks out of a sorted set.',
  since: '2.0.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of members taken out.',
  group: 'sorted-set',
  flags: ['write'],
  args: { key: key('RW', 'delete'), start: bytes, stop: bytes },
  run({ key, start, stop }, call, out) {
    const first = integerAt(call.request, start);
    const last = integerAt(call.request, stop);
    if (Number.isNaN(first) || Number.isNaN(last)) return refused(out, NOT_AN_INTEGER);
    const locate = () => ({
      from: Math.max(0, first < 0 ? zset.size + first : first),
      to: Math.min(zset.size, (last < 0 ? zset.size + last : last) + 1),
    });
    return removeRange(call, key, 'zremrangebyrank', locate, out);
  },
});

export const zremrangebyscore = shardCommand({
  name: 'ZREMRANGEBYSCORE',
  summary: 'Takes the members in a range of scores out of a sorted set.',
  since: '1.2.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of members taken out.',
  group: 'sorted-set',
  flags: ['write'],
  args: { key: key('RW', 'delete'), min: bytes, max: bytes },
  run({ key, min, max }, call, out) {
    if (!scoreRange.read(call.request, min, max)) return refused(out, SCORE_RANGE_INVALID);
    const locate = () => ({ from: scoreRange.from(zset), to: scoreRange.to(zset) });
    return removeRange(call, key, 'zremrangebyscore', locate, out);
  },
});

export const zremrangebylex = shardCommand({
  name: 'ZREMRANGEBYLEX',
  summary: 'Takes the members in a range of names out of a sorted set, among equal scores.',
  since: '2.8.9',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of members taken out.',
  group: 'sorted-set',
  flags: ['write'],
  args: { key: key('RW', 'delete'), min: bytes, max: bytes },
  run({ key, min, max }, call, out) {
    if (!lexRange.read(call.request, min, max)) return refused(out, LEX_RANGE_INVALID);
    const locate = () => {
      zset.lexRange(lexRange.min, lexRange.max, false, 0);
      return zset;
    };
    return removeRange(call, key, 'zremrangebylex', locate, out);
  },
});
