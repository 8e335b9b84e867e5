/**
 * Which module reads and writes which type of value: one row per type byte that is read, one per type that is written.
 *
 * A reader builds the value beside the database, in the encodings that its thresholds ask for. It answers false when the content is
 * bad or too much, why is in `reader.failure`, and what it has built so far is in `into`, for the caller to drop. A writer
 * says how the value begins and writes what follows.
 */
import { type Database, ValueType } from '../engine/database.ts';
import { RdbType } from './format.ts';
import { hashTypeByte, readHashFields, readHashPack, writeHashValue } from './hash.ts';
import { readHashMetadata, readHashTriplets } from './hash-times.ts';
import { readListElements, readListPack, readQuicklist, writeListValue } from './list.ts';
import { readListpack, readZiplist, readZipmap } from './pack.ts';
import type { RdbReader } from './reader.ts';
import type { Rest } from './rest.ts';
import { readSetElements, readSetIntset, readSetPack, setTypeByte, writeSetValue } from './set.ts';
import { readZsetElements, readZsetPack, writeZsetValue, zsetTypeByte } from './sorted-set.ts';
import { readStreamValue } from './stream.ts';
import { writeStreamValue } from './stream-writer.ts';
import { readStringValue, writeStringValue } from './string.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

export type ValueReader = (reader: RdbReader, into: LoadedValue, database: Database) => boolean;

export interface ValueWriter {
  /** The type byte; it may depend on how the value is kept. */
  readonly typeByte: (database: Database, ref: number) => number;
  /** Writes a small value, and the head of a large one, whose rest the caller has to run. */
  readonly write: (database: Database, ref: number, writer: RdbWriter) => Rest;
}

export const valueReaders: ReadonlyMap<number, ValueReader> = new Map<number, ValueReader>([
  [RdbType.string, readStringValue],
  [RdbType.list, readListElements],
  [RdbType.set, readSetElements],
  [RdbType.zsetTexts, (reader, into, database) => readZsetElements(reader, into, database, 'texts')],
  [RdbType.hash, readHashFields],
  [RdbType.zset, (reader, into, database) => readZsetElements(reader, into, database, 'doubles')],
  [RdbType.hashZipmap, (reader, into, database) => readHashPack(reader, into, database, readZipmap)],
  [RdbType.listZiplist, readListPack],
  [RdbType.setIntset, readSetIntset],
  [RdbType.zsetZiplist, (reader, into, database) => readZsetPack(reader, into, database, readZiplist)],
  [RdbType.hashZiplist, (reader, into, database) => readHashPack(reader, into, database, readZiplist)],
  [RdbType.listQuicklist, (reader, into, database) => readQuicklist(reader, into, database, 'ziplists')],
  [RdbType.stream, (reader, into, database) => readStreamValue(reader, into, database, 1)],
  [RdbType.hashListpack, (reader, into, database) => readHashPack(reader, into, database, readListpack)],
  [RdbType.zsetListpack, (reader, into, database) => readZsetPack(reader, into, database, readListpack)],
  [RdbType.listQuicklist2, (reader, into, database) => readQuicklist(reader, into, database, 'listpacks')],
  [RdbType.stream2, (reader, into, database) => readStreamValue(reader, into, database, 2)],
  [RdbType.setListpack, readSetPack],
  [RdbType.stream3, (reader, into, database) => readStreamValue(reader, into, database, 3)],
  [RdbType.hashMetadata, readHashMetadata],
  [RdbType.hashListpackEx, readHashTriplets],
]);

export const valueWriters: Readonly<Record<ValueType, ValueWriter>> = {
  [ValueType.string]: { typeByte: () => RdbType.string, write: writeStringValue },
  [ValueType.list]: { typeByte: () => RdbType.listQuicklist2, write: writeListValue },
  [ValueType.set]: { typeByte: setTypeByte, write: writeSetValue },
  [ValueType.zset]: { typeByte: zsetTypeByte, write: writeZsetValue },
  [ValueType.hash]: { typeByte: hashTypeByte, write: writeHashValue },
  [ValueType.stream]: { typeByte: () => RdbType.stream2, write: writeStreamValue },
};
