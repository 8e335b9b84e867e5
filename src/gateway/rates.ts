/**
 * How fast users, tenants and addresses are, and what happens to those who are faster than they may be: a command is
 * refused with a hint when to come again, or waits; bytes are paid back before more is read; a new connection is refused.
 *
 * A command is let in by all three or counts for none. One that waits has spent its tokens already, so that those who wait
 * go on in the order in which they came, and nobody starves; a wait is bounded by RATE_DELAY_MS_MAX.
 *
 * Hot path: `admits` runs once per command of whoever has a rate, and looks at the length of a list for all others.
 */
import { makeRoom } from '../base/bounded.ts';
import { ownerOf, type ParsedAddress } from '../base/cidr.ts';
import { RATE_ADDRESSES_MAX, RATE_DELAY_MS_MAX } from '../base/limits.ts';
import { type RateScope, type Refusal, rateOfCommands, rateOfConnections } from '../resp/refusals.ts';
import { Rates } from '../tenancy/rate.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { HELD_BY_RATE } from './holds.ts';
import { type UserUse, UserUses } from './user-uses.ts';

/** One of those that a connection is measured by. */
interface Meter {
  readonly scope: RateScope;
  readonly rates: Rates;
}

/** A connection's own: only those with a limit, so that most have none. */
export interface Meters {
  readonly commands: readonly Meter[];
  readonly bytes: readonly Meter[];
}

export const NO_METERS: Meters = { commands: [], bytes: [] };

export type Admission = 'admitted' | 'delayed' | Refusal;

export class RateLimits {
  private readonly core: Core;
  readonly users: UserUses;
  /** The one seen last stands last. */
  private readonly addresses: Map<string, Rates>;

  constructor(core: Core) {
    this.core = core;
    this.users = new UserUses(core);
    this.addresses = new Map();
  }

  /** A new view: budgets in use change in place, as connections hold them. */
  adopt(now_ms: number): void {
    const { addressRates } = this.core.view;
    this.users.adopt(now_ms);
    if (addressRates === undefined) this.addresses.clear();
    else for (const rates of this.addresses.values()) rates.adopt(addressRates, now_ms);
    for (const connection of this.core.clients.all()) this.measure(connection);
  }

  /** Who a connection is has changed, or what that means. */
  measure(connection: Connection): void {
    const { session } = connection;
    const use = session.user === undefined ? undefined : this.users.of(session.user, session.proof);
    if (use !== connection.userUse) {
      if (connection.userUse !== undefined) this.users.leave(connection.userUse);
      if (use !== undefined) this.users.enter(use);
      connection.userUse = use;
    }
    connection.isPaidFor = false;
    connection.meters = session.tenant === undefined ? NO_METERS : this.metersOf(connection, session.tenant.rates, use);
  }

  private metersOf(connection: Connection, tenant: Rates, use: UserUse | undefined): Meters {
    if (this.core.isTrusted(connection)) return NO_METERS;
    const meters: Meter[] = [];
    const address = this.ofAddress(connection.address);
    if (address !== undefined) meters.push({ scope: 'address', rates: address });
    if (use !== undefined) meters.push({ scope: 'user', rates: use.rates });
    meters.push({ scope: 'tenant', rates: tenant });
    const commands = meters.filter(({ rates }) => rates.commands.rate > 0);
    const bytes = meters.filter(({ rates }) => rates.limitsBytes);
    return commands.length + bytes.length === 0 ? NO_METERS : { commands, bytes };
  }

  private ofAddress(address: ParsedAddress): Rates | undefined {
    const { addressRates, perIpExempt } = this.core.view;
    if (addressRates === undefined) return undefined;
    if (perIpExempt?.allows(address) === true) return undefined;
    const key = ownerOf(address);
    const known = this.addresses.get(key);
    if (known !== undefined) {
      this.addresses.delete(key);
      this.addresses.set(key, known);
      return known;
    }
    const rates = new Rates(addressRates, this.core.clock.monotonicMs());
    // Connections of who is forgotten keep what they have.
    makeRoom(this.addresses, RATE_ADDRESSES_MAX);
    this.addresses.set(key, rates);
    return rates;
  }

  closed(connection: Connection): void {
    if (connection.userUse !== undefined) this.users.leave(connection.userUse);
    connection.userUse = undefined;
  }

  // -- Commands --------------------------------------------------------------------------------------------------------

  /** Whether one more command may run now. Delayed, it runs when its time has come, and is not asked for again. */
  admits(connection: Connection): Admission {
    const { commands } = connection.meters;
    if (commands.length === 0) return 'admitted';
    if (connection.isPaidFor) {
      connection.isPaidFor = false;
      return 'admitted';
    }
    const now_ms = this.core.turn_ms;
    for (let i = 0; i < commands.length; i++) {
      if ((commands[i] as Meter).rates.commands.take(1, now_ms)) continue;
      for (let taken = 0; taken < i; taken++) (commands[taken] as Meter).rates.commands.giveBack(1);
      return this.exceeded(connection, commands, now_ms);
    }
    return 'admitted';
  }

  private exceeded(connection: Connection, commands: readonly Meter[], now_ms: number): Admission {
    let wait_ms = 0;
    let mayWait = true;
    let scope: RateScope = 'tenant';
    for (const meter of commands) {
      const missing_ms = meter.rates.commands.wait_ms(1, now_ms);
      if (missing_ms === 0) continue;
      if (meter.rates.mode === 'refuse') mayWait = false;
      if (missing_ms > wait_ms) scope = meter.scope;
      wait_ms = Math.max(wait_ms, missing_ms);
    }
    const { counters } = this.core;
    if (!mayWait || wait_ms > RATE_DELAY_MS_MAX) {
      connection.counters.rateLimited++;
      counters.tallies.count('ratelimited', scope);
      if (scope === 'user' && connection.userUse !== undefined) connection.userUse.refused++;
      return rateOfCommands(scope, wait_ms);
    }
    counters.tallies.count('ratelimited', `${scope}_delayed`);
    if (scope === 'user' && connection.userUse !== undefined) connection.userUse.delayed++;
    for (const { rates } of commands) rates.commands.spend(1, now_ms);
    connection.isPaidFor = true;
    connection.postpone(HELD_BY_RATE);
    this.holdFor(connection, now_ms, wait_ms);
    return 'delayed';
  }

  // -- Bytes -----------------------------------------------------------------------------------------------------------

  chargeInput(connection: Connection, count: number): void {
    const now_ms = this.core.turn_ms;
    for (const { rates } of connection.meters.bytes) rates.bytesIn.spend(count, now_ms);
    this.holdFor(connection, now_ms, this.debt_ms(connection, now_ms));
  }

  chargeOutput(connection: Connection, count: number): void {
    const now_ms = this.core.turn_ms;
    for (const { rates } of connection.meters.bytes) rates.bytesOut.spend(count, now_ms);
    this.holdFor(connection, now_ms, this.debt_ms(connection, now_ms));
  }

  private debt_ms(connection: Connection, now_ms: number): number {
    let delay_ms = 0;
    for (const { rates } of connection.meters.bytes) {
      delay_ms = Math.max(delay_ms, rates.bytesIn.delay_ms(now_ms), rates.bytesOut.delay_ms(now_ms));
    }
    return delay_ms;
  }

  private holdFor(connection: Connection, now_ms: number, wait_ms: number): void {
    if (wait_ms <= 0) return;
    const until_ms = now_ms + wait_ms;
    if (connection.isHeldByRate && connection.rateUntil_ms >= until_ms) return;
    connection.rateUntil_ms = until_ms;
    connection.hold(HELD_BY_RATE);
    if (!connection.isPaidFor) return;
    // Commands wait in order and to the millisecond; bytes are looked at by the ticker.
    this.core.deadlines.add(until_ms, () => this.check(connection, this.core.clock.monotonicMs()));
  }

  /** The time may be over: it goes on, unless more is owed than was waited for. */
  check(connection: Connection, now_ms: number): void {
    if (!connection.isHeldByRate || now_ms < connection.rateUntil_ms) return;
    const delay_ms = this.debt_ms(connection, now_ms);
    if (delay_ms > 0) connection.rateUntil_ms = now_ms + delay_ms;
    else connection.release(HELD_BY_RATE);
  }

  // -- Connections -----------------------------------------------------------------------------------------------------

  /** One more connection from an address, before anything is paid for it. */
  arrives(address: ParsedAddress): Refusal | undefined {
    const { core } = this;
    if (core.view.trustLoopback && address.isLoopback) return undefined;
    const rates = this.ofAddress(address);
    return rates === undefined ? undefined : this.takeConnection('address', rates);
  }

  /** One more of a user and a tenant, as far as they are new to the connection. */
  enters(tenant: Rates | undefined, use: UserUse | undefined): Refusal | undefined {
    const ofTenant = tenant === undefined ? undefined : this.takeConnection('tenant', tenant);
    if (ofTenant !== undefined || use === undefined) return ofTenant;
    const ofUser = this.takeConnection('user', use.rates);
    if (ofUser === undefined) return undefined;
    use.connectionsRefused++;
    tenant?.connections.giveBack(1);
    return ofUser;
  }

  private takeConnection(scope: RateScope, { connections }: Rates): Refusal | undefined {
    const now_ms = this.core.clock.monotonicMs();
    if (connections.take(1, now_ms)) return undefined;
    this.core.counters.tallies.count('ratelimited', `${scope}_connections`);
    return rateOfConnections(scope, connections.wait_ms(1, now_ms));
  }
}
