/**
 * Replies, written as bytes into one growing buffer that is reused from turn to turn: RESP2 and RESP3 by the same calls.
 *
 * Bounds: a reply (what was written since the last mark()) longer than `replyBytesMax` sets `overflowed`; its bytes are
 * then dropped as they come, so memory stays bounded, and whoever set the mark truncates and writes a refusal instead.
 *
 * Hot path. Budget: 60 ns for a bulk of 64 bytes; guarded by `bench/resp.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import { doubleText } from '../base/double.ts';
import { integerLength, writeInteger } from '../base/integer.ts';
import { REPLY_BUFFER_BYTES, REPLY_BUFFER_BYTES_KEPT, REPLY_BYTES_MAX_DEFAULT } from '../base/limits.ts';
import type { Refusal } from './refusals.ts';

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const COLON = 0x3a;
const STAR = 0x2a;
const PERCENT = 0x25;
const TILDE = 0x7e;
const GREATER = 0x3e;
const BAR = 0x7c;
/** Marker, sign, the 19 digits of a 64-bit integer, CRLF: no header is longer. */
const HEADER_BYTES_MAX = 23;
/** A text up to here is written byte by byte, which beats a call into the runtime. */
const SHORT_TEXT = 24;

function line(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 2);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  bytes[text.length] = CR;
  bytes[text.length + 1] = LF;
  return bytes;
}

const OK = line('+OK');
const PONG = line('+PONG');
const QUEUED = line('+QUEUED');
const NULL_BULK = line('$-1');
const NULL_ARRAY = line('*-1');
const NULL = line('_');
const TRUE = line('#t');
const FALSE = line('#f');

export class ReplyWriter {
  /** RESP version of the connection that the next reply is for. */
  protocol: 2 | 3;
  /** Replaced when it grows. A Buffer's slice() shares memory: take() copies. */
  buffer: Buffer<ArrayBuffer>;
  /** Bytes of `buffer` that are written. */
  length: number;
  replyBytesMax: number;
  private replyFrom: number;
  /** Bytes of the reply since the last mark were dropped. */
  private dropped: boolean;

  constructor(protocol: 2 | 3 = 2, initialBytes = REPLY_BUFFER_BYTES) {
    this.protocol = protocol;
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.length = 0;
    this.replyBytesMax = REPLY_BYTES_MAX_DEFAULT;
    this.replyFrom = 0;
    this.dropped = false;
  }

  // -- Buffer ----------------------------------------------------------------------------------------------------------

  /** Here a reply begins: for truncate(), and where `replyBytesMax` counts from. */
  mark(): number {
    this.replyFrom = this.length;
    this.dropped = false;
    return this.length;
  }

  /** The reply since the last mark is longer than it may be; what it wrote is worth nothing. */
  get overflowed(): boolean {
    return this.dropped || this.length - this.replyFrom > this.replyBytesMax;
  }

  /** Takes back everything since the mark. */
  truncate(mark: number): void {
    this.length = mark;
    this.replyFrom = mark;
    this.dropped = false;
  }

  /** Empty again, for the next turn. A buffer that was made huge goes once it is no longer needed. */
  reset(): void {
    const { length } = this.buffer;
    if (length > REPLY_BUFFER_BYTES_KEPT && this.length < length / 8) {
      this.buffer = Buffer.allocUnsafeSlow(REPLY_BUFFER_BYTES);
    }
    this.length = 0;
    this.replyFrom = 0;
    this.dropped = false;
  }

  /** What is written, in the writer's own memory, which the writer gives up: for replies too large to copy. */
  handOver(): Buffer<ArrayBuffer> {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafeSlow(REPLY_BUFFER_BYTES);
    this.length = 0;
    this.reset();
    return taken;
  }

  /** A copy of what is written, which is then reset. A Buffer: a socket would make one of anything else, at every write. */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.length);
    copyRange(this.buffer, 0, this.length, taken, 0);
    this.reset();
    return taken;
  }

  /** Room for `bytes` more. False when there will be none: the caller writes nothing then. */
  ensure(bytes: number): boolean {
    return this.length + bytes <= this.buffer.length || this.grow(bytes);
  }

  /** Drops the reply: whoever writes it knows that it would be longer than it may be. */
  overflow(): void {
    this.dropped = true;
    this.length = this.replyFrom;
  }

  private grow(bytes: number): boolean {
    const needed = this.length + bytes;
    if (this.dropped || needed - this.replyFrom > this.replyBytesMax) {
      this.overflow();
      return false;
    }
    let capacity = this.buffer.length;
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    return true;
  }

  // -- Lines -----------------------------------------------------------------------------------------------------------

  ok(): void {
    this.constant(OK);
  }

  pong(): void {
    this.constant(PONG);
  }

  queued(): void {
    this.constant(QUEUED);
  }

  /** `text` is ours and has neither CR nor LF. */
  simple(text: string): void {
    if (!this.ensure(text.length + 3)) return;
    this.buffer[this.length++] = 0x2b;
    this.text(text);
    this.crlf();
  }

  error(refusal: Refusal): void {
    this.constant(refusal.bytes);
  }

  integer(value: number | bigint): void {
    if (typeof value === 'bigint') {
      const text = value.toString();
      if (!this.ensure(text.length + 3)) return;
      this.buffer[this.length++] = COLON;
      this.text(text);
      this.crlf();
    } else {
      this.header(COLON, value);
    }
  }

  null(): void {
    this.constant(this.protocol === 2 ? NULL_BULK : NULL);
  }

  nullArray(): void {
    this.constant(this.protocol === 2 ? NULL_ARRAY : NULL);
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0);
    else this.constant(value ? TRUE : FALSE);
  }

  double(value: number): void {
    this.doubleWritten(doubleText(value));
  }

  /** A double whose text is not `double`'s: coordinates, which Redis writes as long doubles. */
  doubleWritten(text: string): void {
    if (this.protocol === 2) this.bulkText(text);
    else this.marked(0x2c, text);
  }

  /** A decimal integer of any size. */
  bigNumber(text: string): void {
    if (this.protocol === 2) this.bulkText(text);
    else this.marked(0x28, text);
  }

  // -- Strings ---------------------------------------------------------------------------------------------------------

  bulk(bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    if (!this.ensure(size + HEADER_BYTES_MAX + 2)) return;
    const buffer = this.buffer;
    let at = this.length;
    buffer[at] = DOLLAR;
    at = writeInteger(buffer, at + 1, size);
    buffer[at] = CR;
    buffer[at + 1] = LF;
    at += 2;
    copyRange(bytes, start, end, buffer, at);
    at += size;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.length = at + 2;
  }

  bulkBytes(bytes: Uint8Array): void {
    this.bulk(bytes, 0, bytes.length);
  }

  /** One byte per character (latin1). Text in UTF-8 goes through bytesOf and bulkBytes. */
  bulkText(text: string): void {
    if (!this.ensure(text.length + HEADER_BYTES_MAX + 2)) return;
    this.header(DOLLAR, text.length);
    this.text(text);
    this.crlf();
  }

  /** The decimal digits of a safe integer as a bulk: what a value that is an integer looks like to GET. */
  bulkInteger(value: number): void {
    if (!this.ensure(2 * HEADER_BYTES_MAX)) return;
    this.header(DOLLAR, integerLength(value));
    this.length = writeInteger(this.buffer, this.length, value);
    this.crlf();
  }

  /** Text whose form (`txt`, `mkd`) RESP3 clients are told. */
  verbatim(format: 'txt' | 'mkd', text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    if (!this.ensure(text.length + HEADER_BYTES_MAX + 6)) return;
    this.header(0x3d, text.length + 4);
    this.text(format);
    this.buffer[this.length++] = COLON;
    this.text(text);
    this.crlf();
  }

  /** A ready piece of protocol, such as a shard's reply. */
  raw(bytes: Uint8Array, start: number, end: number): void {
    if (!this.ensure(end - start)) return;
    copyRange(bytes, start, end, this.buffer, this.length);
    this.length += end - start;
  }

  // -- Aggregates ------------------------------------------------------------------------------------------------------

  array(count: number): void {
    this.header(STAR, count);
  }

  /** `count` pairs follow. */
  map(count: number): void {
    if (this.protocol === 2) this.header(STAR, 2 * count);
    else this.header(PERCENT, count);
  }

  set(count: number): void {
    this.header(this.protocol === 2 ? STAR : TILDE, count);
  }

  /** Out of band in RESP3, an ordinary array in RESP2. */
  push(count: number): void {
    this.header(this.protocol === 2 ? STAR : GREATER, count);
  }

  /** `count` pairs about the reply that follows. RESP2 has no such thing: there the caller writes nothing at all. */
  attribute(count: number): void {
    this.header(BAR, count);
  }

  /** An aggregate whose count is known afterwards. Whichever end… closes it says what it is; they nest. */
  beginArray(): number {
    const handle = this.length;
    if (this.ensure(HEADER_BYTES_MAX)) this.length += HEADER_BYTES_MAX;
    return handle;
  }

  endArray(handle: number, count: number): void {
    this.close(handle, STAR, count);
  }

  endMap(handle: number, count: number): void {
    if (this.protocol === 2) this.close(handle, STAR, 2 * count);
    else this.close(handle, PERCENT, count);
  }

  endSet(handle: number, count: number): void {
    this.close(handle, this.protocol === 2 ? STAR : TILDE, count);
  }

  /** Writes the header into the room that was left for it and closes the gap behind it. */
  private close(handle: number, mark: number, count: number): void {
    if (this.dropped) return;
    const buffer = this.buffer;
    buffer[handle] = mark;
    const at = writeInteger(buffer, handle + 1, count);
    buffer[at] = CR;
    buffer[at + 1] = LF;
    buffer.copyWithin(at + 2, handle + HEADER_BYTES_MAX, this.length);
    this.length -= handle + HEADER_BYTES_MAX - at - 2;
  }

  // -- Pieces ----------------------------------------------------------------------------------------------------------

  private header(mark: number, value: number): void {
    if (!this.ensure(HEADER_BYTES_MAX)) return;
    const buffer = this.buffer;
    buffer[this.length] = mark;
    const at = writeInteger(buffer, this.length + 1, value);
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.length = at + 2;
  }

  private marked(mark: number, text: string): void {
    if (!this.ensure(text.length + 3)) return;
    this.buffer[this.length++] = mark;
    this.text(text);
    this.crlf();
  }

  private constant(bytes: Uint8Array): void {
    const size = bytes.length;
    if (!this.ensure(size)) return;
    copyRange(bytes, 0, size, this.buffer, this.length);
    this.length += size;
  }

  private text(text: string): void {
    const buffer = this.buffer;
    const at = this.length;
    const size = text.length;
    if (size > SHORT_TEXT) buffer.write(text, at, size, 'latin1');
    else for (let i = 0; i < size; i++) buffer[at + i] = text.charCodeAt(i);
    this.length = at + size;
  }

  private crlf(): void {
    this.buffer[this.length++] = CR;
    this.buffer[this.length++] = LF;
  }
}
