/** Group J: tokens that are not what they seem, and issuers that do not answer as they should. */
import { createHash, createHmac, X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportSPKI } from 'jose';
import { Authority, type Pair } from '../../support/certificates.ts';
import { type AttackCase, attack, becomes, CaseFailed, holds, matches, pause, same } from '../case.ts';
import { ISSUER, KeyServer, TokenIssuer } from '../issuer.ts';
import { PASSWORD } from '../password.ts';
import type { Wire } from '../wire.ts';
import { hashOf, type World } from '../world.ts';

const REFUSED = /^-(?:WRONGPASS|BUSY) /;
const OK = '+OK\r\n';
/** What the catalogue gives a token, or a user, that is taken back. */
const ENDING_MS_MAX = 5_000;

const TENANT = `tenant: three
users:
  - { name: robot, acl: 'on #${hashOf(PASSWORD)} ~t3:* +@all', tokens: only }
  - { name: plain, acl: 'on #${hashOf(PASSWORD)} ~t3:* +@all' }
token_users:
  - { role: reader, acl: 'on %R~t3:* &t3:* +@all -@admin' }
`;

function gatewayOf(keys: string, listeners: string): string {
  return `${listeners}tokens:
  issuers:
    - { name: idp, issuer: '${ISSUER}', audience: redis, tenant: three, claims: { roles: roles }, algorithms: [ES256, RS256], ${keys} }
  revoked: revoked.txt
`;
}

const KEY_FILE = 'jwks: keys.json';

interface Scene {
  readonly own: World;
  readonly issuer: TokenIssuer;
  readonly auth: (token: string, from?: string) => Promise<string>;
}

interface SceneOptions {
  /** Where the issuer has its keys. */
  readonly keys?: string;
  readonly listeners?: string;
  readonly beside?: Readonly<Record<string, string>>;
  readonly issuer?: TokenIssuer;
}

/** A process of its own that trusts an issuer. */
async function scene(
  world: World,
  run: (scene: Scene) => Promise<void>,
  { keys = KEY_FILE, listeners = '', beside = {}, issuer }: SceneOptions = {},
): Promise<void> {
  const trusted = issuer ?? (await TokenIssuer.make());
  const own = await world.sibling({
    shards: 1,
    gateway: gatewayOf(keys, listeners),
    tenants: { 'three.yaml': TENANT },
    beside: { 'keys.json': trusted.jwks, 'revoked.txt': '', ...beside },
  });
  let last = 0;
  const auth = async (token: string) => {
    // From another address each time, so that what is refused is refused for itself.
    const wire = await own.anon(`127.0.1.${(last++ % 250) + 1}`);
    const reply = await wire.ask('AUTH', token);
    wire.close();
    return reply;
  };
  try {
    await run({ own, issuer: trusted, auth });
    same(await own.figure('bugs'), 0, 'bugs that were caught');
    holds(!own.logs.some((line) => line.includes('eyJ')), 'a token stands in the log');
  } finally {
    await own.stop();
  }
}

async function refusesEach({ auth }: Scene, tokens: readonly (readonly [what: string, token: string])[]) {
  for (const [what, token] of tokens) matches(await auth(token), REFUSED, what);
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function ended(wire: Wire, what: string): Promise<void> {
  const from_ms = performance.now();
  holds(await becomes(() => wire.closed, ENDING_MS_MAX + 2_000), `${what}: was not closed`);
  holds(performance.now() - from_ms < ENDING_MS_MAX + 1_000, `${what}: was closed late`);
}

export const tokenCases: readonly AttackCase[] = [
  attack('J175', 'no signature is no token', ['wrong_token: login'], (world) =>
    scene(world, async (here) => {
      const good = await here.issuer.sign();
      const [, body = '', signature = ''] = good.split('.');
      same(await here.auth(good), OK, 'a good token');
      const none = ['none', 'None', 'nOnE', 'NONE', ''].map(
        (alg) => [`alg ${alg}`, `${encoded({ alg, typ: 'at+jwt' })}.${body}.${signature}`] as const,
      );
      const bare = ['none', 'nOnE'].map(
        (alg) => [`${alg}, bare`, `${encoded({ alg, typ: 'at+jwt' })}.${body}.`] as const,
      );
      await refusesEach(here, [...none, ...bare, ['stripped', good.slice(0, good.lastIndexOf('.') + 1)]]);
    }),
  ),
  attack('J176', 'a public key is no shared secret', ['wrong_token: login'], async (world) => {
    const issuer = await TokenIssuer.make('k1', 'RS256');
    await scene(
      world,
      async (here) => {
        const good = await issuer.sign({}, { alg: 'RS256' });
        same(await here.auth(good), OK, 'a good token');
        const body = good.split('.')[1] ?? '';
        const pem = await exportSPKI(issuer.pair.publicKey);
        const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
        const modulus = /"n":"([^"]+)"/.exec(issuer.jwks)?.[1] ?? '';
        for (const secret of [pem, der, modulus, Buffer.from(modulus, 'base64url'), '']) {
          const signed = `${encoded({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${body}`;
          const signature = createHmac('sha256', secret).update(signed).digest('base64url');
          matches(await here.auth(`${signed}.${signature}`), REFUSED, 'signed with what everybody knows');
        }
      },
      { issuer },
    );
  }),
  attack(
    'J178',
    'a key is named by its name and by nothing else',
    ['wrong_token: login', 'protocol_error: connection-closed'],
    (world) =>
      scene(world, async (here) => {
        const kids = [
          '../../x',
          '/etc/passwd',
          'https://evil.example/',
          'a\0b',
          'k'.repeat(4000),
          '__proto__',
          ['k1'],
          1,
        ];
        for (const kid of kids) matches(await here.auth(await here.issuer.sign({}, { kid })), REFUSED, String(kid));
        const huge = await here.issuer.sign({}, { kid: 'k'.repeat(1_000_000) });
        const wire = await here.own.anon();
        matches(await wire.ask('AUTH', huge), /^-ERR Protocol error/, 'a megabyte before authentication');
      }),
  ),
  attack('J179', 'a token does not say where its keys are', ['wrong_token: login'], async (world) => {
    const server = await KeyServer.start((response) => response.end('{}'));
    try {
      await scene(world, async (here) => {
        const stranger = await TokenIssuer.make('k2');
        const [jwk] = JSON.parse(stranger.jwks).keys;
        for (const header of [{ jku: server.url }, { x5u: server.url }, { jwk }, { x5c: ['AAAA'] }]) {
          matches(await here.auth(await stranger.sign({}, header)), REFUSED, Object.keys(header).join());
          matches(await here.auth(await stranger.sign({}, { ...header, kid: 'k1' })), REFUSED, 'with a known name');
        }
        same(server.asked, 0, 'requests that left');
      });
    } finally {
      server.stop();
    }
  }),
  attack('J180', 'what a claim is, it is exactly', ['wrong_token: login'], (world) =>
    scene(world, async (here) => {
      const now = Math.floor(Date.now() / 1000);
      const claims: readonly object[] = [
        { aud: undefined },
        { iss: undefined },
        { exp: undefined },
        { sub: undefined },
        { aud: 'redis-evil' },
        { aud: ['other'] },
        { iss: `${ISSUER}/` },
        { exp: String(now + 300) },
        { exp: -1 },
        { exp: now - 1 },
        { nbf: now + 600 },
        { iat: now + 600 },
        { roles: ['nobody'] },
        { sub: 'plain', roles: [] },
        { sub: 'a b' },
      ];
      for (const one of claims) matches(await here.auth(await here.issuer.sign(one)), REFUSED, JSON.stringify(one));
      const [head = '', , signature = ''] = (await here.issuer.sign()).split('.');
      const body = Buffer.from(`{"iss":"${ISSUER}","aud":"redis","sub":"alice","exp":1e400}`).toString('base64url');
      matches(await here.auth(`${head}.${body}.${signature}`), REFUSED, 'an end beyond numbers');
    }),
  ),
  attack(
    'J182',
    'a session ends with its token',
    ['token_expired: connection-closed', 'not_authenticated: get', 'wrong_token: login'],
    (world) =>
      scene(world, async ({ own, issuer }) => {
        const token = await issuer.sign({ exp: Math.floor(Date.now() / 1000) + 3 });
        const [idle, subscriber, blocked] = [await own.anon(), await own.anon(), await own.anon()];
        for (const wire of [idle, subscriber, blocked]) same(await wire.ask('AUTH', token), OK, 'while it holds');
        same(await idle.ask('ACL', 'WHOAMI'), '$15\r\ntoken:idp:alice\r\n', 'who it is');
        await subscriber.ask('SUBSCRIBE', 't3:news');
        blocked.send('*4\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n$7\r\nSTREAMS\r\n'.replace('*4', '*6'));
        blocked.send('$4\r\nt3:s\r\n$1\r\n$\r\n');
        await pause(3_100);
        matches(await idle.ask('GET', 't3:a'), /^-NOAUTH token expired/, 'afterwards');
        await ended(subscriber, 'a subscriber');
        await ended(blocked, 'who waits');
        matches(await idle.ask('AUTH', token), REFUSED, 'the same token again');
        same(await idle.ask('AUTH', 'alice', await issuer.sign()), OK, 'a new one, on the same connection');
        same(await idle.ask('GET', 't3:a'), '$-1\r\n', 'and on it goes');
      }),
  ),
  attack('J184', 'other kinds of tokens are none', ['wrong_token: login'], (world) =>
    scene(world, async (here) => {
      const { issuer } = here;
      const good = await issuer.sign();
      const [, body = '', signature = ''] = good.split('.');
      await refusesEach(here, [
        ['encrypted', `${encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.AAAA.AAAA`],
        ['compressed', `${encoded({ alg: 'ES256', typ: 'at+jwt', zip: 'DEF' })}.${body}.${signature}`],
        ['nested', await issuer.sign({}, { cty: 'JWT' })],
        ['an ID token', await issuer.sign({ nonce: 'n', at_hash: 'x' }, { typ: 'JWT' })],
        ['an ID token without a mark', await issuer.sign({}, { typ: 'JWT' })],
        ['a token for logging out', await issuer.sign({}, { typ: 'logout+jwt' })],
        ['proven with each request', await issuer.sign({ cnf: { jkt: 'a'.repeat(43) } })],
        ['without a type', await issuer.sign({}, { typ: undefined })],
        ['as long as may be', `${'eyJ'.padEnd(15_000, 'a')}.a.a`],
      ]);
    }),
  ),
  attack(
    'J184',
    'a token that is bound to a certificate is nothing in other hands',
    ['wrong_token: login'],
    async (world) => {
      const authority = await Authority.make();
      const listeners = 'listeners: { tls: { client_certificates: { mode: optional, ca: clients-ca.pem } } }\n';
      const bound = async ({ own, issuer, auth }: Scene) => {
        const [holder, other] = [await authority.sign(), await authority.sign()];
        const thumbprint = createHash('sha256').update(new X509Certificate(holder.certificate).raw).digest('base64url');
        const token = await issuer.sign({ cnf: { 'x5t#S256': thumbprint } });
        const ask = async (pair: Pair) => {
          const wire = await own.certified(pair);
          const reply = await wire.ask('AUTH', token);
          wire.close();
          return reply;
        };
        matches(await auth(token), REFUSED, 'without a certificate');
        matches(await ask(other), REFUSED, 'with another');
        same(await ask(holder), OK, 'with its own');
        matches(await ask(other), REFUSED, 'with another, now that it is known');
      };
      await scene(world, bound, { listeners, beside: { 'clients-ca.pem': authority.certificate } });
    },
  ),
  attack(
    'J185',
    'an issuer that does not answer well is not believed, and not waited for',
    ['wrong_token: login'],
    async (world) => {
      const issuer = await TokenIssuer.make();
      const good = issuer.jwks;
      const server = await KeyServer.start((response) => response.end(good));
      const keys = `jwks: '${server.url}', jwks_ca: idp-ca.pem, jwks_private_addresses: [127.0.0.0/8], refresh: 5, max_stale: 8`;
      try {
        await scene(
          world,
          async (here) => {
            same(await here.auth(await issuer.sign()), OK, 'an issuer that answers');
            const rotated = await TokenIssuer.make('k2');
            server.answer = (response) => response.end(rotated.jwks);
            const byNewKey = async () =>
              (await here.auth(await rotated.sign({ jti: String(performance.now()) }))) === OK;
            holds(await becomes(byNewKey, 20_000), 'a new key is not asked for');
            const before_bytes = here.own.residentBytes();
            const badly: readonly ((response: import('node:http').ServerResponse) => void)[] = [
              (response) => response.writeHead(302, { location: server.url }).end(),
              (response) => response.end('<html>'),
              (response) => {
                const more = () => {
                  if (!response.destroyed && response.write(Buffer.alloc(1_048_576, 32))) setImmediate(more);
                };
                response.on('drain', more);
                more();
              },
              (response) => {
                const timer = setInterval(() => response.write(' '), 1000);
                response.on('close', () => clearInterval(timer));
              },
            ];
            let asked = 0;
            server.answer = (response) => badly[asked++ % badly.length]?.(response);
            same(await here.auth(await rotated.sign()), OK, 'by the keys of before');
            const failed = await becomes(async () => {
              const reply = await here.auth(await rotated.sign({ jti: String(performance.now()) }));
              if (reply !== OK) return true;
              await pause(200);
              return false;
            }, 15_000);
            holds(failed, 'old keys are believed for ever');
            holds(here.own.residentBytes() - before_bytes < 96 * 1_048_576, 'an answer without end is kept');
            server.answer = (response) => response.end(rotated.jwks);
            holds(await becomes(byNewKey, 20_000), 'an issuer that is back is not asked again');
          },
          { keys, beside: { 'idp-ca.pem': server.ca }, issuer },
        );
        const loose = `jwks: '${server.url}', jwks_ca: idp-ca.pem`;
        const before = server.asked;
        const private_ = async (here: Scene) =>
          matches(await here.auth(await issuer.sign()), REFUSED, 'a private address');
        await scene(world, private_, { keys: loose, beside: { 'idp-ca.pem': server.ca }, issuer });
        same(server.asked, before, 'requests to an address that nobody named');
        const untrusted = `jwks: '${server.url}', jwks_private_addresses: [127.0.0.0/8]`;
        const unverified = async (here: Scene) => matches(await here.auth(await issuer.sign()), REFUSED, 'a stranger');
        await scene(world, unverified, { keys: untrusted, issuer });
        same(server.asked, before, 'requests to a server whose certificate nobody vouches for');
      } finally {
        server.stop();
      }
    },
  ),
  attack(
    'J188',
    'what is taken back ends sessions',
    [
      'user_disabled: login',
      'wrong_secret: login',
      'wrong_token: login',
      'token_revoked: connection-closed',
      'token_key_withdrawn: connection-closed',
      'user_removed: connection-closed',
      'success: policy-reloaded',
    ],
    (world) =>
      scene(world, async ({ own, issuer, auth }) => {
        const write = (text: string) => {
          const path = join(own.folder, 'certs', 'revoked.txt');
          writeFileSync(`${path}.new`, text);
          renameSync(`${path}.new`, path);
        };
        const [first, second, robot] = [await own.anon(), await own.anon(), await own.anon()];
        const one = await issuer.sign({ jti: 'one' });
        const robots = await issuer.sign({ sub: 'robot' });
        same(await first.ask('AUTH', one), OK, 'before');
        same(await second.ask('AUTH', await issuer.sign({ jti: 'two' })), OK, 'another token');
        same(await robot.ask('AUTH', 'robot', robots), OK, 'a user of the file');
        same(await robot.ask('ACL', 'WHOAMI'), '$5\r\nrobot\r\n', 'as that user');
        matches(await auth('x'), REFUSED, 'no token');
        matches(await (await own.anon()).ask('AUTH', 'robot', PASSWORD), REFUSED, 'its password');
        write('# taken back\njti idp one\n');
        await ended(first, 'whose token was revoked');
        matches(await auth(one), REFUSED, 'that token');
        same(await second.ask('PING'), '+PONG\r\n', 'the other token');
        write('jti idp one\nsub idp alice\n');
        await ended(second, 'whose subject was revoked');
        same(await robot.ask('PING'), '+PONG\r\n', 'another subject');
        const rotated = await TokenIssuer.make('k2');
        const keys = join(own.folder, 'certs', 'keys.json');
        writeFileSync(`${keys}.new`, rotated.jwks);
        renameSync(`${keys}.new`, keys);
        await ended(robot, 'whose key is published no more');
        matches(await auth(robots), REFUSED, 'a token of that key');
        const again = await own.anon();
        same(await again.ask('AUTH', 'robot', await rotated.sign({ sub: 'robot' })), OK, 'a token of the new key');
        writeFileSync(join(own.folder, 'policies', 'tenants', 'three.yaml'), TENANT.replace("'on ", "'off "));
        await ended(again, 'who was switched off');
        if (own.logs.length === 0) throw new CaseFailed('nothing was logged');
      }),
  ),
];
