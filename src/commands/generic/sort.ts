/** SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what they lead to. */
import { type ArgIndex, custom, key } from '../../command/args.ts';
import { changed, changes, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, OK, ValueType } from '../../engine/database.ts';
import { List } from '../../engine/types/list.ts';
import { ListBuilder } from '../../engine/types/list-builder.ts';
import { ListCursor } from '../../engine/types/list-cursor.ts';
import { SetView } from '../../engine/types/set.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import { OOM, SORT_NOT_NUMERIC, WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, roomFor } from '../keys.ts';
import {
  isItself,
  parseSort,
  READING_DOCS,
  READING_KEYS,
  type SortOptions,
  STORING_DOCS,
  STORING_KEYS,
} from './sort-options.ts';
import { sortedRows, sortScore } from './sort-order.ts';
import { KeyPattern } from './sort-pattern.ts';
import { ByteRows } from './sort-rows.ts';

/** What an element of the stored list takes beyond its text. */
const ELEMENT_OVERHEAD_BYTES = 12;

const list = new List();
const listCursor = new ListCursor();
const set = new SetView();
const zset = new SortedSet();
const zsetCursor = new ZsetCursor();

/** A collection that can be sorted, nothing counts as an empty one: how many elements, and a copy of some. */
interface Source {
  readonly size: number;
  readonly hasOwnOrder: boolean;
  /** Copies `count` elements from the index `from` on, or backward, where that is a direction, counted from the end. */
  readonly copy: (from: number, count: number, backward: boolean, into: ByteRows) => void;
}

const NOTHING: Source = { size: 0, hasOwnOrder: true, copy() {} };

function copyList(from: number, count: number, backward: boolean, into: ByteRows): void {
  list.seek(backward ? list.size - 1 - from : from, listCursor);
  for (let i = 0; i < count; i++) {
    if (i > 0) backward ? listCursor.previous() : listCursor.next();
    const { bytes, start, end } = listCursor.read();
    into.add(bytes, start, end);
  }
}

function copySortedSet(from: number, count: number, backward: boolean, into: ByteRows): void {
  zset.seek(backward ? zset.size - 1 - from : from, zsetCursor);
  for (let i = 0; i < count; i++) {
    if (i > 0) backward ? zsetCursor.previous() : zsetCursor.next();
    into.add(zsetCursor.bytes, zsetCursor.start, zsetCursor.end);
  }
}

function copySet(from: number, count: number, _backward: boolean, into: ByteRows): void {
  let skip = from;
  set.each((bytes, start, end) => {
    if (skip-- > 0) return true;
    into.add(bytes, start, end);
    return into.count < count;
  });
}

/** What is at the key; undefined when it cannot be sorted. */
function sourceAt(call: ShardCall, key: ArgIndex): Source | undefined {
  const { database } = call;
  const ref = find(call, key);
  if (ref === MISSING) return NOTHING;
  switch (database.valueType(ref)) {
    case ValueType.list:
      return { size: list.open(database, ref).size, hasOwnOrder: true, copy: copyList };
    case ValueType.set:
      return { size: set.open(database, ref).size, hasOwnOrder: false, copy: copySet };
    case ValueType.zset:
      return { size: zset.open(database, ref).size, hasOwnOrder: false, copy: copySortedSet };
    default:
      return undefined;
  }
}

/** Elements, the rows of them that are asked for, in order: from `from` to before `to`. */
interface Sorted {
  readonly elements: ByteRows;
  readonly order: Uint32Array | undefined;
  readonly from: number;
  readonly to: number;
}

function rowAt(sorted: Sorted, i: number): number {
  return sorted.order === undefined ? i : (sorted.order[i] as number);
}

/** Copies and sorts; undefined when something is not the number that it should be. */
function sort(call: ShardCall, source: Source, options: SortOptions): Sorted | undefined {
  const { size } = source;
  const from = Math.min(Math.max(0, options.offset), size);
  const wanted = options.count < 0 ? size : Math.min(options.count, size);
  const to = Math.min(size, from + wanted);
  const elements = new ByteRows();
  // A set that is to be stored gets an order, so that every copy gets the same.
  const forced = options.unsorted && source.copy === copySet && options.store !== undefined;
  if (options.unsorted && !forced) {
    if (to > from) source.copy(from, to - from, options.descending, elements);
    return { elements, order: undefined, from: 0, to: elements.count };
  }
  if (size > 0) source.copy(0, size, false, elements);
  const order = ordered(call, elements, options, forced, source.hasOwnOrder);
  return order === undefined ? undefined : { elements, order, from, to };
}

function ordered(
  call: ShardCall,
  elements: ByteRows,
  options: SortOptions,
  forced: boolean,
  hasOwnOrder: boolean,
): Uint32Array | undefined {
  const { descending, by } = options;
  const byPattern = by === undefined || forced ? undefined : new KeyPattern(call.request.copy(by));
  const isText = options.alphabetical || forced;
  const scores = isText ? undefined : scoresOf(call, elements, byPattern);
  if (!isText && scores === undefined) return undefined;
  const texts = isText && byPattern !== undefined ? textsOf(call, elements, byPattern) : elements;
  return sortedRows({ elements, scores, texts, descending, stored: options.store !== undefined, hasOwnOrder });
}

/** Undefined when one is no number. What leads nowhere counts as 0. */
function scoresOf(call: ShardCall, elements: ByteRows, pattern: KeyPattern | undefined): Float64Array | undefined {
  const scores = new Float64Array(elements.count);
  let complete = true;
  for (let row = 0; row < elements.count; row++) {
    let score = 0;
    if (pattern === undefined) score = sortScore(elements.bytes, elements.start(row), elements.end(row));
    else if (pattern.follow(call, elements.bytes, elements.start(row), elements.end(row))) {
      const { bytes, start, end } = pattern.found;
      score = sortScore(bytes, start, end);
    }
    if (Number.isNaN(score)) complete = false;
    scores[row] = score;
  }
  return complete ? scores : undefined;
}

function textsOf(call: ShardCall, elements: ByteRows, pattern: KeyPattern): ByteRows {
  const texts = new ByteRows();
  for (let row = 0; row < elements.count; row++) addFound(call, elements, row, pattern, texts);
  return texts;
}

/** Adds what a pattern leads to from an element; the element itself without a pattern. */
function addFound(
  call: ShardCall,
  elements: ByteRows,
  row: number,
  pattern: KeyPattern | undefined,
  into: ByteRows,
): void {
  const start = elements.start(row);
  const end = elements.end(row);
  if (pattern === undefined) into.add(elements.bytes, start, end);
  else if (pattern.follow(call, elements.bytes, start, end)) {
    into.add(pattern.found.bytes, pattern.found.start, pattern.found.end);
  } else into.addAbsent();
}

/** One for each GET, undefined for the element itself; just that without any GET. */
function patternsOf(call: ShardCall, options: SortOptions): readonly (KeyPattern | undefined)[] {
  if (options.get.length === 0) return [undefined];
  return options.get.map((at) => (isItself(call.request, at) ? undefined : new KeyPattern(call.request.copy(at))));
}

function answer(call: ShardCall, sorted: Sorted, options: SortOptions, out: ReplyWriter): void {
  const { elements, from, to } = sorted;
  const patterns = patternsOf(call, options);
  out.array((to - from) * patterns.length);
  for (let i = from; i < to && !out.overflowed; i++) {
    const row = rowAt(sorted, i);
    const start = elements.start(row);
    const end = elements.end(row);
    for (const pattern of patterns) {
      if (pattern === undefined) out.bulk(elements.bytes, start, end);
      else if (pattern.follow(call, elements.bytes, start, end)) {
        out.bulk(pattern.found.bytes, pattern.found.start, pattern.found.end);
      } else out.null();
    }
  }
}

/** All that is to be stored, copied: making room for it may cost any key. */
function results(call: ShardCall, sorted: Sorted, options: SortOptions): ByteRows {
  const patterns = patternsOf(call, options);
  const rows = new ByteRows();
  for (let i = sorted.from; i < sorted.to; i++) {
    for (const pattern of patterns) addFound(call, sorted.elements, rowAt(sorted, i), pattern, rows);
  }
  return rows;
}

function store(call: ShardCall, key: ArgIndex, rows: ByteRows, out: ReplyWriter): Effect {
  const { request, database } = call;
  const start = request.start(key);
  const end = request.end(key);
  if (rows.count === 0) {
    out.integer(0);
    return database.delete(request.bytes, start, end) ? changed('generic', 'del', key) : UNCHANGED;
  }
  if (!roomFor(call, key, rows.byteLength + rows.count * ELEMENT_OVERHEAD_BYTES)) return refusedRoom(out);
  const builder = new ListBuilder(database);
  let complete = true;
  for (let row = 0; row < rows.count && complete; row++) {
    const at = rows.start(row);
    complete = builder.add(rows.bytes, at, rows.isAbsent(row) ? at : rows.end(row));
  }
  if (!complete || builder.storeInto(request.bytes, start, end) !== OK) {
    builder.discard();
    return refusedRoom(out);
  }
  out.integer(rows.count);
  return changes(rows.count, [{ eventClass: 'list', name: 'sortstore', key }]);
}

function refusedRoom(out: ReplyWriter): Effect {
  out.error(OOM);
  return UNCHANGED;
}

function run(call: ShardCall, key: ArgIndex, options: SortOptions, out: ReplyWriter): Effect {
  const source = sourceAt(call, key);
  const sorted = source === undefined ? undefined : sort(call, source, options);
  if (sorted === undefined) out.error(source === undefined ? WRONG_TYPE : SORT_NOT_NUMERIC);
  else if (options.store !== undefined) return store(call, options.store, results(call, sorted, options), out);
  else answer(call, sorted, options, out);
  return UNCHANGED;
}

const COMPLEXITY = 'O(N+M*log(M)), N being the elements of the collection and M those answered; O(N) without sorting.';

export const sortCommand = shardCommand({
  name: 'SORT',
  summary: 'Answers, or stores, the elements of a list, set or sorted set in order, or what they lead to.',
  since: '1.0.0',
  complexity: COMPLEXITY,
  group: 'generic',
  flags: ['write', 'denyoom'],
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  args: {
    key: key('RO', 'access'),
    options: custom({
      required: 0,
      parse: (request, at) => parseSort(request, at, true),
      keySpecs: STORING_KEYS,
      docs: STORING_DOCS,
    }),
  },
  run: ({ key, options }, call, out) => run(call, key, options.value, out),
});

export const sortReadOnly = shardCommand({
  name: 'SORT_RO',
  summary: 'As SORT, without storing anything.',
  since: '7.0.0',
  complexity: COMPLEXITY,
  group: 'generic',
  flags: ['readonly'],
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  args: {
    key: key('RO', 'access'),
    options: custom({
      required: 0,
      parse: (request, at) => parseSort(request, at, false),
      keySpecs: READING_KEYS,
      docs: READING_DOCS,
    }),
  },
  run: ({ key, options }, call, out) => run(call, key, options.value, out),
});
