/**
 * What the commands about times to live of fields share: `FIELDS numfields field [field …]`, the times, the effects. All of it
 * is read by the handlers, as Redis looks at the key first.
 *
 * Invariant: a time of a field is between 0 and FIELD_TIME_MAX, milliseconds since the epoch.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgDoc, type ArgIndex, custom } from '../../command/args.ts';
import type { Changed, KeyEvent } from '../../command/effect.ts';
import {
  FIELD_TIME_NEGATIVE,
  FIELDS_MISSING,
  invalidExpireTime,
  NOT_AN_INTEGER,
  NUMFIELDS_MISMATCH,
  type Refusal,
} from '../../resp/refusals.ts';
import { Request } from '../../resp/request.ts';
import { type Replay, viewOf } from '../replay.ts';
import type { TimeUnit } from '../times.ts';
import { isWord } from '../words.ts';
import { DEL_EVENT } from './value.ts';

/** Redis keeps two of its 48 bits for later. */
const FIELD_TIME_MAX = 2 ** 46 - 1;
const FIELDS = bytesOfLatin1('FIELDS');

const FIELD_DOCS: readonly ArgDoc[] = [
  { name: 'numfields', type: 'integer', flags: [] },
  { name: 'field', type: 'string', flags: ['multiple'] },
];
export const FIELDS_DOC: ArgDoc = { name: 'fields', type: 'block', token: 'FIELDS', flags: [], arguments: FIELD_DOCS };

/** The rest of the request; the value is where it begins. */
export function rest(required: number, docs: readonly ArgDoc[]) {
  return custom({ required, docs, parse: (request, at) => ({ end: request.argc, value: at, keys: [] }) });
}

/** The first of the fields that fill the request behind `FIELDS numfields` at an argument. */
export function fieldsFrom(request: Request, at: ArgIndex, notPositive: Refusal): ArgIndex | Refusal {
  if (at >= request.argc || !isWord(request, at, FIELDS)) return FIELDS_MISSING;
  if (at + 1 >= request.argc) return notPositive;
  const count = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
  // NaN is no positive number either.
  if (!(count >= 1)) return notPositive;
  return count === request.argc - at - 2 ? at + 2 : NUMFIELDS_MISMATCH;
}

/** The time that an argument means. `command` is its full name. */
export function fieldTime(
  request: Request,
  at: ArgIndex,
  unit: TimeUnit,
  now_ms: number,
  command: string,
): number | Refusal {
  const given = parseInteger(request.bytes, request.start(at), request.end(at));
  if (Number.isNaN(given)) return NOT_AN_INTEGER;
  if (given < 0) return FIELD_TIME_NEGATIVE;
  const at_ms = given * unit.milliseconds + (unit.relative ? now_ms : 0);
  return at_ms > FIELD_TIME_MAX ? invalidExpireTime(command) : at_ms;
}

const EXPIRED: readonly KeyEvent[] = [{ eventClass: 'hash', name: 'hexpire', key: 1 }];
const DELETED: readonly KeyEvent[] = [{ eventClass: 'hash', name: 'hdel', key: 1 }];
const ALL_DELETED: readonly KeyEvent[] = [{ eventClass: 'hash', name: 'hdel', key: 1 }, DEL_EVENT];

/**
 * Fields that were given a time, or that one already past has deleted: replayed as HPEXPIREAT or HDEL of just those. Used again
 * from command to command.
 */
export class TimedFields implements Changed {
  readonly kind: 'changed';
  events: readonly KeyEvent[];
  private request: Request;
  private at_ms: number;
  private fields: number[];

  constructor() {
    this.kind = 'changed';
    this.events = EXPIRED;
    this.request = new Request();
    this.at_ms = 0;
    this.fields = [];
  }

  begin(request: Request, at_ms: number): void {
    this.request = request;
    this.at_ms = at_ms;
    this.fields = [];
  }

  add(field: ArgIndex): void {
    this.fields.push(field);
  }

  get changes(): number {
    return this.fields.length;
  }

  expired(): this {
    this.events = EXPIRED;
    return this;
  }

  deleted(isGone: boolean): this {
    this.events = isGone ? ALL_DELETED : DELETED;
    return this;
  }

  get replay(): Replay {
    const { request, fields } = this;
    const key = viewOf(request, 1);
    const names = fields.map((field) => viewOf(request, field));
    if (this.events !== EXPIRED) return [['HDEL', key, ...names]];
    return [['HPEXPIREAT', key, this.at_ms.toFixed(0), 'FIELDS', `${names.length}`, ...names]];
  }
}
