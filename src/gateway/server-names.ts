/** Names that a TLS listener answers to: which entry a client gets for what it asks, and who may log in under it. */

export interface NameEntry {
  /** In lower case; `*` in front stands for one label. */
  readonly name: string;
  /** Only its users may log in under this name. */
  readonly tenantName: string | undefined;
}

export class NameTable<Entry extends NameEntry> {
  private readonly byName: ReadonlyMap<string, Entry>;
  private readonly denies: boolean;

  /** @param denies whether a client that asks for no entry is turned away */
  constructor(entries: readonly Entry[], denies: boolean) {
    this.byName = new Map(entries.map((entry) => [entry.name, entry]));
    this.denies = denies;
  }

  /** The entry of this name, or of the wildcard one label above it. Upper case is the same name; runtimes do not fold it. */
  find(asked: string): Entry | undefined {
    const name = folded(asked);
    const exact = this.byName.get(name);
    if (exact !== undefined || !name.includes('.')) return exact;
    return this.byName.get(`*${name.slice(name.indexOf('.'))}`);
  }

  /** Whether a client that asks for this name, or for none, is turned away. */
  refuses(asked: string | undefined): boolean {
    return this.denies && (asked === undefined || this.find(asked) === undefined);
  }
}

/** Whether users of this tenant may log in where a name has been asked for that is for `onlyTenant`. */
export function isOfName(onlyTenant: string | undefined, tenantName: string): boolean {
  return onlyTenant === undefined || tenantName === onlyTenant;
}

/** Lower-case ASCII. Whatever else stands in it stays, and is no name of ours. */
export function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
