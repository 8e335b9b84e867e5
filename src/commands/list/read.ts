/**
 * Commands that read lists.
 *
 * Hot path. Guarded by `bench/list.ts`.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, integer, integerText, key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { encodeElement, Scratch } from '../../engine/listpack-element.ts';
import { List } from '../../engine/types/list.ts';
import { ListCursor } from '../../engine/types/list-cursor.ts';
import {
  COUNT_NEGATIVE,
  MAXLEN_NEGATIVE,
  NOT_AN_INTEGER,
  RANK_ZERO,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { refused } from '../refused.ts';
import { isWord, tail } from '../words.ts';
import { NOT_THERE, OPENED, openToRead } from './value.ts';

const list = new List();
const cursor = new ListCursor();
const wanted = new Scratch();

export const llen = shardCommand({
  name: 'LLEN',
  summary: 'Answers how many elements a list has.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'list',
  flags: ['readonly', 'fast'],
  args: { key: key('RO') },
  run({ key }, call, out) {
    const opened = openToRead(call, key, list, out);
    if (opened === OPENED) out.integer(list.size);
    else if (opened === NOT_THERE) out.integer(0);
    return UNCHANGED;
  },
});

export const lindex = shardCommand({
  name: 'LINDEX',
  summary: 'Answers the element at an index of a list, negative from the end.',
  since: '1.0.0',
  complexity: 'O(N), N being the nodes between the element and the nearer end of the list.',
  group: 'list',
  flags: ['readonly'],
  args: { key: key('RO', 'access'), index: integerText },
  run({ key, index }, call, out) {
    const { request } = call;
    const opened = openToRead(call, key, list, out);
    if (opened === NOT_THERE) out.null();
    if (opened !== OPENED) return UNCHANGED;
    const at = parseInteger(request.bytes, request.start(index), request.end(index));
    if (Number.isNaN(at)) return refused(out, NOT_AN_INTEGER);
    if (list.seek(at, cursor)) writeElement(out);
    else out.null();
    return UNCHANGED;
  },
});

function writeElement(out: ReplyWriter): void {
  const { bytes, start, end } = cursor.read();
  out.bulk(bytes, start, end);
}

export const lrange = shardCommand({
  name: 'LRANGE',
  summary: 'Answers the elements of a list between two indexes, both included.',
  since: '1.0.0',
  complexity: 'O(S+N), S being the nodes between the range and the nearer end of the list, N the elements answered.',
  group: 'list',
  flags: ['readonly'],
  args: { key: key('RO', 'access'), start: integer(), stop: integer() },
  run({ key, start, stop }, call, out) {
    const opened = openToRead(call, key, list, out);
    if (opened === NOT_THERE) out.array(0);
    if (opened !== OPENED) return UNCHANGED;
    const { size } = list;
    const from = Math.max(0, start < 0 ? start + size : start);
    const to = Math.min(size - 1, stop < 0 ? stop + size : stop);
    const count = Math.max(0, to - from + 1);
    out.array(count);
    if (count === 0) return UNCHANGED;
    list.seek(from, cursor);
    writeElement(out);
    for (let i = 1; i < count && !out.overflowed; i++) {
      cursor.next();
      writeElement(out);
    }
    return UNCHANGED;
  },
});

// -- LPOS --------------------------------------------------------------------------------------------------------------

const RANK = bytesOfLatin1('RANK');
const COUNT = bytesOfLatin1('COUNT');
const MAXLEN = bytesOfLatin1('MAXLEN');
/** Its negative is no 64-bit integer, so that Redis stays with it and takes the first match. */
const RANK_LEAST = bytesOfLatin1('-9223372036854775808');

interface Search {
  readonly backward: boolean;
  /** Matches to pass over. */
  readonly skip: number;
  /** Matches to answer, 0 for all; undefined when one is asked for, and not in an array. */
  readonly count: number | undefined;
  /** Elements to look at. */
  readonly elementsMax: number;
}

function searchFrom(request: Request, first: ArgIndex): Search | Refusal {
  let rank = 1;
  let count: number | undefined;
  let elementsMax = 0;
  for (let at = first; at < request.argc; at += 2) {
    const isRank = isWord(request, at, RANK);
    const isCount = isWord(request, at, COUNT);
    if (at + 1 === request.argc || !(isRank || isCount || isWord(request, at, MAXLEN))) return SYNTAX_ERROR;
    const value = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
    if (isRank) {
      if (Number.isNaN(value)) return NOT_AN_INTEGER;
      if (value === 0) return RANK_ZERO;
      rank = isWord(request, at + 1, RANK_LEAST) ? -1 : value;
    } else if (!(value >= 0)) return isCount ? COUNT_NEGATIVE : MAXLEN_NEGATIVE;
    else if (isCount) count = value;
    else elementsMax = value;
  }
  return {
    backward: rank < 0,
    skip: Math.abs(rank) - 1,
    count,
    elementsMax: elementsMax === 0 ? Number.POSITIVE_INFINITY : elementsMax,
  };
}

/** Answers the indexes of what is searched, in the list aimed at. */
function search(call: ShardCall, element: ArgIndex, asked: Search, out: ReplyWriter): void {
  const { request } = call;
  const { size } = list;
  const { backward } = asked;
  const several = asked.count !== undefined;
  const limit = asked.count === 0 ? size : (asked.count ?? 1);
  const looks = Math.min(size, asked.elementsMax);
  encodeElement(request.bytes, request.start(element), request.end(element), wanted);
  const handle = several ? out.beginArray() : 0;
  let skip = asked.skip;
  let found = 0;
  list.seek(backward ? -1 : 0, cursor);
  for (let i = 0; i < looks && found < limit; i++) {
    if (i > 0) backward ? cursor.previous() : cursor.next();
    if (!cursor.equals(wanted) || skip-- > 0) continue;
    out.integer(backward ? size - 1 - i : i);
    found++;
  }
  if (several) out.endArray(handle, found);
  else if (found === 0) out.null();
}

export const lpos = shardCommand({
  name: 'LPOS',
  summary: 'Answers at which indexes of a list an element stands.',
  since: '6.0.6',
  complexity: 'O(N), N being the elements looked at.',
  group: 'list',
  flags: ['readonly'],
  args: {
    key: key('RO', 'access'),
    element: bytes,
    options: tail(0, [
      { name: 'rank', type: 'integer', token: 'RANK', flags: ['optional'] },
      { name: 'num-matches', type: 'integer', token: 'COUNT', flags: ['optional'] },
      { name: 'len', type: 'integer', token: 'MAXLEN', flags: ['optional'] },
    ]),
  },
  run({ key, element, options }, call, out) {
    const asked = searchFrom(call.request, options.value);
    if ('text' in asked) return refused(out, asked);
    const opened = openToRead(call, key, list, out);
    if (opened === OPENED) search(call, element, asked, out);
    else if (opened === NOT_THERE) {
      if (asked.count === undefined) out.null();
      else out.array(0);
    }
    return UNCHANGED;
  },
});
