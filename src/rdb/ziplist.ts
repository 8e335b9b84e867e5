/**
 * Ziplists, in which Redis before 7.0 kept small collections. They are read only, and become listpacks. Little endian:
 *
 *     bytes of all (32 bits) | offset of the last element (32) | elements (16; 65535: count them) | element … | FF
 *
 * and an element, whose front says how long the one before it is:
 *
 *     length (1 byte, or FE and 4) | 00llllll text          up to 63 bytes
 *                                    01llllll l text        up to 16383, big endian
 *                                    10xxxxxx llll text     big endian
 *                                    C0 xx, F0 xxx, D0 xxxx, E0 xxxxxxxx, FE x   integers of 16, 24, 32, 64 and 8 bits
 *                                    F1 to FD               integers 0 to 12
 *
 * Safe on any bytes: nothing outside of the given range is read, and every element is held against what its neighbours and the
 * header say.
 */
import { INT64_TEXT_BYTES, writeInt64 } from '../base/int64.ts';
import { COUNT_UNKNOWN, LISTPACK_HEADER_BYTES } from '../engine/listpack.ts';
import {
  appendElement,
  appendInteger,
  int32At,
  LISTPACK_END_BYTE,
  type Scratch,
  writeInt32,
} from '../engine/listpack-element.ts';

const HEADER_BYTES = 10;
const END_BYTE = 0xff;
const LONG_LENGTH = 0xfe;

const digits = new Uint8Array(INT64_TEXT_BYTES);

/** Makes the scratch a listpack without elements and terminator yet. */
export function beginListpack(into: Scratch): void {
  into.reset();
  into.length = LISTPACK_HEADER_BYTES;
}

export function endListpack(elements: number, into: Scratch): void {
  into.reserve(1);
  into.bytes[into.length++] = LISTPACK_END_BYTE;
  writeInt32(into.bytes, 0, into.length);
  const said = Math.min(elements, COUNT_UNKNOWN);
  into.bytes[4] = said & 0xff;
  into.bytes[5] = said >> 8;
}

/** Puts the elements of [start, end) as a listpack into the scratch. False: it is no ziplist. */
export function ziplistToListpack(bytes: Uint8Array, start: number, end: number, into: Scratch): boolean {
  if (end - start < HEADER_BYTES + 1 || int32At(bytes, start) >>> 0 !== end - start) return false;
  if (bytes[end - 1] !== END_BYTE) return false;
  beginListpack(into);
  let elements = 0;
  let last = start + HEADER_BYTES;
  let p = last;
  let lengthBefore = 0;
  while (p < end - 1) {
    const behind = appendEntry(bytes, p, end - 1, lengthBefore, into);
    if (behind < 0) return false;
    lengthBefore = behind - p;
    last = p;
    p = behind;
    elements++;
  }
  const said = (bytes[start + 8] as number) | ((bytes[start + 9] as number) << 8);
  if (said !== COUNT_UNKNOWN && said !== elements) return false;
  // Of an empty one the last element is the terminator, which stands where the first would.
  if (int32At(bytes, start + 4) >>> 0 !== last - start) return false;
  endListpack(elements, into);
  return true;
}

/** @returns the offset behind the element at `p`, -1 when it does not end before `stop` or is none. */
function appendEntry(bytes: Uint8Array, p: number, stop: number, lengthBefore: number, into: Scratch): number {
  let at = p + 1;
  let said = bytes[p] as number;
  if (said === LONG_LENGTH) {
    if (p + 5 > stop) return -1;
    said = int32At(bytes, p + 1) >>> 0;
    at = p + 5;
  }
  if (said !== lengthBefore || at >= stop) return -1;
  const form = bytes[at] as number;
  return form < 0xc0 ? appendText(bytes, at, stop, into) : appendNumber(bytes, at, stop, form, into);
}

function appendText(bytes: Uint8Array, at: number, stop: number, into: Scratch): number {
  const form = bytes[at] as number;
  const kind = form >> 6;
  const head = kind === 0 ? 1 : kind === 1 ? 2 : 5;
  if (at + head > stop) return -1;
  let length = form & 63;
  if (kind === 1) length = (length << 8) | (bytes[at + 1] as number);
  else if (kind === 2) {
    length = 0;
    for (let i = 1; i < 5; i++) length = length * 256 + (bytes[at + i] as number);
  }
  const from = at + head;
  if (from + length > stop) return -1;
  appendElement(bytes, from, from + length, into);
  return from + length;
}

function integerBytes(form: number): number {
  if (form >= 0xf1 && form <= 0xfd) return 0;
  switch (form) {
    case 0xfe:
      return 1;
    case 0xc0:
      return 2;
    case 0xf0:
      return 3;
    case 0xd0:
      return 4;
    case 0xe0:
      return 8;
    default:
      return -1;
  }
}

function appendNumber(bytes: Uint8Array, at: number, stop: number, form: number, into: Scratch): number {
  const width = integerBytes(form);
  const from = at + 1;
  if (width < 0 || from + width > stop) return -1;
  if (width === 0) appendInteger(form - 0xf1, into);
  else if (width === 8) {
    const length = writeInt64(digits, 0, int32At(bytes, from + 4), int32At(bytes, from));
    appendElement(digits, 0, length, into);
  } else {
    let value = 0;
    for (let i = 0; i < width; i++) value |= (bytes[from + i] as number) << (8 * i);
    const unused = 32 - 8 * width;
    appendInteger((value << unused) >> unused, into);
  }
  return from + width;
}
