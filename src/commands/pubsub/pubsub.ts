/** PUBSUB: what there is of channels and subscribers in the tenant. */
import { bytes, custom, many } from '../../command/args.ts';
import { type CommandFlag, container, type ErasedSession, sessionCommand } from '../../command/spec.ts';
import { unknownSubcommandOrArguments } from '../../resp/refusals.ts';
import { helpCommand } from '../server/help.ts';

const FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale'];
/** Position of the pattern in `PUBSUB CHANNELS pattern`. */
const PATTERN_AT = 2;

interface Listing {
  readonly name: string;
  readonly kind: 'channel' | 'shard';
  readonly since: string;
  readonly summary: string;
}

function listing({ name, kind, since, summary }: Listing): ErasedSession {
  return sessionCommand({
    name,
    summary,
    since,
    complexity: 'O(N) where N is the number of channels that somebody is subscribed to.',
    group: 'pubsub',
    flags: FLAGS,
    args: {
      pattern: custom({
        required: 0,
        docs: [{ name: 'pattern', type: 'pattern', flags: ['optional'] }],
        parse(request) {
          if (request.argc > PATTERN_AT + 1) return unknownSubcommandOrArguments('pubsub', request.text(1));
          return { end: request.argc, value: request.argc > PATTERN_AT, keys: [] };
        },
      }),
    },
    run({ pattern }, { session, request }, out) {
      const names = session.pubsub.channels(kind, pattern.value ? request.copy(PATTERN_AT) : undefined);
      out.array(names.length);
      for (const name of names) out.bulkText(name);
    },
  });
}

interface Counting {
  readonly name: string;
  readonly kind: 'channel' | 'shard';
  readonly since: string;
  readonly summary: string;
}

function counting({ name, kind, since, summary }: Counting): ErasedSession {
  return sessionCommand({
    name,
    summary,
    since,
    complexity: 'O(N) where N is the number of channels given.',
    group: 'pubsub',
    flags: FLAGS,
    args: { [kind === 'shard' ? 'shardchannel' : 'channel']: many(bytes, 0) },
    run(_args, { session, request }, out) {
      out.array(2 * (request.argc - PATTERN_AT));
      for (let i = PATTERN_AT; i < request.argc; i++) {
        out.bulk(request.bytes, request.start(i), request.end(i));
        out.integer(session.pubsub.subscribers(kind, request.text(i)));
      }
    },
  });
}

const numpat = sessionCommand({
  name: 'NUMPAT',
  summary: 'Tells how many patterns somebody is subscribed to',
  since: '2.8.0',
  complexity: 'O(1)',
  group: 'pubsub',
  flags: FLAGS,
  args: {},
  run: (_args, { session }, out) => out.integer(session.pubsub.patterns),
});

const help = helpCommand({
  container: 'PUBSUB',
  since: '6.2.0',
  group: 'pubsub',
  flags: ['loading', 'stale'],
  lines: [
    'CHANNELS [<pattern>]',
    "    Return the currently active channels matching a <pattern> (default: '*').",
    'NUMPAT',
    '    Return number of subscriptions to patterns.',
    'NUMSUB [<channel> ...]',
    '    Return the number of subscribers for the specified channels, excluding',
    '    pattern subscriptions(default: no channels).',
    'SHARDCHANNELS [<pattern>]',
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    'SHARDNUMSUB [<shardchannel> ...]',
    '    Return the number of subscribers for the specified shard level channel(s)',
  ],
});

export const pubsub = container({
  name: 'PUBSUB',
  summary: 'A container for commands about channels and subscribers',
  since: '2.8.0',
  complexity: 'Depends on subcommand.',
  group: 'pubsub',
  subcommands: [
    listing({ name: 'CHANNELS', kind: 'channel', since: '2.8.0', summary: 'Lists channels that have subscribers' }),
    counting({ name: 'NUMSUB', kind: 'channel', since: '2.8.0', summary: 'Counts the subscribers of channels' }),
    numpat,
    listing({
      name: 'SHARDCHANNELS',
      kind: 'shard',
      since: '7.0.0',
      summary: 'Lists shard channels that have subscribers',
    }),
    counting({
      name: 'SHARDNUMSUB',
      kind: 'shard',
      since: '7.0.0',
      summary: 'Counts the subscribers of shard channels',
    }),
    help,
  ],
});
