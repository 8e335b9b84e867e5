/**
 * SPOP and SRANDMEMBER: random elements, each as likely as any other, however the set is kept.
 *
 * A pop is replayed as the removal of what it took, which is remembered until the next command.
 */
import { copyRange } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { REPLAY_ROW_ARGUMENTS_MAX } from '../../base/limits.ts';
import { type ArgIndex, integerText, key, optional } from '../../command/args.ts';
import { type Changed, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import { SetView } from '../../engine/types/set.ts';
import { SetEditor } from '../../engine/types/set-editor.ts';
import { MUST_BE_POSITIVE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { find, findForWrite, isOther } from '../keys.ts';
import { randomCount, repeatsRefusal } from '../random-count.ts';
import { type Replay, viewOf } from '../replay.ts';

const SPOP_EVENT: KeyEvent = { eventClass: 'set', name: 'spop', key: 1 };
const DEL_EVENT: KeyEvent = { eventClass: 'generic', name: 'del', key: 1 };
const POPPED: readonly KeyEvent[] = [SPOP_EVENT];
const ALL_POPPED: readonly KeyEvent[] = [SPOP_EVENT, DEL_EVENT];
const MEMORY_BYTES = 1024;
const MEMORY_BYTES_KEPT = 64 * 1024;

/** What was popped, as the effect of the command that did it. */
class Popped implements Changed {
  readonly kind: 'changed';
  changes: number;
  events: readonly KeyEvent[];
  private request: Request | undefined;
  private bytes: Uint8Array;
  private ends: number[];

  constructor() {
    this.kind = 'changed';
    this.changes = 0;
    this.events = POPPED;
    this.request = undefined;
    this.bytes = new Uint8Array(MEMORY_BYTES);
    this.ends = [];
  }

  begin(request: Request): void {
    this.request = request;
    this.ends = [];
    if (this.bytes.length > MEMORY_BYTES_KEPT) this.bytes = new Uint8Array(MEMORY_BYTES);
  }

  remember(element: Uint8Array, start: number, end: number): void {
    const from = this.ends.at(-1) ?? 0;
    const wanted = from + end - start;
    if (wanted > this.bytes.length) {
      const wider = new Uint8Array(Math.max(wanted, this.bytes.length * 2));
      copyRange(this.bytes, 0, from, wider, 0);
      this.bytes = wider;
    }
    copyRange(element, start, end, this.bytes, from);
    this.ends.push(wanted);
  }

  /** @param isWhole whether nothing is left of the set; then what was remembered does not matter */
  of(count: number, isWhole: boolean): this {
    this.changes = count;
    this.events = isWhole ? ALL_POPPED : POPPED;
    return this;
  }

  get replay(): Replay {
    const { request } = this;
    if (request === undefined) return [];
    const key = viewOf(request, 1);
    if (this.events === ALL_POPPED) return [['DEL', key]];
    const rows: (Uint8Array | string)[][] = [];
    let from = 0;
    for (const [i, end] of this.ends.entries()) {
      if (i % REPLAY_ROW_ARGUMENTS_MAX === 0) rows.push(['SREM', key]);
      rows.at(-1)?.push(this.bytes.subarray(from, end));
      from = end;
    }
    return rows;
  }
}

const popped = new Popped();
const editor = new SetEditor();
const view = new SetView();

function popOne(call: ShardCall, ref: number, out: ReplyWriter): Effect {
  const { database } = call;
  const { set } = editor.open(database, ref);
  const place = set.random(database.prng);
  set.read(place);
  out.bulk(set.bytes, set.start, set.end);
  if (out.overflowed) return UNCHANGED;
  popped.begin(call.request);
  popped.remember(set.bytes, set.start, set.end);
  const isWhole = set.size === 1;
  if (isWhole) database.deleteEntry(ref);
  else editor.removePlace(place);
  return popped.of(1, isWhole);
}

function popAll(call: ShardCall, ref: number, out: ReplyWriter): Effect {
  const { set } = editor.open(call.database, ref);
  const { size } = set;
  out.set(size);
  set.each((element, start, end) => {
    out.bulk(element, start, end);
    return !out.overflowed;
  });
  // What cannot be answered is not taken away either.
  if (out.overflowed) return UNCHANGED;
  popped.begin(call.request);
  call.database.deleteEntry(ref);
  return popped.of(size, true);
}

function popSome(call: ShardCall, ref: number, count: number, out: ReplyWriter): Effect {
  const { database } = call;
  const { set } = editor.open(database, ref);
  if (count >= set.size) return popAll(call, ref, out);
  const places = set.choose(count, database.prng);
  popped.begin(call.request);
  out.set(count);
  for (let i = 0; i < count && !out.overflowed; i++) {
    set.read(places[i] as number);
    out.bulk(set.bytes, set.start, set.end);
    popped.remember(set.bytes, set.start, set.end);
  }
  if (out.overflowed) return UNCHANGED;
  editor.removeAll(places);
  return popped.of(count, false);
}

function popCounted(call: ShardCall, key: ArgIndex, countAt: ArgIndex, out: ReplyWriter): Effect {
  const { request } = call;
  const count = parseInteger(request.bytes, request.start(countAt), request.end(countAt));
  if (!(count >= 0)) {
    out.error(MUST_BE_POSITIVE);
    return UNCHANGED;
  }
  const ref = findForWrite(call, key);
  if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
  if (ref !== MISSING && count > 0) return popSome(call, ref, count, out);
  out.set(0);
  return UNCHANGED;
}

export const spop = shardCommand({
  name: 'SPOP',
  summary: 'Takes random elements out of a set and answers them; the last one takes the key along.',
  since: '1.0.0',
  complexity: 'O(1) without a count, else O(N), N being the number of elements taken.',
  group: 'set',
  flags: ['write', 'fast'],
  tips: ['nondeterministic_output'],
  history: [['3.2.0', 'Added the `count` argument.']],
  args: { key: key('RW', 'access', 'delete'), count: optional(integerText) },
  run({ key, count }, call, out) {
    if (count !== undefined) return popCounted(call, key, count, out);
    const ref = findForWrite(call, key);
    if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
    if (ref !== MISSING) return popOne(call, ref, out);
    out.null();
    return UNCHANGED;
  },
});

/** So many different elements. */
function answerDifferent(call: ShardCall, count: number, out: ReplyWriter): void {
  const { size } = view;
  const write = (element: Uint8Array, start: number, end: number): boolean => {
    out.bulk(element, start, end);
    return !out.overflowed;
  };
  if (count >= size) {
    out.array(size);
    return view.each(write);
  }
  out.array(count);
  const places = view.choose(count, call.database.prng);
  for (let i = 0; i < count; i++) {
    view.read(places[i] as number);
    if (!write(view.bytes, view.start, view.end)) return;
  }
}

/** So many elements, of which some may be the same. */
function answerRepeated(call: ShardCall, count: number, out: ReplyWriter): void {
  out.array(count);
  for (let i = 0; i < count && !out.overflowed; i++) {
    view.read(view.random(call.database.prng));
    out.bulk(view.bytes, view.start, view.end);
  }
}

function randomCounted(call: ShardCall, key: ArgIndex, countAt: ArgIndex, out: ReplyWriter): Effect {
  const count = randomCount(call.request, countAt);
  if (typeof count !== 'number') {
    out.error(count);
    return UNCHANGED;
  }
  const ref = find(call, key);
  if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
  view.open(call.database, ref);
  if (ref === MISSING || count === 0) out.array(0);
  else if (count > 0) answerDifferent(call, count, out);
  else {
    const refusal = repeatsRefusal(count);
    if (refusal === undefined) answerRepeated(call, -count, out);
    else out.error(refusal);
  }
  return UNCHANGED;
}

export const srandmember = shardCommand({
  name: 'SRANDMEMBER',
  summary: 'Random elements of a set: different ones, or with a negative count any.',
  since: '1.0.0',
  complexity: 'O(1) without a count, else O(N), N being the count without its sign.',
  group: 'set',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  history: [['2.6.0', 'Added the optional `count` argument.']],
  args: { key: key('RO', 'access'), count: optional(integerText) },
  run({ key, count }, call, out) {
    if (count !== undefined) return randomCounted(call, key, count, out);
    const ref = find(call, key);
    if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
    if (ref === MISSING) {
      out.null();
      return UNCHANGED;
    }
    view.open(call.database, ref);
    view.read(view.random(call.database.prng));
    out.bulk(view.bytes, view.start, view.end);
    return UNCHANGED;
  },
});
