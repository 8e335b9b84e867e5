/**
 * Commands that add elements to the ends of lists.
 *
 * Hot path: one element allocates nothing. Guarded by `bench/list.ts`.
 */

import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { OK } from '../../engine/database.ts';
import { encodedLengthMax } from '../../engine/listpack-element.ts';
import { createList, List, runBytesMax } from '../../engine/types/list.ts';
import { ListBuilder } from '../../engine/types/list-builder.ts';
import { ElementRun } from '../../engine/types/list-run.ts';
import { OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { ELEMENT_OVERHEAD_BYTES, NOT_THERE, OPENED, openToAdd, REFUSED } from './value.ts';

const ONE_PUSHED_FIRST = changed('list', 'lpush');
const ONE_PUSHED_LAST = changed('list', 'rpush');
const PUSHED_FIRST: readonly KeyEvent[] = [{ eventClass: 'list', name: 'lpush', key: 1 }];
const PUSHED_LAST: readonly KeyEvent[] = [{ eventClass: 'list', name: 'rpush', key: 1 }];

const list = new List();
const run = new ElementRun();

function argumentBytes(call: ShardCall, first: ArgIndex): number {
  const { request } = call;
  let total = 0;
  for (let at = first; at < request.argc; at++) total += request.length(at) + ELEMENT_OVERHEAD_BYTES;
  return total;
}

/** Fills the run with as many arguments as it may have, the last first for the head. @returns the next argument. */
function fillRun(call: ShardCall, first: ArgIndex, atHead: boolean): ArgIndex {
  const { request } = call;
  const bytesMax = runBytesMax(call.database);
  let stop = first + 1;
  let total = encodedLengthMax(request.length(first));
  for (; stop < request.argc; stop++) {
    total += encodedLengthMax(request.length(stop));
    if (total > bytesMax) break;
  }
  run.begin();
  if (atHead) {
    for (let at = stop - 1; at >= first; at--) run.add(request.bytes, request.start(at), request.end(at));
  } else for (let at = first; at < stop; at++) run.add(request.bytes, request.start(at), request.end(at));
  return stop;
}

/** Pushes all arguments from `first` on to the list aimed at, or none of them. */
function pushAll(call: ShardCall, first: ArgIndex, atHead: boolean): boolean {
  const { request } = call;
  if (first + 1 === request.argc) {
    return list.pushOne(request.bytes, request.start(first), request.end(first), atHead) === OK;
  }
  for (let at = first; at < request.argc; ) {
    const next = fillRun(call, at, atHead);
    if (list.push(run, atHead) !== OK) {
      const pushed = at - first;
      list.removeRange(atHead ? 0 : list.size - pushed, pushed);
      return false;
    }
    at = next;
  }
  return true;
}

/** Makes all arguments from `first` on the list of a key that there is not. */
function createFrom(call: ShardCall, key: ArgIndex, first: ArgIndex, atHead: boolean): boolean {
  const { request, database } = call;
  const { bytes } = request;
  const start = request.start(key);
  const end = request.end(key);
  if (first + 1 === request.argc) {
    run.begin().add(bytes, request.start(first), request.end(first));
    return createList(database, bytes, start, end, run) === OK;
  }
  const builder = new ListBuilder(database);
  let complete = true;
  for (let i = first; i < request.argc && complete; i++) {
    const at = atHead ? request.argc - 1 - (i - first) : i;
    complete = builder.add(bytes, request.start(at), request.end(at));
  }
  if (complete && builder.storeInto(bytes, start, end) === OK) return true;
  builder.discard();
  return false;
}

function push(
  call: ShardCall,
  key: ArgIndex,
  first: ArgIndex,
  atHead: boolean,
  onlyIfThere: boolean,
  out: ReplyWriter,
): Effect {
  const opened = openToAdd(call, key, argumentBytes(call, first), list, out);
  if (opened === REFUSED) return UNCHANGED;
  if (opened === NOT_THERE && onlyIfThere) {
    out.integer(0);
    return UNCHANGED;
  }
  const done = opened === OPENED ? pushAll(call, first, atHead) : createFrom(call, key, first, atHead);
  if (!done) return refused(out, OOM);
  const count = call.request.argc - first;
  out.integer(opened === OPENED ? list.size : count);
  if (count === 1) return atHead ? ONE_PUSHED_FIRST : ONE_PUSHED_LAST;
  return changes(count, atHead ? PUSHED_FIRST : PUSHED_LAST);
}

const COMPLEXITY = 'O(1) for each element added.';

export const lpush = shardCommand({
  name: 'LPUSH',
  summary: 'Puts elements in front of a list, one after the other; the list is made when there is none.',
  since: '1.0.0',
  complexity: COMPLEXITY,
  group: 'list',
  flags: ['write', 'denyoom', 'fast'],
  history: [['2.4.0', 'Accepts multiple `element` arguments.']],
  args: { key: key('RW', 'insert'), element: many(bytes) },
  run: ({ key, element }, call, out) => push(call, key, element, true, false, out),
});

export const rpush = shardCommand({
  name: 'RPUSH',
  summary: 'Puts elements behind the last of a list, which is made when there is none.',
  since: '1.0.0',
  complexity: COMPLEXITY,
  group: 'list',
  flags: ['write', 'denyoom', 'fast'],
  history: [['2.4.0', 'Accepts multiple `element` arguments.']],
  args: { key: key('RW', 'insert'), element: many(bytes) },
  run: ({ key, element }, call, out) => push(call, key, element, false, false, out),
});

export const lpushx = shardCommand({
  name: 'LPUSHX',
  summary: 'Puts elements in front of a list, only if there is one.',
  since: '2.2.0',
  complexity: COMPLEXITY,
  group: 'list',
  flags: ['write', 'denyoom', 'fast'],
  history: [['4.0.0', 'Accepts multiple `element` arguments.']],
  args: { key: key('RW', 'insert'), element: many(bytes) },
  run: ({ key, element }, call, out) => push(call, key, element, true, true, out),
});

export const rpushx = shardCommand({
  name: 'RPUSHX',
  summary: 'Puts elements behind the last of a list, only if there is one.',
  since: '2.2.0',
  complexity: COMPLEXITY,
  group: 'list',
  flags: ['write', 'denyoom', 'fast'],
  history: [['4.0.0', 'Accepts multiple `element` arguments.']],
  args: { key: key('RW', 'insert'), element: many(bytes) },
  run: ({ key, element }, call, out) => push(call, key, element, false, true, out),
});
