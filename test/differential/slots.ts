/** Which commands a pool of shards takes: what does not fan out keeps to one slot, or it is refused. */
import { slotOf } from '../../src/base/crc16.ts';
import { KeyList } from '../../src/command/command.ts';
import type { Declaration } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { Request } from '../../src/resp/request.ts';
import type { Words } from '../support/words.ts';

export class Slots {
  private readonly table: CommandTable;
  private readonly keys: KeyList;

  constructor(declarations: readonly Declaration[]) {
    this.table = new CommandTable(declarations);
    this.keys = new KeyList();
  }

  /** Whether all keys of a command lie in one slot, or it may have them anywhere. */
  areOne(words: Words): boolean {
    const request = Request.of(...words);
    const command = this.table.resolve(request);
    if (command === undefined || command.fanout !== undefined || !command.arityHolds(request.argc)) return true;
    this.keys.clear();
    command.parse(request);
    command.keys(request, this.keys);
    const slots = new Set<number>();
    for (let i = 0; i < this.keys.count; i++) {
      const at = this.keys.at[i] as number;
      slots.add(slotOf(request.bytes, request.start(at), request.end(at)));
    }
    return slots.size <= 1;
  }
}
