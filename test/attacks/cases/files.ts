/** Group D: what lies in the data folder, and somebody else has written. Each needs a process of its own. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AttackCase, attack, CaseFailed, holds, matches, same } from '../case.ts';
import { compressed } from '../payload.ts';
import type { World } from '../world.ts';

const LOG = 'appendonlydir/appendonly.aof.1.incr.aof';
const MANIFEST = 'appendonlydir/appendonly.aof.manifest';
const NAMED = 'file appendonly.aof.1.incr.aof seq 1 type i\n';
const MILLISECONDS_MAX = 15_000;

function record(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const FIRST = record('SELECT', '0') + record('SET', 'first', '1');
const IN_ONE = record('PORTCULLIS.TENANT', 'one') + record('SELECT', '0');

type Files = Readonly<Record<string, string>>;

function log(text: string, manifest = NAMED): Files {
  return { [LOG]: text, [MANIFEST]: manifest };
}

async function loads(world: World, files: Files, act: (own: World) => Promise<void>): Promise<void> {
  const own = await world.sibling({ shards: 1, files });
  try {
    await act(own);
    same(own.alive, true, 'the process started for this is alive');
  } finally {
    await own.stop();
  }
}

/** One line that says which file and where, and nothing that looks like a bug. */
async function refuses(world: World, what: string, files: Files, why: RegExp): Promise<void> {
  const startedAt_ms = performance.now();
  const said = await world.sibling({ shards: 1, files }).then(
    async (own) => {
      await own.stop();
      throw new CaseFailed(`${what}: it started`);
    },
    (error: Error) => error.message,
  );
  holds(performance.now() - startedAt_ms < MILLISECONDS_MAX, `${what}: it took long`);
  matches(said, /^ended with 1:/, what);
  matches(said, why, what);
  const lines = said.split('\n').slice(1);
  const forPeople = lines.filter((line) => !line.startsWith('{'));
  same(forPeople.length, 1, `${what}: lines of ${said}`);
  same(/\n\s+at /.test(said), false, `${what}: a stack`);
}

/** Memory must not be taken for what a few bytes claim. */
async function dumpBombs(world: World): Promise<void> {
  const entry = (value: string) => `REDIS0010\xfe\x00\x00\x01k${value}\xff${'\0'.repeat(8)}`;
  const claims: readonly (readonly [string, string])[] = [
    ['four gigabytes', compressed('\x80\xff\xff\xff\xff', '\x00a')],
    ['a reference to before its start', compressed('\x05', '\x00a\x20\x01')],
    ['a length of 64 bits', `\x81${'\x7f'}${'\xff'.repeat(7)}`],
  ];
  for (const [what, value] of claims)
    await refuses(world, what, { 'dump.rdb': entry(value) }, /dump\.rdb.*(?:byte|offset)/);
}

async function tornLogs(world: World): Promise<void> {
  const torn = FIRST + record('SET', 'second', 'x'.repeat(1000)).slice(0, -300);
  await loads(world, log(torn), async (own) => {
    const wire = await own.as('app');
    same(await wire.ask('GET', 'first'), '$1\r\n1\r\n', 'what came before the torn end');
    same(await wire.ask('EXISTS', 'second'), ':0\r\n', 'what was torn');
    holds(
      own.logs.some((line) => line.includes('"level":"warn"') && line.includes('cut off at byte')),
      'a warning of the torn end',
    );
    await wire.ask('SET', 'third', '3');
    wire.close();
  });
  await refuses(world, 'garbage in the middle', log(`${FIRST}garbage\r\n${FIRST}`), /byte \d+:.*check-aof/);
  await refuses(world, 'zeros in the middle', log(FIRST + '\0'.repeat(100) + FIRST), /byte \d+:.*check-aof/);
  await refuses(world, 'a length past the end', log(`${FIRST}*2\r\n$3\r\nGET\r\n$99999\r\nk\r\n${FIRST}`), /byte \d+:/);
}

async function strangeLogs(world: World): Promise<void> {
  const open = FIRST + record('MULTI') + record('SET', 'inside', '1') + record('SET', 'inside', '2');
  await loads(world, log(open), async (own) => {
    const wire = await own.as('app');
    same(await wire.ask('MGET', 'first', 'inside'), '*2\r\n$1\r\n1\r\n$-1\r\n', 'a transaction without its end');
    wire.close();
  });
  // Whoever wrote this may not run it today: it was allowed when it was run.
  const forbidden =
    IN_ONE +
    record('SET', 't1:old', '1') +
    record('SET', 'elsewhere', '1') +
    record('FLUSHDB') +
    record('SET', 't1:k', 'v');
  const nobody = record('PORTCULLIS.TENANT', 'nobody') + record('SELECT', '3') + record('SET', 'k', 'of nobody');
  await loads(world, log(FIRST + record('MULTI') + forbidden + record('EXEC') + nobody), async (own) => {
    const t1 = await own.as('t1');
    same(await t1.ask('MGET', 't1:k', 't1:old'), '*2\r\n$1\r\nv\r\n$-1\r\n', 'what only others might run');
    t1.close();
    const wire = await own.as('app');
    same(await wire.ask('KEYS', '*'), '*1\r\n$5\r\nfirst\r\n', 'keys of the first tenant');
    wire.close();
  });
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['EXEC without MULTI', record('EXEC'), /EXEC without MULTI/],
    ['MULTI within MULTI', record('MULTI') + record('MULTI') + record('EXEC'), /MULTI within MULTI/],
    ['an unknown command', record('NOSUCH', 'a\r\nb'), /unknown command 'NOSUCH'/],
    [
      'an unknown command in a transaction',
      record('MULTI') + record('NOSUCH') + record('EXEC'),
      /unknown command 'NOSUCH'/,
    ],
    ['a command of sessions', record('AUTH', 'admin', 'x'), /'auth' changes no data/],
    ['a shutdown', record('SHUTDOWN', 'NOSAVE'), /'shutdown' changes no data/],
    ['a database that there is not', record('SELECT', '16'), /SELECT/],
    ['too few words', record('SET', 'k'), /wrong number of arguments/],
  ];
  for (const [what, text, why] of bad) await refuses(world, what, log(FIRST + text + FIRST), why);
}

async function manifests(world: World): Promise<void> {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['a path upwards', 'file ../x seq 1 type i\n', /a path instead of a file name/],
    ['an absolute path', 'file /etc/passwd seq 1 type i\n', /a path instead of a file name/],
    ['a zero byte', 'file "a\\x00b" seq 1 type i\n', /file name/],
    ['a file that is not there', `${NAMED}file appendonly.aof.2.incr.aof seq 2 type i\n`, /not there/],
    ['two bases', 'file a.base.rdb seq 1 type b\nfile b.base.rdb seq 2 type b\n', /second base/],
    ['numbers that go back', `file a.incr.aof seq 2 type i\n${NAMED}`, /does not come after/],
    ['itself', 'file appendonly.aof.manifest seq 1 type i\n', /names itself/],
    ['no end', NAMED.slice(0, -1), /has no end/],
  ];
  for (const [what, manifest, why] of bad) await refuses(world, what, log(FIRST, manifest), why);
}

/** Nobody moves where files are written. */
async function moves(world: World): Promise<void> {
  const folders = () => readdirSync(join(world.folder, 'data')).sort().join(' ');
  const before = folders();
  for (const user of ['t1x', 'admin']) {
    const wire = await world.as(user);
    for (const name of ['dir', 'dbfilename', 'appenddirname', 'aclfile', 'logfile', 'unixsocket']) {
      matches(await wire.ask('CONFIG', 'SET', name, '/tmp/portcullis-elsewhere'), /^-/, `${user}: CONFIG SET ${name}`);
    }
    wire.close();
  }
  same(folders(), before, 'what lies in the data folder');
}

export const fileCases: readonly AttackCase[] = [
  attack(
    'D158',
    'a dump whose strings claim to be much',
    { none: 'nobody can connect to what does not start' },
    dumpBombs,
  ),
  attack(
    'D162',
    'logs with a torn end, and with garbage in the middle',
    { none: 'nobody can connect to what does not start' },
    tornLogs,
  ),
  attack(
    'D163',
    'logs of transactions without end, of unknown commands, of what nobody may run today',
    { none: 'nobody can connect to what does not start' },
    strangeLogs,
  ),
  attack(
    'D164',
    'manifests that name what they should not',
    { none: 'nobody can connect to what does not start' },
    manifests,
  ),
  attack('D165', 'settings that would move files', ['ceiling: config-set', 'failure: config-set'], moves),
];
