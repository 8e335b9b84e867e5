/**
 * The audit trail in a file that is only ever appended to. When it is large enough it gets the number of its first line as
 * an ending, and a new file begins with the next batch; the chain goes on across files.
 *
 *   audit.log.000000000000001   audit.log.000000000004711   audit.log
 *
 * Invariant: a file ends with a whole seal, but for the last batch of a process that was cut down. What a torn batch left is
 * cut back to its last whole line when the next process begins; nothing else is ever taken out of a file.
 */
import { basename, dirname, join } from 'node:path';
import { latin1 } from '../base/bytes.ts';
import { AUDIT_TAIL_BYTES } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskResult, DiskWriter } from '../disk/disk.ts';
import { writeWhole } from '../disk/whole-write.ts';
import { sealOf, sequenceOf } from './audit-chain.ts';
import { type AuditSink, type Continuation, NO_CONTINUATION } from './audit-sink.ts';

export interface AuditFileOptions {
  /** Absolute. */
  readonly path: string;
  /** Past it the next file begins. */
  readonly rotateBytes: number;
  /** Older files that stay; 0: all of them. */
  readonly keep: number;
}

const SEQUENCE_DIGITS = 15;
const NEWLINE = 0x0a;

/** Older files of a trail, oldest first. */
export function olderFiles(disk: Disk, path: string): readonly string[] {
  const listed = disk.list(dirname(path));
  if (!listed.ok) return [];
  const prefix = `${basename(path)}.`;
  return listed.value
    .map(({ name }) => name)
    .filter((name) => name.startsWith(prefix) && /^\d{15}$/.test(name.slice(prefix.length)))
    .toSorted()
    .map((name) => join(dirname(path), name));
}

/** What the end of a file says. */
export function continuationOf(tail: Uint8Array): Continuation {
  const wholeEnd = tail.lastIndexOf(NEWLINE) + 1;
  const cutBytes = tail.length - wholeEnd;
  let end = wholeEnd;
  let unsealedLines = 0;
  let sequence: number | undefined;
  while (end > 0) {
    // From -1 on, it would be looked for from the end.
    const start = end < 2 ? 0 : tail.lastIndexOf(NEWLINE, end - 2) + 1;
    const line = latin1(tail, start, end - 1);
    const number = sequenceOf(line);
    if (number === undefined) break;
    sequence ??= number;
    const seal = sealOf(line);
    if (seal !== undefined) {
      const unsealed = tail.slice(end, wholeEnd);
      return { sequence, previous: seal.hash, unsealed, unsealedLines, cutBytes, isBroken: false };
    }
    unsealedLines++;
    end = start;
  }
  // No seal yet: the very first batch of all was torn.
  if (end === 0 && (sequence === undefined || sequence === unsealedLines)) {
    return { ...NO_CONTINUATION, sequence: sequence ?? 0, unsealed: tail.slice(0, wholeEnd), unsealedLines, cutBytes };
  }
  return { ...NO_CONTINUATION, sequence: sequence ?? 0, isBroken: true };
}

export class AuditFile implements AuditSink {
  readonly continuation: Continuation;
  private readonly disk: Disk;
  private readonly options: AuditFileOptions;
  private file: DiskWriter | undefined;
  /** Number of the first line in the file; what it is called once another begins. */
  private firstSequence: number;
  /** Up to where the file is whole; what a failed write left behind it has yet to be cut off. */
  private wholeBytes: number;
  /** A sync has failed: what the file holds is not to be trusted, and the next batch begins another. */
  private isDoubtful: boolean;
  /** Why the end of the file before may not be on the disk. */
  private endFault: string | undefined;
  /** Number of the line to come. */
  private nextSequence: number;

  private constructor(disk: Disk, options: AuditFileOptions, file: DiskWriter, found: Found) {
    this.disk = disk;
    this.options = options;
    this.file = file;
    this.continuation = found.continuation;
    this.firstSequence = found.firstSequence;
    this.wholeBytes = file.length;
    this.isDoubtful = false;
    this.endFault = undefined;
    this.nextSequence = found.continuation.sequence + 1;
  }

  /** Opens what is there, or begins; the fault is one line. */
  static open(disk: Disk, options: AuditFileOptions): Result<AuditFile> {
    const made = madeFolder(disk, dirname(options.path));
    if (!made.ok) return failure(made.fault.message);
    const found = look(disk, options.path);
    if (!found.ok) return found;
    const { continuation, length, firstSequence } = found.value;
    const isBroken = length !== undefined && length > 0 && continuation.isBroken;
    if (isBroken) {
      const aside = renameAside(disk, options.path, firstSequence);
      if (!aside.ok) return failure(aside.fault.message);
    }
    const opened = length !== undefined && !isBroken ? disk.append(options.path) : created(disk, options.path);
    if (!opened.ok) return failure(opened.fault.message);
    const file = opened.value;
    if (continuation.cutBytes > 0) {
      const cut = file.truncate(file.length - continuation.cutBytes);
      if (!cut.ok) return failure(cut.fault.message);
    }
    const isNew = file.length === 0;
    return success(
      new AuditFile(disk, options, file, {
        ...found.value,
        firstSequence: isNew ? continuation.sequence + 1 : firstSequence,
      }),
    );
  }

  write(bytes: Uint8Array, start: number, end: number): Result<void> {
    const ready = this.ready();
    if (!ready.ok) return ready;
    const file = ready.value;
    const written = writeWhole(file, bytes, start, end);
    if (written.ok) {
      this.wholeBytes = file.length;
      return success(undefined);
    }
    // Tried now, and again before the next write: a part of a batch must not stand before a whole one.
    file.truncate(this.wholeBytes);
    return failure(written.fault.message);
  }

  /** The file, whole, and open. */
  private ready(): Result<DiskWriter> {
    if (this.isDoubtful) {
      const next = this.rotate(this.nextSequence);
      if (!next.ok) return next;
      this.isDoubtful = false;
    }
    let { file } = this;
    if (file === undefined) {
      const made = created(this.disk, this.options.path);
      if (!made.ok) return failure(made.fault.message);
      file = made.value;
      this.file = file;
      this.wholeBytes = 0;
    }
    if (file.length > this.wholeBytes) {
      const cut = file.truncate(this.wholeBytes);
      if (!cut.ok) return failure(cut.fault.message);
    }
    return success(file);
  }

  sync(done: (fault: string | undefined) => void): void {
    const { file } = this;
    // The last one was synced when it was full, and the next has nothing yet.
    if (file === undefined) return done(this.endFault);
    file.sync((fault) => {
      if (fault !== undefined && this.file === file) this.isDoubtful = true;
      done(fault?.message);
    });
  }

  syncNow(): Result<void> {
    const { file } = this;
    if (file === undefined) return this.endFault === undefined ? success(undefined) : failure(this.endFault);
    const synced = file.syncNow();
    if (synced.ok) return synced;
    this.isDoubtful = true;
    return failure(synced.fault.message);
  }

  batchWritten(nextSequence: number): void {
    this.nextSequence = nextSequence;
    if (this.wholeBytes >= this.options.rotateBytes) this.rotate(nextSequence);
  }

  /** What cannot be renamed is written on: a file that is too long is better than none. */
  private rotate(nextSequence: number): Result<void> {
    const { disk, file } = this;
    const { path, keep } = this.options;
    // Whoever reads the next file may rely on all of this one.
    const synced = file?.syncNow();
    this.endFault = synced?.ok === false ? synced.fault.message : undefined;
    const renamed = renameAside(disk, path, this.firstSequence);
    if (!renamed.ok) return failure(renamed.fault.message);
    file?.close();
    this.file = undefined;
    this.firstSequence = nextSequence;
    if (keep === 0) return success(undefined);
    const older = olderFiles(disk, path);
    for (const old of older.slice(0, Math.max(0, older.length - keep))) disk.remove(old);
    return success(undefined);
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }
}

/** With the folders above it, all of which are there after a power cut as well. */
function madeFolder(disk: Disk, folder: string): DiskResult<void> {
  const status = disk.status(folder);
  if (!status.ok) return status;
  if (status.value !== undefined) return success(undefined);
  const above = dirname(folder);
  const ready = above === folder ? success(undefined) : madeFolder(disk, above);
  if (!ready.ok) return ready;
  const made = disk.makeFolder(folder);
  return made.ok ? disk.syncFolder(above) : made;
}

interface Found {
  readonly continuation: Continuation;
  readonly firstSequence: number;
}

function created(disk: Disk, path: string): DiskResult<DiskWriter> {
  const file = disk.create(path);
  if (!file.ok) return file;
  const synced = disk.syncFolder(dirname(path));
  return synced.ok ? file : synced;
}

function renameAside(disk: Disk, path: string, firstSequence: number): DiskResult<void> {
  let target = `${path}.${String(firstSequence).padStart(SEQUENCE_DIGITS, '0')}`;
  // Whatever has that name already, it is not for us to replace.
  for (let tries = 0; tries < NAME_TRIES_MAX; tries++) {
    const status = disk.status(target);
    if (!status.ok) return status;
    if (status.value === undefined) break;
    target += '-also';
  }
  const renamed = disk.rename(path, target);
  return renamed.ok ? disk.syncFolder(dirname(path)) : renamed;
}

const NAME_TRIES_MAX = 16;

/** The end of the file there is, or of the newest older one when a file was just full. */
function look(disk: Disk, path: string): Result<Found & { readonly length: number | undefined }> {
  const status = disk.status(path);
  if (!status.ok) return failure(status.fault.message);
  const length = status.value?.length;
  if (length !== undefined && length > 0) {
    const ends = endsOf(disk, path);
    return ends.ok ? success({ ...ends.value, length }) : ends;
  }
  const newest = olderFiles(disk, path).at(-1);
  if (newest === undefined) return success({ continuation: NO_CONTINUATION, firstSequence: 1, length });
  const ends = endsOf(disk, newest);
  if (!ends.ok) return ends;
  const { continuation } = ends.value;
  const isWhole = continuation.unsealedLines === 0 && continuation.cutBytes === 0 && !continuation.isBroken;
  const goesOn = isWhole ? continuation : { ...NO_CONTINUATION, sequence: continuation.sequence, isBroken: true };
  return success({ continuation: goesOn, firstSequence: continuation.sequence + 1, length });
}

function endsOf(disk: Disk, path: string): Result<Found> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  const read = (from: number, to: number): Result<Uint8Array> => {
    const bytes = Buffer.alloc(to - from);
    let at = 0;
    while (at < bytes.length) {
      const taken = file.read(from + at, bytes, at, bytes.length);
      if (!taken.ok) return failure(taken.fault.message);
      if (taken.value === 0) break;
      at += taken.value;
    }
    return success(bytes.subarray(0, at));
  };
  const head = read(0, Math.min(file.length, HEAD_BYTES));
  const tail = read(Math.max(0, file.length - AUDIT_TAIL_BYTES), file.length);
  file.close();
  if (!head.ok) return head;
  if (!tail.ok) return tail;
  const continuation = continuationOf(tail.value);
  // The line where the tail begins may be a part of one.
  return success({ continuation, firstSequence: sequenceOf(latin1(head.value)) ?? continuation.sequence + 1 });
}

/** The first line's number stands within so many bytes. */
const HEAD_BYTES = 128;
