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
