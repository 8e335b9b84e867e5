/** What INFO and TENANT need to know of the gateway, as the composition root adapts it. A tenant of undefined is everyone. */
import type { TenantView, UserUses } from '../command/ports/server.ts';
import type { Histogram } from '../observe/histogram.ts';
import type { ClientFigures, CommandFigures } from './info/picture.ts';

export interface Counters {
  readonly connectionsReceived: number;
  readonly connectionsRejected: number;
  readonly commandsProcessed: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reads: number;
  readonly writes: number;
  readonly errorReplies: number;
  readonly deniedAuth: number;
  readonly deniedCommand: number;
  readonly deniedKey: number;
  readonly deniedChannel: number;
  readonly deniedCertificate: number;
}

/** What rates are made of. */
export interface QuickFigures {
  readonly commandsProcessed: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface GatewayFigures {
  clients(tenant: string | undefined): ClientFigures;
  counters(tenant: string | undefined): Counters;
  /** Asked ten times a second. */
  quick(tenant: string | undefined): QuickFigures;
  commands(tenant: string | undefined): readonly CommandFigures[];
  errors(tenant: string | undefined): readonly (readonly [code: string, count: number])[];
  /** Of commands that were timed. */
  latencies(tenant: string | undefined): readonly (readonly [name: string, histogram: Histogram])[];
  /** Counters that redis does not have, for operators. */
  own(): readonly (readonly [name: string, value: number | string])[];
  userUses(tenant: string): UserUses;
  reset(tenant: string | undefined): void;
}

/** A tenant's dense number with what there is to show of it. */
export interface NumberedTenant extends TenantView {
  readonly number: number;
}
