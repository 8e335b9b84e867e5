/**
 * Commands that take the first or last members of a sorted set: ZPOPMIN and its kin.
 *
 * The blocking forms are answered like the others as long as one of their keys has members; otherwise the client waits.
 */

import { type ArgDoc, type ArgIndex, counted, custom, floatText, key, READS, WRITES } from '../../command/args.ts';
import { type Changed, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import {
  COUNT_NOT_POSITIVE,
  MUST_BE_POSITIVE,
  NUMKEYS_NOT_POSITIVE,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { blockingTimeout } from '../timeouts.ts';
import { mayLookAt, waitFor, waitOrNothing } from '../waiting.ts';
import { tail } from '../words.ts';
import { dropIfEmpty, integerAt, isWord, NOT_THERE, OPENED, openToWrite, REFUSED } from './value.ts';

const zset = new SortedSet();
const cursor = new ZsetCursor();

/** Aims at the first of so many keys that has members. @returns its position, 0 for none, -1 when one was refused. */
function firstWithMembers(call: ShardCall, first: ArgIndex, count: number, out: ReplyWriter): ArgIndex {
  for (let at = first; at < first + count; at++) {
    if (!mayLookAt(call, at)) continue;
    const opened = openToWrite(call, at, zset, out);
    if (opened === REFUSED) return -1;
    if (opened === OPENED) return at;
  }
  return 0;
}

/** Writes and removes up to `count` members of the set aimed at, from one end. */
function pop(
  call: ShardCall,
  key: ArgIndex,
  count: number,
  fromEnd: boolean,
  nested: boolean,
  out: ReplyWriter,
): Effect {
  const { size } = zset;
  const popped = Math.min(count, size);
  zset.seek(fromEnd ? size - 1 : 0, cursor);
  for (let i = 0; i < popped; i++) {
    if (i > 0) fromEnd ? cursor.previous() : cursor.next();
    if (nested) out.array(2);
    out.bulk(cursor.bytes, cursor.start, cursor.end);
    out.double(cursor.score);
  }
  zset.removeRange(fromEnd ? size - popped : 0, fromEnd ? size : popped);
  return poppedFrom(call.request, key, popped, fromEnd, dropIfEmpty(call, zset));
}

function poppedFrom(request: Request, key: ArgIndex, count: number, fromEnd: boolean, isGone: boolean): Changed {
  const name = fromEnd ? 'zpopmax' : 'zpopmin';
  const events: KeyEvent[] = [{ eventClass: 'zset', name, key }];
  if (isGone) events.push({ eventClass: 'generic', name: 'del', key });
  // Which of several keys it was, and whether anybody waited, is not to be decided again.
  return {
    kind: 'changed',
    changes: count,
    events,
    get replay() {
      return [[fromEnd ? 'ZPOPMAX' : 'ZPOPMIN', viewOf(request, key), `${count}`]];
    },
  };
}

const NO_COUNT = -1;

function popOne(call: ShardCall, key: ArgIndex, options: ArgIndex, fromEnd: boolean, out: ReplyWriter): Effect {
  const { request } = call;
  if (options + 1 < request.argc) return refused(out, SYNTAX_ERROR);
  const given = options < request.argc ? integerAt(request, options) : NO_COUNT;
  if (options < request.argc && !(given >= 0)) return refused(out, MUST_BE_POSITIVE);
  const opened = openToWrite(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  if (opened === NOT_THERE || given === 0) {
    out.array(0);
    return UNCHANGED;
  }
  const nested = out.protocol === 3 && given !== NO_COUNT;
  const count = Math.min(given === NO_COUNT ? 1 : given, zset.size);
  out.array(nested ? count : count * 2);
  return pop(call, key, count, fromEnd, nested, out);
}

const COUNT_ARGUMENT = tail(0, [{ name: 'count', type: 'integer', flags: ['optional'] }]);

export const zpopmin = shardCommand({
  name: 'ZPOPMIN',
  summary: 'Takes and answers the members with the lowest scores.',
  since: '5.0.0',
  complexity: 'O(log(N)*M), N being the size of the sorted set and M the number of members taken.',
  group: 'sorted-set',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'access', 'delete'), count: COUNT_ARGUMENT },
  run: ({ key, count }, call, out) => popOne(call, key, count.value, false, out),
});

export const zpopmax = shardCommand({
  name: 'ZPOPMAX',
  summary: 'Takes and answers the members with the highest scores.',
  since: '5.0.0',
  complexity: 'O(log(N)*M), N being the size of the sorted set and M the number of members taken.',
  group: 'sorted-set',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'access', 'delete'), count: COUNT_ARGUMENT },
  run: ({ key, count }, call, out) => popOne(call, key, count.value, true, out),
});

/** `MIN|MAX [COUNT count]` to the end of the request. */
interface PopOptions {
  readonly fromEnd: boolean;
  readonly count: number;
}

function popOptions(request: Request, from: ArgIndex): PopOptions | Refusal {
  if (from >= request.argc) return SYNTAX_ERROR;
  const fromEnd = isWord(request, from, 'MAX');
  if (!fromEnd && !isWord(request, from, 'MIN')) return SYNTAX_ERROR;
  if (from + 1 === request.argc) return { fromEnd, count: 1 };
  if (!isWord(request, from + 1, 'COUNT') || from + 2 === request.argc) return SYNTAX_ERROR;
  const count = integerAt(request, from + 2);
  if (!(count > 0)) return COUNT_NOT_POSITIVE;
  return from + 3 === request.argc ? { fromEnd, count } : SYNTAX_ERROR;
}

/** @param wait_ms undefined when it never waits */
function popFirst(
  call: ShardCall,
  first: ArgIndex,
  keys: number,
  options: PopOptions,
  wait_ms: number | undefined,
  out: ReplyWriter,
): Effect {
  const key = firstWithMembers(call, first, keys, out);
  if (key < 0) return UNCHANGED;
  if (key === 0 && wait_ms === undefined) out.nullArray();
  else if (key === 0) return waitOrNothing(call, out, () => waitFor('zset', first, keys, wait_ms ?? 0));
  if (key === 0) return UNCHANGED;
  const { request } = call;
  out.array(2);
  out.bulk(request.bytes, request.start(key), request.end(key));
  out.array(Math.min(options.count, zset.size));
  return pop(call, key, options.count, options.fromEnd, true, out);
}

const COUNTED_KEYS = counted(key('RW', 'access', 'delete'), {
  notInteger: NUMKEYS_NOT_POSITIVE,
  outOfRange: NUMKEYS_NOT_POSITIVE,
});
const POP_DOCS: readonly ArgDoc[] = [
  {
    name: 'where',
    type: 'oneof',
    flags: [],
    arguments: [
      { name: 'min', type: 'pure-token', token: 'MIN', flags: [] },
      { name: 'max', type: 'pure-token', token: 'MAX', flags: [] },
    ],
  },
  { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
];

export const zmpop = shardCommand({
  name: 'ZMPOP',
  summary: 'Takes and answers members of the first of several sorted sets that has any.',
  since: '7.0.0',
  complexity: 'O(K) + O(M*log(N)), K being the number of keys, N the size of the sorted set, M the members taken.',
  group: 'sorted-set',
  flags: ['write'],
  args: { keys: COUNTED_KEYS, options: tail(1, POP_DOCS) },
  run({ keys, options }, call, out) {
    const wanted = popOptions(call.request, options.value);
    if ('text' in wanted) return refused(out, wanted);
    return popFirst(call, keys.first, keys.count, wanted, undefined, out);
  },
});

export const bzmpop = shardCommand({
  name: 'BZMPOP',
  summary: 'As ZMPOP, and waits for members where there are none.',
  since: '7.0.0',
  complexity: 'O(K) + O(M*log(N)), K being the number of keys, N the size of the sorted set, M the members taken.',
  group: 'sorted-set',
  flags: ['write', 'blocking'],
  args: { timeout: floatText, keys: COUNTED_KEYS, options: tail(1, POP_DOCS) },
  run({ timeout, keys, options }, call, out) {
    const wanted = popOptions(call.request, options.value);
    if ('text' in wanted) return refused(out, wanted);
    const wait_ms = blockingTimeout(call.request, timeout);
    if (typeof wait_ms !== 'number') return refused(out, wait_ms);
    return popFirst(call, keys.first, keys.count, wanted, wait_ms, out);
  },
});

function popBlocking(call: ShardCall, first: ArgIndex, fromEnd: boolean, out: ReplyWriter): Effect {
  const { request } = call;
  const timeout = request.argc - 1;
  const wait_ms = blockingTimeout(request, timeout);
  if (typeof wait_ms !== 'number') return refused(out, wait_ms);
  const key = firstWithMembers(call, first, timeout - first, out);
  if (key === 0) return waitOrNothing(call, out, () => waitFor('zset', first, timeout - first, wait_ms));
  if (key < 0) return UNCHANGED;
  out.array(3);
  out.bulk(request.bytes, request.start(key), request.end(key));
  return pop(call, key, 1, fromEnd, false, out);
}

/** `key [key ...] timeout`: the last argument is no key. The value is the position of the first. */
const KEYS_AND_TIMEOUT = custom({
  required: 2,
  parse(request, at) {
    const keys = [];
    for (let key = at; key < request.argc - 1; key++) keys.push({ at: key, access: READS | WRITES });
    return { end: request.argc, value: at, keys };
  },
  keySpecs: [
    {
      flags: ['RW', 'access', 'delete'],
      begin: { kind: 'index', index: 1 },
      find: { kind: 'range', lastKey: -2, step: 1, limit: 0 },
    },
  ],
  docs: [
    { name: 'keys', type: 'block', flags: ['multiple'], arguments: [{ name: 'key', type: 'key', flags: [] }] },
    { name: 'timeout', type: 'double', flags: [] },
  ],
});

export const bzpopmin = shardCommand({
  name: 'BZPOPMIN',
  summary: 'Takes the lowest member of the first of several sorted sets that has any, and waits where there are none.',
  since: '5.0.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['write', 'noscript', 'blocking', 'fast'],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { keys: KEYS_AND_TIMEOUT },
  run: ({ keys }, call, out) => popBlocking(call, keys.value, false, out),
});

export const bzpopmax = shardCommand({
  name: 'BZPOPMAX',
  summary: 'Takes the highest member of the first of several sorted sets that has any, and waits where there are none.',
  since: '5.0.0',
  complexity: 'O(log(N)), N being the size of the sorted set.',
  group: 'sorted-set',
  flags: ['write', 'noscript', 'blocking', 'fast'],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { keys: KEYS_AND_TIMEOUT },
  run: ({ keys }, call, out) => popBlocking(call, keys.value, true, out),
});
