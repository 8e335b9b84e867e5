/** Whose word counts for where a client is, when a balancer uses a port again before anybody was told of the end. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Allowlist } from '../../src/base/cidr.ts';
import { Proxied } from '../../src/gateway/proxied.ts';
import { FakeSocket } from './fake-socket.ts';
import { World } from './world.ts';

class Front extends FakeSocket {
  remoteAddress: string | undefined = '10.9.9.9';
  remotePort: number | undefined = 40_000;
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
    return proxied.clientOf(front.socket)?.address.toString();
  };
  expect(claimed('PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380\r\n')).toBe('192.0.2.1');
  expect(claimed('PROXY UNKNOWN\r\n')).toBe('10.9.9.9');
  expect(claimed('PROXY TCP4 192.0.2.2 198.51.100.7 56324 6380\r\n')).toBe('192.0.2.2');
});

it("a connection of which nobody knows what it claims is nobody's, and not the balancer's own", () => {
  const trusted = Allowlist.parse(['10.9.9.9']);
  if (!trusted.ok) throw new Error('no list');
  const delivered: unknown[] = [];
  const proxied = new Proxied(world.core, trusted.value, (socket) => delivered.push(socket));
  const header = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 6380\r\n', 'latin1');
  const [front, gone] = [new Front(), new Front()];
  expect(proxied.clientOf(front.socket)).toBeUndefined();
  proxied.take(front.socket);
  front.deliver(header);
  expect(proxied.clientOf(front.socket)?.port).toBe(56_324);
  front.hangUp();
  expect(proxied.clientOf(front.socket)).toBeUndefined();

  proxied.take(gone.socket);
  gone.remoteAddress = undefined;
  gone.remotePort = undefined;
  gone.deliver(header);
  expect(proxied.clientOf(gone.socket)).toBeUndefined();
  expect([gone.isDestroyed, delivered.length]).toEqual([true, 1]);
});
