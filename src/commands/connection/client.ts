/** CLIENT: what a connection says of itself, and the container of all its subcommands. */

import { asciiLower } from '../../base/ascii.ts';
import { CLIENT_TEXT_BYTES_MAX } from '../../base/limits.ts';
import { bytes, custom } from '../../command/args.ts';
import type { SessionPort } from '../../command/ports/session.ts';
import { type CommandFlag, container, type ErasedSession, sessionCommand } from '../../command/spec.ts';
import { BAD_CLIENT_NAME, badClientAttribute, SYNTAX_ERROR, unrecognizedClientOption } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { CLIENT_NAME_TOO_LONG, clientAttributeTooLong } from '../../resp/session-refusals.ts';
import { helpCommand } from '../server/help.ts';
import { CLIENT_HELP } from './help-lines.ts';
import { kill, list, pause, unblock, unpause } from './others.ts';
import { isPlainText } from './texts.ts';
import { caching, getredir, tracking, trackinginfo } from './tracking.ts';

const FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];

const id = sessionCommand({
  name: 'ID',
  summary: 'Returns the client ID for the current connection',
  since: '5.0.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: {},
  run: (_args, { session }, out) => out.integer(session.id),
});

const info = sessionCommand({
  name: 'INFO',
  summary: 'Returns information about the current client connection.',
  since: '6.2.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  tips: ['nondeterministic_output'],
  args: {},
  run: (_args, { session }, out) => out.verbatim('txt', `${session.describe()}\n`),
});

const getname = sessionCommand({
  name: 'GETNAME',
  summary: 'Get the current connection name',
  since: '2.6.9',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: {},
  run(_args, { session }, out) {
    if (session.name === '') out.null();
    else out.bulkText(session.name);
  },
});

const setname = sessionCommand({
  name: 'SETNAME',
  summary: 'Set the current connection name',
  since: '2.6.9',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: { connectionName: bytes },
  run({ connectionName }, { session, request }, out) {
    if (request.length(connectionName) > CLIENT_TEXT_BYTES_MAX) return out.error(CLIENT_NAME_TOO_LONG);
    const name = request.text(connectionName);
    if (!isPlainText(name)) return out.error(BAD_CLIENT_NAME);
    session.setName(name);
    out.ok();
  },
});

const setinfo = sessionCommand({
  name: 'SETINFO',
  summary: 'Sets information specific to the client or connection.',
  since: '7.2.0',
  complexity: 'O(1)',
  group: 'connection',
  flags: FLAGS,
  args: { attribute: bytes, value: bytes },
  run({ attribute, value }, { session, request }, out) {
    const option = request.text(attribute);
    const folded = asciiLower(option);
    if (folded !== 'lib-name' && folded !== 'lib-ver') return out.error(unrecognizedClientOption(option));
    if (request.length(value) > CLIENT_TEXT_BYTES_MAX) return out.error(clientAttributeTooLong(folded));
    const text = request.text(value);
    if (!isPlainText(text)) return out.error(badClientAttribute(option));
    session.setLibrary(folded === 'lib-name' ? 'name' : 'version', text);
    out.ok();
  },
});

interface Switch<Word extends string> {
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly flags: readonly CommandFlag[];
  /** Name of the argument, as COMMAND DOCS tells it. */
  readonly argument: string;
  readonly words: readonly Word[];
  readonly run: (word: Word, session: SessionPort, out: ReplyWriter) => void;
}

/** A subcommand that takes one word out of a few; any other is a syntax error. */
function switchCommand<const Word extends string>(declared: Switch<Word>): ErasedSession {
  const { name, summary, since, flags, argument, words } = declared;
  return sessionCommand({
    name,
    summary,
    since,
    complexity: 'O(1)',
    group: 'connection',
    flags,
    arity: 3,
    args: {
      word: custom({
        required: 1,
        docs: [
          {
            name: argument,
            type: 'oneof',
            flags: [],
            arguments: words.map((word) => ({ name: word, type: 'pure-token', token: word.toUpperCase(), flags: [] })),
          },
        ],
        parse(request, at) {
          const said = asciiLower(request.text(at));
          const found = words.find((word) => word === said);
          return found === undefined ? SYNTAX_ERROR : { end: at + 1, value: found, keys: [] };
        },
      }),
    },
    run: ({ word }, { session }, out) => declared.run(word.value, session, out),
  });
}

const reply = switchCommand({
  name: 'REPLY',
  summary: 'Instruct the server whether to reply to commands',
  since: '3.2.0',
  flags: FLAGS,
  argument: 'on_off_skip',
  words: ['on', 'off', 'skip'],
  run(word, session, out) {
    session.setReplyMode(word);
    if (word === 'on') out.ok();
  },
});

const noEvict = switchCommand({
  name: 'NO-EVICT',
  summary: 'Set client eviction mode for the current connection',
  since: '7.0.0',
  flags: ['admin', 'noscript', 'loading', 'stale'],
  argument: 'enabled',
  words: ['on', 'off'],
  run(word, session, out) {
    session.setNoEvict(word === 'on');
    out.ok();
  },
});

const noTouch = switchCommand({
  name: 'NO-TOUCH',
  summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
  since: '7.2.0',
  flags: FLAGS,
  argument: 'enabled',
  words: ['on', 'off'],
  run(word, session, out) {
    session.setNoTouch(word === 'on');
    out.ok();
  },
});

const help = helpCommand({
  container: 'CLIENT',
  since: '5.0.0',
  group: 'connection',
  flags: ['loading', 'stale'],
  lines: CLIENT_HELP,
});

export const client = container({
  name: 'CLIENT',
  summary: 'A container for client connection commands',
  since: '2.4.0',
  complexity: 'Depends on subcommand.',
  group: 'connection',
  subcommands: [
    caching,
    getname,
    getredir,
    id,
    info,
    kill,
    list,
    noEvict,
    noTouch,
    pause,
    reply,
    setinfo,
    setname,
    tracking,
    trackinginfo,
    unblock,
    unpause,
    help,
  ],
});
