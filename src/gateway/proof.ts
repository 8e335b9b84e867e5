/** What a login was proven by, where that may end before the user does: a token, or a hash that a policy may take away. */
import type { User } from '../acl/user.ts';
import type { TokenIdentity } from '../identity/jwt.ts';
import type { TokenTemplate } from '../identity/terms.ts';
import type { Tenant } from '../tenancy/tenant.ts';

export type SessionProof =
  | {
      readonly kind: 'token';
      readonly identity: TokenIdentity;
      /** Undefined: a user of the policy files. */
      readonly template: TokenTemplate | undefined;
    }
  | { readonly kind: 'slow_hash'; readonly hash: string };

export interface Proven {
  readonly user: User;
  readonly tenant: Tenant;
  readonly proof: SessionProof | undefined;
}
