/**
 * A policy as plain data that two sides can compare: what `diff` is told by a running server, and what it makes of a folder.
 * Holds no secret: passwords are fingerprints of their hashes, good for telling whether they are the same and for nothing else.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Roster } from '../acl/roster.ts';
import type { User } from '../acl/user.ts';
import { bytesOfLatin1, utf8Text } from '../base/bytes.ts';
import { Allowlist } from '../base/cidr.ts';
import type { TokenTemplate } from '../identity/terms.ts';
import type { TenantTerms } from '../tenancy/tenant.ts';
import { SETTINGS } from './diff.ts';
import type { Policy, PolicyUser } from './policy.ts';

const userSchema = z.object({
  name: z.string(),
  tenant: z.string(),
  isOfPolicy: z.boolean(),
  enabled: z.boolean(),
  nopass: z.boolean(),
  passwordHashes: z.array(z.string()),
  slowHashes: z.array(z.string()),
  /** Keys, channels and commands, and then each selector. */
  rules: z.array(z.string()),
  dryRunRules: z.array(z.string()),
  addresses: z.string(),
  /** Whatever else the files say of it: names, and fingerprints of the values. */
  others: z.record(z.string(), z.string()),
  /** The address of each connection that is open now; of a folder none. */
  from: z.array(z.string()),
});

const tenantSchema = z.object({
  name: z.string(),
  suspended: z.boolean(),
  addresses: z.string(),
  budget: z.record(z.string(), z.string()),
  others: z.record(z.string(), z.string()),
});

const settingSchema = z.object({ name: z.string(), holds: z.enum(['now', 'restart']), value: z.string() });

export const descriptionSchema = z.object({
  users: z.array(userSchema),
  tenants: z.array(tenantSchema),
  settings: z.array(settingSchema),
});

export type PolicyDescription = z.infer<typeof descriptionSchema>;
export type UserDescription = z.infer<typeof userSchema>;
export type TenantDescription = z.infer<typeof tenantSchema>;

/** @param roster the users as they are: with those that commands made, where there is a server */
export function describePolicy(
  policy: Policy,
  roster: Roster,
  comingFrom: (userName: string) => readonly string[],
): PolicyDescription {
  const written = new Map(policy.users.map((user) => [user.name, user]));
  return {
    users: roster.users().map((user) => describeUser(user, written.get(user.name), comingFrom(user.name))),
    tenants: policy.tenants.map((tenant) => describeTenant(tenant, policy.templates.get(tenant.name))),
    settings: SETTINGS.map(({ name, holds, get }) => ({ name, holds, value: String(get(policy.gateway)) })),
  };
}

function describeUser(user: User, written: PolicyUser | undefined, from: readonly string[]): UserDescription {
  const { name, tenantName, rules, dryRunRules, addresses, slowHashes, position, ...others } = written ?? NOBODY;
  return {
    name: readable(user.name),
    tenant: user.tenant,
    isOfPolicy: user.origin !== 'runtime',
    enabled: user.enabled,
    nopass: user.nopass,
    passwordHashes: user.passwordHashes.map(fingerprint),
    slowHashes: slowHashes.map(fingerprint),
    rules: rulesOf(user),
    dryRunRules: user.dryRun === undefined ? [] : rulesOf(user.dryRun),
    addresses: addressesText(addresses),
    others: fingerprints(others),
    from: Array.from(from),
  };
}

const NOBODY: PolicyUser = {
  name: '',
  tenantName: '',
  rules: [],
  dryRunRules: [],
  addresses: undefined,
  slowHashes: [],
  tokens: undefined,
  position: undefined,
};

/** Keys, channels and commands, without passwords. */
export function rulesOf({ root, selectors, skipsSanitizing }: User): string[] {
  const words = readable(root.describe()).split(' ');
  const groups = selectors.map((selector) => `(${readable(selector.describe())})`);
  return [...(skipsSanitizing ? ['skip-sanitize-payload'] : []), ...words, ...groups];
}

function describeTenant(
  { name, suspended, addresses, budget, ...others }: TenantTerms,
  templates: readonly TokenTemplate[] | undefined,
): TenantDescription {
  return {
    name,
    suspended,
    addresses: addressesText(addresses),
    budget: Object.fromEntries(Object.entries(budget).map(([key, value]) => [key, plain(value)])),
    others: fingerprints({ ...others, token_users: templates }),
  };
}

/** Fields of files that this page knows nothing of may hold anything: only that they changed is told. */
function fingerprints(fields: object): Record<string, string> {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([key, value]) => [key, fingerprint(plain(value))]));
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Allowlist) return inner.rules;
    if (inner instanceof Map) return Array.from(inner);
    return inner instanceof Set ? Array.from(inner) : inner;
  });
}

function fingerprint(text: string): string {
  return createHash('sha256').update(`portcullis policy ${text}`).digest('hex').slice(0, 16);
}

/** What `others` says of the field `tokens` of a user who has no other way in. */
export const TOKENS_ONLY = fingerprint('only');

function addressesText(list: Allowlist | undefined): string {
  return list === undefined ? 'any' : list.rules.join(' ');
}

/** Names and patterns are bytes, one character each; people write UTF-8. */
function readable(text: string): string {
  const bytes = bytesOfLatin1(text);
  return utf8Text(bytes, 0, bytes.length);
}

/** ASCII alone, so that it passes through every client unharmed. */
export function descriptionJson(description: PolicyDescription): string {
  return JSON.stringify(description).replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
