/**
 * The options of the process that CONFIG may change, as one immutable record: a change makes a new record, which is handed
 * to whoever lives by it.
 */
import { COLLECTION_LIMITS_DEFAULT } from '../../base/collection-limits.ts';
import { TURN_MS_DEFAULT } from '../../base/limits.ts';
import type { EngineSettings } from '../../command/ports/backend.ts';
import type { DurabilitySettings } from '../../command/ports/durability.ts';

/** One class of `client-output-buffer-limit`; 0 is no limit. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

export interface OutputLimits {
  readonly normal: OutputLimit;
  readonly replica: OutputLimit;
  readonly pubsub: OutputLimit;
}

/** `save 900 1`. */
export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

export interface Settings extends EngineSettings, DurabilitySettings {
  readonly savePoints: readonly SavePoint[];
  readonly maxclients: number;
  /** Idle seconds after which a client is closed; 0 never. */
  readonly timeoutSeconds: number;
  readonly tcpKeepaliveSeconds: number;
  readonly clientQueryBufferBytes: number;
  readonly outputLimits: OutputLimits;
  readonly acllogMaxLength: number;
  /** Entries of one tenant's slow log. */
  readonly slowlogMaxLength: number;
  /** So long the pipelines of one tenant run in one go while it is alone; 0: to their end, as redis-server's do. */
  readonly tenantTurn_ms: number;
  /** Histograms of commands. */
  readonly latencyTracking: boolean;
  /** Those that INFO latencystats shows. */
  readonly latencyPercentiles: readonly number[];
  /** `notify-keyspace-events` as bits (base/keyspace-events.ts): for tenants that have no word of their own. */
  readonly keyspaceEvents: number;
  /** Keys that the invalidation table of one tenant remembers; 0 is no limit. */
  readonly trackingTableMaxKeys: number;
}

/** What cannot change while the process runs. */
export interface Facts {
  readonly bind: string;
  /** 0 when there is no such listener. */
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly dataFolder: string;
  readonly databases: number;
  /** Whether plain connections from other machines are refused unless policy allows them. */
  readonly protectedMode: boolean;
  readonly debugAllowed: boolean;
}

const MEGABYTE = 1024 * 1024;

const ENGINE_DEFAULTS: EngineSettings = {
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  maxmemorySamples: 5,
  lfuLogFactor: 10,
  lfuDecayMinutes: 1,
  activeExpireEffort: 1,
  protoMaxBulkBytes: 512 * MEGABYTE,
  keyspaceEvents: 0,
  trackingTableMaxKeys: 1_000_000,
  slowlogSlowerThan_us: 10_000,
  latencyThreshold_ms: 0,
  expiresActively: true,
  ...COLLECTION_LIMITS_DEFAULT,
};

/** Kept as a log, synced every second: what whoever says nothing gets. */
const DURABILITY_DEFAULTS: DurabilitySettings = {
  appendonly: true,
  appendfsync: 'everysec',
  logLoadTruncated: true,
  logRewritePercent: 100,
  logRewriteMinBytes: 64 * MEGABYTE,
  stopsWritesOnSaveError: true,
};

/** What a bare redis-server has; the trusted loopback lives by these. */
export const REDIS_DEFAULTS: Settings = {
  ...ENGINE_DEFAULTS,
  ...DURABILITY_DEFAULTS,
  savePoints: [],
  maxclients: 10_000,
  timeoutSeconds: 0,
  tcpKeepaliveSeconds: 300,
  clientQueryBufferBytes: 1024 * MEGABYTE,
  outputLimits: {
    normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
    replica: { hardBytes: 256 * MEGABYTE, softBytes: 64 * MEGABYTE, softSeconds: 60 },
    pubsub: { hardBytes: 32 * MEGABYTE, softBytes: 8 * MEGABYTE, softSeconds: 60 },
  },
  acllogMaxLength: 128,
  slowlogMaxLength: 128,
  tenantTurn_ms: TURN_MS_DEFAULT,
  latencyTracking: true,
  latencyPercentiles: [50, 99, 99.9],
  keyspaceEvents: 0,
  trackingTableMaxKeys: 1_000_000,
};

/** What a server among strangers should have: nobody idles for ever, and no reader lets replies pile up without bound. */
export const GATEWAY_DEFAULTS: Settings = {
  ...REDIS_DEFAULTS,
  timeoutSeconds: 300,
  tcpKeepaliveSeconds: 60,
  protoMaxBulkBytes: 64 * MEGABYTE,
  clientQueryBufferBytes: 64 * MEGABYTE,
  outputLimits: {
    ...REDIS_DEFAULTS.outputLimits,
    normal: { hardBytes: 256 * MEGABYTE, softBytes: 64 * MEGABYTE, softSeconds: 60 },
  },
};
