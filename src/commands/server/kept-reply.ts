/**
 * A reply that only the command table decides, encoded once for each version of the protocol: clients ask for it as they
 * connect, and writing it takes milliseconds.
 *
 * Bound: one reply a protocol and table; that of COMMAND DOCS has 130 kB. It goes with its table.
 */
import type { CommandTable } from '../../command/table.ts';
import { ReplyWriter } from '../../resp/reply-writer.ts';

export class KeptReply {
  private readonly encode: (out: ReplyWriter, table: CommandTable) => void;
  private readonly kept: WeakMap<CommandTable, Map<2 | 3, Uint8Array>>;

  constructor(encode: (out: ReplyWriter, table: CommandTable) => void) {
    this.encode = encode;
    this.kept = new WeakMap();
  }

  write(out: ReplyWriter, table: CommandTable): void {
    const bytes = this.encoded(out.protocol, table);
    out.raw(bytes, 0, bytes.length);
  }

  private encoded(protocol: 2 | 3, table: CommandTable): Uint8Array {
    const known = this.kept.get(table) ?? new Map<2 | 3, Uint8Array>();
    this.kept.set(table, known);
    const before = known.get(protocol);
    if (before !== undefined) return before;
    const writer = new ReplyWriter(protocol);
    this.encode(writer, table);
    const bytes = writer.take();
    known.set(protocol, bytes);
    return bytes;
  }
}
