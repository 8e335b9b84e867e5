/**
 * What follows from a change, told by effects and by the engine: transactions that watch the key, clients that wait for
 * it or have it cached, keyspace events. Handlers know nothing of any of them.
 *
 * Hot path: `isWanted` once per write. Guarded by the P16 rows of `npm run bench`.
 */
import { latin1 } from '../base/bytes.ts';
import { EVENT_CLASS, KEYEVENT, KEYSPACE } from '../base/keyspace-events.ts';
import type { KeyList } from '../command/command.ts';
import type { Changed, EventClass } from '../command/effect.ts';
import type { Invalidation } from '../command/ports/backend.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import type { EngineListener } from '../engine/world.ts';
import type { ShardLog } from '../persist/shard-log.ts';
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
  /** A key is not what clients have read any more; one character per byte. */
  invalidated(realmNumber: number, key: string, change: Invalidation): void;
  /** Nothing of a tenant is what anybody has read. */
  flushed(realmNumber: number, writer: number): void;
  /** A command has thrown what only we can have caused; whoever asked has been given an error. */
  bug(thrown: unknown): void;
}

/** What must not be served from any more. */
export function isBrokenInvariant(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.startsWith('invariant broken');
}

/** By the class that an effect names. */
const CLASS_OF: Readonly<Record<EventClass, number>> = {
  generic: EVENT_CLASS.generic,
  string: EVENT_CLASS.string,
  list: EVENT_CLASS.list,
  set: EVENT_CLASS.set,
  hash: EVENT_CLASS.hash,
  stream: EVENT_CLASS.stream,
  module: EVENT_CLASS.module,
  zset: EVENT_CLASS.sortedSet,
  new: EVENT_CLASS.newKey,
};

/** What is told nowhere need not be told of. */
export function wantedOf(keyspaceEvents: number): number {
  return (keyspaceEvents & (KEYSPACE | KEYEVENT)) === 0 ? 0 : keyspaceEvents & ~(KEYSPACE | KEYEVENT);
}

/** Events of keys that are gone behind them. */
const ENDS_A_KEY: ReadonlySet<string> = new Set(['del', 'rename_from', 'move_from']);

const NOBODY = 0;
const NONE: readonly number[] = [];
export class Aftermath implements EngineListener {
  /** Classes of `notify-keyspace-events` that are wanted; 0 for none. */
  wantedEvents: number;
  /** Who runs a command now. */
  writer: number;
  /** Whether it has waited for this, and is run by what somebody else did. */
  hasWaited: boolean;
  /** Where keys that go of their own accord are written down. */
  log: ShardLog | undefined;
  private readonly shard: Shard;
  private readonly news: ShardNews;

  constructor(shard: Shard, news: ShardNews) {
    this.wantedEvents = 0;
    this.writer = NOBODY;
    this.hasWaited = false;
    this.log = undefined;
    this.shard = shard;
    this.news = news;
  }

  isWanted(realm: Realm): boolean {
    return this.wantedEvents !== 0 || realm.onlookers.isAwake;
  }

  tell(effect: Changed, request: Request, realm: Realm, databaseNumber: number): void {
    const { events } = effect;
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as Changed['events'][number];
      const number = event.databaseNumber ?? databaseNumber;
      const start = request.start(event.key);
      const end = request.end(event.key);
      const { onlookers } = realm;
      const isModified = event.besides !== true;
      if (isModified) onlookers.watchedChanged(number, request.bytes, start, end);
      if (isModified && onlookers.tracking.isAwake) this.invalidate(realm, request.bytes, start, end, this.writer);
      if ((this.wantedEvents & CLASS_OF[event.eventClass]) === 0) continue;
      this.news.event(realm.number, number, event.name, request.bytes, start, end);
    }
    if (realm.onlookers.waiters.size > 0) this.wake(effect, request, realm, databaseNumber);
  }

  /** Keys that have come before those that have gone, whatever the order of events: RENAME tells the old name first. */
  private wake({ events }: Changed, request: Request, realm: Realm, databaseNumber: number): void {
    for (const isGoing of [false, true]) {
      for (const { name, key, databaseNumber: other } of events) {
        if (ENDS_A_KEY.has(name) !== isGoing) continue;
        const number = other ?? databaseNumber;
        realm.onlookers.waitedChanged(number, request.bytes, request.start(key), request.end(key));
      }
    }
  }

  private invalidate(realm: Realm, bytes: Uint8Array, start: number, end: number, writer: number): void {
    const { tracking } = realm.onlookers;
    const key = latin1(bytes, start, end);
    const clients = tracking.take(key);
    if (clients === undefined && !tracking.hasBroadcast) return;
    this.news.invalidated(realm.number, key, {
      clients: clients === undefined ? NONE : Array.from(clients),
      isBroadcast: tracking.hasBroadcast,
      writer,
      hasWaited: this.hasWaited,
    });
  }

  /** A client that caches has read keys. */
  remember(realm: Realm, client: number, request: Request, keys: KeyList): void {
    const { tracking } = realm.onlookers;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.at[i] as number;
      const key = latin1(request.bytes, request.start(at), request.end(at));
      tracking.remember(client, key, (evicted, clients) =>
        this.news.invalidated(realm.number, evicted, {
          clients: Array.from(clients),
          isBroadcast: false,
          writer: NOBODY,
          hasWaited: false,
        }),
      );
    }
  }

  flushed(realmNumber: number): void {
    const realm = this.shard.realmIfAny(realmNumber);
    if (realm === undefined) return;
    // Also when nobody has read anything since the last change: that is what redis-server does.
    realm.onlookers.tracking.clear();
    this.news.flushed(realmNumber, this.writer);
  }

  // -- Of the engine's own accord ----------------------------------------------------------------------------------------

  expired(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.preserve(realm, database, bytes, start, end);
    this.log?.journal.happened(realm, database, ['DEL', bytes.subarray(start, end)]);
    this.gone(EVENT_CLASS.expired, 'expired', realm, database, bytes, start, end);
  }

  evicted(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.preserve(realm, database, bytes, start, end);
    this.log?.evicted(realm, database, bytes, start, end);
    this.gone(EVENT_CLASS.evicted, 'evicted', realm, database, bytes, start, end);
  }

  fieldExpired(
    realm: number,
    database: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
  ): void {
    this.preserve(realm, database, bytes, start, end);
    this.log?.journal.happened(realm, database, [
      'HDEL',
      bytes.subarray(start, end),
      field.subarray(fieldStart, fieldEnd),
    ]);
    this.gone(EVENT_CLASS.hash, 'hexpired', realm, database, bytes, start, end);
  }

  missed(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.news.event(realm, database, 'keymiss', bytes, start, end);
  }

  created(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.news.event(realm, database, 'new', bytes, start, end);
  }

  emptied(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.gone(EVENT_CLASS.generic, 'del', realm, database, bytes, start, end);
  }

  /** A snapshot under way reads the entry before it goes. */
  private preserve(realm: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    const { snapshot } = this.shard.world;
    if (snapshot === undefined) return;
    const found = this.shard.realmIfAny(realm)?.databaseIfAny(database);
    if (found !== undefined) snapshot.beforeKey(found, bytes, start, end);
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
    const realm = this.shard.realmIfAny(realmNumber);
    if (realm?.onlookers.isAwake === true) {
      realm.onlookers.watchedChanged(databaseNumber, bytes, start, end);
      realm.onlookers.waitedChanged(databaseNumber, bytes, start, end);
      if (realm.onlookers.tracking.isAwake) this.invalidate(realm, bytes, start, end, NOBODY);
    }
    if ((this.wantedEvents & flag) !== 0) this.news.event(realmNumber, databaseNumber, event, bytes, start, end);
  }
}
