/**
 * Client-side caching of all tenants: who is told that what they hold of a key is not what it is any more. Shards remember
 * who has read what and tell of changes; who wants to hear of every change under a prefix is known here alone. Those get
 * the changes of a turn in one message, the others each change as it comes.
 *
 * Nobody hears of a key by prefix that their user may not read.
 */
import { mayRead } from '../acl/check.ts';
import { bytesOfLatin1 } from '../base/bytes.ts';
import { Counts } from '../base/counts.ts';
import type { Invalidation } from '../command/ports/backend.ts';
import type { TrackingOptions, TrackingPort } from '../command/ports/tracking.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Session } from './session.ts';
import { SessionTracking } from './tracker.ts';

interface Prefix {
  readonly text: string;
  readonly clients: Set<Connection>;
  /** Keys that have changed in this turn, and by whom: SEVERAL when it was not one alone. */
  changes: Map<string, number>;
}

class TrackingSpace {
  /** Everybody of the tenant who tracks, by prefix or not. */
  readonly trackers: Set<Connection> = new Set();
  readonly prefixes: Map<string, Prefix> = new Map();
  /** How many prefixes there are of each length: a key is looked up once for each. */
  readonly lengths: Counts<number> = new Counts();
}

/** No client has this number: nobody is spared. redis-server spares whoever wrote first, whose cache is wrong then. */
const SEVERAL = 0;
/** All that has changed. */
const EVERYTHING = undefined;

export class Tracking {
  private readonly core: Core;
  private readonly spaces: Map<number, TrackingSpace>;
  /** Prefixes with changes of this turn. */
  private dirty: Prefix[];
  private readonly out: ReplyWriter;
  /** What was encoded last, for as long as others may be told the same. */
  private encodedKeys: readonly string[] | undefined;
  private encodedBytes: Uint8Array | undefined;

  constructor(core: Core) {
    this.core = core;
    this.spaces = new Map();
    this.dirty = [];
    this.out = new ReplyWriter();
    this.encodedKeys = undefined;
    this.encodedBytes = undefined;
  }

  seenBy(connection: Connection): TrackingPort {
    return new SessionTracking(this, connection);
  }

  /**
   * The connection that may be told in another's place: one of the same user. What another may read is not what this one
   * may, and names of keys are data; to everybody else it does not exist.
   */
  earOf(connection: Connection, id: number): Connection | undefined {
    const ear = this.core.clients.findFor(connection, id);
    return ear !== undefined && isSameUser(connection.session, ear.session) ? ear : undefined;
  }

  // -- Coming and going --------------------------------------------------------------------------------------------------

  start(connection: Connection, options: TrackingOptions): void {
    const { session } = connection;
    const { tenantNumber } = session;
    // Who tracks by prefix already only adds to them, and hears of what has changed in this turn until now.
    if (session.tracker?.options.bcast !== true) this.stop(connection);
    session.setTracker({ options, tenantNumber, isBroken: false });
    const space = this.spaces.get(tenantNumber) ?? new TrackingSpace();
    this.spaces.set(tenantNumber, space);
    space.trackers.add(connection);
    for (const text of options.prefixes) this.addPrefix(space, tenantNumber, text, connection);
  }

  stop(connection: Connection): void {
    const { session } = connection;
    const { tracker } = session;
    if (tracker === undefined) return;
    session.setTracker(undefined);
    const space = this.spaces.get(tracker.tenantNumber);
    if (space === undefined) return;
    space.trackers.delete(connection);
    for (const text of tracker.options.prefixes) this.removePrefix(space, tracker.tenantNumber, text, connection);
    if (space.trackers.size === 0) this.spaces.delete(tracker.tenantNumber);
  }

  private addPrefix(space: TrackingSpace, tenantNumber: number, text: string, connection: Connection): void {
    const known = space.prefixes.get(text);
    if (known !== undefined) {
      known.clients.add(connection);
      return;
    }
    if (space.prefixes.size === 0) this.core.backend.broadcast(tenantNumber, true);
    space.prefixes.set(text, { text, clients: new Set([connection]), changes: new Map() });
    space.lengths.add(text.length);
  }

  private removePrefix(space: TrackingSpace, tenantNumber: number, text: string, connection: Connection): void {
    const known = space.prefixes.get(text);
    known?.clients.delete(connection);
    if (known === undefined || known.clients.size > 0) return;
    space.prefixes.delete(text);
    space.lengths.remove(text.length);
    if (space.prefixes.size === 0) this.core.backend.broadcast(tenantNumber, false);
  }

  // -- What storage says -------------------------------------------------------------------------------------------------

  invalidated(tenantNumber: number, key: string, { clients, isBroadcast, writer, hasWaited }: Invalidation): void {
    const keys = [key];
    for (const id of clients) {
      const connection = this.core.clients.get(id);
      const tracker = connection?.session.tracker;
      if (connection === undefined || tracker === undefined) continue;
      const { bcast, noloop } = tracker.options;
      const concerns = tracker.tenantNumber === tenantNumber && !bcast && !(noloop && id === writer);
      if (concerns) this.tell(connection, keys, hasWaited && id === writer);
    }
    this.forgetEncoded();
    const space = isBroadcast ? this.spaces.get(tenantNumber) : undefined;
    if (space === undefined) return;
    for (const length of space.lengths.keys()) {
      const prefix = length <= key.length ? space.prefixes.get(key.slice(0, length)) : undefined;
      if (prefix === undefined) continue;
      if (prefix.changes.size === 0) this.dirty.push(prefix);
      const before = prefix.changes.get(key);
      prefix.changes.set(key, before === undefined || before === writer ? writer : SEVERAL);
    }
    if (this.dirty.length > 0) this.core.endTurnSoon();
  }

  flushed(tenantNumber: number): void {
    for (const connection of this.spaces.get(tenantNumber)?.trackers ?? []) this.tell(connection, EVERYTHING);
    this.forgetEncoded();
  }

  /** The end of a turn: who listens to prefixes hears of what has changed in it. False when nothing has. */
  tellChanges(): boolean {
    if (this.dirty.length === 0) return false;
    const { dirty } = this;
    this.dirty = [];
    for (const prefix of dirty) {
      const { changes } = prefix;
      prefix.changes = new Map();
      for (const connection of prefix.clients) {
        const keys = keysFor(connection, changes);
        if (keys.length > 0) this.tell(connection, keys);
      }
    }
    this.forgetEncoded();
    return true;
  }

  // -- Telling -----------------------------------------------------------------------------------------------------------

  /** @param hasWaited the keys are what the connection writes now that its wait ends: its reply comes first */
  private tell(connection: Connection, keys: readonly string[] | undefined, hasWaited: boolean = false): void {
    const { tracker } = connection.session;
    if (tracker === undefined) return;
    const { redirect } = tracker.options;
    if (redirect === 0) {
      if (connection.session.protocol === 3) connection.push(this.encoded(keys), hasWaited ? 'wait' : 'reply');
      return;
    }
    // Asked each time: either of them may have become somebody else.
    const target = this.earOf(connection, redirect);
    if (target === undefined) return this.broken(connection, redirect);
    const { protocol } = connection.session;
    if (target.session.protocol === 3) target.push(this.encode(3, keys, protocol), 'reply');
    else if (target.isSubscriber) target.push(this.encode(2, keys, protocol), 'reply');
  }

  /** As nearly everybody is told: of a key that many hold, the same bytes for all of them. */
  private encoded(keys: readonly string[] | undefined): Uint8Array {
    if (this.encodedBytes === undefined || keys === EVERYTHING || keys !== this.encodedKeys) {
      this.encodedBytes = this.encode(3, keys, 3);
      this.encodedKeys = keys;
    }
    return this.encodedBytes;
  }

  private forgetEncoded(): void {
    this.encodedKeys = undefined;
    this.encodedBytes = undefined;
  }

  private broken(connection: Connection, redirect: number): void {
    const { tracker, protocol } = connection.session;
    if (tracker !== undefined) tracker.isBroken = true;
    if (protocol === 2) return;
    const out = this.begin(3);
    out.push(2);
    out.bulkText('tracking-redir-broken');
    out.integer(redirect);
    connection.push(out.take(), 'reply');
  }

  /** @param nullProtocol the null that stands for everything is that of who tracks, whoever is told */
  private encode(protocol: 2 | 3, keys: readonly string[] | undefined, nullProtocol: 2 | 3): Uint8Array {
    const out = this.begin(protocol);
    if (protocol === 3) {
      out.push(2);
      out.bulkText('invalidate');
    } else {
      out.array(3);
      out.bulkText('message');
      out.bulkText('__redis__:invalidate');
    }
    if (keys === EVERYTHING) {
      out.protocol = nullProtocol;
      out.null();
    } else {
      out.array(keys.length);
      for (const key of keys) out.bulkText(key);
    }
    return out.take();
  }

  private begin(protocol: 2 | 3): ReplyWriter {
    this.out.reset();
    this.out.protocol = protocol;
    return this.out;
  }

  // -- Figures -----------------------------------------------------------------------------------------------------------

  /** Of one tenant, or of all. */
  figures(tenantNumber: number | undefined): { readonly clients: number; readonly prefixes: number } {
    let clients = 0;
    let prefixes = 0;
    for (const [number, space] of this.spaces) {
      if (tenantNumber !== undefined && tenantNumber !== number) continue;
      clients += space.trackers.size;
      prefixes += space.prefixes.size;
    }
    return { clients, prefixes };
  }
}

/** With the same rights: of users that tokens make, one name may have those of several roles. */
function isSameUser(one: Session, other: Session): boolean {
  if (one.user === undefined || one.tenant !== other.tenant || one.userName !== other.userName) return false;
  return other.user !== undefined && roleOf(one) === roleOf(other);
}

function roleOf({ proof }: Session): string | undefined {
  return proof?.kind === 'token' ? proof.template?.role : undefined;
}

/** The changes that a connection is to hear of: not its own if it said so, and nothing that it could not have read. */
function keysFor({ session, id }: Connection, changes: ReadonlyMap<string, number>): readonly string[] {
  const { user, tracker } = session;
  if (user === undefined || tracker === undefined) return [];
  const { noloop } = tracker.options;
  if (!noloop && user.root.allKeys) return Array.from(changes.keys());
  const keys: string[] = [];
  for (const [key, writer] of changes) {
    if (noloop && writer === id) continue;
    if (mayRead(user, bytesOfLatin1(key))) keys.push(key);
  }
  return keys;
}
