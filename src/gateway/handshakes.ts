/**
 * TLS connections before there is anything to read from them: those that wait for their turn, and those whose handshake is
 * under way. Both are bounded, in number and in time; neither runtime closes the socket of a handshake that timed out. No
 * address may take all places, or one that says nothing would keep everybody out.
 *
 * ```
 *   offer ──▶ waiting ──turn──▶ under way ──finished──▶ a connection
 *     └─ shed    └─ shed            └─ timeout, failed
 * ```
 */
import type { Socket } from 'node:net';
import { Counts } from '../base/counts.ts';
import { HANDSHAKE_PULSE_MS, HANDSHAKES_MAX } from '../base/limits.ts';
import type { CloseReason } from './close-reasons.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import { peerOf } from './peer.ts';

export interface HandshakesOptions {
  readonly now_ms: () => number;
  readonly timeout_ms: () => number;
  /** It is this one's turn. */
  readonly begin: (socket: Socket) => void;
  /** Told before the socket is destroyed. */
  readonly refused: (reason: CloseReason, socket: Socket) => void;
}

/** What the library is told of a socket whose time is up. It hands this very error on, of a socket it knows no address of. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

/** For whom a place is asked. */
interface Caller {
  /** As of `ownerOf`. */
  readonly owner: string;
  /** Places that the owner may have at a time; 0: as many as there are. */
  readonly most: number;
  /** Whoever is trusted does not wait. */
  readonly atOnce: boolean;
}

interface Begun {
  readonly socket: Socket;
  readonly owner: string;
  readonly since_ms: number;
}

export class Handshakes {
  private readonly options: HandshakesOptions;
  private readonly budget: HandshakeBudget;
  /** In order; paused sockets, of which nothing has been read. */
  private readonly waiting: Set<Begun>;
  /**
   * By the peer's address and port: the socket below TLS and the one above it are different objects, and which one a
   * runtime hands out differs.
   */
  private readonly underWay: Map<string, Begun>;
  /** Places taken, waiting or under way, by owner. */
  private readonly perOwner: Counts<string>;
  private pulse: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HandshakesOptions) {
    this.options = options;
    this.budget = new HandshakeBudget(options.now_ms());
    this.waiting = new Set();
    this.underWay = new Map();
    this.perOwner = new Counts();
    this.pulse = undefined;
  }

  offer(socket: Socket, { owner, most, atOnce }: Caller): void {
    const { now_ms, timeout_ms } = this.options;
    if (this.waiting.size + this.underWay.size >= HANDSHAKES_MAX) return this.refuse('too_many_handshakes', socket);
    if (most > 0 && this.perOwner.of(owner) >= most) return this.refuse('too_many_from_address', socket);
    const one = { socket, owner, since_ms: now_ms() };
    if (atOnce || (this.waiting.size === 0 && this.budget.take(one.since_ms))) this.start(one);
    else if (this.budget.isWorthWaiting(this.waiting.size, timeout_ms())) this.wait(one);
    else return this.refuse('handshake_shed', socket);
    this.watch(one.since_ms);
  }

  /** Its handshake is over, this way or that. */
  finished(socket: Socket): void {
    this.endUnderWay(peerOf(socket));
  }

  /** Called by the ticker. */
  check(now_ms: number): void {
    const limit_ms = this.options.timeout_ms();
    for (const [key, { socket, since_ms }] of this.underWay) {
      if (now_ms - since_ms <= limit_ms) continue;
      this.endUnderWay(key);
      this.options.refused('handshake_timeout', socket);
      socket.destroy(new GivenUp('the handshake took too long'));
    }
  }

  close(): void {
    clearTimeout(this.pulse);
    for (const { socket } of this.waiting) socket.destroy();
    for (const { socket } of this.underWay.values()) socket.destroy();
    this.waiting.clear();
  }

  private start({ socket, owner }: Begun): void {
    const key = peerOf(socket);
    // Whoever had the same port before is gone, if it has not been told yet.
    this.endUnderWay(key);
    const begun = { socket, owner, since_ms: this.options.now_ms() };
    this.underWay.set(key, begun);
    this.perOwner.add(owner);
    socket.once('close', () => {
      if (this.underWay.get(key) === begun) this.endUnderWay(key);
    });
    this.options.begin(socket);
  }

  private endUnderWay(key: string): void {
    const begun = this.underWay.get(key);
    if (begun === undefined) return;
    this.underWay.delete(key);
    this.perOwner.remove(begun.owner);
  }

  private wait(one: Begun): void {
    this.waiting.add(one);
    this.perOwner.add(one.owner);
    one.socket.once('close', () => this.endWait(one));
  }

  private endWait(one: Begun): void {
    if (this.waiting.delete(one)) this.perOwner.remove(one.owner);
  }

  private refuse(reason: CloseReason, socket: Socket): void {
    this.options.refused(reason, socket);
    socket.destroy();
  }

  /** As long as there is anybody, it is looked at whether the process keeps up, and who is next. */
  private watch(from_ms: number): void {
    if (this.pulse !== undefined) return;
    this.pulse = setTimeout(() => {
      this.pulse = undefined;
      const now_ms = this.options.now_ms();
      this.budget.pulse(now_ms, now_ms - from_ms - HANDSHAKE_PULSE_MS);
      this.next(now_ms);
      if (this.waiting.size + this.underWay.size > 0) this.watch(now_ms);
    }, HANDSHAKE_PULSE_MS);
    this.pulse.unref();
  }

  private next(now_ms: number): void {
    const limit_ms = this.options.timeout_ms();
    for (const one of this.waiting) {
      const isLate = now_ms - one.since_ms > limit_ms;
      if (!isLate && !this.budget.take(now_ms)) return;
      this.endWait(one);
      if (isLate) this.refuse('handshake_shed', one.socket);
      else this.start(one);
    }
  }
}
