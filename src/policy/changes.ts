/** What one policy makes of another, for people to read before it happens. Pure, over descriptions. */
import { Allowlist, parseAddress } from '../base/cidr.ts';
import { SYSTEM_TENANT } from '../base/names.ts';
import { type PolicyDescription, type TenantDescription, TOKENS_ONLY, type UserDescription } from './description.ts';
import { mustClose } from './diff.ts';

/** What a description says of a list that lets everybody. */
const ANYBODY = 'any';

export interface Change {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly what: 'tenant' | 'user' | 'setting';
  readonly name: string;
  /** Short sentences; for a setting when it holds. */
  readonly details: readonly string[];
}

/** Sessions of a user that end, and why. */
export interface Closing {
  readonly user: string;
  readonly tenant: string;
  readonly why: string;
  /** Open now, where a running server was asked. */
  readonly connections: number;
}

export interface Changes {
  readonly changes: readonly Change[];
  readonly closings: readonly Closing[];
}

export function changesOf(before: PolicyDescription, after: PolicyDescription): Changes {
  const tenants = new Set(after.tenants.map(({ name }) => name));
  const named = new Set(after.users.map(({ name }) => name));
  // Whom ACL SETUSER made stays, unless the new files name it or its tenant is gone.
  const staying = before.users.filter((user) => !user.isOfPolicy && !named.has(user.name) && tenants.has(user.tenant));
  const next = { ...after, users: [...after.users, ...staying] };
  return {
    changes: [
      ...compare('tenant', before.tenants, next.tenants, tenantDetails, (tenant) => [budgetText(tenant)]),
      ...compare('user', before.users, next.users, userDetails, (user) => [
        `of ${user.tenant}`,
        doorText(user),
        user.rules.join(' '),
      ]),
      ...settingChanges(before, next),
    ],
    closings: closingsOf(before, next),
  };
}

function compare<Item extends { readonly name: string }>(
  what: Change['what'],
  before: readonly Item[],
  after: readonly Item[],
  details: (old: Item, now: Item) => readonly string[],
  facts: (item: Item) => readonly string[],
): readonly Change[] {
  const olds = new Map(before.map((item) => [item.name, item]));
  const nows = new Map(after.map((item) => [item.name, item]));
  const changes: Change[] = [];
  for (const old of before) {
    if (!nows.has(old.name)) changes.push({ kind: 'removed', what, name: old.name, details: [] });
  }
  for (const now of after) {
    const old = olds.get(now.name);
    if (old === undefined) changes.push({ kind: 'added', what, name: now.name, details: facts(now) });
    else {
      const found = details(old, now);
      if (found.length > 0) changes.push({ kind: 'changed', what, name: now.name, details: found });
    }
  }
  return changes;
}

function settingChanges(before: PolicyDescription, after: PolicyDescription): readonly Change[] {
  const olds = new Map(before.settings.map(({ name, value }) => [name, value]));
  return after.settings
    .filter(({ name, value }) => olds.get(name) !== value)
    .map(({ name, value, holds }) => ({
      kind: 'changed',
      what: 'setting',
      name,
      details: [`${olds.get(name) ?? 'unset'} → ${value}`, holds === 'now' ? 'holds at once' : 'holds at a restart'],
    }));
}

function budgetText({ budget }: TenantDescription): string {
  const said = Object.entries(budget).filter(([, value]) => value !== '0');
  return said.map(([name, value]) => `${name} ${value}`).join(', ');
}

function doorText({ enabled, nopass, passwordHashes: { length } }: UserDescription): string {
  const door = nopass ? 'needs no password' : `${length} password${length === 1 ? '' : 's'}`;
  return `${enabled ? 'on' : 'off'}, ${door}`;
}

function tenantDetails(old: TenantDescription, now: TenantDescription): readonly string[] {
  const details: string[] = [];
  if (old.suspended !== now.suspended) details.push(now.suspended ? 'is suspended' : 'is open again');
  if (old.addresses !== now.addresses) details.push(`addresses: ${old.addresses} → ${now.addresses}`);
  for (const [name, value] of Object.entries(now.budget)) {
    if (old.budget[name] !== value) details.push(`budget ${name}: ${old.budget[name] ?? 'unset'} → ${value}`);
  }
  return [...details, ...otherDetails(old.others, now.others)];
}

function userDetails(old: UserDescription, now: UserDescription): readonly string[] {
  const details: string[] = [];
  if (old.tenant !== now.tenant) details.push(`tenant: ${old.tenant} → ${now.tenant}`);
  if (old.enabled !== now.enabled) details.push(now.enabled ? 'is switched on' : 'is switched off');
  if (old.nopass !== now.nopass) details.push(now.nopass ? 'needs no password any more' : 'needs a password');
  const added = missingIn(old.passwordHashes, now.passwordHashes);
  const removed = missingIn(now.passwordHashes, old.passwordHashes);
  if (added > 0) details.push(`passwords added: ${added}`);
  if (removed > 0) details.push(`passwords removed: ${removed}`);
  const slowAdded = missingIn(old.slowHashes, now.slowHashes);
  const slowRemoved = missingIn(now.slowHashes, old.slowHashes);
  if (slowAdded > 0) details.push(`slow passwords added: ${slowAdded}`);
  if (slowRemoved > 0) details.push(`slow passwords removed: ${slowRemoved}`);
  details.push(...ruleDetails('rules', old.rules, now.rules));
  details.push(...ruleDetails('rules on trial', old.dryRunRules, now.dryRunRules));
  if (old.addresses !== now.addresses) details.push(`addresses: ${old.addresses} → ${now.addresses}`);
  return [...details, ...otherDetails(old.others, now.others)];
}

/** How many of `those` are not in `list`. */
function missingIn(list: readonly string[], those: readonly string[]): number {
  return those.filter((one) => !list.includes(one)).length;
}

function ruleDetails(what: string, old: readonly string[], now: readonly string[]): readonly string[] {
  const removed = old.filter((rule) => !now.includes(rule));
  const added = now.filter((rule) => !old.includes(rule));
  const details: string[] = [];
  if (removed.length > 0) details.push(`${what} removed: ${removed.join(' ')}`);
  if (added.length > 0) details.push(`${what} added: ${added.join(' ')}`);
  const isMoved = details.length === 0 && old.join(' ') !== now.join(' ');
  // The last rule wins, so an order is a meaning.
  return isMoved ? [`${what} in another order: ${old.join(' ')} → ${now.join(' ')}`] : details;
}

function otherDetails(old: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): readonly string[] {
  const names = new Set([...Object.keys(old), ...Object.keys(now)]);
  return Array.from(names)
    .filter((name) => old[name] !== now[name])
    .map((name) => `${name} changed`);
}

function closingsOf(before: PolicyDescription, after: PolicyDescription): readonly Closing[] {
  const users = new Map(after.users.map((user) => [user.name, user]));
  const tenants = new Map(after.tenants.map((tenant) => [tenant.name, tenant]));
  const closings: Closing[] = [];
  for (const old of before.users) {
    if (!old.enabled) continue;
    const now = users.get(old.name);
    const tenant = tenants.get(now?.tenant ?? '');
    const { name: user, tenant: tenantName } = old;
    const why = whyClosed(old, now, tenant);
    if (why !== undefined) closings.push({ user, tenant: tenantName, why, connections: old.from.length });
    else if (now !== undefined && tenant !== undefined) {
      const left = leftOut(old.from, listsOf(now, tenant, after));
      if (left > 0)
        closings.push({ user, tenant: tenantName, why: 'may not come from there any more', connections: left });
      for (const which of endedByProof(old, now, before, after))
        closings.push({ user, tenant: tenantName, why: which, connections: old.from.length });
    }
  }
  return closings;
}

/** Of a user who stays: which sessions end by how they came in. How many of the open ones that are is not in a description. */
function endedByProof(
  old: UserDescription,
  now: UserDescription,
  before: PolicyDescription,
  after: PolicyDescription,
): readonly string[] {
  const reasons: string[] = [];
  const field = ({ others }: UserDescription, name: string) => others[name];
  if (missingIn(now.slowHashes, old.slowHashes) > 0) reasons.push('has lost a slow password, and sessions by it');
  const [tokens, tokensNow] = [field(old, 'tokens'), field(now, 'tokens')];
  if (tokens !== TOKENS_ONLY && tokensNow === TOKENS_ONLY)
    reasons.push('takes tokens alone, and no sessions without one');
  if (tokens !== undefined && tokensNow === undefined)
    reasons.push('takes no tokens any more, and no sessions by them');
  // Whether clients are asked for certificates at all is settled when the listener opens.
  if (certificateSetting(before, 'mode') === 'none') return reasons;
  const named = field(old, 'certificate');
  const isNamedOtherwise = certificateSetting(before, 'identify_by') !== certificateSetting(after, 'identify_by');
  if (named !== undefined && (isNamedOtherwise || named !== field(now, 'certificate')))
    reasons.push('is not named by that certificate any more');
  const isBound = (user: UserDescription, policy: PolicyDescription) =>
    field(user, 'certificate') !== undefined && certificateSetting(policy, 'password_allowed') === 'false';
  if (!isBound(old, before) && isBound(now, after))
    reasons.push('comes by certificate alone, and no sessions by password');
  return reasons;
}

function certificateSetting({ settings }: PolicyDescription, name: string): string | undefined {
  return settings.find((setting) => setting.name === `listeners.tls.client_certificates.${name}`)?.value;
}

function whyClosed(
  old: UserDescription,
  now: UserDescription | undefined,
  tenant: TenantDescription | undefined,
): string | undefined {
  if (now === undefined) return 'is gone';
  if (tenant?.suspended !== false) return 'its tenant is suspended';
  if (!mustClose(old, now)) return undefined;
  if (now.tenant !== old.tenant) return 'is of another tenant';
  return now.enabled ? 'has lost a password' : 'is switched off';
}

/** The lists that a connection of this user has to be in, as at a login. */
function listsOf(user: UserDescription, tenant: TenantDescription, { settings }: PolicyDescription): readonly string[] {
  const ofAdmin = settings.find(({ name }) => name === 'admin.addresses')?.value ?? ANYBODY;
  return [user.addresses, tenant.addresses, ...(tenant.name === SYSTEM_TENANT ? [ofAdmin] : [])];
}

/** How many of these connections are in one of the lists no more. */
function leftOut(from: readonly string[], texts: readonly string[]): number {
  const lists: Allowlist[] = [];
  for (const text of texts) {
    const list = text === ANYBODY ? undefined : Allowlist.parse(text.split(' '));
    if (list?.ok === true) lists.push(list.value);
  }
  return from.filter((text) => {
    const address = parseAddress(text);
    return address !== undefined && lists.some((list) => !list.allows(address));
  }).length;
}
