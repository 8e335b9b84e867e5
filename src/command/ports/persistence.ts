/** What a command may ask of the durable side of the process. */
import type { Result } from '../../base/result.ts';
import type { Refusal } from '../../resp/refusals.ts';

export interface PersistencePort {
  /** Seconds since the epoch. */
  lastSave(): number;
  /** SAVE: a refusal at once, or how it went. */
  save(): Refusal | Promise<Result<void>>;
  /** BGSAVE. @returns what to answer */
  saveInBackground(mayWait: boolean): Refusal | string;
  /** BGREWRITEAOF. */
  rewriteInBackground(): Refusal | string;
}

/** A backup that is whole: it has been read back from the disk. */
export interface BackupTaken {
  /** On the machine of the server. */
  readonly folder: string;
  readonly files: number;
  readonly keys: number;
  readonly bytes: number;
}

export interface BackupPort {
  /** @param name a name without a path: clients never choose where. @param tenant whose keys alone; undefined: everybody's */
  take(name: string, tenant: string | undefined): Refusal | Promise<Result<BackupTaken>>;
}
