/**
 * A HyperLogLog under change, outside the arena: elements are added to a copy, which is stored when all has gone well, so
 * that a corrupt value is never changed by half. One per thread, used from call to call.
 *
 * The steps by which a run is split and merged are those of Redis, as the bytes have to be the same, not only the registers.
 *
 * Hot path: once per element of PFADD. Budget 1 us for a sparse value of 1 KB; guarded by `bench/hyperloglog.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import { raiseDense } from './dense.ts';
import {
  DENSE,
  DENSE_BYTES,
  HEADER_BYTES,
  markStale,
  REGISTERS,
  SPARSE,
  SPARSE_BYTES_MAX,
  writeHeader,
} from './layout.ts';
import { rankOf, runOf, SHORT_ZEROS_MAX, VALUE_MAX, VALUE_RUN_MAX, widthOf } from './sparse.ts';

/** Outcomes of raising a register. */
export const SAME = 0;
export const RAISED = 1;
export const CORRUPT = -1;
export type Raised = typeof SAME | typeof RAISED | typeof CORRUPT;

/** A run may be split into three, of which two are long. */
const SPLIT_BYTES_MAX = 5;
/** Runs from the one before the change on that are looked at for neighbours to merge. */
const MERGE_STEPS = 5;
const CAPACITY = SPARSE_BYTES_MAX + SPLIT_BYTES_MAX;

export class WorkingHyperloglog {
  bytes: Uint8Array;
  length: number;
  isDense: boolean;
  private spare: Uint8Array;
  private readonly split: Uint8Array;
  private splitLength: number;

  constructor() {
    this.bytes = new Uint8Array(CAPACITY);
    this.length = 0;
    this.isDense = false;
    this.spare = new Uint8Array(CAPACITY);
    this.split = new Uint8Array(SPLIT_BYTES_MAX);
    this.splitLength = 0;
  }

  /** Becomes an empty one: one run of zeros. */
  clear(): void {
    writeHeader(this.bytes, SPARSE);
    this.bytes[HEADER_BYTES] = 0x7f;
    this.bytes[HEADER_BYTES + 1] = 0xff;
    this.length = HEADER_BYTES + 2;
    this.isDense = false;
  }

  /** Becomes a copy. False: too long to be one. */
  load(bytes: Uint8Array, start: number, length: number, isDense: boolean): boolean {
    if (length > SPARSE_BYTES_MAX) return false;
    copyRange(bytes, start, start + length, this.bytes, 0);
    this.length = length;
    this.isDense = isDense;
    return true;
  }

  markStale(): void {
    markStale(this.bytes, 0);
  }

  /** Raises a register to at least `rank`. After CORRUPT the copy is good for nothing. */
  raise(index: number, rank: number, sparseBytesMax: number): Raised {
    if (this.isDense) return raiseDense(this.bytes, HEADER_BYTES, index, rank) ? RAISED : SAME;
    if (rank > VALUE_MAX) return this.raiseAsDense(index, rank);
    return this.raiseSparse(index, rank, sparseBytesMax);
  }

  private raiseAsDense(index: number, rank: number): Raised {
    if (!this.makeDense()) return CORRUPT;
    return raiseDense(this.bytes, HEADER_BYTES, index, rank) ? RAISED : SAME;
  }

  /** The header goes along. False: corrupt. */
  makeDense(): boolean {
    if (this.isDense) return true;
    const { bytes, spare, length } = this;
    copyRange(bytes, 0, HEADER_BYTES, spare, 0);
    spare[4] = DENSE;
    spare.fill(0, HEADER_BYTES, DENSE_BYTES);
    let index = 0;
    for (let at = HEADER_BYTES; at < length; ) {
      const first = bytes[at] as number;
      const run = runOf(bytes, at, length);
      if (run === 0 || index + run > REGISTERS) return false;
      const value = rankOf(first);
      if (value > 0) for (let i = index; i < index + run; i++) raiseDense(spare, HEADER_BYTES, i, value);
      index += run;
      at += widthOf(first);
    }
    if (index !== REGISTERS) return false;
    this.bytes = spare;
    this.spare = bytes;
    this.length = DENSE_BYTES;
    this.isDense = true;
    return true;
  }

  private raiseSparse(index: number, rank: number, sparseBytesMax: number): Raised {
    const { bytes, length } = this;
    let at = HEADER_BYTES;
    let before = at;
    let from = 0;
    let run = 0;
    while (at < length) {
      run = runOf(bytes, at, length);
      if (run === 0) return CORRUPT;
      if (index < from + run) break;
      before = at;
      at += widthOf(bytes[at] as number);
      from += run;
    }
    if (at >= length) return CORRUPT;
    const first = bytes[at] as number;
    const value = rankOf(first);
    if (value >= rank) return SAME;
    if (run === 1 && widthOf(first) === 1) bytes[at] = valueRun(rank, 1);
    else {
      this.splitRun(value, rank, index - from, from + run - 1 - index);
      const width = widthOf(first);
      const growth = this.splitLength - width;
      const isTooLong = growth > 0 && length + growth > sparseBytesMax;
      if (isTooLong || length + growth > CAPACITY) return this.raiseAsDense(index, rank);
      if (growth !== 0) bytes.copyWithin(at + this.splitLength, at + width, length);
      copyRange(this.split, 0, this.splitLength, bytes, at);
      this.length = length + growth;
    }
    this.mergeValues(before);
    this.markStale();
    return RAISED;
  }

  /** Spells a run as what is left of the register, the register, and what is right of it. */
  private splitRun(value: number, rank: number, left: number, right: number): void {
    this.splitLength = 0;
    if (left > 0) this.addRun(value, left);
    this.addRun(rank, 1);
    if (right > 0) this.addRun(value, right);
  }

  private addRun(value: number, run: number): void {
    const { split } = this;
    if (value > 0) split[this.splitLength++] = valueRun(value, run);
    else if (run <= SHORT_ZEROS_MAX) split[this.splitLength++] = run - 1;
    else {
      split[this.splitLength++] = 0x40 | ((run - 1) >>> 8);
      split[this.splitLength++] = (run - 1) & 255;
    }
  }

  /** Makes one run of neighbours with the same value where the opcode is long enough. */
  private mergeValues(start: number): void {
    const { bytes } = this;
    let at = start;
    for (let steps = 0; steps < MERGE_STEPS && at < this.length; steps++) {
      const first = bytes[at] as number;
      const second = at + 1 < this.length ? (bytes[at + 1] as number) : 0;
      if (first >= 0x80 && second >= 0x80 && rankOf(first) === rankOf(second)) {
        const run = (first & 3) + (second & 3) + 2;
        if (run <= VALUE_RUN_MAX) {
          bytes[at + 1] = valueRun(rankOf(first), run);
          bytes.copyWithin(at, at + 1, this.length);
          this.length--;
          continue;
        }
      }
      at += widthOf(first);
    }
  }
}

function valueRun(value: number, run: number): number {
  return 0x80 | ((value - 1) << 2) | (run - 1);
}
