/** The arguments of XREAD and XREADGROUP, up to where the IDs begin, which only the handler can read. */

import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { type Arg, type ArgDoc, type ArgIndex, type CustomParse, custom, READS } from '../../command/args.ts';
import {
  NOT_AN_INTEGER,
  type Refusal,
  SYNTAX_ERROR,
  TIMEOUT_NEGATIVE,
  TIMEOUT_NOT_AN_INTEGER,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import { XREAD_GROUP, XREAD_NOACK, XREAD_UNBALANCED, XREADGROUP_WITHOUT_GROUP } from '../../resp/stream-refusals.ts';
import { isWord } from '../words.ts';

const BLOCK = bytesOfLatin1('BLOCK');
const COUNT = bytesOfLatin1('COUNT');
const STREAMS = bytesOfLatin1('STREAMS');
const GROUP = bytesOfLatin1('GROUP');
const NOACK = bytesOfLatin1('NOACK');

export interface ReadOptions {
  /** Entries of each stream; 0 = all. */
  readonly count: number;
  /** How long to wait, 0 for ever; undefined: not at all. */
  readonly block_ms: number | undefined;
  /** Position of the group, the consumer behind it; 0 without. */
  readonly group: ArgIndex;
  readonly noack: boolean;
  /** Position of the first key; as many IDs as keys come behind them. */
  readonly keys: ArgIndex;
  readonly streams: number;
}

type Mutable = { -readonly [Name in keyof ReadOptions]: ReadOptions[Name] };

function parse(request: Request, from: ArgIndex, isGroupRead: boolean): ReadOptions | Refusal {
  const { argc } = request;
  const options: Mutable = { count: 0, block_ms: undefined, group: 0, noack: false, keys: 0, streams: 0 };
  for (let at = from; at < argc && options.keys === 0; ) {
    const taken = takeOption(request, at, isGroupRead, options);
    if (typeof taken !== 'number') return taken;
    at += taken;
  }
  if (options.keys === 0) return SYNTAX_ERROR;
  return isGroupRead && options.group === 0 ? XREADGROUP_WITHOUT_GROUP : options;
}

/** @returns how many arguments the option takes. */
function takeOption(request: Request, at: ArgIndex, isGroupRead: boolean, options: Mutable): number | Refusal {
  const more = request.argc - at - 1;
  if (more >= 1 && isWord(request, at, BLOCK)) {
    const wait_ms = integerAt(request, at + 1);
    if (Number.isNaN(wait_ms)) return TIMEOUT_NOT_AN_INTEGER;
    options.block_ms = wait_ms;
    return wait_ms < 0 ? TIMEOUT_NEGATIVE : 2;
  }
  if (more >= 1 && isWord(request, at, COUNT)) {
    const count = integerAt(request, at + 1);
    options.count = Math.max(0, count);
    return Number.isNaN(count) ? NOT_AN_INTEGER : 2;
  }
  if (more >= 1 && isWord(request, at, STREAMS)) {
    options.keys = at + 1;
    options.streams = more / 2;
    return more % 2 === 0 ? more : XREAD_UNBALANCED;
  }
  if (more >= 2 && isWord(request, at, GROUP)) {
    options.group = at + 1;
    return isGroupRead ? 3 : XREAD_GROUP;
  }
  if (!isWord(request, at, NOACK)) return SYNTAX_ERROR;
  options.noack = true;
  return isGroupRead ? 1 : XREAD_NOACK;
}

function integerAt(request: Request, at: ArgIndex): number {
  return parseInteger(request.bytes, request.start(at), request.end(at));
}

const countDoc: ArgDoc = { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] };
const blockDoc: ArgDoc = { name: 'milliseconds', type: 'integer', token: 'BLOCK', flags: ['optional'] };
const noackDoc: ArgDoc = { name: 'noack', type: 'pure-token', token: 'NOACK', flags: ['optional'] };

const streamsDoc: ArgDoc = {
  name: 'streams',
  type: 'block',
  token: 'STREAMS',
  flags: [],
  arguments: [
    { name: 'key', type: 'key', keySpecIndex: 0, flags: ['multiple'] },
    { name: 'id', type: 'string', flags: ['multiple'] },
  ],
};

const groupDoc: ArgDoc = {
  name: 'group_consumer',
  type: 'block',
  token: 'GROUP',
  flags: [],
  arguments: [
    { name: 'group', type: 'string', flags: [] },
    { name: 'consumer', type: 'string', flags: [] },
  ],
};

/** All arguments of XREAD, or of XREADGROUP. */
export function readOptions(isGroupRead: boolean): Arg<CustomParse<ReadOptions>> {
  return custom({
    required: isGroupRead ? 6 : 3,
    parse(request, at) {
      const options = parse(request, at, isGroupRead);
      if ('text' in options) return options;
      const keys: { at: ArgIndex; access: number }[] = [];
      for (let i = 0; i < options.streams; i++) keys.push({ at: options.keys + i, access: READS });
      return { end: request.argc, value: options, keys };
    },
    keySpecs: [
      {
        flags: ['RO', 'access'],
        begin: { kind: 'keyword', keyword: 'STREAMS', startFrom: isGroupRead ? 4 : 1 },
        find: { kind: 'range', lastKey: -1, step: 1, limit: 2 },
      },
    ],
    docs: isGroupRead ? [groupDoc, countDoc, blockDoc, noackDoc, streamsDoc] : [countDoc, blockDoc, streamsDoc],
  });
}
