/** Strings in RDB content: one string. */
import { type Database, stringEncoding, ValueType } from '../engine/database.ts';
import type { RdbReader } from './reader.ts';
import type { Rest } from './rest.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

export function readStringValue(reader: RdbReader, into: LoadedValue): boolean {
  if (!reader.readString()) return false;
  const { text, textStart, textEnd } = reader;
  into.setBytes(ValueType.string, stringEncoding(text, textStart, textEnd), text, textStart, textEnd);
  return true;
}

export function writeStringValue(database: Database, ref: number, writer: RdbWriter): Rest {
  const start = database.valueStart(ref);
  writer.writeString(database.valueBytes(ref), start, start + database.valueLength(ref));
  return undefined;
}
