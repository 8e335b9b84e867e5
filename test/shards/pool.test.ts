import { afterEach, describe, expect, it, vi } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { bytes, integer, key, many, rows } from '../../src/command/args.ts';
import { KeyList } from '../../src/command/command.ts';
import { UNCHANGED } from '../../src/command/effect.ts';
import type { LaterReply } from '../../src/command/ports/backend.ts';
import { shardCommand } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { SharedBudgets } from '../../src/shards/budgets.ts';
import type { WorkerEvents, WorkerHandle } from '../../src/shards/link.ts';
import { ReplyBatchWriter, RequestBatchReader } from '../../src/shards/mailbox.ts';
import { PoolBackend } from '../../src/shards/pool.ts';
import type { ToWorker } from '../../src/shards/protocol.ts';
import { ENGINE_SETTINGS } from '../support/engine-settings.ts';

const facts = { summary: 'For this test.', since: '1.0.0', group: 'generic', flags: ['denyoom'] } as const;
const run = () => UNCHANGED;
const table = new CommandTable([
  shardCommand({ ...facts, name: 'GET', args: { key: key('RO', 'access') }, run }),
  shardCommand({ ...facts, name: 'RENAME', args: { from: key('RW', 'access'), to: key('OW', 'update') }, run }),
  shardCommand({
    ...facts,
    name: 'MGET',
    args: { keys: many(key('RO', 'access')) },
    fanout: { split: 'keys', merge: 'inOrder' },
    run,
  }),
  shardCommand({
    ...facts,
    name: 'DEL',
    args: { keys: many(key('RM', 'delete')) },
    fanout: { split: 'keys', merge: 'sum' },
    run,
  }),
  shardCommand({
    ...facts,
    name: 'MSET',
    args: { pairs: rows({ key: key('OW', 'update'), value: bytes }) },
    fanout: { split: 'keys', merge: 'ok' },
    run,
  }),
  shardCommand({ ...facts, name: 'DBSIZE', args: {}, fanout: { split: 'shards', merge: 'sum' }, run }),
  shardCommand({ ...facts, name: 'SCAN', args: { cursor: integer() }, fanout: { split: 'cursor' }, run }),
]);

/** Stands for a thread: answers each request from what it was told, and only when the test lets it. */
class FakeWorker implements WorkerHandle {
  readonly shard: number;
  readonly events: WorkerEvents;
  readonly inbox: (ToWorker | ArrayBuffer)[] = [];
  readonly seen: string[] = [];

  constructor(shard: number, events: WorkerEvents) {
    this.shard = shard;
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
      else if (message.kind === 'close') this.events.message({ kind: 'closed' });
    }
  }

  private answer(batch: ArrayBuffer): void {
    const reader = new RequestBatchReader();
    const request = new Request();
    const replies = new ReplyBatchWriter();
    reader.open(batch);
    while (reader.next(request)) {
      const words = Array.from({ length: request.argc }, (_, i) => request.text(i));
      this.seen.push(words.join(' '));
      const out = new ReplyWriter();
      switch (words[0]) {
        case 'MGET':
          out.array(words.length - 1);
          for (const word of words.slice(1)) out.bulkText(`${word}@${this.shard}`);
          break;
        case 'DEL':
          out.integer(words.length - 1);
          break;
        case 'DBSIZE':
          out.integer(10 ** this.shard);
          break;
        case 'MSET':
          out.ok();
          break;
        default:
          out.bulkText(`${words[1]}@${this.shard}`);
      }
      replies.add(out.buffer, 0, out.length);
    }
    this.events.message(replies.take());
  }
}

function pool(shards = 3, limits: { maxmemoryBytes?: number } = {}) {
  const workers: FakeWorker[] = [];
  const died: string[] = [];
  const budgets = new SharedBudgets(shards);
  const backend = new PoolBackend({
    shards,
    budgets,
    hashKey: [1, 2],
    engine: { ...ENGINE_SETTINGS, maxmemoryBytes: limits.maxmemoryBytes ?? 0 },
    spawn: (_birth, shard, events) => {
      const worker = new FakeWorker(shard, events);
      workers[shard] = worker;
      return worker;
    },
    now_ms: () => 0,
    random: () => 0,
    events: {
      died: (shard, reason, lost) => died.push(`${shard} ${reason} ${lost}`),
      up: () => {},
      answered: () => {},
      slow: () => {},
      stalled: () => {},
    },
  });
  const ready = () => {
    for (const worker of workers) worker.events.message({ kind: 'ready' });
  };
  ready();
  const answers: (string | undefined)[] = [];
  const ask = (...words: string[]) => {
    const request = Request.of(...words);
    const command = table.resolve(request);
    if (command === undefined) throw new Error('unknown');
    expect(command.parse(request)).toBeUndefined();
    const keys = new KeyList();
    command.keys(request, keys);
    const place = answers.push(undefined) - 1;
    const out = new ReplyWriter();
    const later: LaterReply = {
      protocol: 2,
      settleBytes: (reply, start, end) => {
        answers[place] = latin1(reply, start, end);
      },
      settle: (write) => {
        const writer = new ReplyWriter();
        write(writer);
        answers[place] = latin1(writer.buffer, 0, writer.length);
      },
    };
    const caller = { tenantNumber: 0, databaseNumber: 0, noTouch: false, id: 1, isInTransaction: false, tracks: false };
    if (
      backend.run(command, request, keys, caller, out, {
        later: () => later,
        block: () => ({ ...later, waits: () => true, served: () => {} }),
      })
    ) {
      answers[place] = latin1(out.buffer, 0, out.length);
    }
  };
  const work = () => {
    backend.flush();
    for (const worker of workers) worker.work();
  };
  return { backend, workers, ask, work, answers, died, ready, budgets };
}

afterEach(() => vi.useRealTimers());

describe('a pool of shards', () => {
  it('sends one message per shard and turn, however many requests there were', () => {
    const { ask, backend, workers } = pool();
    for (let i = 0; i < 300; i++) ask('GET', `k${i}`);
    backend.flush();
    expect(workers.map((worker) => worker.inbox.length)).toEqual([1, 1, 1]);
  });

  it('keeps keys with one hash tag together and refuses commands over several slots', () => {
    const { ask, work, answers } = pool();
    ask('RENAME', '{t}a', '{t}b');
    ask('RENAME', 'a', 'b');
    work();
    expect(answers[0]).toMatch(/\{t\}a@\d/);
    expect(answers[1]).toBe("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
  });

  it('splits commands over many keys and puts their answers together again', () => {
    const { ask, work, answers } = pool();
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    ask('MGET', ...keys);
    ask('DEL', ...keys);
    ask('MSET', ...keys.flatMap((name) => [name, 'v']));
    ask('DBSIZE');
    work();
    expect(Array.from((answers[0] ?? '').matchAll(/(k\d+)@/g), (match) => match[1])).toEqual(keys);
    expect(answers.slice(1)).toEqual([':20\r\n', '+OK\r\n', ':111\r\n']);
  });

  it('answers what a dead shard took with it, and takes requests again when a new one is up', () => {
    vi.useFakeTimers();
    const { ask, work, answers, workers, died, ready, backend } = pool();
    for (let i = 0; i < 9; i++) ask('GET', `k${i}`);
    ask('MGET', ...Array.from({ length: 20 }, (_, i) => `k${i}`));
    backend.flush();
    workers[1]?.events.exited('out of luck');
    work();
    expect(answers.every((answer) => answer !== undefined)).toBe(true);
    const failed = answers.filter((answer) => answer?.startsWith('-'));
    expect(failed.length).toBeGreaterThan(1);
    expect(answers[9]).toMatch(/^-/);
    expect(died).toHaveLength(1);
    ask('DBSIZE');
    work();
    expect(answers[10]).toMatch(/^-/);
    vi.advanceTimersByTime(200);
    ready();
    ask('DBSIZE');
    work();
    expect(answers[11]).toBe(':111\r\n');
  });

  it('decides the budget of a split command before any part leaves', () => {
    const { ask, work, answers, workers, budgets } = pool(3, { maxmemoryBytes: 1000 });
    budgets.totalCells()[0] = 130;
    ask('MSET', 'a', '1', 'b', '2', 'c', '3');
    work();
    expect(answers[0]).toBe("-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(workers.flatMap((worker) => worker.seen)).toEqual([]);
  });

  it('answers everything it took before it closes', async () => {
    const { ask, answers, workers, backend } = pool();
    for (let i = 0; i < 30; i++) ask('GET', `k${i}`);
    const closed = backend.close();
    for (const worker of workers) worker.work();
    await closed;
    expect(answers.filter((answer) => answer?.startsWith('$'))).toHaveLength(30);
    ask('GET', 'late');
    expect(answers[30]).toMatch(/^-/);
  });
});
