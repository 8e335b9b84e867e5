/** ROLE and MODULE: what this server is not, said as redis-server says it when it has none of it. */
import { bytes, many } from '../../command/args.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import { MODULE_NOT_ALLOWED } from '../../resp/refusals.ts';
import { helpCommand } from './help.ts';

/** A master whom nobody follows. */
export const role = sessionCommand({
  name: 'ROLE',
  summary: 'Tells the part that this server has in replication.',
  since: '2.8.12',
  complexity: 'O(1)',
  group: 'server',
  flags: ['noscript', 'loading', 'stale', 'fast'],
  categories: ['admin', 'dangerous'],
  args: {},
  run(_args, _call, out) {
    out.array(3);
    out.bulkText('master');
    out.integer(0);
    out.array(0);
  },
});

const LOADING: readonly CommandFlag[] = ['admin', 'noscript', 'no_async_loading'];

const list = sessionCommand({
  name: 'LIST',
  summary: 'Lists the modules that are loaded: none, ever.',
  since: '4.0.0',
  complexity: 'O(N) where N is the number of loaded modules.',
  group: 'server',
  flags: ['admin', 'noscript'],
  tips: ['nondeterministic_output_order'],
  args: {},
  run: (_args, _call, out) => out.array(0),
});

function refused(name: string, summary: string, since: string, isWithArguments: boolean) {
  return sessionCommand({
    name,
    summary,
    since,
    complexity: 'O(1)',
    group: 'server',
    flags: LOADING,
    ceiling: 'operator',
    args: isWithArguments ? { path: bytes, arg: many(bytes, 0) } : { name: bytes },
    run: (_args, _call, out) => out.error(MODULE_NOT_ALLOWED),
  });
}

const help = helpCommand({
  container: 'MODULE',
  since: '5.0.0',
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'LIST',
    '    Return a list of loaded modules.',
    'LOAD <path> [<arg> ...]',
    '    Load a module library from <path>, passing to it any optional arguments.',
    'LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]',
    '    Load a module library from <path>, while passing it module configurations and optional arguments.',
    'UNLOAD <name>',
    '    Unload a module.',
  ],
});

export const module = container({
  name: 'MODULE',
  summary: 'Leads to modules, of which there are none.',
  since: '4.0.0',
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [
    help,
    list,
    refused('LOAD', 'Would load a module.', '4.0.0', true),
    refused('LOADEX', 'Would load a module with options.', '7.0.0', true),
    refused('UNLOAD', 'Would unload a module.', '4.0.0', false),
  ],
});
