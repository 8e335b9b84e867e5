/** ZRANDMEMBER: random members, each as likely as any other, however the set is kept. */

import { type ArgDoc, type ArgIndex, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import { OUT_OF_RANGE, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { randomCount, repeatsRefusal } from '../random-count.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { beginElements, isWord, NOT_THERE, openToRead, REFUSED, writeElement, writeElements } from './value.ts';

/** Half of the range of a signed 64-bit integer: with scores there are twice as many words. */
const WITH_SCORES_MAX = 2 ** 62;
/** Of a set with this many times the members wanted, drawing one after the other beats walking over them. */
const DRAWING_FACTOR = 3;

const zset = new SortedSet();
const cursor = new ZsetCursor();
const seek = (rank: number, target: ZsetCursor) => zset.seek(rank, target);

function writeAt(out: ReplyWriter, rank: number, withScores: boolean): void {
  zset.seek(rank, cursor);
  writeElement(out, cursor, withScores);
}

function repeated(call: ShardCall, count: number, withScores: boolean, out: ReplyWriter): void {
  const { prng } = call.database;
  beginElements(out, count, withScores);
  for (let i = 0; i < count && !out.overflowed; i++) writeAt(out, prng.below(zset.size), withScores);
}

/** Any choice of `count` different members is as likely as any other. */
function different(call: ShardCall, count: number, withScores: boolean, out: ReplyWriter): void {
  const { size } = zset;
  const { prng } = call.database;
  if (count >= size) return writeElements(out, seek, 0, size, false, withScores);
  beginElements(out, count, withScores);
  if (count * DRAWING_FACTOR > size) {
    let taken = 0;
    zset.seek(0, cursor);
    // Each is taken with the chance of what is wanted among what is left.
    for (let rank = 0; taken < count; rank++) {
      if (rank > 0) cursor.next();
      if (prng.below(size - rank) >= count - taken) continue;
      writeElement(out, cursor, withScores);
      taken++;
    }
    return;
  }
  const drawn = new Set<number>();
  while (drawn.size < count) {
    const rank = prng.below(size);
    if (drawn.has(rank)) continue;
    drawn.add(rank);
    writeAt(out, rank, withScores);
  }
}

function withCount(call: ShardCall, key: ArgIndex, options: ArgIndex, out: ReplyWriter): Effect {
  const { request } = call;
  const count = randomCount(request, options);
  if (typeof count !== 'number') return refused(out, count);
  const withScores = options + 1 < request.argc;
  if (options + 2 < request.argc) return refused(out, SYNTAX_ERROR);
  if (withScores && !isWord(request, options + 1, 'WITHSCORES')) return refused(out, SYNTAX_ERROR);
  if (withScores && Math.abs(count) >= WITH_SCORES_MAX) return refused(out, OUT_OF_RANGE);
  const opened = openToRead(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  if (opened === NOT_THERE || count === 0) {
    out.array(0);
    return UNCHANGED;
  }
  const tooMany = repeatsRefusal(count);
  if (tooMany !== undefined) return refused(out, tooMany);
  if (count < 0) repeated(call, -count, withScores, out);
  else different(call, count, withScores, out);
  return UNCHANGED;
}

const OPTION_DOCS: readonly ArgDoc[] = [
  {
    name: 'options',
    type: 'block',
    flags: ['optional'],
    arguments: [
      { name: 'count', type: 'integer', flags: [] },
      { name: 'withscores', type: 'pure-token', token: 'WITHSCORES', flags: ['optional'] },
    ],
  },
];

export const zrandmember = shardCommand({
  name: 'ZRANDMEMBER',
  summary: 'Random members of a sorted set.',
  since: '6.2.0',
  complexity: 'O(M*log(N)), N being the size of the sorted set and M the number of members answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access'), options: tail(0, OPTION_DOCS) },
  run({ key, options }, call, out) {
    if (options.value < call.request.argc) return withCount(call, key, options.value, out);
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === NOT_THERE) {
      out.null();
      return UNCHANGED;
    }
    zset.seek(call.database.prng.below(zset.size), cursor);
    out.bulk(cursor.bytes, cursor.start, cursor.end);
    return UNCHANGED;
  },
});
