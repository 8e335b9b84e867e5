/**
 * What follows from a change, told by effects and by the engine: transactions that watch the key, clients that wait for
 * it, keyspace events. Handlers know nothing of any of them.
 *
 * Hot path: `isWanted` once per write. Guarded by the P16 rows of `npm run bench`.
 */
import {
  EVENT_CLASS_FLAGS,
  NOTIFY_EVICTED,
  NOTIFY_EXPIRED,
  NOTIFY_GENERIC,
  NOTIFY_HASH,
} from '../base/notify-flags.ts';
import type { Changed } from '../command/effect.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import type { EngineListener } from '../engine/world.ts';
import type { Request } from '../resp/request.ts';

/** What a shard has to say besides replies. Bytes are valid during the call only. */
export interface ShardNews {
  /** The reply of a client that waited. */
  served(client: number, bytes: Uint8Array, start: number, end: number): void;
  /** A keyspace event, of a class that is wanted. */
  event(
    realmNumber: number,
    databaseNumber: number,
    name: string,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void;
}

export class Aftermath implements EngineListener {
  /** Classes of `notify-keyspace-events` that are wanted; 0 for none. */
  notifyFlags: number;
  private readonly shard: Shard;
  private readonly news: ShardNews;

  constructor(shard: Shard, news: ShardNews) {
    this.notifyFlags = 0;
    this.shard = shard;
    this.news = news;
  }

  isWanted(realm: Realm): boolean {
    return this.notifyFlags !== 0 || realm.onlookers.isAwake;
  }

  tell(effect: Changed, request: Request, realm: Realm, databaseNumber: number): void {
    const { events } = effect;
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as Changed['events'][number];
      const number = event.databaseNumber ?? databaseNumber;
      const start = request.start(event.key);
      const end = request.end(event.key);
      realm.onlookers.keyChanged(number, request.bytes, start, end);
      if ((this.notifyFlags & EVENT_CLASS_FLAGS[event.eventClass]) === 0) continue;
      this.news.event(realm.number, number, event.name, request.bytes, start, end);
    }
  }

  // -- Of the engine's own accord ----------------------------------------------------------------------------------------

  expired(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.gone(NOTIFY_EXPIRED, 'expired', realm, database, bytes, start, end);
  }

  evicted(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.gone(NOTIFY_EVICTED, 'evicted', realm, database, bytes, start, end);
  }

  fieldExpired(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.gone(NOTIFY_HASH, 'hexpired', realm, database, bytes, start, end);
  }

  emptied(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.gone(NOTIFY_GENERIC, 'del', realm, database, bytes, start, end);
  }

  private gone(
    flag: number,
    event: string,
    realmNumber: number,
    databaseNumber: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const onlookers = this.shard.realmIfAny(realmNumber)?.onlookers;
    if (onlookers?.isAwake === true) onlookers.keyChanged(databaseNumber, bytes, start, end);
    if ((this.notifyFlags & flag) !== 0) this.news.event(realmNumber, databaseNumber, event, bytes, start, end);
  }
}
