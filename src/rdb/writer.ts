/**
 * Writes RDB content into one growing buffer, as Redis 7.0 with `rdbcompression yes` does: short integers as numbers, strings
 * past 20 bytes compressed when that helps.
 *
 * Hot path: once per value of a snapshot. Guarded by `bench/rdb.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import { Int64, parseInt64 } from '../base/int64.ts';
import { INT_8, INT_16, INT_32, LENGTH_32, LENGTH_64, LZF } from './format.ts';
import { compress } from './lzf.ts';

const BUFFER_BYTES = 64 * 1024;
/** A buffer that had to hold more than this goes with the next `reset`. */
const BUFFER_KEPT_BYTES = 1024 * 1024;
/** The longest text of a 32-bit integer: longer ones are not looked at. */
const SHORT_INTEGER_BYTES = 11;
const COMPRESSED_FROM_BYTES = 21;
/** What compression has to save at the least. */
const SAVED_BYTES_MIN = 4;
const LENGTH_BYTES_MAX = 9;
/** One more than the last time that 64 bits hold, and what that is as a double. */
const TIME_END_MS = 2 ** 63;

const integer = new Int64();

export class RdbWriter {
  /** Replaced when it grows. */
  bytes: Uint8Array;
  length: number;
  /** More was written than may be; what is here is worth nothing. */
  overflowed: boolean;
  /** From this length on whoever writes a large value pauses between two elements. */
  dueAt: number;
  private bytesMax: number;
  private readonly eight: DataView;

  constructor() {
    this.bytes = new Uint8Array(BUFFER_BYTES);
    this.length = 0;
    this.overflowed = false;
    this.dueAt = Number.POSITIVE_INFINITY;
    this.bytesMax = Number.POSITIVE_INFINITY;
    this.eight = new DataView(new ArrayBuffer(8));
  }

  /** Empties it. What is written past `bytesMax` is dropped, so that it holds no more than that and one string. */
  reset(bytesMax: number = Number.POSITIVE_INFINITY): void {
    this.length = 0;
    this.overflowed = false;
    this.bytesMax = bytesMax;
    if (this.bytes.length > BUFFER_KEPT_BYTES) this.bytes = new Uint8Array(BUFFER_BYTES);
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    if (this.length + more > this.bytesMax) {
      this.overflowed = true;
      this.length = 0;
    }
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) return;
    const wider = new Uint8Array(Math.max(wanted, this.bytes.length * 2));
    copyRange(this.bytes, 0, this.length, wider, 0);
    this.bytes = wider;
  }

  writeByte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  writeLength(length: number): void {
    this.reserve(LENGTH_BYTES_MAX);
    if (length < 64) this.bytes[this.length++] = length;
    else if (length < 16384) this.bigEndian(length + 0x4000, 2);
    else if (length <= 0xffffffff) {
      this.bytes[this.length++] = LENGTH_32;
      this.bigEndian(length, 4);
    } else {
      this.bytes[this.length++] = LENGTH_64;
      this.bigEndian(length, 8);
    }
  }

  private bigEndian(value: number, bytes: number): void {
    let rest = value;
    for (let i = this.length + bytes - 1; i >= this.length; i--) {
      const quotient = Math.floor(rest / 256);
      this.bytes[i] = rest - quotient * 256;
      rest = quotient;
    }
    this.length += bytes;
  }

  /** A length or count of 64 bits, unsigned, from its halves. */
  writeUint64(hi: number, lo: number): void {
    if (hi === 0) {
      this.writeLength(lo >>> 0);
      return;
    }
    this.reserve(LENGTH_BYTES_MAX);
    this.bytes[this.length++] = LENGTH_64;
    this.bigEndian(hi >>> 0, 4);
    this.bigEndian(lo >>> 0, 4);
  }

  /** A time: eight bytes, little endian. Exact for safe integers. */
  writeTime(at_ms: number): void {
    // It must not become the first of all times.
    const isLast = at_ms >= TIME_END_MS;
    this.eight.setInt32(0, isLast ? -1 : at_ms | 0, true);
    this.eight.setInt32(4, isLast ? 0x7fffffff : Math.floor(at_ms / 4294967296) | 0, true);
    this.writeEight();
  }

  /** Eight bytes, little endian. */
  writeDouble(value: number): void {
    this.eight.setFloat64(0, value, true);
    this.writeEight();
  }

  private writeEight(): void {
    this.reserve(8);
    for (let i = 0; i < 8; i++) this.bytes[this.length++] = this.eight.getUint8(i);
  }

  /** 32 bits, big endian. */
  writeWord(word: number): void {
    this.reserve(4);
    this.bigEndian(word >>> 0, 4);
  }

  /** A range of bytes as they are, without a length. */
  writeBytes(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    copyRange(source, start, end, this.bytes, this.length);
    this.length += end - start;
  }

  /** A string in the form that Redis would choose. */
  writeString(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length <= SHORT_INTEGER_BYTES && this.writeShortInteger(source, start, end)) return;
    if (length >= COMPRESSED_FROM_BYTES && this.writeCompressed(source, start, end)) return;
    this.writeLength(length);
    this.writeBytes(source, start, end);
  }

  private writeShortInteger(source: Uint8Array, start: number, end: number): boolean {
    if (!parseInt64(source, start, end, integer) || integer.hi !== integer.lo >> 31) return false;
    const { lo } = integer;
    const bytes = lo === (lo << 24) >> 24 ? 1 : lo === (lo << 16) >> 16 ? 2 : 4;
    this.reserve(5);
    this.bytes[this.length++] = bytes === 1 ? INT_8 : bytes === 2 ? INT_16 : INT_32;
    for (let i = 0; i < bytes; i++) this.bytes[this.length++] = (lo >> (8 * i)) & 255;
    return true;
  }

  /** False, with nothing written, when it would not get shorter. */
  private writeCompressed(source: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const room = length - SAVED_BYTES_MIN;
    // How long the lengths in front are is known only afterwards: leave room for the longest and close the gap.
    this.reserve(1 + 2 * LENGTH_BYTES_MAX + room);
    const at = this.length + 1 + 2 * LENGTH_BYTES_MAX;
    const held = compress(source, start, end, this.bytes, at, room);
    if (held === 0) return false;
    this.bytes[this.length++] = LZF;
    this.writeLength(held);
    this.writeLength(length);
    this.bytes.copyWithin(this.length, at, at + held);
    this.length += held;
    return true;
  }
}
