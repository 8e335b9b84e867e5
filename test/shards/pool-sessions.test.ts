/** The pool's part of transactions, waits and caches: what workers are told, and what is left of them when one dies. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { KeyList } from '../../src/command/command.ts';
import type { BackendNews, LaterReply, WaitCut } from '../../src/command/ports/backend.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { SharedBudgets } from '../../src/shards/budgets.ts';
import type { WorkerEvents, WorkerHandle } from '../../src/shards/link.ts';
import { ReplyBatchWriter, RequestBatchReader, TRANSACTION_ID } from '../../src/shards/mailbox.ts';
import { PoolBackend } from '../../src/shards/pool.ts';
import type { ToWorker } from '../../src/shards/protocol.ts';
import { writeWaiting } from '../../src/shards/waiting-mark.ts';
import { CALLER } from '../support/caller.ts';
import { ENGINE_SETTINGS } from '../support/engine-settings.ts';

const SHARDS = 3;
const table = new CommandTable(shardDeclarations);

/** Answers what it is asked with the words of it, and lets who blocks wait. */
class FakeWorker implements WorkerHandle {
  readonly events: WorkerEvents;
  inbox: (ToWorker | ArrayBuffer)[] = [];
  /** Control messages, and the words of requests, in order. */
  readonly seen: string[] = [];

  constructor(events: WorkerEvents) {
    this.events = events;
  }

  post(message: ToWorker | ArrayBuffer): void {
    this.inbox.push(message);
  }

  terminate(): Promise<void> {
    return Promise.resolve();
  }

  work(): void {
    for (const message of this.inbox.splice(0)) {
      if (message instanceof ArrayBuffer) this.answer(message);
      else if (message.kind !== 'realm') this.seen.push(Object.values(message).join(' '));
    }
  }

  served(client: number, text: string): void {
    this.events.message({ kind: 'news', items: [{ kind: 'served', client, bytes: Buffer.from(text) }] });
  }

  private answer(batch: ArrayBuffer): void {
    const reader = new RequestBatchReader();
    const replies = new ReplyBatchWriter();
    const request = new Request();
    reader.open(batch);
    while (reader.next(request)) {
      const out = new ReplyWriter();
      if (reader.commandId === TRANSACTION_ID) {
        const count = Number(request.text(0));
        this.seen.push(`transaction of ${count}${request.argc > 1 ? ', watching' : ''}`);
        out.array(count);
        for (let i = 0; i < count; i++) {
          reader.next(request);
          this.seen.push(`  ${wordsOf(request)} in ${reader.databaseNumber}`);
          out.bulkText(wordsOf(request));
        }
      } else {
        this.seen.push(wordsOf(request));
        if (table.all[reader.commandId]?.isBlocking === true) writeWaiting(out, 5000);
        else out.bulkText(wordsOf(request));
      }
      replies.add(out.buffer, 0, out.length);
    }
    this.events.message(replies.take());
  }
}

function wordsOf(request: Request): string {
  return Array.from({ length: request.argc }, (_, at) => request.text(at)).join(' ');
}

function world() {
  const workers: FakeWorker[] = [];
  const budgets = new SharedBudgets(SHARDS);
  const backend = new PoolBackend({
    shards: SHARDS,
    budgets,
    hashKey: [1, 2],
    engine: ENGINE_SETTINGS,
    spawn: (_birth, shard, events) => {
      const worker = new FakeWorker(events);
      workers[shard] = worker;
      return worker;
    },
    now_ms: () => 0,
    random: () => 0,
    events: { died: () => {}, up: () => {}, answered: () => {}, slow: () => {}, stalled: () => {} },
  });
  const heard: string[] = [];
  const news: BackendNews = {
    keyspaceEvent: () => {},
    invalidated: (tenantNumber, key) => heard.push(`invalidated ${tenantNumber} ${key}`),
    flushed: (tenantNumber) => heard.push(`flushed ${tenantNumber}`),
    bug: (message) => heard.push(`bug ${message}`),
  };
  backend.tell(news);
  backend.configureRealm(0, { name: 'default', limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 });
  const ready = () => {
    for (const worker of workers) worker.events.message({ kind: 'ready' });
  };
  ready();
  const work = () => {
    backend.flush();
    for (const worker of workers) worker.work();
  };
  const parsed = (words: readonly string[]) => {
    const request = Request.of(...words);
    const command = table.resolve(request);
    if (command === undefined || command.parse(request) !== undefined) throw new Error(words.join(' '));
    const keys = new KeyList();
    command.keys(request, keys);
    return { request, command, keys };
  };
  return { backend, workers, heard, ready, work, parsed };
}

type PoolWorld = ReturnType<typeof world>;

class Place implements LaterReply {
  readonly protocol = 2;
  readonly answers: string[] = [];
  /** What is told of an end that is wanted. */
  cut: (how: WaitCut) => void = () => {};
  isGone = false;

  settleBytes(bytes: Uint8Array, start: number, end: number): void {
    this.answers.push(latin1(bytes, start, end));
  }

  settle(write: (out: ReplyWriter) => void): void {
    const out = new ReplyWriter(2);
    write(out);
    this.answers.push(latin1(out.take()));
  }

  served(): void {}

  waits(): boolean {
    return !this.isGone;
  }
}

function ask({ backend, parsed }: PoolWorld, id: number, ...words: readonly string[]): Place {
  const { request, command, keys } = parsed(words);
  const place = new Place();
  const replies = {
    later: () => place,
    block: (cut: (how: WaitCut) => void) => {
      place.cut = cut;
      return place;
    },
  };
  const out = new ReplyWriter(2);
  if (backend.run(command, request, keys, { ...CALLER, id }, out, replies)) place.answers.push(latin1(out.take()));
  return place;
}

/** EXEC of these, by a client: the answer, once it is there. */
function transact({ backend, parsed }: PoolWorld, id: number, ...commands: readonly (readonly string[])[]): string[] {
  const { transactions } = backend;
  const answers: string[] = [];
  if (transactions.kind !== 'pooled') throw new Error('this is a pool');
  const pooled = transactions.open({ ...CALLER, id }, 2);
  for (const words of commands) {
    const { request, command, keys } = parsed(words);
    const refusal = pooled.add(command, request, keys, 0);
    // The request is the list's again at once.
    request.bytes.fill(0x78);
    if (refusal !== undefined) return [refusal.text];
  }
  pooled.send((bytes, start, end) => answers.push(latin1(bytes, start, end)));
  return answers;
}

const SHARD_OF_TAG: Readonly<Record<string, number>> = { a: 2, b: 0, c: 1 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('a transaction in a pool', () => {
  it('travels in one piece, and each command with its own words', () => {
    const pool = world();
    const answers = transact(pool, 1, ['SET', '{a}1', 'one'], ['GET', '{a}2'], ['UNWATCH']);
    ask(pool, 2, 'GET', '{a}');
    pool.work();
    expect(answers).toEqual(['*3\r\n$12\r\nSET {a}1 one\r\n$8\r\nGET {a}2\r\n$7\r\nUNWATCH\r\n']);
    expect(pool.workers[SHARD_OF_TAG['a'] as number]?.seen).toEqual([
      'transaction of 3',
      '  SET {a}1 one in 0',
      '  GET {a}2 in 0',
      '  UNWATCH in 0',
      'GET {a}',
    ]);
  });

  it('that is refused leaves nothing of itself to the next one', () => {
    const pool = world();
    expect(transact(pool, 1, ['SET', 'a', '1'], ['SET', 'b', '2'])[0]).toMatch(/^CROSSSLOT/);
    expect(transact(pool, 1, ['SET', 'a', '1'], ['DBSIZE'])[0]).toMatch(/^CROSSSLOT/);
    const answers = transact(pool, 1, ['GET', 'a']);
    pool.work();
    expect(answers).toEqual(['*1\r\n$5\r\nGET a\r\n']);
  });

  it('watches where its keys are, and is told nowhere else', () => {
    const pool = world();
    ask(pool, 1, 'WATCH', '{a}k');
    ask(pool, 2, 'WATCH', '{b}k');
    const answers = transact(pool, 1, ['GET', '{a}k']);
    const elsewhere = transact(pool, 2, ['GET', '{c}k']);
    pool.work();
    expect(answers).toEqual(['*1\r\n$8\r\nGET {a}k\r\n']);
    expect(elsewhere[0]).toMatch(/^-CROSSSLOT/);
    expect(pool.workers[2]?.seen).toContain('transaction of 1, watching');
    expect(pool.workers[0]?.seen).toContain('unwatch 2');
    pool.work();
    expect(transact(pool, 2)).toEqual(['*0\r\n']);
  });

  it('does not run when what it watched has died, but the next one does', () => {
    const pool = world();
    ask(pool, 1, 'WATCH', '{a}k');
    ask(pool, 2, 'WATCH', '{b}k');
    pool.work();
    pool.workers[2]?.events.exited('out of luck');
    vi.advanceTimersByTime(200);
    pool.ready();
    const broken = transact(pool, 1, ['SET', '{a}k', '1']);
    const other = transact(pool, 2, ['SET', '{b}k', '1']);
    pool.work();
    expect(broken).toEqual(['*-1\r\n']);
    expect(other).toEqual(['*1\r\n$10\r\nSET {b}k 1\r\n']);
    expect(pool.workers[2]?.seen.join()).not.toContain('SET');
    const again = transact(pool, 1, ['SET', '{a}k', '1']);
    pool.work();
    expect(again).toEqual(['*1\r\n$10\r\nSET {a}k 1\r\n']);
  });

  it('forgets that it has lost what it watched with UNWATCH', () => {
    const pool = world();
    ask(pool, 1, 'WATCH', '{a}k');
    pool.work();
    pool.workers[2]?.events.exited('out of luck');
    pool.backend.unwatch(1);
    vi.advanceTimersByTime(200);
    pool.ready();
    const answers = transact(pool, 1, ['SET', '{a}k', '1']);
    pool.work();
    expect(answers).toEqual(['*1\r\n$10\r\nSET {a}k 1\r\n']);
  });

  it('is answered with an error when its shard dies with it, and when there is none', () => {
    const pool = world();
    const under = transact(pool, 1, ['SET', '{a}k', '1']);
    pool.backend.flush();
    pool.workers[2]?.events.exited('out of luck');
    const without = transact(pool, 1, ['SET', '{a}k', '1']);
    expect([under.length, without.length]).toEqual([1, 1]);
    for (const answer of [...under, ...without]) expect(answer).toMatch(/^-/);
  });
});

describe('a client that waits in a pool', () => {
  it('is answered once, by data, by whoever cuts it, or by the death of its shard', () => {
    const pool = world();
    const [data, cut, dies] = [1, 2, 3].map((id) => ask(pool, id, 'BLPOP', '{a}l', '0')) as [Place, Place, Place];
    pool.work();
    expect([data, cut, dies].map(({ answers }) => answers)).toEqual([[], [], []]);
    cut.cut('timeout');
    pool.work();
    expect(pool.workers[2]?.seen.at(-1)).toBe('cut 2 timeout');
    pool.workers[2]?.served(1, '+data\r\n');
    pool.workers[2]?.served(2, '*-1\r\n');
    pool.workers[2]?.served(1, '+again\r\n');
    pool.workers[2]?.events.exited('out of luck');
    expect([data.answers, cut.answers]).toEqual([['+data\r\n'], ['*-1\r\n']]);
    expect(dies.answers).toHaveLength(1);
    expect(dies.answers[0]).toMatch(/^-/);
  });

  it('and has gone before its shard said that it waits, is kept by nobody', () => {
    const pool = world();
    const place = ask(pool, 1, 'BLPOP', '{a}l', '0');
    pool.backend.flush();
    place.isGone = true;
    place.cut('closed');
    pool.work();
    expect(pool.workers[2]?.seen).toEqual(['BLPOP {a}l 0', 'cut 1 closed']);
    // Whoever was kept would be answered now.
    pool.workers[2]?.events.exited('out of luck');
    expect(place.answers).toEqual([]);
  });

  it('is cut behind its request, however soon', () => {
    const pool = world();
    const place = ask(pool, 1, 'BLPOP', '{a}l', '0');
    place.cut('error');
    pool.work();
    expect(pool.workers[2]?.seen).toEqual(['BLPOP {a}l 0', 'cut 1 error']);
    pool.workers[2]?.served(1, '-UNBLOCKED\r\n');
    expect(place.answers).toEqual(['-UNBLOCKED\r\n']);
  });
});

describe('caches of clients', () => {
  it('are told that everything has changed when a shard dies with what they had read', () => {
    const pool = world();
    pool.backend.configureRealm(4, { name: 't4', limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 });
    pool.workers[1]?.events.exited('out of luck');
    expect(pool.heard).toEqual(['flushed 0', 'flushed 4']);
  });

  it('by prefix are told of changes by a shard that was born again, too', () => {
    const pool = world();
    pool.backend.broadcast(0, true);
    pool.backend.broadcast(4, true);
    pool.work();
    for (const { seen } of pool.workers) expect(seen).toEqual(['broadcast 0 true', 'broadcast 4 true']);
    pool.workers[1]?.events.exited('out of luck');
    pool.backend.broadcast(4, false);
    pool.backend.broadcast(5, true);
    vi.advanceTimersByTime(200);
    pool.workers[1]?.events.message({ kind: 'ready' });
    pool.work();
    expect(pool.workers[1]?.seen).toEqual(['broadcast 0 true', 'broadcast 5 true']);
  });

  it('hear the news of a batch behind its replies', () => {
    const pool = world();
    const order: string[] = [];
    pool.backend.tell({
      keyspaceEvent: () => {},
      invalidated: (_tenant, key) => order.push(key),
      flushed: () => {},
      bug: () => {},
    });
    const place = ask(pool, 1, 'GET', '{a}k');
    vi.spyOn(place, 'settleBytes').mockImplementation(() => void order.push('reply'));
    pool.backend.flush();
    const replies = new ReplyBatchWriter();
    replies.add(Buffer.from('$1\r\nv\r\n'), 0, 7);
    pool.workers[2]?.events.message({
      kind: 'batch',
      replies: replies.take(),
      items: [
        {
          kind: 'invalidated',
          tenantNumber: 0,
          key: '{a}k',
          change: { clients: [1], isBroadcast: false, writer: 2, hasWaited: false },
        },
      ],
    });
    expect(order).toEqual(['reply', '{a}k']);
  });
});

describe('a bug in a worker', () => {
  it('is counted where bugs are counted', () => {
    const pool = world();
    pool.workers[0]?.events.message({ kind: 'news', items: [{ kind: 'bug', message: 'oh no', stack: '' }] });
    expect(pool.heard).toEqual(['bug oh no']);
  });
});
