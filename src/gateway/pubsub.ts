/**
 * Pub/sub of all tenants. Channels belong to a tenant and to all of its databases; nobody hears of another's. Whatever the
 * storage is, messages never leave the gateway's thread.
 *
 * A message goes to the subscribers of its channel first and then to those of the patterns it matches, as in Redis. The
 * publisher waits for nobody: what a subscriber does not read is held against its own output limit.
 *
 * Hot path: one push per subscriber. Budget 60 ns beside the write; guarded by `pubsub` of `npm run bench`.
 */

import { maySubscribe } from '../acl/check.ts';
import type { User } from '../acl/user.ts';
import { bytesOfLatin1, latin1 } from '../base/bytes.ts';
import { Glob } from '../base/glob.ts';
import { GLOB_STEPS_MAX, PATTERN_STEPS_FREE } from '../base/limits.ts';
import type { PubSubPort, SubscriptionKind } from '../command/ports/pubsub.ts';
import type { Connection } from './connection.ts';
import { Message } from './messages.ts';
import { SessionPubSub } from './session-pubsub.ts';
import { type Channel, ChannelSpace, leave, type PatternChannel } from './subscriptions.ts';

/** How many there are, of one tenant or of all. */
export interface PubSubFigures {
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
}

export class PubSub {
  /** By tenant number. */
  private readonly spaces: (ChannelSpace | undefined)[];
  private readonly message: Message;

  constructor() {
    this.spaces = [];
    this.message = new Message();
  }

  seenBy(connection: Connection): PubSubPort {
    return new SessionPubSub(this, connection);
  }

  space(tenantNumber: number): ChannelSpace | undefined {
    return this.spaces[tenantNumber];
  }

  openSpace(tenantNumber: number): ChannelSpace {
    const known = this.spaces[tenantNumber];
    if (known !== undefined) return known;
    const made = new ChannelSpace();
    while (this.spaces.length <= tenantNumber) this.spaces.push(undefined);
    this.spaces[tenantNumber] = made;
    return made;
  }

  // -- Messages --------------------------------------------------------------------------------------------------------

  /** To a channel of a tenant; from within a command or from outside of any. The number of subscriptions it has gone to. */
  publish(tenantNumber: number, channel: Uint8Array, message: Uint8Array): number {
    this.message.setContent(message, 0, message.length);
    const receivers = this.deliver(tenantNumber, 'channel', channel, 0, channel.length);
    this.message.release();
    return receivers;
  }

  /** The same for ranges of a request, and for shard channels. */
  publishRange(
    tenantNumber: number,
    kind: 'channel' | 'shard',
    bytes: Uint8Array,
    channel: readonly [start: number, end: number],
    content: readonly [start: number, end: number],
  ): number {
    this.message.setContent(bytes, content[0], content[1]);
    const receivers = this.deliver(tenantNumber, kind, bytes, channel[0], channel[1]);
    this.message.release();
    return receivers;
  }

  private deliver(
    tenantNumber: number,
    kind: 'channel' | 'shard',
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const space = this.spaces[tenantNumber];
    if (space === undefined || space.isEmpty) return 0;
    this.message.setChannel(bytes, start, end);
    const channels = kind === 'shard' ? space.shardChannels : space.channels;
    let receivers = 0;
    if (channels.size > 0) {
      const channel = channels.get(latin1(bytes, start, end));
      if (channel !== undefined) receivers = this.toSubscribers(channel, undefined);
    }
    if (kind === 'channel' && space.patterns.size > 0) receivers += this.toMatching(space, bytes, start, end);
    return receivers;
  }

  /** Every pattern has some steps of its own; those that need more share the rest, so no set of patterns stalls us. */
  private toMatching(space: ChannelSpace, bytes: Uint8Array, start: number, end: number): number {
    let receivers = 0;
    let shared = GLOB_STEPS_MAX;
    for (const channel of space.patterns.values()) {
      const { glob } = channel;
      const matched = glob.matchesWithin(bytes, start, end, PATTERN_STEPS_FREE + shared);
      if (glob.steps > PATTERN_STEPS_FREE) shared -= glob.steps - PATTERN_STEPS_FREE;
      if (matched) receivers += this.toSubscribers(channel, channel);
    }
    return receivers;
  }

  /** Whoever is closed by a push leaves, and the last subscriber is in their place: it is looked at again. */
  private toSubscribers(channel: Channel, matched: PatternChannel | undefined): number {
    const { subscribers } = channel;
    let receivers = 0;
    let resp2: Uint8Array | undefined;
    let resp3: Uint8Array | undefined;
    for (let i = 0; i < subscribers.length; ) {
      const subscriber = subscribers[i] as Connection;
      if (subscriber.session.protocol === 2) {
        resp2 ??= this.encode(2, channel, matched);
        subscriber.push(resp2);
      } else {
        resp3 ??= this.encode(3, channel, matched);
        subscriber.push(resp3);
      }
      receivers++;
      if (subscribers[i] === subscriber) i++;
    }
    return receivers;
  }

  private encode(protocol: 2 | 3, channel: Channel, matched: PatternChannel | undefined): Uint8Array {
    if (matched !== undefined) return this.message.encodeMatch(protocol, matched.pattern);
    return this.message.encode(protocol, channel.kind === 'shard');
  }

  // -- Endings ---------------------------------------------------------------------------------------------------------

  /** Silently, as by RESET or when the connection is gone. */
  leaveAll(connection: Connection): void {
    const { subscriptions } = connection;
    if (subscriptions === undefined) return;
    for (const kind of KINDS) {
      for (const channel of Array.from(subscriptions.of(kind).keys())) leave(subscriptions, channel);
    }
    connection.isSubscriber = false;
    connection.subscriptions = undefined;
  }

  /** Whether the user may have all that the connection is subscribed to. */
  permits({ subscriptions }: Connection, user: User): boolean {
    if (subscriptions === undefined) return true;
    for (const kind of KINDS) {
      for (const { name } of subscriptions.of(kind).keys()) {
        if (!maySubscribe(user, bytesOfLatin1(name), kind === 'pattern')) return false;
      }
    }
    return true;
  }

  // -- Views -----------------------------------------------------------------------------------------------------------

  names(tenantNumber: number, kind: 'channel' | 'shard', pattern: Uint8Array | undefined): readonly string[] {
    const all = Array.from(this.spaces[tenantNumber]?.of(kind).keys() ?? []);
    if (pattern === undefined) return all;
    const glob = new Glob(pattern);
    return all.filter((name) => glob.matchesOfMany(bytesOfLatin1(name), 0, name.length));
  }

  figures(tenantNumber: number | undefined): PubSubFigures {
    const spaces = tenantNumber === undefined ? this.spaces : [this.spaces[tenantNumber]];
    let channels = 0;
    let patterns = 0;
    let shardChannels = 0;
    for (const space of spaces) {
      channels += space?.channels.size ?? 0;
      patterns += space?.patterns.size ?? 0;
      shardChannels += space?.shardChannels.size ?? 0;
    }
    return { channels, patterns, shardChannels };
  }
}

const KINDS: readonly SubscriptionKind[] = ['channel', 'pattern', 'shard'];
