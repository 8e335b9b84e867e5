/**
 * Intersections, unions and differences of sets, answered, counted or stored.
 *
 * An intersection walks the smallest set and asks the others. A difference asks the others about each element of the first
 * set, or takes their elements out of a copy of it, whichever looks cheaper. A union is put together in a new set; what
 * was put together only to be answered is charged for just that long.
 *
 * Invariant: a stored result is complete before the old value goes.
 */
import { type ArgIndex, after, counted, integer, key, many } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { NO_EXPIRY, OK, ValueType } from '../../engine/database.ts';
import { BLOCK_OVERHEAD_BYTES, type ElementVisitor, SetView } from '../../engine/types/set.ts';
import { FAILED, LARGE_OVERHEAD_BYTES, SetEditor } from '../../engine/types/set-editor.ts';
import { LIMIT_NEGATIVE, NUMKEYS_BEYOND_ARGUMENTS, NUMKEYS_NOT_POSITIVE, OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, isOther, roomFor } from '../keys.ts';

type Operation = 'inter' | 'union' | 'diff';

const DELETED = changed('generic', 'del');
const STORED: Readonly<Record<Operation, Effect>> = {
  inter: changed('set', 'sinterstore'),
  union: changed('set', 'sunionstore'),
  diff: changed('set', 'sdiffstore'),
};

const result = new SetEditor();

// -- Operands ------------------------------------------------------------------------------------------------------------

/** The sets of so many keys from `first` on, empty where there is none; undefined when one holds something else, which is answered. */
function operands(call: ShardCall, first: ArgIndex, count: number, out: ReplyWriter): SetView[] | undefined {
  const sets: SetView[] = [];
  for (let at = first; at < first + count; at++) {
    const ref = find(call, at);
    if (isOther(call, ref, ValueType.set, out)) return undefined;
    sets.push(new SetView().open(call.database, ref));
  }
  return sets;
}

/** The same keys once more, after something may have been evicted. */
function reopen(call: ShardCall, first: ArgIndex, sets: readonly SetView[]): void {
  const { request, database } = call;
  for (const [i, set] of sets.entries()) {
    set.open(database, database.peek(request.bytes, request.start(first + i), request.end(first + i)));
  }
}

function rising(sets: readonly SetView[]): SetView[] {
  return [...sets].sort((a, b) => a.size - b.size);
}

// -- Walks ---------------------------------------------------------------------------------------------------------------

/** Visits what is in all the sets. */
function eachOfIntersection(sets: readonly SetView[], visit: ElementVisitor): void {
  const [smallest, ...others] = rising(sets);
  if (smallest === undefined) return;
  smallest.each((bytes, start, end) => {
    for (const other of others) if (!other.has(bytes, start, end)) return true;
    return visit(bytes, start, end);
  });
}

/** Visits what is in the first set only. */
function eachOfDifference(sets: readonly SetView[], visit: ElementVisitor): void {
  const [first, ...others] = sets;
  // The largest is the likeliest to have an element.
  const likely = rising(others).reverse();
  first?.each((bytes, start, end) => {
    for (const other of likely) if (other.has(bytes, start, end)) return true;
    return visit(bytes, start, end);
  });
}

/** Whether asking the others about each element of the first set looks cheaper than taking theirs out of a copy. */
function asksOthers(sets: readonly SetView[]): boolean {
  const first = sets[0]?.size ?? 0;
  let asking = 0;
  let copying = 0;
  for (const set of sets) {
    asking += first;
    copying += set.size;
  }
  // Asking costs nothing to build and stops at the first answer.
  return asking / 2 <= copying;
}

// -- Results -------------------------------------------------------------------------------------------------------------

/** Adds everything that a walk visits to `result`. False when the arena is full. */
function gather(walk: (visit: ElementVisitor) => void): boolean {
  let fits = true;
  walk((bytes, start, end) => {
    fits = result.add(bytes, start, end) !== FAILED;
    return fits;
  });
  return fits;
}

function takeOut(sets: readonly SetView[]): boolean {
  const [first, ...others] = sets;
  if (first === undefined || !gather((visit) => first.each(visit))) return first === undefined;
  for (const other of others) {
    other.each((bytes, start, end) => {
      result.remove(bytes, start, end);
      return result.set.size > 0;
    });
  }
  return true;
}

/** Puts the result together, which the caller stores or discards. False when the arena is full. */
function build(call: ShardCall, operation: Operation, sets: readonly SetView[]): boolean {
  result.begin(call.database);
  if (operation === 'inter') return gather((visit) => eachOfIntersection(sets, visit));
  if (operation === 'union') return sets.every((set) => gather((visit) => set.each(visit)));
  return asksOthers(sets) ? gather((visit) => eachOfDifference(sets, visit)) : takeOut(sets);
}

function answerWalk(walk: (visit: ElementVisitor) => void, out: ReplyWriter): void {
  const handle = out.beginArray();
  let count = 0;
  walk((bytes, start, end) => {
    out.bulk(bytes, start, end);
    count++;
    return !out.overflowed;
  });
  out.endSet(handle, count);
}

function answer(call: ShardCall, operation: Operation, first: ArgIndex, out: ReplyWriter): Effect {
  const sets = operands(call, first, call.request.argc - first, out);
  if (sets === undefined) return UNCHANGED;
  if (operation === 'inter') answerWalk((visit) => eachOfIntersection(sets, visit), out);
  else if (operation === 'diff' && asksOthers(sets)) answerWalk((visit) => eachOfDifference(sets, visit), out);
  else {
    if (build(call, operation, sets)) answerWalk((visit) => result.set.each(visit), out);
    else out.error(OOM);
    result.discard(call.shard.world.lazyFree);
  }
  return UNCHANGED;
}

// -- Storing -------------------------------------------------------------------------------------------------------------

/** Bytes that the result takes at the most. */
function resultBytes(operation: Operation, sets: readonly SetView[]): number {
  if (operation === 'diff') return LARGE_OVERHEAD_BYTES + (sets[0]?.bytesAsBlocks() ?? 0);
  if (operation === 'union') return sets.reduce((sum, set) => sum + set.bytesAsBlocks(), LARGE_OVERHEAD_BYTES);
  return LARGE_OVERHEAD_BYTES + (rising(sets)[0]?.bytesAsBlocks() ?? 0);
}

function intersectionBytes(sets: readonly SetView[]): number {
  let bytes = LARGE_OVERHEAD_BYTES;
  eachOfIntersection(sets, (_bytes, start, end) => {
    bytes += end - start + BLOCK_OVERHEAD_BYTES;
    return true;
  });
  return bytes;
}

/** Asks for room for the result, after which every look-up has to be done again. */
function hasRoom(call: ShardCall, destination: ArgIndex, operation: Operation, sets: readonly SetView[]): boolean {
  const most = resultBytes(operation, sets);
  if (operation !== 'inter' || call.realm.room(most)) return roomFor(call, destination, most);
  // An intersection is often far smaller: before anything is evicted or refused for it, it is measured.
  return roomFor(call, destination, intersectionBytes(sets));
}

function answerStored(call: ShardCall, operation: Operation, first: ArgIndex, out: ReplyWriter): Effect {
  const { request, database } = call;
  const destination = 1;
  const sets = operands(call, first, request.argc - first, out);
  if (sets === undefined) return UNCHANGED;
  if (!hasRoom(call, destination, operation, sets)) {
    out.error(OOM);
    return UNCHANGED;
  }
  reopen(call, first, sets);
  const { bytes } = request;
  const start = request.start(destination);
  const end = request.end(destination);
  const isComplete = build(call, operation, sets);
  const { size } = result.set;
  const isStored = isComplete && size > 0 && result.store(bytes, start, end, NO_EXPIRY) === OK;
  result.discard(call.shard.world.lazyFree);
  if (isStored) {
    out.integer(size);
    return STORED[operation];
  }
  if (size > 0 || !isComplete) {
    out.error(OOM);
    return UNCHANGED;
  }
  out.integer(0);
  return database.delete(bytes, start, end) ? DELETED : UNCHANGED;
}

// -- Commands ------------------------------------------------------------------------------------------------------------

const INTERSECTION_COST = 'O(N*M), N being the size of the smallest set and M the number of sets.';
const SUM_COST = 'O(N), N being the number of elements of all sets.';
const READS = { group: 'set', flags: ['readonly'], tips: ['nondeterministic_output_order'], since: '1.0.0' } as const;
const STORES = { group: 'set', flags: ['write', 'denyoom'], since: '1.0.0' } as const;
const SOURCES = { key: many(key('RO', 'access')) };
const TARGET_AND_SOURCES = { destination: key('OW', 'update'), key: many(key('RO', 'access')) };

export const sinter = shardCommand({
  ...READS,
  name: 'SINTER',
  summary: 'What is an element of all the sets.',
  complexity: INTERSECTION_COST,
  args: SOURCES,
  run: ({ key }, call, out) => answer(call, 'inter', key, out),
});

export const sunion = shardCommand({
  ...READS,
  name: 'SUNION',
  summary: 'What is an element of any of the sets.',
  complexity: SUM_COST,
  args: SOURCES,
  run: ({ key }, call, out) => answer(call, 'union', key, out),
});

export const sdiff = shardCommand({
  ...READS,
  name: 'SDIFF',
  summary: 'What is an element of the first set and of no other.',
  complexity: SUM_COST,
  args: SOURCES,
  run: ({ key }, call, out) => answer(call, 'diff', key, out),
});

export const sinterstore = shardCommand({
  ...STORES,
  name: 'SINTERSTORE',
  summary: 'Stores what is an element of all the sets.',
  complexity: INTERSECTION_COST,
  args: { destination: key('RW', 'update'), key: many(key('RO', 'access')) },
  run: ({ key }, call, out) => answerStored(call, 'inter', key, out),
});

export const sunionstore = shardCommand({
  ...STORES,
  name: 'SUNIONSTORE',
  summary: 'Stores what is an element of any of the sets.',
  complexity: SUM_COST,
  args: TARGET_AND_SOURCES,
  run: ({ key }, call, out) => answerStored(call, 'union', key, out),
});

export const sdiffstore = shardCommand({
  ...STORES,
  name: 'SDIFFSTORE',
  summary: 'Stores what is an element of the first set and of no other.',
  complexity: SUM_COST,
  args: TARGET_AND_SOURCES,
  run: ({ key }, call, out) => answerStored(call, 'diff', key, out),
});

export const sintercard = shardCommand({
  name: 'SINTERCARD',
  summary: 'Counts what is an element of all the sets, up to a limit if wanted.',
  since: '7.0.0',
  complexity: INTERSECTION_COST,
  group: 'set',
  flags: ['readonly'],
  args: {
    key: counted(key('RO', 'access'), {
      outOfRange: NUMKEYS_NOT_POSITIVE,
      beyondRequest: NUMKEYS_BEYOND_ARGUMENTS,
    }),
    limit: after('LIMIT', integer({ min: 0, outOfRange: LIMIT_NEGATIVE })),
  },
  run({ key, limit = 0 }, call, out) {
    const sets = operands(call, key.first, key.count, out);
    if (sets === undefined) return UNCHANGED;
    let count = 0;
    eachOfIntersection(sets, () => {
      count++;
      return count !== limit;
    });
    out.integer(count);
    return UNCHANGED;
  },
});
