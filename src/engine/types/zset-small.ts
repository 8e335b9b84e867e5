/**
 * A small sorted set: one listpack of member, score, member, score …, in order, as Redis has it. Functions take the bytes
 * of the segment and where the listpack begins in it, as those of `listpack.ts` do.
 *
 * Scores are elements like any other: whole numbers up to 2^62 as integers (so that -0 becomes 0), others as the text of
 * `%.17g`, from which the same double is read again.
 *
 * Hot path. Budget: finding and reading the last of 32 under 400 ns; guarded by `bench/zset.ts`.
 */
import { latin1 } from '../../base/bytes.ts';
import { parsePlainDecimal } from '../../base/decimal.ts';
import { doubleText } from '../../base/double.ts';
import { after, find, first, insertBefore, removeRange, seek } from '../listpack.ts';
import {
  appendElement,
  appendInteger,
  ElementView,
  integerAt,
  LISTPACK_END_BYTE,
  readElement,
  type Scratch,
} from '../listpack-element.ts';
import { compareRanges } from '../name-order.ts';

/** As Redis' double2ll: what is larger is kept as text. */
const INTEGER_SCORE_MAX = 2 ** 62;
const TEXT_BYTES_MAX = 32;
const text = new Uint8Array(TEXT_BYTES_MAX);
const scoreView = new ElementView();
const nameView = new ElementView();

/** Adds the element of a score to the scratch. */
function appendScore(score: number, into: Scratch): void {
  if (Number.isSafeInteger(score)) {
    appendInteger(score === 0 ? 0 : score, into);
    return;
  }
  const isWhole = Number.isInteger(score) && Math.abs(score) <= INTEGER_SCORE_MAX;
  const digits = isWhole ? BigInt(score).toString() : doubleText(score);
  for (let i = 0; i < digits.length; i++) text[i] = digits.charCodeAt(i);
  appendElement(text, 0, digits.length, into);
}

/** Adds a member and its score to the scratch. */
export function appendPair(name: Uint8Array, start: number, end: number, score: number, into: Scratch): void {
  appendElement(name, start, end, into);
  appendScore(score, into);
}

/** The score behind a member. */
export function scoreBehind(bytes: Uint8Array, member: number): number {
  const p = after(bytes, member);
  const whole = integerAt(bytes, p);
  if (!Number.isNaN(whole)) return whole;
  readElement(bytes, p, scoreView);
  const plain = parsePlainDecimal(scoreView.bytes, scoreView.start, scoreView.end);
  if (!Number.isNaN(plain)) return plain;
  const written = latin1(scoreView.bytes, scoreView.start, scoreView.end);
  if (written === 'inf') return Number.POSITIVE_INFINITY;
  return written === '-inf' ? Number.NEGATIVE_INFINITY : Number(written);
}

/** Bytes of a member and its score. */
export function pairBytes(bytes: Uint8Array, member: number): number {
  return after(bytes, after(bytes, member)) - member;
}

/** The member that is the encoded element, or -1. */
export function findMember(bytes: Uint8Array, at: number, encoded: Scratch): number {
  return find(bytes, first(bytes, at), encoded, 1);
}

/** The member of that rank, negative from the end; -1 when there is none. */
export function memberAt(bytes: Uint8Array, at: number, rank: number): number {
  return seek(bytes, at, rank * 2);
}

/** Negative, zero or positive: the member's name against a range. */
export function compareName(bytes: Uint8Array, member: number, name: Uint8Array, start: number, end: number): number {
  readElement(bytes, member, nameView);
  const { start: from, end: to } = nameView;
  return compareRanges(nameView.bytes, from, to - from, name, start, end - start);
}

/** Where an element that is not there belongs: the offset of the member behind it, or of the end. */
export function placeOf(
  bytes: Uint8Array,
  at: number,
  score: number,
  name: Uint8Array,
  start: number,
  end: number,
): number {
  let p = first(bytes, at);
  if (p < 0) return at + 6;
  while (bytes[p] !== LISTPACK_END_BYTE) {
    const there = scoreBehind(bytes, p);
    if (there > score || (there === score && compareName(bytes, p, name, start, end) > 0)) return p;
    p = after(bytes, after(bytes, p));
  }
  return p;
}

/** How many elements have a score less than this, or with `inclusive` at most this. */
export function countBelow(bytes: Uint8Array, at: number, score: number, inclusive: boolean): number {
  let p = first(bytes, at);
  let elements = 0;
  while (p >= 0 && bytes[p] !== LISTPACK_END_BYTE) {
    const there = scoreBehind(bytes, p);
    if (there > score || (there === score && !inclusive)) return elements;
    elements++;
    p = after(bytes, after(bytes, p));
  }
  return elements;
}

/** How many elements come before this one. */
export function rankOf(bytes: Uint8Array, at: number, member: number): number {
  let p = first(bytes, at);
  let rank = 0;
  while (p < member) {
    p = after(bytes, after(bytes, p));
    rank++;
  }
  return rank;
}

export function insertPair(bytes: Uint8Array, at: number, p: number, pair: Scratch): void {
  insertBefore(bytes, at, p, pair.bytes, 0, pair.length, 2);
}

/** @returns how many bytes went. */
export function removePairs(bytes: Uint8Array, at: number, p: number, pairs: number): number {
  return removeRange(bytes, at, p, pairs * 2);
}
