/** The policy in force: adopted as a whole or not at all, and what was said at run time outlives it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { AclLog } from '../../src/acl/log.ts';
import { AclRegistry } from '../../src/acl/registry.ts';
import type { Roster } from '../../src/acl/roster.ts';
import { Config } from '../../src/app/config/config.ts';
import type { Settings } from '../../src/app/config/settings.ts';
import { Governance } from '../../src/app/governance.ts';
import { settingsOf } from '../../src/app/plan.ts';
import { buildTable } from '../../src/app/table.ts';
import { aclFaultOf } from '../../src/app/users.ts';
import { bytesOf } from '../../src/base/bytes.ts';
import { TENANTS_MAX } from '../../src/base/limits.ts';
import { failure } from '../../src/base/result.ts';
import type { Backend, RealmSettings } from '../../src/command/ports/backend.ts';
import type { ServerPort } from '../../src/command/ports/server.ts';
import type { SessionPort } from '../../src/command/ports/session.ts';
import type { Log } from '../../src/observe/log.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { PolicyKeeper } from '../../src/policy/reload.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { TenantRegistry } from '../../src/tenancy/tenant.ts';
import { BUILT_INS, type Files, MemoryFiles } from '../policy/support.ts';
import { FakeClock, requestOf } from '../support/harness.ts';

const T1 = 'tenants/t1.yaml';
const T2 = 'tenants/t2.yaml';
const TENANT_1 = 'tenant: t1\nusers: [{ name: ann, acl: on >pw ~* +@all }]\n';
const TENANT_2 = 'tenant: t2\nusers: [{ name: bob, acl: on >pw ~* +@all }]\n';

class Office {
  readonly registry = new AclRegistry();
  readonly tenants = new TenantRegistry();
  readonly realms = new Map<number, RealmSettings>();
  readonly lines: string[] = [];
  readonly levels: string[] = [];
  readonly applied: Settings[] = [];
  readonly order: string[] = [];
  readonly config: Config;
  readonly governance: Governance;
  files: Files;
  private readonly table;

  constructor(files: Files, trustLoopback = false) {
    this.files = files;
    const nothing = () => failure('not here');
    this.table = buildTable({
      registry: this.registry,
      log: new AclLog(),
      nowMs: () => 1,
      randomHex: () => 'f',
      load: nothing,
      save: nothing,
    });
    const load = () =>
      loadPolicy(new MemoryFiles(this.files), {
        aclFault: (rules) => aclFaultOf(this.table, rules),
        builtIns: BUILT_INS,
      });
    const loaded = load();
    if (!loaded.ok) throw new Error(loaded.fault[0]?.message);
    const log: Log = {
      write: (level, event, _message, fields) => this.lines.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`),
      flush: () => undefined,
      setLevel: (level) => this.levels.push(level),
    };
    const facts = {
      bind: '127.0.0.1',
      plainPort: 0,
      tlsPort: 6380,
      dataFolder: '/srv/data',
      databases: 16,
      protectedMode: true,
      debugAllowed: false,
    };
    this.config = new Config(settingsOf(loaded.value.gateway, trustLoopback), facts, (settings) =>
      this.applied.push(settings),
    );
    const backend: Partial<Backend> = {
      configureRealm: (number, settings) => {
        this.order.push('realm');
        this.realms.set(number, settings);
      },
    };
    this.registry.onChange(() => this.order.push('users'));
    this.governance = new Governance({
      keeper: new PolicyKeeper(loaded.value, load),
      table: this.table,
      tenants: this.tenants,
      acl: this.registry,
      backend: backend as Backend,
      config: this.config,
      clock: new FakeClock(),
      log,
      trustLoopback,
      said: {},
      changed: () => this.order.push('view'),
    });
    const begun = this.governance.begin();
    if (!begun.ok) throw new Error(begun.fault);
  }

  /** New files, and what came of them: the fault, or 'ok'. */
  reload(files: Files): string {
    this.files = files;
    this.order.length = 0;
    const reloaded = this.governance.reload('test');
    return reloaded.ok ? 'ok' : reloaded.fault;
  }

  get roster(): Roster {
    return this.registry.roster;
  }

  names(): string[] {
    return Array.from(this.roster.users(), ({ name }) => name).sort();
  }

  /** An operator's ACL command. */
  acl(...words: string[]): string {
    const request = requestOf('ACL', ...words);
    const out = new ReplyWriter();
    const session: Partial<SessionPort> = {
      userName: 'admin',
      tenantName: 'system',
      namespaceName: 't1',
      isOperator: true,
    };
    const command = this.table.resolve(request);
    command?.parse(request);
    const server: Partial<ServerPort> = { table: this.table };
    command?.runSession?.({ session: session as SessionPort, server: server as ServerPort, request }, out);
    return Buffer.from(out.take()).toString('latin1');
  }

  state(): unknown {
    return {
      policy: this.governance.policy,
      version: this.roster.version,
      users: this.names(),
      settings: this.config.settings,
      tenants: this.tenants.all().map(({ name, budget, state }) => ({ name, budget, state })),
      realms: Array.from(this.realms),
    };
  }

  setting(name: string): string {
    return this.config.get([bytesOf(name)], { isOperator: true, own: new Map() })[0]?.[1] ?? '';
  }
}

let office: Office;

beforeEach(() => {
  office = new Office({ [T1]: TENANT_1 });
});

describe('a new policy', () => {
  it('is adopted as a whole, users last', () => {
    const budget = 'budget: { memory: 1mb, policy: allkeys-lru, connections: 7 }\n';
    expect(
      office.reload({
        [T1]: TENANT_1 + budget,
        [T2]: TENANT_2,
        'gateway.yaml': 'limits: { timeout: 77 }\nstorage: { maxmemory: 5mb }\n',
      }),
    ).toBe('ok');
    expect(office.names()).toEqual(['admin', 'ann', 'app', 'bob', 'default']);
    expect(office.tenants.get('t1')?.budget).toMatchObject({ memoryBytes: 1048576, connections: 7 });
    expect(office.realms.get(office.tenants.get('t1')?.number ?? -1)).toEqual({
      name: 't1',
      limitBytes: 1048576,
      policy: 'allkeys-lru',
      valueBytesMax: 0,
    });
    expect(office.realms.has(office.tenants.get('system')?.number ?? -1)).toBe(false);
    expect(office.config.settings).toMatchObject({ timeoutSeconds: 77, maxmemoryBytes: 5242880 });
    expect(office.order.slice(-2)).toEqual(['view', 'users']);
    expect(office.lines.at(-1)).toContain('info policy.reloaded');
  });

  it('that says the same does nothing', () => {
    const before = office.state();
    expect(office.reload({ [T1]: TENANT_1 })).toBe('ok');
    expect(office.state()).toEqual(before);
    expect(office.order).toEqual([]);
    expect(office.lines.at(-1)).toContain('info policy.unchanged');
  });

  it.each([
    ['is no YAML', { [T1]: TENANT_1, [T2]: 'tenant: [' }],
    ['has an unknown key', { [T1]: TENANT_1, [T2]: `${TENANT_2}colour: red\n` }],
    ['has a wrong rule', { [T2]: 'tenant: t2\nusers: [{ name: bob, acl: on >pw +nosuch }]\n' }],
    ['names a user twice', { [T1]: TENANT_1, [T2]: TENANT_1.replace('t1', 't2') }],
    ['has a bad limit beside good users', { [T2]: TENANT_2, 'gateway.yaml': 'limits: { maxclients: -1 }\n' }],
  ])('that %s changes nothing', (_what, files: Files) => {
    const before = office.state();
    const settings = office.applied.length;
    expect(office.reload(files)).toMatch(/^[a-z0-9/.]+:\d+:\d+: /);
    expect(office.state()).toEqual(before);
    expect(office.applied).toHaveLength(settings);
    expect(office.order).toEqual([]);
    expect(office.lines.at(-1)).toContain('error policy.refused');
    expect(office.reload({ [T1]: TENANT_1, [T2]: TENANT_2 })).toBe('ok');
    expect(office.names()).toContain('bob');
  });

  it('that is right by itself but has no room changes nothing either, and is tried again', () => {
    const many = (first: number): Files =>
      Object.fromEntries(
        Array.from({ length: 600 }, (_, i) => [`tenants/n${first + i}.yaml`, `tenant: n${first + i}\n`] as const),
      );
    expect(office.reload(many(0))).toBe('ok');
    // The tenants that are gone keep their numbers and their data.
    const before = office.state();
    expect(office.reload(many(600))).toBe(`more than ${TENANTS_MAX} tenants`);
    expect(office.state()).toEqual(before);
    expect(office.reload(many(600))).toBe(`more than ${TENANTS_MAX} tenants`);
    expect(office.reload(many(0))).toBe('ok');
  });

  it('sets the level of the log', () => {
    expect(office.reload({ [T1]: TENANT_1, 'gateway.yaml': 'logging: { level: debug }\n' })).toBe('ok');
    expect(office.levels.at(-1)).toBe('debug');
  });

  it('without a tenant retires it: its users are gone, its number and data stay', () => {
    office.reload({ [T1]: TENANT_1, [T2]: TENANT_2 });
    const { number } = office.tenants.get('t2') ?? {};
    office.reload({ [T1]: TENANT_1 });
    expect(office.names()).not.toContain('bob');
    expect(office.tenants.get('t2')).toMatchObject({ number, state: 'retired' });
    office.reload({ [T1]: TENANT_1, [T2]: TENANT_2 });
    expect(office.tenants.get('t2')).toMatchObject({ number, state: 'active' });
  });
});

describe('what was said at run time', () => {
  it('by ACL SETUSER outlives a policy that does not speak of it', () => {
    expect(office.acl('SETUSER', 'eve', 'on', '>secret', '~e*', '+get')).toBe('+OK\r\n');
    const { tenant } = office.roster.get('eve') ?? {};
    expect(tenant).toBeDefined();
    expect(office.reload({ [T1]: TENANT_1, [T2]: TENANT_2 })).toBe('ok');
    expect(office.roster.get('eve')).toMatchObject({ tenant, enabled: true, origin: 'runtime' });
    const named = `tenant: t2\nusers: [{ name: eve, acl: on >other +ping }]\n`;
    expect(office.reload({ [T1]: TENANT_1, [T2]: named })).toBe('ok');
    expect(office.roster.get('eve')).toMatchObject({ tenant: 't2', origin: 'policy' });
  });

  it('by CONFIG SET stays as long as the files say nothing new of settings', () => {
    expect(office.config.set([['timeout', '5']])).toBeUndefined();
    expect(office.reload({ [T1]: TENANT_1, [T2]: TENANT_2 })).toBe('ok');
    expect(office.setting('timeout')).toBe('5');
    expect(office.reload({ [T1]: TENANT_1, 'gateway.yaml': 'limits: { maxclients: 50 }\n' })).toBe('ok');
    expect(office.setting('timeout')).toBe('300');
    expect(office.setting('maxclients')).toBe('50');
  });
});

describe('the trusted loopback', () => {
  it('has a default user without a password, whatever the files say, and no limits of theirs', () => {
    const files = { [T1]: TENANT_1, 'gateway.yaml': 'limits: { timeout: 77 }\n' };
    office = new Office(files, true);
    expect(office.roster.get('default')).toMatchObject({ nopass: true, enabled: true });
    expect(office.setting('timeout')).toBe('0');
    expect(office.reload({ ...files, [T2]: TENANT_2, 'gateway.yaml': 'limits: { timeout: 78 }\n' })).toBe('ok');
    expect(office.roster.get('default')).toMatchObject({ nopass: true, enabled: true });
    expect(office.setting('timeout')).toBe('0');
  });
});
