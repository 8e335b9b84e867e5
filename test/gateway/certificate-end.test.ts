/** A connection does not outlive the certificate that its client has shown. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseCertificate } from '../../src/identity/certificate.ts';
import { Authority } from '../support/certificates.ts';
import { type Client, World } from './world.ts';

const HOUR_MS = 3_600_000;
const certificates = {
  isRequired: false,
  identifyBy: 'cn',
  passwordAllowed: true,
  users: new Map([['ann.example', 'ann']]),
  bound: new Set(['ann']),
} as const;

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  world = new World(undefined, { certificates }).people();
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

/** Comes with a certificate that holds for another hour. */
async function certified(commonName: string): Promise<Client> {
  const { der } = await (await Authority.make()).sign({ subject: `CN=${commonName}` });
  const parsed = parseCertificate(der);
  if (!parsed.ok) throw new Error(parsed.fault);
  const endsAt_ms = world.clock.nowMs() + HOUR_MS;
  const certificate = { ...parsed.value, notAfter_ms: endsAt_ms };
  const secure = { serverName: undefined, tenantName: undefined, certificate, chain: [certificate], endsAt_ms };
  return world.connect('10.0.0.7', 4242, secure);
}

function hourPasses(): void {
  world.clock.now += HOUR_MS - 1000;
  world.pass(2000);
}

describe('when a certificate ends', () => {
  it('its user has been served until then, and is closed', async () => {
    const ann = await certified('ann.example');
    expect(world.ask(ann, 'ACL', 'WHOAMI')).toBe('$3\r\nann\r\n');
    world.clock.now += HOUR_MS - 1000;
    expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
    world.pass(2000);
    expect(world.closings().get(ann.connection.id)).toEqual(['certificate_expired']);
    expect(world.closed('certificate_expired')).toBe(1);
    expect(ann.socket.isDestroyed).toBe(true);
  });

  it('no command is run any more, even before the ticker has looked', async () => {
    const ann = await certified('ann.example');
    world.clock.now += HOUR_MS;
    expect(world.ask(ann, 'SET', 'a', 'b')).toBe('');
    expect(world.closings().get(ann.connection.id)).toEqual(['certificate_expired']);
  });

  it.each([
    ['waits', ['BLPOP', 'list', '0']],
    ['listens', ['SUBSCRIBE', 'channel']],
    ['has queued commands', ['MULTI']],
    ['forgot who it is', ['RESET']],
    ['has logged in as somebody else', ['AUTH', 'bob', 'pw']],
  ] as const)('who %s is closed, too', async (_what, words) => {
    const ann = await certified('ann.example');
    world.ask(ann, ...words);
    hourPasses();
    expect(world.closings().get(ann.connection.id)).toEqual(['certificate_expired']);
  });

  it('a stranger whom it does not name is closed, too', async () => {
    world.view = { ...world.view, authenticationTimeoutSeconds: 0 };
    world.gateway.adoptView(world.view);
    const stranger = await certified('nobody.example');
    hourPasses();
    expect(world.closings().get(stranger.connection.id)).toEqual(['certificate_expired']);
  });

  it('others stay', async () => {
    await certified('ann.example');
    const bob = world.login('bob');
    hourPasses();
    expect(world.ask(bob, 'PING')).toBe('+PONG\r\n');
  });
});
