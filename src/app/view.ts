/** What the gateway lives by, from the policy, the options that CONFIG may change, and the command line. */
import type { Allowlist } from '../base/cidr.ts';
import type { GatewayView } from '../gateway/view.ts';
import type { LoginTerms, TokenLogin } from '../identity/terms.ts';
import type { Policy } from '../policy/policy.ts';
import type { Settings } from './config/settings.ts';

export function viewOf(policy: Policy, settings: Settings, trustLoopback: boolean): GatewayView {
  const { gateway, users } = policy;
  const { limits } = gateway;
  const userAddresses = new Map<string, Allowlist>();
  for (const { name, addresses } of users) if (addresses !== undefined) userAddresses.set(name, addresses);
  return {
    timing: {
      slowlogSlowerThan_us: settings.slowlogSlowerThan_us,
      slowlogMaxLength: settings.slowlogMaxLength,
      latencyTracking: settings.latencyTracking,
      latencyThreshold_ms: settings.latencyThreshold_ms,
    },
    maxclients: settings.maxclients,
    connectionsPerIp: trustLoopback ? 0 : limits.connectionsPerIp,
    perIpExempt: limits.perIpExempt,
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
    logins: loginsOf(policy),
    trustLoopback,
    protectedMode: !gateway.plain.allowRemote,
    drainTimeoutSeconds: gateway.shutdownTimeoutSeconds,
  };
}

function loginsOf({ gateway, users, templates }: Policy): LoginTerms {
  const tokenLogins = new Map<string, TokenLogin>();
  const slowHashes = new Map<string, readonly string[]>();
  for (const user of users) {
    if (user.tokens !== undefined) tokenLogins.set(user.name, user.tokens);
    if (user.slowHashes.length > 0) slowHashes.set(user.name, user.slowHashes);
  }
  return { tokens: gateway.tokens, tokenLogins, slowHashes, templates };
}
