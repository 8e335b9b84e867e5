/** Authorities of our own, and the good and bad certificates they sign. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export { x509 };

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA_SHA1 = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-1',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const HOUR_MS = 3_600_000;

export const CLIENT: string = x509.ExtendedKeyUsage.clientAuth;
export const SERVER: string = x509.ExtendedKeyUsage.serverAuth;

export type Names = ConstructorParameters<typeof x509.GeneralNames>[0];

export interface LeafOptions {
  readonly subject?: string;
  readonly names?: Names;
  /** Undefined: none are said. */
  readonly purpose?: string | undefined;
  readonly isAuthority?: boolean;
  /** From now, in hours. */
  readonly from?: number;
  readonly until?: number;
  readonly serial?: string;
  readonly extensions?: readonly x509.Extension[];
}

export interface MoreOfList {
  readonly extensions?: readonly x509.Extension[];
  /** Whose certificates the entries are about. */
  readonly entryIssuer?: string;
}

export interface Pair {
  readonly certificate: string;
  readonly key: string;
  readonly serial: string;
  readonly der: Uint8Array;
}

function inHours(hours: number): Date {
  return new Date(Date.now() + hours * HOUR_MS);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

export class Authority {
  readonly certificate: string;
  private readonly own: x509.X509Certificate;
  private readonly keys: webcrypto.CryptoKeyPair;
  private readonly algorithm: typeof EC | typeof RSA_SHA1;

  private constructor(
    own: x509.X509Certificate,
    keys: webcrypto.CryptoKeyPair,
    algorithm: typeof EC | typeof RSA_SHA1,
  ) {
    this.own = own;
    this.certificate = `${own.toString('pem')}\n`;
    this.keys = keys;
    this.algorithm = algorithm;
  }

  static async make(name = 'test authority', digest: 'SHA-256' | 'SHA-1' = 'SHA-256'): Promise<Authority> {
    const algorithm = digest === 'SHA-1' ? RSA_SHA1 : EC;
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
    const own = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      notBefore: inHours(-2),
      notAfter: inHours(48),
      keys,
      signingAlgorithm: digest === 'SHA-1' ? { ...algorithm, hash: 'SHA-256' } : algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority(own, keys, algorithm);
  }

  async sign(options: LeafOptions = {}): Promise<Pair> {
    const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const { subject = 'CN=leaf', names = [], isAuthority = false, from = -1, until = 24 } = options;
    const purpose = 'purpose' in options ? options.purpose : CLIENT;
    const made = await x509.X509CertificateGenerator.create({
      subject,
      issuer: this.own.subject,
      notBefore: inHours(from),
      notAfter: inHours(until),
      ...(options.serial === undefined ? {} : { serialNumber: options.serial }),
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: this.algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(isAuthority, undefined, true),
        ...(purpose === undefined ? [] : [new x509.ExtendedKeyUsageExtension([purpose])]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ...(options.extensions ?? []),
      ],
    });
    return {
      certificate: `${made.toString('pem')}\n`,
      key: await keyPem(keys.privateKey),
      serial: made.serialNumber,
      der: new Uint8Array(made.rawData),
    };
  }

  /** The revocation list that names these serial numbers. */
  async revoke(serials: readonly string[], until = 24, from = -1, more: MoreOfList = {}): Promise<string> {
    const list = await x509.X509CrlGenerator.create({
      issuer: this.own.subject,
      thisUpdate: inHours(from),
      nextUpdate: inHours(until),
      entries: serials.map((serialNumber) => ({
        serialNumber,
        revocationDate: inHours(-1),
        reason: 1,
        ...(more.entryIssuer === undefined ? {} : { issuer: more.entryIssuer }),
      })),
      extensions: [...(more.extensions ?? [])],
      signingKey: this.keys.privateKey,
      signingAlgorithm: this.algorithm,
    });
    return `${list.toString('pem').replaceAll('BEGIN CRL', 'BEGIN X509 CRL').replaceAll('END CRL', 'END X509 CRL')}\n`;
  }
}

export async function selfSigned(subject: string, names: Names): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject,
    notBefore: inHours(-1),
    notAfter: inHours(24),
    keys,
    signingAlgorithm: EC,
    extensions: [new x509.ExtendedKeyUsageExtension([CLIENT]), new x509.SubjectAlternativeNameExtension(names)],
  });
  const key = await keyPem(keys.privateKey);
  return {
    certificate: `${made.toString('pem')}\n`,
    key,
    serial: made.serialNumber,
    der: new Uint8Array(made.rawData),
  };
}
