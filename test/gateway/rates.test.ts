/** Rates of users, tenants and addresses: who is refused, who waits, in which order, and who never notices. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Allowlist, parseAddress } from '../../src/base/cidr.ts';
import { RATE_ADDRESSES_MAX, RATE_DELAY_MS_MAX, USER_BUDGETS_SHOWN_MAX } from '../../src/base/limits.ts';
import type { UserBudget } from '../../src/tenancy/budget.ts';
import { NO_RATES, type RateTerms } from '../../src/tenancy/rate.ts';
import { type Client, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

function budgetOf(budget: Partial<UserBudget>): UserBudget {
  return { ...NO_RATES, connections: 0, ...budget };
}

function withUser(name: string, budget: Partial<UserBudget>): World {
  return new World(undefined, { userBudgets: new Map([[name, budgetOf(budget)]]) }).people();
}

/** Loopback is exempt, as it is by default. */
function withAddress(rates: Partial<RateTerms>): World {
  const list = Allowlist.parse(['127.0.0.0/8', '::1']);
  const perIpExempt = list.ok ? list.value : undefined;
  return new World(undefined, { addressRates: { ...NO_RATES, ...rates }, perIpExempt }).people();
}

/** How many of so many PINGs in one packet are let in. */
function admitted(client: Client, count: number): number {
  client.socket.deliver(Buffer.concat(Array.from({ length: count }, () => wire('PING'))));
  world.turn(client);
  return client.socket.text().split('+PONG').length - 1;
}

function tally(label: string): number {
  return world.core.counters.tallies.get('ratelimited', label);
}

describe('commands a second', () => {
  it('of a user are shared by its connections, and nobody else’s', () => {
    world = withUser('ann', { commandsPerSecond: 10 });
    world.enter(
      ...['ann', 'eve'].map((name) => world.user(name, 't1', 'on', '>pw', '~*', '&*', '+@all')),
      world.user('default', 'default', 'off'),
    );
    const [one, two, eve] = [world.login('ann'), world.login('ann'), world.login('eve')];
    expect(admitted(one, 7) + admitted(two, 7)).toBe(10);
    expect(admitted(eve, 100)).toBe(100);
    expect(tally('user')).toBe(4);
    world.pass(500);
    expect(admitted(two, 100)).toBe(5);
  });

  it('are refused with the time after which one more would be let in', () => {
    world = withUser('ann', { commandsPerSecond: 4 });
    const ann = world.login('ann');
    expect(admitted(ann, 4)).toBe(4);
    expect(world.ask(ann, 'PING')).toBe('-BUSY command rate limit of your user exceeded, retry after 250 ms\r\n');
    world.pass(125);
    expect(world.ask(ann, 'PING')).toBe('-BUSY command rate limit of your user exceeded, retry after 125 ms\r\n');
    world.pass(125);
    expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
  });

  it('that one bucket refuses cost the others nothing', () => {
    world = withUser('ann', { commandsPerSecond: 5 });
    world.tenant('t1', { commandsPerSecond: 20 });
    const ann = world.login('ann');
    expect(admitted(ann, 1000)).toBe(5);
    world.enter(world.user('eve', 't1', 'on', '>pw', '~*', '&*', '+@all'), world.user('default', 'default', 'off'));
    expect(admitted(world.login('eve'), 1000)).toBe(15);
  });

  it('of an address count whoever comes from it, a /64 of IPv6 as one', () => {
    world = withAddress({ commandsPerSecond: 10 });
    expect(admitted(world.login('ann', '10.0.0.1'), 7)).toBe(7);
    expect(admitted(world.login('bob', '10.0.0.1'), 7)).toBe(3);
    expect(admitted(world.login('bob', '10.0.0.2'), 7)).toBe(7);
    expect(admitted(world.login('ann', '2001:db8:1:2::1'), 7)).toBe(7);
    expect(admitted(world.login('ann', '2001:db8:1:2:ffff::2'), 7)).toBe(3);
    expect(admitted(world.login('ann', '2001:db8:1:3::1'), 7)).toBe(7);
    expect(admitted(world.login('ann', '127.0.0.1'), 70)).toBe(70);
    expect(tally('address')).toBe(8);
  });

  it('are as many as the burst says and no more, however long the pause was', () => {
    world = withUser('ann', { commandsPerSecond: 10, burstSeconds: 0.5 });
    const ann = world.login('ann');
    world.pass(60_000);
    expect(admitted(ann, 100)).toBe(5);
  });

  it('of a budget that is new, other or gone are felt at once, and open no fresh burst', () => {
    world = new World().people();
    const ann = world.login('ann');
    const give = (budget: Partial<UserBudget> | undefined) =>
      world.gateway.adoptView({
        ...world.view,
        userBudgets: new Map(budget === undefined ? [] : [['ann', budgetOf(budget)]]),
      });
    give({ commandsPerSecond: 3 });
    expect(admitted(ann, 10)).toBe(3);
    give({ commandsPerSecond: 8 });
    expect(admitted(ann, 10)).toBe(0);
    give(undefined);
    expect(admitted(ann, 100)).toBe(100);
  });
});

describe('a command that waits for its rate', () => {
  it('keeps its place: every reply comes, in order, and at the rate', () => {
    world = withUser('ann', { commandsPerSecond: 10, mode: 'delay', burstSeconds: 0.1 });
    const ann = world.login('ann');
    ann.socket.deliver(Buffer.concat(Array.from({ length: 20 }, (_, i) => wire('ECHO', `<${i}>`))));
    let heard = '';
    for (let step = 0; step < 10; step++) {
      world.pass(100);
      world.turn(ann);
      heard += ann.socket.text();
    }
    const count = () => Array.from(heard.matchAll(/<(\d+)>/g), ([, digits]) => Number(digits));
    expect(count().length).toBeGreaterThanOrEqual(10);
    expect(count().length).toBeLessThanOrEqual(12);
    for (let step = 0; step < 12; step++) {
      world.pass(100);
      world.turn(ann);
      heard += ann.socket.text();
    }
    expect(count()).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(heard).not.toContain('BUSY');
  });

  it('goes on before those who came later, so that nobody starves', () => {
    world = withUser('ann', { commandsPerSecond: 10, mode: 'delay', burstSeconds: 0.1 });
    const clients = Array.from({ length: 8 }, () => world.login('ann'));
    for (const client of clients) {
      client.socket.deliver(Buffer.concat(Array.from({ length: 100 }, () => wire('PING'))));
    }
    for (let step = 0; step < 40; step++) {
      world.pass(100);
      world.turn(...clients);
    }
    const served = clients.map(({ socket }) => socket.text().split('+PONG').length - 1);
    expect(Math.min(...served)).toBeGreaterThanOrEqual(4);
    expect(Math.max(...served) - Math.min(...served)).toBeLessThanOrEqual(2);
  });

  it('waits no longer than is of use: then it is refused', () => {
    world = withUser('ann', { commandsPerSecond: 1, mode: 'delay' });
    const clients = Array.from({ length: 8 }, () => world.login('ann'));
    for (const client of clients) world.send(client, 'PING');
    world.turn(...clients);
    const refused = clients.filter(({ socket }) => socket.text().startsWith('-BUSY')).length;
    expect(refused).toBe(8 - 1 - RATE_DELAY_MS_MAX / 1000);
  });

  it('holds up neither subscribers, nor who blocks, nor the neighbours', () => {
    world = withUser('ann', { commandsPerSecond: 2, mode: 'delay' });
    const [subscriber, blocked, ann, bob] = [
      world.login('ann'),
      world.login('ann'),
      world.login('ann'),
      world.login('bob'),
    ];
    world.enter(
      ...['ann', 'eve'].map((name) => world.user(name, 't1', 'on', '>pw', '~*', '&*', '+@all')),
      world.user('bob', 't2', 'on', '>pw', '~*', '&*', '+@all'),
      world.user('default', 'default', 'off'),
    );
    world.ask(subscriber, 'SUBSCRIBE', 'news');
    world.send(blocked, 'BLPOP', 'list', '0');
    world.send(ann, 'PING');
    const eve = world.login('eve');
    expect(world.ask(eve, 'PUBLISH', 'news', 'now')).toBe(':1\r\n');
    expect(world.ask(eve, 'RPUSH', 'list', 'x')).toBe(':1\r\n');
    world.turn(subscriber, blocked, ann);
    expect(subscriber.socket.text()).toContain('now');
    expect(blocked.socket.text()).toContain('list');
    expect(ann.socket.text()).toBe('');
    expect(world.ask(bob, 'PING')).toBe('+PONG\r\n');
    world.pass(600);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
  });

  it('is nobody’s once its client has gone', () => {
    world = withUser('ann', { commandsPerSecond: 1, mode: 'delay' });
    const ann = world.login('ann');
    ann.socket.deliver(Buffer.concat([wire('PING'), wire('SET', 'a', '1')]));
    ann.socket.hangUp();
    world.pass(3000);
    expect(world.closings().get(ann.connection.id)).toEqual(['client_closed']);
    expect(world.ask(world.login('bob'), 'PING')).toBe('+PONG\r\n');
  });
});

describe('bytes a second', () => {
  it('of a user hold its connections and not those of its tenant', () => {
    world = withUser('ann', { bytesInPerSecond: 1000 });
    world.enter(
      ...['ann', 'eve'].map((name) => world.user(name, 't1', 'on', '>pw', '~*', '&*', '+@all')),
      world.user('default', 'default', 'off'),
    );
    const [ann, eve] = [world.login('ann'), world.login('eve')];
    world.ask(ann, 'SET', 'a', 'v'.repeat(3000));
    world.send(ann, 'PING');
    expect(world.ask(eve, 'PING')).toBe('+PONG\r\n');
    expect(ann.socket.text()).toBe('');
    world.pass(3000);
    world.turn(ann);
    expect(ann.socket.text()).toBe('+PONG\r\n');
  });
});

describe('connections', () => {
  it('of a user are bounded, and a place is free again when one has gone', () => {
    world = withUser('ann', { connections: 2 });
    const [first] = [world.login('ann'), world.login('ann')];
    const third = world.connect();
    expect(world.ask(third, 'AUTH', 'ann', 'pw')).toBe('-ERR max number of clients reached for your user\r\n');
    expect(world.ask(first, 'AUTH', 'ann', 'pw')).toBe('+OK\r\n');
    expect(world.ask(third, 'AUTH', 'bob', 'pw')).toBe('+OK\r\n');
    first.socket.hangUp();
    expect(world.ask(third, 'AUTH', 'ann', 'pw')).toBe('+OK\r\n');
    expect(world.ask(third, 'RESET')).toBe('+RESET\r\n');
    world.login('ann');
  });

  it('new ones a second of a tenant and of a user are bounded, whoever was refused first', () => {
    world = withUser('ann', { connectionsPerSecond: 2 });
    world.tenant('t1', { connectionsPerSecond: 3 });
    const outcomes = () => {
      const reply = world.ask(world.connect(), 'AUTH', 'ann', 'pw');
      return reply.replace(/\d+ ms/, 'N ms');
    };
    const slow = (scope: string) =>
      `-ERR max number of new connections per second reached for your ${scope}, retry after N ms\r\n`;
    expect([outcomes(), outcomes(), outcomes()]).toEqual(['+OK\r\n', '+OK\r\n', slow('user')]);
    world.enter(world.user('eve', 't1', 'on', '>pw', '~*', '&*', '+@all'), world.user('default', 'default', 'off'));
    world.login('eve');
    expect(world.ask(world.connect(), 'AUTH', 'eve', 'pw').replace(/\d+ ms/, 'N ms')).toBe(slow('tenant'));
    expect([tally('user_connections'), tally('tenant_connections')]).toEqual([1, 1]);
  });

  it('new ones of an address are refused before anything is known of them; the table of addresses is bounded', () => {
    world = withAddress({ connectionsPerSecond: 2 });
    const from = (text: string) => {
      const address = parseAddress(text);
      return address === undefined ? undefined : world.core.rates.arrives(address);
    };
    expect([from('10.0.0.1'), from('10.0.0.1')]).toEqual([undefined, undefined]);
    expect(from('10.0.0.1')?.text).toMatch(/^ERR max number of new connections per second reached for your address/);
    expect(from('10.0.0.2')).toBe(undefined);
    for (let i = 0; i <= RATE_ADDRESSES_MAX; i++) from(`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
    expect(from('10.0.0.1')).toBe(undefined);
    expect(tally('address_connections')).toBe(1);
  });
});

describe('what TENANT INFO tells of a user', () => {
  it('is what it may use, and what it was refused and kept waiting for', () => {
    world = withUser('ann', { commandsPerSecond: 4, connections: 2, connectionsPerSecond: 3, bytesInPerSecond: 1e6 });
    const told = () => world.core.rates.users.shown('t1');
    const configured = {
      name: 'ann',
      role: '',
      connectionsMax: 2,
      connectionsPerSecondMax: 3,
      commandsPerSecondMax: 4,
      bytesInPerSecondMax: 1e6,
      bytesOutPerSecondMax: 0,
    };
    const nothing = { connections: 0, commandsRefused: 0, commandsDelayed: 0, connectionsRefused: 0 };
    expect(told()).toEqual({ shown: [{ ...configured, ...nothing }], unlisted: 0 });
    const one = world.login('ann');
    world.login('ann');
    expect(world.ask(world.connect(), 'AUTH', 'ann', 'pw')).toMatch(/^-ERR max/);
    expect(admitted(one, 10)).toBe(4);
    expect(told().shown).toEqual([
      { ...configured, connections: 2, commandsRefused: 6, commandsDelayed: 0, connectionsRefused: 1 },
    ]);
    one.connection.close('client_closed');
    world.login('ann');
    expect(world.ask(world.connect(), 'AUTH', 'ann', 'pw')).toMatch(/^-/);
    expect(told().shown[0]).toMatchObject({ connections: 2, connectionsRefused: 2 });
    expect(world.core.rates.users.shown('t2')).toEqual({ shown: [], unlisted: 0 });
  });

  it('counts who waits apart from who is refused, and not what others were over', () => {
    world = withUser('ann', { commandsPerSecond: 2, mode: 'delay' });
    world.tenant('t2', { commandsPerSecond: 1 });
    const [ann, bob] = [world.login('ann'), world.login('bob')];
    ann.socket.deliver(Buffer.concat([wire('PING'), wire('PING'), wire('PING')]));
    world.turn(ann);
    expect(admitted(bob, 5)).toBe(1);
    expect(world.core.rates.users.shown('t1').shown[0]).toMatchObject({ commandsRefused: 0, commandsDelayed: 1 });
    expect(world.core.rates.users.shown('t2').shown).toEqual([]);
  });

  it('is bounded, and says how many more there are', () => {
    const names = Array.from({ length: USER_BUDGETS_SHOWN_MAX + 7 }, (_, i) => `u${i}`);
    const budget = budgetOf({ connections: 1 });
    world = new World(undefined, { userBudgets: new Map(names.map((name) => [name, budget])) }).people();
    world.enter(...names.map((name) => world.user(name, 't1', 'on', '>pw')));
    const { shown, unlisted } = world.core.rates.users.shown('t1');
    expect([shown.length, unlisted]).toEqual([USER_BUDGETS_SHOWN_MAX, 7]);
  });
});
