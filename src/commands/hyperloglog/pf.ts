/**
 * PFADD, PFCOUNT and PFMERGE.
 *
 * Hot path: PFADD and PFCOUNT of one key allocate nothing but an effect. Guarded by `bench/hyperloglog.ts`.
 */

import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING } from '../../engine/database.ts';
import { HYPERLOGLOG_CORRUPTED, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, findForWrite } from '../keys.ts';
import { refused } from '../refused.ts';
import { isStale, keepCount, keptCount, REGISTERS } from './layout.ts';
import { addAll, countOf, countOfRegisters, isDense, kindRefusal, load, mergeInto, store } from './value.ts';
import { CORRUPT, WorkingHyperloglog } from './working.ts';

const EVENTS: readonly KeyEvent[] = [{ eventClass: 'string', name: 'pfadd', key: 1 }];
const ADDED_ONE = changed('string', 'pfadd');
/** The bytes are others, the registers are not: nothing that anybody is told of, but a copy must do it, too. */
const COUNT_KEPT: Effect = { kind: 'changed', changes: 1, events: [], replay: undefined };

const working = new WorkingHyperloglog();
const registers = new Uint8Array(REGISTERS);

export const pfadd = shardCommand({
  name: 'PFADD',
  summary: 'Adds elements to the HyperLogLog at a key, which is made if there is none.',
  since: '2.8.9',
  complexity: 'O(1) to add every element.',
  group: 'hyperloglog',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'insert'), element: many(bytes, 0) },
  run({ key, element }, call, out) {
    const { database } = call;
    const ref = findForWrite(call, key);
    if (ref === MISSING) working.clear();
    else {
      const refusal = kindRefusal(database, ref);
      if (refusal !== undefined) return refused(out, refusal);
      if (!load(database, ref, working)) return refused(out, HYPERLOGLOG_CORRUPTED);
    }
    const raised = addAll(call, element, working, call.database.collections.hllSparseMaxBytes);
    if (raised === CORRUPT) return refused(out, HYPERLOGLOG_CORRUPTED);
    const updated = ref === MISSING ? raised + 1 : raised;
    if (updated === 0) {
      database.setEncoding(ref, Encoding.raw);
      out.integer(0);
      return UNCHANGED;
    }
    working.markStale();
    const failure = store(call, key, ref, working);
    if (failure !== undefined) return refused(out, failure);
    out.integer(1);
    return updated === 1 ? ADDED_ONE : changes(updated, EVENTS);
  },
});

function countOne(call: ShardCall, key: ArgIndex, out: ReplyWriter): Effect {
  const { database } = call;
  const ref = find(call, key);
  if (ref === MISSING) {
    out.integer(0);
    return UNCHANGED;
  }
  const refusal = kindRefusal(database, ref);
  if (refusal !== undefined) return refused(out, refusal);
  database.setEncoding(ref, Encoding.raw);
  const bytesHere = database.valueBytes(ref);
  const start = database.valueStart(ref);
  if (!isStale(bytesHere, start)) {
    out.integer(keptCount(bytesHere, start));
    return UNCHANGED;
  }
  const count = countOf(database, ref);
  if (Number.isNaN(count)) return refused(out, HYPERLOGLOG_CORRUPTED);
  keepCount(bytesHere, start, count);
  answerCount(count, out);
  return COUNT_KEPT;
}

function answerCount(count: number, out: ReplyWriter): void {
  out.integer(Number.isSafeInteger(count) ? count : BigInt(count));
}

/** Raises `registers` to those at every key. Undefined when all was well. */
function mergeAll(call: ShardCall, first: ArgIndex): Refusal | undefined {
  const { database, request } = call;
  registers.fill(0);
  for (let at = first; at < request.argc; at++) {
    const ref = find(call, at);
    if (ref === MISSING) continue;
    const refusal = kindRefusal(database, ref);
    if (refusal !== undefined) return refusal;
    if (!mergeInto(registers, database, ref)) return HYPERLOGLOG_CORRUPTED;
  }
  return undefined;
}

export const pfcount = shardCommand({
  name: 'PFCOUNT',
  summary: 'Estimates how many different elements were added to one HyperLogLog, or to any of several.',
  since: '2.8.9',
  complexity: 'O(1) with a kept estimate, O(N) with N being the number of keys otherwise.',
  group: 'hyperloglog',
  flags: ['readonly'],
  args: { key: many(key('RW', 'access')) },
  run({ key }, call, out) {
    if (call.request.argc === key + 1) return countOne(call, key, out);
    const refusal = mergeAll(call, key);
    if (refusal !== undefined) out.error(refusal);
    else answerCount(countOfRegisters(registers), out);
    return UNCHANGED;
  },
});

/** Whether any of the keys is kept dense: then so is what becomes of them. */
function anyDense(call: ShardCall): boolean {
  const { database, request } = call;
  for (let at = 1; at < request.argc; at++) {
    const ref = database.peek(request.bytes, request.start(at), request.end(at));
    if (ref !== MISSING && isDense(database, ref)) return true;
  }
  return false;
}

export const pfmerge = shardCommand({
  name: 'PFMERGE',
  summary: 'Makes the HyperLogLog at a key what it would be, had all elements of the others been added to it.',
  since: '2.8.9',
  complexity: 'O(N) to merge N HyperLogLogs, but with high constant times.',
  group: 'hyperloglog',
  flags: ['write', 'denyoom'],
  args: { destkey: key('RW', 'access', 'insert'), sourcekey: many(key('RO', 'access'), 0) },
  run({ destkey }, call, out) {
    const refusal = mergeAll(call, destkey);
    if (refusal !== undefined) return refused(out, refusal);
    const becomesDense = anyDense(call);
    const ref = findForWrite(call, destkey);
    if (ref === MISSING) working.clear();
    else if (!load(call.database, ref, working)) return refused(out, HYPERLOGLOG_CORRUPTED);
    if (becomesDense && !working.makeDense()) return refused(out, HYPERLOGLOG_CORRUPTED);
    for (let i = 0; i < REGISTERS; i++) {
      const rank = registers[i] as number;
      if (rank === 0) continue;
      if (working.raise(i, rank, call.database.collections.hllSparseMaxBytes) === CORRUPT) {
        return refused(out, HYPERLOGLOG_CORRUPTED);
      }
    }
    working.markStale();
    const failure = store(call, destkey, ref, working);
    if (failure !== undefined) return refused(out, failure);
    out.ok();
    return ADDED_ONE;
  },
});
