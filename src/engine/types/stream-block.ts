/**
 * Entries of a stream in one listpack, in Redis' own layout, so that a payload is a copy of the blocks:
 *
 *     entries | deleted entries | fields | field … | 0                            the master entry
 *     flags | ms | sequence | value … | elements                                  an entry with the master's fields
 *     flags | ms | sequence | fields | field | value … | elements                 one with fields of its own
 *
 * Milliseconds and sequence are differences, modulo 2^64, from the ID under which the block is known. The last element
 * counts those of the entry in front of it, for walks backwards; 0 is the master's.
 *
 * Invariant: a block of the arena has BLOCK_SPARE_BYTES behind its listpack, so that marking entries deleted, which may
 * lengthen the second element, never needs memory.
 *
 * Hot path. Budget: encoding an entry of two short pairs under 150 ns; guarded by `bench/stream.ts`.
 */
import { writeInt64 } from '../../base/int64.ts';
import { assert } from '../../base/result.ts';
import {
  end,
  insertBefore,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  last,
  previous,
  replaceElement,
  writeEmpty,
} from '../listpack.ts';
import {
  appendElement,
  appendInteger,
  ElementView,
  elementBytes,
  encodeInteger,
  FRAME_BYTES_MAX,
  int32At,
  integerAt,
  readElement,
  Scratch,
} from '../listpack-element.ts';
import type { StreamId } from './stream-id.ts';

export const DELETED = 1;
export const SAME_FIELDS = 2;

/** The second element takes two bytes at first and six at the most. */
export const BLOCK_SPARE_BYTES = 4;
/** Redis' bound of one listpack, and so of one entry. */
export const BLOCK_BYTES_MAX: number = 1 << 30;

const SMALL_MAX = 127;
/** Elements of an entry beside fields and values: flags, the two halves of the ID. */
const HEAD_ELEMENTS = 3;

/** Where a command's fields and values lie: the arguments of its request. */
export interface Arguments {
  readonly bytes: Uint8Array;
  start(index: number): number;
  end(index: number): number;
}

/** The master entry of a block, to be reused. */
export class BlockHead {
  entries = 0;
  deleted = 0;
  fields = 0;
  /** Offset of the first field, of the first entry. */
  fieldsStart = 0;
  entriesStart = 0;
}

const view = new ElementView();
const integer = new Scratch();
const digits = new Uint8Array(24);

export function readHead(bytes: Uint8Array, at: number, head: BlockHead): void {
  let p = at + LISTPACK_HEADER_BYTES;
  head.entries = integerAt(bytes, p);
  p += elementBytes(bytes, p);
  head.deleted = integerAt(bytes, p);
  p += elementBytes(bytes, p);
  head.fields = integerAt(bytes, p);
  p += elementBytes(bytes, p);
  head.fieldsStart = p;
  for (let i = head.fields; i >= 0; i--) p += elementBytes(bytes, p);
  head.entriesStart = p;
}

/** The halves of an integer element. */
function highAt(bytes: Uint8Array, p: number): number {
  if (bytes[p] === 0xf4) return int32At(bytes, p + 5);
  return integerAt(bytes, p) < 0 ? -1 : 0;
}

function lowAt(bytes: Uint8Array, p: number): number {
  return bytes[p] === 0xf4 ? int32At(bytes, p + 1) : integerAt(bytes, p) | 0;
}

/** Puts the ID that an entry's two elements from `p` on mean into `id`. @returns the offset behind them. */
export function readEntryId(bytes: Uint8Array, p: number, master: StreamId, id: StreamId): number {
  const msLo = (master.msLo + lowAt(bytes, p)) | 0;
  const msCarry = msLo >>> 0 < master.msLo >>> 0 ? 1 : 0;
  const msHi = (master.msHi + highAt(bytes, p) + msCarry) | 0;
  const q = p + elementBytes(bytes, p);
  const seqLo = (master.seqLo + lowAt(bytes, q)) | 0;
  const seqCarry = seqLo >>> 0 < master.seqLo >>> 0 ? 1 : 0;
  id.set(msHi, msLo, (master.seqHi + highAt(bytes, q) + seqCarry) | 0, seqLo);
  return q + elementBytes(bytes, q);
}

/** The ID of the last entry, be it deleted or not. */
export function readLastId(bytes: Uint8Array, at: number, master: StreamId, id: StreamId): void {
  let p = last(bytes, at);
  for (let i = integerAt(bytes, p); i > 0; i--) p = previous(bytes, at, p);
  readEntryId(bytes, p + elementBytes(bytes, p), master, id);
}

/** Whether the fields of pairs are those of the master entry. */
export function hasFields(
  bytes: Uint8Array,
  head: BlockHead,
  source: Arguments,
  firstPair: number,
  pairs: number,
): boolean {
  if (head.fields !== pairs) return false;
  let p = head.fieldsStart;
  for (let i = 0; i < pairs; i++) {
    const start = source.start(firstPair + 2 * i);
    const length = source.end(firstPair + 2 * i) - start;
    readElement(bytes, p, view);
    if (view.end - view.start !== length) return false;
    for (let j = 0; j < length; j++) if (view.bytes[view.start + j] !== source.bytes[start + j]) return false;
    p += elementBytes(bytes, p);
  }
  return true;
}

// -- Writing -------------------------------------------------------------------------------------------------------------

function appendSmall(value: number, into: Scratch): void {
  if (value > SMALL_MAX) {
    appendInteger(value, into);
    return;
  }
  into.reserve(2);
  into.bytes[into.length] = value;
  into.bytes[into.length + 1] = 1;
  into.length += 2;
}

/** Adds a signed 64-bit integer. */
function appendHalves(hi: number, lo: number, into: Scratch): void {
  if (hi === 0 && lo >= 0) {
    appendSmall(lo, into);
    return;
  }
  const value = hi * 4294967296 + (lo >>> 0);
  if (Number.isSafeInteger(value)) appendInteger(value, into);
  else appendElement(digits, 0, writeInt64(digits, 0, hi, lo), into);
}

function appendIdDifference(id: StreamId, master: StreamId, into: Scratch): void {
  const msBorrow = id.msLo >>> 0 < master.msLo >>> 0 ? 1 : 0;
  appendHalves((id.msHi - master.msHi - msBorrow) | 0, (id.msLo - master.msLo) | 0, into);
  const seqBorrow = id.seqLo >>> 0 < master.seqLo >>> 0 ? 1 : 0;
  appendHalves((id.seqHi - master.seqHi - seqBorrow) | 0, (id.seqLo - master.seqLo) | 0, into);
}

/** Adds an entry to the scratch. @returns its elements. */
export function encodeEntry(
  id: StreamId,
  master: StreamId,
  same: boolean,
  source: Arguments,
  firstPair: number,
  pairs: number,
  into: Scratch,
): number {
  appendSmall(same ? SAME_FIELDS : 0, into);
  appendIdDifference(id, master, into);
  if (!same) appendSmall(pairs, into);
  const { bytes } = source;
  for (let i = firstPair; i < firstPair + 2 * pairs; i += 2) {
    if (!same) appendElement(bytes, source.start(i), source.end(i), into);
    appendElement(bytes, source.start(i + 1), source.end(i + 1), into);
  }
  const elements = HEAD_ELEMENTS + (same ? pairs : 2 * pairs + 1);
  appendSmall(elements, into);
  return elements + 1;
}

/** Bytes that `encodeEntry` may ask room for, the texts of its pairs being so many bytes long. */
export function entryBytesMax(pairs: number, textBytes: number): number {
  return textBytes + (2 * pairs + HEAD_ELEMENTS + 2) * FRAME_BYTES_MAX;
}

/** Puts a whole listpack of one entry, without its terminator, into the scratch. @returns its elements. */
export function encodeBlock(id: StreamId, source: Arguments, firstPair: number, pairs: number, into: Scratch): number {
  into.reset();
  into.length = LISTPACK_HEADER_BYTES;
  appendSmall(1, into);
  appendSmall(0, into);
  appendSmall(pairs, into);
  for (let i = firstPair; i < firstPair + 2 * pairs; i += 2) {
    appendElement(source.bytes, source.start(i), source.end(i), into);
  }
  appendSmall(0, into);
  return 4 + pairs + encodeEntry(id, id, true, source, firstPair, pairs, into);
}

/** Makes what `encodeBlock` left in a scratch a listpack. Needs room for it and a terminator. */
export function writeBlock(bytes: Uint8Array, at: number, encoded: Scratch, elements: number): void {
  writeEmpty(bytes, at);
  const { length } = encoded;
  insertBefore(
    bytes,
    at,
    end(bytes, at),
    encoded.bytes,
    LISTPACK_HEADER_BYTES,
    length - LISTPACK_HEADER_BYTES,
    elements,
  );
}

/** Bytes that `writeBlock` writes. */
export function blockLength(encoded: Scratch): number {
  return encoded.length + LISTPACK_EMPTY_BYTES - LISTPACK_HEADER_BYTES;
}

/** Counts entries of a block anew, by what came (or, negative, went) and by what was marked deleted. */
export function changeCounts(bytes: Uint8Array, at: number, entries: number, deleted: number): void {
  const first = at + LISTPACK_HEADER_BYTES;
  rewriteInteger(bytes, at, first, integerAt(bytes, first) + entries);
  if (deleted === 0) return;
  const second = first + elementBytes(bytes, first);
  rewriteInteger(bytes, at, second, integerAt(bytes, second) + deleted);
}

/** Sets the flags of an entry. */
export function markDeleted(bytes: Uint8Array, at: number, entry: number): void {
  rewriteInteger(bytes, at, entry, integerAt(bytes, entry) | DELETED);
}

/** A count that falls may shorten its element; what it gives is there again for the other one. */
function rewriteInteger(bytes: Uint8Array, at: number, p: number, value: number): void {
  assert(value >= 0, 'a block counts no fewer than no entries');
  if ((bytes[p] as number) <= SMALL_MAX && value <= SMALL_MAX) {
    bytes[p] = value;
    return;
  }
  encodeInteger(value, integer);
  replaceElement(bytes, at, p, integer.bytes, 0, integer.length);
}
