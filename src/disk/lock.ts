/**
 * One process per data folder. The lock is a file that names its holder; it is made with an exclusive create, so of two
 * processes one wins. A holder that died without letting go is told from a living one by its process id together with the
 * moment that process started, as ids are used again.
 *
 * Invariant: while `take` has succeeded and `release` was not called, the file names this process.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure, type Result, success } from '../base/result.ts';

const LOCK_NAME = 'portcullis.lock';
/** Two processes that take over the same stale lock meet at most this often. */
const ATTEMPTS_MAX = 5;

interface Holder {
  readonly pid: number;
  /** What the kernel calls the start of that process; empty where it does not tell. */
  readonly started: string;
}

export class FolderLock {
  private readonly path: string;
  private readonly text: string;

  private constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** The file that stands for the lock of a folder. */
  static pathIn(folder: string): string {
    return join(folder, LOCK_NAME);
  }

  /** Makes the folder where it is missing. The fault is one line for a person. */
  static take(folder: string, pid = process.pid): Result<FolderLock> {
    const path = FolderLock.pathIn(folder);
    const text = `${pid} ${startOf(pid)}\n`;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (create(path, text, pid)) return success(new FolderLock(path, text));
        const found = readIfAny(path);
        if (found === undefined) continue;
        const holder = parse(found);
        if (holder !== undefined && lives(holder, pid)) {
          return failure(`the data folder ${folder} is in use by process ${holder.pid}`);
        }
        removeStale(path, found, pid);
      }
    } catch (error) {
      return failure(`the data folder ${folder} cannot be used: ${error instanceof Error ? error.message : error}`);
    }
    return failure(`the data folder ${folder} is being taken by another process`);
  }

  /** Lets go, unless somebody took the lock over by force. */
  release(): void {
    if (readIfAny(this.path) === this.text) rmSync(this.path, { force: true });
  }
}

/** The file appears with its content in one step: a reader never finds it empty. */
function create(path: string, text: string, pid: number): boolean {
  const temporary = `${path}.${pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Moved aside first: if another process was quicker and the file is now its lock, it is put back. */
function removeStale(path: string, expected: string, pid: number): void {
  const aside = `${path}.stale.${pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readIfAny(aside) !== expected) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process has the lock by now; who lost it finds out when it compares.
    }
  }
  rmSync(aside, { force: true });
}

function readIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): Holder | undefined {
  const [pid = '', started = ''] = text.trim().split(' ');
  return /^[1-9]\d{0,9}$/.test(pid) ? { pid: Number(pid), started } : undefined;
}

function lives(holder: Holder, ownPid: number): boolean {
  if (!exists(holder.pid) || isZombie(holder.pid)) return false;
  const started = startOf(holder.pid);
  if (started !== '' && holder.started !== '') return started === holder.started;
  return holder.pid !== ownPid;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Fields of /proc/PID/stat from the third on: those behind the name, which may hold blanks and brackets. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Field 22. */
function startOf(pid: number): string {
  return statOf(pid)[19] ?? '';
}

/** It has ended, holds nothing any more, and nobody has asked how it ended: in a container without an init, nobody ever will. */
function isZombie(pid: number): boolean {
  return /^[ZX]$/.test(statOf(pid)[0] ?? '');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
