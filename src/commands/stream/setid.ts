/** XSETID: the counters of a stream, as replicas and logs are given them. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseBigInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, key } from '../../command/args.ts';
import { changed } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import { NO_SUCH_KEY, NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import {
  INVALID_STREAM_ID,
  XSETID_ADDED_BELOW_LENGTH,
  XSETID_ADDED_NEGATIVE,
  XSETID_BELOW_GIVEN_DELETED,
  XSETID_BELOW_TOP,
} from '../../resp/stream-refusals.ts';
import { refused } from '../refused.ts';
import { isWord, tail } from '../words.ts';
import { isRefusal, readId, streamToWrite } from './value.ts';

const ENTRIESADDED = bytesOfLatin1('ENTRIESADDED');
const MAXDELETEDID = bytesOfLatin1('MAXDELETEDID');
const CHANGED = changed('stream', 'xsetid');

const id = new StreamId();
const maxDeletedId = new StreamId();
const top = new StreamId();

interface SetIdOptions {
  readonly added: bigint | undefined;
}

/** The greatest deleted ID is left in `maxDeletedId`, 0-0 without one. */
function optionsFrom(request: Request, from: ArgIndex): SetIdOptions | Refusal {
  let added: bigint | undefined;
  maxDeletedId.setZero();
  for (let at = from; at < request.argc; at += 2) {
    const hasValue = at + 1 < request.argc;
    if (hasValue && isWord(request, at, ENTRIESADDED)) {
      added = parseBigInteger(request.bytes, request.start(at + 1), request.end(at + 1));
      if (added === undefined) return NOT_AN_INTEGER;
      if (added < 0n) return XSETID_ADDED_NEGATIVE;
    } else if (hasValue && isWord(request, at, MAXDELETEDID)) {
      if (!readId(request, at + 1, maxDeletedId)) return INVALID_STREAM_ID;
      if (id.compare(maxDeletedId) < 0) return XSETID_BELOW_GIVEN_DELETED;
    } else return SYNTAX_ERROR;
  }
  return { added };
}

function refusalOf(stream: Stream, added: bigint | undefined): Refusal | undefined {
  if (stream.length === 0) return undefined;
  if (stream.readLastLiving(top) && id.compare(top) < 0) return XSETID_BELOW_TOP;
  return added !== undefined && added < BigInt(stream.length) ? XSETID_ADDED_BELOW_LENGTH : undefined;
}

export const xsetid = shardCommand({
  name: 'XSETID',
  summary: 'Sets the last ID and the counters of a stream.',
  since: '5.0.0',
  complexity: 'O(1)',
  group: 'stream',
  flags: ['write', 'denyoom', 'fast'],
  history: [['7.0.0', 'Added the `entries_added` and `max_deleted_entry_id` arguments.']],
  args: {
    key: key('RW', 'update'),
    lastId: bytes,
    options: tail(0, [
      { name: 'entries_added', type: 'integer', token: 'ENTRIESADDED', flags: ['optional'] },
      { name: 'max_deleted_entry_id', type: 'string', token: 'MAXDELETEDID', flags: ['optional'] },
    ]),
  },
  run({ key, lastId, options }, call, out) {
    const { request } = call;
    if (!readId(request, lastId, id)) return refused(out, INVALID_STREAM_ID);
    const parsed = optionsFrom(request, options.value);
    if (isRefusal(parsed)) return refused(out, parsed);
    const stream = streamToWrite(call, key);
    if (stream === undefined) return refused(out, NO_SUCH_KEY);
    if (isRefusal(stream)) return refused(out, stream);
    const { added } = parsed;
    const refusal = refusalOf(stream, added);
    if (refusal !== undefined) return refused(out, refusal);
    stream.lastId.copyFrom(id);
    if (added !== undefined) stream.setEntriesAdded(added);
    if (!maxDeletedId.isZero()) stream.maxDeletedId.copyFrom(maxDeletedId);
    out.ok();
    return CHANGED;
  },
});
