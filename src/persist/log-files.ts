/**
 * The files of one shard's log, and the manifest that says which of them count, in which order.
 *
 * ```
 *   setUp                     base? + increment 1
 *   rotate                    base + increments … + increment n        records go to n from here
 *   adoptBase                 base' + increment n                      the rest is history, then gone
 * ```
 *
 * Invariants: the manifest on the disk names a whole log at any moment; a file is named by it before its first record is
 * acknowledged; a file that it does not name may be removed at any time. A fault in here leaves the manifest as it was, or,
 * when only the syncing of the folder failed, in a state that nobody knows: then `isUncertain`, and nothing may be
 * acknowledged any more.
 */
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskFault, DiskResult, DiskWriter } from '../disk/disk.ts';
import { isLogFile, isTemporary, LOG_PREFIX, type ShardFiles } from './files.ts';
import {
  baseName,
  EMPTY_MANIFEST,
  incrementName,
  type LogFile,
  type Manifest,
  manifestName,
  readManifest,
  writeManifest,
} from './manifest.ts';

export class LogFiles {
  manifest: Manifest;
  /** The disk may hold the manifest before or the one after. */
  isUncertain: boolean;
  private readonly disk: Disk;
  private readonly files: ShardFiles;

  constructor(disk: Disk, files: ShardFiles) {
    this.manifest = EMPTY_MANIFEST;
    this.isUncertain = false;
    this.disk = disk;
    this.files = files;
  }

  /** What is there. False: no log. The fault is one line. */
  find(): Result<boolean> {
    const { disk, files } = this;
    const folder = disk.status(files.logFolder);
    if (!folder.ok) return failure(folder.fault.message);
    if (folder.value === undefined) return success(false);
    const manifest = readManifest(disk, files.logFolder, LOG_PREFIX);
    if (!manifest.ok) return manifest;
    if (manifest.value === undefined) return this.findLeftovers();
    const { base, increments } = manifest.value;
    for (const file of base === undefined ? increments : [base, ...increments]) {
      const status = disk.status(files.logPath(file.name));
      if (!status.ok) return failure(status.fault.message);
      if (status.value !== undefined) continue;
      return failure(`${files.logPath(manifestName(LOG_PREFIX))} names ${file.name}, which is not there`);
    }
    this.manifest = manifest.value;
    return success(base !== undefined || increments.length > 0);
  }

  /** Files without a manifest: of a log that was never complete, or one that has lost it. */
  private findLeftovers(): Result<boolean> {
    const { disk, files } = this;
    const entries = disk.list(files.logFolder);
    if (!entries.ok) return failure(entries.fault.message);
    const mark = disk.status(files.setupMark);
    if (!mark.ok) return failure(mark.fault.message);
    const left = entries.value.find(({ name }) => isLogFile(name));
    if (left === undefined || mark.value !== undefined) return success(false);
    return failure(
      `${files.logPath(left.name)} is there, but ${manifestName(LOG_PREFIX)}, which says what counts, is not`,
    );
  }

  /** Brings what was found to the disk: the records, and the manifest before what an older one named is removed. */
  sync(): DiskResult<void> {
    const { disk, files } = this;
    for (const { name } of this.manifest.increments) {
      const synced = syncAt(disk, files.logPath(name));
      if (!synced.ok) return synced;
    }
    return disk.syncFolder(files.logFolder);
  }

  /** Removes what the manifest does not name. To be called when all that counts has been loaded. */
  clean(): DiskResult<void> {
    const cleared = this.removeUnnamed();
    return cleared.ok ? this.removeMark() : cleared;
  }

  private removeMark(): DiskResult<void> {
    const { disk, files } = this;
    const mark = disk.status(files.setupMark);
    if (!mark.ok) return mark;
    if (mark.value === undefined) return success(undefined);
    // What it excuses must be gone for good before it goes.
    const synced = disk.syncFolder(files.logFolder);
    return synced.ok ? disk.remove(files.setupMark) : synced;
  }

  private putMark(): DiskResult<void> {
    const { disk, files } = this;
    const found = disk.status(files.setupMark);
    if (!found.ok) return found;
    if (found.value === undefined) {
      const mark = disk.create(files.setupMark);
      if (!mark.ok) return mark;
      const closed = mark.value.close();
      if (!closed.ok) return closed;
    }
    return disk.syncFolder(files.logFolder);
  }

  private removeUnnamed(): DiskResult<void> {
    const { disk, files } = this;
    const { base, increments } = this.manifest;
    const named = new Set([base, ...increments].map((file) => file?.name));
    const folder = disk.status(files.logFolder);
    if (!folder.ok) return folder;
    if (folder.value === undefined) return success(undefined);
    const entries = disk.list(files.logFolder);
    if (!entries.ok) return entries;
    for (const { name } of entries.value) {
      const isOurs =
        (isLogFile(name) && !named.has(name)) || isTemporary(name) || name === `temp-${manifestName(LOG_PREFIX)}`;
      if (!isOurs) continue;
      const removed = disk.remove(files.logPath(name));
      if (!removed.ok) return removed;
    }
    if (this.manifest.history.length === 0) return success(undefined);
    const { isUncertain } = this;
    const written = this.write({ ...this.manifest, history: [] });
    // With the history or without it: what counts is the same.
    this.isUncertain = isUncertain;
    return written;
  }

  makeFolder(): DiskResult<void> {
    const { disk, files } = this;
    const made = disk.makeFolder(files.logFolder);
    const synced = made.ok ? disk.syncFolder(files.folder) : made;
    return synced.ok ? this.ascertain() : synced;
  }

  /** Where nobody knew which manifest the disk has, the one that is there is made to stay: it says what may not go. */
  private ascertain(): DiskResult<void> {
    const { disk, files } = this;
    if (!this.isUncertain) return success(undefined);
    const synced = disk.syncFolder(files.logFolder);
    if (!synced.ok) return synced;
    const found = readManifest(disk, files.logFolder, LOG_PREFIX);
    if (!found.ok) return failure({ code: 'EIO', message: found.fault });
    this.manifest = found.value ?? EMPTY_MANIFEST;
    this.isUncertain = false;
    return success(undefined);
  }

  /** Begins a log that holds all there is. Until `finishSetUp` it counts for nothing, and what was there before for all. */
  beginSetUp(): DiskResult<void> {
    const made = this.makeFolder();
    if (!made.ok) return made;
    const marked = this.putMark();
    return marked.ok ? this.removeUnnamed() : marked;
  }

  /**
   * It is complete: the temporary increment, and the temporary base if there is one, get their names.
   */
  finishSetUp(hasBase: boolean): DiskResult<void> {
    const { disk, files } = this;
    const sequence = (this.manifest.increments.at(-1)?.sequence ?? 0) + 1;
    const increment: LogFile = { name: incrementName(LOG_PREFIX, sequence), sequence, type: 'increment' };
    const baseSequence = (this.manifest.base?.sequence ?? 0) + 1;
    const base: LogFile = { name: baseName(LOG_PREFIX, baseSequence, 'rdb'), sequence: baseSequence, type: 'base' };
    if (hasBase) {
      const named = disk.rename(files.temporaryBase, files.logPath(base.name));
      if (!named.ok) return named;
    }
    const named = disk.rename(files.temporaryIncrement, files.logPath(increment.name));
    if (!named.ok) return named;
    const synced = disk.syncFolder(files.logFolder);
    if (!synced.ok) return synced;
    const written = this.write({ base: hasBase ? base : undefined, history: [], increments: [increment] });
    if (!written.ok) return written;
    this.isUncertain = false;
    this.clean();
    return written;
  }

  /** A new increment, which the manifest names. */
  rotate(): DiskResult<DiskWriter> {
    const { manifest, disk, files } = this;
    const sequence = (manifest.increments.at(-1)?.sequence ?? 0) + 1;
    const increment: LogFile = { name: incrementName(LOG_PREFIX, sequence), sequence, type: 'increment' };
    // One that the manifest did not come to name.
    const cleared = disk.remove(files.logPath(increment.name));
    if (!cleared.ok) return cleared;
    const file = disk.create(files.logPath(increment.name));
    if (!file.ok) return file;
    const synced = disk.syncFolder(files.logFolder);
    const written = synced.ok
      ? this.write({ ...manifest, increments: [...manifest.increments, increment] })
      : this.uncertain(synced.fault);
    if (written.ok) return file;
    file.value.close();
    if (!this.isUncertain) disk.remove(files.logPath(increment.name));
    return written;
  }

  /**
   * The temporary base holds all that was before the last increment: it takes the place of everything before; or of
   * everything, when nothing is logged any more.
   */
  adoptBase(isLogging: boolean): DiskResult<void> {
    const { manifest, disk, files } = this;
    // The first file of a log has its name before there is a manifest that names it.
    const marked =
      manifest.base === undefined && manifest.increments.length === 0 ? this.putMark() : success(undefined);
    if (!marked.ok) return marked;
    const last = isLogging ? manifest.increments.at(-1) : undefined;
    const sequence = (manifest.base?.sequence ?? 0) + 1;
    const base: LogFile = { name: baseName(LOG_PREFIX, sequence, 'rdb'), sequence, type: 'base' };
    const named = disk.rename(files.temporaryBase, files.logPath(base.name));
    if (!named.ok) return named;
    const synced = disk.syncFolder(files.logFolder);
    if (!synced.ok) return this.uncertain(synced.fault);
    const before = [manifest.base, ...manifest.increments].filter((file) => file !== undefined && file !== last);
    const history = before.map((file) => ({ ...(file as LogFile), type: 'history' as const }));
    const written = this.write({ base, history, increments: last === undefined ? [] : [last] });
    if (!written.ok) return written;
    // What cannot be removed now is removed at the next start.
    this.clean();
    return written;
  }

  /** The log is not what counts any more: a snapshot has been written that holds more. */
  retire(): DiskResult<void> {
    const { disk, files } = this;
    const folder = disk.status(files.logFolder);
    if (!folder.ok) return folder;
    if (folder.value === undefined) return success(undefined);
    // Without it, files that no manifest names would be taken for a log that has lost it.
    const marked = this.putMark();
    if (!marked.ok) return marked;
    const removed = disk.remove(files.logPath(manifestName(LOG_PREFIX)));
    if (!removed.ok) return removed;
    const synced = disk.syncFolder(files.logFolder);
    if (!synced.ok) return synced;
    this.manifest = EMPTY_MANIFEST;
    this.clean();
    return success(undefined);
  }

  private write(manifest: Manifest): DiskResult<void> {
    const written = writeManifest(this.disk, this.files.logFolder, LOG_PREFIX, manifest);
    if (written.ok) {
      this.manifest = manifest;
      return written;
    }
    // Under the name there may already be the new one: only a second look can tell.
    const found = readManifest(this.disk, this.files.logFolder, LOG_PREFIX);
    const names = (one: Manifest | undefined) => JSON.stringify(one ?? EMPTY_MANIFEST);
    if (found.ok && names(found.value) === names(this.manifest)) return written;
    return this.uncertain(written.fault);
  }

  private uncertain(fault: DiskFault): { ok: false; fault: DiskFault } {
    this.isUncertain = true;
    return failure(fault);
  }
}

function syncAt(disk: Disk, path: string): DiskResult<void> {
  const file = disk.append(path);
  if (!file.ok) return file;
  const synced = file.value.syncNow();
  const closed = file.value.close();
  return synced.ok ? closed : synced;
}

/** The last bytes of a file. */
export function tailOf(disk: Disk, path: string, bytes: number): DiskResult<Uint8Array> {
  const file = disk.open(path);
  if (!file.ok) return file;
  const tail = new Uint8Array(bytes);
  const read = file.value.read(file.value.length - bytes, tail, 0, bytes);
  file.value.close();
  return read.ok ? success(tail) : read;
}
