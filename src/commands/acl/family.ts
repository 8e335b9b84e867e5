/** ACL: the container, and the subcommands that are about the session, the categories and the log. */
import type { AclAdmin } from '../../acl/admin.ts';
import { ALLOWED, checkAll, DENIED_CHANNEL, DENIED_COMMAND, denied } from '../../acl/check.ts';
import type { LogEntry } from '../../acl/log.ts';
import { asciiLower } from '../../base/ascii.ts';
import { latin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { ACL_GENPASS_BITS_MAX, ACL_LOG_SHOWN_DEFAULT } from '../../base/limits.ts';
import { SYSTEM_TENANT } from '../../base/names.ts';
import { type ArgDoc, bytes, custom, many } from '../../command/args.ts';
import { KeyList } from '../../command/command.ts';
import { CATEGORIES, type CommandFlag, container, type Declaration, sessionCommand } from '../../command/spec.ts';
import {
  GENPASS_BITS,
  NOT_AN_INTEGER,
  refusal,
  unknownSubcommandOrArguments,
  wrongArity,
} from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { Request } from '../../resp/request.ts';
import { helpCommand } from '../server/help.ts';
import { userSubcommands, visibleUser } from './users.ts';

const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];
const OPEN: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];
const BITS_PER_DIGIT = 4;

/** One word or none, as their position; Redis has a text of its own for more. */
function oneWordOrNone(...docs: readonly ArgDoc[]) {
  return custom<number | undefined>({
    required: 0,
    docs,
    parse(request, at) {
      if (request.argc > at + 1) return unknownSubcommandOrArguments('acl', request.text(at - 1));
      return { end: request.argc, value: request.argc > at ? at : undefined, keys: [] };
    },
  });
}

const whoami = sessionCommand({
  name: 'WHOAMI',
  summary: 'Return the name of the user associated to the current connection',
  since: '6.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: OPEN,
  args: {},
  run: (_args, { session }, out) => out.bulkText(session.userName),
});

const cat = sessionCommand({
  name: 'CAT',
  summary: 'List the ACL categories or the commands inside a category',
  since: '6.0.0',
  complexity: 'O(1) since the categories and commands are a fixed set.',
  group: 'server',
  flags: OPEN,
  args: { category: oneWordOrNone({ name: 'categoryname', type: 'string', flags: ['optional'] }) },
  run({ category: { value: categoryname } }, { server, request }, out) {
    if (categoryname === undefined) {
      out.array(CATEGORIES.length);
      for (const category of CATEGORIES) out.bulkText(category);
      return;
    }
    const wanted = asciiLower(request.text(categoryname));
    const category = CATEGORIES.find((known) => known === wanted);
    if (category === undefined) return out.error(refusal(`ERR Unknown category '${request.text(categoryname)}'`));
    const members = server.table.all.filter((command) => command.categories.includes(category));
    out.array(members.length);
    for (const command of members) out.bulkText(command.fullName);
  },
});

function genpass(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'GENPASS',
    summary: 'Generate a pseudorandom secure password to use for ACL users',
    since: '6.0.0',
    complexity: 'O(1)',
    group: 'server',
    flags: OPEN,
    args: { bits: oneWordOrNone({ name: 'bits', type: 'integer', flags: ['optional'] }) },
    run({ bits: { value: bits } }, { request }, out) {
      let wanted = 256;
      if (bits !== undefined) {
        wanted = parseInteger(request.bytes, request.start(bits), request.end(bits));
        if (Number.isNaN(wanted)) return out.error(NOT_AN_INTEGER);
        if (wanted <= 0 || wanted > ACL_GENPASS_BITS_MAX) return out.error(GENPASS_BITS);
      }
      out.bulkText(acl.randomHex(wanted).slice(0, Math.ceil(wanted / BITS_PER_DIGIT)));
    },
  });
}

function writeEntry(entry: LogEntry, now_ms: number, out: ReplyWriter): void {
  out.map(10);
  out.bulkText('count');
  out.integer(entry.count);
  const texts = [
    ['reason', entry.reason],
    ['context', entry.context],
    ['object', entry.object],
    ['username', entry.userName],
  ] as const;
  for (const [name, value] of texts) {
    out.bulkText(name);
    out.bulkText(value);
  }
  out.bulkText('age-seconds');
  out.double((now_ms - entry.updatedAt_ms) / 1000);
  out.bulkText('client-info');
  out.bulkText(entry.clientInfo);
  out.bulkText('entry-id');
  out.integer(entry.id);
  out.bulkText('timestamp-created');
  out.integer(entry.createdAt_ms);
  out.bulkText('timestamp-last-updated');
  out.integer(entry.updatedAt_ms);
}

function log(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'LOG',
    summary: 'List latest events denied because of ACLs in place',
    since: '6.0.0',
    complexity: 'O(N) with N being the number of entries shown.',
    group: 'server',
    flags: ADMIN,
    ceiling: 'operator',
    history: [['7.2.0', 'Added entry ID, timestamp created, and timestamp last updated.']],
    args: {
      operation: oneWordOrNone({
        name: 'operation',
        type: 'oneof',
        flags: ['optional'],
        arguments: [
          { name: 'count', type: 'integer', flags: [] },
          { name: 'reset', type: 'pure-token', token: 'RESET', flags: [] },
        ],
      }),
    },
    run({ operation: { value: operation } }, { request }, out) {
      let count = ACL_LOG_SHOWN_DEFAULT;
      if (operation !== undefined) {
        if (asciiLower(request.text(operation)) === 'reset') {
          acl.log.reset();
          return out.ok();
        }
        count = parseInteger(request.bytes, request.start(operation), request.end(operation));
        if (Number.isNaN(count)) return out.error(NOT_AN_INTEGER);
      }
      const entries = acl.log.newest(Math.max(0, count));
      out.array(entries.length);
      const now_ms = acl.nowMs();
      for (const entry of entries) writeEntry(entry, now_ms, out);
    },
  });
}

function dryrun(acl: AclAdmin): Declaration {
  const keys = new KeyList();
  return sessionCommand({
    name: 'DRYRUN',
    summary: 'Returns whether the user can execute the given command without executing the command.',
    since: '7.0.0',
    complexity: 'O(1).',
    group: 'server',
    flags: ADMIN,
    args: { username: bytes, command: bytes, arg: many(bytes, 0) },
    run({ username, command: at }, { session, server, request }, out) {
      const name = request.text(username);
      const user = visibleUser(acl, name, session);
      if (user === undefined) return out.error(refusal(`ERR User '${name}' not found`));
      const words: Uint8Array[] = [];
      for (let i = at; i < request.argc; i++) words.push(request.copy(i));
      const asked = Request.of(...words);
      const command = server.table.resolve(asked);
      if (command === undefined) return out.error(refusal(`ERR Command '${asked.text(0)}' not found`));
      if (!command.arityHolds(asked.argc)) return out.error(wrongArity(command.fullName));
      command.parse(asked);
      keys.clear();
      command.keys(asked, keys);
      const verdict = checkAll(user, command, asked, keys);
      const isOperator = user.tenant === SYSTEM_TENANT || (name === session.userName && session.isOperator);
      const isUnderCeiling = command.ceiling === 'operator' && !isOperator;
      if (verdict === ALLOWED && !isUnderCeiling) return out.ok();
      if (verdict === DENIED_COMMAND || isUnderCeiling) {
        return out.bulkText(`This user has no permissions to run the '${command.fullName}' command`);
      }
      const object = latin1(asked.bytes, asked.start(denied.argument), asked.end(denied.argument));
      const kind = verdict === DENIED_CHANNEL ? 'channel' : 'key';
      out.bulkText(`This user has no permissions to access the '${object}' ${kind}`);
    },
  });
}

function loadAndSave(acl: AclAdmin): readonly Declaration[] {
  const facts = { since: '6.0.0', group: 'server', flags: ADMIN, ceiling: 'operator', args: {} } as const;
  const complexity = 'O(N). Where N is the number of configured users.';
  return [
    sessionCommand({
      ...facts,
      name: 'LOAD',
      summary: 'Reload the ACLs from the configured ACL file',
      complexity,
      run(_args, _call, out) {
        const loaded = acl.load();
        if (loaded.ok) out.ok();
        else out.error(refusal(`ERR ${loaded.fault}`));
      },
    }),
    sessionCommand({
      ...facts,
      name: 'SAVE',
      summary: 'Save the current ACL rules in the configured ACL file',
      complexity,
      run(_args, _call, out) {
        const saved = acl.save();
        if (saved.ok) out.ok();
        else out.error(refusal(`ERR ${saved.fault}`));
      },
    }),
  ];
}

const help = helpCommand({
  container: 'ACL',
  since: '6.0.0',
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'CAT [<category>]',
    '    List all commands that belong to <category>, or all command categories',
    '    when no category is specified.',
    'DELUSER <username> [<username> ...]',
    '    Delete a list of users.',
    'DRYRUN <username> <command> [<arg> ...]',
    '    Returns whether the user can execute the given command without executing the command.',
    'GETUSER <username>',
    "    Get the user's details.",
    'GENPASS [<bits>]',
    '    Generate a secure 256-bit user password. The optional `bits` argument can',
    '    be used to specify a different size.',
    'LIST',
    '    Show users details in config file format.',
    'LOAD',
    '    Reload users from the ACL file.',
    'LOG [<count> | RESET]',
    '    Show the ACL log entries.',
    'SAVE',
    '    Save the current config to the ACL file.',
    'SETUSER <username> <attribute> [<attribute> ...]',
    '    Create or modify a user with the specified attributes.',
    'USERS',
    '    List all the registered usernames.',
    'WHOAMI',
    '    Return the current connection username.',
  ],
});

export function aclFamily(acl: AclAdmin): Declaration {
  return container({
    name: 'ACL',
    summary: 'A container for Access List Control commands ',
    since: '6.0.0',
    complexity: 'Depends on subcommand.',
    group: 'server',
    subcommands: [whoami, cat, genpass(acl), log(acl), dryrun(acl), ...userSubcommands(acl), ...loadAndSave(acl), help],
  });
}
