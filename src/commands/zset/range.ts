/**
 * ZRANGE in all its forms, the older commands that are one of them each, and ZRANGESTORE.
 *
 * Hot path: ZRANGE of a few elements. Guarded by `bench/zset.ts`.
 */

import { type ArgDoc, type ArgIndex, bytes, integerText, key } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { SortedSetBuilder } from '../../engine/types/zset-builder.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import {
  LEX_RANGE_INVALID,
  LIMIT_NEEDS_SCORE_OR_LEX,
  NOT_AN_INTEGER,
  OOM,
  type Refusal,
  SCORE_RANGE_INVALID,
  SYNTAX_ERROR,
  WITHSCORES_NOT_BY_LEX,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { LexRange, ScoreRange } from './bounds.ts';
import {
  beginElements,
  integerAt,
  isWord,
  NOT_THERE,
  openToRead,
  REFUSED,
  roomForResult,
  storeResult,
  writeElements,
} from './value.ts';

type By = 'rank' | 'score' | 'lex';

/** What a command's name fixes; undefined where options decide. */
interface Form {
  readonly by: By | undefined;
  readonly backward: boolean | undefined;
  readonly stores: boolean;
}

const FREE: Form = { by: undefined, backward: undefined, stores: false };
const STORED: Form = { by: undefined, backward: undefined, stores: true };
const RANKS_DOWN: Form = { by: 'rank', backward: true, stores: false };
const SCORES_UP: Form = { by: 'score', backward: false, stores: false };
const SCORES_DOWN: Form = { by: 'score', backward: true, stores: false };
const LEX_UP: Form = { by: 'lex', backward: false, stores: false };
const LEX_DOWN: Form = { by: 'lex', backward: true, stores: false };

const zset = new SortedSet();
const cursor = new ZsetCursor();
const WROTE = changed('zset', 'zrangestore');

/** One query, read from a request; then the ranks that it means in a set. Reused from call to call. */
class Query {
  by: By = 'rank';
  backward = false;
  withScores = false;
  /** First rank in the direction of the walk, and how many from there. */
  first = 0;
  count = 0;
  private offset = 0;
  private limit = -1;
  private start = 0;
  private stop = 0;
  private readonly scores = new ScoreRange();
  private readonly names = new LexRange();

  /** Reads bounds and options, the bounds being two arguments at `bounds`. */
  read(request: Request, bounds: ArgIndex, form: Form): Refusal | undefined {
    this.withScores = false;
    this.offset = 0;
    this.limit = -1;
    const refusal = this.readOptions(request, bounds + 2, form);
    if (refusal !== undefined) return refusal;
    if (this.limit !== -1 && this.by === 'rank') return LIMIT_NEEDS_SCORE_OR_LEX;
    if (this.withScores && this.by === 'lex') return WITHSCORES_NOT_BY_LEX;
    if (this.by === 'rank') {
      this.start = integerAt(request, bounds);
      this.stop = integerAt(request, bounds + 1);
      return Number.isNaN(this.start) || Number.isNaN(this.stop) ? NOT_AN_INTEGER : undefined;
    }
    // Downwards the higher bound comes first.
    const min = this.backward ? bounds + 1 : bounds;
    const max = this.backward ? bounds : bounds + 1;
    if (this.by === 'score') return this.scores.read(request, min, max) ? undefined : SCORE_RANGE_INVALID;
    return this.names.read(request, min, max) ? undefined : LEX_RANGE_INVALID;
  }

  private readOptions(request: Request, from: ArgIndex, form: Form): Refusal | undefined {
    let by = form.by;
    let backward = form.backward;
    for (let at = from; at < request.argc; at++) {
      if (!form.stores && isWord(request, at, 'WITHSCORES')) this.withScores = true;
      else if (at + 2 < request.argc && isWord(request, at, 'LIMIT')) {
        this.offset = integerAt(request, at + 1);
        this.limit = integerAt(request, at + 2);
        if (Number.isNaN(this.offset) || Number.isNaN(this.limit)) return NOT_AN_INTEGER;
        at += 2;
      } else if (backward === undefined && isWord(request, at, 'REV')) backward = true;
      else if (by === undefined && isWord(request, at, 'BYLEX')) by = 'lex';
      else if (by === undefined && isWord(request, at, 'BYSCORE')) by = 'score';
      else return SYNTAX_ERROR;
    }
    this.by = by ?? 'rank';
    this.backward = backward ?? false;
    return undefined;
  }

  /** Finds `first` and `count` in a set that has been opened. */
  locate(): void {
    if (this.by === 'rank') return this.locateRanks();
    const skipped = this.offset;
    let from = 0;
    let to = 0;
    if (skipped >= 0 && this.by === 'lex') {
      zset.lexRange(this.names.min, this.names.max, this.backward, skipped);
      ({ from, to } = zset);
    } else if (skipped >= 0) {
      from = this.scores.from(zset);
      to = this.scores.to(zset);
      if (this.backward) to -= skipped;
      else from += skipped;
    }
    this.first = this.backward ? to - 1 : from;
    this.count = Math.max(0, to - from);
    if (this.limit >= 0 && this.limit < this.count) this.count = this.limit;
  }

  private locateRanks(): void {
    const { size } = zset;
    const start = Math.max(0, this.start < 0 ? size + this.start : this.start);
    const stop = Math.min(size - 1, this.stop < 0 ? size + this.stop : this.stop);
    this.count = Math.max(0, stop - start + 1);
    this.first = this.backward ? size - 1 - start : start;
  }
}
const query = new Query();
const seek = (rank: number, target: ZsetCursor) => zset.seek(rank, target);

function range(call: ShardCall, key: ArgIndex, bounds: ArgIndex, form: Form, out: ReplyWriter): Effect {
  const refusal = query.read(call.request, bounds, form);
  if (refusal !== undefined) return refused(out, refusal);
  const opened = openToRead(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  if (opened === NOT_THERE) {
    beginElements(out, 0, false);
    return UNCHANGED;
  }
  query.locate();
  writeElements(out, seek, query.first, query.count, query.backward, query.withScores);
  return UNCHANGED;
}

function option(name: string, token: string): ArgDoc {
  return { name, type: 'pure-token', token, flags: ['optional'] };
}

const LIMIT_DOC: ArgDoc = {
  name: 'offset-count',
  type: 'block',
  token: 'LIMIT',
  flags: ['optional'],
  arguments: [
    { name: 'limit-offset', type: 'integer', flags: [] },
    { name: 'limit-count', type: 'integer', flags: [] },
  ],
};
const BY_DOC: ArgDoc = {
  name: 'sortby',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'byscore', type: 'pure-token', token: 'BYSCORE', flags: [] },
    { name: 'bylex', type: 'pure-token', token: 'BYLEX', flags: [] },
  ],
};
const WITH_SCORES = option('withscores', 'WITHSCORES');

export const zrange = shardCommand({
  name: 'ZRANGE',
  summary: 'The members of a sorted set in a range of ranks, scores or names.',
  since: '1.2.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  history: [['6.2.0', 'Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.']],
  args: {
    key: key('RO', 'access'),
    start: bytes,
    stop: bytes,
    options: tail(0, [BY_DOC, option('rev', 'REV'), LIMIT_DOC, WITH_SCORES]),
  },
  run: ({ key, start }, call, out) => range(call, key, start, FREE, out),
});

export const zrevrange = shardCommand({
  name: 'ZREVRANGE',
  summary: 'The members of a sorted set in a range of ranks, highest score first.',
  since: '1.2.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` argument' },
  args: { key: key('RO', 'access'), start: integerText, stop: integerText, options: tail(0, [WITH_SCORES]) },
  run: ({ key, start }, call, out) => range(call, key, start, RANKS_DOWN, out),
});

export const zrangebyscore = shardCommand({
  name: 'ZRANGEBYSCORE',
  summary: 'The members of a sorted set in a range of scores.',
  since: '1.0.5',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  history: [['2.0.0', 'Added the `WITHSCORES` modifier.']],
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `BYSCORE` argument' },
  args: { key: key('RO', 'access'), min: bytes, max: bytes, options: tail(0, [WITH_SCORES, LIMIT_DOC]) },
  run: ({ key, min }, call, out) => range(call, key, min, SCORES_UP, out),
});

export const zrevrangebyscore = shardCommand({
  name: 'ZREVRANGEBYSCORE',
  summary: 'The members of a sorted set in a range of scores, highest first.',
  since: '2.2.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  history: [['2.1.6', '`min` and `max` can be exclusive.']],
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` and `BYSCORE` arguments' },
  args: { key: key('RO', 'access'), max: bytes, min: bytes, options: tail(0, [WITH_SCORES, LIMIT_DOC]) },
  run: ({ key, max }, call, out) => range(call, key, max, SCORES_DOWN, out),
});

export const zrangebylex = shardCommand({
  name: 'ZRANGEBYLEX',
  summary: 'The members of a sorted set in a range of names, among equal scores.',
  since: '2.8.9',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `BYLEX` argument' },
  args: { key: key('RO', 'access'), min: bytes, max: bytes, options: tail(0, [LIMIT_DOC]) },
  run: ({ key, min }, call, out) => range(call, key, min, LEX_UP, out),
});

export const zrevrangebylex = shardCommand({
  name: 'ZREVRANGEBYLEX',
  summary: 'The members of a sorted set in a range of names, last one first, among equal scores.',
  since: '2.8.9',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements answered.',
  group: 'sorted-set',
  flags: ['readonly'],
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` and `BYLEX` arguments' },
  args: { key: key('RO', 'access'), max: bytes, min: bytes, options: tail(0, [LIMIT_DOC]) },
  run: ({ key, max }, call, out) => range(call, key, max, LEX_DOWN, out),
});

/** Copies what the query means; undefined when the arena is full. */
function collected(call: ShardCall): SortedSetBuilder | undefined {
  const builder = new SortedSetBuilder(call.database.ground);
  let complete = true;
  if (query.count > 0 && zset.seek(query.first, cursor)) {
    for (let i = 0; i < query.count && complete; i++) {
      if (i > 0) query.backward ? cursor.previous() : cursor.next();
      complete = builder.add(cursor.bytes, cursor.start, cursor.end, cursor.score);
    }
  }
  if (complete && builder.arrange()) return builder;
  builder.discard();
  return undefined;
}

export const zrangestore = shardCommand({
  name: 'ZRANGESTORE',
  summary: 'Stores the members of a sorted set in a range of ranks, scores or names under another key.',
  since: '6.2.0',
  complexity: 'O(log(N)+M), N being the size of the sorted set and M the number of elements stored.',
  group: 'sorted-set',
  flags: ['write', 'denyoom'],
  args: {
    dst: key('OW', 'update'),
    src: key('RO', 'access'),
    min: bytes,
    max: bytes,
    options: tail(0, [BY_DOC, option('rev', 'REV'), LIMIT_DOC]),
  },
  run({ dst, src, min }, call, out) {
    const refusal = query.read(call.request, min, STORED);
    if (refusal !== undefined) return refused(out, refusal);
    let opened = openToRead(call, src, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened !== NOT_THERE) {
      query.locate();
      // Making room may evict the source.
      if (!roomForResult(call, dst, query.count, zset.heldBytes)) return refused(out, OOM);
      const ref = call.database.peek(call.request.bytes, call.request.start(src), call.request.end(src));
      if (ref === MISSING) opened = NOT_THERE;
      else zset.open(call.database, ref);
    }
    if (opened === NOT_THERE) query.count = 0;
    const builder = collected(call);
    if (builder === undefined) return refused(out, OOM);
    return storeResult(call, dst, builder, WROTE, out);
  },
});
