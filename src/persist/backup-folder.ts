/**
 * A folder of backups, each a folder of its own.
 *
 * ```
 *   NAME.partial   being written; one that is found was left by a crash and goes
 *   NAME           whole: it has a manifest
 * ```
 *
 * Only what bears such a name and holds nothing but files of a backup is ever removed.
 */
import { dirname, join } from 'node:path';
import { BACKUP_NAME_LENGTH_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskResult } from '../disk/disk.ts';
import { BACKUP_MANIFEST_NAME, type BackupManifest, readBackupManifest } from './backup-manifest.ts';
import { temporaryNameOf } from './small-file.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const PARTIAL = '.partial';
const SCHEDULED = 'scheduled-';
const FILE = /^shard-\d{1,2}\.rdb$/;

export interface FoundBackup {
  readonly name: string;
  readonly folder: string;
  readonly manifest: BackupManifest;
}

export function isBackupName(name: string): boolean {
  return NAME.test(name) && !name.endsWith(PARTIAL) && name.length <= BACKUP_NAME_LENGTH_MAX;
}

/** `2026-11-28T02-05-00-123Z`: what sorts by time and is a file name everywhere. */
export function stampName(at_ms: number, isScheduled = false): string {
  return `${isScheduled ? SCHEDULED : ''}${new Date(at_ms).toISOString().replace(/[:.]/g, '-')}`;
}

export class BackupFolder {
  readonly folder: string;
  private readonly disk: Disk;

  constructor(disk: Disk, folder: string) {
    this.disk = disk;
    this.folder = folder;
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  private partialOf(name: string): string {
    return this.pathOf(`${name}${PARTIAL}`);
  }

  /** @returns the folder to write into. Clears away what a crash has left. */
  begin(name: string): Result<string> {
    const { disk } = this;
    const made = this.make();
    if (!made.ok) return failure(made.fault.message);
    const entries = disk.list(this.folder);
    if (!entries.ok) return failure(entries.fault.message);
    for (const entry of entries.value) {
      if (entry.isFolder && entry.name.endsWith(PARTIAL)) this.remove(this.pathOf(entry.name));
    }
    const taken = disk.status(this.pathOf(name));
    if (!taken.ok) return failure(taken.fault.message);
    if (taken.value !== undefined) return failure(`${this.pathOf(name)} is there already`);
    const partial = this.partialOf(name);
    const begun = disk.makeFolder(partial);
    return begun.ok ? success(partial) : failure(begun.fault.message);
  }

  /** With those above it that are missing, and so that they stay after a power cut. */
  private make(): DiskResult<void> {
    const { disk } = this;
    const above: string[] = [];
    for (let at = this.folder; ; at = dirname(at)) {
      const status = disk.status(at);
      if (!status.ok) return status;
      if (status.value !== undefined || at === dirname(at)) break;
      above.push(dirname(at));
    }
    const made = disk.makeFolder(this.folder);
    if (!made.ok) return made;
    for (const folder of above) {
      const synced = disk.syncFolder(folder);
      if (!synced.ok) return synced;
    }
    return made;
  }

  /** What was begun is sealed: it gets its name. Where that cannot be made sure it gets the other one back. */
  complete(name: string): Result<string> {
    const { disk } = this;
    const path = this.pathOf(name);
    const renamed = disk.rename(this.partialOf(name), path);
    if (!renamed.ok) return failure(renamed.fault.message);
    const synced = disk.syncFolder(this.folder);
    if (synced.ok) return success(path);
    disk.rename(path, this.partialOf(name));
    return failure(synced.fault.message);
  }

  abandon(name: string): void {
    this.remove(this.partialOf(name));
  }

  /** One that is somewhere else by now. */
  drop(name: string): Result<void> {
    const removed = this.remove(this.pathOf(name));
    return removed.ok ? success(undefined) : failure(removed.fault.message);
  }

  /** Newest first. What is not whole, or cannot be read, is passed over. */
  all(): Result<readonly FoundBackup[]> {
    const entries = this.disk.list(this.folder);
    if (!entries.ok) return entries.fault.code === 'ENOENT' ? success([]) : failure(entries.fault.message);
    const found: FoundBackup[] = [];
    for (const { name, isFolder } of entries.value) {
      if (!isFolder || name.endsWith(PARTIAL)) continue;
      const folder = this.pathOf(name);
      const manifest = readBackupManifest(this.disk, folder);
      if (manifest.ok && manifest.value !== undefined) found.push({ name, folder, manifest: manifest.value });
    }
    return success(found.sort((a, b) => b.manifest.created_ms - a.manifest.created_ms));
  }

  /** The last of those that were taken by the clock: when. */
  lastScheduled_ms(): number {
    const all = this.all();
    const last = all.ok ? all.value.find(({ name }) => name.startsWith(SCHEDULED)) : undefined;
    return last?.manifest.created_ms ?? 0;
  }

  /** Of those taken by the clock only so many stay, the newest. @returns the names of what went */
  prune(keep: number): Result<readonly string[]> {
    const all = this.all();
    if (!all.ok) return all;
    const old = all.value.filter(({ name }) => name.startsWith(SCHEDULED)).slice(keep);
    for (const { folder } of old) {
      const removed = this.remove(folder);
      if (!removed.ok) return failure(removed.fault.message);
    }
    return success(old.map(({ name }) => name));
  }

  /** The manifest goes first: half of a backup must not look like one. */
  private remove(folder: string): DiskResult<void> {
    const { disk } = this;
    const entries = disk.list(folder);
    if (!entries.ok) return entries.fault.code === 'ENOENT' ? success(undefined) : entries;
    if (entries.value.some(({ name, isFolder }) => isFolder || !isOwn(name))) return success(undefined);
    const unmarked = disk.remove(join(folder, BACKUP_MANIFEST_NAME));
    const synced = unmarked.ok ? disk.syncFolder(folder) : unmarked;
    return synced.ok ? disk.removeFolder(folder) : synced;
  }
}

function isOwn(name: string): boolean {
  return name === BACKUP_MANIFEST_NAME || name === temporaryNameOf(BACKUP_MANIFEST_NAME) || FILE.test(name);
}
