/**
 * The records of a log, one at a time, from the file it lies in. A record is a request in its strict form, `*n` and n times
 * `$length`, each line with CRLF; between records there may be lines that begin with `#`.
 *
 *   next() ──▶ command … command ──▶ end │ truncated │ fault      and the last of these for ever after
 *
 * `truncated` is how a crash leaves a file: the last record is not whole, or zeros stand in for what never reached the
 * disk, and nothing else follows. Whoever loads may cut the file there. Anything else that is wrong is a `fault`, as what
 * stands behind it was acknowledged; so is a length that reaches past the end although whole records follow it.
 *
 * Invariants: no length is believed before its bytes are there, so memory follows what has been read; `position` is always
 * behind a whole record or line.
 *
 * Hot path: starting up is waiting for it. Budget: 80 ns for a record of three small words; guarded by `bench/log-reader.ts`.
 */
import { copyRange } from '../base/bytes.ts';
import {
  BULK_BYTES_MAX_DEFAULT,
  LOG_ANNOTATION_BYTES_MAX,
  LOG_RECORD_BYTES_MAX,
  LOG_RESUME_ATTEMPTS_MAX,
  LOG_WINDOW_BYTES,
  LOG_WINDOW_BYTES_KEPT,
  MULTIBULK_MAX,
} from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import type { DiskReader } from '../disk/disk.ts';
import { Request } from '../resp/request.ts';

export type LogItem =
  /** `request` is the record, until the next call. */
  | { readonly kind: 'command' }
  | { readonly kind: 'end' }
  /** The end of the last whole record. */
  | { readonly kind: 'truncated'; readonly offset: number }
  /** Where it is wrong; the message is one line with file and byte. */
  | { readonly kind: 'fault'; readonly message: string; readonly offset: number };

const COMMAND: LogItem = { kind: 'command' };
const END: LogItem = { kind: 'end' };

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;
const HASH = 0x23;
const ZERO = 0x30;
/** Longer numbers than any limit has. */
const DIGITS_MAX = 10;

/** What `scan` and `number` answer when there is no record: `wanted` says how far it looked, `wrongAt` where it stopped. */
const NEED_MORE = -1;
const WRONG = -2;
const PASSED_OVER = -3;

/** Is shown every byte that is passed, in order. */
export interface LogWatch {
  record(bytes: Uint8Array, start: number, end: number): void;
  /** @param offset where in the file it begins */
  annotation(bytes: Uint8Array, start: number, end: number, offset: number): void;
}

export class LogReader {
  readonly request: Request;
  /** Where in the file the record in `request` begins. */
  commandStart: number;
  private readonly file: DiskReader;
  /** Bytes of the file: what it had when it was opened, or fewer when it has been cut since. */
  private fileEnd: number;
  private window: Uint8Array;
  /** Where in the file the window lies, how much of it is filled, and where in it the next record begins. */
  private windowAt: number;
  private end: number;
  private begin: number;
  /** Results of a scan beside its answer. */
  private after: number;
  private wanted: number;
  private wrongAt: number;
  private wrong: string;
  private ending: LogItem | undefined;
  private readonly watch: LogWatch | undefined;

  constructor(file: DiskReader, start = 0, watch?: LogWatch) {
    this.request = new Request();
    this.commandStart = start;
    this.file = file;
    this.fileEnd = Math.max(file.length, start);
    this.window = Buffer.allocUnsafeSlow(Math.max(1, Math.min(LOG_WINDOW_BYTES, file.length - start)));
    this.windowAt = start;
    this.end = 0;
    this.begin = 0;
    this.after = 0;
    this.wanted = 0;
    this.wrongAt = 0;
    this.wrong = '';
    this.ending = undefined;
    this.watch = watch;
  }

  /** Where the next record begins. */
  get position(): number {
    return this.windowAt + this.begin;
  }

  next(): LogItem {
    for (;;) {
      if (this.ending !== undefined) return this.ending;
      const after = this.scan();
      if (after > 0) {
        this.commandStart = this.windowAt + this.begin;
        this.request.wireBytes = after - this.begin;
        this.watch?.record(this.window, this.begin, after);
        this.begin = after;
        return COMMAND;
      }
      if (after === PASSED_OVER) {
        this.watch?.annotation(this.window, this.begin, this.after, this.windowAt + this.begin);
        this.begin = this.after;
      } else if (after === WRONG) this.endWrong();
      else if (this.windowAt + this.end === this.fileEnd) this.endShort();
      else this.fill();
    }
  }

  // -- Scanning --------------------------------------------------------------------------------------------------------

  /** One record from `begin` on. Answers the index behind it. */
  private scan(): number {
    const bytes = this.window;
    const end = this.end;
    let at = this.begin;
    if (at >= end) return this.needs(at + 1);
    if (bytes[at] !== STAR) return bytes[at] === HASH ? this.scanAnnotation(at) : this.isWrong(at, "no '*'");
    const count = this.number(at + 1);
    if (count < 0) return count;
    if (count === 0 || count > MULTIBULK_MAX) return this.isWrong(at + 1, 'a number of words out of range');
    const request = this.request;
    let offsets = request.offsets;
    at = this.after;
    for (let slot = 0; slot < 2 * count; slot += 2) {
      if (at >= end) return this.needs(at + 1);
      if (bytes[at] !== DOLLAR) return this.isWrong(at, "no '$'");
      // The lengths of nearly all words have one digit.
      let length = at + 3 < end ? (bytes[at + 1] as number) - ZERO : -1;
      if (length >= 0 && length <= 9 && bytes[at + 2] === CR && bytes[at + 3] === LF) {
        at += 4;
      } else {
        length = this.number(at + 1);
        if (length < 0) return length;
        if (length > BULK_BYTES_MAX_DEFAULT) return this.isWrong(at + 1, 'a length out of range');
        at = this.after;
      }
      const bulkEnd = at + length;
      if (bulkEnd + 1 >= end || bytes[bulkEnd] !== CR || bytes[bulkEnd + 1] !== LF) return this.unended(bulkEnd);
      if (slot === offsets.length) offsets = request.growOffsets();
      offsets[slot] = at;
      offsets[slot + 1] = bulkEnd;
      at = bulkEnd + 2;
    }
    request.bytes = bytes;
    request.argc = count;
    return at;
  }

  /** A number in its shortest form with CRLF; `after` is behind it. */
  private number(start: number): number {
    const bytes = this.window;
    const end = this.end;
    let value = 0;
    let at = start;
    for (;;) {
      if (at >= end) return this.needs(at + 1);
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      if (at - start === DIGITS_MAX || (at > start && value === 0)) return this.isWrong(at, 'not a length');
      value = value * 10 + digit;
      at++;
    }
    if (at === start) return this.isWrong(at, 'not a length');
    if (bytes[at] !== CR) return this.isWrong(at, 'no end of line behind a length');
    if (at + 1 >= end) return this.needs(at + 2);
    if (bytes[at + 1] !== LF) return this.isWrong(at + 1, 'no end of line behind a length');
    this.after = at + 2;
    return value;
  }

  /** Cold: the end of a word is not in the window, or is not what it should be. */
  private unended(bulkEnd: number): number {
    if (bulkEnd < this.end && this.window[bulkEnd] !== CR) return this.isWrong(bulkEnd, 'no end of line behind a word');
    if (bulkEnd + 1 < this.end) return this.isWrong(bulkEnd + 1, 'no end of line behind a word');
    return this.needs(bulkEnd + 2);
  }

  private scanAnnotation(start: number): number {
    const bytes = this.window;
    const last = Math.min(this.end, start + LOG_ANNOTATION_BYTES_MAX);
    let at = start;
    while (at < last && bytes[at] !== LF && bytes[at] !== 0) at++;
    if (at === start + LOG_ANNOTATION_BYTES_MAX) return this.isWrong(start, 'an annotation that is too long');
    if (at === this.end) return this.needs(at + 1);
    if (bytes[at] === 0) return this.isWrong(at, 'a zero byte in an annotation');
    this.after = at + 1;
    return PASSED_OVER;
  }

  private needs(index: number): typeof NEED_MORE {
    this.wanted = index;
    return NEED_MORE;
  }

  private isWrong(at: number, what: string): typeof WRONG {
    this.wrongAt = at;
    this.wrong = what;
    return WRONG;
  }

  // -- Endings ---------------------------------------------------------------------------------------------------------

  private endWrong(): void {
    const at = this.wrongAt;
    const wrong = this.wrong;
    if (this.window[at] === 0 && this.onlyZerosFrom(at)) {
      this.ending ??= { kind: 'truncated', offset: this.position };
      return;
    }
    const found = at < this.end ? ` (${shown(this.window[at] as number)} found)` : '';
    this.fail(this.windowAt + at, `${wrong}${found}`);
  }

  /** The file has ended within a record, or between two. */
  private endShort(): void {
    if (this.begin === this.end) {
      this.ending = END;
      return;
    }
    const resumed = this.resumesAt();
    if (resumed === undefined) this.ending = { kind: 'truncated', offset: this.position };
    else
      this.fail(this.position, `a length that reaches past the end of the file, yet records follow at byte ${resumed}`);
  }

  /**
   * Where behind a length that reaches past the end a log goes on, whole to its very end. A record cut by a crash has no
   * such place, unless a value that was just being written is itself a log and was cut at the end of a record.
   */
  private resumesAt(): number | undefined {
    const { begin, end, window, request } = this;
    let attempts = LOG_RESUME_ATTEMPTS_MAX;
    let found: number | undefined;
    for (
      let at = window.indexOf(STAR, begin + 1);
      at >= 0 && at < end && attempts > 0;
      at = window.indexOf(STAR, at + 1)
    ) {
      if (window[at - 1] !== LF || window[at - 2] !== CR) continue;
      attempts--;
      this.begin = at;
      for (let after = this.scan(); after > 0 || after === PASSED_OVER; after = this.scan()) {
        this.begin = after > 0 ? after : this.after;
      }
      if (this.begin === end) {
        found = this.windowAt + at;
        break;
      }
    }
    this.begin = begin;
    request.release();
    return found;
  }

  private onlyZerosFrom(index: number): boolean {
    for (let i = index; i < this.end; i++) if (this.window[i] !== 0) return false;
    const piece = new Uint8Array(LOG_WINDOW_BYTES);
    for (let at = this.windowAt + this.end; at < this.fileEnd; ) {
      const read = this.file.read(at, piece, 0, piece.length);
      if (!read.ok) return this.fail(at, read.fault.message);
      if (read.value === 0) return true;
      for (let i = 0; i < read.value; i++) if (piece[i] !== 0) return false;
      at += read.value;
    }
    return true;
  }

  private fail(offset: number, what: string): false {
    this.request.release();
    this.ending ??= { kind: 'fault', message: `${oneLine(this.file.path)}: byte ${offset}: ${what}`, offset };
    return false;
  }

  // -- Window ----------------------------------------------------------------------------------------------------------

  /** Moves what is left to the front and fills the rest; a record that fills the window gets a larger one. */
  private fill(): void {
    const { begin } = this;
    const used = this.end - begin;
    const left = this.fileEnd - this.windowAt - begin;
    const size = this.sizeFor(used, this.wanted - begin);
    if (Math.min(size, left) > LOG_RECORD_BYTES_MAX) {
      this.fail(this.position, `a record of more than ${LOG_RECORD_BYTES_MAX} bytes`);
      return;
    }
    if (size !== this.window.length) {
      const resized = Buffer.allocUnsafeSlow(Math.min(size, left));
      copyRange(this.window, begin, this.end, resized, 0);
      this.window = resized;
    } else if (begin > 0) {
      this.window.copyWithin(0, begin, this.end);
    }
    this.windowAt += begin;
    this.begin = 0;
    this.end = used;
    this.read();
  }

  /** By doubling, so that bytes are moved about once; large ones not past the word that is awaited, or by a quarter. */
  private sizeFor(used: number, wanted: number): number {
    const size = this.window.length;
    if (used < size) return size > LOG_WINDOW_BYTES_KEPT && used < LOG_WINDOW_BYTES ? LOG_WINDOW_BYTES : size;
    if (size < LOG_WINDOW_BYTES_KEPT) return 2 * size;
    return Math.max(Math.ceil(1.25 * size), Math.min(wanted, 2 * size));
  }

  private read(): void {
    const to = Math.min(this.window.length, this.fileEnd - this.windowAt);
    while (this.end < to) {
      const read = this.file.read(this.windowAt + this.end, this.window, this.end, to);
      if (!read.ok) {
        this.fail(this.windowAt + this.end, read.fault.message);
        return;
      }
      if (read.value === 0) {
        this.fileEnd = this.windowAt + this.end;
        return;
      }
      this.end += read.value;
    }
  }
}

function shown(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}
