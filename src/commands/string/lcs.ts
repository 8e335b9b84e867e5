/** LCS: the longest common subsequence of two strings. The reply's grammar lives here, the algorithm in subsequence.ts. */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { STRING_BYTES_MAX } from '../../base/limits.ts';
import { type ArgIndex, custom, READS } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import {
  LCS_LEN_WITH_IDX,
  LCS_NOT_STRINGS,
  LCS_TOO_LARGE,
  NOT_AN_INTEGER,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { find } from '../keys.ts';
import { type Match, Subsequence } from './subsequence.ts';
import { isString } from './value.ts';

/** Redis fills a table of so many bytes per pair of positions and refuses when it would pass `proto-max-bulk-len`. */
const TABLE_CELL_BYTES = 4;
const LEN = bytesOfLatin1('LEN');
const IDX = bytesOfLatin1('IDX');
const WITHMATCHLEN = bytesOfLatin1('WITHMATCHLEN');
const MINMATCHLEN = bytesOfLatin1('MINMATCHLEN');

/** Both keys as one key specification, which is how Redis describes them. */
const twoKeys = custom({
  required: 2,
  parse: (_request, at) => ({
    end: at + 2,
    value: undefined,
    keys: [
      { at, access: READS },
      { at: at + 1, access: READS },
    ],
  }),
  keySpecs: [
    {
      flags: ['RO', 'access'],
      begin: { kind: 'index', index: 1 },
      find: { kind: 'range', lastKey: 1, step: 1, limit: 0 },
    },
  ],
  docs: [
    { name: 'key1', type: 'key', keySpecIndex: 0, flags: [] },
    { name: 'key2', type: 'key', keySpecIndex: 0, flags: [] },
  ],
});

/** The string at a key, empty when missing; undefined when it is no string. A view into the arena. */
function stringAt(call: ShardCall, key: ArgIndex): Uint8Array | undefined {
  const database = call.database;
  const ref = find(call, key);
  if (ref === MISSING) return new Uint8Array(0);
  if (!isString(database, ref)) return undefined;
  const start = database.valueStart(ref);
  return database.valueBytes(ref).subarray(start, start + database.valueLength(ref));
}

/** Taken as they come: Redis looks at the keys before it looks at the options, so a refusal must wait for the handler. */
const options = custom({
  required: 0,
  parse: (request, at) => ({ end: request.argc, value: at, keys: [] }),
  docs: [
    { name: 'len', type: 'pure-token', token: 'LEN', flags: ['optional'] },
    { name: 'idx', type: 'pure-token', token: 'IDX', flags: ['optional'] },
    { name: 'len', type: 'integer', token: 'MINMATCHLEN', flags: ['optional'] },
    { name: 'withmatchlen', type: 'pure-token', token: 'WITHMATCHLEN', flags: ['optional'] },
  ],
});

interface Options {
  readonly onlyLength: boolean;
  readonly positions: boolean;
  readonly withLengths: boolean;
  /** Shorter matches are not listed. */
  readonly least: number;
}

function optionsFrom(request: Request, first: ArgIndex): Options | Refusal {
  let onlyLength = false;
  let positions = false;
  let withLengths = false;
  let least = 0;
  const is = (at: ArgIndex, word: Uint8Array) => spells(request.bytes, request.start(at), request.end(at), word);
  for (let at = first; at < request.argc; at++) {
    if (is(at, LEN)) onlyLength = true;
    else if (is(at, IDX)) positions = true;
    else if (is(at, WITHMATCHLEN)) withLengths = true;
    else if (is(at, MINMATCHLEN) && at + 1 < request.argc) {
      at++;
      least = parseInteger(request.bytes, request.start(at), request.end(at));
      if (Number.isNaN(least)) return NOT_AN_INTEGER;
    } else return SYNTAX_ERROR;
  }
  if (onlyLength && positions) return LCS_LEN_WITH_IDX;
  return { onlyLength, positions, withLengths, least };
}

export const lcs = shardCommand({
  name: 'LCS',
  summary: 'Finds the longest common subsequence of the strings at two keys.',
  since: '7.0.0',
  complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
  group: 'string',
  flags: ['readonly'],
  args: { keys: twoKeys, options },
  run({ options }, call, out) {
    const a = stringAt(call, 1);
    const b = stringAt(call, 2);
    const asked = a === undefined || b === undefined ? LCS_NOT_STRINGS : optionsFrom(call.request, options.value);
    if ('text' in asked || a === undefined || b === undefined) out.error('text' in asked ? asked : LCS_NOT_STRINGS);
    else if ((a.length + 1) * (b.length + 1) * TABLE_CELL_BYTES > STRING_BYTES_MAX) out.error(LCS_TOO_LARGE);
    else answer(new Subsequence(a, b, !asked.onlyLength), asked, out);
    return UNCHANGED;
  },
});

function answer(found: Subsequence, asked: Options, out: ReplyWriter): void {
  if (asked.onlyLength) return out.integer(found.length);
  if (!asked.positions) return out.bulkBytes(found.text());
  const matches = found.matches().filter((match) => match.aEnd - match.aStart + 1 >= asked.least);
  out.map(2);
  out.bulkText('matches');
  out.array(matches.length);
  for (const match of matches) writeMatch(match, asked.withLengths, out);
  out.bulkText('len');
  out.integer(found.length);
}

function writeMatch(match: Match, withLength: boolean, out: ReplyWriter): void {
  out.array(withLength ? 3 : 2);
  out.array(2);
  out.integer(match.aStart);
  out.integer(match.aEnd);
  out.array(2);
  out.integer(match.bStart);
  out.integer(match.bEnd);
  if (withLength) out.integer(match.aEnd - match.aStart + 1);
}
