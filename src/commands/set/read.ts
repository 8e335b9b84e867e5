/**
 * Commands that read one set.
 *
 * Hot path: SISMEMBER and SCARD allocate nothing. Guarded by `bench/command.ts`.
 */
import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { ValueType } from '../../engine/database.ts';
import { SetView } from '../../engine/types/set.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, isOther } from '../keys.ts';
import { cursorArgument, isWanted, scanOptionArguments, scanOptions } from '../scan-options.ts';

const view = new SetView();

/** Aims the view at the set of a key, or at nothing; false when the key holds something else, which is answered. */
function opened(call: ShardCall, key: ArgIndex, out: ReplyWriter): boolean {
  const ref = find(call, key);
  if (isOther(call, ref, ValueType.set, out)) return false;
  view.open(call.database, ref);
  return true;
}

export const scard = shardCommand({
  name: 'SCARD',
  summary: 'Counts the elements of a set.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    if (opened(call, key, out)) out.integer(view.size);
    return UNCHANGED;
  },
});

export const sismember = shardCommand({
  name: 'SISMEMBER',
  summary: 'Tells whether something is an element of a set.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO'), member: bytes },
  run({ key, member }, call, out) {
    const { request } = call;
    if (!opened(call, key, out)) return UNCHANGED;
    out.integer(view.has(request.bytes, request.start(member), request.end(member)) ? 1 : 0);
    return UNCHANGED;
  },
});

export const smismember = shardCommand({
  name: 'SMISMEMBER',
  summary: 'Tells of several things whether they are elements of a set.',
  since: '6.2.0',
  complexity: 'O(N), N being the number of elements asked about.',
  group: 'set',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), member: many(bytes) },
  run({ key, member }, call, out) {
    const { request } = call;
    if (!opened(call, key, out)) return UNCHANGED;
    out.array(request.argc - member);
    for (let at = member; at < request.argc; at++) {
      out.integer(view.has(request.bytes, request.start(at), request.end(at)) ? 1 : 0);
    }
    return UNCHANGED;
  },
});

export const smembers = shardCommand({
  name: 'SMEMBERS',
  summary: 'All elements of a set.',
  since: '1.0.0',
  complexity: 'O(N), N being the number of elements.',
  group: 'set',
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  args: { key: key('RO', 'access') },
  run({ key }, call, out) {
    if (!opened(call, key, out)) return UNCHANGED;
    out.set(view.size);
    view.each((element, start, end) => {
      out.bulk(element, start, end);
      return !out.overflowed;
    });
    return UNCHANGED;
  },
});

function answerScan(call: ShardCall, key: ArgIndex, cursor: number, optionsAt: ArgIndex, out: ReplyWriter): Effect {
  if (!opened(call, key, out)) return UNCHANGED;
  // Redis looks at the options only when there is something to walk.
  const options = view.size === 0 ? undefined : scanOptions(call.request, optionsAt);
  if (options !== undefined && 'text' in options) {
    out.error(options);
    return UNCHANGED;
  }
  const places: number[] = [];
  const next = options === undefined ? 0 : view.scan(cursor, options.count, places);
  out.array(2);
  out.bulkInteger(next);
  const handle = out.beginArray();
  let count = 0;
  for (const place of places) {
    view.read(place);
    if (options === undefined || !isWanted(options, view.bytes, view.start, view.end)) continue;
    out.bulk(view.bytes, view.start, view.end);
    count++;
  }
  out.endArray(handle, count);
  return UNCHANGED;
}

export const sscan = shardCommand({
  name: 'SSCAN',
  summary: 'Walks the elements of a set in steps, from a cursor to the next.',
  since: '2.8.0',
  complexity: 'O(1) per call, O(N) for a whole walk, N being the number of elements.',
  group: 'set',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access'), cursor: cursorArgument, options: scanOptionArguments() },
  run: ({ key, cursor, options }, call, out) => answerScan(call, key, cursor.value, options.value, out),
});
