/**
 * Runs commands in one shard's world, the same way inline and in a worker: picks the caller's database, asks the budget
 * before a command that takes memory, and hands the rest to the handler.
 *
 * Hot path: once per command. Budget 30 ns beside the handler; guarded by the P16 rows of `npm run bench`.
 */
import type { Command } from '../command/command.ts';
import { type Effect, UNCHANGED } from '../command/effect.ts';
import type { ShardCall } from '../command/spec.ts';
import type { Database } from '../engine/database.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import { OOM } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { Request } from '../resp/request.ts';

/** What the handler sees, filled anew for each command. */
class MutableCall implements ShardCall {
  readonly shard: Shard;
  realm: Realm;
  databaseNumber: number;
  database: Database;
  request: Request;
  now_ms: number;

  constructor(shard: Shard, realm: Realm) {
    this.shard = shard;
    this.realm = realm;
    this.databaseNumber = 0;
    this.database = realm.database(0);
    this.request = new Request();
    this.now_ms = 0;
  }
}

export class Executor {
  readonly shard: Shard;
  private readonly call: MutableCall;

  constructor(shard: Shard) {
    this.shard = shard;
    this.call = new MutableCall(shard, shard.realm(0));
  }

  /** Runs a command whose parse of `request` has just succeeded; its whole reply is appended to `out`. */
  run(
    command: Command,
    request: Request,
    tenantNumber: number,
    databaseNumber: number,
    noTouch: boolean,
    out: ReplyWriter,
  ): Effect {
    const { call, shard } = this;
    const realm = shard.realm(tenantNumber);
    if (command.isDenyOom && !realm.ensureRoom(0)) {
      out.error(OOM);
      return UNCHANGED;
    }
    call.realm = realm;
    call.databaseNumber = databaseNumber;
    call.database = realm.database(databaseNumber);
    call.request = request;
    call.now_ms = shard.now_ms;
    shard.setNoTouch(noTouch);
    const run = command.runShard;
    return run === undefined ? UNCHANGED : run(call, out);
  }
}
