/**
 * The pool's end of one worker: what is gathered for it in this turn, and who waits for its replies. A worker answers in
 * the order it was asked, so the queue needs no numbers.
 *
 * States: `starting`, `loading` and `down` refuse at once; `up` takes requests; `closing` takes none and waits for the last replies.
 */
import { REPLY_BATCH_BYTES, SHARD_RESTART_PAUSE_MS, SHARD_RESTART_PAUSE_MS_MAX } from '../base/limits.ts';
import { Queue } from '../base/queue.ts';
import type { WaitCut, WaitingReply } from '../command/ports/backend.ts';
import { SHARD_UNAVAILABLE } from '../resp/refusals.ts';
import { Request } from '../resp/request.ts';
import type { BackgroundEvent } from './background.ts';
import type { Expected } from './gather.ts';
import { HeldReplies } from './held-replies.ts';
import { DEBT_NONE, type Envelope, ReplyBatchReader, RequestBatchWriter, TRANSACTION_ID } from './mailbox.ts';
import type { FromWorker, NewsItem, Owed, SlowCommand, ToWorker } from './protocol.ts';
import { readWaiting } from './waiting-mark.ts';

/** A running worker, or in tests something that behaves like one. */
export interface WorkerHandle {
  post(message: ToWorker | ArrayBuffer): void;
  terminate(): Promise<unknown>;
}

export interface WorkerEvents {
  message(message: FromWorker | ArrayBuffer): void;
  /** The thread ended, whatever the reason. */
  exited(reason: string): void;
}

export type Spawn = (shard: number, events: WorkerEvents) => WorkerHandle;

/** A life of this length is proof of health: the next restart is quick again. */
const HEALTHY_LIFE_MS = 60_000;

export interface LinkEvents {
  died(shard: number, reason: string, lostRequests: number): void;
  up(shard: number): void;
  /** A worker is there; with false it has to load before it may serve, and `serve` is called then. */
  ready(shard: number): boolean;
  /** What a worker says about what it keeps. */
  kept(shard: number, message: FromWorker): void;
  /** After the replies of one batch have gone to their places. */
  answered(): void;
  /** What a worker says besides replies, other than to a client that waits. */
  news(item: NewsItem): void;
  slow(command: SlowCommand): void;
  stalled(event: BackgroundEvent, duration_ms: number): void;
}

export class ShardLink {
  readonly shard: number;
  state: 'starting' | 'loading' | 'up' | 'down' | 'closing' | 'closed';
  private readonly spawn: Spawn;
  private readonly events: LinkEvents;
  private readonly now_ms: () => number;
  private readonly outgoing: RequestBatchWriter = new RequestBatchWriter();
  private readonly replies: ReplyBatchReader = new ReplyBatchReader();
  private readonly expected: Queue<Expected> = new Queue();
  /** Clients that wait in this shard. */
  private readonly waiting: Map<number, WaitingReply> = new Map();
  private readonly held: HeldReplies = new HeldReplies();
  private handle: WorkerHandle;
  private bornAt_ms: number;
  private restartPause_ms: number;
  private restart: ReturnType<typeof setTimeout> | undefined;
  private onClosed: (() => void) | undefined;

  constructor(shard: number, spawn: Spawn, events: LinkEvents, now_ms: () => number) {
    this.shard = shard;
    this.state = 'starting';
    this.spawn = spawn;
    this.events = events;
    this.now_ms = now_ms;
    this.restartPause_ms = SHARD_RESTART_PAUSE_MS;
    this.restart = undefined;
    this.onClosed = undefined;
    this.bornAt_ms = now_ms();
    this.handle = this.start();
  }

  private start(): WorkerHandle {
    this.bornAt_ms = this.now_ms();
    let alive = true;
    return this.spawn(this.shard, {
      message: (message) => {
        if (alive) this.received(message);
      },
      exited: (reason) => {
        if (!alive) return;
        alive = false;
        this.exited(reason);
      },
    });
  }

  /** Appends a request, or answers it at once when nobody is there to take it. */
  ask(envelope: Envelope, request: Request, reply: Expected): void {
    if (this.state !== 'up') return reply.lost(SHARD_UNAVAILABLE);
    this.outgoing.add(envelope, request);
    this.expected.push(reply);
  }

  askPart(envelope: Envelope, request: Request, positions: readonly number[], reply: Expected): void {
    if (this.state !== 'up') return reply.lost(SHARD_UNAVAILABLE);
    this.outgoing.addPart(envelope, request, positions);
    this.expected.push(reply);
  }

  /** A command that may wait: its place is found by the number of the client then. */
  askWaiting(envelope: Envelope, request: Request, place: WaitingReply): void {
    const { id } = envelope;
    this.ask(envelope, request, {
      arrived: (bytes, start, end, ran_ms) => {
        const timeout_ms = readWaiting(bytes, start, end);
        if (timeout_ms === undefined) return place.settleBytes(bytes, start, end, ran_ms);
        // Its connection may have gone while the request was on its way: the worker has been told, and says no more of it.
        if (place.waits(timeout_ms)) this.waiting.set(id, place);
      },
      lost: (refusal) => place.settle((out) => out.error(refusal)),
    });
  }

  /** Ends the wait of a client; the worker answers it, unless it is gone or has been answered already. */
  cut(client: number, how: WaitCut): void {
    if (how === 'closed') this.waiting.delete(client);
    this.control({ kind: 'cut', client, how });
  }

  /**
   * Several requests that run as one, with one reply.
   * @param isWatching whether the client watches keys of this shard
   */
  askTransaction(envelope: Envelope, requests: RequestBatchWriter, isWatching: boolean, reply: Expected): void {
    if (this.state !== 'up') return reply.lost(SHARD_UNAVAILABLE);
    const count = `${requests.count}`;
    const head = isWatching ? Request.of(count, 'watching') : Request.of(count);
    this.outgoing.add({ ...envelope, commandId: TRANSACTION_ID }, head);
    this.outgoing.append(requests);
    this.expected.push(reply);
  }

  /** Sends what the turn gathered, as one message. */
  flush(): void {
    if (this.outgoing.count > 0) this.handle.post(this.outgoing.take());
  }

  /** Control messages keep their place among requests. False: nobody is there. */
  control(message: ToWorker): boolean {
    if (this.state === 'down' || this.state === 'closed') return false;
    this.flush();
    this.handle.post(message);
    return true;
  }

  private received(message: FromWorker | ArrayBuffer): void {
    if (message instanceof ArrayBuffer) {
      this.gotReplies(message, undefined);
      this.events.answered();
      this.taken(message.byteLength);
    } else if (message.kind === 'batch') {
      this.gotReplies(message.replies, message.owed);
      for (const item of message.items) this.told(item, message.owed);
      this.events.answered();
      this.taken(message.replies.byteLength);
    } else if (message.kind === 'reply') {
      const { bytes, ran_ms, owed } = message;
      const reply = this.expected.shift();
      if (owed === undefined) reply?.arrived(bytes, 0, bytes.length, ran_ms);
      else if (reply !== undefined) this.hold(owed, reply, bytes, 0, bytes.length, ran_ms);
      this.events.answered();
      this.taken(message.bytes.length);
    } else if (message.kind === 'news') {
      for (const item of message.items) this.told(item, message.owed);
      this.events.answered();
    } else if (message.kind === 'settled') {
      this.held.settled(message.ticket, message.isKept);
      this.events.answered();
    } else if (message.kind === 'ready') {
      if (this.events.ready(this.shard)) this.serve();
      else if (this.state === 'starting') this.state = 'loading';
    } else if (message.kind === 'slow') {
      this.events.slow(message);
    } else if (message.kind === 'stalled') {
      this.events.stalled(message.event, message.duration_ms);
    } else if (message.kind === 'closed') {
      this.finish();
    } else {
      this.events.kept(this.shard, message);
    }
  }

  /** From now on it takes requests. */
  serve(): void {
    if (this.state === 'starting' || this.state === 'loading') this.state = 'up';
    this.events.up(this.shard);
  }

  private gotReplies(batch: ArrayBuffer, owed: Owed | undefined): void {
    const { replies } = this;
    replies.open(batch);
    while (replies.next()) {
      const reply = this.expected.shift();
      if (reply === undefined) continue;
      const { bytes, start, end, ran_ms, debt } = replies;
      if (owed === undefined || debt < owed.from) reply.arrived(bytes, start, end, ran_ms);
      else this.hold(owed, reply, bytes, start, end, ran_ms);
    }
  }

  /** What it tells of is not kept yet. */
  private hold({ ticket }: Owed, reply: Expected, bytes: Uint8Array, start: number, end: number, ran_ms: number): void {
    this.held.hold(
      ticket,
      bytes,
      start,
      end,
      (kept, from, to) => reply.arrived(kept, from, to, ran_ms),
      (refusal) => reply.lost(refusal),
    );
  }

  private told(item: NewsItem, owed: Owed | undefined): void {
    if (item.kind !== 'served') return this.events.news(item);
    const place = this.waiting.get(item.client);
    this.waiting.delete(item.client);
    if (place === undefined) return;
    const { bytes, debt = DEBT_NONE } = item;
    if (owed === undefined || debt < owed.from) return place.settleBytes(bytes, 0, bytes.length);
    place.served();
    this.held.hold(
      owed.ticket,
      bytes,
      0,
      bytes.length,
      (kept, from, to) => place.settleBytes(kept, from, to),
      (refusal) => place.settle((out) => out.error(refusal)),
    );
  }

  /** The worker waits for this after large replies. */
  private taken(bytes: number): void {
    if (bytes >= REPLY_BATCH_BYTES) this.handle.post({ kind: 'taken', bytes });
  }

  private exited(reason: string): void {
    this.outgoing.take();
    if (this.state === 'closing' || this.state === 'closed') {
      this.failAll();
      this.finish();
      return;
    }
    this.state = 'down';
    this.events.died(this.shard, reason, this.failAll());
    if (this.now_ms() - this.bornAt_ms > HEALTHY_LIFE_MS) this.restartPause_ms = SHARD_RESTART_PAUSE_MS;
    this.restart = setTimeout(() => {
      this.restart = undefined;
      this.state = 'starting';
      this.handle = this.start();
    }, this.restartPause_ms);
    this.restartPause_ms = Math.min(2 * this.restartPause_ms, SHARD_RESTART_PAUSE_MS_MAX);
  }

  private failAll(): number {
    let lost = this.held.failAll(SHARD_UNAVAILABLE);
    for (let reply = this.expected.shift(); reply !== undefined; reply = this.expected.shift()) {
      reply.lost(SHARD_UNAVAILABLE);
      lost++;
    }
    for (const place of this.waiting.values()) {
      place.settle((out) => out.error(SHARD_UNAVAILABLE));
      lost++;
    }
    this.waiting.clear();
    if (lost > 0) this.events.answered();
    return lost;
  }

  private finish(): void {
    this.state = 'closed';
    this.onClosed?.();
  }

  /** Lets the worker answer what it has, then end. */
  close(): Promise<void> {
    if (this.restart !== undefined) clearTimeout(this.restart);
    if (this.state === 'down' || this.state === 'closed') {
      this.state = 'closed';
      return Promise.resolve();
    }
    this.flush();
    this.state = 'closing';
    return new Promise<void>((resolve) => {
      this.onClosed = resolve;
      this.handle.post({ kind: 'close' });
    }).then(async () => {
      await this.handle.terminate();
    });
  }
}
