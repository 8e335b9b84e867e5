/** Tables that remember what came and have a bound: Map and Set keep the order of insertion, so the first is the oldest. */
interface Table<Key> {
  readonly size: number;
  keys(): Iterable<Key>;
  delete(key: Key): boolean;
}

/** Before one more is put in: the oldest goes when there are `max` already. */
export function makeRoom<Key>(table: Table<Key>, max: number): void {
  if (table.size < max) return;
  for (const oldest of table.keys()) {
    table.delete(oldest);
    return;
  }
}
