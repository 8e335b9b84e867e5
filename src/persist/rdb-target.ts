/**
 * An RDB file that is filled from scratch engines, entry by entry, of any tenants in any order. Whole and on the disk once
 * `finish` has succeeded; `discard` leaves nothing of it.
 */
import { DEFAULT_TENANT } from '../base/names.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskFault, DiskWriter } from '../disk/disk.ts';
import { writeWhole } from '../disk/whole-write.ts';
import { RdbFileWriter } from '../rdb/file-writer.ts';
import type { ScratchEntry } from './scratch.ts';
import { WritingPlace } from './writing-place.ts';

export type Aux = readonly (readonly [name: string, value: string])[];

/** What redis-server writes at the head of a dump. */
export function auxOf(now_ms: number, usedBytes: number | undefined, isBase: boolean): Aux {
  const used: Aux = usedBytes === undefined ? [] : [['used-mem', String(usedBytes)]];
  return [
    ['redis-ver', '7.2.0'],
    ['redis-bits', '64'],
    ['ctime', String(Math.floor(now_ms / 1000))],
    ...used,
    ['aof-base', isBase ? '1' : '0'],
  ];
}

export class RdbTarget {
  readonly path: string;
  readonly version: number;
  keys: number;
  private readonly disk: Disk;
  private readonly file: DiskWriter;
  private readonly writer: RdbFileWriter;
  private fault: DiskFault | undefined;
  private readonly place: WritingPlace;

  private constructor(disk: Disk, file: DiskWriter, version: number, aux: Aux) {
    this.path = file.path;
    this.version = version;
    this.keys = 0;
    this.disk = disk;
    this.file = file;
    this.fault = undefined;
    this.place = new WritingPlace(DEFAULT_TENANT);
    this.writer = new RdbFileWriter((bytes, start, end) => this.write(bytes, start, end));
    this.writer.begin(version, aux);
  }

  static create(disk: Disk, path: string, version: number, aux: Aux): Result<RdbTarget> {
    const file = disk.create(path);
    return file.ok ? success(new RdbTarget(disk, file.value, version, aux)) : failure(file.fault.message);
  }

  private write(bytes: Uint8Array, start: number, end: number): boolean {
    const written = writeWhole(this.file, bytes, start, end);
    if (!written.ok) this.fault ??= written.fault;
    return this.fault === undefined;
  }

  functions(payloads: readonly Uint8Array[]): void {
    this.writer.functions(payloads);
  }

  /** @returns what keeps the disk from taking more. */
  put({ databaseNumber, database, ref }: Readonly<ScratchEntry>, tenant: string): string | undefined {
    if (this.place.moves(this.writer, tenant, databaseNumber)) this.writer.database(databaseNumber, 0, 0);
    this.writer.entry(database, ref, undefined);
    this.keys++;
    return this.fault?.message;
  }

  /** Brings it to the disk. @returns its bytes */
  async finish(): Promise<Result<number>> {
    this.writer.end();
    const synced =
      this.fault ?? (await new Promise<DiskFault | undefined>((resolve) => this.file.sync((fault) => resolve(fault))));
    const closed = this.file.close();
    const fault = synced ?? (closed.ok ? undefined : closed.fault);
    return fault === undefined ? success(this.file.length) : failure(fault.message);
  }

  discard(): void {
    this.file.close();
    this.disk.remove(this.path);
  }
}
