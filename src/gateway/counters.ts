/**
 * What the gateway counts: plain numbers and typed arrays, read by INFO when asked. Everything that belongs to somebody is
 * counted under their tenant, and the process is the sum, so nothing is counted twice and each tenant can be told its own.
 *
 * Hot path: a few additions per command. How time is taken, `timing.ts` tells.
 */
import { ERROR_CODES_MAX } from '../base/limits.ts';
import type { CommandTable } from '../command/table.ts';
import { addInto, bucketOf, type Histogram, newHistogram } from '../observe/histogram.ts';
import { CLOSE_REASONS, type CloseReason } from './close-reasons.ts';
import { Tallies } from './tallies.ts';

const MINUS = 0x2d;
const BLANK = 0x20;
/** Letters of an error's first word that are looked at. */
const ERROR_CODE_BYTES_MAX = 24;

const ARRAYS = ['calls', 'microseconds', 'rejected', 'failed'] as const;
const SCALARS = [
  'errorReplies',
  'commands',
  'bytesIn',
  'bytesOut',
  'reads',
  'writes',
  'connectionsReceived',
  'deniedAuth',
  'deniedCommand',
  'deniedKey',
  'deniedChannel',
  'deniedCertificate',
  'rateLimited',
] as const;

/** `latency-tracking`, shared by all counters. */
interface Tracking {
  isOn: boolean;
}

/** The number of those who are not anybody's: no tenant has it. */
export const STRANGERS = -2;

/** Of one tenant, or of those who have not said who they are. */
export class TenantCounters {
  /** Whose: a tenant's number, or STRANGERS. */
  readonly tenant: number;
  /** By command id. */
  readonly calls: Float64Array;
  readonly microseconds: Float64Array;
  /** Refused before they were called. */
  readonly rejected: Float64Array;
  /** Called, and answered with an error. */
  readonly failed: Float64Array;
  /** By command id; made with the first call, 3.5 KB each. */
  readonly latencies: (Histogram | undefined)[];
  /** Replies that were errors, by their first word. */
  readonly errors: Map<string, number>;
  errorReplies: number;
  commands: number;
  bytesIn: number;
  bytesOut: number;
  reads: number;
  writes: number;
  /** Connections that became one of this tenant; of strangers, those accepted. */
  connectionsReceived: number;
  deniedAuth: number;
  deniedCommand: number;
  deniedKey: number;
  deniedChannel: number;
  deniedCertificate: number;
  rateLimited: number;
  private readonly tracking: Tracking;

  constructor(commands: number, tenant = STRANGERS, tracking: Tracking = { isOn: true }) {
    this.tenant = tenant;
    this.tracking = tracking;
    this.latencies = new Array<Histogram | undefined>(commands).fill(undefined);
    this.calls = new Float64Array(commands);
    this.microseconds = new Float64Array(commands);
    this.rejected = new Float64Array(commands);
    this.failed = new Float64Array(commands);
    this.errors = new Map();
    this.errorReplies = 0;
    this.commands = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.reads = 0;
    this.writes = 0;
    this.connectionsReceived = 0;
    this.deniedAuth = 0;
    this.deniedCommand = 0;
    this.deniedKey = 0;
    this.deniedChannel = 0;
    this.deniedCertificate = 0;
    this.rateLimited = 0;
  }

  called(command: number): void {
    this.commands++;
    this.calls[command] = (this.calls[command] as number) + 1;
  }

  /** A command was timed alone. */
  took(command: number, duration_ms: number): void {
    this.microseconds[command] = (this.microseconds[command] as number) + duration_ms * 1000;
    if (this.tracking.isOn) this.count(command, bucketOf(duration_ms), 1);
  }

  /** Several were timed together. */
  tookTogether(commands: Int32Array, count: number, share_ms: number): void {
    const share_us = share_ms * 1000;
    const bucket = this.tracking.isOn ? bucketOf(share_ms) : -1;
    let at = 0;
    while (at < count) {
      // Pipelines repeat themselves: a run of one command is one addition.
      const command = commands[at] as number;
      const from = at++;
      while (at < count && commands[at] === command) at++;
      this.microseconds[command] = (this.microseconds[command] as number) + share_us * (at - from);
      if (bucket >= 0) this.count(command, bucket, at - from);
    }
  }

  private count(command: number, bucket: number, calls: number): void {
    let histogram = this.latencies[command];
    if (histogram === undefined) {
      histogram = newHistogram();
      this.latencies[command] = histogram;
    }
    histogram[bucket] = (histogram[bucket] as number) + calls;
  }

  /** @param command -1 when there is no such command */
  refused(command: number, code: string): void {
    if (command >= 0) this.rejected[command] = (this.rejected[command] as number) + 1;
    this.error(code);
  }

  /** Looks at the reply that begins at `start`; counts it if it is an error. */
  answered(command: number, reply: Uint8Array, start: number, end: number): void {
    if (start >= end || reply[start] !== MINUS) return;
    if (command >= 0) this.failed[command] = (this.failed[command] as number) + 1;
    let code = '';
    for (let i = start + 1; i < end && code.length < ERROR_CODE_BYTES_MAX; i++) {
      const byte = reply[i] as number;
      if (byte <= BLANK) break;
      code += String.fromCharCode(byte);
    }
    this.error(code);
  }

  private error(code: string): void {
    this.errorReplies++;
    const known = this.errors.get(code);
    if (known !== undefined || this.errors.size < ERROR_CODES_MAX) this.errors.set(code, (known ?? 0) + 1);
  }

  /** CONFIG RESETSTAT. In place, as connections hold on to it. */
  reset(): void {
    for (const name of ARRAYS) this[name].fill(0);
    for (const name of SCALARS) this[name] = 0;
    this.latencies.fill(undefined);
    this.errors.clear();
  }

  /** Takes over what another counted, but for the histograms. */
  add(other: TenantCounters): void {
    for (const name of ARRAYS) {
      const mine = this[name];
      const theirs = other[name];
      for (let i = 0; i < mine.length; i++) mine[i] = (mine[i] as number) + (theirs[i] as number);
    }
    for (const name of SCALARS) this[name] += other[name];
    for (const [code, count] of other.errors) this.errors.set(code, (this.errors.get(code) ?? 0) + count);
  }
}

export class Counters {
  readonly closed: Map<CloseReason, number>;
  connectionsRejected: number;
  bugs: number;
  /** Those who have not said who they are. A connection that logs in goes on under its tenant. */
  readonly strangers: TenantCounters;
  readonly tracking: Tracking;
  /** What is counted by reason. */
  readonly tallies: Tallies;
  private readonly commands: number;
  /** By tenant number. */
  private readonly tenants: (TenantCounters | undefined)[];

  constructor(table: CommandTable) {
    this.commands = table.all.length;
    this.closed = new Map(CLOSE_REASONS.map((reason) => [reason, 0]));
    this.connectionsRejected = 0;
    this.bugs = 0;
    this.tracking = { isOn: true };
    this.tallies = new Tallies();
    this.strangers = new TenantCounters(this.commands, STRANGERS, this.tracking);
    this.tenants = [];
  }

  ended(reason: CloseReason): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
  }

  of(tenantNumber: number): TenantCounters {
    const known = this.tenants[tenantNumber];
    if (known !== undefined) return known;
    const made = new TenantCounters(this.commands, tenantNumber, this.tracking);
    while (this.tenants.length <= tenantNumber) this.tenants.push(undefined);
    this.tenants[tenantNumber] = made;
    return made;
  }

  /** Of the whole process. Every connection begins as a stranger, so of those received theirs is the number. */
  sum(): TenantCounters {
    const sum = new TenantCounters(this.commands, STRANGERS, this.tracking);
    sum.add(this.strangers);
    for (const tenant of this.tenants) if (tenant !== undefined) sum.add(tenant);
    sum.connectionsReceived = this.strangers.connectionsReceived;
    return sum;
  }

  /** Of the whole process, by command id. */
  latencies(): readonly (Histogram | undefined)[] {
    const sum = new Array<Histogram | undefined>(this.commands).fill(undefined);
    // cold: when LATENCY or INFO is asked
    for (const tenant of [this.strangers, ...this.tenants]) {
      // cold: when LATENCY or INFO is asked
      for (const [command, theirs] of tenant?.latencies.entries() ?? []) {
        if (theirs === undefined) continue;
        const mine = sum[command] ?? newHistogram();
        addInto(mine, theirs);
        sum[command] = mine;
      }
    }
    return sum;
  }

  /** One figure of the process: cheaper than all of them, for who asks ten times a second. */
  total(name: (typeof SCALARS)[number]): number {
    let total = this.strangers[name];
    for (const tenant of this.tenants) total += tenant?.[name] ?? 0;
    return total;
  }

  reset(): void {
    for (const reason of CLOSE_REASONS) this.closed.set(reason, 0);
    this.connectionsRejected = 0;
    this.bugs = 0;
    this.tallies.reset();
    this.strangers.reset();
    for (const tenant of this.tenants) tenant?.reset();
  }
}
