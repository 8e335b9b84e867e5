/**
 * Who is it, and may they come in: passwords, back-off, and the addresses and caps of user and tenant. A refusal never
 * tells which part was wrong.
 */
import { mayLoseChannels } from '../acl/check.ts';
import { hashOfPassword, passwordMatches, type User } from '../acl/user.ts';
import { latin1 } from '../base/bytes.ts';
import type { LoginOutcome } from '../command/ports/session.ts';
import { userOf } from '../identity/certificate.ts';
import {
  AUTH_WITHOUT_PASSWORD,
  MAX_CLIENTS_TENANT,
  MAX_CLIENTS_USER,
  NOT_IN_MULTI,
  RATE_AUTH,
  type Refusal,
  WRONGPASS,
} from '../resp/refusals.ts';
import { DEFAULT_TENANT, type Tenant } from '../tenancy/tenant.ts';
import { Backoff } from './backoff.ts';
import type { Connection, Peer } from './connection.ts';
import type { Core } from './core.ts';

const DEFAULT_USER = 'default';

interface Proven {
  readonly user: User;
  readonly tenant: Tenant;
}

/** Undefined: nobody. Some secrets take their time. */
type Proof = Proven | undefined | Promise<Proven | undefined>;

export class Identity {
  private readonly core: Core;
  private readonly backoff: Backoff;

  constructor(core: Core) {
    this.core = core;
    this.backoff = new Backoff();
  }

  authenticate(connection: Connection, userName: Uint8Array | undefined, secret: Uint8Array): LoginOutcome {
    const { core } = this;
    if (userName === undefined && core.acl.roster.get(DEFAULT_USER)?.nopass === true) return AUTH_WITHOUT_PASSWORD;
    const now_ms = core.clock.monotonicMs();
    const address = connection.addressText;
    const trusted = core.isTrusted(connection);
    const name = userName === undefined ? DEFAULT_USER : latin1(userName);
    if (!trusted && this.backoff.holds(address, name, now_ms)) {
      core.security.loginFailed(connection, name, 'too_many_failures');
      return RATE_AUTH;
    }
    const proof = this.prove(connection, name, secret);
    if (!(proof instanceof Promise)) return this.conclude(connection, name, proof);
    // Its transaction runs in one piece: nothing in it may be answered later.
    if (connection.session.isInTransaction) return NOT_IN_MULTI;
    const { version } = core.acl.roster;
    return proof.then((proven) => {
      if (connection.state === 'closed') return WRONGPASS;
      // Who was proven may be somebody else by now, or nobody.
      if (core.acl.roster.version !== version) return this.authenticate(connection, userName, secret);
      return this.conclude(connection, name, proven);
    });
  }

  private conclude(connection: Connection, name: string, found: Proven | undefined): Refusal | undefined {
    const { core } = this;
    const proven = found === undefined || this.mayBecome(connection, found.user) ? found : undefined;
    if (proven === undefined) {
      if (!core.isTrusted(connection)) this.backoff.failed(connection.addressText, name, core.clock.monotonicMs());
      core.denials.authentication(connection, name);
      return WRONGPASS;
    }
    const { user, tenant } = proven;
    const refusal = this.roomFor(connection, user, tenant);
    if (refusal !== undefined) {
      core.security.loginFailed(connection, name, 'too_many_connections');
      return refusal;
    }
    this.take(connection, user, tenant);
    connection.session.cameByCertificate = false;
    return undefined;
  }

  private prove(connection: Connection, name: string, password: Uint8Array): Proof {
    const { core } = this;
    const user = core.acl.roster.get(name);
    if (user === undefined) {
      // An unknown user costs as much as a known one.
      hashOfPassword(password);
      return undefined;
    }
    if (!passwordMatches(user, password) && !user.nopass) return undefined;
    const tenant = core.tenants.get(user.tenant);
    if (!user.enabled || tenant === undefined || !this.mayCome(connection, user, tenant)) return undefined;
    return { user, tenant };
  }

  /** Why nobody was proven, as far as it can be told: for records, never for who asked. */
  whyNot(connection: Connection, name: string): string {
    const user = this.core.acl.roster.get(name);
    if (user === undefined) return 'unknown_user';
    if (!user.enabled) return 'user_disabled';
    const tenant = this.core.tenants.get(user.tenant);
    if (tenant === undefined || !tenant.isOpen) return 'tenant_closed';
    return this.mayCome(connection, user, tenant) ? 'wrong_secret' : 'address_denied';
  }

  /** The allowlists of the tenant, the user and, for operators, of administration. */
  private mayCome({ peer, address }: Connection, user: User, tenant: Tenant): boolean {
    const { view } = this.core;
    if (!tenant.isOpen) return false;
    const onlyTenant = peer.secure?.tenantName;
    if (onlyTenant !== undefined && tenant.name !== onlyTenant) return false;
    if (tenant.addresses?.allows(address) === false) return false;
    if (view.userAddresses.get(user.name)?.allows(address) === false) return false;
    return !(tenant.isSystem && view.adminAddresses?.allows(address) === false);
  }

  /** Whether tenant and user may have one more connection: so many at a time, and so many new ones a second. */
  private roomFor(connection: Connection, user: User, tenant: Tenant): Refusal | undefined {
    const { rates } = this.core;
    if (this.core.isTrusted(connection)) return undefined;
    const isNew = connection.session.tenant !== tenant;
    if (isNew && !tenant.hasRoomForConnection) return MAX_CLIENTS_TENANT;
    const use = rates.ofUser(user.name);
    const newUse = use === connection.userUse ? undefined : use;
    const most = newUse?.budget.connections ?? 0;
    if (newUse !== undefined && most > 0 && newUse.connections >= most) return MAX_CLIENTS_USER;
    return rates.enters(isNew ? tenant.rates : undefined, newUse);
  }

  private take(connection: Connection, user: User, tenant: Tenant): void {
    const fallback = this.core.tenants.get(DEFAULT_TENANT);
    const namespace = tenant.isSystem ? (fallback ?? tenant) : tenant;
    connection.session.become(user, tenant, namespace);
  }

  /** As in Redis: while the user `default` is on and needs no password, a connection is that user from the start. */
  byDefault(connection: Connection): void {
    const named = this.userByCertificate(connection.peer);
    const user = this.core.acl.roster.get(named ?? DEFAULT_USER);
    if (user === undefined || !user.enabled || (named === undefined && !user.nopass)) return;
    const tenant = this.core.tenants.get(user.tenant);
    if (tenant === undefined || !this.mayCome(connection, user, tenant)) return;
    if (this.roomFor(connection, user, tenant) !== undefined) return;
    this.take(connection, user, tenant);
    connection.session.cameByCertificate = named !== undefined;
  }

  /** Whom the certificate of a client names, by the policy of now; undefined: nobody, or there is none. */
  private userByCertificate({ secure }: Peer): string | undefined {
    const { certificates } = this.core.view;
    if (secure?.certificate === undefined || certificates === undefined) return undefined;
    const named = userOf(secure.certificate, certificates.identifyBy, certificates.users);
    return named.ok ? named.value : undefined;
  }

  /** The tenant that a client would be of by its certificate. */
  tenantByCertificate(peer: Peer): Tenant | undefined {
    const name = this.userByCertificate(peer);
    const user = name === undefined ? undefined : this.core.acl.roster.get(name);
    return user === undefined ? undefined : this.core.tenants.get(user.tenant);
  }

  /** A password is no way to who has a certificate, nor from one who showed a certificate to somebody else. */
  private mayBecome(connection: Connection, user: User): boolean {
    const { certificates } = this.core.view;
    if (certificates === undefined || certificates.passwordAllowed) return true;
    const named = this.userByCertificate(connection.peer);
    const isBound = certificates.bound.has(user.name);
    if (!isBound && (named === undefined || named === user.name)) return true;
    const reason =
      named === undefined || named === user.name ? 'password_of_certificate_user' : 'certificate_of_other_user';
    this.core.denials.refused(reason, { id: connection.id, address: connection.addressText, user: user.name });
    return false;
  }

  /** The roster has changed: the same name may mean another user now, or nobody. False when the connection must end. */
  renew(connection: Connection): boolean {
    const { core } = this;
    const { session } = connection;
    const before = session.user;
    session.rosterVersion = this.core.acl.roster.version;
    if (before === undefined) return true;
    const user = this.core.acl.roster.get(before.name);
    const tenant = user === undefined ? undefined : this.core.tenants.get(user.tenant);
    if (user === undefined || tenant === undefined || tenant !== session.tenant) return false;
    if (!this.mayCome(connection, user, tenant)) return false;
    if (!this.isStillProven(connection, user)) return false;
    session.user = user;
    if (connection.isSubscriber && mayLoseChannels(before, user) && !core.pubsub.permits(connection, user)) {
      if (connection === core.running) connection.finish('channels_revoked');
      else connection.close('channels_revoked');
    }
    if (session.cameByCertificate) return user.enabled;
    return user.origin === 'runtime' || user === before || stillWelcome(before, user);
  }

  /** What it came with is still a way to be this user. */
  private isStillProven({ session, peer }: Connection, user: User): boolean {
    if (session.cameByCertificate) return this.userByCertificate(peer) === user.name;
    const { certificates } = this.core.view;
    return certificates === undefined || certificates.passwordAllowed || !certificates.bound.has(user.name);
  }
}

/** A policy that switched a user off or took away every password it had ends that user's connections. */
function stillWelcome(before: User, user: User): boolean {
  if (before.origin === 'runtime' || !user.enabled) return user.enabled;
  return user.nopass || before.nopass || before.passwordHashes.some((hash) => user.passwordHashes.includes(hash));
}
