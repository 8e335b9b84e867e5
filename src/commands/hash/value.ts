/**
 * What the commands of hashes share: the hash at a key, fields in replies, effects.
 *
 * Invariant: `hash` is aimed anew by every command; nothing may keep it, or a view into it, beyond.
 *
 * Hot path: once or twice per command. Guarded by `bench/hash.ts`.
 */
import type { ArgIndex } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent } from '../../command/effect.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import { ElementView } from '../../engine/listpack-element.ts';
import { Hash } from '../../engine/types/hash.ts';
import { WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, findForWrite } from '../keys.ts';

/** Outcomes of opening: something else at the key has been refused already. */
export const OPENED = 1;
export const NOT_THERE = 0;
export const REFUSED = -1;
export type Opened = typeof OPENED | typeof NOT_THERE | typeof REFUSED;

export const hash = new Hash();
export const nameView = new ElementView();
export const valueView = new ElementView();

export const DEL_EVENT: KeyEvent = { eventClass: 'generic', name: 'del', key: 1 };

/** Aims at the hash of a key, to read it. */
export function openToRead(call: ShardCall, key: ArgIndex, out: ReplyWriter): Opened {
  return aim(call, find(call, key), out);
}

/** The same to change it. */
export function openToWrite(call: ShardCall, key: ArgIndex, out: ReplyWriter): Opened {
  return aim(call, findForWrite(call, key), out);
}

function aim(call: ShardCall, ref: number, out: ReplyWriter): Opened {
  if (ref === MISSING) return NOT_THERE;
  if (call.database.valueType(ref) !== ValueType.hash) {
    out.error(WRONG_TYPE);
    return REFUSED;
  }
  hash.open(call.database, ref, call.now_ms);
  return OPENED;
}

/** Whether the budget has room for more in a hash that was opened to be changed; making it may cost that very hash. */
export function roomAnew(call: ShardCall, key: ArgIndex, bytes: number, out: ReplyWriter): Opened | undefined {
  if (call.realm.room(bytes)) return OPENED;
  if (!call.realm.ensureRoom(bytes)) return undefined;
  return openToWrite(call, key, out);
}

/** The place of a field that an argument names, or MISSING. */
export function placeOf(call: ShardCall, field: ArgIndex): number {
  const { request } = call;
  return hash.find(request.bytes, request.start(field), request.end(field));
}

export function writeName(place: number, out: ReplyWriter): void {
  hash.readName(place, nameView);
  out.bulk(nameView.bytes, nameView.start, nameView.end);
}

export function writeValue(place: number, out: ReplyWriter): void {
  hash.readValue(place, valueView);
  out.bulk(valueView.bytes, valueView.start, valueView.end);
}

/** Deletes the entry of a hash of which nothing is left. @returns whether it did. */
export function dropIfEmpty(call: ShardCall): boolean {
  if (!hash.isEmpty) return false;
  call.database.deleteEntry(hash.entry);
  return true;
}

/** The effects of a number of changes that all are one event, `del` behind it when the hash is no more. */
export class CountedEffect {
  private readonly event: KeyEvent;
  private readonly one: Effect;

  constructor(name: string) {
    this.event = { eventClass: 'hash', name, key: 1 };
    this.one = changed('hash', name);
  }

  of(count: number, isGone: boolean): Effect {
    if (count === 1 && !isGone) return this.one;
    return changes(count, isGone ? [this.event, DEL_EVENT] : [this.event]);
  }
}
