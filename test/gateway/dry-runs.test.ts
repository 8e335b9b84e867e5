/** Rules on trial: whatever they say passes, and what they would have refused is counted, logged and listed. */
import { afterEach, describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { rosterOf } from '../../src/app/users.ts';
import { DRY_RUN_ROWS_MAX } from '../../src/base/limits.ts';
import { policyOf, problemsOf } from '../policy/support.ts';
import { World } from './world.ts';

let world: World;
afterEach(() => world.end());

function worldOf(trial: string, tenantTrial = ''): World {
  world = new World();
  world.tenant('t1');
  const policy = policyOf({
    'tenants/t1.yaml':
      `tenant: t1\ndry_run_acl: '${tenantTrial}'\nusers:\n` +
      `  - { name: ann, acl: 'on >pw ~* &* +@all', dry_run_acl: '${trial}' }\n` +
      "  - { name: bob, acl: 'on >pw ~cart:* +@all' }\n",
  });
  const made = rosterOf(policy, world.core.table, new Roster(0, []), false);
  if (!made.ok) throw new Error(made.fault);
  world.acl.swap(made.value);
  return world;
}

/** Each tenant with one user, all of whose keys are on trial. */
function worldOfTenants(...names: readonly string[]): World {
  world = new World();
  for (const name of names) world.tenant(name);
  const user = (name: string) => `{ name: ${name}-user, acl: 'on >pw ~* +@all', dry_run_acl: 'resetkeys ~none' }`;
  const files = names.map((name) => [`tenants/${name}.yaml`, `tenant: ${name}\nusers: [${user(name)}]\n`]);
  const made = rosterOf(policyOf(Object.fromEntries(files)), world.core.table, new Roster(0, []), false);
  if (!made.ok) throw new Error(made.fault);
  world.acl.swap(made.value);
  return world;
}

function rows(): string[] {
  return world.core.dryRuns
    .list()
    .map(({ userName, reason, command, objectClass, count }) =>
      [userName, reason, command, objectClass, count].join(' ').replace('  ', ' '),
    );
}

describe('rules on trial', () => {
  it('refuse nothing, and count by user, reason, command and kind of key', () => {
    const ann = worldOf('-@dangerous resetkeys ~cart:*').login('ann');
    expect(world.ask(ann, 'SET', 'cart:1', 'x')).toBe('+OK\r\n');
    expect(world.ask(ann, 'SET', 'order:1', 'x')).toBe('+OK\r\n');
    expect(world.ask(ann, 'SET', 'order:2', 'x')).toBe('+OK\r\n');
    expect(world.ask(ann, 'GET', 'plain')).toBe('$-1\r\n');
    expect(world.ask(ann, 'FLUSHALL')).toBe('+OK\r\n');
    expect(rows()).toEqual(['ann key set order:* 2', 'ann key get * 1', 'ann command flushall 1']);
    expect(world.core.counters.tallies.get('would_deny', 'key')).toBe(3);
    expect(world.core.counters.tallies.get('would_deny', 'command')).toBe(1);
    expect(world.lines.filter(({ event }) => event === 'access.would_deny')).toHaveLength(4);
    expect(world.aclLog.newest(10)).toEqual([]);
  });

  it('are for channels too', () => {
    const ann = worldOf('resetchannels &news:*').login('ann');
    world.ask(ann, 'PUBLISH', 'news:1', 'x');
    world.ask(ann, 'PUBLISH', 'other:1', 'x');
    expect(rows()).toEqual(['ann channel publish other:* 1']);
  });

  it('of a tenant are for all of its users, in front of their own', () => {
    worldOf('+flushall', '-@dangerous');
    world.ask(world.login('ann'), 'FLUSHALL');
    world.ask(world.login('bob'), 'FLUSHDB');
    expect(rows()).toEqual(['bob command flushdb 1']);
  });

  it('say nothing about what is refused anyway', () => {
    worldOf('', '-set');
    expect(world.ask(world.login('bob'), 'SET', 'other', 'x')).toMatch(/^-NOPERM/);
    expect(rows()).toEqual([]);
  });

  it('count what is queued once', () => {
    const ann = worldOf('-set').login('ann');
    world.ask(ann, 'MULTI');
    world.ask(ann, 'SET', 'a:1', 'x');
    world.ask(ann, 'EXEC');
    expect(rows()).toEqual(['ann command set 1']);
  });

  it('are forgotten with ACL SETUSER, as the rules below them are others then', () => {
    const ann = worldOf('-get').login('ann');
    const { table, acl } = world.core;
    expect(acl.roster.get('ann')?.dryRun).toBeDefined();
    acl.swap(acl.roster.with(world.user('ann', 't1', 'on', '>pw', '~*', '+@all')));
    world.ask(ann, 'GET', 'a');
    expect(table.named('get')).toBeDefined();
    expect(rows()).toEqual([]);
  });

  it('fill a table with a bound, and count what finds no room in it', () => {
    const ann = worldOf('resetkeys ~none').login('ann');
    for (let i = 0; i < DRY_RUN_ROWS_MAX + 5; i++) world.ask(ann, 'GET', `kind${i}:1`);
    expect(rows()).toHaveLength(DRY_RUN_ROWS_MAX);
    expect(world.core.dryRuns.unlisted).toBe(5);
    world.core.dryRuns.reset();
    expect(rows()).toEqual([]);
    expect(world.core.dryRuns.unlisted).toBe(0);
  });

  it('of one tenant leave room for those of another, which hide nothing but what is more than a share', () => {
    worldOfTenants('t1', 't2');
    const counts = () =>
      ['t1', 't2'].map((name) => world.core.dryRuns.list().filter(({ tenantName }) => tenantName === name).length);
    const tries = (name: string, times: number) => {
      const client = world.login(`${name}-user`);
      for (let i = 0; i < times; i++) world.ask(client, 'GET', `kind${i}:1`);
    };
    tries('t1', DRY_RUN_ROWS_MAX + 5);
    tries('t2', 3);
    expect(counts()).toEqual([DRY_RUN_ROWS_MAX - 3, 3]);
    expect(world.core.dryRuns.unlisted).toBe(5 + 3);
    tries('t2', DRY_RUN_ROWS_MAX);
    expect(counts()).toEqual([DRY_RUN_ROWS_MAX / 2, DRY_RUN_ROWS_MAX / 2]);
    tries('t1', 3);
    expect(counts()).toEqual([DRY_RUN_ROWS_MAX / 2, DRY_RUN_ROWS_MAX / 2]);
    expect(world.core.dryRuns.list()).toHaveLength(DRY_RUN_ROWS_MAX);
  });
});

describe('dry_run_acl in a file', () => {
  const file = (trial: string, tenantTrial = '') => ({
    'tenants/t1.yaml': `tenant: t1\nusers: [{ name: ann, acl: 'on >pw ~* +@all', dry_run_acl: '${trial}' }]\ndry_run_acl: '${tenantTrial}'\n`,
  });

  it('is refused where it stands when it is no rule, or one about logging in', () => {
    worldOf('');
    expect(problemsOf(file('-get +nosuch'))).toEqual([
      expect.stringMatching(/^tenants\/t1\.yaml:2:65: dry_run_acl: Unknown command/),
    ]);
    expect(problemsOf(file('', '-@nosuch'))[0]).toMatch(/^tenants\/t1\.yaml:3:15: dry_run_acl: Unknown command/);
    for (const word of ['off', 'nopass', '>secret', '#00', 'resetpass']) {
      const [problem] = problemsOf(file(`-get ${word}`));
      expect(problem).toMatch(/t1\.yaml:2:65: dry_run_acl: .*not about how to log in/);
      expect(problem).not.toContain('secret');
    }
  });

  it('may add a pattern only where the rules in force have not said all of them', () => {
    worldOf('');
    expect(problemsOf(file('~cart:*'))[0]).toContain('resetkeys');
    expect(problemsOf(file('resetkeys ~cart:*'))).toEqual([]);
    expect(problemsOf(file('reset ~cart:* +@read'))).toEqual([]);
  });
});
