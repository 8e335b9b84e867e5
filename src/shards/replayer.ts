/**
 * Plays what was written down into a shard: commands run as they once ran, with nobody to answer. Only whether an answer is
 * an error is looked at.
 */
import { latin1 } from '../base/bytes.ts';
import { STRING_BYTES_MAX } from '../base/limits.ts';
import type { Caller } from '../command/ports/backend.ts';
import type { CommandTable } from '../command/table.ts';
import type { Shard } from '../engine/shard.ts';
import type { ReplayPort } from '../persist/load.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { Executor } from './executor.ts';

const MINUS = 0x2d;
/** Replies are thrown away. */
const REPLY_KEPT_BYTES = 1024;
const SHOWN_BYTES = 80;

export interface ReplayerOptions {
  readonly shard: Shard;
  readonly executor: Executor;
  readonly table: CommandTable;
  /** The number of a tenant that has not been named yet. */
  readonly tenantNumber: (name: string) => number | Promise<number>;
}

export class Replayer implements ReplayPort {
  readonly shard: Shard;
  failures: number;
  firstFailure: string;
  private readonly options: ReplayerOptions;
  private readonly names: Map<number, string>;
  private readonly numbers: Map<string, number>;
  private readonly out: ReplyWriter;
  private readonly caller: { -readonly [Field in keyof Caller]: Caller[Field] };

  constructor(options: ReplayerOptions) {
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
  }

  nameTenant(number: number, name: string): void {
    this.names.set(number, name);
    this.numbers.set(name, number);
  }

  tenantName(number: number): string | undefined {
    return this.names.get(number);
  }

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
}
