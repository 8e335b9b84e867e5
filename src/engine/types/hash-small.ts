/**
 * A small hash: one listpack of field, value, field, value …, or, once a field has got a time to live, of field, value, time,
 * field, value, time …, as Redis has both. `stride` says which: 2 or 3. Functions take the bytes of the segment and where the
 * listpack begins in it, as those of `listpack.ts` do; a field is named by the offset of its first element.
 *
 * Invariant with times: they are milliseconds since the epoch and rise from the front; 0, which is none, stands at the end.
 * So fields whose time is over are the first ones.
 *
 * Hot path. Budget: finding the last of 32 fields under 300 ns; guarded by `bench/hash.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import { after, count, find, first, insertBefore, LISTPACK_EMPTY_BYTES, removeRange, writeEmpty } from '../listpack.ts';
import {
  appendElement,
  appendInteger,
  type ElementView,
  integerAt,
  LISTPACK_END_BYTE,
  readElement,
  Scratch,
} from '../listpack-element.ts';

/** Elements of one field. */
export const PAIR = 2;
export const TRIPLET = 3;
export type Stride = typeof PAIR | typeof TRIPLET;

/** The time of a field that has none. */
export const NO_TIME = 0;
/** Bytes of that as an element. */
export const NO_TIME_BYTES = 2;

const run = new Scratch();

/** The field that is the encoded element, or -1. */
export function findField(bytes: Uint8Array, at: number, stride: Stride, encoded: Scratch): number {
  return find(bytes, first(bytes, at), encoded, stride - 1);
}

/** When the field's time is over; NO_TIME when it has none. */
export function timeOf(bytes: Uint8Array, field: number, stride: Stride): number {
  return stride === PAIR ? NO_TIME : integerAt(bytes, after(bytes, after(bytes, field)));
}

export function isOver(time_ms: number, now_ms: number): boolean {
  return time_ms !== NO_TIME && time_ms < now_ms;
}

/** Fields, those whose time is over among them. */
export function fieldCount(bytes: Uint8Array, at: number, stride: Stride): number {
  return count(bytes, at) / stride;
}

/** Fields whose time is over. */
export function expiredCount(bytes: Uint8Array, at: number, stride: Stride, now_ms: number): number {
  if (stride === PAIR) return 0;
  let expired = 0;
  for (let field = first(bytes, at); field >= 0 && bytes[field] !== LISTPACK_END_BYTE; expired++) {
    if (!isOver(timeOf(bytes, field, stride), now_ms)) return expired;
    field = following(bytes, field, stride);
  }
  return expired;
}

/** The offset behind a field: of the next one, or of the end. */
export function following(bytes: Uint8Array, field: number, stride: Stride): number {
  const value = after(bytes, field);
  return stride === PAIR ? after(bytes, value) : after(bytes, after(bytes, value));
}

export function readValue(bytes: Uint8Array, field: number, view: ElementView): void {
  readElement(bytes, after(bytes, field), view);
}

/** Where a field with this time belongs: the offset of the first that ends later, or of the end. */
export function placeOf(bytes: Uint8Array, at: number, time_ms: number): number {
  let field = first(bytes, at);
  if (field < 0) return at + LISTPACK_EMPTY_BYTES - 1;
  while (bytes[field] !== LISTPACK_END_BYTE) {
    const there_ms = timeOf(bytes, field, TRIPLET);
    if (time_ms !== NO_TIME && (there_ms === NO_TIME || there_ms > time_ms)) return field;
    field = following(bytes, field, TRIPLET);
  }
  return field;
}

/** Adds a field's elements to the scratch: its name, its value, and with stride 3 that it has no time. */
export function appendField(
  name: Uint8Array,
  nameStart: number,
  nameEnd: number,
  value: Uint8Array,
  valueStart: number,
  valueEnd: number,
  stride: Stride,
  into: Scratch,
): void {
  appendElement(name, nameStart, nameEnd, into);
  appendElement(value, valueStart, valueEnd, into);
  if (stride === TRIPLET) appendInteger(NO_TIME, into);
}

/** Makes the scratch what a field would be with another time. */
export function retimed(bytes: Uint8Array, field: number, time_ms: number, into: Scratch): void {
  into.reset();
  appendRaw(bytes, field, after(bytes, after(bytes, field)), into);
  appendInteger(time_ms, into);
}

/** Makes the scratch a whole listpack with times, of which nobody has any, out of one without. */
export function withTimes(bytes: Uint8Array, at: number, into: Scratch): void {
  run.reset();
  let fields = 0;
  let field = first(bytes, at);
  while (field >= 0 && bytes[field] !== LISTPACK_END_BYTE) {
    const behind = following(bytes, field, PAIR);
    appendRaw(bytes, field, behind, run);
    appendInteger(NO_TIME, run);
    field = behind;
    fields++;
  }
  into.reset();
  into.reserve(LISTPACK_EMPTY_BYTES + run.length);
  writeEmpty(into.bytes, 0);
  insertBefore(into.bytes, 0, LISTPACK_EMPTY_BYTES - 1, run.bytes, 0, run.length, fields * TRIPLET);
  into.length = LISTPACK_EMPTY_BYTES + run.length;
}

function appendRaw(bytes: Uint8Array, start: number, end: number, into: Scratch): void {
  into.reserve(end - start);
  copyRange(bytes, start, end, into.bytes, into.length);
  into.length += end - start;
}

/** Puts a field's elements in front of another field, or of the end. */
export function insertField(bytes: Uint8Array, at: number, place: number, stride: Stride, elements: Scratch): void {
  insertBefore(bytes, at, place, elements.bytes, 0, elements.length, stride);
}

export function removeField(bytes: Uint8Array, at: number, field: number, stride: Stride): void {
  removeRange(bytes, at, field, stride);
}
