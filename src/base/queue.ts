/**
 * First in, first out, in a circular array that doubles when full: no allocation per entry, constant time at both ends.
 * Whoever fills it sees to its bound.
 *
 * ```
 *   items  | . | c | d | . |      head = 1, count = 2
 *                ^ shift   ^ push
 * ```
 *
 * Hot path in pool mode: one push and one shift per request. Guarded by the pool rows of `npm run bench`.
 */
export class Queue<Item> {
  private items: (Item | undefined)[];
  private head: number;
  private count: number;

  constructor(initialCapacity = 64) {
    let capacity = 1;
    while (capacity < initialCapacity) capacity *= 2;
    this.items = new Array<Item | undefined>(capacity).fill(undefined);
    this.head = 0;
    this.count = 0;
  }

  get length(): number {
    return this.count;
  }

  push(item: Item): void {
    if (this.count === this.items.length) this.grow();
    this.items[(this.head + this.count) & (this.items.length - 1)] = item;
    this.count++;
  }

  /** Puts an item in front of all others. */
  unshift(item: Item): void {
    if (this.count === this.items.length) this.grow();
    this.head = (this.head - 1) & (this.items.length - 1);
    this.items[this.head] = item;
    this.count++;
  }

  peek(): Item | undefined {
    return this.count === 0 ? undefined : this.items[this.head];
  }

  shift(): Item | undefined {
    if (this.count === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head = (this.head + 1) & (this.items.length - 1);
    this.count--;
    return item;
  }

  /** Takes back what was pushed last. */
  pop(): Item | undefined {
    if (this.count === 0) return undefined;
    const at = (this.head + this.count - 1) & (this.items.length - 1);
    const item = this.items[at];
    this.items[at] = undefined;
    this.count--;
    return item;
  }

  private grow(): void {
    const capacity = this.items.length;
    const grown = new Array<Item | undefined>(2 * capacity).fill(undefined);
    for (let i = 0; i < capacity; i++) grown[i] = this.items[(this.head + i) & (capacity - 1)];
    this.items = grown;
    this.head = 0;
  }
}
