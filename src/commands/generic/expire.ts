/**
 * EXPIRE and its kin: giving keys a time to live.
 *
 * Hot path: EXPIRE without options allocates nothing. Guarded by `bench/command.ts`.
 */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgIndex, type CustomParse, custom, integerText, key, unixTimeText } from '../../command/args.ts';
import { changed, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { type Database, MISSING, OK } from '../../engine/database.ts';
import {
  EXPIRE_GT_LT_CONFLICT,
  EXPIRE_NX_CONFLICT,
  OOM,
  type Refusal,
  unsupportedOption,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { deletion, newExpiry } from '../replay.ts';
import { expireTime, MILLISECONDS, SECONDS, type TimeUnit, UNIX_MILLISECONDS, UNIX_SECONDS } from '../times.ts';

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;
const WORDS = ['NX', 'XX', 'GT', 'LT'].map((word, index) => ({ word: bytesOfLatin1(word), bit: 1 << index }));
/** The key and the time stand in front. */
const OPTIONS_FROM = 3;
const NO_OPTIONS: CustomParse<number> = { end: OPTIONS_FROM, value: 0, keys: [] };

const DELETED = deletion();
const EXPIRY_CHANGED = newExpiry();
const PERSISTED = changed('generic', 'persist');

/** Unlike elsewhere several options may stand together (`XX GT`), and a wrong word is named in the refusal. */
function parseConditions(request: Request, at: ArgIndex): CustomParse<number> | Refusal {
  if (at === request.argc) return NO_OPTIONS;
  let bits = 0;
  for (let i = at; i < request.argc; i++) {
    const known = WORDS.find(({ word }) => spells(request.bytes, request.start(i), request.end(i), word));
    if (known === undefined) return unsupportedOption(request.text(i));
    bits |= known.bit;
  }
  if ((bits & NX) !== 0 && bits !== NX) return EXPIRE_NX_CONFLICT;
  if ((bits & GT) !== 0 && (bits & LT) !== 0) return EXPIRE_GT_LT_CONFLICT;
  return { end: request.argc, value: bits, keys: [] };
}

const conditions = custom({
  required: 0,
  parse: parseConditions,
  docs: [
    {
      name: 'condition',
      type: 'oneof',
      flags: ['optional'],
      arguments: WORDS.map(({ word }) => {
        const text = Buffer.from(word).toString('latin1');
        return { name: text.toLowerCase(), type: 'pure-token', token: text, flags: [] };
      }),
    },
  ],
});

function allowed(bits: number, current_ms: number, at_ms: number): boolean {
  const has = current_ms >= 0;
  if ((bits & NX) !== 0 && has) return false;
  if ((bits & XX) !== 0 && !has) return false;
  // No time to live counts as one without end.
  if ((bits & GT) !== 0 && (!has || at_ms <= current_ms)) return false;
  return (bits & LT) === 0 || !has || at_ms < current_ms;
}

function expireKey(
  call: ShardCall,
  key: ArgIndex,
  time: ArgIndex,
  bits: number,
  unit: TimeUnit,
  command: string,
  out: ReplyWriter,
): Effect {
  const { request, database } = call;
  const at_ms = expireTime(request, time, unit, call.now_ms, command);
  if (typeof at_ms !== 'number') {
    out.error(at_ms);
    return UNCHANGED;
  }
  const ref = database.findForWrite(request.bytes, request.start(key), request.end(key));
  if (ref === MISSING || (bits !== 0 && !allowed(bits, database.expireAt(ref), at_ms))) {
    out.integer(0);
    return UNCHANGED;
  }
  return settle(call, database, ref, at_ms, out);
}

/** A time already past deletes at once. */
function settle(call: ShardCall, database: Database, ref: number, at_ms: number, out: ReplyWriter): Effect {
  if (at_ms <= call.now_ms) {
    database.deleteEntry(ref);
    out.integer(1);
    return DELETED.of(call.request, at_ms);
  }
  if (database.setExpiry(ref, at_ms) !== OK) {
    out.error(OOM);
    return UNCHANGED;
  }
  out.integer(1);
  return EXPIRY_CHANGED.of(call.request, at_ms);
}

const SHARED = {
  complexity: 'O(1)',
  group: 'generic',
  flags: ['write', 'fast'],
  categories: ['keyspace'],
  history: [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']],
} as const;

export const expire = shardCommand({
  ...SHARED, // cold: declared once
  name: 'EXPIRE',
  summary: 'Gives a key a time to live in seconds.',
  since: '1.0.0',
  args: { key: key('RW', 'update'), seconds: integerText, condition: conditions },
  run: ({ key, seconds, condition }, call, out) =>
    expireKey(call, key, seconds, condition.value, SECONDS, 'expire', out),
});

export const pexpire = shardCommand({
  ...SHARED, // cold: declared once
  name: 'PEXPIRE',
  summary: 'Gives a key a time to live in milliseconds.',
  since: '2.6.0',
  args: { key: key('RW', 'update'), milliseconds: integerText, condition: conditions },
  run: ({ key, milliseconds, condition }, call, out) =>
    expireKey(call, key, milliseconds, condition.value, MILLISECONDS, 'pexpire', out),
});

export const expireat = shardCommand({
  ...SHARED, // cold: declared once
  name: 'EXPIREAT',
  summary: 'Lets a key live until a Unix time in seconds.',
  since: '1.2.0',
  args: { key: key('RW', 'update'), unixTimeSeconds: unixTimeText, condition: conditions },
  run: ({ key, unixTimeSeconds, condition }, call, out) =>
    expireKey(call, key, unixTimeSeconds, condition.value, UNIX_SECONDS, 'expireat', out),
});

export const pexpireat = shardCommand({
  ...SHARED, // cold: declared once
  name: 'PEXPIREAT',
  summary: 'Lets a key live until a Unix time in milliseconds.',
  since: '2.6.0',
  args: { key: key('RW', 'update'), unixTimeMilliseconds: unixTimeText, condition: conditions },
  run: ({ key, unixTimeMilliseconds, condition }, call, out) =>
    expireKey(call, key, unixTimeMilliseconds, condition.value, UNIX_MILLISECONDS, 'pexpireat', out),
});

export const persist = shardCommand({
  name: 'PERSIST',
  summary: 'Takes away the time to live of a key.',
  since: '2.2.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['write', 'fast'],
  categories: ['keyspace'],
  args: { key: key('RW', 'update') },
  run({ key }, call, out) {
    const { request, database } = call;
    const ref = database.findForWrite(request.bytes, request.start(key), request.end(key));
    const changed = ref !== MISSING && database.persist(ref);
    out.integer(changed ? 1 : 0);
    return changed ? PERSISTED : UNCHANGED;
  },
});
