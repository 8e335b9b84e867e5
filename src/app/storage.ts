/** Builds the storage that the plan asks for: a shard in this thread, or a pool of worker threads. */
import { randomInt } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Backend } from '../command/ports/backend.ts';
import type { Log } from '../observe/log.ts';
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
  /** Every thread takes requests. */
  isReady(): boolean;
}

/** Who is told what threads and background work do. */
export type StorageEvents = Pick<LinkEvents, 'answered' | 'slow' | 'stalled'>;

export function makeStorage(shards: number, settings: Settings, log: Log, events: StorageEvents): Storage {
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
    });
    return { backend, isReady: () => true };
  }
  const fallen = new Set<number>();
  const backend = new PoolBackend({
    shards,
    budgets,
    hashKey,
    engine: settings,
    spawn: spawnWorker,
    now_ms: systemClock.monotonicMs,
    random: (bound) => (bound <= 1 ? 0 : randomInt(bound)),
    events: {
      ...events,
      died(shard, reason, lostRequests) {
        fallen.add(shard);
        log.write('error', 'shard.died', 'a shard ended and its data is lost', { shard, reason, lostRequests });
      },
      // A first start is told by READY.
      up(shard) {
        if (fallen.delete(shard)) log.write('info', 'shard.up', 'a shard takes requests again', { shard });
      },
    },
  });
  return { backend, isReady: () => backend.ready };
}
