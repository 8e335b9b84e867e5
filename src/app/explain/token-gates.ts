/**
 * The gates of a login with a token. The verdict is that of the very object that logins are judged by, which tells of each
 * step that it has got past; here are only the words. Claims alone are judged by the same functions, as far as they go.
 */
import type { Roster } from '../../acl/roster.ts';
import { bytesOfLatin1, utf8Text } from '../../base/bytes.ts';
import { oneLine } from '../../base/one-line.ts';
import { failure, type Result } from '../../base/result.ts';
import type { CommandTable } from '../../command/table.ts';
import type { Proven } from '../../gateway/proof.ts';
import { nameSaid, TokenUsers } from '../../gateway/token-users.ts';
import type { KeyWorld } from '../../identity/issuer-keys.ts';
import {
  issuerOf,
  judgeClaims,
  looksLikeToken,
  type OpenedToken,
  openToken,
  TOKEN_STEPS,
  type TokenFault,
  type TokenIdentity,
  type TokenStep,
  whyNoAccessToken,
} from '../../identity/jwt.ts';
import type { IssuerTerms } from '../../identity/terms.ts';
import { isTakenBack, Tokens } from '../../identity/tokens.ts';
import { rulesOf } from '../../policy/description.ts';
import type { Policy } from '../../policy/policy.ts';
import { TenantRegistry } from '../../tenancy/tenant.ts';
import { loginsOf } from '../view.ts';
import type { Credential } from './credential.ts';
import { depends, type Gate, listed, pass, refuse } from './gate.ts';

export interface TokenEdge {
  readonly nowMs: () => number;
  /** Asks an issuer for its keys, as the gateway does. */
  readonly fetch: KeyWorld['fetch'];
}

export interface TokenAsked {
  readonly policy: Policy;
  readonly table: CommandTable;
  readonly users: Roster;
  /** The name that is said beside the token. */
  readonly said: string | undefined;
}

/** What became of the token, before anything else is asked. */
export interface TokenJudged {
  readonly gates: readonly Gate[];
  /** Undefined: nobody's, and the last gate says why. */
  readonly proven: Proven | undefined;
}

const SHOWN_LENGTH_MAX = 120;

/** Steps that only a signed token has. */
const OF_SIGNED: readonly TokenStep[] = ['form', 'algorithm', 'type', 'key'];

/** A token as far as it has been judged. */
interface Judgement {
  readonly token: Omit<OpenedToken, 'text'> | undefined;
  readonly isSigned: boolean;
  readonly terms: IssuerTerms | undefined;
  readonly known: readonly IssuerTerms[];
  readonly passed: ReadonlySet<TokenStep>;
  readonly result: Result<TokenIdentity, TokenFault>;
  /** Why an issuer gave no keys. */
  readonly unanswered: string | undefined;
}

export async function judgeCredential(
  credential: Credential,
  asked: TokenAsked,
  edge: TokenEdge,
): Promise<TokenJudged> {
  if (asked.policy.gateway.tokens.issuers.length === 0) {
    const why = 'tokens.issuers names nobody to believe: what looks like a token is taken for a password';
    return { gates: [{ gate: 'token issuer', ...refuse('token_issuer', why) }], proven: undefined };
  }
  const judgement =
    credential.kind === 'token'
      ? await judgeToken(credential.bytes, asked.policy, edge)
      : judgeUnsigned(credential.claims, asked.policy, edge);
  const gates = gatesOf(judgement);
  return judgement.result.ok ? withUser(gates, judgement.result.value, asked) : { gates, proven: undefined };
}

async function judgeToken(bytes: Uint8Array, { gateway }: Policy, edge: TokenEdge): Promise<Judgement> {
  const known = gateway.tokens.issuers;
  const opened = openToken(bytes);
  const token = opened.ok ? opened.value : undefined;
  const terms = known.find(({ issuer }) => token !== undefined && issuer === issuerOf(token));
  const passed = new Set<TokenStep>();
  let unanswered: string | undefined;
  let needed: () => void = () => {};
  const isNeeded = new Promise<void>((resolve) => {
    needed = resolve;
  });
  const tokens = new Tokens({
    nowMs: edge.nowMs,
    monotonicMs: edge.nowMs,
    // A gateway has the keys since it began. Here nobody is asked for the sake of a token that is wrong already.
    fetch: (source) => isNeeded.then(() => edge.fetch(source)),
    fetched: (_issuer, fault) => {
      unanswered = fault;
    },
    keysChanged: () => {},
  });
  tokens.adopt({ ...gateway.tokens, issuers: terms === undefined ? [] : [terms] });
  const result = looksLikeToken(bytes)
    ? await tokens.judge(bytes, '', (step) => {
        passed.add(step);
        if (step === 'claims') needed();
      })
    : failure<TokenFault>('malformed');
  return { token, isSigned: true, terms, known, passed, result, unanswered };
}

function judgeUnsigned(claims: OpenedToken['claims'], { gateway }: Policy, edge: TokenEdge): Judgement {
  const { tokens } = gateway;
  const token = { claims, algorithm: '', type: '', keyId: undefined };
  const terms = tokens.issuers.find(({ issuer }) => issuer === claims.get('iss'));
  const passed = new Set<TokenStep>(OF_SIGNED);
  const judge = (): Result<TokenIdentity, TokenFault> => {
    if (terms === undefined) return failure('issuer');
    passed.add('issuer');
    const judged = judgeClaims(token, terms, edge.nowMs(), (step) => passed.add(step));
    if (!judged.ok) return judged;
    passed.add('signature');
    if (isTakenBack(tokens.revoked, judged.value)) return failure('revoked');
    passed.add('revocation');
    return judged;
  };
  return { token, isSigned: false, terms, known: tokens.issuers, passed, result: judge(), unanswered: undefined };
}

/** One for each step, up to and including the first that was not got past. */
function gatesOf(judgement: Judgement): Gate[] {
  const gates: Gate[] = [];
  for (const step of TOKEN_STEPS) {
    const gate = `token ${step}`;
    if (!judgement.passed.has(step)) {
      const fault = judgement.result.ok ? 'malformed' : judgement.result.fault;
      gates.push({ gate, ...refuse(`token_${fault}`, whyRefused(step, fault, judgement)) });
      break;
    }
    if (judgement.isSigned) gates.push({ gate, ...pass(whyPassed(step, judgement)) });
    else if (step === 'signature') {
      gates.push({ gate, ...depends('token_unsigned', 'claims alone: header, key and signature are not judged') });
    } else if (!OF_SIGNED.includes(step)) gates.push({ gate, ...pass(whyPassed(step, judgement)) });
  }
  return gates;
}

function whyPassed(step: TokenStep, judgement: Judgement): string {
  const { token, terms, result } = judgement;
  if (token === undefined || terms === undefined) return 'a signed token in compact form';
  const identity = result.ok ? result.value : undefined;
  switch (step) {
    case 'form':
      return 'a signed token in compact form';
    case 'issuer':
      return `${shown(terms.issuer)}, called ${terms.name}`;
    case 'algorithm':
      return `${token.algorithm} is among ${listed(terms.algorithms)}`;
    case 'type':
      return `${shown(token.type)} is among ${listed(terms.types)}`;
    case 'audience':
      return `meant for ${shown(terms.audience)}`;
    case 'kind':
      return terms.mustHave.length === 0
        ? 'nothing in it says that it is an ID token'
        : `has ${listed(terms.mustHave.map(({ claim }) => claim))}, and no mark of an ID token`;
    case 'dates':
      return `until ${timeOf(token.claims.get('exp'))}`;
    case 'claims':
      return `subject ${shown(token.claims.get('sub'))}${identity === undefined ? '' : identityText(identity)}`;
    case 'binding':
      return identity?.boundTo === undefined ? 'whoever has it may use it' : 'to the certificate of a client';
    case 'key':
      return `a key of ${terms.name} fits${token.keyId === undefined ? '' : `: ${shown(token.keyId)}`}`;
    case 'signature':
      return 'made with that key';
    case 'revocation':
      return 'neither it nor its subject was taken back';
  }
}

function identityText({ user, tenant, roles }: TokenIdentity): string {
  const of = tenant === undefined ? 'no tenant said' : `tenant ${shown(tenant)}`;
  return `, user ${shown(user)}, ${of}, ${roles.length === 0 ? 'no roles' : `roles ${listed(roles.map(shown))}`}`;
}

function whyRefused(step: TokenStep, fault: TokenFault, { token, terms, known, unanswered }: Judgement): string {
  const malformed = 'no signed token in compact form, or one with extensions';
  if (token === undefined) return malformed;
  const { claims } = token;
  const stranger = `${shown(claims.get('iss'))} is none of ${listed(known.map(({ issuer }) => shown(issuer)))}`;
  if (terms === undefined) return stranger;
  switch (step) {
    case 'form':
      return malformed;
    case 'issuer':
      return stranger;
    case 'algorithm':
      return `${shown(token.algorithm)} is not among ${listed(terms.algorithms)}`;
    case 'type':
      return `${shown(token.type)} is not among ${listed(terms.types)}`;
    case 'audience':
      return `meant for ${shown(claims.get('aud'))}, and not for ${shown(terms.audience)}`;
    case 'kind':
      return `no access token, but an ID token or another kind: ${whyNoAccessToken(claims, terms) ?? ''}`;
    case 'dates':
      return whyNotNow(fault, claims);
    case 'claims':
      return `sub, jti, ${Object.values(terms.claims).filter(Boolean).join(', ')}: one is missing or no name`;
    case 'binding':
      return `cnf is ${shown(claims.get('cnf'))}: only x5t#S256 alone can be shown on a connection`;
    case 'key': {
      if (fault === 'keys_unavailable') return `no keys of ${terms.name} can be had: ${unanswered ?? 'not answered'}`;
      return `${terms.name} publishes no key for ${shown(token.algorithm)} named ${shown(token.keyId)}`;
    }
    case 'signature':
      return 'not made with that key, or something in it was changed';
    case 'revocation':
      return 'it, or its subject, was taken back';
  }
}

function whyNotNow(fault: TokenFault, claims: OpenedToken['claims']): string {
  if (fault === 'expired') return `ended at ${timeOf(claims.get('exp'))}`;
  if (fault !== 'not_yet_valid') return 'exp is missing, or one of exp, nbf and iat is no time';
  return `begins later: nbf ${timeOf(claims.get('nbf'))}, iat ${timeOf(claims.get('iat'))}`;
}

/** Whose session it opens, and what that user may do. */
function withUser(gates: Gate[], identity: TokenIdentity, asked: TokenAsked): TokenJudged {
  const { policy, table, users } = asked;
  const tenants = new TenantRegistry();
  tenants.apply(policy.tenants, 0);
  const logins = loginsOf(policy);
  const tokenUsers = new TokenUsers({ table, acl: { roster: users }, tenants, view: { logins } });
  const found = tokenUsers.find(identity, nameSaid(asked.said));
  if (!found.ok) {
    gates.push({ gate: 'token user', ...refuse('token_no_user', found.fault) });
    return { gates, proven: undefined };
  }
  const { user, tenant, proof } = found.value;
  const template = proof?.kind === 'token' ? proof.template : undefined;
  const how =
    template === undefined
      ? `${readable(user.name)}, who is in the files of ${tenant.name}`
      : `${user.name}, made for the session by role ${template.role} of ${tenant.name}`;
  if (identity.boundTo !== undefined) {
    const only = `only from a client whose certificate has the thumbprint ${identity.boundTo}`;
    gates.push({ gate: 'token holder', ...depends('token_not_holder', only) });
  }
  gates.push({ gate: 'token user', ...pass(how) });
  gates.push({ gate: 'token rules', ...pass(oneLine(rulesOf(user).join(' '))) });
  return { gates, proven: found.value };
}

export function readable(name: string): string {
  const bytes = bytesOfLatin1(name);
  return utf8Text(bytes, 0, bytes.length);
}

function timeOf(value: unknown): string {
  const time = typeof value === 'number' ? new Date(value * 1000) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? shown(value) : time.toISOString();
}

/** Whatever stands in a token, as one short line that cannot look like another. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = oneLine(JSON.stringify(value));
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}
