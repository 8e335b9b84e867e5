/**
 * Every connection there is, and what a session may see and do of the others: its own tenant's, or as an operator all.
 */
import { ownerOf, type ParsedAddress } from '../base/cidr.ts';
import { Counts } from '../base/counts.ts';
import type { Command } from '../command/command.ts';
import type { ClientFilter, ClientsPort } from '../command/ports/session.ts';
import type { Tenant } from '../tenancy/tenant.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Peer } from './peer.ts';

interface Pause {
  until_ms: number;
  onlyWrites: boolean;
}

export class Clients {
  /** Whether anybody may be paused: the one look per command that a pause costs when there is none. */
  isPaused: boolean;
  private readonly core: Core;
  private readonly byId: Map<number, Connection>;
  private readonly perOwner: Counts<string>;
  private pause: Pause | undefined;

  constructor(core: Core) {
    this.core = core;
    this.isPaused = false;
    this.byId = new Map();
    this.perOwner = new Counts();
    this.pause = undefined;
  }

  get count(): number {
    return this.byId.size;
  }

  all(): IterableIterator<Connection> {
    return this.byId.values();
  }

  find(id: number): Connection | undefined {
    return this.byId.get(id);
  }

  countOf(tenant: Tenant | undefined): number {
    return tenant === undefined ? this.byId.size : tenant.connections;
  }

  blockedOf(tenant: Tenant | undefined): number {
    let count = 0;
    for (const connection of this.byId.values()) {
      if (connection.isWaiting && (tenant === undefined || connection.session.tenant === tenant)) count++;
    }
    return count;
  }

  subscribersOf(tenant: Tenant | undefined): number {
    let count = 0;
    for (const { isSubscriber, session } of this.byId.values()) {
      if (isSubscriber && (tenant === undefined || session.tenant === tenant)) count++;
    }
    return count;
  }

  /** Of everybody whom the address belongs to: all of a /64. */
  fromAddress(address: ParsedAddress): number {
    return this.perOwner.of(ownerOf(address));
  }

  add(connection: Connection): void {
    this.byId.set(connection.id, connection);
    this.perOwner.add(ownerOf(connection.address));
    this.core.security.opened(connection);
  }

  remove(connection: Connection): void {
    if (this.byId.delete(connection.id)) this.perOwner.remove(ownerOf(connection.address));
  }

  get(id: number): Connection | undefined {
    return this.byId.get(id);
  }

  /** The same, as far as another may know of it. */
  findFor(viewer: Connection, id: number): Connection | undefined {
    const connection = this.byId.get(id);
    return connection !== undefined && visible(viewer, connection) ? connection : undefined;
  }

  // -- Pause -----------------------------------------------------------------------------------------------------------

  /** Whether this command has to wait. Operators go on: somebody must be able to end the pause. */
  pauses(connection: Connection, command: Command): boolean {
    const { pause } = this;
    if (pause === undefined) return false;
    if (this.core.clock.monotonicMs() >= pause.until_ms) {
      this.endPause();
      return false;
    }
    if (command.fullName.startsWith('client|') && connection.session.isOperator) return false;
    const writes = command.isWrite || (command.fullName === 'exec' && connection.session.transaction?.writes === true);
    return !pause.onlyWrites || writes;
  }

  startPause(timeout_ms: number, onlyWrites: boolean): void {
    const until_ms = this.core.clock.monotonicMs() + timeout_ms;
    const before = this.pause;
    this.pause = {
      until_ms: before === undefined ? until_ms : Math.max(before.until_ms, until_ms),
      onlyWrites: before === undefined ? onlyWrites : before.onlyWrites && onlyWrites,
    };
    this.isPaused = true;
  }

  endPause(): void {
    this.pause = undefined;
    this.isPaused = false;
    for (const connection of this.byId.values()) connection.resumeSoon();
  }

  /** Called by the ticker. */
  checkPause(now_ms: number): void {
    if (this.pause !== undefined && now_ms >= this.pause.until_ms) this.endPause();
  }

  // -- Views -----------------------------------------------------------------------------------------------------------

  seenBy(viewer: Connection): ClientsPort {
    return {
      list: (filter) => {
        let text = '';
        for (const connection of this.matching(viewer, filter)) text += `${this.describe(connection)}\n`;
        return text;
      },
      kill: (filter) => {
        const victims = this.matching(viewer, filter);
        for (const victim of victims) {
          if (victim === viewer) victim.finish('killed');
          else victim.close('killed');
        }
        return victims.length;
      },
      knowsUser: (name) => {
        const user = this.core.acl.roster.get(name);
        return user !== undefined && (viewer.session.isOperator || user.tenant === viewer.session.tenantName);
      },
      unblock: (id, withError) => {
        const connection = this.byId.get(id);
        if (connection === undefined || !visible(viewer, connection)) return false;
        return connection.cutWait(withError ? 'error' : 'timeout');
      },
      pause: (timeout_ms, onlyWrites) => this.startPause(timeout_ms, onlyWrites),
      unpause: () => this.endPause(),
    };
  }

  private matching(viewer: Connection, filter: ClientFilter): readonly Connection[] {
    const now_ms = this.core.clock.monotonicMs();
    const found: Connection[] = [];
    for (const connection of this.byId.values()) {
      if (!visible(viewer, connection) || !matches(connection, filter, now_ms)) continue;
      if (filter.skipSelf === true && connection === viewer) continue;
      found.push(connection);
    }
    return found;
  }

  /** The line of CLIENT LIST, with the fields and in the order of Redis 7. */
  describe(connection: Connection): string {
    const { session, peer, subscriptions } = connection;
    const now_ms = this.core.clock.monotonicMs();
    const seconds = (since_ms: number) => Math.max(0, Math.floor((now_ms - since_ms) / 1000));
    const command = this.core.table.all[connection.lastCommand];
    const query = connection.queryBytes;
    const output = connection.outputBytes;
    const fields: readonly (readonly [string, string | number])[] = [
      ['id', connection.id],
      ['addr', `${bracketed(connection.addressText)}:${peer.port}`],
      ['laddr', peer.localText],
      ['fd', connection.id],
      ['name', session.name],
      ['age', seconds(connection.openedAt_ms)],
      ['idle', seconds(connection.lastActive_ms)],
      ['flags', flagsOf(connection)],
      ['db', session.databaseNumber],
      ['sub', subscriptions?.channels.size ?? 0],
      ['psub', subscriptions?.patterns.size ?? 0],
      ['ssub', subscriptions?.shardChannels.size ?? 0],
      ['multi', session.transaction?.requests.count ?? -1],
      ['qbuf', query],
      ['qbuf-free', 0],
      ['argv-mem', 0],
      ['multi-mem', session.transaction?.queuedBytes ?? 0],
      ['rbs', 0],
      ['rbp', 0],
      ['obl', 0],
      ['oll', connection.waitingReplies],
      ['omem', output],
      ['tot-mem', query + output + (session.transaction?.requests.heldBytes ?? 0) + (subscriptions?.bytes ?? 0)],
      ['events', 'r'],
      ['cmd', command?.fullName ?? 'NULL'],
      ['user', session.userName],
      ['redir', session.tracker?.options.redirect ?? -1],
      ['resp', session.protocol],
      ['lib-name', session.libraryName],
      ['lib-ver', session.libraryVersion],
    ];
    return fields.map(([name, value]) => `${name}=${value}`).join(' ');
  }
}

/** The same of somebody who is refused before there is a connection. */
export function describePeer({ addressText, port, localText }: Peer): string {
  const before = `id=0 addr=${bracketed(addressText)}:${port} laddr=${localText} fd=0 name= age=0 idle=0 flags=N db=0`;
  const counts =
    'sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0';
  return `${before} ${counts} tot-mem=0 events=r cmd=NULL user= redir=-1 resp=2 lib-name= lib-ver=`;
}

/** The letters in the order in which redis-server writes them, `N` when there is nothing to say. */
function flagsOf({ session, isWaiting, isSubscriber, isMonitor }: Connection): string {
  const letters: readonly (readonly [boolean, string])[] = [
    [isMonitor, 'O'],
    [isSubscriber, 'P'],
    [session.transaction !== undefined, 'x'],
    [isWaiting, 'b'],
    [session.tracker !== undefined, 't'],
    [session.tracker?.isBroken === true, 'R'],
    [session.tracker?.options.bcast === true, 'B'],
    [session.noEvict, 'e'],
    [session.noTouch, 'T'],
  ];
  const flags = letters.map(([is, letter]) => (is ? letter : '')).join('');
  return flags === '' ? 'N' : flags;
}

/** As it stands before a port. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Operators see everybody; others the connections of their tenant, and of the unauthenticated only themselves. */
function visible(viewer: Connection, connection: Connection): boolean {
  if (viewer === connection || viewer.session.isOperator) return true;
  return connection.session.tenant !== undefined && connection.session.tenant === viewer.session.tenant;
}

function matches(connection: Connection, filter: ClientFilter, now_ms: number): boolean {
  const { peer, session } = connection;
  if (filter.ids !== undefined && !filter.ids.includes(connection.id)) return false;
  if (filter.address !== undefined && filter.address !== `${bracketed(connection.addressText)}:${peer.port}`)
    return false;
  if (filter.localAddress !== undefined && filter.localAddress !== peer.localText) return false;
  if (filter.userName !== undefined && (!session.isAuthenticated || filter.userName !== session.userName)) return false;
  if (filter.clientType !== undefined && filter.clientType !== (connection.isSubscriber ? 'pubsub' : 'normal'))
    return false;
  return filter.maxAgeSeconds === undefined || now_ms - connection.openedAt_ms >= 1000 * filter.maxAgeSeconds;
}
