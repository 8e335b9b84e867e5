/**
 * The gateway: listeners, connections, and the one coarse timer behind their timeouts. Knows storage only as a `Backend`.
 *
 * `createGateway` → `listen` (any number of ports) → `serve` (until then commands get -LOADING) → `drain`.
 */
import type { Allowlist } from '../base/cidr.ts';
import { GATEWAY_SWEEP_TICKS, GATEWAY_TICK_MS } from '../base/limits.ts';
import { type Result, success } from '../base/result.ts';
import type { ServerPort } from '../command/ports/server.ts';
import { PROCESS } from '../observe/latency.ts';
import type { Clients } from './clients.ts';
import type { Connection } from './connection.ts';
import { Core, type CoreParts } from './core.ts';
import type { Counters } from './counters.ts';
import { Listener, type ListenOptions } from './listener.ts';
import { checkMaterial, expiries, type TlsMaterial } from './tls.ts';
import type { GatewayView } from './view.ts';

export type GatewayParts = CoreParts;

export interface PerListener {
  readonly tls: Allowlist | undefined;
  readonly plain: Allowlist | undefined;
}

export class Gateway {
  readonly core: Core;
  private readonly listeners: Listener[];
  private lastId: number;
  private ticks: number;
  private tickAt_ms: number;
  private readonly ticker: ReturnType<typeof setInterval>;

  constructor(parts: GatewayParts, view: GatewayView) {
    this.core = new Core(parts, view);
    this.core.loading = true;
    this.listeners = [];
    this.lastId = 0;
    this.ticks = 0;
    this.tickAt_ms = parts.clock.monotonicMs();
    this.ticker = setInterval(() => this.tick(), GATEWAY_TICK_MS);
    parts.acl.onChange(() => this.rosterChanged());
  }

  get counters(): Counters {
    return this.core.counters;
  }

  get clients(): Clients {
    return this.core.clients;
  }

  /** Opens a port. The fault is one line for people. */
  async listen(options: ListenOptions): Promise<Result<Listener>> {
    const listener = new Listener(this.core, options, () => ++this.lastId);
    const opened = await listener.listen();
    if (!opened.ok) return opened;
    this.listeners.push(listener);
    if (options.tls !== undefined) this.core.certificateExpiries = expiries(options.tls);
    return { ok: true, value: listener };
  }

  /** The data is there: commands are run from now on. */
  serve(server: ServerPort): void {
    this.core.server = server;
    this.core.loading = false;
  }

  /** Session commands may be asked while loading. */
  attach(server: ServerPort): void {
    this.core.server = server;
  }

  get isLoading(): boolean {
    return this.core.loading;
  }

  /** Replies of other threads have found their places: what may leave, leaves now. */
  answered(): void {
    this.core.endTurn();
  }

  /** New limits, for everyone at their next command. */
  adoptView(view: GatewayView): void {
    this.core.adopt(view);
  }

  /** New terms, for everyone at their next command. */
  reconfigure(view: GatewayView, addresses: PerListener, proxies: PerListener): void {
    this.core.adopt(view);
    for (const listener of this.listeners) {
      listener.replaceAddresses(listener.isTls ? addresses.tls : addresses.plain);
      listener.replaceProxies(listener.isTls ? proxies.tls : proxies.plain);
    }
    this.core.identity.adopt(view.logins);
    this.rosterChanged();
  }

  /** Certificates that do not work are refused, and the old ones stay. */
  replaceTls(material: TlsMaterial): Result<void> {
    const checked = checkMaterial(material, this.core.clock.nowMs());
    if (!checked.ok) return checked;
    for (const listener of this.listeners) listener.replaceTls(material, checked.value);
    this.core.certificateExpiries = expiries(material);
    this.closeRevoked(material);
    return success(undefined);
  }

  /** Who came with a certificate that has been taken back since. */
  private closeRevoked({ clients }: TlsMaterial): void {
    if (clients === undefined) return;
    for (const connection of Array.from(this.core.clients.all())) {
      const chain = connection.peer.secure?.chain ?? [];
      if (chain.some((one) => clients.revocations.has(one))) connection.close('certificate_revoked');
    }
  }

  /** Users who are gone lose their connections now, not at their next command. */
  private rosterChanged(): void {
    for (const connection of Array.from(this.core.clients.all())) {
      const { session } = connection;
      const isOpen = session.tenant === undefined || session.tenant.isOpen;
      const tokenEnd = this.core.identity.endOf(connection);
      if (tokenEnd !== undefined) connection.close(tokenEnd);
      else if (!isOpen || !this.core.identity.renew(connection)) connection.close('user_removed');
      // The request of a command that waits still stands in its decoder, as nothing behind it is read.
      else if (connection.isWaiting && !this.core.dispatcher.mayStillRun(connection)) connection.cutWait('revoked');
    }
    this.core.monitor.recheck();
  }

  // -- Time ------------------------------------------------------------------------------------------------------------

  private tick(): void {
    const now_ms = this.core.clock.monotonicMs();
    this.core.timing.latency.add(PROCESS, 'event-loop', now_ms - this.tickAt_ms - GATEWAY_TICK_MS);
    this.tickAt_ms = now_ms;
    this.ticks++;
    this.core.clients.checkPause(now_ms);
    this.core.security.tick(now_ms);
    // Nothing is being written between two turns: memory that a large reply took is given back.
    this.core.out.reset();
    const sweeps = this.ticks % GATEWAY_SWEEP_TICKS === 0;
    if (sweeps) for (const listener of this.listeners) listener.checkHandshakes(now_ms);
    if (sweeps) this.core.identity.tick();
    for (const connection of this.core.clients.all()) {
      this.core.rates.check(connection, now_ms);
      if (now_ms >= connection.session.provenUntil_ms) this.core.identity.expire(connection);
      if (sweeps) this.sweep(connection, now_ms);
    }
  }

  private sweep(connection: Connection, now_ms: number): void {
    const { view } = this.core;
    if (!connection.session.isAuthenticated) {
      const limit_ms = view.authenticationTimeoutSeconds * 1000;
      if (limit_ms > 0 && now_ms - connection.session.strangerSince_ms > limit_ms)
        connection.close('authentication_timeout');
      return;
    }
    connection.checkOutput();
    const idle_ms = view.timeoutSeconds * 1000;
    const isWaiting = connection.isKeptWaiting || connection.isSubscriber || connection.isMonitor;
    const isIdle = idle_ms > 0 && now_ms - connection.lastActive_ms > idle_ms && !isWaiting;
    if (isIdle) connection.close('idle_timeout');
  }

  // -- The end ---------------------------------------------------------------------------------------------------------

  /**
   * Accepts nobody any more, answers what was received, closes with a reason. Whoever has not taken their replies when
   * the time is over is cut off.
   */
  async drain(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    const { core } = this;
    const deadline_ms = core.clock.monotonicMs() + core.view.drainTimeoutSeconds * 1000;
    if (core.clients.isPaused) core.clients.endPause();
    // What has arrived at the socket but not yet here still counts as received: let one round of reading pass.
    await new Promise((resolve) => setTimeout(resolve, GATEWAY_TICK_MS));
    for (const connection of Array.from(core.clients.all())) connection.endInput('shutdown');
    while (core.clients.count > 0 && core.clock.monotonicMs() < deadline_ms) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.cut();
  }

  /** Everything ends now. */
  cut(): void {
    for (const listener of this.listeners) listener.close();
    for (const connection of Array.from(this.core.clients.all())) connection.close('shutdown');
    clearInterval(this.ticker);
    this.core.deadlines.close();
    this.core.security.close('ended');
    this.core.turns.close();
  }
}

export function createGateway(parts: GatewayParts, view: GatewayView): Gateway {
  return new Gateway(parts, view);
}
