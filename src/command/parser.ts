/**
 * Turns the shapes of a command's arguments into a parser. The parser fills one record per command, reused from request
 * to request: positions of byte strings are constants in it, so a command without options costs nothing to parse.
 *
 * Order of a request: positional arguments first, then options in any order. An option given twice counts once, the last
 * value wins; two members of one `atMostOne` are a syntax error.
 *
 * Hot path: runs once per request. Guarded by `bench/command.ts`.
 */
import { upper } from '../base/ascii.ts';
import { bytesOfLatin1 } from '../base/bytes.ts';
import { parseBigInteger, parseInteger } from '../base/integer.ts';
import { NOT_A_FLOAT, NOT_AN_INTEGER, type Refusal, SYNTAX_ERROR, wrongArity } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';
import type { Counted, CustomParse, IntegerBounds, Shape } from './args.ts';
import type { KeyList } from './command.ts';
import { parseFloatStrictly } from './float.ts';

export type Fields = Record<string, unknown>;

/** Where the parse stands; one object per parser, so that steps can report a position and a refusal without allocating. */
class Cursor {
  at = 0;
  refusal: Refusal | undefined = undefined;
}

interface Step {
  readonly name: string;
  /** What the field holds when the argument is absent, or always when it is a constant position. */
  readonly initial: unknown;
  /** Undefined where the initial value is all there is to it: a byte string at a fixed position. */
  readonly take: ((request: Request, cursor: Cursor) => unknown) | undefined;
  /** Arguments it needs at the least. */
  readonly width: number;
  readonly keys: ((value: unknown, request: Request, into: KeyList) => void) | undefined;
}

interface Option {
  readonly name: string;
  readonly word: Uint8Array;
  /** For members of an `atMostOne`: their own name. */
  readonly member: string | undefined;
  readonly of: Shape | undefined;
}

export interface Parser {
  readonly fields: Fields;
  readonly parse: (request: Request) => Refusal | undefined;
  readonly keys: (request: Request, into: KeyList) => void;
}

function spellsWord(request: Request, at: number, word: Uint8Array): boolean {
  const start = request.start(at);
  if (request.end(at) - start !== word.length) return false;
  const bytes = request.bytes;
  for (let i = 0; i < word.length; i++) if (upper[bytes[start + i] as number] !== word[i]) return false;
  return true;
}

function takeInteger(request: Request, cursor: Cursor, bounds: IntegerBounds): number {
  const value = parseInteger(request.bytes, request.start(cursor.at), request.end(cursor.at));
  if (Number.isNaN(value)) {
    cursor.refusal = bounds.notInteger ?? bounds.outOfRange ?? NOT_AN_INTEGER;
    return 0;
  }
  if (bounds.beyondInt32 !== undefined && (value < -0x80000000 || value > 0x7fffffff)) {
    cursor.refusal = bounds.beyondInt32;
    return 0;
  }
  if ((bounds.min !== undefined && value < bounds.min) || (bounds.max !== undefined && value > bounds.max)) {
    cursor.refusal = bounds.outOfRange ?? NOT_AN_INTEGER;
    return 0;
  }
  cursor.at++;
  return value;
}

/** Arguments a shape needs at the least. */
export function widthOf(shape: Shape): number {
  switch (shape.kind) {
    case 'token':
    case 'after':
    case 'oneOf':
    case 'optional':
      return 0;
    case 'group':
      return Object.values(shape.members).reduce((sum, member) => sum + widthOf(member), 0);
    case 'many':
      return widthOf(shape.of) * shape.min;
    case 'counted':
      return 1 + widthOf(shape.of);
    case 'custom':
      return shape.required;
    case 'key':
    case 'bytes':
    case 'integer':
    case 'int64':
    case 'float':
      return 1;
  }
}

export function isOption(shape: Shape): shape is Extract<Shape, { kind: 'token' | 'after' | 'oneOf' }> {
  return shape.kind === 'token' || shape.kind === 'after' || shape.kind === 'oneOf';
}

/** Reads one value at the cursor and moves it behind; on a refusal the value is meaningless. */
function takeValue(shape: Shape, request: Request, cursor: Cursor): unknown {
  if (cursor.at + widthOf(shape) > request.argc) {
    cursor.refusal = SYNTAX_ERROR;
    return undefined;
  }
  switch (shape.kind) {
    case 'key':
    case 'bytes':
      return cursor.at++;
    case 'integer':
      return takeInteger(request, cursor, shape.bounds);
    case 'int64': {
      const value = parseBigInteger(request.bytes, request.start(cursor.at), request.end(cursor.at));
      if (value === undefined) cursor.refusal = NOT_AN_INTEGER;
      else cursor.at++;
      return value;
    }
    case 'float': {
      const value = parseFloatStrictly(request.bytes, request.start(cursor.at), request.end(cursor.at));
      if (Number.isNaN(value)) cursor.refusal = NOT_A_FLOAT;
      else cursor.at++;
      return value;
    }
    case 'group': {
      const first = cursor.at;
      cursor.at += widthOf(shape);
      return first;
    }
    case 'counted': {
      const count = takeInteger(request, cursor, shape.bounds);
      if (cursor.refusal !== undefined) return undefined;
      const first = cursor.at;
      const width = widthOf(shape.of);
      if (count > (request.argc - first) / width) {
        cursor.refusal = shape.bounds.beyondRequest ?? SYNTAX_ERROR;
        return undefined;
      }
      cursor.at += count * width;
      return { first, count } satisfies Counted;
    }
    case 'custom': {
      const parsed = shape.parse(request, cursor.at);
      if ('text' in parsed) {
        cursor.refusal = parsed;
        return undefined;
      }
      cursor.at = parsed.end;
      return parsed;
    }
    case 'optional':
      return cursor.at < request.argc ? takeValue(shape.of, request, cursor) : undefined;
    case 'many': {
      const first = cursor.at;
      cursor.at = request.argc;
      return first;
    }
    case 'token':
    case 'after':
    case 'oneOf':
      throw new Error('an option cannot stand among positional arguments');
  }
}

/** What adds the keys that a value of this shape holds; undefined when it holds none. */
function keysOf(shape: Shape): Step['keys'] {
  switch (shape.kind) {
    case 'key':
    case 'bytes': {
      const { access } = shape;
      const isNamed = shape.kind === 'key' && !shape.flags.includes('not_key');
      if (access === 0 && !isNamed) return undefined;
      return (value, _request, into) => into.add(value as number, access);
    }
    case 'optional':
    case 'after': {
      const inner = keysOf(shape.of);
      if (inner === undefined) return undefined;
      return (value, request, into) => {
        if (value !== undefined) inner(value, request, into);
      };
    }
    case 'oneOf': {
      const members = Object.entries(shape.members).flatMap(([name, member]) => {
        const inner = keysOf(member);
        return inner === undefined ? [] : [[name, inner] as const];
      });
      if (members.length === 0) return undefined;
      return (value, request, into) => {
        if (value === undefined) return;
        const chosen = value as { kind: string; value: unknown };
        for (const [name, inner] of members) if (name === chosen.kind) inner(chosen.value, request, into);
      };
    }
    case 'group':
      return groupKeys(shape);
    case 'many': {
      const width = widthOf(shape.of);
      const inner = keysOf(shape.of);
      if (inner === undefined) return undefined;
      return (value, request, into) => {
        for (let at = value as number; at + width <= request.argc; at += width) inner(at, request, into);
      };
    }
    case 'counted': {
      const width = widthOf(shape.of);
      const inner = keysOf(shape.of);
      if (inner === undefined) return undefined;
      return (value, request, into) => {
        const span = value as Counted | undefined;
        if (span === undefined) return;
        for (let i = 0; i < span.count; i++) inner(span.first + i * width, request, into);
      };
    }
    case 'custom':
      return (value, _request, into) => {
        const parsed = value as CustomParse<unknown> | undefined;
        if (parsed !== undefined) for (const found of parsed.keys) into.add(found.at, found.access);
      };
    case 'integer':
    case 'int64':
    case 'float':
    case 'token':
      return undefined;
  }
}

function groupKeys(shape: Extract<Shape, { kind: 'group' }>): Step['keys'] {
  const inside: { readonly offset: number; readonly add: NonNullable<Step['keys']> }[] = [];
  let offset = 0;
  for (const member of Object.values(shape.members)) {
    const add = keysOf(member);
    if (add !== undefined) inside.push({ offset, add });
    offset += widthOf(member);
  }
  if (inside.length === 0) return undefined;
  return (value, request, into) => {
    for (const { offset: distance, add } of inside) add((value as number) + distance, request, into);
  };
}

interface Plan {
  readonly steps: readonly Step[];
  readonly options: readonly Option[];
  /** First argument behind those whose position and meaning never vary. */
  readonly constantEnd: number;
  /** The width of the repeated rows at the end, 0 without them. */
  readonly rowWidth: number;
}

function plan(shapes: readonly (readonly [string, Shape])[], firstArgument: number): Plan {
  const steps: Step[] = [];
  const options: Option[] = [];
  let at = firstArgument;
  let constant = true;
  let rowWidth = 0;
  for (const [name, shape] of shapes) {
    if (isOption(shape)) {
      addOptions(options, name, shape);
      steps.push({
        name,
        initial: shape.kind === 'token' ? false : undefined,
        take: undefined,
        width: 0,
        keys: keysOf(shape),
      });
      continue;
    }
    const keys = keysOf(shape);
    const width = widthOf(shape);
    if (constant && (shape.kind === 'key' || shape.kind === 'bytes' || shape.kind === 'group')) {
      steps.push({ name, initial: at, take: undefined, width, keys });
      at += width;
      continue;
    }
    if (constant && shape.kind === 'many') {
      steps.push({ name, initial: at, take: undefined, width, keys });
      rowWidth = widthOf(shape.of);
      constant = false;
      continue;
    }
    constant = false;
    if (shape.kind === 'many') rowWidth = widthOf(shape.of);
    const value = shape;
    steps.push({ name, initial: undefined, take: (request, cursor) => takeValue(value, request, cursor), width, keys });
  }
  return { steps, options, constantEnd: at, rowWidth };
}

function addOptions(
  options: Option[],
  name: string,
  shape: Extract<Shape, { kind: 'token' | 'after' | 'oneOf' }>,
): void {
  if (shape.kind !== 'oneOf') {
    options.push({
      name,
      word: bytesOfLatin1(shape.word),
      member: undefined,
      of: shape.kind === 'after' ? shape.of : undefined,
    });
    return;
  }
  for (const [member, inner] of Object.entries(shape.members)) {
    if (inner.kind !== 'token' && inner.kind !== 'after')
      throw new Error(`${name}.${member}: only words can exclude one another`);
    options.push({ name, word: bytesOfLatin1(inner.word), member, of: inner.kind === 'after' ? inner.of : undefined });
  }
}

/** Takes the option at the cursor, or refuses. */
function takeOption(options: readonly Option[], request: Request, cursor: Cursor, fields: Fields): void {
  for (const option of options) {
    if (!spellsWord(request, cursor.at, option.word)) continue;
    cursor.at++;
    const value = option.of === undefined ? true : takeValue(option.of, request, cursor);
    if (cursor.refusal !== undefined) return;
    if (option.member === undefined) {
      fields[option.name] = value;
      return;
    }
    const earlier = fields[option.name] as { kind: string } | undefined;
    if (earlier !== undefined && earlier.kind !== option.member) cursor.refusal = SYNTAX_ERROR;
    else fields[option.name] = { kind: option.member, value };
    return;
  }
  cursor.refusal = SYNTAX_ERROR;
}

/**
 * Builds the parser of one command.
 * @param shapes the declared arguments in order
 * @param firstArgument 1, or 2 behind a container's name
 * @param fullName for the arity refusal of incomplete rows
 */
export function buildParser(
  shapes: readonly (readonly [string, Shape])[],
  firstArgument: number,
  fullName: string,
): Parser {
  const { steps, options, constantEnd, rowWidth } = plan(shapes, firstArgument);
  const fields: Fields = {};
  for (const step of steps) fields[step.name] = step.initial;
  const variable = steps.filter((step) => step.take !== undefined);
  const optionFields = steps.filter((step) => step.take === undefined && typeof step.initial !== 'number');
  const constantMany = shapes.some(([, shape]) => shape.kind === 'many') && variable.length === 0;
  const keyed = steps.filter((step) => step.keys !== undefined);
  const incompleteRow = wrongArity(fullName);
  const cursor = new Cursor();
  let dirty = false;

  function reset(): void {
    for (const step of optionFields) fields[step.name] = step.initial;
    for (const step of variable) fields[step.name] = undefined;
    dirty = false;
  }

  function parseVariable(request: Request): Refusal | undefined {
    dirty = true;
    cursor.at = constantEnd;
    cursor.refusal = undefined;
    for (const step of variable) {
      fields[step.name] = (step.take as NonNullable<Step['take']>)(request, cursor);
      if (cursor.refusal !== undefined) {
        fields[step.name] = undefined;
        return cursor.refusal;
      }
    }
    while (cursor.at < request.argc) {
      takeOption(options, request, cursor, fields);
      if (cursor.refusal !== undefined) return cursor.refusal;
    }
    return undefined;
  }

  function parse(request: Request): Refusal | undefined {
    if (dirty) reset();
    if (rowWidth > 1 && constantMany && (request.argc - constantEnd) % rowWidth !== 0) return incompleteRow;
    if (constantMany) return undefined;
    if (variable.length === 0 && request.argc === constantEnd) return undefined;
    return parseVariable(request);
  }

  function keys(request: Request, into: KeyList): void {
    for (const step of keyed) {
      const value = fields[step.name];
      if (value !== undefined) (step.keys as NonNullable<Step['keys']>)(value, request, into);
    }
  }

  return { fields, parse, keys };
}
