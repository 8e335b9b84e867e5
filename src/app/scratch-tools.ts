/** What data files are read and written with outside of serving: the disk, and engines that nobody is served from. */
import { randomInt } from 'node:crypto';
import type { CommandTable } from '../command/table.ts';
import { realDisk } from '../disk/real-disk.ts';
import type { Tools } from '../persist/redistribute.ts';
import { scratchShard } from '../shards/scratch.ts';
import { shardOfKey } from '../shards/slots.ts';

const UINT32 = 2 ** 32;

export function toolsOf(table: CommandTable, acceptsTruncated: boolean, disk = realDisk): Tools {
  return {
    disk,
    scratch: () => scratchShard(table, [randomInt(UINT32), randomInt(UINT32)]),
    shardOf: shardOfKey,
    acceptsTruncated,
  };
}
