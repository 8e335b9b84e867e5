/** Copies a backup to another folder of backups, file by file; it counts there once every byte has been read back. */
import { join } from 'node:path';
import { bytesOf } from '../base/bytes.ts';
import { RDB_WINDOW_BYTES } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskFault, DiskReader, DiskWriter } from '../disk/disk.ts';
import { writeWhole } from '../disk/whole-write.ts';
import type { BackupFolder, FoundBackup } from './backup-folder.ts';
import { BACKUP_MANIFEST_NAME, checkFiles } from './backup-manifest.ts';
import { Breath } from './breath.ts';
import { writeSmallFile } from './small-file.ts';

/** @returns the folder it is in. After a fault there is nothing of it. */
export async function copyBackup(
  disk: Disk,
  { folder, name, manifest }: FoundBackup,
  to: BackupFolder,
): Promise<Result<string>> {
  const begun = to.begin(name);
  if (!begun.ok) return begun;
  const copied = await copyInto(disk, folder, begun.value, manifest);
  const completed = copied.ok ? to.complete(name) : copied;
  if (!completed.ok) to.abandon(name);
  return completed;
}

async function copyInto(
  disk: Disk,
  from: string,
  to: string,
  manifest: FoundBackup['manifest'],
): Promise<Result<void>> {
  for (const { name } of manifest.files) {
    const copied = await copyFile(disk, join(from, name), join(to, name));
    if (!copied.ok) return copied;
  }
  const checked = await checkFiles(disk, to, manifest);
  if (!checked.ok) return checked;
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  const written = writeSmallFile(disk, to, BACKUP_MANIFEST_NAME, bytesOf(text));
  return written.ok ? success(undefined) : failure(written.fault.message);
}

async function copyFile(disk: Disk, from: string, to: string): Promise<Result<void>> {
  const source = disk.open(from);
  if (!source.ok) return failure(source.fault.message);
  const target = disk.create(to);
  if (!target.ok) {
    source.value.close();
    return failure(target.fault.message);
  }
  const fault = await pump(source.value, target.value);
  source.value.close();
  const closed = target.value.close();
  if (fault !== undefined) return failure(fault.message);
  return closed.ok ? success(undefined) : failure(closed.fault.message);
}

async function pump(from: DiskReader, to: DiskWriter): Promise<DiskFault | undefined> {
  const piece = new Uint8Array(RDB_WINDOW_BYTES);
  const breath = new Breath();
  for (let at = 0; ; ) {
    const read = from.read(at, piece, 0, piece.length);
    if (!read.ok) return read.fault;
    if (read.value === 0) return new Promise((resolve) => to.sync(resolve));
    const written = writeWhole(to, piece, 0, read.value);
    if (!written.ok) return written.fault;
    at += read.value;
    if (breath.isDue) await breath.take();
  }
}
