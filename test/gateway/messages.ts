/** Replies and messages of pub/sub as they stand on the wire, and what a client has heard of them. */
import type { Client, World } from './world.ts';

export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export function message(channel: string, content: string, mark = '*'): string {
  return `${mark}3\r\n${bulk('message')}${bulk(channel)}${bulk(content)}`;
}

export function matched(pattern: string, channel: string, content: string, mark = '*'): string {
  return `${mark}4\r\n${bulk('pmessage')}${bulk(pattern)}${bulk(channel)}${bulk(content)}`;
}

export function confirmed(word: string, channel: string, count: number, mark = '*'): string {
  return `${mark}3\r\n${bulk(word)}${bulk(channel)}:${count}\r\n`;
}

/** What has come to a client since it was read last. */
export function heardBy(world: World, client: Client): string {
  world.turn(client);
  return client.socket.text();
}

/** A field of CLIENT LIST. */
export function fieldOf(world: World, client: Client, name: string): string {
  return new RegExp(` ${name}=(\\S*)`).exec(` ${world.core.clients.describe(client.connection)}`)?.[1] ?? '';
}
