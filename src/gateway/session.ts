/**
 * Who a connection is and what it has chosen: identity, namespace, database, protocol, name. Implements what session
 * commands see.
 *
 * Invariant: `user` is the user of the roster with version `rosterVersion`; it is looked up again before a command when
 * the roster has changed, so permissions act at the next command.
 */
import type { User } from '../acl/user.ts';
import type { Command } from '../command/command.ts';
import type { LaterReply, WaitCut, WaitingReply } from '../command/ports/backend.ts';
import type { PubSubPort } from '../command/ports/pubsub.ts';
import type { ClientsPort, LoginOutcome, SessionPort } from '../command/ports/session.ts';
import type { TrackingPort } from '../command/ports/tracking.ts';
import { INTERNAL_ERROR, type Refusal } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { STRANGER_LIMITS } from '../resp/wire-limits.ts';
import type { Tenant } from '../tenancy/tenant.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { SessionProof } from './proof.ts';
import type { Tracker } from './tracker.ts';
import type { Transaction } from './transaction.ts';

const SHOWN = 0;
const OFF = 1;
/** CLIENT REPLY SKIP has just run: its own reply is dropped. */
const SKIPPING = 2;
/** … and then that of the next command. */
const SKIP_NEXT = 3;

export class Session implements SessionPort {
  readonly id: number;
  user: User | undefined;
  tenant: Tenant | undefined;
  /** It is who its certificate says, and not who it said. */
  cameByCertificate: boolean;
  /** The tenant whose data is acted on. */
  namespace: Tenant | undefined;
  /** By what it was proven, where that may end before the user does. */
  proof: SessionProof | undefined;
  /** Monotonic time at which the certificate that it was opened with ends, and with it the connection. */
  readonly certifiedUntil_ms: number;
  /** Monotonic time at which the proof ends, or the certificate. */
  provenUntil_ms: number;
  /** Its token ran out, and nobody has logged in since. */
  hasExpired: boolean;
  rosterVersion: number;
  /** Since when nobody knows who it is: its beginning, or RESET. */
  strangerSince_ms: number;
  tenantNumber: number;
  databaseNumber: number;
  noTouch: boolean;
  noEvict: boolean;
  protocol: 2 | 3;
  isOperator: boolean;
  name: string;
  libraryName: string;
  libraryVersion: string;
  /** What was queued since MULTI. */
  transaction: Transaction | undefined;
  /** Commands of a transaction are running. */
  isInTransaction: boolean;
  /** Shards watch keys in its name. */
  isWatching: boolean;
  /** Set while it caches what it reads. */
  tracker: Tracker | undefined;
  /** CLIENT CACHING, for the next command. */
  caching: boolean | undefined;
  /** Whether the keys that the next command reads are remembered. */
  tracks: boolean;
  /** It has cached what it read, if only for a while: shards may know it. */
  private hasTracked: boolean;
  private replies: number;
  private readonly core: Core;
  private readonly connection: Connection;

  constructor(core: Core, connection: Connection) {
    this.core = core;
    this.connection = connection;
    this.id = connection.id;
    this.user = undefined;
    this.tenant = undefined;
    this.namespace = undefined;
    this.cameByCertificate = false;
    this.proof = undefined;
    this.certifiedUntil_ms = core.identity.certifiedUntil_ms(connection.peer);
    this.provenUntil_ms = this.certifiedUntil_ms;
    this.hasExpired = false;
    this.rosterVersion = core.acl.roster.version;
    this.strangerSince_ms = connection.openedAt_ms;
    this.tenantNumber = 0;
    this.databaseNumber = 0;
    this.noTouch = false;
    this.noEvict = false;
    this.protocol = 2;
    this.isOperator = false;
    this.name = '';
    this.libraryName = '';
    this.libraryVersion = '';
    this.transaction = undefined;
    this.isInTransaction = false;
    this.isWatching = false;
    this.tracker = undefined;
    this.caching = undefined;
    this.tracks = false;
    this.hasTracked = false;
    this.replies = SHOWN;
  }

  get userName(): string {
    return this.user?.name ?? 'default';
  }

  get tenantName(): string {
    return this.tenant?.name ?? 'default';
  }

  get namespaceName(): string {
    return this.namespace?.name ?? 'default';
  }

  get isAuthenticated(): boolean {
    return this.user !== undefined;
  }

  get clients(): ClientsPort {
    return this.core.clients.seenBy(this.connection);
  }

  get pubsub(): PubSubPort {
    return this.core.pubsub.seenBy(this.connection);
  }

  authenticate(userName: Uint8Array | undefined, secret: Uint8Array): LoginOutcome {
    return this.core.identity.authenticate(this.connection, userName, secret);
  }

  /** Takes an identity that has been proven. */
  become(user: User, tenant: Tenant, namespace: Tenant, proof: SessionProof | undefined): void {
    if (this.tenant !== tenant) {
      // What it watches and has queued was meant for the data of another.
      this.unwatch();
      this.core.tracking.stop(this.connection);
      if (this.transaction !== undefined) this.transaction.isAborted = true;
      // What was heard in the name of the one is none of the other's business.
      this.core.pubsub.leaveAll(this.connection);
      if (this.tenant !== undefined) this.tenant.connections--;
      tenant.connections++;
      if (this.tenant !== undefined) this.databaseNumber = 0;
      this.connection.counters = this.core.counters.of(tenant.number);
      this.connection.share = this.core.turns.of(tenant.number);
      this.connection.counters.connectionsReceived++;
    }
    if (this.proof !== undefined && this.user !== user) this.endHearing(user);
    this.user = user;
    this.proof = proof;
    this.provenUntil_ms = Math.min(this.certifiedUntil_ms, this.core.identity.provenUntil_ms(proof));
    this.hasExpired = false;
    this.tenant = tenant;
    this.namespace = namespace;
    this.tenantNumber = namespace.number;
    this.isOperator = tenant.isSystem || this.core.isTrusted(this.connection);
    this.rosterVersion = this.core.acl.roster.version;
    this.core.limit(this.connection, tenant);
    this.core.security.loggedIn(this.connection);
    this.core.rates.measure(this.connection);
  }

  /**
   * What one user was told goes on only if it may be told the next: else it would outlive what the first was proven by. For
   * whom nothing but a password was asked it stays, as in Redis.
   */
  private endHearing(user: User): void {
    const { connection, core } = this;
    if (connection.isSubscriber && !core.pubsub.permits(connection, user)) core.pubsub.leaveAll(connection);
    if (connection.isMonitor && !core.monitor.permits(user)) core.monitor.remove(connection);
  }

  /** Nobody again. */
  forgetIdentity(): void {
    if (this.tenant !== undefined) {
      this.tenant.connections--;
      this.strangerSince_ms = this.core.clock.monotonicMs();
    }
    this.user = undefined;
    this.proof = undefined;
    this.provenUntil_ms = this.certifiedUntil_ms;
    this.hasExpired = false;
    this.tenant = undefined;
    this.namespace = undefined;
    this.isOperator = false;
    this.core.security.changed(this.connection);
    this.core.pubsub.leaveAll(this.connection);
    this.connection.counters = this.core.counters.strangers;
    this.connection.share = this.core.turns.strangers;
    this.connection.decoder.setLimits(STRANGER_LIMITS);
    this.core.rates.measure(this.connection);
  }

  /** Its token ran out: nobody until the next login, and nothing goes on in the old name. */
  expire(): void {
    this.core.tracking.stop(this.connection);
    this.unwatch();
    if (this.transaction !== undefined) this.transaction.isAborted = true;
    this.forgetIdentity();
    this.hasExpired = true;
  }

  selectDatabase(number: number): boolean {
    if (!(Number.isInteger(number) && number >= 0 && number < this.core.databases)) return false;
    this.databaseNumber = number;
    return true;
  }

  useTenant(name: string): boolean {
    const tenant = this.core.tenants.get(name);
    if (tenant === undefined || tenant.isSystem || !tenant.isOpen) return false;
    if (tenant !== this.namespace) {
      this.unwatch();
      this.core.tracking.stop(this.connection);
    }
    this.namespace = tenant;
    this.tenantNumber = tenant.number;
    this.core.security.changed(this.connection);
    return true;
  }

  setProtocol(protocol: 2 | 3): void {
    this.protocol = protocol;
    this.core.out.protocol = protocol;
  }

  setName(name: string): void {
    this.name = name;
  }

  setLibrary(part: 'name' | 'version', value: string): void {
    if (part === 'name') this.libraryName = value;
    else this.libraryVersion = value;
  }

  setReplyMode(mode: 'on' | 'off' | 'skip'): void {
    if (mode === 'on') this.replies = SHOWN;
    else if (mode === 'off') this.replies = OFF;
    else if (this.replies !== OFF) this.replies = SKIPPING;
  }

  /** Whether every reply is shown: the usual case, asked once per command. */
  get showsReplies(): boolean {
    return this.replies === SHOWN;
  }

  /** Whether the reply of the command that has just run is dropped; moves SKIP on. */
  dropsReply(): boolean {
    switch (this.replies) {
      case SKIPPING:
        this.replies = SKIP_NEXT;
        return true;
      case SKIP_NEXT:
        this.replies = SHOWN;
        return true;
      case OFF:
        return true;
      default:
        return false;
    }
  }

  setNoTouch(on: boolean): void {
    this.noTouch = on;
  }

  setNoEvict(on: boolean): void {
    this.noEvict = on;
  }

  watch(): boolean {
    return this.core.monitor.add(this.connection);
  }

  beginTransaction(): Refusal | undefined {
    return this.core.exec.begin(this.connection);
  }

  executeTransaction(out: ReplyWriter): void {
    this.core.exec.run(this.connection, out);
  }

  leaveTransaction(): boolean {
    return this.core.exec.discard(this.connection);
  }

  unwatch(): void {
    if (this.isWatching) this.core.backend.unwatch(this.id);
    this.isWatching = false;
  }

  get tracking(): TrackingPort {
    return this.core.tracking.seenBy(this.connection);
  }

  setTracker(tracker: Tracker | undefined): void {
    this.tracker = tracker;
    this.hasTracked ||= tracker !== undefined;
    this.setCaching(undefined);
  }

  setCaching(caching: boolean | undefined): void {
    this.caching = caching;
    const options = this.tracker?.options;
    if (options === undefined || options.bcast) this.tracks = false;
    else this.tracks = options.optin ? caching === true : caching !== false;
  }

  /** CLIENT CACHING is for one command, or one transaction, behind it. */
  endCaching(command: Command): void {
    const goesOn = this.transaction !== undefined || this.isInTransaction || command.fullName.startsWith('client|');
    if (!goesOn) this.setCaching(undefined);
  }

  /** The connection is gone: nothing is kept in its name. */
  end(): void {
    const hasTraces = this.isWatching || this.hasTracked;
    this.leaveTransaction();
    this.unwatch();
    this.core.tracking.stop(this.connection);
    if (hasTraces) this.core.backend.forget(this.id);
    this.forgetIdentity();
  }

  reset(): void {
    this.core.tracking.stop(this.connection);
    this.leaveTransaction();
    this.unwatch();
    this.core.monitor.remove(this.connection);
    this.forgetIdentity();
    this.databaseNumber = 0;
    this.setProtocol(2);
    this.name = '';
    // As in Redis: CLIENT REPLY SKIP before it still drops its reply.
    if (this.replies !== SKIP_NEXT) this.replies = SHOWN;
    this.noTouch = false;
    this.noEvict = false;
    this.core.identity.byDefault(this.connection);
  }

  closeAfterReply(): void {
    this.connection.finish('client_quit');
  }

  describe(): string {
    return this.core.clients.describe(this.connection);
  }

  later(): LaterReply {
    return this.connection.later();
  }

  block(cut: (how: WaitCut) => void): WaitingReply {
    return this.connection.block(cut);
  }

  failed(bug: unknown, place: LaterReply): void {
    this.core.bug(bug, this.connection);
    place.settle((reply) => reply.error(INTERNAL_ERROR));
    this.connection.finish('internal_error');
  }
}
