/**
 * Unions, intersections and differences of sorted sets and sets: answered, counted or stored.
 *
 * Scores of an element in several sources are added up, or the least or greatest of them is taken, from the smallest source to
 * the largest, as Redis does it: sums of doubles depend on the order.
 *
 * Invariant: what is put together beside the keys is charged to the account, and gone when the command is over or is
 * what the key holds from then on.
 */

import { type ArgDoc, type ArgIndex, type Counted, counted, key } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { parseFloatStrictly } from '../../command/float.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { SortedSetBuilder } from '../../engine/types/zset-builder.ts';
import type { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import {
  inputKeyNeeded,
  LIMIT_NEGATIVE,
  NOT_AN_INTEGER,
  OOM,
  type Refusal,
  SYNTAX_ERROR,
  WEIGHT_NOT_A_FLOAT,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { rising, type Source, sourcesOf } from './sources.ts';
import { integerAt, isWord, roomForResult, storeResult, writeElements } from './value.ts';

type Operation = 'union' | 'inter' | 'diff';
type Aggregate = 'sum' | 'min' | 'max';

/** What a command may do with its result. */
type Purpose = 'answer' | 'store' | 'count';

interface Options {
  aggregate: Aggregate;
  withScores: boolean;
  /** 0 = none. */
  limit: number;
}

function aggregateAt(request: Request, at: ArgIndex): Aggregate | undefined {
  if (isWord(request, at, 'SUM')) return 'sum';
  if (isWord(request, at, 'MIN')) return 'min';
  return isWord(request, at, 'MAX') ? 'max' : undefined;
}

/** Reads weights into the sources. */
function readWeights(request: Request, from: ArgIndex, sources: readonly Source[]): Refusal | undefined {
  for (const [i, source] of sources.entries()) {
    source.weight = parseFloatStrictly(request.bytes, request.start(from + i), request.end(from + i));
    if (Number.isNaN(source.weight)) return WEIGHT_NOT_A_FLOAT;
  }
  return undefined;
}

function readOptions(
  request: Request,
  from: ArgIndex,
  sources: readonly Source[],
  operation: Operation,
  purpose: Purpose,
): Options | Refusal {
  const options: Options = { aggregate: 'sum', withScores: false, limit: 0 };
  const hasScores = operation !== 'diff' && purpose !== 'count';
  for (let at = from; at < request.argc; at++) {
    const left = request.argc - at;
    if (hasScores && left > sources.length && isWord(request, at, 'WEIGHTS')) {
      const refusal = readWeights(request, at + 1, sources);
      if (refusal !== undefined) return refusal;
      at += sources.length;
    } else if (hasScores && left >= 2 && isWord(request, at, 'AGGREGATE')) {
      const aggregate = aggregateAt(request, ++at);
      if (aggregate === undefined) return SYNTAX_ERROR;
      options.aggregate = aggregate;
    } else if (purpose === 'answer' && isWord(request, at, 'WITHSCORES')) options.withScores = true;
    else if (purpose === 'count' && left >= 2 && isWord(request, at, 'LIMIT')) {
      options.limit = integerAt(request, ++at);
      if (!(options.limit >= 0)) return LIMIT_NEGATIVE;
    } else return SYNTAX_ERROR;
  }
  return options;
}

// -- Arithmetic --------------------------------------------------------------------------------------------------------

function weighted(score: number, weight: number): number {
  const product = score * weight;
  return Number.isNaN(product) ? 0 : product;
}

function aggregated(a: number, b: number, aggregate: Aggregate): number {
  if (aggregate === 'sum') return Number.isNaN(a + b) ? 0 : a + b;
  const isBetter = aggregate === 'min' ? b < a : b > a;
  return isBetter ? b : a;
}

// -- Results. Each answers false when the arena is full. ----------------------------------------------------------------

function unite(sources: readonly Source[], aggregate: Aggregate, builder: SortedSetBuilder): boolean {
  let complete = true;
  for (const source of rising(sources)) {
    const { weight } = source;
    source.each((bytes, start, end, score) => {
      const value = weighted(score, weight);
      const ref = builder.find(bytes, start, end);
      if (ref === MISSING) complete = builder.add(bytes, start, end, value);
      else builder.setScore(ref, aggregated(builder.scoreOf(ref), value, aggregate));
      return complete;
    });
  }
  return complete;
}

/** Visits what is in all sources, with its score. */
function eachInAll(
  sources: readonly Source[],
  aggregate: Aggregate,
  visit: (bytes: Uint8Array, start: number, end: number, score: number) => boolean,
): void {
  const [smallest, ...others] = rising(sources);
  smallest?.each((bytes, start, end, score) => {
    let value = weighted(score, smallest.weight);
    for (const other of others) {
      const there = other.scoreOf(bytes, start, end);
      if (Number.isNaN(there)) return true;
      // As in Redis, what is no number is no less and no more than anything.
      value = aggregated(value, there * other.weight, aggregate);
    }
    return visit(bytes, start, end, value);
  });
}

function intersect(sources: readonly Source[], aggregate: Aggregate, builder: SortedSetBuilder): boolean {
  let complete = true;
  eachInAll(sources, aggregate, (bytes, start, end, score) => {
    complete = builder.add(bytes, start, end, score);
    return complete;
  });
  return complete;
}

function subtract(sources: readonly Source[], builder: SortedSetBuilder): boolean {
  const [first, ...others] = sources;
  let complete = true;
  first?.each((bytes, start, end, score) => {
    for (const other of others) if (!Number.isNaN(other.scoreOf(bytes, start, end))) return true;
    complete = builder.add(bytes, start, end, score);
    return complete;
  });
  return complete;
}

/** The result in order; undefined when the arena is full. */
function combined(
  call: ShardCall,
  operation: Operation,
  sources: readonly Source[],
  aggregate: Aggregate,
): SortedSetBuilder | undefined {
  const builder = new SortedSetBuilder(call.database.ground);
  const complete =
    operation === 'union'
      ? unite(sources, aggregate, builder)
      : operation === 'inter'
        ? intersect(sources, aggregate, builder)
        : subtract(sources, builder);
  if (complete && builder.arrange()) return builder;
  builder.discard();
  return undefined;
}

// -- Commands ----------------------------------------------------------------------------------------------------------

function answer(call: ShardCall, keys: Counted, tailAt: ArgIndex, operation: Operation, out: ReplyWriter): Effect {
  const sources = sourcesOf(call, keys.first, keys.count, out);
  if (sources === undefined) return UNCHANGED;
  const options = readOptions(call.request, tailAt, sources, operation, 'answer');
  if ('text' in options) return refused(out, options);
  const builder = combined(call, operation, sources, options.aggregate);
  if (builder === undefined) return refused(out, OOM);
  const seek = (rank: number, cursor: ZsetCursor) => builder.seek(rank, cursor);
  writeElements(out, seek, 0, builder.size, false, options.withScores);
  builder.discard();
  return UNCHANGED;
}

const STORED: Readonly<Record<Operation, Effect>> = {
  union: changed('zset', 'zunionstore'),
  inter: changed('zset', 'zinterstore'),
  diff: changed('zset', 'zdiffstore'),
};

/** Elements and bytes that a result may have at the most. */
function mostOf(sources: readonly Source[], operation: Operation): { elements: number; bytes: number } {
  let elements = 0;
  let bytes = 0;
  const parts =
    operation === 'union' ? sources : operation === 'diff' ? sources.slice(0, 1) : rising(sources).slice(0, 1);
  for (const source of parts) {
    elements += source.size;
    bytes += source.heldBytes;
  }
  return { elements, bytes };
}

function store(
  call: ShardCall,
  destination: ArgIndex,
  keys: Counted,
  tailAt: ArgIndex,
  operation: Operation,
  out: ReplyWriter,
): Effect {
  const sources = sourcesOf(call, keys.first, keys.count, out);
  if (sources === undefined) return UNCHANGED;
  const options = readOptions(call.request, tailAt, sources, operation, 'store');
  if ('text' in options) return refused(out, options);
  const most = mostOf(sources, operation);
  if (!roomForResult(call, destination, most.elements, most.bytes)) return refused(out, OOM);
  // Making room may have evicted any of them.
  for (const source of sources) source.reopen(call);
  const builder = combined(call, operation, sources, options.aggregate);
  if (builder === undefined) return refused(out, OOM);
  return storeResult(call, destination, builder, STORED[operation], out);
}

function keysOf(command: string) {
  return counted(key('RO', 'access'), { notInteger: NOT_AN_INTEGER, outOfRange: inputKeyNeeded(command) });
}

const WEIGHT_DOCS: readonly ArgDoc[] = [
  {
    name: 'weights',
    type: 'block',
    token: 'WEIGHTS',
    flags: ['optional'],
    arguments: [{ name: 'weight', type: 'double', flags: [] }],
  },
  {
    name: 'aggregate',
    type: 'oneof',
    token: 'AGGREGATE',
    flags: ['optional'],
    arguments: [
      { name: 'sum', type: 'pure-token', token: 'SUM', flags: [] },
      { name: 'min', type: 'pure-token', token: 'MIN', flags: [] },
      { name: 'max', type: 'pure-token', token: 'MAX', flags: [] },
    ],
  },
];
const WITH_SCORES: ArgDoc = { name: 'withscores', type: 'pure-token', token: 'WITHSCORES', flags: ['optional'] };

export const zunion = shardCommand({
  name: 'ZUNION',
  summary: 'The members of any of several sorted sets, with combined scores.',
  since: '6.2.0',
  complexity: 'O(N)+O(M*log(M)), N being the sizes of the sets together and M the size of the result.',
  group: 'sorted-set',
  flags: ['readonly'],
  args: { keys: keysOf('zunion'), options: tail(0, [...WEIGHT_DOCS, WITH_SCORES]) },
  run: ({ keys, options }, call, out) => answer(call, keys, options.value, 'union', out),
});

export const zinter = shardCommand({
  name: 'ZINTER',
  summary: 'The members of all of several sorted sets, with combined scores.',
  since: '6.2.0',
  complexity:
    'O(N*K)+O(M*log(M)), N being the size of the smallest set, K the number of sets, M the size of the result.',
  group: 'sorted-set',
  flags: ['readonly'],
  args: { keys: keysOf('zinter'), options: tail(0, [...WEIGHT_DOCS, WITH_SCORES]) },
  run: ({ keys, options }, call, out) => answer(call, keys, options.value, 'inter', out),
});

export const zdiff = shardCommand({
  name: 'ZDIFF',
  summary: 'The members of the first sorted set that are in none of the others.',
  since: '6.2.0',
  complexity: 'O(N*K)+O(M*log(M)), N being the size of the first set, K the number of sets, M the size of the result.',
  group: 'sorted-set',
  flags: ['readonly'],
  args: { keys: keysOf('zdiff'), options: tail(0, [WITH_SCORES]) },
  run: ({ keys, options }, call, out) => answer(call, keys, options.value, 'diff', out),
});

export const zunionstore = shardCommand({
  name: 'ZUNIONSTORE',
  summary: 'Stores the members of any of several sorted sets, with combined scores.',
  since: '2.0.0',
  complexity: 'O(N)+O(M*log(M)), N being the sizes of the sets together and M the size of the result.',
  group: 'sorted-set',
  flags: ['write', 'denyoom'],
  args: { destination: key('OW', 'update'), keys: keysOf('zunionstore'), options: tail(0, WEIGHT_DOCS) },
  run: ({ destination, keys, options }, call, out) => store(call, destination, keys, options.value, 'union', out),
});

export const zinterstore = shardCommand({
  name: 'ZINTERSTORE',
  summary: 'Stores the members of all of several sorted sets, with combined scores.',
  since: '2.0.0',
  complexity:
    'O(N*K)+O(M*log(M)), N being the size of the smallest set, K the number of sets, M the size of the result.',
  group: 'sorted-set',
  flags: ['write', 'denyoom'],
  args: { destination: key('OW', 'update'), keys: keysOf('zinterstore'), options: tail(0, WEIGHT_DOCS) },
  run: ({ destination, keys, options }, call, out) => store(call, destination, keys, options.value, 'inter', out),
});

export const zdiffstore = shardCommand({
  name: 'ZDIFFSTORE',
  summary: 'Stores the members of the first sorted set that are in none of the others.',
  since: '6.2.0',
  complexity: 'O(N*K)+O(M*log(M)), N being the size of the first set, K the number of sets, M the size of the result.',
  group: 'sorted-set',
  flags: ['write', 'denyoom'],
  args: { destination: key('OW', 'update'), keys: keysOf('zdiffstore'), options: tail(0, []) },
  run: ({ destination, keys, options }, call, out) => store(call, destination, keys, options.value, 'diff', out),
});

export const zintercard = shardCommand({
  name: 'ZINTERCARD',
  summary: 'Counts the members of all of several sorted sets, up to a limit.',
  since: '7.0.0',
  complexity: 'O(N*K), N being the size of the smallest set and K the number of sets.',
  group: 'sorted-set',
  flags: ['readonly'],
  args: {
    keys: keysOf('zintercard'),
    options: tail(0, [{ name: 'limit', type: 'integer', token: 'LIMIT', flags: ['optional'] }]),
  },
  run({ keys, options: given }, call, out) {
    const sources = sourcesOf(call, keys.first, keys.count, out);
    if (sources === undefined) return UNCHANGED;
    const options = readOptions(call.request, given.value, sources, 'inter', 'count');
    if ('text' in options) return refused(out, options);
    let count = 0;
    eachInAll(sources, 'sum', () => ++count !== options.limit);
    out.integer(count);
    return UNCHANGED;
  },
});
