/** What a new policy changes: for the log, and for deciding which connections must end. Pure. */

import type { Roster } from '../acl/roster.ts';
import type { User } from '../acl/user.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Allowlist } from '../base/cidr.ts';
import type { Budget } from '../tenancy/budget.ts';
import type { TenantTerms } from '../tenancy/tenant.ts';
import { auditTermsText, auditText } from './audit.ts';
import type { GatewayPolicy, OutputLimitPolicy, Policy, PolicyUser } from './policy.ts';
import { ratesText } from './rates.ts';
import { namesText } from './tls.ts';
import { tokenText } from './tokens.ts';

export interface NamesDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface PolicyDiff {
  readonly users: NamesDiff;
  readonly tenants: NamesDiff;
  /** Tenants that were open and now are suspended or gone: their connections end. */
  readonly closedTenants: readonly string[];
  /** Settings of the gateway, as in its file, that hold from now on. */
  readonly settings: readonly string[];
  /** Settings that hold only after a restart. */
  readonly restart: readonly string[];
}

export function isEmptyDiff(diff: PolicyDiff): boolean {
  const { users, tenants, settings, restart } = diff;
  const lists = [users.added, users.removed, users.changed, tenants.added, tenants.removed, tenants.changed];
  return [...lists, settings, restart].every((list) => list.length === 0);
}

export function diffPolicies(before: Policy, after: Policy): PolicyDiff {
  const usersBefore = new Map(before.users.map((user) => [user.name, user]));
  const usersAfter = new Map(after.users.map((user) => [user.name, user]));
  const tenantsBefore = new Map(before.tenants.map((tenant) => [tenant.name, tenant]));
  const tenantsAfter = new Map(after.tenants.map((tenant) => [tenant.name, tenant]));
  const changed = SETTINGS.filter(({ get }) => get(before.gateway) !== get(after.gateway));
  const restart = changed.filter(({ holds }) => holds === 'restart').map(({ name }) => name);
  // A part of what is turned on or off at a restart waits for it too.
  const waits = (name: string) => restart.some((whole) => name.startsWith(`${whole}.`));
  return {
    users: diffNames(usersBefore, usersAfter, equalUsers),
    tenants: diffNames(tenantsBefore, tenantsAfter, (a, b) => {
      return equalTerms(a, b) && templatesText(before, a) === templatesText(after, b);
    }),
    closedTenants: before.tenants
      .filter((tenant) => !tenant.suspended && tenantsAfter.get(tenant.name)?.suspended !== false)
      .map(({ name }) => name),
    settings: changed.filter(({ name, holds }) => holds === 'now' && !waits(name)).map(({ name }) => name),
    restart,
  };
}

function diffNames<Item>(
  before: ReadonlyMap<string, Item>,
  after: ReadonlyMap<string, Item>,
  equal: (a: Item, b: Item) => boolean,
): NamesDiff {
  const names = Array.from(after.keys());
  return {
    added: names.filter((name) => !before.has(name)),
    removed: Array.from(before.keys()).filter((name) => !after.has(name)),
    changed: names.filter((name) => {
      const old = before.get(name);
      const now = after.get(name);
      return old !== undefined && now !== undefined && !equal(old, now);
    }),
  };
}

function equalUsers(a: PolicyUser, b: PolicyUser): boolean {
  if (a.tenantName !== b.tenantName || a.certificate !== b.certificate) return false;
  if (rulesText(a.addresses) !== rulesText(b.addresses) || ratesText(a.budget) !== ratesText(b.budget)) return false;
  if (a.tokens !== b.tokens || a.slowHashes.join(' ') !== b.slowHashes.join(' ')) return false;
  return equalRules(a.rules, b.rules) && equalRules(a.dryRunRules, b.dryRunRules);
}

function equalRules(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((rule, index) => equalBytes(rule, b[index] ?? rule));
}

function equalTerms(a: TenantTerms, b: TenantTerms): boolean {
  if (a.suspended !== b.suspended || rulesText(a.addresses) !== rulesText(b.addresses)) return false;
  return (Object.keys(a.budget) as (keyof Budget)[]).every((key) => a.budget[key] === b.budget[key]);
}

function templatesText({ templates }: Policy, { name }: TenantTerms): string {
  const all = templates.get(name) ?? [];
  return JSON.stringify(all.map(({ addresses, ...others }) => [others, rulesText(addresses)]));
}

/**
 * Users whose connections end when a policy has made one roster of another: gone, of another tenant, off, or without
 * any password of before. The gateway judges the same (`gateway/identity.ts`). Every other change of rights is felt at the next command.
 */
export function closedUsers(before: Roster, after: Roster): readonly string[] {
  return before
    .users()
    .filter((user) => mustClose(user, after.get(user.name)))
    .map(({ name }) => name);
}

/** The hashes themselves, or whatever else tells whether they are the same. */
type Door = Pick<User, 'tenant' | 'enabled' | 'nopass' | 'passwordHashes'>;

export function mustClose(before: Door, after: Door | undefined): boolean {
  if (after === undefined || after.tenant !== before.tenant) return true;
  if (!after.enabled) return before.enabled;
  if (after.nopass || before.nopass) return false;
  // Passwords that overlap are a rotation; without one in common nobody who came before could come again.
  const { passwordHashes } = before;
  return passwordHashes.length > 0 && !passwordHashes.some((hash) => after.passwordHashes.includes(hash));
}

function rulesText(list: Allowlist | undefined): string {
  return list === undefined ? 'any' : list.rules.join(' ');
}

function limitText(limit: OutputLimitPolicy): string {
  return `${limit.hardBytes} ${limit.softBytes} ${limit.softSeconds}`;
}

interface Setting {
  /** As in the file. */
  readonly name: string;
  readonly holds: 'now' | 'restart';
  readonly get: (gateway: GatewayPolicy) => string | number | boolean;
}

function now(name: string, get: Setting['get']): Setting {
  return { name, holds: 'now', get };
}

function atRestart(name: string, get: Setting['get']): Setting {
  return { name, holds: 'restart', get };
}

export const SETTINGS: readonly Setting[] = [
  atRestart('listeners.tls.bind', ({ tls }) => tls.bind),
  atRestart('listeners.tls.port', ({ tls }) => tls.port),
  atRestart('listeners.tls.profile', ({ tls }) => tls.profile),
  atRestart('listeners.tls.client_certificates.mode', ({ tls }) => tls.clientCertificates.mode),
  now('listeners.tls.client_certificates.ca', ({ tls }) => tls.clientCertificates.authoritiesFile ?? ''),
  now('listeners.tls.client_certificates.crl', ({ tls }) => tls.clientCertificates.revocationsFile ?? ''),
  now('listeners.tls.client_certificates.identify_by', ({ tls }) => tls.clientCertificates.identifyBy),
  now('listeners.tls.client_certificates.password_allowed', ({ tls }) => tls.clientCertificates.passwordAllowed),
  now('listeners.tls.names', ({ tls }) => namesText(tls)),
  now('listeners.tls.addresses', ({ tls }) => rulesText(tls.addresses)),
  atRestart('listeners.tls.proxy_protocol', ({ tls }) => tls.proxies !== undefined),
  now('listeners.tls.proxy_protocol.from', ({ tls }) => rulesText(tls.proxies)),
  atRestart('listeners.plain.bind', ({ plain }) => plain.bind),
  atRestart('listeners.plain.port', ({ plain }) => plain.port),
  atRestart('listeners.plain.allow_remote', ({ plain }) => plain.allowRemote),
  now('listeners.plain.addresses', ({ plain }) => rulesText(plain.addresses)),
  atRestart('listeners.plain.proxy_protocol', ({ plain }) => plain.proxies !== undefined),
  now('listeners.plain.proxy_protocol.from', ({ plain }) => rulesText(plain.proxies)),
  now('limits.maxclients', ({ limits }) => limits.maxclients),
  now('limits.connections_per_ip', ({ limits }) => limits.connectionsPerIp),
  now('limits.per_ip_exempt', ({ limits }) => rulesText(limits.perIpExempt)),
  now('limits.address', ({ limits }) => ratesText(limits.addressRates)),
  now('limits.timeout', ({ limits }) => limits.timeoutSeconds),
  now('limits.tcp_keepalive', ({ limits }) => limits.tcpKeepaliveSeconds),
  now('limits.handshake_timeout', ({ limits }) => limits.handshakeTimeoutSeconds),
  now('limits.authentication_timeout', ({ limits }) => limits.authenticationTimeoutSeconds),
  now('limits.proto_max_bulk_len', ({ limits }) => limits.protoMaxBulkBytes),
  now('limits.client_query_buffer_limit', ({ limits }) => limits.clientQueryBufferBytes),
  now('limits.client_output_buffer_limit.normal', ({ limits }) => limitText(limits.outputLimits.normal)),
  now('limits.client_output_buffer_limit.pubsub', ({ limits }) => limitText(limits.outputLimits.pubsub)),
  now('limits.client_output_buffer_limit.replica', ({ limits }) => limitText(limits.outputLimits.replica)),
  now('tokens', ({ tokens }) => tokenText(tokens)),
  now('admin.addresses', ({ adminAddresses }) => rulesText(adminAddresses)),
  atRestart('storage.shards', ({ storage }) => storage.shards),
  atRestart('storage.data', ({ storage }) => storage.dataFolder),
  now('storage.maxmemory', ({ storage }) => storage.maxmemoryBytes),
  now('storage.maxmemory_policy', ({ storage }) => storage.maxmemoryPolicy),
  now('storage.maxmemory_samples', ({ storage }) => storage.maxmemorySamples),
  atRestart('audit', ({ audit }) => auditText(audit)),
  now('audit.records', ({ audit }) => auditTermsText(audit)),
  now('alerts', ({ alerts }) => JSON.stringify(alerts)),
  now('logging.level', ({ logLevel }) => logLevel),
  now('shutdown_timeout', ({ shutdownTimeoutSeconds }) => shutdownTimeoutSeconds),
];
