/**
 * All that the gateway knows of storage. The inline shard answers into the connection's writer at once; a pool or an
 * upstream answers later, and the connection's pending ring keeps the order of replies.
 */
import type { CollectionLimits } from '../../base/collection-limits.ts';
import type { EvictionPolicy } from '../../base/eviction-policies.ts';
import type { Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import type { Command, KeyList } from '../command.ts';
import type { Durability } from './durability.ts';

/** Who asks, as far as storage has to know. The session implements it; storage reads it and keeps no reference. */
export interface Caller {
  /** The number of the client: unique as long as the process lives. */
  readonly id: number;
  /** Dense number of the tenant whose namespace is acted on. */
  readonly tenantNumber: number;
  readonly databaseNumber: number;
  /** CLIENT NO-TOUCH: reads leave the access clock alone. */
  readonly noTouch: boolean;
  /** Its commands run as one: none of them waits. */
  readonly isInTransaction: boolean;
  /** What it reads is cached by it: it is told of changes. */
  readonly tracks: boolean;
}

/** A place in a connection's order of replies, to be filled exactly once. A place whose connection is gone ignores it. */
export interface LaterReply {
  /** The protocol the answer must be written in: that of the moment the request came. */
  readonly protocol: 2 | 3;
  /** Copies the range; it is one whole reply. `ran_ms` is how long its command ran, for who measured it elsewhere. */
  settleBytes(bytes: Uint8Array, start: number, end: number, ran_ms?: number): void;
  /** Lets the reply be written straight into the place. */
  settle(write: (out: ReplyWriter) => void, ran_ms?: number): void;
}

/**
 * Why a wait ends before there is an answer: the time is over, CLIENT UNBLOCK (with an error, or as if the time were over),
 * the user may not do this any more, the connection ends once it was told what came before, or it is gone.
 */
export type WaitCut = 'timeout' | 'error' | 'revoked' | 'ending' | 'closed';

/** The place of a command that may wait for data. */
export interface WaitingReply extends LaterReply {
  /** It does wait, for so long at the most; 0 is for ever. False when its connection is gone: nobody waits. */
  waits(timeout_ms: number): boolean;
  /** Its answer is there, and will be given once it is kept: nothing else ends the wait, and what is pushed stands behind. */
  served(): void;
}

/** Gives the next place in order; called at most once per run, and only when the answer cannot come at once. */
export interface LaterReplies {
  later(): LaterReply;
  /**
   * The same for a command that may wait: nothing of its connection runs before its answer. `cut` is told at most once,
   * when the wait is to end by something else than data; unless the connection is gone, an answer is still owed then. One
   * that has no bytes says that there is none, and the connection ends.
   */
  block(cut: (how: WaitCut) => void): WaitingReply;
}

/** Keys and expiries of one database of a tenant, over all shards. */
export interface DatabaseCounts {
  readonly databaseNumber: number;
  readonly keys: number;
  readonly expires: number;
  readonly averageTtl_ms: number;
}

/** One tenant's figures over all shards. */
export interface RealmCounts {
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly expired: number;
  /** Fields of hashes. */
  readonly expiredFields: number;
  readonly evicted: number;
  /** Keys, and pairs of key and client, remembered for clients that cache. */
  readonly trackedKeys: number;
  readonly trackedItems: number;
  /** Keys that somebody waits for. */
  readonly blockingKeys: number;
  /** … and of which the end is worth waking up for. */
  readonly blockingKeysOnNoKey: number;
  /** Slices of the cycle of expiry that ended with work left. */
  readonly expirySlicesCut: number;
  /** Share of keys found expired and not yet removed. */
  readonly expiredStalePercent: number;
  readonly databases: readonly DatabaseCounts[];
}

/** The engine over all shards: bytes that were handed out, and what is held to hand out from. */
export interface EngineMemory {
  readonly allocatedBytes: number;
  readonly heldBytes: number;
  /** Blocks, and what is charged beside them: tables of indexes, heads of large values. What maxmemory is held against. */
  readonly usedBytes: number;
  /** Entries and blocks that wait to be freed. */
  readonly pendingFrees: number;
  /** Time that the cycle of expiry has taken. */
  readonly expiryCycle_ms: number;
  readonly shards: number;
}

/** What may be set on a tenant's share of the engine. */
export interface RealmSettings {
  /** The tenant's: what its data is filed under. */
  readonly name: string;
  readonly limitBytes: number;
  readonly policy: EvictionPolicy;
  /** How long a value may become; 0 is no limit of the tenant's own. */
  readonly valueBytesMax: number;
}

/** Of a tenant of whom no policy says anything. */
export function unlimitedRealm(name: string): RealmSettings {
  return { name, limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 };
}

/** Engine options that CONFIG SET may change while running. */
export interface EngineSettings extends CollectionLimits {
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: EvictionPolicy;
  readonly maxmemorySamples: number;
  readonly lfuLogFactor: number;
  readonly lfuDecayMinutes: number;
  readonly activeExpireEffort: number;
  /** notify-keyspace-events, as the bits of `base/keyspace-events`. */
  readonly keyspaceEvents: number;
  /** tracking-table-max-keys; 0 is no limit. */
  readonly trackingTableMaxKeys: number;
  /** proto-max-bulk-len: of an argument, and of what APPEND and the like may make of a value. */
  readonly protoMaxBulkBytes: number;
  /** slowlog-log-slower-than in microseconds: 0 is everything, -1 nothing. Workers judge for themselves. */
  readonly slowlogSlowerThan_us: number;
  /** latency-monitor-threshold; 0 is off. */
  readonly latencyThreshold_ms: number;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  readonly expiresActively: boolean;
}

/** Whom a change of a key concerns, and who made it. */
export interface Invalidation {
  /** Those who have read the key, and are not told again before they read it again. */
  readonly clients: readonly number[];
  /** Whether somebody wants to hear of every change. */
  readonly isBroadcast: boolean;
  /** 0 for nobody: the key expired, say. */
  readonly writer: number;
  /** The writer has waited for this: it writes because somebody else has just given it what it waited for. */
  readonly hasWaited: boolean;
}

/** What storage says besides replies. */
export interface BackendNews {
  /** Of a class that is wanted. */
  keyspaceEvent(tenantNumber: number, databaseNumber: number, name: string, key: Uint8Array): void;
  /** A key has changed that these clients have read; one character per byte. */
  invalidated(tenantNumber: number, key: string, change: Invalidation): void;
  /** Everything has changed. `writer` is the client that did it, 0 for none. */
  flushed(tenantNumber: number, writer: number): void;
  /** A command has thrown in a shard; who asked has been given an error. */
  bug(message: string, stack: string): void;
}

/** The inline shard's part of EXEC: what runs between the two is run as ever, by a caller who is in a transaction. */
export interface InlineTransactions {
  readonly kind: 'inline';
  /** Whether the transaction may run: false when a key has changed that the client watches. It watches none from now on. */
  begin(caller: Caller): boolean;
  end(): void;
}

/** A transaction on its way to one shard of a pool. */
export interface PooledTransaction {
  /** Adds a command whose parse has just succeeded; what is refused makes nothing of the whole. The request is copied. */
  add(command: Command, request: Request, keys: KeyList, databaseNumber: number): Refusal | undefined;
  /**
   * Sends it, at most once. `done` gets the array of replies to what was added, or a null because a key had changed, or
   * what went wrong instead, and how long all of it ran; it may be called at once.
   */
  send(done: (replies: Uint8Array, start: number, end: number, ran_ms: number) => void): void;
}

export interface PooledTransactions {
  readonly kind: 'pooled';
  /** One that is opened is sent, or refused, before the next is. */
  open(caller: Caller, protocol: 2 | 3): PooledTransaction;
}

export interface Backend {
  readonly durability: Durability;
  readonly transactions: InlineTransactions | PooledTransactions;
  /** Who is told from now on. */
  tell(news: BackendNews): void;
  /** Whether every answer stands in `out` when `run` returns: then there is nothing to gather over a turn. */
  readonly isInline: boolean;
  /**
   * Runs a shard command whose parse has just succeeded and whose caller has passed every gate.
   * @returns true when the reply stands in `out`; false when it will be given to the place taken from `replies`.
   */
  run(
    command: Command,
    request: Request,
    keys: KeyList,
    caller: Caller,
    out: ReplyWriter,
    replies: LaterReplies,
  ): boolean;
  /** Whether a tenant may hold so many bytes beside its data; with an evicting policy room is made where that can be. */
  hasRoom(tenantNumber: number, bytes: number): boolean;
  /** Whether anybody of a tenant wants to hear of every change of a key. */
  broadcast(tenantNumber: number, isWanted: boolean): void;
  /** A client watches no key any more. */
  unwatch(client: number): void;
  /** A client is gone that has left traces (WATCH, CLIENT TRACKING). */
  forget(client: number): void;
  /** End of the turn: whatever was gathered for a shard leaves as one message. */
  flush(): void;
  /** Makes a tenant's namespace, or changes its settings. */
  configureRealm(tenantNumber: number, settings: RealmSettings): void;
  /** Drops a tenant's namespace with all its data, in slices. */
  removeRealm(tenantNumber: number): void;
  configureEngine(settings: EngineSettings): void;
  realmCounts(tenantNumber: number): RealmCounts;
  /** CONFIG RESETSTAT for one tenant. */
  resetRealmStatistics(tenantNumber: number): void;
  memory(): EngineMemory;
  /** Resolves when every request taken has been answered and every thread has stopped. */
  close(): Promise<void>;
}
