/**
 * Who is subscribed to what, kept from both sides: a channel knows its subscribers, a connection the channels and its own
 * place among their subscribers, so joining and leaving cost the same however many there are.
 *
 * Invariant: `channel.subscribers[place] === connection` for every entry of a connection's subscriptions, and a channel
 * without subscribers is in no map.
 */
import { bytesOfLatin1 } from '../base/bytes.ts';
import { Glob } from '../base/glob.ts';
import { SUBSCRIPTION_BYTES } from '../base/limits.ts';
import type { SubscriptionKind } from '../command/ports/pubsub.ts';
import type { Connection } from './connection.ts';

export class Channel {
  /** One character per byte. */
  readonly name: string;
  readonly kind: SubscriptionKind;
  readonly space: ChannelSpace;
  readonly subscribers: Connection[];

  constructor(name: string, kind: SubscriptionKind, space: ChannelSpace) {
    this.name = name;
    this.kind = kind;
    this.space = space;
    this.subscribers = [];
  }

  /** What a subscription to it is held to cost. */
  get bytes(): number {
    return SUBSCRIPTION_BYTES + this.name.length;
  }
}

/** A pattern, compiled once for all its subscribers. */
export class PatternChannel extends Channel {
  readonly pattern: Uint8Array;
  readonly glob: Glob;

  constructor(name: string, space: ChannelSpace) {
    super(name, 'pattern', space);
    this.pattern = bytesOfLatin1(name);
    this.glob = new Glob(this.pattern);
  }
}

/** The channels of one tenant that somebody is subscribed to. */
export class ChannelSpace {
  readonly channels: Map<string, Channel>;
  readonly patterns: Map<string, PatternChannel>;
  readonly shardChannels: Map<string, Channel>;
  /** Of all subscriptions to them. */
  bytes: number;

  constructor() {
    this.channels = new Map();
    this.patterns = new Map();
    this.shardChannels = new Map();
    this.bytes = 0;
  }

  get isEmpty(): boolean {
    return this.channels.size + this.patterns.size + this.shardChannels.size === 0;
  }

  of(kind: SubscriptionKind): Map<string, Channel> {
    if (kind === 'channel') return this.channels;
    return kind === 'pattern' ? this.patterns : this.shardChannels;
  }

  /** The channel, which is made if nobody was subscribed to it. */
  open(kind: SubscriptionKind, name: string): Channel {
    const known = this.of(kind).get(name);
    if (known !== undefined) return known;
    if (kind === 'pattern') {
      const pattern = new PatternChannel(name, this);
      this.patterns.set(name, pattern);
      return pattern;
    }
    const channel = new Channel(name, kind, this);
    this.of(kind).set(name, channel);
    return channel;
  }
}

type Places = Map<Channel, number>;

/** The subscriptions of one connection, with its place among the subscribers of each. */
export class Subscriptions {
  readonly channels: Places;
  readonly patterns: Places;
  readonly shardChannels: Places;
  bytes: number;

  constructor() {
    this.channels = new Map();
    this.patterns = new Map();
    this.shardChannels = new Map();
    this.bytes = 0;
  }

  of(kind: SubscriptionKind): Places {
    if (kind === 'channel') return this.channels;
    return kind === 'pattern' ? this.patterns : this.shardChannels;
  }

  get count(): number {
    return this.channels.size + this.patterns.size + this.shardChannels.size;
  }

  /** What a confirmation tells: shard channels are counted apart. */
  countFor(kind: SubscriptionKind): number {
    return kind === 'shard' ? this.shardChannels.size : this.channels.size + this.patterns.size;
  }
}

/** False when it was there already. */
export function join(connection: Connection, subscriptions: Subscriptions, channel: Channel): boolean {
  const places = subscriptions.of(channel.kind);
  if (places.has(channel)) return false;
  places.set(channel, channel.subscribers.length);
  channel.subscribers.push(connection);
  subscriptions.bytes += channel.bytes;
  channel.space.bytes += channel.bytes;
  return true;
}

/** False when it was not there. The last subscriber takes the place of who leaves. */
export function leave(subscriptions: Subscriptions, channel: Channel): boolean {
  const places = subscriptions.of(channel.kind);
  const place = places.get(channel);
  if (place === undefined) return false;
  places.delete(channel);
  const { subscribers, space } = channel;
  const last = subscribers.pop();
  if (last !== undefined && place < subscribers.length) {
    subscribers[place] = last;
    last.subscriptions?.of(channel.kind).set(channel, place);
  }
  if (subscribers.length === 0) space.of(channel.kind).delete(channel.name);
  subscriptions.bytes -= channel.bytes;
  space.bytes -= channel.bytes;
  return true;
}
