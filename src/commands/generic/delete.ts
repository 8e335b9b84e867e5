/**
 * DEL and its kin: commands over any number of keys of any type, summed over shards.
 *
 * Hot path: with one key DEL and EXISTS allocate nothing. Guarded by `bench/command.ts`.
 */
import { key, many } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

const TIPS = ['request_policy:multi_shard', 'response_policy:agg_sum'];
const FIRST_DELETED = changed('generic', 'del', 1);

function deleteAll(call: ShardCall, first: number, out: ReplyWriter): Effect {
  const { request, database } = call;
  if (request.argc === first + 1) {
    const deleted = database.delete(request.bytes, request.start(first), request.end(first));
    out.integer(deleted ? 1 : 0);
    return deleted ? FIRST_DELETED : UNCHANGED;
  }
  const events: KeyEvent[] = [];
  for (let at = first; at < request.argc; at++) {
    if (database.delete(request.bytes, request.start(at), request.end(at))) {
      events.push({ eventClass: 'generic', name: 'del', key: at });
    }
  }
  out.integer(events.length);
  return changes(events.length, events);
}

export const del = shardCommand({
  name: 'DEL',
  summary: 'Deletes keys.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'generic',
  flags: ['write'],
  categories: ['keyspace'],
  tips: TIPS,
  fanout: { split: 'keys', merge: 'sum' },
  args: { keys: many(key('RM', 'delete')) },
  run: ({ keys }, call, out) => deleteAll(call, keys, out),
});

export const unlink = shardCommand({
  name: 'UNLINK',
  summary: 'Deletes keys; here the same as DEL, as freeing a key is always cheap.',
  since: '4.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'generic',
  flags: ['write', 'fast'],
  categories: ['keyspace'],
  tips: TIPS,
  fanout: { split: 'keys', merge: 'sum' },
  args: { keys: many(key('RM', 'delete')) },
  run: ({ keys }, call, out) => deleteAll(call, keys, out),
});

export const exists = shardCommand({
  name: 'EXISTS',
  summary: 'Counts how many of the keys exist; one named twice counts twice.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'generic',
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
  tips: TIPS,
  history: [['3.0.3', 'Accepts multiple `key` arguments.']],
  fanout: { split: 'keys', merge: 'sum' },
  args: { keys: many(key('RO')) },
  run({ keys }, call, out) {
    const { request, database } = call;
    let count = 0;
    for (let at = keys; at < request.argc; at++) {
      if (database.findUntouched(request.bytes, request.start(at), request.end(at)) !== MISSING) count++;
    }
    out.integer(count);
    return UNCHANGED;
  },
});

export const touch = shardCommand({
  name: 'TOUCH',
  summary: 'Marks keys as used now; answers how many exist.',
  since: '3.2.1',
  complexity: 'O(N), N being the number of keys.',
  group: 'generic',
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
  tips: TIPS,
  fanout: { split: 'keys', merge: 'sum' },
  args: { keys: many(key('RO')) },
  run({ keys }, call, out) {
    const { request, database } = call;
    let count = 0;
    for (let at = keys; at < request.argc; at++) {
      if (database.find(request.bytes, request.start(at), request.end(at)) !== MISSING) count++;
    }
    out.integer(count);
    return UNCHANGED;
  },
});
