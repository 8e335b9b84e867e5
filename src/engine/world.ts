/**
 * What everything inside one shard shares: memory, time, chance, the hash, and the settings of the access clocks. It
 * exists so that realms and databases need not know the shard that owns them.
 *
 * Invariant: `now_ms` stands still between two calls of `refresh`, so that one turn sees one time, and the clocks derived
 * from it agree with it.
 *
 * Hot path. Budget: touching an entry under 10 ns; guarded by `bench/engine.ts`.
 */
import type { Clock } from '../base/clock.ts';
import { COLLECTION_LIMITS_DEFAULT, type CollectionLimits } from '../base/collection-limits.ts';
import { STRING_BYTES_MAX } from '../base/limits.ts';
import type { Prng } from '../base/prng.ts';
import type { Arena } from './arena.ts';
import { clockOf, setClock } from './entry.ts';
import { LargeValues } from './large.ts';
import { LazyFree } from './lazy-free.ts';
import type { Snapshot } from './snapshot.ts';
import { SnapshotMark } from './snapshot-mark.ts';
import { ReadyKeys } from './waiters.ts';

/** Where a key belongs: unsigned or signed 32 bits. KeyedHash in production, something with collisions in tests. */
export interface Hasher {
  of(bytes: Uint8Array, start: number, end: number): number;
}

/**
 * Told of keys, and of fields of hashes, that go without a command asking for it, right before they go. The bytes are valid
 * during the call only.
 */
export interface EngineListener {
  expired(realm: number, database: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void;
  evicted(realm: number, database: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void;
  /** A field's time is over: `HDEL key field`, event `hexpired`. */
  fieldExpired?(
    realm: number,
    database: number,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
  ): void;
  /** A look-up for reading found nothing; asked for by `tellsMisses`. */
  missed?(realm: number, database: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void;
  /** A key has come that was not there; asked for by `tellsNew`. */
  created?(realm: number, database: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void;
  /** A database was emptied by a command. */
  flushed?(realm: number): void;
  /** The last field has gone so, and the key goes with it: event `del`. */
  emptied?(realm: number, database: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void;
}

const silent: EngineListener = { expired() {}, evicted() {} };

/** Counter of a new key, so that it is not evicted before it had a chance: LFU_INIT_VAL. */
const LFU_INITIAL = 5;
const CLOCK_MASK = 0xffffff;

export class World {
  readonly arena: Arena;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly hash: Hasher;
  readonly lazyFree: LazyFree;
  readonly large: LargeValues;
  /** Keys that somebody waits for and that have changed. */
  readonly readyKeys: ReadyKeys;
  readonly mark: SnapshotMark;
  /** The one under way: whoever changes or drops an entry tells it before. */
  snapshot: Snapshot | undefined;
  listener: EngineListener;
  /** Wall clock of this turn. */
  now_ms: number;
  /** The same, and the true time also while what was written down is played again, when no key may be over. */
  wall_ms: number;
  /** What was written down is played again: nothing has expired but what the record says, whatever the time is by now. */
  isLoading: boolean;
  /** CLIENT NO-TOUCH, and whatever else reads without meaning to: set by who runs a command, around it. */
  noTouch: boolean;
  /** lfu-log-factor and lfu-decay-time. */
  lfuLogFactor: number;
  lfuDecayMinutes: number;
  /** Whether the listener wants to hear of these. */
  tellsMisses: boolean;
  tellsNew: boolean;
  /** tracking-table-max-keys, of each tenant; 0 is no limit. */
  trackingKeysMax: number;
  /** How long a value may become, whoever's it is. */
  valueBytesMax: number;
  /** Up to which size collections stay compact. */
  collections: CollectionLimits;
  /** Seconds, 24 bits. */
  private seconds: number;
  /** Minutes, 16 bits. */
  private minutes: number;

  constructor(arena: Arena, clock: Clock, prng: Prng, hash: Hasher) {
    this.arena = arena;
    this.clock = clock;
    this.prng = prng;
    this.hash = hash;
    this.lazyFree = new LazyFree();
    this.large = new LargeValues(this.lazyFree);
    this.readyKeys = new ReadyKeys();
    this.mark = new SnapshotMark();
    this.snapshot = undefined;
    this.isLoading = false;
    this.listener = silent;
    this.now_ms = 0;
    this.wall_ms = 0;
    this.noTouch = false;
    this.lfuLogFactor = 10;
    this.lfuDecayMinutes = 1;
    this.tellsMisses = false;
    this.tellsNew = false;
    this.trackingKeysMax = 0;
    this.valueBytesMax = STRING_BYTES_MAX;
    this.collections = COLLECTION_LIMITS_DEFAULT;
    this.seconds = 0;
    this.minutes = 0;
    this.refresh();
  }

  /** Takes the time anew: at the start of each turn and each slice of background work. */
  refresh(): void {
    const now_ms = this.clock.nowMs();
    this.wall_ms = now_ms;
    this.now_ms = this.isLoading ? 0 : now_ms;
    const seconds = Math.floor(now_ms / 1000);
    this.seconds = seconds % (CLOCK_MASK + 1);
    this.minutes = Math.floor(seconds / 60) & 0xffff;
  }

  /** The access clock of an entry made now. */
  initialClock(lfu: boolean): number {
    return lfu ? (this.minutes << 8) | LFU_INITIAL : this.seconds;
  }

  /** An entry was read or written. */
  touch(ref: number, lfu: boolean): void {
    if (!lfu) {
      setClock(this.arena, ref, this.seconds);
      return;
    }
    const counter = this.frequency(ref);
    setClock(this.arena, ref, (this.minutes << 8) | this.raised(counter));
  }

  /** Seconds since the last access: OBJECT IDLETIME. */
  idleSeconds(ref: number): number {
    return (this.seconds - clockOf(this.arena, ref)) & CLOCK_MASK;
  }

  /** The decayed counter: OBJECT FREQ. */
  frequency(ref: number): number {
    const clock = clockOf(this.arena, ref);
    const counter = clock & 255;
    if (this.lfuDecayMinutes === 0) return counter;
    const periods = Math.floor(((this.minutes - (clock >>> 8)) & 0xffff) / this.lfuDecayMinutes);
    return periods > counter ? 0 : counter - periods;
  }

  /** Sets the clock as if the entry had been made now. */
  renew(ref: number, lfu: boolean): void {
    setClock(this.arena, ref, this.initialClock(lfu));
  }

  /**
   * Sets the clock as if the entry had last been read so long ago, or so often: what RESTORE and files say. Both have one
   * place between them, so what does not suit the policy in force is ignored, as in Redis.
   * @param idleSeconds negative for unknown, as `counter` may be
   */
  setAccess(ref: number, lfu: boolean, idleSeconds: number, counter: number): void {
    if (lfu && counter >= 0) setClock(this.arena, ref, (this.minutes << 8) | (counter & 255));
    if (!lfu && idleSeconds >= 0) setClock(this.arena, ref, (this.seconds - idleSeconds) & CLOCK_MASK);
  }

  /** Raised by one with a chance that falls as the counter rises: LFULogIncr. */
  private raised(counter: number): number {
    if (counter >= 255) return 255;
    const above = counter > LFU_INITIAL ? counter - LFU_INITIAL : 0;
    return this.prng.uint32() / 0x100000000 < 1 / (above * this.lfuLogFactor + 1) ? counter + 1 : counter;
  }
}
