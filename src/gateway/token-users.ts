/**
 * Whose session a verified token opens: that of a user the policy files name, who takes tokens, or one made for the session
 * from a role of its tenant. Names are compared exactly, and a user who is made never has the name of one who is there.
 */
import { applyRules, newUser } from '../acl/rules.ts';
import type { User } from '../acl/user.ts';
import type { Allowlist } from '../base/cidr.ts';
import type { TokenIdentity } from '../identity/jwt.ts';
import { TOKEN_USER_PREFIX, type TokenTemplate } from '../identity/terms.ts';
import type { Core } from './core.ts';
import type { Proven } from './proof.ts';

export class TokenUsers {
  private readonly core: Core;
  /** Rules that have been read, for as long as the policy has them. */
  private readonly compiled: WeakMap<TokenTemplate, User>;

  constructor(core: Core) {
    this.core = core;
    this.compiled = new WeakMap();
  }

  /** @param said the name that came with the token, if one did: it must be that of the user, or of the token's */
  find(identity: TokenIdentity, said: string | undefined): Proven | undefined {
    const found = this.named(identity) ?? this.made(identity);
    if (found === undefined || !this.speaksFor(identity.issuer, found.tenant.name)) return undefined;
    return said === undefined || said === found.user.name || said === identity.user ? found : undefined;
  }

  /** Else one issuer could make users of a tenant that is another's. */
  private speaksFor(issuerName: string, tenantName: string): boolean {
    const issuer = this.core.view.logins.tokens.issuers.find(({ name }) => name === issuerName);
    return issuer !== undefined && issuer.tenants?.includes(tenantName) !== false;
  }

  private named(identity: TokenIdentity): Proven | undefined {
    const { acl, tenants, view } = this.core;
    const user = acl.roster.get(identity.user);
    if (user === undefined || !view.logins.tokenLogins.has(user.name)) return undefined;
    // Who is named as of one tenant is nobody in another.
    if (identity.tenant !== undefined && identity.tenant !== user.tenant) return undefined;
    const tenant = tenants.get(user.tenant);
    if (tenant === undefined) return undefined;
    return { user, tenant, proof: { kind: 'token', identity, template: undefined } };
  }

  private made(identity: TokenIdentity): Proven | undefined {
    const { acl, tenants, view } = this.core;
    const tenant = identity.tenant === undefined ? undefined : tenants.get(identity.tenant);
    if (tenant === undefined || tenant.isSystem) return undefined;
    const template = view.logins.templates.get(tenant.name)?.find(({ role }) => identity.roles.includes(role));
    if (template === undefined) return undefined;
    const name = `${TOKEN_USER_PREFIX}${identity.issuer}:${identity.subject}`;
    const base = this.userOf(template, tenant.name);
    if (base === undefined || acl.roster.get(name) !== undefined) return undefined;
    return { user: { ...base, name }, tenant, proof: { kind: 'token', identity, template } };
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
