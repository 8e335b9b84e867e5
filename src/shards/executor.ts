/**
 * Runs commands in one shard's world, the same way inline and in a worker: picks the caller's database, asks the budget
 * before a command that takes memory, hands the rest to the handler, and passes on what the handler says has changed.
 *
 * Whoever owns it calls `serveWaiting` when a command, or a whole transaction, is over and `hasReady` says that keys have
 * changed for which somebody waits.
 *
 * Hot path: once per command. Budget 30 ns beside the handler; guarded by the P16 rows of `npm run bench`.
 */
import { EVENT_CLASS } from '../base/keyspace-events.ts';
import { type Command, KeyList } from '../command/command.ts';
import { type Effect, UNCHANGED } from '../command/effect.ts';
import type { Caller, EngineSettings } from '../command/ports/backend.ts';
import type { ShardCall } from '../command/spec.ts';
import type { Database } from '../engine/database.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import type { ShardLog } from '../persist/shard-log.ts';
import { OOM } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { Request } from '../resp/request.ts';
import { Aftermath, type ShardNews, wantedOf } from './aftermath.ts';
import { WaitingRoom } from './waiting-room.ts';

/** What the handler sees, filled anew for each command. */
class MutableCall implements ShardCall {
  readonly shard: Shard;
  realm: Realm;
  databaseNumber: number;
  database: Database;
  request: Request;
  now_ms: number;
  client: number;
  mayWait: boolean;
  onlyKey: number;

  constructor(shard: Shard, realm: Realm) {
    this.shard = shard;
    this.realm = realm;
    this.databaseNumber = 0;
    this.database = realm.database(0);
    this.request = new Request();
    this.now_ms = 0;
    this.client = 0;
    this.mayWait = false;
    this.onlyKey = 0;
  }
}

/** Their keys may lie in another database than the one they run in. */
const CROSSES_DATABASES: ReadonlySet<string> = new Set(['copy', 'move']);

export class Executor {
  readonly shard: Shard;
  readonly waiting: WaitingRoom;
  readonly aftermath: Aftermath;
  private readonly call: MutableCall;
  private readonly keys: KeyList = new KeyList();
  /** Who writes down what changes; nobody while what was written down is played again. */
  private log: ShardLog | undefined;

  constructor(shard: Shard, news: ShardNews) {
    this.shard = shard;
    this.log = undefined;
    this.call = new MutableCall(shard, shard.realm(0));
    this.aftermath = new Aftermath(shard, news);
    this.waiting = new WaitingRoom(shard, news, (command, request, caller, onlyKey, out) =>
      this.runOnKey(command, request, caller, onlyKey, out),
    );
    shard.world.listener = this.aftermath;
  }

  /**
   * Runs a command whose parse of `request` has just succeeded; its whole reply is appended to `out`. With the effect
   * `waits` nothing is: the client is in the waiting room then, and its reply is told as news.
   */
  run(command: Command, request: Request, caller: Caller, out: ReplyWriter): Effect {
    const { call, shard, log } = this;
    const realm = shard.realm(caller.tenantNumber);
    const { databaseNumber } = caller;
    if (command.isWrite) {
      const refusal = log?.refusal;
      if (refusal !== undefined) {
        out.error(refusal);
        return UNCHANGED;
      }
    }
    if (command.changesBytes) this.preserve(command, request, realm, databaseNumber);
    if (command.isDenyOom && !realm.ensureRoom(0)) {
      out.error(OOM);
      return UNCHANGED;
    }
    call.realm = realm;
    call.databaseNumber = databaseNumber;
    call.database = realm.database(databaseNumber);
    call.request = request;
    call.now_ms = shard.now_ms;
    call.client = caller.id;
    call.mayWait = !caller.isInTransaction;
    call.onlyKey = 0;
    this.aftermath.writer = caller.id;
    this.aftermath.hasWaited = false;
    shard.setNoTouch(caller.noTouch);
    const run = command.runShard;
    if (run === undefined) return UNCHANGED;
    const effect = run(call, out);
    if (effect.kind === 'changed') {
      if (this.aftermath.isWanted(realm)) this.aftermath.tell(effect, request, realm, databaseNumber);
    } else if (effect.kind === 'waits' && !this.waiting.admit(command, request, caller, effect, out.protocol)) {
      out.error(OOM);
      return UNCHANGED;
    }
    if (log !== undefined) this.note(log, command, request, realm.number, databaseNumber, effect);
    if (caller.tracks && command.isReadonly) this.remember(command, request, realm, caller.id);
    return effect;
  }

  /** While a snapshot is under way, what the command may change is read before. */
  private preserve(command: Command, request: Request, realm: Realm, databaseNumber: number): void {
    const { keys } = this;
    const { snapshot } = this.shard.world;
    if (snapshot === undefined) return;
    const isInOne = !CROSSES_DATABASES.has(command.fullName);
    keys.clear();
    command.keys(request, keys);
    for (let i = 0; i < keys.count; i++) {
      const at = keys.at[i] as number;
      const start = request.start(at);
      const end = request.end(at);
      if (isInOne) snapshot.beforeKey(realm.database(databaseNumber), request.bytes, start, end);
      else realm.eachDatabase((database) => snapshot.beforeKey(database, request.bytes, start, end));
    }
  }

  /** A command has run: what it changed is written down. */
  private note(
    log: ShardLog,
    command: Command,
    request: Request,
    realmNumber: number,
    databaseNumber: number,
    effect: Effect,
  ): void {
    const { keys } = this;
    keys.clear();
    if (log.followsKeys) command.keys(request, keys);
    log.ran(command, request, keys, realmNumber, databaseNumber, effect);
  }

  /** What changes from here to `endGroup` is one transaction, also where it is written down. */
  beginGroup(): void {
    this.log?.journal.beginGroup();
  }

  endGroup(): void {
    this.log?.journal.endGroup();
  }

  /** From now on what changes is written down. */
  keepLog(log: ShardLog): void {
    this.log = log;
    this.aftermath.log = log;
  }

  private remember(command: Command, request: Request, realm: Realm, client: number): void {
    this.keys.clear();
    command.keys(request, this.keys);
    this.aftermath.remember(realm, client, request, this.keys);
  }

  /** Options that follow from changes. */
  configure({ keyspaceEvents, trackingTableMaxKeys }: EngineSettings): void {
    const { aftermath, shard } = this;
    const wanted = wantedOf(keyspaceEvents);
    aftermath.wantedEvents = wanted;
    shard.world.tellsMisses = (wanted & EVENT_CLASS.keyMiss) !== 0;
    shard.world.tellsNew = (wanted & EVENT_CLASS.newKey) !== 0;
    shard.world.trackingKeysMax = trackingTableMaxKeys;
  }

  /** Whether somebody may be served now. */
  get hasReady(): boolean {
    return !this.shard.world.readyKeys.isEmpty;
  }

  /** Serves who waited for the keys that have changed. To be called between commands, never within one. */
  serveWaiting(): void {
    this.waiting.serve();
  }

  /** A client's transaction is over, or will not come. */
  unwatch(client: number): void {
    this.shard.eachRealm((realm) => realm.onlookers.watches.forget(client));
  }

  removeRealm(realmNumber: number): void {
    this.waiting.cutRealm(realmNumber);
    if (this.shard.realmIfAny(realmNumber) !== undefined) {
      this.log?.journal.happened(realmNumber, 0, ['FLUSHALL']);
    }
    this.shard.removeRealm(realmNumber);
  }

  /** A client is gone: nothing is kept in its name any more. */
  forget(client: number): void {
    this.waiting.cut(client, 'closed');
    this.shard.eachRealm((realm) => realm.onlookers.forget(client));
  }

  /** Again, for a client that waited. Room for what it adds is the handler's to ask for: the client is owed an answer. */
  private runOnKey(command: Command, request: Request, caller: Caller, onlyKey: number, out: ReplyWriter): Effect {
    const { call, shard } = this;
    const realm = shard.realm(caller.tenantNumber);
    call.realm = realm;
    call.databaseNumber = caller.databaseNumber;
    call.database = realm.database(caller.databaseNumber);
    call.request = request;
    call.now_ms = shard.now_ms;
    call.client = caller.id;
    call.mayWait = true;
    call.onlyKey = onlyKey;
    this.aftermath.writer = caller.id;
    this.aftermath.hasWaited = true;
    shard.setNoTouch(caller.noTouch);
    const refusal = command.parse(request);
    if (refusal !== undefined) out.error(refusal);
    if (refusal !== undefined || command.runShard === undefined) return UNCHANGED;
    if (command.changesBytes) this.preserve(command, request, realm, caller.databaseNumber);
    const effect = command.runShard(call, out);
    call.onlyKey = 0;
    if (this.log !== undefined) this.note(this.log, command, request, realm.number, caller.databaseNumber, effect);
    if (effect.kind === 'changed' && this.aftermath.isWanted(realm)) {
      this.aftermath.tell(effect, request, realm, caller.databaseNumber);
    }
    return effect;
  }
}
