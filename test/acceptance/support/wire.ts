/** A client that speaks in words and parsed replies, for what real clients hide: reply counts, order, errors as they are. */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { latin1 } from '../../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../../src/resp/reply-reader.ts';
import type { Serve } from './serve.ts';

export class Wire {
  readonly closed: Promise<void>;
  isClosed: boolean;
  /** Of all replies so far. */
  receivedBytes: number;
  /** Gets what comes out of band in RESP3; without it that counts as a reply. */
  pushed: ((reply: Reply) => void) | undefined;
  private readonly socket: Socket;
  private readonly waiting: ((reply: Reply) => void)[];
  private readonly failing: ((error: Error) => void)[];
  private rest: Buffer;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.waiting = [];
    this.failing = [];
    this.rest = Buffer.alloc(0);
    this.isClosed = false;
    this.receivedBytes = 0;
    this.pushed = undefined;
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        this.waiting.length = 0;
        for (const fail of this.failing.splice(0)) fail(new Error('the connection was closed'));
        resolve();
      });
    });
  }

  static tls(serve: Serve): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port: serve.tlsPort, ca: serve.ca, servername: 'localhost' }, () =>
        resolve(new Wire(socket)),
      );
      socket.once('error', reject);
    });
  }

  static plain(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connectPlain(port, '127.0.0.1', () => resolve(new Wire(socket)));
      socket.once('error', reject);
    });
  }

  /** Over a socket made elsewhere. */
  static over(socket: Socket): Wire {
    return new Wire(socket);
  }

  /** Over TLS, logged in. */
  static async as(serve: Serve, user: string, protocol: 2 | 3 = 2): Promise<Wire> {
    const wire = await Wire.tls(serve);
    const answer = await wire.reply('HELLO', String(protocol), 'AUTH', user, serve.password(user));
    if (answer.kind === 'error') throw new Error(`${user} cannot log in: ${answer.text}`);
    return wire;
  }

  /** Sends one request; rejects when the connection ends before its reply. */
  reply(...words: readonly string[]): Promise<Reply> {
    if (this.isClosed) return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      this.failing.push(reject);
      const request = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
      this.socket.write(Buffer.from(`*${words.length}\r\n${request}`, 'latin1'));
    });
  }

  /** Hands the reply over as soon as it is there, before anything that came behind it is looked at. */
  async replyNow(take: (reply: Reply) => void, ...words: readonly string[]): Promise<void> {
    const coming = this.reply(...words);
    const last = this.waiting.pop();
    this.waiting.push((reply) => {
      take(reply);
      last?.(reply);
    });
    await coming;
  }

  /** The same as text: bulks as they are, errors with their dash, aggregates as JSON. */
  async ask(...words: readonly string[]): Promise<string> {
    return shown(await this.reply(...words));
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (;;) {
      const parsed = parseReply(this.rest);
      if (parsed === undefined) return;
      this.rest = this.rest.subarray(parsed.end);
      if (parsed.value.kind === 'push' && this.pushed !== undefined) {
        this.pushed(parsed.value);
        continue;
      }
      this.failing.shift();
      this.waiting.shift()?.(parsed.value);
    }
  }
}

export function shown(reply: Reply): string {
  const plain = plainOf(reply);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

type Plain = string | number | null | boolean | Plain[];

function plainOf(reply: Reply): Plain {
  switch (reply.kind) {
    case 'simple':
      return reply.text;
    case 'error':
      return `-${reply.text}`;
    case 'integer':
      return Number(reply.value);
    case 'bulk':
    case 'verbatim':
      return latin1(reply.bytes);
    case 'null':
      return null;
    case 'double':
    case 'bigNumber':
      return reply.text;
    case 'boolean':
      return reply.value;
    case 'array':
    case 'set':
    case 'push':
      return reply.items.map(plainOf);
    case 'map':
      return reply.entries.map(([key, value]) => [plainOf(key), plainOf(value)]);
    case 'attributed':
      return plainOf(reply.value);
  }
}
