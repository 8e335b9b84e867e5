/**
 * Commands that set and delete fields.
 *
 * Hot path: HSET of one field allocates nothing. Guarded by `bench/hash.ts`.
 */
import { type ArgIndex, bytes, key, many, rows } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_ROOM, OK } from '../../engine/database.ts';
import { CREATED } from '../../engine/types/hash.ts';
import { bytesToBuild, HashBuilder } from '../../engine/types/hash-builder.ts';
import { OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { roomFor } from '../keys.ts';
import { viewOf } from '../replay.ts';
import {
  CountedEffect,
  dropIfEmpty,
  hash,
  NOT_THERE,
  OPENED,
  type Opened,
  openToWrite,
  placeOf,
  REFUSED,
  roomAnew,
} from './value.ts';

const HSET_EVENT: KeyEvent = { eventClass: 'hash', name: 'hset', key: 1 };
const SET = new CountedEffect('hset');
const DELETED = new CountedEffect('hdel');

const builder = new HashBuilder();

/** What is about to be written. */
class Load {
  fields = 0;
  bytes = 0;
  longest = 0;

  /** Fields and values alternate from `first` on. */
  measure(call: ShardCall, first: ArgIndex): void {
    const { request } = call;
    this.fields = (request.argc - first) >>> 1;
    this.bytes = 0;
    this.longest = 0;
    for (let at = first; at < request.argc; at++) {
      const length = request.length(at);
      this.bytes += length;
      if (length > this.longest) this.longest = length;
    }
  }
}

const load = new Load();

/** No room, or something else at the key: answered already. */
export const SET_REFUSED = -1;
/** Fields that the last `setFields` set: not all when the arena was full half-way. */
let written = 0;

/**
 * Sets the fields that stand with their values from `first` to the end of the request, in the hash at the key, which is made
 * when there is none.
 * @returns how many are new, or SET_REFUSED
 */
export function setFields(
  call: ShardCall,
  key: ArgIndex,
  first: ArgIndex,
  keepsExpiry: boolean,
  out: ReplyWriter,
): number {
  load.measure(call, first);
  written = 0;
  let opened = openToWrite(call, key, out);
  if (opened === OPENED) {
    const again = roomAnew(call, key, hash.growthFor(load.fields, load.bytes, load.longest), out);
    if (again === undefined) return noRoom(out);
    opened = again;
  }
  if (opened === REFUSED) return SET_REFUSED;
  if (opened === NOT_THERE) return build(call, key, first, out);
  return fill(call, first, keepsExpiry, out);
}

function noRoom(out: ReplyWriter): typeof SET_REFUSED {
  out.error(OOM);
  return SET_REFUSED;
}

function fill(call: ShardCall, first: ArgIndex, keepsExpiry: boolean, out: ReplyWriter): number {
  const { request } = call;
  const { bytes } = request;
  let created = 0;
  for (let at = first; at < request.argc; at += 2) {
    const value = at + 1;
    const outcome = hash.set(
      bytes,
      request.start(at),
      request.end(at),
      bytes,
      request.start(value),
      request.end(value),
      keepsExpiry,
    );
    if (outcome === NO_ROOM) return noRoom(out);
    written++;
    if (outcome === CREATED) created++;
  }
  return created;
}

/** A hash where none was: as a whole or not at all. Leaves `hash` aimed at nothing. */
function build(call: ShardCall, key: ArgIndex, first: ArgIndex, out: ReplyWriter): number {
  const { request, database } = call;
  const { bytes } = request;
  let created = 0;
  if (!roomFor(call, key, bytesToBuild(database, load.fields, load.bytes, load.longest))) return noRoom(out);
  builder.begin(database);
  for (let at = first; at < request.argc; at += 2) {
    const value = at + 1;
    const outcome = builder.put(
      bytes,
      request.start(at),
      request.end(at),
      bytes,
      request.start(value),
      request.end(value),
    );
    if (outcome === NO_ROOM) {
      builder.abandon();
      return noRoom(out);
    }
    if (outcome === CREATED) created++;
  }
  if (builder.finish(bytes, request.start(key), request.end(key)) !== OK) return noRoom(out);
  written = (request.argc - first) >>> 1;
  return created;
}

/** The effect of `setFields` when it was refused: the arena may have been full half-way, and what is in stays in. */
export function setInPart(call: ShardCall, first: ArgIndex, keepsExpiry = false): Effect {
  if (written === 0) return UNCHANGED;
  const row: (Uint8Array | string)[] = [keepsExpiry ? 'HSETEX' : 'HSET', viewOf(call.request, 1)];
  if (keepsExpiry) row.push('KEEPTTL', 'FIELDS', `${written}`);
  for (let at = first; at < first + 2 * written; at++) row.push(viewOf(call.request, at));
  return changes(written, [HSET_EVENT], [row]);
}

const SHARED = {
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'update'), fields: rows({ field: bytes, value: bytes }) },
} as const;

export const hset = shardCommand({
  ...SHARED, // cold: declared once
  name: 'HSET',
  summary: 'Sets fields of a hash, which is made when there is none.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of fields.',
  history: [['4.0.0', 'Accepts multiple `field` and `value` arguments.']],
  run({ key, fields }, call, out) {
    const created = setFields(call, key, fields, false, out);
    if (created === SET_REFUSED) return setInPart(call, fields);
    out.integer(created);
    return SET.of((call.request.argc - fields) >>> 1, false);
  },
});

export const hmset = shardCommand({
  ...SHARED, // cold: declared once
  name: 'HMSET',
  summary: 'HSET with another reply.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of fields.',
  deprecated: { since: '4.0.0', replacedBy: '`HSET` with multiple field-value pairs' },
  run({ key, fields }, call, out) {
    if (setFields(call, key, fields, false, out) === SET_REFUSED) return setInPart(call, fields);
    out.ok();
    return SET.of((call.request.argc - fields) >>> 1, false);
  },
});

export const hsetnx = shardCommand({
  name: 'HSETNX',
  summary: 'Sets a field of a hash only if there is no such field.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['write', 'denyoom', 'fast'],
  args: { key: key('RW', 'insert'), field: bytes, value: bytes },
  run({ key, field }, call, out) {
    const opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === OPENED && placeOf(call, field) !== MISSING) {
      out.integer(0);
      return UNCHANGED;
    }
    if (setFields(call, key, field, false, out) === SET_REFUSED) return UNCHANGED;
    out.integer(1);
    return SET.of(1, false);
  },
});

/**
 * Sets one field to bytes of our own, its time to live kept: of the hash that is `opened`, or of one that is made at the key.
 * Room has been asked for. @returns false when the arena is full and nothing changed.
 */
export function setField(
  call: ShardCall,
  key: ArgIndex,
  opened: Opened,
  field: ArgIndex,
  value: Uint8Array,
  length: number,
): boolean {
  const { request, database } = call;
  const { bytes } = request;
  const start = request.start(field);
  const end = request.end(field);
  if (opened === OPENED) return hash.set(bytes, start, end, value, 0, length, true) !== NO_ROOM;
  builder.begin(database);
  if (builder.put(bytes, start, end, value, 0, length) !== NO_ROOM) {
    return builder.finish(bytes, request.start(key), request.end(key)) === OK;
  }
  builder.abandon();
  return false;
}

export const hdel = shardCommand({
  name: 'HDEL',
  summary: 'Deletes fields of a hash; the last one takes the key along.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of fields to delete.',
  group: 'hash',
  flags: ['write', 'fast'],
  history: [['2.4.0', 'Accepts multiple `field` arguments.']],
  args: { key: key('RW', 'delete'), field: many(bytes) },
  run({ key, field }, call, out) {
    const opened = openToWrite(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const deleted = opened === OPENED ? deleteFields(call, field) : 0;
    out.integer(deleted);
    return deleted === 0 ? UNCHANGED : DELETED.of(deleted, dropIfEmpty(call));
  },
});

/** Deletes the fields from an argument to the end of the request. @returns how many there were. */
export function deleteFields(call: ShardCall, first: ArgIndex): number {
  let deleted = 0;
  for (let at = first; at < call.request.argc && !hash.isEmpty; at++) {
    const place = placeOf(call, at);
    if (place === MISSING) continue;
    hash.remove(place);
    deleted++;
  }
  return deleted;
}
