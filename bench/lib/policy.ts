/**
 * The policies that we are measured under: everything on, nothing of it binding. Ten thousand networks in the listeners'
 * allowlist, real key patterns, command rules, rates, a memory budget and addresses of the user.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Prng } from '../../src/base/prng.ts';

const LISTENER_NETWORKS = 10_000;
const USER_NETWORKS = 50;
const LOOPBACK = '127.0.0.0/8';

export const USER = 'bench';
/** Of another tenant: who takes what it can get. */
export const ABUSER = 'abuser';
/** Who may save. */
export const OPERATOR = 'operator';
/** Of this run alone. */
export const PASSWORD = randomBytes(16).toString('hex');

/** The rules of the user, for us and for redis-server alike: patterns that the keys of redis-benchmark match. */
export const RULES = [
  'on',
  `#${createHash('sha256').update(PASSWORD).digest('hex')}`,
  '~counter:*',
  '~mylist',
  '~bench:*',
  '~key:*',
  '&channel:*',
  '+@all',
  '-@dangerous',
].join(' ');

const HASH = `#${createHash('sha256').update(PASSWORD).digest('hex')}`;
export const OPERATOR_RULES = `on ${HASH} ~* &* +@all`;

/** The same networks in every run: half of them of IPv4, half of IPv6, loopback among them. */
function networks(count: number): string[] {
  const chance = new Prng(count);
  const byte = (): number => chance.uint32() >>> 24;
  const group = (): string => (chance.uint32() >>> 16).toString(16);
  const found = new Set([LOOPBACK]);
  while (found.size < count) {
    if (found.size % 2 === 0) found.add(`2001:db8:${group()}:${group()}::/64`);
    else found.add(`10.${byte()}.${byte()}.0/24`);
  }
  return Array.from(found);
}

/** Flow form: one line of JSON is also YAML. */
function gatewayFile(chain: Chain): string {
  const addresses = networks(LISTENER_NETWORKS);
  const limits = {
    maxclients: 20_000,
    connections_per_ip: 20_000,
    per_ip_exempt: ['192.0.2.0/24'],
    timeout: 3600,
    authentication_timeout: 3600,
  };
  const audit = chain === 'everything, audited' ? { audit: { sink: 'file', writes: true, keys: 'names' } } : {};
  return JSON.stringify({ listeners: { tls: { addresses }, plain: { addresses } }, limits, ...audit });
}

/** Rates of a user and of a tenant: counted, never reached. */
const RATES = {
  connections: 20_000,
  commands_per_second: 10_000_000,
  bytes_in_per_second: '100gb',
  bytes_out_per_second: '100gb',
};

/** `one user`: as little as one can say. `audited`: every write leaves a record. */
export type Chain = 'everything' | 'everything, audited' | 'one user';

function tenantFile(): string {
  return JSON.stringify({
    tenant: 'measured',
    users: [{ name: USER, acl: RULES, addresses: networks(USER_NETWORKS), budget: RATES }],
    budget: {
      memory: '8gb',
      policy: 'noeviction',
      ...RATES,
      largest_value: '32mb',
    },
  });
}

export function writePolicies(folder: string, chain: Chain = 'everything'): void {
  mkdirSync(join(folder, 'tenants'), { recursive: true });
  if (chain === 'one user') {
    const users = [{ name: USER, acl: OPERATOR_RULES }];
    writeFileSync(join(folder, 'tenants', 'measured.yaml'), JSON.stringify({ tenant: 'measured', users }));
    return;
  }
  const abusive = { tenant: 'abusive', users: [{ name: ABUSER, acl: RULES }], budget: { memory: '1gb' } };
  writeFileSync(join(folder, 'tenants', 'abusive.yaml'), JSON.stringify(abusive));
  writeFileSync(join(folder, 'gateway.yaml'), gatewayFile(chain));
  writeFileSync(join(folder, 'tenants', 'measured.yaml'), tenantFile());
  const operator = { tenant: 'system', users: [{ name: OPERATOR, acl: OPERATOR_RULES }] };
  writeFileSync(join(folder, 'tenants', 'system.yaml'), JSON.stringify(operator));
}
