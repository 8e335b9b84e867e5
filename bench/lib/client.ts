/**
 * A connection that is logged in and knows how many bytes it will be answered: what comes back is counted and, but for
 * errors, not read, so that the driver costs as little as it can.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { PASSWORD, USER } from './policy.ts';
import type { Transport } from './redis-benchmark.ts';
import { certificateAuthority, type Server } from './servers.ts';
import { encode } from './wire.ts';

const ERROR_MARKER = 0x2d;
const CONNECTIONS_AT_ONCE = 50;
const ANSWER_MS_MAX = 60_000;

export class Client {
  /** Called with every chunk. */
  heard: ((chunk: Uint8Array) => void) | undefined;
  private readonly socket: net.Socket;
  private left: number;
  private failure: Error | undefined;
  private done: ((failure?: Error) => void) | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.heard = undefined;
    this.left = 0;
    this.failure = undefined;
    this.done = undefined;
    socket.on('data', (chunk: Uint8Array) => {
      if (chunk[0] === ERROR_MARKER) this.fail(new Error(`refused: ${Buffer.from(chunk).toString().slice(0, 200)}`));
      this.left -= chunk.length;
      this.heard?.(chunk);
      if (this.left <= 0) this.done?.();
    });
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the server closed a connection of the driver')));
  }

  static async connect(server: Server, transport: Transport, user: string = USER): Promise<Client> {
    const client = new Client(await open(server, transport));
    await client.ask(encode(['AUTH', user, PASSWORD]), '+OK\r\n'.length);
    return client;
  }

  static async many(server: Server, transport: Transport, count: number): Promise<readonly Client[]> {
    const clients: Client[] = [];
    while (clients.length < count) {
      const more = Math.min(CONNECTIONS_AT_ONCE, count - clients.length);
      clients.push(...(await Promise.all(Array.from({ length: more }, () => Client.connect(server, transport)))));
    }
    return clients;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Sends, and waits for so many bytes of answer. Fails when it begins with an error, or does not come. */
  async ask(text: string | Uint8Array, answerBytes: number): Promise<void> {
    this.send(text);
    await this.hear(answerBytes);
  }

  private async hear(bytes: number): Promise<void> {
    this.left += bytes;
    if (this.failure !== undefined) throw this.failure;
    if (this.left <= 0) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => this.fail(new Error(`${this.left} bytes of an answer are missing`)),
        ANSWER_MS_MAX,
      );
      this.done = (failure) => {
        clearTimeout(timer);
        this.done = undefined;
        if (failure === undefined) resolve();
        else reject(failure);
      };
    });
  }

  /** Bytes that have come beyond what was waited for. */
  get surplusBytes(): number {
    return -this.left;
  }

  forgetSurplus(): void {
    this.left = 0;
  }

  private fail(failure: Error): void {
    this.failure ??= failure;
    this.done?.(failure);
  }

  close(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }
}

async function open(server: Server, transport: Transport): Promise<net.Socket> {
  if (transport === 'plain') {
    const socket = net.connect({ port: server.plainPort, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  }
  const ca = readFileSync(certificateAuthority(), 'utf8');
  const socket = tls.connect({ port: server.tlsPort, host: '127.0.0.1', servername: 'localhost', ca });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}
