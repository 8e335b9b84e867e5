/** Groups A and K: who may come in, and what they may touch. */
import { type AttackCase, attack, holds, matches, noPermission, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { encode, type Wire } from '../wire.ts';

const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const NOAUTH = '-NOAUTH Authentication required.\r\n';

async function refuseEach(wire: Wire, requests: readonly (readonly string[])[]): Promise<void> {
  for (const words of requests) noPermission(await wire.ask(...words), words.join(' '));
}

export const accessCases: readonly AttackCase[] = [
  attack(
    'A24',
    'unknown user, wrong password and disabled user sound alike',
    ['unknown_user: login', 'wrong_secret: login', 'user_disabled: login'],
    async (world) => {
      const admin = await world.as('admin');
      await admin.ask('ACL', 'SETUSER', 'sleeper', 'off', `>${PASSWORD}`, '~*', '+@all');
      const anon = await world.anon();
      for (const [user, password] of [
        ['nobody', PASSWORD],
        ['t1', 'wrong'],
        ['sleeper', PASSWORD],
        ['__proto__', PASSWORD],
      ] as const) {
        same(await anon.ask('AUTH', user, password), WRONGPASS, user);
      }
      await admin.ask('ACL', 'DELUSER', 'sleeper');
      anon.close();
      admin.close();
    },
  ),
  attack(
    'A26',
    'a guesser is slowed down, the same user from elsewhere is not',
    ['wrong_secret: login', 'too_many_failures: login'],
    async (world) => {
      const guesser = await world.anon('127.0.0.66');
      for (let i = 0; i < 200; i++) guesser.send(encode('AUTH', 't1', `guess ${i}`));
      await guesser.collect(200, 3000);
      const from = await world.anon('127.0.0.67');
      same(await from.ask('AUTH', 't1', PASSWORD), '+OK\r\n', 'the user from another address');
      guesser.close();
      from.close();
    },
  ),
  attack(
    'A28',
    'before authentication only what leads to it',
    ['not_authenticated: get ping info command client-id flushall acl-whoami', 'user_disabled: login'],
    async (world) => {
      const anon = await world.anon();
      for (const words of [
        ['GET', 't1:a'],
        ['PING'],
        ['INFO'],
        ['COMMAND'],
        ['CLIENT', 'ID'],
        ['FLUSHALL'],
        ['ACL', 'WHOAMI'],
      ]) {
        same(await anon.ask(...words), NOAUTH, words.join(' '));
      }
      matches(await anon.ask('AUTH', ''), /^-(WRONGPASS|ERR)/, 'an empty password');
      same(await anon.ask('AUTH', 'default', ''), WRONGPASS, 'default is off');
      same(await anon.ask('RESET'), '+RESET\r\n', 'RESET');
      same(await anon.ask('QUIT'), '+OK\r\n', 'QUIT');
    },
  ),
  attack('A30', 'RESET leaves nothing of the old identity', ['not_authenticated: get'], async (world) => {
    const t1 = await world.as('t1', 3);
    await t1.ask('SELECT', '3');
    await t1.ask('CLIENT', 'SETNAME', 'left-behind');
    same(await t1.ask('RESET'), '+RESET\r\n', 'RESET');
    same(await t1.ask('GET', 't1:a'), NOAUTH, 'GET after RESET');
    same(await t1.ask('AUTH', 't1', PASSWORD), '+OK\r\n', 'AUTH');
    same(await t1.ask('CLIENT', 'GETNAME'), '$-1\r\n', 'the name');
    t1.close();
  }),
  attack('A32', 'a failed AUTH changes nothing', ['wrong_secret: login'], async (world) => {
    const t1 = await world.as('t1');
    same(await t1.ask('AUTH', 't2', 'wrong'), WRONGPASS, 'AUTH');
    same(await t1.ask('ACL', 'WHOAMI'), '$2\r\nt1\r\n', 'WHOAMI');
    t1.close();
  }),
  attack('A33', 'a deleted user is cut off', ['user_removed: connection-closed'], async (world) => {
    const admin = await world.as('admin');
    same(await admin.ask('ACL', 'SETUSER', 'leaver', 'on', `>${PASSWORD}`, '~*', '+@all'), '+OK\r\n', 'SETUSER');
    const leaver = await world.as('leaver');
    same(await leaver.ask('PING'), '+PONG\r\n', 'PING');
    await admin.ask('ACL', 'DELUSER', 'leaver');
    holds(await leaver.ends(1500), 'the connection lives on');
    admin.close();
  }),
  attack('K69', 'one foreign key among own ones', ['key: get set mget mset msetnx del unlink'], async (world) => {
    const t1 = await world.as('t1');
    await t1.ask('SET', 't1:own', 'kept');
    await refuseEach(t1, [
      ['GET', 'other'],
      ['SET', 'other', 'v'],
      ['MGET', 't1:own', 'other'],
      ['MSET', 't1:own', 'changed', 'other', 'v'],
      ['MSETNX', 't1:new', 'v', 'other', 'v'],
      ['DEL', 't1:own', 'other'],
      ['UNLINK', 'other', 't1:own'],
    ]);
    same(await t1.ask('GET', 't1:own'), '$4\r\nkept\r\n', 'the own key');
    t1.close();
  }),
  attack(
    'K87',
    'CONFIG GET shows no secret and CONFIG SET needs its own permission',
    ['command: config-set', 'user_removed: connection-closed'],
    async (world) => {
      const admin = await world.as('admin');
      await admin.ask('ACL', 'SETUSER', 'reader', 'on', `>${PASSWORD}`, '~*', '-@all', '+config|get');
      const reader = await world.as('reader');
      noPermission(await reader.ask('CONFIG', 'SET', 'maxclients', '1'), 'CONFIG SET');
      for (const name of ['requirepass', 'masterauth', 'tls-key-file-pass']) {
        holds(!(await admin.ask('CONFIG', 'GET', name)).includes(PASSWORD), `${name} is shown`);
      }
      await admin.ask('ACL', 'DELUSER', 'reader');
      reader.close();
      admin.close();
    },
  ),
  attack(
    'K88',
    'another spelling is the same command',
    ['command: getrange substr config-get', 'unknown_command: unknown-command', 'user_removed: connection-closed'],
    async (world) => {
      const admin = await world.as('admin');
      await admin.ask(
        'ACL',
        'SETUSER',
        'speller',
        'on',
        `>${PASSWORD}`,
        '~*',
        '+@all',
        '-getrange',
        '-config|get',
        '-substr',
      );
      const speller = await world.as('speller');
      for (const words of [
        ['GETRANGE', 'k', '0', '1'],
        ['gEtRaNgE', 'k', '0', '1'],
        ['SUBSTR', 'k', '0', '1'],
        ['cOnFiG', 'gEt', '*'],
      ]) {
        noPermission(await speller.ask(...words), words.join(' '));
      }
      matches(await speller.ask('config', 'nosuch'), /^-ERR unknown subcommand/, 'an unknown subcommand');
      matches(await speller.ask('g\u00ebt', 'k'), /^-ERR unknown command/, 'a letter that only looks alike');
      await admin.ask('ACL', 'DELUSER', 'speller');
      speller.close();
      admin.close();
    },
  ),
  attack(
    'K96',
    'denials are written down without secrets',
    ['key: get', 'command: flushall', 'wrong_secret: login'],
    async (world) => {
      const admin = await world.as('admin');
      await admin.ask('ACL', 'LOG', 'RESET');
      const t1 = await world.as('t1');
      await t1.ask('GET', 'other');
      await t1.ask('FLUSHALL');
      await t1.ask('AUTH', 't1', 'a secret guess');
      const log = await admin.ask('ACL', 'LOG');
      for (const word of ['key', 'command', 'auth', 'toplevel', 'other', 't1'])
        holds(log.includes(word), `${word} is missing`);
      holds(!log.includes('secret guess'), 'the password is in the log');
      t1.close();
      admin.close();
    },
  ),
];
