/** A shard without threads or sockets, in which clients may wait. */
import { latin1 } from '../../src/base/bytes.ts';
import type { WaitCut } from '../../src/command/ports/backend.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import type { Shard } from '../../src/engine/shard.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { Executor } from '../../src/shards/executor.ts';
import { testShard } from '../engine/support.ts';
import { CALLER, SILENT } from '../support/caller.ts';

export const table = new CommandTable(shardDeclarations);

/** A shard whose clients may wait: `run` gives a reply, or undefined when the client waits. */
export class Room {
  readonly shard: Shard;
  readonly executor: Executor;
  /** What clients that waited were told. */
  readonly served = new Map<number, string[]>();
  readonly bugs: string[] = [];
  private readonly table: CommandTable;

  constructor(commands = table) {
    this.table = commands;
    this.shard = testShard().shard;
    this.executor = new Executor(this.shard, {
      ...SILENT,
      served: (client, bytes, start, end) => {
        const answers = this.served.get(client) ?? [];
        this.served.set(client, answers);
        answers.push(latin1(bytes, start, end));
      },
      bug: (thrown) => this.bugs.push(String(thrown)),
    });
  }

  get usedBytes(): number {
    return this.shard.realm(0).account.usedBytes();
  }

  run(id: number, ...words: readonly string[]): string | undefined {
    const reply = this.only(id, false, words);
    this.executor.serveWaiting();
    return reply;
  }

  /** All of them, and then whoever waits is served. */
  transact(id: number, ...commands: readonly (readonly string[])[]): void {
    for (const words of commands) this.only(id, true, words);
    this.executor.serveWaiting();
  }

  private only(id: number, isInTransaction: boolean, words: readonly string[]): string | undefined {
    const request = Request.of(...words);
    const command = this.table.resolve(request);
    if (command === undefined) throw new Error(`unknown: ${words.join(' ')}`);
    const out = new ReplyWriter(2);
    const refusal = command.parse(request);
    if (refusal !== undefined) return latin1(refusal.bytes);
    const effect = this.executor.run(command, request, { ...CALLER, id, isInTransaction }, out);
    return effect.kind === 'waits' ? undefined : latin1(out.take());
  }

  cut(id: number, how: WaitCut): boolean {
    const isCut = this.executor.waiting.cut(id, how);
    this.executor.serveWaiting();
    return isCut;
  }

  /** What a client has been told since the last time. */
  heard(id: number): readonly string[] {
    const answers = this.served.get(id) ?? [];
    this.served.delete(id);
    return answers;
  }
}

export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export function pair(name: string, element: string): string {
  return `*2\r\n${bulk(name)}${bulk(element)}`;
}
