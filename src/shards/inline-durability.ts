/** Durability of the one shard in the gateway's thread. */
import { join } from 'node:path';
import type { Result } from '../base/result.ts';
import {
  backupFileName,
  type Durability,
  type DurabilitySettings,
  type DurabilityStatus,
  type Kept,
  type LoadedShard,
} from '../command/ports/durability.ts';
import type { DurableShard } from './durable.ts';

export class InlineDurability implements Durability {
  private readonly durable: DurableShard;
  /** Called when the data is there: limits hold again. */
  private readonly loaded: () => void;

  constructor(durable: DurableShard, loaded: () => void) {
    this.durable = durable;
    this.loaded = loaded;
  }

  get debt(): Kept | undefined {
    return this.durable.store.shardLog.debt;
  }

  takeDebt(): Kept | undefined {
    return this.durable.store.shardLog.takeDebt();
  }

  whenKept(kept: Kept, done: (isKept: boolean) => void): void {
    this.durable.store.shardLog.log.whenKept(kept, done);
  }

  get isDirty(): boolean {
    return this.durable.store.shardLog.log.isDirty;
  }

  commit(): void {
    this.durable.store.shardLog.log.commit();
  }

  async load(): Promise<Result<readonly LoadedShard[]>> {
    const loaded = await this.durable.load();
    this.loaded();
    return loaded.ok ? { ok: true, value: [loaded.value] } : loaded;
  }

  configure(settings: DurabilitySettings): void {
    this.durable.store.configure(settings);
  }

  status(): DurabilityStatus {
    return this.durable.store.status();
  }

  save(): Promise<Result<void>> {
    return new Promise((resolve) => this.durable.store.save(resolve));
  }

  rewrite(): Promise<Result<void>> {
    return new Promise((resolve) => this.durable.store.rewrite(resolve));
  }

  backup(folder: string, tenant: string | undefined): Promise<Result<void>> {
    const path = join(folder, backupFileName(0));
    return new Promise((resolve) => this.durable.store.backup(path, tenant, resolve));
  }
}
