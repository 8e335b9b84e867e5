import { describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { applyRules, newUser } from '../../src/acl/rules.ts';
import { passwordMatches } from '../../src/acl/user.ts';
import { aclFaultOf, builtInUsers, rosterOf } from '../../src/app/users.ts';
import { bytesOf } from '../../src/base/bytes.ts';
import { failure, success } from '../../src/base/result.ts';
import { CommandTable } from '../../src/command/table.ts';
import { serverDeclarations } from '../../src/commands/server/family.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { loadPolicy } from '../../src/policy/load.ts';

const table = new CommandTable([...shardDeclarations, ...serverDeclarations]);
const NOBODY = new Roster(0, []);

function policyOf(files: Record<string, string>) {
  const loaded = loadPolicy(
    {
      list: () => success(Object.keys(files)),
      read: (path) => success(files[path] ?? ''),
      readPassword: () => failure('none'),
      readBeside: () => failure('none'),
    },
    { aclFault: (rules) => aclFaultOf(table, rules), builtIns: builtInUsers({ app: 'a', admin: 'b' }) },
  );
  if (!loaded.ok)
    throw new Error(
      loaded.fault.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'),
    );
  return loaded.value;
}

function roster(files: Record<string, string>, before = NOBODY, trusted = false): Roster {
  const made = rosterOf(policyOf(files), table, before, trusted);
  if (!made.ok) throw new Error(made.fault);
  return made.value;
}

describe('the users of a start', () => {
  it('are app, admin, and a default that cannot log in', () => {
    const users = roster({});
    expect(users.users().map(({ name, tenant, enabled }) => [name, tenant, enabled])).toEqual([
      ['admin', 'system', true],
      ['app', 'default', true],
      ['default', 'default', false],
    ]);
    const app = users.get('app');
    expect(app && passwordMatches(app, bytesOf('a'))).toBe(true);
    expect(app && passwordMatches(app, bytesOf('b'))).toBe(false);
  });

  it('may be replaced by a file', () => {
    const users = roster({ 'tenants/x.yaml': 'tenant: x\nusers: [{ name: app, acl: "on >z ~x:* +get" }]\n' });
    expect(users.get('app')).toMatchObject({ tenant: 'x', origin: 'policy' });
  });

  it('open the user default on a trusted loopback only', () => {
    expect(roster({}, NOBODY, true).get('default')).toMatchObject({ enabled: true, nopass: true, tenant: 'default' });
  });
});

describe('a reload', () => {
  it('keeps users made at run time, unless their name or their tenant is taken', () => {
    const file = 'tenant: x\nusers: [{ name: named, acl: "on >z" }]\n';
    const runtime = (name: string, tenant: string) => {
      const made = applyRules(newUser(name, tenant, table, 'runtime'), ['on', '>p'], table);
      if (!made.ok) throw new Error(made.fault);
      return made.value;
    };
    const before = new Roster(5, [
      runtime('kept', 'x'),
      runtime('named', 'x'),
      runtime('lost', 'gone'),
      ...roster({}).users(),
    ]);
    const after = roster({ 'tenants/x.yaml': file }, before);
    expect(after.version).toBeGreaterThan(5);
    expect(after.get('kept')?.origin).toBe('runtime');
    expect(after.get('named')?.origin).toBe('policy');
    expect(after.get('lost')).toBeUndefined();
  });
});

describe('a wrong rule', () => {
  it('is found among the others', () => {
    const rules = (...texts: string[]) => texts.map(bytesOf);
    expect(aclFaultOf(table, rules('on', '~a:*', '+get'))).toBeUndefined();
    expect(aclFaultOf(table, rules('on', '(~a:*', '+get)', '+nosuch', '~b'))).toEqual({
      index: 3,
      message: 'Unknown command or category name in ACL',
    });
    expect(aclFaultOf(table, rules('on', '%Z~x'))).toMatchObject({ index: 1 });
    expect(aclFaultOf(table, rules('on', '(~a'))).toMatchObject({
      index: 1,
      message: expect.stringContaining('parenthesis'),
    });
    expect(aclFaultOf(table, rules('#abc'))).toMatchObject({ index: 0 });
  });

  it('A37: refuses the whole load', () => {
    expect(() => policyOf({ 'tenants/x.yaml': 'tenant: x\nusers:\n  - { name: a, acl: "on +nosuch" }\n' })).toThrow(
      /^tenants\/x\.yaml:3:\d+: ACL rule "\+nosuch"/,
    );
    const twice = 'tenant: x\nusers: [{ name: a, acl: on }, { name: a, acl: on }]\n';
    expect(() => policyOf({ 'tenants/x.yaml': twice })).toThrow('also defined');
  });
});
