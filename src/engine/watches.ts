/**
 * WATCH, as far as one realm of one shard is concerned: whose transaction must not run any more because a key that they
 * watch was written, expired, evicted, flushed or swapped away.
 *
 * Invariant: `watchers` holds exactly the names in `watched`, the other way round. Both are charged to the realm's account.
 */
import type { Account } from './account.ts';
import { databaseOfName } from './names.ts';

/** A name in a set of names, its place among the watchers, and the string itself. */
const NAME_BYTES = 160;

interface Watched {
  readonly names: Set<string>;
  isBroken: boolean;
  heldBytes: number;
}

export class Watches {
  private readonly account: Account;
  private readonly watched: Map<number, Watched>;
  private readonly watchers: Map<string, Set<Watched>>;

  constructor(account: Account) {
    this.account = account;
    this.watched = new Map();
    this.watchers = new Map();
  }

  /** Clients that watch something. */
  get size(): number {
    return this.watched.size;
  }

  /** Bytes that watching this name will take. */
  static bytesOf(name: string): number {
    return (NAME_BYTES + name.length + 7) & ~7;
  }

  add(client: number, name: string): void {
    let watched = this.watched.get(client);
    if (watched === undefined) {
      watched = { names: new Set(), isBroken: false, heldBytes: 0 };
      this.watched.set(client, watched);
    }
    if (watched.names.has(name)) return;
    watched.names.add(name);
    const bytes = Watches.bytesOf(name);
    watched.heldBytes += bytes;
    this.account.charge(bytes);
    const watchers = this.watchers.get(name);
    if (watchers === undefined) this.watchers.set(name, new Set([watched]));
    else watchers.add(watched);
  }

  keyChanged(name: string): void {
    const watchers = this.watchers.get(name);
    if (watchers !== undefined) for (const watched of watchers) watched.isBroken = true;
  }

  /** Everything in a database goes or is replaced: who watches a key that is in it, or will be, is told. */
  databaseChanged(databaseNumber: number, isThere: (name: string) => boolean): void {
    for (const [name, watchers] of this.watchers) {
      if (databaseOfName(name) !== databaseNumber || !isThere(name)) continue;
      for (const watched of watchers) watched.isBroken = true;
    }
  }

  namesOf(client: number): Iterable<string> {
    return this.watched.get(client)?.names ?? [];
  }

  isBroken(client: number): boolean {
    return this.watched.get(client)?.isBroken === true;
  }

  clear(): void {
    for (const client of Array.from(this.watched.keys())) this.forget(client);
  }

  forget(client: number): void {
    const watched = this.watched.get(client);
    if (watched === undefined) return;
    this.watched.delete(client);
    this.account.credit(watched.heldBytes);
    for (const name of watched.names) {
      const watchers = this.watchers.get(name);
      watchers?.delete(watched);
      if (watchers?.size === 0) this.watchers.delete(name);
    }
  }
}
