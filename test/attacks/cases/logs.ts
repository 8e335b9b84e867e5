/** Group G: what is written down. One event is one line, no line holds a secret, and a flood is counted, not written. */
import { type AttackCase, attack, becomes, holds, matches, pause, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

/** Lines of a kind are written ten a second; a case that counts them begins in a new second. */
const WINDOW_MS = 1100;

/** Latin1 spelling of UTF-8, as it goes over the wire. */
function onWire(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

const HOSTILE: readonly string[] = [
  'a\r\n{"level":"info","event":"access.granted","user":"admin"}\r\nb',
  '\u001b[2J\u001b[31mred\u0007',
  onWire('line\u2028separated\u2029twice\u0085'),
  'a","log.level":"debug","x":"',
  'a\\","level":"fatal","x":"\\',
  '\0\u0001\u007f\u0080\u009b31m',
  '{"level":"error"}',
];

interface Line {
  readonly event?: unknown;
  readonly level?: unknown;
  readonly msg?: unknown;
  readonly [name: string]: unknown;
}

const EXPECTED_FIELDS = new Set([
  'level',
  'time',
  'pid',
  'event',
  'msg',
  'id',
  'address',
  'user',
  'object',
  'suppressed',
]);

function breaksLine(text: string): boolean {
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029) return true;
  }
  return false;
}

function parsed(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    holds(false, `this line is no JSON: ${line.slice(0, 200)}`);
    return {};
  }
}

/** Does something a number of times and gives the lines that it led to, each checked to be one. */
async function linesOf(world: World, count: number, event: string, act: () => Promise<void>): Promise<readonly Line[]> {
  await pause(WINDOW_MS);
  const place = world.logEnd;
  await act();
  const raw = () => world.logSince(place);
  const own = () => raw().filter((line) => line.includes(`"event":"${event}"`));
  holds(await becomes(() => own().length >= count, 3000), `${own().length} lines of ${event}, ${count} events`);
  await pause(100);
  for (const line of raw()) {
    holds(!breaksLine(line), `something breaks this line: ${JSON.stringify(line).slice(0, 200)}`);
    parsed(line);
  }
  const lines = raw()
    .map(parsed)
    .filter((line) => line.event === event);
  same(lines.length, count, `lines of ${event}`);
  for (const line of lines) {
    const strange = Object.keys(line).filter((name) => !EXPECTED_FIELDS.has(name));
    same(strange.join(), '', 'fields that somebody else added');
    same(line.level, 'warn', 'the level');
  }
  return lines;
}

async function oneLineEach(world: World): Promise<void> {
  const anon = await world.anon('127.0.0.91');
  const auth = await linesOf(world, HOSTILE.length, 'access.denied', async () => {
    for (const name of HOSTILE) matches(await anon.ask('AUTH', name, 'wrong'), /^-WRONGPASS/, 'AUTH');
  });
  same(new Set(auth.map(({ user }) => user)).size, HOSTILE.length, 'names told apart');
  anon.close();
  const t1 = await world.as('t1');
  await linesOf(world, HOSTILE.length, 'access.denied', async () => {
    for (const key of HOSTILE) matches(await t1.ask('GET', key), /^-NOPERM/, 'GET');
  });
  await linesOf(world, 1, 'access.denied', async () => {
    for (const word of HOSTILE) {
      matches(await t1.ask(word, word), /^-ERR unknown command/, 'the command');
      matches(await t1.ask('CONFIG', word), /^-ERR unknown subcommand/, 'the subcommand');
      const named = await t1.ask('CLIENT', 'SETNAME', word);
      holds(named.startsWith('-ERR Client names cannot contain') || named === '+OK\r\n', `CLIENT SETNAME: ${named}`);
    }
    matches(await t1.ask('FLUSHALL'), /^-NOPERM/, 'the one that is written down');
  });
  const list = await t1.ask('CLIENT', 'LIST');
  const shown = list.slice(list.indexOf('\r\n') + 2, -2).split('\n');
  for (const line of shown) holds(line === '' || line.startsWith('id='), `CLIENT LIST: ${JSON.stringify(line)}`);
  t1.close();
  for (const line of world.auditSince(0)) {
    holds(/^[\x20-\x7e]+$/.test(line), `something breaks this audit line: ${JSON.stringify(line).slice(0, 200)}`);
    parsed(line);
  }
}

const SECRET = 'swordfish-41';
const HASHED = 'swordfish-42'.padEnd(64, '0');

/** Requests that carry a secret. */
const CARRIERS: readonly (readonly string[])[] = [
  ['AUTH', SECRET],
  ['AUTH', 't1', SECRET],
  ['AUTH', 'somebody', SECRET],
  ['AUTH', 't1', SECRET, SECRET],
  ['HELLO', '3', 'AUTH', 't1', SECRET],
  ['HELLO', '3', 'AUTH', SECRET],
  ['HELLO', '3', 'AUTH', 't1', SECRET, 'NOSUCH', SECRET],
  ['HELLO', SECRET, 'AUTH', 't1', SECRET],
  ['ACL', 'SETUSER', 'keeper', 'on', `>${SECRET}`],
  ['ACL', 'SETUSER', 'keeper', `>${SECRET}`, 'nosuchrule'],
  ['ACL', 'SETUSER', 'keeper', `<${SECRET}`],
  ['ACL', 'SETUSER', 'keeper', `<${SECRET}x`],
  ['ACL', 'SETUSER', 'keeper', `#${HASHED}`],
  ['ACL', 'SETUSER', 'keeper', `!${HASHED}`],
  ['ACL', 'SETUSER', 'keeper', `(>${SECRET})`],
  ['ACL', 'SETUSER', 'keeper', `(~a >${SECRET} +get`],
  ['ACL', 'DRYRUN', 't1', 'AUTH', 't1', SECRET],
  ['CONFIG', 'SET', 'requirepass', SECRET],
  ['CONFIG', 'SET', 'masterauth', SECRET],
  ['CONFIG', 'SET', 'tls-key-file-pass', SECRET, 'nosuch', SECRET],
  ['MIGRATE', '127.0.0.1', '1', 't1:k', '0', '100', 'AUTH', SECRET],
  ['CONFIG', 'GET', '*'],
  ['INFO', 'everything'],
  ['CLIENT', 'LIST'],
  ['ACL', 'LIST'],
  ['ACL', 'GETUSER', 'keeper'],
];
/** As redis does, to whoever sent it: the first arguments of a command it does not know, and a hash that is none. */
const REPEATED = /^-ERR (?:unknown command|Error in ACL SETUSER modifier '[#!])/;

function holdsSecret(text: string): boolean {
  return text.includes(SECRET) || text.includes('swordfish-42');
}

async function keepSecrets(world: World): Promise<void> {
  const place = world.logEnd;
  const admin = await world.as('admin');
  await admin.ask('ACL', 'LOG', 'RESET');
  const who: readonly (readonly [string, Wire])[] = [
    ['an operator', await world.as('admin')],
    ['a tenant user', await world.as('t1')],
    ['a careless one', await world.as('t1x')],
    ['a stranger', await world.anon('127.0.0.92')],
  ];
  for (const [name, wire] of who) {
    for (const words of CARRIERS) {
      const reply = await wire.ask(...words);
      holds(
        REPEATED.test(reply) || !holdsSecret(reply),
        `${name}: ${words.slice(0, 3).join(' ')} is answered ${reply}`,
      );
    }
    same((await wire.ask('RESET')).startsWith('+RESET'), true, `${name}: in step afterwards`);
  }
  const log = await admin.ask('ACL', 'LOG', '1000');
  holds(log.includes('auth'), 'ACL LOG has the refusals');
  holds(!holdsSecret(log), 'ACL LOG has the secret');
  await pause(WINDOW_MS);
  const lines = world.logSince(place);
  holds(
    lines.some((line) => line.includes('access.denied')),
    'the log has the refusals',
  );
  const told = lines.filter((line) => holdsSecret(line) || line.includes(PASSWORD));
  same(told.join('\n'), '', 'lines with a secret');
  const audited = world.auditSince(0).filter((line) => holdsSecret(line) || line.includes(PASSWORD));
  same(audited.join('\n'), '', 'audit records with a secret');
  await admin.ask('ACL', 'DELUSER', 'keeper');
  for (const [, wire] of who) wire.close();
  admin.close();
}

/** Five seconds of the catalogue's rate; they are sent as fast as the process takes them. */
const FAILURES = 250_000;
const ADDRESSES = 40;
const LINES_PER_SECOND_MAX = 50;
const LINE_BYTES_MAX = 1024;
const AUDIT_BYTES_PER_SECOND_MAX = 10_000_000;

async function floodOfFailures(world: World): Promise<void> {
  const figures = async () => [await world.figure('acl_access_denied_auth'), await world.figure('errorstat_WRONGPASS')];
  const [denied = 0, wrong = 0] = await figures();
  const busy = await world.figure('errorstat_BUSY');
  const place = world.logEnd;
  const auditPlace = world.auditEnd;
  const started_ms = performance.now();
  const each = FAILURES / ADDRESSES;
  let [answeredWrong, answeredBusy] = [0, 0];
  const flood = async (i: number) => {
    const wire = await world.anon(`127.0.1.${i + 1}`);
    let requests = '';
    for (let k = 0; k < each; k++) requests += encode('AUTH', `stranger-${i}-${k}`, `guess ${k}`);
    wire.send(requests);
    for (const reply of await wire.collect(each, 30_000)) {
      if (reply.startsWith('-WRONGPASS')) answeredWrong++;
      if (reply.startsWith('-BUSY')) answeredBusy++;
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: ADDRESSES }, (_, i) => flood(i)));
  same(answeredWrong + answeredBusy, FAILURES, 'refusals');
  holds(answeredWrong >= 10 * ADDRESSES && answeredBusy > 0, `${answeredWrong} wrong and ${answeredBusy} put off`);
  const [deniedAfter = 0, wrongAfter = 0] = await figures();
  same(deniedAfter - denied, answeredWrong, 'acl_access_denied_auth');
  same(wrongAfter - wrong, answeredWrong, 'errorstat_WRONGPASS');
  same((await world.figure('errorstat_BUSY')) - busy, answeredBusy, 'errorstat_BUSY');
  await pause(2 * WINDOW_MS);
  const lines = world.logSince(place).filter((line) => line.includes('"event":"access.denied"'));
  const seconds = 1 + Math.ceil((performance.now() - started_ms) / 1000);
  holds(lines.length <= LINES_PER_SECOND_MAX * seconds, `${lines.length} lines in ${seconds} s`);
  holds(
    lines.every((line) => line.length <= LINE_BYTES_MAX),
    'a line is long',
  );
  const counted = lines.map(parsed).reduce((sum, { msg, suppressed }) => {
    const own = msg === 'more of the same' ? 0 : 1;
    return sum + own + (typeof suppressed === 'number' ? suppressed : 0);
  }, 0);
  same(counted, answeredWrong, 'failures that the lines account for');
  const audited = world.auditSince(auditPlace);
  holds(audited.join('\n').length <= AUDIT_BYTES_PER_SECOND_MAX * seconds, 'the audit trail grows too fast');
  const failures = audited
    .map(parsed)
    .filter((line) => line['event.action'] === 'login' && line['event.outcome'] === 'failure');
  same(
    failures.reduce((sum, line) => sum + Number(line['portcullis.count'] ?? 1), 0),
    FAILURES,
    'failures that the audit trail accounts for',
  );
}

export const logCases: readonly AttackCase[] = [
  attack(
    'G204',
    'names, keys and commands that would like to be lines of the log',
    ['unknown_user: login', 'key: get', 'unknown_command: unknown-command', 'command: flushall client-list'],
    oneLineEach,
  ),
  attack(
    'G205',
    'no secret in any line, in ACL LOG or in the text of an error',
    [
      'user_disabled: login',
      'wrong_secret: login',
      'unknown_user: login',
      'unknown_command: unknown-command',
      'failure: acl-setuser config-set',
      'command: acl-setuser acl-dryrun config-set config-get info client-list acl-list acl-getuser',
      'ceiling: acl-setuser config-set acl-list',
      'not_authenticated: acl-setuser acl-dryrun config-set config-get info client-list acl-list acl-getuser',
    ],
    keepSecrets,
  ),
  attack(
    'G209',
    'a quarter of a million failed logins: few lines, exact counts',
    ['unknown_user: login', 'too_many_failures: login'],
    floodOfFailures,
  ),
];
