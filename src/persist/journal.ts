/**
 * What happened in a shard, as records of its log: effects become the commands that replay them, several that belong
 * together a transaction, and tenants and databases are named where they change.
 *
 * A file begins in the tenant `default` and with no database chosen, so a log of that tenant alone holds nothing that
 * redis-server does not know. Other tenants are chosen by a record of our own, which redis-server refuses.
 */
import { bytesOfLatin1 } from '../base/bytes.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import type { Changed } from '../command/effect.ts';
import type { Request } from '../resp/request.ts';
import type { AppendLog } from './append-log.ts';
import type { Words } from './record-buffer.ts';

/** `PORTCULLIS.TENANT name`: what follows belongs to that tenant. */
export const TENANT_RECORD = 'PORTCULLIS.TENANT';

const MULTI = bytesOfLatin1('*1\r\n$5\r\nMULTI\r\n');
const EXEC: Words = ['EXEC'];
const NONE = -1;

export class Journal {
  /** Changes since the last snapshot was begun: `rdb_changes_since_last_save`. */
  changes: number;
  private readonly log: AppendLog;
  private readonly tenantName: (realmNumber: number) => string;
  private realmNumber: number;
  private databaseNumber: number;
  /** Where the records of a group begin, and how many there are. */
  private groupAt: number;
  private groupRecords: number;
  private groupDepth: number;

  constructor(log: AppendLog, tenantName: (realmNumber: number) => string) {
    this.changes = 0;
    this.log = log;
    this.tenantName = tenantName;
    this.realmNumber = NONE;
    this.databaseNumber = NONE;
    this.groupAt = 0;
    this.groupRecords = 0;
    this.groupDepth = 0;
  }

  /** Records go to another file. @param realmNumber of a file that goes on: the tenant at its end; -1 of a new one */
  fileChanged(realmNumber: number = NONE): void {
    this.realmNumber = realmNumber;
    this.databaseNumber = NONE;
  }

  changed(effect: Changed, request: Request, realmNumber: number, databaseNumber: number): void {
    this.changes += effect.changes;
    if (!this.log.isOpen) return;
    const { replay } = effect;
    if (replay === undefined) {
      this.choose(realmNumber, databaseNumber);
      this.log.buffer.addRequest(request);
      this.groupRecords++;
      return;
    }
    if (replay.length === 0) return;
    if (replay.length > 1) this.beginGroup();
    for (const row of replay) this.add(realmNumber, databaseNumber, row);
    if (replay.length > 1) this.endGroup();
  }

  /** What changed without a command. */
  happened(realmNumber: number, databaseNumber: number, words: Words): void {
    this.changes++;
    if (this.log.isOpen) this.add(realmNumber, databaseNumber, words);
  }

  private add(realmNumber: number, databaseNumber: number, words: Words): void {
    this.choose(realmNumber, databaseNumber);
    this.log.buffer.addWords(words);
    this.groupRecords++;
  }

  /** Between `beginGroup` and `endGroup`: the file must not change, nor may what is there be written. */
  get isInGroup(): boolean {
    return this.groupDepth > 0;
  }

  /** Records from here to `endGroup` are played all or none. */
  beginGroup(): void {
    if (this.groupDepth++ > 0) return;
    this.groupAt = this.log.buffer.length;
    this.groupRecords = 0;
  }

  endGroup(): void {
    if (--this.groupDepth > 0 || this.groupRecords < 2 || !this.log.isOpen) return;
    const { buffer } = this.log;
    buffer.insert(this.groupAt, MULTI);
    buffer.addWords(EXEC);
  }

  private choose(realmNumber: number, databaseNumber: number): void {
    const { buffer } = this.log;
    if (realmNumber !== this.realmNumber) {
      const name = this.tenantName(realmNumber);
      if (this.realmNumber !== NONE || name !== DEFAULT_TENANT) buffer.addWords([TENANT_RECORD, bytesOf(name)]);
      this.realmNumber = realmNumber;
      this.databaseNumber = NONE;
    }
    if (databaseNumber === this.databaseNumber) return;
    buffer.addWords(['SELECT', String(databaseNumber)]);
    this.databaseNumber = databaseNumber;
  }
}

function bytesOf(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}
