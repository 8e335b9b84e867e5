/** What the shard in the gateway's own thread writes down of transactions. */
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { KeyList } from '../../src/command/command.ts';
import type { LaterReplies } from '../../src/command/ports/backend.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { SharedBudgets } from '../../src/shards/budgets.ts';
import { InlineBackend } from '../../src/shards/inline.ts';
import { CALLER } from '../support/caller.ts';
import { DURABILITY_SETTINGS } from '../support/durability-settings.ts';
import { ENGINE_SETTINGS } from '../support/engine-settings.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { table } from './room.ts';

const PATH = '/data/appendonlydir/appendonly.aof.1.incr.aof';
const NOT_LATER: LaterReplies = {
  later: () => {
    throw new Error('nothing is late here');
  },
  block: () => {
    throw new Error('nothing waits here');
  },
};

describe('the log of transactions', () => {
  it('holds them as such, also behind one that did not run because a key had changed', async () => {
    const disk = new FakeDisk();
    const backend = new InlineBackend({
      budgets: new SharedBudgets(1),
      hashKey: [1, 2],
      seed: 1,
      engine: ENGINE_SETTINGS,
      durable: {
        table,
        disk,
        folder: '/data',
        settings: DURABILITY_SETTINGS,
        report: { event: () => {} },
        tenantNumber: () => 1,
        settled() {},
      },
    });
    expect(await backend.durability.load()).toMatchObject({ ok: true });
    const run = (id: number, isInTransaction: boolean, ...words: string[]) => {
      const request = Request.of(...words);
      const command = table.resolve(request);
      if (command === undefined) throw new Error(`unknown: ${words.join(' ')}`);
      command.parse(request);
      backend.run(command, request, new KeyList(), { ...CALLER, id, isInTransaction }, new ReplyWriter(2), NOT_LATER);
    };
    const { transactions } = backend;
    if (transactions.kind !== 'inline') throw new Error('one shard runs transactions in line');
    run(1, false, 'WATCH', 'k');
    run(2, false, 'SET', 'k', '1');
    expect(transactions.begin({ ...CALLER, id: 1 })).toBe(false);
    expect(transactions.begin({ ...CALLER, id: 2 })).toBe(true);
    run(2, true, 'SET', 'a', '1');
    run(2, true, 'SET', 'b', '1');
    transactions.end();
    backend.durability.commit();
    const words = latin1(disk.bytesOf(PATH) ?? new Uint8Array())
      .split('\r\n')
      .filter((line) => /^[A-Za-z]/.test(line));
    expect(words.join(' ')).toBe('SELECT SET k MULTI SET a SET b EXEC');
    await backend.close();
  });
});
