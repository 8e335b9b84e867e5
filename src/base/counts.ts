/** How many there are of each. What there is none of is not kept, so that the table is no larger than what it counts. */
export class Counts<Key> {
  private readonly counts: Map<Key, number>;

  constructor() {
    this.counts = new Map();
  }

  /** How many different ones there are. */
  get size(): number {
    return this.counts.size;
  }

  of(key: Key): number {
    return this.counts.get(key) ?? 0;
  }

  keys(): Iterable<Key> {
    return this.counts.keys();
  }

  add(key: Key): void {
    this.counts.set(key, this.of(key) + 1);
  }

  /** One less, of which there is one. */
  remove(key: Key): void {
    const left = this.of(key) - 1;
    if (left > 0) this.counts.set(key, left);
    else this.counts.delete(key);
  }
}
