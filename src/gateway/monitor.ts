/**
 * MONITOR: who watches sees every command that runs, as it was sent but for its secrets. A user of a tenant sees the
 * commands of that tenant, an operator those of all.
 *
 * A line is made once and shared by all who get it; it is cut at MONITOR_LINE_BYTES_MAX, as a value of megabytes is not
 * worth four times its size to somebody who looks. Who does not keep up is closed at the output limit that redis has for
 * them, that of replicas.
 *
 * Hot path: one look at `isWatched` per command while nobody does. Guarded by the P16 rows of `npm run bench`.
 */
import { checkCommand } from '../acl/check.ts';
import type { User } from '../acl/user.ts';
import { MONITOR_LINE_BYTES_MAX } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import { REDACTED, secretsOf } from '../command/secrets.ts';
import { Request } from '../resp/request.ts';
import { bracketed } from './clients.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { TenantCounters } from './counters.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = 0x20;
const TILDE = 0x7e;
const MICROSECOND_DIGITS = 6;

/** Bytes that have a letter behind a backslash. */
const ESCAPES: ReadonlyMap<number, string> = new Map([
  [BACKSLASH, '\\\\'],
  [QUOTE, '\\"'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x07, '\\a'],
  [0x08, '\\b'],
]);

/** One byte as it stands between the quotes of a line. */
const SHOWN: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const escaped = ESCAPES.get(byte);
  if (escaped !== undefined) return escaped;
  return byte >= BLANK && byte <= TILDE ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
});

const MONITOR = Request.of('MONITOR');

export class Monitor {
  /** Whether anybody watches. */
  isWatched: boolean;
  private readonly core: Core;
  private readonly watchers: Set<Connection>;

  constructor(core: Core) {
    this.core = core;
    this.isWatched = false;
    this.watchers = new Set();
  }

  /** False when it watches already. */
  add(connection: Connection): boolean {
    if (this.watchers.has(connection)) return false;
    this.watchers.add(connection);
    connection.isMonitor = true;
    this.isWatched = true;
    return true;
  }

  /** RESET, another user, or its end. */
  remove(connection: Connection): void {
    if (!connection.isMonitor) return;
    this.watchers.delete(connection); // cold: once per watcher
    connection.isMonitor = false;
    this.isWatched = this.watchers.size > 0;
  }

  /** Permissions have changed: whoever may no longer watch is closed. */
  recheck(): void {
    for (const connection of Array.from(this.watchers)) {
      const { user } = connection.session;
      if (user === undefined || !this.permits(user)) connection.close('user_removed');
    }
  }

  permits(user: User): boolean {
    const command = this.core.table.named('monitor');
    return command !== undefined && checkCommand(user, command, MONITOR);
  }

  /** A command has run. `counters` are those it was counted by: they tell whose it was. */
  show(connection: Connection, command: Command, request: Request, counters: TenantCounters): void {
    if (command.flags.includes('admin') || command.flags.includes('skip_monitor')) return;
    let line: Uint8Array | undefined;
    for (const watcher of this.watchers) {
      const { session } = watcher;
      if (!session.isOperator && session.tenant?.number !== counters.tenant) continue;
      line ??= this.line(connection, command, request);
      watcher.push(line);
    }
  }

  private line({ session, addressText, peer }: Connection, command: Command, request: Request): Uint8Array {
    const now_us = Math.floor(this.core.clock.nowMs() * 1000);
    const fraction = String(now_us % 1_000_000).padStart(MICROSECOND_DIGITS, '0');
    let text = `+${Math.floor(now_us / 1_000_000)}.${fraction} [${session.databaseNumber} ${bracketed(addressText)}:${peer.port}]`;
    const hides = secretsOf(command.fullName, request);
    for (let i = 0; i < request.argc; i++) {
      if (text.length >= MONITOR_LINE_BYTES_MAX) {
        text += ` ... (${request.argc - i} more arguments)`;
        break;
      }
      text += hides(i) ? ` "${REDACTED}"` : ` ${quoted(request, i, MONITOR_LINE_BYTES_MAX - text.length)}`;
    }
    return Buffer.from(`${text}\r\n`, 'latin1');
  }
}

/** As redis' sdscatrepr, with an end. */
function quoted(request: Request, position: number, room: number): string {
  const { bytes } = request;
  const end = request.end(position);
  let text = '"';
  for (let i = request.start(position); i < end; i++) {
    if (text.length >= room) return `${text}"... (${end - i} more bytes)`;
    text += SHOWN[bytes[i] as number];
  }
  return `${text}"`;
}
