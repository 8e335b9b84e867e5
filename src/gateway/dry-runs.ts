/**
 * Rules on trial: what they would have refused is counted, sampled into the log and kept for the operator, and passes all the
 * same. Alike ones are one row: the same user, reason, command and beginning of the key.
 *
 * Invariant: rows ≤ DRY_RUN_ROWS_MAX, and what finds no row is counted as unlisted.
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
  private readonly rows: Map<string, Row>;
  /** Would-be refusals without a row. */
  unlisted: number;

  constructor(core: Core) {
    this.core = core;
    this.rows = new Map();
    this.unlisted = 0;
  }

  /** Of a request that passed the gates in force; `keys` are its keys. */
  judge(connection: Connection, dryRun: User, command: Command, request: Request, keys: KeyList): void {
    const verdict = checkAll(dryRun, command, request, keys);
    if (verdict !== ALLOWED) this.note(connection, verdict, command, request);
  }

  list(): readonly DryRunView[] {
    return Array.from(this.rows.values());
  }

  reset(): void {
    this.rows.clear();
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
    const known = this.rows.get(name);
    if (known !== undefined) {
      known.count++;
      known.lastAt_ms = now_ms;
    } else if (this.rows.size >= DRY_RUN_ROWS_MAX) {
      this.unlisted++;
    } else {
      const row = { userName, tenantName, reason, command: command.fullName, objectClass, count: 1 } as const;
      this.rows.set(name, { ...row, firstAt_ms: now_ms, lastAt_ms: now_ms }); // cold: once a row
    }
  }
}

/** The beginning that keys of one kind have in common: up to the first colon. Without one, any. */
function classOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 || colon >= DRY_RUN_CLASS_BYTES_MAX ? NO_CLASS : `${name.slice(0, colon + 1)}*`;
}
