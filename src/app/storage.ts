/** Builds the storage that the plan asks for: a shard in this thread, or a pool of worker threads. */
import { randomInt } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Backend } from '../command/ports/backend.ts';
import type { CommandTable } from '../command/table.ts';
import { realDisk } from '../disk/real-disk.ts';
import type { Log } from '../observe/log.ts';
import { shardFolders } from '../persist/files.ts';
import { SharedBudgets } from '../shards/budgets.ts';
import { InlineBackend } from '../shards/inline.ts';
import type { LinkEvents } from '../shards/link.ts';
import { PoolBackend } from '../shards/pool.ts';
import { spawnWorker } from '../shards/spawn.ts';
import type { Settings } from './config/settings.ts';

const UINT32 = 2 ** 32;
/** Prng takes any 32 bits. */
const SEED_MAX = 0x7fffffff;

export interface Storage {
  readonly backend: Backend;
  /** Every thread is there. */
  hasStarted(): boolean;
}

/** Who is told what threads and background work do. */
export type StorageEvents = Pick<LinkEvents, 'answered' | 'slow' | 'stalled'>;

/** How what is held is kept. */
export interface StorageHome {
  readonly dataFolder: string;
  readonly table: CommandTable;
  /** The number of a tenant that no policy names, whose data is there. */
  readonly tenantNumber: (name: string) => number;
}

export function makeStorage(
  shards: number,
  settings: Settings,
  log: Log,
  events: StorageEvents,
  { dataFolder, table, tenantNumber }: StorageHome,
): Storage {
  const folders = shardFolders(dataFolder, shards);
  const budgets = new SharedBudgets(shards);
  // Chosen at random, so that nobody outside can aim at one bucket of the index.
  const hashKey = [randomInt(UINT32), randomInt(UINT32)] as const;
  if (shards === 1) {
    const backend = new InlineBackend({
      budgets,
      hashKey,
      seed: randomInt(SEED_MAX),
      engine: settings,
      worked: events.stalled,
      durable: {
        table,
        disk: realDisk,
        folder: folders[0] as string,
        settings,
        report: { event: (level, event, message, fields) => log.write(level, event, message, fields) },
        tenantNumber,
        settled: events.answered,
      },
    });
    return { backend, hasStarted: () => true };
  }
  const fallen = new Set<number>();
  const backend = new PoolBackend({
    shards,
    budgets,
    hashKey,
    engine: settings,
    spawn: spawnWorker,
    now_ms: systemClock.monotonicMs,
    durable: {
      folders,
      settings,
      tenantNumber,
      line: (shard, { level, event, message, fields }) => log.write(level, event, message, { shard, ...fields }),
    },
    random: (bound) => (bound <= 1 ? 0 : randomInt(bound)),
    events: {
      ...events,
      died(shard, reason, lostRequests) {
        fallen.add(shard);
        log.write('error', 'shard.died', 'a shard ended; what its log holds is loaded again', {
          shard,
          reason,
          lostRequests,
        });
      },
      // A first start is told by READY.
      up(shard) {
        if (fallen.delete(shard)) log.write('info', 'shard.up', 'a shard takes requests again', { shard });
      },
    },
  });
  return { backend, hasStarted: () => backend.hasStarted };
}
