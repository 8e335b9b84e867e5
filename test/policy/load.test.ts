/** Policy files become exactly what they say, or a list of what is wrong with them and where. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { POLICY_FILE_BYTES_MAX, POLICY_PROBLEMS_MAX, TENANTS_MAX } from '../../src/base/limits.ts';
import { failure } from '../../src/base/result.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { describeProblem } from '../../src/policy/policy.ts';
import { NO_BUDGET } from '../../src/tenancy/budget.ts';
import { NO_RATES } from '../../src/tenancy/rate.ts';
import {
  BUILT_INS,
  GATEWAY_DEFAULTS,
  load,
  MemoryFiles,
  policyOf,
  problemsOf,
  SECTION_DEFAULTS,
  TLS_DEFAULTS,
} from './support.ts';

const TENANT = 'tenants/t1.yaml';

/** The one problem of one tenant file. */
function faultOf(text: string): string {
  const problems = problemsOf({ [TENANT]: text });
  expect(problems).toHaveLength(1);
  return (problems[0] ?? '').replace(`${TENANT}:`, '');
}

function gatewayFaultOf(text: string): string {
  const problems = problemsOf({ 'gateway.yaml': text });
  expect(problems).toHaveLength(1);
  return (problems[0] ?? '').replace('gateway.yaml:', '');
}

describe('a folder without files', () => {
  it('is the policy of a first start', () => {
    const { gateway, tenants, users, notes, contentHash } = policyOf({});
    expect(gateway).toEqual(GATEWAY_DEFAULTS);
    expect(tenants).toEqual([
      { name: 'default', budget: NO_BUDGET, addresses: undefined, suspended: false },
      { name: 'system', budget: NO_BUDGET, addresses: undefined, suspended: false },
    ]);
    expect(users.map(({ name, tenantName, position }) => [name, tenantName, position])).toEqual(
      BUILT_INS.map(({ name, tenantName }) => [name, tenantName, undefined]),
    );
    expect([notes, contentHash.length]).toEqual([[], 64]);
  });

  it.each(['', '# nothing\n', '{}', 'listeners:\n', 'limits: {}\nlisteners:\n  tls:\n', '---\n'])(
    'is no different from a gateway file that says %j',
    (text) => {
      expect(policyOf({ 'gateway.yaml': text }).gateway).toEqual(policyOf({}).gateway);
    },
  );
});

describe('a good file', () => {
  it('gives every setting of the gateway', () => {
    const { gateway } = policyOf({
      'gateway.yaml': `
listeners:
  tls: { bind: 0.0.0.0, port: 7000, profile: modern, addresses: [10.0.0.0/8] }
  plain: { bind: '::', port: 7001, allow_remote: true, addresses: ['2001:db8::/32'] }
limits:
  maxclients: 5
  connections_per_ip: 0
  per_ip_exempt: []
  timeout: 0
  tcp_keepalive: 1
  handshake_timeout: 2
  authentication_timeout: 3
  proto_max_bulk_len: 1mb
  client_query_buffer_limit: 2000000
  client_output_buffer_limit:
    normal: { hard: 1mb, soft: 1kb, seconds: 1 }
    pubsub: { hard: 0 }
admin: { addresses: [127.0.0.1] }
storage: { shards: 2, data: /data, maxmemory: 1gb, maxmemory_policy: allkeys-lru, maxmemory_samples: 10 }
logging: { level: debug }
shutdown_timeout: 0
`,
    });
    expect(gateway).toEqual({
      tls: {
        bind: '0.0.0.0',
        port: 7000,
        profile: 'modern',
        addresses: expect.objectContaining({ rules: ['10.0.0.0/8'] }),
        ...TLS_DEFAULTS,
      },
      plain: {
        bind: '::',
        port: 7001,
        allowRemote: true,
        addresses: expect.objectContaining({ rules: ['2001:db8::/32'] }),
      },
      limits: {
        maxclients: 5,
        connectionsPerIp: 0,
        perIpExempt: undefined,
        timeoutSeconds: 0,
        tcpKeepaliveSeconds: 1,
        handshakeTimeoutSeconds: 2,
        authenticationTimeoutSeconds: 3,
        protoMaxBulkBytes: 1_048_576,
        clientQueryBufferBytes: 2_000_000,
        outputLimits: {
          normal: { hardBytes: 1_048_576, softBytes: 1024, softSeconds: 1 },
          pubsub: { hardBytes: 0, softBytes: 8_388_608, softSeconds: 60 },
          replica: { hardBytes: 268_435_456, softBytes: 67_108_864, softSeconds: 60 },
        },
      },
      adminAddresses: expect.objectContaining({ rules: ['127.0.0.1/32'] }),
      ...SECTION_DEFAULTS,
      storage: {
        ...SECTION_DEFAULTS.storage,
        ...{ shards: 2, dataFolder: '/data' },
        ...{ maxmemoryBytes: 1_073_741_824, maxmemoryPolicy: 'allkeys-lru', maxmemorySamples: 10 },
      },
      logLevel: 'debug',
      shutdownTimeoutSeconds: 0,
    });
  });

  it('gives tenants, budgets and users, in their order', () => {
    const policy = policyOf(
      {
        'tenants/z.yaml': `tenant: z
users:
  - name: zoë
    acl: 'on ~z:*  +@all'
    password_file: z.password
    addresses: [10.0.0.1/8]
  - { name: list, acl: [on, '>a b', '~x'] }
budget: { memory: 64mb, policy: volatile-ttl, connections: 50, commands_per_second: 1000, bytes_in_per_second: 1mb,
          bytes_out_per_second: 2k, largest_value: 3, largest_reply: 4kb }
suspended: true
`,
        'tenants/a.yaml': 'tenant: a\naddresses: ["::1"]\n',
      },
      { 'z.password': 'secret' },
    );
    expect(policy.tenants.map(({ name }) => name)).toEqual(['default', 'system', 'a', 'z']);
    expect(policy.tenants[3]).toEqual({
      name: 'z',
      budget: {
        memoryBytes: 67_108_864,
        policy: 'volatile-ttl',
        connections: 50,
        ...NO_RATES,
        commandsPerSecond: 1000,
        bytesInPerSecond: 1_048_576,
        bytesOutPerSecond: 2000,
        largestValueBytes: 3,
        largestReplyBytes: 4096,
      },
      addresses: undefined,
      suspended: true,
    });
    expect(policy.tenants[2]?.addresses?.rules).toEqual(['::1/128']);
    const [zoe, list] = policy.users;
    expect(zoe).toMatchObject({
      name: 'zo\xc3\xab',
      tenantName: 'z',
      position: { file: 'tenants/z.yaml', line: 3, column: 11 },
    });
    expect(zoe?.addresses?.rules).toEqual(['10.0.0.0/8']);
    const hash = createHash('sha256').update('secret').digest('hex');
    expect(zoe?.rules.map((rule) => latin1(rule))).toEqual(['on', '~z:*', '+@all', `#${hash}`]);
    expect(list?.rules.map((rule) => latin1(rule))).toEqual(['on', '>a b', '~x']);
    expect(policy.notes.map(describeProblem)).toEqual([
      'tenants/z.yaml:6:17: 10.0.0.1/8 is read as 10.0.0.0/8',
      'tenants/z.yaml:7:13: user "list" has its password in clear in the file: better # and its SHA-256',
    ]);
  });

  it('about a tenant hides its built-in users, but not default', () => {
    const names = (files: Record<string, string>) => policyOf(files).users.map(({ name }) => name);
    expect(names({ 'tenants/d.yaml': 'tenant: default\n' })).toEqual(['admin', 'default']);
    expect(names({ 'tenants/s.yaml': 'tenant: system\n' })).toEqual(['app', 'default']);
    expect(names({ 'tenants/x.yaml': 'tenant: x\nusers: [{ name: app, acl: on >x }]\n' })).toEqual([
      'app',
      'admin',
      'default',
    ]);
  });

  it('gets notes about users nobody can use, or everybody', () => {
    const notesOf = (acl: string) =>
      policyOf({ [TENANT]: `tenant: t1\nusers: [{ name: u, acl: "${acl}" }]\n` }).notes.map(({ message }) => message);
    expect(notesOf('on >p')).toEqual([expect.stringContaining('in clear')]);
    expect(notesOf(`on #${'a'.repeat(64)}`)).toEqual([]);
    expect(notesOf('on nopass')).toEqual(['user "u" needs no password']);
    expect(notesOf('on ~*')).toEqual(['user "u" has no password and cannot log in']);
    expect(notesOf('')).toEqual([
      'user "u" has no password and cannot log in',
      'user "u" is off: its rules do not say on',
    ]);
  });
});

describe('a tenant file with one mistake', () => {
  it.each([
    ['tenant: t1\nusrs: []\n', '2:1: unknown key "usrs"'],
    ['tenant: t1\nusers:\n  - name: u\n    akl: on\n', '4:5: unknown key "akl"'],
    ['tenant: t1\nbudget: { memory: 1mb, memry: 2mb }\n', '2:24: unknown key "memry"'],
    ['users: []\n', '1:1: "tenant" is missing'],
    ['', '1:1: "tenant" is missing'],
    ['- a\n', '1:1: must be a mapping, not a list'],
    ['just text\n', '1:1: must be a mapping, not a text'],
    ['tenant: 5\n', '1:9: must be a text, not a number'],
    ['tenant: ../x\n', '1:9: must be a name of letters, digits, dots, dashes and underscores'],
    ['tenant: "t1\\n"\n', '1:9: must be a name of letters, digits, dots, dashes and underscores'],
    ['tenant: t1\nusers: 5\n', '2:8: must be a list, not a number'],
    ['tenant: t1\nusers:\n  - acl: on\n', '3:5: "name" is missing'],
    ['tenant: t1\nusers:\n  - { acl: on, name: "a b" }\n', '3:22: must be a name without blanks'],
    ['tenant: t1\nusers:\n  - { name: u, acl: 5 }\n', '3:21: must be ACL rules, such as "on ~app:* +@all -@dangerous"'],
    [
      'tenant: t1\nusers:\n  - { name: u, acl: [on, 5] }\n',
      '3:21: must be ACL rules, such as "on ~app:* +@all -@dangerous"',
    ],
    [
      'tenant: t1\nusers:\n  - { name: u, acl: on ~a +nosuch ~b }\n',
      '3:27: ACL rule "+nosuch": Unknown command or category name in ACL',
    ],
    [
      "tenant: t1\nusers:\n  - { name: u, acl: 'on +nosuch' }\n",
      '3:25: ACL rule "+nosuch": Unknown command or category name in ACL',
    ],
    ['tenant: t1\nusers:\n  - name: u\n    acl:\n      - on\n      - "%Q~x"\n', '6:9: ACL rule "%Q~x": Syntax error'],
    [
      'tenant: t1\nusers:\n  - name: u\n    acl: >-\n      on\n      +nosuch\n',
      '6:7: ACL rule "+nosuch": Unknown command or category name in ACL',
    ],
    [
      'tenant: t1\nusers: [{ name: u, acl: "on #secret" }]\n',
      '2:29: ACL rule "#…": The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
    ],
    [
      'tenant: t1\nusers: [{ name: u, acl: "on <secret" }]\n',
      '2:29: ACL rule "<…": The password you are trying to remove from the user does not exist',
    ],
    [
      'tenant: t1\nusers: [{ name: u, password_file: ../x }]\n',
      '2:35: must be the name of a file in the certificates folder',
    ],
    [
      'tenant: t1\nusers: [{ name: u, password_file: no.such }]\n',
      '2:35: password file no.such: cannot be read: ENOENT',
    ],
    ['tenant: t1\nusers: [{ name: u }, { name: u }]\n', '2:30: user "u" is also defined at tenants/t1.yaml:2:17'],
    [
      'tenant: t1\nusers: [{ name: default, acl: on nopass }]\n',
      '2:31: the user default needs a password: connections begin as it',
    ],
    [
      'tenant: t1\naddresses: [10.0.0.0/8, 10.0.0.0/33]\n',
      '2:25: "10.0.0.0/33": the prefix length must be a number from 0 to 32',
    ],
    ['tenant: t1\naddresses: 10.0.0.0/8\n', '2:12: must be a list, not a text'],
    [
      'tenant: t1\nusers:\n  - name: u\n    addresses: [localhost]\n',
      '4:17: "localhost": neither an IPv4 nor an IPv6 address in plain decimal or hexadecimal form',
    ],
    ['tenant: t1\nbudget: { memory: 1 gb }\n', '2:19: must be bytes, such as 4096, 100kb, 64mb or 1gb'],
    ['tenant: t1\nbudget: { memory: 9007199254740991g }\n', '2:19: is more bytes than can be counted'],
    ['tenant: t1\nbudget: { memory: -1 }\n', '2:19: must be bytes, such as 4096, 100kb, 64mb or 1gb'],
    ['tenant: t1\nbudget: { connections: -1 }\n', '2:24: must be at least 0'],
    ['tenant: t1\nbudget: { connections: 1.5 }\n', '2:24: must be a whole number, not a number'],
    ['tenant: t1\nbudget: { policy: lru }\n', expect.stringMatching(/^2:19: must be one of noeviction, /)],
    ['tenant: t1\nsuspended: "yes"\n', '2:12: must be true or false, not a text'],
    ['tenant: system\nsuspended: true\n', '2:12: the tenant system cannot be suspended: nobody could undo it'],
    ['tenant: system\nbudget: { memory: 1 }\n', '2:19: the tenant system holds no data and has no memory budget'],
    ['tenant: t1\ntenant: t2\n', '2:1: this key stands twice'],
    ['tenant: t1\nbudget: { memory: 1, memory: 2 }\n', '2:22: this key stands twice'],
    ['tenant: !!binary t1\n', expect.stringMatching(/^1:\d+: /)],
    ['tenant: t1\n---\ntenant: t2\n', expect.stringMatching(/^2:1: one file holds one document/)],
    ['tenant: t1\nusers: *nobody\n', '2:8: nothing is called "nobody" before this'],
    ['tenant: t1\nusers: [\n', expect.stringMatching(/^\d:\d+: /)],
    ['tenant: "t1\n', expect.stringMatching(/^\d:\d+: /)],
    ['\ttenant: t1\n', expect.stringMatching(/^1:1: /)],
  ])('%j is told where', (text, problem) => {
    expect(faultOf(text)).toEqual(problem);
  });

  it('is refused unread when it is huge, and unexpanded when it is a bomb', () => {
    expect(faultOf(`tenant: t1\n#${' '.repeat(POLICY_FILE_BYTES_MAX)}`)).toBe(
      `1:1: more than ${POLICY_FILE_BYTES_MAX} bytes`,
    );
    const levels = Array.from(
      { length: 12 },
      (_, i) => `b${i + 1}: &b${i + 1} [${Array.from({ length: 10 }, () => `*b${i}`).join(', ')}]`,
    );
    expect(faultOf(`b0: &b0 [x]\n${levels.join('\n')}\n`)).toBe('1:1: too many aliases');
    expect(faultOf('tenant: &t [*t]\n')).toMatch(/^1:/);
  });

  it('may share a list by an alias', () => {
    const policy = policyOf({
      [TENANT]: 'tenant: t1\naddresses: &us [10.0.0.0/8]\nusers: [{ name: u, addresses: *us }]\n',
    });
    expect(policy.users[0]?.addresses?.rules).toEqual(['10.0.0.0/8']);
  });
});

describe('a gateway file with one mistake', () => {
  it.each([
    ['listeners: { tls: { prot: 1 } }\n', '1:21: unknown key "prot"'],
    ['listeners: { tls: { port: 65536 } }\n', '1:27: must be at most 65535'],
    ['listeners: { tls: { port: "6380" } }\n', '1:27: must be a number, not a text'],
    ['listeners: { tls: { profile: old } }\n', '1:30: must be one of intermediate, modern'],
    ['listeners: { tls: { bind: "" } }\n', '1:27: must not be empty'],
    ['listeners: { plain: { port: 6380 } }\n', '1:29: is also the port of tls'],
    [
      'listeners: { plain: { port: 6379, bind: 0.0.0.0 } }\n',
      expect.stringContaining('1:41: is not a loopback address'),
    ],
    [
      'listeners: { plain: { port: 6379, bind: "::127.0.0.1" } }\n',
      expect.stringContaining('1:41: is not a loopback address'),
    ],
    ['limits: { proto_max_bulk_len: 1000 }\n', '1:31: must be at least 1mb'],
    ['limits: { proto_max_bulk_len: 1gb }\n', '1:31: must be at most 512mb'],
    ['limits: { maxclients: 0 }\n', '1:23: must be at least 1'],
    ['limits: { handshake_timeout: 0 }\n', '1:30: must be at least 1'],
    ['storage: { shards: 100000 }\n', expect.stringMatching(/^1:20: must be at most \d+$/)],
    ['logging: { level: loud }\n', '1:19: must be one of trace, debug, info, warn, error, fatal'],
    ['limits: [1]\n', '1:9: must be a mapping, not a list'],
    ['true\n', '1:1: must be a mapping, not true or false'],
  ])('%j is told where', (text, problem) => {
    expect(gatewayFaultOf(text)).toEqual(problem);
  });
});

describe('several files', () => {
  it('may not define a tenant or a user twice', () => {
    expect(
      problemsOf({
        'tenants/a.yaml': 'tenant: a\nusers: [{ name: u }]\n',
        'tenants/b.yaml': 'tenant: b\nusers:\n  - { name: u }\n',
        'tenants/c.yaml': '# again\ntenant: a\n',
      }),
    ).toEqual([
      'tenants/b.yaml:3:13: user "u" is also defined at tenants/a.yaml:2:17',
      'tenants/c.yaml:2:9: tenant "a" is also defined at tenants/a.yaml:1:9',
    ]);
  });

  it('have all their problems told at once, in order, up to a bound', () => {
    const bad = 'tenant: 5\nsuspended: 3\nx: 1\n';
    expect(problemsOf({ 'tenants/b.yaml': bad, 'gateway.yaml': 'x: 1\n', 'tenants/a.yaml': bad })).toEqual([
      'gateway.yaml:1:1: unknown key "x"',
      ...['a', 'b'].flatMap((name) => [
        `tenants/${name}.yaml:1:9: must be a text, not a number`,
        `tenants/${name}.yaml:2:12: must be true or false, not a number`,
        `tenants/${name}.yaml:3:1: unknown key "x"`,
      ]),
    ]);
    const keys = Array.from({ length: 1000 }, (_, i) => `k${i}: 1\n`).join('');
    expect(problemsOf({ 'gateway.yaml': keys })).toHaveLength(POLICY_PROBLEMS_MAX);
  });

  it('may be as many as there are tenants', () => {
    const files = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`tenants/${i}.yaml`, `tenant: t${i}\n`]));
    expect(policyOf(files(TENANTS_MAX - 2)).tenants).toHaveLength(TENANTS_MAX);
    expect(problemsOf(files(TENANTS_MAX - 1))).toEqual([expect.stringContaining('more than')]);
  });

  it('that cannot be listed or read are a problem like any other', () => {
    const options = { aclFault: () => undefined, builtIns: [] };
    class Broken extends MemoryFiles {
      override list() {
        return failure('no folder');
      }
    }
    const listed = loadPolicy(new Broken({}), options);
    expect(listed.ok ? [] : listed.fault.map(describeProblem)).toEqual(['.:1:1: no folder']);
    class Gone extends MemoryFiles {
      override read() {
        return failure('is gone');
      }
    }
    const read = loadPolicy(new Gone({ [TENANT]: '' }), options);
    expect(read.ok ? [] : read.fault.map(describeProblem)).toEqual([`${TENANT}:1:1: is gone`]);
  });
});

describe('the content hash', () => {
  it('is the same for the same files, and another after any change to one, or to a password', () => {
    const files = { 'gateway.yaml': '{}\n', [TENANT]: 'tenant: t1\nusers: [{ name: u, password_file: p }]\n' };
    const { contentHash } = policyOf(files, { p: 'a' });
    expect(policyOf(files, { p: 'a' }).contentHash).toBe(contentHash);
    const others = [
      policyOf(files, { p: 'b' }),
      policyOf({ ...files, 'gateway.yaml': '{} \n' }, { p: 'a' }),
      policyOf({ ...files, 'tenants/t2.yaml': 'tenant: t2\n' }, { p: 'a' }),
      policyOf({ [TENANT]: files[TENANT] ?? '' }, { p: 'a' }),
      policyOf({ 'gateway.yaml': '{}\n', 'tenants/x.yaml': files[TENANT] ?? '' }, { p: 'a' }),
    ];
    expect(new Set([contentHash, ...others.map((other) => other.contentHash)]).size).toBe(others.length + 1);
  });
});

describe('any text at all', () => {
  it('is read or refused with a place inside the file, and nothing is thrown', () => {
    const part = fc.constantFrom(
      ...[
        'tenant: t1',
        'users:',
        '  - ',
        'name: u',
        'acl: ',
        'on ',
        '+get',
        '[',
        ']',
        '{',
        '}',
        ': ',
        '\n',
        '\n  ',
        '*a ',
        '&a ',
        '!!x ',
        '"',
        "'",
      ],
      ...[
        '|',
        '>',
        '- ',
        '? ',
        '%YAML 1.1\n',
        '---\n',
        '...\n',
        '\t',
        '#',
        '<<: ',
        '__proto__: ',
        '\0',
        '\u{1f600}',
        'null',
        '1e999',
        '0x1',
      ],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 25 }), fc.boolean(), (parts, isGateway) => {
        const file = isGateway ? 'gateway.yaml' : TENANT;
        const text = parts.join('');
        const loaded = load({ [file]: text });
        if (loaded.ok) return;
        expect(loaded.fault.length).toBeGreaterThan(0);
        const lines = text.split('\n');
        for (const problem of loaded.fault) {
          expect(problem.file).toBe(file);
          expect(problem.line).toBeGreaterThanOrEqual(1);
          expect(problem.line).toBeLessThanOrEqual(lines.length);
          expect(problem.column).toBeGreaterThanOrEqual(1);
          expect(problem.column).toBeLessThanOrEqual((lines[problem.line - 1] ?? '').length + 1);
          expect(problem.message).toMatch(/^[^\n]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
