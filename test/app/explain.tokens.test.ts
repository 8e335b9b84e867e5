/**
 * What `explain` says of a token is what happens to it: each kind of wrong token, and drawn ones against a real gateway under
 * the same policy. The token itself is nowhere in what is printed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { type Explanation, explainToken, runExplain } from '../../src/app/explain.ts';
import { settingsOf } from '../../src/app/plan.ts';
import { tableAlone } from '../../src/app/table.ts';
import { rosterOf } from '../../src/app/users.ts';
import { loginsOf, viewOf } from '../../src/app/view.ts';
import { parseAddress } from '../../src/base/cidr.ts';
import { Prng } from '../../src/base/prng.ts';
import { failure, success } from '../../src/base/result.ts';
import { inlineBackend, World } from '../gateway/world.ts';
import { policyOf } from '../policy/support.ts';
import { seed } from '../support/seed.ts';

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1000;
const URL_OF_KEYS = 'https://idp.example/keys';

const GATEWAY = (keys: string) => `tokens:
  issuers:
    - name: idp
      issuer: https://idp.example
      audience: redis
      jwks: ${keys}
      algorithms: [ES256]
      types: [at+jwt, JWT]
      must_have: [roles]
      tenants: [shop, narrow]
      claims: { user: user, tenant: tenant, roles: roles }
  revoked: revoked.txt
listeners: { plain: { port: 6379 } }
`;
const SHOP = `tenant: shop
users:
  - { name: bob, acl: 'on >pw ~shop:* +@all', tokens: only }
  - { name: eve, acl: 'on >pw ~shop:* +@all' }
  - { name: off, acl: 'off ~shop:* +@all', tokens: also, budget: { commands_per_second: 7 } }
  - { name: card, acl: 'on ~shop:* +@all', tokens: also, certificate: 'spiffe://card' }
token_users:
  - { role: reader, acl: 'on %R~shop:* +@read +ping', addresses: [10.0.0.0/8], budget: { commands_per_second: 3, connections: 2, bytes_in_per_second: 1kb } }
  - { role: writer, acl: 'on ~shop:* +@all' }
budget: { commands_per_second: 5 }
`;
const NARROW = `tenant: narrow
addresses: [10.0.0.0/8]
token_users:
  - { role: reader, acl: 'on ~* +@read +ping' }
`;
const OTHER = `tenant: other
users:
  - { name: olga, acl: 'on >pw ~* +@all', tokens: also }
token_users:
  - { role: reader, acl: 'on ~* +@read' }
`;

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let key: Key;
let strangersKey: Key;
let jwks: string;
let folder: string;
const table = tableAlone();

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  strangersKey = (await generateKeyPair('ES256')).privateKey;
  jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] });
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-explain-'));
  mkdirSync(join(folder, 'policies', 'tenants'), { recursive: true });
  mkdirSync(join(folder, 'certs-dev'), { mode: 0o700 });
  writeFileSync(join(folder, 'policies', 'gateway.yaml'), GATEWAY('keys.json'));
  for (const [name, text] of [
    ['shop', SHOP],
    ['narrow', NARROW],
    ['other', OTHER],
  ] as const)
    writeFileSync(join(folder, 'policies', 'tenants', `${name}.yaml`), text);
  writeFileSync(join(folder, 'certs-dev', 'keys.json'), jwks);
  writeFileSync(join(folder, 'certs-dev', 'revoked.txt'), 'jti idp gone\nsub idp mallory\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sign(claims: object = {}, header: object = {}, by: Key = key): Promise<string> {
  const all = {
    iss: 'https://idp.example',
    aud: 'redis',
    sub: 'alice',
    user: 'alice',
    tenant: 'shop',
    roles: ['reader'],
  };
  return new SignJWT({ ...all, exp: NOW + 60, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...header })
    .sign(by);
}

interface Answer {
  /** Of issuers that were asked. */
  readonly asked?: string[];
  readonly fetched?: string | undefined;
}

function said(words: readonly string[], stdin: string, { asked = [], fetched }: Answer = {}) {
  return runExplain(words, {
    environment: {},
    cwd: folder,
    table,
    input: Readable.from([stdin]),
    ask: () => {},
    nowMs: () => NOW_MS,
    fetch: async ({ url }) => {
      asked.push(url);
      return fetched === undefined ? failure('cannot be asked: ECONNREFUSED') : success(fetched);
    },
  });
}

const FROM = ['--address', '10.0.0.1'];

async function explained(token: string, more: readonly string[] = [], answer: Answer = {}): Promise<Explanation> {
  const words = ['--token', '-', ...FROM, '--json', ...more, '--', 'GET', 'shop:a'];
  const { output } = await said(words, token, answer);
  expect(output).not.toContain(token);
  return JSON.parse(output);
}

describe('explain with a token', () => {
  it('shows every step from the form of the token to the rules of its user', async () => {
    const { gates, allowed, user, tenant } = await explained(await sign({ jti: 'one' }));
    expect({ allowed, user, tenant }).toEqual({ allowed: true, user: 'token:idp:alice', tenant: 'shop' });
    const steps = ['form', 'issuer', 'algorithm', 'type', 'audience', 'kind', 'dates', 'claims', 'key', 'signature'];
    expect(gates.map(({ gate }) => gate)).toEqual(
      expect.arrayContaining([
        'listener',
        ...steps.map((step) => `token ${step}`),
        'token revocation',
        'token user',
        'acl',
      ]),
    );
    const whyOf = (name: string) => gates.find(({ gate }) => gate === name)?.why;
    expect(whyOf('token user')).toBe('token:idp:alice, made for the session by role reader of shop');
    expect(whyOf('token rules')).toContain('%R~shop:*');
    expect(whyOf('token claims')).toContain('tenant "shop", roles "reader"');
    expect(whyOf('rate')).toContain('up to 5 commands per second');
    expect(whyOf('rate of the user')).toBe('up to 3 commands per second');
    expect(whyOf('connections of the user')).toBe('up to 2 at a time');
    expect(whyOf('bytes of the user')).toBe('up to 1024 in and any number out per second, then slowed down');
    expect(whyOf('user addresses')).toContain('10.0.0.0/8');
    expect(gates.some(({ gate }) => gate === 'password')).toBe(false);
  });

  it('is a user of the files where that user takes tokens', async () => {
    const { user, gates } = await explained(await sign({ user: 'bob' }));
    expect(user).toBe('bob');
    expect(gates.find(({ gate }) => gate === 'token user')?.why).toBe('bob, who is in the files of shop');
    expect(JSON.stringify(gates)).not.toMatch(/[#>][0-9a-f]{8}|>pw/);
  });

  it.each<readonly [what: string, claims: object, header: object, gate: string, code: string]>([
    ['of a stranger', { iss: 'https://evil.example' }, {}, 'token issuer', 'token_issuer'],
    ['of another algorithm', {}, { alg: 'EdDSA' }, 'token algorithm', 'token_algorithm'],
    ['of another type', {}, { typ: 'logout+jwt' }, 'token type', 'token_type'],
    ['for somebody else', { aud: 'mysql' }, {}, 'token audience', 'token_audience'],
    ['that is an ID token', { nonce: 'n' }, {}, 'token kind', 'token_type'],
    ['that lacks what access tokens have', { roles: undefined }, { typ: 'JWT' }, 'token kind', 'token_type'],
    ['that has ended', { exp: NOW }, {}, 'token dates', 'token_expired'],
    ['without an end', { exp: undefined }, {}, 'token dates', 'token_claims'],
    ['that begins later', { nbf: NOW + 31 }, {}, 'token dates', 'token_not_yet_valid'],
    ['without a subject', { sub: undefined }, {}, 'token claims', 'token_claims'],
    ['by a key that is not published', {}, { kid: 'k2' }, 'token key', 'token_unknown_key'],
    ['that was taken back', { jti: 'gone' }, {}, 'token revocation', 'token_revoked'],
    ['whose subject was taken back', { sub: 'mallory' }, {}, 'token revocation', 'token_revoked'],
    ['without a role that counts', { roles: ['cook'] }, {}, 'token user', 'token_no_user'],
    ['of a tenant that is not there', { tenant: 'nosuch' }, {}, 'token user', 'token_no_user'],
    ['of a tenant that is not its issuer’s', { tenant: 'other' }, {}, 'token user', 'token_no_user'],
    ['of a user of another’s tenant', { user: 'olga', tenant: 'other' }, {}, 'token user', 'token_no_user'],
    ['of an operator', { tenant: 'system' }, {}, 'token user', 'token_no_user'],
    ['of a user who is off', { user: 'off' }, {}, 'user', 'user_off'],
    ['of a user who comes with a certificate', { user: 'card' }, {}, 'certificate', 'certificate_only'],
  ])('%s is refused by the gate that refuses it', async (_what, claims, header, gate, code) => {
    const by = Object.hasOwn(header, 'alg') ? (await generateKeyPair('EdDSA')).privateKey : key;
    const answer = await explained(await sign(claims, header, by));
    expect([answer.gates.at(-1)?.gate, answer.code, answer.allowed]).toEqual([gate, code, false]);
  });

  it('is refused by its signature when anything in it was changed', async () => {
    const [head, , signature] = (await sign()).split('.');
    const [, body] = (await sign({ roles: ['writer'] })).split('.');
    for (const token of [`${head}.${body}.${signature}`, await sign({}, {}, strangersKey)]) {
      const { gates, code } = await explained(token);
      expect([gates.at(-1)?.gate, code]).toEqual(['token signature', 'token_bad_signature']);
    }
  });

  it('counts the name that is said, as a login does', async () => {
    for (const name of ['alice', 'token:idp:alice', 'default'])
      expect((await explained(await sign(), ['--user', name])).allowed).toBe(true);
    expect((await explained(await sign(), ['--user', 'bob'])).code).toBe('token_no_user');
  });

  it('asks the issuer for keys only when all else is right, and says why there are none', async () => {
    writeFileSync(join(folder, 'policies', 'gateway.yaml'), GATEWAY(URL_OF_KEYS));
    const asked: string[] = [];
    expect((await explained(await sign({ aud: 'mysql' }), [], { asked })).code).toBe('token_audience');
    expect(asked).toEqual([]);
    const down = await explained(await sign(), [], { asked });
    expect(down.code).toBe('token_keys_unavailable');
    expect(down.gates.at(-1)?.why).toContain('ECONNREFUSED');
    expect((await explained(await sign(), [], { asked, fetched: jwks })).allowed).toBe(true);
    expect(asked).toEqual([URL_OF_KEYS, URL_OF_KEYS]);
  });

  it('judges claims alone as far as they go, and says that nobody has signed them', async () => {
    const claims = { iss: 'https://idp.example', aud: 'redis', sub: 'zoe', user: 'zoe', tenant: 'shop', exp: NOW + 1 };
    const path = join(folder, 'claims.json');
    const of = async (more: object) => {
      writeFileSync(path, JSON.stringify({ ...claims, ...more }));
      const words = ['--claims', 'claims.json', ...FROM, '--json', '--', 'SET', 'shop:a', '1'];
      return JSON.parse((await said(words, '')).output) as Explanation;
    };
    const writer = await of({ roles: 'writer other' });
    expect(writer.allowed).toBe(true);
    expect(writer.gates.find(({ gate }) => gate === 'token signature')).toMatchObject({
      verdict: 'depends',
      code: 'token_unsigned',
    });
    expect((await of({ roles: 'reader' })).code).toBe('acl_command');
    expect((await of({ roles: 'writer', exp: NOW })).code).toBe('token_expired');
    expect((await of({ roles: 'writer', sub: 'mallory' })).code).toBe('token_revoked');
    expect((await of({ roles: 'writer', iss: 'x' })).code).toBe('token_issuer');
    writeFileSync(path, '[1]');
    expect(await said(['--claims', 'claims.json', '--', 'PING'], '')).toMatchObject({ exitCode: 1 });
  });
});

describe('a token on its way into explain', () => {
  it('is never among the words, and is not repeated when it is', async () => {
    const token = await sign();
    for (const words of [
      ['--token', token, '--', 'PING'],
      ['--claims', token, '--', 'PING'],
      ['--user', token, '--', 'PING'],
      ['--user', 'bob', '--address', token, '--', 'PING'],
      ['--user', 'bob', '--', 'AUTH', token],
      ['--user', 'bob', ...FROM, '--', 'GET', token],
      ['--nosuch', token],
      [`--${token}`],
      ['--token', '-', ...FROM, '--', 'GET', `x${token}`],
      ['--token', '-', '--address', '11.0.0.1', '--', token],
    ]) {
      const { output, exitCode } = await said(words, token);
      expect(output).not.toContain(token.slice(0, token.lastIndexOf('.')));
      expect(output).not.toContain(token.slice(token.lastIndexOf('.') + 1));
      expect(exitCode).not.toBe(0);
    }
  });

  it('may stand in a file that ends in newlines, and in no endless one', async () => {
    writeFileSync(join(folder, 'token'), `${await sign()}\r\n\n`);
    const words = ['--token', 'token', ...FROM, '--', 'GET', 'shop:a'];
    expect(await said(words, '')).toMatchObject({ exitCode: 0 });
    expect((await said(['--token', '/dev/zero', '--', 'PING'], '')).output).toContain('is not a file');
    expect((await said(['--token', 'nosuch', '--', 'PING'], '')).output).toContain('ENOENT');
    expect((await said(['--token', '-', '--', 'PING'], 'eyJ'.padEnd(10_000, 'a'))).output).toContain('at the most');
    expect((await said(['--token', '-', '--claims', '-', '--', 'PING'], '')).output).toContain('usage');
  });

  it('is shown line by line, whatever its claims hold', async () => {
    const evil = '\u001b[2J\nsecond line\u2028';
    const { output } = await said(['--token', '-', ...FROM, '--', 'GET', 'a'], await sign({ aud: evil.repeat(50) }));
    for (const part of ['\u001b', '\u2028', '\nsecond']) expect(output).not.toContain(part);
    expect(Math.max(...output.split('\n').map(({ length }) => length))).toBeLessThan(300);
  });

  it('that is none is refused, and a policy without issuers says so', async () => {
    for (const token of ['', 'password', 'eyJhbGciOiJub25lIn0.e30.', 'eyJ.eyJ.eyJ', 'eyJhbGciOi']) {
      const { output } = await said(['--token', '-', '--json', '--', 'PING'], token);
      expect(JSON.parse(output).code).toBe('token_malformed');
    }
    writeFileSync(join(folder, 'policies', 'gateway.yaml'), '');
    expect((await explained(await sign())).code).toBe('token_issuer');
  });
});

describe('explain and the gateway', () => {
  let world: World;
  afterAll(() => world.end());

  it('say the same of drawn tokens', async () => {
    const policy = policyOf(
      {
        'gateway.yaml': GATEWAY('keys.json'),
        'tenants/shop.yaml': SHOP,
        'tenants/narrow.yaml': NARROW,
        'tenants/other.yaml': OTHER,
      },
      { 'keys.json': jwks, 'revoked.txt': 'jti idp gone\nsub idp mallory\n' },
      table,
    );
    world = new World(inlineBackend(), viewOf(policy, settingsOf(policy.gateway, false), false));
    world.clock.now = NOW_MS;
    const applied = world.tenants.apply(policy.tenants, world.clock.now);
    const made = rosterOf(policy, world.core.table, new Roster(0, []), false);
    if (!applied.ok || !made.ok) throw new Error('the policy is wrong');
    world.acl.swap(made.value);
    world.core.identity.adopt(loginsOf(policy));
    const prng = new Prng(seed);
    const pick = <Item>(...from: readonly Item[]): Item => from[prng.uint32() % from.length] as Item;
    const codes = new Set<string>();
    for (let i = 0; i < 600; i++) {
      const claims = {
        ...(pick(1, 0, 0, 0) === 1 ? { aud: pick<unknown>('mysql', ['redis', 'x'], 7) } : {}),
        sub: pick('alice', 'mallory', 'bob', 'a b'),
        user: pick('alice', 'bob', 'eve', 'off', 'card', 'olga', 'admin'),
        tenant: pick('shop', 'shop', 'narrow', 'other', 'system', 'nosuch', undefined),
        roles: pick<unknown>(['reader'], ['writer', 'reader'], 'reader x', [], undefined),
        exp: NOW + pick(60, 60, 60, 0),
        jti: pick('gone', 'one', undefined, undefined),
        ...(pick(1, 0, 0, 0, 0, 0) === 1 ? { nonce: 'n' } : {}),
      };
      const token = await sign(
        claims,
        pick({}, {}, {}, { kid: 'k2' }, { typ: 'x' }),
        pick(key, key, key, strangersKey),
      );
      // From another address each time: who guesses is put off, which is about the moment and not about the token.
      const [from, name] = [`${pick(10, 11)}.1.${i >> 8}.${i & 255}`, pick('', '', 'alice', 'default', 'bob')];
      const address = parseAddress(from);
      if (address === undefined) throw new Error(`no address: ${from}`);
      const { allowed, code } = await explainToken(
        policy,
        { table, nowMs: () => NOW_MS, fetch: async () => failure('nobody is asked') },
        { user: name, address, listener: 'plain', words: ['PING'] },
        { kind: 'token', bytes: Buffer.from(token) },
        world.acl.roster,
      );
      const client = world.connect(from);
      world.send(client, ...(name === '' ? ['AUTH', token] : ['AUTH', name, token]));
      let reply = '';
      for (let round = 0; reply === '' && round < 1000; round++) {
        world.turn(client);
        reply = client.socket.text();
        if (reply === '') await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect([claims, code, allowed]).toEqual([claims, code, reply === '+OK\r\n']);
      codes.add(code);
      client.socket.hangUp();
    }
    expect(Array.from(codes)).toEqual(expect.arrayContaining(['ok', 'token_no_user', 'token_revoked', 'user_off']));
  }, 60_000);
});
