/** Behind a real HAProxy, as the README says it: clients are known by their own addresses, and nobody else chooses one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { binaryHeaderFrom } from '../support/proxy-header.ts';
import { PASSWORD, ROOT, Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const isInstalled = spawnSync('haproxy', ['-v']).status === 0;

/** The block of that language in the recipe. */
function recipe(language: string): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const part = readme.slice(readme.indexOf('**Behind a load balancer.**'));
  const block = part.slice(part.indexOf(`\`\`\`${language}\n`)).split('```')[1] ?? '';
  return block.slice(language.length + 1);
}

const PLAIN = '  plain: { proxy_protocol: { from: [127.0.0.1] }, addresses: [127.0.0.16/28] }\n';
const LIMITS = 'limits: { handshake_timeout: 1, connections_per_ip: 2, per_ip_exempt: [] }\n';

let serve: Serve;
let haproxy: ChildProcess | undefined;
let tlsFront = 0;
let plainFront = 0;

beforeAll(async () => {
  serve = await Serve.start({
    gateway: `${recipe('yaml')}${PLAIN}${LIMITS}`,
    tenants: { team: { users: [['team-app', '~* &* +@all -@dangerous +client']] } },
    plainPort: await freePort(),
  });
  if (!isInstalled) return;
  [tlsFront, plainFront] = [await freePort(), await freePort()];
  const file = join(serve.folder, 'haproxy.cfg');
  const text = recipe('')
    .replace('bind 127.0.0.1:6379', `bind 127.0.0.1:${tlsFront}`)
    .replace('server portcullis 127.0.0.1:6380', `server portcullis 127.0.0.1:${serve.tlsPort}`);
  const plain = `listen plain\n  bind 127.0.0.1:${plainFront}\n  server portcullis 127.0.0.1:${serve.plainPort} send-proxy\n`;
  writeFileSync(file, `global\n  nbthread 1\n${text}${plain}`);
  haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  for (const port of [tlsFront, plainFront]) await listens(port);
});
afterAll(async () => {
  haproxy?.kill();
  await serve.dispose();
});

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody listens on ${port}`);
}

/** A connection from `from`, with `header` in front of TLS or of plain RESP. */
async function opened(port: number, from: string, secure: boolean, header?: Uint8Array): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  if (header !== undefined) socket.write(header);
  if (!secure) return socket;
  const secured = connectTls({ socket, ca: serve.ca, servername: 'localhost' });
  secured.on('error', () => {});
  return secured;
}

/** What comes back for AUTH and CLIENT INFO until it is complete, or everything before the end. */
function told(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('resp=')) resolve(text);
    });
    socket.once('close', () => resolve(`${text}(closed)`));
    socket.write(`*3\r\n$4\r\nAUTH\r\n$8\r\nteam-app\r\n$${PASSWORD.length}\r\n${PASSWORD}\r\nCLIENT INFO\r\n`);
  });
}

async function closes(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

async function ended(reason: string): Promise<number> {
  const admin = await through('127.0.0.9', 'admin');
  const info = await admin.ask('INFO', 'gateway');
  admin.close();
  return Number(new RegExp(`^closed_${reason}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

/** As a balancer would say it, without one. */
async function through(from: string, user: string): Promise<Wire> {
  const wire = Wire.over(await opened(serve.tlsPort, '127.0.0.1', true, binaryHeaderFrom(from, 4711)));
  const answer = await wire.ask('AUTH', user, serve.password(user));
  if (answer !== 'OK') throw new Error(answer);
  return wire;
}

describe.skipIf(!isInstalled)('behind HAProxy', () => {
  it('a client of the recipe is known by its own address and port, over TLS that is passed through', async () => {
    const socket = await opened(tlsFront, '127.0.0.7', true);
    const text = await told(socket);
    const { localPort } = socket;
    expect(text).toContain(`addr=127.0.0.7:${localPort} `);
    socket.destroy();
  });

  it('a client without TLS as well, by version 1', async () => {
    const socket = await opened(plainFront, '127.0.0.17', false);
    expect(await told(socket)).toContain(`addr=127.0.0.17:${socket.localPort} `);
    socket.destroy();
  });

  it('the list of the listener is about the client and not about HAProxy', async () => {
    const before = await ended('address_denied');
    const denied = await opened(plainFront, '127.0.0.32', false);
    expect(await told(denied)).toBe('(closed)');
    expect(await ended('address_denied')).toBe(before + 1);
  });

  it('connections are counted by the address of the client', async () => {
    const before = await ended('too_many_from_address');
    const sockets = [await opened(plainFront, '127.0.0.18', false), await opened(plainFront, '127.0.0.18', false)];
    for (const socket of sockets) expect(await told(socket)).toContain('addr=127.0.0.18:');
    const third = await opened(plainFront, '127.0.0.18', false);
    expect(await told(third)).toMatch(/^-ERR max number of clients/);
    const other = await opened(plainFront, '127.0.0.19', false);
    expect(await told(other)).toContain('addr=127.0.0.19:');
    expect(await ended('too_many_from_address')).toBe(before + 1);
    for (const socket of [...sockets, third, other]) socket.destroy();
  });
});

describe('a listener behind balancers', () => {
  it('reads the header wherever it is cut, and what comes in one piece with it', async () => {
    const header = binaryHeaderFrom('127.0.0.20', 5000);
    const socket = await opened(serve.plainPort, '127.0.0.1', false);
    socket.setNoDelay(true);
    for (const byte of header) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await told(socket)).toContain('addr=127.0.0.20:5000 ');
    socket.destroy();
    const whole = await opened(serve.plainPort, '127.0.0.1', false);
    whole.write(Buffer.concat([header, Buffer.from('PING\r\n')]));
    expect(await told(whole)).toMatch(/^-NOAUTH [\s\S]*addr=127\.0\.0\.20:5000 /);
    whole.destroy();
  });

  it('closes whoever is no balancer, with a header or without, and knows only where the socket comes from', async () => {
    const before = await ended('proxy_untrusted');
    for (const secure of [true, false]) {
      const port = secure ? serve.tlsPort : serve.plainPort;
      await closes(await opened(port, '127.0.0.2', secure, binaryHeaderFrom('127.0.0.21', 5000)));
      await closes(await opened(port, '127.0.0.2', secure, Buffer.from('PROXY TCP4 127.0.0.21 127.0.0.1 5000 1\r\n')));
      await closes(await opened(port, '127.0.0.2', secure));
    }
    expect(await ended('proxy_untrusted')).toBe(before + 6);
    const lines = serve.events('access.denied').filter(({ msg }) => msg === 'proxy_untrusted');
    expect(lines.map(({ address }) => address)).toEqual(Array(lines.length).fill('127.0.0.2'));
    expect(lines.length).toBeGreaterThan(0);
  });

  it('closes a balancer that says no header, a wrong one, two, or none in time', async () => {
    const port = serve.plainPort;
    const bad = await ended('proxy_header_bad');
    const late = await ended('proxy_header_timeout');
    const strange = await ended('cross_protocol');
    await closes(await opened(port, '127.0.0.1', false, Buffer.from('PING\r\n')));
    await closes(await opened(serve.tlsPort, '127.0.0.1', true));
    await closes(await opened(port, '127.0.0.1', false, Buffer.from('PROXY TCP4 127.0.0.020 127.0.0.1 1 2\r\n')));
    expect(await ended('proxy_header_bad')).toBe(bad + 3);
    const twice = Buffer.concat([binaryHeaderFrom('127.0.0.20', 1), binaryHeaderFrom('127.0.0.21', 1)]);
    await closes(await opened(port, '127.0.0.1', false, twice));
    expect(await ended('cross_protocol')).toBe(strange + 1);
    await closes(await opened(port, '127.0.0.1', false, Buffer.from('PROXY TCP4 127')));
    await closes(await opened(port, '127.0.0.1', false));
    expect(await ended('proxy_header_timeout')).toBe(late + 2);
  });

  it('believes others as soon as policy says so', async () => {
    const path = join(serve.folder, 'policies', 'gateway.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('from: [127.0.0.1]', 'from: [127.0.0.1, 127.0.0.3]'));
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('policy.reloaded').length > 0, 'reloaded');
    const socket = await opened(serve.tlsPort, '127.0.0.3', true, binaryHeaderFrom('127.0.0.22', 5000));
    expect(await told(socket)).toContain('addr=127.0.0.22:5000 ');
    socket.destroy();
  });
});
