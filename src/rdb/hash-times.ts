/**
 * Hashes of which fields expire, as Redis 7.4 writes them. First of all stands when the first field ends, in milliseconds
 * since the epoch, 8 bytes, little endian; then
 *
 *     a listpack of field, value, time …         the times whole, 0 for a field that does not expire
 *     count | time | field | value | time …      the times since the first one, plus 1; 0 for a field that does not expire
 *
 * What is read is built as a large hash, which finds fields that are there twice, and made small at the end if it is.
 */

import type { CollectionLimits } from '../base/collection-limits.ts';
import { Int64 } from '../base/int64.ts';
import { type Database, Encoding, MISSING, ValueType } from '../engine/database.ts';
import { LARGE_HEAD_BYTES } from '../engine/large.ts';
import { first, next } from '../engine/listpack.ts';
import {
  appendElement,
  appendInteger,
  ElementView,
  integerAt,
  LISTPACK_END_BYTE,
  readElement,
  Scratch,
} from '../engine/listpack-element.ts';
import { FIELD_OVERHEAD_BYTES, NEVER } from '../engine/types/hash.ts';
import { LargeHash } from '../engine/types/hash-large.ts';
import { following, NO_TIME, PAIR, readValue, TRIPLET } from '../engine/types/hash-small.ts';
import { Pack, readListpack } from './pack.ts';
import type { RdbReader } from './reader.ts';
import { walk } from './rest.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';
import { beginListpack, endListpack } from './ziplist.ts';

/** The latest time that Redis takes: 2^48 - 2. */
const TIME_MAX_MS = 0xffff_ffff_fffe;
/** What a field that expires costs beyond its bytes: its place in the tree of times. */
const TIME_OVERHEAD_BYTES = 64;

const pack = new Pack();
const name = new ElementView();
const value = new ElementView();
const time = new Int64();
const packed = new Scratch();

// -- Reading -------------------------------------------------------------------------------------------------------------

/** A hash on its way in, held by the value that it will be. */
class Intake {
  private readonly reader: RdbReader;
  private readonly large: LargeHash;
  private longestBytes: number;

  constructor(reader: RdbReader, into: LoadedValue, database: Database) {
    this.reader = reader;
    this.large = new LargeHash(database.ground);
    this.longestBytes = 0;
    into.setLarge(ValueType.hash, Encoding.hashtable, this.large);
    reader.room(LARGE_HEAD_BYTES);
  }

  /** Adds a field, which must not be there yet, from two views; its time is NO_TIME when it does not expire. */
  add(at_ms: number): boolean {
    const { reader, large } = this;
    const nameLength = name.end - name.start;
    const valueLength = value.end - value.start;
    if (!(at_ms >= 0 && at_ms <= TIME_MAX_MS)) return reader.fail('bad data');
    if (large.members.find(name.bytes, name.start, name.end) !== MISSING) return reader.fail('bad data');
    if (!reader.room(nameLength + valueLength + FIELD_OVERHEAD_BYTES + TIME_OVERHEAD_BYTES)) return false;
    const ref = large.add(name.bytes, name.start, name.end, value.bytes, value.start, value.end);
    if (ref === MISSING) return reader.fail('no room');
    this.longestBytes = Math.max(this.longestBytes, nameLength, valueLength);
    return at_ms === NO_TIME || large.setExpiry(ref, at_ms) !== MISSING || reader.fail('no room');
  }

  finish(into: LoadedValue, limits: CollectionLimits): boolean {
    const { reader, large } = this;
    if (large.size === 0) reader.failEmpty();
    if (reader.failure !== undefined) return false;
    into.fieldsExpire = large.hasExpiring();
    const { hashMaxListpackEntries, hashMaxListpackValueBytes } = limits;
    if (large.size > hashMaxListpackEntries || this.longestBytes > hashMaxListpackValueBytes) return true;
    pour(large);
    large.drain(Number.POSITIVE_INFINITY);
    const encoding = into.fieldsExpire ? Encoding.listpackex : Encoding.listpack;
    into.setBytes(ValueType.hash, encoding, packed.bytes, 0, packed.length);
    return true;
  }
}

/** Makes the scratch a listpack of a hash: with times, the first to end first, if any field has one. */
function pour(large: LargeHash): void {
  const stride = large.hasExpiring() ? TRIPLET : PAIR;
  const fields: { readonly ref: number; readonly at_ms: number }[] = [];
  large.members.forEach((ref) => {
    const at_ms = large.expiryOf(ref);
    fields.push({ ref, at_ms: at_ms === NEVER ? Number.POSITIVE_INFINITY : at_ms });
  });
  fields.sort((a, b) => (a.at_ms === b.at_ms ? 0 : a.at_ms - b.at_ms));
  beginListpack(packed);
  for (const { ref, at_ms } of fields) {
    large.readName(ref, name);
    large.readValue(ref, value);
    appendElement(name.bytes, name.start, name.end, packed);
    appendElement(value.bytes, value.start, value.end, packed);
    if (stride === TRIPLET) appendInteger(Number.isFinite(at_ms) ? at_ms : NO_TIME, packed);
  }
  endListpack(fields.length * stride, packed);
}

export function readHashMetadata(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  const intake = new Intake(reader, into, database);
  const isTimed = reader.readInt64(time);
  const first_ms = time.value;
  if (!isTimed || first_ms < 0 || first_ms > TIME_MAX_MS) return reader.fail('bad data');
  for (let left = reader.readCount(3); left > 0; left--) {
    const since = reader.readLength();
    if (!reader.readString()) break;
    name.setText(reader.text, reader.textStart, reader.textEnd);
    if (!reader.readString()) break;
    value.setText(reader.text, reader.textStart, reader.textEnd);
    if (!intake.add(since === 0 ? NO_TIME : first_ms + since - 1)) break;
  }
  return intake.finish(into, database.collections);
}

export function readHashTriplets(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  const intake = new Intake(reader, into, database);
  if (!reader.readInt64(time) || !readListpack(reader, pack)) return false;
  const { bytes } = pack;
  if (pack.count % TRIPLET !== 0) return reader.fail('bad data');
  for (let p = pack.first; p !== -1; ) {
    const second = next(bytes, p);
    const third = next(bytes, second);
    readElement(bytes, p, name);
    readElement(bytes, second, value);
    // What is no integer is NaN, which is no time.
    if (!intake.add(integerAt(bytes, third))) break;
    p = next(bytes, third);
  }
  return intake.finish(into, database.collections);
}

// -- Writing -------------------------------------------------------------------------------------------------------------

/** The fields of a large hash, of which some expire. */
export function fieldsWithTimes(large: LargeHash, first_ms: number, writer: RdbWriter): Generator<void> {
  return walk(large.members, writer, (place) => {
    const at_ms = large.expiryOf(place);
    large.readName(place, name);
    large.readValue(place, value);
    writer.writeLength(at_ms === NEVER ? 0 : at_ms - first_ms + 1);
    writer.writeString(name.bytes, name.start, name.end);
    writer.writeString(value.bytes, value.start, value.end);
  });
}

/** The listpack of a small hash whose fields once had times, without the room for them. */
export function withoutTimes(bytes: Uint8Array, at: number): Scratch {
  beginListpack(packed);
  let elements = 0;
  for (let p = first(bytes, at); p !== -1 && bytes[p] !== LISTPACK_END_BYTE; p = following(bytes, p, TRIPLET)) {
    readElement(bytes, p, name);
    readValue(bytes, p, value);
    appendElement(name.bytes, name.start, name.end, packed);
    appendElement(value.bytes, value.start, value.end, packed);
    elements += PAIR;
  }
  endListpack(elements, packed);
  return packed;
}
