/** Syslog over TLS: what a collector gets, and which one gets nothing. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SYSLOG_CONNECT_MS_MAX, SYSLOG_RETRY_MS, SYSLOG_WAITING_BYTES_MAX } from '../../src/base/limits.ts';
import { failure, type Result, success } from '../../src/base/result.ts';
import { Syslog, type SyslogTls } from '../../src/observe/syslog.ts';
import { Authority, CLIENT, type LeafOptions, type Pair, SERVER, selfSigned } from '../support/certificates.ts';
import { FakeClock } from '../support/harness.ts';

const NAME = 'logs.example';
const OF_COLLECTOR: LeafOptions = { purpose: SERVER, names: [{ type: 'dns', value: NAME }] };

let authority: Authority;
let good: Pair;
const ends: (() => void)[] = [];

beforeAll(async () => {
  authority = await Authority.make();
  good = await authority.sign(OF_COLLECTOR);
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

class Collector {
  received = '';
  handshakes = 0;
  readonly sockets: Socket[] = [];
  readonly server: Server;

  constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {});
    });
    server.on('secureConnection', (socket: tls.TLSSocket) => {
      this.handshakes++;
      socket.on('error', () => {});
      socket.on('data', (piece: Buffer) => {
        this.received += piece.toString('latin1');
      });
    });
    ends.push(() => this.close());
  }

  static over({ certificate, key }: Pair, more: tls.TlsOptions = {}): Promise<Collector> {
    return Collector.listening(tls.createServer({ cert: certificate, key, ...more }));
  }

  static async listening(server: Server, port = 0): Promise<Collector> {
    const collector = new Collector(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return collector;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

const clock = new FakeClock(1_800_000_000_000);
const trusting = (own?: Pair): Result<SyslogTls> => success({ ca: authority.certificate, own });

function sinkTo(port: number, material: () => Result<SyslogTls> = () => trusting(), serverName?: string): Syslog {
  const sink = new Syslog({
    transport: 'tls',
    host: '127.0.0.1',
    port,
    serverName: serverName ?? NAME,
    tls: material,
    nodeName: 'node',
    processId: 7,
    clock,
  });
  ends.push(() => sink.close());
  return sink;
}

function write(sink: Syslog, text: string): Result<void> {
  const bytes = Buffer.from(text, 'latin1');
  return sink.write(bytes, 0, bytes.length);
}

/** The first answer that is not that it is still connecting. */
async function written(sink: Syslog, text: string): Promise<Result<void>> {
  for (let round = 0; round < 500; round++) {
    const result = write(sink, text);
    if (result.ok || result.fault !== 'the collector is not connected yet') return result;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return failure('never');
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}

/** The messages of octet-counted frames; throws where a count is wrong. */
function framesOf(text: string): string[] {
  const frames: string[] = [];
  for (let at = 0; at < text.length; ) {
    const [head = '', digits = ''] = /^([1-9]\d*) /.exec(text.slice(at, at + 12)) ?? [];
    if (head === '') throw new Error(`no count at ${at}: ${text.slice(at, at + 30)}`);
    const start = at + head.length;
    frames.push(text.slice(start, start + Number(digits)));
    at = start + Number(digits);
  }
  return frames;
}

describe('syslog over TLS', () => {
  it('gives each line as a frame that begins with its length', async () => {
    const collector = await Collector.over(good);
    const sink = sinkTo(collector.port);
    const lines = ['{"a":1}', '{"b":"two words"}', `{"c":"${'x'.repeat(3000)}"}`];
    expect(await written(sink, lines.map((line) => `${line}\n`).join(''))).toEqual(success(undefined));
    await until(() => collector.received.length > 3000);
    const frames = framesOf(collector.received);
    expect(frames.map((frame) => /^<110>1 \S+ node portcullis 7 audit - (.*)$/.exec(frame)?.[1])).toEqual(lines);
    expect(collector.handshakes).toBe(1);
  });

  it.each<readonly [what: string, collector: () => Promise<Pair>, name: string]>([
    ['that nobody vouches for', () => selfSigned(`CN=${NAME}`, [{ type: 'dns', value: NAME }]), NAME],
    ['of another authority', async () => (await Authority.make('other')).sign(OF_COLLECTOR), NAME],
    [
      'with another name',
      () => authority.sign({ ...OF_COLLECTOR, names: [{ type: 'dns', value: 'other.example' }] }),
      NAME,
    ],
    [
      'with the name in its subject alone',
      () => authority.sign({ purpose: SERVER, subject: `CN=x, CN=${NAME}.evil` }),
      NAME,
    ],
    ['that has ended', () => authority.sign({ ...OF_COLLECTOR, from: -5, until: -1 }), NAME],
    ['that is not valid yet', () => authority.sign({ ...OF_COLLECTOR, from: 1 }), NAME],
    ['that is asked for by its address', () => authority.sign(OF_COLLECTOR), '127.0.0.1'],
  ])('says nothing to a collector with a certificate %s', async (_what, pair, name) => {
    const collector = await Collector.over(await pair());
    const sink = sinkTo(collector.port, undefined, name);
    const result = await written(sink, '{"secret":1}\n');
    expect(result.ok).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(collector.received).toBe('');
  });

  it('says nothing to a collector of an authority of the world while one is named, and nothing in clear', async () => {
    const plain = await Collector.listening(createTcpServer());
    let heard = '';
    plain.server.on('connection', (socket) => socket.on('data', (piece) => (heard += piece.toString('latin1'))));
    const sink = sinkTo(plain.port);
    write(sink, '{"secret":1}\n');
    await until(() => heard !== '');
    expect(write(sink, '{"secret":1}\n').ok).toBe(false);
    expect(heard).not.toContain('secret');
    const unnamed = sinkTo((await Collector.over(good)).port, () => success({ ca: undefined, own: undefined }));
    expect((await written(unnamed, '{"secret":1}\n')).ok).toBe(false);
  });

  it('shows its certificate to a collector that asks for one, and is refused without', async () => {
    const own = await authority.sign({ purpose: CLIENT, subject: 'CN=portcullis' });
    const asking = { requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
    const collector = await Collector.over(good, asking);
    const sink = sinkTo(collector.port, () => trusting(own));
    expect(await written(sink, '{"a":1}\n')).toEqual(success(undefined));
    await until(() => collector.received !== '');
    const bare = sinkTo(collector.port);
    const before = collector.received;
    // In TLS 1.3 a client hears of its refusal after it has begun to send.
    await written(bare, '{"b":1}\n');
    await until(() => !write(bare, '{"b":2}\n').ok);
    expect(collector.received).toBe(before);
  });

  it('comes back to a collector that was gone, with the files as they are then', async () => {
    const first = await Collector.over(good);
    const { port } = first;
    let material = trusting();
    const sink = sinkTo(port, () => material);
    expect((await written(sink, '{"a":1}\n')).ok).toBe(true);
    await until(() => first.received !== '');
    first.close();
    await until(() => !write(sink, '{"lost":1}\n').ok);
    const next = await Authority.make('next');
    const second = await Collector.listening(
      tls.createServer({
        ...(await next.sign(OF_COLLECTOR).then(({ certificate, key }) => ({ cert: certificate, key }))),
      }),
      port,
    );
    material = failure('ca.pem: cannot be read: ENOENT');
    clock.now += SYSLOG_RETRY_MS;
    expect(write(sink, '{"b":1}\n')).toEqual(failure('ca.pem: cannot be read: ENOENT'));
    material = success({ ca: 'no certificate', own: undefined });
    clock.now += SYSLOG_RETRY_MS;
    expect((await written(sink, '{"b":1}\n')).ok).toBe(false);
    material = success({ ca: next.certificate, own: undefined });
    clock.now += SYSLOG_RETRY_MS;
    // Until it is there again, the answer is why it was not.
    await until(() => write(sink, '{"b":2}\n').ok);
    await until(() => second.received !== '');
    expect(framesOf(second.received)).toHaveLength(1);
  });

  it('keeps no more than its bound for a collector that does not read', async () => {
    const collector = await Collector.over(good);
    const sink = sinkTo(collector.port);
    expect((await written(sink, '{"a":1}\n')).ok).toBe(true);
    for (const socket of collector.sockets) socket.pause();
    collector.server.removeAllListeners('secureConnection');
    const batch = `${'x'.repeat(256 * 1024)}\n`;
    let taken = 0;
    let result = write(sink, batch);
    while (result.ok && taken < 4 * SYSLOG_WAITING_BYTES_MAX) {
      taken += batch.length;
      result = write(sink, batch);
    }
    expect(result).toEqual(failure('the collector does not keep up'));
    expect(taken).toBeLessThanOrEqual(SYSLOG_WAITING_BYTES_MAX + 2 * batch.length);
  });

  it('waits no longer than its bound for a collector that takes the connection and says nothing', async () => {
    const { vi } = await import('vitest');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const silent = await Collector.listening(createTcpServer());
      const sink = sinkTo(silent.port);
      expect(write(sink, '{"a":1}\n').ok).toBe(false);
      vi.advanceTimersByTime(SYSLOG_CONNECT_MS_MAX);
      vi.useRealTimers();
      await until(() => {
        const result = write(sink, '{"a":1}\n');
        return !result.ok && result.fault === 'the collector does not answer';
      });
    } finally {
      vi.useRealTimers();
    }
  });
});
