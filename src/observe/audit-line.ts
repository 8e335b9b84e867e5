/**
 * Lines of JSON written by hand into one buffer that is used again. Every byte that leaves is printable ASCII or the newline
 * at the end of a line: a text from outside has one character per byte, and whatever is not printable is escaped, so that
 * nothing can look like two lines, end a string, or steer a terminal, and nothing is lost.
 *
 * Hot path: one line per audited command. Its share of a record, and that of sealing and writing, guarded by `bench/audit.ts`.
 */
import { copyRange } from '../base/bytes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = 0x20;
const TILDE = 0x7e;
const COMMA = 0x2c;
const ZERO = 0x30;
/** `\u00ff`. */
const ESCAPE_BYTES = 6;
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const CUT = '...';
const DIGITS_MAX = 17;

export class LineWriter {
  bytes: Buffer;
  length: number;

  constructor(bytes: number) {
    this.bytes = Buffer.alloc(bytes);
    this.length = 0;
  }

  reset(): void {
    this.length = 0;
  }

  /** Empty again; a buffer that had to grow is given back. */
  shrink(bytes: number): void {
    this.length = 0;
    if (this.bytes.length > bytes) this.bytes = Buffer.alloc(bytes);
  }

  /** Makes room; only what a line needs beyond the buffer's size makes it grow. */
  room(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.length + bytes));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Bytes that are known to be right. */
  raw(chunk: Uint8Array): void {
    this.room(chunk.length);
    copyRange(chunk, 0, chunk.length, this.bytes, this.length);
    this.length += chunk.length;
  }

  /** A text of the program: ASCII without anything that needs an escape. */
  word(text: string): void {
    this.room(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /** A whole number that is not negative. */
  integer(value: number): void {
    this.room(DIGITS_MAX);
    let divisor = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (let rest = value; divisor >= 1; divisor /= 10) {
      const digit = Math.floor(rest / divisor);
      this.bytes[this.length++] = ZERO + digit;
      rest -= digit * divisor;
    }
  }

  comma(): void {
    this.room(1);
    this.bytes[this.length++] = COMMA;
  }

  /** The bytes of a range between quotes, cut after so many. */
  range(bytes: Uint8Array, start: number, end: number, max: number): void {
    const last = Math.min(end, start + max);
    this.room((last - start) * ESCAPE_BYTES + CUT.length + 2);
    const to = this.bytes;
    let at = this.length;
    to[at++] = QUOTE;
    for (let i = start; i < last; i++) {
      const byte = bytes[i] as number;
      if (byte >= BLANK && byte <= TILDE && byte !== QUOTE && byte !== BACKSLASH) to[at++] = byte;
      else at = escaped(to, at, byte);
    }
    this.length = at;
    if (last < end) this.word(CUT);
    to[this.length++] = QUOTE;
  }

  /** The same for a text, whose characters may be any. */
  text(text: string, max: number): void {
    const last = Math.min(text.length, max);
    this.room(last * ESCAPE_BYTES + CUT.length + 2);
    this.bytes[this.length++] = QUOTE;
    for (let i = 0; i < last; i++) {
      const code = text.charCodeAt(i);
      const isPlain = code >= BLANK && code <= TILDE && code !== QUOTE && code !== BACKSLASH;
      if (isPlain) this.bytes[this.length++] = code;
      else this.length = escaped(this.bytes, this.length, code);
    }
    if (last < text.length) this.word(CUT);
    this.bytes[this.length++] = QUOTE;
  }
}

function escaped(to: Uint8Array, from: number, code: number): number {
  let at = from;
  to[at++] = BACKSLASH;
  if (code === QUOTE || code === BACKSLASH) {
    to[at++] = code;
    return at;
  }
  to[at++] = 0x75;
  for (let shift = 12; shift >= 0; shift -= 4) to[at++] = HEX[(code >> shift) & 15] as number;
  return at;
}
