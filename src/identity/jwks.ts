/**
 * The public keys of an issuer (RFC 7517), read strictly: of each key only what verifying needs is kept, so that nothing
 * in it (`x5u`, `x5c`, …) can lead anywhere.
 */
import { createHash } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import { JWKS_BYTES_MAX, JWKS_KEYS_MAX, TOKEN_NAME_LENGTH_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';

const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;

/** By algorithm: the type of its keys, and their curve. None of them has a secret that we would have to share. */
const FITTING: ReadonlyMap<string, readonly [type: string, curve: string | undefined]> = new Map([
  ['RS256', ['RSA', undefined]],
  ['RS384', ['RSA', undefined]],
  ['RS512', ['RSA', undefined]],
  ['PS256', ['RSA', undefined]],
  ['PS384', ['RSA', undefined]],
  ['PS512', ['RSA', undefined]],
  ['ES256', ['EC', 'P-256']],
  ['ES384', ['EC', 'P-384']],
  ['ES512', ['EC', 'P-521']],
  ['EdDSA', ['OKP', 'Ed25519']],
  ['Ed25519', ['OKP', 'Ed25519']],
]);

export const ALGORITHMS: readonly string[] = Array.from(FITTING.keys());

interface Entry {
  readonly id: string | undefined;
  readonly algorithm: string | undefined;
  readonly type: string;
  readonly curve: string | undefined;
  readonly jwk: JWK;
}

/** A key, and the mark by which it is known again in a later set, whatever it is called there. */
export interface SigningKey {
  readonly key: CryptoKey;
  readonly mark: string;
}

export class KeySet {
  /** Changes when a key does. */
  readonly fingerprint: string;
  private readonly marks: ReadonlySet<string>;
  private readonly entries: readonly Entry[];
  private readonly imported: Map<string, Promise<Result<CryptoKey>>>;

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
    this.fingerprint = JSON.stringify(entries);
    this.marks = new Set(entries.map(({ jwk }) => markOf(jwk)));
    this.imported = new Map();
  }

  get size(): number {
    return this.entries.length;
  }

  /** Whether a key of before is still among them. */
  publishes(mark: string): boolean {
    return this.marks.has(mark);
  }

  /** The one key that fits. A token that names none is taken only while there is no choice. */
  async find(algorithm: string, id: string | undefined): Promise<SigningKey | undefined> {
    const fitting = FITTING.get(algorithm);
    if (fitting === undefined) return undefined;
    const [type, curve] = fitting;
    const found = this.entries.filter(
      (entry) =>
        entry.type === type &&
        (curve === undefined || entry.curve === curve) &&
        (entry.algorithm === undefined || entry.algorithm === algorithm) &&
        (id === undefined || entry.id === id),
    );
    const [entry] = found;
    if (entry === undefined || found.length > 1) return undefined;
    const place = `${this.entries.indexOf(entry)} ${algorithm}`;
    let key = this.imported.get(place);
    if (key === undefined) {
      key = importKey(entry.jwk, algorithm);
      this.imported.set(place, key);
    }
    const imported = await key;
    return imported.ok ? { key: imported.value, mark: markOf(entry.jwk) } : undefined;
  }
}

/** Of what the key is made of, and not of its name: a name that comes back with another key is another key. */
function markOf(jwk: JWK): string {
  return createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
}

async function importKey(jwk: JWK, algorithm: string): Promise<Result<CryptoKey>> {
  try {
    const key = await importJWK(jwk, algorithm);
    return key instanceof Uint8Array ? failure('is no public key') : success(key);
  } catch {
    return failure('cannot be used');
  }
}

/** The fault is for people, and repeats nothing of the text. */
export function parseJwks(text: string): Result<KeySet> {
  if (text.length > JWKS_BYTES_MAX) return failure(`has more than ${JWKS_BYTES_MAX} bytes`);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return failure('is not JSON');
  }
  const list = membersOf(data)?.get('keys');
  if (!Array.isArray(list)) return failure('has no list "keys"');
  if (list.length > JWKS_KEYS_MAX) return failure(`has more than ${JWKS_KEYS_MAX} keys`);
  const entries: Entry[] = [];
  for (const [index, written] of list.entries()) {
    const members = membersOf(written);
    if (members === undefined) return failure(`key ${index}: is no object`);
    if (members.has('d') || members.has('k')) return failure(`key ${index}: is secret, and must not stand here`);
    const entry = entryOf(members);
    // Keys of kinds that we do not know, or for other uses, are none of our business.
    if (entry !== undefined) entries.push(entry);
  }
  return entries.length === 0 ? failure('has no key that could verify a token') : success(new KeySet(entries));
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map<string, unknown>(Object.entries(value));
}

function textIn(members: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = members.get(name);
  return typeof value === 'string' ? value : undefined;
}

function entryOf(members: ReadonlyMap<string, unknown>): Entry | undefined {
  const use = members.get('use');
  if (use !== undefined && use !== 'sig') return undefined;
  const operations = members.get('key_ops');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  const id = members.get('kid');
  if (id !== undefined && (typeof id !== 'string' || id.length > TOKEN_NAME_LENGTH_MAX)) return undefined;
  const algorithm = members.get('alg');
  if (algorithm !== undefined && (typeof algorithm !== 'string' || !FITTING.has(algorithm))) return undefined;
  const type = textIn(members, 'kty') ?? '';
  const curve = textIn(members, 'crv');
  const jwk = publicPartOf(type, curve, members);
  return jwk === undefined ? undefined : { id, algorithm, type, curve, jwk };
}

function publicPartOf(type: string, curve: string | undefined, members: ReadonlyMap<string, unknown>): JWK | undefined {
  const [n, e, x, y] = ['n', 'e', 'x', 'y'].map((name) => textIn(members, name));
  switch (type) {
    case 'RSA': {
      if (n === undefined || e === undefined) return undefined;
      const bits = Buffer.from(n, 'base64url').length * 8;
      return bits < RSA_BITS_MIN || bits > RSA_BITS_MAX ? undefined : { kty: type, n, e };
    }
    case 'EC':
      return curve === undefined || x === undefined || y === undefined ? undefined : { kty: type, crv: curve, x, y };
    case 'OKP':
      return curve !== 'Ed25519' || x === undefined ? undefined : { kty: type, crv: curve, x };
    default:
      return undefined;
  }
}
