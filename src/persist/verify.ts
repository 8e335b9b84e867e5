/**
 * Looks through a file of the log before any of it is played: whether what stands in it is what was written.
 *
 * ```
 *   good                     every sum agrees; behind the last line there may be whole records that no sum covers yet
 *   torn at n                from n on something is missing or not what it was, and nothing behind n was known to be on the
 *                            disk: a crash. The file may be cut at n, which is always behind a whole record.
 *   fault                    anything else: what is damaged was there to stay
 * ```
 *
 * `showsBySum`: whoever only reads records would not have seen it.
 *
 * Behind a damaged place sums are still found, by looking for their lines: each proves itself, as it covers the bytes since
 * the line before. They tell how much of the file had reached the disk.
 */
import { LOG_WINDOW_BYTES } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import type { DiskReader } from '../disk/disk.ts';
import { LogReader, type LogWatch } from './log-reader.ts';
import { hasHole, LogSum, parseSumLine, SUM_LINE_BYTES_MAX, type SumLine } from './log-sums.ts';

export type Verdict =
  /** Bytes at its end that no sum covers. */
  | { readonly kind: 'good'; readonly uncoveredBytes: number }
  | { readonly kind: 'torn'; readonly at: number; readonly reason: string; readonly showsBySum: boolean }
  | { readonly kind: 'fault'; readonly message: string; readonly offset: number; readonly showsBySum: boolean };

/** The records from `start` on. */
export function verifyLog(file: DiskReader, start: number): Verdict {
  const watch = new Watch(start);
  const reader = new LogReader(file, start, watch);
  let item = reader.next();
  while (item.kind === 'command' && watch.wrongAt < 0) item = reader.next();
  if (watch.wrongAt >= 0) return judge(file, watch, 'a checksum does not agree with what it covers', undefined);
  if (item.kind === 'fault') return judge(file, watch, item.message, item.offset);
  if (watch.hasSums && watch.zeros) {
    return { kind: 'torn', at: watch.goodTo, reason: 'what no checksum covers has holes', showsBySum: true };
  }
  if (item.kind === 'truncated') {
    return { kind: 'torn', at: item.offset, reason: 'the last record is not whole', showsBySum: false };
  }
  return { kind: 'good', uncoveredBytes: watch.sum.bytes };
}

/** Follows the sums of a file that is read from its beginning. */
class Watch implements LogWatch {
  readonly sum: LogSum;
  /** Behind the last line that agrees; or the beginning. */
  goodTo: number;
  /** Where a line stands that does not. */
  wrongAt: number;
  hasSums: boolean;
  /** How much of the file was on the disk, as its lines say. */
  syncedTo: number;
  /** Whether records since the last line hold long runs of zeros. */
  zeros: boolean;

  constructor(start: number) {
    this.sum = new LogSum();
    this.goodTo = start;
    this.wrongAt = -1;
    this.hasSums = false;
    this.syncedTo = 0;
    this.zeros = false;
  }

  record(bytes: Uint8Array, start: number, end: number): void {
    this.sum.add(bytes, start, end);
    this.zeros ||= hasHole(bytes, start, end);
  }

  annotation(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const line = parseSumLine(bytes, start, end);
    if (line === undefined) {
      this.sum.add(bytes, start, end);
      return;
    }
    this.hasSums = true;
    if (!this.sum.matches(line)) {
      if (this.wrongAt < 0) this.wrongAt = offset;
      return;
    }
    this.sum.reset();
    this.zeros = false;
    this.goodTo = offset + end - start;
    this.syncedTo = Math.max(this.syncedTo, line.syncedBytes);
  }
}

/** @param offset where the records are wrong; undefined when it is a sum */
function judge(file: DiskReader, watch: Watch, reason: string, offset: number | undefined): Verdict {
  const { goodTo, hasSums } = watch;
  const synced = hasSums ? Math.max(watch.syncedTo, syncedBehind(file, goodTo)) : Number.POSITIVE_INFINITY;
  if (synced <= goodTo) return { kind: 'torn', at: goodTo, reason, showsBySum: true };
  if (offset !== undefined) return { kind: 'fault', message: reason, offset, showsBySum: false };
  const message = `${oneLine(file.path)}: byte ${goodTo}: ${reason}`;
  return { kind: 'fault', message, offset: goodTo, showsBySum: true };
}

/** How much had reached the disk, as genuine lines behind a damaged place say. */
function syncedBehind(file: DiskReader, from: number): number {
  const finder = new LineFinder(file, from);
  let synced = 0;
  let line = finder.next();
  while (line !== undefined) {
    synced = Math.max(synced, line.syncedBytes);
    line = finder.next();
  }
  return synced;
}

const NEWLINE = 0x0a;
const HASH = 0x23;

/** Lines of sums in what may be anything: one counts when it agrees with the bytes since the candidate before it. */
class LineFinder {
  private readonly file: DiskReader;
  private readonly window: Uint8Array;
  private at: number;
  private begin: number;
  private end: number;
  private readonly sum: LogSum;

  constructor(file: DiskReader, from: number) {
    this.file = file;
    this.window = Buffer.allocUnsafeSlow(LOG_WINDOW_BYTES);
    this.at = from;
    this.begin = 0;
    this.end = 0;
    this.sum = new LogSum();
  }

  /** The next genuine one. */
  next(): SumLine | undefined {
    for (;;) {
      const start = this.lineStart();
      if (start < 0) return undefined;
      const stop = this.window.indexOf(NEWLINE, start) + 1;
      const line = stop > start && stop <= this.end ? parseSumLine(this.window, start, stop) : undefined;
      this.sum.add(this.window, this.begin, start);
      if (line === undefined) {
        this.sum.add(this.window, start, start + 1);
        this.begin = start + 1;
        continue;
      }
      const isGenuine = this.sum.matches(line);
      this.sum.reset();
      this.begin = stop;
      if (isGenuine) return line;
    }
  }

  /** The index of a `#` that begins a line, with all of the line in the window; -1 at the end of the file. */
  private lineStart(): number {
    for (;;) {
      for (
        let i = this.window.indexOf(HASH, this.begin);
        i >= 0 && i < this.end;
        i = this.window.indexOf(HASH, i + 1)
      ) {
        const isWhole = i + SUM_LINE_BYTES_MAX <= this.end || this.at >= this.file.length;
        if (!isWhole) break;
        if (i === this.begin || this.window[i - 1] === NEWLINE) return i;
      }
      if (!this.fill()) return -1;
    }
  }

  private fill(): boolean {
    // What may be the beginning of a line is kept; all before it is summed up.
    const kept = Math.max(this.begin, this.end - SUM_LINE_BYTES_MAX);
    this.sum.add(this.window, this.begin, kept);
    this.window.copyWithin(0, kept, this.end);
    this.end -= kept;
    this.begin = 0;
    if (this.at >= this.file.length) return false;
    const read = this.file.read(this.at, this.window, this.end, this.window.length);
    if (!read.ok || read.value === 0) return false;
    this.at += read.value;
    this.end += read.value;
    return true;
  }
}
