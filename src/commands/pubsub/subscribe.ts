/** SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites. */
import { bytes, channel, channelPattern, many, pattern, shardChannel, shardChannelLeft } from '../../command/args.ts';
import { type CommandFlag, sessionCommand } from '../../command/spec.ts';

const FLAGS: readonly CommandFlag[] = ['pubsub', 'noscript', 'loading', 'stale'];

export const subscribe = sessionCommand({
  name: 'SUBSCRIBE',
  summary: 'Receive the messages that are published to channels',
  since: '2.0.0',
  complexity: 'O(N) where N is the number of channels given.',
  group: 'pubsub',
  flags: FLAGS,
  args: { channel: many(channel) },
  run: (args, { session, request }, out) => session.pubsub.subscribe('channel', request, args.channel, out),
});

export const unsubscribe = sessionCommand({
  name: 'UNSUBSCRIBE',
  summary: 'Receive no more messages of channels, or of none at all',
  since: '2.0.0',
  complexity: 'O(N) where N is the number of channels that are left.',
  group: 'pubsub',
  flags: FLAGS,
  args: { channel: many(bytes, 0) },
  run: (args, { session, request }, out) => session.pubsub.unsubscribe('channel', request, args.channel, out),
});

export const psubscribe = sessionCommand({
  name: 'PSUBSCRIBE',
  summary: 'Receive the messages of all channels that match patterns',
  since: '2.0.0',
  complexity: 'O(N) where N is the number of patterns given.',
  group: 'pubsub',
  flags: FLAGS,
  args: { pattern: many(channelPattern) },
  run: (args, { session, request }, out) => session.pubsub.subscribe('pattern', request, args.pattern, out),
});

export const punsubscribe = sessionCommand({
  name: 'PUNSUBSCRIBE',
  summary: 'Receive no more messages by patterns, or by none at all',
  since: '2.0.0',
  complexity: 'O(N) where N is the number of patterns that are left.',
  group: 'pubsub',
  flags: FLAGS,
  args: { pattern: many(pattern, 0) },
  run: (args, { session, request }, out) => session.pubsub.unsubscribe('pattern', request, args.pattern, out),
});

export const ssubscribe = sessionCommand({
  name: 'SSUBSCRIBE',
  summary: 'Receive the messages that are published to shard channels',
  since: '7.0.0',
  complexity: 'O(N) where N is the number of shard channels given.',
  group: 'pubsub',
  flags: FLAGS,
  args: { shardchannel: many(shardChannel) },
  run: (args, { session, request }, out) => session.pubsub.subscribe('shard', request, args.shardchannel, out),
});

export const sunsubscribe = sessionCommand({
  name: 'SUNSUBSCRIBE',
  summary: 'Receive no more messages of shard channels, or of none at all',
  since: '7.0.0',
  complexity: 'O(N) where N is the number of shard channels that are left.',
  group: 'pubsub',
  flags: FLAGS,
  args: { shardchannel: many(shardChannelLeft, 0) },
  run: (args, { session, request }, out) => session.pubsub.unsubscribe('shard', request, args.shardchannel, out),
});
