/**
 * XADD.
 *
 * Hot path. Budget: 1.5 us for an entry of two pairs with an ID of ours; guarded by `bench/stream.ts`.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgIndex, key } from '../../command/args.ts';
import type { Changed, Effect, KeyEvent } from '../../command/effect.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, NO_EXPIRY, OK, ValueType } from '../../engine/database.ts';
import { Stream } from '../../engine/types/stream.ts';
import { BLOCK_BYTES_MAX } from '../../engine/types/stream-block.ts';
import { ID_ANY_SEQUENCE, ID_INVALID, type IdForm, parseStreamId, StreamId } from '../../engine/types/stream-id.ts';
import { OOM, type Refusal, VALUE_TOO_LARGE, wrongArity } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { Request } from '../../resp/request.ts';
import {
  ELEMENTS_TOO_LARGE,
  INVALID_STREAM_ID,
  STREAM_EXHAUSTED,
  XADD_ID_TOO_SMALL,
  XADD_ID_ZERO,
} from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { type Replay, viewOf } from '../replay.ts';
import { isWord, tail } from '../words.ts';
import { TrimOptions, trimDoc } from './trim-options.ts';
import { ENTRY_ROOM_BYTES, idBytes, isRefusal, isSign, streamToWrite, writeId } from './value.ts';

const NOMKSTREAM = bytesOfLatin1('NOMKSTREAM');
const ASTERISK = 0x2a;
const ARITY = wrongArity('xadd');

const ADDED: readonly KeyEvent[] = [{ eventClass: 'stream', name: 'xadd', key: 1 }];
const ADDED_AND_TRIMMED: readonly KeyEvent[] = [
  { eventClass: 'stream', name: 'xadd', key: 1 },
  { eventClass: 'stream', name: 'xtrim', key: 1 },
];

/** What one XADD asks for; there is one object for all. */
class Addition {
  readonly id: StreamId;
  /** How the ID was given; ID_INVALID stands for `*`. */
  form: IdForm;
  /** Position of the first field, and how many pairs there are. */
  firstPair: ArgIndex;
  pairs: number;
  mayCreate: boolean;
  readonly trim: TrimOptions;

  constructor() {
    this.id = new StreamId();
    this.form = ID_INVALID;
    this.firstPair = 0;
    this.pairs = 0;
    this.mayCreate = true;
    this.trim = new TrimOptions();
  }

  parse(request: Request, from: ArgIndex, isReplayed: boolean): Refusal | undefined {
    this.mayCreate = true;
    this.trim.reset();
    let at = from;
    // Behind the last option comes the ID, which every word that is no option is.
    for (; at < request.argc && !isSign(request, at, ASTERISK); ) {
      const behind = this.trim.take(request, at);
      if (typeof behind !== 'number') return behind;
      if (behind > 0) at = behind;
      else if (isWord(request, at, NOMKSTREAM)) {
        this.mayCreate = false;
        at++;
      } else break;
    }
    this.form = ID_INVALID;
    if (at < request.argc && !isSign(request, at, ASTERISK)) {
      this.form = parseStreamId(request.bytes, request.start(at), request.end(at), this.id);
      if (this.form === ID_INVALID) return INVALID_STREAM_ID;
    }
    this.firstPair = at + 1;
    this.pairs = (request.argc - this.firstPair) / 2;
    const refusal = this.trim.check(false, isReplayed);
    if (refusal !== undefined) return refusal;
    if (this.pairs < 1 || this.pairs % 1 !== 0) return ARITY;
    // An ID without a sequence has 0.
    return this.form !== ID_INVALID && this.form !== ID_ANY_SEQUENCE && this.id.isZero() ? XADD_ID_ZERO : undefined;
  }

  /** Makes the ID the one that the entry gets. @returns why it cannot have one. */
  settle(stream: Stream, now_ms: number): Refusal | undefined {
    const { id, form } = this;
    const last = stream.lastId;
    if (last.isMax()) return STREAM_EXHAUSTED;
    if (form === ID_INVALID) {
      id.setTime(now_ms);
      if (id.compareTime(last) > 0) return undefined;
      id.copyFrom(last);
      id.increment();
      return undefined;
    }
    if (form === ID_ANY_SEQUENCE && id.compareTime(last) === 0) {
      id.copyFrom(last);
      id.increment();
      // The sequence is used up; these are the words of redis-server 7.0.
      return id.compareTime(last) === 0 ? undefined : ELEMENTS_TOO_LARGE;
    }
    return id.compare(last) > 0 ? undefined : XADD_ID_TOO_SMALL;
  }
}

const addition = new Addition();

/** The entry has come; replayed with its ID and exactly the trim that was. */
class AddEffect implements Changed {
  readonly kind: 'changed';
  readonly changes: number;
  events: readonly KeyEvent[];
  private request: Request;
  private stream: Stream | undefined;

  constructor() {
    this.kind = 'changed';
    this.changes = 1;
    this.events = ADDED;
    this.request = new Request();
    this.stream = undefined;
  }

  of(request: Request, stream: Stream, events: readonly KeyEvent[]): this {
    this.request = request;
    this.stream = stream;
    this.events = events;
    return this;
  }

  get replay(): Replay | undefined {
    const { request, stream } = this;
    const isGiven = addition.form !== ID_INVALID && addition.form !== ID_ANY_SEQUENCE;
    if (stream === undefined || (isGiven && !addition.trim.isApproximate)) return undefined;
    const row: (Uint8Array | string)[] = ['XADD', viewOf(request, 1)];
    if (!addition.mayCreate) row.push('NOMKSTREAM');
    if (addition.trim.strategy !== 'none') for (const word of addition.trim.replay(request, stream)) row.push(word);
    row.push(idBytes(addition.id));
    for (let at = addition.firstPair; at < request.argc; at++) row.push(viewOf(request, at));
    return [row];
  }
}

const effect = new AddEffect();

/** Bytes of all fields and values. */
function textBytes(request: Request, firstPair: ArgIndex): number {
  let bytes = 0;
  for (let at = firstPair; at < request.argc; at++) bytes += request.length(at);
  return bytes;
}

export const xadd = shardCommand({
  name: 'XADD',
  summary: 'Appends an entry to a stream, making the stream if there is none, and may trim it.',
  since: '5.0.0',
  complexity: 'O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.',
  group: 'stream',
  flags: ['write', 'denyoom', 'fast'],
  tips: ['nondeterministic_output'],
  history: [
    ['6.2.0', 'Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.'],
    ['7.0.0', 'Added support for the `<ms>-*` explicit ID form.'],
  ],
  args: {
    key: key('RW', 'update'),
    entry: tail(3, [
      { name: 'nomkstream', type: 'pure-token', token: 'NOMKSTREAM', flags: ['optional'] },
      trimDoc(true),
      {
        name: 'id_or_auto',
        type: 'oneof',
        flags: [],
        arguments: [
          { name: 'auto_id', type: 'pure-token', token: '*', flags: [] },
          { name: 'id', type: 'string', flags: [] },
        ],
      },
      {
        name: 'field_value',
        type: 'block',
        flags: ['multiple'],
        arguments: [
          { name: 'field', type: 'string', flags: [] },
          { name: 'value', type: 'string', flags: [] },
        ],
      },
    ]),
  },
  run({ key, entry }, call, out) {
    const { request, realm } = call;
    const refusal = addition.parse(request, entry.value, call.shard.world.isLoading);
    if (refusal !== undefined) return refused(out, refusal);
    const bytes = textBytes(request, addition.firstPair);
    // The arena rounds up by an eighth at the most; an element of a short text takes three bytes more.
    const wanted = bytes + (bytes >>> 3) + 8 * addition.pairs + request.length(key) + ENTRY_ROOM_BYTES;
    if (!realm.ensureRoom(wanted)) return refused(out, OOM);
    const stream = streamToWrite(call, key);
    if (isRefusal(stream)) return refused(out, stream);
    if (stream === undefined && !addition.mayCreate) {
      out.null();
      return UNCHANGED;
    }
    return add(call, key, stream, bytes, out);
  },
});

function add(call: ShardCall, key: ArgIndex, found: Stream | undefined, bytes: number, out: ReplyWriter): Effect {
  const { request, database } = call;
  const stream = found ?? new Stream(database.ground);
  const refusal = addition.settle(stream, call.now_ms);
  if (refusal !== undefined) return refused(out, refusal);
  if (bytes > BLOCK_BYTES_MAX) return refused(out, ELEMENTS_TOO_LARGE);
  if (bytes > call.realm.valueBytesMax) return refused(out, VALUE_TOO_LARGE);
  const { id, firstPair, pairs } = addition;
  if (stream.append(id, request, firstPair, pairs, bytes, database.collections) !== OK) return refused(out, OOM);
  if (found === undefined && !place(call, key, stream)) return refused(out, OOM);
  writeId(out, id);
  const trimmed = addition.trim.apply(stream, database.collections.streamNodeMaxEntries);
  return effect.of(request, stream, trimmed > 0 ? ADDED_AND_TRIMMED : ADDED);
}

/** Makes a stream the value of a key that has none. False, and it is gone, when there is no room. */
export function place(call: ShardCall, key: ArgIndex, stream: Stream): boolean {
  const { request, database } = call;
  const start = request.start(key);
  const end = request.end(key);
  const { stream: type } = ValueType;
  if (database.setLarge(type, Encoding.stream, request.bytes, start, end, stream, NO_EXPIRY) === OK) return true;
  stream.drain(Number.POSITIVE_INFINITY);
  return false;
}
