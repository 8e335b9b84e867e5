/**
 * Whose session a verified token opens: that of a user the policy files name, who takes tokens, or one made for the session
 * from a role of its tenant. Names are compared exactly, and a user who is made never has the name of one who is there.
 */

import type { Roster } from '../acl/roster.ts';
import { applyRules, newUser } from '../acl/rules.ts';
import type { User } from '../acl/user.ts';
import type { Allowlist } from '../base/cidr.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import type { TokenIdentity } from '../identity/jwt.ts';
import type { LoginTerms } from '../identity/terms.ts';
import { TOKEN_USER_PREFIX, type TokenTemplate } from '../identity/terms.ts';
import type { Tenant } from '../tenancy/tenant.ts';
import type { Proven } from './proof.ts';

/** What decides whose session it is; `explain` asks with that of a policy that is not in force. */
export interface TokenUsersWorld {
  readonly table: CommandTable;
  readonly acl: { readonly roster: Roster };
  readonly tenants: { readonly get: (name: string) => Tenant | undefined };
  readonly view: { readonly logins: LoginTerms };
}

/** Why a token that is right is nobody's, in words for people; the client is never told. */
export type NobodyBecause =
  | 'its user claim names no user who takes tokens, and it says no tenant to make one in'
  | 'there is no such tenant'
  | 'operators are not made from roles'
  | 'the tenant makes no user of any of its roles'
  | 'the name that it would get is taken'
  | 'its issuer does not speak for this tenant'
  | 'it is not of the user whose name was said';

const DEFAULT_USER = 'default';

/** The name that counts beside a token: clients that were given none say `default` in HELLO. */
export function nameSaid(name: string | undefined): string | undefined {
  return name === DEFAULT_USER ? undefined : name;
}

export class TokenUsers {
  private readonly core: TokenUsersWorld;
  /** Rules that have been read, for as long as the policy has them. */
  private readonly compiled: WeakMap<TokenTemplate, User>;

  constructor(core: TokenUsersWorld) {
    this.core = core;
    this.compiled = new WeakMap();
  }

  /** @param said the name that came with the token, if one did: it must be that of the user, or of the token's */
  find(identity: TokenIdentity, said: string | undefined): Result<Proven, NobodyBecause> {
    const found = this.named(identity) ?? this.made(identity);
    if (!found.ok) return found;
    const { user, tenant } = found.value;
    if (!this.speaksFor(identity.issuer, tenant.name)) return failure('its issuer does not speak for this tenant');
    const isMeant = said === undefined || said === user.name || said === identity.user;
    return isMeant ? found : failure('it is not of the user whose name was said');
  }

  /** Else one issuer could make users of a tenant that is another's. */
  private speaksFor(issuerName: string, tenantName: string): boolean {
    const issuer = this.core.view.logins.tokens.issuers.find(({ name }) => name === issuerName);
    return issuer !== undefined && issuer.tenants?.includes(tenantName) !== false;
  }

  /** A user of the files; undefined: none that takes tokens, so that one may be made. */
  private named(identity: TokenIdentity): Result<Proven, NobodyBecause> | undefined {
    const { acl, tenants, view } = this.core;
    const user = acl.roster.get(identity.user);
    if (user === undefined || !view.logins.tokenLogins.has(user.name)) return undefined;
    // Who is named as of one tenant is nobody in another.
    if (identity.tenant !== undefined && identity.tenant !== user.tenant) return undefined;
    const tenant = tenants.get(user.tenant);
    if (tenant === undefined) return undefined;
    return success({ user, tenant, proof: { kind: 'token', identity, template: undefined } });
  }

  private made(identity: TokenIdentity): Result<Proven, NobodyBecause> {
    const { acl, tenants, view } = this.core;
    if (identity.tenant === undefined) {
      return failure('its user claim names no user who takes tokens, and it says no tenant to make one in');
    }
    const tenant = tenants.get(identity.tenant);
    if (tenant === undefined) return failure('there is no such tenant');
    if (tenant.isSystem) return failure('operators are not made from roles');
    const template = view.logins.templates.get(tenant.name)?.find(({ role }) => identity.roles.includes(role));
    const base = template === undefined ? undefined : this.userOf(template, tenant.name);
    if (template === undefined || base === undefined) return failure('the tenant makes no user of any of its roles');
    const name = `${TOKEN_USER_PREFIX}${identity.issuer}:${identity.subject}`;
    if (acl.roster.get(name) !== undefined) return failure('the name that it would get is taken');
    return success({ user: { ...base, name }, tenant, proof: { kind: 'token', identity, template } });
  }

  private userOf(template: TokenTemplate, tenantName: string): User | undefined {
    const known = this.compiled.get(template);
    if (known !== undefined) return known;
    const { table } = this.core;
    const made = applyRules(newUser('', tenantName, table, 'policy'), template.rules, table);
    if (!made.ok) return undefined;
    this.compiled.set(template, made.value);
    return made.value;
  }

  /** From where a user that is made may come. */
  static addressesOf({ proof }: Proven): Allowlist | undefined {
    return proof?.kind === 'token' ? proof.template?.addresses : undefined;
  }
}
