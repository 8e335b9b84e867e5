/**
 * Which commands are recorded, and what of them. Acts of administration always are, and are answered when their record is on
 * the disk; writes and a sample of the reads are when policy says so.
 *
 * Invariant: arguments appear only of commands that policy names, and secrets of none; keys as policy says.
 *
 * Hot path: one look at `kinds` per command, and `ran` for those that are recorded. Guarded by `bench/audit.ts`.
 */
import { createHash } from 'node:crypto';
import { AUDIT_LIST_MAX, AUDIT_TEXT_BYTES_MAX } from '../base/limits.ts';
import { ANY_CHANNEL } from '../command/args.ts';
import type { Command } from '../command/command.ts';
import type { LaterReply } from '../command/ports/backend.ts';
import { REDACTED, secretsOf } from '../command/secrets.ts';
import type { AuditCategory, AuditEvent, AuditOutcome, AuditType, AuditValue } from '../observe/audit-event.ts';
import type { AuditJournal } from '../observe/audit-journal.ts';
import { LineWriter } from '../observe/audit-line.ts';
import type { Refusal } from '../resp/refusals.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import { AUDIT_NOT_WRITTEN } from '../resp/session-refusals.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';

export interface AuditTerms {
  readonly writes: boolean;
  /** One read of so many is recorded; 0: none. */
  readonly readsOneIn: number;
  readonly keys: 'none' | 'names' | 'hashed';
  /** Full names of commands whose arguments are shown. */
  readonly arguments: ReadonlySet<string>;
}

export const NOT_RECORDED = 0;
const READ = 1;
const WRITE = 2;
/** An act when an operator does it; when somebody empties their own data, a write that is recorded whatever policy says. */
const ACT_OF_OPERATORS = 3;
const ACT = 4;

/** Flagged `admin` as in Redis, and yet they only look. */
const ONLY_LOOK: ReadonlySet<string> = new Set([
  'acl|dryrun',
  'acl|getuser',
  'acl|list',
  'acl|users',
  'client|list',
  'client|no-evict',
  'cluster|count-failure-reports',
  'cluster|replicas',
  'cluster|slaves',
  'config|get',
  'debug|error',
  'debug|help',
  'debug|object',
  'debug|protocol',
  'latency|doctor',
  'latency|graph',
  'latency|histogram',
  'latency|history',
  'latency|latest',
  'module|list',
  'pfdebug',
  'pfselftest',
  'slowlog|get',
  'slowlog|len',
  'tenant|info',
  'tenant|list',
]);
const EMPTIES: ReadonlySet<string> = new Set(['flushall', 'flushdb', 'swapdb']);

/** Where the words of an act stand that say what it was done to; none of them is a secret. */
const TARGETS: ReadonlyMap<string, { readonly field: string; readonly from: number; readonly step: number }> = new Map([
  ['acl|setuser', { field: 'user.target.name', from: 2, step: Number.POSITIVE_INFINITY }],
  ['acl|deluser', { field: 'user.target.name', from: 2, step: 1 }],
  ['config|set', { field: 'portcullis.settings', from: 2, step: 2 }],
  ['tenant|use', { field: 'portcullis.target', from: 2, step: Number.POSITIVE_INFINITY }],
  ['portcullis.backup', { field: 'portcullis.target', from: 1, step: Number.POSITIVE_INFINITY }],
]);

const MINUS = 0x2d;
const BLANK = 0x20;
const ERROR_CODE_BYTES_MAX = 24;
const HASH_CHARACTERS = 32;

const encoded = (text: string) => Buffer.from(text, 'latin1');
const SUCCESS = encoded(',"event.outcome":"success"');
const FAILURE = encoded(',"event.outcome":"failure","error.code":');
const UNKNOWN = encoded(',"event.outcome":"unknown"');
const DATABASE = encoded(',"portcullis.database":');
const KEYS = encoded(',"portcullis.keys":[');
const KEYS_TOTAL = encoded('],"portcullis.keys_total":');
const ARGUMENTS = encoded(',"portcullis.arguments":[');
const END = encoded(']');
/** Of most records, of what follows behind how it went. */
const DATA_BYTES = 1024;

/** An act whose answer is not there yet. */
interface Expected {
  readonly event: Omit<AuditEvent, 'outcome'>;
  isPlaced: boolean;
}

export class Audit {
  readonly journal: AuditJournal;
  /** By command id. */
  readonly kinds: Uint8Array;
  private readonly core: Core;
  private readonly whats: (Uint8Array | undefined)[];
  private terms: AuditTerms;
  private reads: number;
  private expected: Expected | undefined;
  /** Of the command that runs, while it has yet to be recorded and is no act. */
  private request: Request | undefined;
  private readonly scratch: LineWriter;

  constructor(core: Core, journal: AuditJournal, terms: AuditTerms) {
    this.core = core;
    this.journal = journal;
    this.terms = terms;
    this.kinds = new Uint8Array(core.table.all.length);
    this.whats = new Array<Uint8Array | undefined>(core.table.all.length).fill(undefined);
    this.reads = 0;
    this.expected = undefined;
    this.request = undefined;
    this.scratch = new LineWriter(DATA_BYTES);
    this.adopt(terms);
  }

  adopt(terms: AuditTerms): void {
    this.terms = terms;
    for (const command of this.core.table.all) this.kinds[command.id] = kindOf(command, terms);
  }

  /** Whether the command has to be recorded, and cannot be. */
  refuses(command: Command): boolean {
    return this.journal.isRefusing && (this.kinds[command.id] as number) >= WRITE;
  }

  private isAct(command: Command, connection: Connection): boolean {
    const kind = this.kinds[command.id] as number;
    return kind === ACT || (kind === ACT_OF_OPERATORS && connection.session.isOperator);
  }

  // -- Commands --------------------------------------------------------------------------------------------------------

  /** The command is about to run: an act may change who it was that did it, or be answered later. */
  begin(connection: Connection, command: Command, request: Request): void {
    this.expected = undefined;
    this.request = undefined;
    if (!this.isAct(command, connection)) {
      this.request = request;
      return;
    }
    this.expected = { event: this.actOf(connection, command, request), isPlaced: false };
  }

  /** The command that runs takes a place for its answer: that of an act is filled once the record is safe. */
  placed(place: LaterReply, connection: Connection): LaterReply {
    const { expected, request } = this;
    if (request !== undefined) return this.placedData(place, connection, request);
    if (expected === undefined || connection.session.isInTransaction) return place;
    expected.isPlaced = true;
    return new RecordedReply(place.protocol, (reply, start, end) => {
      const outcome = start < end && reply[start] !== MINUS ? 'success' : 'failure';
      this.journal.record({ ...expected.event, outcome }); // cold: an act of administration
      this.whenSafe(place, Uint8Array.from(reply.subarray(start, end)));
    });
  }

  /** What is known of it by now is kept, as others are parsed meanwhile. Who waits may never be answered. */
  private placedData(place: LaterReply, connection: Connection, request: Request): LaterReply {
    const command = this.core.table.all[connection.lastCommand];
    if (command === undefined || command.isBlocking || this.kinds[command.id] === NOT_RECORDED) return place;
    this.request = undefined;
    if (!this.isChosen(command)) return place;
    const { scratch } = this;
    scratch.reset();
    this.writeData(scratch, connection, command, request);
    const data = new Uint8Array(scratch.bytes.subarray(0, scratch.length));
    return new RecordedReply(place.protocol, (reply, start, end, ran_ms) => {
      if (this.beginData(command, reply, start, end)) {
        this.journal.line.raw(data);
        this.journal.end();
      }
      place.settleBytes(reply, start, end, ran_ms);
    });
  }

  /** It has run and answered into `out`, or has not answered. */
  ran(connection: Connection, command: Command, out: ReplyWriter, mark: number): void {
    const { expected, request } = this;
    this.expected = undefined;
    this.request = undefined;
    if (request !== undefined) {
      this.recordData(connection, command, request, out.buffer, mark, out.length);
    } else if (expected?.isPlaced === false) {
      this.recordAct(expected.event, connection, out, mark);
    }
  }

  /** It runs elsewhere, and its answer comes later, to the place it has taken. */
  sent(connection: Connection, command: Command): void {
    const { request } = this;
    this.expected = undefined;
    this.request = undefined;
    if (request !== undefined) this.recordData(connection, command, request, NOTHING, 0, 0);
  }

  /** It has thrown in the middle, and may have done half of its work: that has a record, and nothing of it is left for others. */
  threw(connection: Connection): void {
    const { expected, request } = this;
    this.expected = undefined;
    this.request = undefined;
    const command = this.core.table.all[connection.lastCommand];
    if (request !== undefined && command !== undefined) {
      this.recordData(connection, command, request, NOTHING, 0, 0);
    } else if (expected !== undefined) {
      this.journal.record({ ...expected.event, outcome: 'unknown' }); // cold: a bug
      this.journal.syncNow();
    }
  }

  /**
   * It has run in a transaction of a pool: what is answered in place of its reply, if anything. Its record is filled anew,
   * as others have been parsed since.
   */
  ranInPool(
    connection: Connection,
    command: Command,
    request: Request,
    reply: Uint8Array,
    from: number,
  ): Refusal | undefined {
    if (this.kinds[command.id] === NOT_RECORDED) return undefined;
    const { keys } = this.core.dispatcher;
    keys.clear();
    command.parse(request);
    if (command.fixedKey !== 0) command.keys(request, keys);
    if (!this.isAct(command, connection)) {
      this.recordData(connection, command, request, reply, from, reply.length);
      return undefined;
    }
    const outcome = reply[from] === MINUS ? 'failure' : 'success';
    this.journal.record({ ...this.actOf(connection, command, request), outcome }); // cold: an act of administration
    return this.journal.syncNow() || this.journal.onFailure === 'drop' ? undefined : AUDIT_NOT_WRITTEN;
  }

  private recordData(
    connection: Connection,
    command: Command,
    request: Request,
    reply: Uint8Array,
    from: number,
    to: number,
  ): void {
    if (!this.isChosen(command) || !this.beginData(command, reply, from, to)) return;
    this.writeData(this.journal.line, connection, command, request);
    this.journal.end();
  }

  /** Of reads only some are recorded. */
  private isChosen({ id }: Command): boolean {
    return this.kinds[id] !== READ || ++this.reads % this.terms.readsOneIn === 0;
  }

  /** What it is and how it went; false when there is no room for a record. */
  private beginData(command: Command, reply: Uint8Array, from: number, to: number): boolean {
    const { journal } = this;
    if (!journal.begin()) return false;
    const { line } = journal;
    line.raw(this.what(command));
    if (from >= to) line.raw(UNKNOWN);
    else if (reply[from] === MINUS) {
      line.raw(FAILURE);
      line.range(reply, from + 1, codeEnd(reply, from + 1, to), ERROR_CODE_BYTES_MAX);
    } else line.raw(SUCCESS);
    return true;
  }

  private writeData(line: LineWriter, connection: Connection, command: Command, request: Request): void {
    const { terms } = this;
    line.raw(this.who(connection));
    line.raw(DATABASE);
    line.integer(connection.session.databaseNumber);
    if (terms.keys !== 'none' && command.fixedKey !== 0) this.writeKeys(line, request);
    if (terms.arguments.size > 0 && terms.arguments.has(command.fullName)) this.writeArguments(line, command, request);
  }

  private what(command: Command): Uint8Array {
    const known = this.whats[command.id];
    if (known !== undefined) return known;
    const made = this.journal.what({
      kind: 'event',
      category: 'database',
      type: command.isWrite ? 'change' : 'access',
      action: actionOf(command),
    });
    this.whats[command.id] = made;
    return made;
  }

  /** Of a connection as it is now. */
  who(connection: Connection): Uint8Array {
    const known = connection.auditWho;
    if (known !== undefined) return known;
    const { session, peer } = connection;
    const separator = peer.localText.lastIndexOf(':');
    const { tenantName, namespaceName } = session;
    const made = this.journal.who({
      address: connection.addressText,
      port: peer.port,
      userName: session.isAuthenticated ? session.userName : undefined,
      tenantName: session.isAuthenticated ? tenantName : undefined,
      namespace: session.isAuthenticated && namespaceName !== tenantName ? namespaceName : undefined,
      listener: peer.isTls ? 'tls' : 'plain',
      serverAddress: unbracketed(peer.localText.slice(0, separator)),
      serverPort: Number(peer.localText.slice(separator + 1)),
      connection: connection.id,
    });
    connection.auditWho = made;
    return made;
  }

  private writeKeys(line: LineWriter, request: Request): void {
    const { keys } = this.core.dispatcher;
    let count = 0;
    for (let i = 0; i < keys.count; i++) {
      if (((keys.access[i] as number) & ANY_CHANNEL) !== 0) continue;
      if (count < AUDIT_LIST_MAX) {
        if (count === 0) line.raw(KEYS);
        else line.comma();
        this.writeKey(line, request, keys.at[i] as number);
      }
      count++;
    }
    if (count > AUDIT_LIST_MAX) {
      line.raw(KEYS_TOTAL);
      line.integer(count);
    } else if (count > 0) line.raw(END);
  }

  private writeKey(line: LineWriter, request: Request, at: number): void {
    if (this.terms.keys === 'names') {
      return line.range(request.bytes, request.start(at), request.end(at), AUDIT_TEXT_BYTES_MAX);
    }
    line.text(this.hashed(request.bytes.subarray(request.start(at), request.end(at))), HASH_CHARACTERS);
  }

  private hashed(key: Uint8Array): string {
    return createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARACTERS);
  }

  /** As policy says for what was denied as well. */
  shownKey(key: string): string | undefined {
    if (this.terms.keys === 'none') return undefined;
    return this.terms.keys === 'names' ? key : this.hashed(Buffer.from(key, 'latin1'));
  }

  private writeArguments(line: LineWriter, command: Command, request: Request): void {
    const hides = secretsOf(command.fullName, request);
    const first = command.parent === undefined ? 1 : 2;
    line.raw(ARGUMENTS);
    for (let i = first; i < Math.min(request.argc, first + AUDIT_LIST_MAX); i++) {
      if (i > first) line.comma();
      if (hides(i)) line.text(REDACTED, AUDIT_TEXT_BYTES_MAX);
      else line.range(request.bytes, request.start(i), request.end(i), AUDIT_TEXT_BYTES_MAX);
    }
    line.raw(END);
  }

  // -- Acts ------------------------------------------------------------------------------------------------------------

  private actOf(connection: Connection, command: Command, request: Request): Omit<AuditEvent, 'outcome'> {
    const more: [string, AuditValue][] = [];
    const target = TARGETS.get(command.fullName);
    if (target !== undefined) more.push([target.field, wordsOf(request, target.from, target.step)]);
    if (this.terms.arguments.has(command.fullName)) {
      const hides = secretsOf(command.fullName, request);
      const first = command.parent === undefined ? 1 : 2;
      const words = wordsOf(request, first, 1).map((word, index) => (hides(first + index) ? REDACTED : word));
      more.push(['portcullis.arguments', words]);
    }
    const { category, type } = natureOf(command);
    return { kind: 'event', category, type, action: actionOf(command), who: this.who(connection), more };
  }

  private recordAct(event: Omit<AuditEvent, 'outcome'>, connection: Connection, out: ReplyWriter, mark: number): void {
    const { journal } = this;
    const hasReply = out.length > mark;
    const outcome: AuditOutcome = !hasReply ? 'unknown' : out.buffer[mark] === MINUS ? 'failure' : 'success';
    journal.record({ ...event, outcome }); // cold: an act of administration
    if (!hasReply || connection.session.isInTransaction) {
      // What ends the process, or must be answered at once: here the record is waited for.
      const isSafe = journal.syncNow();
      if (isSafe || !hasReply || journal.onFailure === 'drop') return;
      out.truncate(mark);
      return out.error(AUDIT_NOT_WRITTEN);
    }
    const reply = Uint8Array.from(out.buffer.subarray(mark, out.length));
    out.truncate(mark);
    this.whenSafe(connection.later(), reply);
  }

  private whenSafe(place: LaterReply, reply: Uint8Array): void {
    const { journal } = this;
    journal.sync((isSafe) => {
      const bytes = isSafe || journal.onFailure === 'drop' ? reply : AUDIT_NOT_WRITTEN.bytes;
      place.settleBytes(bytes, 0, bytes.length);
    });
  }
}

type Answered = (reply: Uint8Array, start: number, end: number, ran_ms: number | undefined) => void;

/** The answer of a command that comes later, and is recorded when it is there. */
class RecordedReply implements LaterReply {
  readonly protocol: 2 | 3;
  private readonly answered: Answered;

  constructor(protocol: 2 | 3, answered: Answered) {
    this.protocol = protocol;
    this.answered = answered;
  }

  settleBytes(bytes: Uint8Array, start: number, end: number, ran_ms?: number): void {
    this.answered(bytes, start, end, ran_ms);
  }

  settle(write: (out: ReplyWriter) => void, ran_ms?: number): void {
    const out = new ReplyWriter(this.protocol, 256);
    write(out);
    this.answered(out.buffer, 0, out.length, ran_ms);
  }
}

const NOTHING = new Uint8Array(0);

function kindOf(command: Command, { writes, readsOneIn }: AuditTerms): number {
  if (command.kind === 'container') return NOT_RECORDED;
  const { fullName } = command;
  if (EMPTIES.has(fullName)) return ACT_OF_OPERATORS;
  const isAdministration = command.flags.includes('admin') || command.ceiling === 'operator';
  if (isAdministration && !ONLY_LOOK.has(fullName)) return ACT;
  if (command.isWrite) return writes ? WRITE : NOT_RECORDED;
  return command.isReadonly && readsOneIn > 0 ? READ : NOT_RECORDED;
}

/** `config-set`. */
export function actionOf({ fullName }: Command): string {
  return fullName.replace('|', '-');
}

const NATURES: ReadonlyMap<string, readonly [AuditCategory, AuditType]> = new Map([
  ['acl', ['iam', 'change']],
  ['client', ['session', 'change']],
  ['config', ['configuration', 'change']],
  ['tenant', ['session', 'change']],
  ['monitor', ['database', 'access']],
  ['shutdown', ['process', 'end']],
]);

function natureOf({ fullName }: Command): { readonly category: AuditCategory; readonly type: AuditType } {
  if (EMPTIES.has(fullName)) return { category: 'database', type: 'deletion' };
  const [category, type] = NATURES.get(fullName.split('|')[0] ?? '') ?? ['configuration', 'change'];
  return { category, type };
}

function wordsOf(request: Request, from: number, step: number): readonly string[] {
  const words: string[] = [];
  for (let i = from; i < request.argc && words.length < AUDIT_LIST_MAX; i += step) words.push(request.text(i));
  return words;
}

/** Where the first word of an error ends. */
function codeEnd(reply: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && (reply[end] as number) > BLANK) end++;
  return end;
}

/** As ECS wants it, without what stands before a port. */
function unbracketed(address: string): string {
  return address.startsWith('[') ? address.slice(1, -1) : address;
}
