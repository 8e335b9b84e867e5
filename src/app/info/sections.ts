/**
 * The sections of INFO, with redis-server's names in redis-server's order: tools read them by name, and some by place.
 * What this server does not have yet is shown as redis shows it when it is switched off.
 */
import { percentile_us } from '../../observe/histogram.ts';
import { persistence } from './persistence.ts';
import type { Picture } from './picture.ts';

export type Line = readonly [name: string, value: string | number];

export interface Section {
  /** As INFO takes it. */
  readonly name: string;
  readonly title: string;
  /** Part of a plain INFO. */
  readonly byDefault: boolean;
  readonly lines: (picture: Picture) => readonly Line[];
}

const HUMAN_UNITS = ['B', 'K', 'M', 'G', 'T'];

/** As bytesToHuman of redis: `894.93K`, `200B`. */
export function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < HUMAN_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${HUMAN_UNITS[unit]}`;
}

function ratio(part: number, whole: number): string {
  return whole === 0 ? '0.00' : (part / whole).toFixed(2);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '0.00%' : `${((part / whole) * 100).toFixed(2)}%`;
}

const SECONDS_PER_DAY = 86_400;
/** redis' LRU clock: seconds, 24 bits. */
const LRU_CLOCK_MAX = 1 << 24;

function server({ process, isOperator }: Picture): readonly Line[] {
  const uptime_s = Math.max(0, Math.floor((process.now_ms - process.startedAt_ms) / 1000));
  const identity: readonly Line[] = [
    ['redis_version', '7.2.0'],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'standalone'],
  ];
  const machine: readonly Line[] = [
    ['os', process.os],
    ['arch_bits', 64],
    ['monotonic_clock', 'POSIX clock_gettime'],
    ['multiplexing_api', 'epoll'],
    ['process_id', process.pid],
    ['process_supervised', 'no'],
  ];
  return [
    ...identity,
    ...(isOperator ? machine : ([['arch_bits', 64]] satisfies readonly Line[])),
    ['run_id', process.runId],
    ['tcp_port', process.tcpPort],
    ['server_time_usec', process.now_ms * 1000],
    ['uptime_in_seconds', uptime_s],
    ['uptime_in_days', Math.floor(uptime_s / SECONDS_PER_DAY)],
    ['hz', 10],
    ['configured_hz', 10],
    ['lru_clock', Math.floor(process.now_ms / 1000) % LRU_CLOCK_MAX],
    ...(isOperator ? ([['executable', process.executable]] satisfies readonly Line[]) : []),
    ['config_file', ''],
    ['io_threads_active', 0],
    ...(isOperator ? process.listeners.map(listenerLine) : []),
    ['portcullis_version', process.version],
    ...(isOperator
      ? ([
          ['portcullis_runtime', process.runtime],
          ['portcullis_shards', process.shards],
        ] satisfies readonly Line[])
      : []),
  ];
}

/** As redis writes them since 7.2. */
function listenerLine({ name, bind, port }: Picture['process']['listeners'][number], index: number): Line {
  return [`listener${index}`, `name=${name},bind=${bind},port=${port}`];
}

function clients({ clients: figures, data }: Picture): readonly Line[] {
  return [
    ['connected_clients', figures.connected],
    ['cluster_connections', 0],
    ['maxclients', figures.maxclients],
    ['client_recent_max_input_buffer', figures.largestInputBytes],
    ['client_recent_max_output_buffer', figures.largestOutputBytes],
    ['blocked_clients', figures.blocked],
    ['tracking_clients', figures.tracking],
    ['pubsub_clients', figures.subscribers],
    ['watching_clients', figures.watching],
    ['clients_in_timeout_table', figures.waitingWithTimeout],
    ['total_blocking_keys', data.blockingKeys],
    ['total_blocking_keys_on_nokey', data.blockingKeysOnNoKey],
  ];
}

/** Nothing runs scripts here. */
const NO_SCRIPTS: readonly Line[] = [
  ['used_memory_lua', 0],
  ['used_memory_vm_eval', 0],
  ['used_memory_lua_human', '0B'],
  ['used_memory_scripts_eval', 0],
  ['number_of_cached_scripts', 0],
  ['number_of_functions', 0],
  ['number_of_libraries', 0],
  ['used_memory_vm_functions', 0],
  ['used_memory_vm_total', 0],
  ['used_memory_vm_total_human', '0B'],
  ['used_memory_functions', 0],
  ['used_memory_scripts', 0],
  ['used_memory_scripts_human', '0B'],
];

function memory({ memory: figures, clients: { bufferedBytes } }: Picture): readonly Line[] {
  const { usedBytes, overheadBytes, peakBytes, limitBytes, policy, process } = figures;
  const resident = process?.residentBytes ?? usedBytes;
  const held = process?.heldBytes ?? usedBytes;
  const allocated = process?.allocatedBytes ?? usedBytes;
  const lines: Line[] = [
    ['used_memory', usedBytes],
    ['used_memory_human', humanBytes(usedBytes)],
    ['used_memory_rss', resident],
    ['used_memory_rss_human', humanBytes(resident)],
    ['used_memory_peak', peakBytes],
    ['used_memory_peak_human', humanBytes(peakBytes)],
    ['used_memory_peak_perc', percent(usedBytes, peakBytes)],
    ['used_memory_overhead', overheadBytes],
    ['used_memory_startup', 0],
    ['used_memory_dataset', usedBytes - overheadBytes],
    ['used_memory_dataset_perc', percent(usedBytes - overheadBytes, usedBytes)],
    ['allocator_allocated', allocated],
    ['allocator_active', held],
    ['allocator_resident', held],
  ];
  if (process !== undefined) {
    lines.push(['total_system_memory', process.systemBytes]);
    lines.push(['total_system_memory_human', humanBytes(process.systemBytes)]);
  }
  lines.push(
    ...NO_SCRIPTS,
    ['maxmemory', limitBytes],
    ['maxmemory_human', humanBytes(limitBytes)],
    ['maxmemory_policy', policy],
    ['allocator_frag_ratio', ratio(held, allocated)],
    ['allocator_frag_bytes', Math.max(0, held - allocated)],
    ['allocator_rss_ratio', '1.00'],
    ['allocator_rss_bytes', 0],
    ['rss_overhead_ratio', ratio(resident, held)],
    ['rss_overhead_bytes', resident - held],
    ['mem_fragmentation_ratio', ratio(resident, usedBytes)],
    ['mem_fragmentation_bytes', resident - usedBytes],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', bufferedBytes],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'portcullis-arena'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', process?.pendingFrees ?? 0],
    ['lazyfreed_objects', 0],
  );
  return lines;
}

function kilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(2);
}

function stats(picture: Picture): readonly Line[] {
  return [...trafficLines(picture), ...keyLines(picture), ...replyLines(picture)];
}

function trafficLines({ traffic }: Picture) {
  return [
    ['total_connections_received', traffic.connectionsReceived],
    ['total_commands_processed', traffic.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.round(traffic.commandsPerSecond)],
    ['total_net_input_bytes', traffic.bytesIn],
    ['total_net_output_bytes', traffic.bytesOut],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', kilobytes(traffic.bytesInPerSecond)],
    ['instantaneous_output_kbps', kilobytes(traffic.bytesOutPerSecond)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', traffic.connectionsRejected],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
  ] satisfies readonly Line[];
}

function keyLines({ data, expiryCycle_ms, clients: { channels, patterns, shardChannels, prefixes } }: Picture) {
  return [
    ['expired_keys', data.expired],
    ['expired_subkeys', data.expiredFields],
    ['expired_stale_perc', data.expiredStalePercent.toFixed(2)],
    ['expired_time_cap_reached_count', data.expirySlicesCut],
    ['expire_cycle_cpu_milliseconds', Math.floor(expiryCycle_ms)],
    ['evicted_keys', data.evicted],
    ['evicted_clients', 0],
    ['total_eviction_exceeded_time', 0],
    ['current_eviction_exceeded_time', 0],
    ['keyspace_hits', data.hits],
    ['keyspace_misses', data.misses],
    ['pubsub_channels', channels],
    ['pubsub_patterns', patterns],
    ['pubsubshard_channels', shardChannels],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['total_active_defrag_time', 0],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', data.trackedKeys],
    ['tracking_total_items', data.trackedItems],
    ['tracking_total_prefixes', prefixes],
  ] satisfies readonly Line[];
}

function replyLines({ traffic, clients: { queryBufferDisconnections, outputBufferDisconnections } }: Picture) {
  return [
    ['unexpected_error_replies', 0],
    ['total_error_replies', traffic.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', traffic.reads],
    ['total_writes_processed', traffic.writes],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ['client_query_buffer_limit_disconnections', queryBufferDisconnections],
    ['client_output_buffer_limit_disconnections', outputBufferDisconnections],
    ['acl_access_denied_auth', traffic.deniedAuth],
    ['acl_access_denied_cmd', traffic.deniedCommand],
    ['acl_access_denied_key', traffic.deniedKey],
    ['acl_access_denied_channel', traffic.deniedChannel],
    ['acl_access_denied_tls_cert', traffic.deniedCertificate],
  ] satisfies readonly Line[];
}

function replication({ process }: Picture): readonly Line[] {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', process.runId],
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', 1_048_576],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  ];
}

function cpu({ process }: Picture): readonly Line[] {
  const seconds = (microseconds: number) => (microseconds / 1_000_000).toFixed(6);
  const { cpu: all, threadCpu } = process;
  return [
    ['used_cpu_sys', seconds(all.systemMicroseconds)],
    ['used_cpu_user', seconds(all.userMicroseconds)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', seconds(threadCpu.systemMicroseconds)],
    ['used_cpu_user_main_thread', seconds(threadCpu.userMicroseconds)],
  ];
}

function commandstats({ commands }: Picture): readonly Line[] {
  return commands
    .filter(({ calls, rejectedCalls }) => calls > 0 || rejectedCalls > 0)
    .map(({ name, calls, microseconds, rejectedCalls, failedCalls }) => {
      const perCall = calls === 0 ? '0.00' : (microseconds / calls).toFixed(2);
      const value = `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${perCall},rejected_calls=${rejectedCalls},failed_calls=${failedCalls}`;
      return [`cmdstat_${name}`, value];
    });
}

function errorstats({ errors }: Picture): readonly Line[] {
  return errors.map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function latencystats({ latencies, percentiles }: Picture): readonly Line[] {
  return latencies().map(([name, histogram]) => {
    const shares = percentiles.map((percent) => `p${percent}=${percentile_us(histogram, percent).toFixed(3)}`);
    return [`latency_percentiles_usec_${name}`, shares.join(',')];
  });
}

function keyspace({ keyspace: counts }: Picture): readonly Line[] {
  return counts.databases
    .filter(({ keys }) => keys > 0)
    .map(({ databaseNumber, keys, expires, averageTtl_ms }) => [
      `db${databaseNumber}`,
      `keys=${keys},expires=${expires},avg_ttl=${Math.round(averageTtl_ms)}`,
    ]);
}

const NOTHING = (): readonly Line[] => [];

export const SECTIONS: readonly Section[] = [
  { name: 'server', title: 'Server', byDefault: true, lines: server },
  { name: 'clients', title: 'Clients', byDefault: true, lines: clients },
  { name: 'memory', title: 'Memory', byDefault: true, lines: memory },
  { name: 'persistence', title: 'Persistence', byDefault: true, lines: persistence },
  { name: 'stats', title: 'Stats', byDefault: true, lines: stats },
  { name: 'replication', title: 'Replication', byDefault: true, lines: replication },
  { name: 'cpu', title: 'CPU', byDefault: true, lines: cpu },
  { name: 'modules', title: 'Modules', byDefault: true, lines: NOTHING },
  { name: 'commandstats', title: 'Commandstats', byDefault: false, lines: commandstats },
  { name: 'errorstats', title: 'Errorstats', byDefault: true, lines: errorstats },
  { name: 'latencystats', title: 'Latencystats', byDefault: false, lines: latencystats },
  { name: 'cluster', title: 'Cluster', byDefault: true, lines: () => [['cluster_enabled', 0]] },
  { name: 'keyspace', title: 'Keyspace', byDefault: true, lines: keyspace },
  { name: 'gateway', title: 'Gateway', byDefault: true, lines: ({ gateway }) => gateway },
];

/** Sections that tell of the process as a whole: not for users of a tenant. */
export const OPERATOR_SECTIONS: ReadonlySet<string> = new Set(['cpu', 'gateway']);
