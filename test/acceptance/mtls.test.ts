/** Clients with certificates: who gets in, as whom, and who does not. The recipe of the README is the first of them. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authority, type Pair, SERVER, selfSigned } from '../support/certificates.ts';
import { Serve, type ServeOptions } from './support/serve.ts';

const RULES = '~* &* +@all';
const T1 = 'spiffe://example.org/ns/prod/sa/app';
const T2 = 'spiffe://example.org/ns/prod/sa/other';

interface Login {
  readonly pair?: Pair | undefined;
  readonly name?: string;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly session?: Buffer | undefined;
}

interface Conversation {
  /** Everything the server said until it closed or the last request was answered. */
  readonly text: string;
  readonly isOpen: boolean;
  readonly session: Buffer | undefined;
  readonly isResumed: boolean;
  readonly certificateName: string | undefined;
}

/** Says these lines, one after the other's answer. */
function talk(
  serve: Serve,
  { pair, name: servername = 'localhost', maxVersion, session }: Login,
  ...lines: readonly string[]
) {
  return new Promise<Conversation>((resolve) => {
    const said: string[] = [];
    let kept: Buffer | undefined;
    let isResumed = false;
    let certificateName: string | undefined;
    const socket = tls.connect({
      host: '127.0.0.1',
      port: serve.tlsPort,
      servername,
      // Else the client itself would not show what is signed with SHA-1.
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
      ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(session === undefined ? {} : { session }),
    });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve({ text: said.join(''), isOpen, session: kept, isResumed, certificateName });
    };
    const left = [...lines];
    const next = () => {
      const line = left.shift();
      if (line === undefined) end(true);
      else socket.write(`${line}\r\n`);
    };
    socket.on('session', (value: Buffer) => {
      kept = value;
    });
    socket.once('secureConnect', () => {
      isResumed = socket.isSessionReused();
      const name = socket.getPeerCertificate().subject?.CN;
      certificateName = typeof name === 'string' ? name : undefined;
      next();
    });
    socket.on('data', (chunk: Buffer) => {
      said.push(chunk.toString('latin1'));
      next();
    });
    socket.once('error', () => {});
    socket.once('close', () => end(false));
  });
}

function put(serve: Serve, name: string, text: string): void {
  const path = join(serve.folder, 'certs', name);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A server whose certificates folder holds these files from the start. */
async function start(files: Readonly<Record<string, string>>, options: ServeOptions): Promise<Serve> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-mtls-'));
  mkdirSync(join(folder, 'policies', 'tenants'), { recursive: true });
  const users = (tenant: string, certificate: string) =>
    `tenant: ${tenant}\nusers:\n  - { name: ${tenant}-app, certificate: '${certificate}', acl: 'on ${RULES}' }\n`;
  writeFileSync(join(folder, 'policies', 'tenants', 't1.yaml'), users('t1', T1));
  writeFileSync(join(folder, 'policies', 'tenants', 't2.yaml'), users('t2', T2));
  // The rest of the folder is made by a first start, which leaves what is none of its files alone.
  mkdirSync(join(folder, 'certs'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'certs', name), text, { mode: 0o600 });
  return Serve.start({ ...options, folder });
}

const PASSWORD_USER = { t3: { users: [['t3-app', RULES]] } } as const;

describe('a listener that requires certificates', () => {
  let authority: Authority;
  let serve: Serve;
  let t1: Pair;

  beforeAll(async () => {
    authority = await Authority.make();
    t1 = await authority.sign({ subject: 'CN=t2-app', names: [{ type: 'url', value: T1 }] });
    serve = await start(
      { 'clients-ca.pem': authority.certificate, 'clients-crl.pem': await authority.revoke([]) },
      {
        gateway: readmePolicy(),
        tenants: PASSWORD_USER,
      },
    );
  });
  afterAll(() => serve?.dispose());

  it('T43: makes a client the user its SPIFFE id names from the start, and not the one of its common name', async () => {
    const { text } = await talk(serve, { pair: t1 }, 'ACL WHOAMI', 'SET a b');
    expect(text).toBe('$6\r\nt1-app\r\n+OK\r\n');
  });

  it('makes it that user again after RESET', async () => {
    expect((await talk(serve, { pair: t1 }, 'RESET', 'ACL WHOAMI')).text).toBe('+RESET\r\n$6\r\nt1-app\r\n');
  });

  it('T40: lets none of the bad ones in, and says the reason of each', async () => {
    const other = await Authority.make('other authority');
    const weak = await Authority.make('test authority with SHA-1', 'SHA-1');
    const names = [{ type: 'url', value: T1 }] as const;
    const bad: readonly (readonly [string, RegExp, Pair | undefined])[] = [
      ['none', /^certificate_missing$/, undefined],
      ['self-signed', /^certificate_self_signed$/, await selfSigned('CN=me', [...names])],
      ['of another authority', /^certificate_issuer_unknown$/, await other.sign({ names: [...names] })],
      ['expired', /^certificate_expired$/, await authority.sign({ names: [...names], from: -5, until: -1 })],
      ['not yet valid', /^certificate_not_yet_valid$/, await authority.sign({ names: [...names], from: 1 })],
      ['for servers', /^certificate_purpose$/, await authority.sign({ names: [...names], purpose: SERVER })],
      ['an authority', /^certificate_is_authority$/, await authority.sign({ names: [...names], isAuthority: true })],
      ['signed with SHA-1', /^certificate_weak_signature$/, await weak.sign({ names: [...names] })],
      ['of nobody', /^certificate_unmapped$/, await authority.sign({ names: [{ type: 'url', value: `${T1}/x` }] })],
      ['with the id in its name', /^certificate_unmapped$/, await authority.sign({ subject: `CN=${T1}` })],
      ['of two', /^certificate_ambiguous$/, await authority.sign({ names: [...names, { type: 'url', value: T2 }] })],
      [
        'with the id inside another entry',
        /^certificate_unmapped$/,
        await authority.sign({ names: [{ type: 'dns', value: `a, URI:${T1}` }] }),
      ],
    ];
    put(serve, 'clients-ca.pem', authority.certificate + weak.certificate);
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('tls.replaced').length > 0, 'replaced the authorities');
    for (const [what, reason, pair] of bad) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const before = serve.events('access.denied').length;
        const { text, isOpen } = await talk(serve, { pair, maxVersion }, 'PING', 'PING');
        expect(isOpen, what).toBe(false);
        expect(text, what).not.toContain('PONG');
        await serve.until(() => serve.events('access.denied').length > before, `said why: ${what}`);
        expect(serve.events('access.denied').at(-1)?.['msg'], what).toMatch(reason);
      }
    }
    expect((await talk(serve, { pair: t1 }, 'PING')).text).toBe('+PONG\r\n');
  });

  it('A36: takes no password, not of another and not of itself', async () => {
    const words = ['AUTH t3-app "a password for tests"', 'AUTH t2-app x', 'AUTH t1-app x', 'ACL WHOAMI'];
    const { text } = await talk(serve, { pair: t1 }, ...words);
    expect(text).toMatch(/^(-WRONGPASS [^\r]*\r\n){3}\$6\r\nt1-app\r\n$/);
  });

  it('never resumes a session, in either version', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await talk(serve, { pair: t1, maxVersion }, 'PING', 'PING');
      const again = await talk(serve, { maxVersion, session: first.session }, 'PING');
      expect([again.isResumed, again.text.includes('PONG')], maxVersion).toEqual([false, false]);
    }
  });

  it('T48: closes what a new revocation list names, and refuses it from then on', async () => {
    const doomed = await authority.sign({ names: [{ type: 'url', value: T2 }] });
    const socket = tls.connect({
      port: serve.tlsPort,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      cert: doomed.certificate,
      key: doomed.key,
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write('PING\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.resume();
    // Written and not signalled: the watch on the folder has to do.
    put(serve, 'clients-ca.pem', authority.certificate);
    put(serve, 'clients-crl.pem', await authority.revoke([doomed.serial]));
    await closed;
    expect((await talk(serve, { pair: doomed }, 'PING')).text).not.toContain('PONG');
    expect((await talk(serve, { pair: t1 }, 'PING')).text).toBe('+PONG\r\n');
    expect(serve.events('connection.closed').some(({ msg }) => msg === 'certificate_revoked')).toBe(true);
  });

  it('closes a connection when its certificate ends, and none whose certificate goes on', async () => {
    const before = serve.events('connection.closed').length;
    const brief = await authority.sign({ names: [{ type: 'url', value: T1 }], until: 4 / 3600 });
    const [short, long] = [brief, t1].map(({ certificate: cert, key }) => {
      const socket = tls.connect({ port: serve.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, cert, key });
      return socket.on('error', () => {}).resume();
    });
    if (short === undefined || long === undefined) throw new Error('no sockets');
    const closed = new Promise((resolve) => short.once('close', resolve));
    for (const socket of [short, long]) {
      socket.write('PING\r\n');
      expect(String(await new Promise((resolve) => socket.once('data', resolve)))).toBe('+PONG\r\n');
    }
    await closed;
    long.write('PING\r\n');
    expect(String(await new Promise((resolve) => long.once('data', resolve)))).toBe('+PONG\r\n');
    long.destroy();
    await serve.until(() => serve.events('connection.closed').length > before, 'said why');
    expect(serve.events('connection.closed').at(before)).toMatchObject({ msg: 'certificate_expired', user: 't1-app' });
    expect((await talk(serve, { pair: brief }, 'PING')).text).not.toContain('PONG');
  });

  it('T54: keeps the list it has when the new one is no good', async () => {
    const stranger = await Authority.make('stranger');
    for (const list of ['nonsense', await stranger.revoke([]), await authority.revoke([], -0.5, -1)]) {
      const before = serve.events('tls.refused').length;
      put(serve, 'clients-crl.pem', list);
      serve.signal('SIGHUP');
      await serve.until(() => serve.events('tls.refused').length > before, 'refused the list');
      expect((await talk(serve, { pair: t1 }, 'PING')).text).toBe('+PONG\r\n');
    }
  });
});

/** The policy that README shows: what people copy has to work. */
function readmePolicy(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const recipe = readme.slice(readme.indexOf('mTLS with SPIFFE ids'));
  const [, policy = ''] = /```yaml\n# policies\/gateway.yaml\n([\s\S]*?)```/.exec(recipe) ?? [];
  return policy;
}

describe('a listener where certificates are optional', () => {
  let authority: Authority;
  let serve: Serve;
  let named: Pair;
  let wild: Pair;

  beforeAll(async () => {
    authority = await Authority.make();
    named = await authority.sign({
      subject: 'CN=for t1',
      purpose: SERVER,
      names: [{ type: 'dns', value: 'redis.t1.example' }],
    });
    wild = await authority.sign({
      subject: 'CN=for all',
      purpose: SERVER,
      names: [{ type: 'dns', value: '*.redis.example' }],
    });
    serve = await start(
      {
        'ca-of-clients.pem': authority.certificate,
        't1.pem': named.certificate,
        't1.key': named.key,
        'wild.pem': wild.certificate,
        'wild.key': wild.key,
      },
      {
        gateway: `listeners:
  tls:
    client_certificates: { mode: optional, ca: ca-of-clients.pem }
    names:
      - { name: Redis.T1.example, certificate: t1.pem, key: t1.key, tenant: t1 }
      - { name: localhost, certificate: server.pem, key: server.key }
      - { name: '*.redis.example', certificate: wild.pem, key: wild.key }
    unknown_name: deny
limits: { maxclients: 3 }
`,
        tenants: PASSWORD_USER,
      },
    );
  });
  afterAll(() => serve?.dispose());

  it('T46: stays without a certificate who has none, whatever session it comes with', async () => {
    const pair = await authority.sign({ names: [{ type: 'url', value: T1 }] });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const first of [{ pair, maxVersion }, { maxVersion }]) {
        const { session } = await talk(serve, first, 'PING', 'PING');
        const again = await talk(serve, { maxVersion, session }, 'ACL WHOAMI');
        expect([again.isResumed, again.text.slice(0, 7)], maxVersion).toEqual([false, '-NOAUTH']);
      }
    }
  });

  it('takes a password from who shows none, and nothing from who shows a bad one', async () => {
    const login = 'AUTH t3-app "a password for tests"';
    expect((await talk(serve, {}, login, 'PING')).text).toBe('+OK\r\n+PONG\r\n');
    const expired = await authority.sign({ names: [{ type: 'url', value: T1 }], from: -5, until: -1 });
    expect((await talk(serve, { pair: expired }, login)).text).not.toContain('+OK');
  });

  it('takes no password for a user who has a certificate', async () => {
    expect((await talk(serve, {}, 'AUTH t1-app x', 'PING')).text).toMatch(/^-WRONGPASS [^\r]*\r\n-NOAUTH /);
  });

  it('K96: records in ACL LOG whose certificate makes nobody somebody, and no certificate that anybody could make', async () => {
    const url = (value: string) => ({ type: 'url', value }) as const;
    const admin = `AUTH admin ${serve.password('admin')}`;
    await talk(serve, {}, admin, 'ACL LOG RESET');
    const nobody = await authority.sign({ names: [url(`${T1}/nobody`)] });
    const both = await authority.sign({ names: [url(T1), url(T2)] });
    for (const pair of [nobody, nobody, both]) await talk(serve, { pair }, 'PING');
    // Named, and not let in as of another tenant under this name.
    const t2 = await authority.sign({ names: [url(T2)] });
    await talk(serve, { pair: t2, name: 'redis.t1.example' }, 'PING', 'RESET');
    for (const pair of [
      await selfSigned('CN=me', [url(T1)]),
      await (await Authority.make('other')).sign({ names: [url(T1)] }),
      await authority.sign({ names: [url(T1)] }),
    ])
      await talk(serve, { pair }, 'PING');
    const { text } = await talk(serve, {}, admin, 'ACL LOG', 'INFO stats');
    const entries = text.split('reason\r\n').slice(1);
    const fields = entries.map((entry) =>
      ['context', 'object', 'username'].map((name) => entry.split(`${name}\r\n`)[1]?.split('\r\n')[1]),
    );
    expect(entries.map((entry) => entry.split('\r\n')[1])).toEqual(['tls-cert', 'tls-cert', 'tls-cert']);
    expect(fields).toEqual([
      ['toplevel', 'address_denied', 't2-app'],
      ['toplevel', 'certificate_ambiguous', `${T1},${T2}`],
      ['toplevel', 'certificate_unmapped', `${T1}/nobody`],
    ]);
    expect(text).toMatch(/count\r\n:2\r\n\$6\r\nreason\r\n\$8\r\ntls-cert/);
    for (const entry of entries)
      expect(entry).toMatch(/id=\d+ addr=127\.0\.0\.1:[1-9]\d* laddr=127\.0\.0\.1:\d+ .* user=/);
    expect(text).toMatch(/\nacl_access_denied_tls_cert:4\r/);
  });

  it('shows the certificate of the name that is asked for, in whatever case', async () => {
    for (const [name, expected] of [
      ['redis.t1.example', 'for t1'],
      ['REDIS.t1.EXAMPLE', 'for t1'],
      ['a.redis.example', 'for all'],
      ['A.REDIS.example', 'for all'],
    ] as const) {
      const { certificateName } = await talk(serve, { name }, 'PING');
      expect(certificateName, name).toBe(expected);
    }
  });

  it('refuses another name, one label more, and none', async () => {
    for (const name of ['unknown.example', 'a.b.redis.example', 'redis.example', '']) {
      expect((await talk(serve, { name }, 'PING')).text, name).toMatch(/^(-ERR no server of that name\r\n)?$/);
    }
  });

  it('lets only users of its tenant in under a name of a tenant', async () => {
    const t2 = await authority.sign({ names: [{ type: 'url', value: T2 }] });
    const t1 = await authority.sign({ names: [{ type: 'url', value: T1 }] });
    const name = 'redis.t1.example';
    expect((await talk(serve, { pair: t1, name }, 'ACL WHOAMI')).text).toContain('t1-app');
    expect((await talk(serve, { pair: t2, name }, 'ACL WHOAMI')).text).toMatch(/^-NOAUTH /);
    expect((await talk(serve, { pair: t2 }, 'ACL WHOAMI')).text).toContain('t2-app');
    expect((await talk(serve, { name }, 'AUTH t3-app "a password for tests"')).text).toMatch(/^-WRONGPASS /);
  });

  it('never resumes under another name what began under one', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await talk(serve, { name: 'redis.t1.example', maxVersion }, 'PING', 'PING');
      const again = await talk(serve, { name: 'a.redis.example', maxVersion, session: first.session }, 'PING');
      expect([again.isResumed, again.certificateName], maxVersion).toEqual([false, 'for all']);
    }
  });

  it('T54: replaces the certificate of a name, and keeps it when the new one does not work', async () => {
    const next = await authority.sign({ subject: 'CN=next', purpose: SERVER });
    const asked = () => talk(serve, { name: 'redis.t1.example' }, 'PING');
    put(serve, 't1.key', next.key);
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('tls.refused').length > 0, 'refused half a pair');
    expect((await asked()).certificateName).toBe('for t1');
    put(serve, 't1.pem', next.certificate);
    await serve.until(() => serve.events('tls.replaced').length > 0, 'replaced the pair');
    expect((await asked()).certificateName).toBe('next');
    const refusals = serve.events('tls.refused').length;
    const old = await authority.sign({ subject: 'CN=old', purpose: SERVER, from: -5, until: -1 });
    put(serve, 't1.pem', old.certificate);
    put(serve, 't1.key', old.key);
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('tls.refused').length > refusals, 'refused an old pair');
    expect(serve.events('tls.refused').some(({ problem }) => /expired on/.test(String(problem)))).toBe(true);
    expect((await asked()).certificateName).toBe('next');
  });

  it('tells a client in TLS that there are too many', async () => {
    const sockets = Array.from({ length: 3 }, () =>
      tls.connect({ port: serve.tlsPort, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false }),
    );
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.write('PING\r\n');
    }
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
    expect((await talk(serve, {}, 'PING')).text).toBe('-ERR max number of clients reached\r\n');
    for (const socket of sockets) socket.destroy();
  });

  it('counts handshakes by version and result, and says when certificates end', async () => {
    const login = `AUTH admin ${serve.password('admin')}`;
    let text = '';
    await serve.until(() => true, 'served');
    for (let tries = 0; tries < 50 && !text.includes('handshakes:'); tries++) {
      text = (await talk(serve, {}, login, 'INFO gateway')).text;
    }
    expect(text).toMatch(/^handshakes:.*name_unknown=\d+.*tlsv1_2_ok=\d+,tlsv1_3_ok=\d+\r$/m);
    expect(text).toMatch(/^denied:.*certificate_expired=1/m);
    expect(text).toMatch(/^cert_not_after:server=\d{10},redis\.t1\.example=\d{10},localhost=\d{10}/m);
  });
});
