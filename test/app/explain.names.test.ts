/** What `explain` says of the server name that a client asks for is what the gate does with it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { type ExplainEdge, explain, runExplain } from '../../src/app/explain.ts';
import { settingsOf } from '../../src/app/plan.ts';
import { tableAlone } from '../../src/app/table.ts';
import { rosterOf } from '../../src/app/users.ts';
import { viewOf } from '../../src/app/view.ts';
import { parseAddress } from '../../src/base/cidr.ts';
import { ServerNames } from '../../src/gateway/tls.ts';
import { inlineBackend, World } from '../gateway/world.ts';
import { policyOf } from '../policy/support.ts';
import { Authority, SERVER } from '../support/certificates.ts';

const NAMES = `names:
      - { name: redis.one.example, certificate: one.pem, key: one.key, tenant: one }
      - { name: '*.two.example', certificate: two.pem, key: two.key, tenant: two }
      - { name: all.two.example, certificate: all.pem, key: all.key }
`;
const ASKED = [
  'redis.one.example',
  'Redis.ONE.example',
  'a.two.example',
  'all.two.example',
  'two.example',
  'a.b.two.example',
  'elsewhere.example',
  'redis.one.example.',
  undefined,
] as const;
const HERE = { address: parseAddress('127.0.0.1'), listener: 'tls', words: ['PING'] } as const;

function filesWith(unknown: 'default' | 'deny'): Record<string, string> {
  const user = (name: string) => `tenant: ${name}\nusers:\n  - { name: ${name}-app, acl: 'on >pw ~* +@all' }\n`;
  return {
    'gateway.yaml': `listeners:\n  tls:\n    unknown_name: ${unknown}\n    ${NAMES}`,
    'tenants/one.yaml': user('one'),
    'tenants/two.yaml': user('two'),
  };
}

describe.each(['default', 'deny'] as const)('explain, where the answer to an unknown name is %s', (unknown) => {
  const policy = policyOf(filesWith(unknown), {}, tableAlone());
  let names: ServerNames;
  let world: World;

  beforeAll(async () => {
    const pair = await (await Authority.make()).sign({ purpose: SERVER });
    const { tls } = policy.gateway;
    names = new ServerNames({
      ...pair,
      profile: tls.profile,
      unknownName: tls.unknownName,
      names: tls.names.map(({ name, tenantName }) => ({ ...pair, name, tenantName })),
    });
    world = new World(inlineBackend(), viewOf(policy, settingsOf(policy.gateway, false), false));
    world.tenants.apply(policy.tenants, world.clock.now);
    const made = rosterOf(policy, world.core.table, new Roster(0, []), false);
    if (made.ok) world.acl.swap(made.value);
  });
  afterAll(() => world.end());

  /** What becomes of a login under this name. */
  function gateOf(asked: string | undefined, user: string): string {
    if (names.refuses(asked)) return 'server_name_unknown';
    const tenantName = asked === undefined ? undefined : names.find(asked)?.tenantName;
    const shown = { certificate: undefined, chain: [], endsAt_ms: Number.POSITIVE_INFINITY };
    const client = world.connect('127.0.0.1', 4242, { serverName: asked, tenantName, ...shown });
    const password = user === 'admin' ? user : 'pw';
    const reply = world.ask(client, 'AUTH', user, password);
    client.socket.hangUp();
    return reply === '+OK\r\n' ? 'ok' : 'server_name_tenant';
  }

  it.each(['one-app', 'two-app', 'admin'])('lets %s in under the names that the gate does', (user) => {
    const { address } = HERE;
    if (address === undefined) throw new Error('no address');
    const found = ASKED.map((serverName) => explain(policy, world.core, { ...HERE, address, user, serverName }).code);
    expect(found).toEqual(ASKED.map((asked) => gateOf(asked, user)));
    expect(found).toContain('ok');
    expect(found).toContain('server_name_tenant');
    expect(found.includes('server_name_unknown')).toBe(unknown === 'deny');
  });
});

describe('explain --server-name', () => {
  const edge: Partial<ExplainEdge> = { environment: {}, cwd: '/nowhere', table: tableAlone() };

  it('is of no use with a listener that is asked for none', async () => {
    const words = ['--user', 'app', '--plain', '--server-name', 'redis.one.example', '--', 'PING'];
    expect(await runExplain(words, edge as ExplainEdge)).toEqual({
      exitCode: 1,
      output: 'a plain listener is asked for no server name\n',
    });
  });
});
