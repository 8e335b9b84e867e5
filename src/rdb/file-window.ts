/**
 * The part of a file that an {@link RdbReader} has in memory, and the checksum of what has been read.
 *
 * Invariants: no more than the window is in memory, which is larger than usual only for one string that is, or for a place that is
 * come back to; never larger than what is left of the file. A window that texts may lie in is never written to, but replaced;
 * only between two values (`settle`) is its memory used again. The sum covers what was read and nothing behind it.
 */
import { copyRange } from '../base/bytes.ts';
import { RDB_WINDOW_BYTES, RDB_WINDOW_BYTES_MAX, RDB_WINDOW_BYTES_MIN } from '../base/limits.ts';
import type { DiskReader } from '../disk/disk.ts';
import { Crc64 } from './crc64.ts';
import type { RdbReader, RdbSource } from './reader.ts';

export class FileWindow implements RdbSource {
  /** Bytes of the file that are not in memory yet. */
  bytesBehind: number;
  /** Why the disk gave nothing more. */
  fault: string | undefined;
  private readonly file: DiskReader;
  /** Undefined when nobody wants to know. */
  private readonly sum: Crc64 | undefined;
  /** Where in the file the window begins, and up to where in the window the sum goes. */
  private base: number;
  private summed: number;

  constructor(file: DiskReader, start: number, sums: boolean) {
    this.file = file;
    this.bytesBehind = Math.max(0, file.length - start);
    this.fault = undefined;
    this.sum = sums ? new Crc64() : undefined;
    this.base = start;
    this.summed = 0;
  }

  /** Where in the file a place in the window is. */
  offsetOf(at: number): number {
    return this.base + at;
  }

  pull(reader: RdbReader, bytes: number): boolean {
    const from = reader.held === -1 ? reader.at : reader.held;
    const kept = reader.end - from;
    const wanted = reader.at - from + bytes;
    if (wanted > RDB_WINDOW_BYTES_MAX) {
      this.fault = `more than ${RDB_WINDOW_BYTES_MAX} bytes would have to be in memory at once`;
      return false;
    }
    // What is come back to grows by doubling, or each pull would copy it once more.
    const roomy = Math.max(wanted, RDB_WINDOW_BYTES, reader.held === -1 ? 0 : kept * 2);
    const room = Math.min(roomy, RDB_WINDOW_BYTES_MAX, kept + this.bytesBehind);
    return this.move(reader, from, new Uint8Array(room)) && reader.end - reader.at >= bytes;
  }

  /** Between two values: lets enough be ready for a small one. */
  settle(reader: RdbReader): void {
    const ready = reader.end - reader.at;
    if (ready >= RDB_WINDOW_BYTES_MIN || this.bytesBehind === 0) return;
    const isReusable = reader.bytes.length === RDB_WINDOW_BYTES;
    const room = Math.min(RDB_WINDOW_BYTES, ready + this.bytesBehind);
    this.move(reader, reader.at, isReusable ? reader.bytes : new Uint8Array(room));
  }

  /** Lets the window begin at `from` and fills what follows of `into`, which may be the memory of the window itself. */
  private move(reader: RdbReader, from: number, into: Uint8Array): boolean {
    this.sumTo(reader.at, reader.bytes);
    const kept = reader.end - from;
    if (into === reader.bytes) into.copyWithin(0, from, reader.end);
    else copyRange(reader.bytes, from, reader.end, into, 0);
    this.base += from;
    this.summed -= from;
    reader.bytes = into;
    reader.at -= from;
    if (reader.held !== -1) reader.held -= from;
    reader.end = kept;
    return this.fill(reader, Math.min(into.length, kept + this.bytesBehind));
  }

  private fill(reader: RdbReader, end: number): boolean {
    while (reader.end < end) {
      const read = this.file.read(this.base + reader.end, reader.bytes, reader.end, end);
      if (!read.ok) this.fault = read.fault.message;
      // It is shorter than it was when it was opened.
      else if (read.value === 0) this.fault = 'the file became shorter while it was read';
      if (!read.ok || read.value === 0) {
        this.bytesBehind = 0;
        return false;
      }
      reader.end += read.value;
      this.bytesBehind -= read.value;
    }
    return true;
  }

  private sumTo(at: number, bytes: Uint8Array): void {
    if (at <= this.summed) return;
    this.sum?.update(bytes, this.summed, at);
    this.summed = at;
  }

  /** Whether the next eight bytes, which must be there, are the sum of all that was read. */
  sumIsNext(reader: RdbReader): boolean {
    this.sumTo(reader.at, reader.bytes);
    return this.sum === undefined || this.sum.equals(reader.bytes, reader.at);
  }
}
