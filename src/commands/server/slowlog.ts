/** SLOWLOG: commands that took long. A user of a tenant sees that tenant's. */
import { parseInteger } from '../../base/integer.ts';
import { custom } from '../../command/args.ts';
import { type CommandFlag, container, sessionCommand } from '../../command/spec.ts';
import { SLOWLOG_COUNT, unknownSubcommandOrArguments } from '../../resp/refusals.ts';
import { helpCommand } from './help.ts';

const FLAGS: readonly CommandFlag[] = ['admin', 'loading', 'stale'];
const COUNT_DEFAULT = 10;
const ENTRY_FIELDS = 6;

const get = sessionCommand({
  name: 'GET',
  summary: 'Returns the newest entries of the slow log.',
  since: '2.2.12',
  complexity: 'O(N) where N is the number of entries returned',
  group: 'server',
  flags: FLAGS,
  tips: ['request_policy:all_nodes', 'nondeterministic_output'],
  history: [['4.0.0', 'An entry also names address, port and name of the client.']],
  args: {
    count: custom({
      required: 0,
      docs: [{ name: 'count', type: 'integer', flags: ['optional'] }],
      parse(request, at) {
        if (request.argc > at + 1) return unknownSubcommandOrArguments('slowlog', request.text(1));
        if (request.argc === at) return { end: at, value: COUNT_DEFAULT, keys: [] };
        const count = parseInteger(request.bytes, request.start(at), request.end(at));
        if (!(count >= -1)) return SLOWLOG_COUNT;
        return { end: at + 1, value: count === -1 ? Number.POSITIVE_INFINITY : count, keys: [] };
      },
    }),
  },
  run({ count }, { session, server }, out) {
    const entries = server.insight.slowlog(count.value, session);
    out.array(entries.length);
    for (const { id, time_s, duration_us, words, address, clientName } of entries) {
      out.array(ENTRY_FIELDS);
      out.integer(id);
      out.integer(time_s);
      out.integer(duration_us);
      out.array(words.length);
      for (const word of words) out.bulkText(word);
      out.bulkText(address);
      out.bulkText(clientName);
    }
  },
});

const len = sessionCommand({
  name: 'LEN',
  summary: 'Counts the entries of the slow log.',
  since: '2.2.12',
  complexity: 'O(1)',
  group: 'server',
  flags: FLAGS,
  tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
  args: {},
  run: (_args, { session, server }, out) => out.integer(server.insight.slowlogLength(session)),
});

const reset = sessionCommand({
  name: 'RESET',
  summary: 'Empties the slow log.',
  since: '2.2.12',
  complexity: 'O(N) where N is the number of entries in the slowlog',
  group: 'server',
  flags: FLAGS,
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  args: {},
  run(_args, { session, server }, out) {
    server.insight.slowlogReset(session);
    out.ok();
  },
});

const help = helpCommand({
  container: 'SLOWLOG',
  since: '6.2.0',
  group: 'server',
  flags: ['loading', 'stale'],
  lines: [
    'GET [<count>]',
    '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
    '    Entries are made of:',
    '    id, timestamp, time in microseconds, arguments array, client IP and port,',
    '    client name',
    'LEN',
    '    Return the length of the slowlog.',
    'RESET',
    '    Reset the slowlog.',
  ],
});

export const slowlog = container({
  name: 'SLOWLOG',
  summary: 'Leads to what can be asked of the slow log.',
  since: '2.2.12',
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [get, len, reset, help],
});
