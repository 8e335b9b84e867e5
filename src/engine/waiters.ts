/**
 * Who waits for which key of one realm in one shard, first come first served; and which of those keys have changed since
 * anybody looked. What they wait with is known to who runs commands; here a client is a number.
 *
 * Invariant: a name is in `queues` as long as somebody waits for it. A set keeps the order in which they came.
 */
import { databaseOfName } from './names.ts';

/** A key that somebody waits for has changed. */
export interface Ready {
  readonly realmNumber: number;
  readonly name: string;
}

/** Keys to look at once the command, or the transaction, is over: in the order in which they changed, each once. */
export class ReadyKeys {
  private list: Ready[];
  private readonly known: Set<string>;

  constructor() {
    this.list = [];
    this.known = new Set();
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  add(realmNumber: number, name: string): void {
    const id = `${realmNumber}:${name}`;
    if (this.known.has(id)) return;
    this.known.add(id);
    this.list.push({ realmNumber, name });
  }

  /** Those so far; what becomes ready from now on is in the next round. */
  take(): readonly Ready[] {
    const taken = this.list;
    this.list = [];
    this.known.clear();
    return taken;
  }
}

export class Waiters {
  private readonly realmNumber: number;
  private readonly ready: ReadyKeys;
  private readonly queues: Map<string, Set<number>>;
  /** Of those who are told when a key goes, how many wait for each name. */
  private readonly onNoKey: Map<string, number>;

  constructor(realmNumber: number, ready: ReadyKeys) {
    this.realmNumber = realmNumber;
    this.ready = ready;
    this.queues = new Map();
    this.onNoKey = new Map();
  }

  /** Keys that somebody waits for: total_blocking_keys. */
  get size(): number {
    return this.queues.size;
  }

  /** Keys whose end somebody waits to hear of: total_blocking_keys_on_nokey. */
  get sizeOnNoKey(): number {
    return this.onNoKey.size;
  }

  /** @param endsWithKey whether the client is told when a key goes */
  add(client: number, names: readonly string[], endsWithKey: boolean): void {
    for (const name of new Set(names)) {
      if (endsWithKey) this.onNoKey.set(name, (this.onNoKey.get(name) ?? 0) + 1);
      const queue = this.queues.get(name);
      if (queue === undefined) this.queues.set(name, new Set([client]));
      else queue.add(client);
    }
  }

  remove(client: number, names: readonly string[], endsWithKey: boolean): void {
    for (const name of new Set(names)) {
      if (endsWithKey) this.leaveNoKey(name);
      const queue = this.queues.get(name);
      queue?.delete(client);
      if (queue?.size === 0) this.queues.delete(name);
    }
  }

  private leaveNoKey(name: string): void {
    const left = (this.onNoKey.get(name) ?? 0) - 1;
    if (left > 0) this.onNoKey.set(name, left);
    else this.onNoKey.delete(name);
  }

  /** Whether somebody who waits for this key is told when it goes. */
  endsWithKey(name: string): boolean {
    return this.onNoKey.has(name);
  }

  /** In the order in which they came. */
  of(name: string): Iterable<number> {
    return this.queues.get(name) ?? [];
  }

  keyChanged(name: string): void {
    if (this.queues.has(name)) this.ready.add(this.realmNumber, name);
  }

  databaseChanged(databaseNumber: number): void {
    for (const name of this.queues.keys()) {
      if (databaseOfName(name) === databaseNumber) this.ready.add(this.realmNumber, name);
    }
  }
}
