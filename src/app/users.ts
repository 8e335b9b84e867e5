/** From the users a policy names to the roster the gateway asks. */

import { Roster } from '../acl/roster.ts';
import { applyRules, newUser } from '../acl/rules.ts';
import { hashOfPassword, type User } from '../acl/user.ts';
import { latin1 } from '../base/bytes.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import type { AclFault } from '../policy/load.ts';
import type { BuiltInUser, Policy } from '../policy/policy.ts';
import { DEFAULT_TENANT, SYSTEM_TENANT } from '../tenancy/tenant.ts';

/** Who connections are before they say who they are. */
export const DEFAULT_USER = 'default';

export interface Passwords {
  readonly app: string;
  readonly admin: string;
}

/** Users of a first start: everything their tenant's ceiling allows for `app`, everything there is for the operator. */
export function builtInUsers({ app, admin }: Passwords): readonly BuiltInUser[] {
  const everything = (password: string) => `on #${hashOfPassword(Buffer.from(password))} ~* &* +@all`;
  return [
    { name: 'app', tenantName: DEFAULT_TENANT, acl: everything(app) },
    { name: 'admin', tenantName: SYSTEM_TENANT, acl: everything(admin) },
    { name: DEFAULT_USER, tenantName: DEFAULT_TENANT, acl: 'off' },
  ];
}

/** What is wrong with rules for a new user, and with which of them: the first after which they do not hold any more. */
export function aclFaultOf(table: CommandTable, rules: readonly Uint8Array[]): AclFault | undefined {
  const texts = rules.map((rule) => latin1(rule));
  const whole = applyTo(table, texts);
  if (whole.ok) return undefined;
  for (let length = 1; length < texts.length; length++) {
    const part = applyTo(table, texts.slice(0, length));
    if (!part.ok && part.fault === whole.fault) return { index: length - 1, message: reasonOf(whole.fault) };
  }
  return { index: texts.length - 1, message: reasonOf(whole.fault) };
}

function applyTo(table: CommandTable, rules: readonly string[]): Result<User> {
  return applyRules(newUser('', '', table, 'policy'), rules, table);
}

function applyTexts(user: User, rules: readonly Uint8Array[], table: CommandTable): Result<User> {
  const texts = rules.map((rule) => latin1(rule));
  return applyRules(user, texts, table);
}

/** Without the words about ACL SETUSER, which nobody said here. */
function reasonOf(fault: string): string {
  return fault.replace(/^Error in ACL SETUSER modifier '[\s\S]*': /, '');
}

/**
 * All users the policy names. Those that ACL SETUSER made stay, unless the policy now names them or their tenant is gone.
 * `trusted`: the user default needs no password and may do everything.
 */
export function rosterOf(policy: Policy, table: CommandTable, before: Roster, trusted: boolean): Result<Roster> {
  const users = new Map<string, User>();
  const tenants = new Set(policy.tenants.map(({ name }) => name));
  for (const user of before.users())
    if (user.origin === 'runtime' && tenants.has(user.tenant)) users.set(user.name, user);
  for (const { name, tenantName, rules, dryRunRules, position } of policy.users) {
    const empty = newUser(name, tenantName, table, position === undefined ? 'builtin' : 'policy');
    const made = applyTexts(empty, rules, table);
    if (!made.ok) return failure(`user ${name}: ${made.fault}`);
    const tried = dryRunRules.length === 0 ? success(undefined) : applyTexts(made.value, dryRunRules, table);
    if (!tried.ok) return failure(`user ${name}: dry_run_acl: ${tried.fault}`);
    users.set(name, { ...made.value, dryRun: tried.value });
  }
  if (trusted) {
    const made = applyRules(
      newUser(DEFAULT_USER, DEFAULT_TENANT, table, 'builtin'),
      ['on', 'nopass', '~*', '&*', '+@all'],
      table,
    );
    if (!made.ok) return made;
    users.set(DEFAULT_USER, made.value);
  }
  return success(new Roster(before.version + 1, users.values()));
}
