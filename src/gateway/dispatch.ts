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
import { TIMED_ALONE_BYTES } from '../base/limits.ts';
import { EVERY_KEY } from '../command/args.ts';
import { type Command, KeyList } from '../command/command.ts';
import type { CommandFlag, SessionCall } from '../command/spec.ts';
import {
  ceiling,
  execAbort,
  LOADING,
  MONITOR_ONLY,
  NOAUTH,
  NOPERM_CHANNEL,
  NOPERM_KEY,
  NOT_IN_MULTI,
  nopermCommand,
  onlyInSubscriberMode,
  type Refusal,
  rulesChanged,
  sortDenied,
  unknownCommand,
  unknownSubcommand,
  WATCH_IN_MULTI,
  wrongArity,
} from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import { AUDIT_UNAVAILABLE, TOKEN_EXPIRED } from '../resp/session-refusals.ts';
import { actionOf, NOT_RECORDED } from './audit.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { HELD_BY_PAUSE } from './holds.ts';

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

function isAboutData(flag: CommandFlag): boolean {
  return flag === 'write' || flag === 'readonly' || flag === 'may_replicate';
}

export class Dispatcher {
  private readonly core: Core;
  /** Those of the command judged last. */
  readonly keys: KeyList;

  constructor(core: Core) {
    this.core = core;
    this.keys = new KeyList();
  }

  /** Runs one request; its reply is in `out`, or has a place among the connection's pending ones. */
  run(connection: Connection, request: Request, out: ReplyWriter): void {
    const { core } = this;
    core.timing.isFresh = false;
    const command = core.table.resolve(request);
    if (command === undefined) {
      core.security.unknownCommand(connection);
      return this.refuse(connection, undefined, this.unknown(request), out);
    }
    if (!command.arityHolds(request.argc)) return this.refuse(connection, command, wrongArity(command.fullName), out);
    const { session } = connection;
    if (session.rosterVersion !== core.acl.roster.version && !core.identity.renew(connection)) {
      return connection.close('user_removed');
    }
    if (core.turn_ms >= session.provenUntil_ms && core.identity.expire(connection)) return;
    connection.lastCommand = command.id;
    const { user } = session;
    if (user === undefined) {
      if (!command.isNoAuth) {
        core.security.stranger(connection, actionOf(command));
        return this.refuse(connection, command, session.hasExpired ? TOKEN_EXPIRED : NOAUTH, out);
      }
    } else {
      const refusal = this.gates(connection, command, request);
      if (refusal !== undefined) return this.refuse(connection, command, refusal, out);
      if (session.transaction !== undefined) {
        if (command.isNoMulti) return this.refuse(connection, command, NOT_IN_MULTI, out);
        // A slip, and no reason to give up what is queued.
        if (command.traces === 'leaves') return out.error(WATCH_IN_MULTI);
      }
      if (core.clients.isPaused && !command.isNoAuth && core.clients.pauses(connection, command)) {
        return connection.postpone(HELD_BY_PAUSE);
      }
      // Behind the pause, as a request that was put off comes again and must not pay twice.
      if (connection.meters.commands.length > 0) {
        const admission = core.rates.admits(connection);
        if (admission === 'delayed') return;
        if (admission !== 'admitted') {
          core.security.overRate(connection, actionOf(command));
          return this.refuse(connection, command, admission, out);
        }
      }
    }
    const fault = command.parse(request);
    const { keys } = this;
    keys.clear();
    if (command.fixedKey !== 0 || command.hasChannels) {
      command.keys(request, keys);
      const refusal = user === undefined ? undefined : this.argumentsGate(connection, user, command, request);
      if (refusal !== undefined) return this.refuse(connection, command, refusal, out);
    }
    if (user?.dryRun !== undefined) core.dryRuns.judge(connection, user.dryRun, command, request, keys);
    if (session.transaction !== undefined && command.isQueued) return this.queue(connection, command, request, out);
    if (fault !== undefined) return this.fail(connection, command, fault, out);
    this.execute(connection, command, request, out);
  }

  /** MULTI has been said: the command waits for EXEC. */
  private queue(connection: Connection, command: Command, request: Request, out: ReplyWriter): void {
    const { backend } = this.core;
    const { tenantNumber, transaction } = connection.session;
    const refusal = transaction?.add(command, request, (bytes) => backend.hasRoom(tenantNumber, bytes));
    if (refusal !== undefined) return this.refuse(connection, command, refusal, out);
    out.simple('QUEUED');
  }

  /** Runs a queued command as EXEC does: judged anew, and without what was asked of it when it was queued. */
  runAgain(connection: Connection, command: Command, request: Request, out: ReplyWriter): void {
    const refusal = this.judgeQueued(connection, command, request);
    if (refusal === undefined) this.execute(connection, command, request, out);
    else this.fail(connection, command, refusal, out);
  }

  /** Whether a command that was taken before may run now. Its record is filled, and `keys` are its keys. */
  judge(connection: Connection, command: Command, request: Request): Refusal | undefined {
    const { core, keys } = this;
    const { session } = connection;
    if (session.rosterVersion !== core.acl.roster.version && !core.identity.renew(connection)) return NOAUTH;
    const { user } = session;
    if (user === undefined && !command.isNoAuth) return NOAUTH;
    if (user !== undefined && !user.root.allCommands && !checkCommand(user, command, request)) {
      core.denials.command(connection, command);
      return rulesChanged('no permission to execute the command or subcommand');
    }
    if (command.ceiling === 'operator' && !session.isOperator) {
      core.denials.ceiling(connection, command);
      return ceiling(command.fullName);
    }
    const fault = command.parse(request);
    keys.clear();
    if (command.fixedKey === 0 && !command.hasChannels) return fault;
    command.keys(request, keys);
    const refusal = user === undefined ? undefined : this.argumentsGate(connection, user, command, request);
    if (refusal === undefined) return fault;
    const object = refusal === NOPERM_CHANNEL ? CHANNELS_DENIED : 'no permission to touch the specified keys';
    return rulesChanged(object);
  }

  /** The same of one that has not begun: what cannot be recorded any more must not begin. */
  judgeQueued(connection: Connection, command: Command, request: Request): Refusal | undefined {
    const refusal = this.judge(connection, command, request);
    if (refusal !== undefined) return refusal;
    return this.core.security.audit?.refuses(command) === true ? AUDIT_UNAVAILABLE : undefined;
  }

  /** Whether the command that waits on a connection would be allowed now. */
  mayStillRun(connection: Connection): boolean {
    const { request } = connection.decoder;
    const command = this.core.table.resolve(request);
    return command === undefined || this.judge(connection, command, request) === undefined;
  }

  private execute(connection: Connection, command: Command, request: Request, out: ReplyWriter): void {
    const { core } = this;
    // Taken now: a command that changes who the connection is counts as that of who asked.
    const { counters } = connection;
    const { timing } = core;
    const isAlone = timing.everyAlone || !command.isSteady || request.wireBytes > TIMED_ALONE_BYTES;
    const from_ms = isAlone ? timing.beginAlone() : 0;
    counters.called(command.id);
    const mark = out.length;
    const { audit } = core.security;
    const isRecorded = audit !== undefined && audit.kinds[command.id] !== NOT_RECORDED;
    if (isRecorded) audit.begin(connection, command, request);
    if (command.runShard !== undefined) {
      if (command.traces !== undefined) connection.session.isWatching = command.traces === 'leaves';
      // What runs elsewhere is timed there, and comes with the reply; what waits is not slow.
      if (!core.backend.run(command, request, this.keys, connection.session, out, connection)) {
        if (isRecorded) audit.sent(connection, command);
        if (connection.session.caching !== undefined) connection.session.endCaching(command);
        if (core.monitor.isWatched) core.monitor.show(connection, command, request, counters);
        return;
      }
    } else if (command.runSession !== undefined && core.server !== undefined) {
      const call: SessionCall = { session: connection.session, server: core.server, request };
      command.runSession(call, out);
    }
    if (isRecorded) audit.ran(connection, command, out, mark);
    if (isAlone) timing.endAlone(connection, command, request, counters, from_ms);
    else timing.share(connection, command, request, counters, out.length - mark);
    counters.answered(command.id, out.buffer, mark, out.length);
    if (connection.session.caching !== undefined) connection.session.endCaching(command);
    if (core.monitor.isWatched) core.monitor.show(connection, command, request, counters);
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
    if (command.ceiling === 'operator' && !session.isOperator) {
      core.denials.ceiling(connection, command);
      return ceiling(command.fullName);
    }
    if (connection.isSubscriber && session.protocol === 2 && !IN_SUBSCRIBER_MODE.has(command.fullName)) {
      return this.notWhileSubscribed(connection, user, command, request);
    }
    if (connection.isMonitor && command.flags.some(isAboutData)) return MONITOR_ONLY;
    if (core.security.audit?.refuses(command) === true) return AUDIT_UNAVAILABLE;
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
      this.core.denials.channel(connection, command, object);
      return NOPERM_CHANNEL;
    }
    this.core.denials.key(connection, command, object);
    return keyRefusal(request, this.keys);
  }

  /** What a RESP2 subscriber is told: first of all, as in Redis, what it may not have anyway. */
  private notWhileSubscribed(connection: Connection, user: User, command: Command, request: Request): Refusal {
    command.parse(request);
    this.keys.clear();
    command.keys(request, this.keys);
    return this.argumentsGate(connection, user, command, request) ?? onlyInSubscriberMode(command.fullName);
  }

  private unknown(request: Request): Refusal {
    const parent = this.core.table.lookup(request.bytes, request.start(0), request.end(0));
    if (parent === undefined) return unknownCommand(request);
    return unknownSubcommand(parent.fullName, request.text(1));
  }

  /** A gate said no: the command was never called. */
  private refuse(connection: Connection, command: Command | undefined, refusal: Refusal, out: ReplyWriter): void {
    const { counters, session } = connection;
    counters.refused(command?.id ?? NO_COMMAND, refusal.code);
    if (session.transaction !== undefined) session.transaction.isAborted = true;
    if (command?.fullName !== 'exec') return out.error(refusal);
    session.leaveTransaction();
    session.unwatch();
    out.error(execAbort(refusal));
  }

  /** Its arguments made no sense: called, and failed. */
  private fail({ counters }: Connection, { id }: Command, refusal: Refusal, out: ReplyWriter): void {
    counters.called(id);
    counters.answered(id, refusal.bytes, 0, refusal.bytes.length);
    out.error(refusal);
  }
}

const CHANNELS_DENIED = 'no permission to access one of the channels used as arguments to the command';

/** Why the argument that `denied` names may not be used. A pattern that makes keys stands behind the word of its option. */
function keyRefusal(request: Request, keys: KeyList): Refusal {
  const { argument } = denied;
  for (let i = 0; i < keys.count; i++) {
    if (keys.at[i] !== argument || ((keys.access[i] as number) & EVERY_KEY) === 0) continue;
    return sortDenied(request.text(argument - 1).toUpperCase());
  }
  return NOPERM_KEY;
}
