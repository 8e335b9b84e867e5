/** What session commands may ask of the process: INFO's figures, CONFIG, the end, and the tenants. */
import { randomBytes } from 'node:crypto';
import { machine, release, totalmem, type } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { DEBUG_SLEEP_MS_MAX } from '../base/limits.ts';
import type { Backend, RealmCounts } from '../command/ports/backend.ts';
import type { InsightPort } from '../command/ports/insight.ts';
import type { BackupPort, PersistencePort } from '../command/ports/persistence.ts';
import type { PolicyPort } from '../command/ports/policy.ts';
import type { ServerPort, ShutdownOrder, TenantView, UserUses } from '../command/ports/server.ts';
import type { SessionPort } from '../command/ports/session.ts';
import type { CommandTable } from '../command/table.ts';
import type { LatencyMonitor } from '../observe/latency.ts';
import type { SlowLog } from '../observe/slowlog.ts';
import type { Refusal } from '../resp/refusals.ts';
import type { Config, Viewer } from './config/config.ts';
import type { Facts } from './config/settings.ts';
import type { Counters, GatewayFigures, NumberedTenant } from './figures.ts';
import { infoText } from './info/info.ts';
import type { BackupFigures, MemoryFigures, Picture, ProcessFigures, TrafficFigures } from './info/picture.ts';
import { TrafficRates } from './info/rates.ts';
import { Insight } from './insight.ts';
import { VERSION } from './version.ts';

export interface ServerParts {
  readonly table: CommandTable;
  readonly backend: Backend;
  readonly config: Config;
  readonly clock: Clock;
  readonly facts: Facts;
  readonly gateway: GatewayFigures;
  readonly tenants: () => readonly NumberedTenant[];
  /** The names alone: cheap. */
  readonly tenantNames: () => readonly string[];
  readonly isLoading: () => boolean;
  readonly slowlog: SlowLog;
  readonly latency: LatencyMonitor;
  readonly tenantNumber: (name: string) => number | undefined;
  readonly persistence: PersistencePort;
  readonly backups: BackupPort & { figures(): BackupFigures };
  readonly policy: PolicyPort;
  readonly end: { begin(how: ShutdownOrder): boolean; abort(): boolean };
}

const RUN_ID_BYTES = 20;

export class Server implements ServerPort {
  readonly table: CommandTable;
  readonly backend: Backend;
  readonly insight: InsightPort;
  readonly persistence: PersistencePort;
  readonly backups: BackupPort;
  readonly policy: PolicyPort;
  readonly startedAt_ms: number;
  readonly runId: string;
  private readonly parts: ServerParts;
  private readonly rates: TrafficRates;
  private readonly tenantRates: Map<string, TrafficRates>;
  private peakBytes: number;

  constructor(parts: ServerParts) {
    this.parts = parts;
    this.table = parts.table;
    this.backend = parts.backend;
    this.persistence = parts.persistence;
    this.backups = parts.backups;
    this.policy = parts.policy;
    this.insight = new Insight({
      slowlog: parts.slowlog,
      latency: parts.latency,
      tenantNumber: parts.tenantNumber,
      picture: (session) => this.picture(session),
    });
    this.startedAt_ms = parts.clock.nowMs();
    this.runId = randomBytes(RUN_ID_BYTES).toString('hex');
    const now_ms = parts.clock.monotonicMs();
    this.rates = new TrafficRates(now_ms);
    this.tenantRates = new Map();
    this.peakBytes = 0;
  }

  /** Ten times a second: what only shows over time. */
  sample(): void {
    const now_ms = this.parts.clock.monotonicMs();
    const { gateway, tenantNames } = this.parts;
    this.rates.sample(gateway.quick(undefined), now_ms);
    for (const name of tenantNames()) this.ratesOf(name).sample(gateway.quick(name), now_ms);
    this.peakBytes = Math.max(this.peakBytes, this.backend.memory().usedBytes);
  }

  private ratesOf(tenantName: string): TrafficRates {
    const known = this.tenantRates.get(tenantName);
    if (known !== undefined) return known;
    const made = new TrafficRates(this.parts.clock.monotonicMs());
    this.tenantRates.set(tenantName, made);
    return made;
  }

  nowMs(): number {
    return this.parts.clock.nowMs();
  }

  info(sections: readonly string[], session: SessionPort): string {
    return infoText(sections, this.picture(session));
  }

  private picture(session: SessionPort): Picture {
    return session.isOperator ? this.operatorPicture(session) : this.tenantPicture(session);
  }

  configGet(
    patterns: readonly Uint8Array[],
    session: SessionPort,
  ): readonly (readonly [name: string, value: string])[] {
    return this.parts.config.get(patterns, this.viewer(session));
  }

  configSet(pairs: readonly (readonly [name: string, value: string])[], session: SessionPort): Refusal | undefined {
    // The gates hold the ceiling; this is the second lock of the same door.
    if (!session.isOperator) throw new Error('CONFIG SET passed the ceiling');
    return this.parts.config.set(pairs);
  }

  resetStatistics(session: SessionPort): void {
    if (!session.isOperator) {
      this.backend.resetRealmStatistics(session.tenantNumber);
      this.parts.gateway.reset(session.tenantName);
      return;
    }
    this.parts.gateway.reset(undefined);
    for (const tenant of this.parts.tenants()) this.backend.resetRealmStatistics(tenant.number);
    this.peakBytes = this.backend.memory().usedBytes;
  }

  tenants(): readonly TenantView[] {
    return this.parts.tenants();
  }

  userUses(tenantName: string): UserUses {
    return this.parts.gateway.userUses(tenantName);
  }

  shutdown(how: ShutdownOrder): boolean {
    return this.parts.end.begin(how);
  }

  abortShutdown(): boolean {
    return this.parts.end.abort();
  }

  debugAllowed(session: SessionPort): boolean {
    return this.parts.facts.debugAllowed && session.isOperator;
  }

  sleep(duration_ms: number): void {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(cell, 0, 0, Math.min(duration_ms, DEBUG_SLEEP_MS_MAX));
  }

  setActiveExpire(on: boolean): void {
    const { config } = this.parts;
    config.replace({ ...config.settings, expiresActively: on });
  }

  // -- Views -----------------------------------------------------------------------------------------------------------

  private viewer(session: SessionPort): Viewer {
    if (session.isOperator) return { isOperator: true, own: new Map() };
    const tenant = this.tenantOf(session);
    const own = new Map<string, string>();
    if (tenant !== undefined) {
      const { maxmemoryBytes, maxclients } = this.parts.config.settings;
      own.set('maxmemory', String(tenant.limitBytes === 0 ? maxmemoryBytes : tenant.limitBytes));
      if (tenant.limitBytes !== 0) own.set('maxmemory-policy', tenant.policy);
      own.set('maxclients', String(tenant.connectionsMax === 0 ? maxclients : tenant.connectionsMax));
    }
    return { isOperator: false, own };
  }

  private tenantOf(session: SessionPort): NumberedTenant | undefined {
    return this.parts.tenants().find((tenant) => tenant.name === session.tenantName);
  }

  private operatorPicture(session: SessionPort): Picture {
    const { gateway, config } = this.parts;
    const memory = this.backend.memory();
    const residentBytes = process.memoryUsage.rss();
    return {
      tenant: session.namespaceName,
      isOperator: true,
      process: this.processFigures(),
      clients: gateway.clients(undefined),
      memory: {
        usedBytes: memory.usedBytes,
        overheadBytes: Math.max(0, memory.usedBytes - memory.allocatedBytes),
        peakBytes: Math.max(this.peakBytes, memory.usedBytes),
        limitBytes: config.settings.maxmemoryBytes,
        policy: config.settings.maxmemoryPolicy,
        process: {
          residentBytes,
          allocatedBytes: memory.allocatedBytes,
          heldBytes: memory.heldBytes,
          systemBytes: totalmem(),
          pendingFrees: memory.pendingFrees,
        },
      },
      traffic: trafficOf(gateway.counters(undefined), this.rates),
      data: this.sumOfRealms(),
      keyspace: this.backend.realmCounts(session.tenantNumber),
      keyCount: this.parts.tenants().reduce((sum, { number }) => sum + keysOf(this.backend.realmCounts(number)), 0),
      commands: gateway.commands(undefined),
      latencies: () => gateway.latencies(undefined),
      percentiles: config.settings.latencyPercentiles,
      expiryCycle_ms: memory.expiryCycle_ms,
      errors: gateway.errors(undefined),
      gateway: gateway.own(),
      durability: this.backend.durability.status(),
      backups: this.parts.backups.figures(),
    };
  }

  /** Everything of a tenant and nothing of anybody else. */
  private tenantPicture(session: SessionPort): Picture {
    const { gateway, config } = this.parts;
    const counts = this.backend.realmCounts(session.tenantNumber);
    return {
      tenant: session.tenantName,
      isOperator: false,
      process: this.processFigures(),
      clients: gateway.clients(session.tenantName),
      memory: this.tenantMemory(session, counts),
      traffic: trafficOf(gateway.counters(session.tenantName), this.ratesOf(session.tenantName)),
      data: counts,
      keyspace: counts,
      keyCount: keysOf(counts),
      commands: gateway.commands(session.tenantName),
      latencies: () => gateway.latencies(session.tenantName),
      percentiles: config.settings.latencyPercentiles,
      // What it took for others is nothing for this tenant to know.
      expiryCycle_ms: 0,
      errors: gateway.errors(session.tenantName),
      gateway: [],
      durability: this.backend.durability.status(),
      backups: this.parts.backups.figures(),
    };
  }

  private tenantMemory(session: SessionPort, counts: RealmCounts): MemoryFigures {
    const shown = this.viewer(session).own;
    return {
      usedBytes: counts.usedBytes,
      overheadBytes: 0,
      peakBytes: counts.usedBytes,
      limitBytes: Number(shown.get('maxmemory') ?? counts.limitBytes),
      policy: shown.get('maxmemory-policy') ?? this.parts.config.settings.maxmemoryPolicy,
      process: undefined,
    };
  }

  private processFigures(): ProcessFigures {
    const { facts, clock, isLoading } = this.parts;
    const { user, system } = process.cpuUsage();
    const thread = process.threadCpuUsage();
    return {
      runId: this.runId,
      version: VERSION,
      os: `${type()} ${release()} ${machine()}`,
      runtime: process.versions['bun'] === undefined ? `node ${process.version}` : `bun ${process.versions['bun']}`,
      pid: process.pid,
      tcpPort: facts.tlsPort === 0 ? facts.plainPort : facts.tlsPort,
      executable: process.execPath,
      startedAt_ms: this.startedAt_ms,
      now_ms: clock.nowMs(),
      shards: this.backend.memory().shards,
      loading: isLoading(),
      listeners: [
        { name: 'tcp', bind: facts.bind, port: facts.plainPort },
        { name: 'tls', bind: facts.bind, port: facts.tlsPort },
      ].filter(({ port }) => port !== 0),
      cpu: { systemMicroseconds: system, userMicroseconds: user },
      threadCpu: { systemMicroseconds: thread.system, userMicroseconds: thread.user },
    };
  }

  private sumOfRealms(): RealmCounts {
    const sum = {
      usedBytes: 0,
      limitBytes: 0,
      hits: 0,
      misses: 0,
      expired: 0,
      expiredFields: 0,
      evicted: 0,
      expirySlicesCut: 0,
      trackedKeys: 0,
      trackedItems: 0,
      blockingKeys: 0,
      blockingKeysOnNoKey: 0,
    };
    let stalePercents = 0;
    const tenants = this.parts.tenants();
    for (const tenant of tenants) {
      const counts = this.backend.realmCounts(tenant.number);
      sum.usedBytes += counts.usedBytes;
      sum.hits += counts.hits;
      sum.misses += counts.misses;
      sum.expired += counts.expired;
      sum.expiredFields += counts.expiredFields;
      sum.evicted += counts.evicted;
      sum.expirySlicesCut += counts.expirySlicesCut;
      sum.trackedKeys += counts.trackedKeys;
      sum.trackedItems += counts.trackedItems;
      sum.blockingKeys += counts.blockingKeys;
      sum.blockingKeysOnNoKey += counts.blockingKeysOnNoKey;
      stalePercents += counts.expiredStalePercent;
    }
    return { ...sum, expiredStalePercent: stalePercents / Math.max(1, tenants.length), databases: [] };
  }
}

function keysOf({ databases }: RealmCounts): number {
  return databases.reduce((sum, { keys }) => sum + keys, 0);
}

function trafficOf(counters: Counters, { commands, bytesIn, bytesOut }: TrafficRates): TrafficFigures {
  return {
    ...counters,
    commandsPerSecond: commands.perSecond,
    bytesInPerSecond: bytesIn.perSecond,
    bytesOutPerSecond: bytesOut.perSecond,
  };
}
