/** Policy files with something wrong in them, and words that are long and meant to be slow. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Allowlist } from '../../../src/base/cidr.ts';
import { gatewaySchema, tenantSchema, wordsOf } from '../../../src/policy/schema.ts';
import { PolicySource } from '../../../src/policy/source.ts';
import { parseBytes } from '../../../src/tenancy/budget.ts';
import { type AttackCase, attack, becomes, holds, matches, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import type { Wire } from '../wire.ts';
import { hashOf, type World } from '../world.ts';

const WRONGPASS = /^-WRONGPASS /;
const VALIDATOR_MS_MAX = 10;
/** On the wire there is more than the validator. */
const ANSWER_MS_MAX = 50;

function write(world: World, name: string, text: string): void {
  writeFileSync(join(world.folder, 'policies', 'tenants', name), text);
}

/** A file of tenant `name` that also brings a user who must not come in. */
function fileWith(name: string, more: string): string {
  return `tenant: ${name}\nusers:\n  - { name: intruder, acl: 'on #${hashOf(PASSWORD)} ~* +@all' }\n${more}`;
}

const REFUSED: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  ['a user of another tenant', fileWith('three', "  - { name: t1, acl: 'on nopass ~* +@all' }\n"), /t1/],
  ['a user twice', fileWith('three', "  - { name: intruder, acl: 'off' }\n"), /intruder/],
  ['a tenant that is there', fileWith('one', ''), /tenant \\"one\\" is also defined/],
  ['a rule that is none', fileWith('three', "  - { name: other, acl: 'on +@nosuch' }\n"), /yaml:4:/],
  ['an unknown key', fileWith('three', 'budgets: {}\n'), /unknown key/],
  ['a key twice', fileWith('three', 'tenant: four\n'), /stands twice/],
  ['an address that is none', fileWith('three', "addresses: ['010.0.0.1']\n"), /010\.0\.0\.1/],
  ['a size that is none', fileWith('three', 'budget: { memory: -1 }\n'), /yaml:4:/],
  ['no YAML', fileWith('three', ' }{\n'), /yaml:/],
  ['a tag', fileWith('three', 'suspended: !!js/function "x"\n'), /tags have no meaning/],
  ['a billion laughs', `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n${fileWith('three', '')}`, /unknown key|aliases/],
  ['a prototype', fileWith('three', '__proto__: { suspended: true }\n'), /yaml:/],
];

async function badPolicies(world: World): Promise<void> {
  const t1 = await world.as('t1');
  const anon = await world.anon('127.0.0.81');
  try {
    for (const [i, [what, text, expected]] of REFUSED.entries()) {
      const place = world.logEnd;
      // The folder is watched as well, so that the file before may still be spoken of.
      const name = `bad${i}.yaml`;
      write(world, name, text);
      world.reload();
      const refusals = () =>
        world.logSince(place).filter((line) => line.includes('"event":"policy.refused"') && line.includes(name));
      holds(await becomes(() => refusals().length > 0), `${what}: it is not refused`);
      matches(refusals()[0] ?? '', expected, what);
      matches(await anon.ask('AUTH', 'intruder', PASSWORD), /^-(?:WRONGPASS|BUSY) /, `${what}: the new user`);
      same(await t1.ask('SET', 't1:policy', what), '+OK\r\n', `${what}: the old user, connected`);
      (await world.as('ro')).close();
      holds(!world.logSince(place).some((line) => line.includes('"event":"policy.reloaded"')), `${what}: it is taken`);
      rmSync(join(world.folder, 'policies', 'tenants', name));
    }
    const place = world.logEnd;
    write(world, 'bad.yaml', fileWith('three', ''));
    world.reload();
    const adopted = () => world.logSince(place).some((line) => line.includes('"event":"policy.reloaded"'));
    holds(await becomes(adopted), 'a right file is not taken');
    const intruder = await world.as('intruder');
    rmSync(join(world.folder, 'policies', 'tenants', 'bad.yaml'));
    world.reload();
    holds(await intruder.ends(3000), 'a user who left the files stays connected');
  } finally {
    for (const name of readdirSync(join(world.folder, 'policies', 'tenants'))) {
      if (name.startsWith('bad')) rmSync(join(world.folder, 'policies', 'tenants', name));
    }
    world.reload();
    t1.close();
    anon.close();
  }
  const again = await world.anon('127.0.0.82');
  matches(await again.ask('AUTH', 'intruder', PASSWORD), WRONGPASS, 'who left the files');
  again.close();
}

const LONG = 100_000;
const HOSTILE: readonly string[] = [
  'a'.repeat(LONG),
  '1'.repeat(LONG),
  `${'1.'.repeat(LONG / 2)}`,
  `${':'.repeat(LONG)}`,
  `1${' '.repeat(LONG)}x`,
  `${'\t \n'.repeat(LONG / 4)}!`,
  `0${'0'.repeat(LONG)}mb`,
  `${'9'.repeat(LONG)}e400`,
  `${'a-'.repeat(LONG / 2)}\u0000`,
  `${'('.repeat(LONG)}`,
  `${'(~a '.repeat(LONG / 4)}`,
  `(${' >'.repeat(LONG / 2)}`,
  `%${'RW'.repeat(LONG / 2)}~`,
  `${'*a'.repeat(LONG / 2)}b`,
  `${'['.repeat(LONG)}`,
  `${'\\'.repeat(LONG)}`,
  `"${'\\x'.repeat(LONG / 2)}`,
  `127.0.0.1/${'8'.repeat(LONG)}`,
  `${'::ffff:'.repeat(LONG / 8)}1`,
  `user=${'%41'.repeat(LONG / 4)}`,
];

const VALIDATORS: readonly (readonly [string, (text: string) => unknown])[] = [
  ['sizes', parseBytes],
  ['words of rules', wordsOf],
  ['allowlists', (text) => Allowlist.parse([text])],
  ['a name', (text) => tenantSchema.safeParse({ tenant: text })],
  [
    'a user',
    (text) => tenantSchema.safeParse({ tenant: 'x', users: [{ name: text, acl: 'on', password_file: text }] }),
  ],
  ['a budget', (text) => tenantSchema.safeParse({ tenant: 'x', budget: { memory: text, policy: text } })],
  ['an unknown key', (text) => tenantSchema.safeParse({ tenant: 'x', [text]: text })],
  ['listeners', (text) => gatewaySchema.safeParse({ listeners: { tls: { bind: text, addresses: [text] } } })],
  ['the level', (text) => gatewaySchema.safeParse({ logging: { level: text } })],
];

function validatorsHold(isTimed: boolean): void {
  for (const text of HOSTILE) {
    for (const [name, validate] of VALIDATORS) {
      validate(text);
      const started_ms = performance.now();
      validate(text);
      const took_ms = performance.now() - started_ms;
      if (isTimed) holds(took_ms <= VALIDATOR_MS_MAX, `${name}: ${took_ms.toFixed(0)} ms for ${text.slice(0, 20)}`);
    }
    // Whatever it makes of it, it comes back, and says so where it is a fault.
    PolicySource.parse('x.yaml', `tenant: ${JSON.stringify(text)}\n`, []);
  }
}

/** Every argument that is looked at with more than an eye. */
const PLACES: readonly ((text: string) => readonly string[])[] = [
  (text) => ['SET', 't1:n', 'v', 'EX', text],
  (text) => ['SET', 't1:n', 'v', text],
  (text) => ['INCRBY', 't1:n', text],
  (text) => ['INCRBYFLOAT', 't1:n', text],
  (text) => ['GETRANGE', 't1:n', text, text],
  (text) => ['SCAN', text],
  (text) => ['SCAN', '0', 'MATCH', text, 'TYPE', text],
  (text) => ['KEYS', text],
  (text) => ['SELECT', text],
  (text) => ['CLIENT', 'SETNAME', text],
  (text) => ['CLIENT', 'SETINFO', 'lib-name', text],
  (text) => ['CLIENT', 'KILL', 'ADDR', text],
  (text) => ['CLIENT', 'KILL', text],
  (text) => ['CLIENT', 'LIST', 'ID', text],
  (text) => ['CONFIG', 'GET', text],
  (text) => ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', text],
  (text) => ['COMMAND', 'GETKEYS', text, text],
  (text) => ['INFO', text],
  (text) => ['ACL', 'CAT', text],
  (text) => ['ACL', 'GENPASS', text],
  (text) => ['ACL', 'DRYRUN', 't1x', text, text],
  (text) => ['HELLO', text],
  (text) => ['HELLO', '3', 'SETNAME', text],
  (text) => ['OBJECT', text, 't1:n'],
  (text) => [text],
];

async function wireHolds(wire: Wire, isTimed: boolean): Promise<void> {
  for (const raw of HOSTILE) {
    const text = Buffer.from(raw, 'utf8').toString('latin1');
    for (const place of PLACES) {
      const words = place(text);
      const started_ms = performance.now();
      const reply = await wire.ask(...words);
      const took_ms = performance.now() - started_ms;
      const name = words.map((word) => word.slice(0, 16)).join(' ');
      matches(reply, /^[-+:*$%_=]/, name);
      if (reply.startsWith('-')) holds(reply.length <= 1024, `${name}: an error of ${reply.length} bytes`);
      if (isTimed) holds(took_ms <= ANSWER_MS_MAX, `${name}: ${took_ms.toFixed(0)} ms`);
    }
  }
  same(await wire.ask('RESET'), '+RESET\r\n', 'in step afterwards');
}

export const policyCases: readonly AttackCase[] = [
  attack(
    'A37',
    'a policy with a fault is refused whole, and the one in force stays',
    [
      'failure: policy-refused',
      'success: policy-reloaded',
      'unknown_user: login',
      'too_many_failures?: login',
      'user_removed: connection-closed',
    ],
    badPolicies,
  ),
  attack(
    'N216',
    'a hundred kilobytes where a word is expected',
    ['failure: client-kill acl-setuser config-set', 'unknown_command: unknown-command'],
    async (world) => {
      validatorsHold(world.options.timed);
      const t1x = await world.as('t1x');
      await wireHolds(t1x, world.options.timed);
      const admin = await world.as('admin');
      for (const text of HOSTILE) {
        const rule = Buffer.from(text, 'utf8').toString('latin1');
        matches(await admin.ask('ACL', 'SETUSER', 'hostile', rule), /^-ERR/, `ACL SETUSER ${rule.slice(0, 16)}`);
        matches(await admin.ask('CONFIG', 'SET', 'maxmemory', rule), /^-ERR/, `CONFIG SET ${rule.slice(0, 16)}`);
      }
      admin.close();
      t1x.close();
    },
  ),
];
