/** XINFO: what can be told of a stream, its groups and their consumers. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { container, type ShardCall, shardCommand } from '../../command/spec.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { StreamCursor } from '../../engine/types/stream-cursor.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { radixNodes } from '../../engine/types/stream-radix.ts';
import { NO_SUCH_KEY, NOT_AN_INTEGER, type Refusal, unknownSubcommandOrArguments } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { noSuchGroup } from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { helpCommand } from '../server/help.ts';
import { isWord, tail } from '../words.ts';
import { tellProgress, writeName } from './group-reply.ts';
import { tellGroupInFull } from './info-full.ts';
import { isRefusal, streamToRead, writeEntries, writeEntry, writeId } from './value.ts';

const FULL = bytesOfLatin1('FULL');
const COUNT = bytesOfLatin1('COUNT');
const FULL_COUNT_DEFAULT = 10;
/** Of FULL's count: FULL was not asked for. */
const NOT_FULL = -1;

const FIRST = new StreamId();
const LAST = new StreamId(-1, -1, -1, -1);

const cursor = new StreamCursor();

const FACTS = { since: '5.0.0', complexity: 'O(1)', group: 'stream', flags: ['readonly'] } as const;

/** The stream, which must be there. */
function existing(call: ShardCall, at: ArgIndex): Stream | Refusal {
  return streamToRead(call, at) ?? NO_SUCH_KEY;
}

/** `[FULL [COUNT n]]`: how many of everything, 0 = all; NOT_FULL without. */
function fullCount(request: Request, from: ArgIndex): number | Refusal {
  const given = request.argc - from;
  if (given === 0) return NOT_FULL;
  const isFull = (given === 1 || given === 3) && isWord(request, from, FULL);
  if (!isFull || (given === 3 && !isWord(request, from + 1, COUNT))) {
    return unknownSubcommandOrArguments('xinfo', request.text(1));
  }
  if (given === 1) return FULL_COUNT_DEFAULT;
  const count = parseInteger(request.bytes, request.start(from + 2), request.end(from + 2));
  if (Number.isNaN(count)) return NOT_AN_INTEGER;
  return count < 0 ? FULL_COUNT_DEFAULT : count;
}

function tellHead(stream: Stream, out: ReplyWriter): void {
  out.bulkText('length');
  out.integer(stream.length);
  out.bulkText('radix-tree-keys');
  out.integer(stream.blocks.size);
  out.bulkText('radix-tree-nodes');
  out.integer(radixNodes(stream));
  out.bulkText('last-generated-id');
  writeId(out, stream.lastId);
  out.bulkText('max-deleted-entry-id');
  writeId(out, stream.maxDeletedId);
  out.bulkText('entries-added');
  out.integer(BigInt.asIntN(64, stream.entriesAdded));
  out.bulkText('recorded-first-entry-id');
  writeId(out, stream.firstId);
}

function tellEdge(stream: Stream, isLast: boolean, out: ReplyWriter): void {
  cursor.begin(stream.blocks, FIRST, LAST, isLast);
  if (cursor.next()) writeEntry(out, cursor);
  else out.null();
}

const stream = shardCommand({
  ...FACTS,
  name: 'STREAM',
  summary: 'Tells of a stream, with FULL down to every pending entry.',
  history: [
    ['6.0.0', 'Added the `FULL` modifier.'],
    [
      '7.0.0',
      'Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields',
    ],
  ],
  args: {
    key: key('RO', 'access'),
    full: tail(0, [
      {
        name: 'full',
        type: 'block',
        token: 'FULL',
        flags: ['optional'],
        arguments: [{ name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] }],
      },
    ]),
  },
  run({ key: at, full }, call, out) {
    const found = existing(call, at);
    if (isRefusal(found)) return refused(out, found);
    const count = fullCount(call.request, full.value);
    if (typeof count !== 'number') return refused(out, count);
    out.map(count === NOT_FULL ? 10 : 9);
    tellHead(found, out);
    if (count !== NOT_FULL) return tellInFull(found, count, out);
    out.bulkText('groups');
    out.integer(found.groups.length);
    out.bulkText('first-entry');
    tellEdge(found, false, out);
    out.bulkText('last-entry');
    tellEdge(found, true, out);
    return UNCHANGED;
  },
});

function tellInFull(found: Stream, count: number, out: ReplyWriter): Effect {
  out.bulkText('entries');
  cursor.begin(found.blocks, FIRST, LAST, false);
  writeEntries(out, cursor, count, false);
  out.bulkText('groups');
  out.array(found.groups.length);
  for (const group of found.groups) {
    if (out.overflowed) break;
    tellGroupInFull(found, group, count, out);
  }
  return UNCHANGED;
}

const groups = shardCommand({
  ...FACTS,
  name: 'GROUPS',
  summary: 'Tells of the groups of a stream.',
  history: [['7.0.0', 'Added the `entries-read` and `lag` fields']],
  args: { key: key('RO', 'access') },
  run({ key: at }, call, out) {
    const found = existing(call, at);
    if (isRefusal(found)) return refused(out, found);
    out.array(found.groups.length);
    for (const group of found.groups) {
      out.map(6);
      out.bulkText('name');
      writeName(out, found, group.name);
      out.bulkText('consumers');
      out.integer(group.consumers.length);
      out.bulkText('pending');
      out.integer(group.pending.size);
      out.bulkText('last-delivered-id');
      writeId(out, group.lastId);
      tellProgress(found, group, out);
    }
    return UNCHANGED;
  },
});

const consumers = shardCommand({
  ...FACTS,
  name: 'CONSUMERS',
  summary: 'Tells of the consumers of a group.',
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access'), groupname: bytes },
  run({ key: at, groupname }, call, out) {
    const { request } = call;
    const found = existing(call, at);
    if (isRefusal(found)) return refused(out, found);
    const group = found.group(request.bytes, request.start(groupname), request.end(groupname));
    if (group === undefined) return refused(out, noSuchGroup(request.text(groupname), request.text(at)));
    out.array(group.consumers.length);
    for (const consumer of group.consumers) {
      out.map(3);
      out.bulkText('name');
      writeName(out, found, consumer.name);
      out.bulkText('pending');
      out.integer(consumer.pending.size);
      out.bulkText('idle');
      out.integer(Math.max(0, call.now_ms - consumer.seen_ms));
    }
    return UNCHANGED;
  },
});

export const xinfo = container({
  name: 'XINFO',
  summary: 'Leads to what can be asked about streams.',
  since: '5.0.0',
  complexity: 'Depends on subcommand.',
  group: 'stream',
  subcommands: [
    consumers,
    groups,
    helpCommand({
      flags: ['loading', 'stale'],
      container: 'XINFO',
      since: '5.0.0',
      group: 'stream',
      lines: [
        'CONSUMERS <key> <groupname>',
        '    Show consumers of <groupname>.',
        'GROUPS <key>',
        '    Show the stream consumer groups.',
        'STREAM <key> [FULL [COUNT <count>]',
        '    Show information about the stream.',
      ],
    }),
    stream,
  ],
});
