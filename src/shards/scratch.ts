/** A shard that nobody is served from: what was written down is played into it, by the same executor that serves. */
import { STILL_CLOCK } from '../base/clock.ts';
import { KeyedHash } from '../base/hash.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { Prng } from '../base/prng.ts';
import type { CommandTable } from '../command/table.ts';
import { Shard } from '../engine/shard.ts';
import type { Scratch } from '../persist/scratch.ts';
import type { ShardNews } from './aftermath.ts';
import { Executor } from './executor.ts';
import { Replayer } from './replayer.ts';

/** There is nobody to tell. What throws is told as ever. */
const SILENT: ShardNews = {
  served() {},
  event() {},
  invalidated() {},
  flushed() {},
  bug(thrown) {
    throw thrown;
  },
};

/** @param hashKey drawn by chance, as what is loaded may come from anybody */
export function scratchShard(table: CommandTable, hashKey: readonly [number, number]): Scratch {
  const shard = new Shard({
    clock: STILL_CLOCK,
    prng: new Prng(hashKey[0]),
    hash: new KeyedHash(hashKey[0], hashKey[1]),
  });
  const executor = new Executor(shard, SILENT);
  let last = 0;
  const replayer = new Replayer({ shard, executor, table, tenantNumber: () => ++last });
  replayer.nameTenant(0, DEFAULT_TENANT);
  return replayer;
}
