/** XREAD. BLOCK is read and checked; when there is nothing the answer is null at once, as nobody waits yet. */

import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import type { Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { INVALID_STREAM_ID, XREAD_NEW } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { type ReadOptions, readOptions } from './read-options.ts';
import { isRefusal, isSign, readId, streamToRead, writeEntries } from './value.ts';

const DOLLAR = 0x24;
const GREATER = 0x3e;
const LAST = new StreamId(-1, -1, -1, -1);

const cursor = new StreamCursor();

/** Reads the IDs behind which each stream is wanted, and looks whether the keys are streams. */
function startsOf(call: ShardCall, { keys, streams }: ReadOptions): StreamId[] | Refusal {
  const { request } = call;
  const starts: StreamId[] = [];
  for (let i = 0; i < streams; i++) {
    const stream = streamToRead(call, keys + i);
    if (isRefusal(stream)) return stream;
    const at = keys + streams + i;
    const start = new StreamId();
    if (isSign(request, at, GREATER)) return XREAD_NEW;
    if (isSign(request, at, DOLLAR)) {
      if (stream !== undefined) start.copyFrom(stream.lastId);
    } else if (!readId(request, at, start)) return INVALID_STREAM_ID;
    starts.push(start);
  }
  return starts;
}

/** Aims the cursor at the first entry behind an ID. False when there is none. */
function beginBehind(call: ShardCall, key: number, start: StreamId): boolean {
  const stream = streamToRead(call, key);
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
    if (!beginBehind(call, key, start)) continue;
    if (served === 0) handle = out.beginArray();
    served++;
    if (out.protocol === 2) out.array(2);
    out.bulk(request.bytes, request.start(key), request.end(key));
    writeEntries(out, cursor, options.count, true);
    if (out.overflowed) break;
  }
  if (served === 0) out.nullArray();
  else if (out.protocol === 2) out.endArray(handle, served);
  else out.endMap(handle, served);
  return UNCHANGED;
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
