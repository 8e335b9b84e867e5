/** Derives a command from its declaration: arity, flags, categories, key specifications, parser and bound handler. */
import { asciiLower } from '../base/ascii.ts';
import { ANY_CHANNEL, type Shape } from './args.ts';
import { Command } from './command.ts';
import { docsOf, keySpecsOf } from './key-specs.ts';
import { buildParser, isOption, widthOf } from './parser.ts';
import { CATEGORIES, type Category, COMMAND_FLAGS, type CommandFlag, type Declaration, type Group } from './spec.ts';

const CATEGORY_OF_GROUP: Partial<Record<Group, Category>> = {
  string: 'string',
  list: 'list',
  set: 'set',
  'sorted-set': 'sortedset',
  hash: 'hash',
  transactions: 'transaction',
  connection: 'connection',
  scripting: 'scripting',
  hyperloglog: 'hyperloglog',
  geo: 'geo',
  stream: 'stream',
  bitmap: 'bitmap',
};

type Named = readonly (readonly [string, Shape])[];

function arityOf(shapes: Named, nameWords: number): number {
  let width = nameWords;
  let open = false;
  for (const [, shape] of shapes) {
    width += widthOf(shape);
    if (isOption(shape) || shape.kind === 'optional' || shape.kind === 'many') open = true;
    if (shape.kind === 'counted' || shape.kind === 'custom') open = true;
  }
  return open ? -width : width;
}

/** The rules of Redis' setImplicitACLCategories, plus the category that a group stands for: containers have none. */
function categoriesOf(
  group: Group | undefined,
  flags: readonly CommandFlag[],
  extra: readonly Category[],
): readonly Category[] {
  const all = new Set<Category>(extra);
  const ofGroup = group === undefined ? undefined : CATEGORY_OF_GROUP[group];
  if (ofGroup !== undefined) all.add(ofGroup);
  if (flags.includes('write')) all.add('write');
  if (flags.includes('readonly') && !all.has('scripting')) all.add('read');
  if (flags.includes('admin')) all.add('admin').add('dangerous');
  if (flags.includes('pubsub')) all.add('pubsub');
  if (flags.includes('blocking')) all.add('blocking');
  all.add(flags.includes('fast') ? 'fast' : 'slow');
  return CATEGORIES.filter((category) => all.has(category));
}

function flagsOf(shapes: Named, declared: readonly CommandFlag[]): readonly CommandFlag[] {
  const movable = shapes.some(([, shape]) => keysMove(shape));
  return COMMAND_FLAGS.filter((flag) => declared.includes(flag) || (flag === 'movablekeys' && movable));
}

/** Whether the keys cannot be told from positions alone. */
function keysMove(shape: Shape): boolean {
  switch (shape.kind) {
    case 'counted':
      return shape.of.kind === 'key';
    case 'after':
      return shape.of.kind === 'key';
    case 'oneOf':
      return Object.values(shape.members).some(keysMove);
    case 'custom':
      return shape.keySpecs.some((spec) => spec.begin.kind !== 'index' || spec.find.kind !== 'range');
    default:
      return false;
  }
}

/**
 * The position of the only key, 0 without keys, -1 when there may be several or it moves.
 */
function fixedKeyOf(shapes: Named, firstArgument: number, varies: boolean): number {
  const keys = keySpecsOf(shapes, firstArgument).filter(({ flags }) => !flags.includes('not_key'));
  const custom = shapes.some(([, shape]) => shape.kind === 'custom' && shape.keySpecs.length > 0);
  if (keys.length === 0) return custom ? -1 : 0;
  const only = keys.length === 1 ? keys[0] : undefined;
  if (only === undefined || varies || custom) return -1;
  if (only.begin.kind !== 'index' || only.find.kind !== 'range' || only.find.lastKey !== 0) return -1;
  return shapes.some(([, shape]) => shape.kind === 'optional' && shape.of.kind === 'key') ? -1 : only.begin.index;
}

function namesChannels(shape: Shape): boolean {
  if (shape.kind === 'many' || shape.kind === 'optional') return namesChannels(shape.of);
  return (shape.kind === 'bytes' || shape.kind === 'key') && (shape.access & ANY_CHANNEL) !== 0;
}

interface Position {
  readonly parent: Command | undefined;
  readonly nextId: () => number;
}

/** Compiles a declaration and, for a container, its subcommands. */
export function compile(declaration: Declaration, position: Position): Command {
  const word = asciiLower(declaration.name);
  const fullName = position.parent === undefined ? word : `${position.parent.fullName}|${word}`;
  const nameWords = position.parent === undefined ? 1 : 2;
  if (declaration.kind === 'container') return compileContainer(declaration, fullName, position);

  const shapes = Object.entries(declaration.args).map(([name, declared]) => [name, declared.shape] as const);
  const parser = buildParser(shapes, nameWords, fullName);
  const bound = declaration.bind(parser.fields);
  const keyAccess = 'keyAccess' in bound ? bound.keyAccess : undefined;
  const flags = flagsOf(shapes, declaration.flags);
  return new Command({
    id: position.nextId(),
    fullName,
    declaration,
    parent: position.parent,
    arity: declaration.arity ?? arityOf(shapes, nameWords),
    flags,
    categories: categoriesOf(declaration.group, flags, declaration.categories ?? []),
    keySpecs: keySpecsOf(shapes, nameWords),
    docs: docsOf(shapes),
    fixedKey: fixedKeyOf(shapes, nameWords, keyAccess !== undefined),
    hasChannels: shapes.some(([, shape]) => namesChannels(shape)),
    parse: parser.parse,
    keys:
      keyAccess === undefined
        ? parser.keys
        : (request, into) => {
            const first = into.count;
            parser.keys(request, into);
            if (into.count > first) into.access[first] = keyAccess();
          },
    runShard: declaration.kind === 'shard' ? (bound.run as Command['runShard']) : undefined,
    runSession: declaration.kind === 'session' ? (bound.run as Command['runSession']) : undefined,
  });
}

function compileContainer(
  declaration: Extract<Declaration, { kind: 'container' }>,
  fullName: string,
  position: Position,
): Command {
  const alone =
    declaration.alone === undefined ? undefined : compile(declaration.alone, { parent: undefined, nextId: () => -1 });
  const flags = alone?.flags ?? flagsOf([], declaration.flags ?? []);
  const command = new Command({
    id: position.nextId(),
    fullName,
    declaration,
    parent: undefined,
    arity: declaration.arity ?? (alone === undefined ? -2 : -1),
    flags,
    categories: alone?.categories ?? categoriesOf(undefined, flags, declaration.categories ?? []),
    keySpecs: [],
    docs: [],
    fixedKey: 0,
    hasChannels: false,
    parse: alone?.parse ?? (() => undefined),
    keys: () => {},
    runShard: undefined,
    runSession: alone?.runSession,
  });
  for (const subcommand of declaration.subcommands) {
    const compiled = compile(subcommand, { parent: command, nextId: position.nextId });
    command.subcommands.set(asciiLower(subcommand.name), compiled);
  }
  return command;
}
