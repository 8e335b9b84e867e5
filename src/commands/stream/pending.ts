/** XACK and XPENDING: what was delivered and is not acknowledged. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { changes, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import type { Group } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { INVALID_STREAM_ID, noSuchKeyOrGroup } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { isWord, tail } from '../words.ts';
import { writeName } from './group-reply.ts';
import { areIds } from './remove.ts';
import { isRefusal, readBound, readId, streamToRead, writeId } from './value.ts';

const IDLE = bytesOfLatin1('IDLE');

const id = new StreamId();
const first = new StreamId();
const last = new StreamId();
const place = new IdPlace();
const inGroup = new IdPlace();

export const xack = shardCommand({
  name: 'XACK',
  summary: 'Marks entries as done: they are pending no more.',
  since: '5.0.0',
  complexity: 'O(1) for each message ID processed.',
  group: 'stream',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'update'), group: bytes, id: many(bytes) },
  run({ key, group: name, id: ids }, call, out) {
    const { request } = call;
    const stream = streamToRead(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    const group = stream?.group(request.bytes, request.start(name), request.end(name));
    if (group === undefined) {
      out.integer(0);
      return UNCHANGED;
    }
    if (!areIds(request, ids)) return refused(out, INVALID_STREAM_ID);
    let acknowledged = 0;
    for (let at = ids; at < request.argc; at++) {
      readId(request, at, id);
      if (group.acknowledge(id)) acknowledged++;
    }
    out.integer(acknowledged);
    return changes(acknowledged, []);
  },
});

function summarise(stream: Stream, { pending, consumers }: Group, out: ReplyWriter): void {
  out.array(4);
  out.integer(pending.size);
  if (!pending.first(place)) {
    out.null();
    out.null();
    out.nullArray();
    return;
  }
  pending.readId(place, id);
  writeId(out, id);
  pending.last(place);
  pending.readId(place, id);
  writeId(out, id);
  const handle = out.beginArray();
  let count = 0;
  for (const consumer of consumers) {
    if (consumer.pending.size === 0) continue;
    count++;
    out.array(2);
    writeName(out, stream, consumer.name);
    out.bulkInteger(consumer.pending.size);
  }
  out.endArray(handle, count);
}

interface Filter {
  readonly idle_ms: number;
  readonly count: number;
  /** Position of the consumer's name; 0 without. */
  readonly consumer: ArgIndex;
}

/** `[IDLE min] start end count [consumer]`; the bounds are left in `first` and `last`. */
function filterFrom(request: Request, from: ArgIndex): Filter | Refusal {
  const { argc } = request;
  if (argc < 6 || argc > 9) return SYNTAX_ERROR;
  let at = from;
  let idle_ms = 0;
  if (isWord(request, at, IDLE)) {
    idle_ms = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (Number.isNaN(idle_ms)) return NOT_AN_INTEGER;
    if (argc < 8) return SYNTAX_ERROR;
    at += 2;
  }
  const count = parseInteger(request.bytes, request.start(at + 2), request.end(at + 2));
  if (Number.isNaN(count)) return NOT_AN_INTEGER;
  const refusal = readBound(request, at, false, first) ?? readBound(request, at + 1, true, last);
  return refusal ?? { idle_ms, count: Math.max(0, count), consumer: at + 3 < argc ? at + 3 : 0 };
}

function list(call: ShardCall, stream: Stream, group: Group, filter: Filter, out: ReplyWriter): void {
  const { request, now_ms } = call;
  let { pending } = group;
  if (filter.consumer !== 0) {
    const start = request.start(filter.consumer);
    const consumer = group.consumer(request.bytes, start, request.end(filter.consumer));
    if (consumer === undefined) {
      out.array(0);
      return;
    }
    pending = consumer.pending;
  }
  const handle = out.beginArray();
  let listed = 0;
  for (let there = filter.count > 0 && pending.seek(first, place); there; there = pending.next(place)) {
    pending.readId(place, id);
    if (id.compare(last) > 0 || out.overflowed) break;
    group.pending.find(id, inGroup);
    const idle_ms = now_ms - group.timeAt(inGroup);
    if (filter.idle_ms !== 0 && idle_ms < filter.idle_ms) continue;
    out.array(4);
    writeId(out, id);
    writeName(out, stream, group.consumerAt(inGroup).name);
    out.integer(Math.max(0, idle_ms));
    out.integer(group.deliveriesAt(inGroup));
    listed++;
    if (listed >= filter.count) break;
  }
  out.endArray(handle, listed);
}

function pendingOf(call: ShardCall, key: ArgIndex, name: ArgIndex, from: ArgIndex, out: ReplyWriter): Effect {
  const { request } = call;
  const filter = request.argc === 3 ? undefined : filterFrom(request, from);
  if (isRefusal(filter)) return refused(out, filter);
  const stream = streamToRead(call, key);
  if (isRefusal(stream)) return refused(out, stream);
  const group = stream?.group(request.bytes, request.start(name), request.end(name));
  if (stream === undefined || group === undefined) {
    return refused(out, noSuchKeyOrGroup(request.text(key), request.text(name)));
  }
  if (filter === undefined) summarise(stream, group, out);
  else list(call, stream, group, filter, out);
  return UNCHANGED;
}

export const xpending = shardCommand({
  name: 'XPENDING',
  summary: 'What is pending in a group: a summary, or the entries one by one.',
  since: '5.0.0',
  complexity:
    'O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter.',
  group: 'stream',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `IDLE` option and exclusive range intervals.']],
  args: {
    key: key('RO', 'access'),
    group: bytes,
    filters: tail(0, [
      {
        name: 'filters',
        type: 'block',
        flags: ['optional'],
        arguments: [
          { name: 'min-idle-time', type: 'integer', token: 'IDLE', flags: ['optional'] },
          { name: 'start', type: 'string', flags: [] },
          { name: 'end', type: 'string', flags: [] },
          { name: 'count', type: 'integer', flags: [] },
          { name: 'consumer', type: 'string', flags: ['optional'] },
        ],
      },
    ]),
  },
  run: ({ key, group, filters }, call, out) => pendingOf(call, key, group, filters.value, out),
});
