/**
 * What a connection has to say, in the order in which it is said, and when its reader is too slow for it. Replies of a
 * turn are written into one writer, shared by all connections of the thread because only one of them runs at a time; at
 * the end of the turn they leave in a single write of exactly their size.
 *
 * ```
 *   pushes ▶ pending replies ▶ socket        pushes that came while no reply was open; with one open they have places too
 * ```
 *
 * Invariant: while replies are open, only a command that waits as the last of them lets pushes go before it. Pushes that
 * wait for a slow reader are references to bytes that all subscribers share.
 *
 * Hot path: one flush per turn. Budget 300 ns beside the socket; guarded by the P1 rows and `pubsub` of `npm run bench`.
 */
import type { Socket } from 'node:net';
import { FLUSH_BYTES, PUSHES_KEPT, WRITE_BACKLOG_BYTES_MAX } from '../base/limits.ts';
import type { Kept } from '../command/ports/durability.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { HELD_BY_READER } from './holds.ts';
import { Pending } from './pending.ts';
import type { OutputLimit } from './view.ts';

/** A copy of what the writer holds, in memory of its own: the socket may keep it longer than this turn. */
export function takeCopy(out: ReplyWriter): Buffer {
  const copy = Buffer.allocUnsafe(out.length);
  copy.set(out.buffer.subarray(0, out.length));
  return copy;
}

/** Decides when a reader is too slow. Redis' client-output-buffer-limit. */
export class OutputWatch {
  private softSince_ms = -1;

  /** True when the connection must end. */
  exceeded(pendingBytes: number, limit: OutputLimit, now_ms: number): boolean {
    if (limit.hardBytes > 0 && pendingBytes > limit.hardBytes) return true;
    if (limit.softBytes === 0 || pendingBytes <= limit.softBytes) {
      this.softSince_ms = -1;
      return false;
    }
    if (this.softSince_ms < 0) this.softSince_ms = now_ms;
    return now_ms - this.softSince_ms > 1000 * limit.softSeconds;
  }
}

export class Outbox {
  readonly pending: Pending;
  private readonly core: Core;
  private readonly connection: Connection;
  private readonly socket: Socket;
  private readonly watch: OutputWatch;
  private pushes: Uint8Array[];
  /** How many of them have left. */
  private pushesSent: number;
  private pushedBytes: number;

  constructor(core: Core, connection: Connection, socket: Socket) {
    this.core = core;
    this.connection = connection;
    this.socket = socket;
    this.watch = new OutputWatch();
    this.pending = new Pending(() => connection.scheduleFlush());
    this.pushes = [];
    this.pushesSent = 0;
    this.pushedBytes = 0;
  }

  // -- What waits ------------------------------------------------------------------------------------------------------

  /** Bytes that have not been given to the socket. */
  get waitingBytes(): number {
    return this.pending.settledBytes + this.pending.keptBytes + this.pushedBytes;
  }

  /** Bytes not yet taken by the client. */
  get bytes(): number {
    return this.socket.writableLength + this.waitingBytes;
  }

  /** Nothing has to be said any more, now or later. */
  get isEmpty(): boolean {
    return this.pushes.length === 0 && this.pending.length === 0;
  }

  /** Whether something could leave now. */
  get isReady(): boolean {
    return this.pushes.length > 0 || this.pending.isReady;
  }

  close(): void {
    this.pushes = [];
    this.pushesSent = 0;
    this.pushedBytes = 0;
    this.pending.close();
  }

  // -- Pushes ----------------------------------------------------------------------------------------------------------

  /** @param isWaiting the last open reply is that of a command that waits */
  push(bytes: Uint8Array, isWaiting: boolean): void {
    if (this.pending.length > (isWaiting ? 1 : 0)) {
      this.pending.push(bytes, isWaiting);
    } else {
      this.pushes.push(bytes);
      this.pushedBytes += bytes.length;
    }
    if (this.waitingBytes > FLUSH_BYTES) this.check();
  }

  /** To the connection whose command is running and whose reply will be dropped: it comes in place of the reply. */
  pushOwn(bytes: Uint8Array): void {
    this.pushes.push(bytes);
    this.pushedBytes += bytes.length;
    if (this.pushedBytes > FLUSH_BYTES) this.check();
  }

  /** To the connection whose command is writing its reply: it stands where the reply is by now. */
  pushInto(out: ReplyWriter, bytes: Uint8Array): void {
    // What others say is not part of a reply, whose bound it would use up.
    out.replyBytesMax += bytes.length;
    out.raw(bytes, 0, bytes.length);
    const { hardBytes } = this.limit;
    if (hardBytes > 0 && out.length > FLUSH_BYTES && out.length + this.bytes > hardBytes) {
      this.connection.close('output_buffer_limit');
    }
  }

  /** Before anything more is answered, what was pushed takes its place in front of it. */
  movePushes(out: ReplyWriter): void {
    const { pushes } = this;
    if (pushes.length === 0) return;
    for (let i = this.pushesSent; i < pushes.length; i++) {
      const bytes = pushes[i] as Uint8Array;
      out.replyBytesMax += bytes.length;
      out.raw(bytes, 0, bytes.length);
    }
    this.forgetPushes();
  }

  /** A reader who is slow but never stops may never have read all: what has left must not be kept for that. */
  private forgetSent(): void {
    if (this.pushesSent === 0) return;
    this.pushes = this.pushes.slice(this.pushesSent);
    this.pushesSent = 0;
  }

  private forgetPushes(): void {
    if (this.pushes.length > PUSHES_KEPT) this.pushes = [];
    else this.pushes.length = 0;
    this.pushesSent = 0;
    this.pushedBytes = 0;
  }

  // -- On its way ------------------------------------------------------------------------------------------------------

  flush(out: ReplyWriter): void {
    const debt = this.core.backend.durability.takeDebt();
    if (debt !== undefined && out.length > 0) {
      // Places were opened behind what stands in the writer, never before; and pushes come between.
      for (let i = this.pushes.length - 1; i >= this.pushesSent; i--)
        this.pending.pushFirst(this.pushes[i] as Uint8Array);
      this.forgetPushes();
      const kept = this.pending.keepBack(takeCopy(out), out.protocol, 'first');
      out.reset();
      this.whenKept(debt, kept);
    }
    if (this.pushes.length > 0) this.flushPushes(out);
    if (this.pending.length > 0) this.flushPending(out);
    else if (out.length > 0) this.write(out);
  }

  /** A reply that came at once although replies before it are open: behind them, and not before what it tells of is kept. */
  behind(out: ReplyWriter, mark: number): void {
    const debt = this.core.backend.durability.takeDebt();
    if (debt === undefined) return this.pending.behind(out.buffer, mark, out.length, out.protocol);
    const copy = Buffer.allocUnsafe(out.length - mark);
    copy.set(out.buffer.subarray(mark, out.length));
    this.whenKept(debt, this.pending.keepBack(copy, out.protocol, 'last'));
  }

  private whenKept(debt: Kept, kept: (isKept: boolean) => void): void {
    const { core } = this;
    core.backend.durability.whenKept(debt, kept);
    core.endTurnSoon();
  }

  /** Many in one write; those for a reader who is behind stay, as here they cost a reference each. */
  private flushPushes(out: ReplyWriter): void {
    const { pushes } = this;
    if (out.length > 0) {
      this.write(out);
      out.reset();
    }
    while (this.pushesSent < pushes.length) {
      if (this.connection.state === 'closed') return;
      if (this.socket.writableLength > WRITE_BACKLOG_BYTES_MAX) return this.forgetSent();
      const start = this.pushesSent;
      let length = 0;
      while (this.pushesSent < pushes.length && length < FLUSH_BYTES) {
        length += (pushes[this.pushesSent++] as Uint8Array).length;
      }
      this.pushedBytes -= length;
      const isOne = this.pushesSent - start === 1;
      this.send(isOne ? (pushes[start] as Uint8Array) : this.core.joined.of(pushes, start, this.pushesSent, length));
    }
    if (this.connection.state !== 'closed') this.forgetPushes();
  }

  /** Replies in order, a piece at a time; for a reader who is behind they wait in their places. */
  private flushPending(out: ReplyWriter): void {
    // Each was held to its bound when it came. Together they may be longer, and the bound may be that of somebody else.
    out.replyBytesMax = Number.POSITIVE_INFINITY;
    while (this.connection.state !== 'closed') {
      const isBehind = this.pushes.length > 0 || this.socket.writableLength > WRITE_BACKLOG_BYTES_MAX;
      if (!isBehind && (out.length > 0 || this.pending.length > 1)) this.pending.drainInto(out);
      const whole = isBehind || out.length > 0 ? undefined : this.pending.takeWhole();
      if (whole === undefined && out.length === 0) return;
      if (whole === undefined) this.write(out);
      else if (whole.length > 0) this.send(whole);
      out.reset();
    }
  }

  private write(out: ReplyWriter): void {
    this.send(out.length >= FLUSH_BYTES ? out.handOver() : takeCopy(out));
  }

  /** The socket may keep these bytes for as long as it likes. */
  private send(bytes: Uint8Array): void {
    const { connection, core } = this;
    if (connection.state === 'closed') return;
    connection.lastActive_ms = core.turn_ms;
    connection.counters.writes++;
    connection.counters.bytesOut += bytes.length;
    if (connection.meters.bytes.length > 0) core.rates.chargeOutput(connection, bytes.length);
    if (!this.socket.write(bytes)) this.check();
  }

  private get limit(): OutputLimit {
    const { outputLimits } = this.core.view;
    if (this.connection.isMonitor) return outputLimits.replica;
    return this.connection.isSubscriber ? outputLimits.pubsub : outputLimits.normal;
  }

  /** Too much is waiting: the connection ends; or much is: nothing more is read from it. */
  check(): void {
    const waiting = this.bytes;
    if (this.watch.exceeded(waiting, this.limit, this.core.clock.monotonicMs())) {
      this.connection.close('output_buffer_limit');
    } else if (waiting > WRITE_BACKLOG_BYTES_MAX) {
      this.connection.hold(HELD_BY_READER);
    }
  }
}
