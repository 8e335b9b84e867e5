/**
 * Files as far as durability needs them. The real disk is `real-disk.ts`; tests have one that loses, tears and reorders what
 * was not synced, and fails the call they choose.
 *
 * What holds on any disk:
 * - what `write` has taken survives the death of the process; what `sync` has confirmed survives a power cut, too;
 * - that a file exists under a name, or does no more, survives a power cut once `syncFolder` of its folder has succeeded;
 * - `rename` replaces in one step: after a crash there is the old content or the new one under the name, never neither.
 *
 * Everything but `sync` is synchronous. Paths are absolute. A fault is a value; only a path outside of what the caller was
 * given is a bug.
 */
import type { Result } from '../base/result.ts';

export interface DiskFault {
  /** `ENOSPC`, `EIO`, `ENOENT`, …; `EUNKNOWN` where the system gave none. */
  readonly code: string;
  /** One line for a person, with the path. */
  readonly message: string;
}

export type DiskResult<Value> = Result<Value, DiskFault>;

/** A file that is written from its end on. */
export interface DiskWriter {
  readonly path: string;
  /** Bytes in the file. */
  readonly length: number;
  /** @returns how many bytes the disk took: all of them, or fewer when it ran full in the middle. */
  write(bytes: Uint8Array, start: number, end: number): DiskResult<number>;
  /** fdatasync in another thread, of everything written before the call. `done` is called once, never within the call. */
  sync(done: (fault: DiskFault | undefined) => void): void;
  /** The same, waiting for it. For files that are made at leisure. */
  syncNow(): DiskResult<void>;
  /** Cuts the file back; later writes go to its new end. */
  truncate(length: number): DiskResult<void>;
  close(): DiskResult<void>;
}

/** A file that is read; others may be writing to it. */
export interface DiskReader {
  readonly path: string;
  /** Bytes in the file when it was opened. */
  readonly length: number;
  /** @returns how many bytes were read; 0 at the end. */
  read(at: number, into: Uint8Array, start: number, end: number): DiskResult<number>;
  close(): void;
}

export interface DiskEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

export interface DiskStatus {
  readonly isFolder: boolean;
  readonly length: number;
}

export interface Disk {
  /** A new, empty file; EEXIST when there is one. Readable by its owner alone. */
  create(path: string): DiskResult<DiskWriter>;
  /** An existing file, to be written on. */
  append(path: string): DiskResult<DiskWriter>;
  open(path: string): DiskResult<DiskReader>;
  rename(from: string, to: string): DiskResult<void>;
  /** Removes a file; none is no fault. */
  remove(path: string): DiskResult<void>;
  /** Removes a folder with all that is in it; none is no fault. */
  removeFolder(path: string): DiskResult<void>;
  /** Makes a folder and those above it that are missing. */
  makeFolder(path: string): DiskResult<void>;
  /** In the order of names; ENOENT where there is no such folder. */
  list(folder: string): DiskResult<readonly DiskEntry[]>;
  /** Undefined where there is nothing under the path. */
  status(path: string): DiskResult<DiskStatus | undefined>;
  syncFolder(path: string): DiskResult<void>;
}
