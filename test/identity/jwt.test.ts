/** Tokens that are almost right: none of them is, and nothing throws. */
import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { TOKEN_BYTES_MAX, TOKENS_WAITING_PER_ADDRESS_MAX } from '../../src/base/limits.ts';
import { success } from '../../src/base/result.ts';
import { type KeySet, parseJwks } from '../../src/identity/jwks.ts';
import { looksLikeToken, openToken } from '../../src/identity/jwt.ts';
import type { IssuerTerms, KeySource } from '../../src/identity/terms.ts';
import { Tokens } from '../../src/identity/tokens.ts';

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1000;
const CLAIMS = { iss: 'https://idp.example', aud: 'redis', sub: 'alice', exp: NOW + 60, jti: 'one', roles: ['reader'] };

const OWNER = '192.0.2.1';

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let key: Key;
let jwks: string;
let keys: KeySet;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] });
  const parsed = parseJwks(jwks);
  if (!parsed.ok) throw new Error(parsed.fault);
  keys = parsed.value;
});

function termsOf(source: KeySource, more: Partial<IssuerTerms> = {}): IssuerTerms {
  return {
    name: 'idp',
    issuer: 'https://idp.example',
    audience: 'redis',
    algorithms: ['ES256'],
    types: ['at+jwt', 'jwt'],
    mustHave: [],
    skewSeconds: 30,
    source,
    refreshSeconds: 60,
    maxStaleSeconds: 600,
    tenant: 'shop',
    tenants: undefined,
    claims: { user: 'sub', tenant: undefined, roles: 'roles' },
    ...more,
  };
}

class Issuer {
  now_ms = NOW_MS;
  asked = 0;
  changes = 0;
  answer: () => string | undefined | Promise<string> = () => jwks;
  readonly tokens = new Tokens({
    nowMs: () => this.now_ms,
    monotonicMs: () => this.now_ms,
    fetched: () => {},
    keysChanged: () => {
      this.changes++;
    },
    fetch: async () => {
      this.asked++;
      const text = await this.answer();
      return text === undefined ? { ok: false, fault: 'down' } : success(text);
    },
  });

  constructor(more: Partial<IssuerTerms> = {}, source: KeySource = { kind: 'file', keys }, revoked: string[] = []) {
    this.tokens.adopt({ issuers: [termsOf(source, more)], revoked: new Set(revoked) });
  }

  async verdict(token: string, owner = OWNER): Promise<string> {
    const judged = await this.tokens.judge(Buffer.from(token, 'latin1'), owner);
    return judged.ok ? 'ok' : judged.fault;
  }
}

const URL_SOURCE: KeySource = { kind: 'url', url: 'https://idp.example/k', ca: undefined, privateAddresses: undefined };

function sign(claims: object = {}, header: object = {}, by: Key = key): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(by);
}

describe('a token', () => {
  it('is taken when everything in it is right', async () => {
    const judged = await new Issuer().tokens.judge(Buffer.from(await sign()), OWNER);
    expect(judged).toEqual(
      success({
        issuer: 'idp',
        subject: 'alice',
        id: 'one',
        user: 'alice',
        tenant: 'shop',
        tenants: undefined,
        roles: ['reader'],
        boundTo: undefined,
        expiresAt_ms: (NOW + 60) * 1000,
        signedBy: expect.stringMatching(/^[\w-]{43}$/),
      }),
    );
  });

  it.each([
    ['no audience', { aud: undefined }, 'audience'],
    ['an audience that begins alike', { aud: 'redis-evil' }, 'audience'],
    ['an issuer with a slash more', { iss: 'https://idp.example/' }, 'issuer'],
    ['no issuer', { iss: undefined }, 'issuer'],
    ['no end', { exp: undefined }, 'claims'],
    ['an end as text', { exp: String(NOW + 60) }, 'claims'],
    ['an end before all time', { exp: -1 }, 'claims'],
    ['an end right now', { exp: NOW }, 'expired'],
    ['no subject', { sub: undefined }, 'claims'],
    ['a subject with a blank', { sub: 'alice smith' }, 'claims'],
    ['a subject with a newline', { sub: 'a\nb' }, 'claims'],
    ['a subject that is too long', { sub: 'a'.repeat(129) }, 'claims'],
    ['a subject that is a list', { sub: ['alice'] }, 'claims'],
    ['a beginning in the future', { nbf: NOW + 31 }, 'not_yet_valid'],
    ['an issue in the future', { iat: NOW + 31 }, 'not_yet_valid'],
    ['roles that are numbers', { roles: [1] }, 'claims'],
    ['an identifier that is a number', { jti: 1 }, 'claims'],
    ['the mark of an ID token', { nonce: 'n' }, 'type'],
    ['the hash of an access token', { at_hash: 'h' }, 'type'],
    ['the hash of a code', { c_hash: null }, 'type'],
    ['events, as a logout has them', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, 'type'],
    ['the word of a provider that it is an ID token', { typ: 'ID' }, 'type'],
    ['the word of a provider that it refreshes', { typ: 'Refresh' }, 'type'],
    ['the word of another that it is an ID token', { token_use: 'id' }, 'type'],
    ['a proof of a key that is sent with each request', { cnf: { jkt: '0'.repeat(43) } }, 'binding'],
    ['a proof that is a key', { cnf: { jwk: { kty: 'EC' } } }, 'binding'],
    ['two proofs', { cnf: { 'x5t#S256': '0'.repeat(43), jkt: '0'.repeat(43) } }, 'binding'],
    ['a thumbprint that is none', { cnf: { 'x5t#S256': 'short' } }, 'binding'],
    ['a thumbprint of a thumbprint', { cnf: { 'x5t#S256': ['0'.repeat(43)] } }, 'binding'],
    ['a proof that is nothing', { cnf: null }, 'binding'],
    ['no proof among the proofs', { cnf: {} }, 'binding'],
  ])('with %s is refused', async (_what, claims, fault) => {
    expect(await new Issuer().verdict(await sign(claims))).toBe(fault);
  });

  it('is told from a bare ID token by what its issuer gives to access tokens alone', async () => {
    // The least that OpenID Connect asks of an ID token: nothing in it is a mark.
    const bare = { iat: NOW, azp: 'app', jti: undefined, roles: undefined };
    const jwt = { typ: 'JWT' };
    const wanting = (...mustHave: IssuerTerms['mustHave']) => new Issuer({ mustHave });
    const scope = { claim: 'scope', value: undefined };
    expect(await new Issuer().verdict(await sign(bare, jwt))).toBe('ok');
    expect(await new Issuer({ types: ['at+jwt'] }).verdict(await sign(bare, jwt))).toBe('type');
    expect(await wanting(scope).verdict(await sign(bare, jwt))).toBe('type');
    for (const nothing of ['', null])
      expect(await wanting(scope).verdict(await sign({ scope: nothing }, jwt))).toBe('type');
    expect(await wanting(scope).verdict(await sign({ ...bare, scope: 'read' }, jwt))).toBe('ok');
    const access = { claim: 'token_use', value: 'access' };
    for (const [claims, verdict] of [
      [{ scope: 'a', token_use: 'access' }, 'ok'],
      [{ scope: 'a', token_use: 'accessory' }, 'type'],
      [{ scope: 'a', token_use: ['x', 'access'] }, 'ok'],
      [{ scope: 'a', token_use: { access: true } }, 'type'],
      [{ token_use: 'access' }, 'type'],
    ] as const)
      expect([claims, await wanting(scope, access).verdict(await sign(claims, jwt))]).toEqual([claims, verdict]);
    const words = { claim: 'scope', value: 'redis' };
    expect(await wanting(words).verdict(await sign({ scope: 'openid redis' }))).toBe('ok');
    expect(await wanting(words).verdict(await sign({ scope: 'openid redis-admin' }))).toBe('type');
    expect(await wanting({ claim: 'a.b', value: '1' }).verdict(await sign({ a: { b: 1 } }))).toBe('ok');
    expect(await wanting({ claim: '__proto__', value: undefined }).verdict(await sign())).toBe('type');
  });

  it('may be from a clock that is a little ahead, and never from the past', async () => {
    expect(await new Issuer().verdict(await sign({ nbf: NOW + 30, iat: NOW + 30 }))).toBe('ok');
    expect(await new Issuer().verdict(await sign({ exp: NOW - 1 }))).toBe('expired');
  });

  it.each([
    ['another type', { typ: 'logout+jwt' }, 'type'],
    ['no type', { typ: undefined }, 'type'],
    ['a path for a key', { kid: '../../x' }, 'unknown_key'],
    ['a prototype for a key', { kid: '__proto__' }, 'unknown_key'],
  ])('with %s in its header is refused', async (_what, header, fault) => {
    expect(await new Issuer().verdict(await sign({}, header))).toBe(fault);
  });

  it('of a stranger who brings the key along is refused', async () => {
    const stranger = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(stranger.publicKey);
    const token = await sign(
      {},
      { jwk, jku: 'https://evil.example/', x5u: 'https://evil.example/' },
      stranger.privateKey,
    );
    expect(await new Issuer().verdict(token)).toBe('bad_signature');
  });

  it('that was revoked, or whose subject was, is refused, the remembered one too', async () => {
    const token = await sign();
    expect(await new Issuer({}, { kind: 'file', keys }, ['jti idp one']).verdict(token)).toBe('revoked');
    expect(await new Issuer({}, { kind: 'file', keys }, ['sub idp alice']).verdict(token)).toBe('revoked');
    expect(await new Issuer({}, { kind: 'file', keys }, ['sub other alice']).verdict(token)).toBe('ok');
  });

  it('is remembered until its end, and no longer', async () => {
    const issuer = new Issuer();
    const token = Buffer.from(await sign());
    expect(issuer.tokens.known(token)).toBeUndefined();
    await issuer.tokens.judge(token, OWNER);
    expect(issuer.tokens.known(token)?.subject).toBe('alice');
    issuer.now_ms += 60_000;
    expect(issuer.tokens.known(token)).toBeUndefined();
  });

  it('that was changed anywhere is refused, and nothing throws', async () => {
    const token = await sign();
    const issuer = new Issuer();
    const change = fc.record({ at: fc.nat(token.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bytes = Buffer.from(token);
        for (const { at, byte } of changes) bytes[at] = byte;
        if (bytes.toString('latin1') !== token) expect((await issuer.tokens.judge(bytes, OWNER)).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('of any bytes and any JSON is opened or refused, and nothing throws', () => {
    const part = fc.oneof(
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.string(),
      fc.constant(Buffer.from('{"alg":"ES256","exp":1e400,"__proto__":{}}').toString('base64url')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const bytes = Buffer.from(parts.join('.'));
        openToken(bytes);
        looksLikeToken(bytes);
      }),
      { numRuns: 2000 },
    );
    expect(openToken(Buffer.alloc(TOKEN_BYTES_MAX + 1, 'a')).ok).toBe(false);
  });
});

describe('the keys of an issuer', () => {
  it('are asked for once, however many tokens name a key that is not there', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const token = await sign({}, { kid: 'nobody' });
    await Promise.all(Array.from({ length: 20 }, () => issuer.verdict(token)));
    expect(issuer.asked).toBe(1);
  });

  it('are waited for by some of each address, and by nobody whose key is there', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const known = await sign({ jti: 'first' }, { kid: 'k1' });
    expect(await issuer.verdict(known)).toBe('ok');
    let answered = (_text: string) => {};
    issuer.answer = () => new Promise((resolve) => (answered = resolve));
    issuer.now_ms += 10_000;
    const unknown = await sign({}, { kid: 'nobody' });
    const strangers = Array.from({ length: 4 }, (_, i) => `2001:db8:0:${i}::`);
    const waiting = strangers.flatMap((owner) =>
      Array.from({ length: TOKENS_WAITING_PER_ADDRESS_MAX }, () => issuer.verdict(unknown, owner)),
    );
    for (const owner of strangers) expect(await issuer.verdict(unknown, owner)).toBe('keys_awaited');
    expect(issuer.tokens.hasRoom).toBe(true);
    expect(await issuer.verdict(await sign({ jti: 'other' }, { kid: 'k1' }), strangers[0])).toBe('ok');
    answered(jwks);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['unknown_key']));
    expect(issuer.asked).toBe(2);
  });

  it('are found when they have been changed, and what the old ones proved is forgotten', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const old = await sign({}, { kid: 'k1' });
    expect(await issuer.verdict(old)).toBe('ok');
    const pair = await generateKeyPair('ES256', { extractable: true });
    const rotated = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k2' }] });
    issuer.answer = () => rotated;
    issuer.now_ms += 10_000;
    expect(await issuer.verdict(await sign({}, { kid: 'k2' }, pair.privateKey))).toBe('ok');
    expect(issuer.tokens.known(Buffer.from(old))).toBeUndefined();
    expect(await issuer.verdict(old)).toBe('unknown_key');
  });

  it('end what they have proven when the issuer publishes them no more, and only then', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const judged = await issuer.tokens.judge(Buffer.from(await sign({ exp: NOW + 10_000 }, { kid: 'k1' })), OWNER);
    if (!judged.ok) throw new Error(judged.fault);
    const endAfter = async (answer: string | undefined) => {
      issuer.answer = () => answer;
      issuer.now_ms += 60_000;
      issuer.tokens.tick();
      await new Promise((resolve) => setImmediate(resolve));
      return issuer.tokens.endOf(judged.value);
    };
    const pair = await generateKeyPair('ES256', { extractable: true });
    const [old] = JSON.parse(jwks).keys;
    const other = { ...(await exportJWK(pair.publicKey)), kid: 'k2' };
    const of = (...all: object[]) => JSON.stringify({ keys: all });
    expect(await endAfter(of(old, other))).toBeUndefined();
    expect(await endAfter(of(other, { ...old, kid: 'renamed' }))).toBeUndefined();
    for (const silence of [undefined, '<html>', '{}', of(), of({ kty: 'oct', k: 'AAAA' })])
      expect(await endAfter(silence)).toBeUndefined();
    expect(await endAfter(of(other))).toBe('token_key_withdrawn');
    expect(await endAfter(of({ ...other, kid: 'k1' }))).toBe('token_key_withdrawn');
    expect(await endAfter(of(old))).toBeUndefined();
    expect(issuer.changes).toBe(6);
  });

  it('that go while a signature is being verified verify nothing any more', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const token = await sign({ exp: NOW + 10_000 }, { kid: 'k1' });
    expect(await issuer.verdict(token)).toBe('ok');
    const pair = await generateKeyPair('ES256', { extractable: true });
    const gone = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k2' }] });
    issuer.answer = () => gone;
    issuer.now_ms += 60_000;
    // Due keys are asked for in the background: this token is still looked up among the old ones.
    const verdicts = await Promise.all(Array.from({ length: 8 }, () => issuer.verdict(token)));
    expect(verdicts.filter((verdict) => verdict !== 'ok' && verdict !== 'unknown_key')).toEqual([]);
    expect(issuer.tokens.known(Buffer.from(token))).toBeUndefined();
    expect(await issuer.verdict(token)).toBe('unknown_key');
  });

  it('are asked for by the clock, more seldom while there is no answer, and never when they are in a file', async () => {
    const issuer = new Issuer({ refreshSeconds: 60 }, URL_SOURCE);
    const beside = new Issuer();
    await issuer.verdict(await sign());
    const askedIn = async (seconds: number, of: Issuer) => {
      const before = of.asked;
      for (let second = 0; second < seconds; second++) {
        of.now_ms += 1000;
        of.tokens.tick();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return of.asked - before;
    };
    expect(await askedIn(300, issuer)).toBe(5);
    issuer.answer = () => undefined;
    expect(await askedIn(360, issuer)).toBe(11);
    expect(await askedIn(600, beside)).toBe(0);
  });

  it('are believed for a while when the issuer is down, and then nobody is', async () => {
    const issuer = new Issuer({}, URL_SOURCE);
    const token = await sign({ exp: NOW + 10_000 });
    expect(await issuer.verdict(token)).toBe('ok');
    issuer.answer = () => undefined;
    issuer.now_ms += 599_000;
    expect(await issuer.verdict(token)).toBe('ok');
    expect(issuer.tokens.known(Buffer.from(token))).toBeDefined();
    issuer.now_ms += 1000;
    expect(issuer.tokens.known(Buffer.from(token))).toBeUndefined();
    expect(await issuer.verdict(token)).toBe('keys_unavailable');
    issuer.answer = () => jwks;
    issuer.now_ms += 10_000;
    expect(await issuer.verdict(token)).toBe('ok');
  });

  it.each([
    ['a page', '<html>'],
    ['no list', '{}'],
    ['no key', '{"keys":[]}'],
    ['a shared secret', '{"keys":[{"kty":"oct","k":"AAAA"}]}'],
    ['a short RSA key', JSON.stringify({ keys: [{ kty: 'RSA', n: 'A'.repeat(171), e: 'AQAB' }] })],
    ['a key for encryption', '{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":"enc"}]}'],
  ])('are none in %s', (_what, text) => {
    expect(parseJwks(text).ok).toBe(false);
  });
});
