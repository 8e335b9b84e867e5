/** ZSCAN: walks a sorted set in steps; a small one in one. */

import { doubleText } from '../../base/double.ts';
import { key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { nameLengthOf, nameStartOf } from '../../engine/member.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import type { LargeSortedSet } from '../../engine/types/zset-large.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { cursorArgument, isWanted, type ScanOptions, scanOptionArguments, scanOptions } from '../scan-options.ts';
import { NOT_THERE, openToRead, REFUSED } from './value.ts';

const zset = new SortedSet();
const cursor = new ZsetCursor();
/** Whole scores up to here are integers in a listpack, and ZSCAN shows them with all their digits. */
const INTEGER_SCORE_MAX = 2 ** 62;

function smallScore(score: number): string {
  if (!Number.isInteger(score) || Math.abs(score) > INTEGER_SCORE_MAX) return doubleText(score);
  return BigInt(score).toString();
}

function answerSmall(options: ScanOptions, out: ReplyWriter): void {
  out.array(2);
  out.bulkInteger(0);
  const handle = out.beginArray();
  let words = 0;
  for (let there = zset.seek(0, cursor); there; there = cursor.next()) {
    if (!isWanted(options, cursor.bytes, cursor.start, cursor.end)) continue;
    out.bulk(cursor.bytes, cursor.start, cursor.end);
    out.bulkText(smallScore(cursor.score));
    words += 2;
  }
  out.endArray(handle, words);
}

function answerLarge(large: LargeSortedSet, from: number, options: ScanOptions, out: ReplyWriter): void {
  const { members } = large;
  const { arena } = members;
  const found: number[] = [];
  const next = members.scan(from, options.count, (ref) => {
    const start = nameStartOf(arena, ref);
    if (isWanted(options, arena.bytesOf(ref), start, start + nameLengthOf(arena, ref))) found.push(ref);
  });
  out.array(2);
  out.bulkInteger(next);
  out.array(found.length * 2);
  for (const ref of found) {
    const start = nameStartOf(arena, ref);
    out.bulk(arena.bytesOf(ref), start, start + nameLengthOf(arena, ref));
    out.bulkText(doubleText(large.scoreOf(ref)));
  }
}

export const zscan = shardCommand({
  name: 'ZSCAN',
  summary: 'Walks the members of a sorted set and their scores in steps, from a cursor to the next.',
  since: '2.8.0',
  complexity: 'O(1) per call, O(N) for a whole walk, N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access'), cursor: cursorArgument, options: scanOptionArguments() },
  run({ key, cursor: from, options: given }, call, out) {
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === NOT_THERE) {
      out.array(2);
      out.bulkInteger(0);
      out.array(0);
      return UNCHANGED;
    }
    const options = scanOptions(call.request, given.value);
    if ('text' in options) return refused(out, options);
    const large = zset.largeValue;
    if (large === undefined) answerSmall(options, out);
    else answerLarge(large, from.value, options, out);
    return UNCHANGED;
  },
});
