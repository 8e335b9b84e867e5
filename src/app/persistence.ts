/**
 * Snapshots and rewrites as redis-server speaks of them: what may begin beside what, save points, and the time of the last
 * save. The work itself is the storage's.
 */
import type { Clock } from '../base/clock.ts';
import { SAVE_RETRY_MS } from '../base/limits.ts';
import type { Result } from '../base/result.ts';
import type { Durability } from '../command/ports/durability.ts';
import type { PersistencePort } from '../command/ports/persistence.ts';
import type { Log } from '../observe/log.ts';
import { REWRITE_IN_PROGRESS, type Refusal, SAVE_BESIDE_REWRITE, SAVE_IN_PROGRESS } from '../resp/refusals.ts';
import type { SavePoint } from './config/settings.ts';

export interface PersistenceParts {
  readonly durability: Durability;
  readonly clock: Clock;
  readonly log: Log;
  readonly startedAt_ms: number;
  readonly savePoints: () => readonly SavePoint[];
}

export class Persistence implements PersistencePort {
  private readonly parts: PersistenceParts;
  private triedAt_ms: number;

  constructor(parts: PersistenceParts) {
    this.parts = parts;
    this.triedAt_ms = Number.NEGATIVE_INFINITY;
  }

  lastSave(): number {
    const { lastSave_ms } = this.parts.durability.status();
    return Math.floor((lastSave_ms === 0 ? this.parts.startedAt_ms : lastSave_ms) / 1000);
  }

  save(): Refusal | Promise<Result<void>> {
    if (this.parts.durability.status().isSaving) return SAVE_IN_PROGRESS;
    return this.parts.durability.save();
  }

  saveInBackground(mayWait: boolean): Refusal | string {
    const { isSaving, isRewriting } = this.parts.durability.status();
    if (isSaving) return SAVE_IN_PROGRESS;
    if (isRewriting && !mayWait) return SAVE_BESIDE_REWRITE;
    void this.parts.durability.save();
    return isRewriting ? 'Background saving scheduled' : 'Background saving started';
  }

  rewriteInBackground(): Refusal | string {
    const { isSaving, isRewriting } = this.parts.durability.status();
    if (isRewriting) return REWRITE_IN_PROGRESS;
    void this.parts.durability.rewrite();
    return isSaving
      ? 'Background append only file rewriting scheduled'
      : 'Background append only file rewriting started';
  }

  /** Now and then: whether a save point has been reached. */
  tick(): void {
    const { durability, clock, log, savePoints } = this.parts;
    const points = savePoints();
    if (points.length === 0) return;
    const { changesSinceSave, isSaving, isRewriting, isLastSaveGood } = durability.status();
    const now_ms = clock.monotonicMs();
    if (isSaving || isRewriting || (!isLastSaveGood && now_ms - this.triedAt_ms < SAVE_RETRY_MS)) return;
    const age_s = clock.nowMs() / 1000 - this.lastSave();
    const reached = points.find(({ seconds, changes }) => changesSinceSave >= changes && age_s > seconds);
    if (reached === undefined) return;
    this.triedAt_ms = now_ms;
    log.write('info', 'store.save_point', `${reached.changes} changes in ${reached.seconds} seconds: saving`);
    void durability.save();
  }

  /** The end of the process. @param wanted SHUTDOWN's word; undefined: as save points say */
  async saveAtEnd(wanted: boolean | undefined): Promise<Result<void>> {
    const { durability, savePoints } = this.parts;
    if (!(wanted ?? savePoints().length > 0)) return { ok: true, value: undefined };
    return durability.save();
  }
}
