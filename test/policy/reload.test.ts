/** From one policy to the next: what changed, and that a bad one never takes the place of a good one. */
import { describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { applyRules, newUser } from '../../src/acl/rules.ts';
import { CommandTable } from '../../src/command/table.ts';
import { closedUsers, diffPolicies, isEmptyDiff } from '../../src/policy/diff.ts';
import { PolicyKeeper } from '../../src/policy/reload.ts';
import { type Files, load, policyOf } from './support.ts';

const T1 = 'tenants/t1.yaml';

function diffOf(before: Files, after: Files) {
  return diffPolicies(policyOf(before), policyOf(after));
}

describe('the difference of two policies', () => {
  it('is empty when they say the same in other words', () => {
    const diff = diffOf(
      { [T1]: 'tenant: t1\naddresses: [10.0.0.0/8]\nusers: [{ name: u, acl: on >a   ~b }]\nbudget: { memory: 1kb }\n' },
      {
        'gateway.yaml': 'limits: { timeout: 300 }\n',
        'tenants/other.yaml':
          '# moved\nbudget: { memory: 1024 }\nusers:\n  - acl: [on, ">a", "~b"]\n    name: u\ntenant: t1\naddresses: [10.9.9.9/8]\n',
      },
    );
    expect(isEmptyDiff(diff)).toBe(true);
    expect(diff.closedTenants).toEqual([]);
  });

  it('names users that came, went and changed: rules, addresses or tenant', () => {
    const user = (name: string, rest: string) => `  - { name: ${name}, ${rest} }\n`;
    const before = ['same', 'rules', 'fewer', 'from', 'gone', 'moved']
      .map((name) => user(name, 'acl: on >a ~b'))
      .join('');
    const after = [
      user('same', 'acl: on >a ~b'),
      user('rules', 'acl: on >a ~c'),
      user('fewer', 'acl: on >a'),
      user('from', 'acl: on >a ~b, addresses: [127.0.0.1]'),
      user('new', 'acl: on >a'),
    ].join('');
    const diff = diffOf(
      { [T1]: `tenant: t1\nusers:\n${before}` },
      {
        [T1]: `tenant: t1\nusers:\n${after}`,
        'tenants/t2.yaml': `tenant: t2\nusers:\n${user('moved', 'acl: on >a ~b')}`,
      },
    );
    expect(diff.users).toEqual({ added: ['new'], removed: ['gone'], changed: ['rules', 'fewer', 'from', 'moved'] });
    expect(diff.tenants).toEqual({ added: ['t2'], removed: [], changed: [] });
    expect(isEmptyDiff(diff)).toBe(false);
  });

  it('names tenants that changed, and those whose connections must end', () => {
    const tenant = (name: string, rest = '') => ({ [`tenants/${name}.yaml`]: `tenant: ${name}\n${rest}` });
    const diff = diffOf(
      {
        ...tenant('gone'),
        ...tenant('shut'),
        ...tenant('opened', 'suspended: true\n'),
        ...tenant('poor'),
        ...tenant('same'),
      },
      {
        ...tenant('shut', 'suspended: true\n'),
        ...tenant('opened'),
        ...tenant('poor', 'budget: { memory: 1 }\n'),
        ...tenant('same'),
      },
    );
    expect(diff.tenants).toEqual({ added: [], removed: ['gone'], changed: ['opened', 'poor', 'shut'] });
    expect(diff.closedTenants).toEqual(['gone', 'shut']);
  });

  it('tells every setting apart, and what takes a restart', () => {
    const settings: readonly (readonly [yaml: string, name: string, holds: 'settings' | 'restart'])[] = [
      ['listeners: { tls: { bind: 0.0.0.0 } }', 'listeners.tls.bind', 'restart'],
      ['listeners: { tls: { port: 1 } }', 'listeners.tls.port', 'restart'],
      ['listeners: { tls: { profile: modern } }', 'listeners.tls.profile', 'restart'],
      ['listeners: { tls: { addresses: ["::1"] } }', 'listeners.tls.addresses', 'settings'],
      ['listeners: { plain: { bind: localhost } }', 'listeners.plain.bind', 'restart'],
      ['listeners: { plain: { port: 1 } }', 'listeners.plain.port', 'restart'],
      ['listeners: { plain: { allow_remote: true } }', 'listeners.plain.allow_remote', 'restart'],
      ['listeners: { plain: { addresses: ["::1"] } }', 'listeners.plain.addresses', 'settings'],
      ['limits: { maxclients: 1 }', 'limits.maxclients', 'settings'],
      ['limits: { connections_per_ip: 1 }', 'limits.connections_per_ip', 'settings'],
      ['limits: { per_ip_exempt: [] }', 'limits.per_ip_exempt', 'settings'],
      ['limits: { timeout: 1 }', 'limits.timeout', 'settings'],
      ['limits: { tcp_keepalive: 1 }', 'limits.tcp_keepalive', 'settings'],
      ['limits: { handshake_timeout: 1 }', 'limits.handshake_timeout', 'settings'],
      ['limits: { authentication_timeout: 1 }', 'limits.authentication_timeout', 'settings'],
      ['limits: { proto_max_bulk_len: 1mb }', 'limits.proto_max_bulk_len', 'settings'],
      ['limits: { client_query_buffer_limit: 1mb }', 'limits.client_query_buffer_limit', 'settings'],
      ...['normal', 'pubsub', 'replica'].flatMap((kind) =>
        ['hard', 'soft', 'seconds'].map((part) => {
          const name = `limits.client_output_buffer_limit.${kind}`;
          return [`limits: { client_output_buffer_limit: { ${kind}: { ${part}: 1 } } }`, name, 'settings'] as const;
        }),
      ),
      ['admin: { addresses: ["::1"] }', 'admin.addresses', 'settings'],
      ['storage: { shards: 2 }', 'storage.shards', 'restart'],
      ['storage: { data: elsewhere }', 'storage.data', 'restart'],
      ['storage: { maxmemory: 1 }', 'storage.maxmemory', 'settings'],
      ['storage: { maxmemory_policy: allkeys-lru }', 'storage.maxmemory_policy', 'settings'],
      ['storage: { maxmemory_samples: 1 }', 'storage.maxmemory_samples', 'settings'],
      ['logging: { level: debug }', 'logging.level', 'settings'],
      ['shutdown_timeout: 1', 'shutdown_timeout', 'settings'],
    ];
    for (const [yaml, name, holds] of settings) {
      const diff = diffOf({}, { 'gateway.yaml': `${yaml}\n` });
      expect([yaml, diff.settings, diff.restart]).toEqual([
        yaml,
        ...(holds === 'settings' ? [[name], []] : [[], [name]]),
      ]);
    }
  });
});

describe('connections that must end', () => {
  const table = new CommandTable([]);
  const rosterOf = (users: Readonly<Record<string, readonly string[]>>, tenant = 't1') =>
    new Roster(
      1,
      Object.entries(users).map(([name, rules]) => {
        const made = applyRules(newUser(name, tenant, table, 'policy'), rules, table);
        if (!made.ok) throw new Error(made.fault);
        return made.value;
      }),
    );

  it.each<[before: readonly string[], after: readonly string[], ends: boolean]>([
    [['on', '>a'], ['on', '>a'], false],
    [['on', '>a'], ['on', '>a', '~x', '+@all'], false],
    [['on', '>a'], ['on', '>a', '>b'], false],
    [['on', '>a', '>b'], ['on', '>a'], false],
    [['on', '>a'], ['on', '>b'], true],
    [['on', '>a'], ['on', 'nopass'], false],
    [['on', 'nopass'], ['on', '>a'], false],
    [['on', '>a'], ['off', '>a'], true],
    [['off', '>a'], ['off', '>b'], false],
  ])('of a user that was %j and is %j: %s', (before, after, ends) => {
    expect(closedUsers(rosterOf({ u: before, v: ['on'] }), rosterOf({ u: after, v: ['on'] }))).toEqual(
      ends ? ['u'] : [],
    );
  });

  it('are those of users who are gone or now of another tenant', () => {
    expect(closedUsers(rosterOf({ u: ['on'], v: ['on'] }), rosterOf({ v: ['on'] }))).toEqual(['u']);
    expect(closedUsers(rosterOf({ u: ['on'] }), rosterOf({ u: ['on'] }, 't2'))).toEqual(['u']);
  });
});

describe('a reload', () => {
  it('swaps a good policy in, does nothing for the same, and keeps the old one when the new one is bad', () => {
    const first = policyOf({ [T1]: 'tenant: t1\n' });
    let files: Files = { [T1]: 'tenant: t1\n' };
    const keeper = new PolicyKeeper(first, () => load(files));
    expect(keeper.reload()).toEqual({ kind: 'unchanged' });
    for (const bad of [
      'tenant: 5\n',
      'tenant: t1\nx: 1\n',
      '[',
      'tenant: t1\nusers: [{ name: u, acl: +nosuch }]\n',
      '',
    ]) {
      files = { [T1]: bad };
      expect(keeper.reload()).toMatchObject({ kind: 'refused', problems: [{ file: T1 }] });
      expect(keeper.current).toBe(first);
    }
    files = { [T1]: 'tenant: t1\nbudget: { memory: 1mb }\n' };
    const swapped = keeper.reload();
    expect(swapped).toMatchObject({ kind: 'swapped', diff: { tenants: { changed: ['t1'] } } });
    expect(keeper.current).not.toBe(first);
    expect(keeper.current.tenants.find(({ name }) => name === 't1')?.budget.memoryBytes).toBe(1_048_576);
    expect(keeper.reload()).toEqual({ kind: 'unchanged' });
    files = { [T1]: 'tenant: t1\n' };
    expect(keeper.reload().kind).toBe('swapped');
  });
});
