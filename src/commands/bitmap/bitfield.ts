/** BITFIELD and BITFIELD_RO: integers of any width inside a string. */

import { type ArgDoc, type ArgIndex, custom, key, READS, WRITES } from '../../command/args.ts';
import { changed, changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { BITFIELD_READ_ONLY, OOM, WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find, findForWrite } from '../keys.ts';
import { refused } from '../refused.ts';
import { isString, lengthRefusal } from '../string/value.ts';
import { fitted, readField, writeField } from './field.ts';
import { type FieldOperation, mayWrite, operationsFrom } from './operations.ts';
import { stringOfLength } from './value.ts';

const EVENTS: readonly KeyEvent[] = [{ eventClass: 'string', name: 'setbit', key: 1 }];
const CHANGED_ONE = changed('string', 'setbit');
/** The string has grown, but no field in it was written: Redis keeps quiet about that, a log must not. */
const GROWN: Effect = { kind: 'changed', changes: 1, events: [], replay: undefined };

const ENCODING: ArgDoc = { name: 'encoding', type: 'string', flags: [] };
const OFFSET: ArgDoc = { name: 'offset', type: 'integer', flags: [] };

const OVERFLOW_DOC: ArgDoc = {
  name: 'wrap_sat_fail',
  type: 'oneof',
  token: 'OVERFLOW',
  flags: ['optional'],
  arguments: [
    { name: 'wrap', type: 'pure-token', token: 'WRAP', flags: [] },
    { name: 'sat', type: 'pure-token', token: 'SAT', flags: [] },
    { name: 'fail', type: 'pure-token', token: 'FAIL', flags: [] },
  ],
};

function blockDoc(name: string, token: string, members: readonly ArgDoc[]): ArgDoc {
  return { name, type: 'block', token, flags: [], arguments: members };
}

const WRITE_DOC: ArgDoc = {
  name: 'write_operation',
  type: 'oneof',
  flags: [],
  arguments: [
    blockDoc('encoding_offset_value', 'SET', [ENCODING, OFFSET, { name: 'value', type: 'integer', flags: [] }]),
    blockDoc('encoding_offset_increment', 'INCRBY', [
      ENCODING,
      OFFSET,
      { name: 'increment', type: 'integer', flags: [] },
    ]),
  ],
};

/** Read by the handler, as only that knows how long a string may be. Here they only say whether the key may change. */
const anyOperations = custom({
  required: 0,
  parse: (request, at) => ({ end: request.argc, value: { at, writes: mayWrite(request, at) }, keys: [] }),
  docs: [
    {
      name: 'operation',
      type: 'oneof',
      flags: ['optional', 'multiple'],
      arguments: [
        blockDoc('encoding_offset', 'GET', [ENCODING, OFFSET]),
        { name: 'write', type: 'block', flags: [], arguments: [OVERFLOW_DOC, WRITE_DOC] },
      ],
    },
  ],
});

const readOperations = custom({
  required: 0,
  parse: (request, at) => ({ end: request.argc, value: at, keys: [] }),
  docs: [
    {
      name: 'encoding_offset',
      type: 'block',
      token: 'GET',
      flags: ['optional', 'multiple', 'multiple-token'],
      arguments: [ENCODING, OFFSET],
    },
  ],
});

/** Bytes that the string must have for the operations that write; 0 when none does. */
function bytesWritten(operations: readonly FieldOperation[]): number {
  let bytes = 0;
  for (const { verb, offset, type } of operations) {
    if (verb !== 'GET') bytes = Math.max(bytes, Math.floor((offset + type.bits - 1) / 8) + 1);
  }
  return bytes;
}

function read(call: ShardCall, key: ArgIndex, operations: readonly FieldOperation[], out: ReplyWriter): Effect {
  const { database } = call;
  const ref = find(call, key);
  if (ref !== MISSING && !isString(database, ref)) return refused(out, WRONG_TYPE);
  out.array(operations.length);
  if (ref === MISSING) {
    for (let i = 0; i < operations.length; i++) out.integer(0);
    return UNCHANGED;
  }
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  const end = start + database.valueLength(ref);
  for (const { offset, type } of operations) out.integer(readField(bytes, start, end, offset, type));
  return UNCHANGED;
}

/** Does one operation and answers it. @returns whether the field was written, and was another before. */
function perform(
  operation: FieldOperation,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: ReplyWriter,
): 'untouched' | 'same' | 'written' {
  const { verb, type, offset, overflow, operand } = operation;
  const before = readField(bytes, start, end, offset, type);
  if (verb === 'GET') {
    out.integer(before);
    return 'untouched';
  }
  const after = verb === 'SET' ? fitted(operand, 0, type, overflow) : fitted(before, operand, type, overflow);
  if (after === undefined) {
    out.null();
    return 'untouched';
  }
  writeField(bytes, start, offset, type, after);
  out.integer(verb === 'SET' ? before : after);
  return before === after ? 'same' : 'written';
}

function write(
  call: ShardCall,
  key: ArgIndex,
  operations: readonly FieldOperation[],
  length: number,
  out: ReplyWriter,
): Effect {
  const { database } = call;
  const ref = findForWrite(call, key);
  if (ref !== MISSING && !isString(database, ref)) return refused(out, WRONG_TYPE);
  const grows = ref === MISSING || length > database.valueLength(ref);
  const tooLong = grows ? lengthRefusal(call, length) : undefined;
  if (tooLong !== undefined) return refused(out, tooLong);
  const target = stringOfLength(call, key, ref, length);
  if (target === MISSING) return refused(out, OOM);
  const bytes = database.valueBytes(target);
  const start = database.valueStart(target);
  const end = start + database.valueLength(target);
  let changedFields = 0;
  out.array(operations.length);
  for (const operation of operations) {
    const outcome = perform(operation, bytes, start, end, out);
    // As Redis counts: in a string that has just grown, writing what was there is a change, too.
    if (outcome === 'written' || (outcome === 'same' && grows)) changedFields++;
  }
  if (changedFields === 1) return CHANGED_ONE;
  return changedFields === 0 && grows ? GROWN : changes(changedFields, EVENTS);
}

export const bitfield = shardCommand({
  name: 'BITFIELD',
  summary: 'Reads, sets and increments integers of any width up to 64 bits inside the string at a key.',
  since: '3.2.0',
  complexity: 'O(1) for each subcommand specified',
  group: 'bitmap',
  flags: ['write', 'denyoom'],
  args: { key: key('RW', 'access', 'update', 'variable_flags'), operations: anyOperations },
  keyAccess: ({ operations }) => (operations.value.writes ? READS | WRITES : READS),
  run({ key, operations: given }, call, out) {
    const operations = operationsFrom(call, given.value.at);
    if ('text' in operations) return refused(out, operations);
    const length = bytesWritten(operations);
    return length === 0 ? read(call, key, operations, out) : write(call, key, operations, length, out);
  },
});

export const bitfieldRo = shardCommand({
  name: 'BITFIELD_RO',
  summary: 'Reads integers of any width up to 64 bits inside the string at a key.',
  since: '6.0.0',
  complexity: 'O(1) for each subcommand specified',
  group: 'bitmap',
  flags: ['readonly', 'fast'],
  args: { key: key('RO', 'access'), operations: readOperations },
  run({ key, operations: given }, call, out) {
    const operations = operationsFrom(call, given.value);
    if ('text' in operations) return refused(out, operations);
    if (operations.some(({ verb }) => verb !== 'GET')) return refused(out, BITFIELD_READ_ONLY);
    return read(call, key, operations, out);
  },
});
