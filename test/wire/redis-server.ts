/** A real redis-server on a free port, for tests that ask it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { freePort } from '../support/ports.ts';

const QUIET_MS = 150;

export const redisServerInstalled = spawnSync('redis-server', ['--version']).status === 0;

export class RedisServer {
  readonly port: number;
  private readonly child: ChildProcess;
  private readonly folder: string;

  constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.child = child;
    this.folder = folder;
  }

  static async start(...options: string[]): Promise<RedisServer> {
    const port = await freePort();
    const folder = mkdtempSync(`${tmpdir()}/portcullis-redis-`);
    const fixed = ['--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', folder];
    const child = spawn('redis-server', [...fixed, ...options], { stdio: 'ignore' });
    const server = new RedisServer(port, child, folder);
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await server.exchange(Buffer.from('PING\r\n'), 7).catch(() => undefined);
      if (answer !== undefined) return server;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    server.stop();
    throw new Error('redis-server did not start');
  }

  /**
   * Sends bytes on a connection of their own and returns what comes back and whether redis closed it. Ends at
   * `enough` bytes, at the end of the stream, or when nothing has come for a while though redis has answered another
   * connection since: its one thread had read these bytes before.
   */
  exchange(bytes: Uint8Array, enough = Number.POSITIVE_INFINITY): Promise<{ bytes: Buffer; closed: boolean }> {
    return new Promise((resolve, reject) => {
      const socket: Socket = connect(this.port, '127.0.0.1', () => {
        socket.write(bytes, () => socket.setTimeout(QUIET_MS, () => quiet(length)));
      });
      const parts: Buffer[] = [];
      let length = 0;
      const finish = (closed: boolean) => {
        socket.destroy();
        resolve({ bytes: Buffer.concat(parts), closed });
      };
      const quiet = (before: number) => {
        const settled = () => (length === before && !socket.destroyed ? finish(false) : undefined);
        // Timers run before what has arrived is read: the second look comes behind that.
        void this.answers().then(() => setImmediate(() => setImmediate(settled)), reject);
      };
      socket.on('data', (part) => {
        parts.push(part);
        length += part.length;
        if (length >= enough) finish(false);
      });
      socket.on('end', () => finish(true));
      socket.on('error', (error) => (length > 0 ? finish(true) : reject(error)));
    });
  }

  /** Resolves when a connection made now has been answered. */
  private answers(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('error', reject);
      socket.once('data', () => {
        socket.destroy();
        resolve();
      });
    });
  }

  stop(): void {
    this.child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
