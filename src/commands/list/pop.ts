/**
 * Commands that take elements from the ends of lists.
 *
 * The blocking forms are answered like the others as long as one of their keys has elements; otherwise the client waits.
 *
 * Hot path: LPOP and RPOP of one element allocate nothing. Guarded by `bench/list.ts`.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgDoc, type ArgIndex, counted, custom, floatText, key, READS, WRITES } from '../../command/args.ts';
import { type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { List } from '../../engine/types/list.ts';
import { ListCursor } from '../../engine/types/list-cursor.ts';
import {
  COUNT_NOT_POSITIVE,
  MUST_BE_POSITIVE,
  NUMKEYS_NOT_POSITIVE,
  type Refusal,
  SYNTAX_ERROR,
  wrongArity,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { blockingTimeout } from '../timeouts.ts';
import { mayLookAt, waitFor, waitOrNothing } from '../waiting.ts';
import { isWord, tail } from '../words.ts';
import { edited, endDoc, headAt, NOT_THERE, OPENED, openToWrite, REFUSED } from './value.ts';

const list = new List();
const cursor = new ListCursor();

const ONE_POPPED_FIRST = edited('lpop', 1, false);
const ONE_POPPED_LAST = edited('rpop', 1, false);
const FIRST_WAS_ALL = edited('lpop', 1, true);
const LAST_WAS_ALL = edited('rpop', 1, true);

/** Writes and takes out up to `count` elements of the list aimed at, from one end on. @returns how many. */
function take(count: number, atHead: boolean, out: ReplyWriter): number {
  const { size } = list;
  const taken = Math.min(count, size);
  list.seek(atHead ? 0 : -1, cursor);
  for (let i = 0; i < taken; i++) {
    if (i > 0) atHead ? cursor.next() : cursor.previous();
    const { bytes, start, end } = cursor.read();
    out.bulk(bytes, start, end);
  }
  if (taken === 1) list.pop(atHead);
  else list.removeRange(atHead ? 0 : size - taken, taken);
  return taken;
}

function popOne(call: ShardCall, key: ArgIndex, atHead: boolean, out: ReplyWriter): Effect {
  const opened = openToWrite(call, key, list, out);
  if (opened === NOT_THERE) out.null();
  if (opened !== OPENED) return UNCHANGED;
  take(1, atHead, out);
  if (list.size === 0) return atHead ? FIRST_WAS_ALL : LAST_WAS_ALL;
  return atHead ? ONE_POPPED_FIRST : ONE_POPPED_LAST;
}

function popCount(call: ShardCall, key: ArgIndex, options: ArgIndex, atHead: boolean, out: ReplyWriter): Effect {
  const { request } = call;
  if (options >= request.argc) return popOne(call, key, atHead, out);
  if (options + 1 < request.argc) return refused(out, wrongArity(atHead ? 'lpop' : 'rpop'));
  const count = parseInteger(request.bytes, request.start(options), request.end(options));
  if (!(count >= 0)) return refused(out, MUST_BE_POSITIVE);
  const opened = openToWrite(call, key, list, out);
  if (opened === NOT_THERE) out.nullArray();
  if (opened !== OPENED) return UNCHANGED;
  out.array(Math.min(count, list.size));
  if (count === 0) return UNCHANGED;
  const taken = take(count, atHead, out);
  return edited(atHead ? 'lpop' : 'rpop', taken, list.size === 0);
}

const COUNT_ARGUMENT = tail(0, [{ name: 'count', type: 'integer', flags: ['optional'] }]);

export const lpop = shardCommand({
  name: 'LPOP',
  summary: 'Takes and answers the first elements of a list.',
  since: '1.0.0',
  complexity: 'O(N), N being the elements taken.',
  group: 'list',
  flags: ['write', 'fast'],
  history: [['6.2.0', 'Added the `count` argument.']],
  args: { key: key('RW', 'access', 'delete'), count: COUNT_ARGUMENT },
  run: ({ key, count }, call, out) => popCount(call, key, count.value, true, out),
});

export const rpop = shardCommand({
  name: 'RPOP',
  summary: 'Takes and answers the last elements of a list, the last first.',
  since: '1.0.0',
  complexity: 'O(N), N being the elements taken.',
  group: 'list',
  flags: ['write', 'fast'],
  history: [['6.2.0', 'Added the `count` argument.']],
  args: { key: key('RW', 'access', 'delete'), count: COUNT_ARGUMENT },
  run: ({ key, count }, call, out) => popCount(call, key, count.value, false, out),
});

// -- The first of several lists ----------------------------------------------------------------------------------------

const NONE = 0;
const WRONG = -1;

/** Aims at the first of so many keys that is a list. @returns its position, NONE, or WRONG when one was refused. */
function firstList(call: ShardCall, first: ArgIndex, count: number, out: ReplyWriter): ArgIndex {
  for (let at = first; at < first + count; at++) {
    if (!mayLookAt(call, at)) continue;
    const opened = openToWrite(call, at, list, out);
    if (opened === REFUSED) return WRONG;
    if (opened === OPENED) return at;
  }
  return NONE;
}

/** Which of several keys it was, and whether anybody waited, is not to be decided again. */
function takenFrom(request: Request, key: ArgIndex, count: number, atHead: boolean, isGone: boolean): Effect {
  const events: KeyEvent[] = [{ eventClass: 'list', name: atHead ? 'lpop' : 'rpop', key }];
  if (isGone) events.push({ eventClass: 'generic', name: 'del', key });
  return {
    kind: 'changed',
    changes: count,
    events,
    get replay() {
      return [[atHead ? 'LPOP' : 'RPOP', viewOf(request, key), `${count}`]];
    },
  };
}

const COUNT = bytesOfLatin1('COUNT');

/** `LEFT|RIGHT [COUNT count]` to the end of the request. */
interface PopOptions {
  readonly atHead: boolean;
  readonly count: number;
}

function popOptions(request: Request, from: ArgIndex): PopOptions | Refusal {
  const atHead = from < request.argc ? headAt(request, from) : undefined;
  if (atHead === undefined) return SYNTAX_ERROR;
  if (from + 1 === request.argc) return { atHead, count: 1 };
  if (!isWord(request, from + 1, COUNT) || from + 2 === request.argc) return SYNTAX_ERROR;
  const count = parseInteger(request.bytes, request.start(from + 2), request.end(from + 2));
  if (!(count > 0)) return COUNT_NOT_POSITIVE;
  return from + 3 === request.argc ? { atHead, count } : SYNTAX_ERROR;
}

/** @param wait_ms undefined when it never waits */
function popSeveral(
  call: ShardCall,
  first: ArgIndex,
  keys: number,
  options: PopOptions,
  wait_ms: number | undefined,
  out: ReplyWriter,
): Effect {
  const key = firstList(call, first, keys, out);
  if (key === WRONG) return UNCHANGED;
  if (key === NONE && wait_ms === undefined) out.nullArray();
  else if (key === NONE) return waitOrNothing(call, out, () => waitFor('list', first, keys, wait_ms ?? 0));
  if (key === NONE) return UNCHANGED;
  const { request } = call;
  out.array(2);
  out.bulk(request.bytes, request.start(key), request.end(key));
  out.array(Math.min(options.count, list.size));
  const taken = take(options.count, options.atHead, out);
  return takenFrom(request, key, taken, options.atHead, list.size === 0);
}

const COUNTED_KEYS = counted(key('RW', 'access', 'delete'), {
  notInteger: NUMKEYS_NOT_POSITIVE,
  outOfRange: NUMKEYS_NOT_POSITIVE,
});
const POP_DOCS: readonly ArgDoc[] = [
  endDoc('where'),
  { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
];

export const lmpop = shardCommand({
  name: 'LMPOP',
  summary: 'Takes and answers elements of the first of several lists that there is.',
  since: '7.0.0',
  complexity: 'O(N+M), N being the number of keys and M the elements taken.',
  group: 'list',
  flags: ['write'],
  args: { keys: COUNTED_KEYS, options: tail(1, POP_DOCS) },
  run({ keys, options }, call, out) {
    const wanted = popOptions(call.request, options.value);
    if ('text' in wanted) return refused(out, wanted);
    return popSeveral(call, keys.first, keys.count, wanted, undefined, out);
  },
});

export const blmpop = shardCommand({
  name: 'BLMPOP',
  summary: 'As LMPOP, and waits for elements where there are none.',
  since: '7.0.0',
  complexity: 'O(N+M), N being the number of keys and M the elements taken.',
  group: 'list',
  flags: ['write', 'blocking'],
  args: { timeout: floatText, keys: COUNTED_KEYS, options: tail(1, POP_DOCS) },
  run({ timeout, keys, options }, call, out) {
    const wanted = popOptions(call.request, options.value);
    if ('text' in wanted) return refused(out, wanted);
    const wait_ms = blockingTimeout(call.request, timeout);
    if (typeof wait_ms !== 'number') return refused(out, wait_ms);
    return popSeveral(call, keys.first, keys.count, wanted, wait_ms, out);
  },
});

function popBlocking(call: ShardCall, first: ArgIndex, atHead: boolean, out: ReplyWriter): Effect {
  const { request } = call;
  const timeout = request.argc - 1;
  const wait_ms = blockingTimeout(request, timeout);
  if (typeof wait_ms !== 'number') return refused(out, wait_ms);
  const key = firstList(call, first, timeout - first, out);
  if (key === NONE) return waitOrNothing(call, out, () => waitFor('list', first, timeout - first, wait_ms));
  if (key === WRONG) return UNCHANGED;
  out.array(2);
  out.bulk(request.bytes, request.start(key), request.end(key));
  const taken = take(1, atHead, out);
  return takenFrom(request, key, taken, atHead, list.size === 0);
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
    { name: 'key', type: 'key', keySpecIndex: 0, flags: ['multiple'] },
    { name: 'timeout', type: 'double', flags: [] },
  ],
});

export const blpop = shardCommand({
  name: 'BLPOP',
  summary: 'Takes the first element of the first of several lists that there is, and waits where there is none.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'list',
  flags: ['write', 'noscript', 'blocking'],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { keys: KEYS_AND_TIMEOUT },
  run: ({ keys }, call, out) => popBlocking(call, keys.value, true, out),
});

export const brpop = shardCommand({
  name: 'BRPOP',
  summary: 'Takes the last element of the first of several lists that there is, and waits where there is none.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'list',
  flags: ['write', 'noscript', 'blocking'],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { keys: KEYS_AND_TIMEOUT },
  run: ({ keys }, call, out) => popBlocking(call, keys.value, false, out),
});
