/**
 * SETBIT and GETBIT: one bit of a string.
 *
 * Hot path: neither allocates anything for a string that is long enough. Guarded by `bench/bitmap.ts`.
 */

import { parseInteger } from '../../base/integer.ts';
import { integerText, key } from '../../command/args.ts';
import { changed, UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { BIT_OFFSET_OUT_OF_RANGE, BIT_OUT_OF_RANGE, OOM, WRONG_TYPE } from '../../resp/refusals.ts';
import { find, findForWrite } from '../keys.ts';
import { refused } from '../refused.ts';
import { isString, lengthRefusal } from '../string/value.ts';
import { bitOffset, stringOfLength } from './value.ts';

const BIT_SET = changed('string', 'setbit');

export const setbit = shardCommand({
  name: 'SETBIT',
  summary: 'Sets or clears one bit of the string at a key, which grows if it must, and answers what the bit was.',
  since: '2.2.0',
  complexity: 'O(1) for a bit in what is there, else O(N), N being the new length.',
  group: 'bitmap',
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'access', 'update'), offset: integerText, value: integerText },
  run({ key, offset, value }, call, out) {
    const { request, database } = call;
    const at = bitOffset(call, offset, 0);
    if (Number.isNaN(at)) return refused(out, BIT_OFFSET_OUT_OF_RANGE);
    const bit = parseInteger(request.bytes, request.start(value), request.end(value));
    if (bit !== 0 && bit !== 1) return refused(out, BIT_OUT_OF_RANGE);
    const ref = findForWrite(call, key);
    if (ref !== MISSING && !isString(database, ref)) return refused(out, WRONG_TYPE);
    const byte = Math.floor(at / 8);
    const grows = ref === MISSING || byte >= database.valueLength(ref);
    const tooLong = grows ? lengthRefusal(call, byte + 1) : undefined;
    if (tooLong !== undefined) return refused(out, tooLong);
    const target = stringOfLength(call, key, ref, byte + 1);
    if (target === MISSING) return refused(out, OOM);
    const bytes = database.valueBytes(target);
    const position = database.valueStart(target) + byte;
    const shift = 7 - (at % 8);
    const before = bytes[position] as number;
    const was = (before >>> shift) & 1;
    bytes[position] = (before & ~(1 << shift)) | (bit << shift);
    out.integer(was);
    return grows || was !== bit ? BIT_SET : UNCHANGED;
  },
});

export const getbit = shardCommand({
  name: 'GETBIT',
  summary: 'Reads one bit of the string at a key; bits beyond its end are 0.',
  since: '2.2.0',
  complexity: 'O(1)',
  group: 'bitmap',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), offset: integerText },
  run({ key, offset }, call, out) {
    const { database } = call;
    const at = bitOffset(call, offset, 0);
    if (Number.isNaN(at)) return refused(out, BIT_OFFSET_OUT_OF_RANGE);
    const ref = find(call, key);
    if (ref !== MISSING && !isString(database, ref)) return refused(out, WRONG_TYPE);
    const byte = Math.floor(at / 8);
    if (ref === MISSING || byte >= database.valueLength(ref)) out.integer(0);
    else out.integer(((database.valueBytes(ref)[database.valueStart(ref) + byte] as number) >>> (7 - (at % 8))) & 1);
    return UNCHANGED;
  },
});
