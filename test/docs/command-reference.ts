/** Writes docs/commands.md from the command table. */
import type { Command } from '../../src/command/command.ts';
import type { CommandTable } from '../../src/command/table.ts';

const INTRODUCTION = `# Commands

Generated from the declarations by \`npm test -- -u\`; do not edit. *Since* is the version of Redis that brought the
command. *Pool* says what happens to it over several shards: nothing in particular (all its keys must share a slot), or
how it is split and merged. *Who* is \`operator\` where no tenant's user may run it, whatever the ACL says.
`;

function poolColumn(command: Command): string {
  const fanout = command.fanout;
  if (command.kind !== 'shard') return 'answered by the gateway';
  if (fanout === undefined) return hasOneKey(command) ? 'one key' : 'one slot';
  switch (fanout.split) {
    case 'keys':
      return 'split by key';
    case 'shards':
      return 'every shard';
    case 'cursor':
      return 'shard by shard';
    case 'random':
      return 'every shard, one drawn by size';
  }
}

function hasOneKey({ keySpecs }: Command): boolean {
  const [first, second] = keySpecs;
  return second === undefined && (first === undefined || (first.find.kind === 'range' && first.find.lastKey === 0));
}

function row(command: Command): string {
  const { declaration } = command;
  const name = command.fullName.toUpperCase().replace('|', ' ');
  const cells = [
    `\`${name}\``,
    declaration.summary,
    declaration.since,
    String(command.arity),
    command.categories.map((category) => `@${category}`).join(' '),
    poolColumn(command),
    command.ceiling === 'operator' ? 'operator' : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The whole page. */
export function commandReference(table: CommandTable): string {
  const groups = new Map<string, Command[]>();
  for (const command of table.all) {
    if (command.kind === 'container') continue;
    const list = groups.get(command.group) ?? [];
    list.push(command);
    groups.set(command.group, list);
  }
  const sections = Array.from(groups, ([group, commands]) => {
    const rows = commands.sort((a, b) => (a.fullName < b.fullName ? -1 : 1)).map(row);
    const head = '| command | what it does | since | arity | categories | pool | who |\n|---|---|---|---|---|---|---|';
    return `## ${group}\n\n${head}\n${rows.join('\n')}\n`;
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}
