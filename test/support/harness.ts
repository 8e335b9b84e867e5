/**
 * The engine with its commands, without sockets: words go through the table, arity, parse and handler as a request does,
 * and come back as the bytes of a reply. SELECT and HELLO, which belong to connections, are imitated.
 */

import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { KeyedHash } from '../../src/base/hash.ts';
import { DATABASE_COUNT } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Command } from '../../src/command/command.ts';
import { type Effect, UNCHANGED } from '../../src/command/effect.ts';
import type { SessionCall } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Shard } from '../../src/engine/shard.ts';
import { unknownCommand, unknownSubcommand, wrongArity } from '../../src/resp/refusals.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { Executor } from '../../src/shards/executor.ts';
import { CALLER, SILENT } from './caller.ts';
import type { Words } from './words.ts';

/** A clock that moves when told. */
export class FakeClock implements Clock {
  now: number;

  constructor(now = 1_700_000_000_000) {
    this.now = now;
  }

  nowMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }
}

export interface HarnessOptions {
  readonly clock?: Clock;
  readonly debug?: boolean;
  readonly limitBytes?: number;
  /** Of everything that chance decides. */
  readonly seed?: number;
}

/** The world; connections to it are made by `session`. */
export class Harness {
  readonly clock: Clock;
  readonly shard: Shard;
  readonly table: CommandTable;
  readonly executor: Executor;
  /** Where the answer of a command that waited goes. */
  served: ((bytes: Uint8Array, start: number, end: number) => void) | undefined;

  constructor(options: HarnessOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.shard = new Shard({
      clock: this.clock,
      prng: new Prng(options.seed ?? 1),
      hash: new KeyedHash(1, 2),
      debug: options.debug ?? false,
    });
    this.table = new CommandTable(shardDeclarations);
    this.executor = new Executor(this.shard, {
      ...SILENT,
      served: (_client, bytes, start, end) => this.served?.(bytes, start, end),
    });
    if (options.limitBytes !== undefined) {
      this.shard.realm(0).account.limitBytes = options.limitBytes;
      this.shard.policyChanged();
    }
  }

  session(protocol: 2 | 3 = 2): HarnessSession {
    return new HarnessSession(this, protocol);
  }
}

export class HarnessSession {
  readonly out: ReplyWriter;
  /** Of the last command. */
  effect: Effect;
  databaseNumber: number;
  tenantNumber: number;
  private readonly harness: Harness;

  constructor(harness: Harness, protocol: 2 | 3) {
    this.harness = harness;
    this.out = new ReplyWriter(protocol);
    this.effect = UNCHANGED;
    this.databaseNumber = 0;
    this.tenantNumber = 0;
  }

  run(words: Words): Uint8Array {
    this.harness.shard.beginTurn();
    this.effect = UNCHANGED;
    this.out.mark();
    this.answer(Request.of(...words));
    return this.out.take();
  }

  private answer(request: Request): void {
    const { out } = this;
    const command = this.harness.table.resolve(request);
    if (command === undefined) return this.answerUnknown(request);
    if (!command.arityHolds(request.argc)) return out.error(wrongArity(command.fullName));
    const refusal = command.parse(request);
    if (refusal !== undefined) return out.error(refusal);
    this.execute(command, request);
  }

  private execute(command: Command, request: Request): void {
    if (command.runSession !== undefined) command.runSession({ request } as SessionCall, this.out);
    else this.runShard(command, request);
  }

  /** Nobody can wait here: the time of who does is over at once. */
  private runShard(command: Command, request: Request): void {
    const { harness, out, databaseNumber, tenantNumber } = this;
    this.effect = harness.executor.run(command, request, { ...CALLER, tenantNumber, databaseNumber }, out);
    if (this.effect.kind !== 'waits') return;
    this.effect = UNCHANGED;
    harness.served = (bytes, start, end) => out.raw(bytes, start, end);
    harness.executor.waiting.cut(CALLER.id, 'timeout');
  }

  private answerUnknown(request: Request): void {
    const { out } = this;
    const name = request.text(0).toUpperCase();
    if (name === 'SELECT' && request.argc === 2) {
      const number = Number(request.text(1));
      if (!(number >= 0 && number < DATABASE_COUNT)) throw new Error(`the harness has no database ${request.text(1)}`);
      this.databaseNumber = number;
      return out.ok();
    }
    const container = this.harness.table.lookup(request.bytes, request.start(0), request.end(0));
    if (container !== undefined) return out.error(unknownSubcommand(container.fullName, request.text(1)));
    return out.error(unknownCommand(request));
  }
}

/** A request of words, for benches and tests that need one. */
export function requestOf(...words: string[]): Request {
  return Request.of(...words.map(bytesOfLatin1));
}
