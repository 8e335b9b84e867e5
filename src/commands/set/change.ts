/**
 * Commands that add elements to sets and take named ones out.
 *
 * Hot path: SADD and SREM of one element allocate nothing. Guarded by `bench/command.ts`.
 */
import { equalRanges } from '../../base/bytes.ts';
import { isInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_EXPIRY, OK, ValueType } from '../../engine/database.ts';
import { BLOCK_OVERHEAD_BYTES, SetView } from '../../engine/types/set.ts';
import { ADDED, FAILED, SetEditor } from '../../engine/types/set-editor.ts';
import { OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { findForWrite, isOther, roomFor } from '../keys.ts';
import { viewOf } from '../replay.ts';

const SADD_EVENT: KeyEvent = { eventClass: 'set', name: 'sadd', key: 1 };
const SREM_EVENT: KeyEvent = { eventClass: 'set', name: 'srem', key: 1 };
const DEL_EVENT: KeyEvent = { eventClass: 'generic', name: 'del', key: 1 };
const ONE_ADDED = changed('set', 'sadd');
const ONE_REMOVED = changed('set', 'srem');
const LAST_REMOVED = changes(1, [SREM_EVENT, DEL_EVENT]);
const MOVED_IN: KeyEvent = { eventClass: 'set', name: 'sadd', key: 2 };
const MOVED = changes(2, [SREM_EVENT, MOVED_IN]);
const LAST_MOVED = changes(2, [SREM_EVENT, DEL_EVENT, MOVED_IN]);

const editor = new SetEditor();
const target = new SetEditor();
const view = new SetView();

function refuseRoom(out: ReplyWriter): Effect {
  out.error(OOM);
  return UNCHANGED;
}

/** What SADD is about to write. */
class Load {
  bytes = 0;
  longest = 0;
  integers = true;

  measure(call: ShardCall, first: ArgIndex): void {
    const { request } = call;
    this.bytes = 0;
    this.longest = 0;
    this.integers = true;
    for (let at = first; at < request.argc; at++) {
      const length = request.length(at);
      this.bytes += length + BLOCK_OVERHEAD_BYTES;
      if (length > this.longest) this.longest = length;
      if (this.integers) this.integers = isInteger(request.bytes, request.start(at), request.end(at));
    }
  }
}

const load = new Load();

/** The argument that did not fit, 0 when all did: set by `addArguments`. */
let failedAt = 0;

/** Adds the arguments from `first` on, until one does not fit. @returns how many were new */
function addArguments(call: ShardCall, first: ArgIndex, into: SetEditor): number {
  const { request } = call;
  let added = 0;
  failedAt = 0;
  for (let at = first; at < request.argc; at++) {
    const addition = into.add(request.bytes, request.start(at), request.end(at));
    if (addition === ADDED) added++;
    if (addition !== FAILED) continue;
    failedAt = at;
    break;
  }
  return added;
}

function addToNew(call: ShardCall, key: ArgIndex, first: ArgIndex, out: ReplyWriter): Effect {
  const { request, database } = call;
  editor.begin(database);
  const added = addArguments(call, first, editor);
  if (failedAt === 0 && editor.store(request.bytes, request.start(key), request.end(key), NO_EXPIRY) === OK) {
    out.integer(added);
    return added === 1 ? ONE_ADDED : changes(added, [SADD_EVENT]);
  }
  editor.discard(call.shard.world.lazyFree);
  return refuseRoom(out);
}

function addToEntry(call: ShardCall, key: ArgIndex, first: ArgIndex, out: ReplyWriter): Effect {
  const added = addArguments(call, first, editor);
  if (failedAt !== 0) return addedInPart(call, key, first, added, out);
  out.integer(added);
  return added === 1 ? ONE_ADDED : changes(added, [SADD_EVENT]);
}

/** The arena was full half-way: what is in stays in, and copies are told just that. */
function addedInPart(call: ShardCall, key: ArgIndex, first: ArgIndex, added: number, out: ReplyWriter): Effect {
  const row: (Uint8Array | string)[] = ['SADD', viewOf(call.request, key)];
  for (let at = first; at < failedAt; at++) row.push(viewOf(call.request, at));
  out.error(OOM);
  return changes(added, [SADD_EVENT], [row]);
}

export const sadd = shardCommand({
  name: 'SADD',
  summary: 'Adds elements to a set, which is made when there is none.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of elements.',
  group: 'set',
  flags: ['write', 'denyoom', 'fast'],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  args: { key: key('RW', 'insert'), member: many(bytes) },
  run({ key, member }, call, out) {
    load.measure(call, member);
    if (!roomFor(call, key, load.bytes)) return refuseRoom(out);
    const ref = findForWrite(call, key);
    if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
    if (ref === MISSING) return addToNew(call, key, member, out);
    editor.open(call.database, ref);
    const conversion = editor.conversionBytes(call.request.argc - member, load.longest, load.integers);
    if (conversion > 0 && !call.realm.room(load.bytes + conversion)) {
      if (!call.realm.ensureRoom(load.bytes + conversion)) return refuseRoom(out);
      // Making room may have cost this very key.
      const again = findForWrite(call, key);
      if (again === MISSING) return addToNew(call, key, member, out);
      editor.open(call.database, again);
    }
    return addToEntry(call, key, member, out);
  },
});

export const srem = shardCommand({
  name: 'SREM',
  summary: 'Takes elements out of a set; the last one takes the key along.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of elements.',
  group: 'set',
  flags: ['write', 'fast'],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  args: { key: key('RW', 'delete'), member: many(bytes) },
  run({ key, member }, call, out) {
    const { request, database } = call;
    const ref = findForWrite(call, key);
    if (isOther(call, ref, ValueType.set, out)) return UNCHANGED;
    if (ref === MISSING) {
      out.integer(0);
      return UNCHANGED;
    }
    editor.open(database, ref);
    let left = editor.set.size;
    let removed = 0;
    for (let at = member; at < request.argc && left > 0; at++) {
      if (!editor.remove(request.bytes, request.start(at), request.end(at))) continue;
      removed++;
      left--;
    }
    if (left === 0) database.deleteEntry(editor.entry);
    out.integer(removed);
    if (removed === 1) return left === 0 ? LAST_REMOVED : ONE_REMOVED;
    return changes(removed, left === 0 ? [SREM_EVENT, DEL_EVENT] : [SREM_EVENT]);
  },
});

function sameKey(call: ShardCall, a: ArgIndex, b: ArgIndex): boolean {
  const { request } = call;
  const length = request.length(a);
  const { bytes } = request;
  return length === request.length(b) && equalRanges(bytes, request.start(a), bytes, request.start(b), length);
}

/** Adds the element to the set at a key, or makes one of it. */
function moveIn(call: ShardCall, key: ArgIndex, ref: number, member: ArgIndex): number {
  const { request, database } = call;
  const { bytes } = request;
  const start = request.start(member);
  const end = request.end(member);
  if (ref !== MISSING) return target.open(database, ref).add(bytes, start, end);
  const addition = target.begin(database).add(bytes, start, end);
  if (addition === ADDED && target.store(bytes, request.start(key), request.end(key), NO_EXPIRY) === OK) return ADDED;
  target.discard(call.shard.world.lazyFree);
  return FAILED;
}

function move(
  call: ShardCall,
  source: ArgIndex,
  destination: ArgIndex,
  member: ArgIndex,
  from: number,
  to: number,
  out: ReplyWriter,
): Effect {
  const { request, database } = call;
  const { bytes } = request;
  const start = request.start(member);
  const end = request.end(member);
  const isThere = view.open(database, from).has(bytes, start, end);
  if (!isThere || sameKey(call, source, destination)) {
    out.integer(isThere ? 1 : 0);
    return UNCHANGED;
  }
  // In first, out then: what can fail comes before what cannot.
  const addition = moveIn(call, destination, to, member);
  if (addition === FAILED) return refuseRoom(out);
  editor.open(database, from).remove(bytes, start, end);
  const isLast = editor.set.size === 0;
  if (isLast) database.deleteEntry(editor.entry);
  out.integer(1);
  if (addition === ADDED) return isLast ? LAST_MOVED : MOVED;
  return isLast ? LAST_REMOVED : ONE_REMOVED;
}

export const smove = shardCommand({
  name: 'SMOVE',
  summary: 'Moves an element from one set to another.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'set',
  flags: ['write', 'fast'],
  args: { source: key('RW', 'access', 'delete'), destination: key('RW', 'insert'), member: bytes },
  run({ source, destination, member }, call, out) {
    const hasRoom = roomFor(call, destination, call.request.length(member) + BLOCK_OVERHEAD_BYTES);
    const from = findForWrite(call, source);
    const to = findForWrite(call, destination);
    if (from === MISSING) {
      out.integer(0);
      return UNCHANGED;
    }
    if (isOther(call, from, ValueType.set, out) || isOther(call, to, ValueType.set, out)) return UNCHANGED;
    return hasRoom ? move(call, source, destination, member, from, to, out) : refuseRoom(out);
  },
});
