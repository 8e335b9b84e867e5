/** Group K, the rule language: what containers, malformed rules and made-up users come to on the wire. */
import { type AttackCase, attack, holds, matches, noPermission, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { filled, TEMPLATES } from '../requests.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

/** A user of tenant `default` for the time of a case. */
async function withUser(
  world: World,
  rules: readonly string[],
  act: (wire: Wire, admin: Wire) => Promise<void>,
): Promise<void> {
  const admin = await world.as('admin');
  same(await admin.ask('ACL', 'SETUSER', 'guest', 'reset', 'on', `>${PASSWORD}`, ...rules), '+OK\r\n', 'SETUSER');
  const guest = await world.as('guest');
  try {
    await act(guest, admin);
  } finally {
    await admin.ask('ACL', 'DELUSER', 'guest');
    guest.close();
    admin.close();
  }
}

/** Rules that are none. All of them must be refused as a whole. */
const MALFORMED: readonly (readonly string[])[] = [
  ['(~a'],
  ['(+@x)'],
  ['%~'],
  ['%RQ~x'],
  ['%R'],
  ['(('],
  ['(('.repeat(5000)],
  ['((~a))'],
  [')'],
  ['(on)'],
  [`(>${PASSWORD})`],
  ['+@nosuch'],
  ['+nosuch'],
  ['+get|'],
  ['+|get'],
  ['+config|get|x'],
  ['#1234'],
  [`!${'g'.repeat(64)}`],
  ['<not a password of this user'],
  ['&'.repeat(3), '~ '],
  ['\0'],
  ['+@all', 'nosuchrule'],
];

function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const RULES = [
  ...['+@all', '+@all', '+@read', '+@write', '+@string', '-@dangerous', '+get', '-get', '-set', '+config|get', '+acl'],
  ...[
    '+@hash',
    '+@set',
    '+@sortedset',
    '+@list',
    '+@stream',
    '+@geo',
    '+@bitmap',
    '+@hyperloglog',
    '-@write',
    '-@slow',
  ],
];
const MORE_RULES = [
  '-@keyspace',
  '+mget',
  '+copy',
  '+client|id',
  '-client',
  '+object',
  '-object|freq',
  '+@fast',
  '+set',
  '-@blocking',
  '+bitfield',
  '-lmove',
  '+sort',
  '-xinfo|stream',
  '+xgroup|create',
];
const PATTERNS = [
  '~*',
  '~a*',
  '%R~b*',
  '%W~a*',
  '%RW~b',
  '~?',
  '(~c* +get)',
  '(%W~a* +@write)',
  '(+@all ~b)',
  'resetkeys',
];
const KEYS = ['a', 'b', 'c', 'aa', 'bb', 'd'];
const SORT_DENIED = /^-ERR (BY|GET) option of SORT denied due to insufficient ACL/;

/** Requests without keys; those with keys are in the table of all commands. None of them ends anything. */
const KEYLESS: readonly (readonly string[])[] = [
  ['CONFIG', 'GET', 'maxmemory'],
  ['CONFIG', 'SET', 'lfu-log-factor', '10'],
  ['CLIENT', 'ID'],
  ['ACL', 'WHOAMI'],
  ['ACL', 'LOAD'],
  ['PING'],
  ['DBSIZE'],
  ['KEYS', 'nothing'],
  ['RANDOMKEY'],
  ['SCAN', '0'],
  ['SAVE'],
];
/** Of words that some commands take for one more key, a pattern over keys, or a mistake. */
const EXTRAS = ['STORE', 'BY', 'GET', 'a', 'b*', '1', 'nosuch'];

type Verdict = 'allowed' | 'command' | 'key';

function verdictOf(reply: string): Verdict {
  if (SORT_DENIED.test(reply)) return 'key';
  if (!/^-NOPERM|This user has no permissions/.test(reply)) return 'allowed';
  return / keys? |'s? key|one of the keys| key$|the '[^']*' key/.test(reply) ? 'key' : 'command';
}

const USERS = 100;
const REQUESTS_EACH = 100;

/** Most of them whole, some with words too many. */
function requestByChance(below: (limit: number) => number, pick: <T>(from: readonly T[]) => T): readonly string[] {
  if (below(20) === 0) return pick(KEYLESS);
  const words = filled(pick(TEMPLATES), () => pick(KEYS));
  for (let i = below(8); i > 5; i--) words.push(pick(EXTRAS), pick(KEYS));
  return words;
}

/** So many users with rules by chance; what DRYRUN says of a request is what the request then meets. */
async function dryrunTellsTheTruth(world: World): Promise<void> {
  const below = seeded(95);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const admin = await world.as('admin');
  const seen: Record<Verdict, number> = { allowed: 0, command: 0, key: 0 };
  for (let user = 0; user < USERS; user++) {
    const rules = [
      ...Array.from({ length: 1 + below(3) }, () => pick(RULES)),
      ...Array.from({ length: below(3) }, () => pick(MORE_RULES)),
      ...Array.from({ length: 1 + below(2) }, () => pick(PATTERNS)),
    ];
    // Rules that contradict each other are refused by SETUSER, and then another user is made.
    const made = await admin.ask('ACL', 'SETUSER', 'chance', 'reset', 'on', `>${PASSWORD}`, ...rules);
    if (made !== '+OK\r\n') continue;
    const requests = Array.from({ length: REQUESTS_EACH }, () => requestByChance(below, pick));
    admin.send(requests.map((words) => encode('ACL', 'DRYRUN', 'chance', ...words)).join(''));
    const said = await admin.collect(requests.length);
    const wire = await world.as('chance');
    wire.send(requests.map((words) => encode(...words)).join(''));
    const met = await wire.collect(requests.length);
    same(met.length, requests.length, `replies to ${rules.join(' ')}`);
    for (const [i, words] of requests.entries()) {
      const verdict = verdictOf(met[i] ?? '');
      same(verdict, verdictOf(said[i] ?? ''), `${words.join(' ')} of ${rules.join(' ')}`);
      seen[verdict]++;
    }
    wire.close();
  }
  await admin.ask('ACL', 'DELUSER', 'chance');
  await admin.ask('FLUSHALL');
  admin.close();
  for (const verdict of ['allowed', 'command', 'key'] as const) holds(seen[verdict] > 500, `too few were '${verdict}'`);
}

function lines(reply: string): string[] {
  return reply.split('\r\n').filter((line) => line.startsWith('user '));
}

export const ruleCases: readonly AttackCase[] = [
  attack(
    'K90',
    'containers without subcommand, with an unknown one, in odd letters',
    [
      'command: config-get client-id client-setname',
      'unknown_command: unknown-command',
      'user_removed: connection-closed',
    ],
    (world) =>
      withUser(world, ['~*', '+@all', '-config|get', '-client'], async (guest) => {
        for (const container of ['CONFIG', 'aCl', 'client', 'OBJECT', 'command ', 'mEmOrY']) {
          const reply = await guest.ask(container);
          if (container === 'command ') matches(reply, /^-ERR unknown command/, 'a blank behind the name');
          else
            matches(
              reply,
              /^-ERR wrong number of arguments for '(config|acl|client|object|memory)' command/,
              container,
            );
        }
        noPermission(await guest.ask('cOnFiG', 'gEt', 'maxmemory'), 'cOnFiG gEt');
        noPermission(await guest.ask('CLIENT', 'iD'), 'CLIENT iD');
        noPermission(await guest.ask('client', 'SetName', 'x'), 'client SetName');
        for (const sub of ['nosuch', '', 'get ', ' get', 'get\0', 'ge\u0074\u00ad', 'GET|GET', '__proto__']) {
          matches(await guest.ask('CONFIG', sub, 'x'), /^-ERR unknown subcommand/, `CONFIG ${JSON.stringify(sub)}`);
        }
        matches(await guest.ask('config|get', 'x'), /^-ERR unknown command/, 'the full name as one word');
        same(await guest.ask('aCl', 'wHoAmI'), '$5\r\nguest\r\n', 'what is allowed is so in odd letters too');
      }),
  ),
  attack(
    'K91',
    'rules that are none change nothing, and huge ones are bounded',
    ['failure: acl-setuser'],
    async (world) => {
      const admin = await world.as('admin');
      await admin.ask('ACL', 'SETUSER', 'guest', 'reset', 'on', `>${PASSWORD}`, '~kept', '+get');
      const before = lines(await admin.ask('ACL', 'LIST'));
      for (const rules of MALFORMED) {
        const shown = rules.join(' ').slice(0, 40);
        const reply = await admin.ask('ACL', 'SETUSER', 'guest', 'allkeys', '+@all', ...rules);
        matches(reply, /^-ERR/, `ACL SETUSER ${shown}`);
        holds(reply.length <= 1024, `${shown}: ${reply.length} bytes of error`);
        matches(await admin.ask('ACL', 'SETUSER', 'never', ...rules), /^-ERR/, `a new user with ${shown}`);
      }
      same(await admin.ask('ACL', 'GETUSER', 'never'), await admin.ask('ACL', 'GETUSER', 'nobody'), 'the refused user');
      same(lines(await admin.ask('ACL', 'LIST')).join('\n'), before.join('\n'), 'the users');
      const residentBytes = world.residentBytes();
      const selectors = Array.from({ length: 10_000 }, (_, i) => `(~k${i} +get)`);
      matches(await admin.ask('ACL', 'SETUSER', 'guest', ...selectors), /^-ERR/, 'ten thousand selectors');
      const patterns = Array.from({ length: 10_000 }, (_, i) => `~k${i}`);
      matches(await admin.ask('ACL', 'SETUSER', 'guest', ...patterns), /^-ERR/, 'ten thousand patterns');
      matches(await admin.ask('ACL', 'SETUSER', 'guest', `~${'a'.repeat(65_536)}`), /^-ERR/, 'a pattern of 64 KiB');
      holds(world.residentBytes() - residentBytes < 64 * 1024 * 1024, 'memory was taken');
      same(lines(await admin.ask('ACL', 'LIST')).join('\n'), before.join('\n'), 'the users after huge rules');
      await admin.ask('ACL', 'DELUSER', 'guest');
      admin.close();
    },
  ),
  attack(
    'K95',
    'ACL DRYRUN is what happens, and ACL LIST can be read back',
    ['command: *', 'key: *', 'ceiling: config-set acl-load save debug-object', 'failure: acl-setuser'],
    async (world) => {
      await dryrunTellsTheTruth(world);
      const admin = await world.as('admin');
      await admin.ask('ACL', 'SETUSER', 'copied', 'on', `>${PASSWORD}`, '~a*', '%R~b', '+@read', '-get', '(~c* +set)');
      const [before] = lines(await admin.ask('ACL', 'LIST')).filter((line) => line.startsWith('user copied '));
      const words = (before ?? '').split(/ (?![^(]*\))/).slice(2);
      holds(words.length > 5, `the line is ${before}`);
      await admin.ask('ACL', 'DELUSER', 'copied');
      same(await admin.ask('ACL', 'SETUSER', 'copied', 'reset', ...words), '+OK\r\n', 'the line read back');
      const [after] = lines(await admin.ask('ACL', 'LIST')).filter((line) => line.startsWith('user copied '));
      same(after, before, 'the line');
      await admin.ask('ACL', 'DELUSER', 'copied');
      admin.send(encode('PING'));
      same(await admin.reply(), '+PONG\r\n', 'in step afterwards');
      admin.close();
    },
  ),
];
