/** What the gateway and the process know of durability: what acknowledgements wait for, and what may be asked for and seen. */
import type { Result } from '../../base/result.ts';

/** `appendfsync`. */
export type SyncPolicy = 'always' | 'everysec' | 'no';

/** How far something must be kept before it may be told: it survives kill -9, or also a power cut. */
export type Kept = 'written' | 'synced';

/** What may be changed while it runs. */
export interface DurabilitySettings {
  readonly appendonly: boolean;
  readonly appendfsync: SyncPolicy;
  /** `aof-load-truncated`. */
  readonly logLoadTruncated: boolean;
  /** `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`, of the log of one shard. */
  readonly logRewritePercent: number;
  readonly logRewriteMinBytes: number;
  /** `stop-writes-on-bgsave-error`. */
  readonly stopsWritesOnSaveError: boolean;
}

/** What INFO persistence is written from: one shard's, or all shards' together. Durations are -1 where there is none. */
export interface DurabilityStatus {
  readonly changesSinceSave: number;
  readonly isSaving: boolean;
  readonly savingFor_s: number;
  readonly isLastSaveGood: boolean;
  /** Milliseconds since the epoch. */
  readonly lastSave_ms: number;
  readonly lastSaveTook_s: number;
  readonly saves: number;
  readonly keysVisited: number;
  readonly keysTotal: number;
  readonly isLogging: boolean;
  readonly isRewriting: boolean;
  readonly isRewriteScheduled: boolean;
  readonly rewritingFor_s: number;
  readonly isLastRewriteGood: boolean;
  readonly lastRewriteTook_s: number;
  readonly rewrites: number;
  readonly rewriteFailures: number;
  readonly isLastWriteGood: boolean;
  readonly logBytes: number;
  /** Of the log when it was last written anew. */
  readonly logBaseBytes: number;
  readonly bufferedBytes: number;
  readonly pendingSyncs: number;
  readonly delayedSyncs: number;
  readonly keysLoaded: number;
  readonly keysExpiredOnLoad: number;
  readonly loadedBytes: number;
  readonly loadTotalBytes: number;
}

export const NOTHING_DURABLE: DurabilityStatus = {
  changesSinceSave: 0,
  isSaving: false,
  savingFor_s: -1,
  isLastSaveGood: true,
  lastSave_ms: 0,
  lastSaveTook_s: -1,
  saves: 0,
  keysVisited: 0,
  keysTotal: 0,
  isLogging: false,
  isRewriting: false,
  isRewriteScheduled: false,
  rewritingFor_s: -1,
  isLastRewriteGood: true,
  lastRewriteTook_s: -1,
  rewrites: 0,
  rewriteFailures: 0,
  isLastWriteGood: true,
  logBytes: 0,
  logBaseBytes: 0,
  bufferedBytes: 0,
  pendingSyncs: 0,
  delayedSyncs: 0,
  keysLoaded: 0,
  keysExpiredOnLoad: 0,
  loadedBytes: 0,
  loadTotalBytes: 0,
};

/** What was found at the start, for people. */
export interface LoadedShard {
  readonly source: 'log' | 'dump' | 'nothing';
  readonly paths: readonly string[];
  readonly keys: number;
  /** Keys of a dump whose time was over. */
  readonly expired: number;
  readonly records: number;
}

/** A backend's side of it. */
export interface Durability {
  /** How far what has run since `takeDebt` must be kept before it may be told; undefined: it may be told now. */
  readonly debt: Kept | undefined;
  /** The same, and what runs from now on is on its own account. */
  takeDebt(): Kept | undefined;
  /** `done` is told, maybe at once: true when all that has run so far is kept so far, false when that will never be known. */
  whenKept(kept: Kept, done: (isKept: boolean) => void): void;
  /** Whether something has to be written at the end of the turn. */
  readonly isDirty: boolean;
  /** The end of the turn: what has changed is written, with one call. */
  commit(): void;
  /** Loads all there is, then begins to log. To be called once. The fault is one line. */
  load(): Promise<Result<readonly LoadedShard[]>>;
  configure(settings: DurabilitySettings): void;
  status(): DurabilityStatus;
  /** Writes a dump of the state of now; of several shards one each. */
  save(): Promise<Result<void>>;
  /** Writes the log anew. */
  rewrite(): Promise<Result<void>>;
  /** Writes what each shard holds, or one tenant's part of it, to a file of that folder, named by {@link backupFileName}. */
  backup(folder: string, tenant: string | undefined): Promise<Result<void>>;
}

export function backupFileName(shard: number): string {
  return `shard-${shard}.rdb`;
}

/** Of a backend that keeps nothing. */
export const NO_DURABILITY: Durability = {
  debt: undefined,
  takeDebt: () => undefined,
  whenKept: (_kept, done) => done(true),
  isDirty: false,
  commit() {},
  load: async () => ({ ok: true, value: [] }),
  configure() {},
  status: () => NOTHING_DURABLE,
  save: async () => ({ ok: false, fault: 'nothing is kept here' }),
  rewrite: async () => ({ ok: false, fault: 'nothing is kept here' }),
  backup: async () => ({ ok: false, fault: 'nothing is kept here' }),
};
