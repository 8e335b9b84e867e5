/**
 * A compiled command: what the gates, the ACL, the router and COMMAND read. Built once by `compile.ts`; one shape for all.
 *
 * Hot path: its fields are read several times per request. Guarded by the P16 rows of `npm run bench`.
 */

import type { Refusal } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { ArgDoc, KeySpec } from './args.ts';
import type { Effect } from './effect.ts';
import type { Category, Ceiling, CommandFlag, Declaration, Fanout, Group, SessionCall, ShardCall } from './spec.ts';

/** The keys of one request as positions of arguments, with READS/WRITES bits. Reused from request to request. */
export class KeyList {
  count = 0;
  at: Int32Array = new Int32Array(16);
  access: Uint8Array = new Uint8Array(16);

  clear(): void {
    this.count = 0;
  }

  add(at: number, access: number): void {
    if (this.count === this.at.length) this.grow();
    this.at[this.count] = at;
    this.access[this.count] = access;
    this.count++;
  }

  private grow(): void {
    const at = new Int32Array(this.at.length * 4);
    const access = new Uint8Array(this.at.length * 4);
    at.set(this.at);
    access.set(this.access);
    this.at = at;
    this.access = access;
  }
}

/** One key at one place, whatever options do to it: SET is one of these. */
function isOneKey(keySpecs: readonly KeySpec[]): boolean {
  const [only] = keySpecs;
  if (only === undefined || keySpecs.length > 1) return false;
  return only.begin.kind === 'index' && only.find.kind === 'range' && only.find.lastKey === 0;
}

/** What is never queued. */
const RUNS_IN_MULTI: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset']);

/** What `compile.ts` derives from a declaration. */
export interface CommandParts {
  readonly id: number;
  readonly fullName: string;
  readonly declaration: Declaration;
  readonly parent: Command | undefined;
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly categories: readonly Category[];
  readonly keySpecs: readonly KeySpec[];
  readonly docs: readonly ArgDoc[];
  readonly fixedKey: number;
  readonly hasChannels: boolean;
  readonly parse: (request: Request) => Refusal | undefined;
  readonly keys: (request: Request, into: KeyList) => void;
  readonly runShard: ((call: ShardCall, out: ReplyWriter) => Effect) | undefined;
  readonly runSession: ((call: SessionCall, out: ReplyWriter) => void) | undefined;
}

export class Command {
  /** Dense, in table order: the bit of the ACL and the row of the statistics. */
  readonly id: number;
  /** Lower case; `config|get` for a subcommand. */
  readonly fullName: string;
  readonly kind: 'shard' | 'session' | 'container';
  readonly declaration: Declaration;
  readonly parent: Command | undefined;
  readonly subcommands: Map<string, Command>;
  /** As in Redis: exact when positive, a minimum when negative, the name included. */
  readonly arity: number;
  readonly group: Group;
  readonly flags: readonly CommandFlag[];
  readonly categories: readonly Category[];
  readonly ceiling: Ceiling;
  readonly fanout: Fanout | undefined;
  readonly keySpecs: readonly KeySpec[];
  readonly docs: readonly ArgDoc[];
  /** The position of the only key when it is always the same one, 0 when the command has no keys, else -1. */
  readonly fixedKey: number;
  /** Whether some of what `keys` adds are channels. */
  readonly hasChannels: boolean;
  readonly isWrite: boolean;
  /** Whether bytes at its keys may be others afterwards: of every write, and of PFCOUNT, which keeps its count there. */
  readonly changesBytes: boolean;
  readonly isReadonly: boolean;
  readonly isDenyOom: boolean;
  readonly isNoAuth: boolean;
  readonly isFast: boolean;
  /** May answer long after it was asked, and nothing of its connection runs meanwhile. */
  readonly isBlocking: boolean;
  readonly isNoMulti: boolean;
  /** Whether it waits for EXEC when MULTI has been said. */
  readonly isQueued: boolean;
  readonly traces: 'leaves' | 'clears' | undefined;
  /** Its work is bounded whatever there is: its time may be taken together with that of others. */
  readonly isSteady: boolean;
  /** Its cost follows from how much data there is, or from what the process has to tell, and not from one key. */
  readonly mayTakeLong: boolean;
  /** Parses the request into the command's own record; the record is valid until its next parse. */
  readonly parse: (request: Request) => Refusal | undefined;
  /**
   * Adds the keys of the request just parsed, and the channels: what a user needs permission for. After a refused parse it
   * adds those found before the refusal, so that
   * a missing permission is answered before a syntax error, as in Redis.
   */
  readonly keys: (request: Request, into: KeyList) => void;
  readonly runShard: ((call: ShardCall, out: ReplyWriter) => Effect) | undefined;
  readonly runSession: ((call: SessionCall, out: ReplyWriter) => void) | undefined;

  constructor(parts: CommandParts) {
    this.id = parts.id;
    this.fullName = parts.fullName;
    this.kind = parts.declaration.kind;
    this.declaration = parts.declaration;
    this.parent = parts.parent;
    this.subcommands = new Map();
    this.arity = parts.arity;
    this.group = parts.declaration.group;
    this.flags = parts.flags;
    this.categories = parts.categories;
    this.ceiling = parts.declaration.kind === 'container' ? 'tenant' : (parts.declaration.ceiling ?? 'tenant');
    this.fanout = parts.declaration.kind === 'shard' ? parts.declaration.fanout : undefined;
    this.keySpecs = parts.keySpecs;
    this.docs = parts.docs;
    this.fixedKey = parts.fixedKey;
    this.hasChannels = parts.hasChannels;
    this.isWrite = parts.flags.includes('write');
    this.changesBytes = this.isWrite || parts.keySpecs.some(({ flags }) => !flags.includes('RO'));
    this.isReadonly = parts.flags.includes('readonly');
    this.isDenyOom = parts.flags.includes('denyoom');
    this.isNoAuth = parts.flags.includes('no_auth');
    this.isFast = parts.flags.includes('fast');
    this.isBlocking = parts.flags.includes('blocking') && parts.declaration.kind === 'shard';
    this.isNoMulti = parts.flags.includes('no_multi');
    this.isQueued = !RUNS_IN_MULTI.has(parts.fullName);
    this.traces = parts.declaration.kind === 'shard' ? parts.declaration.traces : undefined;
    this.mayTakeLong = parts.runSession !== undefined || this.fanout !== undefined || parts.keySpecs.length > 1;
    this.isSteady =
      parts.runShard !== undefined &&
      isOneKey(parts.keySpecs) &&
      (this.isFast || (this.declaration.kind === 'shard' && this.declaration.complexity?.startsWith('O(1)') === true));
    this.parse = parts.parse;
    this.keys = parts.keys;
    this.runShard = parts.runShard;
    this.runSession = parts.runSession;
  }

  /** Whether a request of this many words, the name included, may be parsed at all. */
  arityHolds(argc: number): boolean {
    return this.arity >= 0 ? argc === this.arity : argc >= -this.arity;
  }
}
