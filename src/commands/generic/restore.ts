/**
 * RESTORE: makes a key of a DUMP payload. The payload may be anything: it is read and checked whole, within the bounds on
 * values and the budget, before the database is touched.
 */
import { INT64_MAX, parseBigInteger, parseInteger } from '../../base/integer.ts';
import { type ArgIndex, bytes, integerText, key } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_EXPIRY, OK, type Outcome } from '../../engine/database.ts';
import { isPayload, readPayload } from '../../rdb/payload.ts';
import { type RdbBounds, RdbReader } from '../../rdb/reader.ts';
import { LoadedValue } from '../../rdb/value.ts';
import {
  BAD_DATA_FORMAT,
  BUSY_KEY,
  DUMP_PAYLOAD_WRONG,
  INVALID_TTL,
  NOT_AN_INTEGER,
  OOM,
  type Refusal,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import { findForWrite, roomFor } from '../keys.ts';
import { deletion, RewrittenEffect, viewOf } from '../replay.ts';
import { lengthRefusal } from '../string/value.ts';
import { timeText } from '../times.ts';
import { type Access, restoreOptions } from './restore-options.ts';

const RESTORED = changed('generic', 'restore');
const DELETED = deletion();

/** The same request with the time it ends at. */
const RESTORED_WITH_TIME = new RewrittenEffect(
  [{ eventClass: 'generic', name: 'restore', key: 1 }],
  (request, at_ms) => [['RESTORE', viewOf(request, 1), timeText(at_ms), ...wordsFrom(request, 3), 'ABSTTL']],
);

function wordsFrom(request: Request, at: ArgIndex): Uint8Array[] {
  return Array.from({ length: request.argc - at }, (_, i) => viewOf(request, at + i));
}

const value = new LoadedValue();
const NO_BOUNDS: RdbBounds = { bytesMax: 0, room: () => false };
const reader = new RdbReader(NO_BOUNDS);

/** When the key ends: NO_EXPIRY without end, 0 when that is over already; or why the time is refused. */
function endOf(request: Request, at: ArgIndex, absolute: boolean, now_ms: number): number | Refusal {
  const given = parseInteger(request.bytes, request.start(at), request.end(at));
  if (Number.isNaN(given)) return NOT_AN_INTEGER;
  if (given < 0) return INVALID_TTL;
  if (given === 0) return NO_EXPIRY;
  if (absolute) return given > now_ms ? given : 0;
  if (Number.isSafeInteger(given + now_ms)) return given + now_ms;
  const exact = parseBigInteger(request.bytes, request.start(at), request.end(at)) ?? 0n;
  // Redis lets the sum overflow, and the time is over.
  return exact + BigInt(now_ms) > INT64_MAX ? 0 : given + now_ms;
}

function boundsOf(call: ShardCall, key: ArgIndex): RdbBounds {
  return {
    bytesMax: Math.min(call.shard.world.valueBytesMax, call.realm.valueBytesMax),
    room: (bytes) => roomFor(call, key, bytes),
  };
}

/** Why a payload could not be read. */
function refusalOf(call: ShardCall): Refusal {
  switch (reader.failure) {
    case 'no room':
      return OOM;
    case 'too long':
      return lengthRefusal(call, reader.refusedBytes) ?? OOM;
    default:
      return BAD_DATA_FORMAT;
  }
}

/** Reads the payload into `value`. */
function load(call: ShardCall, key: ArgIndex, payload: ArgIndex): Refusal | undefined {
  const { request } = call;
  const start = request.start(payload);
  const end = request.end(payload);
  if (!isPayload(request.bytes, start, end)) return DUMP_PAYLOAD_WRONG;
  const bounds = boundsOf(call, key);
  const isRead = readPayload(reader, request.bytes, start, end, bounds, value, call.database);
  return isRead ? undefined : refusalOf(call);
}

/** The value may stand under another name on its way: whoever is told of new keys hears of none before it is there. */
function store({ request, database, shard: { world } }: ShardCall, key: ArgIndex, end_ms: number): Outcome {
  const { tellsNew } = world;
  world.tellsNew = false;
  const outcome = value.store(database, request.bytes, request.start(key), request.end(key), end_ms);
  world.tellsNew = tellsNew;
  return outcome;
}

/** What was restored is a new key, whatever was there before: told, and unless said used as little, as any. */
function welcome(call: ShardCall, key: ArgIndex, access: Access | undefined): void {
  const { realm, request, database, databaseNumber } = call;
  const { world } = call.shard;
  const start = request.start(key);
  const end = request.end(key);
  const ref = database.peek(request.bytes, start, end);
  if (ref === MISSING) return;
  const lfu = realm.usesLfu();
  world.renew(ref, lfu);
  if (access?.kind === 'idletime') world.setAccess(ref, lfu, access.value, -1);
  if (access?.kind === 'freq') world.setAccess(ref, lfu, -1, access.value);
  if (world.tellsNew) world.listener.created?.(realm.number, databaseNumber, request.bytes, start, end);
}

/** Stores `value`, or, when its time is over already, leaves nothing under the key. */
function settle(call: ShardCall, key: ArgIndex, end_ms: number, access: Access | undefined): Effect | Refusal {
  const { request, database } = call;
  const start = request.start(key);
  const end = request.end(key);
  if (end_ms === 0) return database.delete(request.bytes, start, end) ? DELETED.of(request, 0) : UNCHANGED;
  // Asked again, as a short integer is read without asking.
  if (!roomFor(call, key, value.end - value.start) || store(call, key, end_ms) !== OK) return OOM;
  welcome(call, key, access);
  return RESTORED;
}

function isEffect(result: Effect | Refusal): result is Effect {
  return 'kind' in result;
}

export const restore = shardCommand({
  name: 'RESTORE',
  summary: 'Makes a key of what DUMP has given.',
  since: '2.6.0',
  complexity: 'O(N), N being the bytes of the payload.',
  group: 'generic',
  flags: ['write', 'denyoom'],
  categories: ['keyspace', 'dangerous'],
  history: [
    ['3.0.0', 'Added the `REPLACE` modifier.'],
    ['5.0.0', 'Added the `ABSTTL` modifier.'],
    ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
  ],
  args: {
    key: key('OW', 'update'),
    ttl: integerText,
    serializedValue: bytes,
    options: restoreOptions,
  },
  run({ key, ttl, serializedValue, options }, call, out) {
    const { replace, absttl, access } = options.value;
    const { request } = call;
    const refuse = (refusal: Refusal): Effect => {
      out.error(refusal);
      return UNCHANGED;
    };
    if (!replace && findForWrite(call, key) !== MISSING) return refuse(BUSY_KEY);
    const end_ms = endOf(request, ttl, absttl, call.now_ms);
    if (typeof end_ms !== 'number') return refuse(end_ms);
    const problem = load(call, key, serializedValue);
    const result = problem ?? settle(call, key, end_ms, access);
    value.drop();
    reader.close();
    if (!isEffect(result)) return refuse(result);
    out.ok();
    return result === RESTORED && end_ms > 0 && !absttl ? RESTORED_WITH_TIME.of(request, end_ms) : result;
  },
});
