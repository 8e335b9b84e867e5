/**
 * ZADD and ZINCRBY.
 *
 * Hot path: ZADD of one member. Budget 2 us at 1M members; guarded by `bench/zset.ts`.
 */

import { doubleText } from '../../base/double.ts';
import { type ArgDoc, type ArgIndex, bytes, floatText, key } from '../../command/args.ts';
import { changed, changes, type Effect, UNCHANGED } from '../../command/effect.ts';
import { parseFloatStrictly } from '../../command/float.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { NO_ROOM, OK, type Outcome } from '../../engine/database.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { createSortedSet } from '../../engine/types/zset-builder.ts';
import {
  NOT_A_FLOAT,
  OOM,
  type Refusal,
  SCORE_NOT_A_NUMBER,
  SYNTAX_ERROR,
  ZADD_GT_LT_NX_CONFLICT,
  ZADD_INCR_ONE_PAIR,
  ZADD_XX_NX_CONFLICT,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { ENTRY_OVERHEAD_BYTES } from '../keys.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { tail } from '../words.ts';
import { isWord, MEMBER_OVERHEAD_BYTES, NOT_THERE, openToWrite, REFUSED } from './value.ts';

export const NX = 1;
export const XX = 2;
const GT = 4;
const LT = 8;
export const CH = 16;
const INCR = 32;
const FLAG_WORDS = [
  [NX, 'NX'],
  [XX, 'XX'],
  [GT, 'GT'],
  [LT, 'LT'],
] as const;

/** What became of one pair. */
const ADDED = 1;
const UPDATED = 2;
const SAME = 3;
const LEFT_ALONE = 4;
const NOT_A_NUMBER = 5;
const WITHOUT_ROOM = 6;

const ADDED_ONE = changed('zset', 'zadd');
const INCREMENTED_ONE = changed('zset', 'zincr');
const ADDED_EVENT = [{ eventClass: 'zset', name: 'zadd', key: 1 }] as const;

const SCORES_KEPT = 1024;
/** Scores of the pairs at hand, all of them read before anything is changed. */
let scores = new Float64Array(SCORES_KEPT);

/** One call of ZADD; reused from call to call. */
class Addition {
  readonly zset = new SortedSet();
  exists = false;
  flags = 0;
  /** Of the last pair: its score now. */
  score = 0;
}
const addition = new Addition();

/** Room for so many scores, to be filled before `addScored`. */
export function scoresFor(pairs: number): Float64Array {
  if (pairs > scores.length || (scores.length > SCORES_KEPT && pairs <= SCORES_KEPT)) {
    scores = new Float64Array(Math.max(pairs, SCORES_KEPT));
  }
  return scores;
}

/** Reads the scores of `pairs` pairs. @returns false when one is no float. */
function readScores(request: Request, first: ArgIndex, pairs: number): boolean {
  scoresFor(pairs);
  for (let i = 0; i < pairs; i++) {
    const at = first + i * 2;
    const score = parseFloatStrictly(request.bytes, request.start(at), request.end(at));
    if (Number.isNaN(score)) return false;
    scores[i] = score;
  }
  return true;
}

/** Asks for room for the members in some arguments and aims at the set. @returns false when that was refused, and said so. */
function begin(call: ShardCall, key: ArgIndex, from: ArgIndex, to: ArgIndex, pairs: number, out: ReplyWriter): boolean {
  const { request } = call;
  const names = request.end(to) - request.start(from);
  const wanted = request.length(key) + ENTRY_OVERHEAD_BYTES + names + pairs * MEMBER_OVERHEAD_BYTES;
  if (!call.realm.ensureRoom(wanted)) {
    out.error(OOM);
    return false;
  }
  const opened = openToWrite(call, key, addition.zset, out);
  addition.exists = opened !== NOT_THERE;
  return opened !== REFUSED;
}

/** Does what the flags say with one pair; the score is in `addition.score` afterwards. */
function addPair(call: ShardCall, key: ArgIndex, member: ArgIndex, given: number): number {
  const { request } = call;
  const { zset, flags, exists } = addition;
  const start = request.start(member);
  const end = request.end(member);
  const before = exists ? zset.scoreOf(request.bytes, start, end) : Number.NaN;
  addition.score = given;
  if (Number.isNaN(before)) {
    if ((flags & XX) !== 0) return LEFT_ALONE;
    return put(call, key, start, end, given) === OK ? ADDED : WITHOUT_ROOM;
  }
  if ((flags & NX) !== 0) return LEFT_ALONE;
  const score = (flags & INCR) !== 0 ? before + given : given;
  if (Number.isNaN(score)) return NOT_A_NUMBER;
  if (((flags & LT) !== 0 && score >= before) || ((flags & GT) !== 0 && score <= before)) return LEFT_ALONE;
  addition.score = score;
  if (score === before) return SAME;
  return zset.set(request.bytes, start, end, score) === NO_ROOM ? WITHOUT_ROOM : UPDATED;
}

function put(call: ShardCall, key: ArgIndex, start: number, end: number, score: number): Outcome {
  const { request, database } = call;
  const { bytes } = request;
  if (addition.exists) return addition.zset.set(bytes, start, end, score);
  const keyStart = request.start(key);
  const keyEnd = request.end(key);
  const outcome = createSortedSet(database, bytes, keyStart, keyEnd, bytes, start, end, score);
  if (outcome === NO_ROOM) return NO_ROOM;
  addition.zset.open(database, database.peek(bytes, keyStart, keyEnd));
  addition.exists = true;
  return OK;
}

/**
 * ZADD without INCR, and GEOADD: `pairs` members, `stride` arguments apart, with the scores that were read. Answers how many
 * were added, with CH how many changed.
 */
export function addScored(
  call: ShardCall,
  key: ArgIndex,
  member: ArgIndex,
  stride: number,
  pairs: number,
  flags: number,
  out: ReplyWriter,
): Effect {
  addition.flags = flags;
  if (!begin(call, key, member, member + (pairs - 1) * stride, pairs, out)) return UNCHANGED;
  let added = 0;
  let updated = 0;
  for (let i = 0; i < pairs; i++) {
    const became = addPair(call, key, member + i * stride, scores[i] as number);
    if (became === ADDED) added++;
    else if (became === UPDATED) updated++;
    else if (became === WITHOUT_ROOM) {
      out.error(OOM);
      return changes(added + updated, ADDED_EVENT, [pairsUpTo(call.request, key, member, stride, i)]);
    }
  }
  out.integer((flags & CH) !== 0 ? added + updated : added);
  const changeCount = added + updated;
  return changeCount === 1 ? ADDED_ONE : changes(changeCount, ADDED_EVENT);
}

/** What was done up to where memory ended: the same command with fewer members. */
function pairsUpTo(
  request: Request,
  key: ArgIndex,
  member: ArgIndex,
  stride: number,
  pairs: number,
): readonly (Uint8Array | string)[] {
  const words: (Uint8Array | string)[] = ['ZADD', viewOf(request, key)];
  for (const [flag, word] of FLAG_WORDS) if ((addition.flags & flag) !== 0) words.push(word);
  for (let i = 0; i < pairs; i++) words.push(doubleText(scores[i] as number), viewOf(request, member + i * stride));
  return words;
}

/** ZINCRBY, and ZADD with INCR: answers the score, or null when it was left alone. */
function increment(call: ShardCall, key: ArgIndex, member: ArgIndex, flags: number, out: ReplyWriter): Effect {
  addition.flags = flags;
  if (!begin(call, key, member, member, 1, out)) return UNCHANGED;
  const became = addPair(call, key, member, scores[0] as number);
  if (became === NOT_A_NUMBER) return refused(out, SCORE_NOT_A_NUMBER);
  if (became === WITHOUT_ROOM) return refused(out, OOM);
  if (became === LEFT_ALONE) {
    out.null();
    return UNCHANGED;
  }
  out.double(addition.score);
  return became === SAME ? UNCHANGED : INCREMENTED_ONE;
}

function flagAt(request: Request, at: ArgIndex): number {
  // Almost always it is a score, and no word begins as one does.
  const first = request.bytes[request.start(at)] as number;
  if (first < 0x41 || request.length(at) > 4) return 0;
  if (isWord(request, at, 'NX')) return NX;
  if (isWord(request, at, 'XX')) return XX;
  if (isWord(request, at, 'GT')) return GT;
  if (isWord(request, at, 'LT')) return LT;
  if (isWord(request, at, 'CH')) return CH;
  return isWord(request, at, 'INCR') ? INCR : 0;
}

function conflictOf(flags: number, pairs: number): Refusal | undefined {
  if ((flags & NX) !== 0 && (flags & XX) !== 0) return ZADD_XX_NX_CONFLICT;
  const directions = (flags & NX ? 1 : 0) + (flags & GT ? 1 : 0) + (flags & LT ? 1 : 0);
  if (directions > 1) return ZADD_GT_LT_NX_CONFLICT;
  return (flags & INCR) !== 0 && pairs > 1 ? ZADD_INCR_ONE_PAIR : undefined;
}

const PAIR_DOCS: readonly ArgDoc[] = [
  {
    name: 'condition',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'nx', type: 'pure-token', token: 'NX', flags: [] },
      { name: 'xx', type: 'pure-token', token: 'XX', flags: [] },
    ],
  },
  {
    name: 'comparison',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'gt', type: 'pure-token', token: 'GT', flags: [] },
      { name: 'lt', type: 'pure-token', token: 'LT', flags: [] },
    ],
  },
  { name: 'change', type: 'pure-token', token: 'CH', flags: ['optional'] },
  { name: 'increment', type: 'pure-token', token: 'INCR', flags: ['optional'] },
  {
    name: 'score-member',
    type: 'block',
    flags: ['multiple'],
    arguments: [
      { name: 'score', type: 'double', flags: [] },
      { name: 'member', type: 'string', flags: [] },
    ],
  },
];

export const zadd = shardCommand({
  name: 'ZADD',
  summary: 'Adds members with scores to a sorted set, or gives them other scores.',
  since: '1.2.0',
  complexity: 'O(log(N)) for each member, N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['write', 'denyoom', 'fast'],
  history: [
    ['2.4.0', 'Accepts multiple elements.'],
    ['3.0.2', 'Added the `XX`, `NX`, `CH` and `INCR` options.'],
    ['6.2.0', 'Added the `GT` and `LT` options.'],
  ],
  args: { key: key('RW', 'update'), pairs: tail(2, PAIR_DOCS) },
  run({ key, pairs: given }, call, out) {
    const { request } = call;
    let first = given.value;
    let flags = 0;
    while (first < request.argc) {
      const flag = flagAt(request, first);
      if (flag === 0) break;
      flags |= flag;
      first++;
    }
    const pairs = (request.argc - first) / 2;
    if (pairs < 1 || !Number.isInteger(pairs)) return refused(out, SYNTAX_ERROR);
    const conflict = conflictOf(flags, pairs);
    if (conflict !== undefined) return refused(out, conflict);
    if (!readScores(request, first, pairs)) return refused(out, NOT_A_FLOAT);
    if ((flags & INCR) !== 0) return increment(call, key, first + 1, flags, out);
    return addScored(call, key, first + 1, 2, pairs, flags, out);
  },
});

export const zincrby = shardCommand({
  name: 'ZINCRBY',
  summary: 'Adds to the score of a member; a missing member counts as 0.',
  since: '1.2.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'access', 'update'), increment: floatText, member: bytes },
  run({ key, increment: by, member }, call, out) {
    if (!readScores(call.request, by, 1)) return refused(out, NOT_A_FLOAT);
    return increment(call, key, member, INCR, out);
  },
});
