/**
 * The words of SORT behind its key. The same parse tells ACL and routing what else is touched: the key of STORE, and the
 * patterns of BY and GET, which stored values turn into keys nobody can foretell.
 */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import {
  type ArgDoc,
  type ArgIndex,
  type CustomParse,
  EVERY_KEY,
  type KeySpec,
  READS,
  WRITES,
} from '../../command/args.ts';
import { NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';

const STAR = 0x2a;
const word = (text: string) => bytesOfLatin1(text);
const ASC = word('ASC');
const DESC = word('DESC');
const ALPHA = word('ALPHA');
const LIMIT = word('LIMIT');
const STORE = word('STORE');
const BY = word('BY');
const GET = word('GET');
/** GET of the element itself. */
const ITSELF = word('#');

export interface SortOptions {
  readonly descending: boolean;
  readonly alphabetical: boolean;
  /** Of LIMIT: elements to pass over, and how many to answer, negative for all. */
  readonly offset: number;
  readonly count: number;
  /** Position of the pattern; undefined to sort by the elements themselves. */
  readonly by: ArgIndex | undefined;
  /** A pattern without a star: the same for every element, so that there is nothing to sort. */
  readonly unsorted: boolean;
  /** Positions of the patterns of GET. */
  readonly get: readonly ArgIndex[];
  readonly store: ArgIndex | undefined;
}

type Draft = { -readonly [Name in keyof SortOptions]: SortOptions[Name] } & { get: ArgIndex[] };
interface FoundKey {
  readonly at: ArgIndex;
  readonly access: number;
}

function is(request: Request, at: ArgIndex, wanted: Uint8Array): boolean {
  return spells(request.bytes, request.start(at), request.end(at), wanted);
}

export function isItself(request: Request, at: ArgIndex): boolean {
  return is(request, at, ITSELF);
}

/** Whether a pattern has a star before it ends or, as it is a C string to Redis, has a NUL. */
function hasStar(request: Request, at: ArgIndex): boolean {
  for (let i = request.start(at); i < request.end(at) && request.bytes[i] !== 0; i++) {
    if (request.bytes[i] === STAR) return true;
  }
  return false;
}

/** Reads LIMIT's two numbers. */
function readLimit(request: Request, at: ArgIndex, draft: Draft): Refusal | undefined {
  const offset = parseInteger(request.bytes, request.start(at), request.end(at));
  const count = parseInteger(request.bytes, request.start(at + 1), request.end(at + 1));
  if (Number.isNaN(offset) || Number.isNaN(count)) return NOT_AN_INTEGER;
  draft.offset = offset;
  draft.count = count;
  return undefined;
}

/** Reads the pattern of BY or GET. */
function readPattern(request: Request, at: ArgIndex, isBy: boolean, draft: Draft, keys: FoundKey[]): void {
  if (isBy) {
    draft.by = at;
    // One without a star stays in force beside a later one, as in Redis.
    if (!hasStar(request, at)) draft.unsorted = true;
  } else draft.get.push(at);
  const leadsElsewhere = isBy ? hasStar(request, at) : !isItself(request, at);
  if (leadsElsewhere) keys.push({ at, access: READS | EVERY_KEY });
}

/** @param mayStore false for SORT_RO */
export function parseSort(request: Request, from: ArgIndex, mayStore: boolean): CustomParse<SortOptions> | Refusal {
  const draft: Draft = {
    descending: false,
    alphabetical: false,
    offset: 0,
    count: -1,
    by: undefined,
    unsorted: false,
    get: [],
    store: undefined,
  };
  const keys: FoundKey[] = [];
  for (let at = from; at < request.argc; at++) {
    const left = request.argc - at - 1;
    if (is(request, at, ASC)) draft.descending = false;
    else if (is(request, at, DESC)) draft.descending = true;
    else if (is(request, at, ALPHA)) draft.alphabetical = true;
    else if (is(request, at, LIMIT) && left >= 2) {
      const refusal = readLimit(request, at + 1, draft);
      if (refusal !== undefined) return refusal;
      at += 2;
    } else if (is(request, at, STORE) && left >= 1 && mayStore) draft.store = ++at;
    else if (is(request, at, BY) && left >= 1) readPattern(request, ++at, true, draft, keys);
    else if (is(request, at, GET) && left >= 1) readPattern(request, ++at, false, draft, keys);
    else return SYNTAX_ERROR;
  }
  // The last STORE is the one that counts, and the only one.
  if (draft.store !== undefined) keys.push({ at: draft.store, access: WRITES });
  return { end: request.argc, value: draft, keys };
}

const PATTERN_KEYS: KeySpec = {
  flags: ['RO', 'access'],
  begin: { kind: 'unknown' },
  find: { kind: 'unknown' },
  notes: 'Keys that BY and GET lead to: their names come from the elements.',
};
const STORE_KEY: KeySpec = {
  flags: ['OW', 'update'],
  begin: { kind: 'unknown' },
  find: { kind: 'unknown' },
  notes: 'The key of STORE, which may stand anywhere behind the first key.',
};

export const READING_KEYS: readonly KeySpec[] = [PATTERN_KEYS];
export const STORING_KEYS: readonly KeySpec[] = [PATTERN_KEYS, STORE_KEY];

export const READING_DOCS: readonly ArgDoc[] = [
  { name: 'pattern', type: 'pattern', token: 'BY', flags: ['optional'] },
  {
    name: 'offset_count',
    type: 'block',
    token: 'LIMIT',
    flags: ['optional'],
    arguments: [
      { name: 'offset', type: 'integer', flags: [] },
      { name: 'count', type: 'integer', flags: [] },
    ],
  },
  { name: 'pattern', type: 'pattern', token: 'GET', flags: ['optional', 'multiple', 'multiple-token'] },
  {
    name: 'order',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'asc', type: 'pure-token', token: 'ASC', flags: [] },
      { name: 'desc', type: 'pure-token', token: 'DESC', flags: [] },
    ],
  },
  { name: 'sorting', type: 'pure-token', token: 'ALPHA', flags: ['optional'] },
];
export const STORING_DOCS: readonly ArgDoc[] = [
  ...READING_DOCS,
  { name: 'destination', type: 'key', token: 'STORE', keySpecIndex: 2, flags: ['optional'] },
];
