/**
 * The words in which a command's arguments are declared. One declaration gives the parse, the arity, the keys for ACL
 * and routing, and the documentation; `compile.ts` turns it into a parser once, when the table is built.
 *
 * Arguments that are byte strings are handed to the handler as their position in the request (an `ArgIndex`), so that
 * parsing copies nothing; numbers are parsed strictly and handed over as numbers.
 */
import type { Refusal } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';

/** Position of an argument in its request; 0 is the command's name. */
export type ArgIndex = number;

/** How a command treats a key, in Redis' own words (COMMAND INFO, key specifications). */
export type KeyFlag =
  | 'RO'
  | 'RW'
  | 'OW'
  | 'RM'
  | 'access'
  | 'update'
  | 'insert'
  | 'delete'
  | 'not_key'
  | 'incomplete'
  | 'variable_flags';

export const READS = 1;
export const WRITES = 2;
/**
 * Of an argument that is no key but a pattern which stored values turn into keys (SORT … BY, GET): whoever runs it must be
 * allowed every key there is, and one shard must hold them all.
 */
export const EVERY_KEY = 4;
/** Of an argument that is no key but a channel, or a pattern of channels: the user's channels decide. */
export const CHANNEL = 8;
export const CHANNEL_PATTERN = 16;
export const ANY_CHANNEL: number = CHANNEL | CHANNEL_PATTERN;

/** A key list whose length an argument before it tells: `numkeys key [key ...]`. */
export interface Counted {
  readonly first: ArgIndex;
  readonly count: number;
}

/** What a hand-written part of the grammar found: where it ended and which of its arguments are keys. */
export interface CustomParse<Value> {
  readonly end: ArgIndex;
  readonly value: Value;
  readonly keys: readonly { readonly at: ArgIndex; readonly access: number }[];
}

export type DocType =
  | 'string'
  | 'integer'
  | 'double'
  | 'key'
  | 'pattern'
  | 'unix-time'
  | 'pure-token'
  | 'oneof'
  | 'block';

export interface IntegerBounds {
  readonly min?: number;
  readonly max?: number;
  /** Answered when the text is no 64-bit integer; Redis' usual words when left out. */
  readonly notInteger?: Refusal;
  /** Answered when it is one, but outside of min and max. */
  readonly outOfRange?: Refusal;
  /** Answered, if given, when it does not fit 32 bits either: Redis reads some numbers as a C int first. */
  readonly beyondInt32?: Refusal;
  /** Answered when it counts arguments (`counted`) and there are fewer; a syntax error when left out. */
  readonly beyondRequest?: Refusal;
}

export type Shape =
  | { readonly kind: 'key'; readonly flags: readonly KeyFlag[]; readonly access: number }
  | { readonly kind: 'bytes'; readonly doc: DocType; readonly access: number }
  | { readonly kind: 'integer'; readonly doc: DocType; readonly bounds: IntegerBounds }
  | { readonly kind: 'int64' }
  | { readonly kind: 'float' }
  | { readonly kind: 'token'; readonly word: string }
  | { readonly kind: 'after'; readonly word: string; readonly of: Shape }
  | { readonly kind: 'oneOf'; readonly members: Readonly<Record<string, Shape>> }
  | { readonly kind: 'optional'; readonly of: Shape }
  | { readonly kind: 'group'; readonly members: Readonly<Record<string, Shape>> }
  | { readonly kind: 'many'; readonly of: Shape; readonly min: number }
  | { readonly kind: 'counted'; readonly of: Shape; readonly bounds: IntegerBounds }
  | {
      readonly kind: 'custom';
      readonly parse: (request: Request, at: ArgIndex) => CustomParse<unknown> | Refusal;
      /** What COMMAND INFO says of keys in here; the parse is what decides. */
      readonly keySpecs: readonly KeySpec[];
      readonly docs: readonly ArgDoc[];
      readonly required: number;
    };

export interface KeySpec {
  readonly flags: readonly KeyFlag[];
  readonly begin:
    | { readonly kind: 'index'; readonly index: number }
    | { readonly kind: 'keyword'; readonly keyword: string; readonly startFrom: number }
    | { readonly kind: 'unknown' };
  readonly find:
    | { readonly kind: 'range'; readonly lastKey: number; readonly step: number; readonly limit: number }
    | { readonly kind: 'keynum'; readonly keyNumberIndex: number; readonly firstKey: number; readonly step: number }
    | { readonly kind: 'unknown' };
  readonly notes?: string;
}

/** One node of the argument tree that COMMAND DOCS answers. */
export interface ArgDoc {
  readonly name: string;
  readonly type: DocType;
  readonly token?: string;
  readonly keySpecIndex?: number;
  readonly flags: readonly ('optional' | 'multiple' | 'multiple-token')[];
  readonly arguments?: readonly ArgDoc[];
}

/** A declared argument; `Value` is what the handler receives for it. */
export interface Arg<Value> {
  readonly shape: Shape;
  readonly valueType?: () => Value;
}

export type Args = Readonly<Record<string, Arg<unknown>>>;
// biome-ignore format: a one-line mapping reads best on one line
export type Values<A extends Args> = { -readonly [Name in keyof A]: A[Name] extends Arg<infer Value> ? Value : never };

function arg<Value>(shape: Shape): Arg<Value> {
  return { shape };
}

function accessOf(flags: readonly KeyFlag[]): number {
  let access = 0;
  if (flags.includes('access')) access |= READS;
  if (flags.includes('update') || flags.includes('insert') || flags.includes('delete')) access |= WRITES;
  return access;
}

/** A key. The flags say what is done to it; ACL read and write permissions follow from them. */
export function key(...flags: readonly KeyFlag[]): Arg<ArgIndex> {
  return arg({ kind: 'key', flags, access: accessOf(flags) });
}

function text(doc: DocType, access = 0): Arg<ArgIndex> {
  return arg({ kind: 'bytes', doc, access });
}

/** A channel that clients of a cluster send to a slot, as if it were a key. */
export const shardChannel: Arg<ArgIndex> = arg({ kind: 'key', flags: ['not_key'], access: CHANNEL });
/** The same where nobody asks for permission: to leave it. */
export const shardChannelLeft: Arg<ArgIndex> = arg({ kind: 'key', flags: ['not_key'], access: 0 });

/** Any byte string. */
export const bytes: Arg<ArgIndex> = text('string');
/** A glob pattern. */
export const pattern: Arg<ArgIndex> = text('pattern');
/** A channel, or a pattern of channels, that the user must be allowed. */
export const channel: Arg<ArgIndex> = text('string', CHANNEL);
export const channelPattern: Arg<ArgIndex> = text('pattern', CHANNEL_PATTERN);
/** A number that the handler parses itself, because Redis looks at it later than at everything else. */
export const integerText: Arg<ArgIndex> = text('integer');
export const unixTimeText: Arg<ArgIndex> = text('unix-time');
export const floatText: Arg<ArgIndex> = text('double');

/** A signed 64-bit integer; past 2^53 the nearest double. */
export function integer(bounds: IntegerBounds = {}): Arg<number> {
  return arg({ kind: 'integer', doc: 'integer', bounds });
}
/** A signed 64-bit integer, every bit of it. */
export const int64: Arg<bigint> = arg({ kind: 'int64' });
/** A double as Redis parses them: `inf` and exponents yes, `nan`, blanks and hexadecimal no. */
export const float: Arg<number> = arg({ kind: 'float' });

/** A word that is there or not, in any case. */
export function token(word: string): Arg<boolean> {
  return arg({ kind: 'token', word });
}

/** `WORD value`, anywhere among the options; undefined when absent. */
export function after<Value>(word: string, of: Arg<Value>): Arg<Value | undefined> {
  return arg({ kind: 'after', word, of: of.shape });
}

type Chosen<Members extends Args> = {
  [Name in keyof Members]: {
    readonly kind: Name;
    readonly value: Members[Name] extends Arg<infer Value> ? Exclude<Value, undefined> : never;
  };
}[keyof Members];

function shapesOf(members: Args): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const [name, member] of Object.entries(members)) shapes[name] = member.shape;
  return shapes;
}

/** At most one of several `token` or `after` options; two different ones are a syntax error. */
export function atMostOne<const Members extends Args>(members: Members): Arg<Chosen<Members> | undefined> {
  return arg({ kind: 'oneOf', members: shapesOf(members) });
}

/** A positional argument that may be missing; it is taken before any option is looked for. */
export function optional<Value>(of: Arg<Value>): Arg<Value | undefined> {
  return arg({ kind: 'optional', of: of.shape });
}

/** All arguments to the end of the request, at least `min`; the value is the position of the first. */
export function many(of: Arg<ArgIndex>, min = 1): Arg<ArgIndex> {
  return arg({ kind: 'many', of: of.shape, min });
}

/** Pairs (or longer rows) to the end of the request; an incomplete row is an arity error. The value is the first position. */
export function rows(members: Args): Arg<ArgIndex> {
  return arg({ kind: 'many', of: { kind: 'group', members: shapesOf(members) }, min: 1 });
}

/** `WORD a b`: several values after one word, given to the handler as the position of the first. */
export function group(members: Args): Arg<ArgIndex> {
  return arg({ kind: 'group', members: shapesOf(members) });
}

/** `numkeys key [key ...]`. */
export function counted(of: Arg<ArgIndex>, bounds: IntegerBounds = {}): Arg<Counted> {
  return arg({ kind: 'counted', of: of.shape, bounds: { min: 1, ...bounds } });
}

/** A part of the grammar that only code can say; it reports its keys itself. The handler receives the whole parse. */
export function custom<Value>(part: {
  readonly parse: (request: Request, at: ArgIndex) => CustomParse<Value> | Refusal;
  readonly keySpecs?: readonly KeySpec[];
  readonly docs: readonly ArgDoc[];
  /** Arguments it takes at the least, for the arity. */
  readonly required: number;
}): Arg<CustomParse<Value>> {
  return arg({
    kind: 'custom',
    parse: part.parse,
    keySpecs: part.keySpecs ?? [],
    docs: part.docs,
    required: part.required,
  });
}
