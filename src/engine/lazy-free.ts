/**
 * Memory of flushed databases, freed in slices so that FLUSHALL ASYNC and the removal of a tenant cost nobody a pause.
 *
 * Invariant: what waits here is in no database any more and is still charged to its account.
 */
import { LAZY_FREE_ENTRIES_PER_SLICE } from '../base/limits.ts';
import type { Account } from './account.ts';
import type { Detached } from './database.ts';

export class LazyFree {
  private readonly queue: Detached[];

  constructor() {
    this.queue = [];
  }

  add(detached: Detached): void {
    this.queue.push(detached);
  }

  isDue(): boolean {
    return this.queue.length > 0;
  }

  /** Entries that wait. */
  pending(): number {
    let entries = 0;
    for (const detached of this.queue) entries += detached.index.size;
    return entries;
  }

  /** Frees about so many entries; true when there is more. */
  reclaim(entries: number = LAZY_FREE_ENTRIES_PER_SLICE): boolean {
    let budget = entries;
    while (budget > 0 && this.queue.length > 0) budget -= this.reclaimAt(0, budget);
    return this.queue.length > 0;
  }

  /** Frees a slice of what one account waits for; false when it waits for nothing. */
  reclaimFor(account: Account): boolean {
    const at = this.queue.findIndex((detached) => detached.account === account);
    if (at < 0) return false;
    this.reclaimAt(at, LAZY_FREE_ENTRIES_PER_SLICE);
    return true;
  }

  /** Frees up to about `budget` entries of one waiting database and forgets it when it is done. @returns how many went. */
  private reclaimAt(at: number, budget: number): number {
    const detached = this.queue[at];
    if (detached === undefined) return 0;
    let gone = detached.expires.drain(budget, false);
    if (gone < budget) gone += detached.index.drain(budget - gone, true);
    if (detached.expires.size === 0 && detached.index.size === 0) this.queue.splice(at, 1);
    return gone;
  }
}
