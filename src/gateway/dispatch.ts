/**
 * A request on its way to a handler: look-up, gates in order, the one parse, permission for its keys, then the backend or
 * the session command. The first gate that refuses answers.
 *
 * Order, as in Redis: known · arity · authenticated · permitted to run it · ceiling · subscriber · loading · paused · rate ·
 * keys and channels.
 *
 * Hot path. Budget 100 ns per command; guarded by the P16 rows of `npm run bench`.
 */
import { ALLOWED, checkAll, checkCommand, DENIED_CHANNEL, denied } from '../acl/check.ts';
import type { User } from '../acl/user.ts';
import { EVERY_KEY } from '../command/args.ts';
import { type Command, KeyList } from '../command/command.ts';
import type { SessionCall } from '../command/spec.ts';
import {
  ceiling,
  LOADING,
  NOAUTH,
  NOPERM_CHANNEL,
  NOPERM_KEY,
  nopermCommand,
  onlyInSubscriberMode,
  RATE_COMMANDS,
  type Refusal,
  sortDenied,
  unknownCommand,
  unknownSubcommand,
  wrongArity,
} from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { TenantCounters } from './counters.ts';

/** Commands of one chunk among which its time is shared out; the time of a longer chunk goes to its first ones. */
const BOOKED_MAX = 1024;
const NO_COMMAND = -1;
/** What a client may say while every array it is sent may be a message. RESP3 tells the two apart. */
const IN_SUBSCRIBER_MODE: ReadonlySet<string> = new Set([
  'ping',
  'quit',
  'reset',
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);

export class Dispatcher {
  private readonly core: Core;
  private readonly keys: KeyList;
  private readonly ran: Int32Array;
  private ranCount: number;

  constructor(core: Core) {
    this.core = core;
    this.keys = new KeyList();
    this.ran = new Int32Array(BOOKED_MAX);
    this.ranCount = 0;
  }

  /** Runs one request; its reply is in `out`, or has a place among the connection's pending ones. */
  run(connection: Connection, request: Request, out: ReplyWriter): void {
    const { core } = this;
    const command = core.table.resolve(request);
    if (command === undefined) return this.refuse(connection, undefined, this.unknown(request), out);
    if (!command.arityHolds(request.argc)) return this.refuse(connection, command, wrongArity(command.fullName), out);
    const { session } = connection;
    if (session.rosterVersion !== core.acl.roster.version && !core.identity.renew(connection)) {
      return connection.close('user_removed');
    }
    connection.lastCommand = command.id;
    const { user } = session;
    if (user === undefined) {
      if (!command.isNoAuth) return this.refuse(connection, command, NOAUTH, out);
    } else {
      const refusal = this.gates(connection, command, request);
      if (refusal !== undefined) return this.refuse(connection, command, refusal, out);
      if (core.clients.isPaused && !command.isNoAuth && core.clients.pauses(connection, command)) {
        return connection.postpone();
      }
      if (!this.isWithinRate(connection)) return this.refuse(connection, command, RATE_COMMANDS, out);
    }
    const fault = command.parse(request);
    const { keys } = this;
    keys.clear();
    if (command.fixedKey !== 0 || command.hasChannels) {
      command.keys(request, keys);
      const refusal = user === undefined ? undefined : this.argumentsGate(connection, user, command, request);
      if (refusal !== undefined) return this.refuse(connection, command, refusal, out);
    }
    if (fault !== undefined) return this.fail(connection, command, fault, out);
    this.execute(connection, command, request, out);
  }

  private execute(connection: Connection, command: Command, request: Request, out: ReplyWriter): void {
    const { core } = this;
    // Taken now: a command that changes who the connection is counts as that of who asked.
    const { counters } = connection;
    if (this.ranCount < BOOKED_MAX) this.ran[this.ranCount++] = command.id;
    counters.called(command.id);
    const mark = out.length;
    if (command.runShard !== undefined) {
      core.backend.run(command, request, this.keys, connection.session, out, connection);
    } else if (command.runSession !== undefined && core.server !== undefined) {
      const call: SessionCall = { session: connection.session, server: core.server, request };
      command.runSession(call, out);
    }
    counters.answered(command.id, out.buffer, mark, out.length);
  }

  /** What is decided before the arguments are looked at. */
  private gates(connection: Connection, command: Command, request: Request): Refusal | undefined {
    const { core } = this;
    const { session } = connection;
    const { user, tenant } = session;
    if (user === undefined || tenant === undefined) return NOAUTH;
    if (!user.root.allCommands && !checkCommand(user, command, request)) {
      core.denials.command(connection, command);
      return nopermCommand(command.fullName);
    }
    if (command.ceiling === 'operator' && !session.isOperator) return ceiling(command.fullName);
    if (connection.isSubscriber && session.protocol === 2 && !IN_SUBSCRIBER_MODE.has(command.fullName)) {
      return this.notWhileSubscribed(connection, user, command, request);
    }
    return core.loading && !command.flags.includes('loading') ? LOADING : undefined;
  }

  /** May the user have these keys and channels? */
  private argumentsGate(connection: Connection, user: User, command: Command, request: Request): Refusal | undefined {
    const { root } = user;
    if (root.allKeys && root.allCommands && (root.allChannels || !command.hasChannels)) return undefined;
    const verdict = checkAll(user, command, request, this.keys);
    if (verdict === ALLOWED) return undefined;
    const object = request.text(denied.argument);
    if (verdict === DENIED_CHANNEL) {
      this.core.denials.channel(connection, object);
      return NOPERM_CHANNEL;
    }
    this.core.denials.key(connection, object);
    return keyRefusal(request, this.keys);
  }

  /** What a RESP2 subscriber is told: first of all, as in Redis, what it may not have anyway. */
  private notWhileSubscribed(connection: Connection, user: User, command: Command, request: Request): Refusal {
    command.parse(request);
    this.keys.clear();
    command.keys(request, this.keys);
    return this.argumentsGate(connection, user, command, request) ?? onlyInSubscriberMode(command.fullName);
  }

  /** Behind the pause, as a request that was put off comes again and must not pay twice. */
  private isWithinRate(connection: Connection): boolean {
    const { core } = this;
    if (connection.session.tenant?.commands.take(1, core.turn_ms) !== false || core.isTrusted(connection)) return true;
    connection.counters.rateLimited++;
    return false;
  }

  private unknown(request: Request): Refusal {
    const parent = this.core.table.lookup(request.bytes, request.start(0), request.end(0));
    if (parent === undefined) return unknownCommand(request);
    return unknownSubcommand(parent.fullName, request.text(1));
  }

  /** A gate said no: the command was never called. */
  private refuse(connection: Connection, command: Command | undefined, refusal: Refusal, out: ReplyWriter): void {
    connection.counters.refused(command?.id ?? NO_COMMAND, refusal.code);
    out.error(refusal);
  }

  /** Its arguments made no sense: called, and failed. */
  private fail({ counters }: Connection, { id }: Command, refusal: Refusal, out: ReplyWriter): void {
    counters.called(id);
    counters.answered(id, refusal.bytes, 0, refusal.bytes.length);
    out.error(refusal);
  }

  /** Shares the time of a chunk out among the commands that ran in it. */
  book({ microseconds }: TenantCounters, elapsed_ms: number): void {
    const count = this.ranCount;
    if (count === 0) return;
    const share = (elapsed_ms * 1000) / count;
    for (let i = 0; i < count; i++) {
      const id = this.ran[i] as number;
      microseconds[id] = (microseconds[id] as number) + share;
    }
    this.ranCount = 0;
  }
}

/** Why the argument that `denied` names may not be used. A pattern that makes keys stands behind the word of its option. */
function keyRefusal(request: Request, keys: KeyList): Refusal {
  const { argument } = denied;
  for (let i = 0; i < keys.count; i++) {
    if (keys.at[i] !== argument || ((keys.access[i] as number) & EVERY_KEY) === 0) continue;
    return sortDenied(request.text(argument - 1).toUpperCase());
  }
  return NOPERM_KEY;
}
