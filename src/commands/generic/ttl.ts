/**
 * How long keys live, and until when.
 *
 * Hot path: TTL allocates nothing. Guarded by `bench/command.ts`.
 */
import { type ArgIndex, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { writeTime } from '../times.ts';

const NO_KEY = -2;
const NO_EXPIRY = -1;
const MS_PER_SECOND = 1000;

function answer(call: ShardCall, key: ArgIndex, unit_ms: number, absolute: boolean, out: ReplyWriter): Effect {
  const { request, database } = call;
  const ref = database.findUntouched(request.bytes, request.start(key), request.end(key));
  if (ref === MISSING) {
    out.integer(NO_KEY);
    return UNCHANGED;
  }
  const at_ms = database.expireAt(ref);
  if (at_ms < 0) {
    out.integer(NO_EXPIRY);
    return UNCHANGED;
  }
  const left_ms = absolute ? at_ms : Math.max(0, at_ms - call.now_ms);
  writeTime(out, unit_ms === 1 ? left_ms : Math.floor((left_ms + unit_ms / 2) / unit_ms));
  return UNCHANGED;
}

const SHARED = {
  complexity: 'O(1)',
  group: 'generic',
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
} as const;
const LEFT = {
  ...SHARED, // cold: declared once
  tips: ['nondeterministic_output'],
  history: [['2.8.0', 'Added the -2 reply.']],
} as const;

export const ttl = shardCommand({
  ...LEFT, // cold: declared once
  name: 'TTL',
  summary: 'Seconds a key has left; -1 without a time to live, -2 without a key.',
  since: '1.0.0',
  args: { key: key('RO', 'access') },
  run: ({ key }, call, out) => answer(call, key, MS_PER_SECOND, false, out),
});

export const pttl = shardCommand({
  ...LEFT, // cold: declared once
  name: 'PTTL',
  summary: 'Milliseconds a key has left; -1 without a time to live, -2 without a key.',
  since: '2.6.0',
  args: { key: key('RO', 'access') },
  run: ({ key }, call, out) => answer(call, key, 1, false, out),
});

export const expiretime = shardCommand({
  ...SHARED, // cold: declared once
  name: 'EXPIRETIME',
  summary: 'The Unix time in seconds at which a key ends; -1 without a time to live, -2 without a key.',
  since: '7.0.0',
  args: { key: key('RO', 'access') },
  run: ({ key }, call, out) => answer(call, key, MS_PER_SECOND, true, out),
});

export const pexpiretime = shardCommand({
  ...SHARED, // cold: declared once
  name: 'PEXPIRETIME',
  summary: 'The Unix time in milliseconds at which a key ends; -1 without a time to live, -2 without a key.',
  since: '7.0.0',
  args: { key: key('RO', 'access') },
  run: ({ key }, call, out) => answer(call, key, 1, true, out),
});
