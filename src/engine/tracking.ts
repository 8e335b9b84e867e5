/**
 * Which clients have read which keys of one realm in one shard, so that they can be told when a key is not what they have
 * read any more; a client is told once, and reads again to be told again. Keys are known by their names alone, whatever
 * their database, as in Redis.
 *
 * Invariant: `itemCount` is the number of (key, client) pairs. All of it is charged to the realm's account and bounded by
 * tracking-table-max-keys; what does not fit is told as changed at once, so that nobody trusts what is not watched over.
 */
import type { Account } from './account.ts';
import type { World } from './world.ts';

/** A key in the map with its list, and each client in that list. */
const KEY_BYTES = 160;
const CLIENT_BYTES = 16;
/** Longer lists are sets, so that a key that everybody reads is not searched for each of them. */
const LIST_MAX = 32;
/** Keys looked at for clients that are gone whenever a read is remembered or a client goes: one round cleans the table. */
const SWEPT_PER_STEP = 4;
/** Keys that go for one that comes: when a limit was lowered, or the tenant's data have taken the room, not all at once. */
const EVICTED_PER_READ = 16;

type Clients = number[] | Set<number>;

export class TrackingTable {
  /** Clients that want to hear of every change, whatever they have read: BCAST. */
  hasBroadcast: boolean;
  private readonly account: Account;
  private readonly world: World;
  private readonly keys: Map<string, Clients>;
  private items: number;
  /** Clients that are gone, and may still be in lists; those of before the round, and those since. */
  private gone: Set<number>;
  private goneSince: Set<number>;
  private sweep: Iterator<[string, Clients]> | undefined;

  constructor(account: Account, world: World) {
    this.hasBroadcast = false;
    this.account = account;
    this.world = world;
    this.keys = new Map();
    this.items = 0;
    this.gone = new Set();
    this.goneSince = new Set();
    this.sweep = undefined;
  }

  get keyCount(): number {
    return this.keys.size;
  }

  get itemCount(): number {
    return this.items;
  }

  get isAwake(): boolean {
    return this.hasBroadcast || this.keys.size > 0;
  }

  /**
   * A client has read a key.
   * @param evicted is told of keys that have to go for it, with those who had read them
   */
  remember(client: number, key: string, evicted: (key: string, clients: Iterable<number>) => void): void {
    const clients = this.keys.get(key);
    if (clients === undefined) this.addKey(client, key, evicted);
    else if (!has(clients, client)) this.addClient(client, key, clients, evicted);
    if (this.gone.size > 0 || this.goneSince.size > 0) this.sweepOn();
  }

  private addKey(client: number, key: string, evicted: (key: string, clients: Iterable<number>) => void): void {
    const bytes = bytesOf(key, 1);
    for (let left = EVICTED_PER_READ; left > 0 && !this.hasRoom(bytes); left--) {
      const [oldest] = this.keys.keys();
      if (oldest === undefined) break;
      evicted(oldest, this.take(oldest) ?? []);
    }
    if (!this.hasRoom(bytes)) return evicted(key, [client]);
    this.keys.set(key, [client]);
    this.account.charge(bytes);
    this.items++;
  }

  /** For one key more. */
  private hasRoom(bytes: number): boolean {
    const { trackingKeysMax } = this.world;
    return (trackingKeysMax === 0 || this.keys.size < trackingKeysMax) && this.account.room(bytes);
  }

  private addClient(
    client: number,
    key: string,
    clients: Clients,
    evicted: (key: string, clients: Iterable<number>) => void,
  ): void {
    if (!this.account.room(CLIENT_BYTES)) return evicted(key, [client]);
    this.account.charge(CLIENT_BYTES);
    this.items++;
    if (!Array.isArray(clients)) clients.add(client);
    else if (clients.push(client) > LIST_MAX) this.keys.set(key, new Set(clients));
  }

  /** A key has changed: who has read it, and is told now. */
  take(key: string): Iterable<number> | undefined {
    const clients = this.keys.get(key);
    if (clients === undefined) return undefined;
    const count = Array.isArray(clients) ? clients.length : clients.size;
    this.keys.delete(key);
    this.items -= count;
    this.account.credit(bytesOf(key, count));
    return clients;
  }

  /** Everything has changed, and everybody is told by who knows them. */
  clear(): void {
    for (const key of Array.from(this.keys.keys())) this.take(key);
    this.nobodyGone();
  }

  private nobodyGone(): void {
    this.gone.clear();
    this.goneSince.clear();
    this.sweep = undefined;
  }

  /** It is looked for in slices. Who goes pays for one, so that those who are gone stay few beside the keys. */
  forget(client: number): void {
    if (this.keys.size === 0) return;
    this.goneSince.add(client);
    this.sweepOn();
  }

  private sweepOn(): void {
    if (this.keys.size === 0) return this.nobodyGone();
    if (this.sweep === undefined) {
      this.gone = this.goneSince;
      this.goneSince = new Set();
      this.sweep = this.keys.entries();
    }
    for (let i = 0; i < SWEPT_PER_STEP; i++) {
      const next = this.sweep.next();
      if (next.done === true) {
        this.sweep = undefined;
        this.gone = new Set();
        return;
      }
      this.clean(next.value[0], next.value[1]);
    }
  }

  private clean(key: string, clients: Clients): void {
    const left = Array.from(clients).filter((client) => !this.gone.has(client));
    const before = Array.isArray(clients) ? clients.length : clients.size;
    if (left.length === before) return;
    this.take(key);
    if (left.length === 0) return;
    // At the end of the map now, where the round comes to it once more and finds it clean.
    this.keys.set(key, left.length > LIST_MAX ? new Set(left) : left);
    this.items += left.length;
    this.account.charge(bytesOf(key, left.length));
  }
}

function has(clients: Clients, client: number): boolean {
  return Array.isArray(clients) ? clients.includes(client) : clients.has(client);
}

function bytesOf(key: string, clients: number): number {
  return ((KEY_BYTES + key.length + 7) & ~7) + clients * CLIENT_BYTES;
}
