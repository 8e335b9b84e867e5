/** Channels as a session sees them: those of the namespace it acts on. The gateway implements it. */
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import type { ArgIndex } from '../args.ts';

/** What can be subscribed to. A shard channel is one that clients of a cluster send to a slot. */
export type SubscriptionKind = 'channel' | 'pattern' | 'shard';

export interface PubSubPort {
  /** Whether the connection is subscribed to anything. */
  readonly isSubscriber: boolean;
  /** Subscribes to all arguments from `first` on and confirms each, or refuses all of them. */
  subscribe(kind: SubscriptionKind, request: Request, first: ArgIndex, out: ReplyWriter): void;
  /** Ends subscriptions and confirms each; without arguments, all of the kind. */
  unsubscribe(kind: SubscriptionKind, request: Request, first: ArgIndex, out: ReplyWriter): void;
  /** The number of subscriptions that the message has gone to. */
  publish(kind: 'channel' | 'shard', request: Request, channel: ArgIndex, message: ArgIndex): number;
  /** Names, one character per byte, of channels that somebody is subscribed to. */
  channels(kind: 'channel' | 'shard', pattern: Uint8Array | undefined): readonly string[];
  subscribers(kind: 'channel' | 'shard', name: string): number;
  readonly patterns: number;
}
