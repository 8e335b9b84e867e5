/** What `diff` tells people: every kind of change in words, whose sessions end, and nothing secret. */
import { describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { applyRules, newUser } from '../../src/acl/rules.ts';
import type { User } from '../../src/acl/user.ts';
import { tableAlone } from '../../src/app/table.ts';
import { rosterOf } from '../../src/app/users.ts';
import { type Changes, changesOf } from '../../src/policy/changes.ts';
import {
  describePolicy,
  descriptionJson,
  descriptionSchema,
  type PolicyDescription,
} from '../../src/policy/description.ts';
import { type Files, policyOf } from './support.ts';

const T1 = 'tenants/t1.yaml';
const table = tableAlone();

function described(files: Files, more: readonly User[] = [], open: Readonly<Record<string, readonly string[]>> = {}) {
  const policy = policyOf(files);
  const made = rosterOf(policy, table, new Roster(0, more), false);
  if (!made.ok) throw new Error(made.fault);
  const told = descriptionJson(describePolicy(policy, made.value, (name) => open[name] ?? []));
  // As it travels.
  return descriptionSchema.parse(JSON.parse(told));
}

function told({ changes, closings }: Changes): string[] {
  const ended = closings.map(({ user, why, connections }) => `ends: ${user} ${why} (${connections})`);
  return [
    ...changes.map(({ kind, what, name, details }) => `${kind} ${what} ${name}: ${details.join('; ')}`),
    ...ended,
  ];
}

function between(before: Files, after: Files): string[] {
  return told(changesOf(described(before), described(after)));
}

const tenant = (users: string, rest = '') => ({ [T1]: `tenant: t1\nusers: [${users}]\n${rest}` });
const user = (rules: string, rest = '') => tenant(`{ name: ann, acl: '${rules}'${rest} }`);

describe('the changes between two policies', () => {
  it('are none when the files say the same in other words', () => {
    const words = { ...user('on >pw  +@all ~a'), 'gateway.yaml': 'limits: { timeout: 300 }\n' };
    expect(between(user('on >pw ~a +@all'), words)).toEqual([]);
  });

  it.each<[string, Files, Files, readonly string[]]>([
    [
      'a rule less',
      user('on >pw ~* +@all'),
      user('on >pw ~* +@all -flushall'),
      ['changed user ann: rules added: -flushall'],
    ],
    [
      'other keys',
      user('on >pw ~a* +@all'),
      user('on >pw ~b* +@all'),
      ['changed user ann: rules removed: ~a*; rules added: ~b*'],
    ],
    [
      'the same rules in another order',
      user('on >pw +@read -@string'),
      user('on >pw -@string +@read'),
      [
        'changed user ann: rules in another order: resetchannels -@all +@read -@string → resetchannels -@all -@string +@read',
      ],
    ],
    [
      'a selector',
      user('on >pw'),
      user('on >pw (~x +get)'),
      ['changed user ann: rules added: (~x resetchannels -@all +get)'],
    ],
    [
      'rules on trial',
      user('on >pw ~* +@all'),
      user('on >pw ~* +@all', ", dry_run_acl: '-keys'"),
      ['changed user ann: rules on trial added: ~* resetchannels +@all -keys'],
    ],
    [
      'addresses',
      user('on >pw'),
      user('on >pw', ', addresses: [10.0.0.0/8]'),
      ['changed user ann: addresses: any → 10.0.0.0/8'],
    ],
    ['one more password', user('on >pw'), user('on >pw >more'), ['changed user ann: passwords added: 1']],
    [
      'another password',
      user('on >pw'),
      user('on >other'),
      ['changed user ann: passwords added: 1; passwords removed: 1', 'ends: ann has lost a password (0)'],
    ],
    ['off', user('on >pw'), user('off >pw'), ['changed user ann: is switched off', 'ends: ann is switched off (0)']],
    ['gone', user('on >pw'), tenant(''), ['removed user ann: ', 'ends: ann is gone (0)']],
    ['new', tenant(''), user('on >pw ~a'), ['added user ann: of t1; on, 1 password; ~a resetchannels -@all']],
    [
      'a budget',
      tenant('', 'budget: { memory: 1mb }\n'),
      tenant('', 'budget: { memory: 2mb, connections: 5 }\n'),
      ['changed tenant t1: budget memoryBytes: 1048576 → 2097152; budget connections: 0 → 5'],
    ],
    [
      'a suspension',
      user('on >pw'),
      tenant("{ name: ann, acl: 'on >pw' }", 'suspended: true\n'),
      ['changed tenant t1: is suspended', 'ends: ann its tenant is suspended (0)'],
    ],
    [
      'settings, now and at a restart',
      {},
      { 'gateway.yaml': 'limits: { timeout: 60 }\nlisteners: { tls: { port: 7000 } }\n' },
      [
        'changed setting listeners.tls.port: 6380 → 7000; holds at a restart',
        'changed setting limits.timeout: 300 → 60; holds at once',
      ],
    ],
  ])('say in words: %s', (_what, before, after, expected) => {
    expect(between(before, after)).toEqual(expected);
  });

  it('count the open connections of those whose sessions would end', () => {
    const before = described(user('on >pw'), [], { ann: ['10.0.0.1', '10.0.0.1', '::1'] });
    expect(told(changesOf(before, described(tenant(''))))).toContain('ends: ann is gone (3)');
  });

  it('count those who come from where they may not any more', () => {
    const from = { ann: ['10.0.0.1', '10.0.0.1', '11.0.0.1', '::ffff:10.1.1.1'], admin: ['127.0.0.1', '192.168.0.1'] };
    const before = described(user('on >pw'), [], from);
    const narrower = user('on >pw', ', addresses: [10.0.0.0/24]');
    expect(told(changesOf(before, described(narrower)))).toContain('ends: ann may not come from there any more (2)');
    const shut = described({ ...tenant("{ name: ann, acl: 'on >pw' }", 'addresses: [11.0.0.0/8]\n') });
    expect(told(changesOf(before, shut))).toContain('ends: ann may not come from there any more (3)');
    const admins = described({ ...user('on >pw'), 'gateway.yaml': 'admin: { addresses: [127.0.0.0/8] }\n' });
    expect(told(changesOf(before, admins))).toEqual([
      'changed setting admin.addresses: any → 127.0.0.0/8; holds at once',
      'ends: admin may not come from there any more (1)',
    ]);
    expect(told(changesOf(before, described(user('on >pw', ', addresses: ["10.0.0.0/7"]'))))).toEqual([
      'changed user ann: addresses: any → 10.0.0.0/7',
    ]);
  });

  it('say whose sessions end with the way they came in by, as far as the files tell', () => {
    const slow = (letter: string) => `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$${letter.repeat(43)}`;
    const hashes = (...letters: string[]) => user('on', `, password_hash: [${letters.map((one) => `'${slow(one)}'`)}]`);
    expect(between(hashes('B'), hashes('B', 'C'))).toEqual(['changed user ann: slow passwords added: 1']);
    expect(between(hashes('B', 'C'), hashes('C'))).toEqual([
      'changed user ann: slow passwords removed: 1',
      'ends: ann has lost a slow password, and sessions by it (0)',
    ]);

    const only = user('on', ', tokens: only');
    expect(between(user('on nopass', ', tokens: also'), only)).toContain(
      'ends: ann takes tokens alone, and no sessions without one (0)',
    );
    expect(between(user('on >pw', ', tokens: also'), only)).toContain('ends: ann has lost a password (0)');
    expect(between(user('on >pw', ', tokens: also'), user('on >pw'))).toEqual([
      'changed user ann: tokens changed',
      'ends: ann takes no tokens any more, and no sessions by them (0)',
    ]);

    const shown = (rest: string, more = '') => ({
      ...user('on >pw', rest),
      'gateway.yaml': `listeners: { tls: { client_certificates: { mode: optional, ca: ca.pem${more} } } }\n`,
    });
    const [first, second] = [', certificate: "spiffe://a/1"', ', certificate: "spiffe://a/2"'];
    const allowed = ', password_allowed: true';
    expect(between(shown(first, allowed), shown(second, allowed))).toEqual([
      'changed user ann: certificate changed',
      'ends: ann is not named by that certificate any more (0)',
    ]);
    expect(between(shown('', allowed), shown(first, allowed))).toEqual(['changed user ann: certificate changed']);
    expect(between(shown(''), shown(first))).toEqual([
      'changed user ann: certificate changed',
      'ends: ann comes by certificate alone, and no sessions by password (0)',
    ]);
    expect(between(shown(first, allowed), shown(first))).toContain(
      'ends: ann comes by certificate alone, and no sessions by password (0)',
    );
    expect(between(shown(first), shown(first, ', identify_by: cn'))).toContain(
      'ends: ann is not named by that certificate any more (0)',
    );
  });

  it('leave users by command alone, unless the files name them or their tenant goes', () => {
    const made = applyRules(newUser('eve', 't1', table, 'runtime'), ['on', 'nopass', '~*'], table);
    if (!made.ok) throw new Error(made.fault);
    const before = described(tenant(''), [made.value]);
    expect(told(changesOf(before, described(tenant(''))))).toEqual([]);
    const named = told(changesOf(before, described(tenant("{ name: eve, acl: 'off' }"))));
    expect(named).toContain('ends: eve is switched off (0)');
    expect(told(changesOf(before, described({})))).toContain('ends: eve is gone (0)');
  });
});

describe('the description of a policy', () => {
  it('holds neither a password nor its hash, and is ASCII', () => {
    const files = user('on >hunter2 ~müll:* +@all', ', addresses: [10.0.0.0/8]');
    const policy = policyOf(files);
    const made = rosterOf(policy, table, new Roster(0, []), false);
    if (!made.ok) throw new Error(made.fault);
    const text = descriptionJson(describePolicy(policy, made.value, () => []));
    const hash = made.value.get('ann')?.passwordHashes[0] ?? 'none';
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(hash.slice(0, 16));
    expect(/^[ -~]*$/.test(text)).toBe(true);
    const parsed: PolicyDescription = descriptionSchema.parse(JSON.parse(text));
    expect(parsed.users.find(({ name }) => name === 'ann')?.rules).toContain('~müll:*');
  });
});
