/**
 * Byte strings copied out of the database, one behind the other: what SORT sorts, and what it compares by. A look-up between
 * two comparisons may expire keys and so end the life of whatever points into the arena.
 */
import { copyRange } from '../../base/bytes.ts';

const BYTES_AT_FIRST = 1024;
const ROWS_AT_FIRST = 64;
/** In place of an end: there is nothing, not even an empty string. */
const ABSENT = -1;

export class ByteRows {
  bytes: Uint8Array;
  count: number;
  /** Start and end of row i at 2i and 2i+1. */
  private ends: Float64Array;
  private length: number;

  constructor() {
    this.bytes = new Uint8Array(BYTES_AT_FIRST);
    this.count = 0;
    this.ends = new Float64Array(2 * ROWS_AT_FIRST);
    this.length = 0;
  }

  /** Bytes of all rows. */
  get byteLength(): number {
    return this.length;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const stop = this.length + end - start;
    if (stop > this.bytes.length) this.widen(stop);
    copyRange(bytes, start, end, this.bytes, this.length);
    this.addRow(this.length, stop);
    this.length = stop;
  }

  addAbsent(): void {
    this.addRow(this.length, ABSENT);
  }

  start(row: number): number {
    return this.ends[2 * row] as number;
  }

  /** Of a row that is there. */
  end(row: number): number {
    return this.ends[2 * row + 1] as number;
  }

  isAbsent(row: number): boolean {
    return this.ends[2 * row + 1] === ABSENT;
  }

  private addRow(start: number, end: number): void {
    const at = 2 * this.count++;
    if (at === this.ends.length) {
      const wider = new Float64Array(2 * at);
      wider.set(this.ends);
      this.ends = wider;
    }
    this.ends[at] = start;
    this.ends[at + 1] = end;
  }

  private widen(wanted: number): void {
    const wider = new Uint8Array(Math.max(wanted, 2 * this.bytes.length));
    copyRange(this.bytes, 0, this.length, wider, 0);
    this.bytes = wider;
  }

  /** memcmp, the shorter first among equals: negative, zero or positive. */
  compare(a: number, b: number): number {
    return this.compareWith(a, b, false);
  }

  /** What strcoll says in the C locale: a NUL ends the text. */
  compareText(a: number, b: number): number {
    return this.compareWith(a, b, true);
  }

  private compareWith(a: number, b: number, toNul: boolean): number {
    const { bytes } = this;
    const aStart = this.start(a);
    const bStart = this.start(b);
    const aLength = this.end(a) - aStart;
    const bLength = this.end(b) - bStart;
    const shared = Math.min(aLength, bLength);
    for (let i = 0; i < shared; i++) {
      const byte = bytes[aStart + i] as number;
      const difference = byte - (bytes[bStart + i] as number);
      if (difference !== 0) return difference;
      if (toNul && byte === 0) return 0;
    }
    if (!toNul || aLength === bLength) return aLength - bLength;
    // The longer one goes on: with a NUL, which ends it there, or with more text.
    const goesOn = bytes[(aLength > bLength ? aStart : bStart) + shared];
    return goesOn === 0 ? 0 : aLength - bLength;
  }
}
