/**
 * A value on its way from RDB content into a database: read and checked first, put in place afterwards, so that content
 * that turns out to be bad has changed nothing.
 *
 * Invariant: a large value belongs to whoever holds this until it is stored; what is not stored is given back by `drop`.
 */
import { type Database, Encoding, MISSING, NO_ROOM, OK, type Outcome, ValueType } from '../engine/database.ts';
import type { LargeValue } from '../engine/large.ts';

const NONE = new Uint8Array(0);
/** What makes a name that no key has. */
const NAME_BYTES = 8;

export class LoadedValue {
  type: ValueType;
  encoding: Encoding;
  bytes: Uint8Array;
  start: number;
  end: number;
  large: LargeValue | undefined;
  /** Whether it is a hash of which fields expire. */
  fieldsExpire: boolean;

  constructor() {
    this.type = ValueType.string;
    this.encoding = Encoding.raw;
    this.bytes = NONE;
    this.start = 0;
    this.end = 0;
    this.large = undefined;
    this.fieldsExpire = false;
  }

  /** A value that is its bytes; they must not lie in the arena. */
  setBytes(type: ValueType, encoding: Encoding, bytes: Uint8Array, start: number, end: number): void {
    this.type = type;
    this.encoding = encoding;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.large = undefined;
  }

  setLarge(type: ValueType, encoding: Encoding, value: LargeValue): void {
    this.type = type;
    this.encoding = encoding;
    this.bytes = NONE;
    this.start = 0;
    this.end = 0;
    this.large = value;
  }

  /**
   * Makes it the value of a key, whatever that was. Its time must not be over yet. With NO_ROOM the key is as before, and this is
   * still to be dropped.
   */
  store(database: Database, key: Uint8Array, keyStart: number, keyEnd: number, expireAt_ms: number): Outcome {
    if (this.fieldsExpire) return this.storeMarked(database, key, keyStart, keyEnd, expireAt_ms);
    return this.place(database, key, keyStart, keyEnd, expireAt_ms);
  }

  /**
   * The mark that fields expire needs memory as well. So that nothing has changed when there is none, the value is put under a
   * name that no key has, marked there, and only then given its key.
   */
  private storeMarked(
    database: Database,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    expireAt_ms: number,
  ): Outcome {
    const length = keyEnd - keyStart;
    const name = new Uint8Array(length + NAME_BYTES);
    name.set(key.subarray(keyStart, keyEnd));
    do {
      for (let i = length; i < name.length; i++) name[i] = database.prng.below(256);
    } while (database.peek(name, 0, name.length) !== MISSING);
    if (this.place(database, name, 0, name.length, expireAt_ms) !== OK) return NO_ROOM;
    const isMarked = database.keys.markExpiringFields(database.peek(name, 0, name.length), true);
    if (isMarked && database.rename(name, 0, name.length, key, keyStart, keyEnd) === OK) return OK;
    database.delete(name, 0, name.length);
    return NO_ROOM;
  }

  private place(database: Database, key: Uint8Array, keyStart: number, keyEnd: number, expireAt_ms: number): Outcome {
    const { type, encoding, large } = this;
    if (large === undefined) {
      const { bytes, start, end } = this;
      return database.setValue(type, encoding, key, keyStart, keyEnd, bytes, start, end, expireAt_ms);
    }
    const outcome = database.setLarge(type, encoding, key, keyStart, keyEnd, large, expireAt_ms);
    if (outcome === OK) this.large = undefined;
    return outcome;
  }

  /** Lets go of everything. */
  drop(): void {
    this.large?.drain(Number.POSITIVE_INFINITY);
    this.large = undefined;
    this.fieldsExpire = false;
    this.bytes = NONE;
    this.start = 0;
    this.end = 0;
  }
}
