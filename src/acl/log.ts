/**
 * The security log of ACL LOG: denials of the last time, newest first, alike ones no more than a minute apart counted as one. Holds
 * names and keys, never a password.
 */
import { headOf } from '../base/bytes.ts';
import {
  ACL_LOG_ENTRIES_MAX_DEFAULT,
  ACL_LOG_GROUPING_MS,
  ECHOED_BYTES_MAX,
  REMEMBERED_TEXT_BYTES_MAX,
} from '../base/limits.ts';

/** `tls-cert` as of Redis 8.6 and Valkey 9: a certificate that its authority vouches for made nobody somebody. */
export type DenialReason = 'auth' | 'command' | 'key' | 'channel' | 'tls-cert';

export interface Denial {
  readonly reason: DenialReason;
  readonly context: 'toplevel' | 'multi' | 'lua';
  /**
   * The command, key or channel; for `auth` the command that carried the password, for `tls-cert` why. One character per
   * byte.
   */
  readonly object: string;
  readonly userName: string;
  readonly tenantName: string;
  /** The CLIENT LIST line of who asked. */
  readonly clientInfo: string;
}

export interface LogEntry extends Denial {
  readonly id: number;
  readonly count: number;
  readonly createdAt_ms: number;
  readonly updatedAt_ms: number;
}

export class AclLog {
  private entries: LogEntry[];
  private nextId: number;
  private max: number;

  constructor(max: number = ACL_LOG_ENTRIES_MAX_DEFAULT) {
    this.entries = [];
    this.nextId = 0;
    this.max = max;
  }

  /** acllog-max-len. */
  setMax(max: number): void {
    this.max = max;
    this.entries.length = Math.min(this.entries.length, max);
  }

  add(denial: Denial, now_ms: number): void {
    const object = headOf(denial.object, ECHOED_BYTES_MAX);
    const userName = headOf(denial.userName, REMEMBERED_TEXT_BYTES_MAX);
    const at = this.entries.findIndex(
      (known) =>
        known.reason === denial.reason &&
        known.context === denial.context &&
        known.object === object &&
        known.userName === userName &&
        now_ms - known.updatedAt_ms <= ACL_LOG_GROUPING_MS,
    );
    const known = this.entries[at];
    if (known !== undefined) {
      this.entries.splice(at, 1);
      this.entries.unshift({ ...known, count: known.count + 1, clientInfo: denial.clientInfo, updatedAt_ms: now_ms });
      return;
    }
    this.entries.unshift({
      ...denial,
      object,
      userName,
      id: this.nextId++,
      count: 1,
      createdAt_ms: now_ms,
      updatedAt_ms: now_ms,
    });
    if (this.entries.length > this.max) this.entries.length = this.max;
  }

  newest(count: number): readonly LogEntry[] {
    return this.entries.slice(0, count);
  }

  reset(): void {
    this.entries = [];
  }
}
