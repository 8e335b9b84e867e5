/**
 * Records of the append-only log on their way to the disk: requests in RESP, as redis-server writes them, one after the
 * other in one buffer.
 *
 * Hot path: one record per write command. Budget 100 ns for a SET of 64 bytes; guarded by `npm run bench -- --only durability`.
 */
import { copyRange } from '../base/bytes.ts';
import { integerLength, writeInteger } from '../base/integer.ts';
import { LOG_BUFFER_KEPT_BYTES } from '../base/limits.ts';
import type { Request } from '../resp/request.ts';

const ASTERISK = 0x2a;
const DOLLAR = 0x24;
const RETURN = 0x0d;
const NEWLINE = 0x0a;
/** Marker, a length of up to ten digits, and a line's end. */
const HEAD_BYTES_MAX = 13;
const INITIAL_BYTES = 64 * 1024;

export type Words = readonly (Uint8Array | string)[];

export class RecordBuffer {
  bytes: Uint8Array;
  length: number;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.length = 0;
  }

  addRequest(request: Request): void {
    const { argc } = request;
    let wanted = HEAD_BYTES_MAX;
    for (let i = 0; i < argc; i++) wanted += request.length(i) + HEAD_BYTES_MAX + 2;
    this.reserve(wanted);
    this.head(ASTERISK, argc);
    for (let i = 0; i < argc; i++) this.word(request.bytes, request.start(i), request.end(i));
  }

  /** Texts are one character per byte. */
  addWords(words: Words): void {
    let wanted = HEAD_BYTES_MAX;
    for (const word of words) wanted += word.length + HEAD_BYTES_MAX + 2;
    this.reserve(wanted);
    this.head(ASTERISK, words.length);
    for (const word of words) {
      if (typeof word === 'string') this.text(word);
      else this.word(word, 0, word.length);
    }
  }

  /** A line that is no record; one character per byte. */
  addLine(line: string): void {
    this.reserve(line.length);
    for (let i = 0; i < line.length; i++) this.bytes[this.length++] = line.charCodeAt(i);
  }

  /** Puts a record in front of what was added from `at` on. */
  insert(at: number, record: Uint8Array): void {
    this.reserve(record.length);
    this.bytes.copyWithin(at + record.length, at, this.length);
    this.bytes.set(record, at);
    this.length += record.length;
  }

  /** Forgets the first bytes: they are on the disk. */
  drop(count: number): void {
    if (count < this.length) this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length === 0 && this.bytes.length > LOG_BUFFER_KEPT_BYTES) {
      this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    }
  }

  private word(bytes: Uint8Array, start: number, end: number): void {
    this.head(DOLLAR, end - start);
    copyRange(bytes, start, end, this.bytes, this.length);
    this.length += end - start;
    this.lineEnd();
  }

  private text(text: string): void {
    this.head(DOLLAR, text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
    this.lineEnd();
  }

  private head(marker: number, count: number): void {
    this.bytes[this.length++] = marker;
    if (count < 10) this.bytes[this.length++] = 0x30 + count;
    else {
      writeInteger(this.bytes, this.length, count);
      this.length += integerLength(count);
    }
    this.lineEnd();
  }

  private lineEnd(): void {
    this.bytes[this.length++] = RETURN;
    this.bytes[this.length++] = NEWLINE;
  }

  private reserve(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) return;
    const wider = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.bytes.length));
    copyRange(this.bytes, 0, this.length, wider, 0);
    this.bytes = wider;
  }
}
