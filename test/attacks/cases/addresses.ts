/** Group I: addresses that are written to be misread. */
import { type AttackCase, attack, holds, matches } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { lineBehindGateway, saidOf } from '../reloads.ts';
import { hashOf, type World } from '../world.ts';

/** What some parser takes for an address or a network, and what must not be one. */
const NO_ADDRESSES: readonly string[] = [
  '010.0.0.1',
  '10.1',
  '0x0a000001',
  '10.0.0.1\\n',
  '10.0.0.0/08',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '\uff11\uff10.0.0.1',
  '\uff110.0.0.1',
  '10.0.0.1 ',
  '::ffff:10.0.0.1/200',
  'fe80::1%eth0',
  '',
];

function tenantFrom(address: string): string {
  return `tenant: three\nusers:\n  - { name: intruder, acl: 'on #${hashOf(PASSWORD)} ~* +@all' }\naddresses:\n  - "${address}"\n`;
}

/** The whole policy is refused, and the place is named. */
async function refusesEach(world: World, name: string, place: RegExp, written: (address: string) => string) {
  for (const address of NO_ADDRESSES) {
    const lines = await saidOf(world, name, written(address));
    const refused = lines.find((line) => line.includes('"event":"policy.refused"')) ?? '';
    matches(refused, place, `${JSON.stringify(address)} is refused where it stands`);
  }
}

export const addressCases: readonly AttackCase[] = [
  attack(
    'I59',
    'what only looks like an address, as that of a tenant',
    ['failure: policy-refused', 'unknown_user: login'],
    async (world) => {
      await refusesEach(world, 'tenants/bad.yaml', /bad\.yaml:5:5/, tenantFrom);
      const anon = await world.anon('127.0.0.83');
      matches(await anon.ask('AUTH', 'intruder', PASSWORD), /^-WRONGPASS /, 'who came with them');
      anon.close();
    },
  ),
  attack(
    'I59',
    'what only looks like an address, as that of an operator or a listener',
    ['failure: policy-refused'],
    async (world) => {
      const place = new RegExp(`gateway\\.yaml:${lineBehindGateway(world)}:\\d+: `);
      await refusesEach(world, 'gateway.yaml', place, (address) => `admin: { addresses: ["${address}"] }\n`);
      const ofListener = (address: string) => `listeners: { tls: { addresses: ["${address}"] } }\n`;
      await refusesEach(world, 'gateway.yaml', place, ofListener);
    },
  ),
  attack(
    'I60',
    'a network with host bits is read in one way, and that is said',
    ['success: policy-reloaded'],
    async (world) => {
      const lines = await saidOf(world, 'tenants/bad.yaml', tenantFrom('10.1.2.3/8'));
      const isTaken = lines.some((line) => line.includes('"event":"policy.reloaded"'));
      holds(isTaken, 'a network with host bits is taken');
      const note = lines.find((line) => line.includes('"event":"policy.note"') && line.includes('10.1.2.3/8')) ?? '';
      matches(note, /bad\.yaml:5:5: 10\.1\.2\.3\/8 is read as 10\.0\.0\.0\/8/, 'and it is said how it is read');
    },
  ),
];
