/**
 * Certificates and passwords of a first start: a CA, a server for localhost, a client, and the secrets of the two users.
 *
 * Invariant: the five files belong together. A set of ours that is incomplete, mismatched or about to expire is made anew as
 * a whole; a set of somebody else is never touched.
 *
 * The CA's private key is never written. Whoever trusts `ca.pem` trusts what that key signs, for any name, so it lives only
 * while the set is made. Making a set anew therefore makes a new CA; clients read `ca.pem` from the same folder.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface DevelopmentCertificates {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
  readonly clientCertPath: string;
  readonly clientKeyPath: string;
  /** False when the set was already there. */
  readonly created: boolean;
}

/** Something about the folder that a person has to put right; the message says what. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Clients refuse long-lived leaves, and a development key should not outlive its year. */
const LIFETIME_MS = 365 * DAY_MS;
/** Clocks of a container and its host differ by more than one would think. */
const BACKDATED_MS = 60 * 60 * 1000;
/** A server started today should not stop being trusted while it runs the week. */
const RENEW_BEFORE_MS = 7 * DAY_MS;

/** How a set of ours is known again: nobody else issues under this name. */
const CA_NAME = 'Portcullis development CA';
const CLIENT_IDENTITY = 'spiffe://portcullis/dev/app';
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const FILES = ['ca.pem', 'server.pem', 'server.key', 'client.pem', 'client.key'] as const;
type FileName = (typeof FILES)[number];
type FileSet = Readonly<Record<FileName, string>>;

/** Gives the set in `folder`, making it where it is missing. Throws {@link SetupError} rather than replace a foreign file. */
export async function ensureDevelopmentCertificates(
  folder: string,
  now = Date.now(),
): Promise<DevelopmentCertificates> {
  const state = inspect(folder, now);
  if (state.kind === 'foreign') throw new SetupError(`${folder}: ${state.trouble}, and Portcullis did not make it`);
  if (state.kind === 'stale') save(folder, await makeSet(now));
  return {
    caPath: join(folder, 'ca.pem'),
    certPath: join(folder, 'server.pem'),
    keyPath: join(folder, 'server.key'),
    clientCertPath: join(folder, 'client.pem'),
    clientKeyPath: join(folder, 'client.key'),
    created: state.kind === 'stale',
  };
}

/** Reads the password in `path`; a missing one is made, 256 random bits, readable by this user alone. */
export function ensurePassword(path: string): string {
  if (!existsSync(path)) {
    const temporary = write(path, randomBytes(32).toString('hex'), 0o600);
    try {
      // A link, unlike a rename, fails when another process was quicker: then its password is the one.
      linkSync(temporary, path);
    } catch (error) {
      if (!existsSync(path)) throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }
  const password = read(path).trim();
  if (password === '') throw new SetupError(`${path} is empty: delete it to get a new password`);
  return password;
}

// -- What is there -----------------------------------------------------------------------------------------------------

type State = { kind: 'usable' } | { kind: 'stale' } | { kind: 'foreign'; trouble: string };

function inspect(folder: string, now: number): State {
  const present = FILES.filter((name) => existsSync(join(folder, name)));
  if (present.length === 0) return { kind: 'stale' };
  const missing = FILES.filter((name) => !present.includes(name));
  const certificates = present.filter((name) => name.endsWith('.pem')).map((name) => parse(join(folder, name)));
  const ours = certificates.length > 0 && certificates.every((certificate) => isOurs(certificate));
  const trouble = missing.length > 0 ? `${missing.join(', ')} missing` : troubleWith(folder, ours, now);
  if (trouble === undefined) return { kind: 'usable' };
  return ours ? { kind: 'stale' } : { kind: 'foreign', trouble };
}

/** Of a foreign set only the dates are judged: how its chain is built is its owner's business. */
function troubleWith(folder: string, ours: boolean, now: number): string | undefined {
  const margin = ours ? RENEW_BEFORE_MS : 0;
  const ca = parse(join(folder, 'ca.pem'));
  if (Date.parse(ca.validTo) <= now + margin) return `ca.pem expired on ${ca.validTo}`;
  for (const name of ['server', 'client'] as const) {
    const leaf = parse(join(folder, `${name}.pem`));
    if (Date.parse(leaf.validTo) <= now + margin) return `${name}.pem expired on ${leaf.validTo}`;
    if (ours && !leaf.verify(ca.publicKey)) return `${name}.pem was not signed by ca.pem`;
    if (ours && !holdsKeyOf(leaf, join(folder, `${name}.key`))) return `${name}.key does not belong to ${name}.pem`;
  }
  return undefined;
}

function isOurs(certificate: X509Certificate): boolean {
  return certificate.issuer.split('\n').includes(`CN=${CA_NAME}`);
}

function holdsKeyOf(certificate: X509Certificate, keyPath: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(read(keyPath)));
  } catch {
    return false;
  }
}

function parse(path: string): X509Certificate {
  const text = read(path);
  try {
    return new X509Certificate(text);
  } catch {
    throw new SetupError(`${path} is not a certificate in PEM form`);
  }
}

// -- Making a set ------------------------------------------------------------------------------------------------------

async function makeSet(now: number): Promise<FileSet> {
  // Loaded only here: every later start is spared the time it takes. It looks for the metadata API when it loads.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const dates = { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now - BACKDATED_MS + LIFETIME_MS) };
  const caKeys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const caKeyId = await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey);
  const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    name: `CN=${CA_NAME}`,
    keys: caKeys,
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      caKeyId,
    ],
  });

  const issue = async (name: string, usage: string, names: ConstructorParameters<typeof x509.GeneralNames>[0]) => {
    const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      ...dates,
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: EC,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        new x509.AuthorityKeyIdentifierExtension(caKeyId.keyId),
      ],
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certificate: pem(certificate.toString('pem')), key: pem(x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')) };
  };

  const server = await issue('localhost', x509.ExtendedKeyUsage.serverAuth, [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ]);
  const client = await issue('app', x509.ExtendedKeyUsage.clientAuth, [{ type: 'url', value: CLIENT_IDENTITY }]);
  return {
    'ca.pem': pem(ca.toString('pem')),
    'server.pem': server.certificate,
    'server.key': server.key,
    'client.pem': client.certificate,
    'client.key': client.key,
  };
}

function pem(text: string): string {
  return `${text.trim()}\n`;
}

// -- Files -------------------------------------------------------------------------------------------------------------

/** Certificates move into place before keys: what a crash leaves then begins with `ca.pem`, and is known as ours. */
function save(folder: string, set: FileSet): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ordered = FILES.toSorted((a, b) => Number(a.endsWith('.key')) - Number(b.endsWith('.key')));
  const written = ordered.map((name) => {
    const path = join(folder, name);
    return { path, temporary: write(path, set[name], name.endsWith('.key') ? 0o600 : 0o644) };
  });
  for (const { path, temporary } of written) renameSync(temporary, path);
}

/** Writes beside `path`, to the disk, and names the file written; the caller moves it into place. */
function write(path: string, text: string, mode: number): string {
  const temporary = `${path}.${process.pid}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', mode);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return temporary;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SetupError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
