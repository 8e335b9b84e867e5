/**
 * Who has to hear of changes in one realm of one shard: transactions that watch keys, clients that wait for them, caches
 * that hold what they have read. Whoever
 * runs commands tells of the keys that a command changed; what changes without a command (expiry, eviction, a flush) is
 * told by the engine itself.
 *
 * Hot path: `isAwake` once per write. Guarded by the P16 rows of `npm run bench`.
 */
import type { Account } from './account.ts';
import { nameOf } from './names.ts';
import { TrackingTable } from './tracking.ts';
import { Waiters } from './waiters.ts';
import { Watches } from './watches.ts';
import type { World } from './world.ts';

export class Onlookers {
  readonly watches: Watches;
  readonly waiters: Waiters;
  readonly tracking: TrackingTable;

  constructor(realmNumber: number, account: Account, world: World) {
    this.watches = new Watches(account);
    this.waiters = new Waiters(realmNumber, world.readyKeys);
    this.tracking = new TrackingTable(account, world);
  }

  /** Whether anybody is there to be told. */
  get isAwake(): boolean {
    return this.watches.size > 0 || this.waiters.size > 0 || this.tracking.isAwake;
  }

  /** Not when only what belongs to a key has changed, such as a consumer of a stream. */
  watchedChanged(databaseNumber: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.watches.size > 0) this.watches.keyChanged(nameOf(databaseNumber, bytes, start, end));
  }

  waitedChanged(databaseNumber: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.waiters.size > 0) this.waiters.keyChanged(nameOf(databaseNumber, bytes, start, end));
  }

  /**
   * A database is about to be emptied or exchanged.
   * @param isThere whether a key exists before or after
   */
  databaseChanged(databaseNumber: number, isThere: (name: string) => boolean): void {
    if (this.watches.size > 0) this.watches.databaseChanged(databaseNumber, isThere);
    if (this.waiters.size > 0) this.waiters.databaseChanged(databaseNumber);
  }

  /** The realm is gone, and what is known here is worth nothing any more. What is waited for is not meant. */
  clear(): void {
    this.watches.clear();
    this.tracking.clear();
  }

  /** A client is gone, or has changed its mind. What it waits for is not meant. */
  forget(client: number): void {
    this.watches.forget(client);
    this.tracking.forget(client);
  }
}
