/**
 * Checksums in the log, as annotation lines that redis-server passes over:
 *
 *     #CRC64:0123456789abcdef 4096
 *
 * The sum is that of all bytes since the line before, or since the file's first record, and of the number's digits; the
 * number says how many bytes of the file were known to be on the disk when the line was written. So a hole or a flipped bit shows, and it can be told
 * whether what is damaged was ever promised to survive a power cut.
 */
import { bytesOfLatin1, latin1 } from '../base/bytes.ts';
import { LOG_SUM_BYTES, LOG_ZEROS_TORN_BYTES } from '../base/limits.ts';
import { Crc64 } from '../rdb/crc64.ts';

const MARK = '#CRC64:';
const HEX_DIGITS = 16;
const LINE = /^#CRC64:([0-9a-f]{16}) (\d{1,15})\r\n$/;
export const SUM_LINE_BYTES_MAX = MARK.length + HEX_DIGITS + 1 + 15 + 2;

export interface SumLine {
  readonly hex: string;
  readonly syncedBytes: number;
}

/** The line that a range holds, its end included; undefined when it is another annotation. */
export function parseSumLine(bytes: Uint8Array, start: number, end: number): SumLine | undefined {
  if (end - start > SUM_LINE_BYTES_MAX || end - start <= MARK.length) return undefined;
  const [, hex, synced] = LINE.exec(latin1(bytes, start, end)) ?? [];
  return hex === undefined || synced === undefined ? undefined : { hex, syncedBytes: Number(synced) };
}

function hexOf({ hi, lo }: Crc64): string {
  return (hi >>> 0).toString(16).padStart(8, '0') + (lo >>> 0).toString(16).padStart(8, '0');
}

/**
 * Whether so many zeros follow each other that they may be what a power cut has left. Nobody can tell a value that is so
 * from a hole, so whoever writes one covers it with a sum at once.
 */
export function hasHole(bytes: Uint8Array, start: number, end: number): boolean {
  // A run that is long enough covers one of these places.
  for (let at = start + LOG_ZEROS_TORN_BYTES - 1; at < end; at += LOG_ZEROS_TORN_BYTES) {
    if (bytes[at] !== 0) continue;
    let from = at;
    while (from > start && bytes[from - 1] === 0) from--;
    let to = at + 1;
    while (to < end && bytes[to] === 0 && to - from < LOG_ZEROS_TORN_BYTES) to++;
    if (to - from >= LOG_ZEROS_TORN_BYTES) return true;
  }
  return false;
}

/** Of bytes that are being written, or read. */
export class LogSum {
  /** Since the last line. */
  bytes: number;
  private readonly crc: Crc64;

  constructor() {
    this.bytes = 0;
    this.crc = new Crc64();
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    this.crc.update(bytes, start, end);
    this.bytes += end - start;
  }

  /** Whether it is time for a line. */
  get isDue(): boolean {
    return this.bytes >= LOG_SUM_BYTES;
  }

  /** To be reset after it: the number on the line is part of what the sum is of. */
  matches({ hex, syncedBytes }: SumLine): boolean {
    this.addNumber(syncedBytes);
    return hexOf(this.crc) === hex;
  }

  private addNumber(number: number): void {
    const digits = bytesOfLatin1(String(number));
    this.crc.update(digits, 0, digits.length);
  }

  /** The line that says what was added, which begins anew. */
  line(syncedBytes: number): string {
    this.addNumber(syncedBytes);
    const line = `${MARK}${hexOf(this.crc)} ${syncedBytes}\r\n`;
    this.reset();
    return line;
  }

  reset(): void {
    this.crc.reset();
    this.bytes = 0;
  }
}
