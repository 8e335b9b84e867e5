/**
 * Looks through a log without loading it: is every file there, is every record whole, does every transaction end. What
 * `check-aof` prints, and what it cuts off when told to.
 *
 * A log may be cut in one place only: at its very end, where a crash left a record or a transaction unfinished that nobody
 * was told of. Whatever is wrong before that is a fault and stays as it is.
 */
import { join } from 'node:path';
import { lower } from '../base/ascii.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskReader } from '../disk/disk.ts';
import { checkRdb } from '../rdb/check.ts';
import type { Request } from '../resp/request.ts';
import { type LogItem, LogReader } from './log-reader.ts';
import { lastWritten, type Manifest } from './manifest.ts';
import { verifyLog } from './verify.ts';

export type Soundness =
  | { readonly kind: 'good' }
  /** Nothing whole is lost by cutting the file here. */
  | { readonly kind: 'truncated'; readonly offset: number; readonly reason: string }
  | { readonly kind: 'fault'; readonly message: string; readonly offset: number };

export interface FileReport {
  readonly name: string;
  readonly path: string;
  /** `log`: a file looked at by itself. */
  readonly type: 'base' | 'increment' | 'log';
  readonly bytes: number;
  /** Whole records, of finished transactions and before what is wrong. */
  readonly commands: number;
  readonly soundness: Soundness;
}

const GOOD: Soundness = { kind: 'good' };
const MAGIC = [0x52, 0x45, 0x44, 0x49, 0x53];

// -- Records -----------------------------------------------------------------------------------------------------------

const MULTI = wordOf('MULTI');
const EXEC = wordOf('EXEC');
const TENANT = wordOf('PORTCULLIS.TENANT');

function wordOf(text: string): Uint8Array {
  return Uint8Array.from(text.toLowerCase(), (letter) => letter.charCodeAt(0));
}

function isWord(request: Request, word: Uint8Array): boolean {
  if (request.length(0) !== word.length) return false;
  const start = request.start(0);
  for (let i = 0; i < word.length; i++) if (lower[request.bytes[start + i] as number] !== word[i]) return false;
  return true;
}

/** Follows MULTI and EXEC through one file: a transaction counts once its EXEC is there, and never crosses files. */
export class TransactionTrack {
  /** Where the MULTI of the transaction under way begins. */
  openAt: number | undefined;
  /** Records outside of it. */
  commands: number;
  private inside: number;

  constructor() {
    this.openAt = undefined;
    this.commands = 0;
    this.inside = 0;
  }

  /** @returns what is wrong with the record at this place. */
  accept(request: Request, start: number): string | undefined {
    const isOpen = this.openAt !== undefined;
    if (isWord(request, MULTI)) {
      if (isOpen) return 'MULTI within MULTI';
      this.openAt = start;
      this.inside = 1;
      return undefined;
    }
    if (isWord(request, EXEC)) {
      if (!isOpen) return 'EXEC without MULTI';
      this.openAt = undefined;
      this.commands += this.inside + 1;
      return undefined;
    }
    if (isWord(request, TENANT) && request.argc !== 2) return 'PORTCULLIS.TENANT takes one name';
    if (isOpen) this.inside++;
    else this.commands++;
    return undefined;
  }
}

interface Walked {
  readonly commands: number;
  readonly soundness: Soundness;
}

const END: LogItem = { kind: 'end' };

/** The records from `start` to the end of the file. */
function walkRecords(file: DiskReader, start: number): Walked {
  const reader = new LogReader(file, start);
  const track = new TransactionTrack();
  const ended = (soundness: Soundness): Walked => ({ commands: track.commands, soundness });
  const verdict = verifyLog(file, start);
  const shows = verdict.kind !== 'good' && verdict.showsBySum ? verdict : undefined;
  const stop = shows === undefined ? file.length + 1 : shows.kind === 'torn' ? shows.at : shows.offset;
  for (;;) {
    const next = reader.next();
    const at = next.kind === 'command' ? reader.commandStart : reader.position;
    const item = at >= stop ? END : next;
    switch (item.kind) {
      case 'command': {
        const offset = reader.commandStart;
        const wrong = track.accept(reader.request, offset);
        if (wrong === undefined) break;
        return ended({ kind: 'fault', message: `${oneLine(file.path)}: byte ${offset}: ${wrong}`, offset });
      }
      case 'end':
        // Also one that does not show a second time: a disk that failed once.
        if (verdict.kind === 'fault') return ended({ kind: 'fault', message: verdict.message, offset: verdict.offset });
        if (shows?.kind === 'torn') {
          return ended({ kind: 'truncated', offset: track.openAt ?? shows.at, reason: shows.reason });
        }
        if (track.openAt === undefined) return ended(GOOD);
        return ended({ kind: 'truncated', offset: track.openAt, reason: 'a transaction has no EXEC' });
      case 'truncated': {
        const { openAt } = track;
        if (openAt === undefined) {
          return ended({ kind: 'truncated', offset: item.offset, reason: 'the last record is not whole' });
        }
        return ended({ kind: 'truncated', offset: openAt, reason: 'the last transaction is not whole' });
      }
      case 'fault':
        return ended(item);
    }
  }
}

// -- Bases -------------------------------------------------------------------------------------------------------------

/** Whether the file says that it is an RDB: redis-server decides by these five bytes, not by the name. */
export function isRdb(file: DiskReader): Result<boolean> {
  const head = new Uint8Array(MAGIC.length);
  const read = file.read(0, head, 0, head.length);
  if (!read.ok) return failure(read.fault.message);
  return success(read.value === MAGIC.length && MAGIC.every((byte, index) => head[index] === byte));
}

export interface BaseCheck {
  readonly bytes: number;
  /** Behind the RDB; records may follow in a file of before Redis 7. */
  readonly endsAt: number;
}

/** Reads it as a load would, value by value, and keeps nothing. */
export function checkBase(disk: Disk, path: string): Result<BaseCheck> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  try {
    // Whether the time of a key is over changes nothing.
    const { fault, bytes } = checkRdb(file, 0);
    if (fault !== undefined) return failure(`${oneLine(path)}: byte ${fault.offset}: ${oneLine(fault.message)}`);
    return success({ bytes: file.length, endsAt: bytes });
  } finally {
    file.close();
  }
}

// -- Files -------------------------------------------------------------------------------------------------------------

/** One file, of either format. The fault is that it cannot be read at all. */
export function inspectFile(disk: Disk, path: string, name: string, type: FileReport['type']): Result<FileReport> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  try {
    const isOne = isRdb(file);
    if (!isOne.ok) return isOne;
    const report = { name, path, type, bytes: file.length };
    if (!isOne.value) return success({ ...report, ...walkRecords(file, 0) });
    if (type === 'increment') {
      const message = `${oneLine(path)}: byte 0: an increment in the format of a base`;
      return success({ ...report, commands: 0, soundness: { kind: 'fault', message, offset: 0 } });
    }
    const base = checkBase(disk, path);
    if (!base.ok) {
      return success({ ...report, commands: 0, soundness: { kind: 'fault', message: base.fault, offset: 0 } });
    }
    return success({ ...report, ...walkRecords(file, base.value.endsAt) });
  } finally {
    file.close();
  }
}

export interface LogInspection {
  /** In the order in which they load. */
  readonly files: readonly FileReport[];
  /** Files of the manifest that cannot be read, and truncated ones that are not the last: one line each. */
  readonly problems: readonly string[];
}

/** Every file that the manifest says is to be loaded. */
export function inspectLog(disk: Disk, folder: string, manifest: Manifest): LogInspection {
  const listed = manifest.base === undefined ? manifest.increments : [manifest.base, ...manifest.increments];
  const files: FileReport[] = [];
  const problems: string[] = [];
  for (const { name, type } of listed) {
    const report = inspectFile(disk, join(folder, name), name, type === 'base' ? 'base' : 'increment');
    if (!report.ok) {
      problems.push(report.fault);
      continue;
    }
    files.push(report.value);
  }
  const last = lastWritten(files.map(({ bytes }) => bytes));
  for (const [index, { soundness, path, type }] of files.entries()) {
    if (soundness.kind === 'fault') problems.push(soundness.message);
    if (soundness.kind === 'truncated' && (index < last || type !== 'increment')) {
      problems.push(
        `${oneLine(path)}: byte ${soundness.offset}: ${soundness.reason}, and it is not the last increment`,
      );
    }
  }
  return { files, problems };
}

/** Cuts a file back, and makes sure that it stays so. */
export function cutBack(disk: Disk, path: string, length: number): Result<void> {
  const opened = disk.append(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  if (length > file.length) {
    file.close();
    return failure(`${oneLine(path)}: has fewer than ${length} bytes`);
  }
  const cut = file.truncate(length);
  const synced = cut.ok ? file.syncNow() : cut;
  const closed = file.close();
  const done = synced.ok ? closed : synced;
  return done.ok ? success(undefined) : failure(done.fault.message);
}
