/**
 * Sorted sets in RDB content: a listpack (formerly a ziplist) of members and scores in order, or members each with a score,
 * from the last to the first; formerly with the score as text.
 */
import { type Database, MISSING } from '../engine/database.ts';
import { next, totalBytes } from '../engine/listpack.ts';
import { ElementView, integerAt, readElement } from '../engine/listpack-element.ts';
import { compareRanges } from '../engine/name-order.ts';
import { SortedSet } from '../engine/types/zset.ts';
import { SortedSetBuilder } from '../engine/types/zset-builder.ts';
import { ZsetCursor } from '../engine/types/zset-cursor.ts';
import { RdbType } from './format.ts';
import { Pack, type PackReader } from './pack.ts';
import type { RdbReader } from './reader.ts';
import type { Rest } from './rest.ts';
import { scoreOfText } from './score.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

/** Block, index and tree: what a member costs beyond its name. */
const MEMBER_OVERHEAD_BYTES = 64;
/** The length of a text that is none but an infinity or not a number. */
const TEXT_NEGATIVE_INFINITY = 255;
const TEXT_INFINITY = 254;
const TEXT_NAN = 253;

const pack = new Pack();
const name = new ElementView();
const before = new ElementView();
const text = new ElementView();

// -- Reading -------------------------------------------------------------------------------------------------------------

/** Adds a member, which must not be there yet. */
function add(
  reader: RdbReader,
  builder: SortedSetBuilder,
  bytes: Uint8Array,
  start: number,
  end: number,
  score: number,
): boolean {
  if (Number.isNaN(score) || builder.find(bytes, start, end) !== MISSING) return reader.fail('bad data');
  if (!reader.room(end - start + MEMBER_OVERHEAD_BYTES)) return false;
  return builder.add(bytes, start, end, score) || reader.fail('no room');
}

/** Hands on what was built, also when it is worth nothing. */
function finish(reader: RdbReader, builder: SortedSetBuilder, into: LoadedValue, database: Database): boolean {
  if (builder.size === 0) reader.failEmpty();
  if (reader.failure === undefined && !builder.arrange()) reader.fail('no room');
  if (reader.failure === undefined) builder.giveTo(into, database.collections);
  else builder.discard();
  return reader.failure === undefined;
}

export function readZsetElements(
  reader: RdbReader,
  into: LoadedValue,
  database: Database,
  scores: 'texts' | 'doubles',
): boolean {
  const builder = new SortedSetBuilder(database.ground);
  for (let left = reader.readCount(2); left > 0 && reader.readString(); left--) {
    const { text: bytes, textStart, textEnd } = reader;
    const score = scores === 'doubles' ? reader.readDouble() : readTextScore(reader);
    if (!add(reader, builder, bytes, textStart, textEnd, score)) break;
  }
  return finish(reader, builder, into, database);
}

function readTextScore(reader: RdbReader): number {
  const length = reader.readByte();
  if (length === TEXT_NEGATIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  if (length === TEXT_INFINITY) return Number.POSITIVE_INFINITY;
  if (length === TEXT_NAN || !reader.has(length)) return Number.NaN;
  const start = reader.at;
  reader.at += length;
  return scoreOfText(reader.bytes, start, reader.at);
}

export function readZsetPack(reader: RdbReader, into: LoadedValue, database: Database, readPack: PackReader): boolean {
  const builder = new SortedSetBuilder(database.ground);
  if (readPack(reader, pack)) {
    if (pack.count % 2 === 0) addPairs(reader, builder);
    else reader.fail('bad data');
  }
  return finish(reader, builder, into, database);
}

/** Of the elements of the pack, an even number. They must be in order. */
function addPairs(reader: RdbReader, builder: SortedSetBuilder): void {
  const { bytes } = pack;
  let scoreBefore = Number.NEGATIVE_INFINITY;
  let isFirst = true;
  for (let p = pack.first; p !== -1; ) {
    const at = next(bytes, p);
    const score = scoreAt(bytes, at);
    readElement(bytes, p, name);
    if (!isFirst && !isBehind(score, scoreBefore)) {
      reader.fail('bad data');
      return;
    }
    if (!add(reader, builder, name.bytes, name.start, name.end, score)) return;
    isFirst = false;
    scoreBefore = score;
    readElement(bytes, p, before);
    p = next(bytes, at);
  }
}

/** Whether a score and the member in `name` come behind those looked at last. */
function isBehind(score: number, scoreBefore: number): boolean {
  if (score !== scoreBefore) return score > scoreBefore;
  const { start, end } = before;
  return compareRanges(before.bytes, start, end - start, name.bytes, name.start, name.end - name.start) < 0;
}

function scoreAt(bytes: Uint8Array, p: number): number {
  const whole = integerAt(bytes, p);
  if (!Number.isNaN(whole)) return whole;
  readElement(bytes, p, text);
  return scoreOfText(text.bytes, text.start, text.end);
}

// -- Writing -------------------------------------------------------------------------------------------------------------

export function zsetTypeByte(database: Database, ref: number): number {
  return database.largeValue(ref) === undefined ? RdbType.zsetListpack : RdbType.zset;
}

export function writeZsetValue(database: Database, ref: number, writer: RdbWriter): Rest {
  if (database.largeValue(ref) !== undefined) return members(database, ref, writer);
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  writer.writeString(bytes, start, start + totalBytes(bytes, start));
  return undefined;
}

function* members(database: Database, ref: number, writer: RdbWriter): Generator<void> {
  const zset = new SortedSet().open(database, ref);
  const cursor = new ZsetCursor();
  const { size } = zset;
  writer.writeLength(size);
  // From the last on, so that whoever reads it adds each in front of all others.
  for (let there = zset.seek(size - 1, cursor); there && !writer.overflowed; there = cursor.previous()) {
    writer.writeString(cursor.bytes, cursor.start, cursor.end);
    writer.writeDouble(cursor.score);
    if (writer.length >= writer.dueAt) yield;
  }
}
