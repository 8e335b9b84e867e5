/**
 * A shard that keeps what it holds: ties its world and its executor to a store on the disk, and gives the store its time.
 * The same inline and in a worker.
 */

import { latin1 } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { STRING_BYTES_MAX } from '../base/limits.ts';
import { SYSTEM_TENANT } from '../base/names.ts';
import type { Result } from '../base/result.ts';
import type { Caller } from '../command/ports/backend.ts';
import type { DurabilitySettings, LoadedShard } from '../command/ports/durability.ts';
import type { CommandTable } from '../command/table.ts';
import type { Disk } from '../disk/disk.ts';
import type { Shard } from '../engine/shard.ts';
import { ShardFiles } from '../persist/files.ts';
import type { ReplayPort } from '../persist/load.ts';
import { ShardStore, type StoreReport } from '../persist/shard-store.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { Executor } from './executor.ts';

export interface DurableOptions {
  readonly shard: Shard;
  readonly executor: Executor;
  readonly table: CommandTable;
  readonly disk: Disk;
  readonly folder: string;
  readonly settings: DurabilitySettings;
  /** The time of the machine when left out. */
  readonly clock?: Clock;
  readonly report: StoreReport;
  /** The number of a tenant that no policy names, whose data is there. */
  readonly tenantNumber: (name: string) => number | Promise<number>;
  /** Behind each slice of a snapshot, and each look at what is due. */
  readonly worked: () => void;
}

const MINUS = 0x2d;
/** Replies are thrown away: only whether they are errors is looked at. */
const REPLY_KEPT_BYTES = 1024;
const SHOWN_BYTES = 80;

export class DurableShard implements ReplayPort {
  readonly shard: Shard;
  readonly store: ShardStore;
  failures: number;
  firstFailure: string;
  private readonly options: DurableOptions;
  private readonly names: Map<number, string>;
  private readonly numbers: Map<string, number>;
  private readonly out: ReplyWriter;
  private readonly caller: { -readonly [Field in keyof Caller]: Caller[Field] };
  private slice: ReturnType<typeof setImmediate> | undefined;

  constructor(options: DurableOptions) {
    this.options = options;
    this.shard = options.shard;
    this.failures = 0;
    this.firstFailure = '';
    this.names = new Map();
    this.numbers = new Map();
    this.out = new ReplyWriter(2, REPLY_KEPT_BYTES);
    this.caller = {
      id: 0,
      tenantNumber: 0,
      databaseNumber: 0,
      noTouch: true,
      isInTransaction: true,
      tracks: false,
    };
    this.slice = undefined;
    this.store = new ShardStore({
      shard: options.shard,
      disk: options.disk,
      clock: options.clock ?? systemClock,
      files: new ShardFiles(options.folder),
      tenantName: (number) => this.names.get(number) ?? SYSTEM_TENANT,
      report: options.report,
      settings: options.settings,
      wake: () => this.wake(),
    });
  }

  nameTenant(number: number, name: string): void {
    this.names.set(number, name);
    this.numbers.set(name, number);
  }

  /** Afterwards what changes is kept. Limits on values that hold meanwhile are the caller's to set again. */
  async load(): Promise<Result<LoadedShard>> {
    const loaded = await this.store.open(this);
    if (loaded.ok) this.options.executor.keepLog(this.store.shardLog);
    return loaded;
  }

  // -- What was written down is played again -------------------------------------------------------------------------------

  async tenantNumber(name: string): Promise<number> {
    const number = this.numbers.get(name) ?? (await this.options.tenantNumber(name));
    this.nameTenant(number, name);
    const { world } = this.shard;
    world.valueBytesMax = STRING_BYTES_MAX;
    this.shard.realm(number).valueBytesMax = STRING_BYTES_MAX;
    return number;
  }

  run(realmNumber: number, databaseNumber: number, request: Request): string | undefined {
    const { table, executor } = this.options;
    const { out, caller } = this;
    const command = table.resolve(request);
    if (command === undefined) return `unknown command '${request.text(0).slice(0, SHOWN_BYTES)}'`;
    if (command.runShard === undefined) return `'${command.fullName}' changes no data and has no place here`;
    if (!command.arityHolds(request.argc)) return `wrong number of arguments for '${command.fullName}'`;
    caller.tenantNumber = realmNumber;
    caller.databaseNumber = databaseNumber;
    out.reset();
    const refusal = command.parse(request);
    if (refusal !== undefined) out.error(refusal);
    else executor.run(command, request, caller, out);
    if (out.length > 0 && out.buffer[0] === MINUS) this.failed(command.fullName);
    return undefined;
  }

  private failed(name: string): void {
    if (this.failures++ > 0) return;
    this.firstFailure = `${name}: ${latin1(this.out.buffer, 0, Math.min(this.out.length, SHOWN_BYTES)).trim()}`;
  }

  // -- Time ----------------------------------------------------------------------------------------------------------------

  /** Ten times a second. */
  tick(): void {
    this.store.tick();
    this.options.worked();
  }

  private wake(): void {
    if (this.slice !== undefined) return;
    this.slice = setImmediate(() => {
      this.slice = undefined;
      this.store.slice();
      this.options.worked();
      if (this.store.isDue) this.wake();
    });
  }

  stop(): void {
    if (this.slice !== undefined) clearImmediate(this.slice);
    this.slice = undefined;
  }
}
