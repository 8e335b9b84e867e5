/** Derives Redis' key specifications and COMMAND DOCS' argument tree from the declared arguments. */
import type { ArgDoc, DocType, KeySpec, Shape } from './args.ts';
import { widthOf } from './parser.ts';

type Named = readonly (readonly [string, Shape])[];

interface Walk {
  readonly specs: KeySpec[];
  /** Position of the next argument while it is the same in every request, else undefined. */
  at: number | undefined;
}

function range(flags: readonly KeySpec['flags'][number][], index: number, lastKey: number, step: number): KeySpec {
  return { flags, begin: { kind: 'index', index }, find: { kind: 'range', lastKey, step, limit: 0 } };
}

function keyword(shape: Extract<Shape, { kind: 'key' }>, word: string, startFrom: number): KeySpec {
  return {
    flags: shape.flags,
    begin: { kind: 'keyword', keyword: word, startFrom },
    find: { kind: 'range', lastKey: 0, step: 1, limit: 0 },
  };
}

function walkShape(shape: Shape, walk: Walk): void {
  const at = walk.at;
  switch (shape.kind) {
    case 'key':
      if (at !== undefined) walk.specs.push(range(shape.flags, at, 0, 1));
      break;
    case 'many': {
      const rowMembers = shape.of.kind === 'group' ? Object.values(shape.of.members) : [shape.of];
      const first = rowMembers[0];
      if (first?.kind === 'key' && at !== undefined) walk.specs.push(range(first.flags, at, -1, widthOf(shape.of)));
      walk.at = undefined;
      return;
    }
    case 'counted':
      if (shape.of.kind === 'key' && at !== undefined) {
        walk.specs.push({
          flags: shape.of.flags,
          begin: { kind: 'index', index: at },
          find: { kind: 'keynum', keyNumberIndex: 0, firstKey: 1, step: 1 },
        });
      }
      walk.at = undefined;
      return;
    case 'after':
      if (shape.of.kind === 'key') walk.specs.push(keyword(shape.of, shape.word, at ?? 1));
      return;
    case 'oneOf':
      for (const member of Object.values(shape.members)) walkShape(member, walk);
      return;
    case 'optional':
      walkShape(shape.of, walk);
      walk.at = undefined;
      return;
    case 'group':
      for (const member of Object.values(shape.members)) walkShape(member, walk);
      return;
    case 'custom':
      for (const spec of shape.keySpecs) walk.specs.push(spec);
      walk.at = undefined;
      return;
    case 'token':
      return;
    case 'bytes':
    case 'integer':
    case 'int64':
    case 'float':
      break;
  }
  if (walk.at !== undefined) walk.at++;
}

/** The key specifications of a command whose arguments begin at `firstArgument`. */
export function keySpecsOf(shapes: Named, firstArgument: number): readonly KeySpec[] {
  const walk: Walk = { specs: [], at: firstArgument };
  for (const [, shape] of shapes) walkShape(shape, walk);
  return walk.specs;
}

/** COMMAND INFO's old triple: first key, last key, step, from the first specification that is a plain range. */
export function legacyRange(specs: readonly KeySpec[]): readonly [number, number, number] {
  for (const spec of specs) {
    if (spec.begin.kind !== 'index' || spec.find.kind !== 'range') continue;
    let last = spec.find.lastKey;
    if (last >= 0) last += spec.begin.index;
    let step = spec.find.step;
    // Neighbouring single keys (RENAME, COPY) make one range.
    for (const next of specs) {
      const follows = next !== spec && next.begin.kind === 'index' && next.find.kind === 'range' && last >= 0;
      if (follows && next.begin.kind === 'index' && next.begin.index === last + 1 && next.find.kind === 'range') {
        last = next.find.lastKey < 0 ? next.find.lastKey : next.begin.index + next.find.lastKey;
        step = 1;
      }
    }
    return [spec.begin.index, last, step];
  }
  return [0, 0, 0];
}

function docName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

interface DocWalk {
  nextSpec: number;
}

function docOf(name: string, shape: Shape, walk: DocWalk, marks: ArgDoc['flags'] = []): ArgDoc {
  const leaf = (type: DocType): ArgDoc => ({ name, type, flags: marks });
  switch (shape.kind) {
    case 'key':
      if (!shape.flags.includes('not_key')) return { name, type: 'key', keySpecIndex: walk.nextSpec++, flags: marks };
      walk.nextSpec++;
      return leaf('string');
    case 'bytes':
      return leaf(shape.doc);
    case 'integer':
      return leaf(shape.doc);
    case 'int64':
      return leaf('integer');
    case 'float':
      return leaf('double');
    case 'token':
      return { name, type: 'pure-token', token: shape.word, flags: marks };
    case 'after':
      return { ...docOf(name, shape.of, walk, marks), token: shape.word };
    case 'oneOf':
      return { name, type: 'oneof', flags: marks, arguments: membersOf(shape.members, walk) };
    case 'group':
      return { name, type: 'block', flags: marks, arguments: membersOf(shape.members, walk) };
    case 'optional':
      return docOf(name, shape.of, walk, [...marks, 'optional']);
    case 'many':
      return docOf(name, shape.of, walk, [...marks, ...(shape.min === 0 ? (['optional'] as const) : []), 'multiple']);
    case 'counted':
      return docOf(name, shape.of, walk, [...marks, 'multiple']);
    case 'custom':
      return shape.docs[0] ?? leaf('string');
  }
}

function membersOf(members: Readonly<Record<string, Shape>>, walk: DocWalk): readonly ArgDoc[] {
  return Object.entries(members).map(([name, shape]) => docOf(docName(name), shape, walk));
}

/** The argument tree of COMMAND DOCS. Names are those of the declaration, words parted by dashes. */
export function docsOf(shapes: Named): readonly ArgDoc[] {
  const walk: DocWalk = { nextSpec: 0 };
  const docs: ArgDoc[] = [];
  for (const [name, shape] of shapes) {
    if (shape.kind === 'custom') {
      for (const doc of shape.docs) docs.push(doc);
      walk.nextSpec += shape.keySpecs.length;
      continue;
    }
    if (shape.kind === 'counted') docs.push({ name: 'numkeys', type: 'integer', flags: [] });
    const optional = shape.kind === 'token' || shape.kind === 'after' || shape.kind === 'oneOf';
    docs.push(docOf(docName(name), shape, walk, optional ? ['optional'] : []));
  }
  return docs;
}
