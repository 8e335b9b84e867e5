/** What becomes of clients that hang up, in the midst of a handshake and behind what they have asked, and of slow ones. */
import { readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

/** A minute: a socket that is closed sooner was not closed by it. */
const GATEWAY = 'limits: { handshake_timeout: 60 }\n';
const EACH = 20;
const CLOSED_WITHIN_MS = 20_000;

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start({ gateway: GATEWAY });
});
afterAll(() => serve.dispose());

/** The first flight of a client, as bytes. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.once('data', (hello: Buffer) => {
        socket.destroy();
        server.close();
        resolve(hello);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port'));
      const client = tls.connect({ host: '127.0.0.1', port: address.port, servername: 'localhost' });
      client.on('error', () => {});
    });
  });
}

/** Sends this, waits for an answer if one is due, closes its half; what the server does then. */
function hangUp(sent: Buffer, isAnswered: boolean): Promise<'closed' | 'left open'> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port: serve.tlsPort, allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve('left open');
    }, CLOSED_WITHIN_MS);
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve('closed');
    });
    socket.once('end', () => socket.destroy());
    socket.once('connect', () => {
      if (sent.length > 0) socket.write(sent);
      if (!isAnswered) socket.end();
    });
    socket.on('data', () => {
      if (isAnswered) socket.end();
    });
  });
}

describe('a client that hangs up', () => {
  it.each([
    ['before it has said a word', 0, false],
    ['in the midst of its first flight', 100, false],
    ['behind its first flight', 1, false],
    ['behind the answer to its first flight', 1, true],
  ] as const)('%s holds no place until the handshake times out', async (_when, part, isAnswered) => {
    const hello = await clientHello();
    const sent = part === 1 ? hello : hello.subarray(0, part);
    const outcomes = await Promise.all(Array.from({ length: EACH }, () => hangUp(sent, isAnswered)));
    expect(outcomes).toEqual(new Array(EACH).fill('closed'));
    const admin = await Wire.as(serve, 'admin');
    expect(await admin.ask('INFO', 'gateway')).not.toMatch(/handshakes:.*timeout=/);
    admin.close();
  });

  it('right behind its handshake leaves nothing behind either', async () => {
    const descriptors = () => readdirSync(`/proc/${serve.pid}/fd`).length;
    const before = descriptors();
    for (let i = 0; i < EACH; i++) {
      await new Promise<void>((resolve, reject) => {
        const socket = tls.connect({ host: '127.0.0.1', port: serve.tlsPort, rejectUnauthorized: false }, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      });
    }
    await serve.until(() => descriptors() <= before, 'closed what its clients have left');
  });

  it('behind its requests is answered all of them', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      let read = '';
      const socket = tls.connect({ host: '127.0.0.1', port: serve.tlsPort, rejectUnauthorized: false }, () => {
        const secret = serve.password('app');
        const requests = Array.from({ length: 1000 }, (_, i) => `SET half:${i} ${'v'.repeat(100)}\r\n`);
        socket.end(`AUTH app ${secret}\r\n${requests.join('')}PING\r\n`);
      });
      socket.on('data', (chunk: Buffer) => {
        read += chunk.toString('latin1');
      });
      socket.once('close', () => resolve(read));
      socket.once('error', reject);
    });
    expect(text).toBe(`${'+OK\r\n'.repeat(1001)}+PONG\r\n`);
  });
});

describe('a handshake that takes its time', () => {
  let slow: Serve;
  beforeAll(async () => {
    slow = await Serve.start({ gateway: limit(1) });
  });
  afterAll(() => slow?.dispose());

  function limit(seconds: number): string {
    return `limits: { handshake_timeout: ${seconds} }\n`;
  }

  async function allow(seconds: number): Promise<void> {
    const before = slow.events('policy.reloaded').length;
    writeFileSync(join(slow.folder, 'policies', 'gateway.yaml'), limit(seconds));
    slow.signal('SIGHUP');
    await slow.until(() => slow.events('policy.reloaded').length > before, 'took the new limit');
  }

  /** Says nothing until it is told to. */
  async function silent(): Promise<net.Socket> {
    const socket = net.connect({ host: '127.0.0.1', port: slow.tlsPort });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    return socket;
  }

  function pause(time_ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, time_ms));
  }

  it('has the time that policy gives it now, even if it gave less when the port was opened', async () => {
    await allow(60);
    const socket = await silent();
    await pause(3000);
    expect(socket.destroyed).toBe(false);
    const secured = tls.connect({ socket, ca: slow.ca, servername: 'localhost' });
    const wire = await new Promise<Wire>((resolve, reject) => {
      secured.once('secureConnect', () => resolve(Wire.over(secured)));
      secured.once('error', reject);
      for (const either of [socket, secured])
        either.once('close', () => reject(new Error('closed in the midst of its handshake')));
    });
    expect(await wire.ask('AUTH', 'app', slow.password('app'))).toBe('OK');
    wire.close();
  });

  it('is counted once, as one that took too long, when policy gives less', async () => {
    const sockets = await Promise.all(Array.from({ length: EACH }, silent));
    const begun = net.connect({ host: '127.0.0.1', port: slow.tlsPort });
    begun.write((await clientHello()).subarray(0, 100));
    const closed = [...sockets, begun].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of [...sockets, begun]) socket.on('error', () => {}).resume();
    await allow(1);
    await Promise.all(closed);
    const admin = await Wire.as(slow, 'admin');
    const info = await admin.ask('INFO', 'gateway');
    admin.close();
    const counted = /^handshakes:(.*)\r$/m.exec(info)?.[1]?.split(',') ?? [];
    expect(counted.filter((line) => !line.startsWith('tlsv1_'))).toEqual([`timeout=${EACH + 1}`]);
    expect(info).toContain(`closed_handshake_timeout:${EACH + 1}\r\n`);
    expect(info).not.toMatch(/^closed_handshake_failed:[1-9]/m);
  });
});

describe('an address whose clients say nothing', () => {
  it('has as many handshakes as it may have connections, and another one gets in', async () => {
    const limits = 'limits: { handshake_timeout: 60, connections_per_ip: 5, per_ip_exempt: [] }\n';
    const narrow = await Serve.start({ gateway: limits });
    const silent = Array.from({ length: 12 }, () => {
      const socket = net.connect({ host: '127.0.0.1', port: narrow.tlsPort, localAddress: '127.0.0.2' });
      socket.on('error', () => {});
      return socket;
    });
    try {
      await narrow.until(() => silent.filter(({ closed }) => closed).length >= 7, 'closed who is too many');
      const admin = await Wire.as(narrow, 'admin');
      expect(await admin.ask('INFO', 'gateway')).toMatch(/closed_too_many_from_address:7\r/);
      admin.close();
      expect(silent.filter(({ closed }) => !closed)).toHaveLength(5);
    } finally {
      for (const socket of silent) socket.destroy();
      await narrow.dispose();
    }
  });
});
