/**
 * DUMP payloads: one value that can be carried to another server.
 *
 *     type byte | value | RDB version (16 bits) | CRC-64 of all before it      both little endian
 */
import type { Database } from '../engine/database.ts';
import { Crc64 } from './crc64.ts';
import { RDB_VERSION_READ_MAX, versionOf } from './format.ts';
import type { RdbBounds, RdbReader } from './reader.ts';
import { finish } from './rest.ts';
import { valueReaders, valueWriters } from './types.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

const VERSION_BYTES = 2;
const CRC_BYTES = 8;
const FOOTER_BYTES = VERSION_BYTES + CRC_BYTES;

const crc = new Crc64();

/** Puts the payload of an entry, and nothing else, into the writer. False: it is longer than `bytesMax`. */
export function dumpPayload(database: Database, ref: number, writer: RdbWriter, bytesMax: number): boolean {
  const how = valueWriters[database.valueType(ref)];
  const typeByte = how.typeByte(database, ref);
  const version = versionOf(typeByte);
  writer.reset(bytesMax);
  writer.writeByte(typeByte);
  finish(how.write(database, ref, writer));
  writer.reserve(FOOTER_BYTES);
  if (writer.overflowed) return false;
  writer.writeByte(version & 255);
  writer.writeByte(version >> 8);
  crc.reset().update(writer.bytes, 0, writer.length).write(writer.bytes, writer.length);
  writer.length += CRC_BYTES;
  return true;
}

/** Whether a range ends in a version that we read and in its own checksum. Says nothing about the value in it. */
export function isPayload(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < FOOTER_BYTES) return false;
  const version = (bytes[end - FOOTER_BYTES] as number) | ((bytes[end - FOOTER_BYTES + 1] as number) << 8);
  if (version > RDB_VERSION_READ_MAX) return false;
  return crc
    .reset()
    .update(bytes, start, end - CRC_BYTES)
    .equals(bytes, end - CRC_BYTES);
}

/**
 * Reads the value of a payload that {@link isPayload}, for a database in which it is not yet. Bytes between the value and
 * the footer, which Redis ignores, are refused: no server writes any.
 * @returns false when the value is bad or too much, and nothing of it is left: why is in `reader.failure`.
 */
export function readPayload(
  reader: RdbReader,
  bytes: Uint8Array,
  start: number,
  end: number,
  bounds: RdbBounds,
  into: LoadedValue,
  database: Database,
): boolean {
  reader.open(bytes, start, end - FOOTER_BYTES, bounds);
  const read = valueReaders.get(reader.readByte());
  if (read === undefined || reader.failure !== undefined) return reader.fail('bad data');
  if (read(reader, into, database) && (reader.left === 0 || reader.fail('bad data'))) return true;
  into.drop();
  return false;
}
