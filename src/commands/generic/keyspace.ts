/** Commands about a database as a whole: walking it, counting it, emptying it. */
import { spells } from '../../base/ascii.ts';
import type { Glob } from '../../base/glob.ts';
import { SCAN_COUNT_MAX } from '../../base/limits.ts';
import { type ArgIndex, after, bytes, integer, pattern } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { type Database, MISSING } from '../../engine/database.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { cursorArgument, patternAt, SCAN_COUNT } from '../scan-options.ts';
import { typeName } from './types.ts';

function keyMatches(database: Database, ref: number, glob: Glob | undefined): boolean {
  if (glob === undefined) return true;
  const start = database.keyStart(ref);
  return glob.matchesOfMany(database.valueBytes(ref), start, start + database.keyLength(ref));
}

function writeKey(database: Database, ref: number, out: ReplyWriter): void {
  const start = database.keyStart(ref);
  out.bulk(database.valueBytes(ref), start, start + database.keyLength(ref));
}

/** Whether the entry is of the type an argument names, letters in any case. */
function typeMatches(call: ShardCall, ref: number, type: ArgIndex | undefined): boolean {
  if (type === undefined) return true;
  const { request, database } = call;
  return spells(request.bytes, request.start(type), request.end(type), typeName(database.valueType(ref)).folded);
}

export const scan = shardCommand({
  name: 'SCAN',
  summary: 'Walks the keys in steps, from a cursor to the next.',
  since: '2.8.0',
  complexity: 'O(1) per call, O(N) for a whole walk, N being the number of keys.',
  group: 'generic',
  flags: ['readonly'],
  categories: ['keyspace'],
  tips: ['nondeterministic_output', 'request_policy:special'],
  history: [['6.0.0', 'Added the `TYPE` subcommand.']],
  fanout: { split: 'cursor' },
  args: {
    cursor: cursorArgument,
    pattern: after('MATCH', pattern),
    count: after('COUNT', integer({ min: 1, outOfRange: SYNTAX_ERROR, notInteger: NOT_AN_INTEGER })),
    type: after('TYPE', bytes),
  },
  run({ cursor, pattern, count = SCAN_COUNT, type }, call, out) {
    const { database, request } = call;
    const glob = patternAt(request, pattern);
    const found: number[] = [];
    const next = database.scan(cursor.value, Math.min(count, SCAN_COUNT_MAX), (ref) => {
      if (keyMatches(database, ref, glob) && typeMatches(call, ref, type)) found.push(ref);
    });
    out.array(2);
    out.bulkInteger(next);
    out.array(found.length);
    for (const ref of found) writeKey(database, ref, out);
    return UNCHANGED;
  },
});

export const keys = shardCommand({
  name: 'KEYS',
  summary: 'All keys that match a pattern.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of keys.',
  group: 'generic',
  flags: ['readonly'],
  categories: ['keyspace', 'dangerous'],
  tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
  fanout: { split: 'shards', merge: 'concat' },
  args: { pattern },
  run({ pattern }, call, out) {
    const { database } = call;
    const glob = patternAt(call.request, pattern);
    const handle = out.beginArray();
    let count = 0;
    database.forEach((ref) => {
      if (!keyMatches(database, ref, glob)) return;
      writeKey(database, ref, out);
      count++;
    });
    out.endArray(handle, count);
    return UNCHANGED;
  },
});

export const randomkey = shardCommand({
  name: 'RANDOMKEY',
  summary: 'Any key, each as likely as any other.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['readonly'],
  categories: ['keyspace'],
  tips: ['request_policy:all_shards', 'nondeterministic_output'],
  fanout: { split: 'random' },
  args: {},
  run(_args, { database }, out) {
    const ref = database.randomEntry();
    if (ref === MISSING) out.null();
    else writeKey(database, ref, out);
    return UNCHANGED;
  },
});

export const dbsize = shardCommand({
  name: 'DBSIZE',
  summary: 'Counts the keys of the database.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
  tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  fanout: { split: 'shards', merge: 'sum' },
  args: {},
  run(_args, { database }, out) {
    out.integer(database.size());
    return UNCHANGED;
  },
});
