/**
 * The TLS side of a listener: which versions, suites and curves, and contexts that can be replaced while running.
 * The intermediate profile of Mozilla's guideline; `modern` is TLS 1.3 alone.
 *
 * A session is never resumed where a client's certificate or the name it asks for decides anything: what a resumed session
 * says of both is what another handshake has seen, and the runtimes differ in how much of it.
 */
import { constants, createPrivateKey, type X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { failure, type Result, success } from '../base/result.ts';
import { certificatesOf, type Revocations, revocationBlocks } from '../identity/revocation.ts';
import { type NameEntry, NameTable } from './server-names.ts';

export interface TlsPair {
  /** PEM: the server's certificate, with its chain. */
  readonly certificate: string;
  readonly key: string;
}

/** A pair for clients that ask for this name. */
export interface NamedPair extends TlsPair {
  readonly name: string;
  readonly tenantName: string | undefined;
}

/** Which certificates of clients are trusted. */
export interface ClientTrust {
  /** PEM of the authorities. */
  readonly authorities: string;
  /** PEM of their revocation lists, and what they say; undefined: none are asked. */
  readonly revocationLists: string | undefined;
  readonly revocations: Revocations;
}

export interface TlsMaterial extends TlsPair {
  readonly profile: 'intermediate' | 'modern';
  readonly names?: readonly NamedPair[];
  readonly unknownName?: 'default' | 'deny';
  /** Undefined: clients are not asked for certificates. */
  readonly clients?: ClientTrust | undefined;
}

const SUITES_12 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
const SUITES_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const CURVES = 'X25519:P-256:P-384';
const HYBRID = 'X25519MLKEM768';

/**
 * With the hybrid exchange in front where the library has it: recorded traffic stays closed to a later machine. To OpenSSL
 * the stroke says that it comes first even to a client that has it and has guessed another; Bun's library, which does not
 * know the stroke, takes it so in any case.
 */
function curvesHere(): string {
  for (const list of [`${HYBRID}/${CURVES}`, `${HYBRID}:${CURVES}`]) {
    try {
      tls.createSecureContext({ ecdhCurve: list });
      return list;
    } catch {
      // The next one, then.
    }
  }
  return CURVES;
}

let curves: string | undefined;

/** Options of `tls.createServer` and of a context made later. */
export function tlsOptions(material: TlsMaterial, { certificate, key }: TlsPair = material): tls.SecureContextOptions {
  const { profile, clients, names = [], unknownName } = material;
  curves ??= curvesHere();
  const resumes = clients === undefined && names.length === 0 && unknownName !== 'deny';
  const lists = clients?.revocationLists;
  return {
    cert: certificate,
    key,
    minVersion: profile === 'modern' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [...SUITES_13, ...SUITES_12].join(':'),
    ecdhCurve: curves,
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | (resumes ? 0 : constants.SSL_OP_NO_TICKET),
    ...(clients === undefined ? {} : { ca: clients.authorities }),
    ...(lists === undefined ? {} : { crl: revocationBlocks(lists) }),
  };
}

/** A name a client may ask for, ready to be answered. */
export interface ServerName extends NameEntry {
  readonly context: tls.SecureContext;
}

/** Contexts by name. Making it is the proof that all of it works: it throws what the TLS library has to say. */
export class ServerNames extends NameTable<ServerName> {
  constructor(material: TlsMaterial) {
    const entries = (material.names ?? []).map((pair) => ({
      name: pair.name,
      tenantName: pair.tenantName,
      context: tls.createSecureContext(tlsOptions(material, pair)),
    }));
    super(entries, material.unknownName === 'deny');
  }
}

/**
 * Tries material out before anything relies on it: a key that does not fit, or is encrypted, is told here. A context takes
 * empty files without a word and then serves nobody, hence the look at both.
 */
export function checkMaterial(material: TlsMaterial, now_ms = Date.now()): Result<ServerNames> {
  const checked = checkPair(material, now_ms);
  if (!checked.ok) return checked;
  for (const pair of material.names ?? []) {
    const named = checkPair(pair, now_ms);
    if (!named.ok) return failure(`${pair.name}: ${named.fault}`);
  }
  try {
    tls.createSecureContext(tlsOptions(material));
    return success(new ServerNames(material));
  } catch (error) {
    return failure(messageOf(error));
  }
}

/** The key is that of the certificate, each certificate is signed by the next, and all of them hold today. */
export function checkPair({ certificate, key }: TlsPair, now_ms: number): Result<void> {
  try {
    const chain = certificatesOf(certificate);
    const [own] = chain;
    if (own === undefined) return failure('there is no certificate in the file');
    if (!own.checkPrivateKey(createPrivateKey(key))) return failure('the key is of another certificate');
    for (const [index, one] of chain.entries()) {
      const next = chain[index + 1];
      if (next !== undefined && !isIssuedBy(one, next)) return failure(`the chain is out of order at ${shown(one)}`);
      if (Date.parse(one.validTo) <= now_ms) return failure(`${shown(one)} expired on ${one.validTo}`);
      if (Date.parse(one.validFrom) > now_ms) return failure(`${shown(one)} is not valid before ${one.validFrom}`);
    }
    return success(undefined);
  } catch (error) {
    return failure(messageOf(error));
  }
}

function isIssuedBy(one: X509Certificate, next: X509Certificate): boolean {
  return one.issuer === next.subject && one.verify(next.publicKey);
}

function shown({ subject }: X509Certificate): string {
  return subject.replace(/\n/g, ', ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** When certificates stop being good, in seconds, by the name they are shown under. */
export function expiries(material: TlsMaterial): readonly (readonly [name: string, seconds: number])[] {
  const named = (material.names ?? []).map((pair): readonly [string, TlsPair] => [pair.name, pair]);
  return [['server', material] as const, ...named].map(([name, { certificate }]) => {
    const dates = certificatesOf(certificate).map(({ validTo }) => Date.parse(validTo));
    return [name, Math.floor(Math.min(...dates) / 1000)] as const;
  });
}
