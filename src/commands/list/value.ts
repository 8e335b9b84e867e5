/**
 * What the commands of lists share: the list at a key, LEFT and RIGHT, effects.
 *
 * Hot path. Guarded by `bench/list.ts`.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import type { ArgDoc, ArgIndex } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent } from '../../command/effect.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import type { List } from '../../engine/types/list.ts';
import { OOM } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { find, findForWrite, isOther, roomFor } from '../keys.ts';
import { isWord } from '../words.ts';

/** What an element takes beyond its text: the frame in its listpack, and its share of a node. */
export const ELEMENT_OVERHEAD_BYTES = 12;

const LEFT = bytesOfLatin1('LEFT');
const RIGHT = bytesOfLatin1('RIGHT');

/** LEFT is the head of a list: true. Undefined when it is neither word. */
export function headAt(request: Request, at: ArgIndex): boolean | undefined {
  if (isWord(request, at, LEFT)) return true;
  return isWord(request, at, RIGHT) ? false : undefined;
}

/** How LEFT or RIGHT is documented. */
export function endDoc(name: string): ArgDoc {
  return {
    name,
    type: 'oneof',
    flags: [],
    arguments: [
      { name: 'left', type: 'pure-token', token: 'LEFT', flags: [] },
      { name: 'right', type: 'pure-token', token: 'RIGHT', flags: [] },
    ],
  };
}

/** Outcomes of aiming a list at a key; what is something else has been refused already, as OOM has been answered. */
export const OPENED = 1;
export const NOT_THERE = 0;
export const REFUSED = -1;
export type Opened = typeof OPENED | typeof NOT_THERE | typeof REFUSED;

function aim(call: ShardCall, ref: number, list: List, out: ReplyWriter): Opened {
  if (ref === MISSING) return NOT_THERE;
  if (isOther(call, ref, ValueType.list, out)) return REFUSED;
  list.open(call.database, ref);
  return OPENED;
}

export function openToRead(call: ShardCall, key: ArgIndex, list: List, out: ReplyWriter): Opened {
  return aim(call, find(call, key), list, out);
}

/** To take elements out. */
export function openToWrite(call: ShardCall, key: ArgIndex, list: List, out: ReplyWriter): Opened {
  return aim(call, findForWrite(call, key), list, out);
}

/** To put so many bytes of elements in, for which there is room then. */
export function openToAdd(call: ShardCall, key: ArgIndex, bytes: number, list: List, out: ReplyWriter): Opened {
  if (!roomFor(call, key, bytes)) return refusedRoom(out);
  const opened = aim(call, findForWrite(call, key), list, out);
  if (opened !== OPENED) return opened;
  const conversion = list.conversionBytes(bytes);
  if (conversion === 0 || call.realm.room(bytes + conversion)) return OPENED;
  // Making room may have cost this very key.
  return call.realm.ensureRoom(bytes + conversion) ? aim(call, findForWrite(call, key), list, out) : refusedRoom(out);
}

function refusedRoom(out: ReplyWriter): Opened {
  out.error(OOM);
  return REFUSED;
}

const DELETED: KeyEvent = { eventClass: 'generic', name: 'del', key: 1 };

/** So many changes told as one event of the first key, and `del` when nothing is left of the list. */
export function edited(name: string, count: number, isGone: boolean): Effect {
  const event: KeyEvent = { eventClass: 'list', name, key: 1 };
  return changes(count, isGone ? [event, DELETED] : [event]);
}
