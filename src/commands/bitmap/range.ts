/** BITCOUNT and BITPOS: the bits of a range, which may be given in bytes or in bits and count from the end. */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { INT64_MIN, parseBigInteger, parseInteger } from '../../base/integer.ts';
import { type ArgIndex, custom, integerText, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { BITPOS_BIT_INVALID, NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR, WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { find } from '../keys.ts';
import { isString } from '../string/value.ts';
import { countBits, findBit } from './bits.ts';
import { wordsOf } from './value.ts';

const BYTE = bytesOfLatin1('BYTE');
const BIT = bytesOfLatin1('BIT');

const UNIT_DOC = {
  name: 'index_unit',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'byte', type: 'pure-token', token: 'BYTE', flags: [] },
    { name: 'bit', type: 'pure-token', token: 'BIT', flags: [] },
  ],
} as const;

/** Taken as they come: Redis looks at the key before it looks at the range, so a refusal must wait for the handler. */
const bitcountRange = custom({
  required: 0,
  parse: (request, at) => ({ end: request.argc, value: at, keys: [] }),
  docs: [
    {
      name: 'index',
      type: 'block',
      flags: ['optional'],
      arguments: [{ name: 'start', type: 'integer', flags: [] }, { name: 'end', type: 'integer', flags: [] }, UNIT_DOC],
    },
  ],
});

const bitposRange = custom({
  required: 0,
  parse: (request, at) => ({ end: request.argc, value: at, keys: [] }),
  docs: [
    {
      name: 'index',
      type: 'block',
      flags: ['optional'],
      arguments: [
        { name: 'start', type: 'integer', flags: [] },
        {
          name: 'end_index',
          type: 'block',
          flags: ['optional'],
          arguments: [{ name: 'end', type: 'integer', flags: [] }, UNIT_DOC],
        },
      ],
    },
  ],
});

/** Bits `first` to `last`, both included; empty when `first` is larger. */
interface BitRange {
  readonly first: number;
  readonly last: number;
}

const EMPTY: BitRange = { first: 0, last: -1 };

function integerAt(request: Request, at: ArgIndex): number {
  return parseInteger(request.bytes, request.start(at), request.end(at));
}

/** Two negative positions in the wrong order, which past 2^53 may look equal. */
function inWrongOrder(request: Request, start: number, end: number, at: ArgIndex): boolean {
  if (start >= 0 || end >= 0 || start < end) return false;
  if (start > end || Number.isSafeInteger(start)) return start > end;
  const exact = (index: ArgIndex) =>
    parseBigInteger(request.bytes, request.start(index), request.end(index)) ?? INT64_MIN;
  return exact(at) > exact(at + 1);
}

/** The range that begins at argument `at`: `start end [BYTE | BIT]`, where the end may be missing if `openEnd`. */
function rangeFrom(request: Request, at: ArgIndex, length: number, openEnd: boolean): BitRange | Refusal {
  const given = request.argc - at;
  if (given === 0) return { first: 0, last: length * 8 - 1 };
  if (given > 3 || (given === 1 && !openEnd)) return SYNTAX_ERROR;
  let start = integerAt(request, at);
  if (Number.isNaN(start)) return NOT_AN_INTEGER;
  const isBit = given === 3 && spells(request.bytes, request.start(at + 2), request.end(at + 2), BIT);
  const isByte = given < 3 || spells(request.bytes, request.start(at + 2), request.end(at + 2), BYTE);
  // In the order in which Redis looks: BITPOS at the unit before the end, BITCOUNT behind both.
  if (openEnd && !isBit && !isByte) return SYNTAX_ERROR;
  let end = given === 1 ? length - 1 : integerAt(request, at + 1);
  if (Number.isNaN(end)) return NOT_AN_INTEGER;
  if (!openEnd && inWrongOrder(request, start, end, at)) return EMPTY;
  if (!isBit && !isByte) return SYNTAX_ERROR;
  const total = isBit ? length * 8 : length;
  if (start < 0) start = Math.max(0, total + start);
  if (end < 0) end = Math.max(0, total + end);
  if (end >= total) end = total - 1;
  if (start > end) return EMPTY;
  return isBit ? { first: start, last: end } : { first: start * 8, last: end * 8 + 7 };
}

function answerCount(call: ShardCall, ref: number, first: ArgIndex, out: ReplyWriter): void {
  const { database, request } = call;
  if (ref === MISSING) return out.integer(0);
  if (!isString(database, ref)) return out.error(WRONG_TYPE);
  const range = rangeFrom(request, first, database.valueLength(ref), false);
  if ('text' in range) return out.error(range);
  if (range.first > range.last) return out.integer(0);
  const start = database.valueStart(ref);
  out.integer(countBits(database.valueBytes(ref), wordsOf(call, ref), start, range.first, range.last));
}

export const bitcount = shardCommand({
  name: 'BITCOUNT',
  summary: 'Counts the bits set in the string at a key, or in a part of it.',
  since: '2.6.0',
  complexity: 'O(N)',
  group: 'bitmap',
  flags: ['readonly'],
  history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
  args: { key: key('RO', 'access'), range: bitcountRange },
  run({ key, range }, call, out) {
    answerCount(call, find(call, key), range.value, out);
    return UNCHANGED;
  },
});

function answerPosition(call: ShardCall, ref: number, bit: number, first: ArgIndex, out: ReplyWriter): Effect {
  const { database, request } = call;
  if (ref === MISSING) out.integer(bit === 1 ? -1 : 0);
  else if (!isString(database, ref)) out.error(WRONG_TYPE);
  else {
    const length = database.valueLength(ref);
    const range = rangeFrom(request, first, length, true);
    if ('text' in range) out.error(range);
    else out.integer(positionIn(call, ref, range, bit, request.argc - first < 2));
  }
  return UNCHANGED;
}

/** Without a given end a string goes on with zeros for ever, so a clear bit is found behind its last. */
function positionIn(call: ShardCall, ref: number, range: BitRange, bit: number, isOpen: boolean): number {
  const { database } = call;
  if (range.first > range.last) return -1;
  const start = database.valueStart(ref);
  const found = findBit(database.valueBytes(ref), wordsOf(call, ref), start, range.first, range.last, bit);
  return found < 0 && bit === 0 && isOpen ? range.last + 1 : found;
}

export const bitpos = shardCommand({
  name: 'BITPOS',
  summary: 'Finds the first bit that is set, or clear, in the string at a key or in a part of it.',
  since: '2.8.7',
  complexity: 'O(N)',
  group: 'bitmap',
  flags: ['readonly'],
  history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
  args: { key: key('RO', 'access'), bit: integerText, range: bitposRange },
  run({ key, bit, range }, call, out) {
    const wanted = integerAt(call.request, bit);
    if (wanted === 0 || wanted === 1) return answerPosition(call, find(call, key), wanted, range.value, out);
    out.error(Number.isNaN(wanted) ? NOT_AN_INTEGER : BITPOS_BIT_INVALID);
    return UNCHANGED;
  },
});
