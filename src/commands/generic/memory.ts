/** MEMORY: what a key takes, and where memory goes. A user of a tenant is told of that tenant's. */
import { after, integer, key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { container, sessionCommand, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../resp/refusals.ts';
import { helpCommand } from '../server/help.ts';

const usage = shardCommand({
  name: 'USAGE',
  summary: 'Bytes that a key and its value take.',
  since: '4.0.0',
  complexity: 'O(1): every byte is counted as it is allocated, nothing is sampled.',
  group: 'server',
  flags: ['readonly'],
  args: {
    key: key('RO'),
    count: after('SAMPLES', integer({ min: 0, outOfRange: SYNTAX_ERROR, notInteger: NOT_AN_INTEGER })),
  },
  run({ key }, { request, database }, out) {
    const ref = database.peek(request.bytes, request.start(key), request.end(key));
    if (ref === MISSING) out.null();
    else out.integer(database.memoryUsage(ref));
    return UNCHANGED;
  },
});

const ABOUT = {
  since: '4.0.0',
  group: 'server',
  flags: [],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  args: {},
} as const;

const doctor = sessionCommand({
  ...ABOUT,
  name: 'DOCTOR',
  summary: 'Says what about memory deserves a look.',
  complexity: 'O(1)',
  run: (_args, { server, session }, out) => out.verbatim('txt', server.insight.memoryAdvice(session)),
});

const stats = sessionCommand({
  ...ABOUT,
  name: 'STATS',
  summary: 'Shows where memory goes.',
  complexity: 'O(1)',
  run(_args, { server, session }, out) {
    const facts = server.insight.memory(session);
    out.map(facts.length);
    for (const [name, value, kind] of facts) {
      out.bulkText(name);
      if (kind === 'double') out.double(value);
      else out.integer(value);
    }
  },
});

const mallocStats = sessionCommand({
  ...ABOUT,
  name: 'MALLOC-STATS',
  summary: 'Shows what the allocator of the engine holds.',
  complexity: 'Depends on how much memory is allocated, could be slow',
  run: (_args, { server, session }, out) => out.verbatim('txt', server.insight.allocatorReport(session)),
});

/** The engine gives pages back as they become free, so nothing is left to be purged; redis answers the same without jemalloc. */
const purge = sessionCommand({
  ...ABOUT,
  name: 'PURGE',
  summary: 'Memory is given back as it becomes free: there is nothing to do.',
  complexity: 'Depends on how much memory is allocated, could be slow',
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  run: (_args, _call, out) => out.ok(),
});

export const memory = container({
  name: 'MEMORY',
  summary: 'Leads to what can be asked about memory.',
  since: '4.0.0',
  complexity: 'Depends on subcommand.',
  group: 'server',
  subcommands: [
    doctor,
    mallocStats,
    purge,
    stats,
    usage,
    helpCommand({
      flags: ['loading', 'stale'],
      container: 'MEMORY',
      since: '4.0.0',
      group: 'server',
      lines: [
        'DOCTOR',
        '    Return memory problems reports.',
        'MALLOC-STATS',
        '    Return internal statistics report from the memory allocator.',
        'PURGE',
        '    Attempt to purge dirty pages for reclamation by the allocator.',
        'STATS',
        '    Return information about the memory usage of the server.',
        'USAGE <key> [SAMPLES <count>]',
        '    Return memory in bytes used by <key> and its value. Nested values are',
        '    sampled up to <count> times (default: 5, 0 means sample all).',
      ],
    }),
  ],
});
