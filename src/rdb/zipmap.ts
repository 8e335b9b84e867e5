/**
 * Zipmaps, in which Redis before 2.6 kept small hashes. They are read only, and become listpacks of fields and values.
 *
 *     fields (254: count them) | length | field | length | unused bytes (1) | value | unused … | … | FF
 *
 * A length is one byte up to 253, or FE and 32 bits, little endian. Safe on any bytes: nothing outside of the given range is read.
 */
import { appendElement, int32At, type Scratch } from '../engine/listpack-element.ts';
import { beginListpack, endListpack } from './ziplist.ts';

const END_BYTE = 0xff;
const LONG_LENGTH = 0xfe;
const COUNT_UNKNOWN = 254;

/** Puts fields and values of [start, end) as a listpack into the scratch. False: it is no zipmap. */
export function zipmapToListpack(bytes: Uint8Array, start: number, end: number, into: Scratch): boolean {
  if (end - start < 2 || bytes[end - 1] !== END_BYTE) return false;
  const stop = end - 1;
  beginListpack(into);
  let fields = 0;
  let p = start + 1;
  while (p < stop) {
    const value = appendPart(bytes, p, stop, 0, into);
    const behind = value < 0 ? -1 : appendPart(bytes, value, stop, 1, into);
    if (behind < 0) return false;
    p = behind;
    fields++;
  }
  const said = bytes[start] as number;
  if (said < COUNT_UNKNOWN && said !== fields) return false;
  endListpack(fields * 2, into);
  return true;
}

/** A field, or with a byte for it a value with unused bytes. @returns the offset behind it, -1 when it does not end before `stop`. */
function appendPart(bytes: Uint8Array, p: number, stop: number, unusedBytes: 0 | 1, into: Scratch): number {
  if (p >= stop) return -1;
  let length = bytes[p] as number;
  let from = p + 1;
  if (length === LONG_LENGTH) {
    if (p + 5 > stop) return -1;
    length = int32At(bytes, p + 1) >>> 0;
    from = p + 5;
  } else if (length === END_BYTE) return -1;
  if (from + unusedBytes > stop) return -1;
  const unused = unusedBytes === 1 ? (bytes[from] as number) : 0;
  from += unusedBytes;
  if (from + length + unused > stop) return -1;
  appendElement(bytes, from, from + length, into);
  return from + length + unused;
}
