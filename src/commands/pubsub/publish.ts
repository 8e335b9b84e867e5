/** PUBLISH and SPUBLISH. */
import { bytes, channel, shardChannel } from '../../command/args.ts';
import { type CommandFlag, sessionCommand } from '../../command/spec.ts';

const FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale', 'fast'];

export const publish = sessionCommand({
  name: 'PUBLISH',
  summary: 'Send a message to all who are subscribed to a channel',
  since: '2.0.0',
  complexity: 'O(N+M) where N is the number of subscribers of the channel and M the number of patterns of the tenant.',
  group: 'pubsub',
  flags: FLAGS,
  args: { channel, message: bytes },
  run: (args, { session, request }, out) =>
    out.integer(session.pubsub.publish('channel', request, args.channel, args.message)),
});

export const spublish = sessionCommand({
  name: 'SPUBLISH',
  summary: 'Send a message to all who are subscribed to a shard channel',
  since: '7.0.0',
  complexity: 'O(N) where N is the number of subscribers of the shard channel.',
  group: 'pubsub',
  flags: FLAGS,
  args: { shardchannel: shardChannel, message: bytes },
  run: (args, { session, request }, out) =>
    out.integer(session.pubsub.publish('shard', request, args.shardchannel, args.message)),
});
