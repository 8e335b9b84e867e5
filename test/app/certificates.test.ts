import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureDevelopmentCertificates, ensurePassword, SetupError } from '../../src/app/certificates.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

let base = '';
let folder = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'portcullis-certificates-'));
  folder = join(base, 'certs');
});

afterEach(() => rmSync(base, { recursive: true }));

const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a first start', () => {
  test('makes five files, keys for their owner alone, and no CA key', async () => {
    const made = await ensureDevelopmentCertificates(folder);
    expect(made).toEqual({
      caPath: join(folder, 'ca.pem'),
      certPath: join(folder, 'server.pem'),
      keyPath: join(folder, 'server.key'),
      clientCertPath: join(folder, 'client.pem'),
      clientKeyPath: join(folder, 'client.key'),
      created: true,
    });
    expect(readdirSync(folder).sort()).toEqual(['ca.pem', 'client.key', 'client.pem', 'server.key', 'server.pem']);
    expect(modeOf(folder)).toBe(0o700);
    expect([made.keyPath, made.clientKeyPath].map(modeOf)).toEqual([0o600, 0o600]);
  });

  test('names localhost for the server and a SPIFFE identity for the client, for a year at most', async () => {
    await ensureDevelopmentCertificates(folder);
    const server = new X509Certificate(file('server.pem'));
    const client = new X509Certificate(file('client.pem'));
    expect(server.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(server.checkIP('::1')).toBe('::1');
    expect(client.subjectAltName).toBe('URI:spiffe://portcullis/dev/app');
    for (const { validFrom, validTo } of [server, client]) {
      expect(Date.parse(validTo) - Date.parse(validFrom)).toBeLessThanOrEqual(365 * DAY_MS);
      expect(Date.parse(validFrom)).toBeLessThan(Date.now());
    }
  });

  test.skipIf(!hasOpenssl)('satisfies a strict verifier', async () => {
    await ensureDevelopmentCertificates(folder);
    const verify = (...args: string[]) =>
      spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', 'ca.pem', ...args], { cwd: folder, encoding: 'utf8' });
    expect(verify('-purpose', 'sslserver', '-verify_hostname', 'localhost', 'server.pem').stdout).toBe(
      'server.pem: OK\n',
    );
    expect(verify('-purpose', 'sslserver', '-verify_ip', '127.0.0.1', 'server.pem').stdout).toBe('server.pem: OK\n');
    expect(verify('-purpose', 'sslclient', 'client.pem').stdout).toBe('client.pem: OK\n');
    expect(verify('-purpose', 'sslserver', 'client.pem').status).not.toBe(0);
    expect(verify('ca.pem').stdout).toBe('ca.pem: OK\n');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is enough for both sides of a %s handshake', async (version) => {
    await ensureDevelopmentCertificates(folder);
    const ca = file('ca.pem');
    const server = createServer({
      ca,
      cert: file('server.pem'),
      key: file('server.key'),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    });
    const identities: (string | undefined)[] = [];
    server.on('secureConnection', (socket: TLSSocket) => {
      identities.push(socket.getPeerCertificate().subjectaltname);
      socket.end('done');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const host of ['localhost', '127.0.0.1']) {
      const servername = host === 'localhost' ? host : '';
      const client = connect({
        port,
        host: '127.0.0.1',
        servername,
        ca,
        cert: file('client.pem'),
        key: file('client.key'),
      });
      const [bytes] = await once(client, 'data');
      expect(String(bytes)).toBe('done');
      expect(client.authorized).toBe(true);
      client.destroy();
    }
    server.close();
    expect(identities).toEqual(['URI:spiffe://portcullis/dev/app', 'URI:spiffe://portcullis/dev/app']);
  });
});

describe('a later start', () => {
  test('keeps a complete set', async () => {
    await ensureDevelopmentCertificates(folder);
    const before = file('server.pem');
    expect((await ensureDevelopmentCertificates(folder)).created).toBe(false);
    expect(file('server.pem')).toBe(before);
  });

  test.each([0, 360 * DAY_MS])(
    'makes a set of ours anew when it is near its end (%i ms left of a year used up)',
    async (used) => {
      await ensureDevelopmentCertificates(folder, Date.now() - used);
      expect((await ensureDevelopmentCertificates(folder)).created).toBe(used > 0);
    },
  );

  test.each(['ca.pem', 'server.pem', 'server.key', 'client.key'])(
    'makes a set of ours anew without its %s',
    async (name) => {
      await ensureDevelopmentCertificates(folder);
      rmSync(join(folder, name));
      expect((await ensureDevelopmentCertificates(folder)).created).toBe(true);
      expect((await ensureDevelopmentCertificates(folder)).created).toBe(false);
    },
  );

  test('makes a set of ours anew when a crash left halves of two', async () => {
    const other = join(base, 'other');
    await ensureDevelopmentCertificates(folder);
    await ensureDevelopmentCertificates(other);
    copyFileSync(join(other, 'ca.pem'), join(folder, 'ca.pem'));
    expect((await ensureDevelopmentCertificates(folder)).created).toBe(true);
    copyFileSync(join(other, 'server.key'), join(folder, 'server.key'));
    expect((await ensureDevelopmentCertificates(folder)).created).toBe(true);
  });
});

describe('files of somebody else', () => {
  const foreign = (): void => {
    const made = spawnSync(
      'openssl',
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=elsewhere -keyout server.key -out server.pem'.split(
        ' ',
      ),
      { cwd: folder },
    );
    expect(made.status).toBe(0);
  };

  test.skipIf(!hasOpenssl)('are kept when complete, whatever their chain', async () => {
    await ensureDevelopmentCertificates(folder);
    foreign();
    const before = file('server.pem');
    expect((await ensureDevelopmentCertificates(folder)).created).toBe(false);
    expect(file('server.pem')).toBe(before);
  });

  test.skipIf(!hasOpenssl)('are refused, not replaced, when incomplete or expired', async () => {
    await ensureDevelopmentCertificates(folder);
    foreign();
    const before = file('server.pem');
    await expect(ensureDevelopmentCertificates(folder, Date.now() + 3 * DAY_MS)).rejects.toThrow(
      /server\.pem expired on/,
    );
    rmSync(join(folder, 'client.key'));
    await expect(ensureDevelopmentCertificates(folder)).rejects.toThrow(
      `${folder}: client.key missing, and Portcullis did not make it`,
    );
    expect(file('server.pem')).toBe(before);
  });

  test('that are no certificates are named', async () => {
    await ensureDevelopmentCertificates(folder);
    writeFileSync(join(folder, 'server.pem'), 'hello');
    await expect(ensureDevelopmentCertificates(folder)).rejects.toThrow(SetupError);
    await expect(ensureDevelopmentCertificates(folder)).rejects.toThrow('server.pem is not a certificate in PEM form');
  });
});

describe('a password file', () => {
  test('is made once, 256 random bits, for its owner alone', () => {
    const path = join(folder, 'app.password');
    const password = ensurePassword(path);
    expect(password).toMatch(/^[0-9a-f]{64}$/);
    expect(ensurePassword(path)).toBe(password);
    expect(modeOf(path)).toBe(0o600);
    expect(ensurePassword(join(folder, 'admin.password'))).not.toBe(password);
    expect(readdirSync(folder).sort()).toEqual(['admin.password', 'app.password']);
  });

  test('written by hand may end in a newline, but may not be empty', () => {
    const path = join(base, 'app.password');
    writeFileSync(path, 'secret\n');
    expect(ensurePassword(path)).toBe('secret');
    writeFileSync(path, '\n');
    expect(() => ensurePassword(path)).toThrow(`${path} is empty: delete it to get a new password`);
  });
});
