/**
 * Commands that took long, newest first, of each tenant its own: a noisy one pushes out nobody else's.
 *
 * Bounds: `slowlog-max-len` entries of a tenant, and SLOWLOG_ENTRIES_MAX of all; past that the longest log gives way.
 * An entry is at most 32 words of 128 bytes.
 */
import { SLOWLOG_ENTRIES_MAX } from '../base/limits.ts';

export interface SlowEntry {
  /** Counted over the process for operators; over the tenant for its users, who must not see how busy others are. */
  readonly id: number;
  readonly ownId: number;
  readonly tenant: number;
  readonly time_s: number;
  readonly duration_us: number;
  /** Without secrets; one character per byte. */
  readonly words: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

interface TenantLog {
  nextId: number;
  /** Oldest first. */
  readonly entries: SlowEntry[];
}

export class SlowLog {
  /** `slowlog-max-len`, of each tenant. */
  private max: number;
  private nextId: number;
  private total: number;
  private readonly logs: Map<number, TenantLog>;

  constructor(max: number) {
    this.max = max;
    this.nextId = 0;
    this.total = 0;
    this.logs = new Map();
  }

  /** Shorter logs lose their oldest entries with the next one, as in Redis. */
  setMax(max: number): void {
    this.max = max;
  }

  add(entry: Omit<SlowEntry, 'id' | 'ownId'>): void {
    const log = this.of(entry.tenant);
    log.entries.push({ ...entry, id: this.nextId++, ownId: log.nextId++ });
    this.total++;
    if (log.entries.length > this.max) {
      this.total -= log.entries.length - this.max;
      log.entries.splice(0, log.entries.length - this.max);
    }
    if (this.total > SLOWLOG_ENTRIES_MAX) this.shorten();
  }

  private of(tenant: number): TenantLog {
    const known = this.logs.get(tenant);
    if (known !== undefined) return known;
    const made: TenantLog = { nextId: 0, entries: [] };
    this.logs.set(tenant, made);
    return made;
  }

  private shorten(): void {
    let longest: TenantLog | undefined;
    for (const log of this.logs.values()) {
      if (longest === undefined || log.entries.length > longest.entries.length) longest = log;
    }
    if (longest?.entries.shift() !== undefined) this.total--;
  }

  /** Newest first. A tenant of undefined is everyone. */
  newest(tenant: number | undefined, count: number): readonly SlowEntry[] {
    if (tenant !== undefined) return lastOf(this.logs.get(tenant)?.entries ?? [], count);
    const all = Array.from(this.logs.values(), ({ entries }) => lastOf(entries, count)).flat();
    return all.sort((a, b) => b.id - a.id).slice(0, count);
  }

  length(tenant: number | undefined): number {
    return tenant === undefined ? this.total : (this.logs.get(tenant)?.entries.length ?? 0);
  }

  reset(tenant: number | undefined): void {
    for (const [number, { entries }] of this.logs) {
      if (tenant !== undefined && number !== tenant) continue;
      this.total -= entries.length;
      entries.length = 0;
    }
  }
}

function lastOf(entries: readonly SlowEntry[], count: number): SlowEntry[] {
  return entries.slice(Math.max(0, entries.length - count)).reverse();
}
