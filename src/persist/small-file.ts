/** Files that are read and written as a whole: a manifest, a mark. Under the name there is the old one or the new, never half. */
import { join } from 'node:path';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskResult } from '../disk/disk.ts';
import { writeWhole } from '../disk/whole-write.ts';

/** Undefined where there is none. The fault is one line, with the file. */
export function readSmallFile(disk: Disk, path: string, bytesMax: number): Result<Uint8Array | undefined> {
  const status = disk.status(path);
  if (!status.ok) return failure(status.fault.message);
  if (status.value === undefined) return success(undefined);
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  try {
    if (file.length > bytesMax) return failure(`${path}: has more than ${bytesMax} bytes`);
    const bytes = new Uint8Array(file.length);
    let at = 0;
    while (at < bytes.length) {
      const read = file.read(at, bytes, at, bytes.length);
      if (!read.ok) return failure(read.fault.message);
      if (read.value === 0) break;
      at += read.value;
    }
    return success(bytes.subarray(0, at));
  } finally {
    file.close();
  }
}

/** What a file is called until it is whole, as redis-server calls it. */
export function temporaryNameOf(name: string): string {
  return `temp-${name}`;
}

/**
 * Replaces it. After a fault the old one is in place, except when it came from syncing the folder: then the new one is, and a
 * power cut may bring the old one back.
 */
export function writeSmallFile(disk: Disk, folder: string, name: string, bytes: Uint8Array): DiskResult<void> {
  const temporary = join(folder, temporaryNameOf(name));
  // A crash may have left one behind.
  const cleared = disk.remove(temporary);
  if (!cleared.ok) return cleared;
  const written = writeFile(disk, temporary, bytes);
  const renamed = written.ok ? disk.rename(temporary, join(folder, name)) : written;
  if (!renamed.ok) {
    disk.remove(temporary);
    return renamed;
  }
  return disk.syncFolder(folder);
}

function writeFile(disk: Disk, path: string, bytes: Uint8Array): DiskResult<void> {
  const file = disk.create(path);
  if (!file.ok) return file;
  const written = writeWhole(file.value, bytes, 0, bytes.length);
  const synced = written.ok ? file.value.syncNow() : written;
  const closed = file.value.close();
  return synced.ok ? closed : synced;
}
