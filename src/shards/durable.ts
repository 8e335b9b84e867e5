/**
 * A shard that keeps what it holds: ties its world and its executor to a store on the disk, and gives the store its time.
 * The same inline and in a worker.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { SYSTEM_TENANT } from '../base/names.ts';
import { PacedWork } from '../base/paced-work.ts';
import type { Result } from '../base/result.ts';
import type { DurabilitySettings, LoadedShard } from '../command/ports/durability.ts';
import type { Disk } from '../disk/disk.ts';
import { ShardFiles } from '../persist/files.ts';
import { ShardStore } from '../persist/shard-store.ts';
import type { StoreReport } from '../persist/store-options.ts';
import { Replayer, type ReplayerOptions } from './replayer.ts';

export interface DurableOptions extends ReplayerOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly settings: DurabilitySettings;
  /** The time of the machine when left out. */
  readonly clock?: Clock;
  readonly report: StoreReport;
  /** Behind each slice of a snapshot, and each look at what is due. */
  readonly worked: () => void;
  /** Replies that waited for the disk may leave. */
  readonly settled: () => void;
}

export class DurableShard {
  readonly store: ShardStore;
  private readonly options: DurableOptions;
  private readonly replayer: Replayer;
  private readonly slices: PacedWork;

  constructor(options: DurableOptions) {
    this.options = options;
    this.replayer = new Replayer(options);
    const clock = options.clock ?? systemClock;
    this.slices = new PacedWork(clock, () => this.slice());
    this.store = new ShardStore({
      shard: options.shard,
      disk: options.disk,
      clock,
      files: new ShardFiles(options.folder),
      tenantName: (number) => this.replayer.tenantName(number) ?? SYSTEM_TENANT,
      report: options.report,
      settings: options.settings,
      wake: () => this.slices.wake(),
      settled: options.settled,
    });
  }

  nameTenant(number: number, name: string): void {
    this.replayer.nameTenant(number, name);
  }

  /** Afterwards what changes is kept. Limits on values that hold meanwhile are the caller's to set again. */
  async load(): Promise<Result<LoadedShard>> {
    const { executor } = this.options;
    return this.store.open(this.replayer, () => executor.keepLog(this.store.shardLog));
  }

  // -- Time ----------------------------------------------------------------------------------------------------------------

  /** Ten times a second. */
  tick(): void {
    this.store.tick();
    this.options.worked();
  }

  private slice(): boolean {
    this.store.slice();
    this.options.worked();
    return this.store.isDue;
  }

  stop(): void {
    this.slices.stop();
  }
}
