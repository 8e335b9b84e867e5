/** CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: caches at the client that are told when they are wrong. */
import { asciiLower } from '../../base/ascii.ts';
import { parseInteger } from '../../base/integer.ts';
import { TRACKING_PREFIXES_MAX } from '../../base/limits.ts';
import { type ArgDoc, custom } from '../../command/args.ts';
import type { TrackingOptions } from '../../command/ports/tracking.ts';
import { type CommandFlag, sessionCommand } from '../../command/spec.ts';
import { NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { Request } from '../../resp/request.ts';
import {
  TRACKING_ONE_REDIRECT,
  TRACKING_REDIRECT_UNKNOWN,
  TRACKING_TOO_MANY_PREFIXES,
} from '../../resp/session-refusals.ts';

const FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];

type Mutable = { -readonly [Name in keyof TrackingOptions]: TrackingOptions[Name] };

/** Options in the order in which they are given, each looked at as redis-server does it. */
function optionsOf(request: Request, from: number, knowsClient: (id: number) => boolean): TrackingOptions | Refusal {
  const options: Mutable = { bcast: false, prefixes: [], optin: false, optout: false, noloop: false, redirect: 0 };
  const prefixes: string[] = [];
  for (let at = from; at < request.argc; at++) {
    const word = asciiLower(request.text(at));
    const hasMore = at + 1 < request.argc;
    if (word === 'redirect' && hasMore) {
      at++;
      if (options.redirect !== 0) return TRACKING_ONE_REDIRECT;
      const id = parseInteger(request.bytes, request.start(at), request.end(at));
      if (Number.isNaN(id)) return NOT_AN_INTEGER;
      if (!knowsClient(id)) return TRACKING_REDIRECT_UNKNOWN;
      options.redirect = id;
    } else if (word === 'prefix' && hasMore) {
      at++;
      if (prefixes.length === TRACKING_PREFIXES_MAX) return TRACKING_TOO_MANY_PREFIXES;
      prefixes.push(request.text(at));
    } else if (word === 'bcast' || word === 'optin' || word === 'optout' || word === 'noloop') {
      options[word] = true;
    } else return SYNTAX_ERROR;
  }
  return { ...options, prefixes };
}

function pure(name: string, token: string): ArgDoc {
  return { name, type: 'pure-token', token, flags: ['optional'] };
}

export const tracking = sessionCommand({
  name: 'TRACKING',
  summary: 'Lets this connection be told when keys change that it has read, or that begin with a prefix.',
  since: '6.0.0',
  complexity: 'O(1). Some options may introduce additional complexity.',
  group: 'connection',
  flags: FLAGS,
  args: {
    options: custom({
      required: 1,
      parse: (request) => ({ end: request.argc, value: undefined, keys: [] }),
      docs: [
        {
          name: 'status',
          type: 'oneof',
          flags: [],
          arguments: [
            { name: 'on', type: 'pure-token', token: 'ON', flags: [] },
            { name: 'off', type: 'pure-token', token: 'OFF', flags: [] },
          ],
        },
        { name: 'client-id', type: 'integer', token: 'REDIRECT', flags: ['optional'] },
        { name: 'prefix', type: 'string', token: 'PREFIX', flags: ['optional', 'multiple', 'multiple-token'] },
        pure('BCAST', 'BCAST'),
        pure('OPTIN', 'OPTIN'),
        pure('OPTOUT', 'OPTOUT'),
        pure('NOLOOP', 'NOLOOP'),
      ],
    }),
  },
  run(_args, { session, request }, out) {
    const { tracking: port } = session;
    const options = optionsOf(request, 3, (id) => port.knowsClient(id));
    if ('text' in options) return out.error(options);
    const status = asciiLower(request.text(2));
    if (status !== 'on' && status !== 'off') return out.error(SYNTAX_ERROR);
    if (status === 'off') port.stop();
    const refusal = status === 'on' ? port.start(options) : undefined;
    if (refusal === undefined) out.ok();
    else out.error(refusal);
  },
});

export const caching = sessionCommand({
  name: 'CACHING',
  summary: 'Says whether the keys of the next command are tracked, with OPTIN or OPTOUT.',
  since: '6.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  arity: 3,
  args: {
    mode: custom({
      required: 1,
      parse: (request) => ({ end: request.argc, value: undefined, keys: [] }),
      docs: [
        {
          name: 'mode',
          type: 'oneof',
          flags: [],
          arguments: [
            { name: 'yes', type: 'pure-token', token: 'YES', flags: [] },
            { name: 'no', type: 'pure-token', token: 'NO', flags: [] },
          ],
        },
      ],
    }),
  },
  run(_args, { session, request }, out) {
    const word = asciiLower(request.text(2));
    const { tracking: port } = session;
    const isKnown = word === 'yes' || word === 'no';
    // As in redis-server, that nothing is tracked is said before the word is looked at.
    if (port.info().redirect >= 0 && !isKnown) return out.error(SYNTAX_ERROR);
    const refusal = port.setCaching(word === 'yes');
    if (refusal === undefined) out.ok();
    else out.error(refusal);
  },
});

export const trackinginfo = sessionCommand({
  name: 'TRACKINGINFO',
  summary: 'What this connection has asked of CLIENT TRACKING.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: {},
  run(_args, { session }, out) {
    const { flags, redirect, prefixes } = session.tracking.info();
    out.map(3);
    out.bulkText('flags');
    out.set(flags.length);
    for (const flag of flags) out.bulkText(flag);
    out.bulkText('redirect');
    out.integer(redirect);
    out.bulkText('prefixes');
    out.array(prefixes.length);
    for (const prefix of prefixes) out.bulkText(prefix);
  },
});

export const getredir = sessionCommand({
  name: 'GETREDIR',
  summary: 'The connection that is told instead of this one.',
  since: '6.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: {},
  run: (_args, { session }, out) => out.integer(session.tracking.info().redirect),
});
