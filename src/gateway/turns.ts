/**
 * Whose connections work when: a round of the event loop belongs to all tenants, and each has a share of it. What a tenant
 * has left to do when its share is used up goes on in a later round, its connections one after the other, so that ten
 * thousand requests of one tenant are served between the requests of the others and not before them.
 *
 * ```
 *   chunk ▶ share left? ──yes──▶ work, booked ──share used up──▶ queue of the tenant
 *                └──────no───────────────────────────────────────▶  │
 *   round ends ▶ shares filled ▶ queues in turn, each for one share ◀┘
 * ```
 *
 * What was used beyond a share is owed in the rounds that follow, for as long as others work too (deficit round robin). A
 * tenant that has the process for itself gets longer shares, as there is nobody to wait for it and looking around costs;
 * `tenant-turn-ms` says how long, and 0 that then nothing is parted, as in redis-server.
 *
 * What the runtime reads it has read before anybody can be asked whose turn it is. It is booked by the byte; and a tenant
 * whose large request waits for its turn is not read meanwhile, so that of its sockets one or two are in a round. Whose
 * socket is opened again pays for what it will bring at once, or all of them would be opened in the same round.
 *
 * The end of a round is asked for only once some share is half used, so that a process with little to do never wakes for
 * it.
 *
 * Hot path: `isSpent` and `book` run once per chunk. Budget 20 ns; guarded by the P1 rows of `npm run bench`.
 */

import type { Clock } from '../base/clock.ts';
import {
  CHUNK_MS,
  CONTENTION_MS,
  READ_BYTES_EXPECTED,
  READ_MS_PER_BYTE,
  SHARE_DEBT_MS_MAX,
  TURN_MS_CONTENDED,
  TURN_MS_DEFAULT,
} from '../base/limits.ts';
import type { Timing } from './timing.ts';

/** When the clock was read last, and whether that was behind the command that has just run. */
type LastLook = Pick<Timing, 'isFresh' | 'readAt_ms'>;

/** Who can be told to go on. */
export interface Worker {
  /** Its turn has come. */
  goOnWithTurn(): void;
}

/** What one tenant has used of the round, and who of it waits for the next one. */
export class Share {
  used_ms: number;
  /** Of `used_ms`, what is paid for bytes that have yet to be read in this round. */
  ahead_ms: number;
  /** It has used something since it was forgiven. */
  isListed: boolean;
  /** It has worked in this round. */
  hasWorked: boolean;
  waiting: Worker[];

  constructor() {
    this.used_ms = 0;
    this.ahead_ms = 0;
    this.isListed = false;
    this.hasWorked = false;
    this.waiting = [];
  }
}

export class Turns {
  /** Of those who have not said who they are. */
  readonly strangers: Share;
  private readonly clock: Clock;
  private readonly timing: LastLook;
  /** By number of the tenant. */
  private readonly shares: (Share | undefined)[];
  /** Those that have used something. */
  private listed: Share[];
  /** Whose work came last, and since when it is known that there are several. */
  private last: Share | undefined;
  private contendedUntil_ms: number;
  private isContended: boolean;
  /** A share while there is one tenant, and now. */
  private alone_ms: number;
  private most_ms: number;
  private roundEnd: ReturnType<typeof setImmediate> | undefined;

  constructor(clock: Clock, timing: LastLook) {
    this.clock = clock;
    this.timing = timing;
    this.strangers = new Share();
    this.shares = [];
    this.listed = [];
    this.last = undefined;
    this.contendedUntil_ms = 0;
    this.isContended = false;
    this.alone_ms = TURN_MS_DEFAULT;
    this.most_ms = TURN_MS_DEFAULT;
    this.roundEnd = undefined;
  }

  /** @param turn_ms `tenant-turn-ms`; 0 is no limit */
  adopt(turn_ms: number): void {
    this.alone_ms = turn_ms === 0 ? Number.POSITIVE_INFINITY : turn_ms;
  }

  of(tenant: number): Share {
    const known = this.shares[tenant];
    if (known !== undefined) return known;
    const share = new Share();
    this.shares[tenant] = share;
    return share;
  }

  /** Whether it has to wait for a later round. */
  isSpent(share: Share, now_ms: number): boolean {
    if (share !== this.last && share !== this.strangers) {
      if (this.last !== undefined) this.contendedUntil_ms = now_ms + CONTENTION_MS;
      this.last = share;
    }
    // Strangers compete with everybody, and are no reason for anybody to hurry.
    this.isContended = now_ms < this.contendedUntil_ms || share === this.strangers;
    this.most_ms = this.isContended ? TURN_MS_CONTENDED : this.alone_ms;
    return share.used_ms >= this.most_ms;
  }

  /** Whether work that began at `from_ms` uses up what its share had left. */
  isOver(share: Share, from_ms: number): boolean {
    const { timing } = this;
    const now_ms = timing.isFresh ? timing.readAt_ms : this.clock.monotonicMs();
    return now_ms - from_ms > this.most_ms - share.used_ms;
  }

  /** So many bytes came in, whether or not there is time for them now. */
  read(share: Share, bytes: number): void {
    const cost_ms = bytes * READ_MS_PER_BYTE;
    const paid_ms = Math.min(share.ahead_ms, cost_ms);
    share.ahead_ms -= paid_ms;
    share.used_ms += cost_ms - paid_ms;
  }

  /** A socket is opened again that has more of a large request. */
  expect(share: Share): void {
    const cost_ms = READ_BYTES_EXPECTED * READ_MS_PER_BYTE;
    share.ahead_ms += cost_ms;
    share.used_ms += cost_ms;
  }

  /** Work that began at `from_ms` is done. As long as nobody competes, a look at the clock that was had anyway will do. */
  book(share: Share, from_ms: number): void {
    const now_ms = this.isContended ? this.clock.monotonicMs() : this.timing.readAt_ms;
    share.used_ms += CHUNK_MS + (now_ms > from_ms ? now_ms - from_ms : 0);
    share.hasWorked = true;
    this.list(share);
    if (share.used_ms > Math.min(this.most_ms, TURN_MS_DEFAULT) / 2) this.endRoundSoon();
  }

  /** Behind the others of its tenant. */
  wait(share: Share, worker: Worker): void {
    share.waiting.push(worker);
    this.list(share);
    this.endRoundSoon();
  }

  private list(share: Share): void {
    if (share.isListed) return;
    share.isListed = true;
    this.listed.push(share);
  }

  private endRoundSoon(): void {
    this.roundEnd ??= setImmediate(() => {
      this.roundEnd = undefined;
      this.endRound();
    });
  }

  /** Whoever had something to read has been read: shares are filled, and those who wait go on. */
  endRound(): void {
    const { listed } = this;
    this.listed = [];
    const isAlone = listed.filter(({ hasWorked, waiting }) => hasWorked || waiting.length > 0).length < 2;
    for (const share of listed) {
      share.hasWorked = false;
      // What did not come was not spent.
      share.used_ms -= share.ahead_ms;
      share.ahead_ms = 0;
      share.used_ms = isAlone ? 0 : Math.min(Math.max(0, share.used_ms - this.most_ms), SHARE_DEBT_MS_MAX);
      share.isListed = share.used_ms > 0;
      if (share.isListed) this.listed.push(share);
    }
    for (const share of listed) this.letWork(share);
    // Who came first in this round comes last in the next one.
    const first = this.listed.shift();
    if (first !== undefined) this.listed.push(first);
  }

  /** As many as there is time for; the others keep their places. */
  private letWork(share: Share): void {
    const { waiting } = share;
    if (waiting.length === 0) return;
    share.waiting = [];
    let served = 0;
    while (served < waiting.length && share.used_ms < this.most_ms) (waiting[served++] as Worker).goOnWithTurn();
    if (served < waiting.length) {
      const rest = waiting.slice(served);
      for (const worker of share.waiting) rest.push(worker);
      share.waiting = rest;
    }
    if (share.waiting.length === 0) return;
    this.list(share);
    this.endRoundSoon();
  }

  close(): void {
    if (this.roundEnd !== undefined) clearImmediate(this.roundEnd);
    this.roundEnd = undefined;
  }
}
