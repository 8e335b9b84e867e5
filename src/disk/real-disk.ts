/**
 * The disk of the machine, through node:fs. Descriptors are opened close-on-exec and files are the owner's alone, because
 * they hold what tenants trust us with.
 *
 * Hot path: `write`, once per turn of the event loop. Guarded by `npm run bench -- --only durability`.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { DISK_WRITE_BYTES_MAX } from '../base/limits.ts';
import { failure, success } from '../base/result.ts';
import type { Disk, DiskEntry, DiskFault, DiskReader, DiskResult, DiskStatus, DiskWriter } from './disk.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

function faultOf(thrown: unknown, path: string): DiskFault {
  const code =
    thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'EUNKNOWN';
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return { code, message: said.includes(path) ? said : `${said} '${path}'` };
}

function attempt<Value>(path: string, work: () => Value): DiskResult<Value> {
  try {
    return success(work());
  } catch (thrown) {
    return failure(faultOf(thrown, path));
  }
}

class RealWriter implements DiskWriter {
  readonly path: string;
  length: number;
  private readonly descriptor: number;
  private isClosed: boolean;
  /** Syncs on their way: the descriptor must outlive them. */
  private syncing: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
    this.length = fstatSync(descriptor).size;
    this.isClosed = false;
    this.syncing = 0;
  }

  write(bytes: Uint8Array, start: number, end: number): DiskResult<number> {
    let at = start;
    try {
      while (at < end) {
        // More than 2 GiB at once both Bun and Node refuse, and would for ever.
        const taken = writeSync(this.descriptor, bytes, at, Math.min(end - at, DISK_WRITE_BYTES_MAX));
        if (taken <= 0) break;
        at += taken;
        this.length += taken;
      }
      return success(at - start);
    } catch (thrown) {
      return at > start ? success(at - start) : failure(faultOf(thrown, this.path));
    }
  }

  sync(done: (fault: DiskFault | undefined) => void): void {
    this.syncing++;
    fdatasync(this.descriptor, (thrown) => {
      this.syncing--;
      if (this.isClosed && this.syncing === 0) attempt(this.path, () => closeSync(this.descriptor));
      done(thrown === null || thrown === undefined ? undefined : faultOf(thrown, this.path));
    });
  }

  syncNow(): DiskResult<void> {
    return attempt(this.path, () => fdatasyncSync(this.descriptor));
  }

  truncate(length: number): DiskResult<void> {
    const cut = attempt(this.path, () => ftruncateSync(this.descriptor, length));
    if (cut.ok) this.length = length;
    return cut;
  }

  close(): DiskResult<void> {
    if (this.isClosed) return success(undefined);
    this.isClosed = true;
    return this.syncing > 0 ? success(undefined) : attempt(this.path, () => closeSync(this.descriptor));
  }
}

class RealReader implements DiskReader {
  readonly path: string;
  readonly length: number;
  private readonly descriptor: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
    this.length = fstatSync(descriptor).size;
  }

  read(at: number, into: Uint8Array, start: number, end: number): DiskResult<number> {
    return attempt(this.path, () => readSync(this.descriptor, into, start, end - start, at));
  }

  close(): void {
    attempt(this.path, () => closeSync(this.descriptor));
  }
}

function opened<File>(path: string, flags: number, make: (descriptor: number) => File): DiskResult<File> {
  return attempt(path, () => {
    const descriptor = openSync(path, flags, FILE_MODE);
    if (fstatSync(descriptor).isFile()) return make(descriptor);
    closeSync(descriptor);
    throw Object.assign(new Error('EISDIR: not a file'), { code: 'EISDIR' });
  });
}

export const realDisk: Disk = {
  create(path) {
    const { O_CREAT, O_EXCL, O_WRONLY, O_APPEND } = constants;
    return opened(path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND, (descriptor) => new RealWriter(path, descriptor));
  },

  append(path) {
    return opened(path, constants.O_WRONLY | constants.O_APPEND, (descriptor) => new RealWriter(path, descriptor));
  },

  open(path) {
    return opened(path, constants.O_RDONLY, (descriptor) => new RealReader(path, descriptor));
  },

  rename: (from, to) => attempt(to, () => renameSync(from, to)),

  remove(path) {
    const removed = attempt(path, () => unlinkSync(path));
    return removed.ok || removed.fault.code !== 'ENOENT' ? removed : success(undefined);
  },

  removeFolder: (path) => attempt(path, () => rmSync(path, { recursive: true, force: true })),

  makeFolder: (path) =>
    attempt(path, () => {
      mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    }),

  list: (folder) =>
    attempt(folder, (): readonly DiskEntry[] => {
      const found = readdirSync(folder, { withFileTypes: true });
      const entries = found.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    }),

  status: (path) =>
    attempt(path, (): DiskStatus | undefined => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? undefined : { isFolder: found.isDirectory(), length: found.size };
    }),

  syncFolder(path) {
    return attempt(path, () => {
      const descriptor = openSync(path, constants.O_RDONLY);
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  },
};
