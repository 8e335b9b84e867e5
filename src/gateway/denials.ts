/** What happens beside the reply when somebody is refused: a count, a line in ACL LOG, a line in the log of the process. */
import type { AclLog, DenialReason } from '../acl/log.ts';
import type { Command } from '../command/command.ts';
import { actionOf } from './audit.ts';
import { describePeer } from './clients.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Peer } from './peer.ts';

export class Denials {
  private readonly core: Core;
  private readonly aclLog: AclLog;

  constructor(core: Core, aclLog: AclLog) {
    this.core = core;
    this.aclLog = aclLog;
  }

  authentication(connection: Connection, userName: string, why: string): void {
    connection.counters.deniedAuth++;
    this.write(connection, 'auth', 'auth', userName);
    this.core.security.loginFailed(connection, userName, why);
  }

  /**
   * A certificate that its authority vouches for, and that makes its client nobody. What anybody could show, of no authority
   * or of none that is trusted, is in the log of the process alone: it would push out what stands here.
   */
  certificate(peer: Peer, connection: Connection | undefined, userName: string, why: string): void {
    const { core } = this;
    (connection?.counters ?? core.counters.strangers).deniedCertificate++;
    core.counters.tallies.count('acl_denied', 'tls_cert');
    this.aclLog.add(
      {
        reason: 'tls-cert',
        context: 'toplevel',
        object: why,
        userName,
        tenantName: '',
        clientInfo: connection === undefined ? describePeer(peer) : core.clients.describe(connection),
      },
      core.clock.nowMs(),
    );
  }

  command(connection: Connection, command: Command): void {
    connection.counters.deniedCommand++;
    this.write(connection, 'command', command.fullName, connection.session.userName);
    this.core.security.denied(connection, 'command', actionOf(command));
  }

  key(connection: Connection, command: Command, object: string): void {
    connection.counters.deniedKey++;
    this.write(connection, 'key', object, connection.session.userName);
    this.core.security.denied(connection, 'key', actionOf(command), object);
  }

  channel(connection: Connection, command: Command, object: string): void {
    connection.counters.deniedChannel++;
    this.write(connection, 'channel', object, connection.session.userName);
    this.core.security.denied(connection, 'channel', actionOf(command), object);
  }

  /** What no user of a tenant may do, whatever the rules say. */
  ceiling(connection: Connection, command: Command): void {
    this.core.counters.tallies.count('denied', 'ceiling');
    this.core.security.denied(connection, 'ceiling', actionOf(command));
  }

  /**
   * Somebody is turned away for a reason that ACL LOG has no word for, maybe before anything is known of them. Each reason
   * is a word of the program, and is counted under it.
   */
  refused(reason: string, fields: Readonly<Record<string, string | number | undefined>>): void {
    this.core.counters.tallies.count('denied', reason);
    this.core.log.event('warn', 'access.denied', reason, fields);
    this.core.security.refused(reason, fields);
  }

  private write(connection: Connection, reason: DenialReason, object: string, userName: string): void {
    const { core } = this;
    core.counters.tallies.count('acl_denied', reason);
    this.aclLog.add(
      {
        reason,
        context: isInMulti(connection) ? 'multi' : 'toplevel',
        object,
        userName,
        tenantName: connection.session.tenantName,
        clientInfo: core.clients.describe(connection),
      },
      core.clock.nowMs(),
    );
    core.log.event('warn', 'access.denied', reason, {
      id: connection.id,
      address: connection.addressText,
      user: userName,
      object: reason === 'key' || reason === 'channel' ? undefined : object,
    });
  }
}

/** As in Redis: what is refused while it is queued, and what EXEC finds refused by then. */
function isInMulti({ session }: Connection): boolean {
  return session.transaction !== undefined || session.isInTransaction;
}
