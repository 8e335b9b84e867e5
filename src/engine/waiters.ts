/**
 * Who waits for which key of one realm in one shard, first come first served; and which of those keys have changed since
 * anybody looked. What they wait with is known to who runs commands; here a client is a number.
 *
 * Invariant: a name is in `queues` as long as somebody waits for it. A set keeps the order in which they came.
 */
import { Counts } from '../base/counts.ts';
import { databaseOfName } from './names.ts';

/** A key that somebody waits for. */
export interface Ready {
  readonly realmNumber: number;
  readonly name: string;
}

/** Who waits for one key. */
class WaitQueue implements Ready {
  readonly realmNumber: number;
  readonly name: string;
  readonly clients: Set<number>;
  /** Its key has changed since anybody looked. */
  isReady: boolean;

  constructor(realmNumber: number, name: string) {
    this.realmNumber = realmNumber;
    this.name = name;
    this.clients = new Set();
    this.isReady = false;
  }
}

/** Keys to look at once the command, or the transaction, is over: in the order in which they changed, each once. */
export class ReadyKeys {
  private queues: WaitQueue[];

  constructor() {
    this.queues = [];
  }

  get isEmpty(): boolean {
    return this.queues.length === 0;
  }

  add(queue: WaitQueue): void {
    if (queue.isReady) return;
    queue.isReady = true;
    this.queues.push(queue);
  }

  /** Those so far; what becomes ready from now on is in the next round. */
  take(): readonly Ready[] {
    const taken = this.queues;
    this.queues = [];
    for (const queue of taken) queue.isReady = false;
    return taken;
  }
}

export class Waiters {
  private readonly realmNumber: number;
  private readonly ready: ReadyKeys;
  private readonly queues: Map<string, WaitQueue>;
  /** Of those who are told when a key goes, how many wait for each name. */
  private readonly onNoKey: Counts<string>;

  constructor(realmNumber: number, ready: ReadyKeys) {
    this.realmNumber = realmNumber;
    this.ready = ready;
    this.queues = new Map();
    this.onNoKey = new Counts();
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
    for (const name of names) {
      let queue = this.queues.get(name);
      if (queue === undefined) {
        queue = new WaitQueue(this.realmNumber, name);
        this.queues.set(name, queue);
      }
      // A key may be named twice.
      if (queue.clients.has(client)) continue;
      queue.clients.add(client);
      if (endsWithKey) this.onNoKey.add(name);
    }
  }

  remove(client: number, names: readonly string[], endsWithKey: boolean): void {
    for (const name of names) {
      const queue = this.queues.get(name);
      if (queue?.clients.delete(client) !== true) continue;
      if (endsWithKey) this.onNoKey.remove(name);
      if (queue.clients.size === 0) this.queues.delete(name);
    }
  }

  /** Whether somebody who waits for this key is told when it goes. */
  endsWithKey(name: string): boolean {
    return this.onNoKey.of(name) > 0;
  }

  /** In the order in which they came. */
  of(name: string): Iterable<number> {
    return this.queues.get(name)?.clients ?? [];
  }

  keyChanged(name: string): void {
    const queue = this.queues.get(name);
    if (queue !== undefined) this.ready.add(queue);
  }

  databaseChanged(databaseNumber: number): void {
    for (const queue of this.queues.values()) {
      if (databaseOfName(queue.name) === databaseNumber) this.ready.add(queue);
    }
  }
}
