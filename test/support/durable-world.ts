/**
 * A shard that keeps what it holds, on a disk in memory, and who plays its gateway: chunks of commands, whose replies wait
 * until what they tell of is kept, and turns, at whose end the log is written.
 */
import { latin1 } from '../../src/base/bytes.ts';
import type { Result } from '../../src/base/result.ts';
import type { DurabilitySettings, Kept, LoadedShard } from '../../src/command/ports/durability.ts';
import type { ShardStore } from '../../src/persist/shard-store.ts';
import { DurableShard } from '../../src/shards/durable.ts';
import { DATABASES } from '../differential/generate.ts';
import { DURABILITY_SETTINGS } from './durability-settings.ts';
import type { FakeDisk } from './fake-disk.ts';
import { FakeClock, Harness, type HarnessSession } from './harness.ts';
import { stateOf } from './state.ts';
import type { Words } from './words.ts';

export const TENANTS: readonly string[] = ['default', 'one', 'zwei'];
export const FOLDER = '/data/shard-0';

export interface DurableWorldOptions {
  readonly disk: FakeDisk;
  readonly clock?: FakeClock;
  readonly settings?: Partial<DurabilitySettings>;
  readonly seed?: number;
}

export class DurableWorld {
  readonly disk: FakeDisk;
  readonly clock: FakeClock;
  readonly harness: Harness;
  readonly session: HarnessSession;
  readonly durable: DurableShard;
  readonly store: ShardStore;
  /** Lines of the log of the process. */
  readonly lines: string[];
  settings: DurabilitySettings;

  constructor({ disk, clock = new FakeClock(), settings = {}, seed = 1 }: DurableWorldOptions) {
    this.disk = disk;
    this.clock = clock;
    this.settings = { ...DURABILITY_SETTINGS, ...settings };
    this.lines = [];
    this.harness = new Harness({ clock, debug: true, seed });
    this.session = this.harness.session();
    const { shard, executor, table } = this.harness;
    this.durable = new DurableShard({
      shard,
      executor,
      table,
      disk,
      folder: FOLDER,
      settings: this.settings,
      clock,
      report: { event: (level, event, message) => this.lines.push(`${level} ${event} ${message}`) },
      tenantNumber: (name) => TENANTS.indexOf(name),
      worked: () => {},
      settled() {},
    });
    for (const [number, name] of TENANTS.entries()) this.durable.nameTenant(number, name);
    this.store = this.durable.store;
  }

  static async open(options: DurableWorldOptions): Promise<DurableWorld> {
    const world = new DurableWorld(options);
    const loaded = await world.load();
    if (!loaded.ok) throw new Error(loaded.fault);
    return world;
  }

  load(): Promise<Result<LoadedShard>> {
    return this.durable.load();
  }

  configure(settings: Partial<DurabilitySettings>): void {
    this.settings = { ...this.settings, ...settings };
    this.store.configure(this.settings);
  }

  /** The answer as text. */
  run(tenantNumber: number, databaseNumber: number, words: Words): string {
    const { session } = this;
    session.tenantNumber = tenantNumber;
    session.databaseNumber = databaseNumber;
    return latin1(session.run(words));
  }

  /** What runs in between is one transaction. */
  group(work: () => void): void {
    this.harness.executor.beginGroup();
    work();
    this.harness.executor.endGroup();
  }

  /** What has been answered since the last chunk is told when it is kept; with false it never will be. */
  endChunk(told: (isKept: boolean, kept: Kept | undefined) => void): void {
    const { shardLog } = this.store;
    const debt = shardLog.takeDebt();
    if (debt === undefined) told(true, debt);
    else shardLog.log.whenKept(debt, (isKept) => told(isKept, debt));
  }

  endTurn(): void {
    this.store.shardLog.log.commit();
  }

  /** Lets what is due on this side of the disk happen; slices are for who tests to give. */
  async breathe(): Promise<void> {
    this.durable.stop();
    for (let i = 0; i < 4; i++) await Promise.resolve();
  }

  get isBusy(): boolean {
    const { isSaving, isRewriting } = this.store.status();
    return isSaving || isRewriting || this.store.isDue;
  }

  /** Works until no snapshot is under way any more. */
  async finish(between: () => void = () => {}): Promise<void> {
    while (this.isBusy) {
      this.store.slice(0);
      between();
      await this.breathe();
    }
  }

  /** Of every tenant and database. */
  states(): string[][] {
    return TENANTS.map((_name, number) => {
      this.session.tenantNumber = number;
      return stateOf((words) => this.session.run(words), DATABASES);
    });
  }

  /** The next process, on the disk that the death of this one leaves. */
  async killed(): Promise<DurableWorld> {
    this.durable.stop();
    const clock = new FakeClock(this.clock.now);
    const next = await DurableWorld.open({ disk: this.disk.kill(), clock, settings: this.settings, seed: 99 });
    next.durable.stop();
    return next;
  }
}

/** Files that the next start has left and that nobody needs. */
export function orphansIn({ disk }: DurableWorld): string[] {
  const names = (folder: string) => {
    const entries = disk.list(folder);
    return entries.ok ? entries.value.map(({ name }) => name) : [];
  };
  const inLog = names(`${FOLDER}/appendonlydir`).filter(
    (name) => !/^appendonly\.aof\.(\d+\.(base\.rdb|incr\.aof)|manifest)$/.test(name),
  );
  const above = names(FOLDER).filter((name) => name !== 'appendonlydir' && name !== 'dump.rdb');
  const manifest = disk.bytesOf(`${FOLDER}/appendonlydir/appendonly.aof.manifest`);
  const text = manifest === undefined ? '' : new TextDecoder().decode(manifest);
  const unnamed = names(`${FOLDER}/appendonlydir`).filter(
    (name) => name !== 'appendonly.aof.manifest' && !text.includes(`file ${name} `),
  );
  return [...inLog, ...above, ...unnamed];
}
