/**
 * What all connections of the gateway share: the table, the backend, the roster, the tenants, the one writer, the clock of
 * the turn. Connections know this and not each other.
 *
 * A turn is one round of the event loop. Whatever waits for its end is gathered here: connections whose later replies
 * have come, and the backend's batches for its shards.
 *
 * Hot path: `beginTurn` and `endChunk` run once per chunk. Guarded by the P1 rows of `npm run bench`.
 */
import type { AclLog } from '../acl/log.ts';
import type { AclRegistry } from '../acl/registry.ts';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadlines.ts';
import { MULTIBULK_MAX } from '../base/limits.ts';
import type { Backend } from '../command/ports/backend.ts';
import type { ServerPort } from '../command/ports/server.ts';
import type { CommandTable } from '../command/table.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import { type DecoderLimits, REDIS_LIMITS } from '../resp/wire-limits.ts';
import type { Tenant, TenantRegistry } from '../tenancy/tenant.ts';
import { Clients } from './clients.ts';
import type { Connection } from './connection.ts';
import { Counters } from './counters.ts';
import { Denials } from './denials.ts';
import { Dispatcher } from './dispatch.ts';
import { DryRuns } from './dry-runs.ts';
import { Exec } from './exec.ts';
import { Identity } from './identity.ts';
import { Joined } from './joined.ts';
import { Monitor } from './monitor.ts';
import { News } from './news.ts';
import { PubSub } from './pubsub.ts';
import { RateLimits } from './rates.ts';
import { Security } from './security.ts';
import { Timing } from './timing.ts';
import { Tracking } from './tracking.ts';
import { Turns } from './turns.ts';
import type { GatewayLog, GatewayView } from './view.ts';

export interface CoreParts {
  readonly table: CommandTable;
  readonly backend: Backend;
  readonly acl: AclRegistry;
  readonly aclLog: AclLog;
  readonly tenants: TenantRegistry;
  readonly clock: Clock;
  readonly log: GatewayLog;
  readonly databases: number;
}

export class Core {
  readonly table: CommandTable;
  readonly backend: Backend;
  readonly acl: AclRegistry;
  readonly tenants: TenantRegistry;
  readonly clock: Clock;
  readonly log: GatewayLog;
  readonly databases: number;
  readonly counters: Counters;
  readonly clients: Clients;
  readonly identity: Identity;
  readonly dispatcher: Dispatcher;
  readonly exec: Exec;
  readonly denials: Denials;
  readonly dryRuns: DryRuns;
  /** What is recorded of it all, and counted as a sign of attack. */
  readonly security: Security;
  /** When waits end that nothing else ends. */
  readonly deadlines: Deadlines;
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  readonly timing: Timing;
  readonly monitor: Monitor;
  readonly turns: Turns;
  readonly rates: RateLimits;
  /** The writer of whichever connection runs now. */
  readonly out: ReplyWriter;
  /** When certificates of the gateway stop being good, in seconds, by name. */
  certificateExpiries: readonly (readonly [name: string, seconds: number])[];
  /** Whose command is being run, its reply going into `out`. */
  running: Connection | undefined;
  /** Pushes of this turn, joined for all who were pushed the same. */
  readonly joined: Joined;
  view: GatewayView;
  /** Set once the process has one; session commands need it. */
  server: ServerPort | undefined;
  /** Until the data is loaded commands get -LOADING. */
  loading: boolean;
  /** Monotonic time of this turn's beginning. */
  turn_ms: number;
  private limits: DecoderLimits;
  private readonly dirty: Connection[];
  /** Clients that waited and have been answered within the chunk that is running. */
  private answered: Connection[];
  private isAnswering: boolean;
  private turnEnd: ReturnType<typeof setImmediate> | undefined;

  constructor(parts: CoreParts, view: GatewayView) {
    this.table = parts.table;
    this.backend = parts.backend;
    this.acl = parts.acl;
    this.tenants = parts.tenants;
    this.clock = parts.clock;
    this.security = new Security(this);
    this.log = this.security.listenedTo(parts.log);
    this.databases = parts.databases;
    this.view = view;
    this.server = undefined;
    this.loading = false;
    this.turn_ms = parts.clock.monotonicMs();
    this.limits = REDIS_LIMITS;
    this.dirty = [];
    this.answered = [];
    this.isAnswering = false;
    this.turnEnd = undefined;
    this.out = new ReplyWriter();
    this.certificateExpiries = [];
    this.running = undefined;
    this.joined = new Joined();
    this.counters = new Counters(parts.table);
    this.clients = new Clients(this);
    this.identity = new Identity(this);
    this.deadlines = new Deadlines(() => parts.clock.monotonicMs());
    this.rates = new RateLimits(this);
    this.denials = new Denials(this, parts.aclLog);
    this.dryRuns = new DryRuns(this);
    this.pubsub = new PubSub();
    this.tracking = new Tracking(this);
    this.backend.tell(new News(this));
    this.timing = new Timing(this);
    this.turns = new Turns(parts.clock, this.timing);
    this.monitor = new Monitor(this);
    this.dispatcher = new Dispatcher(this);
    this.exec = new Exec(this);
    this.identity.adopt(view.logins);
    this.adopt(view);
  }

  /** A new view: felt by every connection at its next command. */
  adopt(view: GatewayView): void {
    this.view = view;
    this.timing.adopt(view.timing);
    this.turns.adopt(view.tenantTurn_ms);
    this.limits = {
      multibulkMax: MULTIBULK_MAX,
      bulkBytesMax: view.bulkBytesMax,
      queryBufferBytesMax: view.queryBufferBytesMax,
      authenticated: true,
    };
    for (const connection of this.clients.all()) {
      const { tenant } = connection.session;
      if (tenant !== undefined) this.limit(connection, tenant);
    }
    this.rates.adopt(this.clock.monotonicMs());
  }

  /** What a connection of this tenant may send in one piece, and be sent. */
  limit(connection: Connection, tenant: Tenant): void {
    connection.decoder.setLimits(this.userLimits(tenant));
    connection.limitReplies(this.isTrusted(connection) ? 0 : tenant.budget.largestReplyBytes);
  }

  private userLimits(tenant: Tenant): DecoderLimits {
    const largest = tenant.budget.largestValueBytes;
    if (largest === 0 || largest >= this.limits.bulkBytesMax) return this.limits;
    return { ...this.limits, bulkBytesMax: largest }; // cold: once per authentication
  }

  /** `--trust-loopback` and a loopback address. */
  isTrusted(connection: Connection): boolean {
    return this.view.trustLoopback && connection.address.isLoopback;
  }

  // -- Turns -----------------------------------------------------------------------------------------------------------

  beginTurn(): void {
    this.turn_ms = this.clock.monotonicMs();
    this.timing.begin(this.turn_ms);
  }

  /** A chunk has run: its time is booked, and what it gave the backend will leave at the end of the turn. */
  endChunk(): void {
    this.timing.settle();
    if (!this.backend.isInline) return this.endTurnSoon();
    this.backend.flush();
    if (this.backend.durability.isDirty) this.endTurnSoon();
  }

  flushSoon(connection: Connection): void {
    this.dirty.push(connection);
    this.endTurnSoon();
  }

  /** A client that waited has its answer, by a command that runs now: it leaves right behind that command's chunk. */
  answeredNow(connection: Connection): void {
    this.answered.push(connection);
  }

  /** Behind a chunk. What clients who go on do for others is for the end of the turn. */
  flushAnswered(): void {
    if (this.answered.length === 0) return;
    const { answered } = this;
    this.answered = [];
    if (this.isAnswering) {
      for (const connection of answered) this.flushSoon(connection);
      return;
    }
    this.isAnswering = true;
    for (const connection of answered) connection.flushPlaces();
    this.isAnswering = false;
  }

  /** The end of the turn has something to do. */
  endTurnSoon(): void {
    if (this.turnEnd !== undefined) return;
    this.turnEnd = setImmediate(() => {
      this.turnEnd = undefined;
      this.endTurn();
    });
  }

  endTurn(): void {
    this.backend.flush();
    this.backend.durability.commit();
    this.flushDirty();
    // Behind whatever a connection that has been served goes on with, as in Redis.
    if (this.tracking.tellChanges()) this.flushDirty();
    if (this.dirty.length > 0) this.endTurnSoon();
  }

  /** Those so far: whoever comes meanwhile is for the next time. */
  private flushDirty(): void {
    const count = this.dirty.length;
    if (count > 0) this.beginTurn();
    for (let i = 0; i < count; i++) (this.dirty[i] as Connection).flushPlaces();
    if (this.dirty.length === count) this.dirty.length = 0;
    else this.dirty.splice(0, count);
    this.joined.release();
  }

  // -- Endings ---------------------------------------------------------------------------------------------------------

  closed(connection: Connection): void {
    this.clients.remove(connection);
    this.monitor.remove(connection);
    this.rates.closed(connection);
    const reason = connection.closeReason ?? 'client_closed';
    this.counters.ended(reason);
    this.security.closed(connection, reason);
    this.log.event(ORDINARY.has(reason) ? 'debug' : 'info', 'connection.closed', reason, {
      id: connection.id,
      address: connection.addressText,
      user: connection.session.userName,
    });
  }

  bug(thrown: unknown, connection: Connection): void {
    this.counters.bugs++;
    this.security.audit?.threw(connection);
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    // A broken invariant of the arena or the log must not be served from.
    if (error.message.startsWith('invariant broken')) throw error;
    this.log.event('error', 'gateway.bug', error.message, { id: connection.id, stack: error.stack });
  }
}

const ORDINARY: ReadonlySet<string> = new Set(['client_closed', 'client_quit', 'socket_error']);
