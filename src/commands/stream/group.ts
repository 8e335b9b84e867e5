/** XGROUP: groups and consumers come and go. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseBigInteger } from '../../base/integer.ts';
import { LAZY_FREE_BLOCKS_AT_ONCE } from '../../base/limits.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import { changed, changedBesides, type Effect, UNCHANGED } from '../../command/effect.ts';
import { container, type ShardCall, shardCommand } from '../../command/spec.ts';
import { Stream } from '../../engine/types/stream.ts';
import { type Group, UNKNOWN_READ } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { NOT_AN_INTEGER, OOM, type Refusal, unknownSubcommandOrArguments } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import {
  ENTRIES_READ_NEGATIVE,
  GROUP_EXISTS,
  INVALID_STREAM_ID,
  noSuchGroup,
  XGROUP_KEY_MISSING,
} from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { helpCommand } from '../server/help.ts';
import { isWord, tail } from '../words.ts';
import { place } from './add.ts';
import {
  CONSUMER_ROOM_BYTES,
  ENTRY_ROOM_BYTES,
  isRefusal,
  isSign,
  readId,
  readIdOrEdge,
  streamToWrite,
} from './value.ts';

const MKSTREAM = bytesOfLatin1('MKSTREAM');
const ENTRIESREAD = bytesOfLatin1('ENTRIESREAD');
const DOLLAR = 0x24;
/** CREATE key group id MKSTREAM ENTRIESREAD n, and SETID without MKSTREAM. */
const CREATE_ARGUMENTS_MAX = 8;
const SETID_ARGUMENTS = [5, 7];

const CREATED_WITH_STREAM = changed('stream', 'xgroup-create', 2);
const CREATED = changedBesides('stream', 'xgroup-create', 2);
const ID_SET = changedBesides('stream', 'xgroup-setid', 2);
const DESTROYED = changedBesides('stream', 'xgroup-destroy', 2);
const CONSUMER_CREATED = changedBesides('stream', 'xgroup-createconsumer', 2);
const CONSUMER_DELETED = changedBesides('stream', 'xgroup-delconsumer', 2);

const id = new StreamId();

const FACTS = { since: '5.0.0', complexity: 'O(1)', group: 'stream' } as const;

interface GroupOptions {
  readonly mkstream: boolean;
  readonly read: bigint;
}

function optionsFrom(request: Request, from: ArgIndex, mayCreate: boolean): GroupOptions | Refusal {
  let mkstream = false;
  let read = UNKNOWN_READ;
  for (let at = from; at < request.argc; at++) {
    if (mayCreate && isWord(request, at, MKSTREAM)) mkstream = true;
    else if (isWord(request, at, ENTRIESREAD) && at + 1 < request.argc) {
      at++;
      const given = parseBigInteger(request.bytes, request.start(at), request.end(at));
      if (given === undefined) return NOT_AN_INTEGER;
      if (given < UNKNOWN_READ) return ENTRIES_READ_NEGATIVE;
      read = given;
    } else return unknownSubcommandOrArguments('xgroup', request.text(1));
  }
  return { mkstream, read };
}

/** The stream, which must be there. */
function existing(call: ShardCall, at: ArgIndex): Stream | Refusal {
  return streamToWrite(call, at) ?? XGROUP_KEY_MISSING;
}

/** The group, which must be there, and its stream. */
function existingGroup(call: ShardCall, at: ArgIndex, name: ArgIndex): readonly [Stream, Group] | Refusal {
  const { request } = call;
  const stream = existing(call, at);
  if (isRefusal(stream)) return stream;
  const group = stream.group(request.bytes, request.start(name), request.end(name));
  return group === undefined ? noSuchGroup(request.text(name), request.text(at)) : [stream, group];
}

const optionDocs = [
  { name: 'mkstream', type: 'pure-token', token: 'MKSTREAM', flags: ['optional'] },
  { name: 'entries_read', type: 'integer', token: 'ENTRIESREAD', flags: ['optional'] },
] as const;

function createIn(
  call: ShardCall,
  at: ArgIndex,
  name: ArgIndex,
  found: Stream | undefined,
  read: bigint,
  out: ReplyWriter,
): Effect {
  const { request, database } = call;
  const { bytes: source } = request;
  const start = request.start(name);
  const end = request.end(name);
  if (found?.group(source, start, end) !== undefined) return refused(out, GROUP_EXISTS);
  const stream = found ?? new Stream(database.ground);
  if (stream.addGroup(source, start, end, id, read) === undefined) return refused(out, OOM);
  if (found === undefined && !place(call, at, stream)) return refused(out, OOM);
  out.ok();
  return found === undefined ? CREATED_WITH_STREAM : CREATED;
}

const create = shardCommand({
  ...FACTS,
  name: 'CREATE',
  summary: 'Makes a consumer group.',
  flags: ['write', 'denyoom'],
  history: [['7.0.0', 'Added the `entries_read` named argument.']],
  args: { key: key('RW', 'insert'), groupname: bytes, id: bytes, options: tail(0, optionDocs) },
  run({ key: at, groupname, id: given, options }, call, out) {
    const { request } = call;
    const parsed = optionsFrom(request, options.value, true);
    if (isRefusal(parsed)) return refused(out, parsed);
    if (!call.realm.ensureRoom(request.length(at) + request.length(groupname) + ENTRY_ROOM_BYTES)) {
      return refused(out, OOM);
    }
    const stream = streamToWrite(call, at);
    if (isRefusal(stream)) return refused(out, stream);
    if (stream === undefined && !parsed.mkstream) return refused(out, XGROUP_KEY_MISSING);
    if (request.argc > CREATE_ARGUMENTS_MAX)
      return refused(out, unknownSubcommandOrArguments('xgroup', request.text(1)));
    if (isSign(request, given, DOLLAR)) {
      if (stream === undefined) id.setZero();
      else id.copyFrom(stream.lastId);
    } else if (!readId(request, given, id)) return refused(out, INVALID_STREAM_ID);
    return createIn(call, at, groupname, stream, parsed.read, out);
  },
});

const setid = shardCommand({
  ...FACTS,
  name: 'SETID',
  summary: 'Sets the ID up to which a group counts as served.',
  flags: ['write'],
  history: [['7.0.0', 'Added the optional `entries_read` argument.']],
  args: { key: key('RW', 'update'), groupname: bytes, id: bytes, options: tail(0, optionDocs.slice(1)) },
  run({ key: at, groupname, id: given, options }, call, out) {
    const { request } = call;
    const parsed = optionsFrom(request, options.value, false);
    if (isRefusal(parsed)) return refused(out, parsed);
    const found = existingGroup(call, at, groupname);
    if (isRefusal(found)) return refused(out, found);
    const [stream, group] = found;
    if (!SETID_ARGUMENTS.includes(request.argc)) {
      return refused(out, unknownSubcommandOrArguments('xgroup', request.text(1)));
    }
    if (isSign(request, given, DOLLAR)) id.copyFrom(stream.lastId);
    else if (!readIdOrEdge(request, given, id)) return refused(out, INVALID_STREAM_ID);
    group.lastId.copyFrom(id);
    group.setEntriesRead(parsed.read);
    out.ok();
    return ID_SET;
  },
});

const destroy = shardCommand({
  ...FACTS,
  name: 'DESTROY',
  summary: 'Removes a group with its consumers and all that is pending; a large one is freed bit by bit.',
  complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
  flags: ['write'],
  args: { key: key('RW', 'delete'), groupname: bytes },
  run({ key: at, groupname }, call, out) {
    const { request } = call;
    const stream = existing(call, at);
    if (isRefusal(stream)) return refused(out, stream);
    const group = stream.group(request.bytes, request.start(groupname), request.end(groupname));
    out.integer(group === undefined ? 0 : 1);
    if (group === undefined) return UNCHANGED;
    stream.removeGroup(group);
    if (group.effort() <= LAZY_FREE_BLOCKS_AT_ONCE) group.drain(Number.POSITIVE_INFINITY);
    else call.shard.world.lazyFree.addValue(group, call.realm.account);
    return DESTROYED;
  },
});

const createconsumer = shardCommand({
  ...FACTS,
  name: 'CREATECONSUMER',
  summary: 'Makes a consumer in a group.',
  since: '6.2.0',
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'insert'), groupname: bytes, consumername: bytes },
  run({ key: at, groupname, consumername }, call, out) {
    const { request } = call;
    if (!call.realm.ensureRoom(request.length(consumername) + CONSUMER_ROOM_BYTES)) return refused(out, OOM);
    const found = existingGroup(call, at, groupname);
    if (isRefusal(found)) return refused(out, found);
    const [, group] = found;
    const start = request.start(consumername);
    const end = request.end(consumername);
    if (group.consumer(request.bytes, start, end) !== undefined) {
      out.integer(0);
      return UNCHANGED;
    }
    if (group.addConsumer(request.bytes, start, end, call.shard.world.wall_ms) === undefined) return refused(out, OOM);
    out.integer(1);
    return CONSUMER_CREATED;
  },
});

const delconsumer = shardCommand({
  ...FACTS,
  name: 'DELCONSUMER',
  summary: 'Removes a consumer with all that is pending at it.',
  flags: ['write'],
  args: { key: key('RW', 'delete'), groupname: bytes, consumername: bytes },
  run({ key: at, groupname, consumername }, call, out) {
    const { request } = call;
    const found = existingGroup(call, at, groupname);
    if (isRefusal(found)) return refused(out, found);
    const [, group] = found;
    const consumer = group.consumer(request.bytes, request.start(consumername), request.end(consumername));
    out.integer(consumer?.pending.size ?? 0);
    if (consumer === undefined) return UNCHANGED;
    group.removeConsumer(consumer);
    return CONSUMER_DELETED;
  },
});

export const xgroup = container({
  name: 'XGROUP',
  summary: 'Leads to what can be done to consumer groups.',
  since: '5.0.0',
  complexity: 'Depends on subcommand.',
  group: 'stream',
  subcommands: [
    create,
    createconsumer,
    delconsumer,
    destroy,
    helpCommand({
      flags: ['loading', 'stale'],
      container: 'XGROUP',
      since: '5.0.0',
      group: 'stream',
      lines: [
        'CREATE <key> <groupname> <id|$> [option]',
        '    Create a new consumer group. Options are:',
        '    * MKSTREAM',
        '      Create the empty stream if it does not exist.',
        '    * ENTRIESREAD entries_read',
        "      Set the group's entries_read counter (internal use).",
        'CREATECONSUMER <key> <groupname> <consumer>',
        '    Create a new consumer in the specified group.',
        'DELCONSUMER <key> <groupname> <consumer>',
        '    Remove the specified consumer.',
        'DESTROY <key> <groupname>',
        '    Remove the specified group.',
        'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
        '    Set the current group ID and entries_read counter.',
      ],
    }),
    setid,
  ],
});
