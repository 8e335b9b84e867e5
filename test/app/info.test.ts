import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { infoText } from '../../src/app/info/info.ts';
import type { Picture } from '../../src/app/info/picture.ts';
import { Rate } from '../../src/app/info/rates.ts';
import { humanBytes } from '../../src/app/info/sections.ts';
import { NOTHING_DURABLE } from '../../src/command/ports/durability.ts';
import { bucketOf, newHistogram } from '../../src/observe/histogram.ts';
import { RedisServer, redisServerInstalled } from '../wire/redis-server.ts';

const COUNTS = {
  usedBytes: 1000,
  limitBytes: 2000,
  hits: 3,
  misses: 4,
  expired: 5,
  expiredFields: 8,
  evicted: 6,
  expirySlicesCut: 8,
  trackedKeys: 0,
  trackedItems: 0,
  blockingKeys: 0,
  blockingKeysOnNoKey: 0,
  expiredStalePercent: 1.234,
  databases: [
    { databaseNumber: 0, keys: 7, expires: 2, averageTtl_ms: 999.6 },
    { databaseNumber: 3, keys: 0, expires: 0, averageTtl_ms: 0 },
  ],
};

function histogramOf(...durations_ms: readonly number[]) {
  const histogram = newHistogram();
  for (const duration_ms of durations_ms) {
    const bucket = bucketOf(duration_ms);
    histogram[bucket] = (histogram[bucket] ?? 0) + 1;
  }
  return histogram;
}

function picture(isOperator: boolean): Picture {
  return {
    durability: NOTHING_DURABLE,
    backups: { last_ms: 0, isLastGood: true, isRunning: false, taken: 0, failures: 0 },
    tenant: 'one',
    isOperator,
    process: {
      runId: 'a'.repeat(40),
      version: '0.1.0',
      os: 'Linux',
      runtime: 'bun 1',
      pid: 1,
      tcpPort: 6380,
      executable: '/bin/bun',
      startedAt_ms: 0,
      now_ms: 90_000_000,
      shards: 1,
      loading: false,
      listeners: [{ name: 'tls', bind: '127.0.0.1', port: 6380 }],
      cpu: { systemMicroseconds: 1, userMicroseconds: 2 },
      threadCpu: { systemMicroseconds: 1, userMicroseconds: 2 },
    },
    clients: {
      connected: 1,
      blocked: 0,
      maxclients: 50,
      queryBufferDisconnections: 0,
      outputBufferDisconnections: 0,
      largestInputBytes: 11,
      largestOutputBytes: 12,
      bufferedBytes: 13,
      subscribers: 0,
      channels: 0,
      patterns: 0,
      shardChannels: 0,
      tracking: 0,
      watching: 0,
      waitingWithTimeout: 0,
      prefixes: 0,
    },
    memory: {
      usedBytes: 1000,
      overheadBytes: 100,
      peakBytes: 1000,
      limitBytes: 2000,
      policy: 'noeviction',
      process: isOperator
        ? { residentBytes: 9000, allocatedBytes: 900, heldBytes: 3000, systemBytes: 1, pendingFrees: 0 }
        : undefined,
    },
    traffic: {
      connectionsReceived: 1,
      connectionsRejected: 0,
      commandsProcessed: 10,
      commandsPerSecond: 2.4,
      bytesIn: 1,
      bytesOut: 2,
      bytesInPerSecond: 2048,
      bytesOutPerSecond: 0,
      reads: 1,
      writes: 1,
      errorReplies: 1,
      deniedAuth: 0,
      deniedCommand: 0,
      deniedKey: 0,
      deniedChannel: 0,
      deniedCertificate: 0,
    },
    data: COUNTS,
    keyspace: COUNTS,
    keyCount: 7,
    commands: [
      { name: 'get', calls: 2, microseconds: 5, rejectedCalls: 0, failedCalls: 1 },
      { name: 'config|get', calls: 0, microseconds: 0, rejectedCalls: 3, failedCalls: 0 },
      { name: 'set', calls: 0, microseconds: 0, rejectedCalls: 0, failedCalls: 0 },
    ],
    latencies: () => [['get', histogramOf(0.0015, 0.0015, 0.003)]],
    percentiles: [50, 99.9],
    expiryCycle_ms: 4.6,
    errors: [['ERR', 4]],
    gateway: isOperator ? [['handshakes', 1]] : [],
  };
}

describe('INFO', () => {
  it('answers the sections asked for, in their own order, and passes over unknown ones', () => {
    expect(infoText(['keyspace'], picture(true))).toBe('# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=1000\r\n');
    expect(infoText(['nosuch', '__proto__'], picture(true))).toBe('');
    expect(infoText(['keyspace', 'cluster', 'keyspace'], picture(true))).toBe(
      '# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=1000\r\n',
    );
    expect(infoText([], picture(true))).not.toContain('# Commandstats');
    expect(infoText(['default'], picture(true))).toBe(infoText([], picture(true)));
    for (const name of ['all', 'everything']) expect(infoText([name], picture(true))).toContain('# Commandstats');
  });

  it('writes statistics of commands and errors as redis does', () => {
    expect(infoText(['commandstats', 'errorstats'], picture(true))).toBe(
      '# Commandstats\r\n' +
        'cmdstat_get:calls=2,usec=5,usec_per_call=2.50,rejected_calls=0,failed_calls=1\r\n' +
        'cmdstat_config|get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=3,failed_calls=0\r\n' +
        '\r\n# Errorstats\r\nerrorstat_ERR:count=4\r\n',
    );
  });

  it('writes latencies, memory and clients of who asks', () => {
    expect(infoText(['latencystats'], picture(true))).toBe(
      '# Latencystats\r\nlatency_percentiles_usec_get:p50=1.535,p99.9=3.071\r\n',
    );
    expect(infoText(['all'], picture(true))).toContain('# Latencystats');
    expect(infoText([], picture(true))).not.toContain('# Latencystats');
    const text = infoText(['memory', 'clients', 'stats', 'server'], picture(true));
    for (const line of [
      'used_memory_overhead:100',
      'used_memory_dataset:900',
      'used_memory_dataset_perc:90.00%',
      'mem_clients_normal:13',
      'client_recent_max_input_buffer:11',
      'client_recent_max_output_buffer:12',
      'expired_stale_perc:1.23',
      'expired_time_cap_reached_count:8',
      'expire_cycle_cpu_milliseconds:4',
      'listener0:name=tls,bind=127.0.0.1,port=6380',
    ]) {
      expect(text).toContain(`${line}\r\n`);
    }
    expect(infoText(['modules'], picture(true))).toBe('# Modules\r\n');
  });

  it('X105: tells a tenant nothing of the process it shares', () => {
    const text = infoText(['everything', 'gateway', 'cpu'], picture(false));
    for (const hidden of ['# Gateway', '# CPU', 'process_id', 'executable', 'os:', 'total_system_memory', 'runtime']) {
      expect(text).not.toContain(hidden);
    }
    expect(text).toContain('maxmemory:2000\r\n');
    expect(text).toContain('used_memory_rss:1000\r\n');
  });

  it('counts keys that expired, and fields of hashes behind them', () => {
    expect(infoText(['stats'], picture(false))).toMatch(
      /expired_keys:5\r\nexpired_subkeys:8\r\n(?:.*\r\n){3}evicted_keys:6\r\n/,
    );
  });

  it('writes sizes for people as redis does', () => {
    const sizes: readonly [number, string][] = [
      [0, '0B'],
      [200, '200B'],
      [1023, '1023B'],
      [1024, '1.00K'],
      [916_408, '894.93K'],
      [12_001_280, '11.45M'],
      [25_276_063_744, '23.54G'],
    ];
    for (const [bytes, text] of sizes) expect(humanBytes(bytes)).toBe(text);
  });

  it('takes rates over the last samples, whatever the counter was before', () => {
    const rate = new Rate(100, 0);
    for (let i = 1; i <= 40; i++) rate.sample(100 + 50 * i, 100 * i);
    expect(rate.perSecond).toBeCloseTo(500);
    rate.sample(0, 4100);
    expect(rate.perSecond).toBeLessThan(500);
    expect(new Rate(0, 0).perSecond).toBe(0);
  });
});

describe.skipIf(!redisServerInstalled)('INFO, next to redis-server (skipped where it is not installed)', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  /** Came after 7.0.15, or is ours. */
  const NEWER = new Set([
    'pubsub_clients',
    'watching_clients',
    'total_blocking_keys',
    'total_blocking_keys_on_nokey',
    'client_query_buffer_limit_disconnections',
    'client_output_buffer_limit_disconnections',
    'acl_access_denied_auth',
    'acl_access_denied_cmd',
    'acl_access_denied_key',
    'acl_access_denied_channel',
    'acl_access_denied_tls_cert',
    'listener0',
    'expired_subkeys',
    'portcullis_version',
    'portcullis_runtime',
    'portcullis_shards',
  ]);

  it('has no field that redis does not have, and all in its order', async () => {
    const { bytes } = await redis.exchange(Buffer.from('INFO\r\n'));
    const names = (text: string) =>
      text
        .split('\r\n')
        .map((line) => line.split(':')[0] ?? '')
        .filter((name) => /^[a-z]/.test(name));
    const theirs = names(bytes.toString());
    const ours = names(infoText([], picture(true))).filter(
      (name) => !NEWER.has(name) && !/^(db\d|errorstat_|handshakes|portcullis_)/.test(name),
    );
    expect(ours.filter((name) => !theirs.includes(name))).toEqual([]);
    const places = ours.map((name) => theirs.indexOf(name));
    expect(ours.filter((_name, i) => i > 0 && (places[i] ?? 0) < (places[i - 1] ?? 0))).toEqual([]);
  });
});
