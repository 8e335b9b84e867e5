/** The control messages between the pool and its workers; request and reply batches travel as bare `ArrayBuffer`s. */

import type { Result } from '../base/result.ts';
import type { EngineSettings, Invalidation, RealmSettings, WaitCut } from '../command/ports/backend.ts';
import type { DurabilitySettings, DurabilityStatus, LoadedShard } from '../command/ports/durability.ts';
import type { BackgroundEvent } from './background.ts';
import type { Debt } from './mailbox.ts';

/** What a worker is born with. */
export interface WorkerBirth {
  readonly shard: number;
  readonly shards: number;
  /** The index hash is keyed; every shard gets the same key, chosen at random when the process starts. */
  readonly hashKey: readonly [number, number];
  readonly seed: number;
  readonly statistics: SharedArrayBuffer;
  /** Bytes used per tenant, counted by all shards together. */
  readonly usedUnits: SharedArrayBuffer;
  readonly engine: EngineSettings;
  readonly realms: readonly (readonly [tenantNumber: number, settings: RealmSettings])[];
  /** Where and how it is kept; undefined: nowhere. Loading begins when the pool says so. */
  readonly durable: { readonly folder: string; readonly settings: DurabilitySettings } | undefined;
}

/** What a shard is to write: a dump, its log anew, or a backup to a file of its own, of everybody or of one tenant. */
export type PersistOrder = 'save' | 'rewrite' | { readonly path: string; readonly tenant: string | undefined };

export type ToWorker =
  | { readonly kind: 'realm'; readonly tenantNumber: number; readonly settings: RealmSettings }
  | { readonly kind: 'removeRealm'; readonly tenantNumber: number }
  | { readonly kind: 'engine'; readonly settings: EngineSettings }
  | { readonly kind: 'resetStatistics'; readonly tenantNumber: number }
  /** A client's wait is to end. */
  | { readonly kind: 'cut'; readonly client: number; readonly how: WaitCut }
  /** A client watches nothing any more. */
  | { readonly kind: 'unwatch'; readonly client: number }
  /** A client is gone that has left traces. */
  | { readonly kind: 'forget'; readonly client: number }
  /** Whether anybody of a tenant wants to hear of every change. */
  | { readonly kind: 'broadcast'; readonly tenantNumber: number; readonly isWanted: boolean }
  /** A large batch of replies has been taken over: the worker may go on. */
  | { readonly kind: 'taken'; readonly bytes: number }
  /** What is on the disk is to be loaded. */
  | { readonly kind: 'load' }
  | { readonly kind: 'tenantNumber'; readonly name: string; readonly number: number }
  | { readonly kind: 'durability'; readonly settings: DurabilitySettings }
  | { readonly kind: 'persist'; readonly what: PersistOrder; readonly id: number }
  | { readonly kind: 'close' };

/** What a shard has to say besides replies. */
export type NewsItem =
  | { readonly kind: 'served'; readonly client: number; readonly bytes: Uint8Array; readonly debt?: Debt }
  | {
      readonly kind: 'event';
      readonly tenantNumber: number;
      readonly databaseNumber: number;
      readonly name: string;
      readonly key: Uint8Array;
    }
  | {
      readonly kind: 'invalidated';
      readonly tenantNumber: number;
      readonly key: string;
      readonly change: Invalidation;
    }
  | { readonly kind: 'flushed'; readonly tenantNumber: number; readonly writer: number }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };

/** Of a message: what has this debt or more waits until its ticket is settled. Tickets are settled in order. */
export interface Owed {
  readonly from: Debt;
  readonly ticket: number;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'closed' }
  /** A batch of replies, and what has to be said behind them. */
  | {
      readonly kind: 'batch';
      readonly replies: ArrayBuffer;
      readonly items: readonly NewsItem[];
      readonly owed?: Owed | undefined;
    }
  /** Behind all replies to what was run before. */
  | { readonly kind: 'news'; readonly items: readonly NewsItem[]; readonly owed?: Owed | undefined }
  /** One reply that is too large for a batch, in memory that changes hands. */
  | {
      readonly kind: 'reply';
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly ran_ms: number;
      readonly owed?: Owed | undefined;
    }
  /** What waits for this ticket, or an earlier one, may be told; or nobody will ever know whether it is kept. */
  | { readonly kind: 'settled'; readonly ticket: number; readonly isKept: boolean }
  | { readonly kind: 'loaded'; readonly result: Result<LoadedShard> }
  /** The data of a tenant that the worker knows no number of. */
  | { readonly kind: 'tenant'; readonly name: string }
  | { readonly kind: 'durability'; readonly status: DurabilityStatus }
  | { readonly kind: 'persisted'; readonly id: number; readonly result: Result<void> }
  | ({ readonly kind: 'line' } & StoreLine)
  | ({ readonly kind: 'slow' } & SlowCommand)
  /** Background work that took as long as the latency monitor looks for. */
  | { readonly kind: 'stalled'; readonly event: BackgroundEvent; readonly duration_ms: number };

/** What a store has to say to people. */
export interface StoreLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** A command that took as long as the slow log looks for. */
export interface SlowCommand {
  readonly connection: number;
  readonly tenant: number;
  readonly command: number;
  readonly duration_us: number;
  /** As the slow log keeps them. */
  readonly words: readonly string[];
}
