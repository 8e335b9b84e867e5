/** HELP of a container: the lines that redis-server answers, each a simple string. */
import { type Category, type CommandFlag, type ErasedSession, type Group, sessionCommand } from '../../command/spec.ts';

interface Help {
  readonly container: string;
  readonly since: string;
  readonly group: Group;
  readonly flags: readonly CommandFlag[];
  readonly categories?: readonly Category[];
  /** Subcommands with their explanation, without the first line and without HELP itself. */
  readonly lines: readonly string[];
}

export function helpCommand({ container, since, group, flags, categories = [], lines }: Help): ErasedSession {
  const text = [
    `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ];
  return sessionCommand({
    name: 'HELP',
    summary: 'Show helpful text about the different subcommands',
    since,
    complexity: 'O(1)',
    group,
    flags,
    categories,
    args: {},
    run(_args, _call, out) {
      out.array(text.length);
      for (const line of text) out.simple(line);
    },
  });
}
