/**
 * What `explain` says of a request is what happens to it: ten thousand drawn cases of user, address and command against a
 * real gateway under the same policy, from the address to the call. Behind the gates stands nothing: that a command was
 * called is what it is about.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { explain } from '../../src/app/explain.ts';
import { settingsOf } from '../../src/app/plan.ts';
import { tableAlone } from '../../src/app/table.ts';
import { rosterOf } from '../../src/app/users.ts';
import { viewOf } from '../../src/app/view.ts';
import { parseAddress } from '../../src/base/cidr.ts';
import { Prng } from '../../src/base/prng.ts';
import { filled, TEMPLATES } from '../attacks/requests.ts';
import { inlineBackend, World } from '../gateway/world.ts';
import { policyOf } from '../policy/support.ts';
import { seed } from '../support/seed.ts';

const CASES = process.env['PORTCULLIS_LONG'] === '1' ? 100_000 : 10_000;
const FREE_AGAIN_MS = 3_600_000;

/** Would change who may do what, or stand in the way of everybody. */
const LEFT_OUT = new Set(['quit', 'reset', 'auth', 'hello', 'acl|setuser', 'acl|deluser', 'client|pause']);

const ADDRESSES = ['127.0.0.1', '10.0.0.1', '10.1.2.3', '10.2.0.9', '11.0.0.1', '192.168.7.7', '2001:db8::7', '::1'];
const WORDS = ['a:1', 'b:1', 'a', '*', '0', '1', '-1', 'GET', 'STORE', 'b:2', 'nosuch', 'x'.repeat(200)];

const RULES = [
  '~* &* +@all',
  '~a:* &a:* +@all -@dangerous',
  '%R~a:* %W~b:* +@all',
  '~a:* +@read (~b:* +@write) (+config|get &b:*)',
  '-@all +get +set ~*',
  'allkeys +@string -set +select|0',
  '+@all',
  '~b:? +@all -@fast',
];

function users(prefix: string, more: readonly string[] = []): string {
  const lines = [...RULES.map((rules) => `on >pw ${rules}`), ...more].map((acl, i) => {
    const from = i % 3 === 1 ? ', addresses: [10.0.0.0/8, 127.0.0.1]' : '';
    return `  - { name: ${prefix}${i}, acl: '${acl}'${from} }\n`;
  });
  return `users:\n${lines.join('')}`;
}

const FILES = {
  'gateway.yaml':
    'listeners: { plain: { port: 6379, addresses: [127.0.0.0/8, 10.0.0.0/8, "::1", "2001:db8::/32"] } }\n' +
    'admin: { addresses: [127.0.0.1, 10.1.0.0/16] }\n',
  'tenants/open.yaml': `tenant: open\n${users('open', ['off >pw ~* +@all', 'on ~* +@all', 'on nopass ~a:* +@all'])}`,
  'tenants/narrow.yaml': `tenant: narrow\naddresses: [10.0.0.0/8]\n${users('narrow')}budget: { largest_value: 100b }\n`,
  'tenants/shut.yaml': `tenant: shut\nsuspended: true\n${users('shut')}`,
  'tenants/system.yaml': `tenant: system\n${users('ops')}`,
};
const policy = policyOf(FILES, {}, tableAlone());

/** Real gates in front of nothing. */
function gatewayOf(): World {
  const backend = inlineBackend();
  backend.run = (_command, _request, _keys, _caller, out) => {
    out.simple('RAN');
    return true;
  };
  const world = new World(backend, viewOf(policy, settingsOf(policy.gateway, false), false));
  const applied = world.tenants.apply(policy.tenants, world.clock.now);
  const made = rosterOf(policy, world.core.table, new Roster(0, []), false);
  if (!applied.ok || !made.ok) throw new Error('the policy is wrong');
  world.acl.swap(made.value);
  return world;
}

describe('explain', () => {
  const world = gatewayOf();
  afterAll(() => world.end());
  const { table } = world.core;
  const prng = new Prng(seed);
  const pick = <Item>(from: readonly Item[]): Item => from[prng.uint32() % from.length] as Item;
  const names = [...policy.users.map(({ name }) => name), 'nobody'];
  const commands = table.all.filter(({ kind, fullName }) => kind !== 'container' && !LEFT_OUT.has(fullName));

  function drawn(): string[] {
    const way = prng.uint32() % 20;
    if (way === 0) return ['NOSUCH', pick(WORDS)];
    if (way < 12) {
      const words = filled(pick(TEMPLATES), () => pick(['a:1', 'b:1', 'a:2', 'b:22', 'c']));
      return way === 1 ? [...words, pick(WORDS)] : words;
    }
    const command = pick(commands);
    const head = command.fullName.split('|');
    const least = Math.max(0, Math.abs(command.arity) - head.length);
    const more = command.arity < 0 ? prng.uint32() % 3 : way === 12 ? 1 : 0;
    return [...head, ...Array.from({ length: least + more }, () => pick(WORDS))];
  }

  /** From the connection to the call, as it comes: whether the command was called. */
  function isCalled(user: string, address: string, words: readonly string[]): boolean {
    const parsed = parseAddress(address);
    // The listener's own question, of the same list; it has no port here.
    if (parsed === undefined || policy.gateway.plain.addresses?.allows(parsed) === false) return false;
    world.clock.now += FREE_AGAIN_MS;
    const client = world.connect(address);
    try {
      const password = ['app', 'admin'].includes(user) ? user : 'pw';
      if (world.ask(client, 'AUTH', user, password) !== '+OK\r\n') return false;
      const { counters } = client.connection;
      const before = counters.commands;
      world.ask(client, ...words);
      return counters.commands > before;
    } finally {
      client.socket.hangUp();
    }
  }

  it(`says what happens, over ${CASES} drawn cases`, () => {
    const codes = new Map<string, number>();
    for (let i = 0; i < CASES; i++) {
      const [user, address, words] = [pick(names), pick(ADDRESSES), drawn()];
      const parsed = parseAddress(address);
      if (parsed === undefined) throw new Error(`no address: ${address}`);
      const explained = explain(
        policy,
        world.core,
        { user, address: parsed, listener: 'plain', words },
        world.acl.roster,
      );
      // A mistake in the arguments is found by the call.
      const called = explained.allowed || explained.code === 'syntax';
      expect([user, address, words, called, explained.code]).toEqual([
        user,
        address,
        words,
        isCalled(user, address, words),
        explained.code,
      ]);
      codes.set(explained.code, (codes.get(explained.code) ?? 0) + 1);
    }
    const seen = ['ok', 'unknown_user', 'user_off', 'no_password', 'tenant_suspended', 'address_not_listed'];
    seen.push(
      'budget_value',
      'unknown_command',
      'wrong_arity',
      'acl_command',
      'acl_key',
      'acl_channel',
      'ceiling',
      'syntax',
    );
    expect(seen.filter((code) => !codes.has(code))).toEqual([]);
    expect(codes.get('ok')).toBeGreaterThan(CASES / 20);
  }, 60_000);
});
