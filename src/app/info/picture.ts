/** What INFO is written from: figures gathered for one viewer, the whole process for operators, one tenant for its users. */
import type { RealmCounts } from '../../command/ports/backend.ts';

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
}

export interface MemoryFigures {
  /** What counts against `limitBytes`: blocks of the engine. */
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly limitBytes: number;
  readonly policy: string;
  /** Undefined in the view of a tenant: memory of the process is none of its business. */
  readonly process:
    | {
        readonly residentBytes: number;
        /** Segments the engine holds, used or not. */
        readonly heldBytes: number;
        readonly systemBytes: number;
        readonly pendingFrees: number;
      }
    | undefined;
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
  readonly cpu: { readonly systemMicroseconds: number; readonly userMicroseconds: number };
}

export interface Picture {
  readonly tenant: string;
  readonly isOperator: boolean;
  readonly process: ProcessFigures;
  readonly clients: ClientFigures;
  readonly memory: MemoryFigures;
  readonly traffic: TrafficFigures;
  /** The namespace the viewer acts on, or for the sums of an operator all of them. */
  readonly data: RealmCounts;
  readonly keyspace: RealmCounts;
  readonly commands: readonly CommandFigures[];
  readonly errors: readonly (readonly [code: string, count: number])[];
  /** Counters of the gateway, for operators. */
  readonly gateway: readonly (readonly [name: string, value: number | string])[];
}
