/**
 * A client's certificate: what it says, whether it may be used to say so, and whom it names. Pure. The chain up to an
 * authority and the possession of the key are judged by the TLS library; what stands here is judged besides, and the names
 * are read from the bytes themselves: texts made for people (`URI:a, DNS:b`) cannot be taken apart again safely.
 *
 * Invariant: a value of a name is one entry of the certificate, whole, of printable ASCII; what is not is an empty value,
 * which names nobody.
 */
import { createHash } from 'node:crypto';
import {
  CERTIFICATE_BYTES_MAX,
  CERTIFICATE_EXTENSIONS_MAX,
  CERTIFICATE_NAME_CHARACTERS_MAX,
  CERTIFICATE_NAMES_MAX,
} from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import {
  BIT_STRING,
  BOOLEAN,
  boolean,
  contextTag,
  DerFault,
  DerReader,
  hex,
  IA5_STRING,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  objectIdentifier,
  onlyElement,
  PRINTABLE_STRING,
  SEQUENCE,
  SET,
  time_ms,
  UTF8_STRING,
} from './der.ts';

/** Which entry of a certificate names its user. One kind holds on a listener, and no other is looked at. */
export type CertificateNameKind = 'san_uri' | 'san_dns' | 'cn';

export interface Certificate {
  /** SHA-256 of the whole of it, as `x5t#S256` of RFC 8705 writes it. */
  readonly thumbprint: string;
  /** In hexadecimal, as DER has it. */
  readonly serial: string;
  /** DER of the names, in hexadecimal: only bytes compare exactly. */
  readonly issuer: string;
  readonly subject: string;
  readonly notBefore_ms: number;
  readonly notAfter_ms: number;
  /** Signed with a digest that can still be trusted. */
  readonly hasStrongSignature: boolean;
  readonly isAuthority: boolean;
  /** Undefined: for any purpose. */
  readonly purposes: readonly string[] | undefined;
  /** Of the key usage; undefined: not restricted. */
  readonly maySign: boolean | undefined;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly commonNames: readonly string[];
}

/** Why a client's certificate is not taken: words for counters and logs. */
export type CertificateFault =
  | 'certificate_missing'
  | 'certificate_malformed'
  | 'certificate_expired'
  | 'certificate_not_yet_valid'
  | 'certificate_self_signed'
  | 'certificate_issuer_unknown'
  | 'certificate_purpose'
  | 'certificate_is_authority'
  | 'certificate_weak_signature'
  | 'certificate_revoked'
  | 'certificate_revocation_unknown'
  | 'certificate_untrusted'
  | 'certificate_ambiguous'
  | 'certificate_unmapped';

/** The bytes of one certificate; the fault is for a log. */
export function parseCertificate(der: Uint8Array): Result<Certificate> {
  try {
    if (der.length > CERTIFICATE_BYTES_MAX) throw new DerFault(`more than ${CERTIFICATE_BYTES_MAX} bytes`);
    return success(parse(der));
  } catch (error) {
    if (error instanceof DerFault) return failure(error.message);
    throw error;
  }
}

/** Of a certificate above the client's: who it is and who signed it how. Its names are nobody's business. */
export type ChainCertificate = Pick<
  Certificate,
  'serial' | 'issuer' | 'subject' | 'notAfter_ms' | 'hasStrongSignature'
>;

export function parseChainCertificate(der: Uint8Array): Result<ChainCertificate> {
  try {
    if (der.length > CERTIFICATE_BYTES_MAX) throw new DerFault(`more than ${CERTIFICATE_BYTES_MAX} bytes`);
    const { serial, issuer, subject, notAfter_ms, signature } = headOf(der);
    return success({ serial, issuer, subject, notAfter_ms, hasStrongSignature: isStrong(signature) });
  } catch (error) {
    if (error instanceof DerFault) return failure(error.message);
    throw error;
  }
}

/** What is wrong with the certificate of a client itself, whoever signed it. */
export function certificateFault(certificate: Certificate, now_ms: number): CertificateFault | undefined {
  if (certificate.subject === certificate.issuer) return 'certificate_self_signed';
  if (certificate.isAuthority) return 'certificate_is_authority';
  if (now_ms > certificate.notAfter_ms) return 'certificate_expired';
  if (now_ms < certificate.notBefore_ms) return 'certificate_not_yet_valid';
  if (!certificate.hasStrongSignature) return 'certificate_weak_signature';
  const { purposes, maySign } = certificate;
  if (purposes !== undefined && !purposes.includes(CLIENT_AUTHENTICATION)) return 'certificate_purpose';
  return maySign === false ? 'certificate_purpose' : undefined;
}

/** What the TLS library has found, in our words. */
export function faultOfVerdict(code: string): CertificateFault {
  return VERDICTS.get(code) ?? 'certificate_untrusted';
}

const VERDICTS: ReadonlyMap<string, CertificateFault> = new Map([
  ['CERT_HAS_EXPIRED', 'certificate_expired'],
  ['CERT_NOT_YET_VALID', 'certificate_not_yet_valid'],
  ['CERT_REVOKED', 'certificate_revoked'],
  ['INVALID_PURPOSE', 'certificate_purpose'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate_self_signed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate_issuer_unknown'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'certificate_issuer_unknown'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'certificate_issuer_unknown'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate_issuer_unknown'],
  ['UNABLE_TO_GET_CRL', 'certificate_revocation_unknown'],
  ['CRL_HAS_EXPIRED', 'certificate_revocation_unknown'],
  ['CRL_NOT_YET_VALID', 'certificate_revocation_unknown'],
]);

/** The entries that may name a user. */
export function entriesOf(certificate: Certificate, kind: CertificateNameKind): readonly string[] {
  return { san_uri: certificate.uris, san_dns: certificate.dnsNames, cn: certificate.commonNames }[kind];
}

/**
 * The user a certificate names: the one whose value is an entry of the configured kind, byte for byte. Two that fit are
 * none, and so is a second URI (SPIFFE has exactly one) or a second common name.
 */
export function userOf(
  certificate: Certificate,
  kind: CertificateNameKind,
  users: ReadonlyMap<string, string>,
): Result<string, CertificateFault> {
  const values = entriesOf(certificate, kind);
  if (values.includes('')) return failure('certificate_malformed');
  if (kind !== 'san_dns' && values.length > 1) return failure('certificate_ambiguous');
  const found = new Set<string>();
  for (const value of values) {
    const user = users.get(value);
    if (user !== undefined) found.add(user);
  }
  const [user] = found;
  if (user === undefined) return failure('certificate_unmapped');
  return found.size === 1 ? success(user) : failure('certificate_ambiguous');
}

// -- Reading -----------------------------------------------------------------------------------------------------------

const COMMON_NAME = '2.5.4.3';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

interface Head {
  readonly serial: string;
  readonly issuer: string;
  readonly subject: string;
  readonly subjectBytes: Uint8Array;
  readonly notBefore_ms: number;
  readonly notAfter_ms: number;
  readonly signature: Uint8Array;
  readonly extensions: Uint8Array | undefined;
}

function headOf(der: Uint8Array): Head {
  const outer = new DerReader(onlyElement(der, SEQUENCE).content);
  const body = outer.enter(SEQUENCE);
  const signature = outer.take(SEQUENCE).whole;
  outer.take(BIT_STRING);
  outer.end();
  const version = body.takeIf(contextTag(0, true));
  const serial = body.take(INTEGER).content;
  // Said twice, within what is signed and beside it; only one of the two is protected.
  if (hex(body.take(SEQUENCE).whole) !== hex(signature)) throw new DerFault('two kinds of signature');
  const issuer = body.take(SEQUENCE).whole;
  const validity = body.enter(SEQUENCE);
  const notBefore_ms = time_ms(validity.next());
  const notAfter_ms = time_ms(validity.next());
  validity.end();
  const subject = body.take(SEQUENCE).whole;
  body.take(SEQUENCE);
  body.takeIf(contextTag(1, false));
  body.takeIf(contextTag(2, false));
  const extensions = body.takeIf(contextTag(3, true))?.content;
  body.end();
  if (extensions !== undefined && version === undefined) throw new DerFault('extensions before there were any');
  return {
    serial: hex(serial),
    issuer: hex(issuer),
    subject: hex(subject),
    subjectBytes: subject,
    notBefore_ms,
    notAfter_ms,
    signature,
    extensions,
  };
}

function parse(der: Uint8Array): Certificate {
  const { serial, issuer, subject, notBefore_ms, notAfter_ms, signature, ...rest } = headOf(der);
  const extensions = extensionsOf(rest.extensions);
  const { uris, dnsNames } = alternativeNames(extensions.get(SUBJECT_ALTERNATIVE_NAME));
  return {
    thumbprint: createHash('sha256').update(der).digest('base64url'),
    serial,
    issuer,
    subject,
    notBefore_ms,
    notAfter_ms,
    hasStrongSignature: isStrong(signature),
    isAuthority: isAuthority(extensions.get(BASIC_CONSTRAINTS)),
    purposes: purposesOf(extensions.get(EXTENDED_KEY_USAGE)),
    maySign: maySign(extensions.get(KEY_USAGE)),
    uris,
    dnsNames,
    commonNames: commonNames(rest.subjectBytes),
  };
}

function extensionsOf(content: Uint8Array | undefined): ReadonlyMap<string, Uint8Array> {
  const extensions = new Map<string, Uint8Array>();
  if (content === undefined) return extensions;
  const list = new DerReader(onlyElement(content, SEQUENCE).content);
  while (!list.isAtEnd) {
    const extension = list.enter(SEQUENCE);
    const id = objectIdentifier(extension.take(OBJECT_IDENTIFIER).content);
    const critical = extension.takeIf(BOOLEAN);
    if (critical !== undefined) boolean(critical.content);
    const value = extension.take(OCTET_STRING).content;
    extension.end();
    if (extensions.has(id)) throw new DerFault(`extension ${id} twice`);
    if (extensions.size >= CERTIFICATE_EXTENSIONS_MAX) throw new DerFault('too many extensions');
    extensions.set(id, value);
  }
  return extensions;
}

const DNS_NAME = contextTag(2, false);
const URI = contextTag(6, false);

function alternativeNames(value: Uint8Array | undefined): { uris: readonly string[]; dnsNames: readonly string[] } {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  if (value === undefined) return { uris, dnsNames };
  const list = new DerReader(onlyElement(value, SEQUENCE).content);
  for (let count = 0; !list.isAtEnd; count++) {
    if (count >= CERTIFICATE_NAMES_MAX) throw new DerFault('too many names');
    const { tag, content } = list.next();
    if (tag === URI) uris.push(asciiText(content));
    else if (tag === DNS_NAME) dnsNames.push(asciiText(content));
  }
  return { uris, dnsNames };
}

function commonNames(subject: Uint8Array): readonly string[] {
  const names: string[] = [];
  const sets = new DerReader(onlyElement(subject, SEQUENCE).content);
  while (!sets.isAtEnd) {
    const attributes = sets.enter(SET);
    while (!attributes.isAtEnd) {
      const attribute = attributes.enter(SEQUENCE);
      const id = objectIdentifier(attribute.take(OBJECT_IDENTIFIER).content);
      const value = attribute.next();
      attribute.end();
      if (id !== COMMON_NAME) continue;
      if (names.length >= CERTIFICATE_NAMES_MAX) throw new DerFault('too many names');
      names.push(TEXTS.has(value.tag) ? asciiText(value.content) : '');
    }
  }
  return names;
}

const TEXTS: ReadonlySet<number> = new Set([UTF8_STRING, PRINTABLE_STRING, IA5_STRING]);

/** Two names that look alike must not be two, nor one end at a NUL: it is printable ASCII, or empty. */
function asciiText(content: Uint8Array): string {
  if (content.length > CERTIFICATE_NAME_CHARACTERS_MAX) return '';
  let text = '';
  for (const byte of content) {
    if (byte < 0x20 || byte > 0x7e) return '';
    text += String.fromCharCode(byte);
  }
  return text;
}

function isAuthority(value: Uint8Array | undefined): boolean {
  if (value === undefined) return false;
  const flag = new DerReader(onlyElement(value, SEQUENCE).content).takeIf(BOOLEAN);
  return flag !== undefined && boolean(flag.content);
}

function purposesOf(value: Uint8Array | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list = new DerReader(onlyElement(value, SEQUENCE).content);
  const purposes: string[] = [];
  while (!list.isAtEnd) {
    if (purposes.length >= CERTIFICATE_NAMES_MAX) throw new DerFault('too many purposes');
    purposes.push(objectIdentifier(list.take(OBJECT_IDENTIFIER).content));
  }
  return purposes;
}

/** `digitalSignature`, the first bit: how a client shows that it has the key. */
function maySign(value: Uint8Array | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  const bits = onlyElement(value, BIT_STRING).content;
  return ((bits[1] ?? 0) & 0x80) !== 0;
}

const RSA_PSS = '1.2.840.113549.1.1.10';

/** The digests of today. What is not listed is SHA-1, older, or unknown. */
const STRONG: ReadonlySet<string> = new Set([
  '1.2.840.10045.4.3.2', // ECDSA with SHA-256, SHA-384, SHA-512
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11', // RSA with SHA-256, SHA-384, SHA-512
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.3.101.112', // Ed25519, Ed448
  '1.3.101.113',
]);
const STRONG_DIGESTS: ReadonlySet<string> = new Set([
  '2.16.840.1.101.3.4.2.1',
  '2.16.840.1.101.3.4.2.2',
  '2.16.840.1.101.3.4.2.3',
]);

function isStrong(signature: Uint8Array): boolean {
  const algorithm = new DerReader(onlyElement(signature, SEQUENCE).content);
  const id = objectIdentifier(algorithm.take(OBJECT_IDENTIFIER).content);
  if (id !== RSA_PSS) return STRONG.has(id);
  // Its digest is a parameter, and SHA-1 where none is named.
  const digest = algorithm.enter(SEQUENCE).takeIf(contextTag(0, true));
  if (digest === undefined) return false;
  const named = new DerReader(onlyElement(digest.content, SEQUENCE).content);
  return STRONG_DIGESTS.has(objectIdentifier(named.take(OBJECT_IDENTIFIER).content));
}
