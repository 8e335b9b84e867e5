import type { KeySet } from '../../src/identity/jwks.ts';
import type { IssuerTerms } from '../../src/identity/terms.ts';

/** Of an issuer whose keys lie in a file, and whose tokens name a user of this tenant by their subject. */
export function issuerTerms(name: string, keys: KeySet, tenant: string): IssuerTerms {
  return {
    name,
    issuer: `https://${name}.example`,
    audience: 'redis',
    algorithms: ['ES256'],
    types: ['at+jwt'],
    mustHave: [],
    skewSeconds: 0,
    source: { kind: 'file', keys },
    refreshSeconds: 600,
    maxStaleSeconds: 3600,
    tenant,
    tenants: undefined,
    claims: { user: 'sub', tenant: undefined, roles: 'roles' },
  };
}
