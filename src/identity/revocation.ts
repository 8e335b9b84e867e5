/**
 * Revocation lists: which certificates of which issuer are not to be trusted any more. Pure. The TLS library holds new
 * handshakes against the same lists; this one is there to ask about connections that have long been open.
 */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { CERTIFICATE_EXTENSIONS_MAX, REVOCATION_LIST_BYTES_MAX, REVOCATIONS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Certificate } from './certificate.ts';
import {
  BIT_STRING,
  BOOLEAN,
  boolean,
  contextTag,
  DerFault,
  DerReader,
  GENERALIZED_TIME,
  hex,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  objectIdentifier,
  onlyElement,
  SEQUENCE,
  time_ms,
  UTC_TIME,
} from './der.ts';

interface RevocationList {
  readonly issuer: string;
  readonly thisUpdate_ms: number;
  /** Undefined: it never ages. */
  readonly nextUpdate_ms: number | undefined;
  readonly serials: ReadonlySet<string>;
}

export class Revocations {
  private readonly byIssuer: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(lists: readonly RevocationList[]) {
    this.byIssuer = new Map(lists.map(({ issuer, serials }) => [issuer, serials]));
  }

  has({ issuer, serial }: Pick<Certificate, 'issuer' | 'serial'>): boolean {
    return this.byIssuer.get(issuer)?.has(serial) === true;
  }
}

export const NO_REVOCATIONS = new Revocations([]);

const BLOCK = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g;

/** The lists of a PEM file, each as a text of its own: the TLS library reads one per text. */
export function revocationBlocks(pem: string): string[] {
  return Array.from(pem.matchAll(BLOCK), ([block]) => `${block}\n`);
}

/**
 * Reads the lists of a PEM file. Each must be signed by one of the authorities and hold today: a list that has aged would
 * have the TLS library refuse everybody.
 */
export function parseRevocations(
  pem: string,
  authorities: readonly X509Certificate[],
  now_ms: number,
): Result<Revocations> {
  const blocks = revocationBlocks(pem);
  if (blocks.length === 0) return failure('holds no revocation list in PEM form (X509 CRL)');
  const lists: RevocationList[] = [];
  try {
    for (const block of blocks) {
      const der = Buffer.from(block.replace(/-----[^-]*-----/g, ''), 'base64');
      const list = parseList(der, authorities);
      if (list.thisUpdate_ms > now_ms) return failure('a revocation list is not valid yet');
      if (list.nextUpdate_ms !== undefined && list.nextUpdate_ms <= now_ms) {
        return failure('a revocation list has expired');
      }
      if (lists.some(({ issuer }) => issuer === list.issuer)) return failure('two revocation lists of one issuer');
      lists.push(list);
    }
  } catch (error) {
    if (error instanceof DerFault) return failure(`a revocation list cannot be read: ${error.message}`);
    throw error;
  }
  return success(new Revocations(lists));
}

function parseList(der: Uint8Array, authorities: readonly X509Certificate[]): RevocationList {
  if (der.length > REVOCATION_LIST_BYTES_MAX) throw new DerFault(`more than ${REVOCATION_LIST_BYTES_MAX} bytes`);
  const outer = new DerReader(onlyElement(der, SEQUENCE).content);
  const signed = outer.take(SEQUENCE);
  const algorithm = outer.take(SEQUENCE);
  const digest = DIGESTS.get(objectIdentifier(new DerReader(algorithm.content).take(OBJECT_IDENTIFIER).content));
  const signature = outer.take(BIT_STRING).content.subarray(1);
  outer.end();
  const body = new DerReader(signed.content);
  const version = body.takeIf(INTEGER)?.content;
  if (version !== undefined && hex(version) !== VERSION_2) throw new DerFault('of a version that there is not');
  // Outside of what is signed anything could be written.
  if (hex(body.take(SEQUENCE).whole) !== hex(algorithm.whole)) throw new DerFault('signed in another way than it says');
  const issuer = hex(body.take(SEQUENCE).whole);
  const thisUpdate_ms = time_ms(body.next());
  const hasNext = body.peek() === UTC_TIME || body.peek() === GENERALIZED_TIME;
  const nextUpdate_ms = hasNext ? time_ms(body.next()) : undefined;
  if (digest === undefined) throw new DerFault('signed in a way that is not trusted');
  if (!authorities.some(({ publicKey }) => isSignedBy(publicKey, digest, signed.whole, signature))) {
    throw new DerFault('none of the authorities has signed it');
  }
  const serials = serialsOf(body.takeIf(SEQUENCE)?.content);
  const extensions = body.takeIf(EXTENSIONS)?.content;
  body.end();
  if (extensions !== undefined) refuseUnread(onlyElement(extensions, SEQUENCE).content);
  return { issuer, thisUpdate_ms, nextUpdate_ms, serials };
}

/**
 * Refuses what makes entries mean something else than is understood here, where one list says all there is to say about
 * the certificates of its own issuer; and with it everything critical, which is what that word is for.
 */
function refuseUnread(content: Uint8Array): void {
  const seen = new Set<string>();
  const list = new DerReader(content);
  while (!list.isAtEnd) {
    const extension = list.enter(SEQUENCE);
    const id = objectIdentifier(extension.take(OBJECT_IDENTIFIER).content);
    const critical = extension.takeIf(BOOLEAN);
    extension.take(OCTET_STRING);
    extension.end();
    const why = CHANGING.get(id);
    if (why !== undefined) throw new DerFault(why);
    if (critical !== undefined && boolean(critical.content)) throw new DerFault(`critical extension ${id} is unknown`);
    if (seen.has(id)) throw new DerFault(`extension ${id} twice`);
    if (seen.size >= CERTIFICATE_EXTENSIONS_MAX) throw new DerFault('too many extensions');
    seen.add(id);
  }
}

function serialsOf(content: Uint8Array | undefined): ReadonlySet<string> {
  const serials = new Set<string>();
  if (content === undefined) return serials;
  const entries = new DerReader(content);
  while (!entries.isAtEnd) {
    if (serials.size >= REVOCATIONS_MAX) throw new DerFault(`more than ${REVOCATIONS_MAX} entries`);
    const entry = entries.enter(SEQUENCE);
    serials.add(hex(entry.take(INTEGER).content));
    const { tag } = entry.next();
    if (tag !== UTC_TIME && tag !== GENERALIZED_TIME) throw new DerFault('an entry without a date');
    const extensions = entry.takeIf(SEQUENCE)?.content;
    entry.end();
    if (extensions !== undefined) refuseUnread(extensions);
  }
  return serials;
}

const VERSION_2 = '01';
const EXTENSIONS = contextTag(0, true);

/** Extensions of a list, or of an entry, that are refused whether they are critical or not. */
const CHANGING: ReadonlyMap<string, string> = new Map([
  ['2.5.29.27', 'only the changes to another list'],
  ['2.5.29.28', 'not about all certificates of its issuer, or about those of others'],
  ['2.5.29.29', 'an entry is about a certificate of another issuer'],
]);

/** A digest of null: the algorithm has its own. */
const DIGESTS: ReadonlyMap<string, string | null> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.3.101.112', null],
  ['1.3.101.113', null],
]);

function isSignedBy(key: KeyObject, digest: string | null, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(digest, bytes, key, signature);
  } catch {
    // A key of another kind.
    return false;
  }
}

/** Every certificate of a PEM file. Throws what the parser of certificates throws. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
