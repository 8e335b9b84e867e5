/** Stream IDs and unsigned 64-bit numbers in RDB content. */
import { Int64 } from '../base/int64.ts';
import type { StreamId } from '../engine/types/stream-id.ts';
import type { RdbReader } from './reader.ts';
import type { RdbWriter } from './writer.ts';

/** An ID in the form in which Redis sorts them: big endian. */
export const ID_BYTES = 16;

const number = new Int64();

/** An ID of 16 bytes, which must be there. */
export function idFrom(bytes: Uint8Array, at: number, id: StreamId): void {
  id.set(wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8), wordAt(bytes, at + 12));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** An ID of 16 bytes that comes next. */
export function readRawId(reader: RdbReader, id: StreamId): boolean {
  if (!reader.has(ID_BYTES)) return false;
  idFrom(reader.bytes, reader.at, id);
  reader.at += ID_BYTES;
  return true;
}

/** An ID as two lengths. */
export function readId(reader: RdbReader, id: StreamId): boolean {
  if (!reader.readUint64(number)) return false;
  const { hi, lo } = number;
  if (!reader.readUint64(number)) return false;
  id.set(hi, lo, number.hi, number.lo);
  return true;
}

/** 0 when there is none. */
export function readBig(reader: RdbReader): bigint {
  if (!reader.readUint64(number)) return 0n;
  return (BigInt(number.hi >>> 0) << 32n) | BigInt(number.lo >>> 0);
}

export function writeRawId(id: StreamId, writer: RdbWriter): void {
  writer.writeWord(id.msHi);
  writer.writeWord(id.msLo);
  writer.writeWord(id.seqHi);
  writer.writeWord(id.seqLo);
}

export function writeId(id: StreamId, writer: RdbWriter): void {
  writer.writeUint64(id.msHi, id.msLo);
  writer.writeUint64(id.seqHi, id.seqLo);
}

/** Modulo 2^64. */
export function writeBig(value: bigint, writer: RdbWriter): void {
  writer.writeUint64(Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn));
}
