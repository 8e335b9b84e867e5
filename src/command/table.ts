/**
 * The command table: every command the process knows, found by the bytes of its name.
 *
 * Invariant: ids are dense and follow the order of declaration, containers before their subcommands, so that ACL bits
 * and statistics rows agree in every thread that builds the table from the same list.
 *
 * Hot path: one look-up per request, budget 25 ns. Guarded by `bench/command.ts`.
 */
import { foldedText, spells, upper } from '../base/ascii.ts';
import { bytesOfLatin1 } from '../base/bytes.ts';
import type { Request } from '../resp/request.ts';
import type { Command } from './command.ts';
import { compile } from './compile.ts';
import type { Declaration } from './spec.ts';

const BUCKETS = 2048;
/** Longer words cannot name a command. */
const NAME_BYTES_MAX = 40;

function nameHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (upper[bytes[i] as number] as number)) | 0;
  return (hash ^ (hash >>> 11)) & (BUCKETS - 1);
}

interface Slot {
  readonly name: Uint8Array;
  readonly command: Command;
}

export class CommandTable {
  /** Every command and subcommand; the index is its id. */
  readonly all: readonly Command[];
  /** Commands and containers, in order of declaration. */
  readonly top: readonly Command[];
  private readonly byName: Map<string, Command>;
  private readonly buckets: (Slot | undefined)[];
  /** What was found last: a pipeline mostly asks for the same command again. */
  private last: Slot | undefined;

  constructor(declarations: readonly Declaration[]) {
    const all: Command[] = [];
    const top: Command[] = [];
    this.byName = new Map();
    this.buckets = new Array<Slot | undefined>(BUCKETS).fill(undefined);
    this.last = undefined;
    let id = 0;
    const nextId = () => id++;
    for (const declaration of declarations) {
      const command = compile(declaration, { parent: undefined, nextId });
      if (this.byName.has(command.fullName)) throw new Error(`${command.fullName} is declared twice`);
      top.push(command);
      // cold: once per command, when the process starts
      for (const member of [command, ...command.subcommands.values()]) {
        all[member.id] = member;
        this.byName.set(member.fullName, member);
      }
      this.place(command);
    }
    this.all = all;
    this.top = top;
  }

  private place(command: Command): void {
    const name = bytesOfLatin1(command.fullName.toUpperCase());
    let bucket = nameHash(name, 0, name.length);
    while (this.buckets[bucket] !== undefined) bucket = (bucket + 1) & (BUCKETS - 1);
    this.buckets[bucket] = { name, command };
  }

  /** The top-level command that a range names, letters in any case. */
  lookup(bytes: Uint8Array, start: number, end: number): Command | undefined {
    const { last } = this;
    if (last !== undefined && spells(bytes, start, end, last.name)) return last.command;
    if (end - start > NAME_BYTES_MAX) return undefined;
    let bucket = nameHash(bytes, start, end);
    for (;;) {
      const slot = this.buckets[bucket];
      if (slot === undefined) return undefined;
      if (spells(bytes, start, end, slot.name)) {
        this.last = slot;
        return slot.command;
      }
      bucket = (bucket + 1) & (BUCKETS - 1);
    }
  }

  /**
   * The command of a request: for a container its subcommand. `container` without `command` means that the subcommand
   * is unknown; neither means that the first word is.
   */
  resolve(request: Request): Command | undefined {
    const command = this.lookup(request.bytes, request.start(0), request.end(0));
    if (command === undefined || command.kind !== 'container') return command;
    if (request.argc === 1) return command;
    const start = request.start(1);
    const end = request.end(1);
    if (end - start > NAME_BYTES_MAX) return undefined;
    return command.subcommands.get(foldedText(request.bytes, start, end));
  }

  /** By full lower-case name: `get`, `config|get`. */
  named(fullName: string): Command | undefined {
    return this.byName.get(fullName);
  }
}
