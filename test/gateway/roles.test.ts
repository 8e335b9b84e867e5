/** Roles of tokens: what each user that one makes may use, however it comes and goes, and whom it shares things with. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RATE_TOKEN_USERS_MAX } from '../../src/base/limits.ts';
import { UserUses } from '../../src/gateway/user-uses.ts';
import { parseJwks } from '../../src/identity/jwks.ts';
import { type IssuerTerms, type LoginTerms, NO_LOGINS, type TokenTemplate } from '../../src/identity/terms.ts';
import type { UserBudget } from '../../src/tenancy/budget.ts';
import { NO_RATES } from '../../src/tenancy/rate.ts';
import { policyOf, problemsOf } from '../policy/support.ts';
import { issuerTerms } from '../support/issuer-terms.ts';
import { type Client, World, wire } from './world.ts';

const NOW_S = 1000;
const OK = '+OK\r\n';
let issuer: IssuerTerms;
let sign: (subject: string, roles: readonly string[], more?: object) => Promise<string>;
let world: World;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = parseJwks(JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  if (!keys.ok) throw new Error(keys.fault);
  issuer = issuerTerms('idp', keys.value, 't1');
  sign = (subject, roles, more = {}) =>
    new SignJWT({ iss: issuer.issuer, aud: 'redis', sub: subject, exp: NOW_S + 1000, roles, ...more })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
      .sign(privateKey);
});
afterEach(() => world.end());

function budgetOf(budget: Partial<UserBudget>): UserBudget {
  return { ...NO_RATES, connections: 0, ...budget };
}

function role(name: string, budget: Partial<UserBudget> | undefined): TokenTemplate {
  const rules = ['on', '~*', '&*', '+@all'];
  return { role: name, rules, addresses: undefined, budget: budget === undefined ? undefined : budgetOf(budget) };
}

function adopt(...roles: readonly TokenTemplate[]): void {
  const logins: LoginTerms = {
    ...NO_LOGINS,
    tokens: { issuers: [issuer], revoked: new Set() },
    templates: new Map([['t1', roles]]),
  };
  world.view = { ...world.view, logins };
  world.gateway.reconfigure(world.view, { tls: undefined, plain: undefined }, { tls: undefined, plain: undefined });
}

function withRoles(...roles: readonly TokenTemplate[]): void {
  world = new World().people();
  adopt(...roles);
}

async function asks(client: Client, ...words: readonly string[]): Promise<string> {
  world.send(client, ...words);
  for (let round = 0; round < 500; round++) {
    world.turn(client);
    const text = client.socket.text();
    if (text !== '') return text;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return '(nothing)';
}

async function comes(token: string): Promise<Client> {
  const client = world.connect();
  expect(await asks(client, 'AUTH', token)).toBe(OK);
  return client;
}

/** How many of so many PINGs in one packet are let in. */
function admitted(client: Client, count: number): number {
  client.socket.deliver(Buffer.concat(Array.from({ length: count }, () => wire('PING'))));
  world.turn(client);
  return client.socket.text().split('+PONG').length - 1;
}

describe('the budget of a role', () => {
  it('is one for each user it makes, shared by the connections of that user', async () => {
    withRoles(role('reader', { commandsPerSecond: 5 }), role('free', undefined));
    const [ann, annAgain, bob, free] = await Promise.all([
      comes(await sign('ann', ['reader'])),
      comes(await sign('ann', ['reader'], { jti: 'another' })),
      comes(await sign('bob', ['reader'])),
      comes(await sign('eve', ['free'])),
    ]);
    expect(admitted(ann, 3) + admitted(annAgain, 9)).toBe(5);
    expect(admitted(bob, 9)).toBe(5);
    expect(admitted(free, 100)).toBe(100);
    const told = world.core.rates.users.shown('t1').shown;
    expect(
      told.map(({ name, role: of, connections, commandsRefused }) => [name, of, connections, commandsRefused]),
    ).toEqual(
      expect.arrayContaining([
        ['token:idp:ann', 'reader', 2, 7],
        ['token:idp:bob', 'reader', 1, 4],
      ]),
    );
    expect(told).toHaveLength(2);
  });

  it('is not fresh for who leaves and comes back, logs in again, or lets the token run out', async () => {
    withRoles(role('reader', { commandsPerSecond: 1, burstSeconds: 10 }));
    const token = await sign('ann', ['reader']);
    const first = await comes(token);
    expect(admitted(first, 20)).toBe(10);
    first.connection.close('client_closed');
    const second = await comes(token);
    expect(admitted(second, 20)).toBe(0);
    // What is said on a connection that is somebody's costs that somebody a command.
    world.clock.now += 1000;
    expect(await asks(second, 'AUTH', token)).toBe(OK);
    expect(admitted(second, 20)).toBe(0);
    world.clock.now += 1000;
    expect(world.ask(second, 'RESET')).toBe('+RESET\r\n');
    expect(await asks(second, 'AUTH', token)).toBe(OK);
    expect(admitted(second, 20)).toBe(0);
    second.connection.session.expire();
    expect(await asks(second, 'AUTH', token)).toBe(OK);
    expect(admitted(second, 20)).toBe(0);
  });

  it('bounds connections, too, and stands within that of the tenant', async () => {
    withRoles(role('reader', { connections: 1 }));
    world.tenant('t1', { commandsPerSecond: 3 });
    const ann = await comes(await sign('ann', ['reader']));
    expect(await asks(world.connect(), 'AUTH', await sign('ann', ['reader'], { jti: 'x' }))).toMatch(/^-ERR max/);
    expect(admitted(ann, 10)).toBe(3);
    ann.connection.close('client_closed');
    await comes(await sign('ann', ['reader']));
    expect(world.core.rates.users.shown('t1').shown[0]).toMatchObject({ connections: 1, connectionsRefused: 1 });
  });

  it('is that of the first role of the file that a token has, and each role counts for itself', async () => {
    withRoles(role('writer', { commandsPerSecond: 2 }), role('reader', { commandsPerSecond: 4 }));
    const both = await comes(await sign('ann', ['reader', 'writer']));
    const reader = await comes(await sign('ann', ['reader']));
    expect([admitted(both, 9), admitted(reader, 9)]).toEqual([2, 4]);
  });

  it('that is new, other or gone is felt at once, and opens no fresh burst', async () => {
    withRoles(role('reader', { commandsPerSecond: 10 }));
    const ann = await comes(await sign('ann', ['reader']));
    expect(admitted(ann, 20)).toBe(10);
    adopt(role('reader', { commandsPerSecond: 1000 }));
    expect(admitted(ann, 20)).toBe(0);
    world.clock.now += 10;
    expect(admitted(ann, 20)).toBe(10);
    adopt(role('reader', undefined));
    expect(admitted(ann, 50)).toBe(50);
    expect(world.core.rates.users.shown('t1').shown[0]).toMatchObject({ connections: 0 });
    adopt(role('reader', { commandsPerSecond: 3 }));
    expect(admitted(ann, 50)).toBeLessThanOrEqual(3);
    ann.connection.close('client_closed');
    expect(world.core.rates.users.shown('t1').shown[0]).toMatchObject({ connections: 0 });
  });

  it('is remembered of so many users and no more, and of everybody who is here', () => {
    world = new World().people();
    const uses = new UserUses(world.core);
    const template = role('reader', { connections: 5 });
    const identity = { issuer: 'idp', subject: '', id: undefined, user: '', tenant: 't1', roles: [], expiresAt_ms: 0 };
    const of = (name: string) => {
      const proof = {
        kind: 'token',
        identity: { ...identity, boundTo: undefined, signedBy: undefined },
        template,
      } as const;
      const use = uses.of({ name, tenant: 't1' }, proof);
      if (use === undefined) throw new Error('no budget');
      return use;
    };
    const here = of('here');
    uses.enter(here);
    for (let i = 0; i < 2 * RATE_TOKEN_USERS_MAX; i++) {
      const use = of(`u${i}`);
      uses.enter(use);
      uses.leave(use);
    }
    expect(of('here')).toBe(here);
    const { shown, unlisted } = uses.shown('t1');
    expect(shown.length + unlisted).toBe(RATE_TOKEN_USERS_MAX + 1);
  });
});

describe('two roles of one subject', () => {
  it('are two users where one would hear of the keys that the other reads', async () => {
    withRoles(role('writer', undefined), role('reader', undefined));
    const reader = await comes(await sign('ann', ['reader']));
    const [alike, other] = [await comes(await sign('ann', ['reader'])), await comes(await sign('ann', ['writer']))];
    const redirect = (ear: Client) => world.ask(reader, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', `${ear.connection.id}`);
    expect(world.ask(other, 'ACL', 'WHOAMI')).toBe(world.ask(alike, 'ACL', 'WHOAMI'));
    expect(redirect(other)).toMatch(/^-ERR The client ID/);
    expect(redirect(alike)).toBe(OK);
  });
});

describe('a policy file', () => {
  it('gives a role a budget with the keys of a user', () => {
    const file = (budget: string) => ({
      'tenants/t.yaml': `tenant: t\ntoken_users:\n  - { role: reader, acl: 'on ~* +@read'${budget} }\n`,
    });
    world = new World();
    const [template] =
      policyOf(file(', budget: { bytes_out_per_second: 1kb, mode: delay, burst: 2 }')).templates.get('t') ?? [];
    expect(template?.budget).toEqual({ ...budgetOf({ bytesOutPerSecond: 1024, mode: 'delay', burstSeconds: 2 }) });
    expect(policyOf(file('')).templates.get('t')?.[0]?.budget).toBeUndefined();
    expect(problemsOf(file(', budget: { memory: 1mb }')).join()).toMatch(/t\.yaml:3:\d+: unknown key "memory"/);
  });
});
