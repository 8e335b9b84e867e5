/** The gateway's counters as INFO wants them: of the process, or of one tenant. */
import type { UserUses } from '../command/ports/server.ts';
import type { CommandTable } from '../command/table.ts';
import type { Core } from '../gateway/core.ts';
import type { TenantCounters } from '../gateway/counters.ts';
import type { Histogram } from '../observe/histogram.ts';
import type { Tenant, TenantRegistry } from '../tenancy/tenant.ts';
import type { Counters, GatewayFigures, QuickFigures } from './figures.ts';
import type { ClientFigures, CommandFigures } from './info/picture.ts';

export class CoreFigures implements GatewayFigures {
  private readonly core: Core;
  private readonly table: CommandTable;
  private readonly registry: TenantRegistry;

  constructor(core: Core, table: CommandTable, registry: TenantRegistry) {
    this.core = core;
    this.table = table;
    this.registry = registry;
  }

  clients(tenantName: string | undefined): ClientFigures {
    const { view, counters, clients, pubsub, tracking } = this.core;
    const tenant = tenantName === undefined ? undefined : this.registry.get(tenantName);
    const cap = tenant === undefined || tenant.budget.connections === 0 ? view.maxclients : tenant.budget.connections;
    const tracked = tracking.figures(tenant?.number);
    const closed = (reason: 'query_buffer_limit' | 'output_buffer_limit') =>
      tenant === undefined ? (counters.closed.get(reason) ?? 0) : 0;
    return {
      connected: clients.countOf(tenant),
      blocked: clients.blockedOf(tenant),
      subscribers: clients.subscribersOf(tenant),
      ...pubsub.figures(tenant?.number),
      maxclients: cap,
      queryBufferDisconnections: closed('query_buffer_limit'),
      outputBufferDisconnections: closed('output_buffer_limit'),
      ...this.buffers(tenant),
      tracking: tracked.clients,
      prefixes: tracked.prefixes,
    };
  }

  /** A walk over all connections, once per INFO. */
  private buffers(tenant: Tenant | undefined) {
    let largestInputBytes = 0;
    let largestOutputBytes = 0;
    let bufferedBytes = 0;
    let watching = 0;
    let waitingWithTimeout = 0;
    for (const { session, queryBytes, outputBytes, waitsWithTimeout } of this.core.clients.all()) {
      if (tenant !== undefined && session.tenant !== tenant) continue;
      largestInputBytes = Math.max(largestInputBytes, queryBytes);
      largestOutputBytes = Math.max(largestOutputBytes, outputBytes);
      bufferedBytes += queryBytes + outputBytes;
      if (session.isWatching) watching++;
      if (waitsWithTimeout) waitingWithTimeout++;
    }
    return { largestInputBytes, largestOutputBytes, bufferedBytes, watching, waitingWithTimeout };
  }

  userUses(tenantName: string): UserUses {
    return this.core.rates.users.shown(tenantName);
  }

  latencies(tenantName: string | undefined): readonly (readonly [name: string, histogram: Histogram])[] {
    const { counters } = this.core;
    const tenant = tenantName === undefined ? undefined : this.registry.get(tenantName);
    const latencies = tenant === undefined ? counters.latencies() : counters.of(tenant.number).latencies;
    return this.table.all.flatMap(({ id, fullName }) => {
      const histogram = latencies[id];
      return histogram === undefined ? [] : [[fullName, histogram] as const];
    });
  }

  counters(tenantName: string | undefined): Counters {
    const found = this.of(tenantName);
    return {
      connectionsReceived: found.connectionsReceived,
      // Who is turned away has not said whose connection it would have been.
      connectionsRejected: tenantName === undefined ? this.core.counters.connectionsRejected : 0,
      commandsProcessed: found.commands,
      bytesIn: found.bytesIn,
      bytesOut: found.bytesOut,
      reads: found.reads,
      writes: found.writes,
      errorReplies: found.errorReplies,
      deniedAuth: found.deniedAuth,
      deniedCommand: found.deniedCommand,
      deniedKey: found.deniedKey,
      deniedChannel: found.deniedChannel,
      deniedCertificate: found.deniedCertificate,
    };
  }

  quick(tenantName: string | undefined): QuickFigures {
    if (tenantName !== undefined) {
      const { commands, bytesIn, bytesOut } = this.of(tenantName);
      return { commandsProcessed: commands, bytesIn, bytesOut };
    }
    const { counters } = this.core;
    return {
      commandsProcessed: counters.total('commands'),
      bytesIn: counters.total('bytesIn'),
      bytesOut: counters.total('bytesOut'),
    };
  }

  commands(tenantName: string | undefined): readonly CommandFigures[] {
    const { calls, microseconds, rejected, failed } = this.of(tenantName);
    return this.table.all.map(({ id, fullName }) => ({
      name: fullName,
      calls: calls[id] ?? 0,
      microseconds: microseconds[id] ?? 0,
      rejectedCalls: rejected[id] ?? 0,
      failedCalls: failed[id] ?? 0,
    }));
  }

  errors(tenantName: string | undefined): readonly (readonly [code: string, count: number])[] {
    return Array.from(this.of(tenantName).errors);
  }

  private of(tenantName: string | undefined): TenantCounters {
    const { counters } = this.core;
    const tenant = tenantName === undefined ? undefined : this.registry.get(tenantName);
    return tenant === undefined ? counters.sum() : counters.of(tenant.number);
  }

  own(): readonly (readonly [name: string, value: number | string])[] {
    const { counters, security } = this.core;
    const closed = Array.from(counters.closed, ([reason, count]) => [`closed_${reason}`, count] as const);
    const expiries = this.core.certificateExpiries.map(([name, seconds]) => `${name}=${seconds}`).join(',');
    return [
      ['tenants', this.registry.all().length],
      ['rate_limited', counters.total('rateLimited')],
      ['bugs', counters.bugs],
      ...this.core.identity.figures(),
      ...closed,
      ...(expiries === '' ? [] : [['cert_not_after', expiries] as const]),
      ...counters.tallies.lines(),
      ...security.figures,
    ];
  }

  reset(tenantName: string | undefined): void {
    if (tenantName === undefined) this.core.counters.reset();
    else this.of(tenantName).reset();
  }
}
