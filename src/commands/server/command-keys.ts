/**
 * COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a command given as arguments. They come from that command's own
 * parser, the one that feeds ACL and routing, so what is answered here is what is decided there.
 */
import type { KeyFlag, KeySpec } from '../../command/args.ts';
import { EVERY_KEY, READS, WRITES } from '../../command/args.ts';
import { type Command, KeyList } from '../../command/command.ts';
import type { SessionCall } from '../../command/spec.ts';
import {
  GETKEYS_INVALID_ARGUMENTS,
  GETKEYS_INVALID_COMMAND,
  GETKEYS_INVALID_COUNT,
  GETKEYS_NO_KEYS,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { Request } from '../../resp/request.ts';
import { writeFlags } from './command-reply.ts';

/** Position of the inner command's name in `COMMAND GETKEYS name …`. */
const INNER_FIRST = 2;

/** The order in which redis lists the flags of a key. */
const FLAG_ORDER: readonly KeyFlag[] = [
  'RO',
  'RW',
  'OW',
  'RM',
  'access',
  'update',
  'insert',
  'delete',
  'not_key',
  'incomplete',
  'variable_flags',
];

export function answerKeys({ server, request }: SessionCall, out: ReplyWriter, withFlags: boolean): void {
  const inner = innerRequest(request);
  const command = server.table.resolve(inner);
  if (command === undefined) return out.error(GETKEYS_INVALID_COMMAND);
  if (command.fixedKey === 0) return out.error(GETKEYS_NO_KEYS);
  if (!command.arityHolds(inner.argc)) return out.error(GETKEYS_INVALID_COUNT);
  const found = new KeyList();
  const keys = new KeyList();
  command.parse(inner);
  command.keys(inner, found);
  for (let i = 0; i < found.count; i++) {
    const access = found.access[i] as number;
    if ((access & EVERY_KEY) === 0) keys.add(found.at[i] as number, access);
  }
  if (keys.count === 0) {
    if (command.flags.includes('no_mandatory_keys')) return out.array(0);
    return out.error(GETKEYS_INVALID_ARGUMENTS);
  }
  out.array(keys.count);
  for (let i = 0; i < keys.count; i++) {
    const at = keys.at[i] as number;
    if (withFlags) out.array(2);
    out.bulk(inner.bytes, inner.start(at), inner.end(at));
    if (withFlags) writeFlags(out, flagsOf(command, inner, at, keys.access[i] as number));
  }
}

/** The same bytes seen from the third argument on. */
function innerRequest(request: Request): Request {
  const inner = new Request();
  inner.bytes = request.bytes;
  inner.argc = request.argc - INNER_FIRST;
  inner.offsets = request.offsets.slice(2 * INNER_FIRST, 2 * request.argc);
  return inner;
}

function flagsOf(command: Command, request: Request, at: number, access: number): readonly string[] {
  const spec = command.keySpecs.find((candidate) => covers(candidate, request, at)) ?? command.keySpecs[0];
  const declared = spec?.flags ?? [];
  const flags: readonly KeyFlag[] = declared.includes('variable_flags') ? flagsOfAccess(access) : declared;
  return FLAG_ORDER.filter((flag) => flags.includes(flag));
}

/** For keys whose treatment an option decides, as SET's by GET. */
function flagsOfAccess(access: number): readonly KeyFlag[] {
  if (access === READS) return ['RO', 'access'];
  return access === WRITES ? ['OW', 'update'] : ['RW', 'access', 'update'];
}

function covers(spec: KeySpec, request: Request, at: number): boolean {
  if (spec.begin.kind !== 'index') return false;
  const first = spec.begin.index;
  if (spec.find.kind === 'keynum') return at > first;
  if (spec.find.kind !== 'range') return false;
  const last = spec.find.lastKey < 0 ? request.argc + spec.find.lastKey : first + spec.find.lastKey;
  return at >= first && at <= last;
}
