/**
 * Commands that move an element from an end of one list to an end of another, or of the same.
 *
 * The blocking forms are answered like the others as long as there is an element; otherwise the client waits.
 *
 * Hot path: a move allocates nothing. Guarded by `bench/list.ts`.
 */

import { type ArgIndex, custom, floatText, key } from '../../command/args.ts';
import { type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, OK } from '../../engine/database.ts';
import { elementBytes } from '../../engine/listpack-element.ts';
import { createList, List } from '../../engine/types/list.ts';
import { ListCursor } from '../../engine/types/list-cursor.ts';
import { ElementRun } from '../../engine/types/list-run.ts';
import { OOM, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { findForWrite } from '../keys.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { blockingTimeout } from '../timeouts.ts';
import { waitFor } from '../waiting.ts';
import { endDoc, headAt, NOT_THERE, OPENED, openToAdd, openToWrite, REFUSED } from './value.ts';

/** Where the keys stand in all of these commands. */
const FROM: ArgIndex = 1;
const TO: ArgIndex = 2;

const source = new List();
const target = new List();
const cursor = new ListCursor();
const run = new ElementRun();

/** From which end to which: LEFT and RIGHT are head and end. */
interface Ends {
  readonly fromHead: boolean;
  readonly toHead: boolean;
}

const RIGHT_TO_LEFT: Ends = { fromHead: false, toHead: true };
const ALL_ENDS: readonly Ends[] = [
  { fromHead: false, toHead: false },
  RIGHT_TO_LEFT,
  { fromHead: true, toHead: false },
  { fromHead: true, toHead: true },
];

const ENDS = custom({
  required: 2,
  parse(request, at) {
    const fromHead = headAt(request, at);
    const toHead = headAt(request, at + 1);
    if (fromHead === undefined || toHead === undefined) return SYNTAX_ERROR;
    const value = ALL_ENDS[(fromHead ? 2 : 0) + (toHead ? 1 : 0)] ?? RIGHT_TO_LEFT;
    return { end: at + 2, value, keys: [] };
  },
  docs: [endDoc('wherefrom'), endDoc('whereto')],
});

function eventsOf({ fromHead, toHead }: Ends, isGone: boolean): readonly KeyEvent[] {
  const events: KeyEvent[] = [
    { eventClass: 'list', name: toHead ? 'lpush' : 'rpush', key: 2 },
    { eventClass: 'list', name: fromHead ? 'lpop' : 'rpop', key: 1 },
  ];
  if (isGone) events.push({ eventClass: 'generic', name: 'del', key: 1 });
  return events;
}

/** What LMOVE did, told to copies as LMOVE, whether anybody waited or not. */
class Moved {
  readonly kind = 'changed';
  readonly changes = 1;
  readonly events: readonly KeyEvent[];
  private readonly ends: Ends;
  private request: Request | undefined;

  constructor(ends: Ends, isGone: boolean) {
    this.events = eventsOf(ends, isGone);
    this.ends = ends;
    this.request = undefined;
  }

  of(request: Request): this {
    this.request = request;
    return this;
  }

  get replay() {
    const { request, ends } = this;
    if (request === undefined) return undefined;
    const from = ends.fromHead ? 'LEFT' : 'RIGHT';
    const to = ends.toHead ? 'LEFT' : 'RIGHT';
    return [['LMOVE', viewOf(request, FROM), viewOf(request, TO), from, to]];
  }
}

const MOVED = new Map(ALL_ENDS.map((ends) => [ends, new Moved(ends, false)] as const));
const LAST_MOVED = new Map(ALL_ENDS.map((ends) => [ends, new Moved(ends, true)] as const));

/** There is no element; who has waited for one is told so by an array. */
function answerNone(waits: boolean, out: ReplyWriter): void {
  if (waits) out.nullArray();
  else out.null();
}

/** Puts the element at an end of the source into the run. */
function pickUp(fromHead: boolean): void {
  source.seek(fromHead ? 0 : -1, cursor);
  run.begin().addEncoded(cursor.segment, cursor.p, elementBytes(cursor.segment, cursor.p));
}

/** Pushes the run to the second key. The source, aimed at anew, then still has the element. @returns whether that was done. */
function putDown(call: ShardCall, ends: Ends, waits: boolean, out: ReplyWriter): boolean {
  const { database, request } = call;
  const opened = openToAdd(call, TO, run.length, target, out);
  if (opened === REFUSED) return false;
  // Room may cost any key, even the one that the element is from: then it is as if that had been gone before.
  const from = findForWrite(call, FROM);
  if (from === MISSING) {
    answerNone(waits, out);
    return false;
  }
  const outcome =
    opened === OPENED
      ? target.push(run, ends.toHead)
      : createList(database, request.bytes, request.start(TO), request.end(TO), run);
  if (outcome !== OK) {
    out.error(OOM);
    return false;
  }
  source.open(database, findForWrite(call, FROM));
  return true;
}

/** @param wait_ms undefined when it never waits */
function move(call: ShardCall, ends: Ends, wait_ms: number | undefined, out: ReplyWriter): Effect {
  const opened = openToWrite(call, FROM, source, out);
  if (opened === NOT_THERE) {
    if (wait_ms !== undefined && call.mayWait) return waitFor('list', FROM, 1, wait_ms);
    out.null();
  }
  if (opened !== OPENED) return UNCHANGED;
  pickUp(ends.fromHead);
  if (!putDown(call, ends, wait_ms !== undefined, out)) return UNCHANGED;
  source.seek(ends.fromHead ? 0 : -1, cursor);
  const { bytes, start, end } = cursor.read();
  out.bulk(bytes, start, end);
  source.pop(ends.fromHead);
  const effect = (source.size === 0 ? LAST_MOVED : MOVED).get(ends);
  return effect === undefined ? UNCHANGED : effect.of(call.request);
}

function moveBlocking(call: ShardCall, ends: Ends, timeout: ArgIndex, out: ReplyWriter): Effect {
  const wait_ms = blockingTimeout(call.request, timeout);
  return typeof wait_ms === 'number' ? move(call, ends, wait_ms, out) : refused(out, wait_ms);
}

const SOURCE = key('RW', 'access', 'delete');
const DESTINATION = key('RW', 'insert');
const BY_LMOVE = { since: '6.2.0', replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments' };
const BY_BLMOVE = { since: '6.2.0', replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments' };

export const lmove = shardCommand({
  name: 'LMOVE',
  summary: 'Moves an element from an end of one list to an end of another, and answers it.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'list',
  arity: 5,
  flags: ['write', 'denyoom'],
  args: { source: SOURCE, destination: DESTINATION, ends: ENDS },
  run: ({ ends }, call, out) => move(call, ends.value, undefined, out),
});

export const blmove = shardCommand({
  name: 'BLMOVE',
  summary: 'As LMOVE, and waits for an element where there is none.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'list',
  arity: 6,
  flags: ['write', 'denyoom', 'noscript', 'blocking'],
  args: { source: SOURCE, destination: DESTINATION, ends: ENDS, timeout: floatText },
  run: ({ ends, timeout }, call, out) => moveBlocking(call, ends.value, timeout, out),
});

export const rpoplpush = shardCommand({
  name: 'RPOPLPUSH',
  summary: 'Moves the last element of one list to the head of another, and answers it.',
  since: '1.2.0',
  complexity: 'O(1)',
  group: 'list',
  flags: ['write', 'denyoom'],
  deprecated: BY_LMOVE,
  args: { source: SOURCE, destination: DESTINATION },
  run: (_args, call, out) => move(call, RIGHT_TO_LEFT, undefined, out),
});

export const brpoplpush = shardCommand({
  name: 'BRPOPLPUSH',
  summary: 'As RPOPLPUSH, and waits for an element where there is none.',
  since: '2.2.0',
  complexity: 'O(1)',
  group: 'list',
  flags: ['write', 'denyoom', 'noscript', 'blocking'],
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  deprecated: BY_BLMOVE,
  args: { source: SOURCE, destination: DESTINATION, timeout: floatText },
  run: ({ timeout }, call, out) => moveBlocking(call, RIGHT_TO_LEFT, timeout, out),
});
