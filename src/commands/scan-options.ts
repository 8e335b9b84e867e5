/**
 * What the SCAN family shares: cursors, and the options of HSCAN, SSCAN and ZSCAN, which are read by the handler, as Redis
 * looks at the key before it looks at them.
 */
import { spells } from '../base/ascii.ts';
import { bytesOfLatin1 } from '../base/bytes.ts';
import { Glob, matchesEverything } from '../base/glob.ts';
import { parseInteger } from '../base/integer.ts';
import { SCAN_COUNT_MAX } from '../base/limits.ts';
import { type ArgDoc, type ArgIndex, type CustomParse, custom } from '../command/args.ts';
import { INVALID_CURSOR, NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';

/** COUNT when none is given. */
export const SCAN_COUNT = 10;

const CURSOR_MAX = 0xffffffffffffffffn;
const CURSOR_TEXT_MAX = 1024;
const MATCH = bytesOfLatin1('MATCH');
const COUNT = bytesOfLatin1('COUNT');
const NOVALUES = bytesOfLatin1('NOVALUES');

/** What strtoul reads: a sign, digits, or nothing at all, up to a NUL; a minus counts back from 2^64. */
function parseCursor(request: Request, at: ArgIndex): CustomParse<number> | Refusal {
  if (request.length(at) > CURSOR_TEXT_MAX) return INVALID_CURSOR;
  const [text = ''] = request.text(at).split('\0', 1);
  if (!/^(?:[+-]?\d+)?$/.test(text)) return INVALID_CURSOR;
  const magnitude = BigInt(text.replace(/^[+-]/, ''));
  if (magnitude > CURSOR_MAX) return INVALID_CURSOR;
  return { end: at + 1, value: Number(text.startsWith('-') ? BigInt.asUintN(64, -magnitude) : magnitude), keys: [] };
}

/** A cursor, beyond 2^53 the nearest double. */
export const cursorArgument = custom({
  required: 1,
  parse: parseCursor,
  docs: [{ name: 'cursor', type: 'integer', flags: [] }],
});

/** A pattern made ready; undefined when everything matches. */
export function patternAt(request: Request, at: ArgIndex | undefined): Glob | undefined {
  if (at === undefined) return undefined;
  const given = request.copy(at);
  return matchesEverything(given) ? undefined : new Glob(given);
}

export interface ScanOptions {
  readonly glob: Glob | undefined;
  readonly count: number;
  /** HSCAN only. */
  readonly withoutValues: boolean;
}

const DEFAULTS: ScanOptions = { glob: undefined, count: SCAN_COUNT, withoutValues: false };

/** Whether an element is among those that the options ask for. */
export function isWanted(options: ScanOptions, bytes: Uint8Array, start: number, end: number): boolean {
  return options.glob === undefined || options.glob.matchesOfMany(bytes, start, end);
}

/** The options from an argument to the end of the request. */
export function scanOptions(request: Request, from: ArgIndex, mayLeaveValues = false): ScanOptions | Refusal {
  if (from === request.argc) return DEFAULTS;
  let pattern: ArgIndex | undefined;
  let count = SCAN_COUNT;
  let withoutValues = false;
  for (let at = from; at < request.argc; at++) {
    const start = request.start(at);
    const end = request.end(at);
    const hasMore = at + 1 < request.argc;
    if (hasMore && spells(request.bytes, start, end, COUNT)) {
      at++;
      count = parseInteger(request.bytes, request.start(at), request.end(at));
      if (Number.isNaN(count)) return NOT_AN_INTEGER;
      if (count < 1) return SYNTAX_ERROR;
    } else if (hasMore && spells(request.bytes, start, end, MATCH)) pattern = ++at;
    else if (mayLeaveValues && spells(request.bytes, start, end, NOVALUES)) withoutValues = true;
    else return SYNTAX_ERROR;
  }
  return { glob: patternAt(request, pattern), count: Math.min(count, SCAN_COUNT_MAX), withoutValues };
}

const OPTION_DOCS: readonly ArgDoc[] = [
  { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
  { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
];

/** The options as an argument whose value is where they begin: for `scanOptions`, once the key has been looked at. */
export function scanOptionArguments(docs: readonly ArgDoc[] = []) {
  return custom({
    required: 0,
    parse: (request, at) => ({ end: request.argc, value: at, keys: [] }),
    docs: [...OPTION_DOCS, ...docs],
  });
}
