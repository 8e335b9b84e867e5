/** Whose word counts for where a client is, when a balancer uses a port again before anybody was told of the end. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Allowlist } from '../../src/base/cidr.ts';
import { Proxied } from '../../src/gateway/proxied.ts';
import { FakeSocket } from './fake-socket.ts';
import { World } from './world.ts';

class Front extends FakeSocket {
  readonly remoteAddress = '10.9.9.9';
  readonly remotePort = 40_000;
}

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  world = new World();
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

it('a connection of the balancer itself has no claim of one before it', () => {
  const trusted = Allowlist.parse(['10.9.9.9']);
  if (!trusted.ok) throw new Error('no list');
  const proxied = new Proxied(world.core, trusted.value, () => {});
  const claimed = (header: string): string | undefined => {
    const front = new Front();
    proxied.take(front.socket);
    front.deliver(Buffer.from(header, 'latin1'));
    return proxied.claimOf(front.socket)?.address.toString();
  };
  expect(claimed('PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380\r\n')).toBe('192.0.2.1');
  expect(claimed('PROXY UNKNOWN\r\n')).toBeUndefined();
  expect(claimed('PROXY TCP4 192.0.2.2 198.51.100.7 56324 6380\r\n')).toBe('192.0.2.2');
});
