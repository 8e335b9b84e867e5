/** Commands that change the middle of lists. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { bytes, custom, integer, integerText, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { OK } from '../../engine/database.ts';
import { encodeElement, Scratch } from '../../engine/listpack-element.ts';
import { List } from '../../engine/types/list.ts';
import { ListCursor } from '../../engine/types/list-cursor.ts';
import { INDEX_OUT_OF_RANGE, NO_SUCH_KEY, NOT_AN_INTEGER, OOM, SYNTAX_ERROR } from '../../resp/refusals.ts';
import { refused } from '../refused.ts';
import { isWord } from '../words.ts';
import { ELEMENT_OVERHEAD_BYTES, edited, NOT_THERE, OPENED, openToAdd, openToWrite } from './value.ts';

const list = new List();
const cursor = new ListCursor();
const wanted = new Scratch();
const fresh = new Scratch();

const SET = edited('lset', 1, false);
const INSERTED = edited('linsert', 1, false);

export const lset = shardCommand({
  name: 'LSET',
  summary: 'Puts an element in place of the one at an index of a list, negative from the end.',
  since: '1.0.0',
  complexity: 'O(N), N being the nodes between the element and the nearer end of the list.',
  group: 'list',
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'update'), index: integerText, element: bytes },
  run({ key, index, element }, call, out) {
    const { request } = call;
    const opened = openToAdd(call, key, request.length(element) + ELEMENT_OVERHEAD_BYTES, list, out);
    if (opened === NOT_THERE) return refused(out, NO_SUCH_KEY);
    if (opened !== OPENED) return UNCHANGED;
    const at = parseInteger(request.bytes, request.start(index), request.end(index));
    if (Number.isNaN(at)) return refused(out, NOT_AN_INTEGER);
    if (!list.seek(at, cursor)) return refused(out, INDEX_OUT_OF_RANGE);
    encodeElement(request.bytes, request.start(element), request.end(element), fresh);
    if (list.replace(cursor, fresh) !== OK) return refused(out, OOM);
    out.ok();
    return SET;
  },
});

const BEFORE = bytesOfLatin1('BEFORE');
const AFTER = bytesOfLatin1('AFTER');

const where = custom({
  required: 1,
  parse(request, at) {
    const behind = isWord(request, at, AFTER);
    return behind || isWord(request, at, BEFORE) ? { end: at + 1, value: behind, keys: [] } : SYNTAX_ERROR;
  },
  docs: [
    {
      name: 'where',
      type: 'oneof',
      flags: [],
      arguments: [
        { name: 'before', type: 'pure-token', token: 'BEFORE', flags: [] },
        { name: 'after', type: 'pure-token', token: 'AFTER', flags: [] },
      ],
    },
  ],
});

/** Puts the cursor on the first element that is the encoded one. */
function findFirst(encoded: Scratch): boolean {
  for (let there = list.seek(0, cursor); there; there = cursor.next()) if (cursor.equals(encoded)) return true;
  return false;
}

export const linsert = shardCommand({
  name: 'LINSERT',
  summary: 'Puts an element in front of the first that equals a pivot, or behind it.',
  since: '2.2.0',
  complexity: 'O(N), N being the elements in front of the pivot.',
  group: 'list',
  arity: 5,
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'insert'), where, pivot: bytes, element: bytes },
  run({ key, where, pivot, element }, call, out) {
    const { request } = call;
    const opened = openToAdd(call, key, request.length(element) + ELEMENT_OVERHEAD_BYTES, list, out);
    if (opened === NOT_THERE) out.integer(0);
    if (opened !== OPENED) return UNCHANGED;
    encodeElement(request.bytes, request.start(pivot), request.end(pivot), wanted);
    if (!findFirst(wanted)) {
      out.integer(-1);
      return UNCHANGED;
    }
    encodeElement(request.bytes, request.start(element), request.end(element), fresh);
    if (list.insert(cursor, where.value, fresh) !== OK) return refused(out, OOM);
    out.integer(list.size);
    return INSERTED;
  },
});

export const lrem = shardCommand({
  name: 'LREM',
  summary: 'Takes elements that equal a value out of a list: all, or so many from the head, or from the end.',
  since: '1.0.0',
  complexity: 'O(N+M), N being the size of the list and M the elements taken out.',
  group: 'list',
  flags: ['write'],
  args: { key: key('RW', 'delete'), count: integer(), element: bytes },
  run({ key, count, element }, call, out) {
    const { request } = call;
    const opened = openToWrite(call, key, list, out);
    if (opened === NOT_THERE) out.integer(0);
    if (opened !== OPENED) return UNCHANGED;
    encodeElement(request.bytes, request.start(element), request.end(element), wanted);
    const limit = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
    const removed = list.removeEqual(wanted, limit, count < 0);
    out.integer(removed);
    return removed === 0 ? UNCHANGED : edited('lrem', removed, list.size === 0);
  },
});

/** Told, as by Redis, but nothing that a copy would have to do. */
const KEPT_ALL: Effect = {
  kind: 'changed',
  changes: 0,
  events: [{ eventClass: 'list', name: 'ltrim', key: 1 }],
  replay: [],
};

export const ltrim = shardCommand({
  name: 'LTRIM',
  summary: 'Keeps of a list what is between two indexes, both included.',
  since: '1.0.0',
  complexity: 'O(N), N being the elements taken out.',
  group: 'list',
  flags: ['write'],
  args: { key: key('RW', 'delete'), start: integer(), stop: integer() },
  run({ key, start, stop }, call, out) {
    const opened = openToWrite(call, key, list, out);
    if (opened === NOT_THERE) out.ok();
    if (opened !== OPENED) return UNCHANGED;
    const { size } = list;
    const from = Math.max(0, start < 0 ? start + size : start);
    const to = Math.min(size - 1, stop < 0 ? stop + size : stop);
    const isEmpty = from > to;
    const behind = isEmpty ? 0 : size - 1 - to;
    const removed = isEmpty ? size : from + behind;
    if (isEmpty) list.removeRange(0, size);
    else {
      list.removeRange(size - behind, behind);
      list.removeRange(0, from);
    }
    out.ok();
    return removed === 0 ? KEPT_ALL : edited('ltrim', removed, isEmpty);
  },
});
