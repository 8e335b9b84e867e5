/** Policy files that hold secrets or name who vouches for users: what is wrong with them is told without the secret. */
import { describe, expect, it } from 'vitest';
import { problemsOf } from './support.ts';

const TENANT = 'tenants/t1.yaml';

const SECOND =
  "{ name: other, issuer: 'https://other.example', audience: a, jwks: 'https://other.example/k', tenant: b }";

describe('a tenant file', () => {
  it('names no password that a wrong rule holds', () => {
    for (const acl of [
      '>hunter2 +nosuch',
      '<hunter2',
      '#hunter2',
      '!hunter2',
      '(>hunter2)',
      '( >hunter2 )',
      '(~a >hunter2',
    ]) {
      const problems = problemsOf({ [TENANT]: `tenant: t1\nusers: [{ name: u, acl: "on ${acl}" }]\n` });
      expect(problems).toHaveLength(1);
      expect(problems.join('')).not.toContain('hunter2');
    }
  });

  it.each([
    ['users: [{ name: u, acl: on, password_hash: hunter2 }]', /must be a hash/],
    ['users: [{ name: u, acl: on, tokens: maybe }]', /must be one of only, also/],
    ['users: [{ name: "token:idp:u", acl: on }]', /names that begin with/],
    ['token_users: [{ role: r, acl: "on >hunter2 ~*" }]', /has no password/],
    ['token_users: [{ role: r, acl: on }, { role: r, acl: on }]', /stands twice/],
  ])('with %s is refused', (text, expected) => {
    const problems = problemsOf({ [TENANT]: `tenant: t1\n${text}\n` }).join('\n');
    expect(problems).toMatch(expected);
    expect(problems).not.toContain('hunter2');
  });
});

describe('a gateway file', () => {
  const issuer = "name: idp, issuer: 'https://idp.example', audience: a";

  it.each([
    [`{ ${issuer}, jwks: missing.json }`, /ENOENT/],
    [`{ ${issuer}, jwks: bad.json }`, /is not JSON/],
    [`{ ${issuer}, jwks: 'http://idp.example/k' }`, /https address/],
    [`{ ${issuer}, jwks: 'https://u:p@idp.example/k' }`, /https address/],
    [`{ ${issuer}, jwks: 'https://idp.example/k', algorithms: [HS256] }`, /must be one of RS256/],
    [`{ ${issuer}, jwks: 'https://idp.example/k', skew: 61 }`, /at most 60/],
    [`{ ${issuer}, jwks: 'https://idp.example/k', jwks_private_addresses: [x] }`, /./],
    [`{ ${issuer}, jwks: 'https://idp.example/k' }, ${SECOND}`, /one of several issuers/],
    [`{ ${issuer}, jwks: 'https://idp.example/k', tenant: a, claims: { tenant: t } }, ${SECOND}`, /several issuers/],
  ])('with the issuer %s is refused', (text, expected) => {
    const files = { 'gateway.yaml': `tokens: { issuers: [${text}] }\n` };
    expect(problemsOf(files, { 'bad.json': '<html>' }).join('\n')).toMatch(expected);
  });

  it('is taken beside another once each says whose users its tokens may be', () => {
    const first = `{ ${issuer}, jwks: 'https://idp.example/k', tenants: [a], claims: { tenant: t } }`;
    expect(problemsOf({ 'gateway.yaml': `tokens: { issuers: [${first}, ${SECOND}] }\n` })).toEqual([]);
  });
});
