/** From the file to the words the program uses, with the checks that take more than one field. */
import { type Allowlist, parseAddress } from '../base/cidr.ts';
import type { TokenTerms } from '../identity/terms.ts';
import type { GatewayPolicy } from './policy.ts';
import type { GatewayFile } from './schema.ts';

type Path = readonly (string | number)[];

interface Read {
  readonly gateway: GatewayPolicy;
  readonly faults: readonly { readonly path: Path; readonly message: string }[];
}

/** `eachList` is told of every allowlist and where it stands. */
export function gatewayPolicyOf(
  file: GatewayFile,
  tokens: TokenTerms,
  eachList: (path: Path, list: Allowlist | undefined) => void,
): Read {
  const { listeners, limits, admin, storage } = file;
  eachList(['listeners', 'tls', 'addresses'], listeners.tls.addresses);
  eachList(['listeners', 'plain', 'addresses'], listeners.plain.addresses);
  eachList(['listeners', 'tls', 'proxy_protocol', 'from'], listeners.tls.proxy_protocol);
  eachList(['listeners', 'plain', 'proxy_protocol', 'from'], listeners.plain.proxy_protocol);
  eachList(['limits', 'per_ip_exempt'], limits.per_ip_exempt);
  eachList(['admin', 'addresses'], admin.addresses);
  const { normal, pubsub, replica } = limits.client_output_buffer_limit;
  const gateway: GatewayPolicy = {
    tls: {
      bind: listeners.tls.bind,
      port: listeners.tls.port,
      addresses: listeners.tls.addresses,
      profile: listeners.tls.profile,
      clientCertificates: listeners.tls.client_certificates,
      names: listeners.tls.names,
      unknownName: listeners.tls.unknown_name,
      proxies: listeners.tls.proxy_protocol,
    },
    plain: {
      bind: listeners.plain.bind,
      port: listeners.plain.port,
      addresses: listeners.plain.addresses,
      proxies: listeners.plain.proxy_protocol,
      allowRemote: listeners.plain.allow_remote,
    },
    limits: {
      maxclients: limits.maxclients,
      connectionsPerIp: limits.connections_per_ip,
      perIpExempt: limits.per_ip_exempt,
      addressRates: limits.address,
      timeoutSeconds: limits.timeout,
      tcpKeepaliveSeconds: limits.tcp_keepalive,
      handshakeTimeoutSeconds: limits.handshake_timeout,
      authenticationTimeoutSeconds: limits.authentication_timeout,
      protoMaxBulkBytes: limits.proto_max_bulk_len,
      clientQueryBufferBytes: limits.client_query_buffer_limit,
      outputLimits: { normal: outputLimit(normal), pubsub: outputLimit(pubsub), replica: outputLimit(replica) },
    },
    adminAddresses: admin.addresses,
    tokens,
    storage: {
      shards: storage.shards,
      dataFolder: storage.data,
      maxmemoryBytes: storage.maxmemory,
      maxmemoryPolicy: storage.maxmemory_policy,
      maxmemorySamples: storage.maxmemory_samples,
      backups: {
        folder: storage.backups.folder,
        everySeconds: storage.backups.every,
        keep: storage.backups.keep,
      },
    },
    audit: file.audit,
    alerts: file.alerts,
    logLevel: file.logging.level,
    shutdownTimeoutSeconds: file.shutdown_timeout,
  };
  return { gateway, faults: faultsOf(gateway) };
}

function outputLimit(limit: GatewayFile['limits']['client_output_buffer_limit']['normal']) {
  return { hardBytes: limit.hard, softBytes: limit.soft, softSeconds: limit.seconds };
}

/** Redis' own bounds of `proto-max-bulk-len` and `client-query-buffer-limit`. */
const BULK_BYTES_MIN = 1024 * 1024;
const BULK_BYTES_MAX = 512 * 1024 * 1024;

function faultsOf({ tls, plain, limits }: GatewayPolicy): Read['faults'] {
  const faults: { path: Path; message: string }[] = [];
  const complain = (path: Path, message: string) => faults.push({ path, message });
  const isLocal = plain.bind === 'localhost' || parseAddress(plain.bind)?.isLoopback === true;
  if (plain.port !== 0 && !isLocal && !plain.allowRemote) {
    complain(
      ['listeners', 'plain', 'bind'],
      'is not a loopback address: passwords would travel in clear; say allow_remote: true if that is meant',
    );
  }
  if (tls.port !== 0 && tls.port === plain.port) complain(['listeners', 'plain', 'port'], 'is also the port of tls');
  for (const [name, bytes] of [
    ['proto_max_bulk_len', limits.protoMaxBulkBytes],
    ['client_query_buffer_limit', limits.clientQueryBufferBytes],
  ] as const) {
    if (bytes < BULK_BYTES_MIN) complain(['limits', name], 'must be at least 1mb');
  }
  if (limits.protoMaxBulkBytes > BULK_BYTES_MAX) complain(['limits', 'proto_max_bulk_len'], 'must be at most 512mb');
  return faults;
}
