/**
 * Makes a hash that is not there yet: put fields in, then finish. It is put together outside of the arena while it is small,
 * so that the entry is made once, as large as it must be.
 *
 * Invariant: between `begin` and `finish` or `abandon` at most one large value is held, charged to the account.
 *
 * Hot path. Budget: a hash of five fields under 1.5 us; guarded by `bench/hash.ts`.
 */
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING, NO_EXPIRY, NO_ROOM, OK, type Outcome, ValueType } from '../database.ts';
import { LARGE_HEAD_BYTES, type ValueSink } from '../large.ts';
import { after, end, first, insertBefore, LISTPACK_EMPTY_BYTES, replaceElement, writeEmpty } from '../listpack.ts';
import {
  ElementView,
  elementBytes,
  encodeElement,
  LISTPACK_END_BYTE,
  readElement,
  Scratch,
} from '../listpack-element.ts';
import { DraftIndex, INDEXED_FROM } from './draft-index.ts';
import { CREATED, FIELD_OVERHEAD_BYTES, type SetOutcome, UPDATED } from './hash.ts';
import { LargeHash } from './hash-large.ts';
import { appendField, findField, following, PAIR, readValue } from './hash-small.ts';

const encoded = new Scratch();
const nameView = new ElementView();
const valueView = new ElementView();

/** Bytes that a new hash of so many fields may take, its names and values being so long, all of them and the longest. */
export function bytesToBuild(database: Database, fields: number, bytes: number, longestBytes: number): number {
  const { hashMaxListpackEntries, hashMaxListpackValueBytes } = database.collections;
  const isSmall = fields <= hashMaxListpackEntries && longestBytes <= hashMaxListpackValueBytes;
  return bytes + fields * FIELD_OVERHEAD_BYTES + (isSmall ? 0 : LARGE_HEAD_BYTES);
}

export class HashBuilder {
  private database: Database | undefined;
  /** The listpack, of which `length` bytes are in use. */
  private readonly blob: Scratch;
  private large: LargeHash | undefined;
  /** Fields in the listpack. */
  private fields: number;
  /** Where they are, once there are many. */
  private readonly index: DraftIndex;
  /** Of the name looked for last, once there is an index. */
  private nameHash: number;

  constructor() {
    this.database = undefined;
    this.blob = new Scratch();
    this.large = undefined;
    this.fields = 0;
    this.index = new DraftIndex();
    this.nameHash = 0;
  }

  begin(database: Database): void {
    const { blob } = this;
    this.database = database;
    this.large = undefined;
    this.fields = 0;
    this.index.reset();
    blob.reset();
    blob.reserve(LISTPACK_EMPTY_BYTES);
    writeEmpty(blob.bytes, 0);
    blob.length = LISTPACK_EMPTY_BYTES;
  }

  /** Neither name nor value may lie in the arena. After NO_ROOM all there is left to do is to abandon it. */
  put(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): SetOutcome {
    if (this.large === undefined) {
      const { hashMaxListpackEntries: most, hashMaxListpackValueBytes: longest } = this.home.collections;
      if (nameEnd - nameStart <= longest && valueEnd - valueStart <= longest) {
        encodeElement(name, nameStart, nameEnd, encoded);
        const field = this.findSmall();
        if (field >= 0) return this.replaceSmall(field, value, valueStart, valueEnd);
        if (this.fields < most) {
          return this.addSmall(name, nameStart, nameEnd, value, valueStart, valueEnd);
        }
      }
      if (!this.enlarge()) return NO_ROOM;
    }
    const { large } = this;
    assert(large !== undefined, 'a hash that is not small is large');
    const ref = large.members.find(name, nameStart, nameEnd);
    if (ref === MISSING) {
      return large.add(name, nameStart, nameEnd, value, valueStart, valueEnd) === MISSING ? NO_ROOM : CREATED;
    }
    return large.setValue(ref, value, valueStart, valueEnd, false) === MISSING ? NO_ROOM : UPDATED;
  }

  /** Puts the hash at a key, whatever that was. With NO_ROOM nothing changed and nothing is left of the hash. */
  finish(key: Uint8Array, start: number, end: number): Outcome {
    const { home, large, blob } = this;
    this.large = undefined;
    if (large === undefined) {
      const { length } = blob;
      return home.setValue(ValueType.hash, Encoding.listpack, key, start, end, blob.bytes, 0, length, NO_EXPIRY);
    }
    const outcome = home.setLarge(ValueType.hash, Encoding.hashtable, key, start, end, large, NO_EXPIRY);
    if (outcome !== OK) large.drain(Number.POSITIVE_INFINITY);
    return outcome;
  }

  /** Hands the hash over as it is, ready to become a value if it is not empty; its bytes last until the next one is begun. */
  giveTo(sink: ValueSink): void {
    const { large, blob } = this;
    this.large = undefined;
    if (large === undefined) sink.setBytes(ValueType.hash, Encoding.listpack, blob.bytes, 0, blob.length);
    else sink.setLarge(ValueType.hash, Encoding.hashtable, large);
  }

  /** Fields so far. */
  get size(): number {
    return this.large === undefined ? this.fields : this.large.size;
  }

  /** Bytes that one more field of these lengths may take, with those of what is not charged to the account yet. */
  growthFor(nameLength: number, valueLength: number): number {
    const longest = Math.max(nameLength, valueLength);
    const growth = nameLength + valueLength + FIELD_OVERHEAD_BYTES;
    if (this.large !== undefined) return growth;
    return bytesToBuild(this.home, this.size + 1, this.blob.length + nameLength + valueLength, longest);
  }

  abandon(): void {
    this.large?.drain(Number.POSITIVE_INFINITY);
    this.large = undefined;
  }

  private get home(): Database {
    const { database } = this;
    assert(database !== undefined, 'a hash is begun before it is built');
    return database;
  }

  /** The field in `encoded`, or -1. */
  private findSmall(): number {
    const { bytes } = this.blob;
    if (this.fields < INDEXED_FROM) return findField(bytes, 0, PAIR, encoded);
    const { index, home } = this;
    const { hash } = home.ground;
    if (index.count === 0) {
      for (let field = first(bytes, 0); bytes[field] !== LISTPACK_END_BYTE; field = following(bytes, field, PAIR)) {
        index.add(hash.of(bytes, field, after(bytes, field)), field);
      }
    }
    this.nameHash = hash.of(encoded.bytes, 0, encoded.length);
    return index.find(this.nameHash, bytes, encoded);
  }

  private addSmall(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): SetOutcome {
    const { blob, index } = this;
    const place = end(blob.bytes, 0);
    encoded.reset();
    appendField(name, nameStart, nameEnd, value, valueStart, valueEnd, PAIR, encoded);
    blob.reserve(encoded.length);
    insertBefore(blob.bytes, 0, place, encoded.bytes, 0, encoded.length, PAIR);
    blob.length += encoded.length;
    this.fields++;
    if (index.count > 0) index.add(this.nameHash, place);
    return CREATED;
  }

  private replaceSmall(field: number, value: Uint8Array, valueStart: number, valueEnd: number): SetOutcome {
    const { blob } = this;
    encodeElement(value, valueStart, valueEnd, encoded);
    const p = after(blob.bytes, field);
    blob.reserve(Math.max(0, encoded.length - elementBytes(blob.bytes, p)));
    const growth = replaceElement(blob.bytes, 0, p, encoded.bytes, 0, encoded.length);
    blob.length += growth;
    if (growth !== 0) this.index.reset();
    return UPDATED;
  }

  /** Goes on with a large hash. */
  private enlarge(): boolean {
    const large = new LargeHash(this.home.ground);
    this.large = large;
    const { bytes } = this.blob;
    for (let field = first(bytes, 0); field >= 0 && bytes[field] !== LISTPACK_END_BYTE; ) {
      readElement(bytes, field, nameView);
      readValue(bytes, field, valueView);
      const { start, end: stop } = nameView;
      const ref = large.add(nameView.bytes, start, stop, valueView.bytes, valueView.start, valueView.end);
      if (ref === MISSING) return false;
      field = following(bytes, field, PAIR);
    }
    return true;
  }
}
