/** What a certificate that was shown forbids its connection besides, when policy changes whom it names. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CertificateView } from '../../src/gateway/view.ts';
import { ENTRY, shown } from './shown.ts';
import { type Client, World } from './world.ts';

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
  return world.connect('10.0.0.7', 1, shown());
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
