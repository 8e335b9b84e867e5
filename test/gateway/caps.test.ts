/** How many connections a tenant has: always exactly those whose session is one of its users, never more than it may. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/base/cidr.ts';
import { type Client, World } from './world.ts';

type Step =
  | { readonly kind: 'connect' | 'reset' | 'quit' | 'hang up' | 'kill' | 'drop user' | 'restore'; readonly who: number }
  | { readonly kind: 'login'; readonly who: number; readonly as: string; readonly password: string };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('connect', 'reset', 'quit', 'hang up', 'kill', 'drop user', 'restore'),
        who: fc.nat(20),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('connect'), who: fc.nat(20) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('login'),
        who: fc.nat(20),
        as: fc.constantFrom('ann', 'bob', 'admin', 'nobody'),
        password: fc.constantFrom('pw', 'pw', 'pw', 'wrong'),
      }),
    },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);

const CAPS: ReadonlyMap<string, number> = new Map([
  ['t1', 3],
  ['t2', 1],
]);

function take(world: World, clients: Client[], step: Step): void {
  const client = clients[step.who % Math.max(1, clients.length)] ?? world.connect();
  if (!clients.includes(client)) clients.push(client);
  switch (step.kind) {
    case 'connect':
      clients.push(world.connect(`10.0.0.${step.who}`));
      break;
    case 'login':
      world.send(client, 'AUTH', step.as, step.password);
      break;
    case 'reset':
      world.send(client, 'RESET');
      break;
    case 'quit':
      world.send(client, 'QUIT');
      break;
    case 'hang up':
      client.socket.hangUp();
      break;
    case 'kill':
      client.connection.close('killed');
      break;
    case 'drop user':
      world.enter(
        ...Array.from(world.acl.roster.users()).filter(({ name }) => name !== client.connection.session.userName),
      );
      break;
    case 'restore':
      world.people();
      for (const [name, connections] of CAPS) world.tenant(name, { connections });
  }
  world.turn(client);
}

describe('the connections of a tenant', () => {
  it('are counted exactly, whatever comes, goes, logs in again or resets, and stay below the cap', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const world = new World().people();
        for (const [name, connections] of CAPS) world.tenant(name, { connections });
        const clients: Client[] = [];
        for (const step of sequence) {
          take(world, clients, step);
          for (const tenant of world.tenants.all()) {
            const open = clients.filter(
              ({ connection }) => connection.state !== 'closed' && connection.session.tenant === tenant,
            );
            expect(tenant.connections, tenant.name).toBe(open.length);
            expect(tenant.connections).toBeLessThanOrEqual(CAPS.get(tenant.name) ?? Number.POSITIVE_INFINITY);
          }
          const alive = clients.filter(({ connection }) => connection.state !== 'closed');
          expect(world.core.clients.count).toBe(alive.length);
        }
        world.gateway.cut();
        expect(world.tenants.all().map(({ connections }) => connections)).toEqual([0, 0, 0, 0]);
        for (const { connection } of clients) {
          expect(world.closings().get(connection.id)).toHaveLength(1);
          expect(world.core.clients.fromAddress(connection.address)).toBe(0);
        }
        world.end();
      }),
      { numRuns: 200 },
    );
  });

  it('past the cap are refused in words, and the one who was somebody before stays that', () => {
    const world = new World().people();
    world.tenant('t2', { connections: 1 });
    const bob = world.login('bob');
    const ann = world.login('ann');
    expect(world.ask(ann, 'AUTH', 'bob', 'pw')).toBe('-ERR max number of clients reached for your tenant\r\n');
    expect(world.ask(ann, 'ACL', 'WHOAMI')).toBe('$3\r\nann\r\n');
    expect(world.ask(bob, 'AUTH', 'bob', 'pw')).toBe('+OK\r\n');
    world.send(bob, 'RESET');
    world.turn(bob);
    expect(world.ask(ann, 'AUTH', 'bob', 'pw')).toBe('+OK\r\n');
    world.end();
  });
});

describe('the connections of an address', () => {
  it('are those of all of its /64 where it is one of IPv6, as one machine has all of them', () => {
    const world = new World().people();
    const of = (text: string) => {
      const address = parseAddress(text);
      return address === undefined ? Number.NaN : world.core.clients.fromAddress(address);
    };
    const first = world.connect('2001:db8:0:1::1');
    world.connect('2001:db8:0:1:ffff::2');
    world.connect('2001:db8:0:2::1');
    world.connect('10.0.0.1');
    expect(['2001:db8:0:1::3', '2001:db8:0:2::9', '10.0.0.1', '10.0.0.2'].map(of)).toEqual([2, 1, 1, 0]);
    first.connection.close('killed');
    expect(of('2001:db8:0:1::1')).toBe(1);
    world.end();
  });
});
