/**
 * Which keys were written and are not on the disk yet, as far as a reader has to know: with `appendfsync always` whoever is
 * shown such a value waits until it will still be there after a power cut.
 *
 * Keys are known by their hash alone: two that share one make a reader wait who need not have, and nothing worse. Past a
 * bound every key counts as unsynced.
 */
import { UNSYNCED_KEYS_MAX } from '../base/limits.ts';

class Generation {
  readonly hashes: Set<number> = new Set();
  isAll = false;

  clear(): void {
    this.hashes.clear();
    this.isAll = false;
  }
}

export class UnsyncedKeys {
  /** Those written since the last sync began, and those that it covers. */
  private fresh: Generation = new Generation();
  private covered: Generation = new Generation();

  add(hash: number): void {
    const { fresh } = this;
    if (fresh.hashes.size >= UNSYNCED_KEYS_MAX) fresh.isAll = true;
    else fresh.hashes.add(hash);
  }

  addAll(): void {
    this.fresh.isAll = true;
  }

  get isEmpty(): boolean {
    const { fresh, covered } = this;
    return fresh.hashes.size === 0 && covered.hashes.size === 0 && !fresh.isAll && !covered.isAll;
  }

  get isAll(): boolean {
    return this.fresh.isAll || this.covered.isAll;
  }

  has(hash: number): boolean {
    return this.isAll || this.fresh.hashes.has(hash) || this.covered.hashes.has(hash);
  }

  /** A sync begins; the one before is over. */
  syncing(): void {
    const { covered } = this;
    this.covered = this.fresh;
    covered.clear();
    this.fresh = covered;
  }

  synced(): void {
    this.covered.clear();
  }

  clear(): void {
    this.fresh.clear();
    this.covered.clear();
  }
}
