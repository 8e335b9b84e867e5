/** What the gateway is told and may be told anew while it runs. The composition root makes it of policy and flags. */
import type { Allowlist } from '../base/cidr.ts';
import type { CertificateNameKind } from '../identity/certificate.ts';
import type { LoginTerms } from '../identity/terms.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import type { RateTerms } from '../tenancy/rate.ts';

/** One class of `client-output-buffer-limit`; 0 is no limit. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** What is measured, and from when on it is told. */
export interface TimingView {
  /** `slowlog-log-slower-than`: 0 logs everything, -1 nothing. */
  readonly slowlogSlowerThan_us: number;
  /** Entries of one tenant. */
  readonly slowlogMaxLength: number;
  /** Histograms. */
  readonly latencyTracking: boolean;
  /** `latency-monitor-threshold`; 0 is off. */
  readonly latencyThreshold_ms: number;
}

/** Whom client certificates name. */
export interface CertificateView {
  readonly isRequired: boolean;
  readonly identifyBy: CertificateNameKind;
  /** A certificate is one way in among others. */
  readonly passwordAllowed: boolean;
  /** Names of users by the entry of their certificate. */
  readonly users: ReadonlyMap<string, string>;
  /** Those users: without `passwordAllowed` nothing else lets them in. */
  readonly bound: ReadonlySet<string>;
}

export interface GatewayView {
  readonly timing: TimingView;
  /** `tenant-turn-ms`; 0 is no limit. */
  readonly tenantTurn_ms: number;
  readonly maxclients: number;
  /** Open connections of one address, of IPv6 of its /64; 0 is no limit. */
  readonly connectionsPerIp: number;
  readonly perIpExempt: Allowlist | undefined;
  /** Idle seconds after which a client is closed; 0 never. */
  readonly timeoutSeconds: number;
  readonly tcpKeepaliveSeconds: number;
  readonly handshakeTimeoutSeconds: number;
  readonly authenticationTimeoutSeconds: number;
  readonly bulkBytesMax: number;
  /** notify-keyspace-events, as the bits of `base/keyspace-events`. */
  readonly keyspaceEvents: number;
  readonly queryBufferBytesMax: number;
  readonly outputLimits: { readonly normal: OutputLimit; readonly pubsub: OutputLimit; readonly replica: OutputLimit };
  /** From where users of the tenant `system` may come; undefined: from anywhere. */
  readonly adminAddresses: Allowlist | undefined;
  /** Undefined: no user has a certificate. */
  readonly certificates?: CertificateView | undefined;
  /** What single users may use, by name. */
  readonly userBudgets?: ReadonlyMap<string, UserBudget> | undefined;
  /** How fast one address may be, those of `perIpExempt` excepted. */
  readonly addressRates?: RateTerms | undefined;
  /** From where a user may come, by name; absent: from anywhere. */
  readonly userAddresses: ReadonlyMap<string, Allowlist>;
  /** Tokens and slow passwords. */
  readonly logins: LoginTerms;
  /** `--trust-loopback`: on loopback addresses there is no ceiling, no back-off, and no rate. */
  readonly trustLoopback: boolean;
  /** Refuse plain connections from elsewhere while nobody needs a password, as Redis does. */
  readonly protectedMode: boolean;
  readonly drainTimeoutSeconds: number;
}

/** What the gateway reports: stable event names, fields that hold no secret. */
export interface GatewayLog {
  event(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    reason: string,
    fields: Readonly<Record<string, string | number | boolean | undefined>>,
  ): void;
}
