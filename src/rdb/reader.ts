/**
 * Reads RDB content that may be anything: lengths, strings, and whatever types make of them.
 *
 * The content may be a range of bytes, or a window into something longer, of which a source brings more when it is asked for.
 *
 * Invariants: nothing outside of [at, end) is read; no length is believed before it is held against what is left, the bound
 * on values and the budget, and nothing is allocated for it before that. The first thing that is wrong is remembered as
 * `failure` and everything after it fails, too: callers look once, at the end or before they would act on a value.
 */
import { INT64_TEXT_BYTES, type Int64 } from '../base/int64.ts';
import { writeInteger } from '../base/integer.ts';
import { STRING_BYTES_MAX } from '../base/limits.ts';
import { ENCODED, INT_8, INT_16, INT_32, LENGTH_6, LENGTH_14, LENGTH_32, LENGTH_64, LZF } from './format.ts';
import { decompress, LZF_RATIO_MAX } from './lzf.ts';

/** What a value may cost. */
export interface RdbBounds {
  /** Bytes of one string. */
  readonly bytesMax: number;
  /** Whether there is room for so many bytes more. May evict keys: nobody may hold a ref across reading. */
  readonly room: (bytes: number) => boolean;
}

/**
 * Why a value is none. `empty` is a collection without elements, which old servers left behind in their files: it was read
 * to its end. `ended` is content that stops in the middle, where it comes from a source.
 */
export type RdbFailure = 'bad data' | 'too long' | 'no room' | 'empty' | 'ended';

/** What is longer than the window that is in memory. */
export interface RdbSource {
  /** Bytes behind the window. */
  readonly bytesBehind: number;
  /**
   * Gives the reader another window, in which at least so many bytes are left to read; there are as many. What texts lie in
   * stays as it is. False when they can't be had.
   */
  pull(reader: RdbReader, bytes: number): boolean;
}

/** Decompressed texts up to this length share two buffers; nothing is allocated for them. */
const TEXT_KEPT_BYTES = 64 * 1024;

export class RdbReader {
  bytes: Uint8Array;
  at: number;
  end: number;
  failure: RdbFailure | undefined;
  /** Where it was met. */
  failedAt: number;
  /** A place that is come back to, and so must stay in the window; -1 when there is none. */
  held: number;
  /** With `too long`: bytes of the string that was. */
  refusedBytes: number;
  /** What was read last: a range of the input itself, of digits, or of bytes of its own. */
  text: Uint8Array;
  textStart: number;
  textEnd: number;
  private bounds: RdbBounds;
  /** Used in turn, so that a text outlives the one behind it. */
  private digits: Uint8Array;
  private otherDigits: Uint8Array;
  private roomForText: Uint8Array;
  private otherRoomForText: Uint8Array;
  private source: RdbSource | undefined;
  private readonly eight: DataView;

  constructor(bounds: RdbBounds) {
    this.bytes = new Uint8Array(0);
    this.at = 0;
    this.end = 0;
    this.failure = undefined;
    this.failedAt = 0;
    this.held = -1;
    this.source = undefined;
    this.refusedBytes = 0;
    this.digits = new Uint8Array(INT64_TEXT_BYTES);
    this.otherDigits = new Uint8Array(INT64_TEXT_BYTES);
    this.roomForText = new Uint8Array(0);
    this.otherRoomForText = new Uint8Array(0);
    this.eight = new DataView(new ArrayBuffer(8));
    this.text = this.digits;
    this.textStart = 0;
    this.textEnd = 0;
    this.bounds = bounds;
  }

  /** Begins with other bytes. They must stay until the last value read from them is used. */
  open(bytes: Uint8Array, start: number, end: number, bounds: RdbBounds): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.failure = undefined;
    this.held = -1;
    this.source = undefined;
    this.bounds = bounds;
  }

  /** Begins with a source, and nothing of it in the window yet. */
  openSource(source: RdbSource, bounds: RdbBounds): void {
    this.open(this.digits, 0, 0, bounds);
    this.source = source;
  }

  /** Lets go of the input and of decompressed bytes. */
  close(): void {
    this.bytes = this.digits;
    this.text = this.digits;
    this.at = 0;
    this.end = 0;
  }

  /** @returns false, for the caller to hand on. */
  fail(failure: RdbFailure): false {
    if (this.failure === undefined) {
      this.failure = failure;
      this.failedAt = this.at;
    }
    this.at = this.end;
    return false;
  }

  /** The value just read to its end has no elements. What follows can be read once the failure is cleared. */
  failEmpty(): void {
    this.failure ??= 'empty';
  }

  /** Bytes not yet read. */
  get left(): number {
    const inWindow = this.end - this.at;
    return this.source === undefined ? inWindow : inWindow + this.source.bytesBehind;
  }

  /** Whether so many bytes are left; they are the caller's to skip. */
  has(bytes: number): boolean {
    return bytes <= this.end - this.at || this.pull(bytes);
  }

  private pull(bytes: number): boolean {
    const { source } = this;
    if (source === undefined) return this.fail('bad data');
    if (this.failure !== undefined) return false;
    return (bytes <= this.left && source.pull(this, bytes)) || this.fail('ended');
  }

  /** Whether a length may be true; nothing is fetched. */
  private isLeft(bytes: number): boolean {
    return bytes <= this.left || this.fail(this.source === undefined ? 'bad data' : 'ended');
  }

  /** The next byte; 0 when there is none. */
  readByte(): number {
    return this.has(1) ? (this.bytes[this.at++] as number) : 0;
  }

  private readBigEndian(bytes: number): number {
    if (!this.has(bytes)) return 0;
    let value = 0;
    for (let i = 0; i < bytes; i++) value = value * 256 + (this.bytes[this.at++] as number);
    return value;
  }

  private readLittleEndian(bytes: number): number {
    if (!this.has(bytes)) return 0;
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= (this.bytes[this.at++] as number) << (8 * i);
    return value;
  }

  /** Four bytes, little endian, signed: a time in seconds. */
  readInt32(): number {
    return this.readLittleEndian(4) | 0;
  }

  /** A length or count: past 2^53 the nearest double, which is more than anything can be. 0 when there is none. */
  readLength(): number {
    const first = this.readByte();
    if (first >> 6 === ENCODED) {
      this.fail('bad data');
      return 0;
    }
    return this.lengthFrom(first);
  }

  private lengthFrom(first: number): number {
    if (first >> 6 === LENGTH_6) return first;
    if (first >> 6 === LENGTH_14) return ((first & 63) << 8) | this.readByte();
    if (first === LENGTH_32) return this.readBigEndian(4);
    if (first === LENGTH_64) return this.readBigEndian(8);
    this.fail('bad data');
    return 0;
  }

  /**
   * A count of things that take at least so many bytes each: more of them than there are bytes is a failure, so that no
   * loop is longer than the input.
   */
  readCount(bytesEach: number): number {
    const count = this.readLength();
    return this.isLeft(count * bytesEach) ? count : 0;
  }

  /** The same with every bit, unsigned: false when there is none. */
  readUint64(into: Int64): boolean {
    if (!this.has(1)) return false;
    if (this.bytes[this.at] === LENGTH_64) {
      this.at++;
      if (!this.take(8)) return false;
      into.setHalves(this.eight.getInt32(0), this.eight.getInt32(4));
      return true;
    }
    into.setNumber(this.readLength());
    return this.failure === undefined;
  }

  /** Eight bytes, little endian: a time, mostly. */
  readInt64(into: Int64): boolean {
    if (!this.take(8)) return false;
    into.setHalves(this.eight.getInt32(4, true), this.eight.getInt32(0, true));
    return true;
  }

  /** Eight bytes, little endian. NaN when there are none, too. */
  readDouble(): number {
    return this.take(8) ? this.eight.getFloat64(0, true) : Number.NaN;
  }

  private take(bytes: number): boolean {
    if (!this.has(bytes)) return false;
    for (let i = 0; i < bytes; i++) this.eight.setUint8(i, this.bytes[this.at++] as number);
    return true;
  }

  /** Whether there is room for so many bytes more: to be asked as a value grows. May evict keys, as reading a string may. */
  room(bytes: number): boolean {
    return this.failure === undefined && (this.bounds.room(bytes) || this.fail('no room'));
  }

  /** Reads a string in any of its forms. True: it is in `text`, until the one behind the next is read. */
  readString(): boolean {
    return this.readText(this.bounds.bytesMax);
  }

  /** The same for a string that is a whole collection, and so may be longer than a value. */
  readBlob(): boolean {
    return this.readText(Math.max(STRING_BYTES_MAX, this.bounds.bytesMax));
  }

  private readText(bytesMax: number): boolean {
    const first = this.readByte();
    if (this.failure !== undefined) return false;
    if (first >> 6 !== ENCODED) return this.readPlain(this.lengthFrom(first), bytesMax);
    switch (first) {
      case INT_8:
        return this.setDigits((this.readLittleEndian(1) << 24) >> 24);
      case INT_16:
        return this.setDigits((this.readLittleEndian(2) << 16) >> 16);
      case INT_32:
        return this.setDigits(this.readLittleEndian(4) | 0);
      case LZF:
        return this.readCompressed(bytesMax);
      default:
        return this.fail('bad data');
    }
  }

  /** A string that is its bytes: nothing is copied. */
  private readPlain(length: number, bytesMax: number): boolean {
    // What is not affordable is not fetched either.
    if (this.failure !== undefined || !this.isLeft(length) || !this.affordable(length, bytesMax)) return false;
    if (!this.has(length)) return false;
    this.text = this.bytes;
    this.textStart = this.at;
    this.at += length;
    this.textEnd = this.at;
    return true;
  }

  private setDigits(value: number): boolean {
    if (this.failure !== undefined) return false;
    const digits = this.otherDigits;
    this.otherDigits = this.digits;
    this.digits = digits;
    this.text = digits;
    this.textStart = 0;
    this.textEnd = writeInteger(digits, 0, value);
    return true;
  }

  private readCompressed(bytesMax: number): boolean {
    const held = this.readLength();
    const length = this.readLength();
    if (this.failure !== undefined || !this.isLeft(held)) return false;
    // No honest string claims more than the format can hold; this is what stops a bomb before it costs anything.
    if (held === 0 || length > held * LZF_RATIO_MAX) return this.fail('bad data');
    if (!this.affordable(Math.max(held, length), bytesMax) || !this.has(held)) return false;
    const into = this.roomFor(length);
    if (!decompress(this.bytes, this.at, this.at + held, into, 0, length)) return this.fail('bad data');
    this.at += held;
    this.text = into;
    this.textStart = 0;
    this.textEnd = length;
    return true;
  }

  /** Bytes to decompress into, which no other of the last two texts lies in. */
  private roomFor(length: number): Uint8Array {
    if (length > TEXT_KEPT_BYTES) return new Uint8Array(length);
    const room = this.otherRoomForText;
    this.otherRoomForText = this.roomForText;
    this.roomForText = room.length > 0 ? room : new Uint8Array(TEXT_KEPT_BYTES);
    return this.roomForText;
  }

  private affordable(length: number, bytesMax: number): boolean {
    if (length > bytesMax) {
      this.refusedBytes = length;
      return this.fail('too long');
    }
    return this.room(length);
  }
}
