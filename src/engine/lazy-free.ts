/**
 * Memory of flushed databases and of deleted large values, freed in slices so that FLUSHALL ASYNC, the removal of a tenant
 * and DEL of a hash with a million fields cost nobody a pause.
 *
 * Invariant: what waits here is in no database any more and is still charged to its account. What is waiting is bounded by
 * the memory of those who gave it up.
 */
import { LAZY_FREE_ENTRIES_PER_SLICE } from '../base/limits.ts';
import type { Account } from './account.ts';
import type { KeyIndex } from './index.ts';
import type { LargeValue } from './large.ts';

/** Memory of a detached database, waiting to be freed in slices. */
export interface Detached {
  readonly account: Account;
  readonly index: KeyIndex;
  readonly expires: KeyIndex;
  readonly fieldExpires: KeyIndex;
  /** Frees an entry and all that belongs to it. */
  readonly free: (ref: number) => void;
}

interface Waiting {
  readonly account: Account;
  /** Entries or blocks that are left, about. */
  left(): number;
  /** Frees about so many of them. @returns how many went: fewer than `budget` only when nothing is left. */
  drain(budget: number): number;
}

export class LazyFree {
  private readonly queue: Waiting[];

  constructor() {
    this.queue = [];
  }

  add({ account, index, expires, fieldExpires, free }: Detached): void {
    this.queue.push({
      account,
      left: () => index.size,
      drain: (budget) => {
        let gone = expires.drain(budget, undefined);
        if (gone < budget) gone += fieldExpires.drain(budget - gone, undefined);
        return gone < budget ? gone + index.drain(budget - gone, free) : gone;
      },
    });
  }

  addValue(value: LargeValue, account: Account): void {
    this.queue.push({ account, left: () => value.effort(), drain: (budget) => value.drain(budget) });
  }

  isDue(): boolean {
    return this.queue.length > 0;
  }

  /** Entries and blocks that wait, about; never 0 while anything does. */
  pending(): number {
    let entries = 0;
    for (const waiting of this.queue) entries += waiting.left();
    return Math.max(entries, this.queue.length);
  }

  /** Frees about so many entries; true when there is more. */
  reclaim(entries: number = LAZY_FREE_ENTRIES_PER_SLICE): boolean {
    let budget = entries;
    while (budget > 0 && this.queue.length > 0) budget -= this.reclaimAt(0, budget);
    return this.queue.length > 0;
  }

  /** Frees a slice of what one account waits for; false when it waits for nothing. */
  reclaimFor(account: Account): boolean {
    const at = this.queue.findIndex((waiting) => waiting.account === account);
    if (at < 0) return false;
    this.reclaimAt(at, LAZY_FREE_ENTRIES_PER_SLICE);
    return true;
  }

  /** Frees up to about `budget` of what one place waits with, and forgets it when it is done. @returns how much went. */
  private reclaimAt(at: number, budget: number): number {
    const waiting = this.queue[at];
    if (waiting === undefined) return 0;
    const gone = waiting.drain(budget);
    // Draining a database may have queued large values behind it, never in front.
    if (gone < budget) this.queue.splice(at, 1);
    return Math.max(1, gone);
  }
}
