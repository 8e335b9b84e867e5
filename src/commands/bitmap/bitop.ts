/** BITOP: a new string from the bits of others. The algorithm lives in combine.ts. */

import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { changed, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING, NO_EXPIRY } from '../../engine/database.ts';
import { BITOP_NOT_KEYS, OOM, type Refusal, SYNTAX_ERROR, WRONG_TYPE } from '../../resp/refusals.ts';
import { ENTRY_OVERHEAD_BYTES, find } from '../keys.ts';
import { refused } from '../refused.ts';
import { isString, lengthRefusal, putBytes } from '../string/value.ts';
import { BitTarget, type Operation } from './combine.ts';
import { wordsOf } from './value.ts';

const TARGET = 2;
const STORED = changed('string', 'set', TARGET);
const EMPTIED = changed('generic', 'del', TARGET);

const OPERATIONS: readonly (readonly [word: Uint8Array, operation: Operation])[] = [
  [bytesOfLatin1('AND'), 'AND'],
  [bytesOfLatin1('OR'), 'OR'],
  [bytesOfLatin1('XOR'), 'XOR'],
  [bytesOfLatin1('NOT'), 'NOT'],
];

function operationAt(call: ShardCall, at: ArgIndex): Operation | undefined {
  const { request } = call;
  const start = request.start(at);
  const end = request.end(at);
  return OPERATIONS.find(([word]) => spells(request.bytes, start, end, word))?.[1];
}

/** Bytes of the longest source, or WRONG_TYPE. The first look at the sources counts as reading them, the second does not. */
function longest(call: ShardCall, sources: ArgIndex, isFirstLook: boolean): number | Refusal {
  const { database, request } = call;
  let length = 0;
  for (let at = sources; at < request.argc; at++) {
    const ref = isFirstLook ? find(call, at) : database.peek(request.bytes, request.start(at), request.end(at));
    if (ref === MISSING) continue;
    if (!isString(database, ref)) return WRONG_TYPE;
    length = Math.max(length, database.valueLength(ref));
  }
  return length;
}

function combined(call: ShardCall, operation: Operation, sources: ArgIndex, length: number): BitTarget {
  const { database, request } = call;
  const target = new BitTarget(length);
  for (let at = sources; at < request.argc; at++) {
    const ref = database.peek(request.bytes, request.start(at), request.end(at));
    if (ref === MISSING) {
      if (operation === 'AND') target.bytes.fill(0);
      continue;
    }
    const start = database.valueStart(ref);
    const bytesHere = database.valueLength(ref);
    if (at === sources) target.begin(operation, database.valueBytes(ref), start, bytesHere);
    else target.add(operation, database.valueBytes(ref), wordsOf(call, ref), start, bytesHere);
  }
  return target;
}

export const bitop = shardCommand({
  name: 'BITOP',
  summary: 'Combines the bits of strings (AND, OR, XOR, NOT) and keeps the result at a key.',
  since: '2.6.0',
  complexity: 'O(N)',
  group: 'bitmap',
  flags: ['write', 'denyoom'],
  args: { operation: bytes, destkey: key('OW', 'update'), key: many(key('RO', 'access')) },
  run({ operation: word, destkey, key: sources }, call, out) {
    const { database, request } = call;
    const operation = operationAt(call, word);
    if (operation === undefined) return refused(out, SYNTAX_ERROR);
    if (operation === 'NOT' && request.argc !== sources + 1) return refused(out, BITOP_NOT_KEYS);
    const wanted = longest(call, sources, true);
    if (typeof wanted !== 'number') return refused(out, wanted);
    const tooLong = lengthRefusal(call, wanted);
    if (tooLong !== undefined) return refused(out, tooLong);
    const room = wanted === 0 ? 0 : request.length(destkey) + wanted + ENTRY_OVERHEAD_BYTES;
    if (!call.realm.ensureRoom(room)) return refused(out, OOM);
    // Making room may have cost a source: the result is what a copy without it would make.
    const length = longest(call, sources, false);
    if (typeof length !== 'number') return refused(out, length);
    if (length === 0) {
      out.integer(0);
      const was = database.delete(request.bytes, request.start(destkey), request.end(destkey));
      return was ? EMPTIED : UNCHANGED;
    }
    const { bytes: result } = combined(call, operation, sources, length);
    if (!putBytes(call, destkey, result, length, Encoding.raw, NO_EXPIRY)) return refused(out, OOM);
    out.integer(length);
    return STORED;
  },
});
