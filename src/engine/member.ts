/**
 * How one element of a large hash, set or sorted set lies in a block of its own.
 *
 *     word 0   name length (29 bits) | kind (2 bits)
 *     plain    name from byte 4 on                                             an element of a set
 *     valued   word 1: value length; name from byte 8 on, the value behind it  a field of a hash
 *     scored   word 1: value length; bytes 8 to 15: a double; name, value      an element of a sorted set, a field that expires
 *
 * Hot path. Budget: every accessor under 3 ns; guarded by `bench/engine.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import type { Arena } from './arena.ts';

export const PLAIN = 0;
export const VALUED: number = 1 << 29;
export const SCORED: number = 2 << 29;
export type MemberKind = typeof PLAIN | typeof VALUED | typeof SCORED;

const LENGTH_MASK = 0x1fffffff;
const KIND_SHIFT = 29;
/** Bytes in front of the name: 4, 8 or 16. */
const HEAD_SHIFT = 4;

export function headBytes(kind: number): number {
  return HEAD_SHIFT << (kind >>> KIND_SHIFT);
}

function wordAt(ref: number): number {
  return (ref & 0x1fffff) << 1;
}

export function kindOf(arena: Arena, ref: number): number {
  return (arena.wordsOf(ref)[wordAt(ref)] as number) & ~LENGTH_MASK;
}

export function nameLengthOf(arena: Arena, ref: number): number {
  return (arena.wordsOf(ref)[wordAt(ref)] as number) & LENGTH_MASK;
}

/** Offset of the name in the bytes of the segment. */
export function nameStartOf(arena: Arena, ref: number): number {
  return ((ref & 0x1fffff) << 3) + headBytes(arena.wordsOf(ref)[wordAt(ref)] as number);
}

/** Not for a plain member, which has no value. */
export function memberValueLengthOf(arena: Arena, ref: number): number {
  return arena.wordsOf(ref)[wordAt(ref) + 1] as number;
}

export function memberValueStartOf(arena: Arena, ref: number): number {
  const first = arena.wordsOf(ref)[wordAt(ref)] as number;
  return ((ref & 0x1fffff) << 3) + headBytes(first) + (first & LENGTH_MASK);
}

export function setMemberValueLength(arena: Arena, ref: number, length: number): void {
  arena.wordsOf(ref)[wordAt(ref) + 1] = length;
}

/** The double of a scored member. */
export function scoreOf(arena: Arena, ref: number): number {
  return arena.doublesOf(ref)[(ref & 0x1fffff) + 1] as number;
}

export function setScore(arena: Arena, ref: number, score: number): void {
  arena.doublesOf(ref)[(ref & 0x1fffff) + 1] = score;
}

/** Bytes that a member of this kind needs. */
export function memberBytes(kind: number, nameLength: number, valueLength: number): number {
  return headBytes(kind) + nameLength + valueLength;
}

/** Fills a fresh block: header and name; the caller writes value and score. */
export function writeMember(
  arena: Arena,
  ref: number,
  kind: number,
  name: Uint8Array,
  start: number,
  end: number,
  valueLength: number,
): void {
  const words = arena.wordsOf(ref);
  const at = wordAt(ref);
  words[at] = (end - start) | kind;
  if (kind !== PLAIN) words[at + 1] = valueLength;
  copyRange(name, start, end, arena.bytesOf(ref), (at << 2) + headBytes(kind));
}

/** Whether the member's name is this range. */
export function memberMatches(arena: Arena, ref: number, bytes: Uint8Array, start: number, length: number): boolean {
  const first = arena.wordsOf(ref)[wordAt(ref)] as number;
  if ((first & LENGTH_MASK) !== length) return false;
  const stored = arena.bytesOf(ref);
  const from = ((ref & 0x1fffff) << 3) + headBytes(first);
  for (let i = 0; i < length; i++) if (stored[from + i] !== bytes[start + i]) return false;
  return true;
}
