/** TENANT: how operators look at tenants and choose the one whose namespace their connection acts on. */
import { bytes, optional } from '../../command/args.ts';
import type { TenantView, UserUses, UserUseView } from '../../command/ports/server.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import { noSuchTenant } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { helpCommand } from './help.ts';

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];
const SINCE = '7.2.0';

const use = sessionCommand({
  name: 'USE',
  summary: 'Chooses the tenant whose keys this connection sees.',
  since: SINCE,
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: { tenant: bytes },
  run({ tenant }, { session, request }, out) {
    const name = request.text(tenant);
    if (session.useTenant(name)) out.ok();
    else out.error(noSuchTenant(name));
  },
});

const list = sessionCommand({
  name: 'LIST',
  summary: 'Names all tenants.',
  since: SINCE,
  complexity: 'O(N) where N is the number of tenants',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: {},
  run(_args, { server }, out) {
    const tenants = server.tenants();
    out.array(tenants.length);
    for (const tenant of tenants) out.bulkText(tenant.name);
  },
});

type Fields = readonly (readonly [name: string, value: string | number])[];

function writeFields(out: ReplyWriter, fields: Fields): void {
  for (const [name, value] of fields) {
    out.bulkText(name);
    if (typeof value === 'number') out.integer(value);
    else out.bulkText(value);
  }
}

function tenantFields(tenant: TenantView): Fields {
  return [
    ['name', tenant.name],
    ['users', tenant.users],
    ['connections', tenant.connections],
    ['connections-max', tenant.connectionsMax],
    ['used-memory', tenant.usedBytes],
    ['maxmemory', tenant.limitBytes],
    ['maxmemory-policy', tenant.policy],
    ['commands-per-second-max', tenant.commandsPerSecondMax],
    ['bytes-in-per-second-max', tenant.bytesInPerSecondMax],
    ['bytes-out-per-second-max', tenant.bytesOutPerSecondMax],
  ];
}

function userFields(user: UserUseView): Fields {
  return [
    ['name', user.name],
    ['role', user.role],
    ['connections', user.connections],
    ['connections-max', user.connectionsMax],
    ['connections-per-second-max', user.connectionsPerSecondMax],
    ['commands-per-second-max', user.commandsPerSecondMax],
    ['bytes-in-per-second-max', user.bytesInPerSecondMax],
    ['bytes-out-per-second-max', user.bytesOutPerSecondMax],
    ['commands-refused', user.commandsRefused],
    ['commands-delayed', user.commandsDelayed],
    ['connections-refused', user.connectionsRefused],
  ];
}

function writeTenant(out: ReplyWriter, tenant: TenantView, { shown, unlisted }: UserUses): void {
  const fields = tenantFields(tenant);
  out.map(fields.length + 2);
  writeFields(out, fields);
  out.bulkText('user-budgets');
  out.array(shown.length);
  for (const user of shown) {
    const ofUser = userFields(user);
    out.map(ofUser.length);
    writeFields(out, ofUser);
  }
  writeFields(out, [['user-budgets-unlisted', unlisted]]);
}

const info = sessionCommand({
  name: 'INFO',
  summary: 'Shows users, connections, memory and budgets of a tenant and of its users, by default the one in use.',
  since: SINCE,
  complexity: 'O(N) where N is the number of tenants and of users with a budget',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: { tenant: optional(bytes) },
  run({ tenant }, { session, server, request }, out) {
    const name = tenant === undefined ? session.namespaceName : request.text(tenant);
    const found = server.tenants().find((candidate) => candidate.name === name);
    if (found === undefined) out.error(noSuchTenant(name));
    else writeTenant(out, found, server.userUses(name));
  },
});

const help = helpCommand({
  container: 'TENANT',
  since: SINCE,
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'USE <name>',
    '    Act on the keys of this tenant.',
    'LIST',
    '    Return the names of all tenants.',
    'INFO [<name>]',
    '    Return users, connections, memory and budgets of a tenant and of its users.',
  ],
});

export const tenant = container({
  name: 'TENANT',
  summary: 'A container for tenant commands of operators',
  since: SINCE,
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [use, list, info, help],
});
