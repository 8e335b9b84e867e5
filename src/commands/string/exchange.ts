/** Commands that read a string and change it, or its time to live, in the same step. */
import { after, atMostOne, bytes, integerText, key, token, unixTimeText } from '../../command/args.ts';
import { changed, UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { MISSING, NO_EXPIRY, OK } from '../../engine/database.ts';
import { OOM, WRONG_TYPE } from '../../resp/refusals.ts';
import { find, roomFor } from '../keys.ts';
import { deletion, newExpiry, RewrittenEffect, viewOf } from '../replay.ts';
import { answerValue } from './get.ts';
import { timeOf } from './set.ts';
import { isString, put, writeValue } from './value.ts';

const REPLACED = new RewrittenEffect([{ eventClass: 'string', name: 'set', key: 1 }], (request) => [
  ['SET', viewOf(request, 1), viewOf(request, 2)],
]);
const DELETED = deletion();
const PERSISTED = changed('generic', 'persist');
const PERSISTED_BY_GETEX = new RewrittenEffect(PERSISTED.kind === 'changed' ? PERSISTED.events : [], (request) => [
  ['PERSIST', viewOf(request, 1)],
]);
const EXPIRY_CHANGED = newExpiry();

export const getset = shardCommand({
  name: 'GETSET',
  summary: 'Makes a key a string and answers the one it held before.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'denyoom', 'fast'],
  deprecated: { since: '6.2.0', replacedBy: '`SET` with the `!GET` argument' },
  args: { key: key('RW', 'access', 'update'), value: bytes },
  run({ key, value }, call, out) {
    if (!roomFor(call, key, call.request.length(value))) {
      out.error(OOM);
      return UNCHANGED;
    }
    const before = out.length;
    if (!answerValue(call, find(call, key), out)) return UNCHANGED;
    if (put(call, key, value, NO_EXPIRY)) return REPLACED.of(call.request, NO_EXPIRY);
    out.truncate(before);
    out.error(OOM);
    return UNCHANGED;
  },
});

export const getdel = shardCommand({
  name: 'GETDEL',
  summary: 'Answers the string at a key and deletes the key.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'fast'],
  args: { key: key('RW', 'access', 'delete') },
  run({ key }, call, out) {
    const ref = find(call, key);
    if (!answerValue(call, ref, out) || ref === MISSING) return UNCHANGED;
    call.database.deleteEntry(ref);
    return DELETED.of(call.request, NO_EXPIRY);
  },
});

export const getex = shardCommand({
  name: 'GETEX',
  summary: 'Answers the string at a key and may give the key a new time to live, or none.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'string',
  flags: ['write', 'fast'],
  args: {
    key: key('RW', 'access', 'update'),
    expiration: atMostOne({
      seconds: after('EX', integerText),
      milliseconds: after('PX', integerText),
      unixTimeSeconds: after('EXAT', unixTimeText),
      unixTimeMilliseconds: after('PXAT', unixTimeText),
      persist: token('PERSIST'),
    }),
  },
  run({ key, expiration }, call, out) {
    const { database, request } = call;
    const ref = find(call, key);
    if (ref === MISSING) {
      out.null();
      return UNCHANGED;
    }
    if (!isString(database, ref)) {
      out.error(WRONG_TYPE);
      return UNCHANGED;
    }
    const at_ms = timeOf(expiration, call, 'getex');
    if (typeof at_ms !== 'number') {
      out.error(at_ms);
      return UNCHANGED;
    }
    const before = out.length;
    writeValue(database, ref, out);
    if (expiration === undefined) return UNCHANGED;
    if (expiration.kind === 'persist') {
      return database.persist(ref) ? PERSISTED_BY_GETEX.of(request, NO_EXPIRY) : UNCHANGED;
    }
    if (at_ms <= call.now_ms) {
      database.deleteEntry(ref);
      return DELETED.of(request, at_ms);
    }
    if (database.setExpiry(ref, at_ms) === OK) return EXPIRY_CHANGED.of(request, at_ms);
    out.truncate(before);
    out.error(OOM);
    return UNCHANGED;
  },
});
