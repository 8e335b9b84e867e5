/** How COMMAND INFO and COMMAND DOCS lay out a command, field by field as redis-server 7.0.15 does. */
import type { ArgDoc, KeySpec } from '../../command/args.ts';
import type { Command } from '../../command/command.ts';
import { legacyRange } from '../../command/key-specs.ts';
import type { Declaration } from '../../command/spec.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

const INFO_FIELDS = 10;

/** One row of COMMAND INFO, subcommands nested in it. */
export function writeCommandInfo(out: ReplyWriter, command: Command): void {
  const { declaration } = command;
  out.array(INFO_FIELDS);
  out.bulkText(command.fullName);
  out.integer(command.arity);
  writeFlags(out, command.flags);
  const [first, last, step] = legacyRange(command.keySpecs);
  out.integer(first);
  out.integer(last);
  out.integer(step);
  writeFlags(
    out,
    command.categories.map((category) => `@${category}`),
  );
  const tips = declaration.tips ?? [];
  out.set(tips.length);
  for (const tip of tips) out.bulkText(tip);
  out.set(command.keySpecs.length);
  for (const spec of command.keySpecs) writeKeySpec(out, spec);
  // Without subcommands redis answers an empty set here, with them an array.
  if (command.subcommands.size === 0) out.set(0);
  else out.array(command.subcommands.size);
  for (const subcommand of command.subcommands.values()) writeCommandInfo(out, subcommand);
}

export function writeFlags(out: ReplyWriter, flags: readonly string[]): void {
  out.set(flags.length);
  for (const flag of flags) out.simple(flag);
}

function writeKeySpec(out: ReplyWriter, spec: KeySpec): void {
  out.map(spec.notes === undefined ? 3 : 4);
  if (spec.notes !== undefined) {
    out.bulkText('notes');
    out.bulkText(spec.notes);
  }
  out.bulkText('flags');
  writeFlags(out, spec.flags);
  out.bulkText('begin_search');
  writeSearch(out, spec.begin.kind, beginFields(spec.begin));
  out.bulkText('find_keys');
  writeSearch(out, spec.find.kind, findFields(spec.find));
}

type Fields = readonly (readonly [name: string, value: string | number])[];

function beginFields(begin: KeySpec['begin']): Fields {
  switch (begin.kind) {
    case 'index':
      return [['index', begin.index]];
    case 'keyword':
      return [
        ['keyword', begin.keyword],
        ['startfrom', begin.startFrom],
      ];
    case 'unknown':
      return [];
  }
}

function findFields(find: KeySpec['find']): Fields {
  switch (find.kind) {
    case 'range':
      return [
        ['lastkey', find.lastKey],
        ['keystep', find.step],
        ['limit', find.limit],
      ];
    case 'keynum':
      return [
        ['keynumidx', find.keyNumberIndex],
        ['firstkey', find.firstKey],
        ['keystep', find.step],
      ];
    case 'unknown':
      return [];
  }
}

function writeSearch(out: ReplyWriter, kind: string, fields: Fields): void {
  out.map(2);
  out.bulkText('type');
  out.bulkText(kind);
  out.bulkText('spec');
  out.map(fields.length);
  for (const [name, value] of fields) {
    out.bulkText(name);
    if (typeof value === 'number') out.integer(value);
    else out.bulkText(value);
  }
}

/** One entry of COMMAND DOCS without its name: the map that stands behind it. */
export function writeCommandDocs(out: ReplyWriter, command: Command): void {
  const { declaration } = command;
  const isContainer = declaration.kind === 'container';
  const deprecated = isContainer ? undefined : declaration.deprecated;
  const history = isContainer ? [] : (declaration.history ?? []);
  const handle = out.beginArray();
  let fields = 3;
  writeText(out, 'summary', declaration.summary);
  writeText(out, 'since', declaration.since);
  writeText(out, 'group', declaration.group);
  if (declaration.complexity !== undefined) fields += writeText(out, 'complexity', declaration.complexity);
  const docFlags = docFlagsOf(declaration);
  if (docFlags.length > 0) {
    out.bulkText('doc_flags');
    writeFlags(out, docFlags);
    fields++;
  }
  if (deprecated !== undefined) {
    fields += writeText(out, 'deprecated_since', deprecated.since);
    fields += writeText(out, 'replaced_by', deprecated.replacedBy);
  }
  if (history.length > 0) {
    out.bulkText('history');
    out.set(history.length);
    for (const [version, change] of history) {
      out.array(2);
      out.bulkText(version);
      out.bulkText(change);
    }
    fields++;
  }
  if (command.docs.length > 0) {
    out.bulkText('arguments');
    writeArguments(out, command.docs);
    fields++;
  }
  if (command.subcommands.size > 0) {
    out.bulkText('subcommands');
    out.map(command.subcommands.size);
    for (const subcommand of command.subcommands.values()) {
      out.bulkText(subcommand.fullName);
      writeCommandDocs(out, subcommand);
    }
    fields++;
  }
  out.endMap(handle, fields);
}

function docFlagsOf(declaration: Declaration): readonly string[] {
  if (declaration.kind !== 'container' && declaration.deprecated !== undefined) return ['deprecated'];
  return declaration.name === 'DEBUG' ? ['syscmd'] : [];
}

function writeText(out: ReplyWriter, name: string, value: string): 1 {
  out.bulkText(name);
  out.bulkText(value);
  return 1;
}

function writeArguments(out: ReplyWriter, docs: readonly ArgDoc[]): void {
  out.array(docs.length);
  for (const doc of docs) {
    const handle = out.beginArray();
    let fields = 2;
    writeText(out, 'name', doc.name);
    writeText(out, 'type', doc.type);
    if (doc.keySpecIndex !== undefined) {
      out.bulkText('key_spec_index');
      out.integer(doc.keySpecIndex);
      fields++;
    }
    if (doc.token !== undefined) fields += writeText(out, 'token', doc.token);
    if (doc.flags.length > 0) {
      out.bulkText('flags');
      writeFlags(
        out,
        doc.flags.map((flag) => flag.replace('-', '_')),
      );
      fields++;
    }
    if (doc.arguments !== undefined) {
      out.bulkText('arguments');
      writeArguments(out, doc.arguments);
      fields++;
    }
    out.endMap(handle, fields);
  }
}
