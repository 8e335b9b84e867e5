/**
 * Sets in RDB content: elements, or an intset. What we keep as a listpack is written as elements, as redis-server 7.0 knows
 * no listpacks of sets.
 */
import { isInteger } from '../base/integer.ts';
import { type Database, Encoding, ValueType } from '../engine/database.ts';
import * as intset from '../engine/intset.ts';
import { next } from '../engine/listpack.ts';
import { ElementView, readElement } from '../engine/listpack-element.ts';
import { nameLengthOf, nameStartOf } from '../engine/member.ts';
import type { Members } from '../engine/members.ts';
import { BLOCK_OVERHEAD_BYTES, SetView } from '../engine/types/set.ts';
import { FAILED, PRESENT, SetEditor } from '../engine/types/set-editor.ts';
import { LargeSet } from '../engine/types/set-large.ts';
import { RdbType } from './format.ts';
import { Pack, readListpack } from './pack.ts';
import type { RdbReader } from './reader.ts';
import { type Rest, walk } from './rest.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

const pack = new Pack();
const view = new ElementView();
const editor = new SetEditor();
const set = new SetView();

// -- Reading -------------------------------------------------------------------------------------------------------------

/** Adds an element, which must not be there yet. */
function add(reader: RdbReader, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  const conversion = editor.conversionBytes(1, length, isInteger(bytes, start, end));
  if (!reader.room(conversion + length + BLOCK_OVERHEAD_BYTES)) return false;
  const addition = editor.add(bytes, start, end);
  if (addition === PRESENT) return reader.fail('bad data');
  return addition !== FAILED || reader.fail('no room');
}

/** Hands on what was built, also when it is worth nothing. */
function finish(reader: RdbReader, into: LoadedValue): boolean {
  if (editor.set.size === 0) reader.failEmpty();
  editor.giveTo(into);
  return reader.failure === undefined;
}

export function readSetElements(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  editor.begin(database);
  let left = reader.readCount(1);
  while (left > 0 && reader.readString() && add(reader, reader.text, reader.textStart, reader.textEnd)) left--;
  return finish(reader, into);
}

export function readSetPack(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  editor.begin(database);
  if (readListpack(reader, pack)) {
    for (let p = pack.first; p !== -1; p = next(pack.bytes, p)) {
      readElement(pack.bytes, p, view);
      if (!add(reader, view.bytes, view.start, view.end)) break;
    }
  }
  return finish(reader, into);
}

export function readSetIntset(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  if (!reader.readBlob()) return false;
  const { text, textStart, textEnd } = reader;
  if (!intset.isValid(text, textStart, textEnd - textStart, true)) return reader.fail('bad data');
  const members = intset.length(text, textStart);
  if (members <= database.collections.setMaxIntsetEntries) {
    into.setBytes(ValueType.set, Encoding.intset, text, textStart, textEnd);
    return true;
  }
  editor.begin(database);
  for (let i = 0; i < members; i++) {
    intset.readMember(text, textStart, i, view);
    if (!add(reader, view.bytes, view.start, view.end)) break;
  }
  return finish(reader, into);
}

// -- Writing -------------------------------------------------------------------------------------------------------------

export function setTypeByte(database: Database, ref: number): number {
  return database.encoding(ref) === Encoding.intset ? RdbType.setIntset : RdbType.set;
}

export function writeSetValue(database: Database, ref: number, writer: RdbWriter): Rest {
  const large = database.largeValue(ref);
  if (large instanceof LargeSet) return elements(large.members, writer);
  if (database.encoding(ref) === Encoding.intset) {
    const bytes = database.valueBytes(ref);
    const start = database.valueStart(ref);
    writer.writeString(bytes, start, start + intset.totalBytes(bytes, start));
    return undefined;
  }
  set.open(database, ref);
  writer.writeLength(set.size);
  set.each((bytes, start, end) => {
    writer.writeString(bytes, start, end);
    return !writer.overflowed;
  });
  return undefined;
}

function* elements(members: Members, writer: RdbWriter): Generator<void> {
  const { arena } = members;
  writer.writeLength(members.size);
  yield* walk(members, writer, (ref) => {
    const start = nameStartOf(arena, ref);
    writer.writeString(arena.bytesOf(ref), start, start + nameLengthOf(arena, ref));
  });
}
