/** INFO, TIME and SHUTDOWN: the process as a whole. */
import { asciiLower } from '../../base/ascii.ts';
import { atMostOne, bytes, many, token } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { NO_SHUTDOWN_IN_PROGRESS, SHUTDOWN_FAILED, SYNTAX_ERROR } from '../../resp/refusals.ts';

export const info = sessionCommand({
  name: 'INFO',
  summary: 'Get information and statistics about the server',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['loading', 'stale'],
  categories: ['dangerous'],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  history: [['7.0.0', 'Added support for taking multiple section arguments.']],
  args: { section: many(bytes, 0) },
  run({ section }, { session, server, request }, out) {
    const sections: string[] = [];
    for (let i = section; i < request.argc; i++) sections.push(asciiLower(request.text(i)));
    out.verbatim('txt', server.info(sections, session));
  },
});

export const time = sessionCommand({
  name: 'TIME',
  summary: 'Return the current server time',
  since: '2.6.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['loading', 'stale', 'fast'],
  tips: ['nondeterministic_output'],
  args: {},
  run(_args, { server }, out) {
    const now_ms = server.nowMs();
    out.array(2);
    out.bulkInteger(Math.floor(now_ms / 1000));
    // Whole milliseconds are what the clock gives; the rest would be invented.
    out.bulkInteger((now_ms % 1000) * 1000);
  },
});

export const shutdown = sessionCommand({
  name: 'SHUTDOWN',
  summary: 'Synchronously save the dataset to disk and then shut down the server',
  since: '1.0.0',
  complexity: 'O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)',
  group: 'server',
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
  history: [['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.']],
  ceiling: 'operator',
  args: {
    nosaveSave: atMostOne({ nosave: token('NOSAVE'), save: token('SAVE') }),
    now: token('NOW'),
    force: token('FORCE'),
    abort: token('ABORT'),
  },
  run({ nosaveSave, now, force, abort }, { server }, out) {
    if (abort) {
      if (nosaveSave !== undefined || now || force) return out.error(SYNTAX_ERROR);
      if (server.abortShutdown()) out.ok();
      else out.error(NO_SHUTDOWN_IN_PROGRESS);
      return;
    }
    const save = nosaveSave === undefined ? undefined : nosaveSave.kind === 'save';
    // As in redis there is no reply to a SHUTDOWN that works: the connection ends.
    if (!server.shutdown({ save, now, force })) out.error(SHUTDOWN_FAILED);
  },
});
