/**
 * Commands that look something up in one sorted set.
 *
 * Hot path: ZSCORE and ZRANK. Guarded by `bench/zset.ts`.
 */

import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { LEX_RANGE_INVALID, SCORE_RANGE_INVALID, SYNTAX_ERROR, wrongArity } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { LexRange, ScoreRange } from './bounds.ts';
import { isWord, NOT_THERE, OPENED, openToRead, REFUSED } from './value.ts';

const zset = new SortedSet();
const scoreRange = new ScoreRange();
const lexRange = new LexRange();

export const zcard = shardCommand({
  name: 'ZCARD',
  summary: 'Counts the members of a sorted set.',
  since: '1.2.0',
  complexity: 'O(1)',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    const opened = openToRead(call, key, zset, out);
    if (opened !== REFUSED) out.integer(opened === OPENED ? zset.size : 0);
    return UNCHANGED;
  },
});

function writeScore(out: ReplyWriter, score: number): void {
  if (Number.isNaN(score)) out.null();
  else out.double(score);
}

function scoreAt(call: ShardCall, member: ArgIndex): number {
  const { request } = call;
  return zset.scoreOf(request.bytes, request.start(member), request.end(member));
}

export const zscore = shardCommand({
  name: 'ZSCORE',
  summary: 'The score of a member of a sorted set.',
  since: '1.2.0',
  complexity: 'O(1)',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), member: bytes },
  run({ key, member }, call, out) {
    const opened = openToRead(call, key, zset, out);
    if (opened !== REFUSED) writeScore(out, opened === OPENED ? scoreAt(call, member) : Number.NaN);
    return UNCHANGED;
  },
});

export const zmscore = shardCommand({
  name: 'ZMSCORE',
  summary: 'The scores of several members of a sorted set.',
  since: '6.2.0',
  complexity: 'O(N), N being the number of members asked for.',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), member: many(bytes) },
  run({ key, member }, call, out) {
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    const { argc } = call.request;
    out.array(argc - member);
    for (let at = member; at < argc; at++) writeScore(out, opened === OPENED ? scoreAt(call, at) : Number.NaN);
    return UNCHANGED;
  },
});

/** WITHSCORE came with 7.2. */
function rank(
  call: ShardCall,
  key: ArgIndex,
  member: ArgIndex,
  options: ArgIndex,
  backward: boolean,
  out: ReplyWriter,
): Effect {
  const { request } = call;
  const withScore = options < request.argc;
  if (options + 1 < request.argc) return refused(out, wrongArity(backward ? 'zrevrank' : 'zrank'));
  if (withScore && !isWord(request, options, 'WITHSCORE')) return refused(out, SYNTAX_ERROR);
  const opened = openToRead(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  const start = request.start(member);
  const end = request.end(member);
  const found = opened === NOT_THERE ? -1 : zset.rankOf(request.bytes, start, end);
  if (found < 0) {
    if (withScore) out.nullArray();
    else out.null();
    return UNCHANGED;
  }
  if (withScore) out.array(2);
  out.integer(backward ? zset.size - 1 - found : found);
  if (withScore) out.double(zset.scoreOf(request.bytes, start, end));
  return UNCHANGED;
}

const WITH_SCORE = tail(0, [{ name: 'withscore', type: 'pure-token', token: 'WITHSCORE', flags: ['optional'] }]);

export const zrank = shardCommand({
  name: 'ZRANK',
  summary: 'How many members come before one, lowest score first.',
  since: '2.0.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
  args: { key: key('RO', 'access'), member: bytes, options: WITH_SCORE },
  run: ({ key, member, options }, call, out) => rank(call, key, member, options.value, false, out),
});

export const zrevrank = shardCommand({
  name: 'ZREVRANK',
  summary: 'How many members come before one, highest score first.',
  since: '2.0.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
  args: { key: key('RO', 'access'), member: bytes, options: WITH_SCORE },
  run: ({ key, member, options }, call, out) => rank(call, key, member, options.value, true, out),
});

export const zcount = shardCommand({
  name: 'ZCOUNT',
  summary: 'Counts the members whose scores are within a range.',
  since: '2.0.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), min: bytes, max: bytes },
  run({ key, min, max }, call, out) {
    if (!scoreRange.read(call.request, min, max)) return refused(out, SCORE_RANGE_INVALID);
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    out.integer(opened === OPENED ? Math.max(0, scoreRange.to(zset) - scoreRange.from(zset)) : 0);
    return UNCHANGED;
  },
});

export const zlexcount = shardCommand({
  name: 'ZLEXCOUNT',
  summary: 'Counts the members whose names are within a range, among equal scores.',
  since: '2.8.9',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), min: bytes, max: bytes },
  run({ key, min, max }, call, out) {
    if (!lexRange.read(call.request, min, max)) return refused(out, LEX_RANGE_INVALID);
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === OPENED) zset.lexRange(lexRange.min, lexRange.max, false, 0);
    out.integer(opened === OPENED ? zset.to - zset.from : 0);
    return UNCHANGED;
  },
});
