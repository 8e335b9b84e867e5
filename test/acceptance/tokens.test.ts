/** The recipe "JWT from an OIDC provider" of the README, and people's passwords, with a real client and a tiny issuer. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSlowHash } from '../../src/identity/password.ts';
import { KeyServer, TokenIssuer } from '../attacks/issuer.ts';
import { ROOT, Serve } from './support/serve.ts';

let issuer: TokenIssuer;
let keys: KeyServer;
let serve: Serve;

beforeAll(async () => {
  issuer = await TokenIssuer.make();
  keys = await KeyServer.start((response) => response.end(issuer.jwks));
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'));
  mkdirSync(join(folder, 'policies', 'tenants'), { recursive: true });
  mkdirSync(join(folder, 'certs'), { mode: 0o700 });
  writeFileSync(join(folder, 'certs', 'idp-ca.pem'), keys.ca);
  writeFileSync(join(folder, 'certs', 'revoked.txt'), '');
  const shop = `tenant: shop
users:
  - { name: ann, acl: 'on ~shop:* +@all', password_hash: '${await makeSlowHash(Buffer.from('a long one'))}' }
token_users:
  - { role: reader, acl: 'on ~shop:* +@read +@connection +info +acl|whoami' }
`;
  writeFileSync(join(folder, 'policies', 'tenants', 'shop.yaml'), shop);
  const gateway = `tokens:
  issuers:
    - name: idp
      issuer: https://idp.example
      audience: redis
      jwks: ${keys.url}
      jwks_ca: idp-ca.pem
      jwks_private_addresses: [127.0.0.0/8]
      tenant: shop
      claims: { user: sub, roles: roles }
  revoked: revoked.txt
`;
  serve = await Serve.start({ folder, gateway });
}, 60_000);

afterAll(async () => {
  keys.stop();
  await serve.dispose();
});

async function as(username: string | undefined, password: string): Promise<Redis> {
  const redis = new Redis({
    host: '127.0.0.1',
    port: serve.tlsPort,
    tls: { ca: serve.ca, servername: 'localhost' },
    password,
    lazyConnect: true,
    retryStrategy: () => null,
    ...(username === undefined ? {} : { username }),
  });
  redis.on('error', () => {});
  await redis.connect();
  return redis;
}

describe('an OIDC provider', () => {
  it('lets its people in by their roles, and no further', async () => {
    for (const name of [undefined, 'alice']) {
      const alice = await as(name, await issuer.sign());
      expect(await alice.call('ACL', 'WHOAMI')).toBe('token:idp:alice');
      expect(await alice.get('shop:a')).toBeNull();
      await expect(alice.set('shop:a', '1')).rejects.toThrow(/^NOPERM/);
      await expect(alice.get('other')).rejects.toThrow(/^NOPERM/);
      alice.disconnect();
    }
    expect(keys.asked).toBe(1);
    const operator = await as('admin', serve.password('admin'));
    const info = await operator.info('gateway');
    expect(info).toMatch(/^auth:.*token_success=2/m);
    expect(info).toMatch(/^jwks_last_success_timestamp_seconds:[1-9]/m);
    operator.disconnect();
  });

  it('is asked by explain as by the gateway, of a token that comes by stdin', async () => {
    const said = async (token: string, ...command: readonly string[]) => {
      const folders = ['policies', 'certs'].flatMap((name) => [`--${name}`, join(serve.folder, name)]);
      const args = [join(ROOT, 'src/launch.mjs'), 'start', 'explain', '--token', '-', ...folders, '--', ...command];
      const child = spawn(process.execPath, args, { cwd: serve.folder });
      child.stdin.end(`${token}\n`);
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (piece: Buffer) => (output += piece.toString()));
      const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
      expect(output).not.toContain(token);
      return { status, output };
    };
    const token = await issuer.sign();
    const asked = keys.asked;
    expect(await said(token, 'GET', 'shop:a')).toMatchObject({
      status: 0,
      output: expect.stringMatching(/token user +pass .* role reader of shop/),
    });
    expect(keys.asked).toBe(asked + 1);
    expect(await said(token, 'SET', 'shop:a', '1')).toMatchObject({
      status: 2,
      output: expect.stringContaining('acl_command'),
    });
    const changed = `${token.slice(0, -6)}AAAAAA`;
    expect(await said(changed, 'GET', 'shop:a')).toMatchObject({
      status: 2,
      output: expect.stringContaining('refused by: token signature'),
    });
  });

  it('leaves no token in any log', () => {
    expect(serve.stderr).not.toContain('eyJ');
  });
});

describe("a person's password", () => {
  it('opens the door, whether it has been seen before or not, and a wrong one does not', async () => {
    for (let i = 0; i < 2; i++) {
      const ann = await as('ann', 'a long one');
      expect(await ann.call('ACL', 'WHOAMI')).toBe('ann');
      ann.disconnect();
      const wrong = await as('ann', 'another').then(
        async (redis) => {
          const reply = await redis.call('ACL', 'WHOAMI').catch((error: Error) => error.message);
          redis.disconnect();
          return String(reply);
        },
        (error: Error) => error.message,
      );
      expect(wrong).not.toBe('ann');
    }
  });

  it('that was right stays right when the policy is read again', async () => {
    const ann = await as('ann', 'a long one');
    const operator = await as('admin', serve.password('admin'));
    await operator.call('ACL', 'LOAD');
    expect(await ann.call('ACL', 'WHOAMI')).toBe('ann');
    ann.disconnect();
    operator.disconnect();
  });
});
