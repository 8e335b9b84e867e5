/** HELLO, AUTH, RESET and QUIT: who a connection is, and which protocol it speaks. */
import { asciiLower } from '../../base/ascii.ts';
import { parseInteger } from '../../base/integer.ts';
import { CLIENT_TEXT_BYTES_MAX } from '../../base/limits.ts';
import { bytes, custom, many } from '../../command/args.ts';
import type { LoginOutcome, SessionPort } from '../../command/ports/session.ts';
import { type CommandFlag, sessionCommand } from '../../command/spec.ts';
import {
  BAD_CLIENT_NAME,
  HELLO_NOAUTH,
  helloSyntax,
  NOPROTO,
  PROTOCOL_VERSION_NOT_AN_INTEGER,
  type Refusal,
  SYNTAX_ERROR,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { CLIENT_NAME_TOO_LONG } from '../../resp/session-refusals.ts';
import { isPlainText, REDIS_VERSION } from './texts.ts';

const FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'];

export const auth = sessionCommand({
  name: 'AUTH',
  summary: 'Authenticate to the server',
  since: '1.0.0',
  complexity: 'O(N) where N is the number of passwords defined for the user',
  group: 'connection',
  flags: FLAGS,
  history: [['6.0.0', 'Added ACL style (username and password).']],
  args: {
    login: custom({
      required: 1,
      docs: [
        { name: 'username', type: 'string', flags: ['optional'] },
        { name: 'password', type: 'string', flags: [] },
      ],
      parse: (request) => (request.argc > 3 ? SYNTAX_ERROR : { end: request.argc, value: undefined, keys: [] }),
    }),
  },
  run(_args, { session, request }, out) {
    const userName = request.argc === 3 ? request.copy(1) : undefined;
    const outcome = session.authenticate(userName, request.copy(request.argc - 1));
    whenKnown(outcome, session, out, (refused, reply) => {
      if (refused === undefined) reply.ok();
      else reply.error(refused);
    });
  },
});

/** Answers at once if that may be; else nothing behind the login runs before it is known. */
function whenKnown(
  outcome: LoginOutcome,
  session: SessionPort,
  out: ReplyWriter,
  answer: (refused: Refusal | undefined, reply: ReplyWriter) => void,
): void {
  if (!(outcome instanceof Promise)) return answer(outcome, out);
  const place = session.block(() => {});
  outcome
    .then((refused) => place.settle((reply) => answer(refused, reply)))
    .catch((bug: unknown) => session.failed(bug, place));
}

/** What HELLO was asked for, as positions of arguments; 0 is not said. */
interface Greeting {
  readonly protocol: 0 | 2 | 3;
  readonly user: number;
  readonly name: number;
}

function greetingOf(request: Request): Greeting | Refusal {
  if (request.argc === 1) return { protocol: 0, user: 0, name: 0 };
  const version = parseInteger(request.bytes, request.start(1), request.end(1));
  if (Number.isNaN(version)) return PROTOCOL_VERSION_NOT_AN_INTEGER;
  if (version !== 2 && version !== 3) return NOPROTO;
  let user = 0;
  let name = 0;
  for (let at = 2; at < request.argc; ) {
    const option = asciiLower(request.text(at));
    const left = request.argc - at - 1;
    if (option === 'auth' && left >= 2) {
      user = at + 1;
      at += 3;
    } else if (option === 'setname' && left >= 1) {
      name = at + 1;
      if (request.length(name) > CLIENT_TEXT_BYTES_MAX) return CLIENT_NAME_TOO_LONG;
      if (!isPlainText(request.text(name))) return BAD_CLIENT_NAME;
      at += 2;
    } else {
      return helloSyntax(request.text(at));
    }
  }
  return { protocol: version, user, name };
}

function writeGreeting(session: SessionPort, out: ReplyWriter): void {
  const fields: readonly (readonly [string, string | number])[] = [
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', session.protocol],
    ['id', session.id],
    ['mode', 'standalone'],
    ['role', 'master'],
  ];
  out.map(fields.length + 1);
  for (const [name, value] of fields) {
    out.bulkText(name);
    if (typeof value === 'number') out.integer(value);
    else out.bulkText(value);
  }
  out.bulkText('modules');
  out.array(0);
}

/** Nothing of it happens unless all of it may: as in Redis, a refused login leaves protocol and name as they were. */
export const hello = sessionCommand({
  name: 'HELLO',
  summary: 'Handshake with Redis',
  since: '6.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  history: [
    [
      '6.2.0',
      "`protover` made optional; when called without arguments the command reports the current connection's context.",
    ],
  ],
  args: {
    greeting: custom({
      required: 0,
      docs: [
        {
          name: 'arguments',
          type: 'block',
          flags: ['optional'],
          arguments: [
            { name: 'protover', type: 'integer', flags: [] },
            {
              name: 'username_password',
              type: 'block',
              token: 'AUTH',
              flags: ['optional'],
              arguments: [
                { name: 'username', type: 'string', flags: [] },
                { name: 'password', type: 'string', flags: [] },
              ],
            },
            { name: 'clientname', type: 'string', token: 'SETNAME', flags: ['optional'] },
          ],
        },
      ],
      parse(request) {
        const greeting = greetingOf(request);
        return 'bytes' in greeting ? greeting : { end: request.argc, value: greeting, keys: [] };
      },
    }),
  },
  run({ greeting }, { session, request }, out) {
    const { protocol, user, name } = greeting.value;
    const chosen = name > 0 ? request.text(name) : undefined;
    const outcome = user > 0 ? session.authenticate(request.copy(user), request.copy(user + 1)) : undefined;
    whenKnown(outcome, session, out, (refused, reply) => {
      if (refused !== undefined) return reply.error(refused);
      if (!session.isAuthenticated) return reply.error(HELLO_NOAUTH);
      if (chosen !== undefined) session.setName(chosen);
      if (protocol !== 0) {
        session.setProtocol(protocol);
        reply.protocol = protocol;
      }
      writeGreeting(session, reply);
    });
  },
});

export const reset = sessionCommand({
  name: 'RESET',
  summary: 'Reset the connection',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: {},
  run(_args, { session }, out) {
    session.reset();
    out.simple('RESET');
  },
});

export const quit = sessionCommand({
  name: 'QUIT',
  summary: 'Close the connection',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  deprecated: { since: '7.2.0', replacedBy: 'just closing the connection' },
  args: { ignored: many(bytes, 0) },
  run(_args, { session }, out) {
    out.ok();
    session.closeAfterReply();
  },
});
