/** The reader of tokens, before any signature: it never throws, and whom a token names is always a name. */
import fc from 'fast-check';
import { TOKEN_BYTES_MAX, TOKEN_NAME_LENGTH_MAX } from '../../src/base/limits.ts';
import { KeySet } from '../../src/identity/jwks.ts';
import { judgeClaims, looksLikeToken, openToken } from '../../src/identity/jwt.ts';
import type { IssuerTerms } from '../../src/identity/terms.ts';
import { bytesOf, type Target } from './target.ts';

const NOW_MS = 1_800_000_000_000;

const TERMS: IssuerTerms = {
  name: 'main',
  issuer: 'https://issuer.example',
  audience: 'portcullis',
  algorithms: ['ES256', 'RS256'],
  types: ['at+jwt', 'jwt'],
  mustHave: [],
  skewSeconds: 60,
  source: { kind: 'file', keys: new KeySet([]) },
  refreshSeconds: 300,
  maxStaleSeconds: 3600,
  tenant: undefined,
  tenants: undefined,
  claims: { user: 'sub', tenant: 'tenant', roles: 'realm.roles' },
};

const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' };
const CLAIMS = {
  iss: TERMS.issuer,
  aud: TERMS.audience,
  sub: 'ann',
  tenant: 't1',
  exp: NOW_MS / 1000 + 60,
  realm: { roles: ['reader'] },
};

function token(header: unknown, claims: unknown, signature = 'c2lnbmF0dXJl'): Uint8Array {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
  return bytesOf(`${part(header)}.${part(claims)}.${signature}`);
}

const name = fc.oneof(fc.constantFrom('ann', '__proto__', 'constructor', '', 'a b', '\u0000', '\u2028'), fc.string());
const anything = fc.oneof(
  fc.jsonValue(),
  name,
  fc.double(),
  fc.constantFrom(null, -1, Number.POSITIVE_INFINITY, '1', [[]], {}),
);
/** Right ones with some members of any kind. */
const members = (right: object) =>
  fc
    .tuple(
      fc.subarray(Object.entries(right)),
      fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(right)), name), anything),
    )
    .map(([kept, others]) => ({ ...right, ...Object.fromEntries(kept.length > 3 ? [] : Object.entries(others)) }));

export const tokenTarget: Target = {
  name: 'token',
  share: 2,
  seeds: [
    token(HEADER, CLAIMS),
    token({ ...HEADER, alg: 'none' }, CLAIMS, ''),
    token({ ...HEADER, jku: 'https://evil.example', crit: ['b64'], b64: false }, CLAIMS),
    token(HEADER, { ...CLAIMS, aud: ['a', TERMS.audience], nbf: 0, iat: 0, jti: 'x' }),
    token(HEADER, { ...CLAIMS, realm: { roles: 'reader writer' } }),
  ],
  dictionary: ['.', '..', 'eyJ', '=', '-', '_', '+', '/', '{', '"', 'null', '\\u0000', '__proto__'].map(bytesOf),
  shaped: fc.tuple(members(HEADER), members(CLAIMS)).map(([header, claims]) => token(header, claims)),
  run(input) {
    looksLikeToken(input);
    const opened = openToken(input);
    if (!opened.ok) return;
    if (input.length > TOKEN_BYTES_MAX) throw new Error(`a token of ${input.length} bytes`);
    const judged = judgeClaims(opened.value, TERMS, NOW_MS);
    if (!judged.ok) return;
    const { subject, user, tenant, roles, expiresAt_ms } = judged.value;
    for (const word of [subject, user, tenant ?? 'none', ...roles]) {
      const isWord = typeof word === 'string' && word !== '' && word.length <= TOKEN_NAME_LENGTH_MAX;
      if (!isWord || /\s|\p{Cc}/u.test(word)) throw new Error(`a name ${JSON.stringify(word)}`);
    }
    if (!(expiresAt_ms > NOW_MS)) throw new Error('a token that has run out');
  },
};
