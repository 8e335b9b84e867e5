/** Group K, keys: no command reaches a key that its user may not reach, and none tells whether there is one. */
import { bytesOfLatin1, latin1 } from '../../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../../src/resp/reply-reader.ts';
import { type AttackCase, attack, CaseFailed, holds, matches, noPermission, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { heldBy, plant, uproot } from '../planted.ts';
import { filled, type KeyPlace, TEMPLATES, type Template } from '../requests.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

/** All in one slot, so that nothing is refused for that. */
const OWN = 't1:{k}';
const OTHER = 'other:{k}';
const ABSENT = 'absent:{k}';
/** Sent at a time: enough to be quick, few enough that none of it waits for long. */
const BATCH = 100;

function itemsOf(reply: Reply | undefined): readonly Reply[] {
  return reply?.kind === 'array' || reply?.kind === 'set' ? reply.items : [];
}

function textOf(reply: Reply | undefined): string {
  if (reply?.kind === 'bulk') return latin1(reply.bytes);
  return reply?.kind === 'simple' ? reply.text : '';
}

function flagsOf(spec: Reply): readonly string[] {
  const fields = itemsOf(spec);
  const at = fields.findIndex((field) => textOf(field) === 'flags');
  return itemsOf(fields[at + 1]).map(textOf);
}

/** The names, in lower case, of one entry of COMMAND and its subcommands that have keys. A channel is told of, but is none. */
function namesWithKeys(entry: Reply): string[] {
  const parts = itemsOf(entry);
  const specs = itemsOf(parts[8]).filter((spec) => !flagsOf(spec).includes('not_key'));
  return [...(specs.length > 0 ? [textOf(parts[0])] : []), ...itemsOf(parts[9]).flatMap(namesWithKeys)];
}

/** Whatever has keys must be in the table of requests, or the cases here would not be about it. */
async function allAreTried(wire: Wire): Promise<void> {
  const reply = parseReply(bytesOfLatin1(await wire.ask('COMMAND')))?.value;
  const names = itemsOf(reply).flatMap(namesWithKeys);
  holds(names.length > 150, `${names.length} commands have keys`);
  const tried = new Set(
    TEMPLATES.flatMap(({ words: [first = '', second = ''] }) => {
      const name = first.toLowerCase();
      return [name, `${name}|${second.toLowerCase()}`];
    }),
  );
  const forgotten = names.filter((name) => !tried.has(name));
  same(forgotten.join(' '), '', 'commands with keys that no case tries');
}

async function askAll(wire: Wire, requests: readonly (readonly string[])[]): Promise<string[]> {
  const replies: string[] = [];
  for (let from = 0; from < requests.length; from += BATCH) {
    const some = requests.slice(from, from + BATCH);
    wire.send(some.map((words) => encode(...words)).join(''));
    const answers = await wire.collect(some.length);
    if (answers.length !== some.length) throw new CaseFailed(`${answers.length} replies to ${some.length} requests`);
    replies.push(...answers);
  }
  return replies;
}

/** The same request with one key not the user's own: of tenant one, of another prefix. */
function withForeign(template: Template, foreign: number, prefix: string): string[] {
  return filled(template, ({ type }, index) => (index === foreign ? prefix : OWN) + type);
}

interface Trespass {
  readonly line: string;
  readonly there: readonly string[];
  readonly absent: readonly string[];
}

function trespasses(extra: readonly string[]): Trespass[] {
  return TEMPLATES.flatMap((template) =>
    template.keys.map((place, index) => ({
      line: `${template.line} with argument ${place.at} foreign`,
      there: [...withForeign(template, index, OTHER), ...extra],
      absent: [...withForeign(template, index, ABSENT), ...extra],
    })),
  );
}

/** Whose keys are under both prefixes, and an operator who looks into the tenant. */
async function withPlanted(world: World, act: (operator: Wire) => Promise<void>): Promise<void> {
  const operator = await world.as('admin');
  same(await operator.ask('TENANT', 'USE', 'one'), '+OK\r\n', 'TENANT USE');
  await plant(operator, OWN);
  await plant(operator, OTHER);
  const before = [await heldBy(operator, OWN), await heldBy(operator, OTHER)];
  await act(operator);
  same(await heldBy(operator, OTHER), before[1], 'the foreign keys');
  same(await heldBy(operator, OWN), before[0], 'the own keys');
  await uproot(operator, OWN);
  await uproot(operator, OTHER);
  operator.close();
}

async function everyDetour(world: World): Promise<void> {
  await withPlanted(world, async (operator) => {
    await allAreTried(operator);
    const careless = await world.as('t1x');
    const tried = trespasses([]);
    const there = await askAll(
      careless,
      tried.map((each) => each.there),
    );
    const absent = await askAll(
      careless,
      tried.map((each) => each.absent),
    );
    for (const [i, { line }] of tried.entries()) {
      noPermission(there[i] ?? '', line);
      same(absent[i], there[i], `${line}, whether it is there`);
    }
    careless.close();
  });
}

/** A word too many is a mistake in most of them; which is told must not depend on what is stored. */
async function mistakesTellNothing(world: World): Promise<void> {
  await withPlanted(world, async () => {
    const t1 = await world.as('t1');
    for (const extra of [['nosuchoption'], ['1', 'nosuchoption'], ['']]) {
      const tried = trespasses(extra);
      const there = await askAll(
        t1,
        tried.map((each) => each.there),
      );
      const absent = await askAll(
        t1,
        tried.map((each) => each.absent),
      );
      for (const [i, { line }] of tried.entries()) {
        same(absent[i], there[i], `${line} and '${extra.join(' ')}'`);
        matches(there[i] ?? '', /^-(NOPERM|ERR) /, line);
      }
    }
    t1.close();
  });
}

async function guest(world: World, ...rules: readonly string[]): Promise<Wire> {
  const admin = await world.as('admin');
  same(await admin.ask('ACL', 'SETUSER', 'guest', 'reset', 'on', `>${PASSWORD}`, ...rules), '+OK\r\n', 'SETUSER');
  admin.close();
  return world.as('guest');
}

async function dismiss(world: World, wire: Wire): Promise<void> {
  wire.close();
  const admin = await world.as('admin');
  await admin.ask('ACL', 'DELUSER', 'guest');
  await uproot(admin, OWN);
  admin.close();
}

const CONTAINERS: ReadonlySet<string> = new Set(['MEMORY', 'OBJECT', 'XGROUP', 'XINFO']);
const BUT_DEBUG = TEMPLATES.filter(({ words: [name] }) => name !== 'DEBUG');
/** PFDEBUG is no tenant's to run either, which is only said of who has the keys. */
const OF_TENANTS = BUT_DEBUG.filter(({ words: [name] }) => name !== 'PFDEBUG');

/** Those that have such a key, as the audit trail names them. */
function actionsOf(templates: readonly Template[], isSuch: (place: KeyPlace) => boolean): string {
  const actions = templates
    .filter(({ keys }) => keys.some(isSuch))
    .map(({ words: [name = '', sub] }) => (CONTAINERS.has(name) ? `${name}-${sub}` : name).toLowerCase());
  return Array.from(new Set(actions)).join(' ');
}

/** Refused exactly when some key of the request takes the permission that the user has not. */
async function verdicts(wire: Wire, isRefused: (place: KeyPlace) => boolean): Promise<void> {
  const own = ({ type }: KeyPlace) => OWN + type;
  const replies = await askAll(
    wire,
    OF_TENANTS.map((template) => filled(template, own)),
  );
  for (const [i, template] of OF_TENANTS.entries()) {
    const reply = replies[i] ?? '';
    same(
      reply.startsWith('-NOPERM'),
      template.keys.some(isRefused),
      `${template.line} refused (${reply.slice(0, 60)})`,
    );
  }
}

const SORT_DENIED = (option: string) => `-ERR ${option} option of SORT denied due to insufficient ACL permissions.\r\n`;
const SORT_CLUSTER = (option: string) => `-ERR ${option} option of SORT denied in Cluster mode.\r\n`;

async function sortByForeign(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  await t1x.ask('RPUSH', `${OWN}list`, '1', '2');
  for (const name of ['SORT', 'SORT_RO']) {
    for (const [option, ...words] of [
      ['BY', 'BY', 'other:*'],
      ['GET', 'GET', 'other:*'],
      ['GET', 'GET', '#', 'GET', 'other:*->field'],
      ['GET', 'BY', 'nosort', 'GET', 't1:*'],
      ['BY', 'LIMIT', '0', '1', 'by', '*'],
      ['GET', 'GET', 'other'],
    ] as const) {
      same(await t1x.ask(name, `${OWN}list`, ...words), SORT_DENIED(option), `${name} ${words.join(' ')}`);
    }
    same(
      await t1x.ask(name, `${OWN}list`, 'BY', 'nosort', 'GET', '#'),
      '*2\r\n$1\r\n1\r\n$1\r\n2\r\n',
      `${name} GET #`,
    );
  }
  noPermission(await t1x.ask('SORT', `${OWN}list`, 'BY', 'nosort', 'STORE', `${OTHER}list`), 'SORT STORE');
  const twice = await t1x.ask('SORT', `${OWN}list`, 'STORE', `${OWN}list`, 'STORE', `${OTHER}list`);
  noPermission(twice, 'SORT STORE STORE');
  await t1x.ask('DEL', `${OWN}list`);
  t1x.close();
}

/** Whoever may read every key may follow patterns, where one shard has all of them. */
async function sortByAny(world: World): Promise<void> {
  const reader = await guest(world, '+@all', '%R~*', `%W~${OWN}*`);
  await reader.ask('RPUSH', `${OWN}list`, '1', '2');
  for (const name of ['SORT', 'SORT_RO']) {
    const by = await reader.ask(name, `${OWN}list`, 'BY', 'weight:*', 'GET', '#');
    same(by, world.options.shards === 1 ? '*2\r\n$1\r\n1\r\n$1\r\n2\r\n' : SORT_CLUSTER('BY'), `${name} BY`);
    const get = await reader.ask(name, `${OWN}list`, 'GET', 'weight:*');
    same(get, world.options.shards === 1 ? '*2\r\n$-1\r\n$-1\r\n' : SORT_CLUSTER('GET'), `${name} GET`);
  }
  await dismiss(world, reader);
  const writer = await guest(world, '+@all', '%W~*', `%R~${OWN}*`);
  same(await writer.ask('SORT', `${OWN}list`, 'BY', 'weight:*'), SORT_DENIED('BY'), 'SORT BY of who only writes');
  await dismiss(world, writer);
}

async function geoStores(world: World): Promise<void> {
  await withPlanted(world, async () => {
    const t1 = await world.as('t1');
    const [source, own, foreign] = [`${OWN}places`, `${OWN}near`, `${OTHER}zset`];
    await t1.ask('GEOADD', source, '1', '1', 'a');
    for (const start of [
      ['GEORADIUS', source, '1', '1', '10', 'km'],
      ['GEORADIUSBYMEMBER', source, 'a', '10', 'km'],
    ]) {
      for (const stores of [
        ['STORE', foreign],
        ['STOREDIST', foreign],
        ['STORE', own, 'STORE', foreign],
        ['STORE', own, 'STOREDIST', foreign],
        ['STORE', own, 'STORE', own, 'STOREDIST', foreign],
        ['COUNT', '1', 'ANY', 'sToRe', foreign],
      ]) {
        noPermission(await t1.ask(...start, ...stores), [...start, ...stores].join(' '));
        same(await t1.ask('EXISTS', own), ':0\r\n', `what ${stores.join(' ')} stored`);
      }
      // Of several the last is meant, and the last alone is written.
      const back = ['STORE', foreign, 'STOREDIST', own];
      matches(await t1.ask(...start, ...back), /^(-NOPERM |:1\r)/, [...start, ...back].join(' '));
      await t1.ask('DEL', own);
    }
    await t1.ask('DEL', source);
    t1.close();
  });
}

export const keyCases: readonly AttackCase[] = [
  attack(
    'K70',
    'any key of any command foreign, there or not',
    [`key: ${actionsOf(BUT_DEBUG, () => true)}`, 'ceiling: debug-object'],
    everyDetour,
  ),
  attack('K79', 'mistakes beside a foreign key', ['key: *', 'command: restore sort sort_ro'], mistakesTellNothing),
  attack('K71', 'SORT by patterns over foreign keys', ['key: sort sort_ro'], async (world) => {
    await sortByForeign(world);
    await sortByAny(world);
  }),
  attack('K73', 'GEORADIUS storing elsewhere, and twice', ['key: georadius georadiusbymember'], geoStores),
  attack(
    'K81',
    'reading is not writing, in any command',
    [`key: ${actionsOf(OF_TENANTS, ({ writes }) => writes)}`],
    async (world) => {
      await withPlanted(world, async () => {
        const ro = await world.as('ro');
        await verdicts(ro, ({ writes }) => writes);
        ro.close();
      });
    },
  ),
  attack(
    'K81',
    'writing is not reading, in any command',
    [`key: ${actionsOf(OF_TENANTS, ({ reads }) => reads)}`],
    async (world) => {
      const writer = await guest(world, '+@all', '%W~*');
      await verdicts(writer, ({ reads }) => reads);
      await dismiss(world, writer);
    },
  ),
];
