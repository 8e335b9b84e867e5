/**
 * Tokens as bytes: the strict reading of a JWT and the judgement of its claims. Pure; signatures are verified elsewhere,
 * between the two: nothing that `openToken` gives is to be believed before.
 *
 * ```
 *   bytes ─▶ openToken ─▶ issuer, key ─▶ signature ─▶ judgeClaims ─▶ who it is
 * ```
 *
 * Invariant: neither function throws, whatever bytes come. A header that names its own key (`jku`, `x5u`, `jwk`, `x5c`) is
 * not followed.
 */
import { TOKEN_BYTES_MAX, TOKEN_NAME_LENGTH_MAX, TOKEN_ROLES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { ClaimWanted, IssuerTerms } from './terms.ts';

/** Why a token is refused: labels of counters, never told to the client. */
export type TokenFault =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'issuer'
  | 'audience'
  | 'claims'
  | 'binding'
  | 'not_holder'
  | 'expired'
  | 'not_yet_valid'
  | 'unknown_key'
  | 'keys_unavailable'
  | 'keys_awaited'
  | 'bad_signature'
  | 'revoked';

/** What a token has to get past, in this order. */
export const TOKEN_STEPS = [
  'form',
  'issuer',
  'algorithm',
  'type',
  'audience',
  'kind',
  'dates',
  'claims',
  'binding',
  'key',
  'signature',
  'revocation',
] as const;
export type TokenStep = (typeof TOKEN_STEPS)[number];

/** Is told of each step that a token has got past: for who explains a verdict. */
export type Passed = (step: TokenStep) => void;
export const UNTOLD: Passed = () => {};

/** A JSON object with its own members only: a claim called `__proto__` is a claim. */
export type Members = ReadonlyMap<string, unknown>;

export interface OpenedToken {
  readonly text: string;
  readonly algorithm: string;
  /** In lower case, without `application/`; empty when there is none. */
  readonly type: string;
  readonly keyId: string | undefined;
  readonly claims: Members;
}

/** Who a token speaks of. */
export interface TokenIdentity {
  /** The short name of the issuer. */
  readonly issuer: string;
  readonly subject: string;
  readonly id: string | undefined;
  readonly user: string;
  readonly tenant: string | undefined;
  readonly roles: readonly string[];
  /** The only client that may use it: the thumbprint of its certificate. Undefined: whoever has it. */
  readonly boundTo: string | undefined;
  /** Wall clock. */
  readonly expiresAt_ms: number;
  /** The mark of the key; undefined while no signature has been verified. */
  readonly signedBy: string | undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const COMPACT = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}$/;
/** Printable ASCII without blanks: what may become part of a line of text. */
const NAME = /^[\x21-\x7e]+$/;
/**
 * Claims that are in no access token: those of ID tokens, which prove to a client that somebody logged in and are no permit
 * for us, and that of tokens about events, such as a logout.
 */
const MARKS_OF_OTHERS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'];
/** Claims by which providers say what kind of token it is, and the kinds, in lower case, that are none for us. */
const KINDS: readonly (readonly [claim: string, others: readonly string[]])[] = [
  ['typ', ['id', 'refresh', 'offline', 'logout']],
  ['token_use', ['id', 'refresh']],
];
/** SHA-256 of a client's certificate (RFC 8705), the one proof of possession that a connection brings along. */
const THUMBPRINT_CLAIM = 'x5t#S256';
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
/** Extensions change what a signature means; encryption and compression are for other kinds of tokens. */
const NOT_PLAIN = ['crit', 'b64', 'enc', 'zip', 'cty'];
const SECONDS_MAX = 1e11;
const LENGTH_MIN = 16;

/** Whether this is meant as a token and not as a password: what every JWS and JWE in compact form begins with. */
export function looksLikeToken(secret: Uint8Array): boolean {
  if (secret.length < LENGTH_MIN || secret[0] !== 0x65 || secret[1] !== 0x79) return false;
  let dots = 0;
  for (const byte of secret) if (byte === 0x2e) dots++;
  return dots >= 2 && dots <= 4;
}

/** Reads a signed token in compact form, and refuses everything else that RFC 7515 and 7516 know. */
export function openToken(bytes: Uint8Array): Result<OpenedToken, TokenFault> {
  if (bytes.length > TOKEN_BYTES_MAX) return failure('malformed');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (!COMPACT.test(text)) return failure('malformed');
  const [head = '', body = '', signature = ''] = text.split('.');
  const header = membersOf(head);
  const claims = membersOf(body);
  if (header === undefined || claims === undefined || bytesOf(signature) === undefined) return failure('malformed');
  if (NOT_PLAIN.some((name) => header.has(name))) return failure('malformed');
  const algorithm = header.get('alg');
  const type = header.get('typ') ?? '';
  const keyId = header.get('kid');
  if (typeof algorithm !== 'string' || typeof type !== 'string') return failure('malformed');
  if (keyId !== undefined && !isName(keyId)) return failure('malformed');
  return success({ text, algorithm, type: plainType(type), keyId, claims });
}

/** As RFC 7515 compares them. */
export function plainType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '');
}

/** `iss`, to find whose keys are to be asked. */
export function issuerOf({ claims }: OpenedToken): string | undefined {
  const issuer = claims.get('iss');
  return typeof issuer === 'string' ? issuer : undefined;
}

/** What can be said before a key is looked for. */
export function judgeHeader(
  { algorithm, type }: Pick<OpenedToken, 'algorithm' | 'type'>,
  terms: IssuerTerms,
  passed: Passed = UNTOLD,
): TokenFault | undefined {
  if (!terms.algorithms.includes(algorithm)) return 'algorithm';
  passed('algorithm');
  if (!terms.types.includes(type)) return 'type';
  passed('type');
  return undefined;
}

export function judgeClaims(
  { claims }: Pick<OpenedToken, 'claims'>,
  terms: IssuerTerms,
  now_ms: number,
  passed: Passed = UNTOLD,
): Result<TokenIdentity, TokenFault> {
  if (claims.get('iss') !== terms.issuer) return failure('issuer');
  if (!isMeantFor(claims.get('aud'), terms.audience)) return failure('audience');
  passed('audience');
  if (whyNoAccessToken(claims, terms) !== undefined) return failure('type');
  passed('kind');
  const expires = claims.get('exp');
  if (!isTime(expires)) return failure('claims');
  const expiresAt_ms = expires * 1000;
  if (now_ms >= expiresAt_ms) return failure('expired');
  for (const name of ['nbf', 'iat']) {
    const from = claims.get(name);
    if (from === undefined) continue;
    if (!isTime(from)) return failure('claims');
    if (from * 1000 > now_ms + terms.skewSeconds * 1000) return failure('not_yet_valid');
  }
  passed('dates');
  const identity = identityIn(claims, terms, expiresAt_ms);
  if (identity === undefined) return failure('claims');
  passed('claims');
  const boundTo = claims.has('cnf') ? thumbprintIn(claims.get('cnf')) : undefined;
  if (claims.has('cnf') && boundTo === undefined) return failure('binding');
  passed('binding');
  return success({ ...identity, boundTo });
}

/** Undefined: it is bound to something else, or to more, that a client of ours cannot show (RFC 7800). */
function thumbprintIn(confirmation: unknown): string | undefined {
  if (!isObject(confirmation) || Object.keys(confirmation).join() !== THUMBPRINT_CLAIM) return undefined;
  const value: unknown = Reflect.get(confirmation, THUMBPRINT_CLAIM);
  return typeof value === 'string' && THUMBPRINT.test(value) ? value : undefined;
}

/**
 * Why this is another kind of token; undefined: nothing says so. Without `mustHave` an ID token with none but the claims that
 * it must have looks like an access token: then its type, and its audience, are all there is.
 */
export function whyNoAccessToken(claims: Members, { mustHave }: IssuerTerms): string | undefined {
  const mark = MARKS_OF_OTHERS.find((name) => claims.has(name));
  if (mark !== undefined) return `it has the claim ${mark}`;
  for (const [claim, others] of KINDS) {
    const said = claims.get(claim);
    if (typeof said === 'string' && others.includes(said.toLowerCase())) return `its claim ${claim} says so`;
  }
  const missing = mustHave.find((wanted) => !has(claims, wanted));
  if (missing === undefined) return undefined;
  const { claim, value } = missing;
  return `it has no claim ${claim}${value === undefined ? '' : ` with the value ${value}`}`;
}

function has(claims: Members, { claim, value }: ClaimWanted): boolean {
  const said = claimAt(claims, claim);
  if (said === undefined || said === null || said === '') return false;
  if (value === undefined) return true;
  if (typeof said === 'string') return said === value || said.split(' ').includes(value);
  return Array.isArray(said) ? said.includes(value) : String(said) === value;
}

function identityIn(
  claims: Members,
  terms: IssuerTerms,
  expiresAt_ms: number,
): Omit<TokenIdentity, 'boundTo'> | undefined {
  const subject = claims.get('sub');
  const id = claims.get('jti');
  const user = claimAt(claims, terms.claims.user);
  if (!isName(subject) || !isName(user) || (id !== undefined && !isName(id))) return undefined;
  const tenant = terms.claims.tenant === undefined ? terms.tenant : claimAt(claims, terms.claims.tenant);
  const isTenant = tenant === undefined ? terms.claims.tenant === undefined : isName(tenant);
  const roles = terms.claims.roles === undefined ? [] : rolesOf(claimAt(claims, terms.claims.roles));
  if (!isTenant || roles === undefined) return undefined;
  return {
    issuer: terms.name,
    subject,
    id,
    user,
    tenant: typeof tenant === 'string' ? tenant : undefined,
    roles,
    expiresAt_ms,
    signedBy: undefined,
  };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TOKEN_NAME_LENGTH_MAX && NAME.test(value);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < SECONDS_MAX;
}

function isMeantFor(audience: unknown, wanted: string): boolean {
  return audience === wanted || (Array.isArray(audience) && audience.includes(wanted));
}

/** A list of texts, or as of OAuth's `scope` one text with blanks; nothing is no role. */
function rolesOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  const roles: unknown = typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : value;
  if (!Array.isArray(roles) || roles.length > TOKEN_ROLES_MAX) return undefined;
  return roles.every((role) => isName(role)) ? roles : undefined;
}

/** `roles`, `https://example.com/roles`, or as a path `realm_access.roles`. */
function claimAt(claims: Members, path: string): unknown {
  if (claims.has(path)) return claims.get(path);
  let value: unknown = claims;
  for (const step of path.split('.')) {
    if (value instanceof Map) value = value.get(step);
    else if (isObject(value) && Object.hasOwn(value, step)) value = Reflect.get(value, step);
    else return undefined;
  }
  return value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only the one spelling that an encoder makes: else there would be several tokens with one signature. */
function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === part ? bytes : undefined;
}

function membersOf(part: string): Members | undefined {
  const bytes = bytesOf(part);
  return bytes === undefined ? undefined : membersIn(bytes);
}

/** The members of a JSON object, as header and claims are. */
export function membersIn(json: Uint8Array): Members | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(json));
    return isObject(value) ? new Map<string, unknown>(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}
