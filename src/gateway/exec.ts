/**
 * MULTI, EXEC and DISCARD. Every queued command is judged again at EXEC, as rules may have changed since it was queued.
 *
 * - One shard in this thread: the commands run one after the other, and nothing comes between them.
 * - A pool: commands over keys travel to one shard together and are answered together; what runs at the gateway (PUBLISH,
 *   SELECT, …) runs when that answer is here, and its replies are woven in. Until then the connection stands still.
 */
import { REQUEST_LIST_KEPT_BYTES, REQUEST_LISTS_KEPT } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import type { Caller, PooledTransactions } from '../command/ports/backend.ts';
import {
  EXEC_WITHOUT_MULTI,
  EXECABORT,
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

/** Change whose data the commands behind them act on and what is remembered of them: a pool must know before they run. */
const CHANGES_SESSION: ReadonlySet<string> = new Set([
  'auth',
  'hello',
  'tenant|use',
  'client|tracking',
  'client|caching',
]);

/** One command of a transaction in a pool: answered already, to be answered by the shard, or to run here afterwards. */
type Part =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'shard'; readonly command: Command; readonly request: Request }
  | { readonly kind: 'here'; readonly command: Command; readonly request: Request };

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
    transaction.release();
    if (transaction.isAborted) {
      session.unwatch();
      return out.error(EXECABORT);
    }
    session.isInTransaction = true;
    try {
      const { transactions } = this.core.backend;
      if (transactions.kind === 'pooled') this.runInPool(connection, transaction, transactions, out);
      else if (transactions.begin(session)) this.runHere(connection, transaction, out);
      else out.nullArray();
    } finally {
      session.isWatching = false;
      session.isInTransaction = false;
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
    const parts: Part[] = [];
    let { databaseNumber } = session;
    for (const queued of transaction.requests.each(this.request)) {
      const command = this.core.table.resolve(queued);
      if (command === undefined) continue;
      const request = ownRequest(queued);
      const judged = this.core.dispatcher.judge(connection, command, request);
      const refusal =
        judged ?? (CHANGES_SESSION.has(command.fullName) ? notInPoolTransaction(command.fullName) : judged);
      if (refusal !== undefined) {
        parts.push({ kind: 'refused', refusal });
      } else if (command.runShard !== undefined) {
        const whole = pooled.add(command, request, this.core.dispatcher.keys, databaseNumber);
        if (whole !== undefined) return out.error(whole);
        parts.push({ kind: 'shard', command, request });
      } else {
        if (command.fullName === 'select') databaseNumber = selected(request, this.core.databases) ?? databaseNumber;
        parts.push({ kind: 'here', command, request });
      }
    }
    this.request.release();
    const place = connection.block(undefined);
    pooled.send((replies, start, end, ran_ms) => {
      // Which of them took how much of it the shard does not tell, unless one was slow.
      const share_ms = ran_ms / Math.max(1, parts.filter(({ kind }) => kind === 'shard').length);
      place.settle((writer) => this.weave(connection, parts, { replies, start, end, share_ms }, writer), ran_ms);
    });
  }

  /** Puts the replies of the shard and of what runs here into the order in which they were queued. */
  private weave(
    connection: Connection,
    parts: readonly Part[],
    { replies, start, end, share_ms }: Answered,
    out: ReplyWriter,
  ): void {
    if (connection.state === 'closed') return;
    // An error for the whole, or a null because a key had changed: nothing has run, and nothing will.
    if (replies[start] !== ASTERISK || replies[start + 1] === MINUS) return out.raw(replies, start, end);
    let at = replies.indexOf(NEWLINE, start) + 1;
    const { session, counters } = connection;
    session.isInTransaction = true;
    out.array(parts.length);
    for (const part of parts) {
      const mark = out.length;
      if (part.kind === 'refused') out.error(part.refusal);
      else if (part.kind === 'here') this.core.dispatcher.runAgain(connection, part.command, part.request, out);
      else {
        const next = skipReply(replies, at);
        out.raw(replies, at, next);
        at = next;
        counters.called(part.command.id);
        counters.took(part.command.id, share_ms);
        counters.answered(part.command.id, out.buffer, mark, out.length);
        const { monitor } = this.core;
        if (monitor.isWatched) monitor.show(connection, part.command, part.request, counters);
      }
    }
    session.isInTransaction = false;
  }
}

const ASTERISK = 0x2a;
const MINUS = 0x2d;
const NEWLINE = 0x0a;

/** A caller as it is now: the session may change before the shard answers. */
function callerOf({ id, tenantNumber, databaseNumber, noTouch, tracks }: Caller): Caller {
  return { id, tenantNumber, databaseNumber, noTouch, isInTransaction: true, tracks };
}

/** The same words with offsets of its own; the bytes stay those of the list. */
function ownRequest(queued: Request): Request {
  const request = new Request();
  request.bytes = queued.bytes;
  request.offsets = queued.offsets.slice(0, 2 * queued.argc);
  request.argc = queued.argc;
  request.wireBytes = queued.wireBytes;
  return request;
}

function selected(request: Request, databases: number): number | undefined {
  const number = Number(request.text(1));
  return Number.isInteger(number) && number >= 0 && number < databases ? number : undefined;
}
