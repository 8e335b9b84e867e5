/**
 * Every option that CONFIG GET shows, one row each. An option is either real, its value being what the process lives by,
 * or it is not here.
 */
import { keyspaceEventsText, parseKeyspaceEvents } from '../../base/keyspace-events.ts';
import { SLOWLOG_ENTRIES_MAX } from '../../base/limits.ts';
import { failure, type Result, success } from '../../base/result.ts';
import { DUMP_NAME, LOG_FOLDER_NAME, LOG_PREFIX } from '../../persist/files.ts';
import type { Facts, Settings } from './settings.ts';
import {
  type Bounds,
  INT_MAX,
  INT_MIN,
  LONG_MAX,
  outputLimitsText,
  parseChoice,
  parseMemory,
  parseNumber,
  parseOutputLimits,
  parsePercentiles,
  parseSavePoints,
  parseYesNo,
  UINT_MAX,
} from './values.ts';

export interface Option {
  readonly name: string;
  /** `everyone`: also users of tenants, with their own budget in place of the process' limits. */
  readonly seenBy: 'everyone' | 'operators';
  readonly get: (settings: Settings, facts: Facts) => string;
  /** `protected`: names a place on the disk, which a client must never choose. */
  readonly set: ((text: string, settings: Settings) => Result<Settings>) | 'immutable' | 'protected';
}

type NumberField = { [Name in keyof Settings]: Settings[Name] extends number ? Name : never }[keyof Settings];

function quantity(
  parse: (text: string, bounds: Bounds) => Result<number>,
  name: string,
  field: NumberField,
  min: bigint,
  max: bigint,
): Option {
  return {
    name,
    seenBy: 'everyone',
    get: (settings) => String(settings[field]),
    set(text, settings) {
      const value = parse(text, { min, max });
      return value.ok ? success({ ...settings, [field]: value.value }) : value;
    },
  };
}

function memory(name: string, field: NumberField, min: bigint): Option {
  return quantity(parseMemory, name, field, min, LONG_MAX);
}

function number(name: string, field: NumberField, min: bigint, max: bigint): Option {
  return quantity(parseNumber, name, field, min, max);
}

/** A number that redis.conf also knows by the name it had before listpacks. */
function renamed(before: string, name: string, field: NumberField): Option[] {
  return [number(name, field, 0n, LONG_MAX), number(before, field, 0n, LONG_MAX)];
}

type FlagField = { [Name in keyof Settings]: Settings[Name] extends boolean ? Name : never }[keyof Settings];

function flag(name: string, field: FlagField): Option {
  return {
    name,
    seenBy: 'everyone',
    get: (settings) => yesNo(settings[field]),
    set(text, settings) {
      const value = parseYesNo(text);
      return value.ok ? success({ ...settings, [field]: value.value }) : value;
    },
  };
}

function fact(name: string, get: (facts: Facts) => string, seenBy: Option['seenBy'] = 'everyone'): Option {
  return { name, seenBy, get: (_settings, facts) => get(facts), set: 'immutable' };
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

/** In the order in which redis-server names them when a wrong one is given. */
const POLICIES_IN_ERRORS = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
] as const;

const MEGABYTE = 1024n * 1024n;

export const OPTIONS: readonly Option[] = [
  memory('maxmemory', 'maxmemoryBytes', 0n),
  {
    name: 'maxmemory-policy',
    seenBy: 'everyone',
    get: (settings) => settings.maxmemoryPolicy,
    set(text, settings) {
      const policy = parseChoice(text, POLICIES_IN_ERRORS);
      return policy.ok ? success({ ...settings, maxmemoryPolicy: policy.value }) : policy;
    },
  },
  number('maxmemory-samples', 'maxmemorySamples', 1n, INT_MAX),
  number('lfu-log-factor', 'lfuLogFactor', 0n, INT_MAX),
  number('lfu-decay-time', 'lfuDecayMinutes', 0n, INT_MAX),
  number('active-expire-effort', 'activeExpireEffort', 1n, 10n),
  number('maxclients', 'maxclients', 1n, UINT_MAX),
  number('timeout', 'timeoutSeconds', 0n, INT_MAX),
  number('tcp-keepalive', 'tcpKeepaliveSeconds', 0n, INT_MAX),
  ...renamed('hash-max-ziplist-entries', 'hash-max-listpack-entries', 'hashMaxListpackEntries'),
  ...renamed('hash-max-ziplist-value', 'hash-max-listpack-value', 'hashMaxListpackValueBytes'),
  ...renamed('zset-max-ziplist-entries', 'zset-max-listpack-entries', 'zsetMaxListpackEntries'),
  ...renamed('zset-max-ziplist-value', 'zset-max-listpack-value', 'zsetMaxListpackValueBytes'),
  number('set-max-intset-entries', 'setMaxIntsetEntries', 0n, LONG_MAX),
  number('set-max-listpack-entries', 'setMaxListpackEntries', 0n, LONG_MAX),
  number('set-max-listpack-value', 'setMaxListpackValueBytes', 0n, LONG_MAX),
  number('list-max-listpack-size', 'listMaxListpackSize', INT_MIN, INT_MAX),
  number('list-max-ziplist-size', 'listMaxListpackSize', INT_MIN, INT_MAX),
  memory('stream-node-max-bytes', 'streamNodeMaxBytes', 0n),
  number('stream-node-max-entries', 'streamNodeMaxEntries', 0n, LONG_MAX),
  memory('hll-sparse-max-bytes', 'hllSparseMaxBytes', 0n),
  memory('proto-max-bulk-len', 'protoMaxBulkBytes', MEGABYTE),
  memory('client-query-buffer-limit', 'clientQueryBufferBytes', MEGABYTE),
  {
    name: 'client-output-buffer-limit',
    seenBy: 'everyone',
    get: (settings) => outputLimitsText(settings.outputLimits),
    set(text, settings) {
      const limits = parseOutputLimits(text, settings.outputLimits);
      return limits.ok ? success({ ...settings, outputLimits: limits.value }) : limits;
    },
  },
  number('slowlog-log-slower-than', 'slowlogSlowerThan_us', -1n, LONG_MAX),
  number('slowlog-max-len', 'slowlogMaxLength', 0n, BigInt(SLOWLOG_ENTRIES_MAX)),
  number('latency-monitor-threshold', 'latencyThreshold_ms', 0n, LONG_MAX),
  flag('latency-tracking', 'latencyTracking'),
  number('tenant-turn-ms', 'tenantTurn_ms', 0n, INT_MAX),
  {
    name: 'latency-tracking-info-percentiles',
    seenBy: 'everyone',
    get: (settings) => settings.latencyPercentiles.join(' '),
    set(text, settings) {
      const value = parsePercentiles(text);
      return value.ok ? success({ ...settings, latencyPercentiles: value.value }) : value;
    },
  },
  {
    name: 'notify-keyspace-events',
    seenBy: 'everyone',
    get: (settings) => keyspaceEventsText(settings.keyspaceEvents),
    set(text, settings) {
      const keyspaceEvents = parseKeyspaceEvents(text);
      if (keyspaceEvents === undefined) return failure("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
      return success({ ...settings, keyspaceEvents });
    },
  },
  number('tracking-table-max-keys', 'trackingTableMaxKeys', 0n, LONG_MAX),
  flag('appendonly', 'appendonly'),
  {
    name: 'appendfsync',
    seenBy: 'everyone',
    get: (settings) => settings.appendfsync,
    set(text, settings) {
      const policy = parseChoice(text, ['everysec', 'always', 'no']);
      return policy.ok ? success({ ...settings, appendfsync: policy.value }) : policy;
    },
  },
  flag('aof-load-truncated', 'logLoadTruncated'),
  number('auto-aof-rewrite-percentage', 'logRewritePercent', 0n, INT_MAX),
  memory('auto-aof-rewrite-min-size', 'logRewriteMinBytes', 0n),
  flag('stop-writes-on-bgsave-error', 'stopsWritesOnSaveError'),
  {
    name: 'save',
    seenBy: 'everyone',
    get: ({ savePoints }) => savePoints.map(({ seconds, changes }) => `${seconds} ${changes}`).join(' '),
    set(text, settings) {
      const savePoints = parseSavePoints(text);
      return savePoints.ok ? success({ ...settings, savePoints: savePoints.value }) : savePoints;
    },
  },
  { ...number('acllog-max-len', 'acllogMaxLength', 0n, LONG_MAX), seenBy: 'operators' },
  fact('list-compress-depth', () => '0'),
  fact('databases', (facts) => String(facts.databases)),
  fact('hz', () => '10'),
  fact('aof-use-rdb-preamble', () => 'yes'),
  fact('aof-timestamp-enabled', () => 'no'),
  fact('no-appendfsync-on-rewrite', () => 'no'),
  fact('rdbcompression', () => 'yes'),
  fact('rdbchecksum', () => 'yes'),
  fact('appendfilename', () => LOG_PREFIX),
  fact('appenddirname', () => LOG_FOLDER_NAME),
  fact('cluster-enabled', () => 'no'),
  fact('maxmemory-clients', () => '0'),
  fact('replicaof', () => '', 'operators'),
  fact('aclfile', () => '', 'operators'),
  fact('logfile', () => '', 'operators'),
  fact('port', (facts) => String(facts.plainPort), 'operators'),
  fact('tls-port', (facts) => String(facts.tlsPort), 'operators'),
  fact('bind', (facts) => facts.bind, 'operators'),
  fact('protected-mode', (facts) => yesNo(facts.protectedMode), 'operators'),
  fact('enable-debug-command', (facts) => (facts.debugAllowed ? 'local' : 'no'), 'operators'),
  // A password is set by ACL SETUSER or by policy, and shown to nobody.
  fact('requirepass', () => '', 'operators'),
  { name: 'dbfilename', seenBy: 'operators', get: () => DUMP_NAME, set: 'protected' },
  { name: 'dir', seenBy: 'operators', get: (_settings, facts) => facts.dataFolder, set: 'protected' },
];
