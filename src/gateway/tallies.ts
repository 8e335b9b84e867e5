/**
 * Counters of the gateway that have labels, one family a line of INFO section `gateway`: `acl_denied:key=3,command=1`.
 * Labels are words of the program, never of a client: the table is as large as the program makes it.
 */
export class Tallies {
  private readonly families: Map<string, Map<string, number>>;

  constructor() {
    this.families = new Map();
  }

  /** @param label letters, digits and `_` */
  count(family: string, label: string, by = 1): void {
    let labels = this.families.get(family);
    if (labels === undefined) {
      labels = new Map();
      this.families.set(family, labels);
    }
    labels.set(label, (labels.get(label) ?? 0) + by);
  }

  get(family: string, label: string): number {
    return this.families.get(family)?.get(label) ?? 0;
  }

  /** As INFO shows them, families and labels by name. */
  lines(): readonly (readonly [family: string, labels: string])[] {
    return Array.from(this.families, ([family, labels]): readonly [string, string] => [
      family,
      shown(labels),
    ]).toSorted();
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.families.clear();
  }
}

function shown(labels: ReadonlyMap<string, number>): string {
  return Array.from(labels, ([label, count]) => `${label}=${count}`)
    .toSorted()
    .join(',');
}
