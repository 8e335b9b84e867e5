/** What the gateway lives by, from the policy, the options that CONFIG may change, and the command line. */
import type { Allowlist } from '../base/cidr.ts';
import type { CertificateView, GatewayView } from '../gateway/view.ts';
import type { LoginTerms, TokenLogin } from '../identity/terms.ts';
import type { Policy } from '../policy/policy.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import type { Settings } from './config/settings.ts';

export function viewOf(policy: Policy, settings: Settings, trustLoopback: boolean): GatewayView {
  const { gateway, users } = policy;
  const { limits } = gateway;
  const userAddresses = new Map<string, Allowlist>();
  const userBudgets = new Map<string, UserBudget>();
  for (const { name, budget } of users) if (budget !== undefined) userBudgets.set(name, budget);
  for (const { name, addresses } of users) if (addresses !== undefined) userAddresses.set(name, addresses);
  return {
    timing: {
      slowlogSlowerThan_us: settings.slowlogSlowerThan_us,
      slowlogMaxLength: settings.slowlogMaxLength,
      latencyTracking: settings.latencyTracking,
      latencyThreshold_ms: settings.latencyThreshold_ms,
    },
    tenantTurn_ms: settings.tenantTurn_ms,
    maxclients: settings.maxclients,
    connectionsPerIp: trustLoopback ? 0 : limits.connectionsPerIp,
    perIpExempt: limits.perIpExempt,
    addressRates: limits.addressRates,
    timeoutSeconds: settings.timeoutSeconds,
    tcpKeepaliveSeconds: settings.tcpKeepaliveSeconds,
    handshakeTimeoutSeconds: limits.handshakeTimeoutSeconds,
    authenticationTimeoutSeconds: limits.authenticationTimeoutSeconds,
    keyspaceEvents: settings.keyspaceEvents,
    bulkBytesMax: settings.protoMaxBulkBytes,
    queryBufferBytesMax: settings.clientQueryBufferBytes,
    outputLimits: settings.outputLimits,
    adminAddresses: gateway.adminAddresses,
    userAddresses,
    userBudgets,
    certificates: certificatesOf({ gateway, users }),
    logins: loginsOf(policy),
    trustLoopback,
    protectedMode: !gateway.plain.allowRemote,
    drainTimeoutSeconds: gateway.shutdownTimeoutSeconds,
  };
}

function certificatesOf({ gateway, users }: Pick<Policy, 'gateway' | 'users'>): CertificateView {
  const { mode, identifyBy, passwordAllowed } = gateway.tls.clientCertificates;
  const byCertificate = new Map<string, string>();
  for (const { name, certificate } of users) if (certificate !== undefined) byCertificate.set(certificate, name);
  const bound = new Set(byCertificate.values());
  return { isRequired: mode === 'required', identifyBy, passwordAllowed, users: byCertificate, bound };
}

export function loginsOf({ gateway, users, templates }: Policy): LoginTerms {
  const tokenLogins = new Map<string, TokenLogin>();
  const slowHashes = new Map<string, readonly string[]>();
  for (const user of users) {
    if (user.tokens !== undefined) tokenLogins.set(user.name, user.tokens);
    if (user.slowHashes.length > 0) slowHashes.set(user.name, user.slowHashes);
  }
  return { tokens: gateway.tokens, tokenLogins, slowHashes, templates };
}
