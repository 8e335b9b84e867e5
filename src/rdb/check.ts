/**
 * Looks at an RDB file as a load would, value by value, and keeps nothing: what is in it, or where it is broken and what
 * was read last. What a load alone sees, a key that is there twice, is not found.
 */
import { copyRange } from '../base/bytes.ts';
import { RDB_FIELDS_SHOWN_MAX, RDB_KEY_SHOWN_BYTES, TENANTS_MAX } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import type { DiskReader } from '../disk/disk.ts';
import { NO_EXPIRY } from '../engine/database.ts';
import { RdbFileReader } from './file-reader.ts';
import { shownKey, typeName } from './file-types.ts';

interface CheckedDatabase {
  readonly number: number;
  keys: number;
  /** Keys with a time to live, and those of them whose time is over. */
  expires: number;
  expired: number;
}

export interface CheckedTenant {
  readonly name: string;
  readonly databases: readonly CheckedDatabase[];
}

export interface RdbReport {
  /** 0 when it is not even known. */
  readonly version: number;
  readonly aux: readonly (readonly [name: string, value: string])[];
  readonly tenants: readonly CheckedTenant[];
  readonly functions: number;
  /** Collections without elements, which a load passes over. */
  readonly emptyKeys: number;
  readonly checksum: RdbFileReader['checksum'];
  /** Up to the end of the RDB, and behind it. */
  readonly bytes: number;
  readonly bytesBehind: number;
  /** Undefined when a load would take it. */
  readonly fault: { readonly message: string; readonly offset: number } | undefined;
  /** What was read last: with a fault, a good place to begin looking. */
  readonly last: string;
}

/** Counts by tenant and database. */
class Tally {
  private readonly names: string[];
  private readonly databases: CheckedDatabase[][];
  private tenant: number;
  private database: CheckedDatabase | undefined;

  constructor() {
    this.names = [DEFAULT_TENANT];
    this.databases = [[]];
    this.tenant = 0;
    this.database = undefined;
  }

  /** False when there are too many. */
  setTenant(name: string): boolean {
    this.tenant = this.names.indexOf(name);
    this.database = undefined;
    if (this.tenant >= 0) return true;
    this.tenant = this.names.length;
    this.names.push(name);
    this.databases.push([]);
    return this.names.length <= TENANTS_MAX;
  }

  setDatabase(number: number): void {
    const list = this.databases[this.tenant] as CheckedDatabase[];
    this.database = list.find((each) => each.number === number);
    if (this.database !== undefined) return;
    this.database = { number, keys: 0, expires: 0, expired: 0 };
    list.push(this.database);
  }

  count({ expireAt_ms }: RdbFileReader, now_ms: number): void {
    // Entries in front of any number are the first database's.
    if (this.database === undefined) this.setDatabase(0);
    const { database } = this;
    if (database === undefined) return;
    database.keys++;
    if (expireAt_ms === NO_EXPIRY) return;
    database.expires++;
    if (expireAt_ms < now_ms) database.expired++;
  }

  result(): readonly CheckedTenant[] {
    return this.names.map((name, i) => ({ name, databases: this.databases[i] as CheckedDatabase[] }));
  }
}

/** The entry read last, remembered without a text for each. */
class LastEntry {
  private readonly key: Uint8Array;
  private length: number;
  private typeByte: number;

  constructor() {
    // One more than is shown, so that a longer key is seen to be one.
    this.key = new Uint8Array(RDB_KEY_SHOWN_BYTES + 1);
    this.length = 0;
    this.typeByte = 0;
  }

  remember({ key, keyStart, keyEnd, typeByte }: RdbFileReader): void {
    this.length = Math.min(keyEnd - keyStart, this.key.length);
    copyRange(key, keyStart, keyStart + this.length, this.key, 0);
    this.typeByte = typeByte;
  }

  shown(): string {
    return `${shownKey(this.key, 0, this.length)}, ${typeName(this.typeByte)}`;
  }
}

export function checkRdb(file: DiskReader, now_ms: number): RdbReport {
  const reader = new RdbFileReader(file, { verifyChecksum: true });
  const tally = new Tally();
  const aux: (readonly [string, string])[] = [];
  let functions = 0;
  const entry = new LastEntry();
  let last: string | undefined = 'nothing';
  const report = (fault: RdbReport['fault']): RdbReport => ({
    version: reader.version,
    aux,
    tenants: tally.result(),
    functions,
    emptyKeys: reader.emptyKeys,
    checksum: reader.checksum,
    bytes: reader.position,
    bytesBehind: file.length - reader.position,
    fault,
    last: last ?? entry.shown(),
  });
  for (;;) {
    const offset = reader.position;
    const item = reader.next();
    switch (item.kind) {
      case 'entry':
        last = undefined;
        entry.remember(reader);
        tally.count(reader, now_ms);
        break;
      case 'aux':
        last = `the field of information ${JSON.stringify(item.name)}`;
        if (aux.length < RDB_FIELDS_SHOWN_MAX) aux.push([item.name, item.value]);
        break;
      case 'function':
        last = 'a function library';
        functions++;
        break;
      case 'tenant':
        last = `the name of the tenant ${JSON.stringify(item.name)}`;
        if (!tally.setTenant(item.name))
          return report({ message: `there are more than ${TENANTS_MAX} tenants`, offset });
        break;
      case 'database':
        last = `the number of database ${item.number}`;
        tally.setDatabase(item.number);
        break;
      case 'end':
        return report(undefined);
      case 'fault':
        return report({ message: item.message, offset: item.offset });
    }
  }
}
