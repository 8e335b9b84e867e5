/** Commands that empty databases or exchange them. */
import { DATABASE_COUNT } from '../../base/limits.ts';
import { atMostOne, integer, token } from '../../command/args.ts';
import { changes, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { DB_OUT_OF_RANGE, INVALID_FIRST_DB, INVALID_SECOND_DB, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

const HOW = atMostOne({ async: token('ASYNC'), sync: token('SYNC') });
const TIPS = ['request_policy:all_shards', 'response_policy:all_succeeded'];
const HISTORY = [
  ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
  ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
] as const;
/** A flush is one change however much it removes: whoever logs it logs the command. */
const FLUSHED = changes(1, []);
const SWAPPED = changes(1, []);
/** One word at the most, even the same one twice. */
const WORDS_MAX = 2;

function flush(call: ShardCall, out: ReplyWriter, empty: () => void): Effect {
  if (call.request.argc > WORDS_MAX) {
    out.error(SYNTAX_ERROR);
    return UNCHANGED;
  }
  empty();
  out.ok();
  return FLUSHED;
}

export const flushdb = shardCommand({
  name: 'FLUSHDB',
  summary: 'Deletes all keys of the database; ASYNC frees their memory later.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'server',
  flags: ['write'],
  categories: ['keyspace', 'dangerous'],
  tips: TIPS,
  history: HISTORY,
  fanout: { split: 'shards', merge: 'ok' },
  args: { flushType: HOW },
  run: ({ flushType }, call, out) =>
    flush(call, out, () => call.realm.flushDatabase(call.databaseNumber, flushType?.kind === 'async')),
});

export const flushall = shardCommand({
  name: 'FLUSHALL',
  summary: 'Deletes all keys of all databases; ASYNC frees their memory later.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'server',
  flags: ['write'],
  categories: ['keyspace', 'dangerous'],
  tips: TIPS,
  history: HISTORY,
  fanout: { split: 'shards', merge: 'ok' },
  args: { flushType: HOW },
  run: ({ flushType }, call, out) => flush(call, out, () => call.realm.flushAll(flushType?.kind === 'async')),
});

export const swapdb = shardCommand({
  name: 'SWAPDB',
  summary: 'Exchanges the contents of two databases.',
  since: '4.0.0',
  complexity: 'O(1): the databases change their numbers.',
  group: 'server',
  flags: ['write', 'fast'],
  categories: ['keyspace', 'dangerous'],
  fanout: { split: 'shards', merge: 'ok' },
  args: {
    index1: integer({ notInteger: INVALID_FIRST_DB, beyondInt32: INVALID_FIRST_DB }),
    index2: integer({ notInteger: INVALID_SECOND_DB, beyondInt32: INVALID_SECOND_DB }),
  },
  run({ index1, index2 }, call, out) {
    if (index1 < 0 || index2 < 0 || index1 >= DATABASE_COUNT || index2 >= DATABASE_COUNT) {
      out.error(DB_OUT_OF_RANGE);
      return UNCHANGED;
    }
    call.realm.swap(index1, index2);
    out.ok();
    return SWAPPED;
  },
});
