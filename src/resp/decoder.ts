/**
 * Bytes in, requests out. Owns the read chunk while its requests run, and a private buffer for the one request that a
 * chunk boundary cut in two.
 *
 *   feed(chunk) ──▶ next() … REQUEST … REQUEST … NEED_MORE ──▶ settle() ──▶ feed(next chunk)
 *
 * A request that lies whole in its chunk is scanned in place: no copy, no allocation. Of a request that was cut, the part
 * that came is kept by settle(), and of the next chunk exactly what that request still needs is added to it; then
 * scanning goes on in the new chunk. The scan resumes where it stopped, so every byte is looked at once and copied at
 * most about twice, whatever the segments.
 *
 * Invariants: lengths on the wire are checked before anything is sized by them, and the private buffer never exceeds
 * twice what was really received. No recursion. After anything but REQUEST and NEED_MORE the connection is over.
 *
 * Hot path. Budget: 40 ns for a request of three arguments; guarded by `bench/resp.ts`.
 */
import { lower } from '../base/ascii.ts';
import { parseInteger } from '../base/integer.ts';
import { BULK_BYTES_MAX_DEFAULT, CUT_REQUEST_BYTES_KEPT, INLINE_BYTES_MAX, MULTIBULK_MAX } from '../base/limits.ts';
import { inlineWords } from './inline.ts';
import type { Refusal } from './refusals.ts';
import {
  BULK_NOT_TERMINATED,
  expectedDollar,
  expectedRequest,
  INVALID_BULK_LENGTH,
  INVALID_MULTIBULK_LENGTH,
  TOO_BIG_BULK_COUNT,
  TOO_BIG_INLINE,
  TOO_BIG_MULTIBULK_COUNT,
  UNAUTHENTICATED_BULK_LENGTH,
  UNAUTHENTICATED_MULTIBULK_LENGTH,
  UNBALANCED_QUOTES,
} from './refusals.ts';
import { Request } from './request.ts';
import type { DecoderLimits } from './wire-limits.ts';

/** `decoder.request` holds the next request. */
export const REQUEST = 0;
/** Everything received has been looked at. */
export const NEED_MORE = 1;
/** Answer with `decoder.error` and close. */
export const PROTOCOL_ERROR = 2;
/** Somebody's browser speaks HTTP to us, or a balancer PROXY unasked: close without a word, so that nothing can be told from it. */
export const CROSS_PROTOCOL = 3;
/** A TLS handshake where plain bytes were expected. */
export const TLS_ON_PLAIN = 4;
/** More unfinished bytes than the connection may have: close without a word, as redis does. */
export const QUERY_BUFFER_FULL = 5;

export type Decoded =
  | typeof REQUEST
  | typeof NEED_MORE
  | typeof PROTOCOL_ERROR
  | typeof CROSS_PROTOCOL
  | typeof TLS_ON_PLAIN
  | typeof QUERY_BUFFER_FULL;

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
/** Digits that a length may have on the fast path and still be a small integer to the machine. */
const FAST_DIGITS = 9;
const NO_BULK = -1;
const NO_BYTES = new Uint8Array(0);
const HELD_BYTES_MIN = 512;
const HELD_BYTES_DOUBLED = 16 * 1024 * 1024;
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 0x03;

/** Inside only: an empty request was passed over, look again. */
const SKIPPED = -1;
/** Inside only: what headerEnd answers when there is no end. */
const LINE_OPEN = -1;
const LINE_TOO_LONG = -2;

/** First bytes that only a RESP3 value has. An inline command that begins so does not exist. */
const resp3Only = new Uint8Array(256);
for (const mark of '%~>|=!(,_#') resp3Only[mark.charCodeAt(0)] = 1;

export class Decoder {
  readonly request: Request;
  /** Why next() answered PROTOCOL_ERROR. */
  error: Refusal | undefined;
  private multibulkMax: number;
  private bulkBytesMax: number;
  private queryBufferBytesMax: number;
  private authenticated: boolean;

  /** What is being scanned, [begin, end): either the chunk or `held`. The request in progress starts at `begin`. */
  private source: Uint8Array;
  private begin: number;
  private at: number;
  private end: number;
  /** Arguments of the request in progress, 0 between requests; how many are complete; length of the one awaited. */
  private expected: number;
  private index: number;
  private bulk: number;
  /** How far a line without an end has been searched, so that one byte per segment stays linear. */
  private searched: number;
  /** While `held` is scanned: the chunk behind it, of which only what the cut request needs is taken. */
  private chunk: Uint8Array;
  private chunkAt: number;
  private held: Uint8Array;
  /** NEED_MORE while all is well, afterwards how the connection ended. */
  private ending: Decoded;
  /** Nothing of this connection has been accepted yet: only then can it be a TLS handshake. */
  private first: boolean;

  constructor(limits: DecoderLimits) {
    this.request = new Request();
    this.error = undefined;
    this.multibulkMax = limits.multibulkMax;
    this.bulkBytesMax = limits.bulkBytesMax;
    this.queryBufferBytesMax = limits.queryBufferBytesMax;
    this.authenticated = limits.authenticated !== false;
    this.source = NO_BYTES;
    this.begin = 0;
    this.at = 0;
    this.end = 0;
    this.expected = 0;
    this.index = 0;
    this.bulk = NO_BULK;
    this.searched = 0;
    this.chunk = NO_BYTES;
    this.chunkAt = 0;
    this.held = NO_BYTES;
    this.ending = NEED_MORE;
    this.first = true;
  }

  /** Takes effect with the next header that is parsed, which may be the next argument of a request in progress. */
  setLimits(limits: DecoderLimits): void {
    this.multibulkMax = limits.multibulkMax;
    this.bulkBytesMax = limits.bulkBytesMax;
    this.queryBufferBytesMax = limits.queryBufferBytesMax;
    this.authenticated = limits.authenticated !== false;
  }

  /** Bytes received and not yet part of a request handed out. */
  get bufferedBytes(): number {
    return this.end - this.begin + (this.chunk.length - this.chunkAt);
  }

  /** Bytes of the private buffer: what this connection costs between turns. */
  get heldBytes(): number {
    return this.held.length;
  }

  /** Lends a chunk until settle(). Its bytes must not change meanwhile. */
  feed(chunk: Uint8Array): void {
    if (this.ending !== NEED_MORE) return;
    if (this.chunkAt < this.chunk.length || (this.source !== this.held && this.begin < this.end)) this.settle();
    if (this.begin === this.end) {
      if (this.begin > 0) this.first = false;
      this.scanFrom(chunk, chunk.length);
    } else {
      this.chunk = chunk;
      this.chunkAt = 0;
    }
  }

  /** The next request, or why there is none. */
  next(): Decoded {
    return this.scanPlain() ? REQUEST : this.scanOn();
  }

  /** After the loop of a turn: keeps a private copy of what is left and lets go of the chunk and the request. */
  settle(): void {
    this.request.release(this.index > 0);
    if (this.begin > 0) this.first = false;
    if (this.source !== this.held) {
      const left = this.end - this.begin;
      if (left > 0) this.hold(this.source, this.begin, this.end);
      else this.scanFrom(NO_BYTES, 0);
    }
    if (this.chunkAt < this.chunk.length) this.append(this.chunk, this.chunkAt, this.chunk.length);
    this.chunk = NO_BYTES;
    this.chunkAt = 0;
    if (this.begin === this.end) {
      this.scanFrom(NO_BYTES, 0);
      if (this.held.length > CUT_REQUEST_BYTES_KEPT) this.held = NO_BYTES;
    }
  }

  // -- Scanning --------------------------------------------------------------------------------------------------------

  /**
   * Nearly every request: up to nine arguments, whole, valid. Reads fields once and writes none until it has succeeded;
   * whatever it does not like it leaves to scanOn, which starts the request again and can stop anywhere.
   */
  private scanPlain(): boolean {
    const bytes = this.source;
    const end = this.end;
    const begin = this.at;
    if (begin + 3 >= end || this.expected !== 0 || bytes[begin] !== STAR) return false;
    const count = (bytes[begin + 1] as number) - ZERO;
    if (count <= 0 || count > 9 || count > this.multibulkMax) return false;
    if (bytes[begin + 2] !== CR || bytes[begin + 3] !== LF) return false;
    const request = this.request;
    const offsets = request.offsets;
    const bulkBytesMax = this.bulkBytesMax;
    const slots = 2 * count;
    let at = begin + 4;
    for (let slot = 0; slot < slots; slot += 2) {
      // The shortest argument takes six bytes; within them every look at the header is safe.
      if (at + 5 >= end || bytes[at] !== DOLLAR) return false;
      let length = (bytes[at + 1] as number) - ZERO;
      let mark = bytes[at + 2] as number;
      at += 3;
      if (length < 0 || length > 9) return false;
      if (mark !== CR) {
        // No leading zero; nine digits are still a small integer to the machine.
        if (length === 0) return false;
        const digitsEnd = Math.min(at + FAST_DIGITS - 1, end);
        while (mark !== CR) {
          const digit = mark - ZERO;
          if (digit < 0 || digit > 9 || at >= digitsEnd) return false;
          length = length * 10 + digit;
          mark = bytes[at] as number;
          at++;
        }
      }
      const bulkEnd = at + 1 + length;
      if (bulkEnd + 1 >= end || bytes[at] !== LF || length > bulkBytesMax) return false;
      if (bytes[bulkEnd] !== CR || bytes[bulkEnd + 1] !== LF) return false;
      offsets[slot] = at + 1;
      offsets[slot + 1] = bulkEnd;
      at = bulkEnd + 2;
    }
    const start = offsets[0] as number;
    if (crossProtocol(bytes, start, (offsets[1] as number) - start)) return false;
    if (request.bytes !== bytes) request.bytes = bytes;
    request.argc = count;
    request.wireBytes = at - begin;
    this.begin = at;
    this.at = at;
    return true;
  }

  /** Everything else: resumed, long, inline, empty or wrong requests. */
  private scanOn(): Decoded {
    for (;;) {
      if (this.ending !== NEED_MORE) return this.ending;
      const status = this.scan();
      if (status === SKIPPED) continue;
      if (status !== NEED_MORE) return status;
      const chunkLeft = this.chunk.length - this.chunkAt;
      if (this.begin === this.end && chunkLeft > 0) {
        // The cut request is done, the rest of the chunk is scanned in place.
        const from = this.chunkAt;
        this.scanFrom(this.chunk, this.chunk.length);
        this.begin = from;
        this.at = from;
        continue;
      }
      if (this.end - this.begin > this.queryBufferBytesMax) return this.finish(QUERY_BUFFER_FULL);
      if (chunkLeft === 0) return NEED_MORE;
      this.take();
    }
  }

  private scan(): Decoded | typeof SKIPPED {
    if (this.searched < this.at) this.searched = this.at;
    if (this.expected === 0) {
      if (this.at >= this.end) return NEED_MORE;
      if (this.source[this.at] !== STAR) return this.scanInline();
      const status = this.scanCount();
      if (status !== REQUEST) return status;
    }
    return this.scanArguments();
  }

  private scanArguments(): Decoded {
    const bytes = this.source;
    const end = this.end;
    while (this.index < this.expected) {
      if (this.bulk === NO_BULK) {
        const status = this.scanLength();
        if (status !== REQUEST) return status;
      }
      const bulkEnd = this.at + this.bulk;
      if (bulkEnd + 1 >= end) return NEED_MORE;
      if (bytes[bulkEnd] !== CR || bytes[bulkEnd + 1] !== LF) return this.fail(BULK_NOT_TERMINATED);
      const slot = 2 * this.index;
      const offsets = slot < this.request.offsets.length ? this.request.offsets : this.request.growOffsets();
      offsets[slot] = this.at;
      offsets[slot + 1] = bulkEnd;
      this.index++;
      this.bulk = NO_BULK;
      this.at = bulkEnd + 2;
    }
    const argc = this.expected;
    this.expected = 0;
    this.index = 0;
    return this.complete(bytes, argc, this.at);
  }

  private complete(bytes: Uint8Array, argc: number, after: number): Decoded {
    const request = this.request;
    request.bytes = bytes;
    request.argc = argc;
    request.wireBytes = after - this.begin;
    this.begin = after;
    this.at = after;
    return crossProtocol(bytes, request.start(0), request.length(0)) ? this.finish(CROSS_PROTOCOL) : REQUEST;
  }

  /** The header `*n`. REQUEST here means that arguments follow. */
  private scanCount(): Decoded | typeof SKIPPED {
    const lineEnd = this.headerEnd();
    if (lineEnd === LINE_OPEN) return NEED_MORE;
    if (lineEnd === LINE_TOO_LONG) return this.fail(TOO_BIG_MULTIBULK_COUNT);
    const count = parseInteger(this.source, this.at + 1, lineEnd);
    // NaN fails every comparison, hence the form of this one.
    if (!(count <= MULTIBULK_MAX) || this.source[lineEnd + 1] !== LF) return this.fail(INVALID_MULTIBULK_LENGTH);
    if (count > this.multibulkMax) {
      return this.fail(this.authenticated ? INVALID_MULTIBULK_LENGTH : UNAUTHENTICATED_MULTIBULK_LENGTH);
    }
    // `*0` and `*-10` ask for nothing and get no reply.
    if (count <= 0) return this.skip(lineEnd + 2);
    this.at = lineEnd + 2;
    this.expected = count;
    return REQUEST;
  }

  private skip(after: number): typeof SKIPPED {
    this.begin = after;
    this.at = after;
    return SKIPPED;
  }

  /** The header `$n` of the next argument. REQUEST here means that its length is known. */
  private scanLength(): Decoded {
    const bytes = this.source;
    if (this.at >= this.end) return NEED_MORE;
    // Redis looks at this byte when the line is complete; nothing that can follow makes it right.
    const mark = bytes[this.at] as number;
    if (mark !== DOLLAR) return this.fail(expectedDollar(mark));
    if (this.searched < this.at) this.searched = this.at;
    const lineEnd = this.headerEnd();
    if (lineEnd === LINE_OPEN) return NEED_MORE;
    if (lineEnd === LINE_TOO_LONG) return this.fail(TOO_BIG_BULK_COUNT);
    const length = parseInteger(bytes, this.at + 1, lineEnd);
    if (!(length >= 0) || bytes[lineEnd + 1] !== LF) return this.fail(INVALID_BULK_LENGTH);
    if (length > this.bulkBytesMax) {
      const strange = !this.authenticated && length <= BULK_BYTES_MAX_DEFAULT;
      return this.fail(strange ? UNAUTHENTICATED_BULK_LENGTH : INVALID_BULK_LENGTH);
    }
    this.at = lineEnd + 2;
    this.bulk = length;
    return REQUEST;
  }

  /** Where the CR of the header at `at` is, once the byte behind it is there too. */
  private headerEnd(): number {
    const bytes = this.source;
    const last = Math.min(this.end, this.at + INLINE_BYTES_MAX + 1);
    let position = this.searched;
    while (position < last && bytes[position] !== CR) position++;
    this.searched = position;
    if (position < last) return position + 1 < this.end ? position : LINE_OPEN;
    return position - this.at > INLINE_BYTES_MAX ? LINE_TOO_LONG : LINE_OPEN;
  }

  /** Lines that people type. Redis looks for LF, and stops looking at a NUL: such a line never ends. */
  private scanInline(): Decoded | typeof SKIPPED {
    const bytes = this.source;
    const start = this.at;
    const mark = bytes[start] as number;
    if (mark === 0) return this.finish(CROSS_PROTOCOL);
    if (resp3Only[mark] === 1) return this.fail(expectedRequest(mark));
    if (mark === TLS_HANDSHAKE && this.first && start === 0 && start + 1 < this.end && bytes[start + 1] === TLS_MAJOR) {
      return this.finish(TLS_ON_PLAIN);
    }
    const last = Math.min(this.end, start + INLINE_BYTES_MAX + 1);
    let position = this.searched;
    while (position < last && bytes[position] !== LF && bytes[position] !== 0) position++;
    this.searched = position;
    if (position === last || bytes[position] === 0) {
      return this.end - start > INLINE_BYTES_MAX ? this.fail(TOO_BIG_INLINE) : NEED_MORE;
    }
    const lineEnd = position > start && bytes[position - 1] === CR ? position - 1 : position;
    const words = inlineWords(this.request, bytes, start, lineEnd);
    if (words < 0) return this.fail(UNBALANCED_QUOTES);
    if (words === 0) return this.skip(position + 1);
    return this.complete(this.request.bytes, words, position + 1);
  }

  // -- Cut requests ----------------------------------------------------------------------------------------------------

  private scanFrom(bytes: Uint8Array, end: number): void {
    this.source = bytes;
    this.begin = 0;
    this.at = 0;
    this.end = end;
    this.searched = 0;
    if (bytes === this.chunk) {
      this.chunk = NO_BYTES;
      this.chunkAt = 0;
    }
  }

  /** Of the chunk, what the request in `held` certainly still needs: the rest of its bulk, or one line. */
  private take(): void {
    const chunk = this.chunk;
    const from = this.chunkAt;
    let to = chunk.length;
    if (this.bulk !== NO_BULK) {
      to = Math.min(to, from + (this.at + this.bulk + 2 - this.end));
    } else {
      const newline = chunk.indexOf(LF, from);
      if (newline >= 0) to = newline + 1;
    }
    this.append(chunk, from, to);
    this.chunkAt = to;
  }

  /** Starts the private buffer with the head of a cut request. */
  private hold(bytes: Uint8Array, from: number, to: number): void {
    if (this.held.length < to - from) this.held = new Uint8Array(Math.max(to - from, HELD_BYTES_MIN));
    this.held.set(bytes.subarray(from, to), 0);
    this.source = this.held;
    this.end = to;
    this.rebase(from);
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    const more = to - from;
    if (this.end + more > this.held.length) this.makeRoom(more);
    this.held.set(bytes.subarray(from, to), this.end);
    this.end += more;
  }

  /**
   * By doubling, so that each byte is moved about once on average; but not past what the request is known to need, as
   * its last doubling would waste up to half a gigabyte.
   */
  private makeRoom(more: number): void {
    const used = this.end - this.begin;
    if (used + more > this.held.length) {
      const size = this.held.length;
      // Behind a huge bulk mostly little follows: a quarter more is enough for a header.
      const step = this.bulk === NO_BULK && size > HELD_BYTES_DOUBLED ? size >>> 2 : size;
      const known = this.bulk === NO_BULK ? Number.POSITIVE_INFINITY : this.at + this.bulk + 2 - this.begin;
      const wanted = Math.min(Math.max(HELD_BYTES_MIN, size + step), known);
      const grown = new Uint8Array(Math.max(wanted, used + more));
      grown.set(this.held.subarray(this.begin, this.end), 0);
      this.held = grown;
      this.source = grown;
    } else {
      this.held.copyWithin(0, this.begin, this.end);
    }
    this.rebase(this.begin);
  }

  /** The bytes moved down by `shift`: so does everything that points at them. */
  private rebase(shift: number): void {
    this.begin -= shift;
    this.at -= shift;
    this.end -= shift;
    this.searched -= shift;
    const offsets = this.request.offsets;
    for (let i = 0; i < 2 * this.index; i++) offsets[i] = (offsets[i] as number) - shift;
  }

  private fail(error: Refusal): Decoded {
    this.error = error;
    return this.finish(PROTOCOL_ERROR);
  }

  private finish(ending: Decoded): Decoded {
    this.ending = ending;
    // Nothing is left that scanPlain could mistake for a request, or that anything could wait for.
    this.begin = this.at;
    this.end = this.at;
    this.expected = 0;
    this.index = 0;
    this.chunk = NO_BYTES;
    this.chunkAt = 0;
    return ending;
  }
}

/** `POST` or `Host:`, redis' own guard against browsers, and `PROXY`: its binary form is two empty lines and a zero byte. */
function crossProtocol(bytes: Uint8Array, start: number, length: number): boolean {
  if (length !== 4 && length !== 5) return false;
  const first = lower[bytes[start] as number] as number;
  if (first !== 0x70 && first !== 0x68) return false;
  const word = length === 4 ? POST : first === 0x68 ? HOST : PROXY;
  for (let i = 0; i < length; i++) if (lower[bytes[start + i] as number] !== word[i]) return false;
  return true;
}

const POST = new Uint8Array([0x70, 0x6f, 0x73, 0x74]);
const PROXY = new Uint8Array([0x70, 0x72, 0x6f, 0x78, 0x79]);
const HOST = new Uint8Array([0x68, 0x6f, 0x73, 0x74, 0x3a]);
