/** SUBSCRIBE and its kin for one connection: limits, confirmations, and the view of its namespace. */
import { latin1 } from '../base/bytes.ts';
import {
  PATTERNS_MAX_TENANT,
  SUBSCRIPTION_BYTES,
  SUBSCRIPTION_BYTES_MAX,
  SUBSCRIPTION_BYTES_MAX_TENANT,
  SUBSCRIPTIONS_MAX,
} from '../base/limits.ts';
import type { PubSubPort, SubscriptionKind } from '../command/ports/pubsub.ts';
import { type Refusal, TOO_MANY_PATTERNS, TOO_MANY_SUBSCRIPTIONS } from '../resp/refusals.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';
import type { Connection } from './connection.ts';
import type { PubSub } from './pubsub.ts';
import { type ChannelSpace, join, leave, Subscriptions } from './subscriptions.ts';

const PREFIX: Readonly<Record<SubscriptionKind, string>> = { channel: '', pattern: 'p', shard: 's' };
/** What a confirmation needs beside the name of its channel. */
const CONFIRMATION_BYTES = 128;
/** A writer for confirmations that are not dropped with the replies. */
const CONFIRMATIONS_BYTES = 1024;

export class SessionPubSub implements PubSubPort {
  private readonly pubsub: PubSub;
  private readonly connection: Connection;

  constructor(pubsub: PubSub, connection: Connection) {
    this.pubsub = pubsub;
    this.connection = connection;
  }

  get isSubscriber(): boolean {
    return this.connection.isSubscriber;
  }

  private get namespace(): number {
    return this.connection.session.tenantNumber;
  }

  subscribe(kind: SubscriptionKind, request: Request, first: number, out: ReplyWriter): void {
    const { connection } = this;
    const space = this.pubsub.openSpace(this.namespace);
    const refusal = this.overLimit(kind, space, request, first);
    if (refusal !== undefined) return out.error(refusal);
    connection.subscriptions ??= new Subscriptions();
    const { subscriptions } = connection;
    this.confirming(out, (shown) => {
      for (let i = first; i < request.argc; i++) {
        join(connection, subscriptions, space.open(kind, latin1(request.bytes, request.start(i), request.end(i))));
        confirm(
          shown,
          `${PREFIX[kind]}subscribe`,
          request.start(i),
          request.end(i),
          request,
          subscriptions.countFor(kind),
        );
      }
    });
    connection.isSubscriber = true;
  }

  unsubscribe(kind: SubscriptionKind, request: Request, first: number, out: ReplyWriter): void {
    const { connection } = this;
    const subscriptions = connection.subscriptions ?? new Subscriptions();
    const word = `${PREFIX[kind]}unsubscribe`;
    this.confirming(out, (shown) => {
      if (first >= request.argc) return this.unsubscribeAll(kind, subscriptions, shown);
      const channels = this.pubsub.space(this.namespace)?.of(kind);
      for (let i = first; i < request.argc; i++) {
        const channel = channels?.get(latin1(request.bytes, request.start(i), request.end(i)));
        if (channel !== undefined) leave(subscriptions, channel);
        confirm(shown, word, request.start(i), request.end(i), request, subscriptions.countFor(kind));
      }
    });
    if (subscriptions.count > 0) return;
    connection.isSubscriber = false;
    connection.subscriptions = undefined;
  }

  /** Of every namespace: an operator may have acted on several. */
  private unsubscribeAll(kind: SubscriptionKind, subscriptions: Subscriptions, out: ReplyWriter): void {
    const word = `${PREFIX[kind]}unsubscribe`;
    const channels = Array.from(subscriptions.of(kind).keys());
    if (channels.length === 0) {
      out.push(3);
      out.bulkText(word);
      out.null();
      out.integer(subscriptions.countFor(kind));
    }
    for (const channel of channels) {
      leave(subscriptions, channel);
      out.replyBytesMax += CONFIRMATION_BYTES + channel.name.length;
      out.push(3);
      out.bulkText(word);
      out.bulkText(channel.name);
      out.integer(subscriptions.countFor(kind));
    }
  }

  /** Confirmations are messages: CLIENT REPLY OFF and SKIP do not hide them. */
  private confirming(out: ReplyWriter, write: (shown: ReplyWriter) => void): void {
    const { connection } = this;
    if (connection.session.showsReplies) return write(out);
    const own = new ReplyWriter(out.protocol, CONFIRMATIONS_BYTES);
    write(own);
    connection.push(own.take());
  }

  /** As if none of them were there already: who is as near to a limit as that has too many. */
  private overLimit(kind: SubscriptionKind, space: ChannelSpace, request: Request, first: number): Refusal | undefined {
    const { subscriptions } = this.connection;
    const count = request.argc - first;
    let bytes = count * SUBSCRIPTION_BYTES;
    for (let i = first; i < request.argc; i++) bytes += request.end(i) - request.start(i);
    if ((subscriptions?.count ?? 0) + count > SUBSCRIPTIONS_MAX) return TOO_MANY_SUBSCRIPTIONS;
    if ((subscriptions?.bytes ?? 0) + bytes > SUBSCRIPTION_BYTES_MAX) return TOO_MANY_SUBSCRIPTIONS;
    if (space.bytes + bytes > SUBSCRIPTION_BYTES_MAX_TENANT) return TOO_MANY_SUBSCRIPTIONS;
    return kind === 'pattern' && space.patterns.size + count > PATTERNS_MAX_TENANT ? TOO_MANY_PATTERNS : undefined;
  }

  publish(kind: 'channel' | 'shard', request: Request, channel: number, message: number): number {
    return this.pubsub.publishRange(
      this.namespace,
      kind,
      request.bytes,
      [request.start(channel), request.end(channel)],
      [request.start(message), request.end(message)],
    );
  }

  channels(kind: 'channel' | 'shard', pattern: Uint8Array | undefined): readonly string[] {
    return this.pubsub.names(this.namespace, kind, pattern);
  }

  subscribers(kind: 'channel' | 'shard', name: string): number {
    return this.pubsub.space(this.namespace)?.of(kind).get(name)?.subscribers.length ?? 0;
  }

  get patterns(): number {
    return this.pubsub.space(this.namespace)?.patterns.size ?? 0;
  }
}

function confirm(out: ReplyWriter, word: string, start: number, end: number, { bytes }: Request, count: number): void {
  // Each is a message of its own, and not bound with the others as one reply.
  out.replyBytesMax += CONFIRMATION_BYTES + end - start;
  out.push(3);
  out.bulkText(word);
  out.bulk(bytes, start, end);
  out.integer(count);
}
