/** What a policy says about logins that are more than a password of Redis: plain immutable data. */
import type { Allowlist } from '../base/cidr.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import type { KeySet } from './jwks.ts';

/** Where an issuer's public keys are. */
export type KeySource =
  | { readonly kind: 'file'; readonly keys: KeySet }
  | {
      readonly kind: 'url';
      readonly url: string;
      /** PEM of the only authorities its certificate may come from; undefined: those of the runtime. */
      readonly ca: string | undefined;
      /** Addresses that are not public and may be asked all the same. */
      readonly privateAddresses: Allowlist | undefined;
    };

/** A claim that has to be there; with a value, has to be it or have it among its elements or words. */
export interface ClaimWanted {
  readonly claim: string;
  readonly value: string | undefined;
}

export interface IssuerTerms {
  /** A short name, unique: part of the names of users it makes. */
  readonly name: string;
  /** `iss`, exactly. */
  readonly issuer: string;
  /** `aud`, or one of it, exactly. */
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** `typ` in lower case, without `application/`. */
  readonly types: readonly string[];
  /** What tells its access tokens from others that it signs; empty: their type alone. */
  readonly mustHave: readonly ClaimWanted[];
  readonly skewSeconds: number;
  readonly source: KeySource;
  readonly refreshSeconds: number;
  readonly maxStaleSeconds: number;
  /** The tenant of users it makes where no claim says it. */
  readonly tenant: string | undefined;
  /** Whose users its tokens may be, whatever they claim; undefined: any tenant's. */
  readonly tenants: readonly string[] | undefined;
  readonly claims: {
    readonly user: string;
    readonly tenant: string | undefined;
    readonly roles: string | undefined;
  };
}

export interface TokenTerms {
  readonly issuers: readonly IssuerTerms[];
  /** `jti ISSUER ID` and `sub ISSUER SUBJECT`. */
  readonly revoked: ReadonlySet<string>;
}

export const NO_TOKENS: TokenTerms = { issuers: [], revoked: new Set() };

/** Whether a user may come with a token, and with nothing else. */
export type TokenLogin = 'only' | 'also';

/** A user of a tenant that tokens with a role make for their session. */
export interface TokenTemplate {
  readonly role: string;
  /** ACL rules in order, one character per byte, judged right. */
  readonly rules: readonly string[];
  readonly addresses: Allowlist | undefined;
  /** What each of them may use of its tenant's budget; undefined: all of it. */
  readonly budget: UserBudget | undefined;
}

export interface LoginTerms {
  readonly tokens: TokenTerms;
  /** By name of user; absent: no token is that user's. */
  readonly tokenLogins: ReadonlyMap<string, TokenLogin>;
  /** By name of user: `$scrypt$…`. */
  readonly slowHashes: ReadonlyMap<string, readonly string[]>;
  /** By name of tenant, in the order of the file: the first role that a token has decides. */
  readonly templates: ReadonlyMap<string, readonly TokenTemplate[]>;
}

export const NO_LOGINS: LoginTerms = {
  tokens: NO_TOKENS,
  tokenLogins: new Map(),
  slowHashes: new Map(),
  templates: new Map(),
};

/** Names of users that tokens make begin with it; those of policy files never do. */
export const TOKEN_USER_PREFIX = 'token:';
