/**
 * A small set as one run of bytes: an intset while every element is an integer, else a listpack. Functions take the form,
 * the bytes of a segment and `at`, the offset of the set in it.
 *
 * A **place** names an element of it until the set changes: the index in an intset, the distance from `at` in a listpack.
 *
 * Hot path. Budget: as those of `intset.ts` and `listpack.ts`; guarded by `bench/set.ts`.
 */
import { Int64, parseInt64 } from '../../base/int64.ts';
import * as intset from '../intset.ts';
import * as listpack from '../listpack.ts';
import { type ElementView, encodeElement, readElement, Scratch } from '../listpack-element.ts';

export const INTSET = 0;
export const LISTPACK = 1;
export type SmallForm = typeof INTSET | typeof LISTPACK;

/** No such element. It is no ref either: no block begins in the last eight bytes of a segment. */
export const NO_PLACE = -1;

const wanted = new Int64();
const encoded = new Scratch();

export function sizeOf(form: SmallForm, bytes: Uint8Array, at: number): number {
  return form === INTSET ? intset.length(bytes, at) : listpack.count(bytes, at);
}

export function totalBytesOf(form: SmallForm, bytes: Uint8Array, at: number): number {
  return form === INTSET ? intset.totalBytes(bytes, at) : listpack.totalBytes(bytes, at);
}

/** The place of an element, or NO_PLACE. */
export function placeOf(
  form: SmallForm,
  bytes: Uint8Array,
  at: number,
  element: Uint8Array,
  start: number,
  end: number,
): number {
  if (form === INTSET) {
    if (!parseInt64(element, start, end, wanted)) return NO_PLACE;
    return Math.max(NO_PLACE, intset.find(bytes, at, wanted));
  }
  encodeElement(element, start, end, encoded);
  const p = listpack.find(bytes, listpack.first(bytes, at), encoded, 0);
  return p === -1 ? NO_PLACE : p - at;
}

export function firstPlace(form: SmallForm, bytes: Uint8Array, at: number): number {
  if (form === INTSET) return intset.length(bytes, at) === 0 ? NO_PLACE : 0;
  const p = listpack.first(bytes, at);
  return p === -1 ? NO_PLACE : p - at;
}

export function nextPlace(form: SmallForm, bytes: Uint8Array, at: number, place: number): number {
  if (form === INTSET) return place + 1 < intset.length(bytes, at) ? place + 1 : NO_PLACE;
  const p = listpack.next(bytes, at + place);
  return p === -1 ? NO_PLACE : p - at;
}

/** The place of the element at an index that is there, in whatever order the set has. */
export function placeAt(form: SmallForm, bytes: Uint8Array, at: number, index: number): number {
  return form === INTSET ? index : listpack.seek(bytes, at, index) - at;
}

/** Fills the view with the text of the element at a place. */
export function readPlace(form: SmallForm, bytes: Uint8Array, at: number, place: number, view: ElementView): void {
  if (form === INTSET) intset.readMember(bytes, at, place, view);
  else readElement(bytes, at + place, view);
}

/** Takes out the element at a place. @returns bytes that went. */
export function removePlace(form: SmallForm, bytes: Uint8Array, at: number, place: number): number {
  return form === INTSET ? intset.removeAt(bytes, at, place) : listpack.removeRange(bytes, at, at + place, 1);
}
