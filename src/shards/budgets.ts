/**
 * The cells behind the memory accounts of all tenants and of the process, in memory that every shard's thread sees. Each
 * shard writes its own cells only (`engine/account.ts`); anyone may sum them up.
 */
import { TENANTS_MAX } from '../base/limits.ts';
import { accountCells } from '../engine/account.ts';

export class SharedBudgets {
  readonly shared: SharedArrayBuffer;
  private readonly shards: number;
  /** 32-bit words of one account: a line per shard. */
  private readonly words: number;

  constructor(shards: number, shared?: SharedArrayBuffer) {
    this.shards = shards;
    this.words = accountCells(shards, false).length;
    this.shared = shared ?? new SharedArrayBuffer(4 * this.words * (TENANTS_MAX + 1));
  }

  /** The cells of one tenant's account. */
  cellsOf(tenantNumber: number): Int32Array {
    return new Int32Array(this.shared, 4 * this.words * tenantNumber, this.words);
  }

  /** The cells of the account of the whole process. */
  totalCells(): Int32Array {
    return this.cellsOf(TENANTS_MAX);
  }

  usedBytes(tenantNumber: number): number {
    return this.sum(this.words * tenantNumber);
  }

  totalBytes(): number {
    return this.sum(this.words * TENANTS_MAX);
  }

  private sum(first: number): number {
    const cells = new Int32Array(this.shared);
    const line = this.words / this.shards;
    let units = 0;
    for (let shard = 0; shard < this.shards; shard++) units += (cells[first + shard * line] as number) >>> 0;
    return units * 8;
  }

  /** A shard's thread is gone, and what it held with it. */
  forget(shard: number): void {
    const cells = new Int32Array(this.shared);
    const line = this.words / this.shards;
    for (let tenant = 0; tenant <= TENANTS_MAX; tenant++) cells[tenant * this.words + shard * line] = 0;
  }
}
