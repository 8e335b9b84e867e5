/** How a worker tells the time of its commands, on a clock that goes on by one millisecond with each look. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { REDIS_DEFAULTS } from '../../src/app/config/settings.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Request } from '../../src/resp/request.ts';
import { ReplyBatchReader, ReplyBatchWriter, RequestBatchReader } from '../../src/shards/mailbox.ts';
import type { SlowCommand } from '../../src/shards/protocol.ts';
import { Stopwatch } from '../../src/shards/stopwatch.ts';

const table = new CommandTable(shardDeclarations);
const SMALL = Buffer.from('$1\r\nv\r\n');
const LARGE = Buffer.alloc(10_000);

let now_ms = 0;

beforeEach(() => {
  now_ms = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now_ms++);
});

afterEach(() => {
  vi.restoreAllMocks();
});

interface Ran {
  readonly words: readonly string[];
  readonly reply?: Uint8Array;
}

/** Runs a batch, and tells the time beside each reply and what was slow. */
function batch(slowerThan_us: number, ...commands: readonly Ran[]) {
  const replies = new ReplyBatchWriter();
  const slow: SlowCommand[] = [];
  const stopwatch = new Stopwatch(replies, (command) => slow.push(command));
  stopwatch.configure({ ...REDIS_DEFAULTS, slowlogSlowerThan_us: slowerThan_us });
  const reader = new RequestBatchReader();
  reader.id = 5_000_000_000;
  reader.tenantNumber = 3;
  stopwatch.begin();
  for (const { words, reply = SMALL } of commands) {
    const request = Request.of(...words);
    const command = table.resolve(request);
    const isAlone = stopwatch.beforeCommand(command, request);
    const at = replies.add(reply, 0, reply.length);
    stopwatch.afterCommand(at, isAlone, command, reader, request, reply.length);
  }
  stopwatch.settle();
  const answers = new ReplyBatchReader();
  answers.open(replies.take());
  const times_ms: number[] = [];
  while (answers.next()) times_ms.push(answers.ran_ms);
  return { times_ms, slow };
}

const get = { words: ['GET', 'a'] };
const range = { words: ['LRANGE', 'l', '0', '-1'] };

describe('the stopwatch of a worker', () => {
  it('lets small commands share a look at the clock, sixteen at a time', () => {
    const { times_ms } = batch(10_000, ...Array.from({ length: 20 }, () => get));
    expect(times_ms.slice(0, 16)).toEqual(Array.from({ length: 16 }, () => 0.0625));
    expect(times_ms.slice(16)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(now_ms).toBe(3);
  });

  it('times what may take long apart from its neighbours', () => {
    const { times_ms } = batch(10_000, get, get, range, get);
    expect(times_ms).toEqual([0.5, 0.5, 1, 1]);
  });

  it('gives a large reply all that was not usual', () => {
    const { times_ms } = batch(10_000, get, { words: ['GET', 'large'], reply: LARGE }, get);
    expect(times_ms[0]).toBeLessThan(0.001);
    expect(times_ms[1]).toBeGreaterThan(0.999);
    expect(times_ms[2]).toBe(1);
  });

  it('tells slow ones with their words, whose they are, and who asked', () => {
    const { slow } = batch(1000, get, range);
    expect(slow).toEqual([
      {
        connection: 5_000_000_000,
        tenant: 3,
        command: table.named('lrange')?.id,
        duration_us: 1000,
        words: range.words,
      },
    ]);
    expect(batch(0, get, get).slow.map(({ words }) => words)).toEqual([get.words, get.words]);
    expect(batch(-1, get, range).slow).toEqual([]);
  });
});
