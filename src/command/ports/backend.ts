/**
 * All that the gateway knows of storage. The inline shard answers into the connection's writer at once; a pool or an
 * upstream answers later, and the connection's pending ring keeps the order of replies.
 */
import type { CollectionLimits } from '../../base/collection-limits.ts';
import type { EvictionPolicy } from '../../base/eviction-policies.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import type { Command, KeyList } from '../command.ts';

/** Who asks, as far as storage has to know. The session implements it; storage reads it and keeps no reference. */
export interface Caller {
  /** Dense number of the tenant whose namespace is acted on. */
  readonly tenantNumber: number;
  readonly databaseNumber: number;
  /** CLIENT NO-TOUCH: reads leave the access clock alone. */
  readonly noTouch: boolean;
}

/** A place in a connection's order of replies, to be filled exactly once. A place whose connection is gone ignores it. */
export interface LaterReply {
  /** The protocol the answer must be written in: that of the moment the request came. */
  readonly protocol: 2 | 3;
  /** Copies the range; it is one whole reply. */
  settleBytes(bytes: Uint8Array, start: number, end: number): void;
  /** Lets the reply be written straight into the place. */
  settle(write: (out: ReplyWriter) => void): void;
}

/** Gives the next place in order; called at most once per run, and only when the answer cannot come at once. */
export interface LaterReplies {
  later(): LaterReply;
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
  readonly databases: readonly DatabaseCounts[];
}

/** Bytes of the engine over all shards: what was handed out, and what is held to hand out from. */
export interface EngineMemory {
  readonly allocatedBytes: number;
  readonly heldBytes: number;
  readonly shards: number;
}

/** What may be set on a tenant's share of the engine. */
export interface RealmSettings {
  readonly limitBytes: number;
  readonly policy: EvictionPolicy;
  /** How long a value may become; 0 is no limit of the tenant's own. */
  readonly valueBytesMax: number;
}

/** Engine options that CONFIG SET may change while running. */
export interface EngineSettings extends CollectionLimits {
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: EvictionPolicy;
  readonly maxmemorySamples: number;
  readonly lfuLogFactor: number;
  readonly lfuDecayMinutes: number;
  readonly activeExpireEffort: number;
  /** proto-max-bulk-len: of an argument, and of what APPEND and the like may make of a value. */
  readonly protoMaxBulkBytes: number;
}

export interface Backend {
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
