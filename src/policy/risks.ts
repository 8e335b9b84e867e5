/**
 * What a policy lets happen that is allowed and may still not be meant: insecure choices, each with a stable code. Pure; for
 * `check`, which says them as notes.
 */
import type { Allowlist } from '../base/cidr.ts';
import { DEFAULT_TENANT, SYSTEM_TENANT } from '../tenancy/tenant.ts';
import type { GatewayPolicy, Policy, Position } from './policy.ts';
import { mayTakeIdTokens } from './tokens.ts';

export interface Risk {
  readonly code: string;
  /** A place in a file, or the setting of gateway.yaml that it is about. */
  readonly at: Position | readonly string[];
  readonly message: string;
}

const LOOPBACK = /^(?:localhost|127\.|::1$)/;

export function risksOf(policy: Policy): readonly Risk[] {
  return [...gatewayRisks(policy.gateway), ...tenantRisks(policy)];
}

function isOpenToAll(list: Allowlist | undefined): boolean {
  return list?.rules.some((rule) => /\/0$/.test(rule)) === true;
}

function gatewayRisks({ tls, plain, limits, adminAddresses, tokens, audit }: GatewayPolicy): readonly Risk[] {
  const risks: Risk[] = [];
  const risk = (code: string, at: readonly string[], message: string) => risks.push({ code, at, message });
  if (plain.port !== 0 && plain.allowRemote) {
    risk('plain_remote', ['listeners', 'plain', 'allow_remote'], 'passwords and data travel in clear on this listener');
  }
  for (const [name, listener] of [
    ['tls', tls],
    ['plain', plain],
  ] as const) {
    if (!isOpenToAll(listener.addresses)) continue;
    risk(
      'open_addresses',
      ['listeners', name, 'addresses'],
      'a list with /0 in it lets everybody in: leave it empty to say so',
    );
  }
  if (tls.port !== 0 && !LOOPBACK.test(tls.bind) && (adminAddresses === undefined || isOpenToAll(adminAddresses))) {
    risk('admin_anywhere', ['admin', 'addresses'], 'operators may come from anywhere that reaches the listener');
  }
  if (limits.timeoutSeconds === 0) {
    risk('no_idle_timeout', ['limits', 'timeout'], 'idle clients stay for ever, and lost ones with them');
  }
  if (limits.connectionsPerIp === 0) {
    risk('no_cap_per_address', ['limits', 'connections_per_ip'], 'one address may take every connection there is');
  }
  for (const name of ['normal', 'pubsub', 'replica'] as const) {
    const { hardBytes, softBytes } = limits.outputLimits[name];
    if (hardBytes > 0 || softBytes > 0) continue;
    const at = ['limits', 'client_output_buffer_limit', name];
    risk('no_output_limit', at, 'replies that a client does not read pile up without a bound');
  }
  const { transport, host } = audit.syslog;
  if (audit.sink === 'syslog' && transport !== 'tls' && !LOOPBACK.test(host)) {
    risk(
      'syslog_in_clear',
      ['audit', 'syslog'],
      `the audit trail travels in clear to ${host}: transport: tls hides it`,
    );
  }
  for (const [index, issuer] of tokens.issuers.entries()) {
    if (!mayTakeIdTokens(issuer)) continue;
    const at = ['tokens', 'issuers', String(index), 'types'];
    risk('id_tokens', at, `ID tokens of ${issuer.name} may pass as access tokens: name under must_have what they lack`);
  }
  return risks;
}

function tenantRisks({ tenants, users, gateway }: Policy): readonly Risk[] {
  const risks: Risk[] = [];
  for (const { name, budget } of tenants) {
    const first = users.find((user) => user.tenantName === name)?.position;
    const isOwn = name !== DEFAULT_TENANT && name !== SYSTEM_TENANT;
    if (!isOwn || first === undefined) continue;
    if (budget.memoryBytes === 0 && gateway.storage.maxmemoryBytes === 0) {
      const message = `tenant "${name}" has no budget of memory, and storage.maxmemory is none: it may fill the machine`;
      risks.push({ code: 'no_memory_budget', at: { file: first.file, line: 1, column: 1 }, message });
    }
  }
  for (const { name, tenantName, rules, position } of users) {
    if (position === undefined) continue;
    const words = rules.map((rule) => Buffer.from(rule).toString('utf8').toLowerCase());
    if (tenantName === SYSTEM_TENANT || tenantName === DEFAULT_TENANT) continue;
    const isAll = words.includes('+@all') || words.includes('allcommands');
    if (isAll && !words.includes('-@dangerous')) {
      const shown = Buffer.from(name, 'latin1').toString('utf8');
      const message = `user "${shown}" may run dangerous commands (FLUSHALL, KEYS, MONITOR, …) on its tenant: -@dangerous takes them away`;
      risks.push({ code: 'dangerous_commands', at: position, message });
    }
  }
  return risks;
}
