/** PFDEBUG and PFSELFTEST: a look inside HyperLogLogs, for tests and the curious. */

import { foldedText } from '../../base/ascii.ts';
import { bytes, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { Encoding, MISSING } from '../../engine/database.ts';
import {
  HYPERLOGLOG_CORRUPTED,
  HYPERLOGLOG_NOT_SPARSE,
  KEY_DOES_NOT_EXIST,
  type Refusal,
  refusal,
  unknownPfdebugSubcommand,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { findForWrite } from '../keys.ts';
import { refused } from '../refused.ts';
import { denseRegister } from './dense.ts';
import { HEADER_BYTES, REGISTERS, SPARSE_BYTES_MAX } from './layout.ts';
import { selfTestFailure } from './self-test.ts';
import { rankOf, runOf, widthOf } from './sparse.ts';
import { isDense, kindRefusal, load, store } from './value.ts';
import { WorkingHyperloglog } from './working.ts';

/** Redis tells nobody of it, but the bytes are others. */
const CONVERTED: Effect = { kind: 'changed', changes: 1, events: [], replay: undefined };
const KEY = 2;
const working = new WorkingHyperloglog();

/** Makes a sparse value dense. Undefined: it is now. */
function densify(call: ShardCall, ref: number): Refusal | undefined {
  if (!load(call.database, ref, working) || !working.makeDense()) return HYPERLOGLOG_CORRUPTED;
  return store(call, KEY, ref, working);
}

function answerRegisters(call: ShardCall, out: ReplyWriter): void {
  const { database } = call;
  const ref = findForWrite(call, KEY);
  const at = database.valueStart(ref) + HEADER_BYTES;
  out.array(REGISTERS);
  for (let i = 0; i < REGISTERS; i++) out.integer(denseRegister(database.valueBytes(ref), at, i));
}

/** The runs as Redis spells them: `z:12` and `Z:12` zeros by short and long opcode, `v:3,2` two registers of 3. */
function answerRuns(call: ShardCall, ref: number, out: ReplyWriter): void {
  const { database } = call;
  const length = database.valueLength(ref);
  if (length > SPARSE_BYTES_MAX) return out.error(HYPERLOGLOG_CORRUPTED);
  const bytesHere = database.valueBytes(ref);
  const start = database.valueStart(ref);
  const runs: string[] = [];
  for (let at = start + HEADER_BYTES; at < start + length; ) {
    const first = bytesHere[at] as number;
    const run = runOf(bytesHere, at, start + length);
    if (run === 0) return out.error(HYPERLOGLOG_CORRUPTED);
    if (first >= 0x80) runs.push(`v:${rankOf(first)},${run}`);
    else runs.push(`${widthOf(first) === 1 ? 'z' : 'Z'}:${run}`);
    at += widthOf(first);
  }
  out.bulkText(runs.join(' '));
}

function look(call: ShardCall, ref: number, subcommand: string, out: ReplyWriter): Effect {
  const wasDense = isDense(call.database, ref);
  call.database.setEncoding(ref, Encoding.raw);
  switch (subcommand) {
    case 'encoding':
      out.simple(wasDense ? 'dense' : 'sparse');
      return UNCHANGED;
    case 'decode':
      if (wasDense) out.error(HYPERLOGLOG_NOT_SPARSE);
      else answerRuns(call, ref, out);
      return UNCHANGED;
    case 'getreg':
    case 'todense': {
      const failure = wasDense ? undefined : densify(call, ref);
      if (failure !== undefined) return refused(out, failure);
      if (subcommand === 'getreg') answerRegisters(call, out);
      else out.integer(wasDense ? 0 : 1);
      return wasDense ? UNCHANGED : CONVERTED;
    }
    default:
      return refused(out, unknownPfdebugSubcommand(call.request.text(1)));
  }
}

export const pfdebug = shardCommand({
  name: 'PFDEBUG',
  summary: 'Shows how a HyperLogLog is kept, or makes it dense.',
  since: '2.8.9',
  complexity: 'N/A',
  group: 'hyperloglog',
  flags: ['write', 'denyoom', 'admin'],
  args: { subcommand: bytes, key: key('RW', 'access') },
  run({ subcommand, key }, call, out) {
    const { database, request } = call;
    const ref = findForWrite(call, key);
    if (ref === MISSING) return refused(out, KEY_DOES_NOT_EXIST);
    const why = kindRefusal(database, ref);
    if (why !== undefined) return refused(out, why);
    return look(call, ref, foldedText(request.bytes, request.start(subcommand), request.end(subcommand)), out);
  },
});

export const pfselftest = shardCommand({
  name: 'PFSELFTEST',
  summary: 'Tests registers, both representations and the error of estimates.',
  since: '2.8.9',
  complexity: 'N/A',
  group: 'hyperloglog',
  flags: ['admin'],
  // It is the process that is tested, some milliseconds long: no business of a tenant.
  ceiling: 'operator',
  fanout: { split: 'shards', merge: 'ok' },
  args: {},
  run(_args, _call, out) {
    const failure = selfTestFailure();
    if (failure === undefined) out.ok();
    else out.error(refusal(`TESTFAILED ${failure}`));
    return UNCHANGED;
  },
});
