/** What a store is given, and what is asked of it. */
import type { Clock } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { DurabilitySettings } from '../command/ports/durability.ts';
import type { Disk } from '../disk/disk.ts';
import type { Shard } from '../engine/shard.ts';
import type { ShardFiles } from './files.ts';

/** Lines of the log of the process. */
export interface StoreReport {
  event(
    level: 'info' | 'warn' | 'error',
    event: string,
    message: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void;
}

export interface ShardStoreOptions {
  readonly shard: Shard;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly files: ShardFiles;
  readonly tenantName: (realmNumber: number) => string;
  readonly report: StoreReport;
  readonly settings: DurabilitySettings;
  /** Work has come up: `slice` wants to be called. */
  readonly wake: () => void;
  /** Replies that waited for the disk may leave. */
  readonly settled: () => void;
}

export type Ended = (result: Result<void>) => void;

export interface Backup {
  readonly path: string;
  /** Only this tenant's keys; undefined: everybody's. */
  readonly tenant: string | undefined;
  readonly ended: Ended;
}
