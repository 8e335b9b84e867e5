/**
 * Words of an inline command, split as sdssplitargs of redis-server 7.0.15 does: blanks separate, "…" knows \n \r \t \b
 * \a \xHH and \anything, '…' knows \' alone, and a closing quote must be followed by a blank or the end.
 *
 * Lines without quotes stay where they are; quoted ones are written out to bytes of their own.
 */
import type { Request } from './request.ts';

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;
const SMALL_X = 0x78;
/** How a quoted part ended: behind which byte it goes on, or not at all. */
const UNBALANCED = -1;

/** isspace() of the C locale. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** What ends a word outside quotes: narrower than isspace(), as in redis. */
function endsWord(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1;
}

function unescaped(byte: number): number {
  if (byte === 0x6e) return 0x0a;
  if (byte === 0x72) return 0x0d;
  if (byte === 0x74) return 0x09;
  if (byte === 0x62) return 0x08;
  return byte === 0x61 ? 0x07 : byte;
}

/** Puts the words of the line into the request. Returns how many there are, negative when quotes are unbalanced. */
export function inlineWords(request: Request, bytes: Uint8Array, start: number, end: number): number {
  const quoted = hasQuotes(bytes, start, end);
  const splitter = new Splitter(request, bytes, end, quoted ? new Uint8Array(end - start) : bytes);
  let at = start;
  let count = 0;
  for (;;) {
    while (at < end && isBlank(bytes[at] as number)) at++;
    if (at === end) break;
    at = quoted ? splitter.quotedWord(at, count) : splitter.plainWord(at, count);
    if (at < 0) return UNBALANCED;
    count++;
  }
  request.bytes = splitter.into;
  return count;
}

function hasQuotes(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === QUOTE || bytes[i] === APOSTROPHE) return true;
  return false;
}

class Splitter {
  readonly into: Uint8Array;
  private readonly request: Request;
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private written: number;

  constructor(request: Request, bytes: Uint8Array, end: number, into: Uint8Array) {
    this.request = request;
    this.bytes = bytes;
    this.end = end;
    this.into = into;
    this.written = 0;
  }

  plainWord(start: number, index: number): number {
    let at = start;
    while (at < this.end && !endsWord(this.bytes[at] as number)) at++;
    this.place(index, start, at);
    return at;
  }

  quotedWord(start: number, index: number): number {
    const from = this.written;
    let at = start;
    while (at < this.end) {
      const byte = this.bytes[at] as number;
      if (endsWord(byte)) break;
      if (byte === QUOTE || byte === APOSTROPHE) {
        // A quote may open in the middle of a word, and its end is the end of the word.
        at = byte === QUOTE ? this.doubleQuoted(at + 1) : this.singleQuoted(at + 1);
        if (at < 0 || (at < this.end && !isBlank(this.bytes[at] as number))) return UNBALANCED;
        break;
      }
      this.write(byte);
      at++;
    }
    this.place(index, from, this.written);
    return at;
  }

  private doubleQuoted(start: number): number {
    const bytes = this.bytes;
    let at = start;
    while (at < this.end) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at + 1;
      if (byte !== BACKSLASH || at + 1 === this.end) {
        this.write(byte);
        at++;
        continue;
      }
      const high = bytes[at + 1] === SMALL_X && at + 3 < this.end ? hexValue(bytes[at + 2]) : -1;
      const low = high < 0 ? -1 : hexValue(bytes[at + 3]);
      if (low >= 0) {
        this.write(high * 16 + low);
        at += 4;
      } else {
        this.write(unescaped(bytes[at + 1] as number));
        at += 2;
      }
    }
    return UNBALANCED;
  }

  private singleQuoted(start: number): number {
    const bytes = this.bytes;
    let at = start;
    while (at < this.end) {
      const byte = bytes[at] as number;
      if (byte === APOSTROPHE) return at + 1;
      const escaped = byte === BACKSLASH && at + 1 < this.end && bytes[at + 1] === APOSTROPHE;
      this.write(escaped ? APOSTROPHE : byte);
      at += escaped ? 2 : 1;
    }
    return UNBALANCED;
  }

  private write(byte: number): void {
    this.into[this.written++] = byte;
  }

  private place(index: number, start: number, end: number): void {
    let offsets = this.request.offsets;
    if (2 * index === offsets.length) offsets = this.request.growOffsets();
    offsets[2 * index] = start;
    offsets[2 * index + 1] = end;
  }
}
