/**
 * Listpacks from outside: are they what they say, and are they as we would have written them? Safe on any bytes: nothing
 * outside of the given range is read, whatever it holds.
 */
import { COUNT_UNKNOWN, LISTPACK_EMPTY_BYTES, LISTPACK_HEADER_BYTES, totalBytes } from './listpack.ts';
import {
  appendElement,
  backLengthBytes,
  bodyBytes,
  ElementView,
  elementBytes,
  int32At,
  LISTPACK_END_BYTE,
  readElement,
  Scratch,
  writeInt32,
} from './listpack-element.ts';

/** Bytes from an element's start on that say how long it is. */
function headBytes(first: number): number {
  if (first === 0xf0) return 5;
  return first >= 0xe0 && first < 0xf0 ? 2 : 1;
}

/** Whether these bytes are the back length of an element of `length`, in the one way to write it. */
function isBackLength(bytes: Uint8Array, at: number, length: number, size: number): boolean {
  let rest = length;
  for (let i = at + size - 1; i > at; i--) {
    if (bytes[i] !== ((rest & 0x7f) | 0x80)) return false;
    rest >>>= 7;
  }
  return bytes[at] === rest;
}

/** The offset behind the element at `p`, which must end before `stop`; -1 when it does not or is no element. */
function validElementEnd(bytes: Uint8Array, p: number, stop: number): number {
  if (p + headBytes(bytes[p] as number) > stop) return -1;
  const body = bodyBytes(bytes, p);
  if (body === 0) return -1;
  const size = backLengthBytes(body);
  if (p + body + size > stop) return -1;
  return isBackLength(bytes, p + body, body, size) ? p + body + size : -1;
}

/**
 * Whether [at, at + length) is a listpack. Only a `deep` look, which walks all elements, lets the functions of `listpack.ts`
 * be used on it.
 */
export function isValid(bytes: Uint8Array, at: number, length: number, deep: boolean): boolean {
  if (length < LISTPACK_EMPTY_BYTES || at < 0 || at + length > bytes.length) return false;
  if (totalBytes(bytes, at) !== length || bytes[at + length - 1] !== LISTPACK_END_BYTE) return false;
  if (!deep) return true;
  const stop = at + length - 1;
  let elements = 0;
  let p = at + LISTPACK_HEADER_BYTES;
  while (p < stop) {
    p = validElementEnd(bytes, p, stop);
    if (p < 0) return false;
    elements++;
  }
  const said = (int32At(bytes, at + 4) & 0xffff) as number;
  return said === COUNT_UNKNOWN || said === elements;
}

const element = new Scratch();
const view = new ElementView();

/** Whether a valid listpack is byte for byte what we would have written: only then may elements be compared as bytes. */
export function isCanonical(bytes: Uint8Array, at: number): boolean {
  let elements = 0;
  let p = at + LISTPACK_HEADER_BYTES;
  while (bytes[p] !== LISTPACK_END_BYTE) {
    const length = elementBytes(bytes, p);
    readElement(bytes, p, view);
    element.reset();
    appendElement(view.bytes, view.start, view.end, element);
    if (element.length !== length) return false;
    for (let i = 0; i < length; i++) if (element.bytes[i] !== bytes[p + i]) return false;
    p += length;
    elements++;
  }
  return (int32At(bytes, at + 4) & 0xffff) === Math.min(elements, COUNT_UNKNOWN);
}

/** Puts a valid listpack into the scratch, as we would have written it. It never gets longer. */
export function canonicalise(bytes: Uint8Array, at: number, into: Scratch): void {
  into.reset();
  into.reserve(totalBytes(bytes, at));
  into.length = LISTPACK_HEADER_BYTES;
  let elements = 0;
  for (let p = at + LISTPACK_HEADER_BYTES; bytes[p] !== LISTPACK_END_BYTE; p += elementBytes(bytes, p)) {
    readElement(bytes, p, view);
    appendElement(view.bytes, view.start, view.end, into);
    elements++;
  }
  into.reserve(1);
  into.bytes[into.length++] = LISTPACK_END_BYTE;
  writeInt32(into.bytes, 0, into.length);
  const said = Math.min(elements, COUNT_UNKNOWN);
  into.bytes[4] = said & 0xff;
  into.bytes[5] = said >> 8;
}
