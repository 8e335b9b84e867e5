/** What may stand in the policy files about tokens, and from there to the words the program uses. */
import { z } from 'zod';
import { Allowlist } from '../base/cidr.ts';
import {
  REVOKED_TOKENS_MAX,
  TENANTS_MAX,
  TOKEN_CLAIMS_WANTED_MAX,
  TOKEN_ISSUERS_MAX,
  TOKEN_SKEW_SECONDS_MAX,
} from '../base/limits.ts';
import type { Result } from '../base/result.ts';
import { ALGORITHMS, parseJwks } from '../identity/jwks.ts';
import { plainType } from '../identity/jwt.ts';
import { type IssuerTerms, type KeySource, NO_TOKENS, type TokenTerms } from '../identity/terms.ts';
import { FILE_NAME, fileName } from './file-name.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const PRINTABLE = /^[\x21-\x7e]{1,512}$/;
const CLAIM = /^[\x21-\x7e]{1,128}$/;
/** The one type that only access tokens have (RFC 9068). */
const ACCESS_TOKEN = 'at+jwt';
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** `scope`, or `token_use=access`. */
const WANTED = /^[\x21-\x3c\x3e-\x7e]{1,128}(?:=[\x21-\x7e]{1,256})?$/;

const claim = z.string().regex(CLAIM, 'must be the name of a claim, or a path such as realm_access.roles');
const printable = z.string().regex(PRINTABLE, 'must be printable, without blanks');

export const roleName = z.string().regex(CLAIM, 'must be a role as it stands in tokens');

/** Whether tokens may be this user's, and whether passwords may still be. */
export const tokenLogin = z.enum(['only', 'also']).optional();

const jwks = z.string().refine((text) => FILE_NAME.test(text) || isKeyUrl(text), {
  message: 'must be the name of a file in the certificates folder, or an https address without password and fragment',
});

function isKeyUrl(text: string): boolean {
  if (!URL.canParse(text) || text.length > 2048) return false;
  const { protocol, username, password, hash } = new URL(text);
  return protocol === 'https:' && username === '' && password === '' && hash === '';
}

const issuer = z.strictObject({
  name: z.string().regex(NAME, 'must be a short name of letters, digits, dots, dashes and underscores'),
  issuer: printable,
  audience: printable,
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(DEFAULT_ALGORITHMS),
  types: z.array(printable).min(1).default([ACCESS_TOKEN]),
  must_have: z
    .array(z.string().regex(WANTED, 'must be the name of a claim, or name=value'))
    .max(TOKEN_CLAIMS_WANTED_MAX)
    .default([]),
  skew: z.int().min(0).max(TOKEN_SKEW_SECONDS_MAX).default(30),
  jwks,
  jwks_ca: fileName.optional(),
  jwks_private_addresses: z.array(z.string()).default([]),
  refresh: z.int().min(5).max(86_400).default(600),
  max_stale: z.int().min(5).max(604_800).default(3600),
  tenant: z.string().min(1).max(64).optional(),
  tenants: z.array(z.string().min(1).max(64)).min(1).max(TENANTS_MAX).optional(),
  claims: z
    .strictObject({ user: claim.default('sub'), tenant: claim.optional(), roles: claim.optional() })
    .prefault({}),
});

export const tokensSchema = z
  .preprocess(
    (value) => value ?? {},
    z.strictObject({
      issuers: z.preprocess((value) => value ?? [], z.array(issuer).max(TOKEN_ISSUERS_MAX)).prefault([]),
      revoked: fileName.optional(),
    }),
  )
  .prefault({});

type TokensFile = z.output<typeof tokensSchema>;
type IssuerEntry = TokensFile['issuers'][number];
type Path = readonly (string | number)[];

interface Reading {
  /** A file of the certificates folder. */
  readonly read: (name: string) => Result<string>;
  readonly complain: (path: Path, message: string) => void;
}

export function readTokens({ issuers, revoked }: TokensFile, reading: Reading): TokenTerms {
  const names = new Set<string>();
  const texts = new Set<string>();
  const terms: IssuerTerms[] = [];
  for (const [index, entry] of issuers.entries()) {
    const path = ['issuers', index];
    if (names.has(entry.name)) reading.complain([...path, 'name'], `issuer "${entry.name}" stands twice`);
    if (texts.has(entry.issuer)) reading.complain([...path, 'issuer'], 'this issuer stands twice');
    if (entry.max_stale < entry.refresh) reading.complain([...path, 'max_stale'], 'must not be less than refresh');
    const isBound = entry.tenants !== undefined || (entry.tenant !== undefined && entry.claims.tenant === undefined);
    if (issuers.length > 1 && !isBound) {
      reading.complain(path, 'one of several issuers: say under "tenants" whose users its tokens may be');
    }
    names.add(entry.name);
    texts.add(entry.issuer);
    const source = sourceOf(entry, path, reading);
    if (source !== undefined) terms.push(termsOf(entry, source));
  }
  if (terms.length === 0 && revoked === undefined) return NO_TOKENS;
  return { issuers: terms, revoked: revoked === undefined ? new Set() : revokedIn(revoked, names, reading) };
}

function termsOf(entry: IssuerEntry, source: KeySource): IssuerTerms {
  return {
    name: entry.name,
    issuer: entry.issuer,
    audience: entry.audience,
    algorithms: entry.algorithms,
    types: entry.types.map(plainType),
    mustHave: entry.must_have.map((text) => {
      const at = text.indexOf('=');
      return at < 0 ? { claim: text, value: undefined } : { claim: text.slice(0, at), value: text.slice(at + 1) };
    }),
    skewSeconds: entry.skew,
    source,
    refreshSeconds: entry.refresh,
    maxStaleSeconds: entry.max_stale,
    tenant: entry.tenant,
    tenants: entry.tenants,
    claims: { user: entry.claims.user, tenant: entry.claims.tenant, roles: entry.claims.roles },
  };
}

/** Whether an ID token of this issuer may look like an access token. */
export function mayTakeIdTokens({ types, mustHave }: IssuerTerms): boolean {
  return mustHave.length === 0 && types.some((type) => type !== ACCESS_TOKEN);
}

function sourceOf(entry: IssuerEntry, path: Path, { read, complain }: Reading): KeySource | undefined {
  if (FILE_NAME.test(entry.jwks)) {
    const text = read(entry.jwks);
    const keys = text.ok ? parseJwks(text.value) : text;
    if (keys.ok) return { kind: 'file', keys: keys.value };
    complain([...path, 'jwks'], text.ok ? `${entry.jwks}: ${keys.fault}` : keys.fault);
    return undefined;
  }
  const ca = entry.jwks_ca === undefined ? undefined : read(entry.jwks_ca);
  if (ca?.ok === false) complain([...path, 'jwks_ca'], ca.fault);
  const texts = entry.jwks_private_addresses;
  const list = texts.length === 0 ? undefined : Allowlist.parse(texts);
  if (list?.ok === false) complain([...path, 'jwks_private_addresses', list.fault.index], list.fault.message);
  return {
    kind: 'url',
    url: entry.jwks,
    ca: ca?.ok === true ? ca.value : undefined,
    privateAddresses: list?.ok === true ? list.value : undefined,
  };
}

/** One a line: `jti ISSUER ID` or `sub ISSUER SUBJECT`, with the issuer's short name; `#` begins a comment. */
function revokedIn(file: string, names: ReadonlySet<string>, { read, complain }: Reading): ReadonlySet<string> {
  const revoked = new Set<string>();
  const text = read(file);
  if (!text.ok) complain(['revoked'], text.fault);
  for (const [index, line] of (text.ok ? text.value.split('\n') : []).entries()) {
    const words = line.trim().split(/\s+/);
    const [kind = '', issuer = '', name = ''] = words;
    if (kind === '' || kind.startsWith('#')) continue;
    const isRight = words.length === 3 && (kind === 'jti' || kind === 'sub') && names.has(issuer);
    if (isRight && revoked.size < REVOKED_TOKENS_MAX) revoked.add(`${kind} ${issuer} ${name}`);
    else
      complain(['revoked'], `${file}:${index + 1}: must be "jti ISSUER ID" or "sub ISSUER SUBJECT", of a known issuer`);
    if (!isRight || revoked.size > REVOKED_TOKENS_MAX) break;
  }
  return revoked;
}

/** Differs when anything about tokens does. */
export function tokenText({ issuers, revoked }: TokenTerms): string {
  return JSON.stringify([issuers, Array.from(revoked)]);
}
