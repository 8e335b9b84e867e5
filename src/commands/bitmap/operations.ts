/** The operations of a BITFIELD request, read in the order in which Redis reads them, so that the same error is found first. */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseBigInteger, parseInteger } from '../../base/integer.ts';
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import {
  BIT_OFFSET_OUT_OF_RANGE,
  BIT_TYPE_INVALID,
  BITFIELD_OVERFLOW_INVALID,
  NOT_AN_INTEGER,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import type { FieldType, Overflow } from './field.ts';
import { bitOffset } from './value.ts';

export type Verb = 'GET' | 'SET' | 'INCRBY';

export interface FieldOperation {
  readonly verb: Verb;
  readonly type: FieldType;
  readonly offset: number;
  readonly overflow: Overflow;
  /** Of SET and INCRBY; 0 for GET. A bigint past 2^53. */
  readonly operand: number | bigint;
}

interface Word<Name> {
  readonly bytes: Uint8Array;
  readonly name: Name;
}

function word<Name extends string>(name: Name): Word<Name> {
  return { bytes: bytesOfLatin1(name), name };
}

const VERBS = [word('GET'), word('SET'), word('INCRBY')];
const OVERFLOW = [word('OVERFLOW')];
const OVERFLOWS = [word('WRAP'), word('SAT'), word('FAIL')];
const LOWER_I = 0x69;
const LOWER_U = 0x75;
const SIGNED_BITS_MAX = 64;
const UNSIGNED_BITS_MAX = 63;

function wordAt<Name>(request: Request, at: ArgIndex, words: readonly Word<Name>[]): Name | undefined {
  if (at >= request.argc) return undefined;
  for (const each of words) if (spells(request.bytes, request.start(at), request.end(at), each.bytes)) return each.name;
  return undefined;
}

/** Arguments behind a verb. */
function operandsOf(verb: Verb): number {
  return verb === 'GET' ? 2 : 3;
}

/** Whether a request may change its key: as Redis' own look-up of keys decides it, for which what is no operation writes. */
export function mayWrite(request: Request, first: ArgIndex): boolean {
  for (let at = first; at < request.argc; ) {
    const left = request.argc - at - 1;
    if (wordAt(request, at, VERBS) === 'GET' && left >= 2) at += 3;
    else if (wordAt(request, at, OVERFLOW) !== undefined && left >= 1) at += 2;
    else return true;
  }
  return false;
}

function typeAt(request: Request, at: ArgIndex): FieldType | undefined {
  const start = request.start(at);
  const sign = start < request.end(at) ? request.bytes[start] : 0;
  if (sign !== LOWER_I && sign !== LOWER_U) return undefined;
  const bits = parseInteger(request.bytes, start + 1, request.end(at));
  const isSigned = sign === LOWER_I;
  return bits >= 1 && bits <= (isSigned ? SIGNED_BITS_MAX : UNSIGNED_BITS_MAX) ? { isSigned, bits } : undefined;
}

function operandAt(request: Request, at: ArgIndex): number | bigint | undefined {
  const value = parseInteger(request.bytes, request.start(at), request.end(at));
  return Number.isSafeInteger(value) ? value : parseBigInteger(request.bytes, request.start(at), request.end(at));
}

function operationAt(call: ShardCall, at: ArgIndex, verb: Verb, overflow: Overflow): FieldOperation | Refusal {
  const { request } = call;
  const type = typeAt(request, at + 1);
  if (type === undefined) return BIT_TYPE_INVALID;
  const offset = bitOffset(call, at + 2, type.bits);
  if (Number.isNaN(offset)) return BIT_OFFSET_OUT_OF_RANGE;
  const operand = verb === 'GET' ? 0 : operandAt(request, at + 3);
  return operand === undefined ? NOT_AN_INTEGER : { verb, type, offset, overflow, operand };
}

/** All operations from argument `first` to the end. */
export function operationsFrom(call: ShardCall, first: ArgIndex): readonly FieldOperation[] | Refusal {
  const { request } = call;
  const operations: FieldOperation[] = [];
  let overflow: Overflow = 'WRAP';
  for (let at = first; at < request.argc; ) {
    const left = request.argc - at - 1;
    if (wordAt(request, at, OVERFLOW) !== undefined && left >= 1) {
      const chosen = wordAt(request, at + 1, OVERFLOWS);
      if (chosen === undefined) return BITFIELD_OVERFLOW_INVALID;
      overflow = chosen;
      at += 2;
      continue;
    }
    const verb = wordAt(request, at, VERBS);
    if (verb === undefined || left < operandsOf(verb)) return SYNTAX_ERROR;
    const operation = operationAt(call, at, verb, overflow);
    if ('text' in operation) return operation;
    operations.push(operation);
    at += 1 + operandsOf(verb);
  }
  return operations;
}
