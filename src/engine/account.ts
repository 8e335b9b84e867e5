/**
 * A memory account: what one tenant, or the whole process, holds in blocks, exact to the byte, and what it may hold.
 *
 * Invariant: `usedBytes()` is the sum of the bytes of all blocks charged and not yet credited, over all shards. Every
 * shard writes only its own cell, so no atomic addition is needed; a cell counts units of 8 bytes in 32 bits, which is
 * exactly what the arena of one shard can hold, so it cannot wrap. Cells live in shared memory when there are worker
 * shards. Two shards that check and write in the same instant may pass a limit by one write; nothing else can.
 *
 * Hot path. Budget: charging under 5 ns; guarded by `bench/engine.ts`.
 */

import type { EvictionPolicy } from '../base/eviction-policies.ts';

/** Cells of one account are padded to a cache line, so that shards do not slow each other down. */
const CELLS_PER_LINE = 16;
const SAMPLES_DEFAULT = 5;

/** Cells for one account over so many shards. Give the same cells to the account of every shard. */
export function accountCells(shards: number, shared: boolean): Int32Array {
  const bytes = shards * CELLS_PER_LINE * 4;
  return new Int32Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
}

export class Account {
  /** 0 = no limit. */
  limitBytes: number;
  policy: EvictionPolicy;
  /** Keys looked at per eviction: maxmemory-samples. */
  samples: number;
  private readonly cells: Int32Array;
  private readonly own: number;
  private readonly parent: Account | undefined;

  constructor(cells: Int32Array = accountCells(1, false), shard = 0, parent: Account | undefined = undefined) {
    this.limitBytes = 0;
    this.policy = 'noeviction';
    this.samples = SAMPLES_DEFAULT;
    this.cells = cells;
    this.own = shard * CELLS_PER_LINE;
    this.parent = parent;
  }

  /** A block was taken; `bytes` is a multiple of 8. */
  charge(bytes: number): void {
    this.cells[this.own] = ((this.cells[this.own] as number) + (bytes >>> 3)) | 0;
    if (this.parent !== undefined) this.parent.charge(bytes);
  }

  /** A block was given back. */
  credit(bytes: number): void {
    this.cells[this.own] = ((this.cells[this.own] as number) - (bytes >>> 3)) | 0;
    if (this.parent !== undefined) this.parent.credit(bytes);
  }

  usedBytes(): number {
    let units = (this.cells[0] as number) >>> 0;
    for (let i = CELLS_PER_LINE; i < this.cells.length; i += CELLS_PER_LINE) units += (this.cells[i] as number) >>> 0;
    return units * 8;
  }

  /** The account whose policy decides: this one, or the one above while this has no limit of its own. */
  governing(): Account {
    return this.limitBytes > 0 || this.parent === undefined ? this : this.parent.governing();
  }

  /** What this shard alone holds. */
  usedHereBytes(): number {
    return ((this.cells[this.own] as number) >>> 0) * 8;
  }

  /** Whether so many more bytes stay within this limit and those of the accounts above. */
  room(bytes: number): boolean {
    for (let account: Account | undefined = this; account !== undefined; account = account.parent) {
      if (!account.roomHere(bytes)) return false;
    }
    return true;
  }

  /** The same, for this account's own limit only. */
  roomHere(bytes: number): boolean {
    return this.limitBytes === 0 || this.usedBytes() + bytes <= this.limitBytes;
  }
}
