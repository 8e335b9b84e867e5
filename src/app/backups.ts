/**
 * Backups of a running server, one at a time: asked for by an operator, or taken by the clock. Shards write their part, each
 * as it is at one moment; then everything is read back, and only what was whole gets its name.
 */
import { join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { BACKUP_RETRY_MS } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import { backupFileName, type Durability } from '../command/ports/durability.ts';
import type { BackupPort, BackupTaken } from '../command/ports/persistence.ts';
import type { Disk } from '../disk/disk.ts';
import type { Log } from '../observe/log.ts';
import { BackupFolder, isBackupName, stampName } from '../persist/backup-folder.ts';
import { type BackupFacts, type BackupManifest, keysIn } from '../persist/backup-manifest.ts';
import { BACKUP_IN_PROGRESS, BACKUP_NAME_INVALID, noSuchTenant, type Refusal } from '../resp/refusals.ts';
import type { BackupFigures } from './info/picture.ts';
import { VERSION } from './version.ts';

export interface BackupsPolicy {
  /** Absolute. */
  readonly folder: string;
  readonly everySeconds: number;
  readonly keep: number;
}

export interface BackupsParts {
  readonly durability: Pick<Durability, 'backup'>;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Pick<Log, 'write'>;
  readonly shards: number;
  readonly policy: () => BackupsPolicy;
  readonly knowsTenant: (name: string) => boolean;
  readonly seal: (folder: string, facts: BackupFacts) => Promise<Result<BackupManifest>>;
}

/** Where they go unless policy names a folder. */
export function backupsFolderOf(dataFolder: string, said: string | undefined, cwd: string): string {
  return said === undefined ? join(dataFolder, 'backups') : resolve(cwd, said);
}

export class Backups implements BackupPort {
  private readonly parts: BackupsParts;
  private isRunning: boolean;
  private isLastGood: boolean;
  private last_ms: number;
  private taken: number;
  private failures: number;
  /** When the clock took the last one; undefined before the folder has been looked at. */
  private scheduled_ms: number | undefined;
  private triedAt_ms: number;

  constructor(parts: BackupsParts) {
    this.parts = parts;
    this.isRunning = false;
    this.isLastGood = true;
    this.last_ms = 0;
    this.taken = 0;
    this.failures = 0;
    this.scheduled_ms = undefined;
    this.triedAt_ms = Number.NEGATIVE_INFINITY;
  }

  figures(): BackupFigures {
    const { last_ms, isLastGood, isRunning, taken, failures } = this;
    return { last_ms, isLastGood, isRunning, taken, failures };
  }

  take(name: string, tenant: string | undefined): Refusal | Promise<Result<BackupTaken>> {
    if (!isBackupName(name)) return BACKUP_NAME_INVALID;
    if (tenant !== undefined && !this.parts.knowsTenant(tenant)) return noSuchTenant(tenant);
    return this.isRunning ? BACKUP_IN_PROGRESS : this.run(name, tenant);
  }

  /** Now and then: whether one is due by the clock. */
  tick(): void {
    const { clock, policy } = this.parts;
    const { folder, everySeconds, keep } = policy();
    if (everySeconds === 0 || this.isRunning) return;
    const now_ms = clock.nowMs();
    if (clock.monotonicMs() - this.triedAt_ms < BACKUP_RETRY_MS && !this.isLastGood) return;
    this.scheduled_ms ??= new BackupFolder(this.parts.disk, folder).lastScheduled_ms();
    // A clock that was set back must not mean that none is taken for as long.
    if (this.scheduled_ms > now_ms) this.scheduled_ms = now_ms;
    if (now_ms - this.scheduled_ms < everySeconds * 1000) return;
    this.triedAt_ms = clock.monotonicMs();
    void this.run(stampName(now_ms, true), undefined).then((done) => {
      if (!done.ok) return;
      this.scheduled_ms = now_ms;
      this.prune(folder, keep);
    });
  }

  private prune(folder: string, keep: number): void {
    const { disk, log } = this.parts;
    const pruned = new BackupFolder(disk, folder).prune(keep);
    if (!pruned.ok) log.write('warn', 'backup.prune_failed', oneLine(pruned.fault));
    else if (pruned.value.length > 0) {
      log.write('info', 'backup.pruned', 'old backups have been removed', { names: pruned.value.join(' ') });
    }
  }

  private async run(name: string, tenant: string | undefined): Promise<Result<BackupTaken>> {
    const { clock, log, policy, disk } = this.parts;
    const created_ms = clock.nowMs();
    const from_ms = clock.monotonicMs();
    this.isRunning = true;
    const backups = new BackupFolder(disk, policy().folder);
    const done = await this.write(backups, name, tenant, created_ms);
    this.isRunning = false;
    this.isLastGood = done.ok;
    if (done.ok) {
      this.last_ms = created_ms;
      this.taken++;
      const took_ms = Math.round(clock.monotonicMs() - from_ms);
      log.write('info', 'backup.taken', 'a backup has been written and read back', { ...done.value, took_ms });
    } else {
      this.failures++;
      backups.abandon(name);
      log.write('error', 'backup.failed', oneLine(done.fault), { name });
    }
    return done;
  }

  private async write(
    backups: BackupFolder,
    name: string,
    tenant: string | undefined,
    created_ms: number,
  ): Promise<Result<BackupTaken>> {
    const { durability, shards, seal } = this.parts;
    const begun = backups.begin(name);
    if (!begun.ok) return begun;
    const written = await durability.backup(begun.value, tenant);
    if (!written.ok) return written;
    const names = Array.from({ length: shards }, (_, shard) => backupFileName(shard));
    const sealed = await seal(begun.value, { version: VERSION, created_ms, tenant, names });
    if (!sealed.ok) return sealed;
    const named = backups.complete(name);
    if (!named.ok) return failure(named.fault);
    const bytes = sealed.value.files.reduce((sum, file) => sum + file.bytes, 0);
    return success({ folder: named.value, files: names.length, keys: keysIn(sealed.value), bytes });
  }
}
