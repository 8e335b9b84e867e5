import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { runCheck } from '../../src/app/check.ts';
import { explain, runExplain } from '../../src/app/explain.ts';
import { parseAddress } from '../../src/base/cidr.ts';
import { failure } from '../../src/base/result.ts';
import { gateOf } from '../acl/gate.ts';
import { AclWorld } from '../acl/support.ts';
import { policyOf } from '../policy/support.ts';

const world = new AclWorld();
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function edgeWith(files: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(join(tmpdir(), 'portcullis-tools-'));
  folders.push(cwd);
  mkdirSync(join(cwd, 'policies', 'tenants'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, 'policies', name), text);
  const nobody = {
    input: Readable.from([]),
    ask: () => {},
    nowMs: () => 0,
    fetch: async () => failure('nobody is asked'),
  };
  return { environment: {}, cwd, table: world.table, ...nobody };
}

const TENANT = [
  'tenant: one',
  'users:',
  "  - { name: one-app, acl: 'on >secret ~one:* +@all -@dangerous', addresses: [10.0.0.0/8] }",
  'budget: { memory: 1mb, largest_value: 10b, commands_per_second: 5 }',
  '',
].join('\n');

describe('check', () => {
  it('says what good policies come to', () => {
    const { exitCode, output } = runCheck([], edgeWith({ 'tenants/one.yaml': TENANT }));
    const [note, verdict] = output.split('\n');
    expect(note).toMatch(/^policies\/tenants\/one\.yaml:3:\d+: note: .*password in clear/);
    expect(verdict).toBe('policies: 1 file, 3 tenants (default, system, one), 1 user in files: good');
    expect(output).not.toContain('secret');
    expect(exitCode).toBe(0);
  });

  it('names every problem as file:line:column', () => {
    const { exitCode, output } = runCheck(
      ['--policies', 'policies'],
      edgeWith({
        'tenants/one.yaml': TENANT.replace('+@all', '+@nosuch'),
        'tenants/two.yaml': 'tenant: two\nbudget: { commands_per_second: -5 }\n',
      }),
    );
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^policies\/tenants\/one\.yaml:3:\d+: .*@nosuch/m);
    expect(output).toMatch(/^policies\/tenants\/two\.yaml:2:32: /m);
    expect(output).toContain('2 problems: these policies would be refused\n');
    expect(output).not.toContain('secret');
  });

  it('warns of risky choices where they stand, and takes them all the same', () => {
    const files = { 'gateway.yaml': 'limits:\n  timeout: 0\n', 'tenants/one.yaml': TENANT };
    const { exitCode, output } = runCheck([], edgeWith(files));
    expect(output).toContain('policies/gateway.yaml:2:12: note: idle clients stay for ever');
    expect(exitCode).toBe(0);
    const told = JSON.parse(runCheck(['--json'], edgeWith(files)).output);
    expect(told.good).toBe(true);
    expect(told.notes).toContainEqual(
      expect.objectContaining({ code: 'no_idle_timeout', file: 'gateway.yaml', line: 2, column: 12 }),
    );
    const bad = JSON.parse(runCheck(['--json'], edgeWith({ 'tenants/one.yaml': 'tenant: one\nnosuch: 1\n' })).output);
    expect(bad).toMatchObject({ good: false, problems: [{ file: 'tenants/one.yaml', line: 2, column: 1 }] });
  });

  it('refuses a flag it does not know', () => {
    expect(runCheck(['--nosuch'], edgeWith({})).exitCode).toBe(1);
  });
});

describe('explain', () => {
  const edge = () => edgeWith({ 'tenants/one.yaml': TENANT });
  const asked = (...args: string[]) => runExplain(args, edge());

  it.each([
    ['--user one-app --address 10.1.1.1 -- GET one:a', 0, 'would pass'],
    ['--user one-app --address 11.1.1.1 -- GET one:a', 2, 'refused by: user addresses'],
    ['--user one-app --address 10.1.1.1 -- GET two:a', 2, 'refused by: acl'],
    ['--user one-app --address 10.1.1.1 -- FLUSHALL', 2, 'refused by: acl'],
    ['--user one-app --address 10.1.1.1 -- SET one:a 12345678901', 2, 'refused by: largest value'],
    ['--user one-app --address 10.1.1.1 -- GET', 2, 'refused by: arity'],
    ['--user one-app --address 10.1.1.1 -- SET one:a 1 NX XX', 2, 'refused by: syntax'],
    ['--user one-app --address 10.1.1.1 -- NOSUCH', 2, 'refused by: command'],
    ['--user nobody --address 10.1.1.1 -- PING', 2, 'refused by: user'],
    ['--user default -- PING', 2, 'refused by: user'],
    ['--user app -- SHUTDOWN', 2, 'refused by: ceiling'],
    ['--user admin -- SHUTDOWN', 0, 'would pass'],
    ['--user app --plain -- PING', 2, 'refused by: listener'],
  ])('%s', async (args, exitCode, verdict) => {
    const explained = await asked(...args.split(' '));
    expect(explained.output).toContain(verdict);
    expect(explained.exitCode).toBe(exitCode);
  });

  it('gives a stable code with every verdict', async () => {
    const codesOf = async (...args: string[]) => {
      const { code, gates } = JSON.parse((await asked('--json', ...args)).output);
      return [code, gates.map((gate: { gate: string; code: string }) => `${gate.gate}=${gate.code}`)];
    };
    expect(await codesOf('--user', 'one-app', '--address', '10.1.1.1', '--', 'GET', 'two:a')).toEqual([
      'acl_key',
      expect.arrayContaining([
        'listener=ok',
        'password=ok',
        'user addresses=ok',
        'rate=budget_commands',
        'acl=acl_key',
      ]),
    ]);
    expect((await codesOf('--user', 'app', '--', 'SHUTDOWN'))[0]).toBe('ceiling');
    expect((await codesOf('--user', 'one-app', '--address', '11.1.1.1', '--', 'PING'))[0]).toBe('address_not_listed');
  });

  it('knows people with a slow hash, and users who come with a token only', async () => {
    const hash = `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$${'A'.repeat(43)}`;
    const file = `tenant: one\nusers:\n  - { name: ann, acl: 'on ~* +@all', password_hash: '${hash}' }\n  - { name: bot, acl: 'on >x ~* +@all', tokens: only }\n`;
    const said = async (user: string) => {
      const { output } = await runExplain(
        ['--user', user, '--json', '--', 'PING'],
        edgeWith({ 'tenants/one.yaml': file }),
      );
      return JSON.parse(output).code;
    };
    expect([await said('ann'), await said('bot')]).toEqual(['ok', 'token_only']);
  });

  it('says what rules on trial would refuse, and passes', async () => {
    const file = TENANT.replace('addresses:', "dry_run_acl: '-get', addresses:");
    const explained = await runExplain(
      ['--user', 'one-app', '--address', '10.1.1.1', '--', 'GET', 'one:a'],
      edgeWith({ 'tenants/one.yaml': file }),
    );
    expect(explained.exitCode).toBe(0);
    expect(explained.output).toMatch(/dry run +pass +would_deny_acl_command +the rules on trial would refuse/);
  });

  it('answers in JSON when asked to, and usage when it is asked nothing', async () => {
    const parsed = JSON.parse((await asked('--user', 'app', '--json', '--', 'PING')).output);
    expect(parsed).toMatchObject({ allowed: true, user: 'app', tenant: 'default' });
    expect((await asked('--user', 'app')).exitCode).toBe(1);
    expect((await asked('--user', 'app', '--address', 'nonsense', '--', 'PING')).output).toContain('no address');
  });

  it('gives the verdict of the gate itself, over every command and for users of every kind', () => {
    const rules = ['~* +@all', '~a* +@all -@dangerous', '+@read ~*', '%R~a* +@all', '-@all +get ~a* (+set ~b*)'];
    const lines = rules.map((rule, i) => `  - { name: u${i}, acl: 'on >x ${rule}' }\n`).join('');
    const policy = policyOf({ 'tenants/t.yaml': `tenant: t\nusers:\n${lines}` });
    const gate = gateOf(world);
    const address = parseAddress('127.0.0.1');
    if (address === undefined) throw new Error('no address');
    let refused = 0;
    for (const [i, rule] of rules.entries()) {
      const user = world.user(['on', '>x', ...rule.split(/ (?![^(]*\))/)], `u${i}`, 't');
      world.enter(user);
      for (const command of world.table.all) {
        if (command.kind === 'container' || command.isNoAuth) continue;
        const head = command.fullName.split('|');
        const missing = Math.max(0, Math.abs(command.arity) - head.length);
        for (const word of ['a1', 'b1']) {
          const words = [...head, ...Array.from({ length: missing }, () => word)];
          const explained = explain(policy, world, { user: `u${i}`, address, listener: 'tls', words });
          const last = explained.gates.at(-1);
          const allowed = explained.allowed || last?.gate === 'syntax';
          if (!allowed) refused++;
          expect([words, rule, allowed]).toEqual([words, rule, gate.verdict(user, words) === 'allowed']);
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
