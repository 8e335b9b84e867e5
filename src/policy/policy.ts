/** What the policy files say once read: plain immutable data. `load.ts` makes it, app hands its parts to whom they concern. */
import type { Allowlist } from '../base/cidr.ts';
import type { EvictionPolicy } from '../base/eviction-policies.ts';
import type { Result } from '../base/result.ts';
import type { TokenLogin, TokenTemplate, TokenTerms } from '../identity/terms.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import type { RateTerms } from '../tenancy/rate.ts';
import type { TenantTerms } from '../tenancy/tenant.ts';
import type { AlertSettings, AuditSettings } from './audit.ts';
import type { ClientCertificatePolicy, TlsNamesPolicy } from './tls.ts';

/** Lines and columns count from 1, columns in UTF-16 units as editors do. */
export interface Position {
  /** Relative to the policies folder. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface PolicyProblem extends Position {
  readonly message: string;
}

/** `tenants/t1.yaml:5:9: unknown key "keyz"`. */
export function describeProblem(problem: PolicyProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** One class of `client_output_buffer_limit`; 0 is no limit. */
export interface OutputLimitPolicy {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

export interface ListenerPolicy {
  readonly bind: string;
  /** 0: no such listener. */
  readonly port: number;
  /** Who may connect at all; undefined lets everybody. */
  readonly addresses: Allowlist | undefined;
  /** Balancers whose PROXY header is believed, and without which nobody comes in; undefined: none is expected. */
  readonly proxies: Allowlist | undefined;
}

export interface TlsListenerPolicy extends ListenerPolicy, TlsNamesPolicy {
  /** `intermediate`: TLS 1.2 and 1.3; `modern`: 1.3 alone. */
  readonly profile: 'intermediate' | 'modern';
  readonly clientCertificates: ClientCertificatePolicy;
}

export interface PlainListenerPolicy extends ListenerPolicy {
  /** Without it `bind` must be a loopback address. */
  readonly allowRemote: boolean;
}

export interface LimitsPolicy {
  readonly maxclients: number;
  /** Open connections of one address, of IPv6 of its /64; 0 is no limit. */
  readonly connectionsPerIp: number;
  /** Addresses without that limit: loopback unless said otherwise. */
  readonly perIpExempt: Allowlist | undefined;
  /** How fast one address may be, those of `perIpExempt` excepted; undefined: as fast as it likes. */
  readonly addressRates: RateTerms | undefined;
  /** Idle seconds after which a client is closed; 0 never. */
  readonly timeoutSeconds: number;
  readonly tcpKeepaliveSeconds: number;
  readonly handshakeTimeoutSeconds: number;
  /** From the end of the handshake to the first successful AUTH. */
  readonly authenticationTimeoutSeconds: number;
  readonly protoMaxBulkBytes: number;
  readonly clientQueryBufferBytes: number;
  readonly outputLimits: {
    readonly normal: OutputLimitPolicy;
    readonly replica: OutputLimitPolicy;
    readonly pubsub: OutputLimitPolicy;
  };
}

export interface BackupPolicy {
  /** As written; undefined: `backups` in the data folder. */
  readonly folder: string | undefined;
  /** 0: none are taken by the clock. */
  readonly everySeconds: number;
  /** How many of those stay. */
  readonly keep: number;
}

export interface StoragePolicy {
  readonly shards: number;
  /** As written; relative to the working directory of the process. */
  readonly dataFolder: string;
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: EvictionPolicy;
  readonly maxmemorySamples: number;
  readonly backups: BackupPolicy;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** policies/gateway.yaml with every default filled in. Flags of the command line win over it. */
export interface GatewayPolicy {
  readonly tls: TlsListenerPolicy;
  readonly plain: PlainListenerPolicy;
  readonly limits: LimitsPolicy;
  /** From where users of the tenant `system` may come; undefined: from anywhere. */
  readonly adminAddresses: Allowlist | undefined;
  /** Who may vouch for users. */
  readonly tokens: TokenTerms;
  readonly storage: StoragePolicy;
  readonly audit: AuditSettings;
  readonly alerts: AlertSettings;
  readonly logLevel: LogLevel;
  readonly shutdownTimeoutSeconds: number;
}

export interface PolicyUser {
  /** One character per byte of its UTF-8 form, as connections carry it. */
  readonly name: string;
  readonly tenantName: string;
  /**
   * ACL rules in order for a user that does not exist yet, blanks already split, judged right; the hash from a password
   * file stands last.
   */
  readonly rules: readonly Uint8Array[];
  /** From where it may come; undefined: from anywhere. */
  readonly addresses: Allowlist | undefined;
  /** What it may use of its tenant's budget; undefined: all of it. */
  readonly budget?: UserBudget | undefined;
  /** The entry of a certificate that is its way in; undefined: a password is. */
  readonly certificate?: string | undefined;
  /** Rules on trial, said after `rules` and only reported on; empty: none. */
  readonly dryRunRules: readonly Uint8Array[];
  /** Passwords as slow hashes, beside those among the rules. */
  readonly slowHashes: readonly string[];
  /** Undefined: no token is this user's. */
  readonly tokens: TokenLogin | undefined;
  /** Undefined for a user that no file mentions. */
  readonly position: Position | undefined;
}

export interface Policy {
  readonly gateway: GatewayPolicy;
  /** `default` first and `system` second, whether a file mentions them or not, then the others by name. */
  readonly tenants: readonly TenantTerms[];
  /** Names are unique. */
  readonly users: readonly PolicyUser[];
  /** Users that tokens make for their session, by tenant. */
  readonly templates: ReadonlyMap<string, readonly TokenTemplate[]>;
  /** Worth a person's attention, wrong not: rules with host bits, users who cannot log in. */
  readonly notes: readonly PolicyProblem[];
  /** Changes when any file or password changes; equal means that there is nothing to do. */
  readonly contentHash: string;
}

/** How the files are reached: `disk/policy-files.ts` on a disk, a Map in tests. */
export interface PolicyFiles {
  /** Paths relative to the folder: `gateway.yaml` if there is one, and every `tenants/*.yaml`, sorted. */
  list(): Result<readonly string[]>;
  /** The file as text. */
  read(path: string): Result<string>;
  /** The password in a file of the certificates folder, without the newline at its end. */
  readPassword(name: string): Result<string>;
  /** A file of the certificates folder that holds no secret: keys of an issuer, authorities, what is revoked. */
  readBeside(name: string): Result<string>;
}

/**
 * A user that is there as long as no file is about its tenant: as soon as there is one, it alone says who the users are.
 * `default`, as whom connections begin, is there unless a file defines it.
 */
export interface BuiltInUser {
  readonly name: string;
  readonly tenantName: string;
  /** As in a file; words parted by blanks. */
  readonly acl: string;
}
