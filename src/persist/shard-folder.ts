/** The folder of one shard: made so that it stays, and freed of what a crash has left in it. */
import { dirname, join } from 'node:path';
import type { Disk, DiskResult } from '../disk/disk.ts';
import { isTemporary, type ShardFiles } from './files.ts';

/** A folder that a power cut can take away would take all with it. */
export function makeShardFolder(disk: Disk, { folder }: ShardFiles): DiskResult<void> {
  const made = disk.makeFolder(folder);
  if (!made.ok) return made;
  for (const above of [dirname(folder), dirname(dirname(folder))]) {
    const synced = disk.syncFolder(above);
    // Folders above the data may be none of ours; then they were there before.
    if (!synced.ok && synced.fault.code !== 'EACCES' && synced.fault.code !== 'EPERM') return synced;
  }
  return made;
}

/** What a crash has left of snapshots that have no name. */
export function cleanShardFolder(disk: Disk, { folder }: ShardFiles): void {
  const entries = disk.list(folder);
  if (!entries.ok) return;
  for (const { name, isFolder } of entries.value) if (!isFolder && isTemporary(name)) disk.remove(join(folder, name));
}
