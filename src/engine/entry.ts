/**
 * How a key and its value lie in one block of the arena.
 *
 *     word 0   type (4 bits) | encoding (4 bits) | access clock (24 bits)
 *     word 1   flags
 *     word 2   key length
 *     word 3   value length; of a large value (LARGE_FLAG) its number stands for it, 4 bytes little endian
 *     [8 bytes expiry, milliseconds since the epoch as a double; negative = none]   only with SLOT_FLAG
 *     key bytes, value bytes, slack up to the end of the block
 *
 * A key of 16 bytes with a value of 64 is 96 bytes, a size class of its own. The access clock is seconds (LRU), or
 * 16 bits of minutes above an 8-bit logarithmic counter (LFU), as in Redis.
 *
 * A ref is a signed 32-bit number and may be negative: compare it with MISSING, never with `> 0`.
 *
 * Hot path. Budget: every accessor under 3 ns; guarded by `bench/engine.ts`.
 */
import { isInteger } from '../base/integer.ts';
import type { Arena } from './arena.ts';

/** No entry. */
export const MISSING = 0;

export const ENTRY_HEADER_BYTES = 16;
export const EXPIRY_BYTES = 8;
/** Set when the entry has room for an expiry. Stays after PERSIST, so that the bytes need not move. */
export const SLOT_FLAG = 1;
/** Set when the value is the number of a large value (`large.ts`) instead of bytes. */
export const LARGE_FLAG = 2;
/** Set when fields of the hash expire, apart from the key. */
export const EXPIRING_FIELDS_FLAG = 4;
/** Whether the snapshot under way has seen the entry, as `snapshot-mark.ts` reads it. */
export const SAVED_FLAG = 8;
/** The length of a large value. */
export const LARGE_NUMBER_BYTES = 4;

/** Numbers as in RDB files. */
export const ValueType = { string: 0, list: 1, set: 2, zset: 3, hash: 4, stream: 6 } as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

/** Numbers as in Redis' object encodings; they fit 4 bits. Integers are kept as their decimal digits. */
export const Encoding = {
  raw: 0,
  int: 1,
  hashtable: 2,
  intset: 6,
  skiplist: 7,
  embstr: 8,
  quicklist: 9,
  stream: 10,
  listpack: 11,
  listpackex: 12,
} as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];

/** Longest string that Redis calls `embstr`. */
const EMBEDDED_BYTES_MAX = 44;

/** What OBJECT ENCODING of a freshly set string says. */
export function stringEncoding(bytes: Uint8Array, start: number, end: number): Encoding {
  const length = end - start;
  if (length > EMBEDDED_BYTES_MAX) return Encoding.raw;
  if (length > 20 || length === 0) return Encoding.embstr;
  // Below '-' or above '9' is the first byte of almost every string that is no number.
  const first = bytes[start] as number;
  if (first < 0x2d || first > 0x39) return Encoding.embstr;
  return isInteger(bytes, start, end) ? Encoding.int : Encoding.embstr;
}

function wordAt(ref: number): number {
  return (ref & 0x1fffff) << 1;
}

export function typeOf(arena: Arena, ref: number): ValueType {
  return ((arena.wordsOf(ref)[wordAt(ref)] as number) & 15) as ValueType;
}

export function encodingOf(arena: Arena, ref: number): Encoding {
  return (((arena.wordsOf(ref)[wordAt(ref)] as number) >>> 4) & 15) as Encoding;
}

export function setEncoding(arena: Arena, ref: number, encoding: Encoding): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  words[at] = ((words[at] as number) & ~0xf0) | (encoding << 4);
}

/** 24 bits. */
export function clockOf(arena: Arena, ref: number): number {
  return (arena.wordsOf(ref)[wordAt(ref)] as number) >>> 8;
}

export function setClock(arena: Arena, ref: number, clock: number): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  words[at] = ((words[at] as number) & 0xff) | (clock << 8);
}

export function keyLengthOf(arena: Arena, ref: number): number {
  return arena.wordsOf(ref)[wordAt(ref) + 2] as number;
}

export function valueLengthOf(arena: Arena, ref: number): number {
  return arena.wordsOf(ref)[wordAt(ref) + 3] as number;
}

export function setValueLength(arena: Arena, ref: number, length: number): void {
  arena.wordsOf(ref)[wordAt(ref) + 3] = length;
}

export function hasSlot(arena: Arena, ref: number): boolean {
  return ((arena.wordsOf(ref)[wordAt(ref) + 1] as number) & SLOT_FLAG) !== 0;
}

/** Header bytes in front of the key: 16, or 24 with room for an expiry. */
function headBytesOf(arena: Arena, ref: number): number {
  return ENTRY_HEADER_BYTES + (((arena.wordsOf(ref)[wordAt(ref) + 1] as number) & SLOT_FLAG) << 3);
}

/** Offset of the key in the bytes of the segment. */
export function keyStartOf(arena: Arena, ref: number): number {
  return ((ref & 0x1fffff) << 3) + headBytesOf(arena, ref);
}

/** Offset of the value in the bytes of the segment. */
export function valueStartOf(arena: Arena, ref: number): number {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  return (at << 2) + ENTRY_HEADER_BYTES + (((words[at + 1] as number) & SLOT_FLAG) << 3) + (words[at + 2] as number);
}

export function flagsOf(arena: Arena, ref: number): number {
  return arena.wordsOf(ref)[wordAt(ref) + 1] as number;
}

export function setFlags(arena: Arena, ref: number, flags: number): void {
  arena.wordsOf(ref)[wordAt(ref) + 1] = flags;
}

/** Whether the value is a large one, of which only the number stands here. */
export function isLarge(arena: Arena, ref: number): boolean {
  return ((arena.wordsOf(ref)[wordAt(ref) + 1] as number) & LARGE_FLAG) !== 0;
}

export function setLarge(arena: Arena, ref: number, large: boolean): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref) + 1;
  words[at] = large ? (words[at] as number) | LARGE_FLAG : (words[at] as number) & ~LARGE_FLAG;
}

/** Whether fields of the hash expire. */
export function hasExpiringFields(arena: Arena, ref: number): boolean {
  return ((arena.wordsOf(ref)[wordAt(ref) + 1] as number) & EXPIRING_FIELDS_FLAG) !== 0;
}

export function setExpiringFields(arena: Arena, ref: number, expiring: boolean): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref) + 1;
  const flags = words[at] as number;
  words[at] = expiring ? flags | EXPIRING_FIELDS_FLAG : flags & ~EXPIRING_FIELDS_FLAG;
}

/** The number of the large value; only when there is one. */
export function largeNumberOf(arena: Arena, ref: number): number {
  const bytes = arena.bytesOf(ref);
  const at = valueStartOf(arena, ref);
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Milliseconds since the epoch, or -1. */
export function expireAtOf(arena: Arena, ref: number): number {
  if (!hasSlot(arena, ref)) return -1;
  return arena.doublesOf(ref)[(ref & 0x1fffff) + 2] as number;
}

/** Only for an entry with a slot. */
export function writeExpireAt(arena: Arena, ref: number, at_ms: number): void {
  arena.doublesOf(ref)[(ref & 0x1fffff) + 2] = at_ms;
}

export function writeHeader(
  arena: Arena,
  ref: number,
  first: number,
  flags: number,
  keyLength: number,
  valueLength: number,
): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  words[at] = first;
  words[at + 1] = flags;
  words[at + 2] = keyLength;
  words[at + 3] = valueLength;
}

/** Whether the entry's key is this range. */
export function keyMatches(arena: Arena, ref: number, bytes: Uint8Array, start: number, length: number): boolean {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  if (words[at + 2] !== length) return false;
  const stored = arena.bytesOf(ref);
  const from = (at << 2) + ENTRY_HEADER_BYTES + (((words[at + 1] as number) & SLOT_FLAG) << 3);
  for (let i = 0; i < length; i++) if (stored[from + i] !== bytes[start + i]) return false;
  return true;
}
