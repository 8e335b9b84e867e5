/** Logins that are known later: what happens to them while a hash or a signature is being worked out. */
import { randomBytes, scryptSync } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Allowlist } from '../../src/base/cidr.ts';
import { AUTH_FAILURES_FREE, TOKENS_WAITING_PER_ADDRESS_MAX } from '../../src/base/limits.ts';
import { type KeySet, parseJwks } from '../../src/identity/jwks.ts';
import { type IssuerTerms, type KeySource, type LoginTerms, NO_LOGINS } from '../../src/identity/terms.ts';
import { ISSUER, KeyServer, TokenIssuer } from '../attacks/issuer.ts';
import { textOf, trailOn } from '../observe/audit-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { issuerTerms } from '../support/issuer-terms.ts';
import { shown, THUMBPRINT } from './shown.ts';
import { type Client, World } from './world.ts';

const OK = '+OK\r\n';
const NOW_MS = 1_000_000;
const ALL = ['on', '~*', '&*', '+@all'];

let hash: string;
let issuers: readonly IssuerTerms[];
let sign: (issuer: string, subject: string, claims?: Record<string, unknown>) => Promise<string>;

beforeAll(async () => {
  hash = cheapHash('a long one');
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = parseJwks(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] }));
  if (!keys.ok) throw new Error(keys.fault);
  issuers = ['one', 'two'].map((name) => ({
    ...issuerTerms(name, keys.value, 't1'),
    tenant: undefined,
    tenants: [name === 'one' ? 't1' : 't2'],
    claims: { user: 'sub', tenant: 'tenant', roles: 'roles' },
  }));
  sign = (issuer, subject, claims = {}) =>
    new SignJWT({ iss: `https://${issuer}.example`, aud: 'redis', sub: subject, exp: NOW_MS / 1000 + 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
      .sign(privateKey);
});

/** The cheapest that a policy may name. */
function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const bytes = scryptSync(password, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
  const [a, b] = [salt, bytes].map((part) => part.toString('base64').replace(/=+$/, ''));
  return `$scrypt$ln=14,r=8,p=1$${a}$${b}`;
}

let world: World;
afterEach(() => world.end());

/** Two tenants; ann has a slow hash, bob comes with tokens, and readers of both tenants are made of them. */
function people(more: Partial<LoginTerms> = {}): LoginTerms {
  world = new World();
  world.tenant('t1');
  world.tenant('t2');
  const logins: LoginTerms = { ...NO_LOGINS, slowHashes: new Map([['ann', [hash]]]), ...more };
  world.enter(
    world.user('ann', 't1', ...ALL),
    world.user('bob', 't1', ...ALL),
    world.user('carl', 't2', '>pw', ...ALL),
  );
  adopt(logins);
  return logins;
}

function adopt(logins: LoginTerms): void {
  world.view = { ...world.view, logins };
  world.gateway.reconfigure(world.view, { tls: undefined, plain: undefined }, { tls: undefined, plain: undefined });
}

function withTokens(): LoginTerms {
  const template = { role: 'reader', rules: ['on', '%R~*', '+@read'], addresses: undefined, budget: undefined };
  return people({
    tokens: { issuers, revoked: new Set() },
    tokenLogins: new Map([
      ['bob', 'only'],
      ['carl', 'only'],
    ]),
    templates: new Map([
      ['t1', [template]],
      ['t2', [template]],
    ]),
  });
}

/** The reply to what was sent, whenever it comes. */
async function reply(client: Client): Promise<string> {
  for (let round = 0; round < 500; round++) {
    world.turn(client);
    const text = client.socket.text();
    if (text !== '') return text;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return '(nothing)';
}

describe('a slow password', () => {
  it('opens all doors of a pool that comes at once, for one hash', async () => {
    people();
    const pool = Array.from({ length: 30 }, () => world.connect());
    for (const client of pool) world.send(client, 'AUTH', 'ann', 'a long one');
    expect(new Set(await Promise.all(pool.map(reply)))).toEqual(new Set([OK]));
  });

  it('that is wrong counts against its address even if nobody waits for the answer', async () => {
    people();
    for (let i = 0; i < AUTH_FAILURES_FREE; i++) {
      const guesser = world.connect();
      world.send(guesser, 'AUTH', 'ann', `guess ${i}`);
      guesser.connection.close('client_closed');
      const other = world.connect('10.0.0.9');
      world.send(other, 'AUTH', 'ann', `guess ${i}`);
      await reply(other);
    }
    const counted = () => world.core.counters.tallies.get('auth', 'password_failure');
    for (let round = 0; counted() < 2 * AUTH_FAILURES_FREE && round < 500; round++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(counted()).toBe(2 * AUTH_FAILURES_FREE);
    expect(world.ask(world.connect(), 'AUTH', 'ann', 'a long one')).toMatch(/^-BUSY/);
  });

  it('that meets a bug is answered with an error, and the connection ends, in a transaction too', async () => {
    people();
    const { core } = world;
    core.denials.authentication = () => {
      throw new TypeError('nobody thought of this');
    };
    const [client, queued] = [world.connect(), world.login('carl')];
    world.send(client, 'AUTH', 'ann', 'a wrong one');
    world.send(client, 'PING');
    expect(await reply(client)).toMatch(/^-ERR internal error[^\r]*\r\n$/);
    expect(client.socket.isEnded).toBe(true);
    for (const words of [['MULTI'], ['AUTH', 'ann', 'a wrong one']]) world.ask(queued, ...words);
    expect(world.ask(queued, 'EXEC')).toMatch(/^\*1\r\n-/);
    for (let round = 0; core.counters.bugs < 2 && round < 500; round++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(core.counters.bugs).toBe(2);
    expect(world.lines.filter(({ event }) => event === 'gateway.bug')).toHaveLength(2);
    world.turn(client, queued);
    expect(world.closings().get(client.connection.id)).toEqual(['internal_error']);
    expect(queued.connection.state).not.toBe('open');
  });

  it('opens nothing any more once ACL SETUSER has taken the passwords away', async () => {
    people();
    const ann = world.connect();
    world.send(ann, 'AUTH', 'ann', 'a long one');
    expect(await reply(ann)).toBe(OK);
    world.acl.swap(world.acl.roster.with({ ...world.user('ann', 't1', ...ALL), origin: 'runtime' }));
    const again = world.connect();
    world.send(again, 'AUTH', 'ann', 'a long one');
    expect(await reply(again)).toMatch(/^-WRONGPASS/);
    expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
  });
});

describe('a token', () => {
  it('ends with the trust in its issuer', async () => {
    const logins = withTokens();
    const bob = world.connect();
    world.send(bob, 'AUTH', await sign('one', 'bob', { tenant: 't1' }));
    expect(await reply(bob)).toBe(OK);
    adopt({ ...logins, tokens: { issuers: issuers.slice(1), revoked: new Set() } });
    expect(bob.connection.state).toBe('closed');
    expect(world.closed('token_revoked')).toBe(1);
  });

  it('ends with the key it was made with, wherever the issuer publishes it no more', async () => {
    const server = await KeyServer.start((response) => response.end(both));
    const [first, second] = await Promise.all([TokenIssuer.make('k1'), TokenIssuer.make('k2')]);
    const keysOf = (...from: TokenIssuer[]) =>
      JSON.stringify({ keys: from.flatMap(({ jwks }) => JSON.parse(jwks).keys) });
    const both = keysOf(first, second);
    const parsed = (text: string): KeySet => {
      const read = parseJwks(text);
      if (!read.ok) throw new Error(read.fault);
      return read.value;
    };
    const loopback = Allowlist.parse(['127.0.0.0/8']);
    if (!loopback.ok) throw new Error('no list');
    const { ca, url } = server;
    const byUrl: KeySource = { kind: 'url', url, ca, privateAddresses: loopback.value };
    const logins = withTokens();
    const trusting = (source: KeySource) => {
      const one = { ...(issuers[0] as IssuerTerms), issuer: ISSUER, source };
      adopt({ ...logins, tokens: { issuers: [one], revoked: new Set() } });
    };
    const comes = async (issuer: TokenIssuer): Promise<Client> => {
      const client = world.connect();
      world.send(
        client,
        'AUTH',
        await issuer.sign({ sub: 'bob', exp: NOW_MS / 1000 + 5000, iat: undefined, tenant: 't1' }),
      );
      expect(await reply(client)).toBe(OK);
      return client;
    };
    const closes = async ({ connection }: Client): Promise<boolean> => {
      for (let round = 0; connection.state !== 'closed' && round < 500; round++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      return connection.state === 'closed';
    };
    try {
      trusting({ kind: 'file', keys: parsed(both) });
      const [old, young] = [await comes(first), await comes(second)];
      trusting({ kind: 'file', keys: parsed(keysOf(second)) });
      expect([old.connection.state, world.closed('token_key_withdrawn')]).toEqual(['closed', 1]);
      expect(world.ask(young, 'PING')).toBe('+PONG\r\n');

      trusting(byUrl);
      const [idle, subscriber, later] = [await comes(first), await comes(first), await comes(second)];
      world.ask(subscriber, 'SUBSCRIBE', 'news');
      server.answer = (response) => response.writeHead(500).end();
      world.clock.now += 700_000;
      for (let asked = server.asked; server.asked === asked; ) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(world.ask(idle, 'PING')).toBe('+PONG\r\n');
      server.answer = (response) => response.end(keysOf(second));
      world.clock.now += 700_000;
      expect([await closes(idle), await closes(subscriber)]).toEqual([true, true]);
      expect(world.closed('token_key_withdrawn')).toBe(3);
      expect(world.ask(later, 'PING')).toBe('+PONG\r\n');
    } finally {
      server.stop();
    }
  });

  it('that is bound to a certificate opens a session for the client that has shown it, and for nobody else', async () => {
    withTokens();
    const bound = await sign('one', 'bob', { tenant: 't1', cnf: { 'x5t#S256': THUMBPRINT } });
    const login = async (...where: Parameters<World['connect']>) => {
      const client = world.connect(...where);
      world.send(client, 'AUTH', bound);
      return reply(client);
    };
    const others = [undefined, shown({ thumbprint: `${THUMBPRINT.slice(0, -1)}A` })];
    for (let again = 0; again < 2; again++) {
      for (const other of others) expect(await login('10.0.0.8', 1, other)).toMatch(/^-WRONGPASS/);
      // Verified by now and remembered, as it is.
      expect(await login('10.0.0.7', 1, shown())).toBe(OK);
    }
    expect(world.core.counters.tallies.get('auth', 'token_not_holder')).toBe(2 * others.length);
  });

  it('waits for an issuer that hangs in one of the places of its address, or is put off', async () => {
    const issuer = await TokenIssuer.make('k1');
    const server = await KeyServer.start(() => {});
    const loopback = Allowlist.parse(['127.0.0.0/8']);
    if (!loopback.ok) throw new Error('no list');
    const { ca, url } = server;
    const source: KeySource = { kind: 'url', url, ca, privateAddresses: loopback.value };
    const logins = withTokens();
    adopt({ ...logins, tokens: { issuers: [{ ...(issuers[0] as IssuerTerms), source }], revoked: new Set() } });
    const whole = { iss: 'https://one.example', tenant: 't1', exp: NOW_MS / 1000 + 60, iat: undefined };
    const token = await issuer.sign(whole);
    try {
      const pool = Array.from({ length: TOKENS_WAITING_PER_ADDRESS_MAX }, () => world.connect());
      for (const client of pool) world.send(client, 'AUTH', token);
      const [oneMore, neighbour] = [world.connect(), world.connect('10.0.0.9')];
      for (const client of [oneMore, neighbour]) world.send(client, 'AUTH', token);
      expect(await reply(oneMore)).toMatch(/^-BUSY/);
      expect(world.core.counters.tallies.get('auth', 'put_off')).toBe(1);
      world.turn(neighbour, ...pool);
      expect([neighbour, ...pool].map(({ socket }) => socket.text()).join('')).toBe('');
      server.stop();
      expect(await reply(neighbour)).toMatch(/^-WRONGPASS/);
    } finally {
      server.stop();
    }
  });

  it('has issuers of which the one that was silent longest says since when keys are old', async () => {
    const issuer = await TokenIssuer.make('k1');
    const server = await KeyServer.start((response) => response.end(issuer.jwks));
    const loopback = Allowlist.parse(['127.0.0.0/8']);
    if (!loopback.ok) throw new Error('no list');
    const { ca, url } = server;
    const from = (name: string, privateAddresses: Allowlist | undefined): IssuerTerms => ({
      ...(issuers[0] as IssuerTerms),
      name,
      issuer: `https://${name}.example`,
      source: { kind: 'url', url, ca, privateAddresses },
    });
    const shown = () => world.core.identity.figures()[0]?.[1];
    const counted = (label: string) => world.core.counters.tallies.get('jwks', label);
    try {
      const logins = people();
      const asked = async (terms: readonly IssuerTerms[], label: string) => {
        const before = counted(label);
        adopt({ ...logins, tokens: { issuers: terms, revoked: new Set() } });
        for (let round = 0; counted(label) === before && round < 500; round++)
          await new Promise((resolve) => setTimeout(resolve, 10));
      };
      const good = from('good', loopback.value);
      await asked([good], 'success');
      expect(shown()).toBe(NOW_MS / 1000);
      // At an address that may not be asked.
      await asked([good, from('bad', undefined)], 'failure');
      expect(shown()).toBe(0);
      await asked([good, from('late', loopback.value)], 'success');
      world.clock.now += 5_000;
      expect(shown()).toBe(NOW_MS / 1000);
    } finally {
      server.stop();
    }
  });

  it('that runs out while the next login is looked at leaves the connection to that one', async () => {
    withTokens();
    for (const [password, expected] of [
      ['a long one', OK],
      ['a wrong one', /^-WRONGPASS/],
    ] as const) {
      const client = world.connect();
      world.send(client, 'AUTH', await sign('one', 'bob', { tenant: 't1', exp: world.clock.nowMs() / 1000 + 60 }));
      expect(await reply(client)).toBe(OK);
      world.send(client, 'AUTH', 'ann', password);
      world.clock.now += 61_000;
      expect(world.core.identity.expire(client.connection)).toBe(false);
      expect(client.connection.session.isAuthenticated).toBe(false);
      expect(await reply(client)).toMatch(expected);
      expect(world.ask(client, 'PING')).toMatch(expected === OK ? /^\+PONG/ : /^-NOAUTH token expired/);
    }
  });

  it('speaks for the tenants of its issuer alone, whatever tenant it claims', async () => {
    withTokens();
    for (const [issuer, subject, tenant, expected] of [
      ['one', 'bob', 't1', OK],
      ['two', 'carl', 't2', OK],
      ['two', 'bob', 't1', undefined],
      ['one', 'carl', 't2', undefined],
      ['one', 'zoe', 't1', OK],
      ['one', 'zoe', 't2', undefined],
      ['two', 'zoe', 't1', undefined],
    ] as const) {
      const client = world.connect(`10.1.0.${subject.length + tenant.length}`);
      world.send(client, 'AUTH', await sign(issuer, subject, { tenant, roles: ['reader'] }));
      const answer = await reply(client);
      if (expected === undefined) expect(answer).toMatch(/^-WRONGPASS/);
      else expect(answer, `${issuer} ${subject} ${tenant}`).toBe(expected);
    }
  });
});

/** What was recorded of logins that failed, told when it is asked for. */
function recorded(): () => readonly (readonly [reason: string, user: string])[] {
  const { journal, disk } = trailOn(new FakeDisk(), {}, world.clock);
  world.core.security.record(journal, { writes: false, readsOneIn: 0, keys: 'none', arguments: new Set() });
  return () => {
    journal.flush();
    const lines = textOf(disk)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    return lines
      .filter((line) => line['event.action'] === 'login' && line['event.outcome'] === 'failure')
      .map((line) => [line['event.reason'], line['user.name']]);
  };
}

describe('a failed login in the audit trail', () => {
  it('that came with a token says so, whatever name was said with it', async () => {
    withTokens();
    const failures = recorded();
    const token = await sign('two', 'bob', { tenant: 't1' });
    for (const name of [[], ['bob'], ['nobody']]) {
      const client = world.connect();
      world.send(client, 'AUTH', ...name, token);
      expect(await reply(client)).toMatch(/^-WRONGPASS/);
    }
    expect(failures()).toEqual([
      ['wrong_token', '(token)'],
      ['wrong_token', 'bob'],
      ['wrong_token', 'nobody'],
    ]);
  });

  it('that was not looked at, as too many are, says so', async () => {
    people();
    const failures = recorded();
    const [first, second] = [world.connect(), world.connect()];
    world.send(first, 'AUTH', 'ann', 'a guess');
    expect(world.ask(second, 'AUTH', 'ann', 'another guess')).toMatch(/^-BUSY/);
    expect(failures()).toEqual([['logins_busy', 'ann']]);
    expect(await reply(first)).toMatch(/^-WRONGPASS/);
    expect(failures()).toEqual([
      ['logins_busy', 'ann'],
      ['wrong_secret', 'ann'],
    ]);
  });
});
