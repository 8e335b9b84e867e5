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
import type { ShardLink } from './link.ts';
import type { Envelope, RequestBatchWriter } from './mailbox.ts';
import { type Plan, planOf } from './plan.ts';
import { shardOfSlot } from './slots.ts';

const NONE: ReadonlySet<number> = new Set();
/** No shard has this number. It stands among those that watch for one that has died, with the keys that it watched. */
const LOST = -1;

/** Which shards watch keys in a client's name. */
export class WatchedShards {
  private readonly byClient: Map<number, Set<number>> = new Map();

  /** A shard has died: whoever watched keys in it has lost them, and their transaction must not run. */
  lost(shard: number): void {
    for (const shards of this.byClient.values()) if (shards.delete(shard)) shards.add(LOST);
  }

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
  private readonly asked: RequestBatchWriter;
  private slot: number;

  /** @param asked a batch that is nobody's as long as this transaction is being made */
  constructor(
    caller: Caller,
    protocol: 2 | 3,
    shards: number,
    watched: ReadonlySet<number>,
    link: (shard: number) => ShardLink,
    asked: RequestBatchWriter,
  ) {
    this.caller = caller;
    this.protocol = protocol;
    this.shards = shards;
    this.watched = watched;
    this.link = link;
    asked.reset();
    this.asked = asked;
    this.slot = ANY_SLOT;
  }

  add(command: Command, request: Request, keys: KeyList, databaseNumber: number): Refusal | undefined {
    const refusal = this.take(command, request, keys, databaseNumber);
    if (refusal !== undefined) {
      this.unwatch();
      this.asked.reset();
    }
    return refusal;
  }

  private unwatch(): void {
    for (const shard of this.watched)
      if (shard !== LOST) this.link(shard).control({ kind: 'unwatch', client: this.caller.id });
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
    this.asked.add(this.envelope(command.id, databaseNumber), request);
    return undefined;
  }

  private envelope(commandId: number, databaseNumber: number): Envelope {
    const { id, tenantNumber, noTouch, tracks } = this.caller;
    const { protocol } = this;
    return { commandId, tenantNumber, databaseNumber, protocol, noTouch, id, isInTransaction: true, tracks };
  }

  send(done: Parameters<PooledTransaction['send']>[0]): void {
    const { watched, caller } = this;
    if (watched.has(LOST)) {
      this.unwatch();
      return answered(this.protocol, done, (out) => out.nullArray());
    }
    const [only] = watched;
    const shard = this.slot === ANY_SLOT ? (only ?? 0) : shardOfSlot(this.slot, this.shards);
    const refused = (refusal: Refusal) => done(refusal.bytes, 0, refusal.bytes.length, 0);
    for (const other of watched) {
      if (other === shard) continue;
      this.unwatch();
      return refused(CROSSSLOT);
    }
    if (this.asked.count === 0 && watched.size === 0) {
      // No shard is needed.
      return answered(this.protocol, done, (out) => out.array(0));
    }
    const envelope = this.envelope(0, caller.databaseNumber);
    this.link(shard).askTransaction(envelope, this.asked, watched.size > 0, { arrived: done, lost: refused });
    // It may have grown with this one.
    this.asked.reset();
  }
}

function answered(
  protocol: 2 | 3,
  done: Parameters<PooledTransaction['send']>[0],
  write: (out: ReplyWriter) => void,
): void {
  const out = new ReplyWriter(protocol, 16);
  write(out);
  done(out.buffer, 0, out.length, 0);
}
