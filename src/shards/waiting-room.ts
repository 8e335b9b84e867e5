/**
 * Clients that wait in one shard: what they asked, kept until a key they wait for has changed, or until somebody ends the
 * wait. As in redis-server 7.0 a client is served from the key that became ready, not from the first of its keys, and in
 * the order in which clients came to that key.
 *
 * Invariant: a client is here exactly as long as its connection has an unanswered command; whoever takes it out answers
 * it, unless the connection is gone. What is kept is charged to its tenant.
 */

import { WAIT_BYTES_FREE } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import { type Effect, UNCHANGED, type Waits } from '../command/effect.ts';
import type { Caller, WaitCut } from '../command/ports/backend.ts';
import { type Database, MISSING, ValueType } from '../engine/database.ts';
import { databaseOfName, keyOfName, nameOf } from '../engine/names.ts';
import type { Shard } from '../engine/shard.ts';
import { INTERNAL_ERROR, NOPERM_KEY, UNBLOCKED } from '../resp/refusals.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import { isBrokenInvariant, type ShardNews } from './aftermath.ts';

type RunOnKey = (command: Command, request: Request, caller: Caller, onlyKey: number, out: ReplyWriter) => Effect;

interface Waiting {
  readonly command: Command;
  readonly request: Request;
  readonly caller: Caller;
  readonly protocol: 2 | 3;
  readonly valueType: ValueType;
  readonly endsWithKey: boolean;
  /** The name of the key at argument `first + i` is `names[i]`. */
  readonly first: number;
  readonly names: readonly string[];
  readonly heldBytes: number;
}

const VALUE_TYPES = { list: ValueType.list, zset: ValueType.zset, stream: ValueType.stream } as const;
/** The record, its request, and its places in queues. */
const WAITING_BYTES = 1024;
const NAME_BYTES = 160;

export class WaitingRoom {
  private readonly shard: Shard;
  private readonly news: ShardNews;
  private readonly runOnKey: RunOnKey;
  private readonly clients: Map<number, Waiting>;
  private readonly out: ReplyWriter;

  constructor(shard: Shard, news: ShardNews, runOnKey: RunOnKey) {
    this.shard = shard;
    this.news = news;
    this.runOnKey = runOnKey;
    this.clients = new Map();
    this.out = new ReplyWriter();
  }

  get size(): number {
    return this.clients.size;
  }

  /**
   * False when what would have to be kept is more than its tenant has left. Few keys are always kept: who takes elements
   * out must not be kept from it by a tenant that is full of them.
   */
  admit(command: Command, request: Request, caller: Caller, effect: Waits, protocol: 2 | 3): boolean {
    const names = namesOf(request, caller.databaseNumber, effect);
    const kept = effect.instead ?? request.kept();
    const heldBytes = (WAITING_BYTES + kept.bytes.length + names.length * NAME_BYTES + 7) & ~7;
    const { tenantNumber, databaseNumber, noTouch, id } = caller;
    const realm = this.shard.realm(tenantNumber);
    if (heldBytes > WAIT_BYTES_FREE && !realm.ensureRoom(heldBytes)) return false;
    this.clients.set(id, {
      command,
      request: kept,
      caller: { id, tenantNumber, databaseNumber, noTouch, isInTransaction: false, tracks: false },
      protocol,
      valueType: VALUE_TYPES[effect.valueType],
      endsWithKey: effect.endsWithKey,
      first: effect.first,
      names,
      heldBytes,
    });
    realm.account.charge(heldBytes);
    realm.onlookers.waiters.add(id, names, effect.endsWithKey);
    return true;
  }

  /** Ends a client's wait, and answers it unless it is gone. False when it does not wait. */
  cut(client: number, how: WaitCut): boolean {
    const waiting = this.clients.get(client);
    if (waiting === undefined) return false;
    this.remove(client, waiting);
    if (how === 'closed') return true;
    const { out } = this;
    out.reset();
    out.protocol = waiting.protocol;
    // Of a connection that ends the time is not over, and nothing else is true either: as in redis-server it hears nothing.
    if (how === 'timeout') out.nullArray();
    else if (how !== 'ending') out.error(how === 'revoked' ? NOPERM_KEY : UNBLOCKED);
    this.news.served(client, out.buffer, 0, out.length);
    return true;
  }

  /** A tenant's namespace is about to go: whoever waits in it waits for nothing. */
  cutRealm(realmNumber: number): void {
    for (const [client, { caller }] of this.clients) if (caller.tenantNumber === realmNumber) this.cut(client, 'error');
  }

  /** Serves clients from the keys that have changed, until none of them has anything left for anybody. */
  serve(): void {
    const { readyKeys } = this.shard.world;
    while (!readyKeys.isEmpty) {
      for (const { realmNumber, name } of readyKeys.take()) this.serveKey(realmNumber, name);
    }
  }

  private serveKey(realmNumber: number, name: string): void {
    const realm = this.shard.realmIfAny(realmNumber);
    if (realm === undefined) return;
    const { waiters } = realm.onlookers;
    const key = keyOfName(name);
    const database = realm.database(databaseOfName(name));
    let type = typeAt(database, key);
    // Whoever is served leaves the queue while it is walked; nobody comes.
    for (const client of waiters.of(name)) {
      // The last element is gone: a thousand who wait for the next are not asked one by one.
      if (type === undefined && !waiters.endsWithKey(name)) return;
      const waiting = this.clients.get(client);
      if (waiting === undefined || (type !== waiting.valueType && !waiting.endsWithKey)) continue;
      // Of a list or a sorted set nothing is left for anybody else either; readers of a stream want different entries.
      if (!this.serveClient(client, waiting, name) && waiting.valueType !== ValueType.stream) return;
      type = typeAt(database, key);
    }
  }

  private serveClient(client: number, waiting: Waiting, name: string): boolean {
    const { out } = this;
    out.reset();
    out.protocol = waiting.protocol;
    const onlyKey = waiting.first + waiting.names.indexOf(name);
    const effect = this.runSafely(waiting, onlyKey);
    if (effect.kind === 'waits') return false;
    this.remove(client, waiting);
    this.news.served(client, out.buffer, 0, out.length);
    return true;
  }

  /** A bug is the business of who waited, and not of who has changed the key. */
  private runSafely({ command, request, caller }: Waiting, onlyKey: number): Effect {
    const { out } = this;
    try {
      return this.runOnKey(command, request, caller, onlyKey, out);
    } catch (bug) {
      if (isBrokenInvariant(bug)) throw bug;
      this.news.bug(bug);
      out.reset();
      out.error(INTERNAL_ERROR);
      return UNCHANGED;
    }
  }

  private remove(client: number, { caller, names, heldBytes, endsWithKey }: Waiting): void {
    this.clients.delete(client);
    const realm = this.shard.realmIfAny(caller.tenantNumber);
    if (realm === undefined) return;
    realm.account.credit(heldBytes);
    realm.onlookers.waiters.remove(client, names, endsWithKey);
  }
}

function namesOf(request: Request, databaseNumber: number, { first, keys }: Waits): readonly string[] {
  const names: string[] = [];
  for (let at = first; at < first + keys; at++) {
    names.push(nameOf(databaseNumber, request.bytes, request.start(at), request.end(at)));
  }
  return names;
}

function typeAt(database: Database, key: Uint8Array): ValueType | undefined {
  const ref = database.peek(key, 0, key.length);
  return ref === MISSING ? undefined : database.valueType(ref);
}
