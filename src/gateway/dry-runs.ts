/**
 * Rules on trial: what they would have refused is counted, sampled into the log and kept for the operator, and passes all the
 * same. Alike ones are one row: the same user, reason, command and beginning of the key.
 *
 * Invariant: rows ≤ DRY_RUN_ROWS_MAX, and what has no row is counted as unlisted. When all are taken, a tenant with fewer
 * gets one of the tenant that has most, so that none can hide what another's trial finds.
 */
import { ALLOWED, checkAll, DENIED_CHANNEL, DENIED_COMMAND, denied, type Verdict } from '../acl/check.ts';
import type { User } from '../acl/user.ts';
import { DRY_RUN_CLASS_BYTES_MAX, DRY_RUN_ROWS_MAX } from '../base/limits.ts';
import type { Command, KeyList } from '../command/command.ts';
import type { DryRunView } from '../command/ports/policy.ts';
import type { Request } from '../resp/request.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';

type Row = { -readonly [Field in keyof DryRunView]: DryRunView[Field] };

const NO_CLASS = '*';

export class DryRuns {
  private readonly core: Core;
  /** By tenant; each with its oldest first. */
  private readonly rows: Map<string, Map<string, Row>>;
  private size: number;
  /** Would-be refusals without a row. */
  unlisted: number;

  constructor(core: Core) {
    this.core = core;
    this.rows = new Map();
    this.size = 0;
    this.unlisted = 0;
  }

  /** Of a request that passed the gates in force; `keys` are its keys. */
  judge(connection: Connection, dryRun: User, command: Command, request: Request, keys: KeyList): void {
    const verdict = checkAll(dryRun, command, request, keys);
    if (verdict !== ALLOWED) this.note(connection, verdict, command, request);
  }

  list(): readonly DryRunView[] {
    return Array.from(this.rows.values()).flatMap((ofTenant) => Array.from(ofTenant.values()));
  }

  reset(): void {
    this.rows.clear();
    this.size = 0;
    this.unlisted = 0;
  }

  private note({ id, session }: Connection, verdict: Verdict, command: Command, request: Request): void {
    const { core } = this;
    const reason = verdict === DENIED_COMMAND ? 'command' : verdict === DENIED_CHANNEL ? 'channel' : 'key';
    const { userName, tenantName } = session;
    const objectClass = reason === 'command' ? '' : classOf(request.text(denied.argument));
    core.counters.tallies.count('would_deny', reason);
    core.log.event('info', 'access.would_deny', reason, { id, user: userName, command: command.fullName });
    const now_ms = core.clock.nowMs();
    const name = `${userName}\n${reason}\n${command.id}\n${objectClass}`;
    const ofTenant = this.rows.get(tenantName) ?? new Map<string, Row>(); // cold: a would-be refusal
    const known = ofTenant.get(name);
    if (known !== undefined) {
      known.count++;
      known.lastAt_ms = now_ms;
    } else if (!this.makeRoom(ofTenant.size)) {
      this.unlisted++;
    } else {
      const row = { userName, tenantName, reason, command: command.fullName, objectClass, count: 1 } as const;
      ofTenant.set(name, { ...row, firstAt_ms: now_ms, lastAt_ms: now_ms }); // cold: once a row
      this.rows.set(tenantName, ofTenant);
      this.size++;
    }
  }

  /** For one more of a tenant that has so many. */
  private makeRoom(has: number): boolean {
    if (this.size < DRY_RUN_ROWS_MAX) return true;
    let fullest: Map<string, Row> | undefined;
    for (const ofTenant of this.rows.values()) if (ofTenant.size > (fullest?.size ?? 0)) fullest = ofTenant;
    // Only what makes shares more even: else two tenants would take rows of each other for ever.
    if (fullest === undefined || fullest.size <= has + 1) return false;
    for (const [name, { count }] of fullest) {
      fullest.delete(name);
      this.unlisted += count;
      this.size--;
      break;
    }
    return true;
  }
}

/** The beginning that keys of one kind have in common: up to the first colon. Without one, any. */
function classOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 || colon >= DRY_RUN_CLASS_BYTES_MAX ? NO_CLASS : `${name.slice(0, colon + 1)}*`;
}
