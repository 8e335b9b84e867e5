/**
 * Commands that read hashes.
 *
 * Hot path: HGET and HMGET allocate nothing. Guarded by `bench/hash.ts`.
 */
import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { hash, NOT_THERE, OPENED, openToRead, placeOf, REFUSED, valueView, writeName, writeValue } from './value.ts';

export const hget = shardCommand({
  name: 'HGET',
  summary: 'Reads a field of a hash.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), field: bytes },
  run({ key, field }, call, out) {
    const opened = openToRead(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const place = opened === OPENED ? placeOf(call, field) : MISSING;
    if (place === MISSING) out.null();
    else writeValue(place, out);
    return UNCHANGED;
  },
});

export const hmget = shardCommand({
  name: 'HMGET',
  summary: 'Reads several fields of a hash; null for those that are not there.',
  since: '2.0.0',
  complexity: 'O(N), N being the number of fields asked for.',
  group: 'hash',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), field: many(bytes) },
  run({ key, field }, call, out) {
    const opened = openToRead(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    out.array(call.request.argc - field);
    for (let at = field; at < call.request.argc && !out.overflowed; at++) {
      const place = opened === OPENED ? placeOf(call, at) : MISSING;
      if (place === MISSING) out.null();
      else writeValue(place, out);
    }
    return UNCHANGED;
  },
});

/** Answers an integer about one field: 0 without the field. */
function aboutField(
  call: ShardCall,
  key: ArgIndex,
  field: ArgIndex,
  out: ReplyWriter,
  tell: (place: number) => number,
): Effect {
  const opened = openToRead(call, key, out);
  if (opened === REFUSED) return UNCHANGED;
  const place = opened === OPENED ? placeOf(call, field) : MISSING;
  out.integer(place === MISSING ? 0 : tell(place));
  return UNCHANGED;
}

function one(): number {
  return 1;
}

function lengthOf(place: number): number {
  hash.readValue(place, valueView);
  return valueView.end - valueView.start;
}

export const hexists = shardCommand({
  name: 'HEXISTS',
  summary: 'Tells whether a hash has a field.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['readonly', 'fast'],
  args: { key: key('RO'), field: bytes },
  run: ({ key, field }, call, out) => aboutField(call, key, field, out, one),
});

export const hstrlen = shardCommand({
  name: 'HSTRLEN',
  summary: 'Counts the bytes of a field of a hash.',
  since: '3.2.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['readonly', 'fast'],
  args: { key: key('RO'), field: bytes },
  run: ({ key, field }, call, out) => aboutField(call, key, field, out, lengthOf),
});

export const hlen = shardCommand({
  name: 'HLEN',
  summary: 'Counts the fields of a hash.',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'hash',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    const opened = openToRead(call, key, out);
    if (opened !== REFUSED) out.integer(opened === OPENED ? hash.size : 0);
    return UNCHANGED;
  },
});

/** Writes fields as a walk meets them; one for all commands, so that none makes a closure. */
class FieldWriter {
  private out: ReplyWriter | undefined;
  private names: boolean;
  private values: boolean;

  constructor() {
    this.out = undefined;
    this.names = false;
    this.values = false;
  }

  writeAll(names: boolean, values: boolean, out: ReplyWriter): void {
    this.out = out;
    this.names = names;
    this.values = values;
    hash.walk(this.write);
    this.out = undefined;
  }

  private readonly write = (place: number): void => {
    const { out } = this;
    if (out === undefined || out.overflowed) return;
    if (this.names) writeName(place, out);
    if (this.values) writeValue(place, out);
  };
}

const writer = new FieldWriter();

function answerAll(call: ShardCall, key: ArgIndex, names: boolean, values: boolean, out: ReplyWriter): Effect {
  const opened = openToRead(call, key, out);
  if (opened === REFUSED) return UNCHANGED;
  const size = opened === NOT_THERE ? 0 : hash.size;
  if (names && values) out.map(size);
  else out.array(size);
  if (size > 0) writer.writeAll(names, values, out);
  return UNCHANGED;
}

const WHOLE = {
  complexity: 'O(N), N being the number of fields.',
  group: 'hash',
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  args: { key: key('RO', 'access') },
} as const;

export const hgetall = shardCommand({
  ...WHOLE, // cold: declared once
  name: 'HGETALL',
  summary: 'Reads all fields of a hash with their values.',
  since: '2.0.0',
  run: ({ key }, call, out) => answerAll(call, key, true, true, out),
});

export const hkeys = shardCommand({
  ...WHOLE, // cold: declared once
  name: 'HKEYS',
  summary: 'Names all fields of a hash.',
  since: '2.0.0',
  run: ({ key }, call, out) => answerAll(call, key, true, false, out),
});

export const hvals = shardCommand({
  ...WHOLE, // cold: declared once
  name: 'HVALS',
  summary: 'Reads the values of all fields of a hash.',
  since: '2.0.0',
  run: ({ key }, call, out) => answerAll(call, key, false, true, out),
});
