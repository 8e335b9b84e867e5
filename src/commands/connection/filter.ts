/** The filters of CLIENT LIST and CLIENT KILL, read as redis-server reads them and refused in its words. */
import { asciiLower } from '../../base/ascii.ts';
import { parseInteger } from '../../base/integer.ts';
import type { ClientFilter } from '../../command/ports/session.ts';
import {
  BAD_CLIENT_ID,
  INVALID_CLIENT_ID,
  MAXAGE_NOT_AN_INTEGER,
  MAXAGE_NOT_POSITIVE,
  type Refusal,
  SYNTAX_ERROR,
  unknownClientType,
} from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';

/** Position of the first word behind CLIENT and the subcommand. */
const FIRST = 2;

type ClientType = NonNullable<ClientFilter['clientType']>;
const CLIENT_TYPES: ReadonlyMap<string, ClientType> = new Map([
  ['normal', 'normal'],
  ['master', 'master'],
  ['replica', 'replica'],
  ['slave', 'replica'],
  ['pubsub', 'pubsub'],
]);

type Building = { -readonly [Name in keyof ClientFilter]: ClientFilter[Name] };

export function isRefusal(value: object): value is Refusal {
  return 'bytes' in value;
}

function typeAt(request: Request, at: number): ClientType | Refusal {
  const word = request.text(at);
  return CLIENT_TYPES.get(asciiLower(word)) ?? unknownClientType(word);
}

function idAt(request: Request, at: number): number {
  return parseInteger(request.bytes, request.start(at), request.end(at));
}

/** `CLIENT LIST [TYPE t | ID id [id ...]]`. */
export function listFilterOf(request: Request): ClientFilter | Refusal {
  if (request.argc === FIRST) return {};
  const word = asciiLower(request.text(FIRST));
  if (word === 'type' && request.argc === FIRST + 2) {
    const clientType = typeAt(request, FIRST + 1);
    return typeof clientType === 'string' ? { clientType } : clientType;
  }
  if (word === 'id' && request.argc > FIRST + 1) {
    const ids: number[] = [];
    for (let at = FIRST + 1; at < request.argc; at++) {
      const id = idAt(request, at);
      if (Number.isNaN(id)) return INVALID_CLIENT_ID;
      ids.push(id);
    }
    return { ids };
  }
  return SYNTAX_ERROR;
}

/** What CLIENT KILL is asked: the old form names one address, answers OK, and does not spare the caller. */
export interface KillOrder {
  readonly filter: ClientFilter;
  readonly oldForm: boolean;
}

export function killOrderOf(request: Request): KillOrder | Refusal {
  if (request.argc === FIRST + 1) {
    return { filter: { address: request.text(FIRST), skipSelf: false }, oldForm: true };
  }
  const filter: Building = { skipSelf: true };
  for (let at = FIRST; at < request.argc; at += 2) {
    if (at + 1 >= request.argc) return SYNTAX_ERROR;
    const refused = addFilter(filter, asciiLower(request.text(at)), request, at + 1);
    if (refused !== undefined) return refused;
  }
  return { filter, oldForm: false };
}

function addFilter(filter: Building, name: string, request: Request, at: number): Refusal | undefined {
  switch (name) {
    case 'id':
      return addId(filter, request, at);
    case 'type': {
      const clientType = typeAt(request, at);
      if (typeof clientType !== 'string') return clientType;
      filter.clientType = clientType;
      return undefined;
    }
    case 'addr':
      filter.address = request.text(at);
      return undefined;
    case 'laddr':
      filter.localAddress = request.text(at);
      return undefined;
    case 'user':
      filter.userName = request.text(at);
      return undefined;
    case 'skipme':
      return addSkipMe(filter, asciiLower(request.text(at)));
    case 'maxage':
      return addMaxAge(filter, request, at);
    default:
      return SYNTAX_ERROR;
  }
}

function addId(filter: Building, request: Request, at: number): Refusal | undefined {
  const id = idAt(request, at);
  if (!(id > 0)) return BAD_CLIENT_ID;
  filter.ids = [id];
  return undefined;
}

function addSkipMe(filter: Building, word: string): Refusal | undefined {
  if (word !== 'yes' && word !== 'no') return SYNTAX_ERROR;
  filter.skipSelf = word === 'yes';
  return undefined;
}

function addMaxAge(filter: Building, request: Request, at: number): Refusal | undefined {
  const seconds = idAt(request, at);
  if (Number.isNaN(seconds)) return MAXAGE_NOT_AN_INTEGER;
  if (seconds <= 0) return MAXAGE_NOT_POSITIVE;
  filter.maxAgeSeconds = seconds;
  return undefined;
}
