/** XLEN, XRANGE and XREVRANGE. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { isWord, tail } from '../words.ts';
import { isRefusal, readBound, streamToRead, writeEntries } from './value.ts';

const COUNT = bytesOfLatin1('COUNT');
/** Of a count: none was given. */
const ALL = -1;

const first = new StreamId();
const last = new StreamId();
const cursor = new StreamCursor();

const countDoc = tail(0, [{ name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] }]);

export const xlen = shardCommand({
  name: 'XLEN',
  summary: 'The number of entries of a stream.',
  since: '5.0.0',
  complexity: 'O(1)',
  group: 'stream',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    const stream = streamToRead(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    out.integer(stream?.length ?? 0);
    return UNCHANGED;
  },
});

/** COUNT, 0 when it is negative; ALL without one. */
function countFrom(request: Request, from: ArgIndex): number | Refusal {
  let count = ALL;
  for (let at = from; at < request.argc; at += 2) {
    if (!isWord(request, at, COUNT) || at + 1 >= request.argc) return SYNTAX_ERROR;
    const given = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (Number.isNaN(given)) return NOT_AN_INTEGER;
    count = Math.max(0, given);
  }
  return count;
}

function range(
  call: ShardCall,
  key: ArgIndex,
  start: ArgIndex,
  end: ArgIndex,
  options: ArgIndex,
  out: ReplyWriter,
): Effect {
  const { request } = call;
  const isReverse = end < start;
  const refusal = readBound(request, start, false, first) ?? readBound(request, end, true, last);
  if (refusal !== undefined) return refused(out, refusal);
  const count = countFrom(request, options);
  if (typeof count !== 'number') return refused(out, count);
  const stream = streamToRead(call, key);
  if (isRefusal(stream)) return refused(out, stream);
  if (stream === undefined) out.array(0);
  else if (count === 0) out.nullArray();
  else {
    cursor.begin(stream.blocks, first, last, isReverse);
    writeEntries(out, cursor, count, false);
  }
  return UNCHANGED;
}

const RANGE = {
  since: '5.0.0',
  complexity: 'O(N) with N being the number of elements being returned.',
  group: 'stream',
  flags: ['readonly'],
  history: [['6.2.0', 'Added exclusive ranges.']],
} as const;

export const xrange = shardCommand({
  ...RANGE,
  name: 'XRANGE',
  summary: 'The entries of a stream between two IDs.',
  args: { key: key('RO', 'access'), start: bytes, end: bytes, count: countDoc },
  run: ({ key, start, end, count }, call, out) => range(call, key, start, end, count.value, out),
});

export const xrevrange = shardCommand({
  ...RANGE,
  name: 'XREVRANGE',
  summary: 'The entries of a stream between two IDs, the latest first.',
  args: { key: key('RO', 'access'), end: bytes, start: bytes, count: countDoc },
  run: ({ key, end, start, count }, call, out) => range(call, key, start, end, count.value, out),
});
