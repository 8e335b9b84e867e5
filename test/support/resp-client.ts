/** A socket that speaks RESP and gives every reply as the bytes it was. */
import { connect, type Socket } from 'node:net';
import { skipReply } from '../../src/resp/reply-reader.ts';
import { requestBytes, type Words } from './words.ts';

interface Waiting {
  readonly count: number;
  readonly replies: Uint8Array[];
  readonly resolve: (replies: Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
}

export class RespClient {
  private readonly socket: Socket;
  private received: Buffer;
  private readonly waiting: Waiting[];

  private constructor(socket: Socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.waiting = [];
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the connection was closed')));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host, () => {
        socket.off('error', reject);
        socket.setNoDelay(true);
        resolve(new RespClient(socket));
      });
      socket.once('error', reject);
    });
  }

  /** Sends the commands in one write; their replies in order. */
  pipeline(commands: readonly Words[]): Promise<Uint8Array[]> {
    if (commands.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.waiting.push({ count: commands.length, replies: [], resolve, reject });
      this.socket.write(Buffer.concat(commands.map(requestBytes)));
    });
  }

  async send(...words: string[]): Promise<Uint8Array> {
    const [reply] = await this.pipeline([words]);
    if (reply === undefined) throw new Error('no reply');
    return reply;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    let at = 0;
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const end = skipReply(this.received, at);
      if (end < 0) break;
      first.replies.push(Uint8Array.prototype.slice.call(this.received, at, end));
      at = end;
      if (first.replies.length < first.count) continue;
      this.waiting.shift();
      first.resolve(first.replies);
    }
    this.received = this.received.subarray(at);
  }

  private fail(error: Error): void {
    for (const waiting of this.waiting.splice(0)) waiting.reject(error);
  }
}
