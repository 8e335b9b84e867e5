/** What INFO is written from: figures gathered for one viewer, the whole process for operators, one tenant for its users. */
import type { RealmCounts } from '../../command/ports/backend.ts';
import type { DurabilityStatus } from '../../command/ports/durability.ts';
import type { Histogram } from '../../observe/histogram.ts';

export interface CommandFigures {
  /** `get`, `config|get`. */
  readonly name: string;
  readonly calls: number;
  readonly microseconds: number;
  readonly rejectedCalls: number;
  readonly failedCalls: number;
}

export interface TrafficFigures {
  readonly connectionsReceived: number;
  readonly connectionsRejected: number;
  readonly commandsProcessed: number;
  readonly commandsPerSecond: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly reads: number;
  readonly writes: number;
  readonly errorReplies: number;
  readonly deniedAuth: number;
  readonly deniedCommand: number;
  readonly deniedKey: number;
  readonly deniedChannel: number;
  readonly deniedCertificate: number;
}

export interface ClientFigures {
  readonly connected: number;
  readonly blocked: number;
  readonly subscribers: number;
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
  readonly maxclients: number;
  readonly queryBufferDisconnections: number;
  readonly outputBufferDisconnections: number;
  /** Largest of what connections have sent and not been served, and of what they have not taken, at this moment. */
  readonly largestInputBytes: number;
  readonly largestOutputBytes: number;
  /** Both, of all of them together. */
  readonly bufferedBytes: number;
  readonly tracking: number;
  readonly watching: number;
  /** Waiting with a time limit. */
  readonly waitingWithTimeout: number;
  /** Prefixes that somebody is told of. */
  readonly prefixes: number;
}

export interface MemoryFigures {
  /** What counts against `limitBytes`: blocks of the engine, tables of its indexes, heads of large values. */
  readonly usedBytes: number;
  /** Of which are not data. */
  readonly overheadBytes: number;
  readonly peakBytes: number;
  readonly limitBytes: number;
  readonly policy: string;
  /** Undefined in the view of a tenant: memory of the process is none of its business. */
  readonly process:
    | {
        readonly residentBytes: number;
        readonly allocatedBytes: number;
        /** Segments the engine holds, used or not. */
        readonly heldBytes: number;
        readonly systemBytes: number;
        readonly pendingFrees: number;
      }
    | undefined;
}

export interface CpuFigures {
  readonly systemMicroseconds: number;
  readonly userMicroseconds: number;
}

export interface ProcessFigures {
  readonly runId: string;
  readonly version: string;
  readonly os: string;
  readonly runtime: string;
  readonly pid: number;
  readonly tcpPort: number;
  readonly executable: string;
  readonly startedAt_ms: number;
  readonly now_ms: number;
  readonly shards: number;
  readonly loading: boolean;
  readonly listeners: readonly { readonly name: string; readonly bind: string; readonly port: number }[];
  readonly cpu: CpuFigures;
  /** Of the gateway's thread alone. */
  readonly threadCpu: CpuFigures;
}

export interface BackupFigures {
  /** When the last good one was begun, in milliseconds since the epoch; 0: there has been none. */
  readonly last_ms: number;
  /** Of the last one that was tried. */
  readonly isLastGood: boolean;
  readonly isRunning: boolean;
  readonly taken: number;
  readonly failures: number;
}

export interface Picture {
  readonly durability: DurabilityStatus;
  readonly backups: BackupFigures;
  readonly tenant: string;
  readonly isOperator: boolean;
  readonly process: ProcessFigures;
  readonly clients: ClientFigures;
  readonly memory: MemoryFigures;
  readonly traffic: TrafficFigures;
  /** The namespace the viewer acts on, or for the sums of an operator all of them. */
  readonly data: RealmCounts;
  readonly keyspace: RealmCounts;
  /** Of the viewer's tenant, or of all tenants for an operator. */
  readonly keyCount: number;
  readonly commands: readonly CommandFigures[];
  /** Of commands that were timed. Gathered when asked. */
  readonly latencies: () => readonly (readonly [name: string, histogram: Histogram])[];
  /** Which of them `latencystats` shows. */
  readonly percentiles: readonly number[];
  /** Time that the cycle of expiry has taken, of the process. */
  readonly expiryCycle_ms: number;
  readonly errors: readonly (readonly [code: string, count: number])[];
  /** Counters of the gateway, for operators. */
  readonly gateway: readonly (readonly [name: string, value: number | string])[];
}
