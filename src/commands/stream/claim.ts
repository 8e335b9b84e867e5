/** XCLAIM: a consumer takes over what is pending at others. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseBigInteger, parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import { type Changed, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import type { Consumer, Group } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { OOM, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import {
  INVALID_STREAM_ID,
  noSuchKeyOrGroup,
  unrecognizedClaimOption,
  XCLAIM_IDLE,
  XCLAIM_MIN_IDLE,
  XCLAIM_RETRY_COUNT,
  XCLAIM_TIME,
} from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { viewOf } from '../replay.ts';
import { isWord, tail } from '../words.ts';
import { claimRow, type GroupWords, progressRow, type Row } from './replay.ts';
import {
  CONSUMER_ROOM_BYTES,
  copyOfId,
  entryReplyBytesMax,
  idBytes,
  isRefusal,
  PENDING_BYTES,
  PENDING_ROOM_BYTES,
  readId,
  replyHasRoom,
  streamToRead,
  writeEntry,
  writeId,
} from './value.ts';

const FORCE = bytesOfLatin1('FORCE');
const JUSTID = bytesOfLatin1('JUSTID');
const IDLE = bytesOfLatin1('IDLE');
const TIME = bytesOfLatin1('TIME');
const RETRYCOUNT = bytesOfLatin1('RETRYCOUNT');
const LASTID = bytesOfLatin1('LASTID');

const CONSUMER_CREATED: readonly KeyEvent[] = [
  { eventClass: 'stream', name: 'xgroup-createconsumer', key: 1, besides: true },
];

const id = new StreamId();
const place = new IdPlace();
const cursor = new StreamCursor();

/** Who claims: the consumer is made when there is the first thing to claim. */
export class Claimant {
  consumer: Consumer | undefined;
  isNew: boolean;
  private readonly call: ShardCall;
  private readonly group: Group;
  private readonly name: ArgIndex;

  constructor(call: ShardCall, group: Group, name: ArgIndex) {
    this.call = call;
    this.group = group;
    this.name = name;
    this.consumer = undefined;
    this.isNew = false;
  }

  /** Undefined when the arena is full. */
  find(): Consumer | undefined {
    if (this.consumer !== undefined) return this.consumer;
    const { request, shard } = this.call;
    const now_ms = shard.world.wall_ms;
    const start = request.start(this.name);
    const end = request.end(this.name);
    this.consumer = this.group.consumer(request.bytes, start, end);
    if (this.consumer === undefined) {
      this.consumer = this.group.addConsumer(request.bytes, start, end, now_ms);
      this.isNew = this.consumer !== undefined;
    }
    if (this.consumer !== undefined) this.consumer.seen_ms = now_ms;
    return this.consumer;
  }
}

/** What a claim did: the IDs claimed, and those that were pending although their entries are gone. */
export interface ClaimOutcome {
  readonly claimed: readonly StreamId[];
  readonly gone: readonly StreamId[];
  readonly isConsumerNew: boolean;
  readonly hasAdvanced: boolean;
}

export function claimEffect(call: ShardCall, stream: Stream, group: Group, outcome: ClaimOutcome): Effect {
  const { request, database } = call;
  const { claimed, gone, isConsumerNew, hasAdvanced } = outcome;
  const moved = hasAdvanced && claimed.length + gone.length === 0 ? 1 : 0;
  const count = claimed.length + gone.length + moved + (isConsumerNew ? 1 : 0);
  if (count === 0) return UNCHANGED;
  const effect: Changed = {
    kind: 'changed',
    changes: count,
    events: isConsumerNew ? CONSUMER_CREATED : [],
    get replay() {
      const words: GroupWords = { database, key: viewOf(request, 1), group: viewOf(request, 2) };
      const rows: Row[] = [];
      for (const each of claimed) {
        const row = claimRow(words, stream, group, each);
        if (row !== undefined) rows.push(row);
      }
      if (gone.length > 0) rows.push(['XACK', words.key, words.group, ...gone.map(idBytes)]);
      if (hasAdvanced) rows.push(progressRow(words, group));
      return rows;
    },
  };
  return effect;
}

interface ClaimOptions {
  readonly isForced: boolean;
  readonly justId: boolean;
  readonly delivered_ms: number;
  readonly deliveries: bigint | undefined;
  readonly lastId: StreamId;
}

type Mutable = { -readonly [Name in keyof ClaimOptions]: ClaimOptions[Name] };

/** Positions from one on that hold IDs; what comes behind them are options. */
function idsEnd(request: Request, from: ArgIndex): ArgIndex {
  let at = from;
  while (at < request.argc && readId(request, at, id)) at++;
  return at;
}

function optionsFrom(request: Request, from: ArgIndex, now_ms: number): ClaimOptions | Refusal {
  const options: Mutable = {
    isForced: false,
    justId: false,
    delivered_ms: now_ms,
    deliveries: undefined,
    lastId: new StreamId(),
  };
  for (let at = from; at < request.argc; at++) {
    if (isWord(request, at, FORCE)) options.isForced = true;
    else if (isWord(request, at, JUSTID)) options.justId = true;
    else {
      const refusal = takeValue(request, at, now_ms, options);
      if (refusal !== undefined) return refusal;
      at++;
    }
  }
  return options;
}

function takeValue(request: Request, at: ArgIndex, now_ms: number, options: Mutable): Refusal | undefined {
  const hasValue = at + 1 < request.argc;
  if (hasValue && (isWord(request, at, IDLE) || isWord(request, at, TIME))) {
    const isIdle = isWord(request, at, IDLE);
    const given = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (Number.isNaN(given)) return isIdle ? XCLAIM_IDLE : XCLAIM_TIME;
    const time_ms = isIdle ? now_ms - given : given;
    // A time that cannot be is taken to be now: clients compute them by their own clocks.
    options.delivered_ms = time_ms < 0 || time_ms > now_ms ? now_ms : time_ms;
    return undefined;
  }
  if (hasValue && isWord(request, at, RETRYCOUNT)) {
    const given = parseBigInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (given === undefined) return XCLAIM_RETRY_COUNT;
    options.deliveries = given < 0n ? undefined : given;
    return undefined;
  }
  if (!hasValue || !isWord(request, at, LASTID)) return unrecognizedClaimOption(request.text(at));
  return readId(request, at + 1, options.lastId) ? undefined : INVALID_STREAM_ID;
}

/** Aims the place at the pending entry to be claimed; makes one by FORCE. False: there is none, or it is not idle enough. */
function findPending(group: Group, claimant: Claimant, isForced: boolean, idleSince_ms: number): boolean {
  if (group.pending.find(id, place)) return group.timeAt(place) <= idleSince_ms;
  if (!isForced) return false;
  const consumer = claimant.find();
  if (consumer === undefined || !group.addPending(id, consumer, place)) return false;
  group.setDeliveriesAt(place, 1n);
  return true;
}

function claimAll(
  call: ShardCall,
  stream: Stream,
  group: Group,
  ids: readonly [from: ArgIndex, to: ArgIndex],
  minIdle_ms: number,
  options: ClaimOptions,
  out: ReplyWriter,
): Effect {
  const { request } = call;
  const now_ms = call.shard.world.wall_ms;
  const from = out.length;
  const claimant = new Claimant(call, group, 3);
  const claimed: StreamId[] = [];
  const gone: StreamId[] = [];
  const hasAdvanced = options.lastId.compare(group.lastId) > 0;
  if (hasAdvanced) group.lastId.copyFrom(options.lastId);
  const idleSince_ms = minIdle_ms > 0 ? now_ms - minIdle_ms : Number.POSITIVE_INFINITY;
  const handle = out.beginArray();
  for (let at = ids[0]; at < ids[1]; at++) {
    readId(request, at, id);
    cursor.begin(stream.blocks, id, id, false);
    if (!cursor.next()) {
      if (group.acknowledge(id)) gone.push(copyOfId(id));
      continue;
    }
    if (!options.justId && claimed.length > 0 && !replyHasRoom(out, from, entryReplyBytesMax(cursor))) break;
    if (!findPending(group, claimant, options.isForced, idleSince_ms)) continue;
    const consumer = claimant.find();
    if (consumer === undefined || !group.giveTo(id, place, consumer)) break;
    group.setTimeAt(place, options.delivered_ms);
    if (options.deliveries !== undefined) group.setDeliveriesAt(place, options.deliveries);
    else if (!options.justId) group.countDeliveryAt(place);
    consumer.active_ms = now_ms;
    claimed.push(copyOfId(id));
    if (options.justId) writeId(out, id);
    else writeEntry(out, cursor);
  }
  out.endArray(handle, claimed.length);
  return claimEffect(call, stream, group, { claimed, gone, isConsumerNew: claimant.isNew, hasAdvanced });
}

export const xclaim = shardCommand({
  name: 'XCLAIM',
  summary: 'Lets a consumer take over entries that are pending at others.',
  since: '5.0.0',
  complexity: 'O(log N) with N being the number of messages in the PEL of the consumer group.',
  group: 'stream',
  flags: ['write', 'fast'],
  tips: ['nondeterministic_output'],
  args: {
    key: key('RW', 'update'),
    group: bytes,
    consumer: bytes,
    minIdleTime: bytes,
    ids: tail(1, [
      { name: 'id', type: 'string', flags: ['multiple'] },
      { name: 'ms', type: 'integer', token: 'IDLE', flags: ['optional'] },
      { name: 'unix-time-milliseconds', type: 'unix-time', token: 'TIME', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'RETRYCOUNT', flags: ['optional'] },
      { name: 'force', type: 'pure-token', token: 'FORCE', flags: ['optional'] },
      { name: 'justid', type: 'pure-token', token: 'JUSTID', flags: ['optional'] },
      { name: 'id', type: 'string', token: 'LASTID', flags: ['optional'] },
    ]),
  },
  run({ key, group: name, consumer, minIdleTime, ids }, call, out) {
    const { request } = call;
    const pending = (request.argc - ids.value) * PENDING_BYTES + PENDING_ROOM_BYTES;
    const wanted = pending + CONSUMER_ROOM_BYTES + request.length(consumer);
    if (!call.realm.ensureRoom(wanted)) return refused(out, OOM);
    const stream = streamToRead(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    const group = stream?.group(request.bytes, request.start(name), request.end(name));
    if (stream === undefined || group === undefined) {
      return refused(out, noSuchKeyOrGroup(request.text(key), request.text(name)));
    }
    const minIdle_ms = parseInteger(request.bytes, request.start(minIdleTime), request.end(minIdleTime));
    if (Number.isNaN(minIdle_ms)) return refused(out, XCLAIM_MIN_IDLE);
    const end = idsEnd(request, ids.value);
    const options = optionsFrom(request, end, call.shard.world.wall_ms);
    if (isRefusal(options)) return refused(out, options);
    return claimAll(call, stream, group, [ids.value, end], minIdle_ms, options, out);
  },
});
