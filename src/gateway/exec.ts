/**
 * MULTI, EXEC and DISCARD. Every queued command is judged again at EXEC, as rules may have changed since it was queued.
 *
 * - One shard in this thread: the commands run one after the other, and nothing comes between them.
 * - A pool: commands over keys travel to one shard together and are answered together; what runs at the gateway (PUBLISH,
 *   SELECT, …) runs when that answer is here, and its replies are woven in. Until then the connection stands still.
 */
import { parseInteger } from '../base/integer.ts';
import { REQUEST_LIST_KEPT_BYTES, REQUEST_LISTS_KEPT } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import type { Caller, PooledTransactions } from '../command/ports/backend.ts';
import {
  EXEC_WITHOUT_MULTI,
  EXECABORT,
  INTERNAL_ERROR,
  MULTI_NESTED,
  notInPoolTransaction,
  type Refusal,
  unknownCommand,
} from '../resp/refusals.ts';
import { skipReply } from '../resp/reply-reader.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import { Request } from '../resp/request.ts';
import type { RequestList } from '../resp/request-list.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { Transaction } from './transaction.ts';
import type { Wait } from './wait.ts';

/** Change whose data the commands behind them act on and what is remembered of them: a pool must know before they run. */
const CHANGES_SESSION: ReadonlySet<string> = new Set([
  'auth',
  'hello',
  'tenant|use',
  'client|tracking',
  'client|caching',
]);

/** What the shard said to its part of a transaction. */
interface Answered {
  readonly replies: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** How long each of its commands ran, on average. */
  readonly share_ms: number;
}

export class Exec {
  private readonly core: Core;
  private readonly request: Request;
  /** Memory of transactions that have run, for the next. */
  private readonly spare: RequestList[];

  constructor(core: Core) {
    this.core = core;
    this.request = new Request();
    this.spare = [];
  }

  begin({ session }: Connection): Refusal | undefined {
    if (session.transaction !== undefined) return MULTI_NESTED;
    if (session.tenant !== undefined) session.transaction = new Transaction(session.tenant, this.spare.pop());
    return undefined;
  }

  /** Forgets what was queued and what is watched. False when there was no MULTI: then nothing has changed. */
  discard({ session }: Connection): boolean {
    const { transaction } = session;
    if (transaction === undefined) return false;
    session.unwatch();
    session.transaction = undefined;
    transaction.release();
    return true;
  }

  run(connection: Connection, out: ReplyWriter): void {
    const { session } = connection;
    const { transaction } = session;
    if (transaction === undefined) return out.error(EXEC_WITHOUT_MULTI);
    session.transaction = undefined;
    const { transactions } = this.core.backend;
    // In a pool what was queued is kept until the shard has answered.
    if (transaction.isAborted || transactions.kind !== 'pooled') transaction.release();
    if (transaction.isAborted) {
      session.unwatch();
      return out.error(EXECABORT);
    }
    session.isInTransaction = true;
    try {
      if (transactions.kind === 'pooled') this.runInPool(connection, transaction, transactions, out);
      else if (transactions.begin(session)) this.runHere(connection, transaction, out);
      else out.nullArray();
    } finally {
      session.isWatching = false;
      session.isInTransaction = false;
      connection.closeIfDoomed();
    }
  }

  private runHere(connection: Connection, { requests }: Transaction, out: ReplyWriter): void {
    const { core } = this;
    out.array(requests.count);
    try {
      for (const request of requests.each(this.request)) {
        const command = core.table.resolve(request);
        if (command === undefined) out.error(unknownCommand(request));
        else core.dispatcher.runAgain(connection, command, request, out);
      }
    } finally {
      this.request.release();
      const { transactions } = core.backend;
      if (transactions.kind === 'inline') transactions.end();
    }
    this.keep(requests);
  }

  private keep(requests: RequestList): void {
    if (requests.heldBytes > REQUEST_LIST_KEPT_BYTES || this.spare.length >= REQUEST_LISTS_KEPT) return;
    requests.clear();
    this.spare.push(requests);
  }

  private runInPool(
    connection: Connection,
    transaction: Transaction,
    transactions: PooledTransactions,
    out: ReplyWriter,
  ): void {
    const { session } = connection;
    const pooled = transactions.open(callerOf(session), session.protocol);
    /** Of each command why it will not run, if so. */
    const verdicts: (Refusal | undefined)[] = [];
    let { databaseNumber } = session;
    let atShard = 0;
    for (const request of transaction.requests.each(this.request)) {
      const command = this.core.table.resolve(request);
      const refusal =
        command === undefined ? unknownCommand(request) : this.refusalInPool(connection, command, request);
      verdicts.push(refusal);
      if (refusal !== undefined || command === undefined) continue;
      if (command.runShard === undefined) {
        if (command.fullName === 'select') databaseNumber = selected(request, this.core.databases) ?? databaseNumber;
        continue;
      }
      const whole = pooled.add(command, request, this.core.dispatcher.keys, databaseNumber);
      if (whole !== undefined) {
        this.request.release();
        transaction.release();
        return out.error(whole);
      }
      atShard++;
    }
    this.request.release();
    let place: Wait | undefined;
    let isAnswered = false;
    pooled.send((replies, start, end, ran_ms) => {
      isAnswered = true;
      transaction.release();
      // Which of them took how much of it the shard does not tell, unless one was slow.
      const share_ms = ran_ms / Math.max(1, atShard);
      const answered = { replies, start, end, share_ms };
      const write = (to: ReplyWriter) => this.weaveSafely(connection, transaction, verdicts, answered, to);
      if (place === undefined) write(out);
      else place.settle(write, ran_ms);
    });
    if (!isAnswered) place = connection.block(undefined);
  }

  private refusalInPool(connection: Connection, command: Command, request: Request): Refusal | undefined {
    const refusal = this.core.dispatcher.judgeQueued(connection, command, request);
    if (refusal !== undefined || !CHANGES_SESSION.has(command.fullName)) return refusal;
    return notInPoolTransaction(command.fullName);
  }

  /** A bug in a command that runs here is the end of its connection, and of nobody who is answered by the same batch. */
  private weaveSafely(
    connection: Connection,
    transaction: Transaction,
    verdicts: readonly (Refusal | undefined)[],
    answered: Answered,
    out: ReplyWriter,
  ): void {
    const { session } = connection;
    const mark = out.mark();
    session.isInTransaction = true;
    try {
      this.weave(connection, transaction, verdicts, answered, out);
    } catch (bug) {
      this.core.bug(bug, connection);
      out.truncate(mark);
      out.error(INTERNAL_ERROR);
      connection.finish('internal_error');
    } finally {
      session.isInTransaction = false;
      connection.closeIfDoomed();
    }
  }

  /** Puts the replies of the shard and of what runs here into the order in which they were queued. */
  private weave(
    connection: Connection,
    { requests }: Transaction,
    verdicts: readonly (Refusal | undefined)[],
    { replies, start, end, share_ms }: Answered,
    out: ReplyWriter,
  ): void {
    // An error for the whole, or a null because a key had changed: nothing has run, and nothing will.
    if (replies[start] !== ASTERISK || replies[start + 1] === MINUS) return out.raw(replies, start, end);
    let at = replies.indexOf(NEWLINE, start) + 1;
    const { core } = this;
    out.array(verdicts.length);
    let i = 0;
    for (const request of requests.each(new Request())) {
      const refusal = verdicts[i++];
      const command = refusal === undefined ? core.table.resolve(request) : undefined;
      if (refusal !== undefined) out.error(refusal);
      else if (command?.runShard === undefined) {
        if (command !== undefined) core.dispatcher.runAgain(connection, command, request, out);
      } else {
        const next = skipReply(replies, at);
        this.ranAtShard(connection, command, request, share_ms);
        connection.counters.answered(command.id, replies, at, next);
        const instead = this.core.security.audit?.ranInPool(connection, command, request, replies, at);
        if (instead === undefined) out.raw(replies, at, next);
        else out.error(instead);
        at = next;
      }
    }
  }

  private ranAtShard(connection: Connection, command: Command, request: Request, took_ms: number): void {
    const { counters } = connection;
    const { monitor } = this.core;
    counters.called(command.id);
    counters.took(command.id, took_ms);
    if (monitor.isWatched) monitor.show(connection, command, request, counters);
  }
}

const ASTERISK = 0x2a;
const MINUS = 0x2d;
const NEWLINE = 0x0a;

/** A caller as it is now: the session may change before the shard answers. */
function callerOf({ id, tenantNumber, databaseNumber, noTouch, tracks }: Caller): Caller {
  return { id, tenantNumber, databaseNumber, noTouch, isInTransaction: true, tracks };
}

function selected(request: Request, databases: number): number | undefined {
  const number = parseInteger(request.bytes, request.start(1), request.end(1));
  return Number.isInteger(number) && number >= 0 && number < databases ? number : undefined;
}
