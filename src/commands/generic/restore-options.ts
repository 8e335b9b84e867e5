/**
 * The options of RESTORE. They are read in the order in which they stand, as the first that is wrong decides what is
 * answered: a number is looked at before the option behind it.
 */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, type CustomParse, custom } from '../../command/args.ts';
import { INVALID_FREQ, INVALID_IDLETIME, NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import { isWord } from '../words.ts';

/** How recently, or how often, the value was used where it comes from. */
export interface Access {
  readonly kind: 'idletime' | 'freq';
  readonly value: number;
}

interface RestoreOptions {
  readonly replace: boolean;
  readonly absttl: boolean;
  readonly access: Access | undefined;
}

const REPLACE = bytesOfLatin1('REPLACE');
const ABSTTL = bytesOfLatin1('ABSTTL');
const IDLETIME = bytesOfLatin1('IDLETIME');
const FREQ = bytesOfLatin1('FREQ');
const FREQ_MAX = 255;

/** The access that stands at a position with its value, or why not. */
function accessAt(request: Request, at: ArgIndex, earlier: Access | undefined): Access | Refusal {
  const kind = isWord(request, at, IDLETIME) ? 'idletime' : isWord(request, at, FREQ) ? 'freq' : undefined;
  if (kind === undefined || at + 1 === request.argc) return SYNTAX_ERROR;
  if (earlier !== undefined && earlier.kind !== kind) return SYNTAX_ERROR;
  const value = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
  if (Number.isNaN(value)) return NOT_AN_INTEGER;
  if (kind === 'idletime' && value < 0) return INVALID_IDLETIME;
  if (kind === 'freq' && (value < 0 || value > FREQ_MAX)) return INVALID_FREQ;
  return { kind, value };
}

function parse(request: Request, from: ArgIndex): CustomParse<RestoreOptions> | Refusal {
  let replace = false;
  let absttl = false;
  let access: Access | undefined;
  for (let at = from; at < request.argc; at++) {
    if (isWord(request, at, REPLACE)) replace = true;
    else if (isWord(request, at, ABSTTL)) absttl = true;
    else {
      const found = accessAt(request, at, access);
      if (!('kind' in found)) return found;
      access = found;
      at++;
    }
  }
  return { end: request.argc, value: { replace, absttl, access }, keys: [] };
}

export const restoreOptions = custom({
  required: 0,
  parse,
  docs: [
    { name: 'replace', type: 'pure-token', token: 'REPLACE', flags: ['optional'] },
    { name: 'absttl', type: 'pure-token', token: 'ABSTTL', flags: ['optional'] },
    { name: 'seconds', type: 'integer', token: 'IDLETIME', flags: ['optional'] },
    { name: 'frequency', type: 'integer', token: 'FREQ', flags: ['optional'] },
  ],
});
