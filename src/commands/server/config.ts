/** CONFIG: the options of the process. What options there are, and who may see or set which, the server port knows. */
import { bytes, many, rows } from '../../command/args.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import { NO_CONFIG_FILE } from '../../resp/refusals.ts';
import { helpCommand } from './help.ts';

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

const get = sessionCommand({
  name: 'GET',
  summary: 'Get the values of configuration parameters',
  since: '2.0.0',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  group: 'server',
  flags: FLAGS,
  history: [['7.0.0', 'Added the ability to pass multiple pattern parameters in one call']],
  args: { parameter: many(bytes) },
  run({ parameter }, { session, server, request }, out) {
    const patterns: Uint8Array[] = [];
    for (let i = parameter; i < request.argc; i++) patterns.push(request.copy(i));
    const found = server.configGet(patterns, session);
    out.map(found.length);
    for (const [name, value] of found) {
      out.bulkText(name);
      out.bulkText(value);
    }
  },
});

const set = sessionCommand({
  name: 'SET',
  summary: 'Set configuration parameters to the given values',
  since: '2.0.0',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  group: 'server',
  flags: FLAGS,
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  history: [['7.0.0', 'Added the ability to set multiple parameters in one call.']],
  ceiling: 'operator',
  args: { parameterValue: rows({ parameter: bytes, value: bytes }) },
  run({ parameterValue }, { session, server, request }, out) {
    const pairs: (readonly [string, string])[] = [];
    for (let i = parameterValue; i + 1 < request.argc; i += 2) pairs.push([request.text(i), request.text(i + 1)]);
    const refusal = server.configSet(pairs, session);
    if (refusal === undefined) out.ok();
    else out.error(refusal);
  },
});

const resetstat = sessionCommand({
  name: 'RESETSTAT',
  summary: 'Reset the stats returned by INFO',
  since: '2.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  args: {},
  run(_args, { session, server }, out) {
    server.resetStatistics(session);
    out.ok();
  },
});

/** Options live in the policy files, which a person writes: nothing here rewrites them. */
const rewrite = sessionCommand({
  name: 'REWRITE',
  summary: 'Rewrite the configuration file with the in memory configuration',
  since: '2.8.0',
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  ceiling: 'operator',
  args: {},
  run: (_args, _call, out) => out.error(NO_CONFIG_FILE),
});

const help = helpCommand({
  container: 'CONFIG',
  since: '5.0.0',
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'GET <pattern>',
    '    Return parameters matching the glob-like <pattern> and their values.',
    'SET <directive> <value>',
    '    Set the configuration <directive> to <value>.',
    'RESETSTAT',
    '    Reset statistics reported by the INFO command.',
    'REWRITE',
    '    Rewrite the configuration file.',
  ],
});

export const config = container({
  name: 'CONFIG',
  summary: 'A container for server configuration commands',
  since: '2.0.0',
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [get, set, resetstat, rewrite, help],
});
