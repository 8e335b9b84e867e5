/** The audit trail of a real process: through kill -9, through a restart, and as `audit verify` reads it. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { Authority, CLIENT, type Pair, SERVER } from '../support/certificates.ts';
import { freePort } from '../support/ports.ts';
import { PASSWORD, ROOT, Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const running: Serve[] = [];
afterEach(async () => {
  for (const serve of running.splice(0)) await serve.dispose();
});

const TENANTS = { one: { users: [['ann', '~* +@all']] } } as const;

async function started(gateway: string, before?: Serve): Promise<Serve> {
  const plainPort = await freePort();
  const serve = await Serve.start({
    gateway,
    plainPort,
    tenants: TENANTS,
    ...(before === undefined ? {} : { folder: before.folder }),
  });
  running.push(serve);
  return serve;
}

function folderOf(serve: Serve): string {
  return join(serve.folder, 'data', 'audit');
}

function textOf(serve: Serve): string {
  const names = readdirSync(folderOf(serve)).toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return names.map((name) => readFileSync(join(folderOf(serve), name), 'latin1')).join('');
}

function verified(
  serve: Serve,
  ...flags: readonly string[]
): { readonly status: number | null; readonly stdout: string } {
  const files = readdirSync(folderOf(serve)).map((name) => join(folderOf(serve), name));
  const args = [join(ROOT, 'src/launch.mjs'), 'start', 'audit', 'verify', ...flags, ...files];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

async function login(serve: Serve, user: string): Promise<Wire> {
  const wire = await Wire.plain(serve.plainPort);
  await wire.ask('AUTH', user, user === 'ann' ? PASSWORD : serve.password(user));
  return wire;
}

describe('kill -9 in the middle of writing', () => {
  it('loses no act that was acknowledged, and the next process goes on with the chain', async () => {
    const policy =
      'audit: { sink: file, writes: true, keys: names, key_file: audit.key, rotate: { size: 200kb, keep: 0 } }\n';
    const first = await Serve.spawn({ gateway: policy, tenants: TENANTS, plainPort: await freePort() });
    running.push(first);
    // Without the key it does not start.
    expect((await first.ended).code).toBe(1);
    expect(first.stderr).toContain('audit.key');
    const key = join(first.folder, 'certs', 'audit.key');
    writeFileSync(key, 'a key that nobody else has, of 40 letters\n');
    let serve: Serve = first;
    let acts = 0;
    for (let life = 0; life < 2; life++) {
      serve = await started(policy, serve);
      const [ann, admin] = await Promise.all([login(serve, 'ann'), login(serve, 'admin')]);
      const load = (async () => {
        for (let i = 0; !ann.isClosed; i++) await ann.ask('SET', `key:${i}`, 'v').catch(() => {});
      })();
      for (let i = 0; i < 20; i++) {
        expect(await admin.ask('CONFIG', 'SET', 'slowlog-max-len', String(100 + acts))).toBe('OK');
        acts++;
      }
      process.kill(serve.pid, 'SIGKILL');
      await Promise.all([serve.ended, load]);
    }
    serve = await started(policy, serve);
    await serve.stop();
    const text = textOf(serve);
    expect(text.match(/"event\.action":"config-set"/g)).toHaveLength(acts);
    expect(text.match(/"event\.action":"audit-opened"/g)).toHaveLength(3);
    const verdict = verified(serve, '--key', key);
    expect(verdict.stdout).toMatch(/^whole: \d+ lines from number 1 on/m);
    expect(verdict.status).toBe(0);
    const path = join(folderOf(serve), 'audit.log');
    writeFileSync(path, readFileSync(path, 'latin1').replace('"audit-opened"', '"audit-Opened"'));
    const forged = verified(serve, '--key', key);
    expect(forged.stdout).toContain('not those that were sealed');
    expect(forged.status).toBe(1);
  }, 120_000);
});

describe('what is recorded', () => {
  it('follows the policy as it changes, and a reload is an event of its own', async () => {
    const serve = await started('audit: { sink: file }\n');
    const ann = await login(serve, 'ann');
    await ann.ask('SET', 'before', '1');
    writeFileSync(join(serve.folder, 'policies', 'gateway.yaml'), 'audit: { sink: file, writes: true, keys: names }\n');
    await serve.until(() => serve.events('policy.reloaded').length === 1, 'reloaded');
    await ann.ask('SET', 'after', '1');
    await serve.stop();
    const lines = textOf(serve)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sets = lines.filter((line) => line['event.action'] === 'set');
    expect(sets.map((line) => line['portcullis.keys'])).toEqual([['after']]);
    expect(lines.find((line) => line['event.action'] === 'policy-reloaded')).toMatchObject({
      'event.category': ['configuration'],
      'portcullis.settings': 'audit.records',
    });
    expect(verified(serve).status).toBe(0);
  });

  it('goes to a collector that speaks syslog', async () => {
    const collector = createSocket('udp4');
    const messages: string[] = [];
    collector.on('message', (message) => messages.push(message.toString('latin1')));
    await new Promise<void>((resolve) => collector.bind(0, '127.0.0.1', resolve));
    const { port } = collector.address();
    const serve = await started(`audit: { sink: syslog, syslog: { port: ${port} } }\n`);
    const admin = await login(serve, 'admin');
    expect(await admin.ask('CONFIG', 'RESETSTAT')).toBe('OK');
    await serve.until(() => messages.some((message) => message.includes('config-resetstat')), 'sent it');
    expect(
      messages.every((message) => /^<110>1 \S+ \S+ portcullis \d+ audit - \{"@timestamp".*\}$/.test(message)),
    ).toBe(true);
    expect(existsSync(folderOf(serve))).toBe(false);
    await serve.stop();
    collector.close();
  });

  it('goes over TLS to the collector that policy means, and to no other', async () => {
    const authority = await Authority.make();
    const names = (value: string) => ({ purpose: SERVER, names: [{ type: 'dns', value }] }) as const;
    const [us, right, wrong, strange] = await Promise.all([
      authority.sign({ purpose: CLIENT, subject: 'CN=portcullis' }),
      authority.sign(names('logs.example')),
      authority.sign(names('other.example')),
      Authority.make('another').then((other) => other.sign(names('logs.example'))),
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-syslog-'));
    mkdirSync(join(folder, 'certs'), { mode: 0o700 });
    const files = { 'logs-ca.pem': authority.certificate, 'us.pem': us.certificate, 'us.key': us.key };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'certs', name), text, { mode: 0o600 });
    let heard = '';
    let shown: string | undefined;
    let isReached = 0;
    const collect = ({ certificate: cert, key }: Pair, port: number) => {
      const asking = { requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
      const server = createTlsServer({ cert, key, ...asking }, (socket) => {
        shown = String(socket.getPeerCertificate().subject?.CN);
        socket.on('error', () => {});
        socket.on('data', (piece: Buffer) => {
          heard += piece.toString('latin1');
        });
      });
      server.on('connection', (socket) => {
        isReached++;
        sockets.push(socket);
      });
      return new Promise<typeof server>((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
    };
    const sockets: Socket[] = [];
    let collector = await collect(wrong, 0);
    const { port } = collector.address() as AddressInfo;
    const syslog = `transport: tls, port: ${port}, server_name: logs.example, ca: logs-ca.pem, certificate: us.pem, key: us.key`;
    const plainPort = await freePort();
    const serve = await Serve.start({
      folder,
      plainPort,
      gateway: `audit: { sink: syslog, syslog: { ${syslog} }, on_failure: drop }\n`,
    });
    const next = async (pair: Pair, calls: number) => {
      collector.close();
      for (const socket of sockets.splice(0)) socket.destroy();
      const before = isReached;
      collector = await collect(pair, port);
      await serve.until(() => isReached >= before + calls, 'called again');
    };
    try {
      const admin = await login(serve, 'admin');
      await serve.until(() => serve.events('audit.failing').length > 0, 'said that it fails');
      // Called a second time, it has judged the first.
      await serve.until(() => isReached >= 2, 'called again');
      await next(strange, 2);
      await admin.ask('CONFIG', 'RESETSTAT');
      expect([heard, shown]).toEqual(['', undefined]);
      await next(right, 1);
      await serve.until(() => heard.includes('config-resetstat'), 'sent what has waited');
      expect(shown).toBe('portcullis');
      expect(heard).toMatch(/^[1-9]\d* <110>1 \S+ \S+ portcullis \d+ audit - \{"@timestamp"/);
    } finally {
      await serve.dispose();
      collector.close();
      for (const socket of sockets) socket.destroy();
    }
  }, 60_000);
});
