/** COMMAND: the table, told to clients. Nothing here knows a command by name. */
import { asciiLower, spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { Glob, matchesEverything } from '../../base/glob.ts';
import { bytes, type CustomParse, custom, many } from '../../command/args.ts';
import type { Command } from '../../command/command.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import type { CommandTable } from '../../command/table.ts';
import { type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { answerKeys } from './command-keys.ts';
import { writeCommandDocs, writeCommandInfo } from './command-reply.ts';
import { helpCommand } from './help.ts';
import { KeptReply } from './kept-reply.ts';

const FLAGS: readonly CommandFlag[] = ['loading', 'stale'];
const UNORDERED = ['nondeterministic_output_order'];
const PER_COMMAND = 'O(N) where N is the number of commands to look up';
const ALL_COMMANDS = 'O(N) where N is the total number of Redis commands';

const wholeInfo = new KeptReply((out, { top }) => {
  out.array(top.length);
  for (const command of top) writeCommandInfo(out, command);
});

const wholeDocs = new KeptReply((out, { top }) => writeDocs(out, top));

function writeDocs(out: ReplyWriter, commands: readonly Command[]): void {
  out.map(commands.length);
  for (const command of commands) {
    out.bulkText(command.fullName);
    writeCommandDocs(out, command);
  }
}

/** The commands named from `first` on, unknown names as undefined. */
function named(request: Request, first: number, table: CommandTable): (Command | undefined)[] {
  const found: (Command | undefined)[] = [];
  for (let i = first; i < request.argc; i++) found.push(table.named(asciiLower(request.text(i))));
  return found;
}

const info = sessionCommand({
  name: 'INFO',
  summary: 'Get array of specific Redis command details, or all when no argument is given.',
  since: '2.8.13',
  complexity: PER_COMMAND,
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  tips: UNORDERED,
  history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
  args: { commandName: many(bytes, 0) },
  run({ commandName }, { server, request }, out) {
    if (commandName >= request.argc) return wholeInfo.write(out, server.table);
    out.array(request.argc - commandName);
    for (const command of named(request, commandName, server.table)) {
      if (command === undefined) out.null();
      else writeCommandInfo(out, command);
    }
  },
});

const docs = sessionCommand({
  name: 'DOCS',
  summary: 'Get array of specific Redis command documentation',
  since: '7.0.0',
  complexity: PER_COMMAND,
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  tips: UNORDERED,
  args: { commandName: many(bytes, 0) },
  run({ commandName }, { server, request }, out) {
    if (commandName >= request.argc) return wholeDocs.write(out, server.table);
    const known = named(request, commandName, server.table);
    writeDocs(
      out,
      known.filter((command) => command !== undefined),
    );
  },
});

const count = sessionCommand({
  name: 'COUNT',
  summary: 'Get total number of Redis commands',
  since: '2.8.13',
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  args: {},
  run(_args, { server }, out) {
    out.integer(server.table.top.length);
  },
});

/** Any command with its arguments; what is wrong with it is said by the look-up. */
const fullCommand = custom<undefined>({
  parse: (request) => ({ end: request.argc, value: undefined, keys: [] }),
  docs: [],
  required: 2,
});

const getkeys = sessionCommand({
  name: 'GETKEYS',
  summary: 'Extract keys given a full Redis command',
  since: '2.8.13',
  complexity: 'O(N) where N is the number of arguments to the command',
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  args: { fullCommand },
  run: (_args, call, out) => answerKeys(call, out, false),
});

const getkeysandflags = sessionCommand({
  name: 'GETKEYSANDFLAGS',
  summary: 'Extract keys and access flags given a full Redis command',
  since: '7.0.0',
  complexity: 'O(N) where N is the number of arguments to the command',
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  args: { fullCommand },
  run: (_args, call, out) => answerKeys(call, out, true),
});

// -- LIST --------------------------------------------------------------------------------------------------------------

interface Filter {
  readonly by: 'module' | 'aclcat' | 'pattern';
  /** Position of the module, category or pattern. */
  readonly at: number;
}

const FILTERBY = bytesOfLatin1('FILTERBY');
const FILTERS: readonly (readonly [Filter['by'], Uint8Array])[] = [
  ['module', bytesOfLatin1('MODULE')],
  ['aclcat', bytesOfLatin1('ACLCAT')],
  ['pattern', bytesOfLatin1('PATTERN')],
];

function spellsAt(request: Request, at: number, word: Uint8Array): boolean {
  return spells(request.bytes, request.start(at), request.end(at), word);
}

function parseFilter(request: Request, at: number): CustomParse<Filter | undefined> | Refusal {
  if (at === request.argc) return { end: at, value: undefined, keys: [] };
  if (request.argc !== at + 3 || !spellsAt(request, at, FILTERBY)) return SYNTAX_ERROR;
  const filter = FILTERS.find(([, word]) => spellsAt(request, at + 1, word));
  if (filter === undefined) return SYNTAX_ERROR;
  return { end: request.argc, value: { by: filter[0], at: at + 2 }, keys: [] };
}

/** There are no modules here, so that filter matches nothing. */
function predicateOf(filter: Filter, request: Request): (command: Command) => boolean {
  switch (filter.by) {
    case 'module':
      return () => false;
    case 'aclcat': {
      const wanted = asciiLower(request.text(filter.at));
      return ({ categories }) => categories.some((category) => category === wanted);
    }
    case 'pattern': {
      const wanted = request.copy(filter.at);
      if (matchesEverything(wanted)) return () => true;
      const glob = new Glob(wanted, true);
      return ({ fullName }) => glob.matchesOfMany(bytesOfLatin1(fullName), 0, fullName.length);
    }
  }
}

const list = sessionCommand({
  name: 'LIST',
  summary: 'Get an array of Redis command names',
  since: '7.0.0',
  complexity: ALL_COMMANDS,
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  tips: UNORDERED,
  args: {
    filterby: custom<Filter | undefined>({
      parse: parseFilter,
      required: 0,
      docs: [
        {
          name: 'filterby',
          type: 'oneof',
          token: 'FILTERBY',
          flags: ['optional'],
          arguments: [
            { name: 'module-name', type: 'string', token: 'MODULE', flags: [] },
            { name: 'category', type: 'string', token: 'ACLCAT', flags: [] },
            { name: 'pattern', type: 'pattern', token: 'PATTERN', flags: [] },
          ],
        },
      ],
    }),
  },
  run({ filterby }, { server, request }, out) {
    const filter = filterby.value;
    const passes = filter === undefined ? () => true : predicateOf(filter, request);
    const listed = server.table.all.filter(passes);
    out.array(listed.length);
    for (const command of listed) out.bulkText(command.fullName);
  },
});

const help = helpCommand({
  container: 'COMMAND',
  since: '5.0.0',
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  lines: [
    '(no subcommand)',
    '    Return details about all Redis commands.',
    'COUNT',
    '    Return the total number of commands in this Redis server.',
    'LIST',
    '    Return a list of all commands in this Redis server.',
    'INFO [<command-name> ...]',
    '    Return details about multiple Redis commands.',
    '    If no command names are given, documentation details for all',
    '    commands are returned.',
    'DOCS [<command-name> ...]',
    '    Return documentation details about multiple Redis commands.',
    '    If no command names are given, documentation details for all',
    '    commands are returned.',
    'GETKEYS <full-command>',
    '    Return the keys from a full Redis command.',
    'GETKEYSANDFLAGS <full-command>',
    '    Return the keys and the access flags from a full Redis command.',
  ],
});

const alone = sessionCommand({
  name: 'COMMAND',
  summary: 'Get array of Redis command details',
  since: '2.8.13',
  complexity: ALL_COMMANDS,
  group: 'server',
  flags: FLAGS,
  categories: ['connection'],
  tips: UNORDERED,
  args: {},
  run: (_args, { server }, out) => wholeInfo.write(out, server.table),
});

export const command = container({
  name: 'COMMAND',
  summary: 'Get array of Redis command details',
  since: '2.8.13',
  complexity: ALL_COMMANDS,
  group: 'server',
  tips: UNORDERED,
  alone,
  subcommands: [docs, getkeysandflags, list, count, help, getkeys, info],
});
