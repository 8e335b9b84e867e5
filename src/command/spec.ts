/**
 * What a command declares. Two kinds: a shard command runs inside one shard's world over keys, a session command runs at
 * the gateway over the connection and the process. Everything else about a command is derived from its declaration.
 */
import type { Database } from '../engine/database.ts';
import type { Realm } from '../engine/realm.ts';
import type { Shard } from '../engine/shard.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { ArgIndex, Args, Values } from './args.ts';
import type { Effect } from './effect.ts';
import type { ServerPort } from './ports/server.ts';
import type { SessionPort } from './ports/session.ts';

/** Redis' command flags (COMMAND INFO), in its own words. */
export const COMMAND_FLAGS = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'may_replicate',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
] as const;
export type CommandFlag = (typeof COMMAND_FLAGS)[number];

/** ACL categories in the order in which ACL CAT lists them. */
export const CATEGORIES = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
] as const;
export type Category = (typeof CATEGORIES)[number];

/** COMMAND DOCS' groups. */
export type Group =
  | 'generic'
  | 'string'
  | 'list'
  | 'set'
  | 'sorted-set'
  | 'hash'
  | 'pubsub'
  | 'transactions'
  | 'connection'
  | 'server'
  | 'scripting'
  | 'hyperloglog'
  | 'cluster'
  | 'geo'
  | 'stream'
  | 'bitmap';

/** How a command that is not about one slot is spread over a pool of shards, and how the answers become one. */
export type Fanout =
  /** Each key with its row goes to its shard: integers are summed, arrays put back in key order, or one OK answered. */
  | { readonly split: 'keys'; readonly merge: 'sum' | 'inOrder' | 'ok' }
  /** Every shard is asked. */
  | { readonly split: 'shards'; readonly merge: 'sum' | 'concat' | 'ok' }
  /** SCAN: the shard's number travels in the cursor. */
  | { readonly split: 'cursor' }
  /** One shard is drawn, weighted by its number of keys. */
  | { readonly split: 'random' };

/**
 * Who may run it among tenants, whatever the ACL says. `tenant`: everyone whose ACL allows it. `operator`: only users of
 * the tenant `system` (and the trusted loopback user): the ceiling.
 */
export type Ceiling = 'tenant' | 'operator';

export interface CommandFacts<A extends Args> {
  /** In upper case; a subcommand's own word only. */
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly complexity?: string;
  readonly group: Group;
  readonly flags: readonly CommandFlag[];
  /** Categories beyond those that follow from group and flags. */
  readonly categories?: readonly Category[];
  /** COMMAND INFO's tips, such as `nondeterministic_output`. */
  readonly tips?: readonly string[];
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  /** Only where Redis' own number does not follow from the arguments. */
  readonly arity?: number;
  readonly ceiling?: Ceiling;
  readonly args: A;
}

/** What a shard command sees: reused from call to call, so nothing may keep it. */
export interface ShardCall {
  readonly shard: Shard;
  readonly realm: Realm;
  /** The number of the database selected, and the database. */
  readonly databaseNumber: number;
  readonly database: Database;
  readonly request: Request;
  /** Wall clock of this turn. */
  readonly now_ms: number;
  /** The number of the client. */
  readonly client: number;
  /** Whether it may wait for data: not within a transaction, say. */
  readonly mayWait: boolean;
  /** When a command that waited runs again: the key that has changed, all that it may look at. Otherwise 0. */
  readonly onlyKey: ArgIndex;
}

export interface ShardCommand<A extends Args = Args> extends CommandFacts<A> {
  readonly kind: 'shard';
  readonly fanout?: Fanout;
  /** WATCH leaves something in the client's name at the shard, which has to be told when the client is gone. */
  readonly traces?: 'leaves' | 'clears';
  /** For commands whose treatment of their first key depends on options (`SET … GET`): its access bits. */
  readonly keyAccess?: (args: Values<A>) => number;
  readonly run: (args: Values<A>, call: ShardCall, out: ReplyWriter) => Effect;
}

/** What a session command sees. */
export interface SessionCall {
  readonly session: SessionPort;
  readonly server: ServerPort;
  readonly request: Request;
}

export interface SessionCommand<A extends Args = Args> extends CommandFacts<A> {
  readonly kind: 'session';
  readonly run: (args: Values<A>, call: SessionCall, out: ReplyWriter) => void;
}

/** `CONFIG`, `CLIENT`, …: a name that only leads to subcommands. `run` answers when it is called alone (COMMAND). */
export interface ContainerCommand {
  readonly kind: 'container';
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly complexity?: string;
  readonly group: Group;
  readonly flags?: readonly CommandFlag[];
  readonly categories?: readonly Category[];
  readonly tips?: readonly string[];
  /** Redis gives -2 to every container but COMMAND. */
  readonly arity?: number;
  readonly subcommands: readonly Declaration[];
  readonly alone?: Declaration;
}

/** Any declaration with its argument types forgotten: `run` is only reached through the closure that knew them. */
export type Declaration = ErasedShard | ErasedSession | ContainerCommand;

/** The typed `run` bound to its own parser; `parse` must have succeeded right before. */
export interface ErasedShard extends Omit<ShardCommand, 'run' | 'keyAccess'> {
  readonly bind: (args: Record<string, unknown>) => {
    readonly run: (call: ShardCall, out: ReplyWriter) => Effect;
    readonly keyAccess: (() => number) | undefined;
  };
}
export interface ErasedSession extends Omit<SessionCommand, 'run'> {
  readonly bind: (args: Record<string, unknown>) => {
    readonly run: (call: SessionCall, out: ReplyWriter) => void;
  };
}

/** Declares a command that runs inside a shard. */
export function shardCommand<const A extends Args>(declared: Omit<ShardCommand<A>, 'kind'>): ErasedShard {
  const { run, keyAccess, ...facts } = declared;
  return {
    ...facts,
    kind: 'shard',
    // The one cast between the parser's record and the handler's types: compile.ts fills exactly the names of `args`
    // with exactly the values their shapes promise.
    bind: (args) => ({
      run: (call, out) => run(args as Values<A>, call, out),
      keyAccess: keyAccess === undefined ? undefined : () => keyAccess(args as Values<A>),
    }),
  };
}

/** Declares a command that runs at the gateway. */
export function sessionCommand<const A extends Args>(declared: Omit<SessionCommand<A>, 'kind'>): ErasedSession {
  const { run, ...facts } = declared;
  return { ...facts, kind: 'session', bind: (args) => ({ run: (call, out) => run(args as Values<A>, call, out) }) };
}

/** Declares a name that leads to subcommands. */
export function container(declared: Omit<ContainerCommand, 'kind'>): ContainerCommand {
  return { ...declared, kind: 'container' };
}
