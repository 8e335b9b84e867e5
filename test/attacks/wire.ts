/** A client made for misbehaving: raw bytes out, whole replies in, and it remembers how the connection ended. */
import net from 'node:net';
import tls from 'node:tls';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { ReplyBoundary } from '../../src/resp/reply-reader.ts';

const REPLY_WAIT_MS = 10_000;

/** The RESP bytes of a request; texts are one byte per character. */
export function encode(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

export interface Where {
  readonly port: number;
  readonly tls: boolean;
  readonly ca: string | undefined;
  /** The address to come from: 127.0.0.x. */
  readonly from?: string;
  /** What the client shows for itself. */
  readonly pair?: { readonly certificate: string; readonly key: string };
  /** A session of TLS to go on with. */
  readonly session?: Buffer;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export class Wire {
  readonly socket: net.Socket;
  /** Replies not yet taken, one character per byte. */
  readonly replies: string[] = [];
  closed = false;
  /** Of TLS: what the server has given to come again with, the last one. */
  session: Buffer | undefined;
  private received: Uint8Array = new Uint8Array(0);
  private readonly boundary: ReplyBoundary = new ReplyBoundary();
  private wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Uint8Array) => this.take(chunk));
    socket.on('error', () => {});
    socket.on('session', (session: Buffer) => {
      this.session = session;
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  static connect(where: Where): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const at = {
        host: '127.0.0.1',
        port: where.port,
        ...(where.from === undefined ? {} : { localAddress: where.from }),
      };
      const socket: net.Socket = where.tls
        ? tls.connect({
            ...at,
            servername: 'localhost',
            ...(where.ca === undefined ? {} : { ca: where.ca }),
            ...(where.pair === undefined ? {} : { cert: where.pair.certificate, key: where.pair.key }),
            ...(where.session === undefined ? {} : { session: where.session }),
            ...(where.maxVersion === undefined ? {} : { maxVersion: where.maxVersion }),
          })
        : net.connect(at);
      const wire = new Wire(socket);
      socket.once(where.tls ? 'secureConnect' : 'connect', () => resolve(wire));
      socket.once('error', reject);
    });
  }

  /** It goes on with a session that another connection began. */
  get isResumed(): boolean {
    return this.socket instanceof tls.TLSSocket && this.socket.isSessionReused();
  }

  private take(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.received.length + chunk.length);
    joined.set(this.received);
    joined.set(chunk, this.received.length);
    let start = 0;
    for (;;) {
      const end = start < joined.length ? this.boundary.find(joined, start, joined.length) : -1;
      if (end < 0) break;
      this.replies.push(latin1(joined, start, end));
      start = end;
    }
    this.received = joined.slice(start);
    this.wake?.();
  }

  send(bytes: string | Uint8Array): void {
    if (!this.closed) this.socket.write(typeof bytes === 'string' ? bytesOfLatin1(bytes) : bytes);
  }

  private async until(holds: () => boolean, wait_ms: number): Promise<boolean> {
    const deadline = Date.now() + wait_ms;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  /** The next reply, or a word for why there is none. */
  async reply(wait_ms = REPLY_WAIT_MS): Promise<string> {
    await this.until(() => this.replies.length > 0 || this.closed, wait_ms);
    return this.replies.shift() ?? (this.closed ? '(closed)' : '(nothing)');
  }

  /** Sends one request and gives its reply. */
  ask(...words: readonly string[]): Promise<string> {
    this.send(encode(...words));
    return this.reply();
  }

  /** Waits for exactly so many replies. */
  async collect(count: number, wait_ms = REPLY_WAIT_MS): Promise<string[]> {
    await this.until(() => this.replies.length >= count || this.closed, wait_ms);
    return this.replies.splice(0, count);
  }

  /** Whether the other side has ended the connection within the time. */
  ends(wait_ms: number): Promise<boolean> {
    return this.until(() => this.closed, wait_ms);
  }

  close(): void {
    this.socket.destroy();
  }
}
