/**
 * EXEC in a pool: all commands, and all keys that were watched, lie in one shard, because only there can they run as one.
 * The rule is that of Redis Cluster, one slot, so that it does not depend on how many shards there are.
 */
import { slotOf } from '../base/crc16.ts';
import { EVERY_KEY } from '../command/args.ts';
import type { Command, KeyList } from '../command/command.ts';
import type { Caller, PooledTransaction } from '../command/ports/backend.ts';
import { CROSSSLOT, type Refusal, sortDeniedInPool } from '../resp/refusals.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { Asked, ShardLink } from './link.ts';
import type { Envelope } from './mailbox.ts';
import { type Plan, planOf } from './plan.ts';
import { shardOfSlot } from './slots.ts';

const NONE: ReadonlySet<number> = new Set();

/** Which shards watch keys in a client's name. */
export class WatchedShards {
  private readonly byClient: Map<number, Set<number>> = new Map();

  noted(traces: 'leaves' | 'clears', client: number, plan: Plan): void {
    if (traces === 'clears') {
      this.byClient.delete(client);
      return;
    }
    if (plan.kind !== 'one') return;
    const shards = this.byClient.get(client);
    if (shards === undefined) this.byClient.set(client, new Set([plan.shard]));
    else shards.add(plan.shard);
  }

  /** … and none from now on. */
  take(client: number): ReadonlySet<number> {
    const shards = this.byClient.get(client) ?? NONE;
    this.byClient.delete(client);
    return shards;
  }
}

const ANY_SLOT = -1;

export class PoolTransaction implements PooledTransaction {
  private readonly caller: Caller;
  private readonly protocol: 2 | 3;
  private readonly shards: number;
  private readonly watched: ReadonlySet<number>;
  private readonly link: (shard: number) => ShardLink;
  private readonly asked: Asked[];
  private slot: number;

  constructor(
    caller: Caller,
    protocol: 2 | 3,
    shards: number,
    watched: ReadonlySet<number>,
    link: (shard: number) => ShardLink,
  ) {
    this.caller = caller;
    this.protocol = protocol;
    this.shards = shards;
    this.watched = watched;
    this.link = link;
    this.asked = [];
    this.slot = ANY_SLOT;
  }

  add(command: Command, request: Request, keys: KeyList, databaseNumber: number): Refusal | undefined {
    const refusal = this.take(command, request, keys, databaseNumber);
    if (refusal !== undefined) this.unwatch();
    return refusal;
  }

  private unwatch(): void {
    for (const shard of this.watched) this.link(shard).control({ kind: 'unwatch', client: this.caller.id });
  }

  private take(command: Command, request: Request, keys: KeyList, databaseNumber: number): Refusal | undefined {
    const plan = planOf(command, request, keys, this.shards);
    if (plan.kind === 'everyKey') return sortDeniedInPool(request.text(plan.position - 1).toUpperCase());
    // UNWATCH: EXEC has forgotten what was watched, so any shard may say that it is done.
    if (plan.kind !== 'one' && command.traces !== 'clears') return CROSSSLOT;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.at[i] as number;
      if (((keys.access[i] as number) & EVERY_KEY) !== 0) return CROSSSLOT;
      const slot = slotOf(request.bytes, request.start(at), request.end(at));
      if (this.slot === ANY_SLOT) this.slot = slot;
      else if (this.slot !== slot) return CROSSSLOT;
    }
    this.asked.push({ commandId: command.id, databaseNumber, request });
    return undefined;
  }

  send(done: Parameters<PooledTransaction['send']>[0]): void {
    const { watched, caller } = this;
    const [only] = watched;
    const shard = this.slot === ANY_SLOT ? (only ?? 0) : shardOfSlot(this.slot, this.shards);
    const refused = (refusal: Refusal) => done(refusal.bytes, 0, refusal.bytes.length, 0);
    for (const other of watched) {
      if (other === shard) continue;
      this.unwatch();
      return refused(CROSSSLOT);
    }
    if (this.asked.length === 0 && watched.size === 0) return nothing(this.protocol, done);
    const envelope: Envelope = {
      commandId: 0,
      tenantNumber: caller.tenantNumber,
      databaseNumber: caller.databaseNumber,
      protocol: this.protocol,
      noTouch: caller.noTouch,
      id: caller.id,
      isInTransaction: true,
      tracks: caller.tracks,
    };
    this.link(shard).askTransaction(envelope, this.asked, watched.size > 0, { arrived: done, lost: refused });
  }
}

/** No shard is needed: an empty array of replies. */
function nothing(protocol: 2 | 3, done: Parameters<PooledTransaction['send']>[0]): void {
  const out = new ReplyWriter(protocol, 16);
  out.array(0);
  done(out.buffer, 0, out.length, 0);
}
