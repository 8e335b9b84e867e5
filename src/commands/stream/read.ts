/** XREAD. With BLOCK the client waits when there is nothing; `$` is then the last entry of when it began to. */

import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import type { Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { Request } from '../../resp/request.ts';
import { INVALID_STREAM_ID, XREAD_NEW } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { mayLookAt, waitFor, waitOrNothing } from '../waiting.ts';
import { type ReadOptions, readOptions } from './read-options.ts';
import { copyOfId, idBytes, isRefusal, isSign, readId, streamToRead, writeEntries } from './value.ts';

const DOLLAR = 0x24;
const GREATER = 0x3e;
const LAST = new StreamId(-1, -1, -1, -1);

const cursor = new StreamCursor();

/** Reads the IDs behind which each stream is wanted, and looks whether the keys are streams. */
function startsOf(call: ShardCall, { keys, streams }: ReadOptions): StreamId[] | Refusal {
  const { request } = call;
  const starts: StreamId[] = [];
  for (let i = 0; i < streams; i++) {
    const start = new StreamId();
    starts.push(start);
    if (!mayLookAt(call, keys + i)) continue;
    const stream = streamToRead(call, keys + i);
    if (isRefusal(stream)) return stream;
    const at = keys + streams + i;
    if (isSign(request, at, GREATER)) return XREAD_NEW;
    if (isSign(request, at, DOLLAR)) {
      if (stream !== undefined) start.copyFrom(stream.lastId);
    } else if (!readId(request, at, start)) return INVALID_STREAM_ID;
  }
  return starts;
}

/** Aims the cursor at the first entry behind an ID. False when there is none. */
function beginBehind(call: ShardCall, key: number, given: StreamId): boolean {
  const stream = streamToRead(call, key);
  const start = copyOfId(given);
  if (stream === undefined || isRefusal(stream) || !start.increment()) return false;
  if (stream.length === 0 || start.compare(stream.lastId) > 0) return false;
  cursor.begin(stream.blocks, start, LAST, false);
  return cursor.next();
}

function read(call: ShardCall, options: ReadOptions, starts: readonly StreamId[], out: ReplyWriter): Effect {
  const { request } = call;
  let handle = -1;
  let served = 0;
  for (const [i, start] of starts.entries()) {
    const key = options.keys + i;
    if (!mayLookAt(call, key) || !beginBehind(call, key, start)) continue;
    if (served === 0) handle = out.beginArray();
    served++;
    if (out.protocol === 2) out.array(2);
    out.bulk(request.bytes, request.start(key), request.end(key));
    writeEntries(out, cursor, options.count, true);
    if (out.overflowed) break;
  }
  if (served === 0) return nothing(call, options, starts, out);
  if (out.protocol === 2) out.endArray(handle, served);
  else out.endMap(handle, served);
  return UNCHANGED;
}

function nothing(call: ShardCall, options: ReadOptions, starts: readonly StreamId[], out: ReplyWriter): Effect {
  const { keys, streams, block_ms } = options;
  if (block_ms === undefined) {
    out.nullArray();
    return UNCHANGED;
  }
  return waitOrNothing(call, out, () =>
    waitFor('stream', keys, streams, block_ms, { instead: withIds(call.request, keys + streams, starts) }),
  );
}

/** The request with its last arguments replaced by these IDs, as numbers. */
function withIds(request: Request, from: number, ids: readonly StreamId[]): Request {
  const words: Uint8Array[] = [];
  for (let at = 0; at < from; at++) words.push(request.copy(at));
  for (const id of ids) words.push(idBytes(id));
  return Request.of(...words);
}

export const xread = shardCommand({
  name: 'XREAD',
  summary: 'The entries of streams behind given IDs.',
  since: '5.0.0',
  complexity:
    'For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1).',
  group: 'stream',
  flags: ['readonly', 'blocking'],
  args: { options: readOptions(false) },
  run({ options }, call, out) {
    const starts = startsOf(call, options.value);
    return isRefusal(starts) ? refused(out, starts) : read(call, options.value, starts, out);
  },
});
