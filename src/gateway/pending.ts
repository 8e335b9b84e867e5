/**
 * The order of replies. A reply that cannot come at once gets a place; whatever is answered behind it waits in places of
 * its own until all before it are settled. Without open places the ring is empty and costs nothing.
 *
 * ```
 *   head ▶ [settled] [open] [settled] [settled] ◀ tail      only the first may leave
 * ```
 */
import { copyRange } from '../base/bytes.ts';
import { FLUSH_BYTES, PENDING_PLACES_MAX, WRITE_BACKLOG_BYTES_MAX } from '../base/limits.ts';
import { Queue } from '../base/queue.ts';
import type { LaterReply } from '../command/ports/backend.ts';
import { LOG_FAILED, REPLY_TOO_LARGE } from '../resp/refusals.ts';
import { refusedReplies } from '../resp/reply-reader.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { TenantCounters } from './counters.ts';

class Place implements LaterReply {
  readonly protocol: 2 | 3;
  content: Uint8Array | undefined;
  private readonly owner: Pending;
  /** CLIENT REPLY OFF or SKIP: counted, but not shown. */
  readonly silent: boolean;

  /** Which command is answered, and where an error is counted. */
  private readonly command: number;
  private readonly counters: TenantCounters | undefined;

  constructor(owner: Pending, protocol: 2 | 3, silent: boolean, command: number, counters: TenantCounters | undefined) {
    this.owner = owner;
    this.protocol = protocol;
    this.silent = silent;
    this.command = command;
    this.counters = counters;
    this.content = undefined;
  }

  settleBytes(bytes: Uint8Array, start: number, end: number, ran_ms = 0): void {
    if (this.content !== undefined || this.owner.isClosed) return;
    this.counters?.answered(this.command, bytes, start, end);
    if (ran_ms > 0) this.counters?.took(this.command, ran_ms);
    if (this.silent) this.content = NOTHING;
    else if (end - start > this.owner.replyBytesMax) this.content = REPLY_TOO_LARGE.bytes;
    else this.content = keep(bytes, start, end);
    this.owner.filled(this.content.length);
  }

  settle(write: (out: ReplyWriter) => void, ran_ms = 0): void {
    if (this.content !== undefined || this.owner.isClosed) return;
    const out = new ReplyWriter(this.protocol, 256);
    write(out);
    this.settleBytes(out.buffer, 0, out.length, ran_ms);
  }
}

/** Of a reply that has been counted already. */
const NO_COMMAND = -1;
/** Replies on their way before the first has come. */
const PLACES_AT_FIRST = 4;
/** Sixteen small replies after a large one, eight times as many may be on their way. */
const ESTIMATE_DECAY = 7 / 8;
const NOTHING = new Uint8Array(0);

/** A batch is not looked at for smaller replies: asking how large it is costs as much as copying so many bytes. */
const COPIED_BYTES_MAX = 4096;

/**
 * Memory of its own for a reply, as what it came in is a whole batch. A reply that is most of its batch keeps the batch
 * instead: a view costs no copy of what may be megabytes.
 */
function keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const isMostOfIt = end - start > COPIED_BYTES_MAX && 2 * (end - start) > bytes.buffer.byteLength;
  return isMostOfIt ? bytes.subarray(start, end) : ownBuffer(bytes, start, end);
}

/** A Buffer, as that is what a socket takes without making one of it. */
function ownBuffer(bytes: Uint8Array, start: number, end: number): Buffer {
  const own = Buffer.allocUnsafeSlow(end - start);
  copyRange(bytes, start, end, own, 0);
  return own;
}

export class Pending {
  /** Longer replies than this are not given, and an error says so in their place. */
  replyBytesMax: number;
  /** Bytes of settled replies that have not left. */
  settledBytes: number;
  /** Bytes of replies that wait until what they tell of is kept. */
  keptBytes: number;
  /** The connection is gone: whatever comes is dropped. */
  isClosed: boolean;
  /** How large the next reply may well be: the largest of the last ones. */
  private expectedBytes: number;
  private readonly places: Queue<Place> = new Queue(8);
  /** The place given last. */
  private latest: Place | undefined;
  private readonly settled: () => void;

  /** @param settled is told whenever a place was filled; the owner then calls `drainInto` when it likes */
  constructor(settled: () => void) {
    this.settled = settled;
    this.replyBytesMax = Number.POSITIVE_INFINITY;
    this.settledBytes = 0;
    this.keptBytes = 0;
    this.expectedBytes = WRITE_BACKLOG_BYTES_MAX / PLACES_AT_FIRST;
    this.isClosed = false;
    this.latest = undefined;
  }

  get length(): number {
    return this.places.length;
  }

  /** Called by a place that has its reply. */
  filled(bytes: number): void {
    this.settledBytes += bytes;
    this.expectedBytes = Math.max(bytes, this.expectedBytes * ESTIMATE_DECAY);
    this.settled();
  }

  /**
   * Replies that may be on their way: as many as will not be too much when they come, judged by the replies before. So a
   * client that asks for megabytes again and again has few of them made before it reads the first.
   */
  get placesMax(): number {
    return Math.min(PENDING_PLACES_MAX, Math.max(1, WRITE_BACKLOG_BYTES_MAX / this.expectedBytes));
  }

  close(): void {
    this.isClosed = true;
    this.settledBytes = 0;
    this.keptBytes = 0;
    this.latest = undefined;
    while (this.places.shift() !== undefined);
  }

  open(protocol: 2 | 3, silent: boolean, command: number, counters: TenantCounters): LaterReply {
    const place = new Place(this, protocol, silent, command, counters);
    this.places.push(place);
    this.latest = place;
    return place;
  }

  /** Whoever took the last place will not fill it. */
  giveUp(bytes: Uint8Array): void {
    this.latest?.settleBytes(bytes, 0, bytes.length);
  }

  /** A reply that came at once but must wait for those before it. */
  behind(bytes: Uint8Array, start: number, end: number, protocol: 2 | 3): void {
    const place = new Place(this, protocol, false, NO_COMMAND, undefined);
    place.content = ownBuffer(bytes, start, end);
    this.settledBytes += place.content.length;
    this.places.push(place);
  }

  /**
   * Replies that may not leave before what they tell of is kept; their memory is theirs.
   * @param where in front of all places, or behind them
   * @returns what to call then, or with false when that will never be known
   */
  keepBack(bytes: Uint8Array, protocol: 2 | 3, where: 'first' | 'last'): (isKept: boolean) => void {
    const place = new Place(this, protocol, false, NO_COMMAND, undefined);
    if (where === 'first') this.places.unshift(place);
    else this.places.push(place);
    this.keptBytes += bytes.length;
    return (isKept) => {
      if (this.isClosed) return;
      this.keptBytes -= bytes.length;
      place.content = isKept ? bytes : refusedReplies(bytes, LOG_FAILED);
      this.filled(place.content.length);
    };
  }

  /**
   * A message that nobody asked for, shared with others who get it. Behind all replies so far; or before the last place,
   * when that is the reply of a command that waits and may wait for ever.
   */
  push(bytes: Uint8Array, beforeLast: boolean): void {
    const place = new Place(this, 2, false, NO_COMMAND, undefined);
    place.content = bytes;
    this.settledBytes += bytes.length;
    const last = beforeLast ? this.places.pop() : undefined;
    this.places.push(place);
    if (last !== undefined) this.places.push(last);
  }

  /** The same, in front of all places. */
  pushFirst(bytes: Uint8Array): void {
    const place = new Place(this, 2, false, NO_COMMAND, undefined);
    place.content = bytes;
    this.settledBytes += bytes.length;
    this.places.unshift(place);
  }

  /** Moves replies that may leave into the writer, until it holds as much as one write should or a large one is next. */
  drainInto(out: ReplyWriter): void {
    while (out.length < FLUSH_BYTES) {
      const content = this.places.peek()?.content;
      if (content === undefined || content.length >= FLUSH_BYTES) return;
      this.places.shift();
      this.settledBytes -= content.length;
      out.raw(content, 0, content.length);
    }
  }

  /** The next reply if it leaves as it is, without a copy: a large one, or one that nothing can join. */
  takeWhole(): Uint8Array | undefined {
    const content = this.places.peek()?.content;
    if (content === undefined || (content.length < FLUSH_BYTES && this.places.length > 1)) return undefined;
    this.places.shift();
    this.settledBytes -= content.length;
    return content;
  }

  /** Whether the next reply could leave now. */
  get isReady(): boolean {
    return this.places.peek()?.content !== undefined;
  }
}
