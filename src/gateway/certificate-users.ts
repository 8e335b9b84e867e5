/**
 * Whom the certificate of a client makes it, and whom it may not become besides: a user who has a certificate has no other
 * way in, and who has shown one is nobody else, unless policy lets passwords in as well.
 */
import type { User } from '../acl/user.ts';
import { userOf } from '../identity/certificate.ts';
import type { Tenant } from '../tenancy/tenant.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Peer } from './peer.ts';

export class CertificateUsers {
  private readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  /** Whom the certificate of a client names, by the policy of now; undefined: nobody, or there is none. */
  nameOf({ secure }: Peer): string | undefined {
    const { certificates } = this.core.view;
    if (secure?.certificate === undefined || certificates === undefined) return undefined;
    const named = userOf(secure.certificate, certificates.identifyBy, certificates.users);
    return named.ok ? named.value : undefined;
  }

  /** The tenant that a client would be of by its certificate. */
  tenantOf(peer: Peer): Tenant | undefined {
    const name = this.nameOf(peer);
    const user = name === undefined ? undefined : this.core.acl.roster.get(name);
    return user === undefined ? undefined : this.core.tenants.get(user.tenant);
  }

  /**
   * A password or a token is no way to who has a certificate, nor from one who showed a certificate to somebody else: then
   * the reason, which has been told of.
   */
  refusalOf(connection: Connection, user: User): string | undefined {
    const reason = this.whyNot(connection.peer, user);
    if (reason === undefined) return undefined;
    this.core.denials.refused(reason, { id: connection.id, address: connection.addressText, user: user.name });
    return reason;
  }

  /** What a connection came with is still a way to be this user. */
  isStillProven({ session, peer }: Connection, user: User): boolean {
    if (session.cameByCertificate) return this.nameOf(peer) === user.name;
    return this.whyNot(peer, user) === undefined;
  }

  private whyNot(peer: Peer, user: User): string | undefined {
    const { certificates } = this.core.view;
    if (certificates === undefined || certificates.passwordAllowed) return undefined;
    const named = this.nameOf(peer);
    if (named !== undefined && named !== user.name) return 'certificate_of_other_user';
    return certificates.bound.has(user.name) ? 'password_of_certificate_user' : undefined;
  }
}
