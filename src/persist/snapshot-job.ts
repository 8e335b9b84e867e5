/**
 * A snapshot of one shard on its way into a file: written in slices of a bounded time, brought to the disk as it grows, and
 * complete once the last sync has succeeded. Giving the file its name is the caller's.
 *
 * ```
 *   walking ──▶ syncing ──▶ done
 *      └───────────┴──────▶ failed        a walk that has failed goes on without writing, as it must come to its end
 * ```
 */
import type { Clock } from '../base/clock.ts';
import { SNAPSHOT_SLICE_MS, SNAPSHOT_SYNC_BYTES, SNAPSHOT_UNSYNCED_BYTES_MAX } from '../base/limits.ts';
import type { Disk, DiskFault, DiskWriter } from '../disk/disk.ts';
import { writeWhole } from '../disk/whole-write.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import { Snapshot } from '../engine/snapshot.ts';
import { RdbFileWriter } from '../rdb/file-writer.ts';
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY } from '../rdb/format.ts';
import { SnapshotContent } from './snapshot-content.ts';

export interface SnapshotOptions {
  readonly shard: Shard;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Where it is written; there must be no such file. */
  readonly path: string;
  readonly tenantName: (realmNumber: number) => string;
  readonly aux: readonly (readonly [name: string, value: string])[];
  /** Payloads of libraries that came with the data. */
  readonly functions: readonly Uint8Array[];
  /** Only this tenant, as if it were alone. */
  readonly onlyRealm?: number;
  /** It has waited for the disk and may go on. */
  readonly wake: () => void;
  readonly ended: (outcome: SnapshotOutcome) => void;
}

export type SnapshotOutcome =
  | { readonly ok: true; readonly bytes: number; readonly keys: number; readonly version: number }
  | { readonly ok: false; readonly fault: DiskFault };

export class SnapshotJob {
  readonly startedAt_ms: number;
  readonly version: number;
  private readonly options: SnapshotOptions;
  private readonly snapshot: Snapshot;
  private readonly writer: RdbFileWriter;
  private readonly file: DiskWriter | undefined;
  private state: 'walking' | 'syncing' | 'ended';
  private fault: DiskFault | undefined;
  private syncedBytes: number;
  private isSyncing: boolean;

  /** The state of now is what is written, whatever happens afterwards. */
  constructor(options: SnapshotOptions) {
    const { shard, disk, clock, path } = options;
    this.options = options;
    this.startedAt_ms = clock.monotonicMs();
    this.state = 'walking';
    this.syncedBytes = 0;
    this.isSyncing = false;
    const file = disk.create(path);
    this.file = file.ok ? file.value : undefined;
    this.fault = file.ok ? undefined : file.fault;
    this.writer = new RdbFileWriter((bytes, start, end) => this.write(bytes, start, end));
    // All are walked, as the marks of all entries turn over together; of whom nothing is wanted nothing is written.
    const realms: Realm[] = [];
    shard.eachRealm((realm) => realms.push(realm));
    this.version = realms.some((realm) => this.isWanted(realm.number) && realm.hasExpiringFields())
      ? RDB_VERSION_FIELD_EXPIRY
      : RDB_VERSION;
    this.writer.begin(this.version, options.aux);
    if (options.functions.length > 0) this.writer.functions(options.functions);
    const naming = {
      tenantName: options.tenantName,
      realm: (number: number) => shard.realmIfAny(number),
      isWanted: (number: number) => this.isWanted(number),
    };
    this.snapshot = new Snapshot(shard.world, realms, () => new SnapshotContent(this.writer, naming));
  }

  private isWanted(realmNumber: number): boolean {
    const { onlyRealm } = this.options;
    return onlyRealm === undefined || realmNumber === onlyRealm;
  }

  /** Keys that are written. */
  private get keysWanted(): number {
    const wanted = this.snapshot.parts.filter(({ realmNumber }) => this.isWanted(realmNumber));
    return wanted.reduce((sum, { keys }) => sum + keys, 0);
  }

  get keysTotal(): number {
    return this.snapshot.keysTotal;
  }

  get keysVisited(): number {
    return this.snapshot.keysVisited;
  }

  /** Whether there is something to do now; while a sync is waited for there is not. */
  get isDue(): boolean {
    return this.state === 'walking' && !this.isHeld;
  }

  /** The disk is behind by so much that going on would only fill the memory of the system. */
  private get isHeld(): boolean {
    return this.isSyncing && (this.file?.length ?? 0) - this.syncedBytes > SNAPSHOT_UNSYNCED_BYTES_MAX;
  }

  /** Works for one slice. */
  slice(duration_ms: number = SNAPSHOT_SLICE_MS): void {
    const { clock } = this.options;
    const until_ms = clock.monotonicMs() + duration_ms;
    while (this.isDue) {
      if (!this.snapshot.step()) return this.walked();
      if (clock.monotonicMs() >= until_ms) return;
    }
  }

  private write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.file === undefined || this.fault !== undefined) return false;
    const written = writeWhole(this.file, bytes, start, end);
    if (!written.ok) this.fault = written.fault;
    else if (!this.isSyncing && this.file.length - this.syncedBytes > SNAPSHOT_SYNC_BYTES) this.sync();
    return this.fault === undefined;
  }

  private sync(): void {
    const { file } = this;
    if (file === undefined) return;
    const { length } = file;
    this.isSyncing = true;
    file.sync((fault) => {
      this.isSyncing = false;
      this.syncedBytes = length;
      if (fault !== undefined) this.fault ??= fault;
      if (this.state === 'syncing' && !this.isSyncing) this.end();
      else if (this.state === 'walking') this.options.wake();
    });
  }

  private walked(): void {
    this.state = 'syncing';
    this.writer.end();
    if (this.fault !== undefined) {
      if (!this.isSyncing) this.end();
    } else if (!this.isSyncing) this.sync();
  }

  private end(): void {
    const { file, options } = this;
    if (this.fault === undefined && file !== undefined && this.syncedBytes < file.length) {
      this.sync();
      return;
    }
    this.state = 'ended';
    const closed = file?.close();
    if (closed?.ok === false) this.fault ??= closed.fault;
    if (this.fault === undefined && file !== undefined) {
      options.ended({ ok: true, bytes: file.length, keys: this.keysWanted, version: this.version });
      return;
    }
    options.disk.remove(options.path);
    options.ended({ ok: false, fault: this.fault ?? { code: 'EIO', message: 'the snapshot has no file' } });
  }
}
