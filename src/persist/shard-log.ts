/**
 * One shard's log as the executor sees it: told of every command that has run, it writes down what has changed and says
 * what the replies of the moment have to wait for.
 *
 * - `appendfsync always`: whoever wrote, or was shown what is not on the disk yet, waits for the sync. Nobody else does.
 * - otherwise: all that was answered waits until it is written, which is the end of the turn.
 *
 * Hot path: `ran` once per command. Budget 20 ns for one that reads; guarded by `npm run bench -- --only durability`.
 */
import { ALONE_MS } from '../base/limits.ts';
import type { Command, KeyList } from '../command/command.ts';
import type { Effect } from '../command/effect.ts';
import type { Kept } from '../command/ports/durability.ts';
import type { Hasher } from '../engine/world.ts';
import { misconfLog, type Refusal } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';
import type { AppendLog } from './append-log.ts';
import { describeCode } from './fault-text.ts';
import type { Journal } from './journal.ts';
import { UnsyncedKeys } from './unsynced-keys.ts';

export class ShardLog {
  readonly log: AppendLog;
  readonly journal: Journal;
  private readonly unsynced: UnsyncedKeys;
  private readonly hash: Hasher;
  /** Something since the last `takeDebt` has to wait for a sync. */
  private owesSync: boolean;
  /** Something since then has changed what is kept. */
  private owesWrite: boolean;
  /** Somebody since `hasOnlyWriters` was asked has run a command that does not wait for the disk; and when that was seen. */
  private hasBystander: boolean;
  private bystanderAt_ms: number;
  /** What keeps snapshots from being written, while that stops writes. */
  snapshotRefusal: Refusal | undefined;

  constructor(log: AppendLog, journal: Journal, hash: Hasher) {
    this.log = log;
    this.journal = journal;
    this.unsynced = new UnsyncedKeys();
    this.hash = hash;
    this.owesSync = false;
    this.owesWrite = false;
    this.hasBystander = false;
    this.bystanderAt_ms = Number.NEGATIVE_INFINITY;
    this.snapshotRefusal = undefined;
    log.onSyncing = () => this.unsynced.syncing();
    log.onSynced = () => this.unsynced.synced();
  }

  /** Why nothing may be changed now. */
  get refusal(): Refusal | undefined {
    const fault = this.log.writeFault ?? this.log.syncFault;
    return fault === undefined ? this.snapshotRefusal : misconfLog(describeCode(fault.code));
  }

  /** Whether keys have to be told to `ran`. */
  get followsKeys(): boolean {
    return this.log.policy === 'always' && this.log.isOpen;
  }

  /** A command has run. `keys` are those of its request when `followsKeys`. */
  ran(
    command: Command,
    request: Request,
    keys: KeyList,
    realmNumber: number,
    databaseNumber: number,
    effect: Effect,
  ): void {
    const isChange = effect.kind === 'changed';
    if (isChange) {
      this.journal.changed(effect, request, realmNumber, databaseNumber);
      this.owesWrite = true;
    }
    if (!this.followsKeys) return;
    if (isChange) {
      this.owesSync = true;
      if (keys.count === 0) this.unsynced.addAll();
      for (let i = 0; i < keys.count; i++) this.unsynced.add(this.hashOf(request, keys.at[i] as number, realmNumber));
    } else if (!this.unsynced.isEmpty && !this.owesSync && this.log.syncFault === undefined) {
      this.owesSync = keys.count === 0 ? command.isReadonly : this.showsUnsynced(request, keys, realmNumber);
    }
    if (!this.owesSync) this.hasBystander = true;
  }

  /** With `always`: whether for a while all commands have had to wait for the disk. */
  hasOnlyWriters(now_ms: number): boolean {
    if (!this.followsKeys) return false;
    if (this.hasBystander) this.bystanderAt_ms = now_ms;
    this.hasBystander = false;
    return now_ms - this.bystanderAt_ms > ALONE_MS;
  }

  /** A key has gone to make room. Of one whose time is over that is true after a power cut, too; of this one it is not. */
  evicted(realmNumber: number, databaseNumber: number, bytes: Uint8Array, start: number, end: number): void {
    this.journal.happened(realmNumber, databaseNumber, ['DEL', bytes.subarray(start, end)]);
    if (this.followsKeys) this.unsynced.add(this.keyHash(bytes, start, end, realmNumber));
  }

  /** From now on readers wait for what they are shown: of what is not on the disk yet nobody has kept the keys. */
  followFromNow(): void {
    if (this.log.hasUnsynced) this.unsynced.addAll();
  }

  private showsUnsynced(request: Request, keys: KeyList, realmNumber: number): boolean {
    for (let i = 0; i < keys.count; i++) {
      if (this.unsynced.has(this.hashOf(request, keys.at[i] as number, realmNumber))) return true;
    }
    return false;
  }

  private hashOf(request: Request, at: number, realmNumber: number): number {
    return this.keyHash(request.bytes, request.start(at), request.end(at), realmNumber);
  }

  private keyHash(bytes: Uint8Array, start: number, end: number, realmNumber: number): number {
    return (this.hash.of(bytes, start, end) ^ Math.imul(realmNumber, 0x9e3779b1)) | 0;
  }

  /** How far what has run since `takeDebt` has to be kept before it may be told; undefined: it may be told now. */
  get debt(): Kept | undefined {
    const { log } = this;
    if (this.owesSync) return log.hasUnsynced ? 'synced' : undefined;
    if (!log.isDirty) return undefined;
    if (this.owesWrite) return log.promised;
    // Who only reads, or was refused, waits for the end of the turn, and not for a disk that takes nothing.
    return log.writeFault === undefined && log.syncFault === undefined ? 'written' : undefined;
  }

  takeDebt(): Kept | undefined {
    const { debt } = this;
    this.owesSync = false;
    this.owesWrite = false;
    return debt;
  }
}
