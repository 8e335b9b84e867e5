/**
 * XAUTOCLAIM: a consumer takes over what has been pending for long, a slice of the group's pending entries at a time.
 *
 * Claims are made before anything is answered, as the answer begins with where the next slice does.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { INT64_MAX, parseBigInteger, parseInteger } from '../../base/integer.ts';
import { STREAM_CLAIM_ATTEMPTS_MAX } from '../../base/limits.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import type { Effect } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import type { Group } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { OOM, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { noSuchKeyOrGroup, XAUTOCLAIM_COUNT, XAUTOCLAIM_MIN_IDLE } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { isWord, tail } from '../words.ts';
import { Claimant, claimEffect } from './claim.ts';
import {
  CONSUMER_ROOM_BYTES,
  copyOfId,
  entryReplyBytesMax,
  isRefusal,
  PENDING_ROOM_BYTES,
  readBound,
  streamToRead,
  writeEntry,
  writeId,
} from './value.ts';

const COUNT = bytesOfLatin1('COUNT');
const JUSTID = bytesOfLatin1('JUSTID');
const COUNT_DEFAULT = 100;
/** As Redis: LONG_MAX by the larger of what an ID takes and of the entries looked at for each one claimed. */
const COUNT_MAX = INT64_MAX / 16n;
const ATTEMPTS_FACTOR = 10;

const id = new StreamId();
const start = new StreamId();
const place = new IdPlace();

interface AutoClaimOptions {
  readonly count: number;
  readonly justId: boolean;
}

function optionsFrom(request: Request, from: ArgIndex): AutoClaimOptions | Refusal {
  let count = COUNT_DEFAULT;
  let justId = false;
  for (let at = from; at < request.argc; at++) {
    if (isWord(request, at, COUNT) && at + 1 < request.argc) {
      at++;
      const given = parseBigInteger(request.bytes, request.start(at), request.end(at));
      if (given === undefined || given < 1n || given > COUNT_MAX) return XAUTOCLAIM_COUNT;
      count = Number(given);
    } else if (isWord(request, at, JUSTID)) justId = true;
    else return SYNTAX_ERROR;
  }
  return { count, justId };
}

/** What a slice came to. */
interface Slice {
  readonly claimed: StreamId[];
  readonly gone: StreamId[];
  /** Where the next one begins; 0-0 when there is nothing more. */
  readonly next: StreamId;
}

/** Claims from `start` on. */
function claimSlice(
  call: ShardCall,
  stream: Stream,
  group: Group,
  claimant: Claimant,
  minIdle_ms: number,
  { count, justId }: AutoClaimOptions,
  replyBytesMax: number,
): Slice {
  const cursor = new StreamCursor();
  const slice: Slice = { claimed: [], gone: [], next: new StreamId() };
  const { pending } = group;
  let attempts = Math.min(count * ATTEMPTS_FACTOR, STREAM_CLAIM_ATTEMPTS_MAX);
  let replyBytes = 0;
  let there = pending.seek(start, place);
  for (; there && attempts > 0 && slice.claimed.length + slice.gone.length < count; attempts--) {
    pending.readId(place, id);
    if (!cursor.moveTo(stream.blocks, id)) {
      group.removePending(id, place);
      slice.gone.push(copyOfId(id));
      there = pending.seek(id, place);
      continue;
    }
    if (minIdle_ms <= 0 || call.now_ms - group.timeAt(place) >= minIdle_ms) {
      if (!justId) replyBytes += entryReplyBytesMax(cursor);
      if (slice.claimed.length > 0 && (replyBytes > replyBytesMax || !call.realm.room(PENDING_ROOM_BYTES))) break;
      const consumer = claimant.find();
      if (consumer === undefined || !group.giveTo(id, place, consumer)) break;
      group.setTimeAt(place, call.now_ms);
      if (!justId) group.countDeliveryAt(place);
      consumer.active_ms = call.now_ms;
      slice.claimed.push(copyOfId(id));
    }
    there = pending.next(place);
  }
  if (there) pending.readId(place, slice.next);
  return slice;
}

function answer(stream: Stream, { claimed, gone, next }: Slice, justId: boolean, out: ReplyWriter): void {
  const cursor = new StreamCursor();
  out.array(3);
  writeId(out, next);
  out.array(claimed.length);
  for (const each of claimed) {
    if (justId) writeId(out, each);
    else {
      cursor.moveTo(stream.blocks, each);
      writeEntry(out, cursor);
    }
  }
  out.array(gone.length);
  for (const each of gone) writeId(out, each);
}

function autoClaim(
  call: ShardCall,
  stream: Stream,
  group: Group,
  minIdle_ms: number,
  options: AutoClaimOptions,
  out: ReplyWriter,
): Effect {
  const claimant = new Claimant(call, group, 3);
  const bytesMax = out.replyBytesMax >> 1;
  const slice = claimSlice(call, stream, group, claimant, minIdle_ms, options, bytesMax);
  answer(stream, slice, options.justId, out);
  const { claimed, gone } = slice;
  return claimEffect(call, stream, group, { claimed, gone, isConsumerNew: claimant.isNew, hasAdvanced: false });
}

export const xautoclaim = shardCommand({
  name: 'XAUTOCLAIM',
  summary: 'Lets a consumer take over entries that have been pending at others for long.',
  since: '6.2.0',
  complexity: 'O(1) if COUNT is small.',
  group: 'stream',
  flags: ['write', 'fast'],
  tips: ['nondeterministic_output'],
  history: [
    ['7.0.0', 'Added an element to the reply array, containing deleted entries the command cleared from the PEL'],
  ],
  args: {
    key: key('RW', 'delete'),
    group: bytes,
    consumer: bytes,
    minIdleTime: bytes,
    start: bytes,
    options: tail(0, [
      { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
      { name: 'justid', type: 'pure-token', token: 'JUSTID', flags: ['optional'] },
    ]),
  },
  run({ key, group: name, consumer, minIdleTime, start: from, options: given }, call, out) {
    const { request } = call;
    const minIdle_ms = parseInteger(request.bytes, request.start(minIdleTime), request.end(minIdleTime));
    if (Number.isNaN(minIdle_ms)) return refused(out, XAUTOCLAIM_MIN_IDLE);
    const refusal = readBound(request, from, false, start);
    if (refusal !== undefined) return refused(out, refusal);
    const options = optionsFrom(request, given.value);
    if (isRefusal(options)) return refused(out, options);
    if (!call.realm.ensureRoom(CONSUMER_ROOM_BYTES + PENDING_ROOM_BYTES + request.length(consumer)))
      return refused(out, OOM);
    const stream = streamToRead(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    const group = stream?.group(request.bytes, request.start(name), request.end(name));
    if (stream === undefined || group === undefined) {
      return refused(out, noSuchKeyOrGroup(request.text(key), request.text(name)));
    }
    return autoClaim(call, stream, group, minIdle_ms, options, out);
  },
});
