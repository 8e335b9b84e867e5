/** Commands that carry a value to another key or into another database. */
import { equalRanges } from '../../base/bytes.ts';
import { DATABASE_COUNT } from '../../base/limits.ts';
import { type ArgIndex, after, type IntegerBounds, integer, key, token } from '../../command/args.ts';
import { changes, type Effect, type KeyEvent, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING, NO_ROOM, OK } from '../../engine/database.ts';
import { DB_OUT_OF_RANGE, NO_SUCH_KEY, NOT_AN_INT32, NOT_AN_INTEGER, OOM, SAME_OBJECT } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { roomFor } from '../keys.ts';

const DATABASE_NUMBER: IntegerBounds = {
  min: 0,
  max: DATABASE_COUNT - 1,
  notInteger: NOT_AN_INTEGER,
  outOfRange: DB_OUT_OF_RANGE,
  beyondInt32: NOT_AN_INT32,
};

const RENAMED = changes(1, [
  { eventClass: 'generic', name: 'rename_from', key: 1 },
  { eventClass: 'generic', name: 'rename_to', key: 2 },
]);

function sameKey(call: ShardCall, a: ArgIndex, b: ArgIndex): boolean {
  const { request } = call;
  const length = request.length(a);
  const { bytes } = request;
  return length === request.length(b) && equalRanges(bytes, request.start(a), bytes, request.start(b), length);
}

function findForWrite(call: ShardCall, at: ArgIndex): number {
  return call.database.findForWrite(call.request.bytes, call.request.start(at), call.request.end(at));
}

function renameKey(call: ShardCall, from: ArgIndex, to: ArgIndex, onlyNew: boolean, out: ReplyWriter): Effect {
  const { request, database } = call;
  const { bytes } = request;
  const answer = (changed: boolean) => (onlyNew ? out.integer(changed ? 1 : 0) : out.ok());
  if (findForWrite(call, from) === MISSING) {
    out.error(NO_SUCH_KEY);
    return UNCHANGED;
  }
  if (sameKey(call, from, to) || (onlyNew && findForWrite(call, to) !== MISSING)) {
    answer(false);
    return UNCHANGED;
  }
  const outcome = database.rename(
    bytes,
    request.start(from),
    request.end(from),
    bytes,
    request.start(to),
    request.end(to),
  );
  if (outcome !== OK) {
    out.error(OOM);
    return UNCHANGED;
  }
  answer(true);
  return RENAMED;
}

export const rename = shardCommand({
  name: 'RENAME',
  summary: 'Gives a key another name; a key of that name is overwritten.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['write'],
  categories: ['keyspace'],
  args: { key: key('RW', 'access', 'delete'), newkey: key('OW', 'update') },
  run: ({ key, newkey }, call, out) => renameKey(call, key, newkey, false, out),
});

export const renamenx = shardCommand({
  name: 'RENAMENX',
  summary: 'Gives a key another name unless a key of that name exists.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['write', 'fast'],
  categories: ['keyspace'],
  history: [['3.2.0', 'The command no longer returns an error when source and destination names are the same.']],
  args: { key: key('RW', 'access', 'delete'), newkey: key('OW', 'insert') },
  run: ({ key, newkey }, call, out) => renameKey(call, key, newkey, true, out),
});

/** Room for a second copy; what the look-up found is forgotten, as making room may evict it. */
function roomForCopy(call: ShardCall, from: ArgIndex, to: ArgIndex): boolean {
  const { request, database } = call;
  const ref = database.peek(request.bytes, request.start(from), request.end(from));
  return ref === MISSING || roomFor(call, to, database.memoryUsage(ref));
}

export const copy = shardCommand({
  name: 'COPY',
  summary: 'Copies a value and its time to live to another key, in this database or another.',
  since: '6.2.0',
  complexity: 'O(N), N being the bytes of the value.',
  group: 'generic',
  flags: ['write', 'denyoom'],
  categories: ['keyspace'],
  args: {
    source: key('RO', 'access'),
    destination: key('OW', 'update'),
    destinationDb: after('DB', integer(DATABASE_NUMBER)),
    replace: token('REPLACE'),
  },
  run({ source, destination, destinationDb, replace }, call, out) {
    const number = destinationDb ?? call.databaseNumber;
    const { request, database, realm } = call;
    const { bytes } = request;
    if (number === call.databaseNumber && sameKey(call, source, destination)) {
      out.error(SAME_OBJECT);
      return UNCHANGED;
    }
    if (!roomForCopy(call, source, destination)) {
      out.error(OOM);
      return UNCHANGED;
    }
    database.find(bytes, request.start(source), request.end(source));
    const outcome = database.copyTo(
      realm.database(number),
      bytes,
      request.start(source),
      request.end(source),
      bytes,
      request.start(destination),
      request.end(destination),
      replace,
    );
    return answerCarried(outcome, [{ ...COPY_TO, key: destination, databaseNumber: number }], out);
  },
});

const COPY_TO = { eventClass: 'generic', name: 'copy_to' } as const;
const MOVE_FROM = { eventClass: 'generic', name: 'move_from' } as const;
const MOVE_TO = { eventClass: 'generic', name: 'move_to' } as const;

function answerCarried(outcome: number, events: readonly KeyEvent[], out: ReplyWriter): Effect {
  if (outcome === NO_ROOM) {
    out.error(OOM);
    return UNCHANGED;
  }
  out.integer(outcome === OK ? 1 : 0);
  return outcome === OK ? changes(1, events) : UNCHANGED;
}

export const move = shardCommand({
  name: 'MOVE',
  summary: 'Carries a key into another database unless it has such a key.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['write', 'fast'],
  categories: ['keyspace'],
  args: { key: key('RW', 'access', 'update'), db: integer(DATABASE_NUMBER) },
  run({ key, db }, call, out) {
    if (db === call.databaseNumber) {
      out.error(SAME_OBJECT);
      return UNCHANGED;
    }
    const { request, database, realm } = call;
    findForWrite(call, key);
    const outcome = database.moveTo(realm.database(db), request.bytes, request.start(key), request.end(key));
    const events = [
      { ...MOVE_FROM, key },
      { ...MOVE_TO, key, databaseNumber: db },
    ];
    return answerCarried(outcome, events, out);
  },
});
