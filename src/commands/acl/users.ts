/** ACL subcommands that read and change users. */

import type { AclAdmin } from '../../acl/admin.ts';
import type { Permissions } from '../../acl/permissions.ts';
import { applyRules, hasBlanks, newUser } from '../../acl/rules.ts';
import { describeUser, type User } from '../../acl/user.ts';
import { latin1 } from '../../base/bytes.ts';
import { bytes, many } from '../../command/args.ts';
import type { SessionPort } from '../../command/ports/session.ts';
import { type CommandFlag, type Declaration, sessionCommand } from '../../command/spec.ts';
import { BAD_USER_NAME, DEFAULT_USER_STAYS, refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

/** Operators see everyone; a tenant's user sees itself and nobody else, not even that there is somebody else. */
export function visibleUser(acl: AclAdmin, name: string, session: SessionPort): User | undefined {
  if (!session.isOperator && name !== session.userName) return undefined;
  const { roster } = acl.registry;
  return roster.get(name);
}

function writePermissions(permissions: Permissions, out: ReplyWriter): void {
  out.bulkText('commands');
  out.bulkText(permissions.describeCommands());
  out.bulkText('keys');
  out.bulkText(permissions.describeKeys());
  out.bulkText('channels');
  out.bulkText(permissions.describeChannels());
}

function writeUser(user: User, hashes: readonly string[], out: ReplyWriter): void {
  const flags = [user.enabled ? 'on' : 'off'];
  if (user.nopass) flags.push('nopass');
  if (user.skipsSanitizing) flags.push('skip-sanitize-payload');
  out.map(6);
  out.bulkText('flags');
  out.set(flags.length);
  for (const flag of flags) out.bulkText(flag);
  out.bulkText('passwords');
  out.array(hashes.length);
  for (const hash of hashes) out.bulkText(hash);
  writePermissions(user.root, out);
  out.bulkText('selectors');
  out.array(user.selectors.length);
  for (const selector of user.selectors) {
    out.map(3);
    writePermissions(selector, out);
  }
}

function list(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'LIST',
    summary: 'List the current ACL rules in ACL config file format',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of configured users.',
    group: 'server',
    flags: ADMIN,
    ceiling: 'operator',
    args: {},
    run(_args, _call, out) {
      const { roster } = acl.registry;
      const everyone = roster.users();
      out.array(everyone.length);
      for (const user of everyone) out.bulkText(describeUser(user));
    },
  });
}

function users(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'USERS',
    summary: 'List the username of all the configured ACL rules',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of configured users.',
    group: 'server',
    flags: ADMIN,
    ceiling: 'operator',
    args: {},
    run(_args, _call, out) {
      const { roster } = acl.registry;
      const all = roster.users();
      out.array(all.length);
      for (const user of all) out.bulkText(user.name);
    },
  });
}

function getuser(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'GETUSER',
    summary: 'Get the rules for a specific ACL user',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
    group: 'server',
    flags: ADMIN,
    history: [
      ['6.2.0', 'Added Pub/Sub channel patterns.'],
      [
        '7.0.0',
        'Added selectors and changed the format of key and channel patterns from a list to their rule representation.',
      ],
    ],
    args: { username: bytes },
    run({ username }, { session, request }, out) {
      const user = visibleUser(acl, request.text(username), session);
      // Hashes of passwords are for operators: a user who may read them could try them elsewhere.
      if (user === undefined) out.null();
      else writeUser(user, session.isOperator ? user.passwordHashes : [], out);
    },
  });
}

function setuser(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'SETUSER',
    summary: 'Modify or create the rules for a specific ACL user',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of rules provided.',
    group: 'server',
    flags: ADMIN,
    history: [
      ['6.2.0', 'Added Pub/Sub channel patterns.'],
      ['7.0.0', 'Added selectors and key based permissions.'],
    ],
    ceiling: 'operator',
    args: { username: bytes, rule: many(bytes, 0) },
    run({ username, rule }, { session, request }, out) {
      const name = request.text(username);
      if (hasBlanks(name)) return out.error(BAD_USER_NAME);
      const rules: string[] = [];
      for (let i = rule; i < request.argc; i++) rules.push(latin1(request.bytes, request.start(i), request.end(i)));
      const { roster } = acl.registry;
      const user = roster.get(name) ?? newUser(name, session.namespaceName, acl.table(), 'runtime');
      const applied = applyRules(user, rules, acl.table());
      if (!applied.ok) return out.error(refusal(`ERR ${applied.fault}`));
      // Whoever was changed here stays when no policy file names it any more.
      acl.registry.swap(roster.with({ ...applied.value, origin: 'runtime' }));
      out.ok();
    },
  });
}

function deluser(acl: AclAdmin): Declaration {
  return sessionCommand({
    name: 'DELUSER',
    summary: 'Remove the specified ACL users and the associated rules',
    since: '6.0.0',
    complexity: 'O(1) amortized time considering the typical user.',
    group: 'server',
    flags: ADMIN,
    ceiling: 'operator',
    args: { username: many(bytes) },
    run({ username }, { request }, out) {
      let { roster } = acl.registry;
      let removed = 0;
      for (let i = username; i < request.argc; i++) {
        const name = request.text(i);
        if (name === 'default') return out.error(DEFAULT_USER_STAYS);
        if (roster.get(name) === undefined) continue;
        roster = roster.without(name);
        removed++;
      }
      if (removed > 0) acl.registry.swap(roster);
      out.integer(removed);
    },
  });
}

export function userSubcommands(acl: AclAdmin): readonly Declaration[] {
  return [list(acl), users(acl), getuser(acl), setuser(acl), deluser(acl)];
}
