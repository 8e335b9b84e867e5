/**
 * One connection: bytes from the socket through the decoder into commands, replies back in one write per turn.
 *
 * ```
 *   open ──finish──▶ finishing ──last reply out──▶ closed
 *     └───────────────────close──────────────────────▲        at once: what was not sent is lost
 * ```
 *
 * A connection is held, its chunk kept and its socket not read, while it has to wait: for replies from other threads, for
 * a reader that does not keep up, for a pause, or for its tenant's bandwidth.
 *
 * Hot path. Budget 150 ns per command beside the engine at depth 16; guarded by the P16 rows of `npm run bench`.
 */
import type { Socket } from 'node:net';
import type { ParsedAddress } from '../base/cidr.ts';
import {
  BACKLOG_BYTES_MAX,
  FLUSH_BYTES,
  LINGER_MS_MAX,
  REPLY_BYTES_MAX_DEFAULT,
  WRITE_BACKLOG_BYTES_MAX,
} from '../base/limits.ts';
import type { LaterReplies, LaterReply, WaitCut } from '../command/ports/backend.ts';
import { type Decoded, Decoder, PROTOCOL_ERROR, REQUEST } from '../resp/decoder.ts';
import { INTERNAL_ERROR, REPLY_TOO_LARGE } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { STRANGER_LIMITS } from '../resp/wire-limits.ts';
import { Backlog } from './backlog.ts';
import type { CloseReason } from './close-reasons.ts';
import type { Core } from './core.ts';
import type { TenantCounters } from './counters.ts';
import {
  HELD_BY_PAUSE,
  HELD_BY_PLACES,
  HELD_BY_RATE,
  HELD_BY_READER,
  HELD_BY_TURN,
  HELD_BY_WAIT,
  KEPT_WAITING,
} from './holds.ts';
import { Outbox } from './outbox.ts';
import { NOT_RESP, type Peer } from './peer.ts';
import type { Pending } from './pending.ts';
import { type Meters, NO_METERS } from './rates.ts';
import { Session } from './session.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Share } from './turns.ts';
import type { UserUse } from './user-uses.ts';
import { Wait } from './wait.ts';

export type { Peer };

export class Connection implements LaterReplies {
  readonly id: number;
  readonly address: ParsedAddress;
  readonly addressText: string;
  readonly peer: Peer;
  readonly openedAt_ms: number;
  readonly session: Session;
  readonly decoder: Decoder;
  /** Where what it does is counted: under its tenant, once it has one. */
  counters: TenantCounters;
  /** What its tenant has of a round of the event loop. */
  share: Share;
  state: 'open' | 'finishing' | 'closed';
  closeReason: CloseReason | undefined;
  lastActive_ms: number;
  /** The id of the last command in the table; -1 before the first. */
  lastCommand: number;
  /** Time until which a rate holds the connection. */
  rateUntil_ms: number;
  /** What it is measured by. */
  meters: Meters;
  /** The command that waits for its rate has spent what it needs. */
  isPaidFor: boolean;
  /** Set when its user has a budget. */
  userUse: UserUse | undefined;
  /** It has subscriptions: what it may leave unread is another limit's business. */
  isSubscriber: boolean;
  /** It is shown what others run. */
  isMonitor: boolean;
  subscriptions: Subscriptions | undefined;
  /** Who it is in records of the audit; made when one is written. */
  auditWho: Uint8Array | undefined;
  private readonly core: Core;
  private readonly socket: Socket;
  private readonly outbox: Outbox;
  private readonly pending: Pending;
  private replyBytesMax: number;
  private held: number;
  /** The request in the decoder was put off by a pause and has yet to run. */
  private postponed: boolean;
  private inputEnded: boolean;
  /** To be closed once its transaction has run. */
  private isDoomed: boolean;
  private flushScheduled: boolean;
  private readonly backlog: Backlog;
  /** Set while the answer to a command is waited for. */
  private wait: Wait | undefined;

  constructor(core: Core, socket: Socket, id: number, peer: Peer) {
    this.core = core;
    this.socket = socket;
    this.id = id;
    this.peer = peer;
    this.address = peer.address;
    this.addressText = peer.addressText;
    this.state = 'open';
    this.closeReason = undefined;
    this.openedAt_ms = core.clock.monotonicMs();
    this.lastActive_ms = this.openedAt_ms;
    this.lastCommand = -1;
    this.rateUntil_ms = 0;
    this.meters = NO_METERS;
    this.isPaidFor = false;
    this.userUse = undefined;
    this.isSubscriber = false;
    this.isMonitor = false;
    this.subscriptions = undefined;
    this.auditWho = undefined;
    this.held = 0;
    this.postponed = false;
    this.inputEnded = false;
    this.isDoomed = false;
    this.flushScheduled = false;
    this.backlog = new Backlog();
    this.wait = undefined;
    this.decoder = new Decoder(STRANGER_LIMITS);
    this.counters = core.counters.strangers;
    this.share = core.turns.strangers;
    this.outbox = new Outbox(core, this, socket);
    this.pending = this.outbox.pending;
    this.replyBytesMax = REPLY_BYTES_MAX_DEFAULT;
    this.session = new Session(core, this);
    this.listen();
  }

  private listen(): void {
    const { socket, core } = this;
    socket.on('data', (chunk: Uint8Array) => {
      this.received(chunk);
      core.turns.read(this.share, chunk.length);
    });
    socket.on('end', () => this.ended());
    socket.on('drain', () => this.drained());
    socket.on('error', () => this.close('socket_error'));
    socket.on('close', () => this.close('client_closed'));
  }

  private received(chunk: Uint8Array): void {
    if (this.state !== 'open') return;
    if (this.held !== 0) {
      this.backlog.add(chunk);
      if (this.backlog.bytes > BACKLOG_BYTES_MAX) this.socket.pause();
      return;
    }
    const { core } = this;
    core.beginTurn();
    this.counters.reads++;
    this.counters.bytesIn += chunk.length;
    this.lastActive_ms = core.turn_ms;
    this.decoder.feed(chunk);
    this.work();
    if (this.meters.bytes.length > 0) core.rates.chargeInput(this, chunk.length);
  }

  /** Runs what the decoder has, until it needs more or the connection has to wait. */
  private work(): void {
    const { decoder, core } = this;
    const { out, turns } = core;
    if (turns.isSpent(this.share, core.turn_ms)) return this.yieldTurn();
    // Taken now: a command that changes who the connection is counts as that of who asked.
    const { share } = this;
    const from_ms = core.turn_ms;
    out.reset();
    out.protocol = this.session.protocol;
    this.outbox.movePushes(out);
    if (this.postponed) {
      this.postponed = false;
      this.runOne(out);
    }
    let ran = 0;
    while (this.held === 0 && this.state === 'open') {
      const decoded = decoder.next();
      if (decoded !== REQUEST) {
        this.decodingEnded(decoded, out);
        break;
      }
      this.runOne(out);
      const isLarge = out.length > FLUSH_BYTES;
      if (isLarge) this.flushEarly(out);
      if ((isLarge || core.timing.isWorthALook(++ran, this.lastCommand)) && turns.isOver(share, from_ms))
        this.yieldTurn();
    }
    if (this.held === 0) decoder.settle();
    core.endChunk();
    this.flush(out);
    turns.book(share, from_ms);
    core.flushAnswered();
    if (this.inputEnded) this.goOnWithoutInput();
  }

  /** A pipeline is no reason for others to wait: it goes on after whoever is there by now. */
  private yieldTurn(): void {
    if ((this.held & HELD_BY_TURN) === 0) this.core.turns.wait(this.share, this);
    this.hold(HELD_BY_TURN);
  }

  goOnWithTurn(): void {
    this.release(HELD_BY_TURN);
    if (this.held === 0 && this.decoder.bufferedBytes > BACKLOG_BYTES_MAX) this.core.turns.expect(this.share);
  }

  /** Nobody will end a wait any more; and when all that was received has run, it is over. */
  private goOnWithoutInput(): void {
    this.cutWait('ending');
    if (this.held === 0 && this.backlog.isEmpty) this.finish(this.closeReason ?? 'client_closed');
  }

  private runOne(out: ReplyWriter): void {
    // Set anew each time: the request before may have been AUTH, and between two of them replies of others have left.
    out.replyBytesMax = this.replyBytesMax;
    const mark = out.mark();
    const before = this.pending.length;
    this.core.running = this;
    try {
      this.core.dispatcher.run(this, this.decoder.request, out);
    } catch (bug) {
      this.core.bug(bug, this);
      out.truncate(mark);
      if (this.pending.length > before) this.pending.giveUp(INTERNAL_ERROR.bytes);
      else out.error(INTERNAL_ERROR);
      this.finish('internal_error');
    }
    this.core.running = undefined;
    // It has not run, so there is no reply that CLIENT REPLY SKIP could have skipped.
    if (this.postponed) return;
    if (out.overflowed) this.overflowed(out, mark);
    if (!this.session.showsReplies && this.pending.length === before && this.session.dropsReply()) out.truncate(mark);
    this.outbox.movePushes(out);
    if (before > 0 && out.length > mark) {
      // Something before this reply is still open: it has to wait its turn.
      this.outbox.behind(out, mark);
      out.truncate(mark);
      if (this.outbox.waitingBytes > WRITE_BACKLOG_BYTES_MAX) this.checkOutput();
    }
    if (before > 0 && this.pending.length >= this.pending.placesMax) this.hold(HELD_BY_PLACES);
  }

  /** Past the tenant's largest reply there is an error instead; past what the process would hold, the connection ends. */
  private overflowed(out: ReplyWriter, mark: number): void {
    if (this.pending.replyBytesMax === Number.POSITIVE_INFINITY) return this.close('output_buffer_limit');
    out.truncate(mark);
    out.error(REPLY_TOO_LARGE);
  }

  /** @param tenantBytesMax largest reply by the tenant's budget, 0 for none */
  limitReplies(tenantBytesMax: number): void {
    const { hardBytes } = this.core.view.outputLimits.normal;
    this.replyBytesMax = hardBytes === 0 ? REPLY_BYTES_MAX_DEFAULT : hardBytes;
    this.pending.replyBytesMax = Number.POSITIVE_INFINITY;
    if (tenantBytesMax === 0) return;
    this.replyBytesMax = Math.min(this.replyBytesMax, tenantBytesMax);
    this.pending.replyBytesMax = tenantBytesMax;
  }

  private decodingEnded(decoded: Decoded, out: ReplyWriter): void {
    const reason = NOT_RESP.get(decoded);
    if (reason !== undefined) return this.close(reason);
    if (decoded !== PROTOCOL_ERROR) return;
    const { error } = this.decoder;
    if (error !== undefined && this.pending.length > 0) this.pending.behind(error.bytes, 0, error.bytes.length, 2);
    else if (error !== undefined) out.error(error);
    this.finish('protocol_error');
  }

  /** A place in the order of replies for one that comes later. */
  later(): LaterReply {
    const isSilent = !this.session.showsReplies && this.session.dropsReply();
    const place = this.pending.open(this.session.protocol, isSilent, this.lastCommand, this.counters);
    const { audit } = this.core.security;
    return audit === undefined ? place : audit.placed(place, this);
  }

  /** As `later`, but nothing behind this request runs until its reply has come. Without `cut` nothing ends it before. */
  block(cut: ((how: WaitCut) => void) | undefined): Wait {
    const { deadlines, clock } = this.core;
    this.wait = new Wait(this.later(), deadlines, () => clock.monotonicMs(), cut);
    this.hold(HELD_BY_WAIT);
    return this.wait;
  }

  /** Whether a command waits for data. */
  get isWaiting(): boolean {
    return this.wait?.isBlocked === true;
  }

  get waitsWithTimeout(): boolean {
    return this.wait?.hasDeadline === true;
  }

  /** Ends the wait of a command; false when none waits. */
  cutWait(how: WaitCut): boolean {
    return this.wait?.cut(how) === true;
  }

  private goOn(): void {
    const isUnanswered = this.wait?.isUnanswered === true;
    this.wait = undefined;
    if (isUnanswered) return this.finish(this.closeReason ?? 'client_closed');
    this.release(HELD_BY_WAIT);
  }

  /** The request just dispatched waits for as long as it is held for this; nothing behind it runs before. */
  postpone(why: number): void {
    this.postponed = true;
    this.hold(why);
  }

  /** A pause is over. Not at once: whoever ends it may be in the middle of a turn, and the writer is theirs. */
  resumeSoon(): void {
    if ((this.held & HELD_BY_PAUSE) !== 0) this.scheduleFlush();
  }

  /**
   * A whole message out of band; shared by all who get it, so nobody may ever change it. It stands behind what the
   * connection has been answered and before the reply of a command that waits; or as late as `behind` says: behind what
   * the running command has still to answer, or even the answer that now ends a wait. What shows no replies shows these.
   */
  push(bytes: Uint8Array, behind: 'answers' | 'reply' | 'wait' = 'answers'): void {
    if (this.state !== 'open' || this.isDoomed) return;
    if (this.core.running !== this) {
      this.outbox.push(bytes, behind !== 'wait' && this.wait?.isOpen === true);
      this.scheduleFlush();
    } else if (behind === 'answers' && this.session.showsReplies && !this.session.isInTransaction) {
      this.outbox.pushInto(this.core.out, bytes);
    } else {
      this.outbox.pushOwn(bytes);
    }
  }

  scheduleFlush(): void {
    if (this.flushScheduled || this.state === 'closed') return;
    this.flushScheduled = true;
    const { core } = this;
    if (core.running !== undefined && core.running !== this && this.wait?.isOver === true) core.answeredNow(this);
    else core.flushSoon(this);
  }

  /** Once per turn, for a connection whose places were filled, whose pause is over, or that has finished. */
  flushPlaces(): void {
    this.flushScheduled = false;
    if (this.state === 'closed') return;
    const { out } = this.core;
    out.reset();
    this.flush(out);
    if (this.outbox.waitingBytes > WRITE_BACKLOG_BYTES_MAX) this.checkOutput();
    else if (this.socket.writableLength <= WRITE_BACKLOG_BYTES_MAX) this.release(HELD_BY_READER);
    if (this.wait?.isOver === true) this.goOn();
    if (!this.core.clients.isPaused) this.release(HELD_BY_PAUSE);
    if (this.pending.length <= this.pending.placesMax / 2) this.release(HELD_BY_PLACES);
  }

  /** A chunk whose replies are large: what is there leaves before more is made, and a reader who is slow is waited for. */
  private flushEarly(out: ReplyWriter): void {
    this.flush(out);
    out.reset();
    out.protocol = this.session.protocol;
  }

  private flush(out: ReplyWriter): void {
    this.outbox.flush(out);
    if (this.state === 'finishing' && this.outbox.isEmpty) this.end();
  }

  /** After a write that the socket did not take at once, and at every sweep. */
  checkOutput(): void {
    this.outbox.check();
  }

  /** The reader has caught up. */
  private drained(): void {
    this.lastActive_ms = this.core.clock.monotonicMs();
    if (this.outbox.isReady) this.scheduleFlush();
    else this.release(HELD_BY_READER);
  }

  hold(why: number): void {
    this.held |= why;
    // A connection that waits is read on, as nothing else tells that its client is gone; and so is one whose turn is near.
    if (why === HELD_BY_WAIT || this.state !== 'open') return;
    if (why !== HELD_BY_TURN || this.decoder.bufferedBytes > BACKLOG_BYTES_MAX) this.socket.pause();
  }

  release(why: number): void {
    if ((this.held & why) === 0) return;
    this.held &= ~why;
    if (this.held !== 0 || this.state !== 'open') return;
    // Of a client that was served, mostly nothing else has come meanwhile.
    if (this.hasWork) {
      this.core.beginTurn();
      this.work();
    } else this.decoder.settle();
    while (this.held === 0) {
      const chunk = this.backlog.take();
      if (chunk === undefined) break;
      this.received(chunk);
    }
    if (this.held === 0 && this.state === 'open') this.socket.resume();
  }

  private get hasWork(): boolean {
    return this.postponed || this.inputEnded || this.decoder.bufferedBytes > 0 || this.outbox.isReady;
  }

  get isHeldByRate(): boolean {
    return (this.held & HELD_BY_RATE) !== 0;
  }

  /** It is we who keep the client waiting, so it is not idle. */
  get isKeptWaiting(): boolean {
    return (this.held & KEPT_WAITING) !== 0 || (this.pending.length > 0 && !this.pending.isReady);
  }

  private ended(): void {
    if (this.isWaiting) this.close('client_closed');
    else this.endInput('client_closed');
  }

  /** Nothing more will be read. What was received is run and answered, then the connection ends. */
  endInput(reason: CloseReason): void {
    if (this.state !== 'open') return;
    this.closeReason = reason;
    this.inputEnded = true;
    this.socket.pause();
    this.cutWait('ending');
    if (this.held === 0) this.finish(reason);
  }

  /** No more is read; what was received is answered, then the connection ends. */
  finish(reason: CloseReason): void {
    if (this.state !== 'open') return;
    this.state = 'finishing';
    this.closeReason = reason;
    this.scheduleFlush();
  }

  private end(): void {
    const { socket } = this;
    this.forget();
    socket.end();
    // Read on, into nothing: only so the client's own end is seen, and unread bytes do not make the system reset it all.
    socket.resume();
    const linger = setTimeout(() => socket.destroy(), LINGER_MS_MAX).unref();
    socket.once('close', () => clearTimeout(linger));
  }

  /** Ends at once; but a transaction runs whole. */
  close(reason: CloseReason): void {
    if (this.state === 'closed') return;
    this.closeReason ??= reason;
    this.isDoomed = this.session.isInTransaction;
    if (this.isDoomed) return;
    this.forget();
    this.socket.destroy();
  }

  /** The transaction is over in which it was to be closed. */
  closeIfDoomed(): void {
    if (this.isDoomed) this.close(this.closeReason ?? 'client_closed');
  }

  private forget(): void {
    this.state = 'closed';
    this.backlog.clear();
    this.cutWait('closed');
    this.outbox.close();
    this.core.closed(this);
    this.session.end();
    this.decoder.request.release();
  }

  /** Bytes received and not yet run. */
  get queryBytes(): number {
    return this.decoder.bufferedBytes + this.backlog.bytes;
  }

  /** Bytes of replies not yet taken by the client. */
  get outputBytes(): number {
    return this.outbox.bytes;
  }

  get waitingReplies(): number {
    return this.pending.length;
  }
}
