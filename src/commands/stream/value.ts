/**
 * What the commands of streams share: finding the stream of a key, reading IDs as Redis does, answering IDs and entries.
 *
 * Hot path: once or more per command, and once per entry of a reply. Guarded by `bench/stream.ts`.
 */
import { assert } from '../../base/result.ts';
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import { ElementView } from '../../engine/listpack-element.ts';
import { Stream } from '../../engine/types/stream.ts';
import type { StreamCursor } from '../../engine/types/stream-cursor.ts';
import {
  ID_ANY_SEQUENCE,
  ID_INVALID,
  ID_WITHOUT_SEQUENCE,
  parseStreamId,
  STREAM_ID_TEXT_BYTES,
  StreamId,
  textEnd,
} from '../../engine/types/stream-id.ts';
import { type Refusal, WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { INVALID_END_ID, INVALID_START_ID, INVALID_STREAM_ID } from '../../resp/stream-refusals.ts';
import { find, findForWrite } from '../keys.ts';

/** What an entry may take beside its texts: a stream with its key, or the nodes that know of one block more. */
export const ENTRY_ROOM_BYTES = 3072;
/** What a pending entry takes in both trees, nodes half full, and what one more may take when it needs new nodes. */
export const PENDING_BYTES = 112;
export const PENDING_ROOM_BYTES = 4096;
/** What a group or a consumer takes beside its name. */
export const CONSUMER_ROOM_BYTES = 768;

const PLUS = 0x2b;
const MINUS = 0x2d;
const OPEN = 0x28;
/** Digits, dollar, colon, two line ends: what an element of a reply takes at the most beside its text. */
const REPLY_ELEMENT_BYTES = 24;
/** An integer of two bytes in a block may be 20 digits in a reply. */
const REPLY_INTEGER_BYTES = 20;

/** Of a reply as long as it may be, so much is kept for what is around the entries. */
const REPLY_MARGIN_BYTES = 4096;

const idText = new Uint8Array(STREAM_ID_TEXT_BYTES);
const field = new ElementView();
const value = new ElementView();

/** The stream of an entry; undefined of MISSING. WRONG_TYPE when it is something else. */
function streamOf(call: ShardCall, ref: number): Stream | Refusal | undefined {
  if (ref === MISSING) return undefined;
  if (call.database.valueType(ref) !== ValueType.stream) return WRONG_TYPE;
  const stream = call.database.largeValue(ref);
  assert(stream instanceof Stream, 'an entry that says so is a stream');
  return stream;
}

export function streamToRead(call: ShardCall, key: ArgIndex): Stream | Refusal | undefined {
  return streamOf(call, find(call, key));
}

export function streamToWrite(call: ShardCall, key: ArgIndex): Stream | Refusal | undefined {
  return streamOf(call, findForWrite(call, key));
}

export function isRefusal(found: object | number | undefined): found is Refusal {
  return typeof found === 'object' && 'code' in found;
}

// -- Arguments -----------------------------------------------------------------------------------------------------------

/** Whether an argument is this one sign. */
export function isSign(request: Request, at: ArgIndex, sign: number): boolean {
  const start = request.start(at);
  return request.bytes[start] === sign && textEnd(request.bytes, start, request.end(at)) === start + 1;
}

/** Reads `ms-seq` or `ms`, which means sequence 0. */
export function readId(request: Request, at: ArgIndex, into: StreamId): boolean {
  const form = parseStreamId(request.bytes, request.start(at), request.end(at), into);
  return form !== ID_INVALID && form !== ID_ANY_SEQUENCE;
}

/** The same, or `-` and `+` for the first and the last that there can be. */
export function readIdOrEdge(request: Request, at: ArgIndex, into: StreamId): boolean {
  if (isSign(request, at, MINUS)) into.setZero();
  else if (isSign(request, at, PLUS)) into.setMax();
  else return readId(request, at, into);
  return true;
}

/** One end of an interval: an ID or edge, or `(` and an ID for the one beside it. */
export function readBound(request: Request, at: ArgIndex, isEnd: boolean, into: StreamId): Refusal | undefined {
  const { bytes } = request;
  const start = request.start(at);
  const isOpen = bytes[start] === OPEN && request.length(at) > 1;
  if (!isOpen && (isSign(request, at, MINUS) || isSign(request, at, PLUS))) {
    readIdOrEdge(request, at, into);
    return undefined;
  }
  const form = parseStreamId(bytes, isOpen ? start + 1 : start, request.end(at), into);
  if (form === ID_INVALID || form === ID_ANY_SEQUENCE) return INVALID_STREAM_ID;
  if (form === ID_WITHOUT_SEQUENCE && isEnd) {
    into.seqHi = -1;
    into.seqLo = -1;
  }
  if (!isOpen) return undefined;
  if (isEnd) return into.decrement() ? undefined : INVALID_END_ID;
  return into.increment() ? undefined : INVALID_START_ID;
}

// -- Replies -------------------------------------------------------------------------------------------------------------

export function writeId(out: ReplyWriter, id: StreamId): void {
  out.bulk(idText, 0, id.write(idText, 0));
}

export function copyOfId(id: StreamId): StreamId {
  return new StreamId(id.msHi, id.msLo, id.seqHi, id.seqLo);
}

/** For effects. */
export function idBytes(id: StreamId): Uint8Array {
  return idText.slice(0, id.write(idText, 0));
}

/** ID and pairs of the entry that a walk is at. */
export function writeEntry(out: ReplyWriter, cursor: StreamCursor): void {
  const { fields } = cursor;
  out.array(2);
  writeId(out, cursor.id);
  out.array(2 * fields);
  for (let i = 0; i < fields; i++) {
    cursor.readField(field, value);
    out.bulk(field.bytes, field.start, field.end);
    out.bulk(value.bytes, value.start, value.end);
  }
}

/** What `writeEntry` writes at the most: for those who must know before they change anything. */
export function entryReplyBytesMax(cursor: StreamCursor): number {
  return (
    cursor.contentBytes() +
    (2 * cursor.fields + 4) * (REPLY_ELEMENT_BYTES + REPLY_INTEGER_BYTES) +
    2 * STREAM_ID_TEXT_BYTES
  );
}

/** Whether the writer certainly takes so many bytes more of a reply that began at `from`. */
export function replyHasRoom(out: ReplyWriter, from: number, more: number): boolean {
  return out.length - from + more + REPLY_MARGIN_BYTES <= out.replyBytesMax;
}

/** Writes entries, up to `count` of them if that is positive. `isThere`: the walk is already at the first. */
export function writeEntries(out: ReplyWriter, cursor: StreamCursor, count: number, isThere: boolean): void {
  const handle = out.beginArray();
  let written = 0;
  for (let there = isThere || cursor.next(); there; there = cursor.next()) {
    writeEntry(out, cursor);
    written++;
    if (written === count || out.overflowed) break;
  }
  out.endArray(handle, written);
}
