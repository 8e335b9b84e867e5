/** XTRIM and XDEL: entries that go. A stream that becomes empty stays. */

import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { deleteEntry } from '../../engine/types/stream-edit.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { INVALID_STREAM_ID } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { tail } from '../words.ts';
import { TrimOptions, trimDoc } from './trim-options.ts';
import { isRefusal, readId, streamToWrite } from './value.ts';

const TRIMMED: readonly KeyEvent[] = [{ eventClass: 'stream', name: 'xtrim', key: 1 }];
const DELETED: readonly KeyEvent[] = [{ eventClass: 'stream', name: 'xdel', key: 1 }];

const options = new TrimOptions();
const id = new StreamId();

function parseTrim(request: Request, from: ArgIndex, isReplayed: boolean): Refusal | undefined {
  options.reset();
  for (let at = from; at < request.argc; ) {
    const behind = options.take(request, at);
    if (typeof behind !== 'number') return behind;
    if (behind === 0) return SYNTAX_ERROR;
    at = behind;
  }
  return options.check(true, isReplayed);
}

function trimmedEffect(request: Request, stream: Stream, trimmed: number): Changed {
  const { isApproximate } = options;
  return {
    kind: 'changed',
    changes: trimmed,
    events: TRIMMED,
    get replay() {
      return isApproximate ? [['XTRIM', viewOf(request, 1), ...options.replay(request, stream)]] : undefined;
    },
  };
}

export const xtrim = shardCommand({
  name: 'XTRIM',
  summary: 'Removes the oldest entries of a stream down to a length or an ID.',
  since: '5.0.0',
  complexity: 'O(N), N being the entries removed; a block of them goes at once.',
  group: 'stream',
  flags: ['write'],
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `MINID` trimming strategy and the `LIMIT` option.']],
  args: { key: key('RW', 'delete'), options: tail(2, [trimDoc(false)]) },
  run({ key, options: given }, call, out) {
    const refusal = parseTrim(call.request, given.value, call.shard.world.isLoading);
    if (refusal !== undefined) return refused(out, refusal);
    const stream = streamToWrite(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    const trimmed = stream === undefined ? 0 : options.apply(stream, call.database.collections.streamNodeMaxEntries);
    out.integer(trimmed);
    return stream === undefined || trimmed === 0 ? UNCHANGED : trimmedEffect(call.request, stream, trimmed);
  },
});

/** Whether all arguments from one on are IDs: what is refused must not be half done. */
export function areIds(request: Request, from: ArgIndex): boolean {
  for (let at = from; at < request.argc; at++) if (!readId(request, at, id)) return false;
  return true;
}

function deleteAll(call: ShardCall, stream: Stream, ids: ArgIndex, out: ReplyWriter): Effect {
  const { request } = call;
  let deleted = 0;
  for (let at = ids; at < request.argc; at++) {
    readId(request, at, id);
    if (deleteEntry(stream, id)) deleted++;
  }
  out.integer(deleted);
  return changes(deleted, DELETED);
}

export const xdel = shardCommand({
  name: 'XDEL',
  summary: 'Removes entries of a stream by their IDs.',
  since: '5.0.0',
  complexity: 'O(1) for each single item to delete in the stream, regardless of the stream size.',
  group: 'stream',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'delete'), id: many(bytes) },
  run({ key, id: ids }, call, out) {
    const stream = streamToWrite(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    if (stream === undefined) {
      out.integer(0);
      return UNCHANGED;
    }
    if (!areIds(call.request, ids)) return refused(out, INVALID_STREAM_ID);
    return deleteAll(call, stream, ids, out);
  },
});
