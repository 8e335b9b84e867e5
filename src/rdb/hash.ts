/**
 * Hashes in RDB content whose fields live as long as they do: a listpack (formerly a ziplist or a zipmap) of fields and
 * values, or fields and values as strings. Those of which fields expire are in `hash-times.ts`.
 */
import { type Database, Encoding, NO_ROOM } from '../engine/database.ts';
import { next, totalBytes } from '../engine/listpack.ts';
import { ElementView, readElement } from '../engine/listpack-element.ts';
import { Hash, NEVER, UPDATED } from '../engine/types/hash.ts';
import { HashBuilder } from '../engine/types/hash-builder.ts';
import { LargeHash } from '../engine/types/hash-large.ts';
import { RdbType } from './format.ts';
import { fieldsWithTimes, withoutTimes } from './hash-times.ts';
import { Pack, type PackReader } from './pack.ts';
import type { RdbReader } from './reader.ts';
import { type Rest, walk } from './rest.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

const pack = new Pack();
const name = new ElementView();
const value = new ElementView();
const builder = new HashBuilder();
const hash = new Hash();

// -- Reading -------------------------------------------------------------------------------------------------------------

/** Adds a field, which must not be there yet. */
function add(
  reader: RdbReader,
  nameBytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueBytes: Uint8Array,
  valueStart: number,
  valueEnd: number,
): boolean {
  if (!reader.room(builder.growthFor(nameEnd - nameStart, valueEnd - valueStart))) return false;
  const outcome = builder.put(nameBytes, nameStart, nameEnd, valueBytes, valueStart, valueEnd);
  if (outcome === NO_ROOM) return reader.fail('no room');
  return outcome !== UPDATED || reader.fail('bad data');
}

/** Hands on what was built, also when it is worth nothing. */
function finish(reader: RdbReader, into: LoadedValue): boolean {
  if (builder.size === 0) reader.failEmpty();
  builder.giveTo(into);
  return reader.failure === undefined;
}

export function readHashFields(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  builder.begin(database);
  for (let left = reader.readCount(2); left > 0 && reader.readString(); left--) {
    const { text, textStart, textEnd } = reader;
    if (!reader.readString()) break;
    if (!add(reader, text, textStart, textEnd, reader.text, reader.textStart, reader.textEnd)) break;
  }
  return finish(reader, into);
}

export function readHashPack(reader: RdbReader, into: LoadedValue, database: Database, readPack: PackReader): boolean {
  builder.begin(database);
  if (readPack(reader, pack)) {
    if (pack.count % 2 === 0) addPairs(reader);
    else reader.fail('bad data');
  }
  return finish(reader, into);
}

/** Of the elements of the pack, an even number. */
function addPairs(reader: RdbReader): void {
  const { bytes } = pack;
  for (let p = pack.first; p !== -1; ) {
    const at = next(bytes, p);
    readElement(bytes, p, name);
    readElement(bytes, at, value);
    if (!add(reader, name.bytes, name.start, name.end, value.bytes, value.start, value.end)) return;
    p = next(bytes, at);
  }
}

// -- Writing -------------------------------------------------------------------------------------------------------------

function open(database: Database, ref: number): Hash {
  // Fields whose time is over go along, as in Redis: at the time 0 none is.
  return hash.open(database, ref, 0);
}

export function hashTypeByte(database: Database, ref: number): number {
  const isLarge = database.largeValue(ref) !== undefined;
  if (open(database, ref).firstEnd() === NEVER) return isLarge ? RdbType.hash : RdbType.hashListpack;
  return isLarge ? RdbType.hashMetadata : RdbType.hashListpackEx;
}

export function writeHashValue(database: Database, ref: number, writer: RdbWriter): Rest {
  const first_ms = open(database, ref).firstEnd();
  if (first_ms !== NEVER) writer.writeTime(first_ms);
  const large = database.largeValue(ref);
  if (large instanceof LargeHash) {
    writer.writeLength(large.size);
    return first_ms === NEVER ? fields(large, writer) : fieldsWithTimes(large, first_ms, writer);
  }
  writeSmall(database, ref, first_ms, writer);
  return undefined;
}

function fields(large: LargeHash, writer: RdbWriter): Generator<void> {
  return walk(large.members, writer, (place) => {
    large.readName(place, name);
    large.readValue(place, value);
    writer.writeString(name.bytes, name.start, name.end);
    writer.writeString(value.bytes, value.start, value.end);
  });
}

function writeSmall(database: Database, ref: number, first_ms: number, writer: RdbWriter): void {
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  if (first_ms === NEVER && database.encoding(ref) === Encoding.listpackex) {
    const plain = withoutTimes(bytes, start);
    writer.writeString(plain.bytes, 0, plain.length);
  } else writer.writeString(bytes, start, start + totalBytes(bytes, start));
}
