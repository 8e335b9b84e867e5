/**
 * Who is it, and may they come in: passwords, tokens, certificates, back-off, and the addresses and caps of user and
 * tenant. A refusal never tells which part was wrong.
 */
import { createHash } from 'node:crypto';
import { mayLoseChannels } from '../acl/check.ts';
import { hashOfPassword, passwordMatches, type User } from '../acl/user.ts';
import { latin1 } from '../base/bytes.ts';
import { ownerOf } from '../base/cidr.ts';
import type { LoginOutcome } from '../command/ports/session.ts';
import { type Certificate, entriesOf } from '../identity/certificate.ts';
import { fetchJwks } from '../identity/jwks-fetch.ts';
import { looksLikeToken, type TokenFault, type TokenIdentity } from '../identity/jwt.ts';
import { SlowPasswords } from '../identity/password.ts';
import type { LoginTerms } from '../identity/terms.ts';
import { type TokenEnd, Tokens } from '../identity/tokens.ts';
import {
  AUTH_WITHOUT_PASSWORD,
  MAX_CLIENTS_TENANT,
  MAX_CLIENTS_USER,
  NOT_IN_MULTI,
  RATE_AUTH,
  type Refusal,
  WRONGPASS,
} from '../resp/refusals.ts';
import { LOGINS_BUSY } from '../resp/session-refusals.ts';
import type { UserBudget } from '../tenancy/budget.ts';
import { DEFAULT_TENANT, type Tenant } from '../tenancy/tenant.ts';
import { Backoff } from './backoff.ts';
import { CertificateUsers } from './certificate-users.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Peer } from './peer.ts';
import type { Proven, SessionProof } from './proof.ts';
import { isOfName } from './server-names.ts';
import { nameSaid, TokenUsers } from './token-users.ts';

const DEFAULT_USER = 'default';
/** What logs and ACL LOG show where the name would be that of a token, or a token itself. */
const TOKEN_SHOWN = '(token)';

/** Undefined: nobody. A refusal: it was not looked at. */
type Verdict = Proven | Refusal | undefined;
/** Some secrets take their time. */
type Proof = Verdict | Promise<Verdict>;

/** One try to log in. */
interface Attempt {
  readonly connection: Connection;
  /** The name that was said. */
  readonly said: string | undefined;
  readonly secret: Uint8Array;
  readonly isToken: boolean;
  /** Whom a failure is counted against, and whom it is told of. */
  readonly countedAs: string;
  readonly shownAs: string;
}

export class Identity {
  private readonly core: Core;
  private readonly backoff: Backoff;
  private readonly tokens: Tokens;
  private readonly tokenUsers: TokenUsers;
  private readonly certificateUsers: CertificateUsers;
  private readonly slow: SlowPasswords;
  /** When issuers with an address last answered, by name: those that policy names now. */
  private answeredAt_ms: Map<string, number>;

  constructor(core: Core) {
    this.core = core;
    this.backoff = new Backoff();
    this.slow = new SlowPasswords();
    this.tokenUsers = new TokenUsers(core);
    this.certificateUsers = new CertificateUsers(core);
    this.answeredAt_ms = new Map();
    this.tokens = new Tokens({
      nowMs: () => core.clock.nowMs(),
      monotonicMs: () => core.clock.monotonicMs(),
      fetch: fetchJwks,
      fetched: (issuer, fault) => this.fetched(issuer, fault),
      keysChanged: () => this.endWithdrawn(),
    });
  }

  /** What the policy says from now on. */
  adopt(terms: LoginTerms): void {
    const asked = terms.tokens.issuers.filter(({ source }) => source.kind === 'url');
    this.answeredAt_ms = new Map(asked.map(({ name }) => [name, this.answeredAt_ms.get(name) ?? 0]));
    this.tokens.adopt(terms.tokens);
  }

  /** Now and then. */
  tick(): void {
    this.tokens.tick();
  }

  /** Lines of INFO section `gateway`. */
  figures(): readonly (readonly [name: string, value: number])[] {
    if (!this.tokens.isOn) return [];
    // One that is silent must not be hidden by another that answers.
    const oldest_ms = this.answeredAt_ms.size === 0 ? 0 : Math.min(...this.answeredAt_ms.values());
    return [['jwks_last_success_timestamp_seconds', Math.floor(oldest_ms / 1000)]];
  }

  private fetched(issuer: string, fault: string | undefined): void {
    const { core } = this;
    core.counters.tallies.count('jwks', fault === undefined ? 'success' : 'failure');
    if (fault === undefined && this.answeredAt_ms.has(issuer)) this.answeredAt_ms.set(issuer, core.clock.nowMs());
    if (fault !== undefined) core.log.event('warn', 'jwks.failed', fault, { issuer });
  }

  // -- Logging in ------------------------------------------------------------------------------------------------------

  authenticate(connection: Connection, userName: Uint8Array | undefined, secret: Uint8Array): LoginOutcome {
    const { core } = this;
    const attempt = this.attemptOf(connection, userName, secret);
    const isOpen = userName === undefined && core.acl.roster.get(DEFAULT_USER)?.nopass === true;
    if (isOpen && !attempt.isToken) return AUTH_WITHOUT_PASSWORD;
    if (!core.isTrusted(connection)) {
      const address = ownerOf(connection.address);
      if (this.backoff.holds(address, attempt.countedAs, core.clock.monotonicMs())) {
        core.security.loginFailed(connection, attempt.shownAs, 'too_many_failures');
        return this.putOff(RATE_AUTH);
      }
    }
    const proof = attempt.isToken ? this.proveByToken(attempt) : this.prove(attempt);
    if (!(proof instanceof Promise)) return this.conclude(attempt, proof);
    // Its transaction runs in one piece: nothing in it may be answered later.
    if (connection.session.isInTransaction) {
      proof
        .then((proven) => proven ?? this.conclude(attempt, undefined))
        .catch((bug: unknown) => {
          // It has been answered already.
          core.bug(bug, connection);
          connection.finish('internal_error');
        });
      return NOT_IN_MULTI;
    }
    const { version } = core.acl.roster;
    const { logins } = core.view;
    return proof.then((proven) => {
      if (connection.state === 'closed') {
        // Whoever does not wait for the answer has guessed all the same.
        return proven === undefined ? this.conclude(attempt, undefined) : WRONGPASS;
      }
      if (proven !== undefined && 'bytes' in proven) return this.conclude(attempt, proven);
      // Who was proven may be somebody else by now, or nobody.
      const isOld = core.acl.roster.version !== version || core.view.logins !== logins;
      if (isOld && proven !== undefined) return this.authenticate(connection, userName, secret);
      return this.conclude(attempt, proven);
    });
  }

  private attemptOf(connection: Connection, userName: Uint8Array | undefined, secret: Uint8Array): Attempt {
    const isToken = this.tokens.isOn && looksLikeToken(secret);
    const name = userName === undefined ? undefined : latin1(userName);
    const said = isToken ? nameSaid(name) : name;
    // A token in the place of the name must not be shown either.
    const isShown = userName === undefined || !looksLikeToken(userName);
    const shownAs = isShown && !(isToken && said === undefined) ? (said ?? DEFAULT_USER) : TOKEN_SHOWN;
    // By the token itself: one program with an old token does not lock out those behind the same address.
    const countedAs = isToken ? createHash('sha256').update(secret).digest('hex') : (said ?? DEFAULT_USER);
    return { connection, said, secret, isToken, countedAs, shownAs };
  }

  private putOff(refusal: Refusal): Refusal {
    this.core.counters.tallies.count('auth', 'put_off');
    return refusal;
  }

  private conclude(attempt: Attempt, found: Verdict): Refusal | undefined {
    const { core } = this;
    const { connection, isToken, countedAs, shownAs } = attempt;
    if (found !== undefined && 'bytes' in found) {
      core.security.loginPutOff(connection, shownAs);
      return this.putOff(found);
    }
    const held = found === undefined ? undefined : this.certificateUsers.refusalOf(connection, found.user);
    const proven = held === undefined ? found : undefined;
    const trusted = core.isTrusted(connection);
    if (proven === undefined) {
      const address = ownerOf(connection.address);
      if (!trusted) this.backoff.failed(address, countedAs, core.clock.monotonicMs());
      if (!isToken) core.counters.tallies.count('auth', 'password_failure');
      const why = held ?? (isToken ? 'wrong_token' : this.whyNot(connection, shownAs));
      core.denials.authentication(connection, shownAs, why);
      return WRONGPASS;
    }
    const refusal = this.roomFor(connection, proven);
    if (refusal !== undefined) {
      core.security.loginFailed(connection, shownAs, 'too_many_connections');
      return refusal;
    }
    core.counters.tallies.count('auth', isToken ? 'token_success' : 'password_success');
    this.take(connection, proven, false);
    return undefined;
  }

  /** Why no password was right, as far as it can be told: for records, never for who asked. */
  private whyNot(connection: Connection, name: string): string {
    if (name === TOKEN_SHOWN) return 'wrong_token';
    const user = this.core.acl.roster.get(name);
    if (user === undefined) return 'unknown_user';
    if (!user.enabled) return 'user_disabled';
    const tenant = this.core.tenants.get(user.tenant);
    if (tenant === undefined || !tenant.isOpen) return 'tenant_closed';
    return this.mayCome(connection, { user, tenant, proof: undefined }) ? 'wrong_secret' : 'address_denied';
  }

  // -- Passwords -------------------------------------------------------------------------------------------------------

  private prove({ connection, said, secret }: Attempt): Proof {
    const { core, slow } = this;
    const { logins } = core.view;
    const name = said ?? DEFAULT_USER;
    const user = core.acl.roster.get(name);
    // An unknown user costs as much as a known one.
    if (user === undefined) hashOfPassword(secret);
    const takesPasswords = user !== undefined && logins.tokenLogins.get(name) !== 'only';
    if (user !== undefined && (passwordMatches(user, secret) || user.nopass) && takesPasswords) {
      return this.admit(connection, user, undefined);
    }
    // Where anybody has a slow hash, whatever is wrong is as slow as theirs: else time would tell who has one.
    if (logins.slowHashes.size === 0) return undefined;
    // What ACL SETUSER made of a user has the passwords that were said there, and no others.
    const hasSlow = takesPasswords && user?.origin !== 'runtime';
    const hashes = (hasSlow ? logins.slowHashes.get(name) : undefined) ?? [];
    const known = slow.known(name, hashes, secret);
    if (known !== undefined && user !== undefined) {
      return this.admit(connection, user, { kind: 'slow_hash', hash: known });
    }
    const address = ownerOf(connection.address);
    const joined = slow.joined(name, hashes, secret);
    if (joined === undefined && !slow.hasRoom(name, address)) return LOGINS_BUSY;
    return (joined ?? slow.judge(name, address, hashes, secret)).then((hash) => {
      const now = core.acl.roster.get(name);
      if (hash === undefined || now === undefined) return undefined;
      return this.admit(connection, now, { kind: 'slow_hash', hash });
    });
  }

  private admit(connection: Connection, user: User, proof: SessionProof | undefined): Proven | undefined {
    const tenant = this.core.tenants.get(user.tenant);
    return tenant === undefined ? undefined : this.admitted(connection, { user, tenant, proof });
  }

  // -- Tokens ----------------------------------------------------------------------------------------------------------

  private proveByToken(attempt: Attempt): Proof {
    const { tokens } = this;
    const known = tokens.known(attempt.secret);
    if (known !== undefined) {
      return this.proveByIdentity(attempt, known);
    }
    if (!tokens.hasRoom) return LOGINS_BUSY;
    return tokens.judge(attempt.secret, ownerOf(attempt.connection.address)).then((judged) => {
      if (!judged.ok && judged.fault === 'keys_awaited') return LOGINS_BUSY;
      if (!judged.ok) return this.tokenFailed(judged.fault);
      return this.proveByIdentity(attempt, judged.value);
    });
  }

  private proveByIdentity({ connection, said }: Attempt, identity: TokenIdentity): Proven | undefined {
    const { boundTo } = identity;
    if (boundTo !== undefined && boundTo !== connection.peer.secure?.certificate?.thumbprint)
      return this.tokenFailed('not_holder');
    const found = this.tokenUsers.find(identity, said);
    const proven = found.ok ? this.admitted(connection, found.value) : undefined;
    if (proven === undefined) this.core.counters.tallies.count('auth', 'token_no_user');
    return proven;
  }

  private tokenFailed(fault: TokenFault): undefined {
    this.core.counters.tallies.count('auth', `token_${fault}`);
    return undefined;
  }

  /** Never later than the token says, by the clock that does not jump. */
  provenUntil_ms(proof: SessionProof | undefined): number {
    if (proof?.kind !== 'token') return Number.POSITIVE_INFINITY;
    const { clock } = this.core;
    return clock.monotonicMs() + (proof.identity.expiresAt_ms - clock.nowMs());
  }

  /** When the certificate of a client ends, by the same clock. */
  certifiedUntil_ms({ secure }: Peer): number {
    if (secure === undefined) return Number.POSITIVE_INFINITY;
    const { clock } = this.core;
    return clock.monotonicMs() + (secure.endsAt_ms - clock.nowMs());
  }

  /**
   * The certificate has ended, and who would come with it now would be refused; or the token ran out. Then whoever waits or
   * listens has nothing to be told by, and is closed; the others have to log in again, or are about to: whose login is being
   * looked at waits for that alone. True when the connection has ended.
   */
  expire(connection: Connection): boolean {
    const { session } = connection;
    if (session.isInTransaction) return false;
    if (this.core.clock.monotonicMs() >= session.certifiedUntil_ms) {
      session.provenUntil_ms = Number.POSITIVE_INFINITY;
      connection.close('certificate_expired');
      return true;
    }
    this.core.counters.tallies.count('auth', 'token_session_expired');
    const isLoggingIn = this.core.table.all[connection.lastCommand]?.isNoAuth === true;
    const isWaiting = connection.isWaiting && !isLoggingIn;
    if (connection.isSubscriber || connection.isMonitor || isWaiting || session.tracker !== undefined) {
      session.provenUntil_ms = Number.POSITIVE_INFINITY;
      connection.close('token_expired');
      return true;
    }
    session.expire();
    return false;
  }

  /** Why the token it came with counts no more before its time: it, or the key it was made with, was taken back. */
  endOf({ session }: Connection): TokenEnd | undefined {
    return session.proof?.kind === 'token' ? this.tokens.endOf(session.proof.identity) : undefined;
  }

  /** One look at each connection whenever an issuer publishes other keys. */
  private endWithdrawn(): void {
    for (const connection of Array.from(this.core.clients.all())) {
      const reason = this.endOf(connection);
      if (reason !== undefined) connection.close(reason);
    }
  }

  // -- Who is let in ---------------------------------------------------------------------------------------------------

  private admitted(connection: Connection, proven: Proven): Proven | undefined {
    return proven.user.enabled && this.mayCome(connection, proven) ? proven : undefined;
  }

  /** The allowlists of the tenant, the user and, for operators, of administration. */
  private mayCome(connection: Connection, proven: Proven): boolean {
    const { view } = this.core;
    const { address } = connection;
    const { user, tenant } = proven;
    if (!tenant.isOpen) return false;
    if (!isOfName(connection.peer.secure?.tenantName, tenant.name)) return false;
    if (tenant.addresses?.allows(address) === false) return false;
    if (view.userAddresses.get(user.name)?.allows(address) === false) return false;
    if (TokenUsers.addressesOf(proven)?.allows(address) === false) return false;
    return !(tenant.isSystem && view.adminAddresses?.allows(address) === false);
  }

  /** Whether tenant and user may have one more connection: so many at a time, and so many new ones a second. */
  private roomFor(connection: Connection, { user, tenant, proof }: Proven): Refusal | undefined {
    const { rates } = this.core;
    if (this.core.isTrusted(connection)) return undefined;
    const isNew = connection.session.tenant !== tenant;
    if (isNew && !tenant.hasRoomForConnection) return MAX_CLIENTS_TENANT;
    const use = rates.users.of(user, proof);
    const newUse = use === connection.userUse ? undefined : use;
    const most = newUse?.budget.connections ?? 0;
    if (newUse !== undefined && most > 0 && newUse.connections >= most) {
      newUse.connectionsRefused++;
      return MAX_CLIENTS_USER;
    }
    return rates.enters(isNew ? tenant.rates : undefined, newUse);
  }

  private take(connection: Connection, { user, tenant, proof }: Proven, byCertificate: boolean): void {
    const fallback = this.core.tenants.get(DEFAULT_TENANT);
    const namespace = tenant.isSystem ? (fallback ?? tenant) : tenant;
    connection.session.cameByCertificate = byCertificate;
    connection.session.become(user, tenant, namespace, proof);
  }

  /** The tenant that a client would be of by its certificate. */
  tenantByCertificate(peer: Peer): Tenant | undefined {
    return this.certificateUsers.tenantOf(peer);
  }

  /**
   * Who a connection is from the start: whom its certificate names; else, as in Redis, the user `default` while that is on
   * and needs no password.
   */
  byDefault(connection: Connection): void {
    const named = this.certificateUsers.nameOf(connection.peer);
    const user = this.core.acl.roster.get(named ?? DEFAULT_USER);
    if (user === undefined || !user.enabled || (named === undefined && !user.nopass)) return;
    const tenant = this.core.tenants.get(user.tenant);
    if (tenant === undefined) return;
    const proven: Proven = { user, tenant, proof: undefined };
    if (!this.mayCome(connection, proven)) return;
    if (this.roomFor(connection, proven) !== undefined) return;
    this.take(connection, proven, named !== undefined);
  }

  /**
   * ACL LOG of a client that came with a certificate and is not the user it names. Where passwords are another way in, a
   * certificate that names nobody is nothing to remark.
   */
  recordCertificate(connection: Connection): void {
    const { session, peer } = connection;
    const certificate = peer.secure?.certificate;
    if (certificate === undefined || session.cameByCertificate) return;
    const { denials, security, view } = this.core;
    const named = this.certificateUsers.nameOf(peer);
    if (named === undefined) {
      if (view.certificates?.passwordAllowed !== true) {
        denials.certificate(peer, connection, this.entryOf(certificate), 'certificate_unmapped');
      }
      return;
    }
    const why = this.whyNot(connection, named);
    const reason = why === 'wrong_secret' ? 'too_many_connections' : why;
    denials.certificate(peer, connection, named, reason);
    security.loginFailed(connection, named, reason);
  }

  /** The same of one that is turned away. */
  recordRefused(peer: Peer, certificate: Certificate, why: string): void {
    this.core.denials.certificate(peer, undefined, this.entryOf(certificate), why);
  }

  private entryOf(certificate: Certificate): string {
    const kind = this.core.view.certificates?.identifyBy;
    return kind === undefined ? '' : entriesOf(certificate, kind).join(',');
  }

  // -- Later -----------------------------------------------------------------------------------------------------------

  /** The roster has changed: the same name may mean another user now, or nobody. False when the connection must end. */
  renew(connection: Connection): boolean {
    const { core } = this;
    const { session } = connection;
    const before = session.user;
    session.rosterVersion = core.acl.roster.version;
    if (before === undefined) return true;
    const proven = this.provenNow(connection, before);
    if (proven === undefined || proven.tenant !== session.tenant) return false;
    if (!this.mayCome(connection, proven)) return false;
    const { user } = proven;
    if (!this.certificateUsers.isStillProven(connection, user)) return false;
    const hasOtherBudget = budgetOf(session.proof) !== budgetOf(proven.proof);
    session.user = user;
    session.proof = proven.proof;
    if (hasOtherBudget) core.rates.measure(connection);
    if (connection.isSubscriber && mayLoseChannels(before, user) && !core.pubsub.permits(connection, user)) {
      if (connection === core.running) connection.finish('channels_revoked');
      else connection.close('channels_revoked');
    }
    if (session.cameByCertificate || proven.proof !== undefined) return user.enabled;
    return user.origin === 'runtime' || user === before || stillWelcome(before, user);
  }

  /** Who the connection would be if it logged in again now, by what it was proven by. */
  private provenNow({ session }: Connection, before: User): Proven | undefined {
    const { core } = this;
    const { proof } = session;
    if (proof?.kind === 'token') {
      const found = this.tokenUsers.find(proof.identity, undefined);
      return found.ok && found.value.user.name === before.name ? found.value : undefined;
    }
    const user = core.acl.roster.get(before.name);
    const tenant = user === undefined ? undefined : core.tenants.get(user.tenant);
    if (user === undefined || tenant === undefined) return undefined;
    const { tokenLogins, slowHashes } = core.view.logins;
    if (tokenLogins.get(user.name) === 'only' && !session.cameByCertificate) return undefined;
    if (proof?.kind === 'slow_hash' && slowHashes.get(user.name)?.includes(proof.hash) !== true) return undefined;
    return { user, tenant, proof };
  }
}

/** That of the role, where a token made the user. */
function budgetOf(proof: SessionProof | undefined): UserBudget | undefined {
  return proof?.kind === 'token' ? proof.template?.budget : undefined;
}

/** A policy that switched a user off or took away every password it had ends that user's connections. */
function stillWelcome(before: User, user: User): boolean {
  if (!user.enabled) return false;
  return user.nopass || before.nopass || before.passwordHashes.some((hash) => user.passwordHashes.includes(hash));
}
