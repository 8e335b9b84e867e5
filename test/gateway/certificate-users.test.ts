/** What a certificate that was shown forbids its connection besides, when policy changes whom it names. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseAddress } from '../../src/base/cidr.ts';
import { Connection } from '../../src/gateway/connection.ts';
import type { CertificateView } from '../../src/gateway/view.ts';
import type { Certificate } from '../../src/identity/certificate.ts';
import { FakeSocket } from './fake-socket.ts';
import { type Client, World } from './world.ts';

const ENTRY = 'spiffe://example.org/job';
const CERTIFICATE: Certificate = {
  serial: '01',
  issuer: 'aa',
  subject: 'bb',
  notBefore_ms: 0,
  notAfter_ms: 1,
  hasStrongSignature: true,
  isAuthority: false,
  purposes: undefined,
  maySign: undefined,
  uris: [ENTRY],
  dnsNames: [],
  commonNames: [],
};

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  world = new World().people();
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

function adopt(users: Readonly<Record<string, string>>): void {
  const byEntry = new Map(Object.entries(users));
  const certificates: CertificateView = {
    isRequired: false,
    identifyBy: 'san_uri',
    passwordAllowed: false,
    users: byEntry,
    bound: new Set(byEntry.values()),
  };
  const everywhere = { tls: undefined, plain: undefined };
  world.view = { ...world.view, certificates };
  world.gateway.reconfigure(world.view, everywhere, everywhere);
}

/** A client that has shown the certificate. */
function connect(): Client {
  const address = parseAddress('10.0.0.7');
  if (address === undefined) throw new Error('no address');
  const secure = {
    serverName: undefined,
    tenantName: undefined,
    certificate: CERTIFICATE,
    chain: [CERTIFICATE],
    endsAt_ms: Number.POSITIVE_INFINITY,
  };
  const peer = { address, addressText: '10.0.0.7', port: 1, localText: '127.0.0.1:6380', isTls: true, secure };
  const socket = new FakeSocket();
  const connection = new Connection(world.core, socket.socket, 1000 + world.core.clients.count, peer);
  world.core.clients.add(connection);
  world.core.identity.byDefault(connection);
  return { socket, connection };
}

it('a certificate that named nobody and now names somebody ends the session that a password opened as another', () => {
  adopt({});
  const [ann, bob] = [connect(), connect()];
  expect(world.ask(ann, 'AUTH', 'ann', 'pw')).toBe('+OK\r\n');
  expect(world.ask(bob, 'AUTH', 'bob', 'pw')).toBe('+OK\r\n');
  adopt({ 'spiffe://example.org/other': 'nobody-here' });
  expect([ann, bob].map(({ connection }) => connection.state)).toEqual(['open', 'open']);
  adopt({ [ENTRY]: 'admin' });
  expect([ann, bob].map(({ connection }) => connection.closeReason)).toEqual(['user_removed', 'user_removed']);
  expect(world.ask(connect(), 'AUTH', 'ann', 'pw')).toMatch(/^-WRONGPASS/);
});

it('who came by a certificate stays for as long as it names the same user', () => {
  adopt({ [ENTRY]: 'ann' });
  const client = connect();
  expect(world.ask(client, 'ACL', 'WHOAMI')).toBe('$3\r\nann\r\n');
  adopt({ [ENTRY]: 'ann', 'spiffe://example.org/other': 'bob' });
  expect(client.connection.state).toBe('open');
  adopt({ [ENTRY]: 'bob' });
  expect(client.connection.closeReason).toBe('user_removed');
});
