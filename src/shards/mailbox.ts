/**
 * What travels between the gateway's thread and a worker: many requests in one buffer one way, as many replies in one
 * buffer the other way, in the same order. Both sides build and read them here and nowhere else.
 *
 * ```
 * request  | words of the record | command id | protocol, flags, database | tenant | client, two words | argc | argument lengths … | bytes … pad |
 * reply    | bytes of the reply | how long its command ran | its debt | bytes … pad |
 * ```
 * How long a command ran is told in steps of 100 ns: 3 minutes fit.
 *
 * Numbers are 32-bit words in the machine's order (both ends are one process); every record starts on a word.
 *
 * Hot path in pool mode: one record per request. Budget 150 ns to write or read one; guarded by the pool rows of
 * `npm run bench`.
 */
import { copyRange } from '../base/bytes.ts';
import { MAILBOX_INITIAL_BYTES } from '../base/limits.ts';
import type { Kept } from '../command/ports/durability.ts';
import type { Request } from '../resp/request.ts';

const FIXED_WORDS = 7;
/** Words before the bytes of a reply. */
const REPLY_WORDS = 3;
/** Steps of 100 ns in a millisecond. */
const STEPS_PER_MS = 10_000;
const STEPS_MAX = 0x7fffffff;
const PROTOCOL_3 = 1 << 8;
const NO_TOUCH = 1 << 9;
const IN_TRANSACTION = 1 << 10;
const TRACKS = 1 << 11;
const UINT32 = 2 ** 32;

/**
 * In place of a command: so many of the records that follow are one transaction, and have one reply. The number is its only
 * argument, in decimal; a second one says that the client watches keys here. No request of a client can have this id.
 */
export const TRANSACTION_ID = -1;

/** How far what a reply tells of must be kept before it may be told. */
export const DEBT_NONE = 0;
export const DEBT_WRITTEN = 1;
export const DEBT_SYNCED = 2;
export type Debt = typeof DEBT_NONE | typeof DEBT_WRITTEN | typeof DEBT_SYNCED;

export function debtOf(kept: Kept | undefined): Debt {
  return kept === undefined ? DEBT_NONE : kept === 'synced' ? DEBT_SYNCED : DEBT_WRITTEN;
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** A buffer that records are appended to until it is taken and sent. */
class Growing {
  bytes: Uint8Array;
  words: Int32Array;
  length = 0;

  constructor() {
    this.bytes = new Uint8Array(MAILBOX_INITIAL_BYTES);
    this.words = new Int32Array(this.bytes.buffer);
  }

  ensure(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) return;
    let size = this.bytes.length;
    while (size < wanted) size *= 2;
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.words = new Int32Array(grown.buffer);
  }

  /** The content as a buffer of its own size, to be handed over; this one starts again. */
  take(): ArrayBuffer {
    const content = this.bytes.slice(0, this.length).buffer;
    this.reset();
    return content;
  }

  append(other: Growing): void {
    this.ensure(other.length);
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  reset(): void {
    this.length = 0;
    if (this.bytes.length > 16 * MAILBOX_INITIAL_BYTES) {
      this.bytes = new Uint8Array(MAILBOX_INITIAL_BYTES);
      this.words = new Int32Array(this.bytes.buffer);
    }
  }
}

/** Whose request it is and how it is to be answered, as far as a worker must know. */
export interface Envelope {
  readonly commandId: number;
  readonly tenantNumber: number;
  readonly databaseNumber: number;
  readonly protocol: 2 | 3;
  readonly noTouch: boolean;
  /** The number of the client. */
  readonly id: number;
  readonly isInTransaction: boolean;
  readonly tracks: boolean;
}

export class RequestBatchWriter {
  count = 0;
  private readonly out: Growing = new Growing();

  get bytes(): number {
    return this.out.length;
  }

  private open(envelope: Envelope, argc: number, argumentBytes: number): number {
    const out = this.out;
    const size = 4 * (FIXED_WORDS + argc) + padded(argumentBytes);
    out.ensure(size);
    const word = out.length >> 2;
    out.words[word] = size >> 2;
    out.words[word + 1] = envelope.commandId;
    out.words[word + 2] =
      envelope.databaseNumber |
      (envelope.protocol === 3 ? PROTOCOL_3 : 0) |
      (envelope.noTouch ? NO_TOUCH : 0) |
      (envelope.isInTransaction ? IN_TRANSACTION : 0) |
      (envelope.tracks ? TRACKS : 0);
    out.words[word + 3] = envelope.tenantNumber;
    out.words[word + 4] = envelope.id | 0;
    out.words[word + 5] = (envelope.id / UINT32) | 0;
    out.words[word + 6] = argc;
    this.count++;
    return word;
  }

  /** Appends the whole request. */
  add(envelope: Envelope, request: Request): void {
    const argc = request.argc;
    let argumentBytes = 0;
    for (let i = 0; i < argc; i++) argumentBytes += request.length(i);
    const word = this.open(envelope, argc, argumentBytes);
    const out = this.out;
    let at = out.length + 4 * (FIXED_WORDS + argc);
    for (let i = 0; i < argc; i++) {
      const start = request.start(i);
      const end = request.end(i);
      out.words[word + FIXED_WORDS + i] = end - start;
      copyRange(request.bytes, start, end, out.bytes, at);
      at += end - start;
    }
    out.length = padded(at);
  }

  /** Appends the arguments at these positions, in this order: the part of a request that one shard gets. */
  addPart(envelope: Envelope, request: Request, positions: readonly number[]): void {
    let argumentBytes = 0;
    for (const position of positions) argumentBytes += request.length(position);
    const word = this.open(envelope, positions.length, argumentBytes);
    const out = this.out;
    let at = out.length + 4 * (FIXED_WORDS + positions.length);
    let lengthWord = word + FIXED_WORDS;
    for (const position of positions) {
      const start = request.start(position);
      const end = request.end(position);
      out.words[lengthWord++] = end - start;
      copyRange(request.bytes, start, end, out.bytes, at);
      at += end - start;
    }
    out.length = padded(at);
  }

  /** What was written into another batch, as if it had been written here. */
  append(other: RequestBatchWriter): void {
    this.count += other.count;
    this.out.append(other.out);
  }

  take(): ArrayBuffer {
    this.count = 0;
    return this.out.take();
  }

  /** Forgets what was written. */
  reset(): void {
    this.count = 0;
    this.out.reset();
  }
}

/** Walks a batch; `next` lays each request into the one `Request` and its envelope into the fields. */
export class RequestBatchReader implements Envelope {
  commandId = 0;
  tenantNumber = 0;
  databaseNumber = 0;
  protocol: 2 | 3 = 2;
  noTouch = false;
  id = 0;
  isInTransaction = false;
  tracks = false;
  private words: Int32Array = new Int32Array(0);
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  open(batch: ArrayBuffer): void {
    this.words = new Int32Array(batch);
    this.bytes = new Uint8Array(batch);
    this.at = 0;
  }

  next(request: Request): boolean {
    const words = this.words;
    const word = this.at;
    if (word >= words.length) return false;
    const marks = words[word + 2] as number;
    const argc = words[word + 6] as number;
    this.commandId = words[word + 1] as number;
    this.tenantNumber = words[word + 3] as number;
    this.databaseNumber = marks & 0xff;
    this.protocol = (marks & PROTOCOL_3) === 0 ? 2 : 3;
    this.noTouch = (marks & NO_TOUCH) !== 0;
    this.isInTransaction = (marks & IN_TRANSACTION) !== 0;
    this.tracks = (marks & TRACKS) !== 0;
    this.id = ((words[word + 4] as number) >>> 0) + (words[word + 5] as number) * UINT32;
    let at = 4 * (word + FIXED_WORDS + argc);
    let offsets = request.offsets;
    for (let i = 0; i < argc; i++) {
      if (2 * i >= offsets.length) offsets = request.growOffsets();
      offsets[2 * i] = at;
      at += words[word + FIXED_WORDS + i] as number;
      offsets[2 * i + 1] = at;
    }
    request.bytes = this.bytes;
    request.argc = argc;
    request.wireBytes = at - 4 * word;
    this.at = word + (words[word] as number);
    return true;
  }
}

export class ReplyBatchWriter {
  private readonly out: Growing = new Growing();

  get bytes(): number {
    return this.out.length;
  }

  /** @returns where `ran` is to say how long its command took */
  add(bytes: Uint8Array, start: number, end: number, debt: Debt = DEBT_NONE): number {
    const out = this.out;
    out.ensure(4 * REPLY_WORDS + padded(end - start));
    const word = out.length >> 2;
    out.words[word] = end - start;
    out.words[word + 1] = 0;
    out.words[word + 2] = debt;
    copyRange(bytes, start, end, out.bytes, out.length + 4 * REPLY_WORDS);
    out.length += 4 * REPLY_WORDS + padded(end - start);
    return word + 1;
  }

  /** At least a step, as nothing takes no time. */
  ran(at: number, duration_ms: number): void {
    this.out.words[at] = Math.min(STEPS_MAX, Math.max(1, Math.round(duration_ms * STEPS_PER_MS)));
  }

  take(): ArrayBuffer {
    return this.out.take();
  }
}

/** Walks a batch of replies: after `next`, the reply is `bytes` from `start` to `end`. */
export class ReplyBatchReader {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  ran_ms = 0;
  debt: Debt = DEBT_NONE;
  private words: Int32Array = new Int32Array(0);

  open(batch: ArrayBuffer): void {
    this.bytes = new Uint8Array(batch);
    this.words = new Int32Array(batch);
    this.end = 0;
  }

  next(): boolean {
    const at = padded(this.end);
    if (at >= this.bytes.length) return false;
    this.start = at + 4 * REPLY_WORDS;
    this.ran_ms = (this.words[(at >> 2) + 1] as number) / STEPS_PER_MS;
    this.debt = this.words[(at >> 2) + 2] as Debt;
    this.end = this.start + (this.words[at >> 2] as number);
    return true;
  }
}
